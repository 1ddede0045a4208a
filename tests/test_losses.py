"""The squared error of a picture, and that shapes are checked while the tests run."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from learnit_core import evaluate, losses, models
from learnit_core.errors import LearnitError
from learnit_core.structures import Field, Pixels, Sinogram, Views
from learnit_core.tomography import project

LINEAR = Field(lambda key: jnp.zeros((2, 3)), lambda params, coords: coords @ params, {})


def test_there_is_one_loss_under_two_names():
    assert losses.image_loss is losses.regression_loss


def test_regression_loss_is_the_mean_over_samples_and_channels():
    rng = np.random.default_rng(0)
    params, coords, values = (rng.normal(size=shape).astype(np.float32) for shape in ((2, 3), (7, 2), (7, 3)))
    batch = Pixels(jnp.asarray(coords), jnp.asarray(values))
    loss = losses.regression_loss(LINEAR)
    expected = sum((coords[i] @ params[:, c] - values[i, c]) ** 2 for i in range(7) for c in range(3)) / 21
    np.testing.assert_allclose(loss(jnp.asarray(params), batch, jax.random.key(0)), expected, rtol=1e-5)
    assert loss(jnp.asarray(params), batch, jax.random.key(1)) == loss(jnp.asarray(params), batch, jax.random.key(0))
    exact = Pixels(batch.coords, batch.coords @ params)
    np.testing.assert_allclose(loss(jnp.asarray(params), exact, jax.random.key(0)), 0, atol=1e-12)


@pytest.mark.parametrize("shape", [(7, 1), (1, 3), (7, 2)])
def test_a_picture_with_other_channels_than_the_field_is_refused(shape):
    """Some of these would broadcast, and be fitted to something that is no picture."""
    batch = Pixels(jnp.zeros((7, 2)), jnp.zeros(shape))
    with pytest.raises(LearnitError, match=r"the field gives values \(7, 3\) where the signal has \(\d, \d\)"):
        jax.jit(losses.regression_loss(LINEAR))(jnp.zeros((2, 3)), batch, jax.random.key(0))


def test_ct_loss_is_the_mean_over_rays_of_line_averages():
    """A linear "network" whose picture is known: the loss in plain numpy, from scikit-image's sums."""
    from skimage.transform import radon

    rng = np.random.default_rng(0)
    size, degrees = 12, np.array([0.0, 30.0, 75.0])
    coords = models.pixel_grid(size, size)
    params = jnp.asarray(rng.normal(size=(2, 1)), jnp.float32)
    image = np.asarray(coords @ params, np.float64).reshape(size, size)
    measured = rng.normal(size=(3, size)).astype(np.float32)
    with pytest.warns(UserWarning, match="outside the reconstruction circle"):
        sums = radon(image, degrees, circle=True).T
    expected = np.mean((sums / size - measured / size) ** 2)
    batch = Sinogram(jnp.asarray(np.deg2rad(degrees), jnp.float32), jnp.asarray(measured))
    field = Field(lambda key: params, lambda params, coords: coords @ params, {})
    loss = jax.jit(losses.ct_loss(field, coords))
    np.testing.assert_allclose(loss(params, batch, jax.random.key(0)), expected, rtol=1e-4)
    exact = Sinogram(batch.angles, project(jnp.asarray(image, jnp.float32), batch.angles))
    np.testing.assert_allclose(loss(params, exact, jax.random.key(0)), 0, atol=1e-10)


def test_ct_loss_computes_fourier_features_once():
    """The program of a step holds no cosine, and its loss and gradient are those of the field applied to positions."""
    rng = np.random.default_rng(1)
    field = models.fourier_mlp(rng.normal(size=(5, 2)) * 8, 1, width=8, depth=3)
    coords, angles = models.pixel_grid(9, 9), jnp.asarray([0.1, 2.0])
    batch = Sinogram(angles, jnp.asarray(rng.uniform(0, 9, (2, 9)), jnp.float32))
    params = field.init(jax.random.key(0))

    def plainly(params, batch, key):
        averages = project(field.apply(params, coords).reshape(9, 9), batch.angles) / 9
        return jnp.mean((averages - batch.values / 9) ** 2)

    once = losses.ct_loss(field, coords)
    by = [jax.jit(jax.value_and_grad(loss))(params, batch, jax.random.key(0)) for loss in (once, plainly)]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7), *by)
    cosines = [str(jax.make_jaxpr(loss)(params, batch, jax.random.key(0))).count("= cos ") for loss in (once, plainly)]
    assert cosines == [1, 2], "one is the projection's own"


