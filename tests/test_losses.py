"""The squared error of a picture, and that shapes are checked while the tests run."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from learnit_core import evaluate, losses
from learnit_core.errors import LearnitError
from learnit_core.types import Field, Pixels

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


def test_annotations_are_checked():
    """Shapes and types stand in the annotations; pytest's settings in pyproject.toml have them checked."""
    evaluate.psnr(jnp.zeros((4, 2)), jnp.ones((4, 2)))
    with pytest.raises(jaxtyping.TypeCheckError):
        evaluate.psnr(jnp.zeros((4, 2)), jnp.ones((4, 1)))
    with pytest.raises(jaxtyping.TypeCheckError):
        evaluate.psnr(jnp.zeros(4, int), jnp.ones(4, int))
