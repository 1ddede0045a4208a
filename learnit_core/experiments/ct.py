"""Computed tomography (paper section 4.2): a slice from a handful of projections, with a network as its only prior.

Profiles, field, tasks and meta-training. Notebook, weights, tuning, results and tests all start from here; the
comparison of initialisations stands in :mod:`learnit_core.experiments.ct_table`.
"""

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float

from learnit_core import evaluate, losses, meta, models, signals, tomography, training
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import runs
from learnit_core.experiments.settings import Settings
from learnit_core.fit import fit
from learnit_core.signals import ImageSplits, slices
from learnit_core.structures import Field, Params, PRNGKey, Sinogram, Task

VIEWS = (1, 2, 4, 8)
"""Numbers of projections that a test slice is reconstructed from."""

ALGORITHMS = ("reptile", "maml", "fomaml")

EVERY = 10
"""Fits are scored every so many steps; one of another number of steps, as in a short trial, at its end."""

TRIAL_SIZE = 64
"""Slices of a run of few steps are no larger: it shows that everything runs. ``make bench`` has the paper's size."""


@dataclass(frozen=True)
class Profile:
    """Everything that decides a meta-training and its test, for one size of machine.

    ``counts`` are training, validation and test phantoms; ``sigma`` is the deviation of the Fourier frequencies;
    ``num_views`` random projections make a training task; ``limits`` are the most steps of a fit with 1, 2, 4 and 8
    views, and ``fit_steps`` those of Mean and Matched.
    """

    name: str
    size: int
    counts: tuple[int, int, int]
    width: int
    depth: int
    num_frequencies: int
    sigma: float
    outer_rate: float
    num_steps: int
    decay: bool = True
    inner_rate: float = 10.0
    inner_steps: int = 12
    num_views: int = 20
    batch: int = 1
    fit_steps: int = 1500
    limits: tuple[int, ...] = (50, 100, 1000, 1000)

    def training(self) -> dict[str, Any]:
        """What decides the meta-trained weights: a checkpoint of other values is refused."""
        return {name: value for name, value in asdict(self).items() if name not in ("fit_steps", "limits", "counts")}

    def limit(self, views: int) -> int:
        """The most steps of a fit to so many views."""
        return self.limits[VIEWS.index(views)]

    def capped(self, settings: Settings) -> "Profile":
        """The same with every loop cut to ``settings.max_steps``, and fewer and smaller signals."""
        if settings.max_steps is None:
            return self
        loops = ("num_steps", "inner_steps", "fit_steps")
        shorter = {name: max(2, settings.cap(getattr(self, name))) for name in loops}
        most = (10 * settings.max_steps, 2 * settings.max_steps, max(2, settings.max_steps))
        limits = tuple(settings.cap(limit) for limit in self.limits)
        size = min(self.size, max(TRIAL_SIZE, settings.max_steps))
        return replace(self, **shorter, size=size, limits=limits, counts=tuple(map(min, self.counts, most)))


PROFILES = {
    "quick": Profile(
        "quick", size=64, counts=(2048, 16, 8), width=48, depth=4, num_frequencies=48, sigma=8.0, outer_rate=3e-3,
        num_steps=1500, limits=(250, 500, 500, 500),
    ),
    "standard": Profile(
        "standard", size=128, counts=(2048, 16, 32), width=128, depth=5, num_frequencies=128, sigma=15.0,
        outer_rate=5e-4, num_steps=10_000,
    ),
    # Supplement section 2 and the authors' code: constant Adam 5e-5, 5 x 256, sigma = 30 at 256 x 256.
    "paper": Profile(
        "paper", size=256, counts=(2048, 16, 64), width=256, depth=5, num_frequencies=256, sigma=30.0, outer_rate=5e-5,
        num_steps=100_000, decay=False, fit_steps=3000,
    ),
}  # fmt: skip

LONG = replace(
    PROFILES["quick"], width=64, num_frequencies=64, outer_rate=2e-3, num_steps=4000, limits=(250, 500, 1000, 1000)
)
"""A larger network on slices as in `quick`, trained and fitted for longer: shipped, and judged by ``make results``."""

SHIPPED_PROFILES = {"quick": PROFILES["quick"], "long": LONG}
"""What the shipped initialisations were trained with."""

SHIPPED = {"quick": "ct-phantoms-quick-reptile", "long": "ct-phantoms-64-reptile"}
"""Names for :func:`learnit_core.weights.pretrained`: what the notebook trains live, and :data:`LONG`."""


def load_signals(profile: Profile, data: str, *, seed: int = 0) -> ImageSplits:
    """Phantoms at the profile's size and counts, or a folder of slices (:func:`learnit_core.signals.slices.load`)."""
    if data in signals.BUILTIN:
        return signals.load(data, size=profile.size, counts=profile.counts, seed=seed)
    return slices.load(data, size=profile.size, seed=seed)


@functools.cache
def field_for(profile: Profile) -> Field:
    """The profile's network on Fourier features, whose frequencies are drawn from a fixed key: one field a profile."""
    frequencies = profile.sigma * jax.random.normal(jax.random.key(2012), (profile.num_frequencies, 2))
    return models.fourier_mlp(np.asarray(frequencies), 1, width=profile.width, depth=profile.depth)


