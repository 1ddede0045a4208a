"""MAML's rivals: identities that tie each to what it is made of, and a joint fit against a loop written out."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from test_image import IMAGES, TINY

from learnit_core import losses, models, structures, weights
from learnit_core.evaluate import Setting
from learnit_core.experiments import baselines, fits, image
from learnit_core.experiments.image import rivals
from learnit_core.fit import fit

FIELD = image.field_for(TINY, 1)
START = FIELD.init(jax.random.key(3))
SHORT = replace(TINY, num_steps=8)


def close(found, expected, **tolerance):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), found, expected)


def made(name, option, seed=1):
    return rivals.make(name, option, SHORT, FIELD, IMAGES, seed=seed)


def test_scaled_weights_are_another_w0_and_a_scaled_output():
    """Biases are zero, so that sin(ω0 s W x) is what a network of s ω0 computes."""
    standard = baselines.standard(FIELD, seed=1)
    close(made("standard-scaled", 1), standard, rtol=0)
    faster = models.siren(2, 1, width=TINY.width, depth=TINY.depth, w0=2 * TINY.w0)
    coords = models.pixel_grid(8, 8)
    found = FIELD.apply(made("standard-scaled", 2), coords) - 0.5
    np.testing.assert_allclose(found, 2 * (faster.apply(standard, coords) - 0.5), atol=1e-5)


@pytest.mark.parametrize("count", [1, 3])
def test_a_shared_trunk_against_a_loop_over_its_pictures(count):
    """With one picture it is a plain fit; with more, Adam descends the mean of their losses."""
    pictures, key = image.tasks(IMAGES.train[:count]).support, jax.random.key(5)
    trunk_key, head_key, _ = jax.random.split(key, 3)
    heads = [FIELD.init(k)[-1] for k in jax.random.split(head_key, count)]
    start, loss = (FIELD.init(trunk_key)[:-1], heads), losses.image_loss(FIELD)

    def joint(shared, batch, key):
        trunk, heads = shared
        each = [loss([*trunk, head], jax.tree.map(lambda a, i=i: a[i], batch), key) for i, head in enumerate(heads)]
        return sum(each) / count

    expected_trunk, expected_heads = fit(joint, start, pictures, key, optimizer=optax.adam(1e-3), num_steps=5).params
    found = rivals.share(FIELD, pictures, key, num_steps=5)
    close(found.trunk, expected_trunk, atol=2e-5)
    close(found.heads, jax.tree.map(lambda *leaves: jnp.stack(leaves), *expected_heads), atol=2e-5)
    if count == 1:
        one = jax.tree.map(lambda leaf: leaf[0], pictures)
        alone = fit(loss, [*start[0], heads[0]], one, key, optimizer=optax.adam(1e-3), num_steps=5).params
        close([*found.trunk, jax.tree.map(lambda leaf: leaf[0], found.heads)], alone, atol=2e-5)


def test_the_two_uses_of_a_trunk_differ_in_the_head_alone():
    random, mean = made("shared-trunk", 5), made("shared-mean", 5)
    close(random[:-1], mean[:-1], rtol=0)
    close(random[-1], baselines.standard(FIELD, seed=1)[-1], rtol=0)
    assert not np.allclose(random[-1]["w"], mean[-1]["w"])
    assert not np.allclose(mean[0]["w"], made("shared-mean", 5, seed=2)[0]["w"]), "other pictures, other weights"
    close(made("shared-mean", 1000), made("shared-mean", 80), rtol=0)  # of a run that is cut short
    chosen = rivals.beside({"mean": [START]}, dict.fromkeys(rivals.OPTIONS, 2), SHORT, FIELD, IMAGES, seed=1)
    assert chosen.keys() == {"mean", *rivals.OPTIONS}
    close(chosen["shared-mean"][0], made("shared-mean", 2), rtol=0)


@pytest.mark.parametrize("optimizer, factor", [("learned", 1.0), ("learned", 3.0), ("adam", 1e-3)])
def test_constant_learned_rates_are_the_inner_loop_of_maml(optimizer, factor):
    rated = structures.rated(START, 0.02)
    plain = Setting("sgd", 0.02 * factor) if optimizer == "learned" else Setting(optimizer, factor)
    unseen = image.tasks(IMAGES.test[:2])
    expected = fits.fit_all(image.measures, FIELD, [START], unseen, plain, 4)
    found = fits.fit_all(image.measures, FIELD, [rated], unseen, Setting(optimizer, factor), 4)
    np.testing.assert_allclose(found.curves, expected.curves, atol=1e-3)
    close(found.params.params, expected.params, atol=1e-5)
    close(found.params.rates, jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), rated.rates), rtol=0)


def test_meta_sgd_learns_rates_from_the_inner_rate_on_and_keeps_them_in_a_file(tmp_path):
    profile = replace(SHORT, num_steps=2)
    field, rated, history = image.meta_train(profile, IMAGES, "meta-sgd", seed=1)
    (first, *_) = jax.tree.leaves(rated.rates)
    assert 0 < np.abs(first - profile.inner_rate).max() <= 2 * profile.outer_rate * 1.01, "Adam's steps are no longer"
    scores = fits.fit_all(
        image.measures, field, [rated], image.tasks(IMAGES.validation), Setting("learned", 1.0), profile.inner_steps
    )
    np.testing.assert_allclose(history.validation[-1][1], scores.curves[:, -1].mean(), atol=1e-3)
    weights.save(tmp_path / "a.safetensors", field, rated, {})
    close(weights.load(tmp_path / "a.safetensors")[1], rated, rtol=0)


def test_cost_counts_gradients_of_one_picture():
    profile = replace(TINY, num_steps=10, maml_batch=3, reptile_batch=5, inner_steps=2)
    found = rivals.cost(profile, {"standard-scaled": 2, "shared-trunk": 150, "shared-mean": 75})
    assert found == {"meta-maml": 90, "meta-sgd": 90, "meta-reptile": 100, "shared-trunk": 1500, "shared-mean": 750}
