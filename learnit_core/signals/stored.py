"""Arrays in the `.npy` and `.npz` files of strangers: heads first, then only what is wanted, and never a pickle.

What a head says of shape and type is held against the file's size and a limit before memory is taken. Of `.npz` only
what numpy writes is opened: members that are stored or deflated.
"""

import io
import math
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from learnit_core.errors import LearnitError

MOST_BYTES = 1 << 31

_DEFLATED = 1032  # times smaller than its content a deflated file can be, and no more
_HEADS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Head(NamedTuple):
    """What a file says of one of its arrays."""

    shape: tuple[int, ...]
    dtype: np.dtype

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


def heads(path: Path) -> dict[str, Head]:
    """Shape and type of every array by its name; that of a `.npy` is called "array".

    Raises LearnitError if the file is none of the two, damaged, or has an array that would have to be unpickled.
    """
    try:
        if path.suffix.lower() != ".npz":
            with open(path, "rb") as file:
                return {"array": _head(file, path, path.stat().st_size)}
        with zipfile.ZipFile(path) as archive:
            return {
                member.filename.removesuffix(".npy"): _member_head(archive, member, path)
                for member in archive.infolist()
            }
    except LearnitError:
        raise
    except Exception as error:  # a damaged zip or head can raise almost anything
        raise LearnitError(f"{path} cannot be read as {path.suffix or 'an array'} of numpy: {error}") from None


def read(path: Path, name: str = "array", *, most: int = MOST_BYTES) -> np.ndarray:
    """One array: of a `.npy` as it lies on the disk, whatever its size; of a `.npz` in memory.

    Raises LearnitError, also if it would take more than ``most`` bytes of memory.
    """
    head, packed = heads(path)[name], path.suffix.lower() == ".npz"
    needed = math.prod(head.shape) * head.dtype.itemsize
    if packed and needed > most:
        raise LearnitError(f"{path} has {head} in {name!r}, {needed:,} bytes: expected {most:,} at most")
    try:
        if not packed:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
            return np.lib.format.read_array(member, allow_pickle=False)
    except Exception as error:
        raise LearnitError(f"{path} is damaged or cut short in {name!r}: {error}") from None


def real(head: Head, what: str) -> None:
    """Raise LearnitError unless the numbers are integers or floats; ``what`` begins the sentence."""
    if head.dtype.kind == "c":
        raise LearnitError(f"{what} is complex ({head}): expected real numbers, such as its .real or np.abs of it")
    if head.dtype.kind not in "iuf":
        raise LearnitError(f"{what} is {head}: expected integers or floats")


def _member_head(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> Head:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        raise LearnitError(f"{path} is packed as numpy packs nothing: make it anew with np.savez")
    with archive.open(member) as file:
        deflated = member.compress_type == zipfile.ZIP_DEFLATED
        packed = min(member.compress_size, path.stat().st_size)
        return _head(file, path, packed * (_DEFLATED if deflated else 1), member.filename)


def _head(file: io.BufferedIOBase, path: Path, most: int, name: str = "") -> Head:
    where = f"{name!r} in {path}" if name else str(path)
    version = np.lib.format.read_magic(file)
    if version not in _HEADS:
        raise LearnitError(f"{where} is of the version {version}: expected an array of plain numbers")
    shape, _, dtype = _HEADS[version](file)
    if dtype.hasobject or dtype.fields:
        raise LearnitError(
            f"{where} holds Python objects or records, which are never unpickled: save an array of numbers, such as "
            "np.asarray(volume, np.float32)"
        )
    if min(shape, default=1) < 1:
        raise LearnitError(f"{where} is empty ({dtype}{list(shape)}): expected numbers")
    if math.prod(shape) * dtype.itemsize > most:
        raise LearnitError(f"{where} is said to be {dtype}{list(shape)}, more than the file can hold: it is cut short")
    return Head(shape, dtype)
