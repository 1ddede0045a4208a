"""Pictures of objects made of signed distances: sphere tracing, with soft outlines and one lamp far away.

A ray goes ahead by the distance to the nearest part until it touches it (Hart 1996). Few rays need many steps, so
after every step those that are done are taken out. Rays that miss the sphere around the object are never traced. A ray
that passes within half a pixel covers the pixel in part: outlines are smooth without more rays.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from learnit_core.signals.objects.shapes import Part, Point

RADIUS = 1.44
"""Objects lie within this distance of the origin."""

_STEPS = 48
_BLOCK = 16384  # rays at a time: the arrays of a step should stay in the cache
_TOUCHED = 0.03  # of a pixel

Parts = Callable[[Any, Point], list[Part]]


def trace(
    parts: Parts,
    numbers: dict[str, Any],
    light: dict[str, Any],
    origins: Float[np.ndarray, "rays 3"],
    directions: Float[np.ndarray, "rays 3"],
    pixel: float,
) -> UInt8[np.ndarray, "rays 3"]:
    """The colours that rays see of one object before white. ``pixel`` is the width of a pixel at distance one.

    ``directions`` need not be of unit length. ``light`` has the ``direction`` to the lamp (of unit length), the
    strength of the ``lamp`` and of the light from ``all_around``.
    """
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    middle = -np.sum(origins * directions, axis=1)
    apart = np.sum(origins * origins, axis=1) - middle**2
    image = np.full(origins.shape, 255, np.uint8)
    for chosen in _blocks(np.flatnonzero(apart < RADIUS**2)):
        reach = np.sqrt(RADIUS**2 - apart[chosen])
        rays = [np.ascontiguousarray(column) for side in (origins, directions) for column in side[chosen].T]
        t, closest = _nearest(parts, numbers, rays, middle[chosen] - reach, middle[chosen] + reach, pixel)
        seen = np.flatnonzero(closest < 0.5)
        point = tuple(o[seen] + t[seen] * d[seen] for o, d in zip(rays[:3], rays[3:], strict=True))
        coverage = np.where(closest[seen] < _TOUCHED, 1.0, 0.5 - closest[seen])[:, None]
        image[chosen[seen]] = np.rint(255 * (1 - coverage * (1 - _shaded(parts, numbers, light, point))))
    return image


def _blocks(indices: np.ndarray) -> Iterator[np.ndarray]:
    yield from (indices[start : start + _BLOCK] for start in range(0, len(indices), _BLOCK))


def _nearest(parts, numbers, rays, t, end, pixel):
    """How close each ray comes to the object [pixels], and at which distance from its origin."""
    closest, where = np.full(len(t), np.inf, np.float32), t.copy()
    going = np.arange(len(t))
    for _ in range(_STEPS):
        now = t[going]
        point = tuple(o[going] + now * d[going] for o, d in zip(rays[:3], rays[3:], strict=True))
        d = np.maximum(_distance(parts, numbers, point), 0)
        ratio = d / (now * pixel)
        closer = ratio < closest[going]
        better = going[closer]
        closest[better], where[better] = ratio[closer], now[closer]
        t[going] = now + np.maximum(d, 2e-4)
        going = going[(ratio > _TOUCHED) & (t[going] < end[going])]
        if not len(going):
            break
    return where, closest


def _distance(parts, numbers, point: Point) -> np.ndarray:
    return functools.reduce(np.minimum, [part.distance for part in parts(numbers, point)])


def _shaded(parts, numbers, light, point: Point) -> np.ndarray:
    """The colours [points, 3] of points on the surface."""
    nudge = 1e-3
    # The gradient of the distance from four corners of a cube.
    corners = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
    normal = np.zeros((3, len(point[0])), np.float32)
    for corner in corners:
        d = _distance(parts, numbers, tuple(c + nudge * s for c, s in zip(point, corner, strict=True)))
        normal += np.array(corner, np.float32)[:, None] * d
    normal /= np.linalg.norm(normal, axis=0) + 1e-12
    # Where other parts are close before the surface, less of the light from all around arrives.
    arrives = 1.0
    for far, share in ((0.07, 0.35), (0.2, 0.25)):
        d = _distance(parts, numbers, tuple(c + far * n for c, n in zip(point, normal, strict=True)))
        arrives = arrives - share * np.clip(1 - d / far, 0, 1)
    facing = np.maximum(np.asarray(light["direction"], np.float32) @ normal, 0)
    brightness = light["all_around"] * arrives * (0.8 + 0.2 * normal[2]) + light["lamp"] * facing
    nearest, colour = np.full(len(point[0]), np.inf), np.zeros((3, len(point[0])))
    for part in parts(numbers, point):
        closer = part.distance < nearest
        nearest = np.where(closer, part.distance, nearest)
        colour = np.stack([np.where(closer, new, old) for new, old in zip(part.colour, colour, strict=True)])
    return np.clip(colour * brightness, 0, 1).T
