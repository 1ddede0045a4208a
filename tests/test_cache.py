"""The folder of what is kept, and arrays in it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from learnit_core.commands.repository import ROOT
from learnit_core.signals import cache


def test_the_users_choice_comes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("LEARNIT_CACHE", f" {tmp_path / 'own'} ")
    assert cache.folder() == tmp_path / "own"
    monkeypatch.setenv("LEARNIT_CACHE", "~/own")
    assert cache.folder() == Path.home() / "own"


@pytest.mark.skipif(sys.platform != "linux", reason="where other systems keep caches is up to platformdirs")
def test_the_systems_folder_is_next(tmp_path):
    code = "from learnit_core.signals import cache; print(cache.folder())"

    def found(**environment):
        kept = {name: value for name, value in os.environ.items() if name not in ("LEARNIT_CACHE", "XDG_CACHE_HOME")}
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=kept | environment, capture_output=True, text=True
        )
        return Path(run.stdout.strip())

    assert found(XDG_CACHE_HOME=str(tmp_path)) == tmp_path / "learnit"
    assert found(HOME=str(tmp_path), XDG_CACHE_HOME="", LEARNIT_CACHE="") == tmp_path / ".cache" / "learnit"
    assert not (tmp_path / "learnit").exists()  # asking makes nothing


def test_what_was_kept_is_read_and_what_is_damaged_is_not(tmp_path):
    file = tmp_path / "deep" / "arrays.npz"
    assert cache.read(file) is None
    cache.keep(file, a=np.arange(3))
    np.testing.assert_array_equal(cache.read(file)["a"], [0, 1, 2])
    file.write_bytes(file.read_bytes()[:-30])
    assert cache.read(file) is None
