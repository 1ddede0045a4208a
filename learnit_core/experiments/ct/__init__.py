"""Computed tomography (the paper's second experiment): a slice from few projections, a network as its only prior.

Profiles, field, tasks and meta-training; the comparison of initialisations stands in :mod:`.table`, what commands need
to know in :mod:`.record`.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float

from learnit_core import evaluate, losses, meta, models, signals, tomography, training
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import experiment, fits, runs
from learnit_core.signals import ImageSplits, Pictures, phantoms, slices
from learnit_core.structures import Field, LossFn, Params, PRNGKey, Sinogram, Task, rows

NUM_PROJECTIONS = (1, 2, 4, 8)
"""Numbers of projections that a test slice is reconstructed from. Rows of results call them views."""

ALGORITHMS = ("reptile", "maml", "fomaml")

EVERY = 10
"""Steps between two scores of a fit; the last step is always scored."""


@dataclass(frozen=True, kw_only=True)
class Profile(experiment.Profile):
    """A profile of computed tomography.

    ``counts`` are training, validation and test phantoms; ``sigma`` is the deviation of the ``num_frequencies`` Fourier
    frequencies; ``num_views`` projections at random angles make a training task; ``limits`` are the most steps of a fit
    to 1, 2, 4 and 8 projections, and ``fit_steps`` those of Mean and Matched; ``init`` are the network's first weights,
    ``angle_deviation`` is that of the phantoms' ellipses [degrees].
    """

    counts: tuple[int, int, int]
    num_frequencies: int
    sigma: float
    inner_rate: float = 10.0
    inner_steps: int = 12
    num_views: int = 20
    batch: int = 1
    fit_steps: int = 1500
    limits: tuple[int, ...] = (50, 100, 1000, 1000)
    init: str = experiment.added("lecun")
    angle_deviation: float = experiment.added(phantoms.DEVIATION)

    # The angles' deviation decides the phantoms, whose sum a checkpoint has.
    UNTRAINED: ClassVar = ("fit_steps", "limits", "counts", "angle_deviation")

    def limit(self, num_projections: int) -> int:
        """The most steps of a fit to one of :data:`NUM_PROJECTIONS`."""
        return self.limits[NUM_PROJECTIONS.index(num_projections)]

    def shortened(self, few: int) -> dict[str, Any]:
        loops = ("num_steps", "inner_steps", "fit_steps")
        return {name: min(getattr(self, name), few) for name in loops} | {
            "size": min(self.size, max(64, few)),
            "limits": tuple(min(limit, few) for limit in self.limits),
            "counts": tuple(map(min, self.counts, (10 * few, 2 * few, few))),
        }


PROFILES = {
    "quick": Profile(
        name="quick", size=64, counts=(2048, 16, 8), width=48, depth=4, num_frequencies=48, sigma=8.0, outer_rate=3e-3,
        num_steps=1500, limits=(250, 500, 500, 500),
    ),
    # A larger network on the same slices, trained and fitted for longer: shipped, and judged by `make results`.
    "long": Profile(
        name="long", size=64, counts=(2048, 16, 8), width=64, depth=4, num_frequencies=64, sigma=8.0, outer_rate=2e-3,
        num_steps=4000, limits=(250, 500, 1000, 1000),
    ),
    "standard": Profile(
        name="standard", size=128, counts=(2048, 16, 32), width=128, depth=5, num_frequencies=128, sigma=15.0,
        outer_rate=5e-4, num_steps=10_000,
    ),
    # Supplement section 2 and the authors' code (`supplement.TRAINING`); phantoms turn by a twentieth of a radian.
    "paper": Profile(
        name="paper", size=256, counts=(2048, 16, 64), width=256, depth=5, num_frequencies=256, sigma=30.0,
        outer_rate=5e-5, num_steps=100_000, decay=False, fit_steps=3000, init="haiku",
        angle_deviation=math.degrees(1 / 20),
    ),
}  # fmt: skip

SHIPPED = {
    "quick": {"phantoms": {"meta-reptile": "ct-phantoms-quick-reptile"}},
    "long": {"phantoms": {"meta-reptile": "ct-phantoms-64-reptile"}},
}
"""Names for :func:`learnit_core.weights.pretrained` by profile, class and initialisation."""


def observation(num_projections: int) -> str:
    """What the rows of results call a number of projections."""
    return f"views={num_projections}"


OBSERVATIONS = {observation(n): n for n in NUM_PROJECTIONS}
"""Numbers of projections by what the rows of results call them."""


def load_signals(profile: Profile, data: str, *, seed: int = 0) -> ImageSplits:
    """Phantoms at the profile's size and counts, or slices of one's own (:func:`learnit_core.signals.slices.load`)."""
    if data == "phantoms":
        drawn = phantoms.splits(profile.size, profile.counts, seed, profile.angle_deviation)
        own = profile.angle_deviation != phantoms.DEVIATION
        turned = f" Angles have a deviation of {profile.angle_deviation:.2g} degrees." if own else ""
        return ImageSplits(data, *drawn, phantoms.NOTE + turned)
    if data in signals.BUILTIN:
        return signals.load(data, size=profile.size, counts=profile.counts, seed=seed)
    return slices.load(data, size=profile.size, seed=seed)


@functools.cache
def field_for(profile: Profile) -> Field:
    """The profile's network on Fourier features, whose frequencies are drawn from a fixed key: one field a profile."""
    frequencies = profile.sigma * jax.random.normal(jax.random.key(2012), (profile.num_frequencies, 2))
    network = {"width": profile.width, "depth": profile.depth, "init": profile.init, "precision": profile.precision}
    return models.fourier_mlp(np.asarray(frequencies), 1, **network)


