"""The files of a set of networks: what each holds, and whether they are all of one set (:mod:`learnit_core.networks`).

A set is known by the checksum of its description. Every shard has it in its header, beside the number of its first
signal; the description has checksums of the start and of the names. Sets from before there were such are read without.
"""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError, safe_open

from learnit_core import files, weights
from learnit_core.errors import LearnitError
from learnit_core.structures import Field, Params, Rated

FILE, NAMES, START = "set.json", "names.json", "start.safetensors"
VERSION = 1
TYPES = {"float32": "F32", "float16": "F16"}
"""Types of numbers on disk, and what safetensors calls them."""

ONCE_MORE = "give the command that made the set once more"

BESIDE = ("identity", "runs")
"""What a description says beside what the set is."""


def check(
    start: Params | Rated, count: int, dtype: str, shard: int | None, names: Sequence[str] | None, about: dict[str, Any]
) -> None:
    """Raise LearnitError for a set that cannot be."""
    if dtype not in TYPES:
        raise LearnitError(f"networks cannot be stored as {dtype!r}: expected {' or '.join(TYPES)}")
    if count < 1 or (shard is not None and shard < 1):
        raise LearnitError(f"found {count} signals and shards of {shard}: expected 1 at least of each")
    if kinds := sorted({leaf.dtype.name for leaf in jax.tree.leaves(start)} - {"float32"}):
        raise LearnitError(f"the start has numbers of type {', '.join(kinds)}: expected float32")
    if names is not None and len(names) != count:
        raise LearnitError(f"found {len(names)} names of {count} signals: expected one for each")
    own = {"version", "count", "shard", "type", "start_checksum", "names_checksum", *BESIDE} & about.keys()
    if own:
        raise LearnitError(
            f"the description of a set says {', '.join(sorted(own))}, as the set does itself: leave it out"
        )
    about = files.as_json(about, "description of a set")
    try:
        json.dumps(about, allow_nan=False)
    except ValueError as error:
        raise LearnitError(f"the description of a set cannot be kept ({error}): expected finite numbers") from error


def identity(about: dict[str, Any]) -> str:
    """CRC-32 of what a description says the set is, as eight hexadecimal digits."""
    what = {name: value for name, value in about.items() if name not in BESIDE}
    return f"{zlib.crc32(json.dumps(what, sort_keys=True).encode()):08x}"


def read_about(folder: Path) -> dict[str, Any]:
    """The description of the set in a folder. Raises LearnitError if there is none, or it is damaged."""
    try:
        content = (folder / FILE).read_bytes()
    except OSError:
        raise LearnitError(f"{folder} holds no {FILE}: expected a set written by learnit_core.networks") from None
    about = files.parse_json(content, folder / FILE)
    sound = isinstance(about, dict) and about.get("version") == VERSION and about.get("type") in tuple(TYPES)
    numbers = [about.get(name) for name in ("count", "shard")] if sound else []
    runs = about.get("runs", []) if sound else None
    sound = isinstance(runs, list) and all(isinstance(run, dict) for run in runs)
    sound = sound and all(type(n) is int and 1 <= n <= 1 << 40 for n in numbers)
    if not sound or about.get("identity", identity(about)) != identity(about):
        raise LearnitError(
            f"{folder / FILE} is not of version {VERSION}, or damaged: put a copy of it back, or make the set again in "
            "another folder"
        )
    return about


def differences(there: dict[str, Any], wanted: dict[str, Any]) -> str:
    """In what two descriptions are of different sets, three things at most; empty if they are of one."""
    names = [name for name in {**there, **wanted} if name not in BESIDE]
    other = [name for name in names if there.get(name) != wanted.get(name)]
    return ", ".join(f"{name} {there.get(name)!r:.40} and not {wanted.get(name)!r:.40}" for name in other[:3])


def name(i: int) -> str:
    """What the file of a shard is called."""
    return f"networks-{i:05}.safetensors"


def number(about: dict[str, Any]) -> int:
    """How many shards a set has."""
    return -(-about["count"] // about["shard"])


def header(about: dict[str, Any], i: int) -> dict[str, Any]:
    """What the header of a shard says."""
    return {"first": i * about["shard"], "set": identity(about)}


def opened(file: Path, about: dict[str, Any], i: int) -> Any:
    """The file of a shard, opened. Raises LearnitError if it is damaged, of another set, or another shard of this."""
    try:
        found = safe_open(file, framework="numpy")
        said = found.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise LearnitError(f"{file} is not a whole safetensors file ({error}): remove it, and {ONCE_MORE}") from error
    wanted = {name: json.dumps(value) for name, value in header(about, i).items()}
    if "set" not in said and "identity" not in about:  # both from before there was one
        del wanted["set"]
    if any(said.get(name) != value for name, value in wanted.items()):
        raise LearnitError(
            f"{file} is not that part of the set that {FILE} is about: put it elsewhere, and {ONCE_MORE}"
        )
    return found


def kept(folder: Path, about: dict[str, Any], *, known: bool) -> set[int]:
    """The shards that are there. Raises LearnitError for one that is not this set's."""
    found = {file.name for file in folder.glob("networks-*.safetensors")}
    numbers = {i for i in range(number(about)) if name(i) in found}
    try:
        for i in sorted(numbers):
            opened(folder / name(i), about, i)
        strange = not known and len(numbers) < len(found)
    except LearnitError:
        if known:
            raise
        strange = True
    if strange:
        raise LearnitError(
            f"{folder} holds {len(found)} shards and no {FILE} that says of which set: give another folder, or put a "
            "copy of it back"
        )
    return numbers


def load_start(folder: Path, expected: int | None) -> tuple[Field, Params | Rated]:
    """The start in a folder. Raises LearnitError if its checksum is not the one expected."""
    field, start, _ = weights.load(folder / START)
    if expected not in (None, start_checksum(start)):
        raise LearnitError(
            f"{folder / START} is not the start of the set there: put that one back, or give another folder"
        )
    return field, start


def start_checksum(start: Params | Rated) -> int:
    return checksum({name: np.asarray(leaf) for name, leaf in weights.named_leaves(start).items()})


def names_checksum(names: Sequence[str]) -> int:
    return zlib.crc32(json.dumps(list(names)).encode())


def checksum(arrays: dict[str, np.ndarray]) -> int:
    """CRC-32 of a network's stored bytes, its arrays in the order of their names."""
    value = 0
    for name in sorted(arrays):
        value = zlib.crc32(np.ascontiguousarray(arrays[name]).tobytes(), value)
    return value


def stored(leaf: Any, base: np.ndarray, dtype: str) -> np.ndarray:
    """Weights as they stand in a shard."""
    leaf = np.array(leaf)
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit becomes infinite
        return leaf if dtype == "float32" else (leaf - base).astype(np.float16)


def restored(stored: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Weights as float32 of what stands in a shard."""
    return stored if stored.dtype == np.float32 else base + stored.astype(np.float32)
