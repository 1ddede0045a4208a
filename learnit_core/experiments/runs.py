"""What the meta-trainings of all experiments have in common: the outer optimiser, checkpoints, and how they start."""

import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.sharding import Mesh

from learnit_core import evaluate, meta, names, training, weights
from learnit_core.errors import LearnitError
from learnit_core.signals import Pictures
from learnit_core.structures import Field, LossFn, Params, PRNGKey, Task, Views, seed_key


def outer_optimizer(profile: Any) -> optax.GradientTransformation:
    """Adam; except in the paper's profile the rate falls to zero along a cosine, which suits short trainings."""
    if not profile.decay:
        return optax.adam(profile.outer_rate)
    return optax.adam(optax.cosine_decay_schedule(profile.outer_rate, profile.num_steps))


def meta_train(
    profile: Any,
    field: Field,
    train: np.ndarray | Pictures | Views,
    meta_grad: meta.MetaGrad,
    sample_tasks: Callable,
    validate: Callable[[Params], Any],
    *,
    algorithm: str,
    data: str,
    seed: int,
    folder: Path | None,
    source: Callable[[Any, PRNGKey], training.Source] = lambda train, key: training.in_memory(train),
    chunk: int = 50,
    validate_every: int = 2,
    stop_after: float | None = None,
    mesh: Mesh | None = None,
    about: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Field, Params, training.History]:
    """Meta-train ``field`` on the signals ``train``; with a ``folder`` the run keeps a checkpoint and goes on from it.

    ``profile`` is an experiment's: its ``training()`` is what a checkpoint is held against, along with the signals.
    ``source(train, key)`` says how the signals reach the device; ``key`` is the one that the training draws by.
    ``validate(params)`` is a score [dB] after every ``validate_every`` chunks of ``chunk`` outer steps. A call ends
    after ``stop_after`` seconds, and the devices of a ``mesh`` share its steps, as :func:`learnit_core.training.train`
    says. An experiment's ``meta_train`` hands over these four as its ``control``. What else decides the weights is
    ``about`` the checkpoint.
    """
    if not len(pictures(train)):
        raise LearnitError("there is no signal to train on: expected one at least")
    optimizer = outer_optimizer(profile)
    init_key, train_key = run_keys(seed)
    checkpoint = None
    if folder is not None:
        # A trial with few steps, or another profile, must not stand in the way of the real run.
        file = (
            Path(folder) / f"{algorithm}-{names.safe(data)}-{profile.name}-{profile.num_steps}-seed{seed}.safetensors"
        )
        config = profile.training() | {
            "algorithm": algorithm,
            "data": data,
            "seed": seed,
            "train_shape": list(pictures(train).shape),
            "train_checksum": checksum(train),
            **about,
        }
        # Formerly a profile's name stood there, `long` was called `quick`, and cameras were left out of the sum. To be
        # dropped when no such checkpoint is continued.
        name = "quick" if profile.name == "long" else profile.name
        formerly = config | {"name": name, "train_checksum": checksum(pictures(train))}
        earlier = Path(folder) / f"{algorithm}-{data}-{name}-{profile.num_steps}-seed{seed}.safetensors"
        if not file.exists() and earlier.exists() and weights.read_arrays(earlier)[1].get("config") == formerly:
            file = earlier
        checkpoint = training.Checkpoint(file, config, formerly=formerly, log=file.with_suffix(".log.jsonl"))
    state, history = training.train(
        meta_grad,
        sample_tasks,
        source(train, train_key),
        meta.init_state(field.init(init_key), optimizer),
        train_key,
        optimizer=optimizer,
        num_steps=profile.num_steps,
        chunk=chunk,
        validate=validate,
        validate_every=validate_every,
        checkpoint=checkpoint,
        stop_after=stop_after,
        mesh=mesh,
        description=f"{algorithm} on {data}",
    )
    return field, state.params, history


def after_inner_steps(
    loss: LossFn, score: Callable, unseen: Task, optimizer: optax.GradientTransformation, steps: int, key: PRNGKey
) -> Callable[[Params], Array]:
    """A ``validate`` of :func:`meta_train`: the mean score of ``unseen`` tasks after ``steps`` inner steps.

    Raises LearnitError if there are none.
    """
    if not all(len(leaf) for leaf in jax.tree.leaves(unseen)):
        raise LearnitError("there is no signal to validate on: expected one at least")

    @jax.jit
    def validate(params):
        found = evaluate.curves(loss, score, params, unseen, key, optimizer=optimizer, num_steps=steps, every=steps)
        return jnp.mean(found[:, -1])

    return validate


def run_keys(seed: int) -> Array:
    """Keys of the first weights and of all that is drawn while training. Raises LearnitError for no seed."""
    return jax.random.split(seed_key(seed))


def pictures(train: np.ndarray | Pictures | Views) -> np.ndarray | Pictures:
    """The pictures of a split, those of objects with an axis of objects and one of views."""
    return train.images if isinstance(train, Views) else train


def in_unit(pictures: np.ndarray | Array) -> np.ndarray | Array:
    """Values in [0, 1] as they are; bytes become that, exactly as numpy divides. They take a quarter of the memory."""
    return jnp.asarray(np.arange(256, dtype=np.float32) / 255)[pictures] if pictures.dtype == jnp.uint8 else pictures


def checksum(signals: np.ndarray | Pictures | Views) -> str:
    """CRC-32 of the training signals, cameras included: a checkpoint must not be continued on other data.

    Arrays are summed where they lie; of one that is not contiguous, a mebi of elements is copied at a time.
    """
    if isinstance(signals, Pictures):
        return signals.checksum
    crc = 0
    for leaf in jax.tree.leaves(signals):
        flags, kind = ("external_loop", "buffered", "zerosize_ok"), [("readonly", "contig")]
        for piece in np.nditer([np.asarray(leaf)], flags, kind, order="C", buffersize=1 << 20):
            crc = zlib.crc32(piece, crc)
    return f"{crc:08x}"
