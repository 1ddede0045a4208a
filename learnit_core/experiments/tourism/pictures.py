"""What cameras see of a place that a network holds, and how far that is from what they saw in truth."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from learnit_core import volume
from learnit_core.structures import Field, Params, Views

LAST_DELTA = 1e10
"""Length for which the last sample of a ray stands: the sky is behind all else, and nothing is behind the sky."""


class Camera(NamedTuple):
    """One camera with the size of its picture, for looking around."""

    intrinsics: Float[np.ndarray, "4"]
    pose: Float[np.ndarray, "3 4"]
    near: float
    far: float
    height: int
    width: int


def camera_of(views: Views, index: int) -> Camera:
    """The camera of photograph ``index``."""
    top, bottom, left, right = (int(x) for x in views.valid[index, 0])
    near, far = float(views.near[index, 0]), float(views.far[index, 0])
    return Camera(views.intrinsics[index, 0], views.camera_to_world[index, 0], near, far, bottom - top, right - left)


def photograph(views: Views, index: int) -> Float[np.ndarray, "h w 3"]:
    """The valid part of photograph ``index``, in [0, 1]."""
    top, bottom, left, right = views.valid[index, 0]
    return views.images[index, 0, top:bottom, left:right] / np.float32(255)


def render(
    field: Field, params: Params, u, v, intrinsics, pose, near, far, *, num_samples: int, background: float = 1.0
) -> Float[Array, "rays 3"]:
    """Colours seen through image points of one camera, a part of them at a time, by ``num_samples`` on each ray.

    ``background`` is a grey behind them.
    """

    def one(point):
        ray = volume.rays_through(*point, intrinsics, pose)
        return volume.render_rays(
            lambda p: field.apply(params, p),
            *ray,
            near=near,
            far=far,
            num_samples=num_samples,
            last_delta=LAST_DELTA,
            background=background,
        ).rgb

    return jax.lax.map(one, (u, v), batch_size=min(256, u.shape[0]))


def picture(
    field: Field,
    params: Params,
    camera: Camera,
    *,
    num_samples: int,
    background: float = 1.0,
    height: int | None = None,
    width: int | None = None,
) -> Float[np.ndarray, "h w 3"]:
    """What a camera sees of the place that ``params`` hold, in [0, 1]; at its own size, unless another is given."""
    height, width = height or camera.height, width or camera.width
    scale = np.array([width / camera.width, height / camera.height], np.float32)
    intrinsics = np.asarray(camera.intrinsics, np.float32) * np.tile(scale, 2)
    seen_by = intrinsics, np.asarray(camera.pose, np.float32), camera.near, camera.far
    return np.clip(np.asarray(_picture(field, params, *seen_by, num_samples, background, height, width)), 0, 1)


@functools.partial(jax.jit, static_argnames=("field", "num_samples", "background", "height", "width"))
def _picture(field, params, intrinsics, pose, near, far, num_samples, background, height, width):
    v, u = jnp.meshgrid(jnp.arange(height) + 0.5, jnp.arange(width) + 0.5, indexing="ij")
    camera, how = (intrinsics, pose, near, far), {"num_samples": num_samples, "background": background}
    seen = render(field, params, u.ravel(), v.ravel(), *camera, **how)
    return seen.reshape(height, width, 3)


class Judged(NamedTuple):
    """The pixels that a fit is judged by: where they are (their centres), what colour they have, and who took them.

    All photographs have as many entries; those that are only padding have the weight 0.
    """

    u: Float[Array, "*tasks pixels"]
    v: Float[Array, "*tasks pixels"]
    colours: Float[Array, "*tasks pixels 3"]
    weight: Float[Array, "*tasks pixels"]
    intrinsics: Float[Array, "*tasks 4"]
    camera_to_world: Float[Array, "*tasks 3 4"]
    near: Float[Array, "*tasks"]
    far: Float[Array, "*tasks"]


def score_for(field: Field, *, num_samples: int, background: float = 1.0) -> Callable[[Params, Judged], Array]:
    """PSNR [dB] of the judged pixels of one photograph."""

    def score(params, judged):
        camera = judged.intrinsics, judged.camera_to_world, judged.near, judged.far
        how = {"num_samples": num_samples, "background": background}
        colours = render(field, params, judged.u, judged.v, *camera, **how)
        error = jnp.mean(jnp.square(jnp.clip(colours, 0, 1) - judged.colours), axis=-1)
        return -10 * jnp.log10(jnp.sum(judged.weight * error) / jnp.sum(judged.weight))

    return score


def judged(views: Views) -> Judged:
    """All valid pixels of photographs [n, 1, …], to be judged by."""
    inside = [np.argwhere(_inside(image[0], valid[0])) for image, valid in zip(views.images, views.valid, strict=True)]
    most = max(map(len, inside))
    places = np.stack([np.resize(place, (most, 2)) for place in inside])  # padding repeats pixels; its weight is 0
    colours = np.stack([image[0][tuple(place.T)] for image, place in zip(views.images, places, strict=True)])
    weight = np.arange(most) < np.array([[len(place)] for place in inside])
    one_view = (a[:, 0] for a in (views.intrinsics, views.camera_to_world, views.near, views.far))
    u, v = places[..., 1] + 0.5, places[..., 0] + 0.5
    arrays = (u, v, colours / 255, weight, *one_view)
    return Judged(*(jnp.asarray(a, jnp.float32) for a in arrays))


def _inside(image, valid):
    rows, columns = np.indices(image.shape[:2])
    top, bottom, left, right = valid
    return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
