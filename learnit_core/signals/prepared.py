"""Data sets in the prepared form: folders that `data_scripts/` write and that are read from disk a few rows at a time.

A prepared folder holds `prepared.json`, which says what the set is and where it came from, and for each split plain
`.npy` files, the first axis of which counts pictures or objects:

    pictures   <split>.npy                  uint8 [n, size, size, 3], row 0 at the top
    slices     <split>.npy                  uint8 [n, size, size, 1], the same of a CT scanner's windowed volumes
    views      <split>/images.npy, …        the arrays of :class:`~learnit_core.structures.Views`, object after object

Nothing in them is pickled, and ``np.load(file, mmap_mode="r")`` opens them. Reading some rows takes the
memory of these rows only.
"""

import operator
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from PIL import Image

from learnit_core import files
from learnit_core.errors import LearnitError
from learnit_core.names import shown
from learnit_core.structures import Views

FILE = "prepared.json"
VERSION = 1
SPLITS = ("train", "validation", "test")

CONTROLS = 10_000
"""Largest number of training pictures, evenly spread, for the class mean and the nearest neighbours."""

_BLOCK = 256  # pictures that are held at a time when all are visited


def is_prepared(path: Path) -> bool:
    """Whether ``path`` is a folder in the prepared form."""
    return (path / FILE).is_file()


def describe(folder: Path, *kinds: str) -> dict[str, Any]:
    """What `prepared.json` says. Raises ``LearnitError`` if it is not of this version, or of none of the ``kinds``."""
    file = folder / FILE
    try:
        about = files.parse_json(file.read_bytes(), file)
    except OSError:
        raise LearnitError(f"{folder} holds no {FILE}: expected a folder made by data_scripts.") from None
    found = about.get("prepared") if isinstance(about, dict) else None
    if found != VERSION:
        raise LearnitError(f"{file} has the version {found!r:.40}; expected {VERSION}: prepare the set again.")
    if kinds and about.get("kind") not in kinds:
        raise LearnitError(f"{folder} holds {about.get('kind')!s:.40}; expected {' or '.join(kinds)}.")
    if (missing := _missing(about)) is not None:
        raise LearnitError(f"{file} does not say what it should ({missing}): prepare the set again.")
    return about


def _missing(about: dict[str, Any]) -> str | None:
    """What of a description is not there, or not of its type: readers rely on it."""
    for name, kind in (("name", str), ("kind", str), ("note", str), ("splits", dict)):
        if not isinstance(about.get(name), kind):
            return name
    if not isinstance(about.get("options", {}), dict):  # sets that no script has made may have none
        return "options"
    views = about["kind"] == "views"
    for split in SPLITS:
        entry = about["splits"].get(split)
        if not isinstance(entry, dict):
            return f"splits, {split}"
        arrays = entry.get("arrays") if views else {"images": [entry.get("shape"), "|u1"]}
        if not isinstance(arrays, dict) or (views and set(arrays) != set(Views._fields)):
            return f"splits, {split}, arrays"
        for field, array in arrays.items():
            if not isinstance(array, list) or len(array) != 2 or array[1] not in _TYPES or not _is_shape(array[0]):
                return f"splits, {split}, {field}"
        shape, names = arrays["images"][0], entry.get("names", [])
        if type(entry.get("count")) is not int or len(shape) != (5 if views else 4) or shape[0] != entry["count"]:
            return f"splits, {split}, count"
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return f"splits, {split}, names"
        if views and len(names) != shape[0]:
            return f"splits, {split}, names"
        if not views and (
            not isinstance(entry.get("crc32"), str) or shape[1:3] != [shape[1]] * 2 or shape[3] not in (1, 3)
        ):
            return f"splits, {split}, shape"
    return None


def _is_shape(found: Any) -> bool:
    return isinstance(found, list) and all(type(length) is int and 0 <= length < 1 << 40 for length in found)


