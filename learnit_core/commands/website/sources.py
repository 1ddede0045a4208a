"""What the site is made of, put into one folder: texts, executed notebooks, explorers, a page for each module."""

import base64
import hashlib
import os
import pkgutil
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode

import learnit_core
from learnit_core.commands.pages.alive import without_kernel
from learnit_core.commands.pages.links import relinked
from learnit_core.commands.repository import ROOT, notebooks
from learnit_core.commands.website import executed

TEXTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "docs/*.md",
    "docs/results/*.md",
    "docs/studies/*.md",
    "docs/teach/*.md",
)
"""Texts of the repository that stand on the site where they stand there, docs/site/*.md at its top."""

PACKAGES = ("signals", "explorer", "plots", "teaching")
"""Packages with public names; all other public names are in modules."""

Piece = tuple[str, str]
"""Words in Markdown, and the explorer below them in HTML, if there is one."""

FIGURE = re.compile(r'src="data:image/(?P<kind>png|gif);base64,(?P<data>[\w+/=]+)"')

NOT_RUN = (
    "```{{note}}\nThis notebook has not been run for this site ({state}), so its figures are missing: "
    "`make site ARGS=--execute` runs it.\n```"
)

RUN_WITH_OLDER = (
    "```{note}\nThis notebook was run with older code than that of this site, so its figures may be others now: "
    "`make site ARGS='--execute --anew'` runs it again.\n```"
)


def staged() -> dict[str, str]:
    """Where files of the repository stand in the folder, by their paths there; a notebook's .py is its .ipynb."""
    found = {path: path for pattern in TEXTS for path in _paths(pattern)}
    found |= {path: PurePosixPath(path).name for path in _paths("docs/site/*.md")}
    for source in notebooks():
        path = f"notebooks/{source.stem}.ipynb"
        found |= {path: path, f"notebooks/{source.name}": path}
    return found


def _paths(pattern: str) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))


def text_of(path: str, places: Mapping[str, str]) -> str:
    """The text of a file of the repository, with links that hold on the site."""
    return _relinked((ROOT / path).read_text(encoding="utf-8"), path, places)


def _relinked(text: str, path: str, places: Mapping[str, str]) -> str:
    folder = PurePosixPath(places[path]).parent

    def place(target: str) -> str | None:
        shown = places.get(target) or places.get(f"{target}/README.md")
        return PurePosixPath(os.path.relpath(shown, folder)).as_posix() if shown else None

    return relinked(text, path, place)


def page_of(source: Path, folder: Path, env: Mapping[str, str], places: Mapping[str, str]) -> NotebookNode:
    """The notebook of ``source`` for the site: as it was run if it was, else the student's copy, which says so."""
    state = executed.states(folder, env, [source])[source]
    shown = state in (executed.PRESENT, executed.OLDER)
    text = executed.kept(folder, source).read_text("utf-8") if shown else executed.copy(source)
    page, _ = without_kernel(nbformat.reads(text, as_version=4))
    if not shown:
        page.cells.insert(1, nbformat.v4.new_markdown_cell(NOT_RUN.format(state=state)))
    elif state == executed.OLDER:
        page.cells.insert(1, nbformat.v4.new_markdown_cell(RUN_WITH_OLDER))
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = _relinked(cell.source, f"notebooks/{source.stem}.ipynb", places)
        elif "setup" in cell.metadata.get("tags", []):
            cell.metadata["tags"] = [*cell.metadata["tags"], "hide-input"]
            cell.metadata["mystnb"] = {
                "code_prompt_show": "Set-up and choices",
                "code_prompt_hide": "Set-up and choices",
            }
    return page


def with_figures_beside(page: NotebookNode, folder: Path) -> NotebookNode:
    """``page`` with the pictures of its outputs as files in ``folder``, which stands at _static/figures on the site.

    Those of explorers stay: they are only for paper, and have to be there before anything is fetched.
    """

    def beside(match: re.Match) -> str:
        content = base64.b64decode(match["data"])
        file = folder / f"{hashlib.sha256(content).hexdigest()[:16]}.{match['kind']}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return f'src="../_static/figures/{file.name}"'

    for cell in page.cells:
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/html", "")
            if "data-explorer" not in text and text:
                output.data["text/html"] = FIGURE.sub(beside, "".join(text))
    return page


def modules() -> list[str]:
    """The modules with public names, those of the reading order first."""
    order = re.findall(r"\w+", (learnit_core.__doc__ or "").partition("order:")[2])
    found = [name for _, name, package in pkgutil.iter_modules(learnit_core.__path__) if not package]
    return [*order, *(name for name in found if name not in order), *PACKAGES]


def write(
    folder: Path, ran: Path, env: Mapping[str, str], *, explorers: Mapping[str, Sequence[Piece]] | None = None
) -> None:
    """Put all of it into ``folder``, which is made anew; executed notebooks are taken from the folder ``ran``.

    ``explorers`` are pieces by the name of the comment in docs/site/*.md that they take the place of.
    """
    shutil.rmtree(folder, ignore_errors=True)
    places = staged()
    for path, place in places.items():
        if not path.startswith("notebooks/"):
            _write(folder / place, with_explorers(text_of(path, places), folder, explorers or {}))
    for source in notebooks():
        page = with_figures_beside(page_of(source, ran, env, places), folder / "_shared" / "figures")
        _write(folder / places[f"notebooks/{source.name}"], nbformat.writes(page))
    shutil.copytree(ROOT / "docs" / "images", folder / "docs" / "images")
    for name in modules():
        title = f"learnit_core.{name}"
        _write(
            folder / "api" / f"{name}.rst",
            f"{title}\n{'=' * len(title)}\n\n.. automodule:: {title}\n   :members:\n   :show-inheritance:\n",
        )
    listed = "\n".join(f"api/{name}" for name in modules())
    index = folder / "api.md"
    _write(index, index.read_text("utf-8").replace("<!-- modules -->", f"```{{toctree}}\n{listed}\n```"))


def with_explorers(text: str, folder: Path, explorers: Mapping[str, Sequence[Piece]]) -> str:
    """``text`` with the pieces in the place of their comments, the HTML of each in a file of its own."""
    for name, pieces in explorers.items():
        if f"<!-- {name} -->" not in text:
            continue
        parts = []
        for i, (words, piece) in enumerate(pieces):
            parts.append(words)
            if piece:
                file = folder / "explorers" / f"{name}-{i}.html"
                _write(file, piece)
                parts.append(f"```{{raw}} html\n:file: explorers/{file.name}\n```")
        text = text.replace(f"<!-- {name} -->", "\n\n".join(parts))
    return text


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
