"""The CT experiment: its tasks, its meta-training at a tiny size, reconstructions, and slices of one's own."""

import os
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image
from skimage.transform import radon

from learnit_core import evaluate
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import ct
from learnit_core.experiments.settings import Settings
from learnit_core.fit import fit
from learnit_core.signals import ImageSplits, phantoms, slices
from learnit_core.structures import Sinogram, rows

TINY = ct.Profile(
    name="tiny",
    size=16,
    counts=(40, 4, 4),
    width=16,
    depth=3,
    num_frequencies=12,
    sigma=4.0,
    outer_rate=5e-3,
    num_steps=150,
    num_views=8,
    limits=(10, 10, 20, 20),
    fit_steps=400,
)
IMAGES = ct.load_signals(TINY, "phantoms")


# Tasks


def test_tasks_are_what_the_scanner_sees_and_the_slice():
    found = ct.tasks(IMAGES.test, ct.test_angles(3))
    np.testing.assert_allclose(found.support.angles, [[0, np.pi / 3, 2 * np.pi / 3]] * 4, rtol=1e-6)
    for sinogram, truth, picture in zip(found.support.values, found.query, IMAGES.test, strict=True):
        np.testing.assert_array_equal(truth, picture[..., 0])
        np.testing.assert_allclose(sinogram, radon(np.array(picture[..., 0]), [0, 60, 120], circle=True).T, atol=1e-4)


def test_test_angles_share_half_a_turn():
    for n in ct.NUM_PROJECTIONS:
        np.testing.assert_allclose(ct.test_angles(n), np.pi * np.arange(n) / n, rtol=1e-6)


def test_a_training_task_has_one_slice_and_its_own_angles():
    """The same for support and query: angles are drawn once a task and stay through its inner steps."""
    draw, data = jax.jit(ct.sampler(TINY)), jnp.asarray(IMAGES.train)
    angles, seen = [], []
    for seed in range(30):
        task = draw(jax.random.key(seed), data)
        jax.tree.map(np.testing.assert_array_equal, task.support, task.query)
        assert task.support.values.shape == (1, 8, 16)
        sums = np.stack(
            [
                radon(np.array(picture[..., 0]), np.rad2deg(task.support.angles[0]), circle=True).T
                for picture in IMAGES.train[:40]
            ]
        )
        error = np.abs(sums - task.support.values[0]).max(axis=(1, 2))
        assert error.min() < 1e-3, "not a training slice seen at these angles"
        seen.append(int(error.argmin()))
        angles.append(np.asarray(task.support.angles[0]))
    assert len(set(seen)) > 10, "the key does not matter"
    every = np.ravel(angles)
    assert len(set(every)) == every.size and every.min() >= 0 and every.max() < np.pi
    np.testing.assert_allclose(np.quantile(every, [0.25, 0.5, 0.75]), np.pi * np.array([0.25, 0.5, 0.75]), atol=0.35)


def test_loss_and_score_are_of_the_network_the_picture_and_the_slice():
    field = ct.field_for(TINY)
    params = field.init(jax.random.key(0))
    loss, score = ct.loss_and_score(field, 16)
    down, right = np.mgrid[:16, :16] / 16
    picture = field.apply(params, jnp.stack([down.ravel(), right.ravel()], -1)).reshape(16, 16)
    truth = jnp.asarray(IMAGES.test[0, ..., 0])
    np.testing.assert_allclose(score(params, truth), -10 * np.log10(np.mean((picture - truth) ** 2)), rtol=1e-5)
    own = Sinogram(jnp.asarray([0.0]), picture.sum(axis=0)[None])
    np.testing.assert_allclose(loss(params, own, jax.random.key(0)), 0, atol=1e-10)


def test_the_paper_profile_is_the_papers():
    paper = ct.PROFILES["paper"]
    field = ct.field_for(paper)
    assert field.spec["frequencies"].shape == (256, 2) and field.spec["final"] == "sigmoid"
    np.testing.assert_allclose(field.spec["frequencies"].std(), 30, rtol=0.1)
    assert (paper.size, paper.width, paper.depth, paper.num_steps, paper.batch) == (256, 256, 5, 100_000, 1)
    assert (paper.inner_rate, paper.inner_steps, paper.num_views, paper.outer_rate) == (10, 12, 20, 5e-5)
    assert not paper.decay and paper.counts == (2048, 16, 64)


def test_a_cap_reaches_every_loop():
    for profile in ct.PROFILES.values():
        short = profile.capped(Settings(max_steps=2))
        assert (short.num_steps, short.inner_steps, short.fit_steps, short.limits) == (2, 2, 2, (2, 2, 2, 2))
        assert short.counts == (20, 4, 2) and profile.capped(Settings()) == profile
        assert short.size == 64