_TYPES = ("|u1", "<i4", "<i8", "<f4", "<f8")


class Rows:
    """One array of a prepared set, on disk: ``rows[indices]`` reads these rows, as they are stored."""

    def __init__(self, file: Path, shape: list[int], dtype: str):
        self.file, self.shape, self.dtype = file, tuple(shape), np.dtype(dtype)
        try:
            found = np.load(file, mmap_mode="r", allow_pickle=False)
        except Exception as error:  # numpy's reader of headers has many, some of several lines
            why = str(error).partition("\n")[0]
            raise LearnitError(f"{file} is missing or damaged ({why}): prepare the set again.") from None
        if found.shape != self.shape or found.dtype != self.dtype:
            raise LearnitError(
                f"{file} holds {found.dtype}{list(found.shape)}; expected {self.dtype}{list(self.shape)}, "
                f"as {FILE} says: prepare the set again."
            )
        self._start, self._stride = found.offset, found[:1].nbytes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: int | slice | np.ndarray) -> np.ndarray:
        # Read and not mapped: a map counts every page it ever touched as memory of the process, and for rows far apart
        # it is several times slower.
        places = np.arange(len(self))[indices]
        rows = np.empty((places.size, *self.shape[1:]), self.dtype)
        with open(self.file, "rb", buffering=0) as file:
            for place, row in zip(places.ravel().tolist(), rows, strict=True):
                file.seek(self._start + place * self._stride)
                if file.readinto(row) != self._stride:
                    raise LearnitError(f"{self.file} ends within row {place}: prepare the set again.")
        return rows.reshape(*places.shape, *self.shape[1:])


