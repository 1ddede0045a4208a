"""Signed distance fields of random simple closed curves in the plane: the class "sdf".

Symbols: the picture is the unit square, a length of 1 is its side, rows go down; pixel (i, j) of a picture of side n
is the point ((i + 1/2) / n, (j + 1/2) / n). The distance d is negative inside the curve, positive outside,
and the picture shows ``clip(1/2 + STEEPNESS * d, 0, 1)``: 1/2 on the curve, black inside, white outside, with a ramp
of 1 / STEEPNESS across.

A curve starts as a radius r(angle) > 0 of one of three families and is then stretched, twisted, turned, scaled and
placed. All of these are one-to-one maps of the plane, so simple curves stay simple, while many of them are no longer
star-shaped.
"""

import numpy as np

NOTE = (
    "Signed distances to random closed curves drawn here; each curve has its own random key, so no curve is in two "
    "splits, but all splits come from the same three families."
)
STEEPNESS = 5.0  # per side; at 3 the nearest of 2000 training pictures exceeds 20 dB on average: too near
NUM_VERTICES = 256  # of the polygon that approximates a curve

_CLASS = 2  # first number of the random key: keeps the draws of the built-in classes apart
_NUM_DRAWS = 48  # uniform numbers that make a curve
_NUM_ANGLES = 1024  # samples of r(angle) before they are spaced evenly along the curve
_BLOCK = 100  # curves at a time, to bound memory
_CACHE_BYTES = 500_000  # of the table in which the nearest vertex is looked up: it should stay in the cache


