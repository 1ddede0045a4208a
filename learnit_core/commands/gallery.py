"""One static page with the explorers of all experiments, from what is shipped: ``make gallery``."""

import argparse
import logging
import sys
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from learnit_core import experiments
from learnit_core.errors import LearnitError
from learnit_core.experiments.experiment import Experiment
from learnit_core.experiments.settings import Settings
from learnit_core.explorer import write_page

TITLE = "learnit: sliders through weight space"

INTRODUCTION = (
    "<p>Coordinate-based networks keep a signal in their weights. What follows are such networks, computed in your "
    "browser as you drag: this page needs no server and no network connection. How they were made, and what was "
    "measured, stands in the notebooks of the project.</p>"
)


def write(target: Path, shown: Iterable[Experiment]) -> tuple[Path, int]:
    """Write the page of these experiments; returns its path and how many explorers stand on it."""
    made = []
    with tqdm([one for one in shown if one.sections], desc="gallery", unit="experiment") as bar:
        for experiment in bar:
            bar.set_postfix_str(experiment.name)
            made += experiment.sections()
    (text, first), *others = made
    return write_page(target, TITLE, [(INTRODUCTION + text, first), *others]), len(made)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="learnit_core.commands.gallery", description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=Path, help="the page to write (default: gallery/index.html among the results)")
    target = parser.parse_args(arguments).target
    logging.getLogger("jax").setLevel(logging.ERROR)
    try:
        target = target or Settings.from_env().out / "gallery" / "index.html"
        page, count = write(target, experiments.ALL.values())
    except LearnitError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"wrote {page} ({page.stat().st_size / 1e6:.1f} MB, {count} explorers): open it in a browser")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
