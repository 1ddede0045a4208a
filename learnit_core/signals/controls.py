"""The two controls in every table: the class mean and the nearest training signal.

A method that does no better has learned nothing about the class beyond its average or its examples. From more than
10,000 training signals on disk, 10,000 are used for both, evenly spread.
"""

import numpy as np

from learnit_core.signals.prepared import CONTROLS, Pictures

_BLOCK = 256  # training signals held in double precision at a time


def mean_signal(train: np.ndarray | Pictures) -> np.ndarray:
    """The average [h, w, c] of training signals [n, h, w, c], float32."""
    train = _some(train)
    blocks = (train[start : start + _BLOCK] for start in range(0, len(train), _BLOCK))
    total = sum(block.sum(axis=0, dtype=np.float64) for block in blocks)
    return (total / len(train)).astype(np.float32)


def nearest(train: np.ndarray | Pictures, signals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of ``train`` [n, h, w, c] to each of ``signals`` [m, h, w, c]: index [m], and PSNR [m, dB, peak 1].

    Nearest is by squared error; of equals, the first. An exact copy has infinite PSNR. Raises ``ValueError`` if the
    shapes differ or there are no training signals.
    """
    if len(train) == 0 or train.shape[1:] != signals.shape[1:]:
        raise ValueError(f"Shapes differ or are empty: training signals {train.shape}, signals {signals.shape}.")
    train = _some(train)
    found = signals.reshape(len(signals), -1).astype(np.float64)
    best, index = np.full(len(found), np.inf), np.zeros(len(found), int)
    for start in range(0, len(train), _BLOCK):
        block = train[start : start + _BLOCK].reshape(-1, found.shape[1]).astype(np.float64)
        scores = (block**2).sum(axis=1) - 2 * found @ block.T  # squared distances, up to a common constant
        closest = scores.argmin(axis=1)
        score = scores[np.arange(len(found)), closest]
        better = score < best
        best, index = np.where(better, score, best), np.where(better, start + closest, index)
    differences = found - train[index].reshape(found.shape)  # again, because the scores' rounding hides exact copies
    with np.errstate(divide="ignore"):
        return index * getattr(train, "step", 1), -10 * np.log10((differences**2).mean(axis=1))


def _some(train: np.ndarray | Pictures) -> np.ndarray | Pictures:
    return train.thinned(CONTROLS) if isinstance(train, Pictures) else train
