"""The one way in for pictures: which files of a folder are pictures, and what numbers are in one.

Photographs, slices, collections and `data_scripts` all read through this module, so that a file counts for all of them
or for none. A picture is turned upright (EXIF), laid over white where it is transparent, and has 8 bits a channel;
16 bits are scaled by their whole range. Colour profiles are ignored; of an animation the first frame counts.

A file is opened only if its *content* is of a kind in ``FORMATS``, whatever its name; its bytes and pixels are
held against limits before anything is decoded, and all threads together hold at most ``TOGETHER`` bytes of pixels.
"""

import io
import os
import threading
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from learnit_core.errors import LearnitError
from learnit_core.names import shown

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
EXTENSIONS = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"),
    *(".heic", ".heif"),  # read if pillow-heif (extra "heic") is installed, named if not
)

MOST_PIXELS = 2 * 89_478_485  # where Pillow, too, takes a picture for an attack
MOST_BYTES = 1 << 28
TOGETHER = 800 << 20  # bytes of decoded pixels, of all threads; a picture that has more is decoded alone

FAINT = 0.1
"""A warning is due where 16-bit numbers use less than this part of their range: they are nearly black."""

_STRIP = 1 << 24  # bytes of pixels that are converted at a time
_LARGE = 1 << 24  # pixels, beyond which a picture is first averaged over blocks
_TOO_LARGE = "too large"
_BYTES = f"is too large to be decoded safely: expected {MOST_BYTES:,} bytes at most"
_OTHERS = ("thumbs.db", "desktop.ini", "__macosx")  # what systems leave behind


class Picture(NamedTuple):
    """A decoded picture, and what is known of its file."""

    pixels: np.ndarray
    """uint8 [height, width, channels], row 0 at the top."""
    size: tuple[int, int]
    """Width and height in the file, upright."""
    brightest: float
    """The largest number as a part of the range of its type, before it is rounded to 8 bits; 1 for 8 bits."""
    opaque: bool
    """Whether no pixel is transparent."""


# Which files


def files_in(folder: Path) -> list[str]:
    """Paths of the files in a folder, relative to it, in order; hidden ones, and what systems leave, are passed over.

    Links to folders are followed, to each folder once. A broken link counts: it is worth a warning when it is read.
    """
    found, seen = [], set()
    for place, folders, files in os.walk(folder, followlinks=True):
        relative = Path(place).relative_to(folder)
        real = os.path.realpath(place)
        if real in seen or is_hidden(relative):
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        paths = [Path(place, file) for file in files if not is_hidden(Path(file))]
        paths = [path for path in paths if path.is_file() or not path.exists()]  # no pipes, which never end
        found += [(relative / path.name).as_posix() for path in paths]
    return sorted(found)


def only_pictures(names: Iterable[str]) -> list[str]:
    """The names that are pictures by their suffix and not hidden, in their order."""
    paths = [(name, PurePath(name)) for name in names]
    return [name for name, path in paths if path.suffix.lower() in EXTENSIONS and not is_hidden(path)]


def pictures_in(folder: Path) -> list[str]:
    """Paths of the pictures in a folder, relative to it, in order; ``LearnitError`` if there are none."""
    names = files_in(folder)
    found = only_pictures(names)
    if not found:
        contents = f"{len(names)} other files, such as {shown(names[0])}" if names else "nothing"
        raise LearnitError(f"{folder} holds {contents}; expected pictures ({', '.join(EXTENSIONS)}).")
    return found


def is_hidden(path: PurePath) -> bool:
    """Whether a file or a folder above it begins with a dot, or is one that systems leave behind."""
    return any(part.startswith(".") or part.lower() in _OTHERS for part in path.parts)


def left_out(refused: Mapping[str, "Refused"], total: int, where: object) -> str:
    """One sentence for all files that were left out of ``total``: how many of each kind, their first names, and why.

    ``refused`` are by the name of the file. If most are lost, the sentence begins with that.
    """
    by_kind = defaultdict(list)
    for name, error in refused.items():
        by_kind[error.kind].append((shown(name), error.reason))
    told = [
        f"{len(found)} {kind} ({', '.join(name for name, _ in found[:3])}{', …' * (len(found) > 3)}; "
        f"the first {found[0][1]})"
        for kind, found in by_kind.items()
    ]
    most = "Most pictures are lost. " if 2 * len(refused) > total else ""
    return f"{most}Skipped: {len(refused)} of the {total} pictures in {shown(where)}: {', '.join(told)}."


