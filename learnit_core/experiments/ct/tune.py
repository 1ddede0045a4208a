"""The CT part of ``make tune``: optimiser, rate and number of steps for every initialisation and number of views.

Writes ``learnit_core/experiments/ct_tuned.json``. All rates on all 16 validation phantoms for all steps would take days
of two cores, so every initialisation goes through the same two rounds:

1. *screening*: every rate of the grid (widened where the best stands on its edge) on the first ``SCREENED`` validation
   phantoms, for a part of the steps; the score is the best mean PSNR along the way;
2. *final*: the ``FINALISTS`` best of them on all validation phantoms with all steps. The choice is the setting and the
   number of steps with the best mean PSNR.

Scores of both rounds are kept in the file. The cells (views x initialisation) go, in their order,
into a draft under ``$LEARNIT_OUT/tune``.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from learnit_core import evaluate, metrics, weights
from learnit_core.experiments import baselines, ct
from learnit_core.experiments.ct import table as ct_table
from learnit_core.experiments.drafts import Draft, fingerprint
from learnit_core.experiments.settings import Settings
from learnit_core.tuning import two_rounds

TARGET = Path(ct.__file__).with_name("tuned.json")
GRID = {"sgd": (1.0, 3.0, 10.0, 30.0, 100.0), "adam": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)}
"""Rates tried. The loss is the mean square of line averages, whose gradients are small: hence SGD's large ones."""

SCREENED = 4
SCREENING_STEPS = {1: 50, 2: 100, 4: 200, 8: 300}
FINALISTS = 2


def tune_cell(
    run_few: ct_table.Runner, run_all: ct_table.Runner, draws, *, screening: int, limit: int
) -> dict[str, Any]:
    """Both rounds for one initialisation and number of views."""
    screening = min(screening, limit)
    found = two_rounds(
        lambda setting: run_few(draws, setting, screening),
        lambda setting: run_all(draws, setting, limit),
        grid=GRID,
        finalists=FINALISTS,
        every=limit if limit % ct.EVERY else ct.EVERY,
    )
    return found | {"screening": {"num_validation": SCREENED, "steps": screening, "scores": found["screening"]}}


def run(settings: Settings, target: Path) -> None:
    """Tune what is not in the draft yet, for each shipped initialisation, then write ``target``."""
    profiles = {name: profile.capped(settings) for name, profile in ct.SHIPPED_PROFILES.items()}
    grid = {name: list(rates) for name, rates in GRID.items()}
    prints = {name: fingerprint(ct.SHIPPED[name]) for name in profiles}
    limits = {name: profile.limits for name, profile in profiles.items()}
    rounds = [SCREENED, SCREENING_STEPS, FINALISTS]
    belongs_to = {"grid": grid, "rounds": rounds, "limits": limits, "initialisations": prints}
    draft = Draft(settings, target, belongs_to)
    for name, profile in profiles.items():
        part = draft.done.setdefault(name, {"views": {}})
        part |= _tune_profile(name, profile, part["views"], save=draft.save) | {"initialisation": prints[name]}
    draft.finish(
        {
            "command": "python -m learnit_core.commands.tune",
            "seed": 0,
            "grid": grid,
            "protocol": " ".join(__doc__.split("\n\n")[2].split()),
            "profiles": {name: {"phantoms": part} for name, part in draft.done.items()},
        }
    )


def _tune_profile(name: str, profile: ct.Profile, done: dict[str, Any], *, save: Callable[[], None]) -> dict[str, Any]:
    """Tune the cells of one shipped initialisation that are not ``done``, and say what they were tuned with."""
    field, meta_params, _ = weights.pretrained(ct.SHIPPED[name])
    images = ct.load_signals(profile, "phantoms")
    made, reached = baselines.of_pictures(profile, field, images, meta_params)
    made["meta-reptile"] = [meta_params]
    for views in ct.VIEWS:
        run_few = ct_table.runner(field, images.validation[:SCREENED], views)
        run_all = ct_table.runner(field, images.validation, views)
        cells = done.setdefault(str(views), {})
        left = [init for init in ct_table.INITS if init not in cells]
        tune_one = functools.partial(
            tune_cell, run_few, run_all, screening=SCREENING_STEPS[views], limit=profile.limit(views)
        )
        tuned = evaluate.side_by_side(tune_one, [made[init] for init in left])
        for init, cell in zip(tqdm(left, desc=f"tuning ct, {name}, {views} views", unit="init"), tuned, strict=True):
            cells[init] = cell
            save()
        scores = {
            filter_name: round(
                float(
                    ct_table.psnrs(
                        ct_table.back_projected(images.validation, views, filter_name), images.validation
                    ).mean()
                ),
                3,
            )
            for filter_name in ct_table.FILTERS
        }
        cells["fbp"] = {"choice": max(scores, key=scores.__getitem__), "scores": scores}
    return {
        "num_validation": len(images.validation),
        "limits": dict(zip(map(str, ct.VIEWS), profile.limits, strict=True)),
        "device": metrics.device(),
        "mean_and_matched_reach_db": {init: round(db, 1) for init, db in reached.items()},
        "views": done,
    }
