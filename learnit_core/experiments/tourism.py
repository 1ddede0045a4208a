"""Phototourism (paper section 4.4): one landmark, many appearances.

A photograph is a task: its light, its exposure, its passers-by. What all photographs share, the place itself, goes into
the initialisation; what is a photograph's own, into the few steps of its fit. Field, tasks, training and fits stand
here; profiles in ``tourism_profiles``, what cameras see in ``tourism_pictures`` (both can be had from here, too), the
comparison of initialisations in ``tourism_table``.

*Basic NeRF* is the same training with one inner step, which is gradient descent on all photographs at once.
"""

import functools
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float

from learnit_core import evaluate, losses, meta, models, training
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import runs
from learnit_core.experiments.tourism_pictures import (
    LAST_DELTA,
    Camera,
    camera_of,
    judged,
    photograph,
    picture,
    render,
    score_for,
)
from learnit_core.experiments.tourism_profiles import (
    ALGORITHMS,
    APPEARANCE_FIT,
    APPEARANCES,
    LONG,
    PROFILES,
    SHIPPED,
    VALIDATED,
    Profile,
    appearance_name,
)
from learnit_core.fit import fit
from learnit_core.signals import photographer, prepared, tourism
from learnit_core.signals.prepared import SPLITS
from learnit_core.signals.tourism import Collection
from learnit_core.structures import Field, Params, PRNGKey, Task, Views

__all__ = [
    "ALGORITHMS",
    "APPEARANCES",
    "APPEARANCE_FIT",
    "LONG",
    "PROFILES",
    "SHIPPED",
    "VALIDATED",
    "Camera",
    "Profile",
    "appearance_name",
    "camera_of",
    "field_for",
    "fit_photographs",
    "load_signals",
    "loss_for",
    "meta_grad_for",
    "meta_train",
    "photograph",
    "picture",
    "prepared_collection",
    "render",
    "sampler",
    "score_for",
    "tasks",
    "validate",
]


@functools.cache
def field_for(profile: Profile) -> Field:
    """The profile's network: position to colour and density, the same colour from all sides."""
    return models.nerf_mlp(
        width=profile.width,
        depth=profile.depth,
        num_frequencies=profile.num_frequencies,
        max_log2=profile.max_log2,
        density=profile.density,
    )


def load_signals(profile: Profile, data: str, *, seed: int = 0) -> Collection:
    """The built-in "landmark" at the profile's size, or a collection that `data_scripts/phototourism.py` made."""
    if data == "landmark":
        return photographer.collection(size=profile.size, count=profile.count, seed=seed)
    collection = prepared_collection(Path(data).expanduser())
    scaled = {split: tourism.at_most(getattr(collection, split), profile.size) for split in SPLITS}
    return collection._replace(**scaled)


def prepared_collection(folder: Path) -> Collection:
    """A prepared collection, in memory: a thousand photographs of 256 pixels are 200 MB."""
    if not prepared.is_prepared(folder):
        raise LearnitError(
            f"no collection called {str(folder)!r}: expected 'landmark', or a folder made by "
            "data_scripts/phototourism.py"
        )
    about = prepared.describe(folder, "views")
    if about.get("unit") != "photographs":
        raise LearnitError(f"{folder} holds {about.get('unit')}: expected photographs of one place")
    name, splits, note = prepared.scenes(folder)
    try:
        points = np.load(folder / "points.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise LearnitError(f"{folder / 'points.npy'} is missing or damaged ({error}): prepare the set again") from None
    return Collection(name, **{split: splits[split][:] for split in SPLITS}, points=points, note=note)


def loss_for(profile: Profile, field: Field) -> Callable:
    """The loss on photographs: colours of random pixels."""
    return losses.radiance_loss(
        field, num_samples=profile.num_samples, rays_per_step=profile.rays, last_delta=LAST_DELTA
    )


def tasks(views: Views) -> Task:
    """Photographs as tasks: a fit sees the left half, and is judged by the right half (the authors' protocol)."""
    left, right = tourism.halves(views)
    return Task(jax.tree.map(jnp.asarray, left), judged(right))


def sampler() -> Callable[[PRNGKey, Views], Task]:
    """``sample_tasks`` that draws one whole photograph from a collection's split."""

    def sample_tasks(key, data):
        which = jax.random.randint(key, (1,), 0, len(data.images))
        photograph = jax.tree.map(lambda leaf: leaf[which], data)
        return Task(photograph, photograph)

    return sample_tasks


def meta_grad_for(profile: Profile, field: Field) -> meta.MetaGrad:
    """Reptile with the profile's inner loop; with one inner step that is Basic NeRF's gradient, times a rate."""
    loss = loss_for(profile, field)
    return meta.reptile(loss, meta.adapt_with(loss, optax.sgd(profile.inner_rate), profile.inner_steps, remat=False))


def meta_train(
    profile: Profile,
    collection: Collection,
    algorithm: str = "reptile",
    *,
    seed: int = 0,
    folder: Path | None = None,
) -> tuple[Field, Params, training.History]:
    """Train on ``collection.train``; validation is the PSNR [dB] on right halves of the validation photographs.

    Their left halves are fitted as ``VALIDATED`` says. With a ``folder`` the run keeps a checkpoint there and goes on
    from it.
    """
    field, unseen, validated = field_for(profile), tasks(collection.validation), profile
    profile = profile.for_algorithm(algorithm)
    # About as many inner steps between two looks, whatever the algorithm.
    chunk = max(1, min(1600 // profile.inner_steps, profile.num_steps // 10))
    looks = max(1, profile.num_steps // chunk // 10)
    return runs.meta_train(
        profile,
        field,
        collection.train,
        meta_grad_for(profile, field),
        sampler(),
        lambda params: validate(validated, field, params, unseen),
        algorithm=algorithm,
        data=collection.name,
        seed=seed,
        folder=folder,
        chunk=chunk,
        validate_every=looks,
    )


@functools.partial(jax.jit, static_argnames=("profile", "field"))
def validate(profile: Profile, field: Field, params: Params, unseen: Task) -> Float[Array, ""]:
    """Mean PSNR [dB] on the right halves of photographs whose left halves are fitted as ``VALIDATED`` says."""
    setting, num_steps = VALIDATED[0], min(VALIDATED[1], profile.limit)
    scores = evaluate.curves(
        loss_for(profile, field),
        score_for(profile, field),
        params,
        unseen,
        jax.random.key(0),
        optimizer=setting.build(),
        num_steps=num_steps,
        every=num_steps,
    )
    return jnp.mean(scores[:, -1])


def fit_photographs(
    profile: Profile, field: Field, params: Params, views: Views, setting: Setting, num_steps: int, *, seed: int = 0
) -> Params:
    """Weights (with a leading axis) after fitting each of the photographs [n, 1, …], as far as ``valid`` shows them."""
    shown, limit = jax.tree.map(jnp.asarray, views), max(profile.limit, num_steps)
    return _fit(
        profile, field, params, shown, setting.learning_rate, num_steps, jax.random.key(seed), setting.optimizer, limit
    )


@functools.partial(jax.jit, static_argnames=("profile", "field", "optimizer", "limit"))
def _fit(profile, field, params, views, rate, num_steps, key, optimizer, limit):
    # The rate is zero after the last step: to compile one program for each number of steps would take longer.
    build = Setting(optimizer, lambda count: jnp.where(count < num_steps, rate, 0.0)).build()

    def one(photograph):
        return fit(loss_for(profile, field), params, photograph, key, optimizer=build, num_steps=limit).params

    return jax.lax.map(one, views)
