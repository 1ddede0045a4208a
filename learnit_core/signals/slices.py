"""A user's own slices: a folder of square grey pictures of one size, as a CT scanner's software exports them.

Photographs are cropped and scaled until they fit (:mod:`learnit_core.signals.photos`); of slices that would move the
axis of rotation, so a folder whose slices differ in size or are not square is refused. They are then scaled to the
requested side and cut to the scanner's circle, as the phantoms are.
"""

from pathlib import Path

import numpy as np

from learnit_core import signals
from learnit_core.errors import LearnitError
from learnit_core.names import shown
from learnit_core.signals import ImageSplits, files
from learnit_core.signals.phantoms import scanner_circle


def load(folder: str | Path, *, size: int, seed: int = 0) -> ImageSplits:
    """Training, validation and test slices of a folder, float32 [n, size, size, 1] in [0, 1], dealt out by ``seed``.

    Raises LearnitError if they are not square or differ in size, are too few or cannot be read.
    """
    _check(Path(folder).expanduser())
    found = signals.load(folder, size=size, channels=1, seed=seed)
    if isinstance(found.train, signals.Pictures):
        raise LearnitError(f"{folder} is a prepared set of photographs: expected a folder of slices")
    cut = [part * scanner_circle(size)[..., None] for part in (found.train, found.validation, found.test)]
    return ImageSplits(found.name, *cut, found.note.replace("photographs", "slices"))


def load_test(data: str | Path, *, size: int) -> np.ndarray:
    """Slices to be reconstructed, float32 [n, size, size, 1], of a folder or a single file; errors as above."""
    _check(Path(data).expanduser())
    return signals.load_test(data, size=size, channels=1) * scanner_circle(size)[..., None]


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
