"""Exercises: what is asked, what is accepted, and what is said to wrong answers; copies for a class.

The wrong answers stand in ``wrong_answers/``; solutions are those that stand folded in the notebooks.
"""

import inspect
import json
import os
import re
import subprocess
import sys
import textwrap

import nbformat
import numpy as np
import pytest
from wrong_answers import ALSO_RIGHT, FIRST, SECOND

from learnit_core.commands import exercises
from learnit_core.commands.execution import execute
from learnit_core.commands.repository import ROOT, notebooks
from learnit_core.errors import LearnitError
from learnit_core.teaching import checks
from learnit_core.teaching.checks import images, light, slices

SOURCES = {path.stem: path for path in notebooks()}
READ = {name: exercises.read(path) for name, path in SOURCES.items()}
ALL = {name: exercises.exercises(notebook, name) for name, notebook in READ.items()}
GRADED = [(name, exercise) for name, found in ALL.items() for exercise in found if exercise.graded]
SEED = 7
NO_ANSWER = "cannot be read as|not a tree like|not one number|Expected a field|Expected three arrays"
STUB = re.compile(r"^    return \.\.\..*$", re.MULTILINE)


def ids(values):
    return [f"{name[:2]}-{exercise.name}" for name, exercise, *_ in values]


def imports(name):
    """What the notebook's exercises begin with: nothing else of the notebook is there."""
    cells = [cell.source for cell in exercises.section(READ[name], name) if exercises.tagged(cell, "exercises")]
    scope = {}
    exec("\n".join(cells), scope)
    return scope


def checked(name, exercise, code, *, predicted=None, seed=SEED):
    """The verdict on ``code`` in the place of the stub; the prediction is the solution's unless another is given."""
    scope = imports(name)
    exec(exercise.solution, scope)
    given = exercises.CHECK.fullmatch(exercise.check)[2].split(", ")[1]
    prediction = scope[given] if predicted is None else predicted
    scope.pop(called(exercise))
    exec(code, scope)
    return getattr(checks, exercise.name)(scope[called(exercise)], prediction, seed=seed)


def called(exercise):
    """The name of the student's function."""
    return exercises.CHECK.fullmatch(exercise.check)[2].split(", ")[0]


def function_of(exercise):
    """The stub's function without its prediction."""
    return exercise.stub[exercise.stub.index("def ") :]


def with_body(exercise, body):
    """The stub's function with this body."""
    return STUB.sub(lambda _: textwrap.indent(body, "    "), function_of(exercise))


def wrong(answers):
    return [
        pytest.param(name, exercise, body, part, id=f"{name[:2]}-{exercise.name}-{i}")
        for name, exercise in GRADED
        for i, answer in enumerate(answers[name][exercise.name])
        for body, part in [answer if isinstance(answer, tuple) else (answer, "")]
    ]


@pytest.mark.parametrize("name", SOURCES)
def test_a_notebook_has_enough_exercises_and_most_are_code(name):
    found = ALL[name]
    coded = [exercise for exercise in found if exercise.graded]
    assert len(coded) >= 4 and len(coded) > len(found) / 2
    assert len({exercise.stub for exercise in found}) == len(found)
    for cell in exercises.section(READ[name], name):
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 20, cell.source
    for exercise in found:
        assert re.search(r"^prediction_\d = \.\.\.  # ", exercise.stub, re.MULTILINE), exercise.title
        assert not exercise.graded or len(STUB.findall(exercise.stub)) == 1, exercise.title


@pytest.mark.parametrize("name", SOURCES)
def test_checks_are_called_in_one_line_and_belong_to_one_exercise(name):
    for exercise in ALL[name]:
        if exercise.graded:
            assert "\n" not in exercise.check
            signature = inspect.signature(getattr(checks, exercise.name))
            assert list(signature.parameters)[1:] == ["prediction", "seed"]


def test_every_check_has_an_exercise():
    named = {exercise.name for _, exercise in GRADED}
    there = {n for n, value in vars(checks).items() if inspect.isfunction(value)}
    assert there - named == {"off_class"}  # looks at what notebook 00 has trained
    assert len(named) == len(GRADED)


@pytest.mark.parametrize("name", SOURCES)
def test_imports_of_a_notebook_are_used(name):
    """With the solutions in the place of the stubs; what students may need is imported in any case."""
    text = "\n".join(cell.source for cell in exercises.instructor(READ[name], name).cells if cell.cell_type == "code")
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "F401,F821",
        "--output-format",
        "json",
        "-",
    ]
    run = subprocess.run(command, input=text, capture_output=True, text=True)
    unused = [fault["message"] for fault in json.loads(run.stdout)]
    offered = ("`jax`", "`jax.numpy`", "`numpy`")
    assert [message for message in unused if not message.startswith(offered)] == []


@pytest.mark.parametrize(("name", "exercise"), GRADED, ids=ids(GRADED))
def test_a_stub_is_not_solved(name, exercise):
    verdict = checked(name, exercise, function_of(exercise))
    assert not verdict and "Not solved yet" in verdict.text


