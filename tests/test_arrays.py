"""Signals from arrays of one's own: units that come back, splits that share nothing, bad input in one sentence."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from learnit_core import evaluate, losses, meta, models, signals, training
from learnit_core.errors import LearnitError
from learnit_core.experiments import regression
from learnit_core.signals import examples

RNG = np.random.default_rng(0)
FIRST = RNG.normal(size=(6, 5))


def maps(count=20, shape=(6, 5), low=-250.0, high=2500.0):
    """Heights in metres by name; no two are alike."""
    draws = {f"map {i}": np.random.default_rng(i).random(shape) for i in range(count)}
    return {name: low * (1 - draw) + high * draw for name, draw in draws.items()}


# What comes out


@pytest.mark.parametrize(
    "shape, given, sides, channels",
    [
        ((9,), {}, (9,), 1),
        ((9, 2), {}, (9,), 2),
        ((9, 6), {}, (9, 6), 1),
        ((9, 6, 3), {}, (9, 6), 3),
        ((9, 6, 5), {}, (9, 6, 5), 1),
        ((9, 6, 5, 7), {}, (9, 6, 5), 7),
        ((9, 2), {"dims": 2}, (9, 2), 1),
        ((9, 6), {"dims": 1}, (9,), 6),
        ((9, 6, 4), {"dims": 3}, (9, 6, 4), 1),
        ((9, 6, 4, 1), {}, (9, 6, 4), 1),
    ],
)
def test_one_to_three_dimensions_and_channels(shape, given, sides, channels):
    own = signals.from_arrays(maps(shape=shape), **given)
    assert own.train.shape == (16, *sides, channels) and own.train.dtype == np.float32
    assert (own.shape, own.channels) == (sides, channels) and len(own.scale.low) == channels
    assert len(own.validation) == len(own.test) == 2
    task = own.tasks(own.test)
    assert task.support.coords.shape == (2, np.prod(sides), len(sides))
    assert task.support.values.shape == (2, np.prod(sides), channels)
    for at in np.ndindex(*sides):
        place = np.ravel_multi_index(at, sides)
        np.testing.assert_allclose(task.support.coords[1, place], np.array(at) / sides, atol=1e-7)
        np.testing.assert_array_equal(task.query.values[1, place], own.test[(1, *at)])
    assert " × ".join(map(str, sides)) in own.note


def test_metres_come_back_in_metres():
    arrays = maps()
    own = signals.from_arrays(arrays)
    assert own.train.min() == 0 and own.train.max() == 1
    for part in ("train", "validation", "test"):
        for name, metres in zip(own.names[part], own.scale.restored(getattr(own, part)), strict=True):
            np.testing.assert_allclose(metres[..., 0], arrays[name], rtol=0, atol=1e-3)  # of 2750 metres
    assert own.scale.restored(0.5 * np.ones(1)) == pytest.approx(np.mean([own.scale.low, own.scale.high]))
    assert own.scale.low[0] == min(arrays[name].min() for name in own.names["train"])


@pytest.mark.parametrize("by", [1e-21, 1.0, 1e6, 1e30])
@pytest.mark.parametrize("beyond", [0.0, -3.0, 1e4])
def test_the_unit_changes_nothing_but_the_scale(by, beyond):
    """Step sizes and scores in decibels are those of every unit: feet or metres, Celsius or Kelvin."""
    one = signals.from_arrays({n: a / 2500 for n, a in maps().items()})
    other = signals.from_arrays({n: by * (a / 2500 + beyond) for n, a in maps().items()})
    np.testing.assert_allclose(one.train, other.train, atol=1e-6)
    np.testing.assert_allclose(
        other.scale.restored(other.test), by * (one.scale.restored(one.test) + beyond), rtol=1e-6
    )


def test_channels_have_scales_of_their_own():
    """Pressure in pascals beside a share of water: each is seen."""
    weather = {str(i): np.stack([1e5 + 1e3 * a, a], axis=-1) for i, a in enumerate(RNG.normal(size=(10, 8)))}
    own = signals.from_arrays(weather)
    np.testing.assert_allclose(own.train[..., 0], own.train[..., 1], atol=1e-6)
    np.testing.assert_allclose(own.scale.restored(own.test), [weather[name] for name in own.names["test"]], rtol=1e-6)


def test_the_scale_is_that_of_the_training_signals():
    """Nothing of the test signals is known before they are fitted, and nothing of them is cut off."""
    arrays = maps()
    name = signals.from_arrays(arrays).names["test"][0]
    before, after = signals.from_arrays(arrays), signals.from_arrays(arrays | {name: 10 * arrays[name]})
    assert before.scale == after.scale
    np.testing.assert_allclose(after.scale.restored(after.test[0])[..., 0], 10 * arrays[name], rtol=1e-5)
    assert after.test[0].max() > 5
    field = models.siren(2, 1, width=4, depth=2)
    exact = after.tasks(after.test[:1]).query
    as_it_is = field.__class__(field.init, lambda params, coords: exact.values[0], field.spec)
    assert after.score(as_it_is)(None, jax.tree.map(lambda leaf: leaf[0], exact)) == np.inf, "the score clips"


def test_every_signal_is_in_one_split():
    own, other = signals.from_arrays(maps(50)), signals.from_arrays(maps(50), seed=1)
    for found in (own, other):
        dealt = sum(found.names.values(), ())
        assert len(dealt) == 50 and set(dealt) == set(maps(50))
        assert [len(found.names[part]) for part in found.names] == [40, 5, 5]
    assert own.names != other.names and own.names == signals.from_arrays(maps(50)).names
    np.testing.assert_array_equal(signals.from_arrays(maps(50)).test, own.test)
    shares = signals.from_arrays(maps(12), split=(0.5, 0.25, 0.25))
    assert [len(shares.names[part]) for part in shares.names] == [6, 3, 3]


def test_a_copy_is_kept_once():
    """Else the same signal could be trained on and tested."""
    arrays = maps()
    own = signals.from_arrays(arrays | {"again": arrays["map 3"].copy()})
    assert (
        "again" not in sum(own.names.values(), ())
        and "20 signals" in own.note
        and "without 1 repeated ones" in own.note
    )
    assert own.names == signals.from_arrays(arrays).names


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("given", [np.stack, list, tuple, jnp.asarray, dict])
def test_an_array_a_list_and_a_dictionary_are_the_same(given, kind):
    named = {str(i): a.astype(kind) for i, a in enumerate(RNG.uniform(0, 9, (12, 7)))}
    if given is jnp.asarray:
        named = {name: array.astype(np.float32) for name, array in named.items()}
    found = signals.from_arrays(named if given is dict else given([*named.values()]))
    np.testing.assert_array_equal(found.train, signals.from_arrays(named).train)
    assert found.names == signals.from_arrays(named).names


def test_positions_of_ones_own():
    """Samples that lie unevenly: in one dimension, scattered in the plane, on a grid of one's own."""
    times = np.array([0.0, 0.1, 0.5, 0.9, 1.0])
    uneven = signals.from_arrays(maps(shape=(5,)), coords=times)
    np.testing.assert_array_equal(uneven.places, np.float32(times)[:, None])
    scattered = RNG.uniform(-1, 1, (5, 2))
    stations = signals.from_arrays(maps(shape=(5,)), coords=scattered)
    assert stations.tasks(stations.test).support.coords.shape == (2, 5, 2) and stations.shape == (5,)
    np.testing.assert_array_equal(stations.places, np.float32(scattered))
    assert signals.from_arrays(maps(shape=(5, 3)), coords=scattered).channels == 3
    polar = RNG.uniform(0, 1, (6, 5, 3))
    np.testing.assert_array_equal(signals.from_arrays(maps(), coords=polar).places, np.float32(polar).reshape(30, 3))


