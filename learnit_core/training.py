"""Meta-training on real hardware: jitted chunks of outer steps, and between them progress, validation, checkpoints.

An interrupted run, even a killed one, resumes from its last checkpoint and ends with the same weights bit for bit:
every random number is a function of the step, chunks begin at the same steps, and data is a pure function of the step
numbers.
"""

import functools
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Int, PyTree
from tqdm import tqdm

from learnit_core import weights
from learnit_core.errors import LearnitError
from learnit_core.meta import MetaGrad, MetaState, meta_steps, step_keys
from learnit_core.structures import Batch, Params, PRNGKey, Task, rows

Source = Callable[[int, int], Batch]
"""``source(first_step, num_steps)``: the data of a chunk; a pure function, called one chunk ahead on a thread."""


@dataclass
class History:
    """Record of a meta-training: the query loss of every step, validation scores [step, dB], and seconds."""

    losses: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    seconds: float = 0.0
    compile_seconds: float = 0.0
    resumed_from: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """File of a run's checkpoint, and the run's configuration (JSON): a file with another configuration is refused.

    Written at chunk boundaries, at most every ``every_seconds``, and at the end. ``formerly`` is what earlier versions
    wrote for the same configuration; a file with that is accepted, and has ``config`` when it is written next.
    """

    file: str | os.PathLike
    config: dict[str, Any]
    every_seconds: float = 20.0
    formerly: dict[str, Any] | None = None


def in_memory(data: PyTree[Array | np.ndarray]) -> Source:
    """The source of a data set that fits the device: the same arrays for every chunk."""
    data = jax.device_put(data)
    return lambda first_step, num_steps: data


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Excerpt:
    """The rows of a long array that one chunk needs. Length and indices are those of the whole array.

    Only rows of the excerpt may be indexed.
    """

    indices: PyTree
    """Indices of the rows in the whole array, Int[" rows"], ascending (PyTree, since JAX may put other leaves here)."""
    rows: PyTree
    """Arrays with a leading axis "rows"."""
    length: int = field(metadata={"static": True})
    """Of the whole array."""

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, wanted: Int[Array | np.ndarray, "..."]) -> PyTree[Array]:
        place = jnp.searchsorted(self.indices, wanted)
        return rows(self.rows, place)


def on_disk(
    read: Callable[[np.ndarray], PyTree[np.ndarray]],
    length: int,
    draw: Callable[[PRNGKey], Int[Array, "..."]],
    key: PRNGKey,
) -> Source:
    """The source of a data set of ``length`` rows that is too large for memory: an :class:`Excerpt` for each chunk.

    ``read(indices)`` returns rows of the set; ``draw(sample_key)`` gives the indices that ``sample_tasks`` will
    use with that key, and ``key`` is that of :func:`train`. So every step gets the data that it would get from
    :func:`in_memory`, wherever its chunk begins.
    """
    try:  # indices are drawn on the CPU: an accelerator is busy with the previous chunk
        processor = jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        processor = None
    with jax.default_device(processor):
        key = jax.random.wrap_key_data(np.asarray(jax.random.key_data(key)), impl=jax.random.key_impl(key))
        drawn = jax.jit(jax.vmap(lambda step: draw(step_keys(key, step)[0])))

    def source(first_step, num_steps):
        with jax.default_device(processor):
            wanted = np.asarray(drawn(np.arange(first_step, first_step + num_steps)))
        indices = np.unique(wanted)
        found = read(indices)
        # Rows drawn twice are read once; the last row is repeated to fill their places. So all chunks of one length
        # have the same shape and share one compiled program.
        place = np.minimum(np.arange(wanted.size), indices.size - 1)
        found = rows(found, place) if indices.size < wanted.size else found
        return jax.device_put(Excerpt(indices[place].astype(np.int32), found, length))

    return source


