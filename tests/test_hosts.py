"""Other hosts than the one at hand: systems that are not POSIX, checkouts that cannot be written, other versions."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from test_notebooks import versions
from test_repository import pins

from learnit_core.commands import lab
from learnit_core.commands.repository import ROOT

# Without what Windows has not: by this all modules are imported and what they do with files and signals is tried. What
# other packages take from the system they have imported before.
ELSEWHERE = """
import importlib, os, pathlib, pkgutil, runpy, signal, sys
import jax, matplotlib.pyplot, nbclient, numpy, optax, pooch, pycolmap, scipy.ndimage, skimage, tqdm
import jupytext, nbformat, ipywidgets, anywidget, anyio, platformdirs, filelock, subprocess, tempfile, PIL.Image
import concurrent.futures, multiprocessing.pool

hidden = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "crypt", "syslog", "posix")
sys.modules |= dict.fromkeys(hidden)
for name in ("SIGHUP", "SIGKILL", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGCHLD", "SIGPIPE", "setitimer"):
    delattr(signal, name)
for name in ("fork", "getuid", "geteuid", "getgid", "getpgid", "killpg", "setsid", "statvfs", "pread", "pwrite",
             "mkfifo", "sched_getaffinity", "uname", "chown", "fchmod", "nice", "getloadavg"):
    delattr(os, name)

import learnit_core
root, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.path.insert(0, str(root / "data_scripts"))
modules = [m.name for m in pkgutil.walk_packages(learnit_core.__path__, "learnit_core.")]
modules += ["getting"] + [f"getting.{m.name}" for m in pkgutil.iter_modules([str(root / "data_scripts" / "getting")])]
modules += [path.stem for path in (root / "data_scripts").glob("*.py")]
for name in modules:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:  # an extra may not be installed
        if error.name in hidden:
            raise

import test_training
from learnit_core import metrics, weights
from learnit_core.signals import cache
state, _ = test_training.small_training(folder / "run" / "c.safetensors", num_steps=3)
assert int(weights.read_arrays(folder / "run" / "c.safetensors")[0]["step"]) == 3
cache.keep(folder / "kept.npz", a=numpy.ones(2))
assert cache.read(folder / "kept.npz")["a"].sum() == 2
metrics.peak_memory_bytes()
print(len(modules), "modules")
"""


def twelve_pictures(folder):
    folder.mkdir(parents=True)
    for i in range(12):
        noise = np.random.default_rng(i).integers(0, 255, (16, 16, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{i}.png")


def child(command, **options):
    """What a command says. Fails with all of it if it ends with an error."""
    finished = subprocess.run([*map(str, command)], capture_output=True, encoding="utf-8", **options)
    assert finished.returncode == 0, finished.stdout[-6000:] + finished.stderr[-6000:]
    return finished.stdout


def test_nothing_needs_what_windows_has_not(tmp_path):
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    said = child([sys.executable, "-c", ELSEWHERE, ROOT, tmp_path], env=os.environ | {"PYTHONPATH": path})
    assert int(said.split()[0]) > 100


def opens_text(name, of, given, words):
    """Whether a call of ``name``, of a module or object ``of``, has to do with text: ``given`` are its arguments."""
    if name in ("read_text", "write_text", "TextIOWrapper"):
        return "'utf-8'" not in given
    if name in ("run", "Popen", "call", "check_call", "check_output"):
        return "True" in (words.get("text"), words.get("universal_newlines"))
    if name.endswith("TemporaryFile"):
        place, usual = 0, "'w+b'"
    elif name == "fdopen" or (name == "open" and of in ("", "io")):
        place, usual = 1, "'r'"
    elif name == "open" and of in ("gzip", "bz2", "lzma"):
        return "t" in words.get("mode", given[1] if len(given) > 1 else "")
    elif name == "open" and of not in ("Image", "tarfile", "os", "webbrowser") and "archive" not in of:
        # Of a path, or of a module that is chosen as the program runs.
        return not any(
            re.fullmatch("'b?[rwax][+b]*'", mode) and "b" in mode for mode in [*given[:2], words.get("mode", "")]
        )
    else:
        return False
    return "b" not in words.get("mode", given[place] if len(given) > place else usual)


def without_encoding(source):
    """Lines where text is read or written in whatever encoding the host has."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name | ast.Attribute):
            continue
        name, of = (
            (call.func.id, "") if isinstance(call.func, ast.Name) else (call.func.attr, ast.unparse(call.func.value))
        )
        words = {word.arg: ast.unparse(word.value) for word in call.keywords}
        if "encoding" not in words and opens_text(name, of, [*map(ast.unparse, call.args)], words):
            yield call.lineno


SPOILT = """a.read_text()
open(b)
c.open('w')
d.write_text(e)
open('b')
io.open(path, mode='a')
NamedTemporaryFile('w')
tempfile.TemporaryFile(mode='w+')
os.fdopen(fd, 'w')
os.fdopen(fd)
subprocess.run(['git'], text=True)
subprocess.check_output(['git'], universal_newlines=True)
io.TextIOWrapper(raw)
gzip.open('b', 'rt')"""
SOUND = """d.write_text(e, encoding='utf-8')
a.read_text('utf-8')
open(f, 'rb')
open('f', 'w', encoding='utf-8')
a.open('rb')
a.open(mode='wb')
module.open(path, 'rb')
Image.open(g)
self.archive.open(member)
NamedTemporaryFile('w', encoding='utf-8')
NamedTemporaryFile(suffix='.npy')
os.fdopen(fd, 'wb')
os.open(path, flags)
subprocess.run(['git'])
subprocess.run(['git'], encoding='utf-8')
io.TextIOWrapper(raw, 'utf-8')
gzip.open('t')"""


def test_text_is_utf8_on_every_host():
    assert list(without_encoding(SPOILT)) == list(range(1, 15))
    assert list(without_encoding(SOUND)) == []
    files = [path for folder in ("learnit_core", "data_scripts", "notebooks") for path in (ROOT / folder).rglob("*.py")]
    found = {path.name: lines for path in files if (lines := list(without_encoding(path.read_text("utf-8"))))}
    assert not found


def test_what_the_output_cannot_show_is_no_error(tmp_path):
    """Output that is piped on Windows is in a code page, and names of folders are in any script."""
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252", "LEARNIT_CACHE": str(tmp_path / "cache")}
    twelve_pictures(tmp_path / "Łódź →")
    command = [sys.executable, ROOT / "data_scripts" / "folder.py", "Łódź →", "--size", "16"]
    assert "train      10 pictures" in child(command, cwd=tmp_path, env=env, errors="replace")
    said = child([sys.executable, "-c", "import learnit_core.commands; print('2 → 3 dB')"], env=env)
    assert said == "2 ? 3 dB\n"


def test_jupyterlab_is_waited_for_on_windows(monkeypatch):
    """Where a process cannot be replaced; ``lab`` ends as JupyterLab does."""
    started = []
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "argv", ["lab", "--no-browser"])
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("replaced"))
    monkeypatch.setattr(subprocess, "run", lambda c, env: started.append(c) or SimpleNamespace(returncode=3))
    with pytest.raises(SystemExit) as ended:
        lab.main()
    assert ended.value.code == 3 and started[0][-1] == "--no-browser"