def test_tasks_are_those_of_the_experiments():
    own = signals.from_arrays(maps())
    jax.tree.map(np.testing.assert_array_equal, own.tasks(own.test), regression.tasks(own.test))


def test_the_sampler_draws_training_signals():
    own = signals.from_arrays(maps())
    tasks = own.sampler(5)(jax.random.key(0), jnp.asarray(own.train))
    known = own.train.reshape(len(own.train), -1)
    assert tasks.support.values.shape == (5, 30, 1)
    for drawn in np.asarray(tasks.support.values).reshape(5, -1):
        assert (known == drawn).all(axis=1).any()


# What cannot be learned from

NAN = np.where(FIRST > 1, np.nan, FIRST)
BAD = {
    "nan": (NAN, r"'bad' holds NaN at \d+ of 30 samples: replace"),
    "infinite": (np.where(FIRST > 1, -np.inf, FIRST), "'bad' holds infinity at .*: replace"),
    "both": (np.where(FIRST < 0, np.inf, NAN), "'bad' holds NaN and infinity at .*: replace"),
    "integers": ((FIRST * 9).astype(np.int16), r"'bad' holds integers \(int16\): make .*astype"),
    "bytes": ((FIRST * 9).astype(np.uint8), r"'bad' holds integers \(uint8\): make .*astype"),
    "booleans": (FIRST > 0, r"'bad' holds integers \(bool\): make .*astype"),
    "complex": (FIRST + 1j, r"'bad' holds complex numbers: take np.abs .* or put"),
    "text": (np.array(["a", "b"]), "'bad' holds <U1: expected real numbers"),
    "objects": (np.array([FIRST, None], dtype=object), "'bad' holds object: expected real numbers"),
    "none": (None, "'bad' holds object: expected real numbers"),
    "bfloat16": (jnp.ones((6, 5), jnp.bfloat16), "'bad' holds bfloat16: expected real numbers, try .astype"),
    "empty": (np.zeros((0, 5)), r"'bad' is empty \(shape \(0, 5\)\): leave it out"),
    "ragged inside": ([[1.0, 2.0], [3.0]], "'bad' makes no array: expected rows of one length, cut or resample"),
    "another shape": (FIRST[:4], r"'map 0' is \(6, 5\) and 'bad' is \(4, 5\): cut or resample"),
    "another number of axes": (FIRST[0], r"'map 0' is \(6, 5\) and 'bad' is \(5,\): cut or resample"),
    "masked": (np.ma.masked_greater(FIRST, 1), "'bad' has masked samples: fill"),
    "too large for a float": (np.full((6, 5), np.longdouble("1e400")), "'bad' holds infinity"),
}


