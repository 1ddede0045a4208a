"""``make notebooks``: each notebook's .ipynb from its .py, and all that the address decides.

python -m learnit_core.commands.upkeep.notebooks            write what is out of date
python -m learnit_core.commands.upkeep.notebooks --check    write nothing, and fail if something is out of date

The .py is what people edit. In it two cells are generated, those tagged "badges" and "colab", and the address in links
to data_scripts/; in README.md the block between the comments "badges" and "end of badges". All follow from the address
in pyproject.toml. The .ipynb is the
.py without outputs, with cell ids counted from 0, so that the same source gives the same bytes. Cells tagged "colab" or
"setup" are folded in it, in JupyterLab and in Colab.
"""

import argparse
import re
import sys
from pathlib import Path

import jupytext
import nbformat
from nbstripout import strip_output

from learnit_core.commands.repository import ROOT, address, notebooks
from learnit_core.errors import LearnitError

COLAB_CELL = """\
# @title In Colab: installs the package
import importlib
import os
import subprocess
import sys
import tempfile

if "google.colab" in sys.modules or os.environ.get("LEARNIT_COLAB"):
    # Colab has most packages. What it has stays as it is: every version is held while the project is installed.
    pip = [sys.executable, "-m", "pip"]
    listed = subprocess.run([*pip, "list", "--format=freeze"], capture_output=True, encoding="utf-8", check=True).stdout
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False, encoding="utf-8") as constraints:
        constraints.writelines(line + "\\n" for line in listed.split() if not line.startswith("learnit=="))
    project = os.environ.get("LEARNIT_WHEEL", "git+{address}")
    subprocess.run([*pip, "install", "--quiet", "-c", constraints.name, project], check=True)
    importlib.invalidate_caches()"""

ADDRESSES = re.compile(r"https://github\.com/[\w.-]+?/[\w-]+(?=/blob/main/data_scripts/|\.git\b)")
"""In a notebook's prose, wherever it is opened: links to the scripts, and what to clone."""

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def badges(repository: str, notebook: str) -> str:
    """Markdown that opens ``notebook`` (a stem) elsewhere."""
    path = repository.removeprefix("https://github.com/")
    colab = f"https://colab.research.google.com/github/{path}/blob/main/notebooks/{notebook}.ipynb"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})"


def readme_badges(repository: str, notebook: str) -> str:
    """Markdown for the top of README.md: the state of the tests, and the first notebook."""
    workflow = f"{repository}/actions/workflows/ci.yml"
    return f"[![Tests]({workflow}/badge.svg)]({workflow})\n{badges(repository, notebook)}"


def with_generated_cells(text: str, repository: str, notebook: str) -> str:
    """The .py source ``text`` with its two generated cells, and its links to `data_scripts/`, brought up to date."""
    bodies = {
        "badges": "# " + badges(repository, notebook),
        "colab": COLAB_CELL.replace("{address}", repository),
    }
    for tag, body in bodies.items():
        cell = re.compile(rf'^(# %%.*tags=\[[^\]\n]*"{tag}"[^\]\n]*\].*\n)(?:(?!# %%).*(?:\n|\Z))*', re.MULTILINE)
        text, count = cell.subn(lambda match, body=body: f"{match[1]}{body}\n\n", text)
        if count != 1:
            raise LearnitError(f'found {count} cells with tags=["{tag}"] in notebooks/{notebook}.py: expected one')
    return ADDRESSES.sub(repository, text).rstrip("\n") + "\n"


def with_readme_badges(text: str, repository: str, notebook: str) -> str:
    """README.md with its badges brought up to date; without the two comments it is left alone."""
    block = re.compile(r"(?<=<!-- badges -->\n).*?(?=<!-- end of badges -->)", re.DOTALL)
    return block.sub(lambda _: readme_badges(repository, notebook) + "\n", text)


def to_ipynb(text: str) -> str:
    """The .ipynb that belongs to the .py source ``text``."""
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        if {"colab", "setup"} & {*cell.metadata.get("tags", [])}:
            cell.metadata |= {"jupyter": {"source_hidden": True}, "cellView": "form"}
    notebook = strip_output(notebook, keep_output=False, keep_count=False, keep_id=False)
    nbformat.validate(notebook)
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def generate() -> dict[Path, str]:
    """What every generated file should hold."""
    repository, sources = address(), notebooks()
    wanted: dict[Path, str] = {}
    for source in sources:
        wanted[source] = with_generated_cells(source.read_text(encoding="utf-8"), repository, source.stem)
        wanted[source.with_suffix(".ipynb")] = to_ipynb(wanted[source])
    if sources:
        readme = ROOT / "README.md"
        wanted[readme] = with_readme_badges(readme.read_text(encoding="utf-8"), repository, sources[0].stem)
    return wanted


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns 1 if ``--check`` found something out of date, else 0."""
    parser = argparse.ArgumentParser(prog="notebooks", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if something is out of date")
    check = parser.parse_args(arguments).check
    try:
        wanted = generate()
    except LearnitError as error:
        print(f"notebooks: {error}", file=sys.stderr)
        return 1
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    orphans = [path for path in (ROOT / "notebooks").glob("*.ipynb") if path not in wanted]
    for path in orphans:
        print(f"{path.relative_to(ROOT)} has no .py beside it", file=sys.stderr)
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is out of date: run `make notebooks`", file=sys.stderr)
        else:
            path.write_text(wanted[path], encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return int(bool(orphans) or (check and bool(stale)))


if __name__ == "__main__":
    sys.exit(main())
