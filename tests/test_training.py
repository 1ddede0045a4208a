"""Meta-training that is stopped and goes on, also by kill -9; checkpoints; divergence; where data comes from."""

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from learnit_core import checkpoints, losses, meta, models, training, weights
from learnit_core.errors import LearnitError
from learnit_core.structures import Pixels, Task

KEY = jax.random.key(11)
OPTIMIZER = optax.adam(1e-2)


def small_training(file=None, *, num_steps=500, chunk=5, every_seconds=0.0, pause=0.0):
    """MAML of a small network on random pictures; runs in this process and in the ones that are killed."""
    field = models.siren(2, 1, width=8, depth=2, w0=5.0)
    loss = losses.image_loss(field)
    data = jax.random.uniform(jax.random.key(0), (9, 16, 1))

    def sample_tasks(key, data):
        values = data[jax.random.randint(key, (2,), 0, len(data))]
        pixels = Pixels(jnp.broadcast_to(models.pixel_grid(4, 4), (2, 16, 2)), values)
        return Task(pixels, pixels)

    def source(first_step, num_steps):
        time.sleep(pause)
        return data + first_step / 1000

    return training.train(
        meta.maml(loss, meta.adapt_with(loss, optax.sgd(1e-2), 1)),
        sample_tasks,
        source,
        meta.init_state(field.init(jax.random.key(1)), OPTIMIZER),
        KEY,
        optimizer=OPTIMIZER,
        num_steps=num_steps,
        chunk=chunk,
        checkpoint=training.Checkpoint(file, {"rate": 1e-2}, every_seconds) if file else None,
    )


def assert_same(found, expected):
    jax.tree.map(np.testing.assert_array_equal, found, expected)


# A problem that compiles in no time: pull a vector towards the data's numbers, with noise of the step's key


def pull(params, task, key):
    target = task.support + 0.1 * jax.random.normal(key, params["w"].shape)
    return jnp.sum((params["w"] - target) ** 2), {"w": 2 * (params["w"] - target)}


def three_of(key, data):
    picked = data[jax.random.randint(key, (3,), 0, len(data))]
    return Task(picked, picked)


def start():
    return meta.init_state({"w": jnp.arange(4.0)}, OPTIMIZER)


def train(meta_grad=pull, source=None, **settings):
    source = source or training.in_memory(jnp.arange(8.0))
    settings = {"optimizer": OPTIMIZER, "num_steps": 20, "chunk": 6} | settings
    return training.train(meta_grad, three_of, source, start(), KEY, **settings)


@pytest.fixture(scope="module")
def uninterrupted():
    return train()


@pytest.fixture
def checkpoint(tmp_path):
    return training.Checkpoint(tmp_path / "run" / "c.safetensors", {"rate": 0.1, "name": "a", "sizes": [3, 4]}, 0.0)


def test_chunks_are_the_same_steps(uninterrupted):
    state, history = uninterrupted
    expected, means = jax.jit(
        lambda s: meta.meta_steps(pull, three_of, jnp.arange(8.0), s, KEY, optimizer=OPTIMIZER, num_steps=20)
    )(start())
    assert_same(state, expected)
    np.testing.assert_array_equal(np.float32(history.losses), means)
    assert int(state.step) == 20 and history.resumed_from == 0
    assert history.seconds >= history.compile_seconds > 0


# Stopping and going on


@pytest.mark.parametrize("chunk", [6, 5])
def test_a_resumed_run_is_the_uninterrupted_one(uninterrupted, checkpoint, chunk):
    first, _ = train(num_steps=12, checkpoint=checkpoint)
    assert int(first.step) == 12 and not np.array_equal(first.params["w"], uninterrupted[0].params["w"])
    state, history = train(chunk=chunk, checkpoint=checkpoint)
    assert_same(state, uninterrupted[0])
    assert history.losses == uninterrupted[1].losses and history.resumed_from == 12
    # A checkpoint holds state and history both, the optimiser's memory included.
    state, history = train(chunk=chunk, checkpoint=checkpoint)
    assert_same(state, uninterrupted[0])
    assert history.losses == uninterrupted[1].losses and history.resumed_from == 20


def test_a_run_stopped_by_hand_goes_on(uninterrupted, checkpoint):
    scored = []

    def interrupted(params):
        scored.append(float(params["w"][0]))
        if len(scored) == 3:
            raise KeyboardInterrupt
        return scored[-1]

    with pytest.raises(KeyboardInterrupt):
        train(validate=interrupted, validate_every=1, checkpoint=checkpoint)
    state, history = train(validate=lambda p: p["w"][0], validate_every=1, checkpoint=checkpoint)
    assert history.resumed_from == 18, "a finished step was lost"
    assert_same(state, uninterrupted[0])
    assert history.losses == uninterrupted[1].losses
    assert [step for step, _ in history.validation] == [6, 12, 18, 20]
    assert [score for _, score in history.validation[:3]] == scored
    assert history.validation[-1][1] == float(state.params["w"][0])


