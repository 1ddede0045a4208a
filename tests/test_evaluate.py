"""Scores in closed form: PSNR, curves, steps to match, paired intervals."""

import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from learnit_core import evaluate, models
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import report
from learnit_core.structures import Pixels, Task


@pytest.mark.parametrize("shape", [(5,), (4, 6, 3)])
@pytest.mark.parametrize("db", [0.0, 6.5, 40.0])
def test_psnr_of_a_known_error(shape, db):
    error = 10 ** (-db / 20)
    target = jnp.full(shape, 1 - error)
    np.testing.assert_allclose(evaluate.psnr(jnp.ones(shape), target), db, atol=1e-3)


def test_psnr_clips_the_prediction_only():
    target = jnp.array([0.0, 1.0, 0.5, 0.5])
    np.testing.assert_allclose(
        evaluate.psnr(jnp.array([-7.0, 9.0, 0.6, 0.4]), target), -10 * np.log10(0.02 / 4), rtol=1e-5
    )
    assert evaluate.psnr(jnp.array([-7.0, 9.0, 0.5, 0.5]), target) == np.inf
    # A target outside of [0, 1] stays where it is.
    np.testing.assert_allclose(evaluate.psnr(jnp.full(3, 2.0), jnp.full(3, 2.0)), 0, atol=1e-6)
    # As the paper's authors have it: one below and one above make a mean square of (1 + 1) / 4.
    unclipped = evaluate.psnr(jnp.array([-1.0, 2.0, 0.5, 0.5]), target, clip=False)
    np.testing.assert_allclose(unclipped, 10 * np.log10(2), rtol=1e-5)


@pytest.mark.parametrize("peak", [1e-3, 1.0, 2500.0])
@pytest.mark.parametrize("db", [0.0, 6.5, 40.0])
def test_psnr_of_a_known_error_in_another_unit(peak, db):
    """A peak in metres, an error in metres: as many decibels as with a peak of 1."""
    error = peak * 10 ** (-db / 20)
    target = jnp.full((4, 6), peak - error)
    np.testing.assert_allclose(evaluate.psnr(jnp.full((4, 6), peak), target, peak=peak), db, atol=1e-3)
    np.testing.assert_allclose(evaluate.psnr(jnp.full((4, 6), 3 * peak), target, peak=peak), db, atol=1e-3)
    # What is not clipped is three peaks where the target lacks the error to one.
    unclipped = evaluate.psnr(jnp.full((4, 6), 3 * peak), target, peak=peak, clip=False)
    np.testing.assert_allclose(unclipped, -20 * np.log10(2 + error / peak), atol=1e-3)


@pytest.mark.parametrize("peak", [0.0, -1.0, float("nan")])
def test_a_peak_that_is_none(peak):
    with pytest.raises(LearnitError, match=f"peak of a PSNR is {peak}: expected the range"):
        evaluate.psnr(jnp.zeros(3), jnp.ones(3), peak=peak)


def test_the_score_is_the_psnr_of_what_the_field_says():
    field = models.siren(2, 3, width=4, depth=2)
    params = field.init(jax.random.key(0))
    batch = Pixels(jax.random.uniform(jax.random.key(1), (7, 2)), 2 + jax.random.normal(jax.random.key(2), (7, 3)))
    for given in ({}, {"peak": 3.0}, {"clip": False}, {"peak": 3.0, "clip": False}):
        expected = evaluate.psnr(field.apply(params, batch.coords), batch.values, **given)
        assert evaluate.regression_score(field, **given)(params, batch) == expected


def test_psnr_of_a_whole_signal_is_not_the_mean_of_its_parts():
    prediction, target = jnp.array([[0.5], [0.01]]), jnp.zeros((2, 1))
    np.testing.assert_allclose(evaluate.psnr(prediction, target), -10 * np.log10((0.25 + 1e-4) / 2), rtol=1e-5)


def test_settings_build_their_optimiser():
    grads, start = {"w": jnp.array([2.0, -4.0])}, {"w": jnp.zeros(2)}
    for setting, step in ((Setting("sgd", 0.1), [-0.2, 0.4]), (Setting("adam", 0.1), [-0.1, 0.1])):
        optimizer = setting.build()
        updates, _ = optimizer.update(grads, optimizer.init(start), start)
        np.testing.assert_allclose(updates["w"], step, rtol=1e-5)
    # RMSProp is Adam that forgets where it was going.
    for name, still in (("rmsprop", True), ("adam", False)):
        optimizer = Setting(name, 0.1).build()
        _, state = optimizer.update(grads, optimizer.init(start), start)
        updates, _ = optimizer.update(jax.tree.map(jnp.zeros_like, grads), state, start)
        assert (float(jnp.abs(updates["w"]).max()) == 0) == still, name
    with pytest.raises(LearnitError, match="'momentum'.*sgd, adam, rmsprop"):
        Setting("momentum", 0.1).build()


