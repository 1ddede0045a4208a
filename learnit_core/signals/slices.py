"""A user's own slices: a folder of square grey pictures of one size, as a CT scanner's software exports them, or a set
that `data_scripts/slices.py` prepared of what the scanner itself writes.

Photographs are cropped and scaled until they fit (:mod:`learnit_core.signals.photos`); of slices that would move the
axis of rotation, so a folder whose slices differ in size or are not square is refused. They are then scaled to the
requested side and cut to the scanner's circle, as the phantoms are.
"""

from pathlib import Path

import numpy as np

from learnit_core import signals
from learnit_core.errors import LearnitError
from learnit_core.names import shown
from learnit_core.signals import ImageSplits, files, prepared
from learnit_core.signals.phantoms import scanner_circle

FEW = (20, 32)
"""Most slices of a prepared set for validation and test."""


def load(folder: str | Path, *, size: int, seed: int = 0) -> ImageSplits:
    """Training, validation and test slices of a folder, float32 [n, size, size, 1] in [0, 1], dealt out by ``seed``.

    Of a prepared set, which has its own splits, the training slices stay on disk, and at most 20 and 32, evenly
    spread, are for validation and test. Raises LearnitError if slices are not square or differ in size, are too few or
    cannot be read.
    """
    path, inside = Path(folder).expanduser(), scanner_circle(size)[..., None]
    if prepared.is_prepared(path):
        _check_kind(path)
        name, splits, note = prepared.pictures(path, size=size, channels=1)
        few = [_spread(splits[split], count) * inside for split, count in zip(("validation", "test"), FEW, strict=True)]
        return ImageSplits(name, splits["train"].cut(inside), *few, note)
    _check(path)
    found = signals.load(folder, size=size, channels=1, seed=seed)
    cut = [part * inside for part in (found.train, found.validation, found.test)]
    return ImageSplits(found.name, *cut, found.note.replace("photographs", "slices"))


def load_test(data: str | Path, *, size: int) -> np.ndarray:
    """Slices to be reconstructed, float32 [n, size, size, 1]: of a folder, a single file, or the test split of a
    prepared set (32 at most, evenly spread); errors as above."""
    path = Path(data).expanduser()
    if prepared.is_prepared(path):
        _check_kind(path)
        test = prepared.pictures(path, size=size, channels=1)[1]["test"]
        return _spread(test, FEW[1]) * scanner_circle(size)[..., None]
    _check(path)
    return signals.load_test(data, size=size, channels=1) * scanner_circle(size)[..., None]


def _check_kind(path: Path) -> None:
    if prepared.describe(path)["kind"] != "slices":
        raise LearnitError(f"{path} is a prepared set of photographs: expected slices, of data_scripts/slices.py")


def _spread(pictures: prepared.Pictures, most: int) -> np.ndarray:
    """At most so many of the pictures, evenly spread: neighbours in a volume look alike."""
    return pictures[np.linspace(0, len(pictures) - 1, min(most, len(pictures))).round().astype(int)]


def _check(path: Path) -> None:
    """All pictures that can be read are square and of one size; unreadable ones are reported elsewhere."""
    found = [path / name for name in files.only_pictures(files.files_in(path))] if path.is_dir() else [path]
    first: tuple[int, Path] | None = None
    for file in found:
        try:
            width, height = files.size_of(file)
        except LearnitError:
            continue
        if width != height:
            raise LearnitError(f"the slice {shown(file)} is {width} x {height} pixels: expected a square one")
        first = first or (width, file)
        if width != first[0]:
            raise LearnitError(
                f"the slices in {shown(path)} differ in size: {shown(first[1].name)} has a side of {first[0]} pixels, "
                f"{shown(file.name)} of {width}: expected one size for all"
            )
