"""Volume rendering: what a camera sees of a space filled with coloured fog, and nothing about networks.

Geometry is that of :class:`learnit_core.structures.Views`: axes of OpenGL, intrinsics (fx, fy, cx, cy) in pixels. A ray
is o + t d, where d is *not* of unit length: its component along the camera's view is one, so that t is the depth along
−z, ``near`` and ``far`` are depths, and one pair of them fits all pixels.

Density σ ≥ 0 is per unit of *length*. Along samples t_1 < … < t_N of segments of lengths δ_i (NeRF, Mildenhall et
al. 2020, section 4, equation 3; the paper takes it over):

    α_i = 1 − exp(−σ_i δ_i),   T_i = exp(−Σ_{j<i} σ_j δ_j),   w_i = T_i α_i,   colour = Σ w_i c_i + (1 − Σ w_i) behind.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from learnit_core.errors import LearnitError
from learnit_core.structures import PRNGKey

Fog = Callable[[Float[Array, "*points 3"]], Float[Array, "*points 4"]]
"""Colour in [0, 1] and density at points of the world."""

Background = Float[Array | np.ndarray, "3"] | float
"""The colour of what is behind the fog: three numbers, or one for a grey."""


class Rendering(NamedTuple):
    """Renderings of rays. ``depth`` is Σ w_i t_i, without a term for the background."""

    rgb: Float[Array, "*rays 3"]
    depth: Float[Array, "*rays"]
    opacity: Float[Array, "*rays"]


def rays_through(
    u: Float[Array, "*rays"],
    v: Float[Array, "*rays"],
    intrinsics: Float[Array | np.ndarray, "*#rays 4"],
    camera_to_world: Float[Array | np.ndarray, "*#rays 3 4"],
) -> tuple[Float[Array, "*rays 3"], Float[Array, "*rays 3"]]:
    """Origins and directions of rays through image points (u, v) [pixels, right and down from the upper left corner].

    Cameras broadcast against rays: one for all, or one for each.
    """
    fx, fy, cx, cy = jnp.moveaxis(jnp.asarray(intrinsics), -1, 0)
    local = jnp.stack([(u - cx) / fx, (cy - v) / fy, -jnp.ones_like(u)], axis=-1)
    pose = jnp.asarray(camera_to_world)
    directions = jnp.sum(pose[..., :3] * local[..., None, :], axis=-1)
    return jnp.broadcast_to(pose[..., 3], directions.shape), directions


def camera_rays(
    height: int,
    width: int,
    intrinsics: Float[Array | np.ndarray, "4"],
    camera_to_world: Float[Array | np.ndarray, "3 4"],
) -> tuple[Float[Array, "{height} {width} 3"], Float[Array, "{height} {width} 3"]]:
    """Origins and directions of the rays through the centres of all pixels of one picture."""
    v, u = jnp.meshgrid(jnp.arange(height) + 0.5, jnp.arange(width) + 0.5, indexing="ij")
    return rays_through(u, v, intrinsics, camera_to_world)


def stratified(
    near: Float[Array | np.ndarray, "*#rays"] | float,
    far: Float[Array | np.ndarray, "*#rays"] | float,
    num_samples: int,
    *,
    key: PRNGKey | None = None,
    shape: tuple[int, ...] = (),
) -> Float[Array, "*rays {num_samples}"]:
    """Depths in the ``num_samples`` equal parts of [near, far]: one at random in each, or the midpoints without a key.

    For rays of shape ``shape``. Raises LearnitError unless 0 ≤ near < far (where they are traced, values are not known
    and are not checked).
    """
    _check_bounds(near, far)
    place = 0.5 if key is None else jax.random.uniform(key, (*shape, num_samples))
    fraction = (jnp.arange(num_samples) + place) / num_samples
    near, far = jnp.asarray(near)[..., None], jnp.asarray(far)[..., None]
    return jnp.broadcast_to(near + (far - near) * fraction, (*shape, num_samples))


def composite(
    rgb: Float[Array, "*rays samples 3"],
    density: Float[Array, "*rays samples"],
    t: Float[Array, "*rays samples"],
    delta: Float[Array, "*rays samples"],
    *,
    background: Background = 1.0,
) -> Rendering:
    """Colour, depth and opacity along rays with these samples, the nearest first, over a ``background`` colour."""
    thickness = density * delta
    # Sums, not products of 1 - α: gradients stay finite at any density. (inf − inf would give nan.)
    before = jnp.cumsum(thickness[..., :-1], axis=-1)
    before = jnp.concatenate([jnp.zeros_like(thickness[..., :1]), before], axis=-1)
    weights = jnp.exp(-before) * -jnp.expm1(-thickness)
    opacity = jnp.sum(weights, axis=-1)
    colour = jnp.sum(weights[..., None] * rgb, axis=-2) + (1 - opacity)[..., None] * background
    return Rendering(colour, jnp.sum(weights * t, axis=-1), opacity)


def render_rays(
    fog: Fog,
    origins: Float[Array, "*rays 3"],
    directions: Float[Array, "*rays 3"],
    key: PRNGKey | None = None,
    *,
    near: Float[Array | np.ndarray, "*#rays"] | float,
    far: Float[Array | np.ndarray, "*#rays"] | float,
    num_samples: int,
    last_delta: float = 1e-3,
    background: Background = 1.0,
) -> Rendering:
    """Render rays, all at once. With a key samples are drawn at random within their segments.

    δ is the distance to the next sample. The last one has none: it gets ``last_delta`` (in t, as the distances), 1e-3
    for objects before a background, and something huge if the farthest sample represents everything behind it.
    """
    t = stratified(near, far, num_samples, key=key, shape=origins.shape[:-1])
    return render_at(fog, origins, directions, t, last_delta=last_delta, background=background)


def render_at(
    fog: Fog,
    origins: Float[Array, "*rays 3"],
    directions: Float[Array, "*rays 3"],
    t: Float[Array, "*rays samples"],
    *,
    last_delta: float = 1e-3,
    background: Background = 1.0,
) -> Rendering:
    """Render rays, all at once, from samples at the depths ``t``, the nearest first; the rest as in
    :func:`render_rays`."""
    values = fog(origins[..., None, :] + t[..., None] * directions[..., None, :])
    steps = jnp.concatenate([jnp.diff(t, axis=-1), jnp.full_like(t[..., :1], last_delta)], axis=-1)
    delta = steps * jnp.linalg.norm(directions, axis=-1, keepdims=True)
    return composite(values[..., :3], values[..., 3], t, delta, background=background)


def render_view(
    fog: Fog,
    intrinsics: Float[Array | np.ndarray, "4"],
    camera_to_world: Float[Array | np.ndarray, "3 4"],
    *,
    height: int,
    width: int,
    chunk: int = 512,
    near: Float[Array | np.ndarray, ""] | float,
    far: Float[Array | np.ndarray, ""] | float,
    num_samples: int,
    last_delta: float = 1e-3,
    background: Background = 1.0,
) -> Rendering:
    """A whole picture [height, width], ``chunk`` rays at a time: memory is that of one chunk at any picture size."""
    origins, directions = camera_rays(height, width, intrinsics, camera_to_world)

    def one(ray):
        return render_rays(
            fog, *ray, near=near, far=far, num_samples=num_samples, last_delta=last_delta, background=background
        )

    flat = jax.lax.map(one, (origins.reshape(-1, 3), directions.reshape(-1, 3)), batch_size=min(chunk, height * width))
    return jax.tree.map(lambda leaf: leaf.reshape(height, width, *leaf.shape[1:]), flat)


def _check_bounds(near, far):
    if isinstance(near, jax.core.Tracer) or isinstance(far, jax.core.Tracer):
        return
    low, high = np.broadcast_arrays(near, far)
    if not (wrong := ~((low >= 0) & (low < high))).any():  # not finite counts as wrong, too
        return
    raise LearnitError(f"found near {low[wrong][0]:g} and far {high[wrong][0]:g}: expected 0 <= near < far")
