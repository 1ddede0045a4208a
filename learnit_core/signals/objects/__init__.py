"""Objects to look at from all sides: random chairs, lamps and cars, in pictures with their cameras.

    splits("chairs", size=40, counts=(120, 10, 10))    three :class:`~learnit_core.structures.Views`, objects first

Every object has its own random numbers (proportions, parts, colours, light), so that none is in two splits. Cameras are
as in the paper's renderings: random places on a sphere of radius 4 around the object, looking at its centre, a field of
view of 0.69 rad, depths from 2 to 6. z is up; the cameras stand from a little below the object's centre up to nearly
above it. Rendering takes seconds to minutes: what was rendered once is read from a cache the next time.
"""

import functools
import os
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
from jaxtyping import Float, UInt8
from tqdm import tqdm

from learnit_core.errors import LearnitError
from learnit_core.signals import cache
from learnit_core.signals.objects import cars, chairs, lamps, tracing
from learnit_core.structures import Views
from learnit_core.volume import camera_rays

CLASSES = {"chairs": chairs, "lamps": lamps, "cars": cars}

NOTE = (
    "Objects drawn here from random numbers, each from its own, so that none is in two splits; all of a class follow "
    "one recipe."
)

ANGLE = 0.6911112
"""The field of view [rad]."""
DISTANCE, NEAR, FAR = 4.0, 2.0, 6.0
HEIGHTS = (-0.1, 0.95)
"""Sines of the lowest and highest elevation of a camera; equal areas of the sphere in between are equally likely."""

_SPLITS = ("train", "validation", "test")
_VERSION = 1  # of the objects and their rendering: caches of others are not read


def splits(
    name: str, *, size: int, counts: tuple[int, int, int], num_views: int = 50, seed: int = 0
) -> tuple[Views, Views, Views]:
    """Training, validation and test objects of a class, each rendered from ``num_views`` places.

    The first half of the views is given, the other half is held out; training objects have the given ones only.

    Raises LearnitError for an unknown class, a size that is not between 8 and 512, or no views.
    """
    if name not in CLASSES:
        raise LearnitError(f"no class of objects is called {name!r}: expected one of {', '.join(CLASSES)}")
    if not 8 <= size <= 512 or num_views < 1 or min(counts) < 0 or seed < 0:
        raise LearnitError(
            f"found objects of size {size}, {num_views} views, counts {tuple(counts)} and seed {seed}: expected 8 to "
            "512 pixels, at least one view, and counts and a seed of 0 or more"
        )
    each = (-(-num_views // 2), num_views, num_views)
    return tuple(_split(name, *about, size, seed) for about in zip(_SPLITS, counts, each, strict=True))


def look_at(azimuth: float, height: float) -> Float[np.ndarray, "3 4"]:
    """A camera on the sphere, looking at its centre, z up. ``azimuth`` [rad] from x to y, ``height`` is a sine."""
    level = np.sqrt(1 - height**2)
    backward = np.array([level * np.cos(azimuth), level * np.sin(azimuth), height])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    return np.stack([right, np.cross(backward, right), backward, DISTANCE * backward], axis=1).astype(np.float32)


def intrinsics(size: int) -> Float[np.ndarray, "4"]:
    """fx, fy, cx, cy [pixels] of square pictures of the objects."""
    focal = size / 2 / np.tan(ANGLE / 2)
    return np.array([focal, focal, size / 2, size / 2], np.float32)


def seen_from(
    name: str, poses: Float[np.ndarray, "views 3 4"], *, size: int, count: int, seed: int = 0
) -> UInt8[np.ndarray, "{count} views {size} {size} 3"]:
    """The first ``count`` training objects of a class as other cameras see them."""
    drawn = [(*_draw(name, "train", i, 1, seed)[:2], poses) for i in range(count)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.stack(list(pool.map(lambda args: _render(name, *args, size), drawn)))


def _split(name, split, count, num_views, size, seed) -> Views:
    drawn = [_draw(name, split, i, num_views, seed) for i in range(count)]
    poses = np.stack([poses for *_, poses in drawn]) if drawn else np.empty((0, num_views, 3, 4), np.float32)
    file = cache.folder() / "objects" / f"{name}-{split}-{count}x{num_views}-{size}px-seed{seed}-v{_VERSION}.npz"
    shape = (count, num_views, size, size, 3)
    images = (cache.read(file) or {}).get("images")
    if images is None or images.shape != shape or images.dtype != np.uint8:
        images = np.empty(shape, np.uint8)
        with ThreadPoolExecutor(os.cpu_count()) as pool, tqdm(total=count, desc=f"{split} {name}", leave=False) as bar:
            for i, picture in enumerate(pool.map(lambda args: _render(name, *args, size), drawn)):
                images[i] = picture
                bar.update()
        cache.keep(file, images=images)
    every = (count, num_views)
    return Views(
        images=images,
        valid=np.broadcast_to(np.array([0, size, 0, size], np.int32), (*every, 4)),
        intrinsics=np.broadcast_to(intrinsics(size), (*every, 4)),
        camera_to_world=poses,
        near=np.full(every, NEAR, np.float32),
        far=np.full(every, FAR, np.float32),
    )


def _draw(name, split, index, num_views, seed):
    """Numbers, light and cameras of one object."""
    rng = np.random.default_rng([seed, list(CLASSES).index(name), _SPLITS.index(split), index])
    numbers = CLASSES[name].draw(rng)
    lamp = look_at(rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 0.9))[:, 2]
    light = dict(direction=lamp, lamp=rng.uniform(0.45, 0.75), all_around=rng.uniform(0.4, 0.6))
    poses = [look_at(rng.uniform(0, 2 * np.pi), rng.uniform(*HEIGHTS)) for _ in range(num_views)]
    return numbers, light, np.stack(poses)


def _render(name, numbers, light, poses, size) -> np.ndarray:
    camera = intrinsics(size)
    origins, directions = (np.asarray(rays).reshape(-1, 3) for rays in _rays(camera, poses, size))
    colours = tracing.trace(CLASSES[name].parts, numbers, light, origins, directions, 1 / float(camera[0]))
    return colours.reshape(len(poses), size, size, 3)


@functools.partial(jax.jit, static_argnames="size")
def _rays(camera, poses, size):
    return jax.vmap(lambda pose: camera_rays(size, size, camera, pose))(poses)