# A checkout that cannot be written, no home, another working directory


@pytest.fixture
def read_only(tmp_path):
    """A copy of the checkout without a right to write in it, and what a command is to begin with to lack it (root)."""
    copy = tmp_path / "checkout"
    for name in ("learnit_core", "notebooks", "data_scripts", "pyproject.toml"):
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, copy)
    everything = [copy, *copy.rglob("*")]
    for path in everything:
        path.chmod(path.stat().st_mode & ~0o222)
    first = []
    if os.access(copy, os.W_OK):
        if not shutil.which("setpriv"):
            pytest.skip("who may write everywhere needs setpriv to try this")
        first = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    yield copy, first
    for path in everything:
        path.chmod(path.stat().st_mode | 0o200)


def homeless(folder):
    """The environment without HOME. The home that the system knows of stays as it is: caches are elsewhere."""
    gone = ("HOME", "PYTHONPATH", "LEARNIT_CACHE", "LEARNIT_OUT", "JAX_COMPILATION_CACHE_DIR")
    kept = {name: value for name, value in os.environ.items() if name not in gone}
    places = ("TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "IPYTHONDIR")
    (folder / "tmp").mkdir()
    return kept | {name: str(folder / "tmp") for name in places} | {"LEARNIT_MAX_STEPS": "2"}


@pytest.mark.nightly
@pytest.mark.slow
def test_from_a_checkout_that_cannot_be_written(tmp_path, read_only):
    """A set is prepared and notebook 00 is run, from another folder and without a home, and all lies in that folder."""
    checkout, first = read_only
    away = tmp_path / "away"
    twelve_pictures(away / "pictures")
    env = homeless(tmp_path) | {"PYTHONPATH": str(checkout)}
    before = sorted(checkout.rglob("*"))
    child(
        [*first, sys.executable, checkout / "data_scripts" / "folder.py", "pictures", "--size", "16"], cwd=away, env=env
    )
    child([*first, sys.executable, "-m", "learnit_core.commands.demo", "00"], cwd=away, env=env)
    assert (away / "data" / "folder-pictures" / "prepared.json").is_file()
    assert (away / "out" / "00_start_here" / "index.html").is_file()
    assert sorted(checkout.rglob("*")) == before


# Other versions

CORE = ("models", "losses", "fit", "meta", "training", "evaluate", "weights", "volume", "tomography", "signals")
WIDGETS = ("explorer", "explorer_checks", "fitting")

HOSTS = [("3.12", "python312"), ("3.12", "newest"), ("3.13", "newest")]


def python_of(version):
    """An interpreter of this version: the one that runs the tests, one on the path, or one of pyenv's."""
    own = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [
        sys.executable,
        shutil.which(f"python{version}"),
        *sorted(own.glob(f"versions/{version}.*/bin/python")),
    ]
    show = "import sys, ensurepip; print('%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, candidates):
        said = subprocess.run([candidate, "-c", show], capture_output=True, text=True)
        if said.returncode == 0 and said.stdout.strip() == version:
            return str(candidate)
    pytest.skip(f"there is no Python {version}")


@pytest.mark.nightly
@pytest.mark.installs
@pytest.mark.parametrize("version, constraints", HOSTS)
def test_the_core_the_widgets_and_a_notebook_with_other_versions(tmp_path, version, constraints):
    """As somebody with this Python installs it, without a home, from another folder; JAX's deprecations are errors."""
    child([python_of(version), "-m", "venv", tmp_path / "env"])
    python = str(tmp_path / "env" / "bin" / "python")
    held = ROOT / "constraints" / f"{constraints}.txt"
    child([python, "-m", "pip", "install", "--quiet", "-c", held, "-e", f"{ROOT}[notebooks,data,dev]"])
    found = {name.lower().replace("_", "-"): value for name, value in versions(python).items()}
    assert {name: found.get(name) for name in pins(constraints)} == {n: str(v) for n, v in pins(constraints).items()}
    chosen = [ROOT / "tests" / f"test_{name}.py" for name in (*CORE, *WIDGETS)]
    strict = ["-o", "filterwarnings=error::DeprecationWarning:learnit_core.*", "-m", "not nightly and not slow"]
    env = homeless(tmp_path)
    command = [python, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", "-p", "no:xdist", *strict, *chosen]
    child(command, cwd=tmp_path, env={name: value for name, value in env.items() if name != "LEARNIT_MAX_STEPS"})
    child([python, "-m", "learnit_core.commands.demo", "00"], cwd=tmp_path, env=env)
    assert (tmp_path / "out" / "00_start_here" / "index.html").is_file()
