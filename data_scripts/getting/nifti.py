"""NIfTI volumes (`.nii`, `.nii.gz`), turned so that slices are axial and lie as radiologists see them."""

import functools
import math
from pathlib import Path

import numpy as np

from getting.volumes import Rescale, Volume, check, check_bytes, finite, in_hounsfield
from learnit_core.errors import LearnitError
from learnit_core.names import shown
from learnit_core.signals import stored

EXTRA = "pip install -e '.[ct]' brings it"

_DEFLATED = 1032  # times smaller than its content a gzip can be


def volume(path: Path, name: str, rescale: Rescale) -> Volume:
    """One file. Slices go from the feet to the head; row 0 is the front of the body, column 0 its right side."""
    try:
        import nibabel
    except ImportError:
        raise LearnitError(f"reading {shown(name)} needs the package nibabel: {EXTRA}") from None
    try:
        image = nibabel.load(path)
        shape, dtype, affine = image.shape, image.get_data_dtype(), np.asarray(image.affine, float)
    except Exception as error:  # a damaged head can make it raise almost anything
        raise LearnitError(f"{shown(name)} cannot be read as NIfTI: {shown(error)}") from None
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        times = "; take one with nibabel.save(image.slicer[..., 0], 'one.nii.gz')" if len(shape) > 3 else ""
        raise LearnitError(
            f"{shown(name)} has {len(shape)} axes ({' x '.join(map(str, shape))}): expected one volume of three{times}"
        )
    stored.real(stored.Head(shape, dtype), shown(name))
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise LearnitError(f"{shown(name)} does not say how it lies in space (its affine is {affine[:3].tolist()})")
    turn = nibabel.io_orientation(affine)
    axes = [int(axis) for axis in np.argsort(turn[:, 0])]  # of the file: to the right, to the front, upwards
    check(name, [shape[axes[2]], shape[axes[1]], shape[axes[0]]])
    packed = path.name.lower().endswith(".gz")
    check_bytes(name, math.prod(map(int, shape)) * dtype.itemsize, path.stat().st_size * (_DEFLATED if packed else 1))
    names = [f"{name}#{k}" for k in range(shape[axes[2]])]
    side = nibabel.affines.voxel_sizes(affine)[axes]

    def read(k):
        upright, slope, intercept = _upright(path, name, shape)
        values = np.asarray(upright[::-1, ::-1, k].T, np.float32)
        return finite(values * np.float32(slope) + np.float32(intercept), names[k])

    found = Volume(name, None, names, read, (float(side[1]), float(side[0])), float(side[2]))
    return in_hounsfield(found, rescale)


@functools.lru_cache(maxsize=1)
def _upright(path: Path, name: str, shape: tuple[int, ...]) -> tuple[np.ndarray, float, float]:
    """The numbers as they are stored, to the right, to the front and upwards, with their slope and intercept."""
    import nibabel

    try:
        image = nibabel.load(path)
        raw = np.asanyarray(image.dataobj.get_unscaled()).reshape(shape)
        turned = nibabel.apply_orientation(raw, nibabel.io_orientation(image.affine))
    except Exception as error:  # what is not whole can make it raise almost anything
        raise LearnitError(f"{shown(name)} is damaged or cut short: {shown(error)}") from None
    return turned, float(image.dataobj.slope), float(image.dataobj.inter)
