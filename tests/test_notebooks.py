"""The notebooks as files, and from beginning to end, the way a user runs them.

With two steps in the smallest profile each, and the first as readers run it; every night in every profile.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from test_views_notebook import check_sentences

from learnit_core import weights
from learnit_core.commands import demo
from learnit_core.commands.execution import execute
from learnit_core.commands.repository import ROOT, notebooks
from learnit_core.commands.upkeep import notebooks as pairing
from learnit_core.experiments.views import SHIPPED, VALIDATED
from learnit_core.metrics import KEY

SOURCES = notebooks()
START = SOURCES[0]
EXPERIMENTS = [path for path in SOURCES if path.stem[:3] in ("01_", "02_", "03_", "04_")]
CHECKPOINTS = {
    "01_image_regression": {"quick": 2, "standard": 2},
    "02_ct_reconstruction": {"quick": 1, "standard": 1},
    "03_view_synthesis": {"quick": 1, "standard": 1},
    "04_phototourism": {"quick": 1, "standard": 3},
}
"""How many trainings each notebook keeps in a profile."""
ROW = {
    "experiment": str,
    "trained_on": (str, type(None)),
    "data": str,
    "split": str,
    "init": str,
    "observations": str,
    "steps": int,
    "psnr_db": (int, float),
    "psnr_per_signal": list,
    "num_signals": int,
    "seed": int,
    "in_table": bool,
}


def check_results(out, profile):
    """What every experiment notebook leaves: metrics by the rules of docs/design.md, figures and a page."""
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["notebook"] == out.name
    assert metrics["profile"] == profile
    assert {"seed", "device", "versions", "precision", "seconds", "results"} <= metrics.keys()
    for row in metrics["results"]:
        for name, kind in ROW.items():
            assert isinstance(row[name], kind), (name, row[name])
        assert len(row["psnr_per_signal"]) == row["num_signals"]
    table = [tuple(row[name] for name in KEY) for row in metrics["results"] if row["in_table"]]
    assert table and len(set(table)) == len(table), "two rows stand in one cell of the main table"
    inits = {}
    for row in metrics["results"]:
        if row["in_table"]:
            inits.setdefault(row["data"], {}).setdefault(row["observations"], set()).add(row["init"])
    for columns in inits.values():
        assert columns.pop("none", set()) == {"class-mean", "nearest-training"}, "a table without its controls"
        assert len({frozenset(column) for column in columns.values()}) == 1, "a column without some of its rows"
    assert list((out / "figures").glob("*.png"))
    return metrics


def check_effect(metrics):
    """The paper's order on unseen signals, for the notebook that wrote the metrics."""
    checks = {
        "01_image_regression": check_images,
        "02_ct_reconstruction": check_slices,
        "03_view_synthesis": check_views,
        "04_phototourism": check_photographs,
        "05_your_own_signals": check_images,
    }
    checks[metrics["notebook"]](metrics)


def check_views(metrics):
    """From one view MV over Standard, Shuffled and itself un-adapted; more objects recognised than by chance."""
    rows = [row for row in metrics["results"] if row["observations"] == "views=1"]
    psnr = {row["init"]: row["psnr_db"] for row in rows if row["in_table"]}
    start = {row["init"]: row["psnr_db"] for row in rows if row["steps"] == 0}
    assert psnr["meta-mv"] > psnr["standard"] + 2
    assert psnr["meta-mv"] > psnr["shuffled"] + 2
    assert psnr["meta-mv"] > start["meta-mv"] + 1
    assert metrics["recognised"]["meta-mv"] > max(2, metrics["recognised"]["standard"])
    controls = [row["psnr_db"] for row in metrics["results"] if row["observations"] == "none"]
    assert len(controls) == 2 and psnr["meta-mv"] > max(controls)
    # Rows say their training: MV, SV and Joint had the same, and the MV of the longer one is told apart from them.
    trainings = {row["init"]: row.get("training") for row in rows if row["in_table"]}
    assert {name: trainings[name] for name in ("meta-mv", "meta-sv", "joint", "meta-mv-long")} == {
        "meta-mv": "300 × 32, here",
        "meta-sv": "300 × 32, shipped",
        "joint": "9600 steps, shipped",
        "meta-mv-long": "1000 × 128, shipped",
    }
    quick, long = (weights.pretrained(SHIPPED[name]["chairs"]["meta-mv"])[2] for name in ("quick", "long"))
    assert quick["num_validation"] == long["num_validation"] == VALIDATED
    # What is shipped of the same training is what the notebook trains, and the longer one is ahead of both.
    assert abs(quick["validation_psnr_db"] - metrics["validation_psnr_db"]) < 0.5
    assert long["validation_psnr_db"] > metrics["validation_psnr_db"]
    assert psnr["meta-mv-long"] > psnr["meta-mv"]
    check_sentences(metrics)


