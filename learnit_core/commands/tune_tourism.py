"""The phototourism part of ``make tune``: optimiser, rate and number of steps for every initialisation.

Writes ``learnit_core/experiments/tourism_tuned.json``. Every setting of the grid (widened where the best stands on its
edge) fits the left halves of all validation photographs; setting and number of steps with the best mean PSNR on the
right halves are chosen. Each initialisation goes into a draft under
``$LEARNIT_OUT/tune`` as it is done.
"""

from pathlib import Path

from learnit_core import metrics, weights
from learnit_core.commands.drafts import Draft, fingerprint
from learnit_core.experiments import baselines, tourism, tourism_table
from learnit_core.experiments.settings import Settings
from learnit_core.structures import Field, Params
from learnit_core.tuning import best_step, tune

TARGET = Path(tourism.__file__).with_name("tourism_tuned.json")
GRID = {"sgd": (1.0, 3.0, 10.0), "adam": (1e-3, 3e-3)}


def run(settings: Settings, target: Path) -> None:
    """Tune what is not in the draft yet, then write ``target``."""
    profile = tourism.LONG.capped(settings)
    collection = tourism.load_signals(profile, "landmark")
    grid = {name: list(rates) for name, rates in GRID.items()}
    prints = {name: fingerprint(file) for name, file in tourism.SHIPPED.items()}
    draft = Draft(settings, target, {"grid": grid, "limit": profile.limit, "initialisations": prints})
    for name, (field, params) in initialisations().items():
        if name in draft.done:
            continue
        curves = {}
        fits = tourism_table.runner(profile, field, collection.validation)

        def curve_of(setting, params=params, fits=fits, curves=curves):
            curves[setting] = fits(params, setting, profile.limit)
            return curves[setting]

        tuned = tune(curve_of, {"best": lambda curve: best_step(curve, 1)[1]}, grid=GRID)["best"]
        steps, score = best_step(curves[tuned.choice], min(tourism_table.EVERY, profile.limit))
        draft.done[name] = {
            "choice": list(tuned.choice),
            "steps": steps,
            "score": round(score, 3),
            "scores": tuned.scores,
        }
        draft.save()
        print(f"{name}: {tuned.choice.optimizer} {tuned.choice.learning_rate:g} x {steps}: {score:.2f} dB", flush=True)
    draft.finish(
        {
            "command": "python -m learnit_core.commands.tune --experiments tourism",
            "seed": 0,
            "grid": grid,
            "protocol": " ".join(__doc__.split("\n\n")[1].split()),
            "num_validation": len(collection.validation.images),
            "limit": profile.limit,
            "device": metrics.device(),
            "initialisations": prints,
            "inits": draft.done,
        }
    )


def initialisations() -> dict[str, tuple[Field, Params]]:
    """The shipped initialisations of the profile quick with their fields, and Standard."""
    made = {}
    for name in tourism_table.INITS[1:]:
        field, params, _ = weights.pretrained(tourism.SHIPPED[name])
        made[name] = field, params
        made.setdefault("standard", (field, baselines.standard(field)))
    return made