# What is in one


class Refused(LearnitError):
    """A picture that cannot be read. ``kind`` is by which such pictures are counted, ``reason`` says more."""

    def __init__(self, name: str, kind: str, reason: str):
        super().__init__(f"{shown(name)} {reason}.")
        self.kind, self.reason = kind, reason


def read(path: Path, *, channels: int, square: int | None = None, upright: bool = True) -> Picture:
    """:func:`decode` of a file. Raises ``LearnitError`` also if it cannot be opened."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > MOST_BYTES:
                raise Refused(
                    str(path), _TOO_LARGE, f"is too large to be decoded safely: expected {MOST_BYTES:,} bytes at most"
                )
            return _decode(file, str(path), channels, square, upright)
    except OSError as error:
        raise Refused(str(path), "unreadable", f"cannot be decoded: {error.strerror or error}") from None


def decode(content: bytes, name: str, *, channels: int, square: int | None = None, upright: bool = True) -> Picture:
    """The picture in a file's content, with 1 (grey) or 3 channels; ``name`` is for errors.

    With ``square`` it is its largest centred square, scaled to that side; without it has the size of the file.
    ``upright=False`` leaves it as it is stored. Raises ``LearnitError`` if it is of no known kind, damaged, too large,
    or has numbers beyond its range.
    """
    if len(content) > MOST_BYTES:
        raise Refused(name, _TOO_LARGE, _BYTES)
    return _decode(io.BytesIO(content), name, channels, square, upright)


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is stored, from the head of its file. Errors as of :func:`decode`."""
    try:
        with open(path, "rb") as file, _opened(file, str(path)) as image:
            return image.size
    except OSError as error:
        raise Refused(str(path), "unreadable", f"cannot be decoded: {error.strerror or error}") from None


def _decode(file: io.BufferedIOBase, name: str, channels: int, square: int | None, upright: bool) -> Picture:
    with _opened(file, name) as image, _room(image.width * image.height * 4):
        size, box = image.size, (0, 0, *image.size)
        if square is not None:
            image.draft(image.mode, (2 * square, 2 * square))  # a large JPEG is decoded at a fraction of its side
            side = min(image.size)
            left, top = (image.width - side) / 2, (image.height - side) / 2
            box = (left, top, left + side, top + side)
        image.load()  # before its metadata: asking a PNG for them loads it, and hides that it ends too early
        turned = _orientation(image) if upright else 1
        size = size[::-1] if turned >= 5 else size
        pixels, brightest, opaque, box = _eight_bit(image, channels, box, square)
        if turned != 1:
            pixels, box = _turned(pixels, box, turned)
    if square is not None:
        pixels = pixels.resize((square, square), Image.Resampling.LANCZOS, box=box)
    return Picture(np.asarray(pixels).reshape(pixels.height, pixels.width, channels), size, brightest, opaque)