def check_slices(metrics):
    """From two projections on, Reptile over every other initialisation, Standard by far."""
    table = [row for row in metrics["results"] if row["in_table"]]
    for views, bound in {2: 2.0, 4: 2.5, 8: 3.0}.items():
        psnr = {row["init"]: row["psnr_db"] for row in table if row["observations"] == f"views={views}"}
        assert psnr["meta-reptile"] > psnr["standard"] + bound, views
        assert psnr["meta-reptile"] > max(psnr["mean"], psnr["matched"], psnr["shuffled"], psnr["fbp"]), views
        controls = [row["psnr_db"] for row in table if row["observations"] == "none"]
        assert len(controls) == 2 and psnr["meta-reptile"] > max(controls), views


def check_photographs(metrics):
    """Reptile adapts, and stands above Basic NeRF with as many steps, and above random weights by far."""
    after = {row["init"]: row["psnr_db"] for row in metrics["results"] if row["in_table"]}
    before = {row["init"]: row["psnr_db"] for row in metrics["results"] if row["steps"] == 0}
    assert after["meta-reptile"] > before["meta-reptile"] + 1.5
    assert after["meta-reptile"] > after["basic-steps"] + 0.5
    assert after["meta-reptile"] > after["standard"] + 3
    assert after["meta-reptile"] > after["basic"] and after["meta-reptile"] > after["class-mean"] + 3
    assert after["meta-reptile"] > after["nearest-training"] + 3
    chosen_by = metrics["validation_db"]
    assert chosen_by["meta-reptile"] > chosen_by["meta-reptile, trained here"] > chosen_by["standard"] + 1


def check_images(metrics):
    """The paper's order on unseen pictures: MAML first, Reptile over Standard, controls and baselines far below."""
    for data in {row["data"] for row in metrics["results"] if row["in_table"]}:
        psnr = {row["init"]: row["psnr_db"] for row in metrics["results"] if row["in_table"] and row["data"] == data}
        assert psnr["meta-maml"] > psnr["standard"] + 8, data
        assert psnr["meta-maml"] > 5 + max(psnr["mean"], psnr["matched"], psnr["shuffled"]), data
        assert psnr["meta-maml"] > psnr["meta-reptile"] > psnr["standard"], data
        assert psnr["meta-maml"] > 5 + max(psnr["class-mean"], psnr["nearest-training"]), data


def run_demo(monkeypatch, tmp_path, notebook, **settings):
    for name, value in settings.items():
        monkeypatch.setenv(f"LEARNIT_{name}", str(value))
    monkeypatch.setenv("LEARNIT_OUT", str(tmp_path))
    assert demo.main([notebook.stem]) == 0
    return tmp_path / notebook.stem


def test_the_experiments_notebooks_are_there():
    assert [path.stem for path in EXPERIMENTS] == list(CHECKPOINTS)