@pytest.mark.parametrize(("name", "exercise"), GRADED, ids=ids(GRADED))
def test_a_prediction_is_asked_for_first(name, exercise):
    for code in (function_of(exercise), exercise.solution):
        verdict = checked(name, exercise, code, predicted=...)
        assert not verdict and "First your prediction" in verdict.text
    verdict = checked(name, exercise, exercise.solution, predicted="I do not know")
    assert not verdict and verdict.text.startswith("Your prediction is 'I do not know': expected ")


@pytest.mark.parametrize(("name", "exercise"), GRADED, ids=ids(GRADED))
def test_the_notebooks_solution_passes_and_its_prediction_comes_true(name, exercise):
    for seed in (1, None):
        verdict = checked(name, exercise, exercise.solution, seed=seed)
        assert verdict and verdict.text.startswith("Correct. "), verdict
        assert "came true" in verdict.text and "did not come true" not in verdict.text, verdict


@pytest.mark.parametrize(("name", "exercise"), GRADED, ids=ids(GRADED))
def test_what_any_function_may_have_wrong(name, exercise):
    """One sentence for each, and never a traceback."""
    cases = {
        "pass": "gives back None",
        "print('hello')": "gives back None",
        "x = unheard_of + 1\nreturn x": "stops with NameError in line 3 of your function: name 'unheard_of'",
        "raise SystemExit": "stops with SystemExit",
        "return ..., ...": "Not solved yet",
    }
    cases |= dict.fromkeys(
        ("return {'a': 'text'}", "return 'text'", "return [[1, 2], [3]]", "return lambda: 0"), NO_ANSWER
    )
    for body, part in cases.items():
        verdict = checked(name, exercise, with_body(exercise, body))
        assert not verdict and re.search(part, verdict.text), (body, verdict)
        assert "\n" not in verdict.text and len(verdict.text) < 260
    mine = called(exercise)
    assert "leave out the ()" in checked(name, exercise, f"{mine} = 3").text
    assert "Not solved yet" in checked(name, exercise, f"{mine} = ...").text
    assert "keep the first line" in checked(name, exercise, f"def {mine}():\n    return 1").text


@pytest.mark.parametrize(("name", "exercise", "body", "part"), wrong(FIRST))
def test_a_wrong_answer_gets_its_sentence(name, exercise, body, part):
    verdict = checked(name, exercise, with_body(exercise, body))
    assert not verdict
    assert part.lower() in verdict.text.lower(), verdict
    assert "\n" not in verdict.text


@pytest.mark.nightly
@pytest.mark.parametrize(("name", "exercise", "body", "part"), wrong(SECOND))
def test_a_wrong_answer_of_the_second_batch_is_refused(name, exercise, body, part):
    verdict = checked(name, exercise, with_body(exercise, body))
    assert not verdict and "\n" not in verdict.text and len(verdict.text) < 260


def test_there_are_enough_wrong_answers():
    for name, exercise in GRADED:
        assert len(FIRST[name][exercise.name]) >= 4, exercise.name
    assert {name: set(answers) for name, answers in FIRST.items()} == {
        name: {exercise.name for exercise in found if exercise.graded} for name, found in ALL.items()
    }


@pytest.mark.parametrize(("name", "exercise", "body", "part"), wrong(ALSO_RIGHT))
def test_another_right_answer_is_accepted(name, exercise, body, part):
    for seed in (1, None):
        verdict = checked(name, exercise, with_body(exercise, body), seed=seed)
        assert verdict, verdict


def test_numbers_that_exercises_say():
    """02: "of which 49 lie inside the scanner's circle", "six views, 54 rays"; 04: "a few per cent"; 01: "more slowly".

    And 01 again: "until both are as good".
    """
    assert slices.inside(slices.SIZE).sum() == 49 and slices.SIZE == 9 and 5 * 9 < 49 <= 6 * 9 == 54
    assert max(light._moved_in_the_landmark()) < 0.1
    _, learned, _, _, curves = images._shipped()
    mean = np.asarray(curves(learned, 10)).mean(axis=0)
    assert (mean[10] - mean[2]) / 8 < (mean[2] - mean[0]) / 2
    assert "all four fits at 25.0 dB" in images._between_fits()[1]


@pytest.mark.parametrize("name", SOURCES)
def test_a_students_copy_has_every_stub_and_no_solution(name):
    made = exercises.student(READ[name], name)
    text = "\n".join(cell.source for cell in made.cells)
    assert "<summary>Solution" not in text
    for exercise in ALL[name]:
        assert exercise.stub in text and exercise.check in text
        assert exercise.solution == exercise.stub or exercise.solution not in text
    kept = [cell for cell in READ[name].cells if not exercises.tagged(cell, "solution")]
    assert [cell.source for cell in made.cells] == [cell.source for cell in kept]


@pytest.mark.parametrize("name", SOURCES)
def test_an_instructors_copy_has_every_solution_in_its_place(name):
    made = exercises.instructor(READ[name], name)
    cells = [cell.source for cell in made.cells if exercises.tagged(cell, "exercise")]
    assert cells == [exercise.solution for exercise in ALL[name]]
    assert len(made.cells) == len(READ[name].cells)


