"""Executed notebooks for the site: each is run once, and kept until its source or the choices change."""

import functools
import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from learnit_core import files
from learnit_core.commands import exercises
from learnit_core.commands.execution import execute
from learnit_core.commands.repository import ROOT, notebooks

CHOICES = ("LEARNIT_PROFILE", "LEARNIT_DATA", "LEARNIT_TEST_DATA", "LEARNIT_MAX_STEPS")
"""What decides about a notebook's figures, besides its source."""

PRESENT, STALE, OLDER, MISSING = "present", "of another source or other choices", "run with older code", "missing"


def copy(source: Path) -> str:
    """The student's copy of a notebook's .py: the text of an .ipynb, with stubs and without solutions."""
    return _copy(source.read_text(encoding="utf-8"), source.stem)


@functools.cache
def _copy(text: str, name: str) -> str:
    return exercises.as_text(exercises.student(jupytext.reads(text, fmt="py:percent"), name))


def made_from(source: Path, env: Mapping[str, str]) -> str:
    """A sum of what an executed notebook is made from: the student's copy and the choices."""
    choices = {name: env.get(name, "").strip() for name in CHOICES}
    choices["LEARNIT_PROFILE"] = choices["LEARNIT_PROFILE"] or "quick"
    return _sum(copy(source).encode(), json.dumps(choices, sort_keys=True).encode())


def code() -> str:
    """A sum of the package's code and weights without its commands: with other code the figures may be others."""
    core = ROOT / "learnit_core"
    found = (path for pattern in ("*.py", "*.js", "*.css", "*.json", "*.safetensors") for path in core.rglob(pattern))
    return _sum(*(path.read_bytes() for path in sorted(found) if core / "commands" not in path.parents))


def _sum(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def kept(folder: Path, source: Path) -> Path:
    """Where the executed notebook of ``source`` lies."""
    return folder / f"{source.stem}.ipynb"


def states(folder: Path, env: Mapping[str, str], sources: list[Path] | None = None) -> dict[Path, str]:
    """For each notebook's source: PRESENT, OLDER (its figures can be shown), STALE (they cannot) or MISSING."""
    now = code()
    return {source: _state(kept(folder, source), source, env, now) for source in sources or notebooks()}


def _state(file: Path, source: Path, env: Mapping[str, str], now: str) -> str:
    if not file.exists():
        return MISSING
    try:
        marks = json.loads(file.read_text(encoding="utf-8"))["metadata"].get("learnit", {})
    except (ValueError, KeyError, TypeError, AttributeError):
        return STALE  # not a notebook, or cut off
    if marks.get("made_from") != made_from(source, env):
        return STALE
    return PRESENT if marks.get("code") == now else OLDER


def run(source: Path, folder: Path, env: Mapping[str, str]) -> NotebookNode:
    """Run the student's copy of ``source`` and keep it in ``folder``; raises NotebookFailed where a cell does.

    Its own results and checkpoints are in ``folder``/run until it has succeeded, so that a run that was ended goes on.
    """
    copied = folder / "copies" / f"{source.stem}.ipynb"
    copied.parent.mkdir(parents=True, exist_ok=True)
    copied.write_text(copy(source), encoding="utf-8")
    marks = {"made_from": made_from(source, env), "code": code(), "profile": env.get("LEARNIT_PROFILE") or "quick"}
    started = time.monotonic()
    inside = {**env, "LEARNIT_OUT": str(folder.absolute() / "run")}
    inside.pop("MPLBACKEND", None)  # figures are for the page, whatever this process draws with
    notebook = execute(copied, env=inside)
    notebook.metadata["learnit"] = marks | {"minutes": round((time.monotonic() - started) / 60, 1)}
    with files.whole(kept(folder, source)) as partial:
        nbformat.write(notebook, partial)
    _clear(folder, source)
    return notebook


def _clear(folder: Path, source: Path) -> None:
    """Remove what a notebook left: the next run would take its trainings for its own."""
    if (left := folder / "run" / source.stem).exists():
        shutil.rmtree(left)


def run_all(folder: Path, env: Mapping[str, str], sources: list[Path] | None = None, *, anew: bool = False) -> int:
    """Run what is missing or stale, of ``anew`` everything, one after the other; returns how many were run."""
    found = states(folder, env, sources)
    wanted = [path for path, state in found.items() if anew or state in (STALE, MISSING)]
    for source in wanted:
        if anew or found[source] == STALE:
            _clear(folder, source)
        if found[source] == STALE:
            kept(folder, source).unlink()  # it is shown nowhere; when this run is ended, the next goes on
        print(f"Running {source.stem} for the site", flush=True)
        run(source, folder, env)
    return len(wanted)
