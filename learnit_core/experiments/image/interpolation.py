"""Is the straight line between two fitted networks meaningful? (Supplement, section 2 and Figure 1.)

Networks are fitted from one initialisation until they reach one and the same PSNR. The picture of the mean of two
such networks is then compared with the mean of their two pictures: in a weight space where mixing weights mixes
signals the two agree, in one where it scrambles them they do not.
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float, Int

from learnit_core import evaluate, losses, models, weights
from learnit_core.evaluate import Setting
from learnit_core.experiments import image
from learnit_core.structures import Field, Params, rows

TARGET_DB = 30.0
"""The PSNR to which all networks are fitted before they are mixed [dB]."""

RATES = {"SGD": (1e-3, 3e-3, 1e-2, 3e-2), "Adam": (1e-5, 3e-5, 1e-4, 3e-4, 1e-3)}
"""Rates of each optimiser that are tried from each start: how far a fit goes decides how well its networks mix."""

VARIANTS = {
    f"{label}, {optimizer} {rate:.0e}".replace("e-0", "e-"): (init, Setting(optimizer.lower(), rate))
    for label, init in (("Standard", "standard"), ("MAML", "meta-maml"))
    for optimizer, rates in RATES.items()
    for rate in rates
}
"""Ways to fit by name ("MAML, SGD 3e-3"): the initialisation, and how to descend. Adam 1e-4 is the paper's own."""

MAX_STEPS = 500
"""The most steps of a fit."""

SHOWN = ("Standard, Adam 1e-4", "Standard, SGD 1e-2", "MAML, SGD 3e-3", "MAML, Adam 1e-4")
"""Those that are shown with a network of 5 x 256."""

LARGE_VARIANTS = tuple(
    name
    for name, (_, setting) in VARIANTS.items()
    if setting.learning_rate < {"sgd": 3e-2, "adam": 3e-4}[setting.optimizer]
)
"""Those that are tried with it: all but the largest rates."""


class FittedTo(NamedTuple):
    """Networks fitted to a PSNR: parameters with a leading signal axis, PSNR [dB] and steps of each signal."""

    params: Params
    psnr: Float[Array, " signals"]
    steps: Float[Array, " signals"]


def fit_to(
    field: Field,
    params: Params,
    pictures: Float[np.ndarray, "signals h w c"],
    setting: Setting,
    *,
    target_db: float = TARGET_DB,
    max_steps: int = MAX_STEPS,
) -> FittedTo:
    """Fit each picture from ``params`` until its PSNR is ``target_db``.

    Those that never get there keep what they have after ``max_steps``: look at ``psnr``.
    """
    return _fit_to(field, params, image.tasks(pictures), setting.learning_rate, target_db, setting.optimizer, max_steps)


@functools.partial(jax.jit, static_argnames=("field", "optimizer"))
def _fit_to(field, params, tasks, rate, target_db, optimizer, max_steps):
    loss, score, optimizer = losses.image_loss(field), image.score(field), Setting(optimizer, rate).build()

    def one(task):
        def unfinished(carry):
            step, params, _, _ = carry
            return (score(params, task.query) < target_db) & (step < max_steps)

        def step(carry):
            step, params, _, opt_state = carry
            grads = jax.grad(loss)(params, task.support, jax.random.key(0))
            updates, opt_state = optimizer.update(grads, opt_state, params)
            return step + 1, jax.tree.map(jnp.add, params, updates), params, opt_state

        steps, after, before, _ = jax.lax.while_loop(unfinished, step, (0, params, params, optimizer.init(params)))

        # The last step usually overshoots the target: go only as far along it as is needed.
        def halve(_, bounds):
            low, high = bounds
            middle = (low + high) / 2
            enough = score(weights.lerp(before, after, middle), task.query) >= target_db
            return jnp.where(enough, low, middle), jnp.where(enough, middle, high)

        _, fraction = jax.lax.fori_loop(0, 12, halve, (0.0, 1.0))
        reached = weights.lerp(before, after, fraction)
        return FittedTo(reached, score(reached, task.query), jnp.maximum(steps - 1 + fraction, 0.0))

    return jax.lax.map(one, tasks)


