"""Photographs of the landmark: viewpoints, hours and weather, exposure, and passers-by.

    collection(size=48)        the collection "landmark", ready to learn from; kept on disk after it was made once
    photographs(size=48, …)    the same before splits and scaling, with the points that a reconstruction would find

Every photograph has its own random key. Sizes are those of the longer side; formats are those of cameras.
"""

import inspect
import sys
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, UInt8

from learnit_core.signals import cache, landmark
from learnit_core.signals.landmark import MOST_PEOPLE, Light, People
from learnit_core.signals.prepared import SPLITS
from learnit_core.signals.tourism import Collection, Photograph, collect
from learnit_core.structures import Views

COUNT = 150
NUM_POINTS = 1500
FORMATS = ((1.5, 0.45), (4 / 3, 0.3), (16 / 9, 0.1), (3 / 4, 0.15))
"""Width over height, and how often it is found."""
NIGHTS = 0.12
"""Share of photographs that are taken at night, when floodlights are on."""
NOTE = (
    "Photographs of a procedural landmark, rendered here; each has its own camera, hour, exposure and passers-by. All "
    "show the same place: that is the class."
)

_CLASS = 6  # first number of the random key: keeps the draws of the built-in classes apart
_SAMPLES = 2  # rays along each side of a pixel
_CHUNK = 2048  # rays that are traced at a time


class Shot(NamedTuple):
    """Everything that decides one photograph."""

    shape: tuple[int, int]
    intrinsics: np.ndarray
    camera_to_world: np.ndarray
    light: Light
    people: People
    exposure: float
    balance: np.ndarray


def pose_at(
    eye: Float[np.ndarray, "3"],
    target: Float[np.ndarray, "3"],
    *,
    roll: float = 0.0,
    up: Float[np.ndarray, "3"] | tuple[int, ...] = (0, 1, 0),
) -> Float[np.ndarray, "3 4"]:
    """Camera-to-world of a camera at ``eye`` that looks at ``target``, rolled [radians]; ``up`` is up there."""
    eye, target = np.asarray(eye, float), np.asarray(target, float)
    back = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross(up, back)
    right /= np.linalg.norm(right)
    up = np.cross(back, right)
    right, up = np.cos(roll) * right + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * right
    return np.stack([right, up, back, eye], axis=1)


def light_at(hour: float, clouds: float = 0.0) -> Light:
    """The light at an ``hour`` from 6 to 20 under ``clouds`` from 0 to 1; any other hour is night."""
    if not 6 <= hour <= 20:
        beam = np.array([0.35, 0.22, 0.9])
        return Light(*_arrays(beam / np.linalg.norm(beam), [1.9, 1.25, 0.55], [0.02, 0.03, 0.09], [0.10, 0.09, 0.16]))
    turn = np.pi * (hour - 6) / 14
    direction = np.array([np.cos(turn), 0.12 + 0.85 * np.sin(turn), 0.25 + 0.4 * np.sin(turn)])
    direction /= np.linalg.norm(direction)
    high = np.clip((direction[1] - 0.1) / 0.5, 0, 1)
    clear = 1 - 0.93 * clouds
    sun = clear * _mix([2.0, 0.85, 0.30], [2.2, 2.0, 1.75], high)
    grey = np.array([0.62, 0.65, 0.70]) * (0.5 + 0.5 * high)
    zenith = _mix(_mix([0.12, 0.13, 0.30], [0.11, 0.24, 0.58], high), grey, clouds)
    horizon = _mix(_mix([0.85, 0.42, 0.22], [0.48, 0.58, 0.72], high), grey, clouds)
    return Light(*_arrays(direction, sun, zenith, horizon))


def _mix(a, b, t):
    return (1 - t) * np.asarray(a) + t * np.asarray(b)


def _arrays(*values):
    return (np.asarray(value, np.float32) for value in values)


def shot(index: int, *, size: int, seed: int = 0) -> Shot:
    """Camera, light and people of photograph number ``index``."""
    rng = np.random.default_rng([_CLASS, seed, index])
    ratio = rng.choice([ratio for ratio, _ in FORMATS], p=[share for _, share in FORMATS])
    width, height = (size, round(size / ratio)) if ratio > 1 else (round(size * ratio), size)
    focal = size / 2 / np.tan(np.radians(rng.uniform(50, 68)) / 2)
    eye = rng.uniform([-1.9, 0.35, 2.3], [1.9, 0.95, 4.2])
    target = rng.uniform([-0.3, 0.55, -0.3], [0.5, 0.85, 0.3])
    if rng.random() < NIGHTS:
        light = light_at(22.0)
    else:
        light = light_at(rng.uniform(6.2, 19.8), clouds=float(rng.choice([0, rng.random(), 1], p=[0.6, 0.25, 0.15])))
    # People stand between the camera and the façade; those who did not come stand far away.
    there = rng.random(MOST_PEOPLE) < 0.45
    on_the_way = rng.uniform(0.35, 0.8, (MOST_PEOPLE, 1))
    feet = (
        eye[[0, 2]] + on_the_way * (target[[0, 2]] - eye[[0, 2]]) + rng.uniform(-0.9, 0.9, (MOST_PEOPLE, 2)) * [1, 0.3]
    )
    feet = np.where(there[:, None], feet, 50.0)
    people = People(*_arrays(feet, rng.uniform(0.02, 0.6, (MOST_PEOPLE, 3))))
    return Shot(
        (height, width),
        np.array([focal, focal, width / 2, height / 2]),
        pose_at(eye, target, roll=rng.normal(0, np.radians(1.5))),
        light,
        people,
        exposure=float(2 ** rng.uniform(-0.6, 0.6)),
        balance=np.exp(rng.normal(0, 0.07, 3)),
    )


