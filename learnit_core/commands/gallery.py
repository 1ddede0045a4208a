"""One static page with the explorers of all experiments, from what is shipped: ``make gallery``."""

import argparse
import logging
from pathlib import Path

from learnit_core.experiments import ct_explorers, image_explorers, tourism_explorers, views_explorers
from learnit_core.experiments.settings import Settings
from learnit_core.explorer import write_page

EXPERIMENTS = (image_explorers, ct_explorers, views_explorers, tourism_explorers)
"""Modules whose ``sections()`` stand on the page, in this order."""

INTRODUCTION = (
    "<p>Coordinate-based networks keep a signal in their weights. What follows are such networks, computed in your "
    "browser as you drag: this page needs no server and no network connection. How they were made, and what was "
    "measured, stands in the notebooks of the project.</p>"
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="learnit_core.commands.gallery", description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=Path, help="the page to write (default: gallery/index.html among the results)")
    target = parser.parse_args(arguments).target or Settings.from_env().out / "gallery" / "index.html"
    logging.getLogger("jax").setLevel(logging.ERROR)
    sections = [section for experiment in EXPERIMENTS for section in experiment.sections()]
    sections[0] = (INTRODUCTION + sections[0][0], sections[0][1])
    page = write_page(target, "learnit: sliders through weight space", sections)
    print(f"wrote {page} ({page.stat().st_size / 1e6:.1f} MB, {len(sections)} explorers): open it in a browser")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
