"""How the settings of computed tomography are chosen: optimiser, rate and steps for each number of projections."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from learnit_core import weights
from learnit_core.experiments import baselines, ct
from learnit_core.experiments.ct import table
from learnit_core.experiments.experiment import Job, Tuning
from learnit_core.experiments.fits import Draws
from learnit_core.experiments.rows import psnrs
from learnit_core.tuning import FINAL, two_rounds

GRID = {"sgd": (1.0, 3.0, 10.0, 30.0, 100.0), "adam": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)}
"""Rates tried. The loss is the mean square of line averages, whose gradients are small: hence SGD's large ones."""

SCREENED = 4
SCREENING_STEPS = {1: 50, 2: 100, 4: 200, 8: 300}


def jobs(profile: ct.Profile, data: str) -> tuple[Sequence[Sequence[Job]], dict[str, Any]]:
    """A group for each number of projections, with one job for each initialisation."""
    field, learned, _ = weights.pretrained(ct.SHIPPED[profile.name][data]["meta-reptile"])
    images = ct.load_signals(profile, data)
    unseen = images.validation
    made, reached = baselines.of_pictures(profile, field, images, learned)
    made["meta-reptile"] = [learned]

    def job(init, n, limit):
        screening = min(SCREENING_STEPS[n], limit)
        runners = (table.runner(field, slices, n, most=limit) for slices in (unseen[:SCREENED], unseen))
        return {str(n): tune_cell(*runners, made[init], screening=screening, limit=limit)}

    limits = dict(zip(ct.NUM_PROJECTIONS, profile.limits, strict=True))
    groups = [[Job(init, (str(n),), partial(job, init, n, limits[n])) for init in table.INITS] for n in limits]
    return groups, {
        "num_validation": len(unseen),
        "limits": {str(n): limit for n, limit in limits.items()},
        "reached_db": {init: round(db, 1) for init, db in reached.items()},
        "filters": {str(n): best_filter(unseen, n) for n in limits},
    }


def best_filter(slices: np.ndarray, num_projections: int) -> dict[str, Any]:
    """The filter of back-projection with the best mean PSNR over ``slices``, and that of all filters [dB]."""
    scores = {
        name: round(float(psnrs(table.back_projected(slices, num_projections, name), slices).mean()), 3)
        for name in table.FILTERS
    }
    return {"choice": max(scores, key=scores.__getitem__), "scores": scores}


def tune_cell(
    run_few: table.Runner, run_all: table.Runner, draws: Draws, *, screening: int, limit: int
) -> dict[str, Any]:
    """Both rounds for one initialisation and number of projections."""
    found = two_rounds(
        lambda setting: run_few(draws, setting, screening),
        lambda setting: run_all(draws, setting, limit),
        grid=GRID,
        every=ct.EVERY,
        most=limit,
    )
    return found | {"screening": {"num_validation": SCREENED, "steps": screening, "scores": found["screening"]}}


TUNING = Tuning(
    grid=GRID,
    jobs=jobs,
    borrowed="phantoms",
    rounds=[SCREENED, SCREENING_STEPS],
    protocol="Screening: every rate of the grid (widened where the best stands on its edge) on the first "
    f"{SCREENED} validation phantoms, for a part of the steps; the score is the best mean PSNR along the way. Final: "
    f"{FINAL}. The choice is the setting and the number of steps with the best mean PSNR.",
)