def said(error):
    """One sentence, in one line, without the full stop."""
    text = str(error.value)
    assert "\n" not in text and not text.endswith(".") and text.count(". ") == 0, text
    return text


@pytest.mark.parametrize("kind", BAD)
def test_a_signal_that_cannot_be_used(kind):
    bad, words = BAD[kind]
    with pytest.raises(LearnitError, match=words) as error:
        signals.from_arrays(maps() | {"bad": bad})
    said(error)


def test_a_mask_that_hides_nothing_is_no_matter():
    signals.from_arrays(maps() | {"good": np.ma.masked_greater(FIRST, 99)})


@pytest.mark.parametrize(
    "arrays, words",
    [
        ({}, "no signals at all"),
        ([], "no signals at all"),
        (np.zeros((0, 4)), "no signals at all"),
        (3.0, "found a float: expected a dictionary"),
        (np.float64(3.0), "found a float64: expected a dictionary"),
        (np.array(3.0), "found a ndarray: expected a dictionary"),
        (None, "found a NoneType: expected a dictionary"),
        ("sounds.npy", "found a str: expected a dictionary"),
        (np.arange(9.0), r"one array of shape \(9,\): expected a first axis that counts signals"),
        (jnp.arange(9.0), r"one array of shape \(9,\): expected a first axis"),
        (np.arange(9), "expected a first axis"),
        (np.zeros((20, 6, 5), int), r"'0' holds integers \(int64\)"),
        ({"1": FIRST, 1: FIRST}, "two signals are called '1': give"),
        ({"a": FIRST, " a": FIRST}, "two signals are called 'a': give"),
        (maps(3), r"too few signals for the split \(0.8, 0.1, 0.1\): found 3, expected 10 at least"),
        ({str(i): FIRST for i in range(30)}, "found 1, without 29 repeated ones, expected 10 at least"),
        ({str(i): 7e9 + 1e-6 * np.arange(6.0) * i for i in range(20)}, "channel 0 is 7e.09 everywhere .*: leave"),
        (maps(low=-1.5e308, high=1.5e308), "values run from .*: divide"),
        (maps(shape=(3, 3, 3, 2, 2)), r"shape \(3, 3, 3, 2, 2\): expected one to three axes"),
        (maps(shape=(1, 9)), r"shape \(1, 9\): expected two samples or more along each axis; drop"),
        (maps(shape=(1,)), r"shape \(1,\): expected two samples or more"),
        (maps(shape=()), r"shape \(\): expected one to three axes"),
    ],
)
def test_signals_that_make_no_class(arrays, words):
    with pytest.raises(LearnitError, match=words) as error:
        signals.from_arrays(arrays)
    said(error)


def test_a_channel_that_says_nothing():
    arrays = {name: np.stack([a, a * 0 + 3], axis=-1) for name, a in maps().items()}
    with pytest.raises(LearnitError, match="channel 1 is 3 everywhere in the training signals.*leave it out") as error:
        signals.from_arrays(arrays)
    said(error)


@pytest.mark.parametrize("split", [(0.8, 0.2), (1.0, 0.0, 0.0), (8, 1, 1), (0.5, 0.6, -0.1), (0.8, 0.1, np.nan)])
def test_splits_that_are_none(split):
    with pytest.raises(LearnitError, match="expected three shares above 0 that sum to 1"):
        signals.from_arrays(maps(), split=split)


