"""The one way in for pictures: which files of a folder are pictures, and what numbers are in one.

Photographs, slices, objects, collections and `data_scripts` all read through this module, so that a file counts for all
of them or for none. A picture is turned upright (EXIF), laid over white where it is transparent, and has 8 bits a
channel; 16 bits are scaled by their whole range, but where the file (or the caller) says that they hold fewer. Colour
profiles are ignored; of an animation the first frame counts.

A file is opened only if its *content* is of a kind in ``FORMATS``, whatever its name; its bytes, its pixels and the
memory that they take (:mod:`learnit_core.signals.pixels`) are held against limits before anything is decoded.
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
from PIL import Image, UnidentifiedImageError

from learnit_core.errors import LearnitError
from learnit_core.names import shown
from learnit_core.signals import pixels

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
EXTENSIONS = (  # ".png" first: where a list of cameras names pictures without a suffix it is mostly this one
    *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"),
    *(".heic", ".heif"),  # read if pillow-heif (extra "heic") is installed, named if not
)

MOST_PIXELS = 2 * 89_478_485  # where Pillow, too, takes a picture for an attack
MOST_BYTES = 1 << 28

FAINT = 0.1
"""A warning is due where pictures use less than this part of their range: they are nearly black."""

_TOO_LARGE = "too large"
_OTHERS = ("thumbs.db", "desktop.ini", "__macosx")  # what systems leave behind


class Picture(NamedTuple):
    """A decoded picture, and what is known of its file."""

    pixels: np.ndarray
    """uint8 [height, width, channels], row 0 at the top."""
    size: tuple[int, int]
    """Width and height in the file, upright."""
    brightest: float
    """The largest number as a part of the range."""
    alpha: bool
    """Whether the file can tell what is transparent: an alpha channel, or a transparent colour."""
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


def faint(where: object) -> str:
    """The sentence that is due where the brightest of all pictures is below ``FAINT``."""
    return (
        f"The pictures of {shown(where)} are nearly black: their largest number is below a tenth of what its type can "
        "hold, as of 12 bits in files of 16. Any answer that is black scores well on them: scale them first."
    )


# What is in one


class Refused(LearnitError):
    """A picture that cannot be read. ``kind`` is by which such pictures are counted, ``reason`` says more."""

    def __init__(self, name: str, kind: str, reason: str):
        super().__init__(f"{shown(name)} {reason}.")
        self.kind, self.reason = kind, reason


def read(path: Path, **options) -> Picture:
    """:func:`decode` of a file. Raises ``LearnitError`` also if it cannot be opened."""
    with _file(path) as file:
        return _decode(file, str(path), **options)


def decode(content: bytes, name: str, **options) -> Picture:
    """The picture in a file's content; ``name`` is for errors. ``options``:

    ``channels``   1 (grey) or 3 (colour)
    ``square``     the side that its largest centred square is scaled to; without it has the size of the file
    ``upright``    False leaves it as it is stored, which cameras speak of
    ``largest``    the largest number of 16-bit files, such as 4095 for 12 bits, where it is not their whole range
    ``behind``     the colour behind transparent parts, white if it is not given

    Raises ``LearnitError`` if it is of no known kind, damaged, too large, or has numbers beyond its range.
    """
    if len(content) > MOST_BYTES:
        raise Refused(name, _TOO_LARGE, _too_many(len(content)))
    return _decode(io.BytesIO(content), name, **options)


def content(path: Path) -> bytes:
    """What is in a file, be it a picture or not. Raises ``LearnitError`` if it is too large or cannot be read."""
    with _file(path) as file:
        return file.read()


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is stored, from the head of its file. Errors as of :func:`decode`."""
    with _file(path) as file, _opened(file, str(path)) as image:
        return image.size


@contextmanager
def _file(path: Path) -> Iterator[io.BufferedIOBase]:
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MOST_BYTES:
                raise Refused(str(path), _TOO_LARGE, _too_many(size))
            yield file
    except OSError as error:
        raise Refused(str(path), "unreadable", f"cannot be read: {error.strerror or error}") from None


def _too_many(size: int) -> str:
    return f"is too large to be decoded safely: {size:,} bytes; expected {MOST_BYTES:,} at most"


def _decode(
    file: io.BufferedIOBase,
    name: str,
    *,
    channels: int,
    square: int | None = None,
    upright: bool = True,
    largest: int | None = None,
    behind: str = "white",
) -> Picture:
    with _opened(file, name) as image:
        stored, size, box = image.size, image.size, (0, 0, *image.size)
        if square is not None:
            image.draft(image.mode, (2 * square, 2 * square))  # a large JPEG is decoded at a fraction of its side
            side = min(image.size)
            left, top = (image.width - side) / 2, (image.height - side) / 2
            box = (left, top, left + side, top + side)
        with pixels.room(pixels.memory(image, stored, square)):
            image.load()  # before its metadata: asking a PNG for them loads it, and hides that it ends too early
            turn = _orientation(image) if upright else 1
            alpha = image.has_transparency_data
            made, brightest, opaque, box = pixels.eight_bit(image, channels, box, square, largest, behind)
    if square is not None:
        made = np.asarray(Image.fromarray(made).resize((square, square), Image.Resampling.LANCZOS, box=box))
    made, size = pixels.turned(made, turn), size[::-1] if turn >= 5 else size
    return Picture(np.ascontiguousarray(made).reshape(*made.shape[:2], channels), size, brightest, alpha, opaque)


@contextmanager
def _opened(file: io.BufferedIOBase, name: str) -> Iterator[Image.Image]:
    """The picture, not yet decoded, of an allowed kind and size; what goes wrong with it is one sentence."""
    try:
        with _SILENCE, Image.open(file, formats=(*FORMATS, *_heif())) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
            yield image
    except UnidentifiedImageError:
        raise Refused(name, "of no known kind", f"is not a picture of a known kind ({_beginning(file)})") from None
    except Image.DecompressionBombError as error:
        raise Refused(name, _TOO_LARGE, f"is too large to be decoded safely: {str(error).rstrip('.')}") from None
    except Exception as error:  # a damaged file can make a decoder raise almost anything
        raise Refused(name, "damaged or out of range", f"cannot be decoded: {shown(error).rstrip('.')}") from None


class _Silence:
    """No warnings while any thread decodes: Pillow warns of large but safe pictures and of odd metadata.

    Python's own ``catch_warnings``, entered by several threads, would leave them off for good.
    """

    def __init__(self) -> None:
        self.count, self.lock = 0, threading.Lock()

    def __enter__(self) -> None:
        with self.lock:
            self.count += 1
            if self.count == 1:
                self.caught = warnings.catch_warnings()
                self.caught.__enter__()
                warnings.simplefilter("ignore")

    def __exit__(self, *_) -> None:
        with self.lock:
            self.count -= 1
            if not self.count:
                self.caught.__exit__(None, None, None)


_SILENCE = _Silence()


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
