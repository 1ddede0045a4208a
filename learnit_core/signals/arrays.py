"""Signals of one's own: arrays of one to three dimensions, checked, brought to one scale and dealt out to splits."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from learnit_core import evaluate
from learnit_core.errors import LearnitError
from learnit_core.signals.photos import first_of_equals
from learnit_core.structures import Field, Params, Pixels, PRNGKey, Task

MOST_CHANNELS = 4
"""The longest last axis that is taken for channels, if nothing else is said."""
SHARES = (0.8, 0.1, 0.1)


class Scale(NamedTuple):
    """What 0 and 1 stand for in the signals' own unit (metres, pascals, …): a number for each channel."""

    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (1.0,)

    def normalised(self, values: Any) -> Float[np.ndarray, "*shape channels"]:
        """Values [..., channels] in the signals' own unit as networks see them, float32; those trained on in [0, 1]."""
        low, high = np.array(self.low), np.array(self.high)
        return ((np.asarray(values, np.float64) - low) / (high - low)).astype(np.float32)

    def restored(self, values: Any) -> Float[np.ndarray, "*shape channels"]:
        """The way back: what a network says, [..., channels], in the signals' own unit, float64."""
        low, high = np.array(self.low), np.array(self.high)
        return low + np.asarray(values, np.float64) * (high - low)


class Splits(NamedTuple):
    """Signals of one class, float32 [n, *shape, channels], in three disjoint splits, and what their class needs.

    Those to train on are in [0, 1]; of others a little may lie outside. ``scale`` is the way back to their own unit.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    note: str
    """Sentences: what the signals are, and what is not known about the splits."""
    coords: np.ndarray | None = None
    """Positions of the samples, float32 [samples, in_dim]; None stands for :func:`grid`."""
    scale: Scale = Scale()
    names: Mapping[str, tuple[str, ...]] = {}
    """What the signals of "train", "validation" and "test" are called, where they have names."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples along each axis of a signal."""
        return self.train.shape[1:-1]

    @property
    def channels(self) -> int:
        """Values a sample: what a network gives."""
        return self.train.shape[-1]

    @property
    def places(self) -> Float[np.ndarray, "samples in_dim"]:
        """Positions of the samples, in the order in which a task has them."""
        return grid(self.shape) if self.coords is None else self.coords

    def tasks(self, signals: np.ndarray | Array) -> Task:
        """Signals [n, *shape, channels] as tasks whose support and query are all samples."""
        return tasks(signals, self.places)

    def sampler(self, batch: int) -> Callable[[PRNGKey, Array], Task]:
        """``sample_tasks`` that draws ``batch`` signals an outer step, with replacement."""
        return sampler(batch, self.tasks)

    def score(self, field: Field) -> Callable[[Params, Pixels], Array]:
        """PSNR [dB] over a signal's samples. The peak is the range of what is trained on; nothing is clipped to it."""
        return evaluate.regression_score(field, clip=False)


def grid(shape: Sequence[int]) -> Float[np.ndarray, "samples in_dim"]:
    """Positions of a signal's samples, in [0, 1) in steps of 1/side along every axis; the last axis runs fastest."""
    places = np.stack(np.meshgrid(*(np.arange(side) / side for side in shape), indexing="ij"), axis=-1)
    return places.reshape(-1, len(shape)).astype(np.float32)


def tasks(signals: np.ndarray | Array, coords: Float[np.ndarray, "samples in_dim"]) -> Task:
    """Signals [n, *shape, channels] as tasks whose support and query are all samples, at ``coords``."""
    num, channels = signals.shape[0], signals.shape[-1]
    everywhere = jnp.asarray(np.broadcast_to(coords, (num, *coords.shape)))
    samples = Pixels(everywhere, jnp.asarray(signals).reshape(num, -1, channels))
    return Task(samples, samples)


def sampler(batch: int, as_tasks: Callable[[Array], Task]) -> Callable[[PRNGKey, Array], Task]:
    """``sample_tasks`` that draws ``batch`` signals, with replacement, from data [n, ...]."""

    def sample_tasks(key, data):
        return as_tasks(data[jax.random.randint(key, (batch,), 0, len(data))])

    return sample_tasks


