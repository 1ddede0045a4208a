"""Parallel-beam tomography: the sums along parallel lines through an image, and nothing about networks.

Geometry, as in ``skimage.transform.radon(circle=True)``. The image is square and row 0 is its top. The scanner turns
around the centre of pixel (c, c), c = size // 2, and sees the circle of radius size // 2 pixels around it. Ray k of
angle θ collects the image at these points, in pixels:

    column = c + (k − c) cos θ + s sin θ,   row = c − (k − c) sin θ + s cos θ,   s = −c, …, size − 1 − c.

So θ = 0 sums each column from top to bottom, and θ = π/2 each row, the lowest first. Between pixels the image is
interpolated linearly in both directions; outside it is zero. Angles are in radians; sums are in the image's unit times
pixels (divide by ``size`` for the average along a line across the whole image, which does not depend on the size).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from learnit_core.errors import LearnitError


def project(image: Float[Array, "rows columns"], angles: Float[Array, " angles"]) -> Float[Array, "angles columns"]:
    """The sinogram: sums of ``image`` [size, size] along ``size`` parallel rays for each of the ``angles`` [rad].

    Linear in the image, differentiable in both. Raises LearnitError if the image is not square, there are no angles,
    or an angle is not finite (where angles are traced, their values are not known and are not checked).
    """
    _check(image, angles)
    return jax.vmap(lambda angle: jnp.sum(turn(image, angle), axis=0))(angles)


def turn(image: Float[Array, "size size"], angle: Float[Array, ""]) -> Float[Array, "size size"]:
    """The image as the scanner sees it at one angle: turned so that ray k runs down column k."""
    size, dtype = len(image), image.dtype
    centre = size // 2
    padded = jnp.pad(image, (1, 2)).ravel()  # zeros for the pixels that interpolation asks for at the border
    stride = size + 3
    offset = jnp.arange(size, dtype=dtype) - centre
    ray, along = offset[None, :], offset[:, None]
    cos, sin = jnp.cos(angle).astype(dtype), jnp.sin(angle).astype(dtype)
    # Positions further out are clamped to the ring of zeros around the image.
    column = jnp.clip(centre + ray * cos + along * sin, -1, size)
    row = jnp.clip(centre - ray * sin + along * cos, -1, size)
    left, top = jnp.floor(column), jnp.floor(row)
    right_part, lower_part = column - left, row - top
    corner = ((top + 1) * stride + left + 1).astype(jnp.int32)
    upper = padded[corner] * (1 - right_part) + padded[corner + 1] * right_part
    lower = padded[corner + stride] * (1 - right_part) + padded[corner + stride + 1] * right_part
    return upper * (1 - lower_part) + lower * lower_part


def _check(image, angles):
    if image.shape[0] != image.shape[1]:
        raise LearnitError(f"the image to project is {image.shape[0]} x {image.shape[1]} pixels: expected a square one")
    if not len(angles):
        raise LearnitError("the angles to project at are 0 in number: expected at least one view")
    if not isinstance(angles, jax.core.Tracer) and not (finite := np.isfinite(angles)).all():
        first = int(finite.argmin())
        raise LearnitError(
            f"{(~finite).sum()} of the {len(angles)} angles to project at are not finite, the first of them number "
            f"{first} ({float(angles[first])}): expected radians"
        )
