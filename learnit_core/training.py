"""Meta-training on real hardware: jitted chunks of outer steps, and between them progress, validation, checkpoints.

An interrupted run, even a killed one, resumes from its last checkpoint and ends with the same weights bit for bit:
every random number is a function of the step, every step is computed by the same loop's body, and data is a pure
function of the step numbers. Chunks that take long are made in pieces, so that one can stop between two steps.
"""

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Int, PyTree
from tqdm import tqdm

from learnit_core import divergence, sharding
from learnit_core.checkpoints import SELDOM, Checkpoint, History, Run
from learnit_core.errors import LearnitError
from learnit_core.interruption import Interrupted, Pace, Signals
from learnit_core.meta import MetaGrad, MetaState, meta_steps, step_keys
from learnit_core.structures import Batch, Params, PRNGKey, Task, rows

__all__ = ["Checkpoint", "Excerpt", "History", "Interrupted", "Source", "in_memory", "on_disk", "train"]

Source = Callable[[int, int], Batch]
"""``source(first_step, num_steps)``: the data of a chunk; a pure function, called one chunk ahead on a thread."""


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


class _Program:
    """Outer steps, compiled once for any number of them up to ``most``: so all are the same steps, bit for bit.

    On a ``mesh`` all of its devices make them; states go in and come out as arrays of this host.
    """

    def __init__(self, meta_grad, sample_tasks, key, optimizer, over_tasks, most, mesh):
        def advance(state, data, key, count):
            def step(i, carry):
                state, losses = carry
                state, loss = meta_steps(
                    meta_grad, sample_tasks, data, state, key, optimizer=optimizer, num_steps=1, over_tasks=over_tasks
                )
                return state, losses.at[i].set(loss[0].astype(jnp.float32))

            return jax.lax.fori_loop(0, count, step, (state, jnp.zeros(most, jnp.float32)))

        def gradients(state, data, key):
            sample_key, task_key = step_keys(key, state.step)
            tasks = sample_tasks(sample_key, data)
            keys = jax.random.split(task_key, len(jax.tree.leaves(tasks)[0]))
            return jax.lax.map(lambda task_and_key: meta_grad(state.params, *task_and_key), (tasks, keys))

        self.key, self.compiled, self.mesh, self.sent = key, {}, mesh, (None, None)
        self.advance, self.of_tasks = advance, jax.jit(gradients)
        self.sample_tasks = sample_tasks

    def compile(self, state: MetaState, data: Batch) -> float:
        """Make it ready for data of these shapes; seconds that this took."""
        began, shapes = time.perf_counter(), self._shapes(data)
        if shapes in self.compiled:
            return 0.0
        advance = self.advance if self.mesh is None else self._shared(data)
        traced = jax.jit(advance).trace(*self._sent(state, data, 1))
        if self.mesh is not None and self.mesh.size > 1 and "psum" not in str(traced.jaxpr):
            raise LearnitError(
                f"{self.mesh.size} devices cannot share the tasks of a step in equal parts, and the loss looks at no "
                "part of its samples (sharding.own): give a mesh whose number of devices divides the number of tasks"
            )
        self.compiled[shapes] = traced.lower().compile()
        return time.perf_counter() - began

    def __call__(self, state: MetaState, data: Batch, count: int) -> tuple[MetaState, np.ndarray]:
        state, losses = self.compiled[self._shapes(data)](*self._sent(state, data, count))
        if self.mesh is not None:
            state = sharding.here(state)
        return state, np.asarray(losses)[:count]

    def gradients(self, state: MetaState, data: Batch) -> tuple[Array, Params]:
        """Losses and meta-gradients of each task of the next step."""
        return self.of_tasks(state, data, self.key)

    def _shared(self, data: Batch) -> Callable:
        """The steps on all devices, from what is everywhere the same to what is: tasks are shared out, or samples."""
        number = len(jax.tree.leaves(jax.eval_shape(self.sample_tasks, self.key, data))[0])
        axis = sharding.SAMPLES if number % self.mesh.size else sharding.TASKS
        mesh, everywhere = sharding.along(self.mesh, axis), PartitionSpec()
        # Gradients of a shared loss are summed by JAX, which has to know what differs between devices for that.
        specs = {"in_specs": everywhere, "out_specs": everywhere, "check_vma": axis == sharding.SAMPLES}
        return jax.shard_map(self.advance, mesh=mesh, **specs)

    def _sent(self, state: MetaState, data: Batch, count: int) -> tuple:
        """The arguments where the program reads them; the data of a chunk, or of all, are sent once."""
        if self.mesh is None:
            return state, data, self.key, count
        if self.sent[0] is not data:
            self.sent = data, sharding.everywhere(data, self.mesh)
        state, key, count = sharding.everywhere((state, self.key, jnp.int32(count)), self.mesh)
        return state, self.sent[1], key, count

    def _shapes(self, data: Batch) -> tuple:
        return tuple(jnp.shape(leaf) for leaf in jax.tree.leaves(data))


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
    mesh: Mesh | None = None,
    progress: bool = True,
    description: str = "meta-training",
) -> tuple[MetaState, History]:
    """Run outer steps up to ``num_steps`` in all, from ``state`` or from the checkpoint if there is one.

    ``validate(params)`` [dB] is called every ``validate_every`` chunks and at the end. A call ends early, with all that
    the end of a run has, at the first end of a chunk that comes ``stop_after`` seconds or more after its beginning;
    these hold compiling, validation and checkpoints, too. Every call makes one chunk at least. ``progress`` shows a bar
    that begins with ``description``, on the standard error or in the notebook.

    With a ``mesh`` (:func:`learnit_core.sharding.devices`) all of its devices make the steps. Where their number
    divides that of a step's tasks, each adapts its part of them, and the sum of meta-gradients is all that is sent.
    Where not, each sees its part of the samples of every loss (pixels, rays, angles), which their number must divide,
    and every gradient is summed. Results are those of one device up to the order of sums, and a checkpoint goes on on
    any number of devices. On several hosts (``jax.distributed``) each calls this with the same arguments and reads the
    same checkpoint, which the first one writes; a signal to one of them, and the clock, end all. An error ends its own
    host only, and the others wait for it: ``jax.distributed`` ends them when it misses that host.

    Ctrl-C, SIGTERM and SIGHUP end it within about a second (or a step, or a compilation, if that takes longer): every
    step that was finished is in the checkpoint, then :class:`Interrupted`, a KeyboardInterrupt that holds state and
    history, is raised, or the process ends by its signal. A checkpoint that the disk refuses is a warning, and the
    state is returned in the end. Raises LearnitError if data or loss are not finite (the checkpoint then keeps the last
    good state), if the checkpoint's place cannot be written, if the file is another configuration's, and if there is
    nothing that the mesh could share.
    """
    if chunk < 1 or validate_every < 1:
        raise LearnitError(f"found chunk={chunk} and validate_every={validate_every}: expected 1 at least")
    run = Run.begin(checkpoint, state)
    first = run.history.resumed_from = int(run.state.step)
    if sharding.least(first, -first, mesh=mesh) != (first, -first):
        raise LearnitError("the hosts found different checkpoints: give all of them one folder that they share")
    if not sharding.leads(mesh):
        run.checkpoint = run.log = None
    if first >= num_steps and run.validated:
        return run.state, run.history
    run.check_place()
    program = _Program(meta_grad, sample_tasks, key, optimizer, over_tasks, chunk, mesh)
    # Chunks begin at multiples of `chunk`, wherever a run resumes: so data and validation come at the same steps.
    bounds = sorted({first, *range((first // chunk + 1) * chunk, num_steps, chunk), max(first, num_steps)})
    chunks = [(start, stop - start) for start, stop in itertools.pairwise(bounds)]
    began, pace, host = time.perf_counter(), Pace(), ThreadPoolExecutor(1)
    shown = tqdm(total=num_steps, initial=first, desc=description, unit="step", disable=not progress)

    def score() -> None:
        with signals.at_once():
            found = float(validate(run.state.params))
        run.scored(found)
        bar.set_postfix_str(f"validation {found:.2f} dB", refresh=False)

    def agreed(steps: int) -> int:
        """Steps that every host makes next; a signal to one of them ends all."""
        steps, number = sharding.least(steps, -(signals.number or 0), mesh=mesh)
        if number:
            signals.number = signals.number or -number
        signals.check()
        return steps

    with Signals(several=mesh is not None and mesh.is_multi_process) as signals, shown as bar:
        try:
            if validate and not run.validated:  # an earlier call was ended while it did this
                score()
            upcoming = [host.submit(source, *part) for part in chunks[:1]]
            for index, (start, length) in enumerate(chunks):
                with signals.at_once():
                    data = upcoming.pop().result()
                upcoming = [host.submit(source, *part) for part in chunks[index + 1 : index + 2]]
                if index == 0:
                    divergence.check(data)
                run.history.compile_seconds += program.compile(run.state, data)
                done = 0
                while done < length:  # in pieces, if it takes long
                    steps = agreed(min(pace.steps, length - done))
                    with pace.of(steps):
                        advanced, losses = program(run.state, data, steps)
                    # The state too: the last step can produce weights that are not finite although its loss is.
                    if not all(np.isfinite(leaf).all() for leaf in (losses, *jax.tree.leaves(advanced))):
                        run.store()  # before it is said where it is
                        raise LearnitError(divergence.explain(run.state, losses, data, program, run.kept()))
                    run.advance(advanced, losses)
                    done += steps
                    bar.update(steps)
                    if done < length:
                        run.store_if_due(SELDOM)
                time_is_up = stop_after is not None and time.perf_counter() - began >= stop_after
                (time_is_up,) = map(bool, sharding.least(-time_is_up, mesh=mesh))
                last = time_is_up or index + 1 == len(chunks)
                if validate and (last or (start + length) % (validate_every * chunk) == 0):
                    run.validated = False
                    score()
                if time_is_up:
                    break
                run.store_if_due()
            run.store()
            agreed(0)
        except BaseException as end:
            run.store()
            run.tell(end)
            raise
        finally:
            host.shutdown(wait=signals.number is None, cancel_futures=True)
    return run.state, run.history
