"""How optimiser, rate and number of steps of phototourism are chosen for every initialisation."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from learnit_core import weights
from learnit_core.experiments import baselines, tourism
from learnit_core.experiments.experiment import Job, Tuning
from learnit_core.experiments.tourism import table
from learnit_core.signals.tourism import Collection
from learnit_core.structures import Field, Params
from learnit_core.tuning import best_step, tune

GRID = {"sgd": (1.0, 3.0, 10.0), "adam": (1e-3, 3e-3)}


def jobs(profile: tourism.Profile, data: str) -> tuple[Sequence[Sequence[Job]], dict[str, Any]]:
    """One job for each shipped initialisation and Standard, all side by side."""
    collection = tourism.load_signals(profile, data)
    made = {name: weights.pretrained(file)[:2] for name, file in tourism.SHIPPED[profile.name][data].items()}
    field = made["meta-reptile"][0]
    made["standard"] = field, baselines.standard(field)
    said = {"num_validation": len(collection.validation.images), "limit": profile.limit}
    return [
        [Job(name, (table.OBSERVED,), partial(job, profile, *made[name], collection)) for name in table.INITS]
    ], said


def job(profile: tourism.Profile, field: Field, start: Params, collection: Collection) -> dict[str, dict[str, Any]]:
    """The best setting and number of steps for one initialisation."""
    unseen, curves = tourism.tasks(collection.validation), {}

    def curve_of(setting):
        curves[setting] = tourism.fit(profile, field, start, unseen, setting, profile.limit).curves
        return curves[setting]

    best = tune(curve_of, {"best": lambda curve: best_step(curve, 1)[1]}, grid=GRID)["best"]
    steps, score = best_step(curves[best.choice], tourism.EVERY)
    entry = {"choice": list(best.choice), "steps": min(steps, profile.limit)}
    return {table.OBSERVED: entry | {"score": round(score, 3), "scores": best.scores}}


TUNING = Tuning(
    grid=GRID,
    jobs=jobs,
    borrowed="landmark",
    protocol="Every setting of the grid (widened where the best stands on its edge) fits the left halves of all "
    "validation photographs; setting and number of steps with the best mean PSNR on the right halves are chosen.",
)