@pytest.mark.parametrize("count", [10, 11, 19, 20, 101])
@pytest.mark.parametrize("split", [(0.8, 0.1, 0.1), (0.7, 0.2, 0.1), (0.34, 0.33, 0.33)])
def test_the_number_that_is_asked_for_is_enough(split, count):
    def least(few):
        with pytest.raises(LearnitError, match=f"found {few}, expected") as error:
            signals.from_arrays(maps(few), split=split)
        return int(re.search(r"expected (\d+) at least", str(error.value))[1])

    enough = least(1)
    assert least(enough - 1) == enough
    for number in {enough, count}:
        dealt = signals.from_arrays(maps(number), split=split).names
        assert all(dealt.values())
        np.testing.assert_allclose([len(names) / number for names in dealt.values()], split, atol=2 / number)


@pytest.mark.parametrize(
    "coords, words",
    [
        (np.linspace(0, 5000, 30).reshape(6, 5, 1), "coords reach 5000: expected positions within"),
        (np.full((6, 5, 2), np.nan), "coords holds NaN at 60 of 60"),
        (np.zeros((6, 4, 2)), r"coords have shape \(6, 4, 2\) where a signal has \(6, 5\)"),
        (np.zeros((6, 5, 4)), r"coords have shape \(6, 5, 4\) .* one to three"),
        (np.zeros((30, 2)), r"coords have shape \(30, 2\) where a signal has \(6, 5\)"),
        (np.zeros((6, 5, 2), int), "coords holds integers"),
    ],
)
def test_positions_that_cannot_be_used(coords, words):
    with pytest.raises(LearnitError, match=words) as error:
        signals.from_arrays(maps(), coords=coords)
    said(error)


@pytest.mark.parametrize("dims", [0, 3, 4])
def test_dimensions_that_a_signal_has_not(dims):
    with pytest.raises(LearnitError, match=r"shape \(6, 5\): expected one to three axes .* dims"):
        signals.from_arrays(maps(), dims=dims)


# The examples


def test_ten_photographs_lie_in_a_wheel():
    found = examples.photographs(64)
    stacked = np.stack(list(found.values()))
    assert stacked.shape == (10, 64, 64) and stacked.dtype == np.float32 and (stacked >= 0).all() and stacked.max() <= 1
    assert all(picture.max() > 0.4 and picture.std() > 0.02 for picture in stacked), "black, or nothing in it"


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_examples_are_arrays_by_name_in_a_unit_of_their_own(name):
    drawn = examples.EXAMPLES[name](12)
    again = examples.EXAMPLES[name](20)
    assert len(drawn) == 12 and drawn.keys() < again.keys()
    for label, array in drawn.items():
        np.testing.assert_array_equal(array, again[label])
    own = signals.from_arrays(drawn)
    assert len(own.shape) == {"chirps": 1, "heights": 2, "blobs": 3}[name] and own.channels == 1
    other = examples.EXAMPLES[name](12, seed=1)
    assert not any(np.array_equal(drawn[label], other[label]) for label in drawn)


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_examples_are_wide_enough_classes(name):
    """The nearest training signal is no answer: below 20 dB on average."""
    own = signals.from_arrays(examples.EXAMPLES[name]())
    flat = [part.reshape(len(part), -1, 1, 1) for part in (own.train, own.test)]
    assert signals.nearest(*flat)[1].mean() < 20


@pytest.mark.parametrize("name, w0", [("chirps", 30.0), ("heights", 30.0), ("blobs", 20.0)])
def test_what_is_given_is_enough_to_learn_from(name, w0):
    """Coordinates, sampler and score; a few outer steps are better than none, in each dimension."""
    size = {"chirps": 128, "heights": 12, "blobs": 6}[name]
    own = signals.from_arrays(examples.EXAMPLES[name](60, size=size))
    field = models.siren(own.places.shape[1], own.channels, width=64, depth=4, w0=w0)
    loss, optimizer = losses.regression_loss(field), optax.adam(1e-3)
    adapt = meta.adapt_with(loss, optax.sgd(1e-2), 2)
    start = meta.init_state(field.init(jax.random.key(0)), optimizer)
    state, _ = training.train(
        meta.maml(loss, adapt),
        own.sampler(3),
        training.in_memory(own.train),
        start,
        jax.random.key(1),
        optimizer=optimizer,
        num_steps=60,
        progress=False,
    )

    @jax.jit
    def score(params):
        tasks, step = own.tasks(own.test), optax.sgd(1e-2)
        return evaluate.curves(loss, own.score(field), params, tasks, jax.random.key(0), optimizer=step, num_steps=2)

    before, after = (score(params)[:, -1].mean() for params in (start.params, state.params))
    assert after > before + 3
