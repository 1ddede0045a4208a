"""A user's own photographs: any folder of pictures, or a single one.

Every picture is read by :mod:`learnit_core.signals.files`, cropped to its largest centred square and scaled to the
requested side.
"""

import hashlib
import warnings
from pathlib import Path

import numpy as np

from learnit_core.errors import LearnitError
from learnit_core.names import shown
from learnit_core.signals import files

FEWEST = 10  # pictures for three splits


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
        f"{len(first)} photographs from the folder {shown(folder.resolve().name)!r}{copies}; "
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
    """Relative paths, sorted, and pictures float32 [n, size, size, channels] of all a folder holds, however deep; as
    :func:`read_bytes` reads them."""
    names, pictures = read_bytes(folder, size, channels)
    return names, _to_unit(pictures)


def read_bytes(folder: Path, size: int, channels: int, sides: list[int] | None = None) -> tuple[list[str], np.ndarray]:
    """Relative paths, sorted, and pictures uint8 [n, size, size, channels] of all a folder holds, in memory once.

    To ``sides`` the side of each picture's largest square is appended, as it was before it was scaled [pixels].
    Hidden files and folders are passed over. Pictures that cannot be read are skipped, and one warning counts them by
    reason; another says if what was read is nearly black. If none can be read, ``LearnitError``.
    """
    names, refused, brightest = [], {}, 0.0
    found = files.pictures_in(folder)
    pictures = np.empty((len(found), size, size, channels), np.uint8)
    for name in found:
        try:
            picture = files.read(folder / name, channels=channels, square=size)
        except files.Refused as error:
            refused[name] = error.to_keep()
            continue
        pictures[len(names)] = picture.pixels
        names.append(name)
        if sides is not None:
            sides.append(min(picture.size))
        brightest = max(brightest, picture.brightest)
    if refused:
        warnings.warn(files.left_out(refused, len(found), folder), stacklevel=2)
    if not names:
        first = next(iter(refused.values()))
        raise LearnitError(f"None of the {len(refused)} pictures in {shown(folder)} can be read; the first: {first}")
    _warn_if_faint(brightest, folder)
    return names, pictures[: len(names)]


def read(path: Path, size: int, channels: int) -> np.ndarray:
    """One picture, float32 [size, size, channels] in [0, 1], upright, its largest centred square.

    Raises ``LearnitError`` if it is no picture, is truncated or damaged, or is so large that decoding it is unsafe;
    warns if it is nearly black.
    """
    picture = files.read(path, channels=channels, square=size)
    _warn_if_faint(picture.brightest, path)
    return _to_unit(picture.pixels)


def _warn_if_faint(brightest: float, where: Path) -> None:
    if brightest < files.FAINT:
        warnings.warn(files.faint(where), stacklevel=3)


def _to_unit(pixels: np.ndarray) -> np.ndarray:
    made = pixels.astype(np.float32)
    made /= 255
    return made


def first_of_equals(pictures: np.ndarray) -> list[int]:
    """Indices of the pictures that do not repeat an earlier one exactly."""
    seen: dict[bytes, int] = {}
    for index, picture in enumerate(pictures):
        seen.setdefault(digest(picture), index)
    return list(seen.values())


def digest(picture: np.ndarray) -> bytes:
    """A hash of a picture's numbers, by which pictures of one type and shape are told apart."""
    return hashlib.blake2b(picture.tobytes(), digest_size=16).digest()
