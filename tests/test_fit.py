"""The inner loop against a loop written out in Python."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from learnit_core.fit import fit


def loss(params, batch, key):
    """A squared error seen through noise drawn by the key, as a mini-batch would be."""
    noise = 0.1 * jax.random.normal(key, batch.shape)
    return jnp.mean((params["w"] * batch + params["b"] - jnp.sin(3 * batch) + noise) ** 2)


PARAMS = {"b": jnp.float32(0.1), "w": jnp.linspace(-1.0, 1.0, 12)}
BATCH = jnp.linspace(0.0, 1.0, 12)
KEY = jax.random.key(4)


@pytest.mark.parametrize("optimizer", [optax.sgd(0.3), optax.adam(1e-2)], ids=["sgd", "adam"])
def test_against_an_unrolled_loop(optimizer):
    found = fit(loss, PARAMS, BATCH, KEY, optimizer=optimizer, num_steps=5, probe=lambda p: {"sum": p["w"].sum(), **p})
    params, opt_state = PARAMS, optimizer.init(PARAMS)
    for i in range(5):
        value, grads = jax.value_and_grad(loss)(params, BATCH, jax.random.fold_in(KEY, i))
        updates, opt_state = optimizer.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        # The loss before the step, and the probe after it.
        np.testing.assert_allclose(found.losses[i], value, rtol=1e-5)
        np.testing.assert_allclose(found.probes["w"][i], params["w"], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(found.probes["sum"][i], params["w"].sum(), rtol=1e-4, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), found.params, params)
    assert found.losses.shape == (5,) and found.probes["w"].shape == (5, 12)
    np.testing.assert_array_equal(found.probes["w"][-1], found.params["w"])


def test_a_longer_fit_begins_as_a_shorter():
    short, long = (
        fit(loss, PARAMS, BATCH, KEY, optimizer=optax.adam(1e-2), num_steps=n, probe=lambda p: p["w"]) for n in (4, 9)
    )
    np.testing.assert_array_equal(long.losses[:4], short.losses)
    np.testing.assert_array_equal(long.probes[:4], short.probes)
    np.testing.assert_array_equal(long.probes[3], short.params["w"])


def test_the_key_decides_what_is_drawn():
    one, other = (fit(loss, PARAMS, BATCH, jax.random.key(k), optimizer=optax.sgd(0.1), num_steps=3) for k in (0, 1))
    assert not np.array_equal(one.losses, other.losses)
    assert len(set(np.diff(one.losses).tolist())) == 2, "the same draw in every step"


def test_no_steps_and_no_probe():
    found = fit(loss, PARAMS, BATCH, KEY, optimizer=optax.sgd(0.1), num_steps=0)
    jax.tree.map(np.testing.assert_array_equal, found.params, PARAMS)
    assert found.losses.shape == (0,) and found.probes is None


def test_a_convex_fit_finds_the_minimum():
    """Least squares has one answer: b and w of the line through points on it."""

    def line(params, batch, key):
        return jnp.mean((params["w"] * batch + params["b"] - (2 * batch - 0.5)) ** 2)

    start = {"b": jnp.float32(0), "w": jnp.float32(0)}
    found = fit(line, start, BATCH, KEY, optimizer=optax.sgd(0.7), num_steps=400).params
    np.testing.assert_allclose([found["w"], found["b"]], [2, -0.5], atol=1e-4)
