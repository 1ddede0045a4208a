"""Weights as points in a space: interpolation, and self-describing files.

A weights file is safetensors: the parameters, the field's fixed arrays, and a JSON header with the field's spec and
where the numbers come from. Nothing is pickled, so a file from a stranger can hold wrong numbers but no code.
"""

import errno
import json
import os
import re
import zlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, PyTree
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from learnit_core import files
from learnit_core.errors import LearnitError
from learnit_core.models import from_spec
from learnit_core.structures import Field, Params, Rated

FLOATS = {"bfloat16", "float16", "float32", "float64"}
"""Types that a network's numbers may have; a file has one of them throughout."""


def lerp(a: Params, b: Params, t: Float[Array, ""] | float) -> Params:
    """(1 − t) a + t b, for two parameter trees of one shape."""
    return jax.tree.map(lambda x, y: (1 - t) * x + t * y, a, b)


def barycentric(corners: Sequence[Params], coefficients: Sequence[float] | Float[Array, " corners"]) -> Params:
    """Σ cᵢ cornerᵢ. Coefficients that sum to one give a weighted mean of the corners."""
    if len(corners) != len(coefficients):
        raise LearnitError(f"found {len(corners)} corners but {len(coefficients)} coefficients: expected as many")
    return jax.tree.map(lambda *leaves: sum(c * leaf for c, leaf in zip(coefficients, leaves, strict=True)), *corners)


def path(a: Params, b: Params, ts: Float[Array | np.ndarray, " points"]) -> Params:
    """The straight line from ``a`` to ``b`` at each of ``ts``: leaves get a leading axis [points]."""
    return jax.vmap(lambda t: lerp(a, b, t))(jnp.asarray(ts))


def save(file: str | os.PathLike, field: Field, params: PyTree, provenance: dict[str, Any]) -> None:
    """Write parameters with the field's spec and ``provenance`` (JSON: command, seed, steps, …) to ``file``.

    Raises LearnitError, and writes nothing, if :func:`load` could not make the same field and parameters of the file:
    a network made by hand, other arrays than the network of the spec has, or other types, or what is not JSON. Numbers
    may be of 16 (also bfloat16), 32 or 64 bits, all of one type, and come back as they are.
    """
    buffers = {name: value for name, value in field.spec.items() if isinstance(value, np.ndarray) and value.ndim}
    spec = {name: value for name, value in field.spec.items() if name not in buffers}
    header = {name: files.as_json(value, name) for name, value in {"spec": spec, "provenance": provenance}.items()}
    leaves = {f"params/{name}": _array(leaf, name) for name, leaf in named_leaves(params).items()}
    arrays = leaves | {f"buffers/{name}": value for name, value in buffers.items()}
    if "model" not in spec:
        raise LearnitError(
            "the field's spec names no model, so that nobody could rebuild the field from the file: save fields of "
            "learnit_core.models, or keep the weights of one made by hand with numpy.savez"
        )
    again, loaded = _rebuilt(arrays, header, "what is to be saved")
    if again != field:
        other = [name for name, value in again.spec.items() if not np.array_equal(value, field.spec.get(name))]
        raise LearnitError(
            f"the field's spec would come back with another {', '.join(other) or 'type of array'}: expected a spec as "
            "learnit_core.models makes it"
        )
    if jax.tree.structure(loaded) != jax.tree.structure(params):
        raise LearnitError(
            "the parameters are nested in another way (tuples, None, …) than the field's init nests them: expected its "
            "lists and dicts"
        )
    try:
        write_arrays(file, arrays, header)
    except OSError as error:
        why = error.strerror or error
        raise LearnitError(f"{file} cannot be written ({why}): expected a place with room") from error


def load(file: str | os.PathLike) -> tuple[Field, Params | Rated, dict[str, Any]]:
    """Read what :func:`save` wrote: the field rebuilt from its spec, its parameters, and their provenance.

    Raises LearnitError if the file is missing, truncated, not safetensors, or its arrays do not fit its spec.
    """
    arrays, header = read_arrays(file)
    field, params = _rebuilt(arrays, header, file)
    return field, jax.tree.map(jnp.asarray, params), header.get("provenance", {})


