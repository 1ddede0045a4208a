"""One static page that tells the story in explorers, from what is shipped: ``make gallery``."""

import argparse
import html
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from learnit_core.errors import LearnitError
from learnit_core.experiments import story as chapters
from learnit_core.experiments.section import Section
from learnit_core.experiments.settings import Settings
from learnit_core.explorer import write_page

TITLE = "learnit: sliders through weight space"

INTRODUCTION = (
    "<p>Coordinate-based networks keep a signal in their weights. What follows are such networks: computed in your "
    "browser as you drag, or, where that takes long, drawn beforehand. This page needs no server and no network "
    "connection. How they were made, and what was measured, stands in the notebooks of the project.</p>"
)

Link = Callable[[str], str | None]
"""``link(notebook)``: where a notebook is to be read, as an address or a path from the page; None where it is not."""


def story() -> list[Section]:
    """The gallery's sections in order: each has a ``title``, a ``paragraph`` (HTML that stands inside of ``<p>``), the
    name of its ``notebook``, and ``make()``, which makes the explorer. Nothing is computed before that."""
    return list(chapters.STORY)


def write(
    target: Path, told: Sequence[Section], others: Sequence[Section] = (), *, link: Link = lambda _: None
) -> Path:
    """Write the page of the story ``told`` and, under a heading of their own, ``others``; returns its path."""
    made = []
    with tqdm([*told, *others], desc="gallery", unit="explorer") as bar:
        for i, section in enumerate(bar):
            bar.set_postfix_str(section.title)
            text = told_of(section, link, level=2 if i < len(told) else 3)
            if i == len(told):
                text = f"<h2>More</h2>\n{text}"
            made.append((text if made else INTRODUCTION + text, section.make()))
    return write_page(target, TITLE, made)


def told_of(section: Section, link: Link, *, level: int = 2) -> str:
    """Heading, paragraph and notebook of a section as HTML."""
    place, name = link(section.notebook), html.escape(section.notebook)
    if place:
        name = f'<a href="{html.escape(place, quote=True)}">{name}</a>'
    return (
        f"<h{level}>{html.escape(section.title)}</h{level}>\n<p>{section.paragraph}</p>\n"
        f'<p class="notebook">Notebook: {name}</p>'
    )


def beside(target: Path, results: Path) -> Link:
    """Links from a page at ``target`` to the pages that ``make demo`` has left among the results."""

    def link(notebook: str) -> str | None:
        page = results / notebook / "index.html"
        return Path(os.path.relpath(page, target.parent)).as_posix() if page.is_file() else None

    return link


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="learnit_core.commands.gallery", description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=Path, help="the page to write (default: gallery/index.html among the results)")
    target = parser.parse_args(arguments).target
    logging.getLogger("jax").setLevel(logging.ERROR)
    try:
        out = Settings.from_env().out
        target = (target or out / "gallery" / "index.html").resolve()
        told, others = story(), chapters.more()
        page = write(target, told, others, link=beside(target, out.resolve()))
    except LearnitError as error:
        print(error, file=sys.stderr)
        return 1
    count = len(told) + len(others)
    print(f"wrote {page} ({page.stat().st_size / 1e6:.1f} MB, {count} explorers): open it in a browser")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