def train(
    meta_grad: MetaGrad,
    sample_tasks: Callable[[PRNGKey, Batch], Task],
    source: Source,
    state: MetaState,
    key: PRNGKey,
    *,
    optimizer: optax.GradientTransformation,
    num_steps: int,
    chunk: int = 100,
    validate: Callable[[Params], float] | None = None,
    validate_every: int = 5,
    checkpoint: Checkpoint | None = None,
    stop_after: float | None = None,
    over_tasks: str = "map",
    progress: bool = True,
    description: str = "meta-training",
) -> tuple[MetaState, History]:
    """Run outer steps up to ``num_steps`` in all, from ``state`` or from the checkpoint if there is one.

    ``validate(params)`` [dB] is called every ``validate_every`` chunks and at the end. A call ends early, with all that
    the end of a run has, at the first end of a chunk that comes ``stop_after`` seconds or more after its beginning;
    these hold compiling, validation and checkpoints, too. Every call makes one chunk at least. ``progress`` shows a bar
    that begins with ``description``, on the standard error or in the notebook. Raises LearnitError if the loss stops
    being finite (the checkpoint then keeps the last good state) and if the checkpoint belongs to another configuration.
    """
    history = History()
    if checkpoint and Path(checkpoint.file).exists():
        state, history = _restore(checkpoint, state)
    first = history.resumed_from = int(state.step)
    if first >= num_steps:
        return state, history

    programs: dict[int, Callable] = {}

    @functools.partial(jax.jit, static_argnames="num_steps")
    def advance(state, data, key, num_steps):
        return meta_steps(
            meta_grad, sample_tasks, data, state, key, optimizer=optimizer, num_steps=num_steps, over_tasks=over_tasks
        )

    # Chunks begin at multiples of `chunk`, wherever a run resumes: each step is computed by the same program.
    bounds = [first, *range((first // chunk + 1) * chunk, num_steps, chunk), num_steps]
    chunks = [(start, stop - start) for start, stop in zip(bounds[:-1], bounds[1:], strict=True)]
    saved_at = began = time.perf_counter()
    earlier = history.seconds
    shown = tqdm(total=num_steps, initial=first, desc=description, unit="step", disable=not progress)
    with ThreadPoolExecutor(1) as host, shown as bar:
        upcoming = host.submit(source, *chunks[0])
        for index, (start, length) in enumerate(chunks):
            data = upcoming.result()
            if index + 1 < len(chunks):
                upcoming = host.submit(source, *chunks[index + 1])
            if length not in programs:
                called = time.perf_counter()
                programs[length] = advance.lower(state, data, key, num_steps=length).compile()
                history.compile_seconds += time.perf_counter() - called
            advanced, losses = programs[length](state, data, key)
            losses = np.asarray(losses)
            # The state too: the last step can produce weights that are not finite although its loss is.
            if not all(np.isfinite(leaf).all() for leaf in (losses, *jax.tree.leaves(advanced))):
                if checkpoint:
                    _store(checkpoint, state, history)
                raise LearnitError(_diverged(start, losses, checkpoint))
            state = advanced
            history.losses.extend(losses.tolist())
            history.seconds = earlier + time.perf_counter() - began
            time_is_up = stop_after is not None and time.perf_counter() - began >= stop_after
            last = time_is_up or index + 1 == len(chunks)
            if validate and (last or (start + length) % (validate_every * chunk) == 0):
                history.validation.append((start + length, float(validate(state.params))))
                bar.set_postfix_str(f"validation {history.validation[-1][1]:.2f} dB", refresh=False)
            bar.update(length)
            if checkpoint and (last or time.perf_counter() - saved_at > checkpoint.every_seconds):
                _store(checkpoint, state, history)
                saved_at = time.perf_counter()
            if time_is_up:
                break
    return state, history


def _diverged(start: int, losses: np.ndarray, checkpoint: Checkpoint | None) -> str:
    finite = np.isfinite(losses)
    bad = len(losses) if finite.all() else int(finite.argmin())
    found = "the weights are not finite" if finite.all() else f"the loss is {losses[bad]}"
    before = f"the loss was {losses[bad - 1]:.3g} one step before" if bad else "the first step of its chunk"
    kept = f"; the state of step {start} is kept in {checkpoint.file}" if checkpoint else ""
    return (
        f"meta-training diverged at step {start + bad}: {found} ({before}){kept}. "
        "Try a smaller inner or outer learning rate, fewer inner steps, or a smaller w0"
    )


def _store(checkpoint: Checkpoint, state: MetaState, history: History) -> None:
    arrays = weights.named_leaves(state) | {"history/losses": np.asarray(history.losses, np.float32)}
    header = {
        "config": checkpoint.config,
        "validation": history.validation,
        "seconds": history.seconds,
        "compile_seconds": history.compile_seconds,
    }
    weights.write_arrays(checkpoint.file, arrays, header)


def _restore(checkpoint: Checkpoint, template: MetaState) -> tuple[MetaState, History]:
    arrays, header = weights.read_arrays(checkpoint.file)
    found, expected = header.get("config"), checkpoint.config
    if found is None or found not in (expected, checkpoint.formerly):
        names = sorted(expected.keys() | (found or {}).keys())
        differing = [n for n in names if (found or {}).get(n, math.nan) != expected.get(n, math.nan)]
        raise LearnitError(
            f"the checkpoint {checkpoint.file} belongs to another configuration: "
            + "; ".join(f"{n} is {(found or {}).get(n)!r} there, {expected.get(n)!r} here" for n in differing)
            + ". Choose another output folder, or delete the file to start afresh"
        )
    losses = arrays.pop("history/losses", np.zeros(0))
    state = jax.tree.map(jax.numpy.asarray, weights.unflatten_like(template, arrays, checkpoint.file))
    validation = [tuple(pair) for pair in header.get("validation", [])]
    return state, History(losses.tolist(), validation, header.get("seconds", 0.0), header.get("compile_seconds", 0.0))