@pytest.mark.parametrize("name", SOURCES)
def test_a_graded_copy_stands_alone(name):
    """With the solutions every check passes, in a fresh name space; as it is handed out, none does."""
    for solved in (True, False):
        made, tests = exercises.graded(READ[name], name, solved=solved)
        scope = {}
        for cell in made.cells:
            if cell.cell_type == "code" and not exercises.tagged(cell, "colab", "check"):
                exec(cell.source, scope)
        wanted = [exercise for exercise in ALL[name] if exercise.graded]
        assert set(tests) == {f"{exercise.name}.py" for exercise in wanted}
        assert [c.source for c in made.cells if exercises.tagged(c, "check")] == [e.check for e in wanted]
        assert not any(exercises.tagged(cell, "look", "solution", "setup") for cell in made.cells)
        assert all(bool(eval(exercise.check, scope)) == solved for exercise in wanted)


def test_the_command_writes_copies(tmp_path, capsys):
    first = next(iter(SOURCES))
    for kind in ("student", "instructor"):
        assert exercises.main(["--kind", kind, "--out", str(tmp_path / kind)]) == 0
        assert sorted(path.stem for path in (tmp_path / kind).glob("*.ipynb")) == sorted(SOURCES)
    assert exercises.main(["--kind", "graded", "--out", str(tmp_path), "00"]) == 0
    assert {path.name for path in (tmp_path / first).iterdir()} == {
        f"{first}.ipynb",
        "solution.ipynb",
        "requirements.txt",
        "tests",
    }
    spec = {}
    exec((tmp_path / first / "tests" / "inner_loop.py").read_text(), spec)
    assert (
        spec["test"]["name"] == "inner_loop" and "checks.inner_loop(" in spec["test"]["suites"][0]["cases"][0]["code"]
    )
    assert exercises.main(["--kind", "student", "--out", str(tmp_path), "no such"]) == 1
    assert capsys.readouterr().err.startswith("exercises: no notebook is called 'no such'")


def test_a_source_that_is_not_whole_is_refused(tmp_path):
    text = next(iter(SOURCES.values())).read_text("utf-8")
    for old, new, part in (
        ('# %% tags=["check"]\n', '# %% tags=["check"]\n1\n\n# %% tags=["check"]\n', "two cells tagged 'check'"),
        ('# %% tags=["exercise"]\n', "# %%\n", "is not whole"),
        ("# ## Exercises\n", "# ## Questions\n", "found no section Exercises"),
    ):
        path = tmp_path / "broken.py"
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(LearnitError, match=part):
            exercises.exercises(exercises.read(path), "broken")


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("name", ["00_start_here", "03_view_synthesis"])
def test_otter_grades_a_graded_copy(tmp_path, name):
    """Solutions get all points, stubs none, and one wrong answer costs its point and gets its sentence."""
    pytest.importorskip("otter", reason="otter-grader is not installed: pip install '.[teach]'")
    assert exercises.main(["--kind", "graded", "--out", str(tmp_path), name]) == 0
    folder = tmp_path / name
    wanted = [exercise for exercise in ALL[name] if exercise.graded]
    body, part = FIRST[name][wanted[0].name][0]
    solved = nbformat.read(folder / "solution.ipynb", as_version=4)
    for cell in solved.cells:
        if exercises.tagged(cell, "exercise") and f"def {called(wanted[0])}(" in cell.source:
            cell.source = f"{cell.source}\n\n\n{with_body(wanted[0], body)}"
    nbformat.write(solved, folder / "wrong.ipynb")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    def otter(*arguments):
        command = [sys.executable, "-m", "otter", *arguments]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=600)

    otter("generate", "-o", "autograder.zip")
    for submission, lost in {"solution": set(), name: {e.name for e in wanted}, "wrong": {wanted[0].name}}.items():
        (folder / "results").mkdir(exist_ok=True)
        otter("run", "-a", "autograder.zip", "-o", "results", "--no-logo", f"{submission}.ipynb")
        found = json.loads((folder / "results" / "results.json").read_text())["tests"]
        scores = {test["name"]: test["score"] for test in found if "score" in test}
        assert scores == {exercise.name: float(exercise.name not in lost) for exercise in wanted}
        said = " ".join(test["output"] for test in found)
        assert ("Not solved yet" in said) == (submission == name)
        assert (part in said) == (submission == "wrong")


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_an_instructors_copy_runs(tmp_path, name):
    """The whole notebook, with two steps of everything."""
    assert exercises.main(["--kind", "instructor", "--out", str(tmp_path), name]) == 0
    settings = {"LEARNIT_PROFILE": "quick", "LEARNIT_MAX_STEPS": "2", "LEARNIT_OUT": str(tmp_path / "out")}
    execute(tmp_path / f"{name}.ipynb", env=os.environ | {"PYTHONPATH": str(ROOT)} | settings)
