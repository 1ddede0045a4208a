"""Phototourism (the fourth experiment of the paper): one landmark, many appearances.

A photograph is a task: its light, its exposure, its passers-by. What all photographs share, the place itself, goes into
the initialisation; what is a photograph's own, into the few steps of its fit. *Basic NeRF* is the same training with
one inner step, which is gradient descent on all photographs at once.

Profiles, field, tasks, meta-training and the fit; what cameras see stands in :mod:`.pictures`, the comparison of
initialisations in :mod:`.table`, what commands need to know in :mod:`.record`.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float

from learnit_core import losses, meta, models, training
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import experiment, fits, runs, supplement
from learnit_core.experiments.tourism import pictures
from learnit_core.signals import photographer, prepared, tourism
from learnit_core.signals.prepared import SPLITS
from learnit_core.signals.tourism import Collection
from learnit_core.structures import Field, LossFn, Params, PRNGKey, Task, Views, rows

ALGORITHMS = {"meta-reptile": "reptile", "basic": "basic", "basic-steps": "basic-steps"}
"""What trains which row of the table: Reptile; Basic NeRF with as many rays as Reptile sees in all; Basic NeRF with as
many outer steps. Where the paper says how many (:func:`algorithms`), there is a Basic NeRF with its steps, too."""

EVERY = 25
"""Fits are scored after every so many steps, and after the last."""

VALIDATED = Setting("sgd", 1.0), 64
"""How validation photographs are fitted while training, in all algorithms alike."""


@dataclass(frozen=True, kw_only=True)
class Profile(experiment.Profile):
    """A profile of phototourism.

    ``size`` is the longer side of a photograph [pixels], ``rays`` are how many of its pixels one step looks at, each
    with ``num_samples``. ``basic_rates`` are the outer rates of Basic NeRF at equal rays and at equal outer steps.
    ``count`` photographs are drawn of the landmark, and ``limit`` are the most steps of a fit at test time; ``init`` is
    the network's. ``background`` is a grey behind the place: the authors have none, which is black. (Softplus hides
    it: no density is zero, and the last sample of a ray has no end.) ``basic_steps`` are the paper's outer steps of
    Basic NeRF, for places of which it says them.
    """

    num_frequencies: int
    max_log2: float
    density: str
    num_samples: int
    inner_rate: float
    inner_steps: int
    basic_rates: tuple[float, float]
    rays: int = 64
    count: int = photographer.COUNT
    limit: int = 150
    init: str = experiment.added("lecun")
    background: float = experiment.added(1.0)
    basic_steps: int | None = experiment.added(None)

    UNTRAINED: ClassVar = ("limit", "count", "basic_rates", "basic_steps")

    @property
    def rendering(self) -> dict[str, Any]:
        """How a camera looks: the samples on a ray, and what is behind them."""
        return {"num_samples": self.num_samples, "background": self.background}

    def for_class(self, data: str) -> "Profile":
        """The profile as the place ``data`` needs it: for each of its own the paper has other steps of Basic NeRF."""
        return supplement.for_class(self, "tourism", data)

    def for_algorithm(self, algorithm: str) -> "Profile":
        """The profile as ``algorithm`` needs it: Basic NeRF has one inner step, and its own outer rates."""
        known = algorithms(self).values()
        if algorithm not in known:
            raise LearnitError(f"unknown algorithm {algorithm!r}: expected one of {', '.join(known)}")
        if algorithm == "reptile":
            return self
        at_equal_rays, at_equal_steps = self.basic_rates
        all_steps = self.num_steps * self.inner_steps
        if algorithm == "basic":
            return replace(self, inner_steps=1, num_steps=all_steps, outer_rate=at_equal_rays)
        if algorithm == "basic-paper":  # in a trial with few steps no more than those
            return replace(self, inner_steps=1, num_steps=min(self.basic_steps, all_steps))
        return replace(self, inner_steps=1, outer_rate=at_equal_steps)

    def shortened(self, few: int) -> dict[str, Any]:
        return {name: min(getattr(self, name), few) for name in ("num_steps", "inner_steps", "limit")} | {
            "count": min(self.count, 20 + 10 * few),
            "size": min(self.size, max(24, few)),
            "num_samples": min(self.num_samples, 8 * few),
        }


# Outer rates were searched in doublings on validation photographs, for each training by itself.
_QUICK = Profile(
    name="quick", size=48, width=64, depth=4, num_frequencies=6, max_log2=5.0, density="softplus", num_samples=32,
    outer_rate=1e-2, num_steps=1000, inner_rate=3.0, inner_steps=16, basic_rates=(4e-3, 8e-3),
)  # fmt: skip

PROFILES = {
    "quick": _QUICK,
    # What is shipped, and what `make results` judges.
    "long": replace(_QUICK, name="long", num_steps=5000),
    "standard": Profile(
        name="standard", size=96, width=128, depth=5, num_frequencies=10, max_log2=6.0, density="softplus",
        num_samples=64, outer_rate=1e-3, num_steps=10_000, inner_rate=3.0, inner_steps=32, basic_rates=(1e-3, 1e-3),
    ),
    # Supplement section 4, of Basic NeRF `for_class`. An inner rate of 10 is the supplement's; the authors' code has 1.
    "paper": Profile(
        name="paper", size=256, width=256, depth=6, num_frequencies=20, max_log2=8.0, density="relu", num_samples=128,
        outer_rate=5e-4, num_steps=150_000, inner_rate=10.0, inner_steps=64, basic_rates=(5e-4, 5e-4),
        decay=False, init="haiku", background=0.0,
    ),
}  # fmt: skip


def algorithms(profile: Profile) -> dict[str, str]:
    """What trains which row with ``profile``: ``ALGORITHMS``, and if the paper says them, Basic NeRF with its steps."""
    return ALGORITHMS | ({"basic-paper": "basic-paper"} if profile.basic_steps else {})


SHIPPED = {
    "long": {
        "landmark": {
            "meta-reptile": "tourism-landmark-quick-reptile",
            "basic": "tourism-landmark-quick-basic",
            "basic-steps": "tourism-landmark-quick-basic-steps",
        }
    }
}
"""Names for :func:`learnit_core.weights.pretrained` by profile, class and initialisation."""


def load_signals(profile: Profile, data: str, *, seed: int = 0) -> Collection:
    """The built-in "landmark" at the profile's size, or a collection that `data_scripts/phototourism.py` made."""
    if data == "landmark":
        return photographer.collection(size=profile.size, count=profile.count, seed=seed)
    collection = prepared_collection(Path(data).expanduser())
    scaled = {split: tourism.at_most(getattr(collection, split), profile.size) for split in SPLITS}
    return collection._replace(**scaled)