def test_angles(num_projections: int) -> Float[np.ndarray, " {num_projections}"]:
    """Angles [rad] that a slice is reconstructed from: half a turn in equal parts, from 0 on (the authors' choice)."""
    return np.linspace(0, np.pi, num_projections, endpoint=False, dtype=np.float32)


test_angles.__test__ = False  # not for pytest


def measure(images: Array, angles: Array) -> Sinogram:
    """What the scanner sees of each image [n, size, size] at its angles [n, angles]."""
    return Sinogram(angles, jax.lax.map(lambda pair: tomography.project(*pair), (images, angles)))


def tasks(slices: Float[np.ndarray, "n size size 1"], angles: Float[np.ndarray, " angles"]) -> Task:
    """Slices as tasks: the sinogram at ``angles`` is what a fit sees, the slice itself what it is judged by."""
    truth = jnp.asarray(slices)[..., 0]
    return Task(measure(truth, jnp.broadcast_to(jnp.asarray(angles), (len(truth), len(angles)))), truth)


def sampler(profile: Profile) -> Callable[[PRNGKey, Array], Task]:
    """``sample_tasks`` that draws slices, and random angles once for all inner steps; data [n, size, size, 1] are in
    [0, 1] or bytes."""

    def sample_tasks(key, data):
        slice_key, angle_key = jax.random.split(key)
        slices = runs.in_unit(data[_draw(slice_key, profile, len(data))])[..., 0]
        sinogram = measure(slices, jax.random.uniform(angle_key, (profile.batch, profile.num_views), maxval=jnp.pi))
        return Task(support=sinogram, query=sinogram)

    return sample_tasks


def source(slices: np.ndarray | Pictures, profile: Profile, key: PRNGKey) -> training.Source:
    """Training slices for :func:`sampler`: all at once, or from disk those that each chunk draws."""
    if not isinstance(slices, Pictures):
        return training.in_memory(slices)
    length = len(slices)

    def draw(sample_key):
        return _draw(jax.random.split(sample_key)[0], profile, length)

    return training.on_disk(slices.stored, length, draw, key)


def _draw(key, profile, length):
    return jax.random.randint(key, (profile.batch,), 0, length)


def loss_and_score(field: Field, size: int) -> tuple[LossFn, Callable[[Params, Array], Array]]:
    """The loss on sinograms of slices [size, size], and the PSNR [dB] of the network's picture against the slice."""
    coords = models.pixel_grid(size, size)
    values_at = field.at(coords)

    def score(params, truth):
        return evaluate.psnr(values_at(params).reshape(size, size), truth)

    return losses.ct_loss(field, coords), score


def measures(field: Field, tasks: Task) -> tuple[LossFn, Callable[[Params, Array], Array]]:
    """What a fit at test time descends and is scored by: :func:`loss_and_score` for the slices of ``tasks``."""
    return loss_and_score(field, tasks.query.shape[-1])


def reconstruct(
    field: Field,
    params: Params,
    slices: Float[np.ndarray, "n size size 1"],
    num_projections: int,
    setting: Setting,
    num_steps: int,
    *,
    most: int | None = None,
) -> tuple[Float[np.ndarray, "n size size 1"], Params]:
    """Pictures and weights (with a leading axis n) after fitting each of ``slices`` from ``num_projections``.

    Fits of up to ``most`` steps (default: ``num_steps``) share one compiled program.
    """
    seen, size = tasks(slices, test_angles(num_projections)), slices.shape[1]
    fitted = fits.fit_all(measures, field, [params], seen, setting, num_steps, most=most, every=EVERY).params
    coords = models.pixel_grid(size, size)
    shown = [np.asarray(field.apply(rows(fitted, i), coords)).reshape(size, size, 1) for i in range(len(slices))]
    return np.stack(shown), fitted


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
    profile: Profile,
    images: ImageSplits,
    algorithm: str = "reptile",
    *,
    seed: int = 0,
    folder: Path | None = None,
    **control: Any,
) -> tuple[Field, Params, training.History]:
    """Meta-train on ``images.train``; validation is the mean PSNR [dB] of ``images.validation`` after the inner steps.

    They are then seen from as many projections as in training, at equal distances. With a ``folder`` the run keeps a
    checkpoint there and goes on from it; ``control`` is that of :func:`runs.meta_train`.
    """
    field = field_for(profile)
    loss, score = loss_and_score(field, profile.size)
    unseen = tasks(images.validation, test_angles(profile.num_views))
    return runs.meta_train(
        profile,
        field,
        images.train,
        meta_grad_for(profile, field, algorithm),
        sampler(profile),
        runs.after_inner_steps(
            loss, score, unseen, optax.sgd(profile.inner_rate), profile.inner_steps, jax.random.key(0)
        ),
        algorithm=algorithm,
        data=images.name,
        seed=seed,
        folder=folder,
        source=lambda slices, key: source(slices, profile, key),
        **({"validate_every": 5} | control),
    )