@contextmanager
def _opened(file: io.BufferedIOBase, name: str) -> Iterator[Image.Image]:
    """The picture, not yet decoded, of an allowed kind and size; what goes wrong with it is one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large but safe pictures and of odd metadata
            with Image.open(file, formats=(*FORMATS, *_heif())) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
                yield image
    except UnidentifiedImageError:
        raise Refused(name, "of no known kind", f"is not a picture of a known kind ({_beginning(file)})") from None
    except Image.DecompressionBombError as error:
        raise Refused(name, _TOO_LARGE, f"is too large to be decoded safely: {str(error).rstrip('.')}") from None
    except Exception as error:  # a damaged file can make a decoder raise almost anything
        raise Refused(name, "damaged or out of range", f"cannot be decoded: {shown(error).rstrip('.')}") from None


def _heif() -> tuple[str, ...]:
    try:
        import pillow_heif
    except ImportError:
        return ()
    pillow_heif.register_heif_opener(thumbnails=False)
    return ("HEIF",)


def _beginning(file: io.BufferedIOBase) -> str:
    file.seek(0)
    start = file.read(12)
    if start[4:11] in (b"ftyphei", b"ftyphev", b"ftypmif") and not _heif():
        return "HEIC, as telephones make it: pip install pillow-heif, or export it as JPEG"
    return f"it begins with {start!r}" if start else "the file is empty"


def _orientation(image: Image.Image) -> int:
    """1 to 8, as EXIF counts; 1 where it says nothing, or something that cannot be understood."""
    try:
        found = image.getexif().get(0x0112, 1)
    except Exception:  # metadata of a picture that is sound can be damaged
        return 1
    return found if found in range(1, 9) else 1


def _turned(pixels: Image.Image, box: tuple[float, float, float, float], orientation: int):
    """The picture upright, and its box."""
    tagged = pixels.copy()
    tagged.getexif()[0x0112] = orientation
    left, top, right, bottom = box
    if orientation >= 5:
        left, top, right, bottom = top, left, bottom, right
    return ImageOps.exif_transpose(tagged), (left, top, right, bottom)


def _eight_bit(image: Image.Image, channels: int, box, square: int | None):
    """Grey or colour with 8 bits a channel, transparent parts over white: the picture, its brightest and its box.

    Only what ``box`` needs is converted, strip by strip, and a large picture is averaged over blocks on the way: a
    copy of the whole of it in another mode would take as much memory again, or several times as much.
    """
    left, top, right, bottom = int(box[0]), int(box[1]), int(np.ceil(box[2])), int(np.ceil(box[3]))
    large = square is not None and (right - left) * (bottom - top) > _LARGE
    block = max(1, (right - left) // (3 * square)) if large else 1
    rows = max(1, _STRIP // (4 * (right - left)) // block) * block
    out = Image.new("L" if channels == 1 else "RGB", (-(-(right - left) // block), -(-(bottom - top) // block)))
    whole = _range(image)
    low, high, opaque = np.inf, -np.inf, True
    for start in range(top, bottom, rows):
        strip = image.crop((left, start, right, min(start + rows, bottom)))
        strip.info = image.info
        if whole is not None:
            values = np.asarray(strip)
            low, high = min(low, values.min()), max(high, values.max())
            if not (values.min() >= 0 and values.max() <= whole):  # written so that a NaN fails, too
                raise ValueError(f"its numbers run from {values.min()} to {values.max()}, beyond [0, {whole}]")
            strip = Image.fromarray(np.round(values * np.float32(255 / whole)).astype(np.uint8))
        elif strip.has_transparency_data:
            strip = strip.convert("RGBA")
            opaque = opaque and strip.getextrema()[3][0] == 255
            strip = Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip)
        strip = strip.convert("RGB")
        strip = strip.convert("L") if channels == 1 else strip
        out.paste(strip.reduce(block) if block > 1 else strip, (0, (start - top) // block))
    return out, float(high / whole) if whole else 1.0, opaque, tuple(np.subtract(box, (left, top) * 2) / block)


def _range(image: Image.Image) -> float | None:
    """The largest number of the picture's type, or the one that its file gives (tag 281 of TIFF); None for 8 bits."""
    if image.mode == "F":
        return 1.0
    if not image.mode.startswith("I"):
        return None
    told = getattr(image, "tag_v2", {}).get(281)  # MaxSampleValue: 4095 of a scanner's 12 bits
    told = told[0] if isinstance(told, tuple) and told else told
    return float(told) if isinstance(told, int) and 255 < told < 65535 else 65535.0


class _Room:
    """Bytes that all threads share: each waits until there is room for its picture."""

    def __init__(self) -> None:
        self.used, self.condition = 0, threading.Condition()


_SHARED = _Room()


@contextmanager
def _room(needed: int) -> Iterator[None]:
    with _SHARED.condition:
        _SHARED.condition.wait_for(lambda: _SHARED.used == 0 or _SHARED.used + needed <= TOGETHER)
        _SHARED.used += needed
    try:
        yield
    finally:
        with _SHARED.condition:
            _SHARED.used -= needed
            _SHARED.condition.notify_all()
