"""The image experiment: its tasks, its meta-training at a tiny size, and checkpoints that belong to their data."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from learnit_core import evaluate, losses, models
from learnit_core.errors import LearnitError
from learnit_core.experiments import image, runs
from learnit_core.fit import fit
from learnit_core.signals import ImageSplits
from learnit_core.structures import Field

TINY = image.Profile(
    name="tiny", size=8, counts=(40, 6, 6), width=16, depth=3, w0=12.0, outer_rate=3e-3, num_steps=100, inner_rate=2e-2
)


def waves(count, seed):
    """Smooth pictures of one family, float32 [count, 8, 8, 1]: a wave of random direction and phase."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:8, :8] / 8
    angle, phase = rng.uniform(0, np.pi, (2, count, 1, 1))
    wave = np.sin(5 * (np.cos(angle) * rows + np.sin(angle) * columns) + phase)
    return (0.5 + 0.4 * wave[..., None]).astype(np.float32)


IMAGES = ImageSplits("waves", waves(40, 0), waves(6, 1), waves(6, 2), "Waves.")


# Tasks


def test_tasks_are_pixels_in_reading_order():
    pictures = np.random.default_rng(0).uniform(0, 1, (3, 4, 5, 2)).astype(np.float32)
    tasks = image.tasks(pictures)
    for pixels in tasks:
        assert pixels.coords.shape == (3, 20, 2) and pixels.values.shape == (3, 20, 2)
        np.testing.assert_array_equal(pixels.values.reshape(3, 4, 5, 2), pictures)
        for coords in pixels.coords:
            np.testing.assert_array_equal(coords, models.pixel_grid(4, 5))
    # The value that stands beside (row/4, column/5) is that of row and column.
    rows, columns = np.round(np.asarray(tasks.support.coords[1]) * [4, 5]).astype(int).T
    np.testing.assert_array_equal(tasks.support.values[1], pictures[1][rows, columns])


def test_the_sampler_draws_from_the_data_and_from_all_of_them():
    data = jnp.asarray(np.random.default_rng(0).uniform(0, 1, (5, 3, 3, 1)), jnp.float32)
    known = {np.asarray(picture).tobytes(): i for i, picture in enumerate(data)}
    draw, seen = jax.jit(image.sampler(4)), []
    for seed in range(20):
        task = draw(jax.random.key(seed), data)
        assert task.support.values.shape == (4, 9, 1)
        jax.tree.map(np.testing.assert_array_equal, task.support, task.query)
        seen.append([known[np.asarray(values).tobytes()] for values in task.support.values])
    assert set(np.ravel(seen)) == set(range(5))
    assert len(set(map(tuple, seen))) > 10, "the key does not matter"


def test_the_score_is_psnr():
    field = Field(lambda key: jnp.float32(0), lambda params, coords: jnp.full((len(coords), 1), params), {})
    pixels = jax.tree.map(lambda x: x[0], image.tasks(np.full((1, 2, 2, 1), 0.5, np.float32)).query)
    np.testing.assert_allclose(image.score(field)(jnp.float32(0.6), pixels), 20, rtol=1e-5)
    np.testing.assert_allclose(image.score(field)(jnp.float32(9), pixels), -20 * np.log10(0.5), rtol=1e-5)


def test_some_classes_want_another_frequency():
    standard = image.PROFILES["standard"]
    for data in image.CLASSES:
        found = standard.for_class(data)
        assert replace(found, w0=standard.w0) == standard and 10 < found.w0 <= standard.w0
    assert standard.for_class("my pictures") == standard
    assert standard.for_class("faces").w0 < standard.w0 == standard.for_class("text").w0


def test_signals_have_the_profiles_size_and_counts():
    found = image.load_signals(replace(TINY, size=12, counts=(3, 2, 1)), "sdf")
    assert [a.shape for a in found[1:4]] == [(3, 12, 12, 1), (2, 12, 12, 1), (1, 12, 12, 1)]
    large = image.large_test("sdf", count=2)
    assert large.shape == (2, 64, 64, 1)


# Meta-gradients and the outer optimiser


def test_each_algorithm_has_its_meta_gradient():
    assert image.field_for(TINY, 1).spec == models.siren(2, 1, width=16, depth=3, w0=12.0).spec
    profile = replace(TINY, depth=2)
    field = image.field_for(profile, 1)
    loss, key = losses.image_loss(field), jax.random.key(1)
    params, task = field.init(jax.random.key(0)), jax.tree.map(lambda x: x[0], image.tasks(IMAGES.train))

    @jax.jit
    def everything(params, task):
        found = {name: image.meta_grad_for(profile, field, name)(params, task, key) for name in image.ALGORITHMS}
        adapted = fit(loss, params, task.support, key, optimizer=optax.sgd(2e-2), num_steps=2).params
        return found, adapted, jax.value_and_grad(loss)(adapted, task.query, key)

    found, adapted, (value, slope) = everything(params, task)

    def close(a, b):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-6)

    jax.tree.map(close, [loss for loss, _ in found.values()], [value] * 3)
    jax.tree.map(close, found["reptile"][1], jax.tree.map(lambda p, a: p - a, params, adapted))
    jax.tree.map(close, found["fomaml"][1], slope)
    assert not np.allclose(found["maml"][1][0]["w"], slope[0]["w"], rtol=0.01)
    with pytest.raises(LearnitError, match="'anil'.*maml, fomaml, reptile"):
        image.meta_grad_for(profile, field, "anil")