def from_arrays(
    arrays: Any,
    *,
    coords: Any = None,
    split: Sequence[float | int] = SHARES,
    seed: int = 0,
    dims: int | None = None,
    name: str = "own",
) -> Splits:
    """Training, validation and test signals from arrays of one's own, in any unit.

    ``arrays`` is a dictionary of signals by name, or one array [signals, ...], or a list. A signal is an array of real
    numbers [*shape] or [*shape, channels] of one to three dimensions, the same for all; a last axis of at most
    ``MOST_CHANNELS`` numbers is taken for channels, unless ``dims`` or ``coords`` says otherwise. Samples lie evenly in
    [0, 1) along each axis, or at ``coords``, [*shape, in_dim] within [−1, 1]. ``split`` are the shares of training,
    validation and test signals, dealt out by ``seed``; of signals that are equal number for number one is kept.

    Values are brought to [0, 1], each channel by itself, by the least and the largest of the training signals;
    ``scale`` brings them back. Raises LearnitError, which says what to do, for what cannot be learned from.
    """
    named = _named(arrays)
    values = {label: _real(array, f"signal {label!r}") for label, array in named}
    stacked, labels = _alike(values), list(values)
    places, dims = _places(coords, stacked.shape[1:], dims)
    if stacked.ndim == dims + 1:
        stacked = stacked[..., None]
    kept = first_of_equals(stacked)
    copies, stacked, labels = len(labels) - len(kept), stacked[kept], [labels[i] for i in kept]
    parts = _dealt(len(kept), copies, split, seed)
    scale = _scale(stacked[parts["train"]])
    splits = {part: scale.normalised(stacked[chosen]) for part, chosen in parts.items()}
    names = {part: tuple(labels[i] for i in chosen) for part, chosen in parts.items()}
    side, channels = " × ".join(map(str, stacked.shape[1:-1])), stacked.shape[-1]
    ends = " and ".join("/".join(f"{end:.6g}" for end in ends) for ends in scale)
    note = (
        f"{len(kept)} signals of {side} samples in {channels} channel{'s' if channels > 1 else ''}"
        f"{f', without {copies} repeated ones' if copies else ''}; 0 and 1 stand for {ends}. "
        "They were dealt out at random: signals of one thing may be in two splits."
    )
    return Splits(name, **splits, note=note, coords=places, scale=scale, names=names)


def _named(arrays: Any) -> list[tuple[str, Any]]:
    """Names and signals, not looked at yet."""
    if isinstance(arrays, Mapping):
        found = [(str(label).strip(), array) for label, array in arrays.items()]
        labels = [label for label, _ in found]
        if twice := sorted({label for label in labels if labels.count(label) > 1}):
            raise LearnitError(f"two signals are called {twice[0]!r}: give each a name of its own")
    elif isinstance(arrays, str | bytes) or not hasattr(arrays, "__len__") or getattr(arrays, "ndim", 1) == 0:
        raise LearnitError(
            f"found a {type(arrays).__name__}: expected a dictionary of arrays by name, or one array [signals, ...]"
        )
    elif getattr(arrays, "ndim", None) == 1 and arrays.dtype != object:
        raise LearnitError(
            f"found one array of shape {tuple(arrays.shape)}: expected a first axis that counts signals; put several "
            "into a dictionary, or stack them with np.stack"
        )
    else:
        found = [(str(i), array) for i, array in enumerate(arrays)]
    if not found:
        raise LearnitError("found no signals at all: expected a dictionary of arrays by name, or one array")
    return found


def _real(value: Any, what: str) -> np.ndarray:
    """An array of finite real numbers, float64; ``what`` it is, for errors."""
    if np.ma.is_masked(value):
        raise LearnitError(f"{what} has masked samples: fill them in with .filled(…), or leave the signal out")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise LearnitError(f"{what} makes no array: expected rows of one length, cut or resample them") from error
    kind = array.dtype.kind
    if array.size == 0:
        raise LearnitError(f"{what} is empty (shape {array.shape}): leave it out")
    if kind == "c":
        raise LearnitError(
            f"{what} holds complex numbers: take np.abs of them, or put real and imaginary part into two channels with "
            "np.stack([z.real, z.imag], axis=-1)"
        )
    if kind in "biu":
        raise LearnitError(
            f"{what} holds integers ({array.dtype}): make them real numbers with .astype(np.float32), and mind what "
            "they mean"
        )
    if kind != "f":
        raise LearnitError(f"{what} holds {array.dtype}: expected real numbers, try .astype(np.float32)")
    with np.errstate(over="ignore"):
        array = array.astype(np.float64)
    if bad := int((~np.isfinite(array)).sum()):
        kinds = " and ".join(n for n, test in {"NaN": np.isnan, "infinity": np.isinf}.items() if test(array).any())
        raise LearnitError(
            f"{what} holds {kinds} at {bad} of {array.size} samples: replace them by values between their neighbours, "
            "or leave the signal out"
        )
    return array


