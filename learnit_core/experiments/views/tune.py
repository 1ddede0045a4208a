"""The view-synthesis part of ``make tune``: optimiser, rate and number of steps for every initialisation.

Writes ``learnit_core/experiments/views_tuned.json`` for chairs in the profile ``quick``, from the shipped weights. All
rates on all validation objects for all steps would take hours of two cores, so there are two rounds for all alike:

1. *screening*: every rate of the grid (widened where the best stands on its edge) on the first ``SCREENED`` validation
   objects for ``SCREENING_STEPS`` steps; the score is the best mean PSNR of the held-out views along the way;
2. *final*: the ``FINALISTS`` best of them on all validation objects with all steps. The choice is the setting and
   the number of steps with the best mean PSNR.

With 25 given views only Standard and MV are tuned. Scores of both rounds are kept in the file. Each cell (views x
initialisation) goes into a draft under ``$LEARNIT_OUT/tune`` as soon as it is done.
"""

import math
from pathlib import Path
from typing import Any

import jax

from learnit_core import metrics, weights
from learnit_core.experiments import views
from learnit_core.experiments.baselines import Draws
from learnit_core.experiments.drafts import Draft, fingerprint
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.views import baselines as views_baselines
from learnit_core.experiments.views import table as views_table
from learnit_core.tuning import two_rounds

TARGET = Path(views.__file__).with_name("tuned.json")
GRID = {"sgd": (0.1, 0.3, 1.0), "adam": (3e-4, 1e-3, 3e-3)}
CELLS = {1: views_table.INITS, 25: ("standard", "meta-mv")}
SCREENED, SCREENING_STEPS = 5, 100
FINALISTS = 2
LIMITS = {1: {}, 25: {"standard": 1000, "meta-mv": 125}}
"""Most steps where they differ from the profile's."""


def initialisations(profile: views.Profile, scenes) -> tuple[views.Field, dict[str, Draws], float]:
    """All rows of the table from what is shipped for the class, and the PSNR [dB] that Matched reaches."""
    shipped = views.SHIPPED[scenes.name]  # all of them: what is missing is named
    field, learned, _ = weights.pretrained(shipped["mv"])
    made, reached = views_baselines.make(profile, field, scenes, learned)
    for algorithm, name in shipped.items():
        made[views_table.NAMES[algorithm]] = [weights.pretrained(name)[1]]
    return field, made, reached


def tune_cell(profile: views.Profile, field, draws: Draws, scenes, num_given: int, limit: int) -> dict[str, Any]:
    """Both rounds for one initialisation and number of given views."""
    few, more = (
        views.tasks(jax.tree.map(lambda leaf, n=n: leaf[:n], scenes.validation), num_given) for n in (SCREENED, None)
    )
    screening = min(SCREENING_STEPS, limit)
    often, every = (math.gcd(steps, 2 * views.EVERY) for steps in (screening, limit))

    def screen(setting):
        return views_table.run(profile, field, draws, few, setting, screening, every=often)[0]

    def finish(setting):
        return views_table.run(profile, field, draws, more, setting, limit, every=every)[0]

    found = two_rounds(screen, finish, grid=GRID, finalists=FINALISTS, every=every)
    return found | {"screening": {"num_validation": SCREENED, "steps": screening, "scores": found["screening"]}}


def run(settings: Settings, target: Path, data: str = "chairs") -> None:
    """Tune what is not in the draft yet, then write ``target``."""
    profile = views.PROFILES["quick"].capped(settings)
    scenes = views.load_signals(profile, data)
    field, made, reached = initialisations(profile, scenes)
    grid = {name: list(rates) for name, rates in GRID.items()}
    prints = {views_table.NAMES[algorithm]: fingerprint(name) for algorithm, name in views.SHIPPED[data].items()}
    rounds = [SCREENED, SCREENING_STEPS, FINALISTS, len(scenes.validation.images), LIMITS[25]]
    belongs_to = {"grid": grid, "rounds": rounds, "limit": profile.limit, "initialisations": prints}
    draft = Draft(settings, target, belongs_to)
    for num_given, names in CELLS.items():
        cells = draft.done.setdefault(str(num_given), {})
        for name in names:
            if name not in cells:
                limit = settings.cap(LIMITS[num_given].get(name, profile.limit))
                cells[name] = tune_cell(profile, field, made[name], scenes, num_given, limit)
                print(
                    f"{num_given} views, {name}: {cells[name]['choice']}, {cells[name]['steps']} steps, "
                    f"{cells[name]['score']} dB",
                    flush=True,
                )
                draft.save()
    part = {
        "num_validation": len(scenes.validation.images),
        "limit": profile.limit,
        "limits_25_views": LIMITS[25],
        "device": metrics.device(),
        "initialisations": prints,
        "matched_reaches_db": round(reached, 1),
        "views": draft.done,
    }
    draft.finish(
        {
            "command": "python -m learnit_core.commands.tune",
            "seed": 0,
            "grid": grid,
            "protocol": " ".join(" ".join(__doc__.split("\n\n")[1:]).split()),
            "profiles": {"quick": {data: part}},
        }
    )
