"""The initialisations that a learned one is compared with."""

import jax
import jax.numpy as jnp
import numpy as np

from learnit_core import evaluate, inits, losses, models
from learnit_core.structures import Pixels

FIELD = models.siren(2, 1, width=24, depth=3, w0=15.0)


def test_standard_is_the_fields_own_draw():
    expected = FIELD.init(jax.random.key(3))
    jax.tree.map(np.testing.assert_array_equal, inits.standard(FIELD, jax.random.key(3)), expected)


def test_shuffled_permutes_each_array_by_itself():
    # Every entry of the whole tree is another number: whatever crosses from array to array shows.
    sizes = [(40, 30), (30,), (30, 20), (20,)]
    numbers = iter(np.split(np.arange(1850.0), np.cumsum([np.prod(s) for s in sizes])[:-1]))
    params = [{"w": jnp.asarray(next(numbers).reshape(s)), "b": jnp.asarray(next(numbers))} for s in sizes[::2]]
    found = inits.shuffled(params, jax.random.key(0))
    for layer, mixed in zip(params, found, strict=True):
        for name in ("w", "b"):
            assert mixed[name].shape == layer[name].shape and mixed[name].dtype == layer[name].dtype
            np.testing.assert_array_equal(np.sort(mixed[name].ravel()), layer[name].ravel())
            # A random permutation leaves one entry in its place on average, and few more.
            assert np.sum(mixed[name] == layer[name]) < 8
    rows = np.sort(np.asarray(found[0]["w"]), axis=1) // 30
    assert (rows[:, 0] != rows[:, -1]).all(), "mixed within rows only"


def test_draws_differ_and_arrays_are_permuted_independently():
    params = {"a": jnp.arange(50.0), "b": jnp.arange(50.0)}
    one, same, other = (inits.shuffled(params, jax.random.key(k)) for k in (0, 0, 1))
    np.testing.assert_array_equal(one["a"], same["a"])
    assert not np.array_equal(one["a"], other["a"]) and not np.array_equal(one["a"], one["b"])


def test_fitted_reaches_forty_decibels():
    coords = models.pixel_grid(12, 12)
    target = 0.5 + 0.3 * jnp.sin(5 * coords[:, :1]) * jnp.cos(4 * coords[:, 1:])
    loss, pixels = losses.image_loss(FIELD), Pixels(coords, target)
    fitted = jax.jit(lambda key: inits.fitted(FIELD, loss, pixels, key, num_steps=400))(jax.random.key(5))
    assert evaluate.psnr(FIELD.apply(fitted.params, coords), target) >= 40
    assert -10 * np.log10(fitted.losses[-1]) >= 40 and fitted.losses.shape == (400,)
    # The draw it starts from is not the one that Standard gets from the same key.
    start = losses.image_loss(FIELD)(FIELD.init(jax.random.key(5)), pixels, jax.random.key(0))
    assert abs(float(start) - float(fitted.losses[0])) > 1e-6


def test_mean_and_matched_are_fitted_to_their_targets():
    coords = models.pixel_grid(12, 12)
    loss, key = losses.image_loss(FIELD), jax.random.key(6)
    signal = Pixels(coords, 0.5 + 0.2 * coords[:, :1])
    learned = FIELD.init(jax.random.key(1))

    def observe(params):
        return Pixels(coords, FIELD.apply(params, coords))

    @jax.jit
    def both(key):
        settings = dict(num_steps=200, learning_rate=2e-3)
        return inits.mean(FIELD, loss, signal, key, **settings), inits.matched(
            FIELD, loss, learned, observe, key, **settings
        )

    mean, matched = both(key)
    for found, target in ((mean, signal.values), (matched, observe(learned).values)):
        error = np.mean((FIELD.apply(found.params, coords) - target) ** 2)
        assert -10 * np.log10(error) >= 30 and found.losses.shape == (200,)
    # Other weights than those that they imitate.
    assert np.abs(matched.params[1]["w"] - learned[1]["w"]).max() > 0.01
