"""Long runs that are ended by signals and by the disk, and numbers that are not finite: what is kept and said."""

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest
from safetensors import SafetensorError
from test_training import KEY, OPTIMIZER, assert_same, pull, small_training, start, three_of, train

from learnit_core import files, interruption, meta, models, training, weights
from learnit_core.errors import LearnitError
from learnit_core.experiments import baselines, runs
from learnit_core.signals import phantoms

# Signals


CHILD = """
import sys, os
import test_training as t
from learnit_core import checkpoints
file, log, steps, every = sys.argv[1], os.open(sys.argv[2], os.O_CREAT | os.O_WRONLY), int(sys.argv[3]), sys.argv[4]
advance = checkpoints.Run.advance
def told(run, state, losses):
    advance(run, state, losses)
    os.pwrite(log, f"{int(state.step):9}".encode(), 0)
checkpoints.Run.advance = told
t.small_training(file, num_steps=steps, every_seconds=float(every), pause=0.02)
"""


@pytest.mark.parametrize("ends, steps", [(3, 500), pytest.param(30, 4000, marks=pytest.mark.nightly)])
def test_ended_at_random_moments(tmp_path, ends, steps):
    """By SIGTERM, SIGINT and SIGKILL in turns. After the first two only what is written then counts."""
    file, log, here = tmp_path / "run" / "c.safetensors", tmp_path / "log", Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # shown if the test fails
    rng, numbers = random.Random(seed), itertools.cycle([signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
    for number in [*itertools.islice(numbers, ends), None]:
        every = 1e6 if number in (signal.SIGTERM, signal.SIGINT) else 0.0
        before, stamp = log.read_bytes() if log.exists() else b"", _stamp(file)
        command = [sys.executable, "-c", CHILD, file, log, str(steps), str(every)]
        child = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
        try:
            if number is not None:
                while child.poll() is None and (
                    not log.exists() or log.read_bytes() == before or (not every and _stamp(file) == stamp)
                ):
                    time.sleep(0.002)
                time.sleep(rng.uniform(0, 0.4))
                child.send_signal(number)
            said = child.communicate(timeout=120)[1].decode()
        finally:
            child.kill()
        expected = {signal.SIGINT: (-signal.SIGINT, 130, 1), None: (0,)}.get(number, (number and -number,))
        assert child.returncode in expected, said
        if number in (signal.SIGTERM, signal.SIGINT):
            kept, finished = int(weights.read_arrays(file)[0]["step"]), int(log.read_bytes())
            assert kept == finished, "a finished step was lost"
            assert f"after step {kept}; the state of step {kept} is kept in {file}" in said
    assert [path.name for path in file.parent.iterdir()] == [file.name], "something half-written is left"
    state, history = small_training(num_steps=steps)
    arrays, _ = weights.read_arrays(file)
    np.testing.assert_array_equal(arrays.pop("history/losses"), np.float32(history.losses))
    for name, leaf in weights.named_leaves(state).items():
        np.testing.assert_array_equal(arrays[name], leaf, err_msg=name)


def _stamp(file):
    return file.stat().st_mtime_ns if file.exists() else 0


class Ended(Exception):
    pass


@pytest.fixture
def ending():
    """What ends the process otherwise raises Ended."""

    def handler(number, frame):
        raise Ended

    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    # What starts the tests in the background may have them ignore Ctrl-C, and then so would the run.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield handler
    for number, old in before.items():
        signal.signal(number, old)


class Sent:
    """What a run is given, which sends a signal to this process and then takes a minute."""

    def __init__(self, number):
        self.number, self.calls, self.waited = number, 0, False
        self.ready, self.over = threading.Event(), threading.Event()

    def send(self):
        os.kill(os.getpid(), self.number)
        self.waited = not self.over.wait(60)

    def step(self, params, task, key):
        jax.debug.callback(self.count)
        return pull(params, task, key)

    def count(self):
        self.calls += 1
        time.sleep(0.002)
        if self.calls == 90:  # three a step
            os.kill(os.getpid(), self.number)

    def validate(self, params):
        self.ready.set()
        return 0.0

    def source(self, first_step, num_steps):
        if first_step:
            self.ready.wait(60)
            time.sleep(0.2)  # until it is waited for
            self.send()
        return jnp.arange(8.0)


WHERE = {
    "in a long chunk": lambda sent: {"meta_grad": sent.step, "num_steps": 10**6, "chunk": 10**6},
    "waiting for data": lambda sent: {"source": sent.source, "validate": sent.validate, "validate_every": 1},
    "validating": lambda sent: {"validate": lambda params: sent.send(), "validate_every": 1},
}


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("where", WHERE)
def test_a_signal_ends_a_run_soon_and_loses_nothing(tmp_path, ending, monkeypatch, where, number):
    monkeypatch.setattr(interruption, "SECONDS", 0.2)
    number = getattr(signal, number)
    checkpoint = training.Checkpoint(tmp_path / "c.safetensors", {}, 1e6)
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    sent = Sent(number)
    with pytest.raises(training.Interrupted if number == signal.SIGINT else Ended) as error:
        train(**WHERE[where](sent), checkpoint=checkpoint)
    sent.over.set()
    assert not sent.waited and sent.calls < 10_000
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    ended = error.value if number == signal.SIGINT else error.value.__context__
    kept = int(weights.read_arrays(checkpoint.file)[0]["step"])
    assert kept == int(ended.state.step) == len(ended.history.losses) > 0
    assert f"after step {kept}" in str(ended)
    if where == "validating":  # it is made up for
        _, history = train(checkpoint=checkpoint, validate=lambda _: 1.0, validate_every=1)
        assert [at for at, _ in history.validation] == [6, 12, 18, 20] and history.resumed_from == 6
    elif where == "waiting for data":
        assert_same(train(checkpoint=checkpoint)[0], train()[0])


def test_a_run_beyond_its_end_makes_up_for_a_validation_and_trains_no_step(tmp_path):
    checkpoint = training.Checkpoint(tmp_path / "c.safetensors", {}, 1e6)

    def stopped(params):
        os.kill(os.getpid(), signal.SIGINT)
        return 0.0

    with pytest.raises(training.Interrupted, match="after step 12"):
        train(checkpoint=checkpoint, validate=stopped, validate_every=2)
    state, history = train(num_steps=8, checkpoint=checkpoint, validate=lambda _: 1.0)
    assert int(state.step) == len(history.losses) == 12 and history.validation == [(12, 1.0)]


def test_without_a_checkpoint_an_interruption_has_the_state():
    def stopped(params):
        os.kill(os.getpid(), signal.SIGINT)
        return 0.0

    with pytest.raises(training.Interrupted, match="SIGINT after step 12; the state is this exception") as error:
        train(validate=stopped, validate_every=2)
    assert_same(error.value.state, train(num_steps=12)[0])


def test_a_second_signal_acts_at_once(ending):
    for number, raised in {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Ended}.items():
        with pytest.raises(raised), interruption.Signals():
            signal.raise_signal(number)
            signal.raise_signal(number)
            pytest.fail("it was only noted")


def test_a_signal_at_the_very_end_is_not_forgotten(ending):
    for number, raised in {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Ended}.items():
        with pytest.raises(raised), interruption.Signals():
            signal.raise_signal(number)


def test_what_is_ignored_stays_ignored_and_threads_are_left_alone(ending):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    found = []
    try:
        with interruption.Signals() as signals:
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            signal.raise_signal(signal.SIGHUP)
        assert signals.number is None
    finally:
        signal.signal(signal.SIGHUP, before)

    def elsewhere():
        with interruption.Signals():
            found.append(signal.getsignal(signal.SIGTERM))
        found.append(train(num_steps=6)[1].losses)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found[0] is ending and len(found[1]) == 6


def test_the_pace_follows_the_time_that_a_step_takes(monkeypatch):
    now, pace, made = [0.0], interruption.Pace(), []
    monkeypatch.setattr(interruption.time, "perf_counter", lambda: now[0])
    for seconds in [1 / 128] * 5 + [0.5] * 3 + [8.0] * 2:
        made.append(pace.steps)
        with pace.of(pace.steps):
            now[0] += seconds * pace.steps
    assert made == [1, 4, 16, 64, 128, 128, 2, 2, 2, 1]


# The disk


REFUSALS = {
    "full": OSError(28, "No space left on device"),
    "quota": OSError(122, "Disk quota exceeded"),
    "read-only": OSError(30, "Read-only file system"),
    "full, said by safetensors": SafetensorError("Error while serializing: I/O error: No space (os error 28)"),
    "broken, said by safetensors": SafetensorError("Error while serializing: something"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_disk_that_refuses_costs_no_step(tmp_path, monkeypatch, refusal):
    checkpoint = training.Checkpoint(tmp_path / "run" / "c.safetensors", {}, 0.0)
    train(num_steps=6, checkpoint=checkpoint)
    kept, save = checkpoint.file.read_bytes(), weights.save_file

    def refused(arrays, file, metadata):
        Path(file).write_bytes(b"half")
        raise REFUSALS[refusal]

    monkeypatch.setattr(weights, "save_file", refused)
    with pytest.warns(UserWarning, match="c.safetensors cannot be written .*: make room, or choose another") as said:
        state, _ = train(num_steps=12, checkpoint=checkpoint)
    assert "holds 6 of 12 steps" in str(said[-1].message)
    assert_same(state, train(num_steps=12)[0])
    assert checkpoint.file.read_bytes() == kept and list(checkpoint.file.parent.iterdir()) == [checkpoint.file]
    with pytest.raises(LearnitError, match="cannot be written"):
        field = models.siren(2, 1, width=4, depth=2)
        weights.save(tmp_path / "w.safetensors", field, field.init(KEY), {})
    monkeypatch.setattr(weights, "save_file", save)
    with warnings.catch_warnings(action="error"):
        state, history = train(checkpoint=checkpoint)
    assert history.resumed_from == 6
    assert_same(state, train()[0])


def test_a_place_that_cannot_be_written_is_said_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("")

    def never(*_):
        raise AssertionError("called")

    with pytest.raises(LearnitError, match=r"file/c.safetensors cannot be written .*another output folder"):
        train(source=never, checkpoint=training.Checkpoint(tmp_path / "file" / "c.safetensors", {}))


def test_what_dead_processes_left_is_removed(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    here, thread = files._here(), threading.get_ident()
    gone = [f".c.{here}.{child.pid}.1.partial", f".c.{here}.{os.getpid()}.1.partial"]
    left = [
        f".c.{here}.{os.getppid()}.1.partial",  # lives
        f".c.elsewhere.{child.pid}.1.partial",  # another machine's
        f".other.{here}.{child.pid}.1.partial",
        f".c.{here}.{child.pid}.partial",  # nobody knows whose
    ]
    for name in gone + left:
        (tmp_path / name).write_text("half")
    with files.whole(tmp_path / "c") as partial:
        assert partial.name == f".c.{here}.{os.getpid()}.{thread}.partial"
        partial.write_text("whole")
        files.try_place(tmp_path / "c.more")
        files._remove_abandoned(tmp_path / "c")  # nobody removes what is being written
        assert partial.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*left, "c"])


# Configurations


CONFIGS = {
    "tuples": ({"sizes": (3, (4, 5))}, {"sizes": [3, [4, 5]]}),
    "numpy": ({"rate": np.float64(0.5), "on": np.bool_(True)}, {"rate": 0.5, "on": True}),
    "arrays": ({"few": np.arange(2)}, {"few": [0, 1]}),
    "jax": ({"rate": jnp.float32(0.25)}, {"rate": 0.25}),
    "paths": ({"data": Path("a") / "b"}, {"data": "a/b"}),
    "keys": ({"table": {1: 2, None: 3}}, {"table": {"1": 2, "null": 3}}),
    "not finite": ({"limit": float("inf"), "other": float("nan")}, None),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_configuration_is_what_json_keeps_of_it(tmp_path, kind):
    config, expected = CONFIGS[kind]
    checkpoint = training.Checkpoint(tmp_path / "c.safetensors", config, 0.0)
    assert expected is None or checkpoint.config == expected
    train(num_steps=6, checkpoint=checkpoint)
    _, history = train(num_steps=12, checkpoint=training.Checkpoint(tmp_path / "c.safetensors", config, 0.0))
    assert history.resumed_from == 6


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", 1j, KEY])
def test_a_configuration_that_cannot_be_kept_is_refused_when_it_is_made(value):
    with pytest.raises(LearnitError, match="the checkpoint's config cannot be kept in the file: expected numbers"):
        training.Checkpoint("c.safetensors", {"value": value})


@pytest.mark.parametrize("wrong", [{"chunk": 0}, {"chunk": -5}, {"validate_every": 0}])
def test_chunks_of_nothing_are_refused(wrong):
    with pytest.raises(LearnitError, match="expected 1 at least"):
        train(**wrong)


# Numbers


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float64"])
def test_weights_and_checkpoints_of_other_types_come_back(tmp_path, kind):
    jax.config.update("jax_enable_x64", kind == "float64")
    try:
        field = models.siren(2, 1, width=4, depth=2, w0=5.0)
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf, kind), field.init(KEY))
        weights.save(tmp_path / "w.safetensors", field, params, {})
        _, found, _ = weights.load(tmp_path / "w.safetensors")
        assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {jnp.dtype(kind)}
        assert_same(found, params)

        state = meta.init_state({"w": jnp.arange(4, dtype=kind)}, OPTIMIZER)
        control = {"optimizer": OPTIMIZER, "chunk": 3, "progress": False}
        source = training.in_memory(jnp.arange(8.0, dtype=kind))

        def train(num_steps, checkpoint=None):
            return training.train(
                _like(pull), three_of, source, state, KEY, num_steps=num_steps, checkpoint=checkpoint, **control
            )

        checkpoint = training.Checkpoint(tmp_path / "c.safetensors", {}, 0.0)
        train(5, checkpoint)
        found, history = train(8, checkpoint)
        assert history.resumed_from == 5 and found.params["w"].dtype == jnp.dtype(kind)
        assert_same(found, train(8)[0])
    finally:
        jax.config.update("jax_enable_x64", False)
    if kind == "float64":
        with pytest.raises(LearnitError, match="jax_enable_x64"):
            weights.load(tmp_path / "w.safetensors")


def _like(meta_grad):
    def same_type(params, task, key):
        loss, grads = meta_grad(params, task, key)
        return loss, jax.tree.map(lambda grad, leaf: grad.astype(leaf.dtype), grads, params)

    return same_type


def test_a_byte_that_changed_is_noticed_wherever_it_is(tmp_path):
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(3, ml_dtypes.bfloat16), "c": np.int32(5)}
    file, rng = tmp_path / "a.safetensors", np.random.default_rng(0)
    weights.write_arrays(file, arrays, {"about": {"x": 1}})
    content = file.read_bytes()
    begins = 8 + int.from_bytes(content[:8], "little")
    for place in [*range(begins, len(content)), content.index(b'x\\": 1') + 6]:
        spoilt = bytearray(content)
        spoilt[place] ^= 1 << int(rng.integers(8)) if place >= begins else 3
        file.write_bytes(spoilt)
        with pytest.raises(LearnitError, match="a.safetensors is damaged: its checksum"):
            weights.read_arrays(file)
    summed = content.replace(b"crc32", b"other")  # as files from before had no sum
    file.write_bytes(summed)
    assert_same(weights.read_arrays(file)[0], arrays)


@pytest.mark.parametrize("draw", [runs.run_keys, baselines.keys, lambda seed: phantoms.splits(8, (1, 1, 1), seed)])
def test_seeds_that_jax_would_cut_are_refused(draw):
    draw(2**32 - 1)
    for seed in (2**32, 2**32 + 7, 2**63, 2**70, -1):
        with pytest.raises(LearnitError, match=f"the seed is {seed}: expected a whole number of 0 to 4294967295"):
            draw(seed)


DATA = {
    "nan": (jnp.arange(8.0).at[3].set(jnp.nan), r"hold nan at \[3\] of an array \[8\]"),
    "infinite": (np.array([0, 1, 2, -np.inf] * 2, np.float16), r"hold -inf at \[3\]"),
    "bfloat16": (jnp.arange(8).astype(jnp.bfloat16).at[5].set(jnp.nan), r"hold nan at \[5\]"),
}


@pytest.mark.parametrize("kind", DATA)
def test_data_that_are_not_finite_are_blamed_before_the_first_step(kind):
    data, said = DATA[kind]

    def never(*_):
        raise AssertionError("called")

    with pytest.raises(LearnitError, match=f"the training data {said}.*leave such signals out"):
        train(never, training.in_memory(data))


def test_a_later_chunk_of_data_is_blamed_when_it_spoils_the_loss(tmp_path):
    def source(first_step, num_steps):
        return jnp.full((8, 2), np.nan if first_step >= 12 else 1.0)

    with pytest.raises(LearnitError, match=r"ended at step 12: .* because the training data hold nan at \[0, 0\]"):
        training.train(
            lambda params, task, key: (task.support.sum(), params), three_of, source, start(), KEY,
            optimizer=OPTIMIZER, num_steps=20, chunk=6,
        )  # fmt: skip


def test_adam_inside_maml_is_named_where_it_is_the_cause():
    """A weight behind a ReLU that is off gets no gradient: Adam takes the root of 0, which has no derivative."""

    def loss(params, batch, key):
        return jnp.mean((params["out"] * jax.nn.relu(params["off"] * (1 + batch)) + params["on"] - batch) ** 2)

    def train(inner, rate=0.1):
        outer, params = optax.sgd(rate), {"off": jnp.float32(-1), "out": jnp.float32(1), "on": jnp.float32(0.5)}
        return training.train(
            meta.maml(loss, meta.adapt_with(loss, inner, 2)), three_of, training.in_memory(jnp.arange(8.0)),
            meta.init_state(params, outer), KEY, optimizer=outer, num_steps=60,
        )  # fmt: skip

    with pytest.raises(LearnitError, match="meta-gradients of step 0 are nan although its loss is .*eps_root"):
        train(optax.adam(1e-2))
    train(optax.adam(1e-2, eps_root=1e-8))
    with pytest.raises(LearnitError, match="smaller inner or outer learning rate") as error:
        train(optax.sgd(1e-2), rate=1e3)
    assert "eps_root" not in str(error.value) and "eps_root" in meta.adapt_with.__doc__
