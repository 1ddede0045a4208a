"""`make networks` in processes of its own: both commands one after the other, and kills at any moment."""

import json
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from test_networks import FIELD, RATED, contents

from learnit_core import networks, weights


@pytest.mark.nightly
def test_from_photographs_to_a_set_in_two_commands(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "train.npy", rng.integers(0, 256, (6, 8, 8, 3), np.uint8))
    np.save(tmp_path / "unseen.npy", rng.integers(0, 256, (5, 8, 8, 3), np.uint8))

    def run(*arguments):
        words = [sys.executable, "-m", "learnit_core.commands.networks", *map(str, arguments), "--size", "8"]
        return subprocess.run(words, capture_output=True, text=True)

    first = run("start", tmp_path / "train.npy", "--out", tmp_path / "start", "--minutes", 0.001)
    assert first.returncode == 0 and "pictures kept apart" in first.stdout, first.stderr
    fitted = ("fit", tmp_path / "unseen.npy", "--start", tmp_path / "start" / "start.safetensors")
    second = run(*fitted, "--out", tmp_path / "set", "--steps", 2, "--type", "float16")
    assert second.returncode == 0 and "5 networks" in second.stdout, second.stderr
    assert len(networks.open(tmp_path / "set")) == 5
    assert json.loads((tmp_path / "set" / networks.FILE).read_text())["setting"]["optimizer"] == "learned"
    refused = run(*fitted, "--out", tmp_path / "other", "--optimizer", "adam")
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1 and not (tmp_path / "other").exists()


@pytest.mark.nightly
def test_a_command_that_is_killed_at_random_ends_with_the_same_bytes(tmp_path):
    """Twelve kills spread over the time of a whole run, in which it starts, reads and compiles; then six among shards.

    The other set is made without a file of theirs. All have the same block, which is else chosen by a clock: the set is
    less work than a trial of blocks.
    """
    rng = np.random.default_rng(0)
    np.save(tmp_path / "pictures.npy", rng.integers(0, 256, (120, 6, 6, 1), np.uint8))
    weights.save(tmp_path / "start.safetensors", FIELD, RATED, {})
    words = [sys.executable, "-m", "learnit_core.commands.networks", "fit", "pictures.npy", "--size", "6"]
    words += ["--start", "start.safetensors", "--shard", "10", "--out"]
    cut = tmp_path / "cut"

    def run(folder):
        return subprocess.Popen([*words, folder], cwd=tmp_path)

    def shards():
        return len(list(cut.glob("networks-*.safetensors")))

    def finished():
        assert run("cut").wait() == 0
        assert contents(cut) == whole
        shutil.rmtree(cut)

    began = time.monotonic()
    assert run("whole").wait() == 0
    duration, whole = time.monotonic() - began, contents(tmp_path / "whole")
    for part in rng.permutation(np.linspace(0.02, 0.98, 12)):
        for _ in range(5):  # a run that was over before its kill, as on a machine that has become less busy, is no kill
            began, process = time.monotonic(), run("cut")
            try:
                process.wait(part * duration)
            except subprocess.TimeoutExpired:
                process.kill()
            if process.wait() < 0:
                break
            duration = min(duration, time.monotonic() - began)
            finished()
        else:
            raise AssertionError("all runs were over before they were killed")
    finished()
    for _ in range(6):
        process, before, patience = run("cut"), shards(), time.monotonic() + 120
        while shards() <= before and process.poll() is None and time.monotonic() < patience:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.02))
        process.kill()
        process.wait()
        assert shards() > before, "no progress between two kills"
        if shards() == 12:
            finished()
    finished()
