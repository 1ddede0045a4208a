"""The demo command: what it shows, its exit codes, and that a failure leaves earlier results alone."""

import io
import os
import signal
import subprocess
import sys
import time

import pytest

from learnit_core.commands import demo
from learnit_core.commands.execution import Echo
from learnit_core.commands.repository import ROOT, absolute_environment, find_notebook, notebooks
from learnit_core.commands.website import inspection
from learnit_core.errors import LearnitError
from learnit_core.experiments import ALL

NOTEBOOK = """\
# %% [markdown]
# ## The only section

# %%
import os
from IPython.display import HTML, display

print("LEARNIT_OUT is", os.environ["LEARNIT_OUT"], "profile", os.environ["LEARNIT_PROFILE"])
display(HTML('<img alt="a dot" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'))
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """``run(code)`` runs a small notebook that ends with ``code``; returns exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEARNIT_OUT", "results")

    def run(code=""):
        (tmp_path / "90_small.py").write_text(f"{NOTEBOOK}{code}\n")
        status = demo.main([str(tmp_path / "90_small.py")])
        return status, *capsys.readouterr()

    return run


def test_results_are_kept_where_the_command_was_given(run, tmp_path):
    status, shown, _ = run()
    page = tmp_path / "results" / "90_small" / "index.html"
    assert status == 0
    assert f"LEARNIT_OUT is {tmp_path / 'results'} profile quick" in shown
    assert "cell 1 of 2] The only section" in shown
    assert str(page) in shown
    text = page.read_text()
    assert 'alt="a dot"' in text
    assert inspection.faults(page.parent) == [], "it needs nothing beside itself"


CONTROLS = """
# %%
import ipywidgets
import jax
from learnit_core import explorer, models

field = models.siren(2, 1, width=8, depth=3)
networks = {"pane": [field.init(key) for key in jax.random.split(jax.random.key(0), 2)]}
KIND
"""
NETWORKS = 'explorer.networks(field, networks, labels=("one", "two"), shape=(8, 8), engine="{engine}")'


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (NETWORKS.format(engine="auto"), "<div data-explorer"),
        (NETWORKS.format(engine="frames"), "<div data-explorer"),
        (NETWORKS.format(engine="kernel"), 'src="data:image/png'),
        ("ipywidgets.FloatSlider()", "A control stands here"),
    ],
)
def test_controls_on_a_page_without_a_kernel(run, tmp_path, kind, found):
    status, *_ = run(CONTROLS.replace("KIND", kind))
    page = (tmp_path / "results" / "90_small" / "index.html").read_text()
    assert status == 0
    things = ("<div data-explorer", 'src="data:image/png', "A control stands here")
    assert next(thing for thing in things if thing in page) == found
    # The code that brings explorers to life is there once where it is needed, and nowhere else.
    assert page.count("export default") == 0 and page.count("class Explorer {") == (found == things[0])


def test_a_failure_leaves_the_earlier_page(run, tmp_path):
    run()
    page = tmp_path / "results" / "90_small" / "index.html"
    before = page.stat().st_mtime_ns
    status, _, error = run("1 / 0")
    assert status == 1
    assert "ZeroDivisionError" in error and "'The only section'" in error
    assert page.stat().st_mtime_ns == before
    assert list(page.parent.iterdir()) == [page]


def test_our_own_errors_are_one_sentence(run):
    status, _, error = run(
        "from learnit_core.errors import LearnitError\nraise LearnitError('a is b: expected c in d')"
    )
    assert status == 1
    assert error.strip() == "a is b: expected c in d"


def test_a_dead_kernel_is_told(run):
    status, _, error = run("os.kill(os.getpid(), 9)")
    assert status == 1
    assert "lost its kernel" in error


def test_an_interrupt_ends_the_kernel(tmp_path):
    (tmp_path / "90_small.py").write_text(
        f"{NOTEBOOK}import time\nprint('kernel', os.getpid(), flush=True)\ntime.sleep(600)\n"
    )
    command = [sys.executable, "-m", "learnit_core.commands.demo", str(tmp_path / "90_small.py")]
    env = os.environ | {"PYTHONPATH": str(ROOT), "LEARNIT_OUT": str(tmp_path)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    kernel = next(int(line.split()[1]) for line in process.stdout if line.startswith("kernel "))
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "was interrupted" in error
    for _ in range(100):
        try:
            os.kill(kernel, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("the kernel still runs")


def test_unknown_notebooks_are_refused(capsys):
    assert demo.main(["no_such_notebook"]) == 2
    error = capsys.readouterr().err
    assert "no_such_notebook" in error
    assert all(path.stem in error for path in notebooks())


@pytest.mark.parametrize(
    "name", ["01", "01_image_regression", "01_image_regression.ipynb", "notebooks/01_image_regression.py"]
)
def test_a_notebook_is_found_by(name, monkeypatch):
    monkeypatch.chdir(ROOT.parent)
    assert find_notebook(name) == ROOT / "notebooks" / "01_image_regression.py"


def test_an_empty_name_is_refused():
    with pytest.raises(LearnitError):
        find_notebook("")


def test_paths_become_absolute_and_classes_stay_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").mkdir()
    given = {"LEARNIT_DATA": "faces", "LEARNIT_TEST_DATA": "./faces", "LEARNIT_CACHE": " ", "HOME": "x"}
    expected = {**given, "LEARNIT_OUT": str(tmp_path / "out"), "LEARNIT_TEST_DATA": str(tmp_path / "faces")}
    assert absolute_environment(given) == expected


@pytest.mark.parametrize("variable", ["LEARNIT_DATA", "LEARNIT_TEST_DATA"])
@pytest.mark.parametrize("data", [name for experiment in ALL.values() for name in experiment.classes])
def test_the_class_of_every_experiment_stays_a_name(variable, data):
    assert absolute_environment({variable: data})[variable] == data


def test_the_table_has_the_chosen_rows_only():
    row = {"experiment": "image", "data": "text", "init": "mean", "observations": "full", "steps": 2, "psnr_db": 9.96}
    text = demo.main_table([row | {"in_table": True, "psnr_std": 1.0}, row | {"in_table": False, "init": "matched"}])
    assert [line.split() for line in text.splitlines()[1:]] == [
        ["image", "text", "mean", "full", "2", "10.0", "±", "1.0"]
    ]


def test_a_log_gets_the_last_state_of_a_bar():
    target = io.StringIO()
    echo = Echo(target)
    for text in ("\r 0%", "\r 5", "0%", "\r100%"):
        echo.write(text, "stderr")
    echo.write("done\n", "stdout")
    echo.write("\n", "stderr")
    echo.write("left", "stdout")
    echo.end()
    assert target.getvalue() == "100%\ndone\nleft\n"