# Curves


def distance(params, batch, key):
    return jnp.sum((params["w"] - batch) ** 2) / 2


def test_curves_of_a_quadratic():
    """From w₀, SGD with rate r on |w − c|²/2 is at c + (1 − r)ⁿ (w₀ − c) after n steps."""
    start, centres = {"w": jnp.array([1.0, -1.0])}, jnp.array([[0.0, 0.0], [2.0, 1.0], [5.0, 5.0]])
    judged = centres + 1
    found = evaluate.curves(
        distance,
        lambda p, query: p["w"][0] - 10 * query[0],
        start,
        Task(centres, judged),
        jax.random.key(0),
        optimizer=optax.sgd(0.25),
        num_steps=4,
    )
    steps = np.arange(5)
    expected = [c + 0.75**steps * (1 - c) - 10 * (c + 1) for c in (0.0, 2.0, 5.0)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    unadapted = [start["w"][0] - 10 * query[0] for query in judged]
    np.testing.assert_array_equal(found[:, 0], unadapted)


def test_signals_are_fitted_independently():
    start, centres = {"w": jnp.zeros(2)}, jnp.array([[1.0, 0.0], [3.0, 4.0]])
    settings = dict(optimizer=optax.adam(0.1), num_steps=3)

    def score(params, query):
        return -distance(params, query, None)

    both = evaluate.curves(distance, score, start, Task(centres, centres), jax.random.key(0), **settings)
    for i in range(2):
        one = centres[i : i + 1]
        alone = evaluate.curves(distance, score, start, Task(one, one), jax.random.key(0), **settings)
        np.testing.assert_allclose(both[i], alone[0], rtol=1e-6)
    assert (np.diff(both) > 0).all()


# Steps to match


def test_steps_to_match():
    curve = np.array(
        [
            [10.0, 20.0, 30.0, 40.0],  # reaches 25 after two steps
            [30.0, 20.0, 10.0, 5.0],  # is there before the first
            [1.0, 2.0, 3.0, 4.0],  # never is: counts as the limit
            [1.0, 25.0, 3.0, 4.0],  # touches it once
            [1.0, np.nan, np.nan, np.nan],  # diverges
            [1.0, 1.0, 1.0, 25.0],  # with the last step: counts as the limit too, but has reached it
        ]
    )
    steps, never = evaluate.steps_to_match(curve, np.full(6, 25.0))
    np.testing.assert_array_equal(steps, [2, 0, 3, 1, 3, 3])
    assert never == 2


def test_each_signal_has_its_own_target():
    curve = np.tile(np.arange(5.0), (3, 1))
    steps, never = evaluate.steps_to_match(curve, np.array([1.0, 3.0, 9.0]))
    np.testing.assert_array_equal(steps, [1, 3, 4])
    assert never == 1


# Paired intervals


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [2, 12, 40])
def test_a_constant_difference_has_no_width(count):
    b = np.random.default_rng(0).normal(20, 5, count)
    np.testing.assert_allclose(evaluate.paired_interval(b + 3, b), [3, 3, 3], rtol=1e-12)
    assert evaluate.paired_interval(b, b) == (0, 0, 0)


@pytest.mark.filterwarnings("error")
def test_one_signal_has_no_bounds():
    alone = evaluate.paired_interval([23.456], [20.0])
    assert alone == (pytest.approx(3.456), -np.inf, np.inf)
    assert alone.rounded() == [3.46, None, None]
    assert report.verdict(0, "a over b", alone, 0.0) == "| 0 | a over b | +3.5 | [-inf, +inf] | 0 | mean only |"


@pytest.mark.filterwarnings("error")
def test_one_signal_that_stands_out_is_no_trouble():
    outlier = np.eye(1, 40)[0]
    mean, low, high = evaluate.paired_interval(outlier, np.zeros(40))
    assert mean == 1 / 40 and 0 <= low < mean < high < 1