def agreement(
    field: Field, params: Params, pairs: Int[np.ndarray, "pairs 2"], shape: tuple[int, int]
) -> Float[np.ndarray, " pairs"]:
    """PSNR [dB] between the picture of two networks' mean weights and the mean of their pictures, for each pair.

    ``params`` has a leading signal axis, ``pairs`` are indices into it, ``shape`` is (height, width).
    """
    return np.asarray(_agreement(field, params, jnp.asarray(pairs), models.pixel_grid(*shape)))


@functools.partial(jax.jit, static_argnames="field")
def _agreement(field, params, pairs, coords):
    def one(pair):
        a, b = (rows(params, i) for i in pair)
        blended = (jnp.clip(field.apply(a, coords), 0, 1) + jnp.clip(field.apply(b, coords), 0, 1)) / 2
        return evaluate.psnr(field.apply(weights.lerp(a, b, 0.5), coords), blended)

    return jax.lax.map(one, pairs)


def compare(
    field: Field,
    starts: Mapping[str, Params],
    pictures: Float[np.ndarray, "signals h w c"],
    names: Iterable[str],
    *,
    data: str,
    max_steps: int = MAX_STEPS,
) -> tuple[dict[str, FittedTo], dict[str, dict[str, Any]]]:
    """Fit ``pictures`` in the ways ``names`` of :data:`VARIANTS`: the networks, and what is said of each."""
    pairs = np.array([(i, j) for i in range(len(pictures)) for j in range(i)])

    def fitted(name):
        init, setting = VARIANTS[name]
        return fit_to(field, starts[init], pictures, setting, max_steps=max_steps)

    names = list(names)
    fits = dict(zip(names, evaluate.side_by_side(fitted, names), strict=True))
    agreements = {name: agreement(field, found.params, pairs, pictures.shape[1:3]) for name, found in fits.items()}
    return fits, {
        name: entry(found, starts[VARIANTS[name][0]], agreements[name], data=data) for name, found in fits.items()
    }


def entry(fitted: FittedTo, start: Params, agreements: np.ndarray, *, data: str) -> dict[str, Any]:
    """What the metrics file says of one way of fitting; a single pair has no deviation.

    ``moved`` is how far the weights went from ``start``, as a share of its length (root mean square over signals).
    """
    deviation = round(float(agreements.std(ddof=1)), 2) if len(agreements) > 1 else None
    apart = jax.tree.map(lambda leaf, before: leaf - before, fitted.params, start)
    moved = optax.global_norm(apart) / np.sqrt(len(fitted.psnr)) / optax.global_norm(start)
    return {
        "data": data,
        "target_psnr_db": TARGET_DB,
        "fitted_psnr_db": [round(float(p), 2) for p in fitted.psnr],
        "steps": round(float(np.mean(fitted.steps)), 1),
        "moved": round(float(moved), 4),
        "num_pairs": len(agreements),
        "agreement_db": round(float(agreements.mean()), 2),
        "agreement_std": deviation,
    }


def markdown(report: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of agreements, one line a way of fitting."""
    lines = [
        "| fitted from | fits [dB] | steps | weights moved by | pairs | mean-weights picture vs. mean picture [dB] |",
        "|---|---|---|---|---|---|",
    ]
    for name, entry in report.items():
        fits = entry["fitted_psnr_db"]
        deviation = "" if entry["agreement_std"] is None else f" ± {entry['agreement_std']:.1f}"
        lines.append(
            f"| {name} | {min(fits):.1f} to {max(fits):.1f} | {entry['steps']:.0f} | {100 * entry['moved']:.1f} % | "
            f"{entry['num_pairs']} | "
            f"{entry['agreement_db']:.1f}{deviation} |"
        )
    return "\n".join(lines)
