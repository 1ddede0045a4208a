"""Rivals of MAML: other ways to spend as much on a class of pictures, or nothing at all, and fit a new one fast.

================ ===================================================================================================
standard-scaled  Standard with all weights times one number, which validation pictures choose; as in SIREN, where the
                 deviation of the weights and ω0 do the same, it sets the frequencies that the network begins with
shared-trunk     one trunk (all layers but the last), fitted to ten training pictures at once, each with a last layer
                 (a head) of its own; a new picture begins with the trunk and Standard's random head (after STRAINER:
                 Vyas et al. 2024, arXiv 2409.09566)
shared-mean      the same trunk with the mean of the ten heads
meta-sgd         MAML that learns a rate for every weight, too (Li et al. 2017): ``image.meta_train`` with "meta-sgd";
                 its rates go on beyond the inner steps where that is what validation pictures choose
================ ===================================================================================================

Each is made from the training pictures alone, and fitted at test time with an optimiser and a rate of its own, tuned as
all others are. :func:`cost` says what each took to make.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from learnit_core import losses
from learnit_core.experiments import baselines, image
from learnit_core.experiments.fits import Draws
from learnit_core.fit import fit
from learnit_core.signals import ImageSplits
from learnit_core.structures import Batch, Field, Params, PRNGKey, seed_key

HEADS = 10
"""Training pictures that share a trunk, as in STRAINER."""
RATE = 1e-3
"""Adam's, of their joint fit."""

OPTIONS = {"standard-scaled": (1.0, 1.5, 2.0, 2.5, 3.0), "shared-trunk": (75, 150, 300), "shared-mean": (75, 150, 300)}
"""What tuning chooses from beside optimiser and rate: the scale; the steps of the joint fit. It goes on beyond the
largest or smallest, by factors of two, while that one is the best."""

PLAIN = {"standard-scaled": "standard"}
"""The row that one of the options' own members is: with scale one."""

CHOSEN_BY_MATCHING = (
    "*Standard, scaled* has the scale, and a shared trunk the number of joint steps, that match MAML soonest, not "
    "those that are best after two steps: there *Standard, scaled* can be behind its member with scale one, plain "
    "Standard."
)
"""What is to be said wherever rows are compared after two steps."""

NOT_SEARCHED = "The optimiser and the rate of a shared trunk's joint fit were not searched."
"""What is to be said beside that."""


class Shared(NamedTuple):
    """A trunk, the first layers of a network, and last layers with a leading axis of pictures."""

    trunk: Params
    heads: Params


def share(field: Field, pictures: Batch, key: PRNGKey, *, num_steps: int) -> Shared:
    """Fit one trunk, and a head for each of ``pictures`` (a leading axis), by Adam on the mean of their losses."""
    loss_of, count = losses.image_loss(field), len(jax.tree.leaves(pictures)[0])
    trunk_key, head_key, fit_key = jax.random.split(key, 3)

    def loss(shared, pictures, key):
        each = jax.vmap(lambda head, pixels: loss_of([*shared.trunk, head], pixels, key))
        return jnp.mean(each(shared.heads, pictures))

    heads = jax.vmap(lambda key: field.init(key)[-1])(jax.random.split(head_key, count))
    start = Shared(field.init(trunk_key)[:-1], heads)
    return fit(loss, start, pictures, fit_key, optimizer=optax.adam(RATE), num_steps=num_steps).params


def make(
    name: str, option: float | int, profile: image.Profile, field: Field, images: ImageSplits, *, seed: int = 0
) -> Params:
    """One of :data:`OPTIONS` with that scale or number of joint steps."""
    random = baselines.standard(field, seed=seed)
    if name == "standard-scaled":
        return jax.tree.map(lambda leaf: option * leaf, random)
    num_steps = min(option, HEADS * profile.num_steps)  # fewer in a run that is cut short
    trunk, heads = _shared(field, *_chosen(images, seed), num_steps=num_steps)
    return [*trunk, random[-1] if name == "shared-trunk" else jax.tree.map(lambda leaf: leaf.mean(axis=0), heads)]


def beside(
    made: Mapping[str, Draws],
    options: Mapping[str, float | int],
    profile: image.Profile,
    field: Field,
    images: ImageSplits,
    *,
    seed: int = 0,
) -> dict[str, Draws]:
    """``made`` and those that are made here with the ``options`` that were chosen."""
    return dict(made) | {name: [make(name, options[name], profile, field, images, seed=seed)] for name in OPTIONS}


def _chosen(images, seed):
    """Ten training pictures, and the key of their joint fit."""
    draw_key, fit_key = jax.random.split(jax.random.fold_in(seed_key(seed), 2**31 - 3))
    length = len(images.train)
    indices = jax.random.choice(draw_key, length, (min(HEADS, length),), replace=False)
    return image.tasks(images.train[np.sort(indices)]).support, fit_key


_shared = jax.jit(share, static_argnames=("field", "num_steps"))


def cost(profile: image.Profile, options: Mapping[str, float | int]) -> dict[str, int]:
    """Gradient evaluations of one picture that an initialisation took to make; those not named took none.

    An outer step of MAML and of Meta-SGD counts each picture's inner steps and one outer gradient, although that one
    runs back through the inner steps and takes as long as several. Mean's and Matched's fits of one picture are left
    out, and so is all tuning.
    """
    maml = profile.num_steps * profile.maml_batch * (profile.inner_steps + 1)
    reptile = profile.num_steps * profile.reptile_batch * profile.inner_steps
    shared = {name: HEADS * option for name, option in options.items() if name.startswith("shared")}
    return {"meta-reptile": reptile, "meta-maml": maml, "meta-sgd": maml} | shared
