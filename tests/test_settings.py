"""What is set from outside, by LEARNIT_ variables; and what JAX keeps of what it compiles."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from learnit_core.commands import results
from learnit_core.commands.repository import ROOT
from learnit_core.errors import LearnitError
from learnit_core.experiments import image
from learnit_core.experiments.settings import PROFILES, Settings, keep_compiled
from learnit_core.signals import cache


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in ("PROFILE", "DATA", "TEST_DATA", "OUT", "MAX_STEPS"):
        monkeypatch.delenv(f"LEARNIT_{name}", raising=False)


def test_defaults(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = Settings.from_env()
    assert (found.profile, found.data, found.test_data, found.max_steps) == ("quick", None, None, None)
    assert found.out == tmp_path / "out"


@pytest.mark.parametrize(
    "variable, value, field, expected",
    [
        *[("PROFILE", name, "profile", name) for name in PROFILES],
        ("PROFILE", " paper ", "profile", "paper"),
        ("DATA", "sdf", "data", "sdf"),
        ("DATA", "my pictures/2023", "data", "my pictures/2023"),
        ("TEST_DATA", "me.jpg", "test_data", "me.jpg"),
        ("OUT", "results", "out", Path("results").absolute()),
        ("OUT", "/somewhere/else", "out", Path("/somewhere/else")),
        ("OUT", "~/results", "out", Path.home() / "results"),
        ("MAX_STEPS", "1", "max_steps", 1),
        ("MAX_STEPS", "250", "max_steps", 250),
    ],
)
def test_each_variable(monkeypatch, variable, value, field, expected):
    monkeypatch.setenv(f"LEARNIT_{variable}", value)
    assert getattr(Settings.from_env(), field) == expected


@pytest.mark.parametrize("variable", ["PROFILE", "DATA", "TEST_DATA", "OUT", "MAX_STEPS"])
def test_an_empty_variable_is_an_unset_one(monkeypatch, variable):
    expected = Settings.from_env()
    monkeypatch.setenv(f"LEARNIT_{variable}", "  ")
    assert Settings.from_env() == expected


@pytest.mark.parametrize("profile", ["fast", "Quick", "quick,paper"])
def test_an_unknown_profile(monkeypatch, profile):
    monkeypatch.setenv("LEARNIT_PROFILE", profile)
    with pytest.raises(LearnitError, match=f"'{profile}' in LEARNIT_PROFILE: expected quick, standard, paper"):
        Settings.from_env()
    with pytest.raises(LearnitError, match=profile):
        Settings(profile=profile)


@pytest.mark.parametrize("steps", ["0", "-3", "1.5", "ten", "1e3", "²"])
def test_bad_maximal_steps(monkeypatch, steps):
    monkeypatch.setenv("LEARNIT_MAX_STEPS", steps)
    with pytest.raises(LearnitError, match="LEARNIT_MAX_STEPS is .*: expected a whole number of at least 1"):
        Settings.from_env()


def test_cap():
    assert Settings().cap(500) == 500
    assert Settings(max_steps=20).cap(500) == 20 and Settings(max_steps=20).cap(3) == 3


def test_runs_cut_short_replace_nothing_that_is_kept(tmp_path):
    kept, elsewhere = tmp_path / "kept", tmp_path / "elsewhere"
    with pytest.raises(LearnitError, match="LEARNIT_MAX_STEPS is set, and kept would be replaced.*--target"):
        Settings(max_steps=5).keep(kept, kept)
    Settings(max_steps=5).keep(elsewhere, kept)
    Settings().keep(kept, kept)


def test_maximal_steps_cap_every_loop_of_a_profile():
    profile = image.PROFILES["paper"]
    assert profile.capped(Settings()) == profile
    capped = profile.capped(Settings(max_steps=3))
    assert (capped.num_steps, capped.fit_steps, capped.limit) == (3, 3, 3)
    assert all(few <= 30 for few in capped.counts) and capped.size == 64
    # Fewer than two steps would leave the table's column of two steps without its number.
    assert profile.capped(Settings(max_steps=1)).limit == 2
    assert profile.capped(Settings(max_steps=10**9)) == profile
    assert capped.training() != profile.training(), "a capped run would go on from a full one's checkpoint"


def test_the_projects_folder_is_known_by_any_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LearnitError, match="run cut short"):
        Settings(max_steps=5).keep(Path("docs/../docs"), tmp_path / "docs")


def test_results_elsewhere_leave_the_readme_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, "TARGET", tmp_path / "docs" / "results")
    monkeypatch.chdir(tmp_path)
    readme, before = tmp_path / "README.md", "<!-- ct results -->\nold\n<!-- end of ct results -->\n"
    readme.write_text(before)
    for elsewhere in (Path("trial"), Path("out/trial"), tmp_path / "out" / "results"):
        results.tell(elsewhere, ["| a gap |"], "new", "ct")
        assert readme.read_text() == before and "| a gap |" in capsys.readouterr().out
    results.tell(Path("docs/results"), [], "new", "ct")
    assert readme.read_text() == before.replace("old", "new")


# Compiled programs

BEGIN = """
import json, sys, warnings
warnings.simplefilter("error")
import jax
from learnit_core.experiments.settings import Settings
{before}
Settings.from_env()
names = "compilation_cache_dir", "compilation_cache_max_size", "persistent_cache_min_compile_time_secs"
print(json.dumps([getattr(jax.config, f"jax_{{name}}") for name in names]))
{after}
"""

TRAIN = """
import hashlib
import numpy as np, optax
from jax import monitoring
from learnit_core import losses, meta, models, training
from learnit_core.structures import Pixels, Task
events = []
monitoring.register_event_listener(lambda event, **_: events.append(event))
field = models.siren(2, 1, width=8, depth=2)
loss = losses.image_loss(field)
pixels = Pixels(models.pixel_grid(4, 4)[None], jax.random.uniform(jax.random.key(0), (1, 16, 1)))
adam = optax.adam(1e-2)
for seed in (0, 0, 1):
    state, _ = training.train(
        meta.maml(loss, meta.adapt_with(loss, optax.sgd(1e-2), 2)),
        lambda key, data: Task(data, data),
        training.in_memory(pixels),
        meta.init_state(field.init(jax.random.key(seed)), adam),
        jax.random.key(seed),
        optimizer=adam,
        num_steps=20,
        chunk=10,
    )
    sums = [hashlib.sha256(np.asarray(leaf).tobytes()).hexdigest() for leaf in jax.tree.leaves(state)]
    print(json.dumps([events.count("/jax/compilation_cache/cache_hits"), sums]))
