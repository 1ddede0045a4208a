"""What is prepared for the day a GPU can be had: all of it runs on a processor, in short."""

import json
import subprocess
import sys

import pytest

from learnit_core.commands import gpu
from learnit_core.errors import LearnitError


def test_a_trial_measures_writes_and_goes_on(tmp_path, capsys):
    gpu.measure(tmp_path, "usual", ["rate"], small=True)
    kept = json.loads((tmp_path / "report.json").read_text())
    rates = kept["measured"]["usual"]["matrix rate, float32"]["tflops"]
    assert kept["trial"] and all(rate > 0 for rate in rates.values())
    fitted = {"seconds": 0.002, "signals_a_second": 4000.0, "tflops": rates["32"] / 4}
    kept["measured"]["usual"]["fits 32 x 32, 4 at once, float32"] = fitted
    (tmp_path / "report.json").write_text(json.dumps(kept))
    capsys.readouterr()
    gpu.measure(tmp_path, "usual", ["rate"], small=True)
    assert capsys.readouterr().out == "", "what is there is not measured again"
    said = gpu.table(kept)
    assert "| 4,000 |" in said and "| 25% |" in said
    with pytest.raises(LearnitError, match="trial is True in .* and False here"):
        gpu.measure(tmp_path, "usual", ["rate"], small=False)
    (tmp_path / "report.json").write_text(json.dumps(kept | {"versions": {"jax": "0.0.1"}}))
    with pytest.raises(LearnitError, match="versions is .*0.0.1.* in .*: name another folder"):
        gpu.measure(tmp_path, "usual", ["rate"], small=True)


def test_what_fails_is_said_and_the_rest_goes_on(tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("RESOURCE_EXHAUSTED: no room\nand more")

    monkeypatch.setattr(gpu, "rate", broken)
    gpu.measure(tmp_path, "usual", ["rate"], small=True)
    mine = json.loads((tmp_path / "report.json").read_text())["measured"]["usual"]
    assert mine == dict.fromkeys(mine, {"failed": "RESOURCE_EXHAUSTED: no room"}) and len(mine) == 2
    (tmp_path / "report.json").write_text("[]")
    with pytest.raises(LearnitError, match="is no report of this command"):
        gpu.measure(tmp_path, "usual", ["rate"], small=True)


def test_a_run_of_which_a_part_failed_has_failed(tmp_path, monkeypatch):
    """An earlier report is there, and is not taken for this run's."""
    gpu.measure(tmp_path, "usual", ["rate"], small=True)
    for codes, said in (((0, 0), 0), ((0, 3), 1)):
        left = iter(codes)
        done = lambda *args, left=left, **kwargs: subprocess.CompletedProcess(args, next(left))  # noqa: E731
        monkeypatch.setattr(gpu.subprocess, "run", done)
        flags = list(gpu.FLAGS)[:2]
        assert gpu.main(["--out", str(tmp_path), "--trial", "--flags", *flags]) == said


@pytest.mark.nightly
def test_all_settings_of_the_compiler_run_to_their_end(tmp_path):
    command = [sys.executable, "-m", "learnit_core.commands.gpu", "--trial", "--out", tmp_path]
    subprocess.run(list(map(str, command)), check=True)
    measured = json.loads((tmp_path / "report.json").read_text())["measured"]
    assert list(measured) == list(gpu.FLAGS)
    for mine in measured.values():
        assert any("step" in name for name in mine) and any("fits 178" in name for name in mine)
        assert not [one for one in mine.values() if "failed" in one]
    assert all(flags in (tmp_path / "report.md").read_text() for flags in gpu.FLAGS)
