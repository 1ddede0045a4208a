"""The phototourism part of ``make tune``: optimiser, rate and number of steps for every initialisation.

Writes ``learnit_core/experiments/tourism_tuned.json``. Every setting of the grid (widened where the best stands on its
edge) fits the left halves of all validation photographs; setting and number of steps with the best mean PSNR on the
right halves are chosen. The outer rates of training are not searched. Each initialisation goes into a draft under
``$LEARNIT_OUT/tune`` as it is done.
"""

import json
from pathlib import Path

from learnit_core import metrics, weights
from learnit_core.experiments import baselines, tourism, tourism_table
from learnit_core.experiments.settings import Settings
from learnit_core.tuning import best_step, tune

TARGET = Path(tourism.__file__).with_name("tourism_tuned.json")
GRID = {"sgd": (1.0, 3.0, 10.0), "adam": (1e-3, 3e-3)}


def run(settings: Settings, target: Path) -> None:
    """Tune what is not in the draft yet, then write ``target``."""
    profile = tourism.LONG.capped(settings)
    draft = settings.out / "tune" / "tourism_tuned.json"
    collection = tourism.load_signals(profile, "landmark")
    content = json.loads(draft.read_text("utf-8")) if draft.exists() else {}
    made, names = initialisations()
    for name, (field, params) in made.items():
        belongs_to = {"initialisation": names[name], "grid": {k: list(v) for k, v in GRID.items()}}
        if content.get(name, {}).get("belongs_to") == belongs_to:
            continue
        curves = {}
        fits = tourism_table.runner(profile, field, collection.validation)

        def curve_of(setting, params=params, fits=fits, curves=curves):
            curves[setting] = fits(params, setting, profile.limit)
            return curves[setting]

        tuned = tune(curve_of, {"best": lambda curve: best_step(curve, 1)[1]}, grid=GRID)["best"]
        steps, score = best_step(curves[tuned.choice], tourism_table.EVERY)
        content[name] = {
            "choice": list(tuned.choice), "steps": steps, "score": round(score, 3), "scores": tuned.scores,
            "belongs_to": belongs_to,
        }  # fmt: skip
        metrics.write_json(draft, content)
        print(f"{name}: {tuned.choice.optimizer} {tuned.choice.learning_rate:g} x {steps}: {score:.2f} dB", flush=True)
    metrics.write_json(
        target,
        {
            "command": "python -m learnit_core.commands.tune --experiments tourism", "seed": 0,
            "protocol": " ".join(__doc__.split("\n\n")[1].split()), "num_validation": len(collection.validation.images),
            "limit": profile.limit, "device": metrics.device(), "inits": content,
        },
    )  # fmt: skip
    draft.unlink(missing_ok=True)
    print(f"wrote {target}")


def initialisations():
    """The shipped initialisations of the profile quick with their fields, and Standard; and what they are called."""
    made, names = {}, {"standard": "seed 0"}
    for name in tourism_table.INITS[1:]:
        field, params, provenance = weights.pretrained(tourism.SHIPPED[name])
        made[name], names[name] = (field, params), provenance["name"]
        made.setdefault("standard", (field, baselines.standard(field)))
    return made, names
