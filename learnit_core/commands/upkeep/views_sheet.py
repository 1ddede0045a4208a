"""Unseen objects from one picture, at a glance: ``python -m learnit_core.commands.upkeep.views_sheet``.

The first test objects of a class, none chosen, from the shipped MV initialisation and from Standard: the given picture,
a held-out view of Standard's fit, of the initialisation, of its fit, and the truth; the scores of all held-out views
with paired intervals; and how many objects are recognised by their reconstructions. Writes ``metrics.json`` and
``figures/one_view.png``, from which ``make pictures`` makes README's.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from learnit_core import evaluate, metrics, plots, weights
from learnit_core.errors import LearnitError
from learnit_core.experiments import baselines, views
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.views import table
from learnit_core.structures import rows

SHOWN = 5


def run(settings: Settings, target: Path, data: str, count: int) -> dict:
    """Fit, print, and write picture and report to ``target``."""
    began = time.perf_counter()
    profile = replace(views.PROFILES["long"], counts=(120, 10, count)).capped(settings)
    field, learned, _ = weights.pretrained(views.SHIPPED["long"][data]["meta-mv"])
    tuned = table.tuned_settings("long", data)["1"]
    tasks = views.tasks(views.load_signals(profile, data).test, 1)
    made = {"standard": [baselines.standard(field)], "meta-mv": [learned]}
    results, fitted = table.table_rows(profile, field, tasks, made, tuned, trained_on=data, data=data, seed=0)
    print(table.markdown(results), flush=True)
    scores = {(row["init"], row["steps"] > 0): row["psnr_per_signal"] for row in results}
    gaps = {
        "MV over Standard": evaluate.paired_interval(scores["meta-mv", True], scores["standard", True]),
        "MV adapted over un-adapted": evaluate.paired_interval(scores["meta-mv", True], scores["meta-mv", False]),
    }
    for what, gap in gaps.items():
        print(f"{what}: {gap.mean:+.1f} dB, 95 % interval [{gap.low:+.1f}, {gap.high:+.1f}]", flush=True)
    pictures, captions = [], []
    num_objects = len(tasks.query.images)
    for i in range(min(SHOWN, num_objects)):
        camera = rows(rows(tasks.query, i), slice(1))
        networks = [rows(fitted["standard"], i), learned, rows(fitted["meta-mv"], i)]
        seen = [np.asarray(views.pictures(profile, field, params, camera))[0] for params in networks]
        pictures.append([np.asarray(tasks.support.images[i, 0]) / 255, *seen, np.asarray(camera.images[0]) / 255])
        keys = (("standard", True), ("meta-mv", False), ("meta-mv", True))
        captions.append(["", *(f"{scores[key][i]:.1f} dB" for key in keys), ""])
    columns = ["given", "Standard", "un-adapted", "MV Reptile", "truth"]
    figure = plots.picture_grid(pictures, column_labels=columns, captions=captions, cell=1.5)
    (target / "figures").mkdir(parents=True, exist_ok=True)
    figure.savefig(target / "figures" / "one_view.png", dpi=100, facecolor="white", bbox_inches="tight")
    recognised = {name: table.retrieval(profile, field, fitted[name], tasks)[0] for name in ("standard", "meta-mv")}
    print(f"recognised, of {num_objects}: " + ", ".join(f"{plots.LABELS[n]} {k}" for n, k in recognised.items()))
    report = metrics.write(
        target / "metrics.json",
        notebook="views_sheet",
        profile=profile.name,
        seed=0,
        precision="highest",
        seconds={"total": time.perf_counter() - began},
        results=results,
        recognised=recognised,
        gaps={what: gap.rounded() for what, gap in gaps.items()},
    )
    print(f"wrote {target / 'metrics.json'} and {target / 'figures' / 'one_view.png'}")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="learnit_core.commands.upkeep.views_sheet", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--data", default="chairs", choices=list(views.SHIPPED["long"]))
    parser.add_argument("--count", type=int, default=10, help="test objects (default 10)")
    parser.add_argument("--target", type=Path, help="folder to write to (default: views_sheet among the results)")
    arguments = parser.parse_args()
    try:
        settings = Settings.from_env()
        run(settings, arguments.target or settings.out / "views_sheet", arguments.data, arguments.count)
    except LearnitError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
