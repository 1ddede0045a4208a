"""Volumes of CT: which there are in a file or folder, whatever their format, and one slice of them after the other.

A volume is opened by its head. Sides, number of slices and bytes are held against limits, and against the file's size
where that bounds them, before anything else is read. Then a slice at a time is in memory (of NIfTI and `.npz`, one
volume as it is stored, 2 GiB at most).
"""

import functools
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from getting import archives
from learnit_core.errors import LearnitError
from learnit_core.names import shown
from learnit_core.signals import stored

AIR = -1000.0
"""Hounsfield units."""

MOST_SIDE, MOST_SLICES = 4096, 20_000
FEWEST = 2

Rescale = tuple[float, float] | None
"""Slope and intercept from the numbers in a file to Hounsfield units, where the user gives them."""

_LOOKED_AT = 9  # slices, evenly spread, for whether there is air among the numbers


@dataclass(frozen=True)
class Volume:
    """Slices of one body, ordered from one end to the other."""

    name: str
    body: str | None
    """Whose they are: slices of one body must not be in two splits. Not to be shown. None where nothing tells."""
    names: Sequence[str]
    """Of the slices."""
    read: Callable[[int], np.ndarray]
    """Slice k in Hounsfield units, float32 [rows, columns]; row 0 is the top. Raises :class:`getting.kinds.Damaged` if
    it alone cannot be read, and any other LearnitError if the volume is of no use."""
    pixel: tuple[float, float] = (1.0, 1.0)
    """Height and width, in one unit."""
    distance: float | None = None
    """Millimetres between slices."""
    told: Sequence[str] = ()
    """What a user should know of it, in sentences."""


def find(path: Path, rescale: Rescale = None) -> tuple[list[Volume], list[str]]:
    """The volumes at ``path``, and sentences on what was left out. Of several series in a folder the largest counts.

    Raises LearnitError if there are none; if only some cannot be used, their sentences are among those returned.
    """
    from getting import dicom  # it takes volumes from here

    if path.is_dir():
        with archives.opened(path) as files:
            found = {name: path.resolve() / name for name in files.names()}
    else:
        found = {path.name: path.resolve()}
    by_folder: dict[str, dict[str, Path]] = defaultdict(dict)
    volumes, told, others, refused = [], [], [], []
    for name, file in found.items():
        if dicom.is_one(file):
            by_folder[name.rpartition("/")[0]][name] = file
        elif open_one := _reader(name):
            try:
                volumes.append(open_one(file, name, rescale))
            except LearnitError as error:
                refused.append(LearnitError(shown(error)))
        else:
            others.append(name)
    for folder, files in by_folder.items():
        try:
            volume, left = dicom.volume(files, folder or path.name, rescale)
            volumes.append(volume)
            told += left
        except LearnitError as error:
            refused.append(error.to_keep())
    if not volumes:
        raise refused[0] if refused else _nothing(path, others)
    told += [f"Left out: {error}" for error in refused]
    if others:
        told.append(f"Left out: {len(others)} files that hold no volume, such as {shown(others[0])}.")
    return volumes, [*told, *(line for volume in volumes for line in volume.told)]


def check(name: str, shape: Sequence[int]) -> None:
    """Raise LearnitError unless a volume [slices, rows, columns] has sides within the limits, and a volume's."""
    count, *sides = shape
    if not (min(sides) > 0 and max(sides) <= MOST_SIDE and count <= MOST_SLICES):
        raise LearnitError(
            f"{shown(name)} is said to have {count} slices of {' x '.join(map(str, sides))} pixels: expected sides "
            f"up to {MOST_SIDE} and {MOST_SLICES:,} slices at most; crop it first"
        )
    if min(sides) < 8:
        raise LearnitError(
            f"{shown(name)} has slices of {' x '.join(map(str, sides))} pixels: expected [slices, rows, columns] "
            "with at least 8 x 8; np.moveaxis(volume, 2, 0) brings a last axis of slices to the front"
        )
    if count < FEWEST:
        raise LearnitError(
            f"{shown(name)} is a single slice: expected a volume; a folder of single pictures can be named in "
            "LEARNIT_DATA as it is"
        )


def check_bytes(name: str, needed: int, holds: int | None = None) -> None:
    """Raise LearnitError if a volume that is read as a whole is more than its file ``holds``, or than the limit."""
    said = f"{shown(name)} is said to have {needed:,} bytes of numbers"
    if holds is not None and needed > holds:
        raise LearnitError(f"{said}, more than its file can hold: it is cut short")
    if needed > stored.MOST_BYTES:
        raise LearnitError(
            f"{said}, and its format is read as a whole: expected {stored.MOST_BYTES:,} at most; divide it first, or "
            "save it as .npy, which is read slice by slice"
        )


def finite(values: np.ndarray, where: str) -> np.ndarray:
    """The same as float32. Raises LearnitError if a number is none."""
    values = np.asarray(values, np.float32)
    if not np.isfinite(values).all():
        raise LearnitError(
            f"{shown(where)} has numbers that are not finite: expected Hounsfield units everywhere; "
            f"np.nan_to_num(volume, nan={AIR:.0f}) takes them for air"
        )
    return values