def splits(size: int, counts: tuple[int, int, int], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training, validation and test pictures, each float32 [count, size, size, 1] in [0, 1]."""
    return tuple(
        picture(signed_distance(curves(split, count, seed), size))[..., None] for split, count in enumerate(counts)
    )


def picture(distance: np.ndarray) -> np.ndarray:
    """Distances [..., in sides of the picture] as brightness in [0, 1]."""
    return np.clip(0.5 + STEEPNESS * distance, 0, 1).astype(np.float32)


def curves(split: int, count: int, seed: int) -> np.ndarray:
    """The first ``count`` curves of split 0, 1 or 2, as closed polygons [count, NUM_VERTICES, 2] (row, column)."""
    draws = [np.random.default_rng([_CLASS, seed, split, index]).random(_NUM_DRAWS) for index in range(count)]
    blocks = [_shapes(np.array(draws[i : i + _BLOCK])) for i in range(0, count, _BLOCK)]
    return np.concatenate([np.empty((0, NUM_VERTICES, 2)), *blocks])


def signed_distance(vertices: np.ndarray, size: int) -> np.ndarray:
    """Distance from every pixel centre to a closed polygon, negative inside.

    ``vertices`` [n, p, 2] (row, column) in sides of the picture; returns float32 [n, size, size] in the same unit.
    The nearest of the p vertices is found first, and the distance is taken to the edges on either side of it: never too
    small, and too large by at most half an edge where two parts of the curve are about equally near.
    """
    distance = np.empty((len(vertices), size, size), np.float32)
    for one, polygon in zip(distance, vertices, strict=True):
        one[:] = _distance(polygon, size)
    for i in range(0, len(vertices), _BLOCK):
        distance[i : i + _BLOCK][inside(vertices[i : i + _BLOCK], size)] *= -1
    return distance


def inside(vertices: np.ndarray, size: int) -> np.ndarray:
    """Whether each pixel centre lies inside a closed polygon [n, p, 2]: bool [n, size, size], by the even-odd rule.

    Row by row: every edge that crosses the row's centre line flips all pixels to the right of the crossing.
    """
    n = len(vertices)
    centres = (np.arange(size) + 0.5) / size
    (y0, x0), (y1, x1) = np.moveaxis(vertices, 2, 0), np.moveaxis(np.roll(vertices, -1, axis=1), 2, 0)
    crosses = (y0[:, None] <= centres[:, None]) != (y1[:, None] <= centres[:, None])  # [n, size, p]
    signal, row, edge = np.nonzero(crosses)
    y0, x0, y1, x1 = (a[signal, edge] for a in (y0, x0, y1, x1))
    x = x0 + (centres[row] - y0) / (y1 - y0) * (x1 - x0)
    column = np.clip(np.ceil(x * size - 0.5), 0, size).astype(int)  # first pixel whose centre is not left of x
    flips = np.bincount((signal * size + row) * (size + 1) + column, minlength=n * size * (size + 1))
    return np.cumsum(flips.reshape(n, size, size + 1)[..., :size], axis=2) % 2 == 1


def _distance(polygon: np.ndarray, size: int) -> np.ndarray:
    """Unsigned distance [size, size] of every pixel centre to one closed polygon [p, 2]."""
    centres = (np.arange(size) + 0.5) / size
    down, right = (((centres[:, None] - polygon[:, axis]) ** 2).astype(np.float32) for axis in (0, 1))  # [size, p]
    nearest = np.empty((size, size), int)
    rows = max(1, _CACHE_BYTES // right.nbytes)
    for i in range(0, size, rows):
        nearest[i : i + rows] = (down[i : i + rows, None] + right).argmin(axis=2)

    y, x = (polygon[nearest, axis] for axis in (0, 1))
    dy, dx = centres[:, None] - y, centres - x  # from the nearest vertex to the pixel
    squared = np.full((size, size), np.inf)
    for neighbour in (np.roll(polygon, 1, axis=0), np.roll(polygon, -1, axis=0)):
        edge = neighbour - polygon
        length = (edge**2).sum(axis=1)
        ey, ex, scale = edge[nearest, 0], edge[nearest, 1], (1 / np.where(length > 0, length, 1))[nearest]
        t = np.clip((dy * ey + dx * ex) * scale, 0, 1)
        squared = np.minimum(squared, (dy - t * ey) ** 2 + (dx - t * ex) ** 2)
    return np.sqrt(squared)


def _shapes(u: np.ndarray) -> np.ndarray:
    """Curves from uniform numbers u [n, _NUM_DRAWS]; each number has one use, named where it is read."""
    angle = np.linspace(0, 2 * np.pi, _NUM_ANGLES, endpoint=False)
    family, rest = np.minimum((3 * u[:, 0]).astype(int), 2), u[:, 10:]
    radius = np.empty((len(u), _NUM_ANGLES))
    for number, radii in enumerate((_smooth, _superformula, _rounded_polygon)):
        radius[family == number] = radii(rest[family == number], angle)
    curve = radius[..., None] * np.stack([np.sin(angle), np.cos(angle)], axis=-1)

    curve /= np.abs(curve).max(axis=(1, 2), keepdims=True)
    stretch = np.exp(1.1 * (u[:, 1] - 0.5))[:, None, None]
    curve = curve * np.concatenate([stretch, 1 / stretch], axis=2)
    centre = 0.6 * (u[:, None, 2:4] - 0.5)  # twisting about a point off the middle bends as well as swirls
    twist = 3.0 * (u[:, 4] - 0.5)[:, None] * np.linalg.norm(curve - centre, axis=2)
    curve = _turn(curve - centre, twist)
    curve = _turn(curve, np.broadcast_to(2 * np.pi * u[:, 5, None], curve.shape[:2]))
    curve = _evenly_spaced(curve)

    low, high = curve.min(axis=1, keepdims=True), curve.max(axis=1, keepdims=True)
    extent = (high - low).max(axis=2, keepdims=True)
    curve = (curve - low) / extent * (0.5 + 0.42 * u[:, 6, None, None])
    margin = 0.04
    room = 1 - 2 * margin - curve.max(axis=1, keepdims=True)
    return curve + margin + room * u[:, None, 7:9]


def _smooth(u: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """log r is a Fourier series of orders 1 to 7 with random phases and amplitudes that fall with the order."""
    order = np.arange(1, 8)
    amplitude = 0.9 * u[:, :7] / order**0.8
    phase = 2 * np.pi * u[:, 7:14, None]
    return np.exp((amplitude[..., None] * np.cos(order[:, None] * angle + phase)).sum(axis=1))


def _superformula(u: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Gielis's superformula (2003): stars and flowers of 2 to 7 arms."""
    arms = 2 + np.floor(6 * u[:, :1])
    n1, n2, n3 = (low + span * u[:, i : i + 1] for i, low, span in ((1, 0.6, 2.4), (2, 1.0, 5.0), (3, 1.0, 5.0)))
    n3 = np.where(arms % 2 == 1, n2, n3)  # unequal, two kinds of arms alternate: not with an odd number
    quarter = arms * angle / 4
    base = np.abs(np.cos(quarter)) ** n2 + np.abs(np.sin(quarter)) ** n3
    return np.maximum(base, 1e-6) ** (-1 / n1)


def _rounded_polygon(u: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Polygons of 3 to 9 corners at random angles and radii, their corners rounded by averaging over the angle."""
    radius = np.empty((len(u), len(angle)))
    for i, draw in enumerate(u):
        corners = 3 + int(7 * draw[0])
        at = 2 * np.pi * (np.arange(corners) + 0.4 * (draw[1 : 1 + corners] - 0.5)) / corners
        r = 0.35 + 0.65 * draw[11 : 11 + corners]
        radius[i] = _between(at, r, angle)
    deviation = 2 * np.pi * (0.005 + 0.015 * u[:, 21:22])  # [rad] of the Gaussian that averages
    frequency = np.arange(len(angle) // 2 + 1)
    smooth = np.exp(-0.5 * (frequency * deviation) ** 2)
    return np.fft.irfft(np.fft.rfft(radius) * smooth, n=len(angle))


def _between(at: np.ndarray, r: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Radius of the polygon with corners r at increasing angles ``at``, in the directions ``angle``."""
    k = np.searchsorted(at, (angle - at[0]) % (2 * np.pi) + at[0], side="right") - 1
    a0, r0 = at[k], r[k]
    a1, r1 = np.roll(at, -1)[k] + np.where(k == len(at) - 1, 2 * np.pi, 0), np.roll(r, -1)[k]
    a = (angle - a0) % (2 * np.pi)
    gap = a1 - a0
    return r0 * r1 * np.sin(gap) / (r0 * np.sin(a) + r1 * np.sin(gap - a))


def _turn(curve: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Rotates points [n, p, 2] by angles [n, p] about the origin."""
    c, s = np.cos(by), np.sin(by)
    y, x = curve[..., 0], curve[..., 1]
    return np.stack([c * y + s * x, c * x - s * y], axis=-1)


def _evenly_spaced(curve: np.ndarray) -> np.ndarray:
    """The same closed curves with NUM_VERTICES vertices at equal steps of length."""
    closed = np.concatenate([curve, curve[:, :1]], axis=1)
    length = np.linalg.norm(np.diff(closed, axis=1), axis=2).cumsum(axis=1)
    out = np.empty((len(curve), NUM_VERTICES, 2))
    for i, (points, walked) in enumerate(zip(closed, length, strict=True)):
        at = np.arange(NUM_VERTICES) / NUM_VERTICES * walked[-1]
        for axis in range(2):
            out[i, :, axis] = np.interp(at, np.append(0, walked), points[:, axis])
    return out
