"""Work shared out over a mesh of devices, on one host or several: what each has of it, and what they tell each other.

Devices that train together do the same steps from the same weights. What is shared out is either the tasks of a
meta-batch, of which each device adapts its part, or the samples of one loss (pixels, rays, angles), of which each
sees its part. In the first case the meta-gradient is summed over devices once an outer step, in the second every
gradient once. Nothing else of any size is sent, and weights are the same everywhere.

On several hosts every process calls ``jax.distributed.initialize`` first, and then does the same.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from learnit_core.errors import LearnitError

TASKS, SAMPLES = "tasks", "samples"
"""Names of the one axis of a training's mesh, by what is shared out along it."""


def devices(number: int | None = None) -> Mesh:
    """A mesh of one axis, "signals", over the first ``number`` devices (default: all, of all hosts)."""
    found = jax.devices()
    if number is not None and not 1 <= number <= len(found):
        raise LearnitError(f"found {len(found)} devices: expected {number}")
    return Mesh(np.array(found[:number]), ("signals",))


def along(mesh: Mesh, axis: str) -> Mesh:
    """The same devices in one row, called ``axis``."""
    return Mesh(mesh.devices.ravel(), (axis,))


def own(tree: PyTree[Array], axis: str = SAMPLES) -> PyTree[Array]:
    """A device's part of what is shared out along ``axis``: equal parts of every leaf's leading axis.

    All of it where nothing is shared out along this axis; so a loss may always ask, if it is :func:`shared`. Raises
    LearnitError if there are no equal parts.
    """
    number = _number(axis)
    if number is None:
        return tree
    counts = {len(leaf) for leaf in jax.tree.leaves(tree)}
    if any(count % number for count in counts):
        found = " and ".join(map(str, sorted(counts)))
        raise LearnitError(
            f"{number} devices cannot share {found} {axis} in equal parts: give a mesh whose number of devices divides "
            "them, or the number of tasks"
        )
    place = jax.lax.axis_index(axis)

    def part(leaf):
        size = len(leaf) // number
        return jax.lax.dynamic_slice_in_dim(leaf, place * size, size)

    return jax.tree.map(part, tree)


def shared(loss: Callable[..., Array]) -> Callable[..., Array]:
    """The mean over devices of a ``loss(params, batch, key)`` that looks at its :func:`own` part of the samples.

    Its gradient, and every further one, is summed over devices by JAX: once for all weights, as they are what each
    device has begun from. Where samples are not shared out it is the loss itself.
    """

    @functools.wraps(loss)
    def whole(params, batch, key):
        if _number(SAMPLES) is None:
            return loss(params, batch, key)
        return mean(loss(_each(params), batch, key))

    return whole


def _each(tree):
    """What is the same everywhere, from here on a device's own: here its gradient is summed over devices."""
    if hasattr(jax.lax, "pcast"):
        return jax.tree.map(lambda leaf: jax.lax.pcast(leaf, SAMPLES, to="varying"), tree)
    return jax.tree.map(lambda leaf: jax.lax.pvary(leaf, SAMPLES), tree)  # JAX before 0.8


def mean(tree: PyTree[Array], axis: str = SAMPLES) -> PyTree[Array]:
    """The mean over devices of what each computed from its :func:`own` part; where nothing is shared out, itself."""
    return tree if _number(axis) is None else jax.lax.pmean(tree, axis)


def everywhere(tree: PyTree, mesh: Mesh) -> PyTree[Array]:
    """All of it on every device of the mesh; on several hosts each of them has it already."""
    sharding = NamedSharding(mesh, PartitionSpec())
    if not mesh.is_multi_process:
        return jax.device_put(tree, sharding)

    def send(leaf):
        if isinstance(leaf, Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(send(jax.random.key_data(leaf)), impl=jax.random.key_impl(leaf))
        leaf = np.asarray(leaf)
        return jax.make_array_from_callback(leaf.shape, sharding, lambda index: leaf[index])

    return jax.tree.map(send, tree)


def here(tree: PyTree[Array]) -> PyTree[Array]:
    """What is the same everywhere, as arrays of this host that any device may take."""
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), tree)


def gathered(tree: PyTree[Array]) -> PyTree[np.ndarray]:
    """Arrays of this host; of what is shared out over several, each gets all parts, if all ask for them."""

    def fetch(leaf):
        whole = leaf.is_fully_addressable
        return np.asarray(leaf if whole else multihost_utils.process_allgather(leaf, tiled=True))

    return jax.tree.map(fetch, tree)


def least(*numbers: int, mesh: Mesh | None) -> tuple[int, ...]:
    """The smallest of each number over the hosts of the mesh, where each has its own: of clocks, signals, folders."""
    if mesh is None or not mesh.is_multi_process:
        return numbers
    return tuple(multihost_utils.process_allgather(np.asarray(numbers, np.int32)).min(axis=0).tolist())


def leads(mesh: Mesh | None) -> bool:
    """Whether this host is the one that writes files."""
    return mesh is None or not mesh.is_multi_process or jax.process_index() == 0


def _number(axis: str) -> int | None:
    """Devices that share out along ``axis`` where this is traced."""
    mesh: Any = jax.sharding.get_abstract_mesh()
    return mesh.shape[axis] if axis in mesh.manual_axes else None
