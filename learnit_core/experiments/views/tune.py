"""How optimiser, rate and steps of view synthesis are chosen, from one view and from 25: in two rounds."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from learnit_core import weights
from learnit_core.experiments import views
from learnit_core.experiments.experiment import Job, Tuning
from learnit_core.experiments.fits import Draws
from learnit_core.experiments.views import baselines, table
from learnit_core.signals.scenes import SceneSplits
from learnit_core.structures import Field, rows
from learnit_core.tuning import FINAL, two_rounds

GRID = {"sgd": (0.1, 0.3, 1.0), "adam": (3e-4, 1e-3, 3e-3)}
LIMITS = dict.fromkeys(table.INITS, table.MANY_STEPS) | {"meta-mv": 125}
"""Most steps of a fit to 25 views: MV is held against the others with an eighth of theirs. To one: the profile's."""
SCREENED, SCREENING_STEPS = 5, 100


def jobs(profile: views.Profile, data: str) -> tuple[Sequence[Sequence[Job]], dict[str, Any]]:
    """One job for each initialisation and number of given views, all side by side."""
    scenes = views.load_signals(profile, data)
    shipped = {name: weights.pretrained(file)[:2] for name, file in views.SHIPPED[profile.name][data].items()}
    field, learned = shipped["meta-mv"]
    made, reached = baselines.make(profile, field, scenes, learned)
    made |= {name: [params] for name, (_, params) in shipped.items()}
    cut = profile.limit < views.PROFILES[profile.name].limit
    many = {name: min(steps, profile.limit) if cut else steps for name, steps in LIMITS.items()}

    def job(count, name):
        limit = many[name] if count == "25" else profile.limit
        return {count: tune_cell(profile, field, made[name], scenes, int(count), limit)}

    said = {
        "num_validation": len(scenes.validation.images),
        "limits": {"1": profile.limit, "25": many},
        "reached_db": {"matched": round(reached, 1)},
    }
    return [[Job(name, (count,), partial(job, count, name)) for count in ("1", "25") for name in table.INITS]], said


def tune_cell(
    profile: views.Profile, field: Field, draws: Draws, scenes: SceneSplits, num_given: int, limit: int
) -> dict[str, Any]:
    """Both rounds for one initialisation and number of given views."""
    few, more = (views.tasks(rows(scenes.validation, slice(n)), num_given) for n in (SCREENED, None))
    screening = min(SCREENING_STEPS, limit)

    def run(tasks, steps, setting):
        return views.fit(profile, field, draws, tasks, setting, steps, every=table.scored_every(steps)).curves

    found = two_rounds(
        partial(run, few, screening),
        partial(run, more, limit),
        grid=GRID,
        every=table.scored_every(limit),
    )
    return found | {"screening": {"num_validation": SCREENED, "steps": screening, "scores": found["screening"]}}


TUNING = Tuning(
    grid=GRID,
    jobs=jobs,
    borrowed="chairs",
    profiles=("long",),
    protocol="All rates on all validation objects for all steps would take hours of two cores, so there are two rounds "
    f"for all alike. Screening: every rate of the grid (widened where the best stands on its edge) on the first "
    f"{SCREENED} validation objects for {SCREENING_STEPS} steps; the score is the best mean PSNR of the held-out views "
    f"along the way. Final: {FINAL}; the choice is the setting and the number of steps with the best mean PSNR. With "
    "25 views MV has an eighth of the others' steps.",
    rounds=[SCREENED, SCREENING_STEPS, LIMITS],
)
