"""What holds for all tests: nobody's settings leak in, and nothing is written outside temporary folders."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

os.environ["MPLBACKEND"] = "agg"

# What starts the tests in the background may have them ignore Ctrl-C, and so would all processes that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# `make test` has several processes, of which the first starts the others: what holds for all of them it says once, at
# import, before learnit_core or matplotlib are.
if "PYTEST_XDIST_WORKER" not in os.environ:
    for name in [name for name in os.environ if name.startswith("LEARNIT_")]:
        if name not in ("LEARNIT_CHROMIUM", "LEARNIT_REQUIRE_BROWSER"):  # for the tests, not for what is tested
            del os.environ[name]
    # Rendered signals, and what was compiled, which takes most of the time: what one test has made, the next reads, and
    # so do the processes that they start. Removed when this process ends.
    _shared = tempfile.TemporaryDirectory(prefix="learnit-tests-", ignore_cleanup_errors=True)
    os.environ["LEARNIT_CACHE"] = f"{_shared.name}/cache"
    os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{_shared.name}/compiled"
    # Without a limit: with one, JAX reads the times of all entries whenever it adds one, and there are thousands.
    os.environ["JAX_COMPILATION_CACHE_MAX_SIZE"] = "-1"
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


@pytest.fixture(scope="session", autouse=True)
def _own_folder(tmp_path_factory):
    os.environ["LEARNIT_OUT"] = str(tmp_path_factory.mktemp("out"))


def pytest_collection_modifyitems(items):
    """Where several processes share the tests: first those that want the machine alone, while all others are short.

    Then the long ones, so that none is left for the end, when the other processes have nothing to do.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        marks = ("alone", "installs", "slow")
        items.sort(key=lambda item: [item.get_closest_marker(mark) is None for mark in marks])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """A test marked `alone` waits until the other processes' tests have ended, and they wait for it.

    What the tests set up and take down counts as part of them.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    import fcntl

    alone = item.get_closest_marker("alone") is not None
    room, door = (Path(os.environ["LEARNIT_CACHE"]).with_name(name) for name in ("room", "door"))
    with room.open("w") as inside, contextlib.ExitStack() as waiting:
        # Through the door one at a time: else those who share the room could keep it from the one who wants it whole.
        fcntl.flock(waiting.enter_context(door.open("w")), fcntl.LOCK_EX)
        fcntl.flock(inside, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        waiting.close()
        return (yield)


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
