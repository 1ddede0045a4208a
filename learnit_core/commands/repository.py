"""Where the checkout is, its notebooks, and its public address: shared by the commands."""

import os
import tomllib
from pathlib import Path

import learnit_core
from learnit_core import experiments
from learnit_core.errors import LearnitError

ROOT = Path(next(iter(learnit_core.__path__))).resolve().parent
"""The checkout. Commands that need more than the package say so when it is not there."""


def notebooks() -> list[Path]:
    """The notebooks' sources, notebooks/NN_name.py, in order."""
    return sorted((ROOT / "notebooks").glob("[0-9]*.py"))


def find_notebook(name: str) -> Path:
    """The one notebook that ``name`` means: a path, a name with or without its suffix, or its beginning ("01")."""
    path = Path(name).expanduser()
    if path.suffix in (".py", ".ipynb") and path.is_file():
        return path.resolve()
    found = notebooks()
    stem = path.name.removesuffix(".py").removesuffix(".ipynb")
    matches = [n for n in found if n.stem == stem] or [n for n in found if stem and n.stem.startswith(stem)]
    if len(matches) != 1:
        problem = "several notebooks begin with" if matches else "no notebook is called"
        names = ", ".join(n.stem for n in matches or found) or "(none are there)"
        raise LearnitError(f"{problem} {name!r} in {ROOT / 'notebooks'}: expected one of {names}")
    return matches[0]


def address() -> str:
    """The project's public address, the one setting in pyproject.toml."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["project"]["urls"]["Repository"].rstrip("/")


def published() -> str | None:
    """The project's public address; None while it has none, and links to it would lead nowhere."""
    return None if "/OWNER/" in address() else address()


def absolute_environment(environ: dict[str, str]) -> dict[str, str]:
    """``environ`` with the LEARNIT_* paths made absolute, because a kernel starts in the notebook's directory.

    Data may be the name of a built-in class, which stays a name.
    """
    resolved = dict(environ)
    built_in = {name for experiment in experiments.ALL.values() for name in experiment.classes}
    resolved["LEARNIT_OUT"] = environ.get("LEARNIT_OUT", "").strip() or "out"
    for name in ("LEARNIT_OUT", "LEARNIT_CACHE", "LEARNIT_DATA", "LEARNIT_TEST_DATA"):
        value = resolved.get(name, "").strip()
        if value and not (name.endswith("DATA") and value in built_in):
            resolved[name] = os.path.abspath(os.path.expanduser(value))
    return resolved
