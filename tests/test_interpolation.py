"""Fitting to a given PSNR and the agreement of mixed weights with mixed pictures, on fields with a closed form."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from learnit_core import models
from learnit_core.evaluate import Setting
from learnit_core.experiments.image import interpolation
from learnit_core.structures import Field

CONSTANT = Field(
    lambda key: {"v": jnp.float32(0)},
    lambda params, coords: jnp.broadcast_to(params["v"], (len(coords), 1)),
    {"model": "constant"},
)
"""One grey for the whole picture: SGD of rate r on its squared error shrinks the error by 1 − 2r a step."""


def greys(*levels):
    return np.broadcast_to(np.float32(levels)[:, None, None, None], (len(levels), 4, 4, 1)).copy()


def closed_form(error, target_db, rate):
    """Steps until an error is down to the target's, the last of them cut short on the straight line."""
    wanted, steps = 10 ** (-target_db / 20), 0
    while error > wanted:
        before, error, steps = error, error * (1 - 2 * rate), steps + 1
    return steps - 1 + (before - wanted) / (before - error)


@pytest.mark.parametrize("target_db", [20.0, 26.0])
def test_a_fit_ends_at_its_target(target_db):
    levels = [0.8, 0.3, 0.55]
    fitted = interpolation.fit_to(
        CONSTANT, CONSTANT.init(None), greys(*levels), Setting("sgd", 0.05), target_db=target_db
    )
    np.testing.assert_allclose(fitted.psnr, target_db, atol=0.01)
    assert (fitted.psnr >= target_db - 1e-4).all()
    np.testing.assert_allclose(fitted.steps, [closed_form(c, target_db, 0.05) for c in levels], atol=0.01)
    np.testing.assert_allclose(fitted.params["v"], np.array(levels) - 10 ** (-target_db / 20), atol=1e-4)


def test_a_fit_that_does_not_get_there_keeps_what_it_has():
    fitted = interpolation.fit_to(
        CONSTANT, CONSTANT.init(None), greys(0.8, 0.1), Setting("sgd", 0.05), target_db=30.0, max_steps=10
    )
    np.testing.assert_allclose(fitted.steps, [10, 10], atol=1e-3)
    np.testing.assert_allclose(fitted.psnr, -20 * np.log10([0.8 * 0.9**10, 0.1 * 0.9**10]), rtol=1e-4)


def test_a_fit_that_is_there_already_takes_no_steps():
    fitted = interpolation.fit_to(
        CONSTANT, {"v": jnp.float32(0.5)}, greys(0.51, 0.9), Setting("adam", 0.05), target_db=30.0
    )
    assert fitted.steps[0] == 0 and fitted.params["v"][0] == 0.5
    np.testing.assert_allclose(fitted.psnr[0], 40, atol=1e-2)
    np.testing.assert_allclose(fitted.psnr[1], 30, atol=0.1)


def test_a_network_is_fitted_to_a_tenth_of_a_decibel():
    field = models.siren(2, 1, width=16, depth=3, w0=12.0)
    rows, columns = np.mgrid[:8, :8] / 8
    pictures = (0.5 + 0.4 * np.sin([5 * rows, 5 * columns + 1]))[..., None].astype(np.float32)
    fitted = interpolation.fit_to(field, field.init(jax.random.key(0)), pictures, Setting("adam", 3e-3), target_db=28.0)
    np.testing.assert_allclose(fitted.psnr, 28, atol=0.1)
    coords = models.pixel_grid(8, 8)
    for i in range(2):
        params = jax.tree.map(lambda leaf, i=i: leaf[i], fitted.params)
        error = np.mean((np.clip(field.apply(params, coords), 0, 1) - pictures[i].reshape(-1, 1)) ** 2)
        np.testing.assert_allclose(-10 * np.log10(error), fitted.psnr[i], atol=0.01)


# Agreement


def stacked(*trees):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


PAIRS = np.array([(0, 1), (2, 0), (1, 2)])


def test_weights_that_act_linearly_agree():
    features = jax.random.normal(jax.random.key(0), (2, 9))
    linear = Field(CONSTANT.init, lambda p, coords: 0.5 + 0.1 * jnp.cos(coords @ features) @ p, {"model": "linear"})
    params = jax.random.normal(jax.random.key(1), (3, 9, 1)) / 3
    assert (interpolation.agreement(linear, params, PAIRS, (6, 7)) > 100).all()


def test_agreement_in_closed_form():
    """Pictures of v²: the mean weight shows ((a + b)/2)², the mean picture is (a² + b²)/2."""
    square = Field(CONSTANT.init, lambda p, coords: jnp.full((len(coords), 1), p**2), {"model": "square"})
    v = np.float32([0.1, 0.9, 0.4])
    expected = [-20 * np.log10((v[i] - v[j]) ** 2 / 4) for i, j in PAIRS]
    np.testing.assert_allclose(interpolation.agreement(square, jnp.asarray(v), PAIRS, (2, 2)), expected, rtol=1e-3)


def test_equal_networks_agree_and_unlike_ones_do_not():
    field = models.siren(2, 1, width=32, depth=3, w0=30.0)
    one, other = (jax.tree.map(lambda p: 1.5 * p, field.init(jax.random.key(i))) for i in range(2))
    found = interpolation.agreement(field, stacked(one, one, other), np.array([(0, 1), (0, 2)]), (8, 8))
    assert found[0] > 100 and found[1] < 30


# What is said of it


def test_the_report_is_json_and_a_table():
    start, params = {"w": jnp.array([3.0, 4.0])}, {"w": jnp.array([[3.0, 5.0], [3.0, 11.0]])}  # 1 and 7 away
    fitted = interpolation.FittedTo(params, jnp.array([30.004, 29.5]), jnp.array([3.0, 4.0]))
    entry = interpolation.entry(fitted, start, np.float32([20, 30]), data="text")
    assert entry == {
        "data": "text",
        "target_psnr_db": 30.0,
        "fitted_psnr_db": [30.0, 29.5],
        "steps": 3.5,
        "moved": 1.0,
        "num_pairs": 2,
        "agreement_db": 25.0,
        "agreement_std": 7.07,
    }
    assert json.loads(json.dumps(entry, allow_nan=False)) == entry
    line = interpolation.markdown({"MAML, SGD": entry}).split("\n")[-1]
    assert line == "| MAML, SGD | 29.5 to 30.0 | 4 | 100.0 % | 2 | 25.0 ± 7.1 |"


def test_a_single_pair_has_no_deviation():
    fitted = interpolation.FittedTo({"w": jnp.ones((2, 1))}, jnp.array([30.0, 29.5]), jnp.array([3.0, 4.0]))
    entry = interpolation.entry(fitted, {"w": jnp.ones(1)}, np.float32([20]), data="text")
    assert entry["agreement_std"] is None
    assert interpolation.markdown({"MAML": entry}).endswith("| 1 | 20.0 |")


def test_ways_to_fit_are_named_by_what_they_are():
    assert interpolation.VARIANTS["Standard, Adam 1e-4"] == ("standard", Setting("adam", 1e-4))
    assert interpolation.VARIANTS["MAML, SGD 3e-3"] == ("meta-maml", Setting("sgd", 3e-3))
    assert set(interpolation.LARGE_VARIANTS) <= set(interpolation.VARIANTS)
    per_start = [init for init, _ in interpolation.VARIANTS.values()]
    assert per_start.count("standard") == per_start.count("meta-maml"), "as many tries for both"