class Pictures:
    """Pictures on disk, indexed like an array float32 [n, size, size, channels] in [0, 1]; row 0 is the top.

    Indexing with a number, a slice or an array of numbers reads these pictures and no others, scaled to ``size``.
    With ``inside`` [size, size, 1], zeros and ones, all else is zero.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        rows: Rows,
        *,
        size: int,
        channels: int,
        checksum: str,
        places: np.ndarray | None = None,
        step: int = 1,
        inside: np.ndarray | None = None,
    ):
        self._rows, self._size, self._channels = rows, size, channels
        self._inside = None if inside is None else inside.astype(np.uint8)
        self._places = np.arange(len(rows)) if places is None else places  # the rows that count, in their order
        self.step = step
        """How many pictures of those that these were thinned from stand for each."""
        self.shape = (len(self._places), size, size, channels)
        self.checksum = f"{checksum}-{size}-{channels}"
        """Changes whenever a pixel does, without reading them."""

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: SupportsIndex | slice | np.ndarray) -> np.ndarray:
        if not isinstance(indices, slice) and np.ndim(indices) == 0:
            return self[np.array([operator.index(indices)])][0]
        return self.stored(indices).astype(np.float32) / 255

    def __iter__(self) -> Iterator[np.ndarray]:
        return (picture.astype(np.float32) / 255 for picture in self.all_stored())

    def all_stored(self) -> Iterator[np.ndarray]:
        """Each picture before the division by 255: uint8 [size, size, channels]."""
        for start in range(0, len(self), _BLOCK):
            yield from self.stored(slice(start, start + _BLOCK))

    def stored(self, indices: slice | np.ndarray) -> np.ndarray:
        """The same before the division by 255: uint8 [indices, size, size, channels]."""
        pictures = self._scaled_rows(self._places[indices])
        return pictures if self._inside is None else pictures * self._inside

    def _scaled_rows(self, indices: np.ndarray) -> np.ndarray:
        pictures = self._rows[indices]
        if pictures.shape[1:] == self.shape[1:]:
            return pictures
        with ThreadPoolExecutor() as pool:  # Pillow works outside Python's lock
            scaled = list(pool.map(self._scaled, pictures))
        return np.stack(scaled) if scaled else np.empty((0, *self.shape[1:]), np.uint8)

    def thinned(self, most: int) -> "Pictures":
        """At most about ``most`` of the pictures, every ``step``-th of them."""
        step = max(1, -(-len(self) // most))
        return self._some(self._places[::step], step)

    def spread(self, count: int) -> "Pictures":
        """Exactly ``count`` of the pictures, evenly spread; all of them if there are no more."""
        if count >= len(self):
            return self
        return self._some(self._places[np.arange(count) * len(self) // count])

    def _some(self, places: np.ndarray, step: int = 1) -> "Pictures":
        checksum = f"{self.checksum}-{len(places)}"
        settings = {"size": self._size, "channels": self._channels, "checksum": checksum, "inside": self._inside}
        return Pictures(self._rows, **settings, places=places, step=step)

    def cut(self, inside: np.ndarray) -> "Pictures":
        """The same pictures, and zero where ``inside`` [size, size, 1] is."""
        settings = {"size": self._size, "channels": self._channels, "checksum": f"{self.checksum}-cut"}
        return Pictures(self._rows, **settings, places=self._places, step=self.step, inside=inside)

    def _scaled(self, picture: np.ndarray) -> np.ndarray:
        image = Image.fromarray(picture if picture.shape[-1] == 3 else picture[..., 0])
        image = image.convert("L" if self._channels == 1 else "RGB")
        image = image.resize((self._size, self._size), Image.Resampling.LANCZOS)
        return np.asarray(image).reshape(self.shape[1:])


def pictures(
    folder: Path, *, size: int, channels: int, most: int | None = None
) -> tuple[str, dict[str, Pictures], str]:
    """Name, splits and note of a prepared set of pictures or slices; nothing is read but its description.

    With ``most`` no more than so many are to train on, evenly spread, and the note says so.

    Raises ``LearnitError`` if a file is missing or damaged, or if nothing is there to train on.
    """
    about = describe(folder, "pictures", "slices")
    splits = {}
    for split in SPLITS:
        entry = about["splits"][split]
        if not entry["count"]:
            raise LearnitError(f"The split {split!r} of {folder} is empty; expected at least one picture.")
        rows = Rows(folder / f"{split}.npy", entry["shape"], "uint8")
        splits[split] = Pictures(rows, size=size, channels=channels, checksum=entry["crc32"])
    note, stored = about["note"], about["splits"]["train"]["shape"][1]
    if stored != size:
        note += f" Stored at {stored} x {stored} and scaled to {size} x {size}."
    if most is not None and most < (there := len(splits["train"])):
        splits["train"] = splits["train"].spread(most)
        note += f" Of {there:,} {about['kind']} to train on {most:,} are taken, evenly spread."
    if len(splits["train"]) > CONTROLS:
        few = len(splits["train"].thinned(CONTROLS))
        note += f" The controls know {few:,} of the training {about['kind']}, evenly spread."
    return shown(about["name"]), splits, note


class Scenes:
    """Objects on disk: ``scenes[i]`` reads one, ``scenes[indices]`` several, as :class:`Views` of numpy arrays."""

    def __init__(self, rows: Views, names: list[str]):
        self._rows, self.names = rows, names

    def __len__(self) -> int:
        return len(self._rows.images)

    def __getitem__(self, indices: int | slice | np.ndarray) -> Views:
        return Views(*(rows[indices] for rows in self._rows))


def scenes(folder: Path) -> tuple[str, dict[str, Scenes], str]:
    """Name, splits and note of a prepared set of objects; nothing is read but its description.

    Raises ``LearnitError`` if a file is missing or damaged.
    """
    about = describe(folder, "views")
    splits = {}
    for split in SPLITS:
        entry = about["splits"][split]
        arrays = {name: Rows(folder / split / f"{name}.npy", *entry["arrays"][name]) for name in Views._fields}
        splits[split] = Scenes(Views(**arrays), entry["names"])
    return shown(about["name"]), splits, about["note"]
