"""Pictures as `make networks` takes them: a folder's, a prepared set's or an array's bytes, whole or cut into tiles."""

from pathlib import Path

import numpy as np

from learnit_core.errors import LearnitError
from learnit_core.signals import photos, prepared

Images = np.ndarray | prepared.Pictures
"""Pictures [n, side, side, channels], bytes or float32 in [0, 1]."""


def read(source: Path, *, size: int, channels: int, tiles: int = 1) -> tuple[Images, list[str] | None]:
    """The pictures of a folder, a prepared set (its training split) or a .npy array, as bytes, in the source's order,
    and their names, if they have any.

    With ``tiles`` each picture's largest square is scaled to ``tiles`` times ``size`` and cut into tiles² pictures,
    whose names end with row and column.
    """
    side, names = size * tiles, None
    if source.suffix == ".npy":
        try:
            found = np.load(source, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise LearnitError(f"{source} is missing or no array ({error})") from None
        if found.ndim != 4 or found.dtype != np.uint8 or found.shape[1:] != (side, side, channels):
            raise LearnitError(
                f"{source} holds {found.dtype}{list(found.shape)}: expected bytes [n, {side}, {side}, {channels}]"
            )
    elif prepared.is_prepared(source):
        pictures = prepared.pictures(source, size=side, channels=channels)[1]["train"]
        names = prepared.describe(source)["splits"]["train"].get("names")
        found = pictures.stored(slice(None)) if tiles > 1 else pictures
    else:
        names, found = photos.read_folder(source, side, channels)
        found = (found * 255 + 0.5).astype(np.uint8)
    if names is not None and len(names) != len(found):
        names = None
    if tiles == 1:
        return found, names
    places = [f"{row},{column}" for row in range(tiles) for column in range(tiles)]
    return cut(np.asarray(found), tiles), names and [f"{name}:{place}" for name in names for place in places]


def cut(pictures: np.ndarray, tiles: int) -> np.ndarray:
    """Each picture [side, side, c] cut into tiles² of side/tiles, row by row: [n tiles², side/tiles, side/tiles, c]."""
    n, side, _, channels = pictures.shape
    size = side // tiles
    parts = pictures.reshape(n, tiles, size, tiles, size, channels).swapaxes(2, 3)
    return parts.reshape(n * tiles**2, size, size, channels)


def bytes_of(pictures: Images, first: int, number: int) -> np.ndarray:
    """Some rows as bytes, read now."""
    part = slice(first, first + number)
    return pictures.stored(part) if isinstance(pictures, prepared.Pictures) else np.asarray(pictures[part])