"""


def process(cache, before="", after="", **environment):
    """What a new process prints, line by line, that begins a run; nothing of JAX's cache is set but by us."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    env = kept | {"LEARNIT_CACHE": str(cache), "PYTHONPATH": str(ROOT)} | environment
    command = [sys.executable, "-c", BEGIN.format(before=before, after=after)]
    run = subprocess.run(command, env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_compiled_programs_are_kept_and_change_nothing(tmp_path):
    always = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    (_, *plain) = process(tmp_path, after=TRAIN, JAX_COMPILATION_CACHE_DIR="", **always)
    assert not list(tmp_path.iterdir())
    (where, *first) = process(tmp_path, after=TRAIN, **always)
    (_, *second) = process(tmp_path, after=TRAIN, **always)
    assert where == [str(tmp_path / "compiled"), 2 << 30, 0.0]
    assert [sums for _, sums in plain] == [sums for _, sums in first] == [sums for _, sums in second]
    assert plain[0][1] == plain[1][1] != plain[2][1]
    (none, *_), (before, *others), (after, *_) = ([hits for hits, _ in run] for run in (plain, first, second))
    assert none == 0 < after and before < after, "the second process still compiled"
    assert others[0] > before, "a second training of the same process still compiled"


def test_what_the_user_has_set_of_jax_stands(tmp_path):
    own = str(tmp_path / "own")
    size, seconds = {"JAX_COMPILATION_CACHE_MAX_SIZE": "99"}, {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "7"}
    assert process(tmp_path, JAX_COMPILATION_CACHE_DIR=own) == [[own, -1, 1.0]]
    assert process(tmp_path, JAX_COMPILATION_CACHE_DIR="")[0][1:] == [-1, 1.0]
    assert process(tmp_path, before=f"jax.config.update('jax_compilation_cache_dir', {own!r})") == [[own, -1, 1.0]]
    assert not (tmp_path / "compiled").exists()
    assert process(tmp_path, **size, **seconds) == [[str(tmp_path / "compiled"), 99, 7.0]]


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path):
    (tmp_path / "file").write_text("")
    assert process(tmp_path / "file") == [[None, -1, 1.0]]
    assert process(tmp_path / "file" / "deeper") == [[None, -1, 1.0]]
    no_locks = "import fcntl\ndef flock(*_): raise OSError(95, 'Operation not supported')\nfcntl.flock = flock"
    assert process(tmp_path, before=no_locks) == [[None, -1, 1.0]]


def test_the_kernels_set_nothing(tmp_path):
    code = "import jax, learnit_core.training, learnit_core.evaluate; print(jax.config.jax_compilation_cache_dir)"
    env = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert run.stdout == "None\n"


def test_without_a_home_a_cache_is_asked_for_and_nothing_else_fails(monkeypatch):
    def homeless(*_, **__):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("LEARNIT_CACHE", raising=False)
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", homeless)
    with pytest.raises(LearnitError, match="expected a folder named in LEARNIT_CACHE"):
        cache.folder()
    keep_compiled()