def test_an_interval_is_of_the_pairs():
    """Signals vary by 5 dB, their differences by 0.1: unpaired, the interval would be some fifty times as wide."""
    rng = np.random.default_rng(1)
    b = rng.normal(20, 5, 400)
    difference = rng.normal(1, 0.1, 400)
    mean, low, high = evaluate.paired_interval(b + difference, b)
    np.testing.assert_allclose(mean, difference.mean())
    # The normal approximation: 1.96 standard errors to both sides.
    error = 1.96 * difference.std() / 20
    np.testing.assert_allclose([low, high], [mean - error, mean + error], atol=0.2 * error)


def normal(rng, shape):
    return rng.normal(0, 1, shape)


def skewed(rng, shape):
    """A gamma distribution of shape 4, less its mean; its skewness is 1."""
    return rng.gamma(4.0, 1.0, shape) - 4


def percentiles(sample, zeros):
    draws = np.random.default_rng(0).integers(len(sample), size=(1000, len(sample)))
    low, high = np.quantile(sample[draws].mean(axis=1), [0.025, 0.975])
    return evaluate.Interval(sample.mean(), low, high)


def coverage(interval, draw, count, times):
    """How often the interval of ``count`` differences holds their true mean, zero."""
    samples = draw(np.random.default_rng(2), (times, count))
    found = [interval(sample, np.zeros(count)) for sample in samples]
    return np.mean([low <= 0 <= high for _, low, high in found])


@pytest.mark.parametrize("count", [6, 10])
def test_a_few_signals_cover_the_truth_as_often_as_they_say(count):
    """Three deviations of the binomial are 1.5 %. A percentile bootstrap says 95 %, too."""
    assert abs(coverage(evaluate.paired_interval, normal, count, 2000) - 0.95) < 0.015
    assert coverage(evaluate.paired_interval, skewed, count, 2000) > 0.915
    assert coverage(percentiles, normal, count, 2000) < 0.915


@pytest.mark.parametrize("draw", [normal, skewed])
def test_many_signals_cover_the_truth_as_often_as_they_say(draw):
    assert abs(coverage(evaluate.paired_interval, draw, 40, 400) - 0.945) < 0.035


def test_students_interval_is_the_textbooks():
    """Student's own data: hours of sleep that one drug gave ten patients more than another; t = 2.262 for nine."""
    more = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    np.testing.assert_allclose(evaluate.paired_interval(more, np.zeros(10)), [1.58, 0.700, 2.460], atol=6e-4)


def test_levels_seeds_and_signs():
    rng = np.random.default_rng(3)
    a, b = rng.normal(1, 1, 40), rng.normal(0, 1, 40)
    assert evaluate.paired_interval(a, b, seed=1) == evaluate.paired_interval(a, b, seed=1)
    assert evaluate.paired_interval(a, b, seed=1) != evaluate.paired_interval(a, b, seed=2)
    a, b = a[:20], b[:20]
    wide, narrow = (evaluate.paired_interval(a, b, level=level) for level in (0.99, 0.5))
    assert wide.low < narrow.low < wide.mean < narrow.high < wide.high
    mean, low, high = evaluate.paired_interval(b, a, level=0.99)
    np.testing.assert_allclose([-mean, -high, -low], wide, rtol=1e-12)


def test_scores_that_are_no_pairs_are_refused():
    for a in (np.zeros(0), np.zeros((2, 2))):
        with pytest.raises(LearnitError, match="one number a signal"):
            evaluate.paired_interval(a, a)
    with pytest.raises(LearnitError, match=r"\(3,\) and \(1,\)"):
        evaluate.paired_interval(np.zeros(3), np.zeros(1))


def test_lists_are_scores_too():
    assert evaluate.paired_interval([3.0, 5.0], [1.0, 1.0]).mean == 3


def test_side_by_side_keeps_the_order_and_drops_the_rest_after_an_error():
    begun = []

    def slow_first(i):
        begun.append(i)
        time.sleep(0.2 if i == 0 else 0.02)
        if i == 2:
            raise ValueError("two")
        return 10 * i

    assert list(evaluate.side_by_side(slow_first, range(2))) == [0, 10]
    begun.clear()
    with pytest.raises(ValueError, match="two"):
        list(evaluate.side_by_side(slow_first, [0, 2, *[3] * 1000]))
    assert len(begun) < 500


def test_side_by_side_has_several_at_a_time(monkeypatch):
    monkeypatch.setattr(evaluate.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    both = threading.Barrier(2, timeout=30)
    assert sorted(evaluate.side_by_side(lambda _: both.wait(), range(2))) == [0, 1]