def test_generated_files_are_up_to_date():
    assert pairing.main(["--check"]) == 0


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_links_to_the_scripts_follow_the_address(path):
    """In Colab the notebook stands alone: a relative link leads nowhere."""
    text = pairing.with_generated_cells(path.read_text("utf-8"), "https://github.com/someone/a-fork", path.stem)
    links = re.findall(r"\(([^() ]*)/blob/main/(data_scripts/\w+\.py)\)", text)
    assert "](../data_scripts" not in text and (links or path.stem[:3] not in ("01_", "02_"))
    for link, name in links:
        assert link == "https://github.com/someone/a-fork" and (ROOT / name).is_file()
    assert text.count("git clone") == text.count("git clone https://github.com/someone/a-fork.git")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_committed_notebooks_are_stripped(path):
    notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


def two_steps(monkeypatch, tmp_path, path, profile):
    """Run a notebook with two steps; returns its folder and its metrics, after a look at all that it leaves."""
    out = run_demo(monkeypatch, tmp_path, path, PROFILE=profile, MAX_STEPS=2)
    page = (out / "index.html").read_text()
    assert "<img" in page and "<div data-explorer" in page and "application/vnd.jupyter.widget" not in page
    assert len(checkpoints(out)) == CHECKPOINTS[path.stem][profile]
    return out, check_results(out, profile)


def checkpoints(out):
    return {file.name: file.read_bytes() for file in (out / "checkpoints").iterdir()}


def goes_on(monkeypatch, tmp_path, path, profile):
    """Two steps, and then a new kernel, which trains nothing again: files are the same to the byte, numbers too."""
    out, before = two_steps(monkeypatch, tmp_path, path, profile)
    kept = checkpoints(out)
    _, after = two_steps(monkeypatch, tmp_path, path, profile)
    assert checkpoints(out) == kept
    assert after["seconds"]["meta_train"] == before["seconds"]["meta_train"]
    assert [row["psnr_db"] for row in after["results"]] == [row["psnr_db"] for row in before["results"]]


@pytest.mark.slow
@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_two_steps_with_the_smallest_settings(monkeypatch, tmp_path, path):
    """The one that takes least time goes on in a new kernel, too."""
    (goes_on if path.stem == "04_phototourism" else two_steps)(monkeypatch, tmp_path, path, "quick")


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_two_steps_with_the_papers_settings(monkeypatch, tmp_path, path):
    out = run_demo(monkeypatch, tmp_path, path, PROFILE="paper", MAX_STEPS=2)
    check_results(out, "paper")


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_two_steps_of_standard_and_a_new_kernel_that_goes_on(monkeypatch, tmp_path, path):
    goes_on(monkeypatch, tmp_path, path, "standard")


def nightly_but_for_the_first(paths):
    return [pytest.param(path, marks=[pytest.mark.nightly] if i else []) for i, path in enumerate(paths)]


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("path", nightly_but_for_the_first(SOURCES[1:]), ids=lambda path: path.stem)
def test_quick_from_beginning_to_end(monkeypatch, tmp_path, path):
    monkeypatch.setenv("LEARNIT_OUT", str(tmp_path))
    notebook = path.with_suffix(".ipynb")
    command = [sys.executable, "-m", "pytest", "--quiet", "--nbmake", "--nbmake-timeout=900", "-p", "no:cacheprovider"]
    subprocess.run([*command, str(notebook)], check=True, cwd=ROOT)
    metrics = check_results(tmp_path / path.stem, "quick")
    check_effect(metrics)
    assert metrics["seconds"]["total"] < 15 * 60  # six minutes are aimed at, on two cores with nothing else to do


@pytest.mark.slow
def test_two_steps_of_the_start(monkeypatch, tmp_path):
    """Notebook 00 has no profiles: a trial cuts its loops short."""
    out = run_demo(monkeypatch, tmp_path, START, MAX_STEPS=2)
    rows = json.loads((out / "metrics.json").read_text())["results"]
    assert [(row["init"], row["num_signals"]) for row in rows] == [("standard", 20), ("meta-maml", 20)]
    assert "<img" in (out / "index.html").read_text() and len(list((out / "figures").glob("*.png"))) == 6


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.alone
def test_the_start_from_beginning_to_end(monkeypatch, tmp_path):
    """With the lines that stand in notebook 00, what it promises: unseen text in two steps."""
    out = run_demo(monkeypatch, tmp_path, START)
    standard, maml = (row["psnr_db"] for row in json.loads((out / "metrics.json").read_text())["results"])
    assert maml >= 29 and standard < 15


