"""Sets of networks on disk: many signals as points of one weight space, in shards that are there whole or not at all.

    set.json                what the set is: counts, how the signals were fitted, where they came from
    names.json              the names of the signals, a list in their order, where they have any
    start.safetensors       the common start, as :func:`learnit_core.weights.save` writes it
    networks-00000.safetensors, …   weights [signals, ...] of a shard, and of each signal its score and a checksum

With type "float32" weights are stored as they are; with "float16" as their differences from the start, which are small
numbers where weights are not. Rows are in the order of the signals. Nothing is pickled.
"""

import functools
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree
from safetensors import SafetensorError, safe_open

from learnit_core import files, metrics, weights
from learnit_core.errors import LearnitError
from learnit_core.evaluate import side_by_side
from learnit_core.many import Fits
from learnit_core.names import shown
from learnit_core.structures import Field, Params, Rated, plain, rows

FILE, NAMES = "set.json", "names.json"
VERSION = 1
TYPES = ("float32", "float16")
SHARD_BYTES = 1 << 24
"""Weights of a shard, about, unless a number of signals is given."""


class Networks(Sequence[Params]):
    """A set on disk, read as it is asked for: ``networks[7]`` is the eighth signal's parameters.

    A slice or an array of numbers gives parameters with a leading axis. Raises LearnitError for rows whose checksum is
    not the one that was written.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        self.about = _read_about(self.folder)
        self.field, start, _ = weights.load(self.folder / "start.safetensors")
        self.start: Params = plain(start)
        self._template = weights.named_leaves(self.start)
        there = {file.name for file in self.folder.iterdir()}
        if missing := next((_name(i) for i in range(self.num_shards) if _name(i) not in there), None):
            raise LearnitError(
                f"{missing}, one of {self.num_shards} shards, is missing in {self.folder}: "
                "give the command that made the set once more, and it is finished"
            )
        self._opened: dict[int, Any] = {}

    @property
    def num_shards(self) -> int:
        return -(-self.about["count"] // self.about["shard"])

    def shard(self, i: int) -> Path:
        """The file of a shard."""
        return self.folder / _name(i)

    def __len__(self) -> int:
        return self.about["count"]

    def __getitem__(self, wanted: int | slice | np.ndarray) -> Params:
        if not isinstance(wanted, slice) and np.ndim(wanted) == 0:
            return rows(self[np.array([wanted])], 0)
        try:
            places = np.arange(len(self))[wanted]
        except IndexError:
            raise IndexError(f"no network {wanted}: the set in {self.folder} has {len(self)}") from None
        found = {name: np.empty((places.size, *leaf.shape), np.float32) for name, leaf in self._template.items()}
        for row, place in enumerate(places.tolist()):
            shard, offset = divmod(place, self.about["shard"])
            stored = self._row(shard, offset, place)
            for name, leaf in self._template.items():
                found[name][row] = _restored(stored[name], np.asarray(leaf))
        return jax.tree.unflatten(jax.tree.structure(self.start), [jnp.asarray(found[name]) for name in self._template])

    def __iter__(self) -> Iterator[Params]:
        return (self[i] for i in range(len(self)))

    @functools.cached_property
    def names(self) -> list[str] | None:
        """The signals' names, fit to be shown; None where the source has none."""
        file = self.folder / NAMES
        if not file.is_file():
            return None
        found = files.parse_json(file.read_bytes(), file)
        if not isinstance(found, list) or len(found) != len(self) or not all(type(name) is str for name in found):
            raise LearnitError(f"{file} is no list of {len(self)} names: make the set again")
        return [shown(name) for name in found]

    @property
    def scores(self) -> Float[np.ndarray, " signals"]:
        """PSNR [dB] of every network as it is stored."""
        return np.concatenate([self._open(i).get_tensor("score") for i in range(self.num_shards)])

    def _row(self, shard: int, offset: int, place: int) -> dict[str, np.ndarray]:
        opened, part = self._open(shard), slice(offset, offset + 1)
        stored = {name: opened.get_slice(f"weights/{name}")[part][0] for name in self._template}
        expected = int(opened.get_slice("checksum")[part][0])
        if _checksum(stored) != expected:
            raise LearnitError(f"network {place} in {self.shard(shard)} is damaged: its checksum is another")
        return stored

    def _open(self, shard: int) -> Any:
        if shard not in self._opened:
            try:
                opened = safe_open(self.shard(shard), framework="numpy")
            except (SafetensorError, OSError) as error:
                raise LearnitError(f"{self.shard(shard)} is not a whole safetensors file ({error})") from error
            number = min(self.about["shard"], len(self) - shard * self.about["shard"])
            kind = {"float32": "F32", "float16": "F16"}[self.about["type"]]
            expected = {f"weights/{name}": (kind, [number, *leaf.shape]) for name, leaf in self._template.items()}
            expected |= {"score": ("F32", [number]), "checksum": ("U32", [number])}
            slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118 (no dict)
            found = {name: (one.get_dtype(), list(one.get_shape())) for name, one in slices.items()}
            for name, wanted in expected.items():
                if found.get(name) != wanted:
                    raise LearnitError(f"{self.shard(shard)} does not hold what {FILE} says ({name}): make it again")
            self._opened[shard] = opened
        return self._opened[shard]


open = Networks
"""``networks.open(folder)``."""