def develop(taken: Shot) -> UInt8[np.ndarray, "h w 3"]:
    """The picture that a shot becomes."""
    h, w = taken.shape
    u, v = np.meshgrid(*((np.arange(n * _SAMPLES) + 0.5) / _SAMPLES for n in (w, h)))
    rays = _rays(taken.intrinsics, taken.camera_to_world, u.ravel(), v.ravel())
    (colour,) = _in_chunks(_trace, *rays, taken.light, taken.people)
    colour = colour.reshape(h, _SAMPLES, w, _SAMPLES, 3).mean(axis=(1, 3))
    # The camera measures the light, its owner corrects that a little, and bright places saturate softly.
    values = 1 - np.exp(-(0.5 * taken.exposure / colour.mean()) * taken.balance * colour)
    return np.round(255 * values ** (1 / 2.2)).astype(np.uint8)


def _rays(intrinsics, pose, u, v):
    fx, fy, cx, cy = intrinsics
    directions = np.stack([(u - cx) / fx, (cy - v) / fy, -np.ones_like(u)], axis=-1) @ pose[:, :3].T
    return np.broadcast_to(pose[:, 3], directions.shape), directions


def _in_chunks(program, origins, directions, *rest):
    """What ``program(origins, directions, *rest)`` gives for rays [n, 3], in batches of one size.

    Compiling the landmark takes longer than drawing some photographs, so one compiled program serves all sizes.
    """
    n = len(origins)
    rays = (np.resize(part.astype(np.float32), (-(-n // _CHUNK), _CHUNK, 3)) for part in (origins, directions))
    found = [program(*chunk, *rest) for chunk in zip(*rays, strict=True)]
    return [np.concatenate(parts)[:n] for parts in zip(*found, strict=True)]


@jax.jit
def _trace(origins, directions, light, people):
    return (landmark.trace(origins, directions, light, people),)


_march = jax.jit(landmark.march)


def photographs(
    *, size: int, count: int = COUNT, seed: int = 0
) -> tuple[list[Photograph], Float[np.ndarray, "points 3"]]:
    """``count`` photographs, the longer side ``size`` pixels, and points on the landmark's surface."""
    shots = [shot(index, size=size, seed=seed) for index in range(count)]
    points = surface(shots, seed=seed)
    found = []
    for index, taken in enumerate(shots):
        seen = np.flatnonzero(sees(taken, points))
        found.append(Photograph(f"photo_{index:04}.png", develop(taken), taken.intrinsics, taken.camera_to_world, seen))
    return found, points


def surface(shots: Sequence[Shot], *, seed: int = 0) -> Float[np.ndarray, "points 3"]:
    """Points where rays of random pixels meet the landmark, without far ones, which a reconstruction misses."""
    rng = np.random.default_rng([_CLASS, seed, 2**31])
    which = rng.integers(len(shots), size=3 * NUM_POINTS)
    rays = [
        _rays(shots[i].intrinsics, shots[i].camera_to_world, *(place * np.array(shots[i].shape[::-1])))
        for i, place in zip(which, rng.random((len(which), 2)), strict=True)
    ]
    origins, directions = (np.stack(part) for part in zip(*rays, strict=True))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    t, hit = _in_chunks(_march, origins, directions)
    points = origins + t[:, None] * directions
    return points[hit & (np.abs(points) < 3).all(axis=1)][:NUM_POINTS].astype(np.float64)


def sees(taken: Shot, points: Float[np.ndarray, "points 3"]) -> Bool[np.ndarray, " points"]:
    """Which of the points are in the picture with nothing before them."""
    pose, (h, w) = taken.camera_to_world, taken.shape
    local = (points - pose[:, 3]) @ pose[:, :3]
    fx, fy, cx, cy = taken.intrinsics
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = cx - fx * local[:, 0] / local[:, 2], cy + fy * local[:, 1] / local[:, 2]
    distance = np.linalg.norm(points - pose[:, 3], axis=1)
    directions = (points - pose[:, 3]) / distance[:, None]
    t, _ = _in_chunks(_march, np.broadcast_to(pose[:, 3], directions.shape), directions)
    return (local[:, 2] < 0) & (u > 0) & (u < w) & (v > 0) & (v < h) & (t > distance - 0.03)


def collection(*, size: int, count: int = COUNT, seed: int = 0) -> Collection:
    """The collection "landmark": drawn once (about a minute on two cores at 96 pixels), then read from the cache.

    The cache is keyed by the source text of the two modules that draw, so that outdated files are not used.
    """
    drawn_by = zlib.crc32("".join(inspect.getsource(module) for module in (landmark, sys.modules[__name__])).encode())
    file = cache.folder() / f"landmark-{size}-{count}-{seed}-{drawn_by:08x}.npz"
    if kept := cache.read(file):
        splits = {split: Views(*(kept[f"{split}_{name}"] for name in Views._fields)) for split in SPLITS}
        return Collection("landmark", **splits, points=kept["points"], note=NOTE)
    print(f"drawing {count} photographs of the landmark, once …", flush=True)
    pictures, points = photographs(size=size, count=count, seed=seed)
    splits = collect(pictures, points, side=size)
    arrays = {f"{split}_{name}": array for split in SPLITS for name, array in splits[split]._asdict().items()}
    cache.keep(file, points=points, **arrays)
    return Collection("landmark", **splits, points=points, note=NOTE)
