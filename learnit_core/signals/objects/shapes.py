"""Signed distances to simple shapes: negative inside, zero on the surface, never more than the true distance.

A point is a triple (x, y, z) of arrays, z up; sizes are numbers, half of what they span. All are lower bounds
that are exact or nearly so near the surface, which is what sphere tracing needs. A list of parts is an object:
(distance, colour) each, and the nearest part is what is seen.
"""

from typing import NamedTuple

import numpy as np

Array = np.ndarray
Point = tuple[Array, Array, Array]


class Part(NamedTuple):
    """A distance, and the colour (red, green, blue) that shows where this part is the nearest."""

    distance: Array
    colour: tuple


def moved(p: Point, x=0.0, y=0.0, z=0.0) -> Point:
    """The point as seen from (x, y, z)."""
    return p[0] - x, p[1] - y, p[2] - z


def folded(p: Point, *axes: int) -> Point:
    """The point mirrored to the positive side of the ``axes``: one shape there makes two or four."""
    return tuple(np.abs(c) if axis in axes else c for axis, c in enumerate(p))


def turned(p: Point, angle, axis: int = 0) -> Point:
    """The point in a frame that is turned by ``angle`` around an axis (by the right hand)."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    cos, sin = np.cos(angle), np.sin(angle)
    rotated = list(p)
    rotated[i], rotated[j] = cos * p[i] + sin * p[j], cos * p[j] - sin * p[i]
    return tuple(rotated)


def repeated(p: Point, axis: int, distance, count) -> Point:
    """The point in the nearest of ``count`` cells along an axis, ``distance`` apart and centred: one shape for all."""
    most = (count - 1) / 2
    cell = np.clip(np.round(p[axis] / distance + most), 0, count - 1) - most
    return tuple(c - distance * cell if a == axis else c for a, c in enumerate(p))


def box(p: Point, half, radius=0.0) -> Array:
    """A box around the origin with rounded edges."""
    q = [np.abs(c) - (h - radius) for c, h in zip(p, half, strict=True)]
    outside = np.sqrt(sum(np.square(np.maximum(c, 0)) for c in q))
    return outside + np.minimum(np.maximum(np.maximum(q[0], q[1]), q[2]), 0) - radius


def ball(p: Point, radii) -> Array:
    """An ellipsoid around the origin (to first order)."""
    scaled = np.sqrt(sum(np.square(c / r) for c, r in zip(p, radii, strict=True)))
    steep = np.sqrt(sum(np.square(c / (r * r)) for c, r in zip(p, radii, strict=True)))
    return 0.9 * scaled * (scaled - 1) / (steep + 1e-6)


def rod(p: Point, start, end, r_start, r_end) -> Array:
    """A round rod between two points, which may become thinner; its ends are round."""
    along = [b - a for a, b in zip(start, end, strict=True)]
    from_start = [c - a for c, a in zip(p, start, strict=True)]
    squared = sum(c * c for c in along) + 1e-9
    h = np.clip(sum(a * b for a, b in zip(from_start, along, strict=True)) / squared, 0, 1)
    away = np.sqrt(sum(np.square(c - h * b) for c, b in zip(from_start, along, strict=True)))
    return away - (r_start + h * (r_end - r_start))


def disc(p: Point, radius, half, axis: int = 2, edge=0.0) -> Array:
    """A cylinder along an axis with a rounded edge."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    side = np.sqrt(np.square(p[i]) + np.square(p[j])) - (radius - edge)
    flat = np.abs(p[axis]) - (half - edge)
    outside = np.sqrt(np.square(np.maximum(side, 0)) + np.square(np.maximum(flat, 0)))
    return outside + np.minimum(np.maximum(side, flat), 0) - edge


def cone(p: Point, low, high, half, square: bool = False, hollow: float = 0.0) -> Array:
    """A frustum around z, of radius ``low`` at the bottom and ``high`` at the top; round, or four-sided (``square``).

    ``hollow`` above zero is the thickness of its wall: then it is open at both ends.
    """
    x, y, z = p
    slope = (high - low) / (2 * half)
    across = np.maximum(np.abs(x), np.abs(y)) if square else np.sqrt(x * x + y * y)
    side = (across - (low + slope * (z + half))) / np.sqrt(1 + slope * slope)
    if hollow:
        side = np.abs(side) - hollow
    return np.maximum(side, np.abs(z) - half)


def shell(distance: Array, thickness) -> Array:
    """The skin of a shape."""
    return np.abs(distance) - thickness


def without(distance: Array, other: Array) -> Array:
    """A shape with another one cut away."""
    return np.maximum(distance, -other)