@pytest.mark.parametrize("chunk", [6, 5])
def test_a_run_whose_time_is_up_ends_and_goes_on(uninterrupted, checkpoint, chunk, monkeypatch):
    """By a clock that validation moves by 10 s. What follows is as if nothing had been."""
    rare, now, seen = replace(checkpoint, every_seconds=1e6), [0.0], []
    monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    def validate(params):
        now[0] += 10
        seen.append(float(params["w"][0]))
        return seen[-1]

    control = {"checkpoint": rare, "validate": validate, "validate_every": 1}
    state, history = train(stop_after=5.0, **control)
    assert int(state.step) == 12 == len(history.losses) and history.validation == [(6, seen[0]), (12, seen[1])]
    assert_same(checkpoints.restore(rare, start())[0], state)
    state, _ = train(stop_after=0.0, chunk=chunk, **control)
    assert int(state.step) == {6: 18, 5: 15}[chunk], "not one chunk, the least that a call makes"
    state, history = train(stop_after=1e9, chunk=chunk, **control)
    assert_same(state, uninterrupted[0])
    assert history.losses == uninterrupted[1].losses


def test_a_finished_run_returns_at_once(uninterrupted, checkpoint):
    train(checkpoint=checkpoint)
    kept = checkpoint.file.read_bytes()

    def never(*_):
        raise AssertionError("called although nothing is left to do")

    state, history = train(never, never, validate=never, checkpoint=checkpoint)
    assert_same(state, uninterrupted[0])
    assert history.resumed_from == 20 and checkpoint.file.read_bytes() == kept


def test_checkpoints_are_not_written_more_often_than_asked(checkpoint, tmp_path):
    seen = []
    rare = training.Checkpoint(tmp_path / "rare.safetensors", {}, every_seconds=1e6)
    train(validate=lambda _: seen.append(rare.file.exists()) or 0.0, validate_every=1, checkpoint=rare)
    assert seen == [False] * 4 and rare.file.exists()
    steps = []

    def written(_):
        steps.append(int(weights.read_arrays(checkpoint.file)[0]["step"]) if checkpoint.file.exists() else 0)
        return 0.0

    train(validate=written, validate_every=1, checkpoint=checkpoint)
    assert steps == [0, 6, 12, 18]
    assert [f.name for f in checkpoint.file.parent.iterdir()] == ["c.safetensors"], "something half-written is left"


# Checkpoints that cannot be continued


