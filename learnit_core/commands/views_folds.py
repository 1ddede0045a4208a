"""View synthesis on a folder of one's own objects, in folds: ``python -m learnit_core.commands.views_folds FOLDER``.

Every object is scored once, by an initialisation that was meta-trained without it and without its twins (objects of the
same name but for version and colour). MV against Standard from one view; each has the best of a few settings on
objects taken from the training ones. Every fold is kept under ``$LEARNIT_OUT/results`` as soon as it is done.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from learnit_core import evaluate, metrics
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import baselines, fits, report, views
from learnit_core.experiments.experiment import Part
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.views import table
from learnit_core.signals import scenes
from learnit_core.signals.scenes import SceneSplits
from learnit_core.tuning import best_step

TRIED = {
    "standard": (Setting("adam", 3e-4), Setting("adam", 1e-3), Setting("sgd", 0.3)),
    "meta-mv": (Setting("sgd", 0.3), Setting("sgd", 1.0), Setting("adam", 1e-3)),
}
"""Settings tried on validation objects, with every number of steps that is a multiple of 50."""


def run(settings: Settings, folder: str, count: int) -> dict:
    """All folds; prints the gap with its interval, and writes a report."""
    profile = views.PROFILES["quick"].capped(settings)
    rows = []
    for turn, fold in enumerate(scenes.folds(folder, size=profile.size, count=count)):
        belongs_to = [profile.values(), fold.test_names, TRIED, fits.KEYED]
        part = Part(f"{fold.name}-of-{count}", belongs_to, partial(fold_part, profile, fold, settings))
        found = (report.kept(part, settings) or report.keep(part, settings))["rows"]
        rows += found
        print(f"fold {turn + 1} of {count}: " + ", ".join(f"{r['init']} {r['psnr_db']:.1f} dB" for r in found))
    scores: dict[str, Sequence[float]] = {
        name: [x for row in rows if row["init"] == name for x in row["psnr_per_signal"]] for name in TRIED
    }
    gap = evaluate.paired_interval(scores["meta-mv"], scores["standard"])
    said = {
        "folder": Path(folder).name,
        "folds": count,
        "num_objects": len(scores["standard"]),
        "rows": rows,
        "mv_over_standard_db": gap.rounded(),
        "device": metrics.device(),
    }
    metrics.write_json(settings.out / "results" / f"views-folds-{Path(folder).name}.json", said)
    print(
        f"MV over Standard, {said['num_objects']} objects: {gap.mean:+.1f} dB, 95 % interval [{gap.low:+.1f}, "
        f"{gap.high:+.1f}]"
    )
    return said


def fold_part(profile: views.Profile, fold: SceneSplits, settings: Settings) -> dict:
    """Rows of one fold: meta-trained, chosen on its validation objects, and scored on its test objects."""
    field, learned, _ = views.meta_train(profile, fold, folder=settings.out / "results" / "checkpoints")
    starts = {"standard": baselines.standard(field), "meta-mv": learned}
    every, rows = table.scored_every(profile.limit), []
    for name, start in starts.items():
        unseen = views.tasks(fold.validation, 1, 2)
        tried = {
            setting: best_step(
                views.fit(profile, field, [start], unseen, setting, profile.limit, every=every).curves, every
            )
            for setting in TRIED[name]
        }
        setting = max(tried, key=lambda setting: tried[setting][1])
        steps, _ = tried[setting]
        curve = views.fit(profile, field, [start], views.tasks(fold.test, 1), setting, steps).curves
        rows.append(
            metrics.row(
                experiment="views-folds",
                trained_on=None if name == "standard" else fold.name,
                data=fold.name,
                split="test",
                init=name,
                observations="views=1",
                steps=steps,
                psnr_per_signal=curve[:, -1],
                seed=0,
                optimizer=setting.optimizer,
                learning_rate=setting.learning_rate,
                tuned_on="validation",
                in_table=True,
                names=fold.test_names,
            )
        )
    return {"rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(prog="learnit_core.commands.views_folds", description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="objects in the layout of NeRF's synthetic scenes")
    parser.add_argument("--folds", type=int, default=3)
    arguments = parser.parse_args()
    try:
        run(Settings.from_env(), arguments.folder, arguments.folds)
    except LearnitError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
