"""Random Shepp-Logan phantoms: the class "phantoms", simulated slices through a head.

Symbols: the picture is the square [-1, 1]², x to the right and y up; the pixel in row i and column j of a picture of
side n is the point x = (j − c) · 2 / n and y = (c − i) · 2 / n with c = n // 2. So the unit circle is the one that a
parallel-beam scanner sees (:mod:`learnit_core.tomography`). A phantom is ten ellipses, one a row of

    intensity, half-axes a and b, centre x and y, angle φ [degrees, counter-clockwise],

whose intensities add up where they overlap. The random phantoms take the modified Shepp-Logan table (Toft 1996) and add
a normal number with deviation 1/20 to *every* entry, as is inferred of the paper's class. That moves,
stretches and recolours the ellipses; of the angles, which are in degrees, hardly anything is seen, unless they have a
deviation of their own. The sum is clipped to [0, 1], and what reaches outside the scanner's circle (about a fifth of
the phantoms do) is cut off: pixels whose centre lies outside are zero.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from learnit_core.structures import PRNGKey, seed_key

NOTE = (
    "Random modified Shepp-Logan phantoms drawn here, every entry of the table moved by N(0, 1)/20; each phantom has "
    "its own random key, so none is in two splits, but all come from the one table."
)
DEVIATION = 1 / 20

TABLE = np.array(
    [
        [1.0, 0.69, 0.92, 0.0, 0.0, 0.0],
        [-0.8, 0.6624, 0.874, 0.0, -0.0184, 0.0],
        [-0.2, 0.11, 0.31, 0.22, 0.0, -18.0],
        [-0.2, 0.16, 0.41, -0.22, 0.0, 18.0],
        [0.1, 0.21, 0.25, 0.0, 0.35, 0.0],
        [0.1, 0.046, 0.046, 0.0, 0.1, 0.0],
        [0.1, 0.046, 0.046, 0.0, -0.1, 0.0],
        [0.1, 0.046, 0.023, -0.08, -0.605, 0.0],
        [0.1, 0.023, 0.023, 0.0, -0.606, 0.0],
        [0.1, 0.023, 0.046, 0.06, -0.605, 0.0],
    ],
    np.float32,
)
"""The modified Shepp-Logan phantom: its contrast is higher than the original's, its ellipses are the same."""

_CLASS = 4  # folded into the random key first, so that the built-in classes draw independently


def random_ellipses(key: PRNGKey, angle_deviation: float = DEVIATION) -> Float[Array, "10 6"]:
    """A new phantom's ellipses, a row each; their angles are moved by ``angle_deviation`` [degrees]."""
    deviations = np.array([DEVIATION] * 5 + [angle_deviation], np.float32)
    return TABLE + deviations * jax.random.normal(key, TABLE.shape)


def render(ellipses: Float[Array | np.ndarray, "ellipses 6"], size: int) -> Float[Array, "{size} {size}"]:
    """The picture of a phantom, in [0, 1] and cut to the circle. Edges are sharp: a pixel's centre is in or out."""
    return jnp.clip(density(ellipses, size), 0, 1) * scanner_circle(size)


def density(ellipses: Float[Array | np.ndarray, "ellipses 6"], size: int) -> Float[Array, "{size} {size}"]:
    """The sum of the ellipses' intensities at every pixel, neither clipped nor cut."""
    intensity, a, b, x, y, degrees = jnp.asarray(ellipses).T[:, :, None, None]
    position = (jnp.arange(size) - size // 2) * (2 / size)
    right, up = position[None, None, :] - x, -position[None, :, None] - y
    cos, sin = jnp.cos(jnp.deg2rad(degrees)), jnp.sin(jnp.deg2rad(degrees))
    inside = jnp.square((right * cos + up * sin) / a) + jnp.square((up * cos - right * sin) / b) <= 1
    return jnp.sum(jnp.where(inside, intensity, 0), axis=0)


def scanner_circle(size: int) -> Float[np.ndarray, "{size} {size}"]:
    """One inside the circle of radius ``size // 2`` pixels around pixel (c, c), c = size // 2, zero outside."""
    position = np.arange(size) - size // 2
    return (position[:, None] ** 2 + position**2 <= (size // 2) ** 2).astype(np.float32)


def splits(
    size: int, counts: tuple[int, int, int], seed: int, angle_deviation: float = DEVIATION
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training, validation and test phantoms, each float32 [count, size, size, 1] in [0, 1]."""
    key = jax.random.fold_in(seed_key(seed), _CLASS)
    keys = [jax.random.fold_in(key, split) for split in range(3)]
    return tuple(
        np.array(_draw(key, np.arange(count), size, angle_deviation)).reshape(count, size, size, 1)
        for key, count in zip(keys, counts, strict=True)
    )


@functools.partial(jax.jit, static_argnames=("size", "angle_deviation"))
def _draw(key, indices, size, angle_deviation):
    """Phantoms by number; the first of them do not depend on how many there are."""

    def one(index):
        return render(random_ellipses(jax.random.fold_in(key, index), angle_deviation), size)

    return jax.lax.map(one, indices)
