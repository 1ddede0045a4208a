"""How the settings of image regression are chosen: for two steps, for the steps to match MAML, and for 100 steps."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from learnit_core import evaluate, weights
from learnit_core.experiments import baselines, image
from learnit_core.experiments.experiment import Job, Tuning
from learnit_core.experiments.image import rivals, table
from learnit_core.experiments.settings import Settings
from learnit_core.tuning import GRID, Tuned, tune

COLUMNS = ("after_two_steps", "to_match")
ALONG = "along"

LIKELY = {"sgd": (1e-2, 3e-2), "adam": (3e-4, 1e-3, 3e-3)}
"""The part of the grid that is searched for long fits, and for scales and numbers of joint steps; it widens, too."""
LEARNED = {"learned": (0.3, 1.0, 3.0)}
"""Multiples of Meta-SGD's rates, beside the grid."""


def profile(name: str, data: str, settings: Settings) -> image.Profile:
    """The profile with fewer signals and steps; for the large network the column of two steps only.

    A step of the large network costs fifty times one of the small, so its steps to match are not tuned.
    """
    found = image.PROFILES[name].for_class(data).capped(settings)
    if name == "quick":
        return replace(found, counts=(2000, 12, 1), limit=min(found.limit, 40))
    short = {"limit": table.STEPS, "along": table.STEPS, "fit_steps": min(found.fit_steps, 300)}
    return replace(found, counts=(2000, 8, 1), **short)


def jobs(profile: image.Profile, data: str) -> tuple[Sequence[Sequence[Job]], dict[str, Any]]:
    """One job for each initialisation; MAML comes first: what it reaches in two steps the others have to match."""
    images = image.load_signals(profile, data)
    metas = {name: weights.pretrained(file)[:2] for name, file in image.SHIPPED[profile.name][data].items()}
    field, maml = metas["meta-maml"]
    made, reached = baselines.of_pictures(profile, field, images, maml)
    made |= {name: [params] for name, (_, params) in metas.items()}
    run = table.runner(field, images.validation, most=max(profile.limit, profile.along))

    @functools.cache
    def tuned_maml():
        return tune(
            lambda setting: run(made["meta-maml"], setting, profile.limit), {"after_two_steps": _after_two_steps}
        )["after_two_steps"]

    @functools.cache
    def target():
        return run(made["meta-maml"], tuned_maml().choice, profile.limit)[:, table.STEPS]

    def search(name, start, steps, objectives, grid):
        grid = grid | (LEARNED if name == "meta-sgd" else {})
        return tune(lambda setting: run([start], setting, steps), objectives, grid=grid)

    def first(name, start):
        """Both columns of the table."""
        if name == "meta-maml":
            found = {"after_two_steps": tuned_maml()}
        else:
            objectives = {"after_two_steps": _after_two_steps}
            if profile.limit > table.STEPS:
                objectives["to_match"] = functools.partial(_quickness, target=target())
            found = search(name, start, profile.limit, objectives, GRID)
        found.setdefault("to_match", found["after_two_steps"])
        steps = {"after_two_steps": table.STEPS, "to_match": profile.limit}
        return {column: _entry(best, steps[column]) for column, best in found.items()}

    def along(name, start):
        """For every number of steps the setting that is best after so many."""
        shown = [step for step in table.SHOWN[table.STEPS :] if step <= profile.along]
        objectives = {step: lambda curve, step=step: float(curve[:, step].mean()) for step in shown}
        found, last, switches = search(name, start, profile.along, objectives, LIKELY), 0, []
        for step, best in found.items():
            if not switches or switches[-1][1:] != list(best.choice):
                switches.append([last + 1, *best.choice])
            last = step
        return {ALONG: _entry(found[last], profile.along) | {"switches": switches}}

    def rival(name):
        objectives, scores, left = {"best": functools.partial(_quickness, target=target())}, {}, rivals.OPTIONS[name]
        while left:
            for option in left:
                start = rivals.make(name, option, profile, field, images)
                scores[option] = round(search(name, start, profile.limit, objectives, LIKELY)["best"].score, 3)
            best = max(scores, key=scores.__getitem__)
            left = [2 * best] if best == max(scores) else [type(best)(best / 2)] if best == min(scores) else []
        start = rivals.make(name, best, profile, field, images)
        about = {"option": best, "options": {f"{option:g}": scores[option] for option in sorted(scores)}}
        return {column: entry | about for column, entry in (first(name, start) | along(name, start)).items()}

    # One draw is enough to choose a rate by.
    starts = {name: made[name][0] for name in reversed(table.INITS) if name in made}
    found = [Job(name, COLUMNS, functools.partial(first, name, start)) for name, start in starts.items()]
    if profile.limit > table.STEPS:
        found += [Job(name, (*COLUMNS, ALONG), functools.partial(rival, name)) for name in rivals.OPTIONS]
        found += [Job(name, (ALONG,), functools.partial(along, name, start)) for name, start in starts.items()]
    said = {
        "num_validation": len(images.validation),
        "limit": profile.limit,
        "along": profile.along,
        "reached_db": {name: round(db, 1) for name, db in reached.items()},
    }
    return [[job for job in found if job.init == "meta-maml"], [job for job in found if job.init != "meta-maml"]], said


def _entry(best: Tuned, steps: int) -> dict[str, Any]:
    """A cell of the tuned file."""
    return {"choice": list(best.choice), "steps": steps, "score": round(best.score, 3), "scores": best.scores}


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
    "the mean PSNR after two steps, and for the mean number of steps to MAML's PSNR after two. For curves "
    "it is the mean PSNR after each of many numbers of steps up to 100, in the middle of the grid, widened likewise. "
    "The scale of Standard's weights and the length of a shared trunk's joint fit are those that match MAML soonest; "
    "Meta-SGD also tries multiples of its learned rates.",
)