def in_hounsfield(volume: Volume, rescale: Rescale) -> Volume:
    """The same volume by ``rescale``; without one its numbers are taken as they are, if there is air among them.

    Formats without a unit pass through here. Raises LearnitError if nothing tells what their numbers mean.
    """
    if rescale is not None:
        slope, intercept = rescale

        def read(k):
            return finite(volume.read(k) * np.float32(slope) + np.float32(intercept), volume.names[k])

        return replace(volume, read=read)
    looked_at = {int(k) for k in np.linspace(0, len(volume.names) - 1, _LOOKED_AT)}
    slices = [volume.read(k) for k in looked_at]
    low, high = min(float(one.min()) for one in slices), max(float(one.max()) for one in slices)
    if not (low < AIR / 2 and high > AIR):
        raise LearnitError(
            f"the numbers in {shown(volume.name)} run from {low:g} to {high:g}, with no air (about {AIR:.0f}) "
            "among them: expected Hounsfield units; say --rescale SLOPE INTERCEPT, such as 1 -1024 for a scanner's 12 "
            "bits, or 1 0 if they are Hounsfield units without air"
        )
    return volume


def _reader(name: str) -> Callable[[Path, str, Rescale], Volume] | None:
    from getting import nifti

    readers = {(".nii", ".nii.gz"): nifti.volume, (".npy", ".npz"): _numpy, (".tif", ".tiff"): _tiff}
    return next((read for suffixes, read in readers.items() if name.lower().endswith(suffixes)), None)


def _nothing(path: Path, others: Sequence[str]) -> LearnitError:
    contents = f"{len(others)} other files, such as {shown(others[0])}" if path.is_dir() and others else "none"
    hint = (
        "; unpack the archive first" if path.name.lower().endswith((".zip", ".tar", ".tgz", ".tar.gz", ".7z")) else ""
    )
    return LearnitError(
        f"{path} holds {contents}: expected volumes of CT (DICOM, .nii, .nii.gz, multi-page .tif, .npy, .npz){hint}"
    )


def _numpy(path: Path, name: str, rescale: Rescale) -> Volume:
    """[slices, rows, columns], row 0 at the top: a `.npy`, or a `.npz` with one such array."""
    found = stored.heads(path)
    if "sinogram" in found:
        raise LearnitError(
            f"{shown(name)} is a measured sinogram, and no volume: name it in LEARNIT_TEST_DATA, for notebook 02"
        )
    arrays = {key: head for key, head in found.items() if len(head.shape) >= 3} or found
    if len(arrays) != 1:
        key = min(arrays, default="volume")
        raise LearnitError(
            f"{shown(name)} has {len(arrays)} arrays ({shown(', '.join(arrays))}): expected one volume; "
            f"np.save('volume.npy', np.load(file)[{key!r}]) takes one"
        )
    ((key, head),) = arrays.items()
    stored.real(head, shown(name))
    if len(head.shape) != 3:
        raise LearnitError(f"{shown(name)} is {head}: expected one volume, [slices, rows, columns]")
    check(name, head.shape)
    if path.suffix.lower() == ".npz":
        check_bytes(name, math.prod(head.shape) * head.dtype.itemsize)
    names = [f"{name}#{k}" for k in range(head.shape[0])]
    return in_hounsfield(Volume(name, None, names, lambda k: finite(_array(path, key)[k], names[k])), rescale)


@functools.lru_cache(maxsize=1)
def _array(path: Path, key: str) -> np.ndarray:
    return stored.read(path, key)


_GREY = ("L", "I;16", "I;16B", "I;16L", "I", "F")


def _tiff(path: Path, name: str, rescale: Rescale) -> Volume:
    """The pages of a TIFF in their order."""
    try:
        image = _pages(path)
        count, (width, height), mode = image.n_frames, image.size, image.mode
        photometric = image.tag_v2.get(262, 1)
    except Exception as error:  # a damaged file can make a decoder raise almost anything
        raise LearnitError(f"{shown(name)} cannot be read as TIFF: {shown(error)}") from None
    if mode not in _GREY or photometric != 1:
        raise LearnitError(
            f"{shown(name)} is in colour, of one bit or white for zero (mode {mode}, photometric {photometric}): "
            "expected grey numbers; convert it with tifffile or ImageJ (Image > Type > 16-bit)"
        )
    check(name, (count, height, width))

    def read(k):
        try:
            image = _pages(path)
            image.seek(k)
            if (image.size, image.mode) != ((width, height), mode):
                raise LearnitError(f"page {k} of {shown(name)} is of another size or type: expected one for all pages")
            values = np.asarray(image)
        except LearnitError:
            raise
        except Exception as error:
            raise LearnitError(f"page {k} of {shown(name)} is damaged or cut short: {shown(error)}") from None
        return finite(values, f"page {k} of {name}")

    return in_hounsfield(Volume(name, None, [f"{name}#{k}" for k in range(count)], read), rescale)


@functools.lru_cache(maxsize=1)
def _pages(path: Path) -> Image.Image:
    return Image.open(path, formats=["TIFF"])
