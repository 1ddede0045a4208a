"""Fits of many signals from one start: one compiled program over blocks of signals, on a device or a mesh of them.

A sequence of fits, each started when the one before has ended, spends most of its time between small programs. Here a
chunk of signals is one program; on a CPU chunks run side by side, on up to four cores, and on a mesh every device has
its part of each chunk. Signals never meet: nothing is sent from one device to another.
"""

import functools
import math
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Float, Int, PyTree

from learnit_core import memory, sharding
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting, at_once, side_by_side
from learnit_core.fit import step_of
from learnit_core.structures import Batch, LossFn, Params, PRNGKey, Rated, plain, rows

BLOCKS = (1, 8, 64)
"""Numbers of signals that are fitted under one ``vmap``, of which :func:`fastest_block` takes the best."""

TRIAL_STEPS, TURNS = 8, 3
"""Steps of each fit of a trial, at most, and how often it is timed."""

CHUNK_BYTES = 1 << 26
"""What the signals and the networks of one chunk may take, unless a chunk is given."""

_MAKING = threading.Lock()


class Fits(NamedTuple):
    """Networks of many signals, a row each, in the order of the signals."""

    params: Params
    """Leaves [signals, ...]: plain weights, also where the start had rates."""
    losses: Float[np.ndarray, " signals"]
    """Loss of the fitted network."""
    scores: PyTree
    """What ``score`` said of it, [signals, ...]; None without a score."""
    steps: Int[np.ndarray, " signals"]
    """Steps that were taken."""


class Recipe(NamedTuple):
    """How each signal is fitted; by its value a program is found again.

    ``batch_of(row)`` makes of a row of the data what ``loss(params, batch, key)`` reads: so data may stay in bytes,
    and positions that all signals share are stored once. ``score(params, batch)`` is looked at in the end.
    """

    loss: LossFn
    setting: Setting
    num_steps: int
    """Taken at most."""
    until: float | None = None
    """The loss at which a fit is done: 10^(−d/10) for a PSNR of d dB. To look at it, each step computes the loss once
    more."""
    batch_of: Callable[[PyTree], Batch] = lambda row: row
    score: Callable[[Params, Batch], Any] | None = None


