"""Random strings in matplotlib's own DejaVu fonts, light on dark: the class "text".

A picture is one or two lines of two to four random letters and digits, in one of eight fonts, as wide as fits and
anywhere in the picture. It is drawn on a canvas of at least four times the side and averaged down to it, so that the
same number gives the same words in the same place at every size (exactly up to 64; above, but for the font's hinting).

Which split a word may appear in is decided by a checksum of the word itself (in lower case). No word is therefore in
two splits, whatever the seeds and counts: a test picture of one seed stays unseen by a training with another.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

NOTE = (
    "Random strings drawn here in matplotlib's DejaVu fonts; no word, whatever its case, is in two splits, "
    "but all splits share the fonts and the letters."
)
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SPLITS = ("train", "validation", "test")

_CLASS = 1  # first number of the random key: keeps the draws of the built-in classes apart
_OVERSAMPLING = 4
_SMALLEST_CANVAS = 256  # of every size up to 64, so that these are averages of one and the same drawing
_MARGIN = 0.02  # of the side, kept free all around
_REFERENCE = 100.0  # font size at which a block of text is measured before it is scaled to fit


class Layout(NamedTuple):
    """What a picture shows and where, in fractions of its side."""

    text: str
    font: str
    align: str
    width: float
    """The block of text fills this much of the width, or ``height`` of the height, whichever it reaches first."""
    height: float
    place: tuple[float, float]
    """Where the block lies in the room that is left, across and down: 0 is left or top, 1 right or bottom."""


def splits(size: int, counts: tuple[int, int, int], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training, validation and test pictures, each float32 [count, size, size, 1] in [0, 1]."""
    return tuple(_pictures(split, size, count, seed) for split, count in zip(SPLITS, counts, strict=True))


def strings(split: str, count: int, seed: int) -> list[str]:
    """What the first ``count`` pictures of a split say; the lines of one picture are joined by a newline."""
    return [layout(split, index, seed).text for index in range(count)]


def split_of(word: str) -> str:
    """The one split a word may be drawn in: validation and test take one word in five each."""
    digest = hashlib.blake2b(word.lower().encode(), digest_size=8).digest()
    return {0: "test", 1: "validation"}.get(int.from_bytes(digest) % 5, "train")


def layout(split: str, index: int, seed: int) -> Layout:
    """What one picture of a split shows: a pure function of its three arguments."""
    rng = np.random.default_rng([_CLASS, seed, SPLITS.index(split), index])
    num_lines = 1 + (rng.random() < 0.5)
    words = [_word(rng, split) for _ in range(num_lines)]
    return Layout(
        text="\n".join(words),
        font=FONTS[rng.integers(len(FONTS))],
        align=("left", "center", "right")[rng.integers(3)],
        width=rng.uniform(0.75, 0.96),
        height=rng.uniform(0.5, 0.75) if num_lines == 1 else rng.uniform(0.75, 0.96),
        place=(rng.random(), rng.random()),
    )


def render(shown: Layout, size: int) -> np.ndarray:
    """One picture, float32 [size, size] in [0, 1]: ink is 1, ground 0."""
    side = max(_SMALLEST_CANVAS, _OVERSAMPLING * size)
    canvas = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(canvas)
    style = {"align": shown.align, "spacing": 0}

    left, top, right, bottom = draw.multiline_textbbox((0, 0), shown.text, _font(shown.font, _REFERENCE), **style)
    scale = min(shown.width * side / (right - left), shown.height * side / (bottom - top))
    font = _font(shown.font, _REFERENCE * scale)

    left, top, right, bottom = draw.multiline_textbbox((0, 0), shown.text, font, **style)
    room = side * (1 - 2 * _MARGIN) - np.array([right - left, bottom - top])
    x, y = side * _MARGIN + np.array(shown.place) * np.maximum(room, 0)
    draw.multiline_text((x - left, y - top), shown.text, 255, font, **style)
    small = canvas.resize((size, size), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255


def _pictures(split: str, size: int, count: int, seed: int) -> np.ndarray:
    pictures = np.empty((count, size, size, 1), np.float32)
    for index in range(count):
        pictures[index, :, :, 0] = render(layout(split, index, seed), size)
    return pictures


def _word(rng: np.random.Generator, split: str) -> str:
    while True:
        word = "".join(ALPHABET[i] for i in rng.integers(len(ALPHABET), size=rng.integers(2, 5)))
        if split_of(word) == split:
            return word


@cache
def _folder() -> Path:
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def _font(name: str, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_folder() / f"{name}.ttf", size, layout_engine=ImageFont.Layout.BASIC)
