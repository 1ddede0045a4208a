"""``make exercises``: copies of the notebooks for a class, from the one source.

python -m learnit_core.commands.exercises --kind student --out DIR       stubs to fill in, no solutions
python -m learnit_core.commands.exercises --kind instructor --out DIR    solutions and predictions filled in
python -m learnit_core.commands.exercises --kind graded --out DIR        exercises only, with otter-grader's tests

A student's and an instructor's copy are the whole notebook. A graded copy is a folder for each notebook: what a student
gets (NN_name.ipynb), what is expected (solution.ipynb, not to be handed out), tests/ with a file for each exercise in
otter-grader's format, and requirements.txt. It stands alone and trains nothing, so that otter grades it in seconds.

In the source, notebooks/NN_name.py, cells of the section Exercises are tagged: "exercises" (imports), "exercise" (a
prediction and a stub), "check" (one line), "look" (needs what the notebook has trained: not graded), and "solution"
(folded Markdown whose Python block replaces the stub).
"""

import argparse
import copy
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from learnit_core import files
from learnit_core.commands.repository import address, find_notebook, notebooks
from learnit_core.errors import LearnitError

KINDS = ("student", "instructor", "graded")

HEADING = re.compile(r"^## (\d+\. )?Exercises$", re.MULTILINE)
BLOCK = re.compile(r"```python\n(.*?)\n```", re.DOTALL)
CHECK = re.compile(r"checks\.(\w+)\((.*)\)")


@dataclass(frozen=True)
class Exercise:
    """One exercise of a notebook: its cells' sources, and what its check is called with."""

    title: str
    stub: str
    check: str
    solution: str

    @property
    def name(self) -> str:
        """The name of the check."""
        return CHECK.fullmatch(self.check)[1]

    @property
    def graded(self) -> bool:
        """Whether there is a check that needs nothing of the notebook; else the exercise is one to look at."""
        return bool(self.check)


def tagged(cell: NotebookNode, *tags: str) -> bool:
    """Whether a cell has one of these tags."""
    return not {*tags}.isdisjoint(cell.metadata.get("tags", []))


def read(source: Path) -> NotebookNode:
    """The notebook of a .py source."""
    return jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")


def section(notebook: NotebookNode, name: str) -> list[NotebookNode]:
    """The cells from the heading Exercises to the last solution. Raises LearnitError if there are none."""
    cells = notebook.cells
    headings = (i for i, cell in enumerate(cells) if cell.cell_type == "markdown" and HEADING.search(cell.source))
    first = next(headings, None)
    last = max((i for i, cell in enumerate(cells) if tagged(cell, "solution")), default=-1)
    if first is None or last < first:
        raise LearnitError(f"found no section Exercises with solutions in {name}: expected one")
    return cells[first : last + 1]


def exercises(notebook: NotebookNode, name: str) -> list[Exercise]:
    """All exercises of a notebook. Raises LearnitError unless each has a stub, at most one check, and a solution."""
    found, title, parts = [], "", {}
    for cell in section(notebook, name):
        if cell.cell_type == "markdown" and (heading := re.search(r"^### (.*)$", cell.source, re.MULTILINE)):
            title, parts = heading[1], {}
        for tag in ("exercise", "check", "solution"):
            if tagged(cell, tag):
                if tag in parts:
                    raise LearnitError(f"{name} has two cells tagged {tag!r} under {title!r}: expected one")
                parts[tag] = cell.source
        if tagged(cell, "solution"):
            block = BLOCK.search(parts["solution"])
            check = parts.get("check", "")
            if "exercise" not in parts or (check and not (block and CHECK.fullmatch(check))):
                raise LearnitError(f"{title!r} in {name} is not whole: expected a stub, a one-line check, a solution")
            found.append(Exercise(title, parts["exercise"], check, block[1] if block else parts["exercise"]))
    return found


def student(notebook: NotebookNode, name: str) -> NotebookNode:
    """A copy without solutions."""
    section(notebook, name)
    made = copy.deepcopy(notebook)
    made.cells = [cell for cell in made.cells if not tagged(cell, "solution")]
    return made


