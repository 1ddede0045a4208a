"""The squared error of a picture, and that shapes are checked while the tests run."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from learnit_core import evaluate, losses, models
from learnit_core.errors import LearnitError
from learnit_core.tomography import project
from learnit_core.types import Field, Pixels, Sinogram

LINEAR = Field(lambda key: jnp.zeros((2, 3)), lambda params, coords: coords @ params, {})


def test_image_loss_is_the_mean_over_pixels_and_channels():
    rng = np.random.default_rng(0)
    params, coords, values = (rng.normal(size=shape).astype(np.float32) for shape in ((2, 3), (7, 2), (7, 3)))
    batch = Pixels(jnp.asarray(coords), jnp.asarray(values))
    loss = losses.image_loss(LINEAR)
    expected = sum((coords[i] @ params[:, c] - values[i, c]) ** 2 for i in range(7) for c in range(3)) / 21
    np.testing.assert_allclose(loss(jnp.asarray(params), batch, jax.random.key(0)), expected, rtol=1e-5)
    assert loss(jnp.asarray(params), batch, jax.random.key(1)) == loss(jnp.asarray(params), batch, jax.random.key(0))
    exact = Pixels(batch.coords, batch.coords @ params)
    np.testing.assert_allclose(loss(jnp.asarray(params), exact, jax.random.key(0)), 0, atol=1e-12)


@pytest.mark.parametrize("shape", [(7, 1), (1, 3), (7, 2)])
def test_a_picture_with_other_channels_than_the_field_is_refused(shape):
    """Some of these would broadcast, and be fitted to something that is no picture."""
    batch = Pixels(jnp.zeros((7, 2)), jnp.zeros(shape))
    with pytest.raises(LearnitError, match=r"the field gives values \(7, 3\) where the picture has \(\d, \d\)"):
        jax.jit(losses.image_loss(LINEAR))(jnp.zeros((2, 3)), batch, jax.random.key(0))


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
    loss = losses.ct_loss(field, coords)
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
    by = [jax.value_and_grad(loss)(params, batch, jax.random.key(0)) for loss in (once, plainly)]
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
