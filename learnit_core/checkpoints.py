"""The file in which a meta-training keeps its state and history, and goes on from."""

import math
import os
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from learnit_core import files, runlog, weights
from learnit_core.errors import LearnitError
from learnit_core.interruption import Interrupted
from learnit_core.meta import MetaState

SELDOM = 10.0
"""Seconds at least between two checkpoints within a chunk."""


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
    """File of a run's checkpoint, and the run's configuration: a file with another configuration is refused.

    Written at chunk boundaries, at most every ``every_seconds``; within chunks that take longer, too; and at the end,
    whatever ends the run. ``config`` becomes here what JSON keeps of it (tuples are lists, paths text, numbers of numpy
    and JAX numbers); what it cannot keep raises LearnitError. ``formerly`` is what earlier versions wrote for the same
    configuration; a file with that is accepted, and has ``config`` when it is written next. There is one file, which
    each writing replaces. ``log`` is a file that says in plain lines how the run is getting on (:mod:`.runlog`).
    """

    file: str | os.PathLike
    config: dict[str, Any]
    every_seconds: float = 20.0
    formerly: dict[str, Any] | None = None
    log: str | os.PathLike | None = None

    def __post_init__(self):
        for name in ("config", "formerly"):
            object.__setattr__(self, name, files.as_json(getattr(self, name), f"checkpoint's {name}"))


class Run:
    """What a meta-training has so far, and when it was written."""

    def __init__(self, checkpoint: Checkpoint | None, state: MetaState, history: History, validated: bool):
        self.checkpoint, self.state, self.history = checkpoint, state, history
        self.validated = validated
        """Whether the validation that is due at this step was made."""
        self.saved = int(state.step), validated
        self.began = self.saved_at = time.perf_counter()
        self.earlier = history.seconds
        self.log = runlog.Writer(checkpoint.log, self.saved[0]) if checkpoint and checkpoint.log else None

    @classmethod
    def begin(cls, checkpoint: Checkpoint | None, state: MetaState) -> "Run":
        """From the checkpoint's file if there is one, else from ``state``."""
        if checkpoint and _there(checkpoint):
            return cls(checkpoint, *restore(checkpoint, state))
        return cls(checkpoint, state, History(), True)

    def advance(self, state: MetaState, losses: np.ndarray) -> None:
        """Steps were finished."""
        self.history.losses.extend(losses.tolist())
        self.state, self.validated = state, True
        self.history.seconds = self.earlier + time.perf_counter() - self.began
        if self.log:
            self.log.losses(int(state.step), self.history.seconds, losses.tolist())

    def scored(self, score: float) -> None:
        """The state was validated."""
        self.history.validation.append((int(self.state.step), score))
        self.validated = True
        if self.log:
            self.log.scored(int(self.state.step), self.history.seconds, score)

    def store_if_due(self, seldom: float = 0.0) -> None:
        """Write the checkpoint if its time has come, and ``seldom`` seconds at least have passed."""
        patience = max(self.checkpoint.every_seconds, seldom) if self.checkpoint else math.inf
        if time.perf_counter() - self.saved_at > patience:
            self.store()

    def store(self) -> None:
        """Write the checkpoint, if there is anything new. If the disk refuses, warn and leave the earlier one."""
        if not self.checkpoint or self.saved == (int(self.state.step), self.validated):
            return
        if self.log:
            self.log.flush(int(self.state.step), self.history.seconds)
        arrays = weights.named_leaves(self.state) | {"history/losses": np.asarray(self.history.losses, np.float32)}
        header = {
            "config": self.checkpoint.config,
            "validation": self.history.validation,
            "seconds": self.history.seconds,
            "compile_seconds": self.history.compile_seconds,
        } | ({} if self.validated else {"validated": False})
        self.saved_at = time.perf_counter()
        try:
            weights.write_arrays(self.checkpoint.file, arrays, header)
            self.saved = int(self.state.step), self.validated
        except OSError as error:
            warnings.warn(
                f"{_refused(self.checkpoint, error)}; the file holds {self.saved[0]} of {int(self.state.step)} "
                "steps, and the training keeps the others in memory",
                stacklevel=4,
            )

    def check_place(self) -> None:
        """Raise LearnitError where no checkpoint can be written, before hours are spent."""
        if self.checkpoint:
            try:
                files.try_place(self.checkpoint.file)
            except OSError as error:
                raise LearnitError(_refused(self.checkpoint, error)) from None

    def kept(self) -> str:
        """Where the state is, to end a sentence with."""
        step = int(self.state.step)
        if not self.checkpoint or self.saved != (step, self.validated) or not _there(self.checkpoint):
            return ""
        return f"; the state of step {step} is kept in {self.checkpoint.file}"

    def tell(self, end: BaseException) -> None:
        """Give an interruption what was made until then."""
        if isinstance(end, Interrupted):
            end.state, end.history = self.state, self.history
            where = self.kept() or "; the state is this exception's"
            end.args = (f"{end} after step {int(self.state.step)}{where}",)


def restore(checkpoint: Checkpoint, template: MetaState) -> tuple[MetaState, History, bool]:
    """State and history that a file holds, and whether it was validated. Raises LearnitError if it is another run's."""
    arrays, header = weights.read_arrays(checkpoint.file)
    found, expected = header.get("config"), checkpoint.config
    if found is None or not any(files.same_json(found, config) for config in (expected, checkpoint.formerly)):
        found = found if isinstance(found, dict) else {}
        names = sorted(expected.keys() | found.keys())
        differing = [n for n in names if not files.same_json(found.get(n, math.inf), expected.get(n, math.inf))]
        raise LearnitError(
            f"the checkpoint {checkpoint.file} belongs to another configuration: "
            + "; ".join(f"{n} is {found.get(n)!r} there, {expected.get(n)!r} here" for n in differing)
            + ". Choose another output folder, or delete the file to start afresh"
        )
    losses = arrays.pop("history/losses", np.zeros(0))
    state = jax.tree.map(jax.numpy.asarray, weights.unflatten_like(template, arrays, checkpoint.file))
    try:
        validation = [(int(step), float(score)) for step, score in header.get("validation", [])]
        seconds = [float(header.get(name, 0.0)) for name in ("seconds", "compile_seconds")]
        losses = [float(loss) for loss in losses]
    except (TypeError, ValueError, OverflowError):
        raise LearnitError(f"{checkpoint.file} holds no history of a training: expected one") from None
    return state, History(losses, validation, *seconds), header.get("validated") is not False


def _there(checkpoint: Checkpoint) -> bool:
    return Path(checkpoint.file).expanduser().exists()


def _refused(checkpoint: Checkpoint, error: OSError) -> str:
    return (
        f"the checkpoint {checkpoint.file} cannot be written ({error.strerror or error}): make room, or choose another "
        "output folder"
    )