def _alike(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """All signals in one array [n, ...]; they must have one shape."""
    (first, shape), *others = ((label, array.shape) for label, array in values.items())
    for label, found in others:
        if found != shape:
            raise LearnitError(
                f"signals differ in shape, {first!r} is {shape} and {label!r} is {found}: cut or resample them to one"
            )
    return np.stack(list(values.values()))


def _places(coords: Any, shape: tuple[int, ...], dims: int | None) -> tuple[np.ndarray, int]:
    """Positions of all samples [samples, in_dim], and how many axes of a signal of ``shape`` count samples."""
    if coords is not None:
        coords = _real(coords, "coords")
        coords = coords[:, None] if coords.ndim == 1 else coords
        *sides, in_dim = coords.shape
        if dims is None and tuple(sides) in (shape, shape[:-1]):
            dims = len(sides)
        if dims != len(sides) or tuple(sides) != shape[:dims] or not 1 <= in_dim <= 3:
            raise LearnitError(
                f"coords have shape {coords.shape} where a signal has {shape}: expected a position of one to three "
                "numbers for each sample, [*shape, in_dim]"
            )
        if np.abs(coords).max() > 1:
            raise LearnitError(
                f"coords reach {np.abs(coords).max():.6g}: expected positions within [−1, 1], for which networks are "
                "made; divide them by that"
            )
    if dims is None:
        channels = len(shape) == 4 or (len(shape) > 1 and shape[-1] <= MOST_CHANNELS)
        dims = len(shape) - channels
    if not 1 <= dims <= 3 or len(shape) not in (dims, dims + 1):
        raise LearnitError(
            f"a signal has shape {shape}: expected one to three axes of samples, and at most one of channels behind "
            "them; leave axes out, or say how many count samples with dims"
        )
    if min(shape[:dims]) < 2:
        raise LearnitError(f"a signal has shape {shape}: expected two samples or more along each axis; drop that axis")
    places = grid(shape[:dims]) if coords is None else coords.reshape(-1, coords.shape[-1]).astype(np.float32)
    return places, dims


def _dealt(count: int, copies: int, split: Any, seed: int) -> dict[str, np.ndarray]:
    """Which of ``count`` signals are in which split, after ``copies`` were left out."""
    shares = np.asarray(split, np.float64)
    if shares.shape != (3,) or not (shares > 0).all() or abs(shares.sum() - 1) > 1e-6:
        raise LearnitError(f"the split is {split}: expected three shares above 0 that sum to 1, such as {SHARES}")
    validation, test = (math.floor(count * share + 1e-6) for share in shares[1:])
    train = count - validation - test
    if min(train, validation, test) < 1:
        least = next(n for n in range(1, 10**6) if min(math.floor(n * share + 1e-6) for share in shares) > 0)
        repeated = f", without {copies} repeated ones" if copies else ""
        raise LearnitError(
            f"too few signals for the split {split}: found {count}{repeated}, "
            f"expected {least} at least, so that there are some to train on, to choose by and to test; give more of "
            "them, or larger shares"
        )
    order = np.random.default_rng(seed).permutation(count)
    bounds = np.split(order, [train, train + validation])
    return dict(zip(("train", "validation", "test"), bounds, strict=True))


def _scale(train: np.ndarray) -> Scale:
    """The range of each channel of training signals [n, *shape, channels]."""
    axes = tuple(range(train.ndim - 1))
    low, high = train.min(axis=axes), train.max(axis=axes)
    with np.errstate(over="ignore"):
        span = high - low
    if not np.isfinite(span).all():
        raise LearnitError(f"values run from {low.min():g} to {high.max():g}: divide them all by one large number")
    level = span <= 1e-12 * np.maximum(np.abs(low), np.abs(high))  # equal, up to rounding
    if level.any():
        channel = int(level.argmax())
        raise LearnitError(
            f"channel {channel} is {low[channel]:g} everywhere in the training signals, so there is nothing to learn: "
            "leave it out, or give signals that differ"
        )
    return Scale(tuple(low.tolist()), tuple(high.tolist()))
