"""Explorers of image regression made from what is shipped, without any training: for the gallery."""

from collections.abc import Sequence

import numpy as np

from learnit_core import explorer, weights
from learnit_core.experiments import baselines, image
from learnit_core.experiments.image import fitting, interpolation, table
from learnit_core.experiments.section import Section
from learnit_core.structures import rows

NUM_STEPS = 20
"""Gradient steps that the explorer of a fit shows."""


def fit_in_steps(data: str = "text", *, seed: int = 0) -> explorer.Explorer:
    """The first unseen picture of a class, fitted step by step from Standard and from MAML, beside the truth."""
    field, start, _ = weights.pretrained(image.SHIPPED["standard"][data]["meta-maml"])
    truth = image.large_test(data, count=1)
    settings = table.tuned_settings("standard", data).after_two_steps
    starts = {"standard": baselines.standard(field, seed=seed), "meta-maml": start}
    panes = {  # a network's values may leave [0, 1], which a picture's may not
        title: image.frames(field, starts[init], truth, settings[init], NUM_STEPS)[0].clip(0, 1)
        for title, init in {"Standard": "standard", "MAML": "meta-maml"}.items()
    }
    panes["truth"] = np.repeat(truth, NUM_STEPS + 1, axis=0)
    return explorer.frames(
        panes,
        controls=[explorer.fit_steps(range(NUM_STEPS + 1))],
        title=f"Fitting a new picture of {data}",
        side=220,
        position=[2.0],
    )


def between_fits(size: str, data: str, count: int, labels: Sequence[str], *, seed: int = 0) -> explorer.Explorer:
    """The first ``count`` unseen pictures of a class, all fitted to one PSNR from Standard and from MAML, and mixed.

    ``size`` is the profile whose shipped initialisation is taken.
    """
    field, start, _ = weights.pretrained(image.SHIPPED[size][data]["meta-maml"])
    if size == "standard":
        truth = image.large_test(data, count=count)
    else:
        truth = image.load_signals(image.PROFILES[size], data).test[:count]
    starts = {"standard": baselines.standard(field, seed=seed), "meta-maml": start}
    panes = {}
    for title, variant in {"Standard": "Standard, SGD 1e-2", "MAML": "MAML, SGD 3e-3"}.items():
        init, setting = interpolation.VARIANTS[variant]
        fitted = interpolation.fit_to(field, starts[init], truth, setting).params
        panes[title] = [rows(fitted, i) for i in range(count)]
    return explorer.networks(field, panes, labels=labels, shape=truth.shape[1:3], title=f"Between pictures of {data}")


def four_starts(data: str = "text", *, seed: int = 0) -> explorer.Explorer:
    """An unseen picture of a class, fitted step by step from Mean, Matched, Shuffled and MAML (profile ``quick``).

    Each start has the optimiser and rate that were tuned for it, for two steps.
    """
    profile = image.PROFILES["quick"]
    field, learned, _ = weights.pretrained(image.SHIPPED["quick"][data]["meta-maml"])
    pictures = image.load_signals(profile, data)
    starts, _ = baselines.of_pictures(profile, field, pictures, learned, seed=seed)
    starts = {init: draws[0] for init, draws in starts.items()} | {"meta-maml": learned}
    settings = table.tuned_settings("quick", data).after_two_steps
    panes = {
        title: image.frames(field, starts[init], pictures.test[:1], settings[init], NUM_STEPS)[0].clip(0, 1)
        for title, init in {"Mean": "mean", "Matched": "matched", "Shuffled": "shuffled", "MAML": "meta-maml"}.items()
    }
    return explorer.frames(
        panes,
        controls=[explorer.fit_steps(range(NUM_STEPS + 1))],
        title="One picture from four starts",
        side=200,
        position=[2.0],
    )


TWO_STRINGS = Section(
    title="A network is a picture",
    paragraph="Give a small network a place in the picture, and it returns how bright it is there. Two such "
    "networks hold a picture of text each, and the slider mixes <em>their weights</em>, not their "
    "pictures: each mixture is a network, and computed in your browser as you drag. Fitted by plain gradient "
    "descent from random weights (Standard), what lies half-way is noise. Fitted like that from weights that were "
    "learned (MAML), it is a clean mixture.",
    notebook="01_image_regression",
    make=lambda: between_fits("standard", "text", 2, ("first string", "second string")),
)

TWO_STEPS = Section(
    title="Two steps",
    paragraph="Fitting a network to a picture takes tens to hundreds of steps of gradient descent, if it begins with "
    "random weights. Meta-learning finds weights to begin with from which two steps are enough, for text that "
    "nobody trained on. Drag the steps.",
    notebook="01_image_regression",
    make=lambda: fit_in_steps("text"),
)

FOUR_STARTS = Section(
    title="One prior, four ways to start",
    paragraph="What is it that was learned? Not only what text looks like on average (Mean: a network that shows "
    "the mean picture), what MAML's network shows before its first step (Matched: another network that "
    "shows the same), or how large its weights are (Shuffled: the same numbers in another order). From "
    "these, two steps give a faint or noisy sketch; from MAML's very weights, the picture.",
    notebook="01_image_regression",
    make=four_starts,
)

THREE_FACES = Section(
    title="Between three faces",
    paragraph="Three photographs of faces, 25 × 25, a network of 4 × 128 each. For this smooth class Standard mixes "
    "well, too.",
    notebook="01_image_regression",
    make=lambda: between_fits("quick", "faces", 3, ("first face", "second face", "third face")),
)

YOURS = Section(
    title="Do it yourself: something of your own",
    paragraph="Type a word or draw something. It is fitted here, in your browser, from weights that MAML learned on "
    "random text and from random ones. After two steps it is there on the left. Then draw a second one, "
    "and walk between the weights of both. At another rate than the one it was learned with, the left one "
    "is soon lost, too.",
    notebook="01_image_regression",
    make=fitting.of_your_own,
)

SECTIONS = (TWO_STRINGS, TWO_STEPS, FOUR_STARTS, YOURS, THREE_FACES)
