"""Several processes that prepare the same set, and processes that are killed: the set is whole, or it is not there."""

import fcntl
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import filelock
import local_server as serve
import pytest
from script_cases import CASES, EVERY, Case, call, check, every_night, manifest, sha256, start, wait

from getting import output
from learnit_core.commands.repository import ROOT
from learnit_core.signals import prepared


@every_night("imagenette", "srn")
def test_two_at_once(server, place, case):
    """The server answers only when both have started; the one that came second waits for the first."""
    gate = threading.Event()
    url = server.url(case.file, case.content, gate=gate)
    more = manifest(place, case, url, sha256=sha256(case.content))
    first = start(case, place, *more)
    while first.poll() is None and not server.requests[f"/{case.file}"]:
        time.sleep(0.02)
    second = start(case, place, *more)
    assert "waiting for another process" in second.stdout.readline()
    gate.set()
    said = wait(first), wait(second)
    assert (first.returncode, second.returncode) == (0, 0), said
    assert "waiting" not in said[0] and "is there already" not in said[0]
    assert "is there already" in said[1]
    check(place, case)
    assert len(server.requests[f"/{case.file}"]) == 1


def test_a_file_system_without_locks_is_warned_about(server, place, monkeypatch, capsys):
    """It must not be taken for another process that has the lock: that would be waited for, for ever."""
    calls = []

    def flock(*_):
        calls.append(1)
        assert len(calls) < 20, "it waits for ever"
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)
    case = CASES["imagenette"]
    assert call(case, *manifest(place, case, server.url(case.file, case.content))) == 0
    assert "has no locks (Operation not supported)" in capsys.readouterr().out
    check(place, case)


COUNTS = """
from pathlib import Path
from getting import output
for _ in range(60):
    with output.locked(Path("lock"), "it"):
        Path("count").write_text(str(int(Path("count").read_text()) + 1))
"""

HOLDS = """
import time
from pathlib import Path
from getting import output
with output.locked(Path("lock"), "it"):
    print("held", flush=True)
    time.sleep(600)
"""


def script(code, folder):
    """A Python process in the folder that can import data_scripts."""
    paths = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'data_scripts'}"}
    pipe = {"stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], cwd=folder, env=os.environ | paths, **pipe)


def test_a_lock_excludes_other_processes(tmp_path):
    """Whoever holds it removes its file when done: those who waited for that file must not all believe they have it."""
    (tmp_path / "count").write_text("0")
    processes = [script(COUNTS, tmp_path) for _ in range(3)]
    assert all(process.communicate() and process.returncode == 0 for process in processes)
    assert (tmp_path / "count").read_text() == "180"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


def test_a_lock_ends_with_its_process(tmp_path):
    process = script(HOLDS, tmp_path)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(filelock.Timeout):
        filelock.FileLock(tmp_path / "lock").acquire(blocking=False)
    process.kill()
    process.communicate()
    with output.locked(tmp_path / "lock", "it"):
        pass


def kill_at(moment, number, case, place, *more):
    """Run a script that is killed at a moment (killed_at.py); says whether it was."""
    command = [sys.executable, str(Path(__file__).with_name("killed_at.py")), moment, str(number), case.script]
    process = start(case, place, *more, command=command)
    said = wait(process)
    assert process.returncode in (0, -signal.SIGKILL), said
    return process.returncode != 0


MOMENTS = {
    "before-verification": ("getting.fetch.verify", 1),
    "when-verified": ("os.replace", 1),
    "before-the-conversion": ("getting.output.whole", 1),
    "in-the-conversion": ("getting.output.RowWriter.append", None),
    "before-the-description": ("getting.output.describe", 1),
    "before-it-gets-its-name": ("os.rename", 1),
    "before-the-downloads-are-removed": ("getting.mirrors.remove", 1),
}


@every_night("imagenette", "srn")
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_moment(server, place, case, moment):
    where, number = MOMENTS[moment]
    if number is None:
        number = random.randint(1, 24)
        print(f"killed at row {number}")  # shown if the test fails
    more = manifest(place, case, server.url(case.file, case.content), sha256=sha256(case.content))
    assert kill_at(where, number, case, place, *more)
    target = place / "data" / case.key
    assert target.exists() == (moment == "before-the-downloads-are-removed")
    if target.exists():  # only what was downloaded is in the way
        assert call(case, *more, "--to", "again") == 0
    assert call(case, *more) == 0
    check(place, case)
    assert len(server.requests[f"/{case.file}"]) == 1, "a whole download was fetched again"


@pytest.mark.nightly
@EVERY
def test_killed_while_it_downloads(server, place, case):
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # shown if the test fails
    rng = random.Random(seed)
    url = server.url(case.file, case.content, pause=0.02)
    more = manifest(place, case, url, sha256=sha256(case.content))
    killed = 0
    for _ in range(2):
        before = len(server.requests[f"/{case.file}"])
        process = start(case, place, *more)
        while process.poll() is None and len(server.requests[f"/{case.file}"]) == before:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.02 * len(case.content) / 4096 / 2))
        process.send_signal(signal.SIGKILL)
        wait(process)
        killed += process.returncode == -signal.SIGKILL
    assert killed
    server.files[f"/{case.file}"].pause = 0.0
    last = start(case, place, *more)
    said = wait(last)
    assert last.returncode == 0, said
    check(place, case)
    kept = {path.name: path.read_bytes() for path in (place / "data" / case.key).rglob("*.npy")}
    assert call(case, *more, "--to", place / "undisturbed") == 0
    assert kept == {path.name: path.read_bytes() for path in (place / "undisturbed").rglob("*.npy")}


def test_killed_while_it_writes(place):
    """A folder of pictures that takes a moment to convert: whatever the moment, the target is whole or not there."""
    case = Case("folder", [], "folder-mine", "", b"", None)
    (place / "mine").mkdir()
    for i, picture in enumerate(serve.drawn(250, 160, 160)):
        (place / "mine" / f"{i:03d}.png").write_bytes(serve.png(picture))
    target, partial, seen = place / "data" / "folder-mine", place / "data" / ".folder-mine.partial", 0
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # shown if the test fails
    for delay in (0, random.Random(seed).uniform(0, 0.2)):
        process = start(case, place, "mine", "--size", 120)
        while process.poll() is None and not (partial / "train.npy").exists():
            time.sleep(0.005)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        seen += partial.exists()
        assert not (target.exists() and partial.exists())
        assert not target.exists() or prepared.is_prepared(target)
        if target.exists():
            break
    assert seen, "it was never stopped while it wrote"
    last = start(case, place, "mine", "--size", 120)
    assert last.wait() == 0
    assert sum(entry["count"] for entry in prepared.describe(target)["splits"].values()) == 250
    assert [path.name for path in (place / "data").iterdir()] == ["folder-mine"]
