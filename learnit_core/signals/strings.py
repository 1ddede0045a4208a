"""Plucked strings: what a pickup hears of an ideal string, in one dimension.

A string of length 1 that is pulled at the place p and let go moves as a sum of harmonics: the k-th has the amplitude
sin(kπp) / k² and k times the fundamental's frequency (d'Alembert, Bernoulli). A pickup at the place q hears it times
sin(kπq). Real strings are stiff, which makes high harmonics a little sharp, and lose those first.
"""

import numpy as np
from jaxtyping import Float

NOTE = (
    "Plucked strings computed here; each has a pitch, a pluck, a pickup, a decay and a brightness of its own, and "
    "begins at a moment of its own."
)
HARMONICS = 8


def draw(rng: np.random.Generator, size: int) -> Float[np.ndarray, "{size} 1"]:
    """One string, ``size`` samples in [0, 1] with silence at 1/2."""
    t, k = np.arange(size) / size, np.arange(1, HARMONICS + 1)[:, None]
    pitch = 2.0 * 8.0 ** rng.random()  # periods in the window: three octaves
    place, pickup = rng.uniform(0.05, 0.5, 2)
    decay, brightness, moment = rng.uniform(0.0, 1.0), rng.uniform(0.5, 1.5), rng.random()
    loudness = np.sin(k * np.pi * place) * np.sin(k * np.pi * pickup) / k**brightness * np.exp(-decay * np.sqrt(k) * t)
    frequency = pitch * k * np.sqrt(1 + rng.uniform(0, 2e-3) * k**2)
    wave = (loudness * np.sin(2 * np.pi * (frequency * t + moment * k))).sum(axis=0)
    wave *= rng.choice([-1.0, 1.0]) * rng.uniform(0.8, 1.0) / np.abs(wave).max()
    return (0.5 + 0.5 * wave[:, None]).astype(np.float32)


def splits(size: int, counts: tuple[int, int, int], seed: int = 0) -> list[Float[np.ndarray, "n {size} 1"]]:
    """Training, validation and test strings. Each has a seed of its own: how many there are changes none of them."""

    def split(number, count):
        drawn = [draw(np.random.default_rng([seed, number, i]), size) for i in range(count)]
        return np.stack(drawn) if drawn else np.zeros((0, size, 1), np.float32)

    return [split(number, count) for number, count in enumerate(counts)]
