"""A user's own photographs: any folder of pictures, or a single one.

Every picture is turned upright (EXIF), laid over white where it is transparent, cropped to its largest centred
square and scaled to the requested side. Colour profiles are ignored; of an animation the first frame counts.
"""

import hashlib
import io
import os
import warnings
from collections.abc import Iterable
from pathlib import Path, PurePath

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from learnit_core.errors import LearnitError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
FEWEST = 10  # pictures for three splits

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")  # by content: no others are decoded, whatever the name


def splits(folder: Path, size: int, channels: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Training, validation and test pictures of a folder, float32 [n, size, size, channels], and a note.

    A permutation drawn with ``seed`` deals them out: a tenth each for test and validation (of a hundred pictures or
    more, at least 20 and 10), the rest for training. Of pictures that come out equal in every pixel only the first
    counts. Raises ``LearnitError`` if fewer than 10 different pictures can be read.
    """
    names, pictures = read_folder(folder, size, channels)
    first = first_of_equals(pictures)
    if len(first) < FEWEST:
        raise LearnitError(
            f"{folder} holds {len(first)} different readable pictures; expected at least {FEWEST}, "
            "to be split into training, validation and test."
        )
    train, validation, test = deal(np.array(first), seed)
    copies = f" ({len(names) - len(first)} exact copies left out)" if len(first) < len(names) else ""
    note = (
        f"{len(first)} photographs from the folder {folder.resolve().name!r}{copies}; "
        "no picture is in two splits, but whether two of them show the same person, thing or place is not known."
    )
    return pictures[train], pictures[validation], pictures[test], note


def deal(indices: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices dealt out to training, validation and test by a permutation drawn with ``seed``."""
    order = np.random.default_rng(seed).permutation(indices)
    num_test = num_validation = max(1, round(len(order) / 10))
    if len(order) >= 100:
        num_test, num_validation = max(num_test, 20), max(num_validation, 10)
    test, validation, train = np.split(order, [num_test, num_test + num_validation])
    return train, validation, test


def read_folder(folder: Path, size: int, channels: int) -> tuple[list[str], np.ndarray]:
    """Relative paths, sorted, and pictures float32 [n, size, size, channels] of all a folder holds, however deep.

    Hidden files and folders are passed over. A picture that cannot be read is named in a warning and skipped; if
    none can be read, ``LearnitError``.
    """
    names, pictures, reasons = [], [], []
    for name in pictures_in(folder):
        try:
            pictures.append(_read_bytes(folder / name, size, channels))
            names.append(name)
        except LearnitError as error:
            reasons.append(str(error))
            warnings.warn(f"Skipped: {error}", stacklevel=2)
    if not pictures:
        raise LearnitError(f"None of the {len(reasons)} pictures in {folder} can be read; the first: {reasons[0]}")
    return names, _to_unit(np.stack(pictures))


def read(path: Path, size: int, channels: int) -> np.ndarray:
    """One picture, float32 [size, size, channels] in [0, 1], upright, its largest centred square.

    Raises ``LearnitError`` if it is no picture, is truncated or damaged, or is so large that decoding it is unsafe.
    """
    return _to_unit(_read_bytes(path, size, channels))


def decode(content: bytes, name: str, size: int, channels: int) -> np.ndarray:
    """The same from a file's content, but as bytes: uint8 [size, size, channels]. ``name`` is for errors."""
    return _decode(io.BytesIO(content), name, size, channels)


def pictures_in(folder: Path) -> list[str]:
    """Paths of the pictures in a folder, relative to it, in order; ``LearnitError`` if there are none."""
    names = files_in(folder)
    found = only_pictures(names)
    if not found:
        contents = f"{len(names)} other files, such as {names[0]}" if names else "nothing"
        raise LearnitError(f"{folder} holds {contents}; expected pictures ({', '.join(EXTENSIONS)}).")
    return found


def only_pictures(names: Iterable[str]) -> list[str]:
    """The names that are pictures by their suffix and not hidden, in their order."""
    paths = [(name, PurePath(name)) for name in names]
    return [name for name, path in paths if path.suffix.lower() in EXTENSIONS and not _is_hidden(path)]


def files_in(folder: Path) -> list[str]:
    """Paths of the files in a folder, relative to it, in order; hidden ones are passed over.

    Links to folders are followed, to each folder once. A broken link counts: it is worth a warning when it is read.
    """
    found, seen = [], set()
    for place, folders, files in os.walk(folder, followlinks=True):
        relative = Path(place).relative_to(folder)
        real = os.path.realpath(place)
        if real in seen or _is_hidden(relative):
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        paths = [Path(place, file) for file in files if not _is_hidden(Path(file))]
        paths = [path for path in paths if path.is_file() or not path.exists()]  # no pipes, which never end
        found += [(relative / path.name).as_posix() for path in paths]
    return sorted(found)


def _is_hidden(path: PurePath) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _read_bytes(path: Path, size: int, channels: int) -> np.ndarray:
    try:
        with open(path, "rb") as file:
            return _decode(file, str(path), size, channels)
    except OSError as error:
        raise LearnitError(f"{path} cannot be decoded: {str(error).rstrip('.')}.") from None


def _decode(file: io.BufferedIOBase, name: str, size: int, channels: int) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large but safe pictures and of odd metadata
            with Image.open(file, formats=_FORMATS) as image:
                image.draft(image.mode, (2 * size, 2 * size))  # a large JPEG is decoded at a fraction of its side
                pixels = _eight_bit(ImageOps.exif_transpose(image), channels)
    except UnidentifiedImageError:
        raise LearnitError(f"{name} is not a picture of a known kind ({_beginning(file)}).") from None
    except Image.DecompressionBombError as error:
        raise LearnitError(f"{name} is too large to be decoded safely: {error}") from None
    except Exception as error:  # a damaged file can make a decoder raise almost anything
        raise LearnitError(f"{name} cannot be decoded: {str(error).rstrip('.')}.") from None
    width, height = pixels.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    pixels = pixels.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))
    return np.asarray(pixels).reshape(size, size, channels)


def _eight_bit(image: Image.Image, channels: int) -> Image.Image:
    """Grey or colour with 8 bits a channel, transparent parts over white."""
    if image.mode.startswith("I"):  # 16 bits a pixel, which some versions of Pillow keep in 32
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"its numbers run from {values.min()} to {values.max()}, beyond 16 bits")
        image = Image.fromarray(np.round(values / 257).astype(np.uint8))
    elif image.mode == "F":
        values = np.asarray(image)
        if not (values.min() >= 0 and values.max() <= 1):  # written so that a NaN fails, too
            raise ValueError(f"its numbers run from {values.min()} to {values.max()}, beyond [0, 1]")
        image = Image.fromarray(np.round(values * 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    return image.convert("L") if channels == 1 else image


def _to_unit(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32) / 255


def _beginning(file: io.BufferedIOBase) -> str:
    file.seek(0)
    start = file.read(12)
    return f"it begins with {start!r}" if start else "the file is empty"


def first_of_equals(pictures: np.ndarray) -> list[int]:
    """Indices of the pictures that do not repeat an earlier one exactly."""
    seen: dict[bytes, int] = {}
    for index, picture in enumerate(pictures):
        seen.setdefault(digest(picture), index)
    return list(seen.values())


def digest(picture: np.ndarray) -> bytes:
    """A hash of a picture's numbers, by which pictures of one type and shape are told apart."""
    return hashlib.blake2b(picture.tobytes(), digest_size=16).digest()