def fit_many(
    recipe: Recipe,
    start: Params | Rated,
    data: PyTree[Array | np.ndarray],
    key: PRNGKey,
    *,
    first: int = 0,
    block: int = 1,
    chunk: int | None = None,
    mesh: Mesh | None = None,
    keep_diverged: bool = False,
) -> Fits:
    """Fit every row of ``data`` (leaves [signals, ...]) from ``start``.

    Signal ``i`` draws with ``fold_in(key, first + i)``, so it is fitted alike wherever it stands in a chunk. ``block``
    signals go under one ``vmap``, the blocks of a chunk one after the other: on a CPU single signals are fastest as a
    rule (:func:`fastest_block` measures). A program has ``chunk`` signals (default: equal parts of what
    :func:`chunk_for` says), and on a CPU up to four run at a time, whichever calls they are of; the networks of all
    signals are kept, and in the end are in memory twice. A ``mesh`` of one axis shares each chunk out over its devices.
    If these are of several hosts, each calls this with the same arguments, in its main thread, and gets all results.

    Raises LearnitError if the data has no rows, rows of another number in one leaf, if several hosts are asked for in
    another thread, or if a fit diverges; with ``keep_diverged`` such a row is returned as it came, with a loss that is
    not finite.
    """
    counts = {len(leaf) if np.ndim(leaf) else None for leaf in jax.tree.leaves(data)}
    if len(counts) != 1 or None in counts or 0 in counts:
        raise LearnitError(f"found data with {counts or 'no'} rows: expected as many in each array, one or more")
    if recipe.num_steps < 0 or block < 1 or (chunk is not None and chunk < 1):
        raise LearnitError(
            f"found {recipe.num_steps} steps, blocks of {block}, chunks of {chunk}: expected 0, 1 and 1 at least"
        )
    several = mesh is not None and mesh.is_multi_process
    if several and threading.current_thread() is not threading.main_thread():
        raise LearnitError(
            "found a mesh of several hosts in a thread of its own, where they could get out of step: fit in the main "
            "thread, and write a set of these fits on one host"
        )
    (count,) = counts
    each = mesh.size if mesh else 1  # a chunk is filled up to as many rows on every device
    parts = 1 if chunk else -(-count // chunk_for(start, data))
    if parts > 1:  # equal ones, of whole blocks: little is filled up, and no block is fitted otherwise than the others
        each *= block
        chunk = -(-count // parts)
    chunk = -(-min(chunk or count, count) // each) * each
    keys = jax.random.key_data(jax.vmap(functools.partial(jax.random.fold_in, key))(first + np.arange(count)))
    keys = jax.random.wrap_key_data(keys, impl=jax.random.key_impl(key))
    begun = sharding.everywhere(start, mesh) if several else start
    program = functools.partial(_fit_chunk, recipe, begun, block=block, mesh=mesh)

    def one(begin):
        place = np.minimum(np.arange(begin, begin + chunk), count - 1)  # the last chunk is filled up: one program
        with _turn():
            part = rows(data, place), keys[place]
            if several:
                part = sharding.everywhere(part, mesh)
            fits = sharding.gathered(program(*part))
        return rows(fits, slice(0, count - begin))

    parts = list((map if mesh else side_by_side)(one, range(0, count, chunk)))
    fits = Fits(*jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts))
    bad = np.flatnonzero(~np.isfinite(fits.losses)).tolist()
    if bad and not keep_diverged:
        raise LearnitError(
            f"{len(bad)} of {count} fits diverged, the first that of signal {first + bad[0]}: "
            "expected finite signals, and a rate that suits the start"
        )
    return fits


def chunk_for(start: Params | Rated, data: PyTree[Array | np.ndarray], budget: int = CHUNK_BYTES) -> int:
    """How many signals, with their networks and what Adam keeps, take ``budget`` bytes at most; at least one.

    Activations are there for a block at a time, however many signals a chunk has (:func:`temporaries`).
    """
    network = sum(leaf.nbytes for leaf in jax.tree.leaves(start))
    signal = sum(np.dtype(leaf.dtype).itemsize * math.prod(leaf.shape[1:]) for leaf in jax.tree.leaves(data))
    return max(1, budget // (3 * network + signal))


def temporaries(
    recipe: Recipe,
    start: Params | Rated,
    data: PyTree[Array | np.ndarray],
    key: PRNGKey,
    *,
    block: int,
    mesh: Mesh | None = None,
) -> int | None:
    """Bytes that a program for the rows of ``data`` needs on each device beside signals and networks: activations,
    gradients and what the optimiser keeps, of a block of signals. It is compiled for that; None if it does not say."""
    keys = jax.random.split(key, len(jax.tree.leaves(data)[0]))
    if mesh is not None and mesh.is_multi_process:
        start, data, keys = sharding.everywhere((start, data, keys), mesh)
    return memory.temporaries(_fit_chunk.lower(recipe, start, data, keys, block=block, mesh=mesh).compile())


def fastest_block(
    recipe: Recipe,
    start: Params | Rated,
    data: PyTree,
    key: PRNGKey,
    *,
    count: int | None = None,
    mesh: Mesh | None = None,
    budget: int | None = None,
) -> tuple[int, dict[int, float]]:
    """The best of ``BLOCKS`` on this device, and the seconds a signal that each took (without compiling).

    ``count`` signals are to be fitted (default: the rows of ``data``). A trial fits rows of ``data``, some of them
    repeatedly, for ``TRIAL_STEPS`` steps at most. All trials together take half as many steps as the work, at most:
    where these do not suffice for two blocks, or there are no two of ``count`` or fewer, the first is returned untried.
    Larger blocks are tried as long as they gain: where the first does not, the next would only cost time.

    A block is not run where its :func:`temporaries`, times the programs that run at a time and the devices that have
    the same memory, take more than ``budget`` bytes (default: :func:`learnit_core.memory.share`, a quarter of what is
    free). The first block is allowed always, as there is none that needs less.
    """
    there, seconds = len(jax.tree.leaves(data)[0]), {}
    count = there if count is None else count
    trial = recipe._replace(num_steps=min(recipe.num_steps, TRIAL_STEPS))
    devices = mesh.size if mesh else 1
    chunks = {block: max(block, 16) * devices for block in BLOCKS if block <= count}
    # Sets are written from several threads, also on a mesh; simulated devices have one memory.
    times = at_once() * (devices if jax.default_backend() == "cpu" else 1)
    budget = memory.share() if budget is None else budget
    each = 1 if mesh else at_once()  # chunks in work at a time
    steps = {block: chunk * (1 + TURNS * each) * trial.num_steps for block, chunk in chunks.items()}
    left = count * recipe.num_steps // 2
    if len(chunks) < 2 or sum(list(steps.values())[:2]) > left:
        return BLOCKS[0], seconds
    for block, chunk in chunks.items():
        left -= steps[block]
        if left < 0:
            break
        if seconds:
            needed = temporaries(trial, start, rows(data, np.arange(chunk) % there), key, block=block, mesh=mesh)
            (fits_in,) = sharding.least(int((needed or 0) * times <= budget), mesh=mesh)
            if not fits_in:
                break

        def call(number, block=block, chunk=chunk):
            part = rows(data, np.arange(number) % there)
            fit_many(trial, start, part, key, block=block, chunk=chunk, mesh=mesh, keep_diverged=True)

        call(chunk)
        turns = []
        for _ in range(TURNS):
            began = time.perf_counter()
            call(chunk * each)
            turns.append(time.perf_counter() - began)
        (slowest,) = sharding.least(-round(1e6 * min(turns)), mesh=mesh)  # microseconds: all hosts choose alike
        seconds[block] = -1e-6 * slowest / (chunk * each)
        if seconds[block] > min(seconds.values()):
            break
    return min(seconds, key=seconds.get), seconds


def _turn() -> threading.BoundedSemaphore:
    """What a program waits for before it runs: no more than :func:`at_once` do, however many threads ask for some."""
    with _MAKING:
        return _turns(at_once())


@functools.cache
def _turns(number: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(number)


@functools.partial(jax.jit, static_argnames=("recipe", "block", "mesh"))
def _fit_chunk(recipe, start, data, keys, *, block, mesh):
    fit_block = functools.partial(_fit_rows, recipe, block=block)
    if mesh is None:
        return fit_block(start, data, keys)
    mesh = sharding.along(mesh, "signals")  # whatever its axis was called: losses share out what is called samples
    everywhere, parts = PartitionSpec(), PartitionSpec("signals")
    specs = {"in_specs": (everywhere, parts, parts), "out_specs": parts}
    return jax.shard_map(fit_block, mesh=mesh, check_vma=False, **specs)(start, data, keys)


def _fit_rows(recipe: Recipe, start, data, keys, *, block: int):
    build = recipe.setting.build()

    def one(row_and_key):
        row, key = row_and_key
        batch = recipe.batch_of(row)
        descend = step_of(lambda params, *rest: recipe.loss(plain(params), *rest), batch, key, build)

        def loss_of(params):
            return recipe.loss(plain(params), batch, jax.random.fold_in(key, recipe.num_steps))

        def step(i, carry):
            return descend(carry, i)[0]

        begun = (start, build.init(start))
        if recipe.until is None:
            taken = jnp.int32(recipe.num_steps)
            fitted, _ = jax.lax.fori_loop(0, recipe.num_steps, step, begun)
        else:
            (fitted, _), taken = jax.lax.while_loop(
                lambda state: (state[1] < recipe.num_steps) & (loss_of(state[0][0]) > recipe.until),
                lambda state: (step(state[1], state[0]), state[1] + 1),
                (begun, jnp.int32(0)),
            )
        params = plain(fitted)
        return Fits(params, loss_of(fitted), recipe.score and recipe.score(params, batch), taken)

    return jax.lax.map(one, (data, keys), batch_size=None if block == 1 else block)