def test_the_start_shows_the_curves_of_its_study():
    study = json.loads((ROOT / "docs" / "studies" / "outer_rate.json").read_text())["psnr_db"]
    shown = re.findall(r'^    "(.*)": (\[.*\]),$', START.read_text("utf-8"), re.MULTILINE)
    assert {name: json.loads(values) for name, values in shown} == study
    falling, constant, small = (study[name] for name in ("falling from 3e-4", "constant 3e-4", "constant 1e-4"))
    assert max(constant) - constant[-1] > 5, "the constant rate destroys what it has learned"
    assert small[1] < falling[1] and min(small[-1], falling[-1]) > 30, "a smaller one is slower, and holds"


@pytest.fixture(scope="module")
def colab_python(tmp_path_factory):
    """An environment with exactly constraints/colab.txt; the path of its Python."""
    folder = tmp_path_factory.mktemp("colab")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = str(folder / "bin" / "python")
    constraints = ROOT / "constraints" / "colab.txt"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-compile", "-r", constraints], check=True)
    yield python
    shutil.rmtree(folder)


def versions(python):
    listed = subprocess.run([python, "-m", "pip", "list", "--format=json"], capture_output=True, check=True)
    return {package["name"]: package["version"] for package in json.loads(listed.stdout)}


def on_top_of(python, folder):
    """An environment that finds all packages of another one, and has its own besides; the path of its Python."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    own, below = (next(env.glob("lib/python*/site-packages")) for env in (folder, Path(python).parent.parent))
    (own / "below.pth").write_text(f"{below}\n")
    return str(folder / "bin" / "python")


@pytest.mark.nightly
@pytest.mark.colab
@pytest.mark.parametrize("path", EXPERIMENTS[:1], ids=lambda path: path.stem)
def test_colab_stays_as_it_is_and_runs_the_notebook(tmp_path, path, colab_python, wheel):
    """The set-up cell is the same in all notebooks; the nightly workflow runs all of them with Colab's versions."""
    python = on_top_of(colab_python, tmp_path / "env")
    before = versions(python)
    settings = {"COLAB": "1", "WHEEL": str(wheel), "OUT": str(tmp_path), "MAX_STEPS": "2", "PROFILE": "quick"}
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {f"LEARNIT_{name}": value for name, value in settings.items()}
    # Elsewhere than in the checkout, so that what runs is the wheel.
    copy = shutil.copy(path.with_suffix(".ipynb"), tmp_path)
    execute(tmp_path / copy, env=env, python=python)
    check_results(tmp_path / path.stem, "quick")
    after = versions(python)
    assert {name: after.get(name) for name in before} == before
    assert {"jax", "numpy", "ipywidgets"} <= before.keys()
    assert "learnit" in after and "learnit" not in before


@pytest.mark.nightly
@pytest.mark.colab
def test_the_widgets_work_with_colabs_versions(tmp_path, colab_python, wheel):
    """What tests need besides goes into an environment of its own on top: Colab's stays as it is for other tests."""
    python, held = on_top_of(colab_python, tmp_path / "added"), tmp_path / "held.txt"
    before = versions(colab_python)
    held.write_text("".join(f"{n}=={v}\n" for n, v in before.items()))
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-c", held, wheel, "pytest", "beartype"], check=True)
    assert versions(colab_python) == before
    assert versions(python)["ipywidgets"] == "7.7.1" and versions(python)["anywidget"] == "0.9.21"
    copies = [shutil.copy(ROOT / "tests" / f"test_explorer{part}.py", tmp_path) for part in ("", "_checks")]
    command = [python, "-m", "pytest", "--quiet", "--rootdir", tmp_path, "-p", "no:cacheprovider", *copies]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    finished = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout[-4000:]


def test_the_set_up_cell_does_nothing_elsewhere(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("something was started"))
    exec(pairing.COLAB_CELL)