def _rebuilt(arrays: dict[str, np.ndarray], header: dict[str, Any], file: str | os.PathLike) -> tuple[Field, Any]:
    """The field, and its parameters as numpy arrays, that a file holds; LearnitError if it holds none."""
    if not isinstance(header.get("spec"), dict):
        raise LearnitError(f"{file} holds no field spec in its header: expected a file written by learnit_core")
    _check_spec(header, arrays, file)
    buffers = {n.removeprefix("buffers/"): a for n, a in arrays.items() if n.startswith("buffers/")}
    field = from_spec({**header["spec"], **buffers})
    try:
        template = jax.eval_shape(field.init, jax.random.key(0))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise LearnitError(f"the field spec in {file} has sizes that make no network: {header['spec']}") from error
    found = {n.removeprefix("params/"): a for n, a in arrays.items() if n[:7] == "params/"}
    kinds = {a.dtype.name for a in found.values()}
    if kinds == {"float64"} and not jax.config.jax_enable_x64:
        raise LearnitError(f"{file} holds numbers of 64 bits: expected a session with jax_enable_x64")
    if len(kinds) == 1 and kinds <= FLOATS:  # whatever the session's own networks are of, it is loaded as it stands
        kind = next(iter(found.values())).dtype
        template = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, kind), template)
    if any(name.startswith("rates/") for name in found):
        template = Rated(template, template)
    return field, unflatten_like(template, found, file)


