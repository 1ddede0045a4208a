"""What holds for all tests: nobody's settings leak in, and nothing is written outside temporary folders."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

# At import, before learnit_core or matplotlib are.
for name in [name for name in os.environ if name.startswith("LEARNIT_")]:
    if name not in ("LEARNIT_CHROMIUM", "LEARNIT_REQUIRE_BROWSER"):  # for the tests, not for what is tested
        del os.environ[name]
os.environ["MPLBACKEND"] = "agg"

# Compiling takes most of the tests' time, and many tests compile the same: what one has compiled, the next reads,
# and so do the processes that they start. Removed when this process ends.
_compiled = tempfile.TemporaryDirectory(prefix="learnit-compiled-")
os.environ["JAX_COMPILATION_CACHE_DIR"] = _compiled.name
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Rendered signals, and programs that take a while to compile, are kept for one run of the tests."""
    os.environ["LEARNIT_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["LEARNIT_OUT"] = str(tmp_path_factory.mktemp("out"))
    # Notebooks run in processes of their own: what one has compiled, the next need not.
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(tmp_path_factory.mktemp("compiled"))
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.3"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The project's wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, root]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture
def server():
    """A file server on this machine that can be made to misbehave."""
    import local_server

    running = local_server.Server()
    yield running
    running.close()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of one's own to work in, with a cache of its own, and no waiting."""
    from getting import fetch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEARNIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "PAUSE", 0.0)
    return tmp_path
