"""Making the site of what is there: explorers, sources, Sphinx, and then whether the pages hold what they promise."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from learnit_core.commands import gallery
from learnit_core.commands.repository import ROOT
from learnit_core.commands.website import executed, inspection, sources, visits
from learnit_core.commands.website.sources import Piece
from learnit_core.errors import LearnitError
from learnit_core.explorer.page import live

OWN = {"fitting": "fitting", "meta": "learning"}
"""Explorers that have a page for themselves, by what computes them (their scene's engine): its name in docs/site/."""


def explorers() -> dict[str, list[Piece]]:
    """The explorers of the home page, and those that have pages for themselves, from what is shipped.

    Raises LearnitError if the story has none for such a page.
    """
    made: dict[str, list[Piece]] = {"story": []}
    for section in gallery.story():
        shown = section.make()
        words = f"## {section.title}\n\n<p>{section.paragraph}</p>\n\n"
        if page := OWN.get(shown.scene["engine"]):
            made[page] = [("", live(shown))]
            made["story"].append((f"{words}[Open it]({page}.md)", ""))
        else:
            words += f"[Notebook {section.notebook[:2]}](notebooks/{section.notebook}.ipynb)"
            made["story"].append((words, live(shown)))
    if without := OWN.values() - made.keys():
        raise LearnitError(f"the story has no explorer for the page {sorted(without)[0]}.md: expected one for each")
    return made


def build(
    folder: Path,
    ran: Path,
    env: Mapping[str, str],
    *,
    made: Mapping[str, list[Piece]] | None = None,
    fold: bool = False,
) -> Path:
    """Make the site in ``folder``/html from the executed notebooks in ``ran``; returns its home page.

    ``made`` are the explorers (default: those that are shipped), ``fold`` folds all code to begin with. Raises
    LearnitError where Sphinx warns of anything.
    """
    from sphinx.cmd.build import main as sphinx

    source, target, partial = folder / "source", folder / "html", folder / "partial"
    sources.write(source, ran, env, explorers=explorers() if made is None else made)
    settings = ["-D", f"html_context.folded={int(fold)}"]
    shutil.rmtree(partial, ignore_errors=True)
    arguments = ["-q", "-b", "html", "-W", "--keep-going", "-n", "-E", "-c", str(ROOT / "docs" / "site"), *settings]
    if sphinx([*arguments, "-d", str(folder / "doctrees"), str(source), str(partial)]):
        raise LearnitError("the site has faults that Sphinx names above: expected none")
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)  # until here the site from before stays
    return target / "index.html"


def checked(html: Path) -> list[str]:
    """A sentence for each fault of the pages in ``html``; a browser looks at them, too, where there is one."""
    found = inspection.faults(html)
    executable = visits.browser_here() if importlib.util.find_spec("playwright") else None
    if executable:
        pages = [page for page in sorted(html.rglob("*.html")) if not page.is_relative_to(html / "_static")]
        found += visits.complaints(pages, executable, html)
    else:
        said = "no Chromium on PATH, or no Playwright, so nobody looked for errors on the console"
        if os.environ.get("LEARNIT_REQUIRE_BROWSER") == "1":
            found.append(said)
        print(f"site: {said}", file=sys.stderr)
    return found


def report(states: Mapping[Path, str]) -> str:
    """A line for each notebook that is not as it should be."""
    lines = [f"  {source.stem}: {state}" for source, state in states.items() if state != executed.PRESENT]
    if not lines:
        return ""
    return "Not all notebooks are there as they are now; `--execute` runs what is missing:\n" + "\n".join(lines)


def size(html: Path) -> str:
    """How large the pages are, and the largest of them."""
    files = {path: path.stat().st_size for path in html.rglob("*") if path.is_file()}
    largest = max((path for path in files if path.suffix == ".html"), key=files.__getitem__)
    pages = sum(path.suffix == ".html" for path in files)
    name = largest.relative_to(html).as_posix()
    return f"{pages} pages, {sum(files.values()) / 1e6:.1f} MB; the largest is {name}, {files[largest] / 1e6:.1f} MB"