def prepared_collection(folder: Path) -> Collection:
    """A prepared collection, in memory: a thousand photographs of 256 pixels are 200 MB.

    Raises LearnitError where ``folder`` holds none, or something else.
    """
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


@functools.cache
def field_for(profile: Profile) -> Field:
    """The profile's network: position to colour and density, the same colour from all sides."""
    return models.nerf_mlp(
        width=profile.width,
        depth=profile.depth,
        num_frequencies=profile.num_frequencies,
        max_log2=profile.max_log2,
        density=profile.density,
        init=profile.init,
        precision=profile.precision,
    )


def loss_for(profile: Profile, field: Field) -> LossFn:
    """The loss on photographs: colours of random pixels."""
    return losses.radiance_loss(field, **profile.rendering, rays_per_step=profile.rays, last_delta=pictures.LAST_DELTA)


def tasks(views: Views) -> Task:
    """Photographs as tasks: a fit sees the left half, and is judged by the right half (the authors' protocol)."""
    left, right = tourism.halves(views)
    return Task(left, pictures.judged(right))


def whole(views: Views) -> Task:
    """Photographs as tasks of which a fit sees everything, so that nothing is left to be judged by."""
    return Task(views, None)


def sample_tasks(key: PRNGKey, data: Views) -> Task:
    """One whole photograph of a collection's split, at random; the paper's batch is one."""
    photograph = rows(data, jax.random.randint(key, (1,), 0, len(data.images)))
    return Task(photograph, photograph)


class Measures(NamedTuple):
    """What a fit descends, the loss on photographs, and its score: PSNR [dB] over judged pixels, if there are any."""

    profile: Profile

    def __call__(self, field: Field, tasks: Task) -> tuple[LossFn, Callable]:
        loss = loss_for(self.profile, field)
        if tasks.query is None:
            return loss, lambda params, nothing: ()
        return loss, pictures.score_for(field, **self.profile.rendering)


def fit(
    profile: Profile,
    field: Field,
    params: Params,
    tasks: Task,
    setting: Setting,
    num_steps: int,
    *,
    key: PRNGKey | None = None,
) -> fits.Fitted:
    """Weights after a fit to each photograph, and PSNR [dB] before it, after every ``EVERY`` steps and after the last.

    One program serves all fits of up to ``profile.limit`` steps of an optimiser.
    """
    most = max(profile.limit, num_steps)
    return fits.fit_all(
        Measures(profile), field, [params], tasks, setting, num_steps, most=most, every=min(EVERY, most), key=key
    )


def meta_grad_for(profile: Profile, field: Field, algorithm: str = "reptile") -> meta.MetaGrad:
    """Reptile with the profile's inner loop; with one inner step that is Basic NeRF's gradient, times a rate."""
    loss, steps = loss_for(profile, field), profile.for_algorithm(algorithm).inner_steps
    return meta.reptile(loss, meta.adapt_with(loss, optax.sgd(profile.inner_rate), steps, remat=False))


def meta_train(
    profile: Profile,
    collection: Collection,
    algorithm: str = "reptile",
    *,
    seed: int = 0,
    folder: Path | None = None,
    **control: Any,
) -> tuple[Field, Params, training.History]:
    """Train on ``collection.train``; validation is the PSNR [dB] on right halves of the validation photographs.

    Their left halves are fitted as ``VALIDATED`` says. With a ``folder`` the run keeps a checkpoint there and goes on
    from it; ``control`` is that of :func:`runs.meta_train`.
    """
    field, unseen, validated = field_for(profile), tasks(collection.validation), profile
    profile = profile.for_class(collection.name).for_algorithm(algorithm)
    # About as many inner steps between two looks, whatever the algorithm.
    chunk = max(1, min(1600 // profile.inner_steps, profile.num_steps // 10))
    looks = max(1, profile.num_steps // chunk // 10)
    return runs.meta_train(
        profile,
        field,
        collection.train,
        meta_grad_for(profile, field, algorithm),
        sample_tasks,
        lambda params: validate(validated, field, params, unseen),
        algorithm=algorithm,
        data=collection.name,
        seed=seed,
        folder=folder,
        **({"chunk": chunk, "validate_every": looks} | control),
    )


def validate(profile: Profile, field: Field, params: Params, unseen: Task) -> Float[Array, ""]:
    """Mean PSNR [dB] on the right halves of photographs whose left halves are fitted as ``VALIDATED`` says."""
    setting, num_steps = VALIDATED
    steps = min(num_steps, profile.limit)
    # The key by which the scores in shipped files were made.
    key = jax.random.key(0)
    found = fits.fit_all(Measures(profile), field, [params], unseen, setting, steps, every=steps, key=key)
    return jnp.mean(found.curves[:, -1])