def write(
    folder: str | os.PathLike,
    field: Field,
    start: Params | Rated,
    fit: Callable[[int, int], Fits],
    count: int,
    about: dict[str, Any],
    *,
    dtype: str = "float32",
    score: Callable[[Params, int, int], Float[np.ndarray, " signals"]] | None = None,
    shard: int | None = None,
    names: Sequence[str] | None = None,
    done: Callable[[int], None] = lambda signals: None,
) -> Networks:
    """Write (or finish) a set of ``count`` networks; ``fit(first, number)`` gives those of a shard.

    ``about`` (JSON) says how the signals were fitted and where they came from; a folder with a set of which this
    differs, or the start, or the names, is refused. ``score(params, first, number)`` scores weights as they are stored;
    without it the scores of the fits are kept.
    ``names`` are the signals'. Shards that are there are not made again, and ``done(signals)`` is told of each, so that
    a run that was killed goes on where it was and ends with the same bytes. Raises LearnitError for another type of
    numbers than ``TYPES``, and for another number of names than signals.
    """
    if dtype not in TYPES:
        raise LearnitError(f"networks cannot be stored as {dtype!r}: expected {' or '.join(TYPES)}")
    if names is not None and len(names) != count:
        raise LearnitError(f"found {len(names)} names of {count} signals: expected one for each")
    folder, common = Path(folder), plain(start)
    size = sum(leaf.size for leaf in jax.tree.leaves(common)) * np.dtype(dtype).itemsize
    shard = min(shard or max(1, SHARD_BYTES // size), count)
    sums = {"start_checksum": _checksum({n: np.asarray(leaf) for n, leaf in weights.named_leaves(start).items()})}
    if names is not None:
        sums["names_checksum"] = zlib.crc32(json.dumps(list(names)).encode())
    about = {"version": VERSION, "count": count, "shard": shard, "type": dtype, **sums, **about}
    about = files.as_json(about, "description of a set")
    if (folder / FILE).is_file():
        if other := _differences(_read_about(folder), about):
            raise LearnitError(f"{folder} holds another set ({other}): give another folder, or remove it")
    else:
        weights.save(folder / "start.safetensors", field, start, about)
        if names is not None:
            metrics.write_json(folder / NAMES, [shown(name) for name in names])
        metrics.write_json(folder / FILE, about)

    def make(i):
        first = i * shard
        number = min(shard, count - first)
        fits = fit(first, number)
        stored = jax.tree.map(lambda leaf, base: _stored(leaf, np.asarray(base), dtype), fits.params, common)
        kept = jax.tree.map(lambda leaf, base: _restored(leaf, np.asarray(base)), stored, common)
        scores = fits.scores if score is None else score(kept, first, number)
        named = weights.named_leaves(stored)
        sums = [_checksum({name: leaf[row] for name, leaf in named.items()}) for row in range(number)]
        arrays = {f"weights/{name}": leaf for name, leaf in named.items()}
        arrays |= {"score": np.asarray(scores, np.float32), "steps": np.asarray(fits.steps, np.int32)}
        weights.write_arrays(folder / _name(i), arrays | {"checksum": np.array(sums, np.uint32)}, {"first": first})
        return number

    wanted = [i for i in range(-(-count // shard)) if not (folder / _name(i)).is_file()]
    done(count - sum(min(shard, count - i * shard) for i in wanted))
    for number in side_by_side(make, wanted):
        done(number)
    return Networks(folder)


def described(folder: str | os.PathLike) -> dict[str, Any]:
    """What is said of the set in a folder, finished or not; nothing where there is none."""
    return _read_about(Path(folder)) if (Path(folder) / FILE).is_file() else {}


def _read_about(folder: Path) -> dict[str, Any]:
    try:
        content = (folder / FILE).read_bytes()
    except OSError:
        raise LearnitError(f"{folder} holds no {FILE}: expected a set written by learnit_core.networks") from None
    about = files.parse_json(content, folder / FILE)
    sound = isinstance(about, dict) and about.get("version") == VERSION and about.get("type") in TYPES
    numbers = [about.get(name) for name in ("count", "shard")] if sound else []
    if not sound or not all(type(n) is int and 1 <= n <= 1 << 40 for n in numbers):
        raise LearnitError(f"{folder / FILE} is not of version {VERSION}, or damaged: make the set again")
    return about


def _differences(there: dict[str, Any], wanted: dict[str, Any]) -> str:
    other = [name for name in {**there, **wanted} if there.get(name) != wanted.get(name)]
    return ", ".join(f"{name} {there.get(name)!r:.40} and not {wanted.get(name)!r:.40}" for name in other[:3])


def _name(i: int) -> str:
    return f"networks-{i:05}.safetensors"


def _stored(leaf: PyTree, base: np.ndarray, dtype: str) -> np.ndarray:
    leaf = np.asarray(leaf)
    return leaf if dtype == "float32" else (leaf - base).astype(np.float16)


def _restored(stored: np.ndarray, base: np.ndarray) -> np.ndarray:
    return stored if stored.dtype == np.float32 else base + stored.astype(np.float32)


def _checksum(arrays: dict[str, np.ndarray]) -> int:
    """CRC-32 of a network's stored bytes, its arrays in the order of their names."""
    value = 0
    for name in sorted(arrays):
        value = zlib.crc32(np.ascontiguousarray(arrays[name]).tobytes(), value)
    return value
