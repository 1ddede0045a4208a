"""The metrics file: its rows, that it is JSON, and that it is written whole or not at all."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from learnit_core import metrics
from learnit_core.commands.repository import ROOT
from learnit_core.errors import LearnitError

ABOUT = dict(
    experiment="image",
    trained_on="text",
    data="text",
    split="test",
    init="meta-maml",
    observations="full",
    steps=2,
    seed=0,
)
FRAME = dict(notebook="01_x", profile="quick", seed=0, precision="highest", seconds={"total": 1.23456})


def test_a_row_holds_mean_and_sample_deviation():
    scores = np.array([20.0, 22.0, 27.0], np.float32)
    row = metrics.row(
        **ABOUT,
        psnr_per_signal=scores,
        steps_to_match=np.array([3, 5, 7]),
        optimizer="sgd",
        learning_rate=0.01,
        tuned_on="validation",
        in_table=True,
        limit=40,
    )
    assert row["psnr_db"] == 23 and row["psnr_std"] == round(np.sqrt((9 + 1 + 16) / 2), 3)
    assert row["psnr_per_signal"] == [20, 22, 27] and row["num_signals"] == 3
    assert row["steps_to_match"] == 5 and row["steps_to_match_std"] == 2
    assert row["limit"] == 40 and row["in_table"] is True
    assert {name: row[name] for name in ABOUT} == ABOUT
    assert json.loads(json.dumps(row)) == row


def test_a_single_signal_has_no_deviation_and_no_match_is_null():
    row = metrics.row(**ABOUT, psnr_per_signal=[31.23456])
    assert row["psnr_db"] == 31.235 and row["psnr_std"] is None
    assert row["steps_to_match"] is None and row["steps_to_match_std"] is None
    assert row["optimizer"] is None and row["in_table"] is False


def test_a_row_has_all_fields_of_the_design():
    assert set(metrics.row(**ABOUT, psnr_per_signal=[1.0])) == {
        "experiment",
        "trained_on",
        "data",
        "split",
        "init",
        "observations",
        "steps",
        "optimizer",
        "learning_rate",
        "tuned_on",
        "psnr_db",
        "psnr_std",
        "psnr_per_signal",
        "steps_to_match",
        "steps_to_match_std",
        "num_signals",
        "seed",
        "in_table",
    }
    assert set(metrics.KEY) == set(ABOUT)


def test_the_file_is_json_and_says_how_it_came_about(tmp_path):
    rows = [metrics.row(**ABOUT, psnr_per_signal=[1.0], in_table=True), metrics.row(**ABOUT, psnr_per_signal=[2.0])]
    file = tmp_path / "deep" / "metrics.json"
    report = metrics.write(file, **FRAME, results=rows, extra={"a": [1]})
    assert json.loads(file.read_text("utf-8")) == report
    assert report["results"] == rows and report["extra"] == {"a": [1]} and report["seconds"] == {"total": 1.23}
    assert report["device"].startswith(("cpu: ", "gpu: ", "tpu: "))
    assert {"python", "jax", "jaxlib", "optax", "numpy", "learnit"} == set(report["versions"])
    assert 50e6 < report["peak_memory_bytes"] < 1e12
    assert [f.name for f in file.parent.iterdir()] == ["metrics.json"]


def test_two_rows_in_one_cell_of_the_table_are_refused(tmp_path):
    file = tmp_path / "metrics.json"
    row = metrics.row(**ABOUT, psnr_per_signal=[1.0], in_table=True)
    metrics.write(file, **FRAME, results=[row])
    kept = file.read_bytes()
    again = metrics.row(**ABOUT, psnr_per_signal=[2.0], in_table=True, optimizer="adam")
    with pytest.raises(LearnitError, match="two rows of .*metrics.json.*meta-maml"):
        metrics.write(file, **FRAME, results=[row, again])
    assert file.read_bytes() == kept
    for name, value in {"steps": 0, "seed": 1, "init": "standard", "trained_on": None, "data": "faces"}.items():
        metrics.write(file, **FRAME, results=[row, again | {name: value}])


@pytest.mark.parametrize("bad", [object(), np.float32(1), float("nan"), {1, 2}])
def test_what_is_no_json_leaves_the_old_file(tmp_path, bad):
    file = tmp_path / "metrics.json"
    metrics.write_json(file, {"old": 1})
    with pytest.raises((TypeError, ValueError)):
        metrics.write_json(file, {"new": bad})
    assert json.loads(file.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [file], "something half-written is left"


def test_exact_copies_and_diverged_fits_are_numbers_too(tmp_path):
    """JSON knows neither infinity nor NaN, and neither must cost a finished run its file."""
    row = metrics.row(**ABOUT, psnr_per_signal=[20.0, np.inf, np.nan, 40.0])
    assert row["psnr_per_signal"] == [20, 100, 0, 40] and row["psnr_db"] == 40
    metrics.write(tmp_path / "metrics.json", **FRAME, results=[row])


def test_peak_memory_grows_with_what_is_used():
    before = metrics.peak_memory_bytes()
    assert 50e6 < before < 1e12
    np.ones(before // 8 + 30_000_000)
    assert metrics.peak_memory_bytes() >= before + 200e6


def test_peak_memory_on_windows(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    counts = SimpleNamespace(rss=1, peak_wset=123)
    process = SimpleNamespace(memory_info=lambda: counts)
    monkeypatch.setitem(sys.modules, "psutil", SimpleNamespace(Process=lambda: process))
    assert metrics.peak_memory_bytes() == 123
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert metrics.peak_memory_bytes() is None


WITHOUT = """
import importlib, pkgutil, sys
for name in ("resource", "fcntl", "psutil"):
    sys.modules[name] = None
import learnit_core
for folder in learnit_core.__path__, [sys.argv[1]]:
    prefix = "" if folder == [sys.argv[1]] else "learnit_core."
    for module in pkgutil.walk_packages(folder, prefix):
        importlib.import_module(module.name)
print(len(sys.modules), learnit_core.metrics.peak_memory_bytes())
"""


@pytest.mark.nightly
def test_everything_is_imported_where_the_system_has_less():
    """Windows has neither resource nor fcntl, and psutil need not be installed."""
    scripts = ROOT / "data_scripts"
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(scripts)!r}]\n{WITHOUT}",
        scripts,
    ]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith(" None\n")