@pytest.mark.parametrize("decay", [True, False])
def test_the_outer_rate_falls_only_with_decay(decay):
    optimizer = runs.outer_optimizer(replace(TINY, decay=decay))
    params = jnp.float32(0)
    state = optimizer.init(params)

    def step(state, _):
        update, state = optimizer.update(jnp.float32(1), state, params)
        return state, update

    _, updates = jax.lax.scan(step, state, length=101)
    # Adam's steps on a constant gradient are as long as its rate.
    expected = 3e-3 * (1 + np.cos(np.pi * np.arange(101) / 100)) / 2 if decay else np.full(101, 3e-3)
    np.testing.assert_allclose(-updates, expected, rtol=1e-3, atol=1e-8)


# Meta-training


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A whole tiny MAML run: its folder, and what ``meta_train`` returned."""
    folder = tmp_path_factory.mktemp("run")
    return folder, image.meta_train(TINY, IMAGES, "maml", seed=4, folder=folder)


def after_two_steps(params, pictures):
    field = image.field_for(TINY, 1)
    curves = evaluate.curves(
        losses.image_loss(field),
        image.score(field),
        params,
        image.tasks(pictures),
        jax.random.key(0),
        optimizer=optax.sgd(TINY.inner_rate),
        num_steps=TINY.inner_steps,
    )
    return np.asarray(curves)[:, -1]


def test_meta_training_beats_its_start_on_unseen_pictures(run):
    field, params, history = run[1]
    start = image.field_for(TINY, 1).init(jax.random.key(4))
    gain = after_two_steps(params, IMAGES.test) - after_two_steps(start, IMAGES.test)
    assert gain.min() > 3, gain
    assert [step for step, _ in history.validation] == [100]
    np.testing.assert_allclose(history.validation[0][1], after_two_steps(params, IMAGES.validation).mean(), atol=1e-3)
    assert len(history.losses) == 100 and field.spec == image.field_for(TINY, 1).spec


def test_a_finished_training_is_found_again(run):
    folder, (_, params, history) = run
    (file,) = folder.glob("*.safetensors")
    kept = file.read_bytes()
    _, again, later = image.meta_train(TINY, IMAGES, "maml", seed=4, folder=folder)
    jax.tree.map(np.testing.assert_array_equal, again, params)
    assert later.losses == history.losses and later.resumed_from == 100 and file.read_bytes() == kept


def test_an_interrupted_training_ends_the_same(run, tmp_path, monkeypatch):
    train = image.training.train
    with monkeypatch.context() as patch:
        patch.setattr(image.training, "train", lambda *a, **settings: train(*a, **settings | {"num_steps": 50}))
        image.meta_train(TINY, IMAGES, "maml", seed=4, folder=tmp_path)
    _, params, history = image.meta_train(TINY, IMAGES, "maml", seed=4, folder=tmp_path)
    assert history.resumed_from == 50
    jax.tree.map(np.testing.assert_array_equal, params, run[1][1])
    assert history.losses == run[1][2].losses


@pytest.mark.parametrize(
    "images, profile, said",
    [
        (IMAGES._replace(train=waves(40, 9)), TINY, "train_checksum"),
        (IMAGES._replace(train=IMAGES.train[:30]), TINY, "train_shape"),
        (IMAGES._replace(train=IMAGES.train[::-1]), TINY, "train_checksum"),
        (IMAGES, replace(TINY, inner_rate=3e-2), "inner_rate is 0.02 there, 0.03 here"),
        (IMAGES, replace(TINY, w0=13.0), "w0 is 12.0 there, 13.0 here"),
        (IMAGES, replace(TINY, width=20), "width is 16 there, 20 here"),
    ],
)
def test_other_data_or_settings_under_the_same_name_are_refused(run, images, profile, said):
    folder, _ = run
    (file,) = folder.glob("*.safetensors")
    kept = file.read_bytes()
    with pytest.raises(LearnitError, match=said) as error:
        image.meta_train(profile, images, "maml", seed=4, folder=folder)
    assert str(file) in str(error.value)
    assert file.read_bytes() == kept


def test_what_does_not_decide_the_weights_may_change(run):
    folder, (_, params, _) = run
    other = replace(TINY, limit=7, fit_steps=3, counts=(40, 1, 1))
    _, again, _ = image.meta_train(other, IMAGES._replace(test=waves(1, 5)), "maml", seed=4, folder=folder)
    jax.tree.map(np.testing.assert_array_equal, again, params)
