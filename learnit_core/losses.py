"""The only place where a model meets a measurement: squared errors between a field and what was observed."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from learnit_core.errors import LearnitError
from learnit_core.tomography import project
from learnit_core.types import Field, LossFn


def image_loss(field: Field) -> LossFn:
    """Mean squared error over all pixels and channels of a :class:`~learnit_core.types.Pixels` batch.

    The paper fits every image with all of its pixels in every step (section 4.1), so the key is not used.
    """

    def loss(params, batch, key):
        del key
        predicted = field.apply(params, batch.coords)
        if predicted.shape != batch.values.shape:  # broadcasting would hide it
            raise LearnitError(f"the field gives values {predicted.shape} where the picture has {batch.values.shape}")
        return jnp.mean(jnp.square(predicted - batch.values))

    return loss


def ct_loss(field: Field, coords: Float[Array, "pixels in_dim"]) -> LossFn:
    """Mean squared error of all line *averages* of a :class:`~learnit_core.types.Sinogram` batch.

    ``coords`` are the positions of the pixels of the square that is projected; what the field computes from positions
    alone (Fourier features) it computes once, here. Averages are sums divided by the side, as in the authors' code, so
    that rates carry over from theirs and from one size to another. All rays count in every step: no key is used.
    """
    values_at = field.at(coords)

    def loss(params, batch, key):
        del key
        (num_angles,), (num_rows, size) = batch.angles.shape, batch.values.shape
        if num_angles != num_rows or not num_angles:
            raise LearnitError(
                f"the sinogram has {num_rows} rows and {num_angles} angles: expected as many, one or more"
            )
        image = values_at(params)
        if image.shape != (size**2, 1):
            raise LearnitError(
                f"the field gives values {image.shape} where the sinogram has {size} rays a view: "
                f"expected {(size**2, 1)}, a square of {size} x {size} pixels"
            )
        averages = project(image.reshape(size, size), batch.angles) / size
        return jnp.mean(jnp.square(averages - batch.values / size))

    return loss
