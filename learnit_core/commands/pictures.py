"""Pictures as `make networks` takes them: a folder's, a prepared set's or an array's, whole or cut into tiles.

Those of a folder are in memory as bytes, once; of prepared sets and arrays rows are read as they are asked for.
"""

import warnings
import zlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jax import Array

from learnit_core.errors import LearnitError
from learnit_core.experiments import runs
from learnit_core.signals import photos, prepared

_BLOCK = 256  # pictures that are held at a time when all are visited


class Tiles:
    """Pictures of which each is cut into ``tiles``² when it is asked for (:func:`bytes_of`)."""

    def __init__(self, pictures: np.ndarray | prepared.Pictures, tiles: int):
        self.pictures, self.tiles = pictures, tiles
        number, side, _, channels = pictures.shape
        self.shape = (number * tiles**2, side // tiles, side // tiles, channels)

    def __len__(self) -> int:
        return self.shape[0]


Images = np.ndarray | prepared.Pictures | Tiles
"""Pictures [n, side, side, channels], bytes or float32 in [0, 1]."""


def read(
    source: Path, *, size: int, channels: int, tiles: int = 1, split: str | None = None
) -> tuple[Images, list[str] | None]:
    """The pictures of a folder, a prepared set or a .npy array, in the source's order, and their names, if they have
    any.

    ``split`` is that of a prepared set (default: training). With ``tiles`` each picture's largest square is scaled to
    ``tiles`` times ``size`` and cut into tiles² pictures, whose names end with row and column. Raises LearnitError for
    a source that is none of these, an array of another shape, and a split of what has none.
    """
    side, names = size * tiles, None
    if split is not None and not prepared.is_prepared(source):
        raise LearnitError(
            f"found the split {split!r} of {source}: expected a prepared set, as nothing else has splits"
        )
    if source.suffix == ".npy":
        try:
            found = np.load(source, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise LearnitError(f"{source} is missing or no array ({error})") from None
        if found.ndim != 4 or found.dtype not in (np.uint8, np.float32) or found.shape[1:] != (side, side, channels):
            raise LearnitError(
                f"{source} holds {found.dtype}{list(found.shape)}: expected bytes, or float32 in [0, 1], "
                f"[n, {side}, {side}, {channels}]"
            )
    elif prepared.is_prepared(source):
        split = split or "train"
        found = prepared.pictures(source, size=side, channels=channels)[1][split]
        names = prepared.describe(source)["splits"][split].get("names")
    else:
        sides: list[int] = []
        names, found = photos.read_bytes(source, side, channels, sides)
        _warn_if_enlarged(sides, side, tiles)
    if names is not None and len(names) != len(found):
        names = None
    if tiles == 1:
        return found, names
    places = [f"{row},{column}" for row in range(tiles) for column in range(tiles)]
    names = names and [f"{name}:{place}" for name in names for place in places]
    if isinstance(found, prepared.Pictures) or not found.flags.writeable:
        return Tiles(found, tiles), names
    for picture in found:  # in its place: all of them a second time may be too much
        picture[...] = cut(picture[None], tiles).reshape(picture.shape)
    return found.reshape(-1, size, size, channels), names


def _warn_if_enlarged(sides: list[int], side: int, tiles: int) -> None:
    """Enlarged pictures are smoother than natural ones: networks fit them sooner, and scores say too much."""
    small = sum(own < side for own in sides)
    if small:
        fewer = f", or --tiles {max(1, min(sides) * tiles // side)}" if tiles > 1 else ""
        warnings.warn(
            f"{small} of {len(sides)} pictures were enlarged to {side} pixels a side, the smallest from {min(sides)}. "
            f"They are smoother for it, so that they are fitted better: expected {side} pixels or more{fewer}",
            stacklevel=3,
        )


def cut(pictures: np.ndarray, tiles: int) -> np.ndarray:
    """Each picture [side, side, c] cut into tiles² of side/tiles, row by row: [n tiles², side/tiles, side/tiles, c]."""
    n, side, _, channels = pictures.shape
    size = side // tiles
    parts = pictures.reshape(n, tiles, size, tiles, size, channels).swapaxes(2, 3)
    return parts.reshape(n * tiles**2, size, size, channels)


def bytes_of(pictures: Images, first: int, number: int) -> np.ndarray:
    """Some rows, read now: as bytes, or as float32 where the pictures are."""
    if isinstance(pictures, Tiles):
        each = pictures.tiles**2
        begin = first // each
        parts = cut(bytes_of(pictures.pictures, begin, -(-(first + number) // each) - begin), pictures.tiles)
        return parts[first - begin * each :][:number]
    part = slice(first, first + number)
    return pictures.stored(part) if isinstance(pictures, prepared.Pictures) else np.asarray(pictures[part])


def whole(pictures: Images) -> np.ndarray:
    """All of them as :func:`bytes_of` gives them, in memory once."""
    if isinstance(pictures, np.ndarray):
        return np.asarray(pictures)
    found = np.empty(pictures.shape, bytes_of(pictures, 0, 1).dtype)
    for first in range(0, len(found), _BLOCK):
        found[first : first + _BLOCK] = bytes_of(pictures, first, _BLOCK)
    return found


def unit(pictures: Array | np.ndarray) -> Array:
    """Float32 in [0, 1] of what :func:`bytes_of` gives; also where it is traced."""
    pictures = jnp.asarray(pictures)
    return pictures.astype(jnp.float32) / 255 if pictures.dtype == jnp.uint8 else pictures


def check(pictures: Images) -> None:
    """Raise LearnitError unless they are squares of bytes, or of float32 in [0, 1]; the latter are all looked at."""
    kind, shape = bytes_of(pictures, 0, 1).dtype, list(pictures.shape)
    if len(shape) != 4 or shape[1] != shape[2] or kind not in (np.uint8, np.float32):
        raise LearnitError(f"found pictures {kind}{shape}: expected bytes, or float32 in [0, 1], [n, side, side, c]")
    if kind == np.uint8:
        return
    for first in range(0, len(pictures), _BLOCK):
        part = bytes_of(pictures, first, _BLOCK)
        least, most = part.min(), part.max()
        if not (least >= 0 and most <= 1):  # also not a number
            raise LearnitError(
                f"found float32 pictures with numbers from {least:g} to {most:g}: expected [0, 1], such as bytes / 255"
            )


def checksum(pictures: Images) -> str:
    """CRC-32 of pictures; of tiles the same, whether they are cut already or not."""
    if not isinstance(pictures, Tiles):
        return runs.checksum(pictures)
    crc = 0
    for first in range(0, len(pictures), _BLOCK):
        crc = zlib.crc32(np.ascontiguousarray(bytes_of(pictures, first, _BLOCK)), crc)
    return f"{crc:08x}"
