"""Classes of pictures to learn from: three that are built in, any folder of photographs, and prepared data sets.

    load("text", size=64)            training, validation and test pictures of a built-in class
    load("holiday/2023", size=64)    the same from a folder of photographs
    load("data/celeba", size=64)     the same from a set made by data_scripts; training pictures stay on disk
    load_test("me.jpg", size=64)     only pictures to fit: one file, a folder or a built-in class's test split
    from_arrays({"name": array, …})  the same from arrays of one's own: sounds, maps, boxes, in their own unit

Pictures are float32 [n, height, width, channels] in [0, 1]; row 0 is the top. No picture is in two splits.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from learnit_core.errors import LearnitError
from learnit_core.names import shown
from learnit_core.signals import examples, faces, phantoms, photos, prepared, sdf, text
from learnit_core.signals.arrays import Scale, Splits, from_arrays
from learnit_core.signals.controls import mean_signal, nearest
from learnit_core.signals.prepared import Pictures

__all__ = [
    "BUILTIN",
    "Builtin",
    "ImageSplits",
    "Pictures",
    "Scale",
    "Splits",
    "examples",
    "from_arrays",
    "load",
    "load_test",
    "mean_signal",
    "nearest",
    "with_test",
]


class ImageSplits(NamedTuple):
    """Pictures of one class, float32 [n, height, width, channels] in [0, 1], in three disjoint splits."""

    name: str
    train: np.ndarray | Pictures
    validation: np.ndarray
    test: np.ndarray
    note: str
    """One sentence: where the pictures come from, and what is not known about the splits."""


class Builtin(NamedTuple):
    """A class of pictures that comes with the package."""

    description: str
    splits: Callable[[int, tuple[int, int, int], int], tuple[np.ndarray, np.ndarray, np.ndarray]]
    """``splits(size, counts, seed)``: three arrays [count, height, width, 1]."""
    note: str


BUILTIN: dict[str, Builtin] = {
    "text": Builtin("random strings in eight DejaVu fonts, light on dark", text.splits, text.NOTE),
    "sdf": Builtin("signed distance fields of random simple closed curves", sdf.splits, sdf.NOTE),
    "faces": Builtin("100 real faces at their native 25 x 25 grey pixels", faces.splits, faces.NOTE),
    "phantoms": Builtin("random Shepp-Logan phantoms, as a CT scanner sees a head", phantoms.splits, phantoms.NOTE),
}


def load(
    data: str | Path,
    *,
    size: int,
    channels: int | None = None,
    counts: tuple[int, int, int] = (2000, 20, 32),
    seed: int = 0,
    most: int | None = None,
) -> ImageSplits:
    """Training, validation and test pictures of a built-in class, a folder of photographs or a prepared set.

    ``size`` is the side of the pictures in pixels ("faces" keeps its 25). ``channels`` is 1 or 3; by default
    the class's own: 1 for the built-in classes, 3 for photographs. ``counts`` is how many pictures to draw for
    training, validation and test: for "text" and "sdf". Other data give all their pictures, but a prepared set at
    most these numbers for validation and test; its training pictures stay on disk, and with ``most`` only so many
    of them count, evenly spread.
    ``seed`` draws "text" and "sdf", and deals a folder's photographs out to the splits.

    A name in ``BUILTIN`` means that class; for a folder of the same name write "./text".
    Raises ``LearnitError`` if the data are missing, unreadable or too few.
    """
    _check(size, channels, counts, seed)
    if str(data) in BUILTIN:
        builtin = BUILTIN[str(data)]
        arrays = [_with_channels(a, channels) for a in builtin.splits(size, tuple(counts), seed)]
        return ImageSplits(str(data), *arrays, builtin.note)
    folder = _existing(data)
    if not folder.is_dir():
        raise LearnitError(
            f"{str(data)!r} is a single file, and a training set is expected: a folder of photographs or one of "
            f"the built-in classes ({_names()}); one picture can be fitted, as test data."
        )
    if prepared.is_prepared(folder):
        name, splits, note = prepared.pictures(folder, size=size, channels=channels or 3, most=most)
        few = [splits[split][:count] for split, count in zip(("validation", "test"), counts[1:], strict=True)]
        return ImageSplits(f"prepared-{name}" if name in BUILTIN else name, splits["train"], *few, note)
    *arrays, note = photos.splits(folder, size, channels or 3, seed)
    return ImageSplits(f"folder-{shown(folder.resolve().name)}", *arrays, note)


def load_test(data: str | Path, *, size: int, channels: int | None = None) -> np.ndarray:
    """Pictures to be fitted, float32 [n, size, size, channels]: one picture file, every picture of a folder (in
    the order of their paths), or the test split of a built-in class or of a prepared set, 32 at most.

    Raises ``LearnitError`` if there is nothing there that can be read.
    """
    _check(size, channels)
    if str(data) in BUILTIN:
        return load(data, size=size, channels=channels, counts=(0, 0, 32)).test
    path = _existing(data)
    if prepared.is_prepared(path):
        return prepared.pictures(path, size=size, channels=channels or 3)[1]["test"][:32]
    if path.is_dir():
        return photos.read_folder(path, size, channels or 3)[1]
    return photos.read(path, size, channels or 3)[None]


def with_test(images: ImageSplits, data: str) -> ImageSplits:
    """``images`` with the test split replaced by the pictures of ``data`` (as :func:`load_test` takes it).

    Pictures that are exactly among those of training or validation are left out. Raises ``LearnitError`` if none is
    left, or if their size is not that of the training pictures.
    """
    _, side, _, channels = images.train.shape
    test = load_test(data, size=side, channels=channels)
    if test.shape[1:] != images.train.shape[1:]:
        raise LearnitError(
            f"The test pictures of {data!r} are {test.shape[1]} x {test.shape[2]}; expected {side} x {side} pixels, "
            f"as those of {images.name!r} that are trained on."
        )
    train = images.train.all_stored() if isinstance(images.train, Pictures) else images.train
    seen = {_digest(picture) for split in (train, images.validation) for picture in split}
    unseen = np.array([_digest(picture) not in seen for picture in test])
    if not unseen.any():
        raise LearnitError(
            f"All {len(test)} test pictures of {data!r} are trained on; expected at least one that is not."
        )
    note = f"{unseen.sum()} test pictures from {Path(data).name!r} ({(~unseen).sum()} also trained on, left out)."
    return images._replace(test=test[unseen], note=f"{images.note} {note}")


def _digest(picture: np.ndarray) -> bytes:
    """The same picture in bytes, and as float32 in [0, 1]."""
    if picture.dtype != np.uint8:
        as_bytes = np.round(picture * 255).astype(np.uint8)
        if np.array_equal(as_bytes.astype(np.float32) / 255, picture):
            picture = as_bytes
    return photos.digest(picture)


def _existing(data: str | Path) -> Path:
    path = Path(data).expanduser()
    if not str(data) or not path.exists():
        raise LearnitError(
            f"No data called {str(data)!r}: it is none of the built-in classes ({_names()}), "
            f"and there is no such folder or file as {path.absolute()}."
        )
    return path


def _names() -> str:
    return ", ".join(repr(name) for name in BUILTIN)


def _with_channels(pictures: np.ndarray, channels: int | None) -> np.ndarray:
    return pictures if channels in (None, 1) else np.repeat(pictures, channels, axis=-1)


def _check(size: int, channels: int | None, counts: tuple[int, int, int] = (0, 0, 0), seed: int = 0) -> None:
    if not 4 <= size <= 4096:
        raise LearnitError(f"The side of the pictures (size) is {size}; expected 4 to 4096 pixels.")
    if channels not in (None, 1, 3):
        raise LearnitError(f"The number of channels is {channels}; expected 1 (grey) or 3 (colour).")
    if len(counts) != 3 or min(counts) < 0:
        raise LearnitError(f"The counts of pictures are {counts}; expected three: training, validation, test.")
    if seed < 0:
        raise LearnitError(f"The seed is {seed}; expected 0 or more.")