def instructor(notebook: NotebookNode, name: str) -> NotebookNode:
    """A copy with every solution in the place of its stub; the folded texts stay, for they explain."""
    made = copy.deepcopy(notebook)
    solved = {exercise.stub: exercise.solution for exercise in exercises(notebook, name)}
    for cell in made.cells:
        if tagged(cell, "exercise"):
            cell.source = solved[cell.source]
    return made


def graded(notebook: NotebookNode, name: str, *, solved: bool = False) -> tuple[NotebookNode, dict[str, str]]:
    """A notebook with the exercises only, and otter-grader's test file for each; ``solved`` fills the solutions in."""
    whole = instructor(notebook, name) if solved else copy.deepcopy(notebook)
    wanted = [exercise for exercise in exercises(notebook, name) if exercise.graded]
    titles = {exercise.title for exercise in wanted}
    made, skipping = copy.deepcopy(whole), False
    made.cells = [cell for cell in whole.cells if tagged(cell, "badges", "colab")][1:]
    for cell in section(whole, name):
        if heading := re.search(r"^### (.*)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None:
            skipping = heading[1] not in titles
        if not skipping and not tagged(cell, "solution", "look"):
            made.cells.append(cell)
    return made, {f"{exercise.name}.py": otter_test(exercise) for exercise in wanted}


def otter_test(exercise: Exercise) -> str:
    """A test file in the format that otter-grader shares with OK: what the check says is what the student reads."""
    lines = [
        "from learnit_core.teaching import checks",  # whatever the student has made of that name
        f"verdict = {exercise.check}",
        'print("solved" if verdict else verdict)',
    ]
    code = "".join(f">>> {line}\n" for line in lines) + "solved\n"
    case = {"code": code, "hidden": False, "locked": False}
    test = {
        "name": exercise.name,
        "points": 1,
        "suites": [{"cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest"}],
    }
    return f"# {exercise.title}\nOK_FORMAT = True\n\ntest = {test!r}\n"


def as_text(notebook: NotebookNode) -> str:
    """The text of an .ipynb without outputs, and with counted cell ids."""
    from learnit_core.commands.upkeep.notebooks import to_ipynb  # not in the wheel, and nor are the notebooks

    return to_ipynb(jupytext.writes(notebook, fmt="py:percent"))


def copies(kind: str, source: Path) -> dict[str, str]:
    """The files of a copy by their paths: of this kind, of one notebook."""
    notebook, name = read(source), source.stem
    if kind != "graded":
        made = {"student": student, "instructor": instructor}[kind](notebook, name)
        return {f"{name}.ipynb": as_text(made)}
    handed, tests = graded(notebook, name)
    solved, _ = graded(notebook, name, solved=True)
    return {
        f"{name}/{name}.ipynb": as_text(handed),
        f"{name}/solution.ipynb": as_text(solved),
        f"{name}/requirements.txt": f"learnit[teach] @ git+{address()}\n",
        **{f"{name}/tests/{file}": text for file, text in tests.items()},
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns 1 if there is nothing to copy, else 0."""
    parser = argparse.ArgumentParser(prog="exercises", description=__doc__.partition("\n")[0])
    parser.add_argument("--kind", choices=KINDS, required=True, help="who the copies are for")
    parser.add_argument("--out", type=Path, required=True, help="where they go: a folder")
    parser.add_argument("notebooks", nargs="*", help='which, for example "01" (default: all)')
    options = parser.parse_args(arguments)
    try:
        sources = [find_notebook(name) for name in options.notebooks] or notebooks()
        made = {path: text for source in sources for path, text in copies(options.kind, source).items()}
    except LearnitError as error:
        print(f"exercises: {error}", file=sys.stderr)
        return 1
    for path, text in made.items():
        target = options.out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.whole(target) as partial:
            Path(partial).write_text(text, encoding="utf-8")
    print(f"{len(sources)} notebooks in {options.out}/, {len(made)} files")
    if options.kind == "graded":
        print(
            "To grade, in a notebook's folder: otter generate -o autograder.zip; otter run -a autograder.zip SUBMISSION"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
