"""Scores: PSNR, learning curves of fits, fits in parallel, steps to match, and intervals of paired differences."""

import functools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy
from jax import Array
from jaxtyping import Float, Int

from learnit_core.errors import LearnitError
from learnit_core.fit import fit
from learnit_core.structures import Batch, Field, LossFn, Params, Pixels, PRNGKey, Rated, Task


def psnr(
    prediction: Float[Array | np.ndarray, "*shape"],
    target: Float[Array | np.ndarray, "*shape"],
    *,
    peak: float = 1.0,
    clip: bool = True,
) -> Float[Array, ""]:
    """Peak signal-to-noise ratio of a whole signal [dB]: 20 log₁₀(peak / e), where e is the root of the mean square
    error.

    ``peak`` is the range of the signals' values, in their unit. The prediction is clipped to [0, peak] first; signals
    that may lie elsewhere want ``clip`` off. (The paper's authors do not clip pictures.) Raises LearnitError if the
    peak is not above 0.
    """
    if not peak > 0:
        raise LearnitError(f"the peak of a PSNR is {peak}: expected the range of the signals' values, above 0")
    shown = jnp.clip(prediction, 0, peak) if clip else prediction
    return -10 * jnp.log10(jnp.mean(jnp.square(shown - target)) / peak**2)


def regression_score(field: Field, *, peak: float = 1.0, clip: bool = True) -> Callable[[Params, Pixels], Array]:
    """``score(params, batch)``: the PSNR [dB] of the field over the samples of a batch, as :func:`psnr` has it."""
    return lambda params, batch: psnr(field.apply(params, batch.coords), batch.values, peak=peak, clip=clip)


class Setting(NamedTuple):
    """The optimiser of a fit, "sgd", "adam", "rmsprop" or "learned", and its learning rate.

    "rmsprop" is Adam without momentum (β1 = 0), that is RMSProp with bias correction: the inner optimiser of Reptile in
    Nichol et al. 2018. "learned" is SGD at the rates of :class:`~learnit_core.structures.Rated` weights, times
    ``learning_rate``.
    """

    optimizer: str
    learning_rate: float

    def build(self) -> optax.GradientTransformation:
        """The optax optimiser; the rate may be traced, so that one compiled fit serves every rate."""
        rmsprop = functools.partial(optax.adam, b1=0.0)
        builders = {"sgd": optax.sgd, "adam": optax.adam, "rmsprop": rmsprop, "learned": _learned}
        if self.optimizer not in builders:
            raise LearnitError(f"unknown optimizer {self.optimizer!r}: expected one of {', '.join(builders)}")
        return builders[self.optimizer](self.learning_rate)


def _learned(factor: Array | float) -> optax.GradientTransformation:
    """Gradient descent of ``Rated`` weights, each at ``factor`` times its own rate; rates stay as they are."""

    def update(grads, state, rated):
        moves = jax.tree.map(lambda rate, grad: -factor * rate * grad, rated.rates, grads.params)
        return Rated(moves, jax.tree.map(jnp.zeros_like, rated.rates)), state

    return optax.GradientTransformation(lambda rated: optax.EmptyState(), update)


def curves(
    loss: LossFn,
    score: Callable[[Params, Batch], Array],
    params: Params,
    tasks: Task,
    key: PRNGKey,
    *,
    optimizer: optax.GradientTransformation,
    num_steps: int,
    every: int = 1,
) -> Float[Array, "signals {num_steps}//{every}+1"]:
    """Fit every task's support set from ``params``; score its query set before the fit and after every ``every`` steps.

    ``tasks`` has a leading signal axis; ``score(params, query)`` is a number, in dB where this package prints it.
    """

    def one(task):
        def probe(p):
            return score(p, task.query)

        fitted = fit(
            loss, params, task.support, key, optimizer=optimizer, num_steps=num_steps, probe=probe, probe_every=every
        )
        return jnp.concatenate([probe(params)[None], fitted.probes])

    return jax.lax.map(one, tasks)


def at_once() -> int:
    """How many items :func:`side_by_side` has in work at a time."""
    return min(4, os.cpu_count() or 1) if jax.default_backend() == "cpu" else 1


def side_by_side(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """``function`` of each item, in their order, on as many threads as there are processor cores (at most 4).

    For independent fits: one fit of a small network uses a single core. On an accelerator, which a single fit can
    fill, items are processed one by one. After an error, items that have not started are cancelled.
    """
    pool = ThreadPoolExecutor(at_once())
    try:
        yield from pool.map(function, items)
    finally:
        pool.shutdown(cancel_futures=True)


def steps_to_match(
    curve: Float[np.ndarray, "signals points"], target: Float[np.ndarray, " signals"]
) -> tuple[Int[np.ndarray, " signals"], int]:
    """First step at which each signal reaches its own target PSNR, and the number of signals that never reach it.

    Those count as the curve's last step, so report their number with the mean.
    """
    reached = np.asarray(curve) >= np.asarray(target)[:, None]
    never = ~reached.any(axis=1)
    return np.where(never, reached.shape[1] - 1, reached.argmax(axis=1)), int(never.sum())


class Interval(NamedTuple):
    """A mean and the bounds of its confidence interval, which are infinite for a single signal."""

    mean: float
    low: float
    high: float

    def rounded(self, digits: int = 2) -> list[float | None]:
        """The three numbers for JSON, with None for an infinite bound."""
        return [round(x, digits) if math.isfinite(x) else None for x in self]


MANY_SIGNALS = 30
"""Number of signals from which intervals are bootstrapped; resampling fewer underestimates the variance of the mean."""


def paired_interval(
    a: Sequence[float] | Float[np.ndarray, "..."],
    b: Sequence[float] | Float[np.ndarray, "..."],
    *,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of ``a − b`` over signals with its confidence interval; ``level`` is its coverage.

    Below ``MANY_SIGNALS`` it is Student's t of the differences: a 95 % percentile bootstrap of six covers 86 %. From
    there on it is the bias-corrected and accelerated bootstrap (BCa: Efron 1987, "Better Bootstrap Confidence
    Intervals") with 10,000 resamples drawn with ``seed``. If all differences are equal, the bounds equal the mean.
    Raises LearnitError unless ``a`` and ``b`` are one-dimensional and of equal, positive length.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 1 or a.shape != b.shape or not len(a):
        raise LearnitError(f"paired scores have shapes {np.shape(a)} and {np.shape(b)}: expected one number a signal")
    difference = a - b
    mean, count = float(difference.mean()), len(difference)
    if count == 1:
        return Interval(mean, -math.inf, math.inf)
    # Differences that are equal up to rounding have no distribution to resample.
    alike = np.ptp(difference) <= 1e-12 * max(np.abs(a).max(), np.abs(b).max())
    if count < MANY_SIGNALS or alike:
        half = scipy.stats.t.ppf((1 + level) / 2, count - 1) * difference.std(ddof=1) / math.sqrt(count)
        return Interval(mean, mean - float(half), mean + float(half))
    low, high = scipy.stats.bootstrap(
        (difference,),
        np.mean,
        n_resamples=10_000,
        confidence_level=level,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(mean, float(low), float(high))
