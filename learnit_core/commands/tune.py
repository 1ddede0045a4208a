"""Choose optimiser and learning rate for every initialisation on validation signals: ``make tune``, resumable.

Writes ``learnit_core/experiments/image_tuned.json``: the grid, every validation score, the choice, seed and command.
One part (profile x class) at a time is added to a draft under ``$LEARNIT_OUT/tune``, so that an interrupted run goes
on; the draft replaces the file when it is complete.
"""

import argparse
import functools
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from learnit_core import evaluate, metrics, weights
from learnit_core.errors import LearnitError
from learnit_core.experiments import image
from learnit_core.experiments.ct import tune as tune_ct
from learnit_core.experiments.drafts import Draft, fingerprint
from learnit_core.experiments.image import table as image_table
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.tourism import tune as tune_tourism
from learnit_core.experiments.views import tune as tune_views
from learnit_core.tuning import GRID, tune

COMMAND = "python -m learnit_core.commands.tune"
OTHERS = {"ct": tune_ct, "views": tune_views, "tourism": tune_tourism}
EXPERIMENTS = ["image", *OTHERS]
TARGET = Path(image.__file__).with_name("tuned.json")


def tune_class(profile: image.Profile, data: str) -> dict[str, Any]:
    """Tune every initialisation of one class on its validation signals, with the shipped meta-initialisations."""
    images = image.load_signals(profile, data)
    metas = {name: weights.pretrained(file)[:2] for name, file in image.SHIPPED[profile.name][data].items()}
    field, maml = metas["meta-maml"]
    made, reached = image_table.baselines(profile, field, images, maml)
    made |= {name: [params] for name, (_, params) in metas.items()}
    run = image_table.runner(field, images.validation)

    # MAML comes first: what it reaches in two steps is what the others have to match.
    entries: dict[str, Any] = {}
    target = None
    order = [name for name in reversed(image_table.INITS) if name in made]
    for name in tqdm(order, desc=f"tuning {profile.name} {data}", unit="init"):
        objectives = {"after_two_steps": lambda curve: curve[:, image_table.STEPS].mean()}
        if target is not None and profile.limit > image_table.STEPS:
            objectives["to_match"] = functools.partial(_quickness, target=target)
        # One draw is enough to choose a rate by.
        found = tune(lambda setting, draws=made[name][:1]: run(draws, setting, profile.limit), objectives)
        found.setdefault("to_match", found["after_two_steps"])
        if target is None:
            target = run(made[name], found["after_two_steps"].choice, profile.limit)[:, image_table.STEPS]
        entries[name] = {
            column: {"choice": list(tuned.choice), "score": round(tuned.score, 3), "scores": tuned.scores}
            for column, tuned in found.items()
        }
    return {
        "num_validation": len(images.validation),
        "limit": profile.limit,
        "device": metrics.device(),
        "mean_and_matched_reach_db": {name: round(db, 1) for name, db in reached.items()},
        "inits": entries,
    }


def _quickness(curve: np.ndarray, target: np.ndarray) -> float:
    """Minus the mean steps to match; where settings tie (none matches), the higher final PSNR decides."""
    return float(-evaluate.steps_to_match(curve, target)[0].mean() + 1e-3 * curve[:, -1].mean())


def profile_to_tune(name: str, data: str, settings: Settings) -> image.Profile:
    """The profile with fewer signals and steps; for the large network the column of two steps only.

    A step of the large network costs fifty times one of the small, so its steps to match are not tuned.
    """
    profile = image.for_class(image.PROFILES[name].capped(settings), data)
    if name == "quick":
        return replace(profile, counts=(2000, 12, 1), limit=min(profile.limit, 40))
    return replace(profile, counts=(2000, 8, 1), limit=image_table.STEPS, fit_steps=min(profile.fit_steps, 300))


def main() -> None:
    parser = argparse.ArgumentParser(prog="learnit_core.commands.tune", description=__doc__.splitlines()[0])
    parser.add_argument("--profiles", nargs="+", default=list(image.SHIPPED), choices=list(image.SHIPPED))
    parser.add_argument("--experiments", nargs="+", default=EXPERIMENTS, choices=EXPERIMENTS)
    parser.add_argument("--target", type=Path, default=TARGET.parent, help="folder to write to (default: the package)")
    arguments = parser.parse_args()
    settings = Settings.from_env()
    try:
        settings.keep(arguments.target, TARGET.parent)
        if "image" in arguments.experiments:
            run(settings, arguments.target / TARGET.name, arguments.profiles)
        for name in (name for name in OTHERS if name in arguments.experiments):
            OTHERS[name].run(settings, arguments.target / OTHERS[name].TARGET.name)
    except LearnitError as error:
        parser.exit(1, f"{error}\n")


def run(settings: Settings, target: Path, profiles: Sequence[str]) -> None:
    """Tune the image experiment's ``profiles``, then write ``target``."""
    grid = {name: list(rates) for name, rates in GRID.items()}
    prints = {
        file: fingerprint(file)
        for name in profiles
        for files in image.SHIPPED[name].values()
        for file in files.values()
    }
    about = {name: [asdict(profile_to_tune(name, data, settings)) for data in image.SHIPPED[name]] for name in profiles}
    draft = Draft(settings, target, {"grid": grid, "profiles": about, "initialisations": prints})
    for name in profiles:
        classes = draft.done.setdefault(name, {})
        for data in image.SHIPPED[name]:
            if data not in classes:
                classes[data] = tune_class(profile_to_tune(name, data, settings), data)
                draft.save()
    # What is not asked for stays as it is.
    kept = json.loads(target.read_text("utf-8"))["profiles"] if target.exists() else {}
    draft.finish({"command": COMMAND, "seed": 0, "grid": grid, "profiles": kept | draft.done})


if __name__ == "__main__":
    main()