# Meta-training


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A whole tiny Reptile run: its folder, and what ``meta_train`` returned."""
    folder = tmp_path_factory.mktemp("run")
    return folder, ct.meta_train(TINY, IMAGES, seed=4, folder=folder)


def psnr_after(params, setting, steps, num_projections):
    pictures, _ = ct.reconstruct(ct.field_for(TINY), params, IMAGES.test, num_projections, setting, steps)
    return np.array([evaluate.psnr(jnp.asarray(p), jnp.asarray(t)) for p, t in zip(pictures, IMAGES.test, strict=True)])


def test_meta_training_beats_its_start_on_unseen_slices(run):
    field, params, history = run[1]
    assert field.spec["width"] == 16 and len(history.losses) == 150
    start = field.init(jax.random.key(4))
    gain = psnr_after(params, Setting("sgd", 10.0), 10, 4) - psnr_after(start, Setting("sgd", 10.0), 10, 4)
    assert gain.mean() > 1, gain


def test_a_finished_training_is_found_again(run):
    folder, (_, params, history) = run
    (file,) = folder.glob("*.safetensors")
    kept = file.read_bytes()
    _, again, later = ct.meta_train(TINY, IMAGES, seed=4, folder=folder)
    jax.tree.map(np.testing.assert_array_equal, again, params)
    assert later.losses == history.losses and later.resumed_from == 150 and file.read_bytes() == kept
    with pytest.raises(LearnitError, match="sigma is 4.0 there, 5.0 here"):
        ct.meta_train(replace(TINY, sigma=5.0), IMAGES, seed=4, folder=folder)


def test_the_validation_score_is_after_the_inner_steps(run):
    field, params, history = run[1]
    loss, score = ct.loss_and_score(field, 16)
    found = []
    for truth in IMAGES.validation:
        task = rows(ct.tasks(truth[None], ct.test_angles(8)), 0)
        fitted = fit(loss, params, task.support, jax.random.key(0), optimizer=optax.sgd(10.0), num_steps=12).params
        found.append(score(fitted, task.query))
    ((step, value),) = history.validation
    assert step == 150
    np.testing.assert_allclose(value, np.mean(found), atol=1e-3)


def test_a_reconstruction_is_a_fit(run):
    field, params, _ = run[1]
    setting = Setting("adam", 3e-3)
    pictures, fitted = ct.reconstruct(field, params, IMAGES.test[:2], 4, setting, 20)
    loss, _ = ct.loss_and_score(field, 16)
    for i in range(2):
        sinogram = rows(ct.tasks(IMAGES.test, ct.test_angles(4)).support, i)
        by_hand = fit(loss, params, sinogram, jax.random.key(0), optimizer=setting.build(), num_steps=20).params
        jax.tree.map(lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-2, atol=1e-4), fitted, by_hand)
        values = ct.loss_and_score(field, 16)[1](by_hand, jnp.asarray(pictures[i, ..., 0]))
        assert values > 50, "the picture is not that of the weights"


def test_algorithms_have_names():
    field = ct.field_for(TINY)
    task = rows(ct.sampler(TINY)(jax.random.key(0), jnp.asarray(IMAGES.train)), 0)
    params = field.init(jax.random.key(0))
    found = {}
    for name in ct.ALGORITHMS:
        value, found[name] = jax.jit(ct.meta_grad_for(TINY, field, name))(params, task, jax.random.key(1))
        assert np.isfinite(value)
    assert not np.allclose(found["maml"][0]["w"], found["fomaml"][0]["w"], rtol=1e-2)
    with pytest.raises(LearnitError, match="'anil'.*reptile, maml, fomaml"):
        ct.meta_grad_for(TINY, field, "anil")


# Slices of one's own


def write_slices(folder: Path, shapes):
    for i, shape in enumerate(shapes):
        values = np.random.default_rng(i).integers(0, 255, shape).astype(np.uint8)
        Image.fromarray(values).save(folder / f"slice_{i:02}.png")


def test_a_folder_of_slices_is_scaled_and_cut_to_the_circle(tmp_path):
    write_slices(tmp_path, [(48, 48)] * 12)
    found = ct.load_signals(TINY, str(tmp_path))
    assert isinstance(found, ImageSplits) and found.train.shape[1:] == (16, 16, 1)
    assert sum(map(len, (found.train, found.validation, found.test))) == 12
    outside = phantoms.scanner_circle(16) == 0
    for part in (found.train, found.validation, found.test, slices.load_test(tmp_path, size=16)):
        assert not part[:, outside].any() and part[:, ~outside].min() > 0
    assert "12 slices from the folder" in found.note
    assert slices.load_test(tmp_path / "slice_03.png", size=16).shape == (1, 16, 16, 1)


@pytest.mark.parametrize(
    "shapes, said",
    [
        ([(48, 48)] * 10 + [(64, 64)], "differ in size: slice_00.png has a side of 48 pixels, slice_10.png of 64"),
        ([(48, 50)] * 11, "slice_00.png is 50 x 48 pixels: expected a square one"),
        ([(48, 48)] * 5, "5 different readable pictures; expected at least 10"),
        ([], "expected pictures"),
    ],
)
def test_slices_that_cannot_be_used(tmp_path, shapes, said):
    write_slices(tmp_path, shapes)
    with pytest.raises(LearnitError, match=said):
        ct.load_signals(TINY, str(tmp_path))


def test_no_slices_there(tmp_path):
    with pytest.raises(LearnitError, match="No data called .*nowhere"):
        ct.load_signals(TINY, str(tmp_path / "nowhere"))


REAL = Path(os.environ.get("LEARNIT_SHARED", Path(__file__).parents[2] / "shared")) / "data" / "ct"


@pytest.mark.skipif(not REAL.is_dir(), reason="no chest slices here")
def test_real_slices_are_read():
    found = ct.load_signals(ct.PROFILES["quick"], str(REAL))
    assert len(found.train) >= 20 and found.test.shape[1:] == (64, 64, 1)
    assert 0.1 < found.test.mean() < 0.6
