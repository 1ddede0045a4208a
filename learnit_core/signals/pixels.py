"""The pixels of an opened picture as 8 bits a channel, in as little memory as that takes.

How much decoding takes is known beforehand: what takes too much is refused, and threads wait for one another so that
all together take ``TOGETHER`` bytes at most.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image

MOST_MEMORY = 1200 << 20  # bytes that decoding one picture may take
TOGETHER = 800 << 20  # the same, of all threads; a picture that takes more is decoded alone

_OWN = {"WEBP": 12, "AVIF": 6, "HEIF": 6, "TIFF": 4}  # bytes a pixel that decoders hold beside Pillow
# Pillow's blocks, 16 MiB by themselves, are of a size that the C library keeps for the thread that has freed them, so
# that every thread would hold its largest picture; blocks beyond 32 MiB go back to the system.
Image.core.set_block_size(1 << 26)

_STRIP = 1 << 24  # bytes of pixels that are converted at a time
_LARGE = 1 << 24  # pixels, beyond which a picture is first averaged over blocks


def memory(image: Image.Image, stored: tuple[int, int], square: int | None) -> int:
    """Bytes that decoding takes, as measured, but for some strips. Raises ``DecompressionBombError`` if too many."""
    pixels = image.width * image.height
    held = 4 + _OWN.get(image.format or "", 0)  # Pillow holds four bytes a pixel
    needed = pixels * held + (min(pixels, _LARGE) if square else pixels) * 3
    if image.info.get("progressive"):
        needed += stored[0] * stored[1] * 6  # coefficients of the whole picture, also where it is decoded small
    if needed > MOST_MEMORY:
        raise Image.DecompressionBombError(f"{stored[0]} x {stored[1]} pixels, which take {needed >> 20:,} MiB")
    return needed


class _Shared:
    """Bytes that all threads take."""

    def __init__(self) -> None:
        self.used, self.condition = 0, threading.Condition()


_SHARED = _Shared()


@contextmanager
def room(needed: int) -> Iterator[None]:
    """Wait until decoding that takes ``needed`` bytes has room beside that of other threads."""
    with _SHARED.condition:
        _SHARED.condition.wait_for(lambda: _SHARED.used == 0 or _SHARED.used + needed <= TOGETHER)
        _SHARED.used += needed
    try:
        yield
    finally:
        with _SHARED.condition:
            _SHARED.used -= needed
            _SHARED.condition.notify_all()


def turned(pixels: np.ndarray, turn: int) -> np.ndarray:
    """The picture upright, of one that is stored as EXIF's ``turn`` says."""
    if turn >= 5:
        pixels = pixels.swapaxes(0, 1)
    return pixels[:: -1 if turn in (3, 4, 7, 8) else 1, :: -1 if turn in (2, 3, 6, 7) else 1]


def eight_bit(image: Image.Image, channels: int, box, square: int | None, largest: int | None, behind: str):
    """Grey or colour with 8 bits a channel, nothing transparent: pixels, brightest, whether it was opaque, and the box.

    Only what ``box`` needs is converted, strip by strip, and a large picture is averaged over blocks on the way: a
    copy of the whole of it in another mode would take as much memory again, or several times as much.
    """
    left, top, right, bottom = int(box[0]), int(box[1]), int(np.ceil(box[2])), int(np.ceil(box[3]))
    large = square is not None and (right - left) * (bottom - top) > _LARGE
    block = max(1, (right - left) // (3 * square)) if large else 1
    rows = max(1, _STRIP // (4 * (right - left)) // block) * block
    shape = -(-(bottom - top) // block), -(-(right - left) // block)
    made = np.empty(shape if channels == 1 else (*shape, 3), np.uint8)
    whole = _range(image, largest)
    brightest, opaque = 0, True
    for start in range(top, bottom, rows):
        strip = image.crop((left, start, right, min(start + rows, bottom)))
        strip.info = image.info
        if whole is not None:
            values = np.asarray(strip)
            if not (values.min() >= 0 and values.max() <= whole):  # written so that a NaN fails, too
                raise ValueError(f"its numbers run from {values.min()} to {values.max()}, beyond [0, {whole}]")
            strip = Image.fromarray(np.round(values * np.float32(255 / whole)).astype(np.uint8))
        elif strip.has_transparency_data:
            strip = strip.convert("RGBA")
            opaque = opaque and strip.getextrema()[3][0] == 255
            strip = Image.alpha_composite(Image.new("RGBA", strip.size, behind), strip)
        strip = strip.convert("RGB")
        brightest = max(brightest, *(high for _, high in strip.getextrema()))
        strip = strip.convert("L") if channels == 1 else strip
        strip = strip.reduce(block) if block > 1 else strip
        made[(start - top) // block :][: strip.height] = np.asarray(strip)
    return made, brightest / 255, opaque, tuple(np.subtract(box, (left, top) * 2) / block)


def _range(image: Image.Image, largest: int | None) -> float | None:
    """The largest number that the picture can have: its type's, or what is said of it; None for 8 bits."""
    if image.mode == "F":
        return 1.0
    if not image.mode.startswith("I"):
        return None
    if largest is not None:
        return float(largest)
    tags = getattr(image, "tag_v2", {})
    told = tags.get(281, (2 ** tags.get(258, (16,))[0] - 1,))  # MaxSampleValue, else BitsPerSample: 12 of a scanner's
    told = told[0] if isinstance(told, tuple) and told else told
    # Some write the largest number that occurs there: only the end of a range of bits, such as 4095, is believed.
    return float(told) if isinstance(told, int) and 255 < told < 65535 and told & (told + 1) == 0 else 65535.0