@pytest.mark.parametrize(
    "config, said",
    [
        ({"rate": 0.2, "name": "a", "sizes": [3, 4]}, "rate is 0.1 there, 0.2 here"),
        (
            {"rate": 0.1, "name": "b", "sizes": [3, 5]},
            "name is 'a' there, 'b' here; sizes is \\[3, 4\\] there, \\[3, 5\\]",
        ),
        ({"rate": 0.1, "name": "a"}, "sizes is \\[3, 4\\] there, None here"),
        ({"rate": 0.1, "name": "a", "sizes": [3, 4], "seed": 1}, "seed is None there, 1 here"),
    ],
)
def test_another_configuration_is_refused(checkpoint, config, said):
    train(num_steps=6, checkpoint=checkpoint)
    kept = checkpoint.file.read_bytes()
    with pytest.raises(LearnitError, match=said) as error:
        train(checkpoint=training.Checkpoint(checkpoint.file, config))
    assert str(checkpoint.file) in str(error.value)
    assert ("rate" in str(error.value)) == (config["rate"] != 0.1), "names what does not differ"
    assert checkpoint.file.read_bytes() == kept


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "weights", "smaller network"])
def test_a_file_that_is_no_such_checkpoint_is_refused(checkpoint, damage):
    train(num_steps=6, checkpoint=checkpoint)
    whole = checkpoint.file.read_bytes()
    if damage == "weights":
        field = models.siren(2, 1, width=4, depth=2)
        weights.save(checkpoint.file, field, field.init(KEY), {})
    elif damage == "smaller network":
        arrays, header = weights.read_arrays(checkpoint.file)
        weights.write_arrays(checkpoint.file, arrays | {"params/w": arrays["params/w"][:3]}, header)
    else:
        parts = {"truncated": whole[: len(whole) * 2 // 3], "empty": b"", "text": b"This is no file of weights.\n" * 9}
        checkpoint.file.write_bytes(parts[damage])
    kept = checkpoint.file.read_bytes()
    with pytest.raises(LearnitError, match="c.safetensors"):
        train(checkpoint=checkpoint)
    assert checkpoint.file.read_bytes() == kept


# Divergence


def bursts_at(step, *, value=np.nan):
    """``pull`` on data that carry the step number, with a loss of ``value`` from ``step`` on."""

    def meta_grad(params, task, key):
        loss, grads = pull(params, task, key)
        return jnp.where(task.support >= step, value, loss), grads

    return meta_grad


def numbered(first_step, num_steps):
    return jnp.full(8, float(first_step))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_divergence_stops_and_keeps_the_last_good_state(checkpoint, value):
    good, _ = train(source=numbered, num_steps=12)
    with pytest.raises(LearnitError, match=f"step 12: the loss is {value}.*smaller inner or outer learning rate") as e:
        train(bursts_at(12, value=value), numbered, checkpoint=training.Checkpoint(checkpoint.file, {}, 1e6))
    assert f"step 12 is kept in {checkpoint.file}" in str(e.value)
    state, history = train(source=numbered, num_steps=12, checkpoint=training.Checkpoint(checkpoint.file, {}))
    assert_same(state, good)
    assert len(history.losses) == 12 and np.isfinite(history.losses).all()


def test_divergence_inside_a_chunk_names_its_step():
    def meta_grad(params, task, key):
        # Grows tenfold a step, and is too large for float32 in step 20 + 19.
        return 1e19 * params["w"].sum(), {"w": -9 * params["w"]}

    with pytest.raises(LearnitError, match="diverged at step 20: the loss is inf .the loss was .*e.38 one step before"):
        training.train(
            meta_grad,
            three_of,
            numbered,
            meta.init_state({"w": jnp.ones(1)}, optax.sgd(1.0)),
            KEY,
            optimizer=optax.sgd(1.0),
            num_steps=40,
            chunk=30,
        )


def test_weights_that_are_not_finite_are_never_kept(checkpoint):
    """The loss is that before the update, so a chunk's last step can spoil the weights unseen."""

    def meta_grad(params, task, key):
        loss, grads = pull(params, task, key)
        return jnp.where(jnp.isfinite(loss), loss, 0.0), {"w": jnp.where(task.support >= 6, jnp.inf, grads["w"])}

    good, _ = train(source=numbered, num_steps=6)
    with pytest.raises(LearnitError, match="the weights are not finite.*the state of step 6"):
        train(meta_grad, numbered, num_steps=12, checkpoint=checkpoint)
    assert_same(train(source=numbered, num_steps=6, checkpoint=checkpoint)[0], good)


# Progress


@pytest.mark.parametrize("shown", [{}, {"progress": True}, {"progress": False}])
def test_a_bar_is_shown_unless_it_is_switched_off(uninterrupted, capsys, shown):
    state, history = train(description="strings", validate=lambda _: 31.25, **shown)
    assert_same(state, uninterrupted[0])
    assert history.losses == uninterrupted[1].losses and history.validation == [(20, 31.25)]
    out, err = capsys.readouterr()
    if shown.get("progress", True):
        assert "strings" in err and "20/20" in err and "31.25 dB" in err
    else:
        assert err == ""
    assert out == ""


# Data


def test_the_source_is_asked_for_each_chunk_once_and_one_ahead():
    asked, threads, seen = [], set(), []
    called = threading.Condition()

    def source(first_step, num_steps):
        with called:
            asked.append((first_step, num_steps))
            threads.add(threading.current_thread())
            called.notify_all()
        return jnp.full(8, float(first_step))

    def validate(params):
        with called:
            called.wait_for(lambda: len(asked) >= min(len(seen) + 2, 4), timeout=10)
            seen.append(len(asked))
        return 0.0

    train(source=source, validate=validate, validate_every=1)
    assert asked == [(0, 6), (6, 6), (12, 6), (18, 2)]
    assert seen == [2, 3, 4, 4], "not exactly one chunk ahead"
    assert threading.main_thread() not in threads


def test_chunks_begin_at_multiples_wherever_a_run_resumes(checkpoint):
    asked = []

    def source(first_step, num_steps):
        asked.append((first_step, num_steps))
        return jnp.zeros(8)

    train(source=source, num_steps=12, checkpoint=checkpoint)
    asked.clear()
    train(source=source, chunk=5, checkpoint=checkpoint)
    assert asked == [(12, 3), (15, 5)]


def test_a_chunk_gets_its_own_data():
    def meta_grad(params, task, key):
        return task.support, jax.tree.map(jnp.zeros_like, params)

    _, history = train(meta_grad, numbered)
    assert history.losses == [0.0] * 6 + [6.0] * 6 + [12.0] * 6 + [18.0] * 2


def test_an_error_of_the_source_is_the_callers():
    def source(first_step, num_steps):
        if first_step:
            raise OSError("disk gone")
        return jnp.zeros(8)

    with pytest.raises(OSError, match="disk gone"):
        train(source=source)


@pytest.mark.parametrize("every, expected", [(1, [6, 12, 18, 20]), (2, [12, 20]), (100, [20])])
def test_validation_is_called_at_its_steps(every, expected):
    _, history = train(validate=lambda p: p["w"].sum(), validate_every=every)
    assert [step for step, _ in history.validation] == expected
