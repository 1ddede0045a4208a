"""How the settings of image regression are chosen: for the PSNR after two steps, and for the steps to match MAML."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from learnit_core import evaluate, weights
from learnit_core.experiments import baselines, image
from learnit_core.experiments.experiment import Job, Tuning
from learnit_core.experiments.image import table
from learnit_core.experiments.settings import Settings
from learnit_core.tuning import GRID, tune

COLUMNS = ("after_two_steps", "to_match")


def profile(name: str, data: str, settings: Settings) -> image.Profile:
    """The profile with fewer signals and steps; for the large network the column of two steps only.

    A step of the large network costs fifty times one of the small, so its steps to match are not tuned.
    """
    found = image.PROFILES[name].for_class(data).capped(settings)
    if name == "quick":
        return replace(found, counts=(2000, 12, 1), limit=min(found.limit, 40))
    return replace(found, counts=(2000, 8, 1), limit=table.STEPS, fit_steps=min(found.fit_steps, 300))


def jobs(profile: image.Profile, data: str) -> tuple[Sequence[Sequence[Job]], dict[str, Any]]:
    """One job for each initialisation; MAML comes first: what it reaches in two steps the others have to match."""
    images = image.load_signals(profile, data)
    metas = {name: weights.pretrained(file)[:2] for name, file in image.SHIPPED[profile.name][data].items()}
    field, maml = metas["meta-maml"]
    made, reached = baselines.of_pictures(profile, field, images, maml)
    made |= {name: [params] for name, (_, params) in metas.items()}
    run = table.runner(field, images.validation, most=profile.limit)

    @functools.cache
    def tuned_maml():
        return tune(
            lambda setting: run(made["meta-maml"], setting, profile.limit), {"after_two_steps": _after_two_steps}
        )["after_two_steps"]

    @functools.cache
    def target():
        return run(made["meta-maml"], tuned_maml().choice, profile.limit)[:, table.STEPS]

    def job(name):
        if name == "meta-maml":
            found = {"after_two_steps": tuned_maml()}
        else:
            objectives = {"after_two_steps": _after_two_steps}
            if profile.limit > table.STEPS:
                objectives["to_match"] = functools.partial(_quickness, target=target())
            # One draw is enough to choose a rate by.
            found = tune(lambda setting: run(made[name][:1], setting, profile.limit), objectives)
        found.setdefault("to_match", found["after_two_steps"])
        steps = {"after_two_steps": table.STEPS, "to_match": profile.limit}
        return {
            column: {
                "choice": list(best.choice),
                "steps": steps[column],
                "score": round(best.score, 3),
                "scores": best.scores,
            }
            for column, best in found.items()
        }

    order = [name for name in reversed(table.INITS) if name in made]
    said = {
        "num_validation": len(images.validation),
        "limit": profile.limit,
        "reached_db": {name: round(db, 1) for name, db in reached.items()},
    }
    return [[Job(name, COLUMNS, functools.partial(job, name))] for name in order], said


def _after_two_steps(curve: np.ndarray) -> float:
    return float(curve[:, table.STEPS].mean())


def _quickness(curve: np.ndarray, target: np.ndarray) -> float:
    """Minus the mean steps to match; where settings tie (none matches), the higher final PSNR decides."""
    return float(-evaluate.steps_to_match(curve, target)[0].mean() + 1e-3 * curve[:, -1].mean())


TUNING = Tuning(
    grid=GRID,
    profile=profile,
    jobs=jobs,
    borrowed="faces",
    protocol="Every setting of the grid (widened where the best stands on its edge) fits all validation signals, for "
    "the mean PSNR after two steps, and for the mean number of steps to MAML's PSNR after two.",
)
