"""The initialisations that the learned ones are compared with, made for a class of signals and one random seed."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from learnit_core import evaluate, inits, losses, models, signals
from learnit_core.experiments.fits import Draws
from learnit_core.signals import ImageSplits
from learnit_core.structures import Batch, Field, LossFn, Params, Pixels, seed_key

FIT_DB = 40.0
"""What Mean and Matched have to reach to their targets, unclipped: a poor fit would make them look worse [dB]."""
SHUFFLES = 3


def standard(field: Field, *, seed: int = 0) -> Params:
    """The random draw that stands for Standard, with a key of its own."""
    return inits.standard(field, keys(seed)[0])


def shuffled(learned: Params, *, seed: int = 0) -> Draws:
    """Three draws of Shuffled."""
    return [inits.shuffled(learned, key) for key in jax.random.split(keys(seed)[2], SHUFFLES)]


def keys(seed: int) -> Array:
    """Keys of Standard, of the fits of Mean and Matched, and of Shuffled; none is used in meta-training."""
    return jax.random.split(jax.random.fold_in(seed_key(seed), 2**31 - 1), 3)


def make(
    field: Field,
    loss_for: Callable[[Field], LossFn],
    targets: Mapping[str, Batch],
    learned: Params,
    *,
    fit_steps: int,
    seed: int = 0,
) -> tuple[dict[str, Draws], dict[str, float]]:
    """Standard, those fitted to ``targets`` (Mean, Matched) and Shuffled, and the PSNR [dB] that the fitted ones reach.

    ``targets`` are batches as ``loss_for(field)`` reads them, a mean square of values in [0, 1]; Shuffled permutes
    ``learned``. A fit that ends below 40 dB after ``fit_steps`` is made again with twice and four times the steps.
    """

    def fitted(i_and_target):
        i, target = i_and_target
        for num_steps in (fit_steps, 2 * fit_steps, 4 * fit_steps):
            params, db = _fitted(loss_for, field, target, jax.random.fold_in(keys(seed)[1], i), num_steps)
            if db >= FIT_DB or fit_steps < 100:  # a run cut short is only a trial
                break
        return [params], float(db)

    made, reached = {"standard": [standard(field, seed=seed)]}, {}
    found = evaluate.side_by_side(fitted, enumerate(targets.values()))
    for name, (draws, db) in zip(targets, found, strict=True):
        made[name], reached[name] = draws, db
    return made | {"shuffled": shuffled(learned, seed=seed)}, reached


def of_pictures(
    profile: Any, field: Field, images: ImageSplits, learned: Params, *, seed: int = 0
) -> tuple[dict[str, Draws], dict[str, float]]:
    """The same for a class of pictures, in tomography too: Mean and Matched are fitted in the space of pictures.

    ``learned`` is the initialisation that Matched imitates and Shuffled permutes (MAML's, as in the paper).
    """
    height, width, channels = images.train.shape[1:]
    coords = models.pixel_grid(height, width)
    targets = {
        "mean": Pixels(coords, jnp.asarray(signals.mean_signal(images.train)).reshape(-1, channels)),
        "matched": Pixels(coords, field.apply(learned, coords)),
    }
    return make(field, losses.regression_loss, targets, learned, fit_steps=profile.fit_steps, seed=seed)


def nearness(reached: Mapping[str, float], aim: float, labels: Mapping[str, str]) -> str:
    """How near those that were fitted came to their targets [dB], a line each, with a warning if ``aim`` was missed."""
    lines = []
    for name, db in reached.items():
        line = f"{labels[name]} shows its target to {db:.1f} dB"
        missed = "" if db >= aim else f": WARNING, {aim:g} dB were aimed at, so this row may look worse than it is"
        lines.append(f"{line}{missed or '.'}")
    return "\n".join(lines)


@functools.partial(jax.jit, static_argnames=("loss_for", "field", "num_steps"))
def _fitted(loss_for, field, target, key, num_steps):
    """Parameters fitted to ``target`` and the PSNR they reach, not clipped [dB]."""
    loss = loss_for(field)
    params = inits.fitted(field, loss, target, key, num_steps=num_steps).params
    return params, -10 * jnp.log10(loss(params, target, key))
