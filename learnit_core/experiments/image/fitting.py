"""The explorer that fits what a person draws or types, from the shipped weights of a class of pictures."""

from learnit_core import explorer, weights
from learnit_core.experiments import baselines, image
from learnit_core.experiments.image import table


def of_your_own(data: str = "text", *, seed: int = 0, **options) -> explorer.Fitting:
    """A fit of one's own in the page, from what MAML learned of a class (profile ``quick``) and from random weights.

    Each start has the optimiser and rate that were tuned for it, for two steps; ``options`` are those of
    :func:`learnit_core.explorer.fitting`.
    """
    field, learned, _ = weights.pretrained(image.SHIPPED["quick"][data]["meta-maml"])
    settings = table.tuned_settings("quick", data).after_two_steps
    starts = {
        "learned weights": (learned, settings["meta-maml"]),
        "random weights": (baselines.standard(field, seed=seed), settings["standard"]),
        "shuffled weights": (baselines.shuffled(learned, seed=seed)[0], settings["shuffled"]),
    }
    side = image.PROFILES["quick"].size
    return explorer.fitting(field, starts, shape=(side, side), **options)