def _array(leaf: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(leaf)
    except (TypeError, ValueError) as error:
        raise LearnitError(f"parameter {name} is no array of numbers: found a {type(leaf).__name__}") from error


def _check_spec(header: dict[str, Any], arrays: dict[str, np.ndarray], file: str | os.PathLike) -> None:
    """Raise LearnitError if the spec's values are of other types than a spec has, or larger than the file can hold.

    Before any network is made of them: one of a billion layers takes all memory, whatever it is compared with later.
    """
    if not isinstance(header.get("provenance", {}), dict):
        raise LearnitError(f"the provenance in {file} is no dictionary: expected a file written by learnit_core")
    numbers = sum(array.size for array in arrays.values())
    if not numbers:
        raise LearnitError(f"{file} does not hold the arrays expected: it holds none")
    for name, value in header["spec"].items():
        if name in ("model", "precision", "final", "init", "density"):
            sound = isinstance(value, str)
        else:
            sound = isinstance(value, int | float) and not isinstance(value, bool) and value - value == 0
        if not sound:
            raise LearnitError(f"the field spec in {file} has a {name} that is not of its type")
        if name in ("in_dim", "out_dim", "width", "depth", "num_frequencies"):
            most = len(arrays) if name == "depth" else numbers
            if not isinstance(value, int) or not 1 <= value <= most:
                raise LearnitError(
                    f"the field spec in {file} has the {name} {value!r:.40}: expected a whole number of 1 to {most}, "
                    f"as the file holds {len(arrays)} arrays with {numbers} numbers"
                )
    for name, array in arrays.items():
        if name.startswith("buffers/") and (array.ndim != 2 or array.dtype.kind != "f" or not np.isfinite(array).all()):
            raise LearnitError(f"the array {name} in {file} is {array.dtype}{list(array.shape)}: expected finite rows")


def pretrained(name: str) -> tuple[Field, Params, dict[str, Any]]:
    """A shipped initialisation by name, as :func:`load` returns it; the error for an unknown name lists all names."""
    folder = resources.files("learnit_core") / "pretrained"
    with resources.as_file(folder) as directory:
        file = Path(directory) / f"{name}.safetensors"
        if not file.is_file():
            names = sorted(f.stem for f in Path(directory).glob("*.safetensors"))
            raise LearnitError(f"no shipped initialisation is called {name!r}: expected one of {', '.join(names)}")
        return load(file)


def named_leaves(tree: Any) -> dict[str, Any]:
    """Leaves of a pytree under names such as ``0/w``, in the tree's order."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(keys, simple=True, separator="/"): leaf for keys, leaf in leaves}


def unflatten_like(template: Any, arrays: dict[str, np.ndarray], where: str | os.PathLike) -> Any:
    """Arrays by name back into the structure of ``template``; names, shapes and types must agree."""
    expected = named_leaves(template)
    if missing := sorted(expected.keys() ^ arrays.keys()):
        raise LearnitError(f"{where} does not hold the arrays expected: {', '.join(missing[:4])} on one side only")
    for name, leaf in expected.items():
        if arrays[name].shape != leaf.shape or arrays[name].dtype != leaf.dtype:
            found, wanted = arrays[name], leaf
            raise LearnitError(
                f"array {name} in {where} is {found.dtype}{list(found.shape)}: "
                f"expected {wanted.dtype}{list(wanted.shape)}"
            )
    return jax.tree.unflatten(jax.tree.structure(template), [arrays[name] for name in expected])


def write_arrays(file: str | os.PathLike, arrays: dict[str, Any], header: dict[str, Any]) -> None:
    """Write arrays and a JSON header, with a checksum of both, to a safetensors file, whole or not at all.

    Raises OSError, with the file's name, if the disk refuses it.
    """
    # Safetensors wants contiguous numpy arrays, and string metadata only.
    contiguous = {name: np.ascontiguousarray(np.asarray(a)).reshape(np.shape(a)) for name, a in arrays.items()}
    metadata = {key: json.dumps(value) for key, value in header.items()}
    metadata[_SUM] = json.dumps(_checksum(contiguous, metadata))
    with files.whole(file) as partial:
        partial.touch()
        mode = partial.stat().st_mode  # what the umask leaves; safetensors would let its owner read it only
        try:
            save_file(contiguous, partial, metadata=metadata)
            with open(partial, "rb+") as written:
                _put_in_order(written)
                os.fsync(written.fileno())  # some disks say only now that they are full
        except SafetensorError as error:  # hides the disk's own error in its text
            found = re.search(r"os error (\d+)", str(error))
            number = int(found[1]) if found else errno.EIO
            raise OSError(number, os.strerror(number), os.fspath(file)) from error
        partial.chmod(mode)


def _put_in_order(file: BinaryIO) -> None:
    """Sort the header's entries, which safetensors writes in an order drawn anew: equal content is equal bytes."""
    length = int.from_bytes(file.read(8), "little")
    header = json.loads(file.read(length))
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    if len(text) <= length:
        file.seek(8)
        file.write(text.ljust(length))


def read_arrays(file: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what :func:`write_arrays` wrote. Raises LearnitError for a file that is missing or damaged.

    Files from before there was a checksum are read without one.
    """
    if not Path(file).expanduser().is_file():
        raise LearnitError(f"no weights file at {file}")
    try:
        with safe_open(Path(file).expanduser(), framework="numpy") as opened:
            metadata = opened.metadata() or {}
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise LearnitError(f"{file} is not a whole safetensors file ({error})") from error
    except (TypeError, ValueError, KeyError, AttributeError) as error:  # types of numbers that numpy lacks
        raise LearnitError(f"{file} has arrays of a type that cannot be read ({error})") from error
    recorded = metadata.pop(_SUM, None)
    if recorded is not None and recorded != json.dumps(_checksum(arrays, metadata)):
        raise LearnitError(
            f"{file} is damaged: its checksum is not that of its contents. Take another copy, or delete it"
        )
    return arrays, {key: files.parse_json(value, f"the header of {file} ({key})") for key, value in metadata.items()}


def _checksum(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> str:
    """CRC-32 of all that a file says, in the order of the names."""
    about = {name: [a.dtype.name, list(a.shape)] for name, a in arrays.items()}
    crc = zlib.crc32(json.dumps([about, metadata], sort_keys=True).encode())
    for name in sorted(arrays):
        crc = zlib.crc32(arrays[name].reshape(-1).view(np.uint8), crc)
    return f"{crc:08x}"


_SUM = "crc32"