def test_angles(views: int) -> Float[np.ndarray, " {views}"]:
    """Angles [rad] that a slice is reconstructed from: half a turn in equal parts, from 0 on (the authors' choice)."""
    return np.linspace(0, np.pi, views, endpoint=False, dtype=np.float32)


test_angles.__test__ = False  # not for pytest


def measure(images: Array, angles: Array) -> Sinogram:
    """What the scanner sees of each image [n, size, size] at its angles [n, angles]."""
    return Sinogram(angles, jax.lax.map(lambda pair: tomography.project(*pair), (images, angles)))


def tasks(slices: Float[np.ndarray, "n size size 1"], angles: Float[np.ndarray, " angles"]) -> Task:
    """Slices as tasks: the sinogram at ``angles`` is what a fit sees, the slice itself what it is judged by."""
    truth = jnp.asarray(slices)[..., 0]
    return Task(measure(truth, jnp.broadcast_to(jnp.asarray(angles), (len(truth), len(angles)))), truth)


def sampler(profile: Profile) -> Callable[[PRNGKey, Array], Task]:
    """``sample_tasks`` that draws slices from data [n, size, size, 1] and random angles, once for all inner steps."""

    def sample_tasks(key, data):
        slice_key, angle_key = jax.random.split(key)
        slices = data[jax.random.randint(slice_key, (profile.batch,), 0, len(data))][..., 0]
        sinogram = measure(slices, jax.random.uniform(angle_key, (profile.batch, profile.num_views), maxval=jnp.pi))
        return Task(support=sinogram, query=sinogram)

    return sample_tasks


def loss_and_score(field: Field, size: int) -> tuple[Callable, Callable[[Params, Array], Array]]:
    """The loss on sinograms of slices [size, size], and the PSNR [dB] of the network's picture against the slice."""
    coords = models.pixel_grid(size, size)
    values_at = field.at(coords)

    def score(params, truth):
        return evaluate.psnr(values_at(params).reshape(size, size), truth)

    return losses.ct_loss(field, coords), score


def reconstruct(
    field: Field, params: Params, slices: np.ndarray, views: int, setting: Setting, num_steps: int
) -> tuple[Float[np.ndarray, "n size size 1"], Params]:
    """Pictures and weights (with a leading axis n) after fitting each of ``slices`` from ``views`` projections."""
    pictures, fitted = _reconstruct(
        field, params, tasks(slices, test_angles(views)), setting.learning_rate, setting.optimizer, num_steps
    )
    return np.asarray(pictures), fitted


@functools.partial(jax.jit, static_argnames=("field", "optimizer", "num_steps"))
def _reconstruct(field, params, tasks, rate, optimizer, num_steps):
    size = tasks.query.shape[-1]
    coords = models.pixel_grid(size, size)
    loss, build = losses.ct_loss(field, coords), Setting(optimizer, rate).build()

    def one(sinogram):
        fitted = fit(loss, params, sinogram, jax.random.key(0), optimizer=build, num_steps=num_steps).params
        return field.apply(fitted, coords).reshape(size, size, 1), fitted

    return jax.lax.map(one, tasks.support)


def meta_grad_for(profile: Profile, field: Field, algorithm: str = "reptile") -> meta.MetaGrad:
    """Reptile, MAML or FOMAML with the profile's inner loop; the paper takes Reptile, and so do we.

    Only MAML differentiates through the inner loop, so only there is its forward pass computed again to save memory.
    """
    if algorithm not in ALGORITHMS:
        raise LearnitError(f"unknown algorithm {algorithm!r}: expected one of {', '.join(ALGORITHMS)}")
    loss, _ = loss_and_score(field, profile.size)
    adapt = meta.adapt_with(loss, optax.sgd(profile.inner_rate), profile.inner_steps, remat=algorithm == "maml")
    return getattr(meta, algorithm)(loss, adapt)


def meta_train(
    profile: Profile, images: ImageSplits, algorithm: str = "reptile", *, seed: int = 0, folder: Path | None = None
) -> tuple[Field, Params, training.History]:
    """Meta-train on ``images.train``; validation is the mean PSNR [dB] of ``images.validation`` after the inner steps.

    They are then seen from as many projections as in training, at equal distances. With a ``folder`` the run keeps a
    checkpoint there and goes on from it.
    """
    field = field_for(profile)
    loss, score = loss_and_score(field, profile.size)
    unseen = tasks(images.validation, test_angles(profile.num_views))

    @jax.jit
    def validate(params):
        return jnp.mean(
            evaluate.curves(
                loss,
                score,
                params,
                unseen,
                jax.random.key(0),
                optimizer=optax.sgd(profile.inner_rate),
                num_steps=profile.inner_steps,
                every=profile.inner_steps,
            )[:, -1]
        )

    return runs.meta_train(
        profile,
        field,
        images.train,
        meta_grad_for(profile, field, algorithm),
        sampler(profile),
        validate,
        algorithm=algorithm,
        data=images.name,
        seed=seed,
        folder=folder,
        validate_every=5,
    )
