"""View synthesis (the third experiment of the paper): an object in three dimensions from a single picture.

Profiles, field, tasks and meta-training; the comparison of initialisations stands in :mod:`.table`, what commands need
to know in :mod:`.record`.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from learnit_core import evaluate, losses, meta, models, training
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import experiment, fits, runs, supplement
from learnit_core.experiments.fits import Draws
from learnit_core.signals import objects, scenes
from learnit_core.signals.scenes import SceneSplits
from learnit_core.structures import Field, Params, PRNGKey, Task, Views, rows
from learnit_core.volume import render_view

ALGORITHMS = {"meta-mv": "mv", "meta-sv": "sv", "joint": "joint"}
"""What trains which row of the table: on all given views of an object, on one view of each, and jointly, one network
for all objects (ours)."""

VALIDATED = 4
"""Validation objects that are scored while training."""

HELD_OUT = 5
"""Held-out views of an object that are scored, but in the profile ``paper``."""


@dataclass(frozen=True, kw_only=True)
class Profile(experiment.Profile):
    """A profile of view synthesis.

    ``counts`` are training, validation and test objects; ``rays`` and ``samples`` make an inner step, ``test_rays`` a
    step at test time; ``inner_optimizer`` is one that :class:`~learnit_core.evaluate.Setting` knows; ``joint_rate`` is
    Adam's where one network is trained on all objects, ``outer_rate`` for the others; ``limit`` is the most steps of a
    fit to one view, ``fit_steps`` those of Matched; ``init`` is the network's. ``sv`` are the fields that SV's training
    has otherwise, if a search was made for it. ``held_out`` views of an object are scored. Of classes that are not
    drawn here no more than ``counts`` are taken, but with ``whole_class`` all that there are to train on.
    """

    counts: tuple[int, int, int]
    num_frequencies: int
    max_log2: float
    density: str
    samples: int
    rays: int
    test_rays: int
    inner_optimizer: str
    inner_rate: float
    inner_steps: int
    joint_rate: float
    fit_steps: int = 2000
    limit: int = 400
    init: str = experiment.added("lecun")
    sv: tuple[tuple[str, Any], ...] = experiment.added(())
    held_out: int = experiment.added(HELD_OUT)
    whole_class: bool = experiment.added(False)

    # How many objects there are is in the shape and the sum that a checkpoint has.
    UNTRAINED: ClassVar = (
        "fit_steps",
        "limit",
        "counts",
        "test_rays",
        "joint_rate",
        "sv",
        "held_out",
        "whole_class",
    )

    def num_scored(self, views: Views) -> int:
        """How many held-out views of the objects ``views`` [objects, views, …] are scored: of objects that have fewer
        than the profile's, all that there are."""
        return max(HELD_OUT, min(self.held_out, views.images.shape[1] // 2))

    def for_class(self, data: str) -> "Profile":
        """The profile as the class ``data`` needs it: the paper has another outer rate for cars and lamps."""
        return supplement.for_class(self, "views", data)

    def for_algorithm(self, algorithm: str) -> "Profile":
        """The profile as ``algorithm`` needs it: ``joint`` makes as many steps as the others' inner ones together, and
        ``sv`` has a loop of its own if one was searched for it."""
        if algorithm not in ALGORITHMS.values():
            raise LearnitError(f"unknown training {algorithm!r}: expected one of {', '.join(ALGORITHMS.values())}")
        if algorithm == "joint":
            return replace(self, num_steps=self.num_steps * self.inner_steps, outer_rate=self.joint_rate)
        return replace(self, **dict(self.sv), sv=()) if algorithm == "sv" else self

    def shortened(self, few: int) -> dict:
        loops = ("num_steps", "inner_steps", "fit_steps", "limit")
        counts = tuple(map(min, self.counts, (4 * few, few, few)))
        sv = tuple((name, min(value, few) if name in loops else value) for name, value in self.sv)
        return {name: min(getattr(self, name), few) for name in loops} | {
            "sv": sv,
            "size": min(self.size, max(12, few)),
            "counts": counts,
            "held_out": min(self.held_out, max(HELD_OUT, few)),
            "whole_class": self.whole_class and counts[0] == self.counts[0],
        }


_QUICK = Profile(
    name="quick", size=40, counts=(120, 10, 6), width=64, depth=4, num_frequencies=8, max_log2=4.0, density="softplus",
    samples=32, rays=64, test_rays=64, inner_optimizer="rmsprop", inner_rate=3e-3, inner_steps=32, outer_rate=8e-3,
    joint_rate=1e-3, num_steps=300,
)  # fmt: skip

PROFILES = {
    "quick": _QUICK,
    # What is shipped: inner loops as long as a fit to 25 views, and for SV, by a search of its own, short ones.
    "long": replace(
        _QUICK, name="long", inner_steps=128, num_steps=1000,
        sv=(("inner_optimizer", "sgd"), ("inner_rate", 2.0), ("inner_steps", 16), ("num_steps", 8000)),
    ),
    "standard": Profile(
        name="standard", size=64, counts=(600, 16, 16), width=128, depth=5, num_frequencies=12, max_log2=6.0,
        density="relu", samples=64, rays=128, test_rays=64, inner_optimizer="sgd", inner_rate=0.5, inner_steps=32,
        outer_rate=5e-4, joint_rate=5e-4, num_steps=15_000, limit=1000,
    ),
    # Supplement section 3 and the authors' code, as for chairs; of other classes `for_class` knows.
    "paper": Profile(
        name="paper", size=128, counts=(2000, 16, 32), width=256, depth=6, num_frequencies=20, max_log2=8.0,
        density="relu", samples=128, rays=128, test_rays=64, inner_optimizer="sgd", inner_rate=0.5, inner_steps=32,
        outer_rate=5e-4, joint_rate=5e-4, num_steps=100_000, decay=False, limit=2000,
        init="haiku", held_out=25, whole_class=True,
    ),
}  # fmt: skip

SHIPPED = {
    # What the notebook trains, and what it sets beside that: the same outer steps and inner loops, the same rays.
    "quick": {
        "chairs": {
            "meta-mv": "views-chairs-quick-mv",
            "meta-sv": "views-chairs-quick-sv",
            "joint": "views-chairs-quick-joint",
        },
    },
    "long": {
        "chairs": {"meta-mv": "views-chairs-mv", "meta-sv": "views-chairs-sv", "joint": "views-chairs-joint"},
        "lamps": {"meta-mv": "views-lamps-mv", "meta-sv": "views-lamps-sv", "joint": "views-lamps-joint"},
        "cars": {"meta-mv": "views-cars-mv", "meta-sv": "views-cars-sv", "joint": "views-cars-joint"},
    },
}
"""Names for :func:`learnit_core.weights.pretrained` by profile, class and initialisation."""


def load_signals(profile: Profile, data: str, *, seed: int = 0) -> SceneSplits:
    """Objects at the profile's size and counts (:func:`learnit_core.signals.scenes.load`)."""
    counts: tuple[int | None, int, int] = profile.counts
    if profile.whole_class and str(data) not in objects.CLASSES:
        counts = (None, *counts[1:])
    return scenes.load(data, size=profile.size, counts=counts, seed=seed)


@functools.cache
def field_for(profile: Profile) -> Field:
    """The profile's network: position to colour and density."""
    return models.nerf_mlp(
        width=profile.width,
        depth=profile.depth,
        num_frequencies=profile.num_frequencies,
        max_log2=profile.max_log2,
        density=profile.density,
        init=profile.init,
        precision=profile.precision,
    )


def loss_for(profile: Profile, field: Field, *, rays: int | None = None) -> Callable:
    """The radiance loss with the profile's samples, and its rays of a training step unless others are given."""
    return losses.radiance_loss(field, num_samples=profile.samples, rays_per_step=rays or profile.rays)


def tasks(views: Views, num_given: int, num_held_out: int = HELD_OUT) -> Task:
    """Objects as tasks: the first views are what a fit sees, the first of the held-out half what it is judged by.

    Raises LearnitError if the objects have too few views for that.
    """
    total = views.images.shape[1]
    half = total - total // 2
    if not 1 <= num_given <= half or num_held_out > total // 2:
        raise LearnitError(
            f"found {total} views an object: expected at least {max(2 * num_given, 2 * num_held_out)}, to fit "
            f"{num_given} of them and score {num_held_out} others"
        )
    return Task(
        *(
            jax.tree.map(lambda leaf, part=part: jnp.asarray(leaf[:, part]), views)
            for part in (slice(num_given), slice(half, half + num_held_out))
        )
    )


def given(views: Views, algorithm: str) -> Views:
    """What a training sees of each object: all given views, or for ``sv`` one of them."""
    return jax.tree.map(lambda leaf: leaf[:, :1], views) if algorithm == "sv" else views


def sample_tasks(key: PRNGKey, data: Views) -> Task:
    """One object at random; the paper's batch is one."""
    index = jax.random.randint(key, (1,), 0, len(data.images))
    views = rows(data, index)
    return Task(support=views, query=views)


@functools.partial(jax.jit, static_argnames=("profile", "field"))
def pictures(profile: Profile, field: Field, params: Params, views: Views) -> Float[Array, "views h w 3"]:
    """The network's object seen by the cameras of ``views``, clipped to [0, 1]."""
    size = views.images.shape[-2]

    def one(camera):
        intrinsics, pose, near, far = camera
        seen = render_view(
            lambda points: field.apply(params, points),
            intrinsics,
            pose,
            height=size,
            width=size,
            near=near,
            far=far,
            num_samples=profile.samples,
        )
        return jnp.clip(seen.rgb, 0, 1)

    return jax.lax.map(one, (views.intrinsics, views.camera_to_world, views.near, views.far))


def score_for(profile: Profile, field: Field) -> Callable[[Params, Views], Array]:
    """Mean PSNR [dB] over the views of an object."""

    def score(params, views):
        seen = pictures(profile, field, params, views)
        truth = jnp.asarray(views.images, seen.dtype) / 255
        return jnp.mean(jax.vmap(evaluate.psnr)(seen, truth))

    return score


class Measures(NamedTuple):
    """What a fit at test time descends and is scored by: the radiance loss, and PSNR [dB] over held-out views."""

    profile: Profile

    def __call__(self, field: Field, tasks: Task) -> tuple[Callable, Callable]:
        del tasks
        return loss_for(self.profile, field, rays=self.profile.test_rays), score_for(self.profile, field)


def fit(
    profile: Profile, field: Field, draws: Draws, tasks: Task, setting: Setting, steps: int, *, every: int | None = None
) -> fits.Fitted:
    """PSNR [dB] of each object before a fit and after it, with ``every`` on the way too, and the fitted weights.

    One program serves all fits of up to ``profile.limit`` steps of an optimiser.
    """
    most = max(profile.limit, steps)
    return fits.fit_all(Measures(profile), field, draws, tasks, setting, steps, most=most, every=every or most)


def meta_grad_for(profile: Profile, field: Field, algorithm: str = "mv") -> meta.MetaGrad:
    """Reptile with the profile's inner loop; for ``joint`` the plain gradient of the loss on one object's rays."""
    loss = loss_for(profile, field)
    if algorithm == "joint":
        return lambda params, task, key: jax.value_and_grad(loss)(params, task.support, key)
    inner = Setting(profile.inner_optimizer, profile.inner_rate)
    adapt = meta.adapt_with(loss, inner.build(), profile.inner_steps, remat=False)
    return meta.reptile(loss, adapt)


def validate(profile: Profile, field: Field, params: Params, unseen: Task) -> Float[Array, ""]:
    """Mean PSNR [dB] of held-out views of ``unseen`` objects after four times as many steps as an inner loop has."""
    setting, steps = Setting(profile.inner_optimizer, profile.inner_rate), 4 * profile.inner_steps
    key = jax.random.key(0)  # the one by which the scores in shipped files were made
    found = fits.fit_all(Measures(profile), field, [params], unseen, setting, steps, every=steps, key=key)
    return jnp.mean(found.curves[:, -1])


def meta_train(
    profile: Profile,
    scenes: SceneSplits,
    algorithm: str = "mv",
    *,
    seed: int = 0,
    folder: Path | None = None,
    **control: Any,
) -> tuple[Field, Params, training.History]:
    """Train on ``scenes.train``, as the class needs it; validation is :func:`validate` on validation objects of which
    one view is given.

    ``joint`` makes as many steps, on as many rays, as the inner steps of the others together. With a ``folder``
    the run keeps a checkpoint there and goes on from it; ``control`` is that of :func:`runs.meta_train`.
    """
    profile = profile.for_class(scenes.name)
    training_profile = profile.for_algorithm(algorithm)
    field = field_for(profile)
    unseen = tasks(rows(scenes.validation, slice(VALIDATED)), 1, num_held_out=2)

    chunk = 800 if algorithm == "joint" else 50
    eighths = max(1, training_profile.num_steps // (8 * chunk))  # a curve to look at, however short the training is
    return runs.meta_train(
        training_profile,
        field,
        given(scenes.train, algorithm),
        meta_grad_for(training_profile, field, algorithm),
        sample_tasks,
        lambda params: validate(profile, field, params, unseen),
        algorithm=algorithm,
        data=scenes.name,
        seed=seed,
        folder=folder,
        **({"chunk": chunk, "validate_every": eighths} | control),
    )