@pytest.mark.parametrize(
    "angles, values, said",
    [
        (jnp.zeros(3), jnp.zeros((2, 9)), "2 rows and 3 angles"),
        (jnp.zeros(0), jnp.zeros((0, 9)), "0 rows and 0 angles"),
        (jnp.zeros(2), jnp.zeros((2, 8)), r"\(81, 1\) where the sinogram has 8 rays a view: expected \(64, 1\)"),
    ],
)
def test_ct_loss_refuses_a_sinogram_that_does_not_fit(angles, values, said):
    field = models.fourier_mlp(np.ones((1, 2)), 1, width=4, depth=2)
    loss = losses.ct_loss(field, models.pixel_grid(9, 9))
    with pytest.raises(LearnitError, match=said):
        jax.jit(loss)(field.init(jax.random.key(0)), Sinogram(angles, values), jax.random.key(0))


def test_annotations_are_checked():
    """Shapes and types stand in the annotations; pytest's settings in pyproject.toml have them checked."""
    evaluate.psnr(jnp.zeros((4, 2)), jnp.ones((4, 2)))
    with pytest.raises(jaxtyping.TypeCheckError):
        evaluate.psnr(jnp.zeros((4, 2)), jnp.ones((4, 1)))
    with pytest.raises(jaxtyping.TypeCheckError):
        evaluate.psnr(jnp.zeros(4, int), jnp.ones(4, int))


def fog_scene(views=3, side=6):
    """A scene of uniform views: every pixel says its view, row and column in red, green and blue."""
    view, row, column = np.meshgrid(np.arange(views), np.arange(side), np.arange(side), indexing="ij")
    pose = np.concatenate([np.eye(3), [[0], [0], [4]]], axis=1).astype(np.float32)
    return Views(
        images=np.stack([view, row, column], axis=-1).astype(np.uint8),
        valid=np.tile(np.array([0, side, 0, side], np.int32), (views, 1)),
        intrinsics=np.tile(np.array([side, side, side / 2, side / 2], np.float32), (views, 1)),
        camera_to_world=np.tile(pose, (views, 1, 1)),
        near=np.full(views, 2, np.float32),
        far=np.full(views, 6, np.float32),
    )


# A "network" that is empty, so that what is seen is the background: a pixel's error says which pixel it was.
EMPTY = Field(lambda key: jnp.zeros(()), lambda params, points: jnp.zeros((*points.shape[:-1], 4)) + params, {})


def test_radiance_loss_draws_every_pixel_of_every_view_and_no_other():
    views = fog_scene()
    views = views._replace(valid=np.array([[0, 6, 0, 6], [1, 3, 2, 6], [5, 6, 0, 1]], np.int32))
    loss = losses.radiance_loss(EMPTY, num_samples=2, rays_per_step=1, background=0.0)
    every = jax.jit(jax.vmap(lambda key: loss(jnp.zeros(()), views, key)))
    values = every(jax.random.split(jax.random.key(0), 4000))
    inside = [
        views.images[v, r, c]
        for v, (t, b, left, right) in enumerate(views.valid)
        for r in range(t, b)
        for c in range(left, right)
    ]
    expected = {round(float(np.mean(np.square(p / np.float32(255)))), 9) for p in np.asarray(inside, np.float32)}
    assert {round(float(value), 9) for value in values} == expected


def test_radiance_loss_sees_through_the_right_camera():
    """One pixel has another colour; a field that is opaque and knows where that pixel's ray passes gets it right."""
    views = fog_scene(views=1, side=5)._replace(images=np.zeros((1, 5, 5, 3), np.uint8))
    views.images[0, 1, 3] = 255

    def apply(params, points):
        # The ray of row 1, column 3 of five: x / depth = (3.5 - 2.5) / 5, y / depth = (2.5 - 1.5) / 5.
        depth = 4 - points[..., 2]
        here = (jnp.abs(points[..., 0] / depth - 0.2) < 0.1) & (jnp.abs(points[..., 1] / depth - 0.2) < 0.1)
        grey = jnp.where(here, 1.0, 0.0)[..., None] + params
        return jnp.concatenate([grey, grey, grey, jnp.full_like(grey, 1e4)], axis=-1)

    field = Field(lambda key: jnp.zeros(()), apply, {})
    loss = jax.jit(losses.radiance_loss(field, num_samples=4, rays_per_step=500))
    np.testing.assert_allclose(loss(jnp.zeros(()), views, jax.random.key(0)), 0, atol=1e-10)
    np.testing.assert_allclose(loss(jnp.full((), 0.1), views, jax.random.key(0)), 0.01, rtol=1e-3)


def test_radiance_loss_of_no_views_is_refused():
    none = jax.tree.map(lambda leaf: leaf[:0], fog_scene())
    with pytest.raises(LearnitError, match=r"pictures \(0, 6, 6, 3\): expected one view or more"):
        losses.radiance_loss(EMPTY, num_samples=2, rays_per_step=1)(jnp.zeros(()), none, jax.random.key(0))
