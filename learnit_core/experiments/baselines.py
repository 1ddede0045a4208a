"""The initialisations that the learned ones are compared with, made for a class of pictures and one random seed."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from learnit_core import evaluate, inits, losses, models, signals
from learnit_core.signals import ImageSplits
from learnit_core.structures import Field, Params, Pixels

FIT_DB = 40.0
"""What Mean and Matched have to reach to their targets, unclipped: a poor fit would make them look worse [dB]."""
SHUFFLES = 3

Draws = Sequence[Params]
"""Parameters of one initialisation; several draws where a single one would be luck."""


def standard(field: Field, *, seed: int = 0) -> Params:
    """The random draw that stands for Standard, with a key of its own."""
    return inits.standard(field, _keys(seed)[0])


def _keys(seed: int) -> Array:
    """Keys of Standard, of the fits of Mean and Matched, and of Shuffled; none is used in meta-training."""
    return jax.random.split(jax.random.fold_in(jax.random.key(seed), 2**31 - 1), 3)


def baselines(
    profile: Any, field: Field, images: ImageSplits, meta_params: Params, *, seed: int = 0
) -> tuple[dict[str, Draws], dict[str, float]]:
    """Standard, Mean, Matched and Shuffled, and the PSNR [dB] that Mean and Matched reach to their targets.

    They are made in the space of pictures, by fitting pixels, in tomography too. ``profile.fit_steps`` is how long.

    ``meta_params`` is the initialisation that Matched imitates and Shuffled permutes (MAML's, as in the paper). A fit
    that ends below 40 dB is made again with twice and four times the steps.
    """
    shape = images.train.shape[1:]
    _, fit_key, shuffle_key = _keys(seed)
    coords = models.pixel_grid(*shape[:2])
    targets = {
        "mean": Pixels(coords, jnp.reshape(signals.mean_signal(images.train), (-1, shape[2]))),
        "matched": Pixels(coords, field.apply(meta_params, coords)),
    }

    def fitted(i_and_target):
        i, target = i_and_target
        for num_steps in (profile.fit_steps, 2 * profile.fit_steps, 4 * profile.fit_steps):
            params, db = _fitted_init(field, target, jax.random.fold_in(fit_key, i), num_steps)
            if db >= FIT_DB or profile.fit_steps < 100:  # a run cut short is only a trial
                break
        return [params], float(db)

    made, reached = {"standard": [standard(field, seed=seed)]}, {}
    found = evaluate.side_by_side(fitted, enumerate(targets.values()))
    for name, (draws, db) in zip(targets, found, strict=True):
        made[name], reached[name] = draws, db
    made["shuffled"] = [inits.shuffled(meta_params, key) for key in jax.random.split(shuffle_key, SHUFFLES)]
    return made, reached


@functools.partial(jax.jit, static_argnames=("field", "num_steps"))
def _fitted_init(field, target, key, num_steps):
    """Parameters fitted to ``target`` and the PSNR they reach, not clipped [dB]."""
    loss = losses.image_loss(field)
    params = inits.fitted(field, loss, target, key, num_steps=num_steps).params
    return params, -10 * jnp.log10(loss(params, target, key))
