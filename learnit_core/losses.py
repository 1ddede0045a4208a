"""The only place where a model meets a measurement: squared errors between a field and what was observed."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from learnit_core.errors import LearnitError
from learnit_core.structures import Field, LossFn
from learnit_core.tomography import project
from learnit_core.volume import Background, rays_through, render_rays


def regression_loss(field: Field) -> LossFn:
    """Mean squared error over all samples and channels of a :class:`~learnit_core.structures.Pixels` batch.

    The signal may have any number of dimensions. The paper fits every image with all of its pixels in every step
    (section 4.1), so the key is not used.
    """

    def loss(params, batch, key):
        del key
        predicted = field.apply(params, batch.coords)
        if predicted.shape != batch.values.shape:  # broadcasting would hide it
            raise LearnitError(f"the field gives values {predicted.shape} where the signal has {batch.values.shape}")
        return jnp.mean(jnp.square(predicted - batch.values))

    return loss


image_loss = regression_loss
"""What the loss is called where the signals are pictures."""


def ct_loss(field: Field, coords: Float[Array, "pixels in_dim"]) -> LossFn:
    """Mean squared error of all line *averages* of a :class:`~learnit_core.structures.Sinogram` batch.

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


def radiance_loss(
    field: Field,
    *,
    num_samples: int,
    rays_per_step: int,
    last_delta: float = 1e-3,
    background: Background = 1.0,
) -> LossFn:
    """Mean squared error of the colours of ``rays_per_step`` pixels of a :class:`~learnit_core.structures.Views` batch.

    The batch is one scene (no leading axis). The key draws a view, a row and a column within its ``valid`` part for
    every ray, and the depths of the ``num_samples`` samples on it; rays are made here, so that a scene in memory is
    bytes and cameras only. ``last_delta`` and ``background`` are those of :func:`learnit_core.volume.render_rays`.
    """

    def loss(params, batch, key):
        if batch.images.ndim != 4 or not len(batch.images):
            raise LearnitError(
                f"the views of a scene have pictures {batch.images.shape}: expected one view or more, [views, h, w, 3]"
            )
        view_key, place_key, sample_key = jax.random.split(key, 3)
        view = jax.random.randint(view_key, (rays_per_step,), 0, len(batch.images))
        place = jax.random.uniform(place_key, (2, rays_per_step))
        top, bottom, left, right = jnp.moveaxis(jnp.asarray(batch.valid)[view], -1, 0)
        # Rounding could make r1 of a uniform number below one.
        row = jnp.minimum(top + (place[0] * (bottom - top)).astype(jnp.int32), bottom - 1)
        column = jnp.minimum(left + (place[1] * (right - left)).astype(jnp.int32), right - 1)
        camera = jnp.asarray(batch.intrinsics)[view], jnp.asarray(batch.camera_to_world)[view]
        origins, directions = rays_through(column + 0.5, row + 0.5, *camera)
        seen = render_rays(
            lambda points: field.apply(params, points),
            origins,
            directions,
            sample_key,
            near=jnp.asarray(batch.near)[view],
            far=jnp.asarray(batch.far)[view],
            num_samples=num_samples,
            last_delta=last_delta,
            background=background,
        )
        truth = jnp.asarray(batch.images)[view, row, column].astype(seen.rgb.dtype) / 255
        return jnp.mean(jnp.square(seen.rgb - truth))

    return loss
