"""A signal of one to three dimensions as a picture: a curve, the picture itself, or slices of a box."""

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from learnit_core.errors import LearnitError

COLOURS = ("#20507f", "#c0392b", "#009e73", "#7f7f7f")
"""Of the curves of a signal's channels."""
_FINER = 3  # a curve is drawn larger and then reduced, which smooths it
_SLICES = 4


def drawn(
    signal: Float[np.ndarray, "*shape channels"], *, height: int, width: int, truth: np.ndarray | None = None
) -> Float[np.ndarray, "{height} {width} 3"]:
    """A signal [*shape, channels] of values in [0, 1], what lies outside is clipped, as a picture of this size [px].

    One dimension makes a dark curve on white, over a light one of the ``truth`` if that is given; two make a picture,
    in colour if there are three channels, else with the channels beside each other in grey; three make four slices
    across the first axis. Raises LearnitError for another number of dimensions.
    """
    dims = signal.ndim - 1
    if dims == 1:
        return _curves(signal, truth, height, width)
    if dims == 2:
        return _resized(_flat(signal), height, width)
    if dims == 3:
        at = np.linspace(0, len(signal) - 1, _SLICES + 2)[1:-1].round().astype(int)
        return _resized(np.concatenate([_flat(signal[i]) for i in at], axis=1), height, width)
    raise LearnitError(f"found a signal of shape {signal.shape}: expected one to three dimensions, and channels")


def _curves(signal, truth, height, width):
    picture = Image.new("RGB", (_FINER * width, _FINER * height), "white")
    pen = ImageDraw.Draw(picture)
    truths = [] if truth is None else [(channel, "#f0b070", 3) for channel in truth.T]
    curves = [(channel, COLOURS[i % len(COLOURS)], 1) for i, channel in enumerate(signal.T)]
    for values, colour, thick in [*truths, *curves]:
        x = np.linspace(0, picture.width - 1, len(values))
        y = (0.95 - 0.9 * np.clip(values, 0, 1)) * picture.height
        pen.line(list(map(tuple, np.stack([x, y], axis=1))), fill=colour, width=thick * _FINER, joint="curve")
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX), np.float32) / 255


def _flat(picture):
    """Colour as it is, other channels beside each other."""
    if picture.shape[-1] == 3:
        return picture
    return np.repeat(np.concatenate(np.moveaxis(picture, -1, 0), axis=1)[..., None], 3, axis=-1)


def _resized(picture, height, width):
    levels = Image.fromarray(np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8))
    return np.asarray(levels.resize((width, height), Image.Resampling.NEAREST), np.float32) / 255
