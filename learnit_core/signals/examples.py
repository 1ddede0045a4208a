"""Arrays as a student might bring them, in units of their own: sounds, height maps and blobs in a box.

Each function gives ``count`` signals by name, for :func:`learnit_core.signals.from_arrays`. A signal has a seed of its
own: how many there are changes none of them.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float


def chirps(count: int = 400, *, size: int = 256, seed: int = 0) -> dict[str, Float[np.ndarray, " samples"]]:
    """Calls of birds: a tone that glides from one pitch to another and swells, sound pressure [pascal]."""
    t = np.arange(size) / size

    def draw(rng):
        (start, end), bend = rng.uniform(4, 24, 2), rng.uniform(0.5, 2)
        phase = 2 * np.pi * np.cumsum(start + (end - start) * t**bend) / size + rng.uniform(0, 2 * np.pi)
        swell = np.exp(-(((t - rng.uniform(0.2, 0.8)) / rng.uniform(0.3, 1)) ** 2))
        return rng.uniform(0.04, 0.06) * swell * (np.sin(phase) + rng.uniform(0, 0.4) * np.sin(2 * phase))

    return _named("call", draw, count, seed)


def heights(count: int = 400, *, size: int = 32, seed: int = 0) -> dict[str, Float[np.ndarray, "{size} {size}"]]:
    """Maps of a land of hills and hollows above a slope, height above the sea [metres]."""
    down, across = np.meshgrid(*2 * [np.arange(size) / size], indexing="ij")

    def draw(rng):
        land = rng.uniform(-1, 1) * down + rng.uniform(-1, 1) * across
        for _ in range(8):
            (y, x), (wide, long), turn = rng.random(2), rng.uniform(0.06, 0.25, 2), rng.uniform(0, np.pi)
            u = (down - y) * np.cos(turn) + (across - x) * np.sin(turn)
            v = (across - x) * np.cos(turn) - (down - y) * np.sin(turn)
            land += rng.uniform(-1, 1.5) * np.exp(-((u / wide) ** 2) - (v / long) ** 2)
        return rng.uniform(0, 500) + rng.uniform(1000, 1500) * (land - land.min()) / np.ptp(land)

    return _named("map", draw, count, seed)


def blobs(count: int = 300, *, size: int = 12, seed: int = 0) -> dict[str, Float[np.ndarray, "{size} {size} {size}"]]:
    """Dense blobs in a box that holds something thin, density [grams a cubic centimetre]."""
    places = np.stack(np.meshgrid(*3 * [np.arange(size) / size], indexing="ij"), axis=-1)

    def draw(rng):
        box = np.full(3 * (size,), rng.uniform(0.2, 0.4))
        for _ in range(rng.integers(2, 5)):
            distance = np.linalg.norm((places - rng.uniform(0.2, 0.8, 3)) / rng.uniform(0.12, 0.3, 3), axis=-1)
            box = np.maximum(box, rng.uniform(1, 3) / (1 + np.exp(8 * (distance - 1))))
        return box

    return _named("box", draw, count, seed)


def photographs(size: int = 256) -> dict[str, Float[np.ndarray, "{size} {size}"]]:
    """Ten photographs by name, the largest square of each, grey, in [0, 1]; they lie in scikit-image's wheel."""
    from skimage import color, data, transform  # here, because importing it takes a while

    names = ("astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel", "moon", "rocket")
    found = {}
    for name in names:
        picture = getattr(data, name)()
        grey = color.rgb2gray(picture) if picture.ndim == 3 else picture / 255
        side = min(grey.shape)
        (top, left) = ((length - side) // 2 for length in grey.shape)
        square = grey[top : top + side, left : left + side]
        found[name] = transform.resize(square, (size, size), anti_aliasing=True).astype(np.float32)
    return found


EXAMPLES = {"chirps": chirps, "heights": heights, "blobs": blobs}
"""The examples by name; in one, two and three dimensions."""


def _named(
    word: str, draw: Callable[[np.random.Generator], np.ndarray], count: int, seed: int
) -> dict[str, np.ndarray]:
    return {f"{word} {i}": draw(np.random.default_rng([seed, i])).astype(np.float32) for i in range(count)}
