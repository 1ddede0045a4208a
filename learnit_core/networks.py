"""Sets of networks on disk: many signals as points of one weight space, in shards that are there whole or not at all.

    set.json                what the set is: counts, how the signals were fitted, where they came from; and on what
    names.json              the names of the signals, a list in their order, where they have any
    start.safetensors       the common start, as :func:`learnit_core.weights.save` writes it
    networks-00000.safetensors, …   weights [signals, ...] of a shard, and of each signal its score and a checksum

With type "float32" weights are stored as they are; with "float16" as their differences from the start, which are small
numbers where weights are not. Rows are in the order of the signals. A fit that diverged, or whose weights are too large
for float16, is kept as a row of zeros with a score that is not a number. Nothing is pickled.
"""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, PyTree

from learnit_core import files, metrics, shards, weights
from learnit_core.errors import LearnitError
from learnit_core.evaluate import side_by_side
from learnit_core.many import Fits
from learnit_core.names import shown
from learnit_core.shards import FILE, NAMES, START, TYPES, VERSION
from learnit_core.structures import Field, Params, Rated, plain, rows

SHARD_BYTES = 1 << 24
"""Weights of a shard, about, unless a number of signals is given."""


class Networks(Sequence):  # of Params; said so, checkers of types would read a network at every call
    """A set on disk, read as it is asked for: ``networks[7]`` is the eighth signal's parameters.

    A slice or an array of numbers gives parameters with a leading axis. Raises LearnitError for rows whose checksum is
    not the one that was written, for fits that diverged (``diverged`` has their numbers), and for files of another set.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        self.about = shards.read_about(self.folder)
        self.field, start = shards.load_start(self.folder, self.about.get("start_checksum"))
        self.start: Params = plain(start)
        self._template = weights.named_leaves(self.start)
        there = {file.name for file in self.folder.iterdir()}
        if missing := next((shards.name(i) for i in range(self.num_shards) if shards.name(i) not in there), None):
            raise LearnitError(
                f"{missing}, one of {self.num_shards} shards, is missing in {self.folder}: "
                f"{shards.ONCE_MORE}, and it is finished"
            )
        self._opened: dict[int, Any] = {}

    @property
    def num_shards(self) -> int:
        return shards.number(self.about)

    def shard(self, i: int) -> Path:
        """The file of a shard."""
        return self.folder / shards.name(i)

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
                found[name][row] = shards.restored(stored[name], np.asarray(leaf))
        return jax.tree.unflatten(jax.tree.structure(self.start), [jnp.asarray(found[name]) for name in self._template])

    def __iter__(self) -> Iterator[Params]:
        return (self[i] for i in range(len(self)))

    @functools.cached_property
    def names(self) -> list[str] | None:
        """The signals' names, fit to be shown; None where the source has none."""
        file = self.folder / NAMES
        if not file.is_file() and "names_checksum" not in self.about:
            return None
        if not file.is_file():
            raise LearnitError(f"{file} is missing: {shards.ONCE_MORE}")
        found = files.parse_json(file.read_bytes(), file)
        if not isinstance(found, list) or len(found) != len(self) or not all(type(name) is str for name in found):
            raise LearnitError(f"{file} is no list of {len(self)} names: remove it, and {shards.ONCE_MORE}")
        # Sets without an identity have a checksum of names as they were before they were fit to be shown.
        if "identity" in self.about and self.about.get("names_checksum") != shards.names_checksum(found):
            raise LearnitError(f"{file} has other names than this set's: remove it, and {shards.ONCE_MORE}")
        return [shown(name) for name in found]

    @property
    def scores(self) -> Float[np.ndarray, " signals"]:
        """PSNR [dB] of every network as it is stored; not a number where the fit diverged."""
        return np.concatenate([self._open(i).get_tensor("score") for i in range(self.num_shards)])

    @property
    def diverged(self) -> Int[np.ndarray, " some"]:
        """Numbers of the signals whose fits diverged."""
        return np.flatnonzero(np.isnan(self.scores))

    @property
    def runs(self) -> list[dict[str, Any]]:
        """On which devices and with which versions the set was made; several where it was gone on with elsewhere."""
        return self.about.get("runs", [])

    def _row(self, shard: int, offset: int, place: int) -> dict[str, np.ndarray]:
        opened, part = self._open(shard), slice(offset, offset + 1)
        stored = {name: opened.get_slice(f"weights/{name}")[part][0] for name in self._template}
        expected = int(opened.get_slice("checksum")[part][0])
        if shards.checksum(stored) != expected:
            raise LearnitError(f"network {place} in {self.shard(shard)} is damaged: its checksum is another")
        if np.isnan(opened.get_slice("score")[part][0]):
            raise LearnitError(
                f"network {place} in {self.folder} is none, as its fit diverged: leave out those that `diverged` lists"
            )
        return stored

    def _open(self, shard: int) -> Any:
        if shard not in self._opened:
            opened = shards.opened(self.shard(shard), self.about, shard)
            number = min(self.about["shard"], len(self) - shard * self.about["shard"])
            kind = TYPES[self.about["type"]]
            expected = {f"weights/{name}": (kind, [number, *leaf.shape]) for name, leaf in self._template.items()}
            expected |= {"score": ("F32", [number]), "checksum": ("U32", [number])}
            slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118 (no dict)
            found = {name: (one.get_dtype(), list(one.get_shape())) for name, one in slices.items()}
            for name, wanted in expected.items():
                if found.get(name) != wanted:
                    raise LearnitError(
                        f"{self.shard(shard)} does not hold what {FILE} says ({name}): "
                        f"remove it, and {shards.ONCE_MORE}"
                    )
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
    run: dict[str, Any] | None = None,
    kept: Callable[[int], None] = lambda signals: None,
    done: Callable[[int], None] = lambda signals: None,
) -> Networks:
    """Write (or finish) a set of ``count`` networks; ``fit(first, number)`` gives those of a shard.

    ``about`` (JSON) says how the signals were fitted and where they came from. ``score(params, first, number)`` scores
    weights as they are stored; without it the scores of the fits are kept. ``names`` are the signals'. Fits whose loss
    is not finite are kept as diverged.

    Shards that are there are not made again, so that a run that was killed goes on where it was: ``kept(signals)`` is
    told once how many these have, ``done(signals)`` of each shard that was made. On the same device, with the same
    versions, it ends with the same bytes; ``runs`` in ``set.json`` has all devices and versions that made a part, with
    what ``run`` (JSON) says besides. Nothing is written before the first shard is fitted. Of several hosts
    (``jax.distributed``) only one may call this for a folder, with fits that it has, or makes on its own devices.

    Raises LearnitError, and leaves all files as they are, where the folder holds a set of which ``about``, the start or
    the names differ, shards of another set or of none, or another start; for numbers below 1, another type of numbers
    than ``TYPES``, a start that is not float32, and another number of names than signals.
    """
    folder, common = Path(folder), plain(start)
    shards.check(start, count, dtype, shard, names, about)
    size = sum(leaf.size for leaf in jax.tree.leaves(common)) * np.dtype(dtype).itemsize
    shard = min(shard or max(1, SHARD_BYTES // size), count)
    sums = {"start_checksum": shards.start_checksum(start)}
    if names is not None:
        names = [shown(name) for name in names]
        sums["names_checksum"] = shards.names_checksum(names)
    about = {"version": VERSION, "count": count, "shard": shard, "type": dtype, **sums, **about}
    about = files.as_json(about, "description of a set")
    there = described(folder)
    if other := there and shards.differences(there, about):
        raise LearnitError(f"{folder} holds another set ({other}): give another folder, or remove it")
    about = there or about | {"identity": shards.identity(about)}
    found = shards.kept(folder, about, known=bool(there))
    if (folder / START).is_file():
        shards.load_start(folder, sums["start_checksum"])
    wanted = [i for i in range(shards.number(about)) if i not in found]
    now = {"device": metrics.device(), "versions": metrics.versions(), **(run or {})}
    now = files.as_json(now, "description of a run")
    runs = about.get("runs") or ([{"device": "not recorded"}] if found else [])

    @functools.cache
    def describe(*, going_on: bool):  # threads may do it at the same time: each file is there whole
        more = [now] if going_on and now not in runs else []
        said = about | {"runs": runs + more} if more or not there else about
        if described(folder) != said:
            metrics.write_json(folder / FILE, said)
        if not (folder / START).is_file():
            weights.save(folder / START, field, start, {n: v for n, v in about.items() if n not in shards.BESIDE})
        if names is not None and not (folder / NAMES).is_file():
            metrics.write_json(folder / NAMES, names)

    def make(i):
        first = i * shard
        number = min(shard, count - first)
        fits = fit(first, number)
        stored, bad = _stored(fits, common, dtype)
        again = jax.tree.map(lambda leaf, base: shards.restored(leaf, np.asarray(base)), stored, common)
        scores = np.array(fits.scores if score is None else score(again, first, number), np.float32)
        if scores.shape != (number,):
            raise LearnitError(
                f"{number} fits have scores {list(scores.shape)}: expected one of each, from recipe or score"
            )
        scores[bad] = np.nan
        named = weights.named_leaves(stored)
        sums = [shards.checksum({name: leaf[row] for name, leaf in named.items()}) for row in range(number)]
        arrays = {f"weights/{name}": leaf for name, leaf in named.items()}
        arrays |= {"score": scores, "steps": np.asarray(fits.steps, np.int32), "checksum": np.array(sums, np.uint32)}
        describe(going_on=True)
        weights.write_arrays(folder / shards.name(i), arrays, shards.header(about, i))
        return number

    if found or there:
        describe(going_on=False)
    kept(count - sum(min(shard, count - i * shard) for i in wanted))
    for number in side_by_side(make, wanted):
        done(number)
    return Networks(folder)


def described(folder: str | os.PathLike) -> dict[str, Any]:
    """What is said of the set in a folder, finished or not; nothing where there is none."""
    return shards.read_about(Path(folder)) if (Path(folder) / FILE).is_file() else {}


def _stored(fits: Fits, common: Params, dtype: str) -> tuple[PyTree[np.ndarray], Bool[np.ndarray, " signals"]]:
    """Weights as they stand in a shard, and which fits diverged: these are zeros."""
    stored = jax.tree.map(lambda leaf, base: shards.stored(leaf, np.asarray(base), dtype), fits.params, common)
    bad = ~np.isfinite(fits.losses)
    for leaf in jax.tree.leaves(stored):
        bad |= ~np.isfinite(leaf).all(axis=tuple(range(1, leaf.ndim)))
    for leaf in jax.tree.leaves(stored):
        leaf[bad] = 0
    return stored, bad
