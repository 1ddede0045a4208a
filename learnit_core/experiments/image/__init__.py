"""Image regression (the first experiment of the paper, Table 1): fit a picture with a SIREN in two gradient steps.

Profiles, field, tasks and meta-training; the comparison of initialisations stands in :mod:`.table`, what commands need
to know in :mod:`.record`.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float

from learnit_core import evaluate, losses, memory, meta, models, signals, training
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import experiment, fits, runs
from learnit_core.signals import ImageSplits, Pictures
from learnit_core.structures import Field, Params, Pixels, PRNGKey, Rated, Task, plain, rated

CLASSES = ("text", "sdf", "faces")
ALGORITHMS = ("maml", "fomaml", "reptile")


@dataclass(frozen=True, kw_only=True)
class Profile(experiment.Profile):
    """A profile of image regression.

    ``counts`` are training, validation and test signals of the classes that can be drawn at will; ``fit_steps``
    those of Mean and Matched; ``limit`` the steps after which a fit that has not matched MAML is given up; ``along``
    the length of the curves.
    """

    counts: tuple[int, int, int]
    w0: float
    inner_rate: float = 1e-2
    inner_steps: int = 2
    maml_batch: int = 3
    reptile_batch: int = 10
    fit_steps: int = 1500
    limit: int = 100
    along: int = 100

    UNTRAINED: ClassVar = ("fit_steps", "limit", "along", "counts")

    def for_class(self, data: str) -> "Profile":
        """The profile with the ``w0`` that suits a built-in class; other data keep the profile's own."""
        return replace(self, w0=CLASS_W0.get((self.name, data), self.w0))

    def shortened(self, few: int) -> dict:
        loops = ("num_steps", "fit_steps", "limit", "along", "maml_batch", "reptile_batch")
        counts = tuple(map(min, self.counts, (10 * few, 2 * few, few)))
        return {name: min(getattr(self, name), few) for name in loops} | {
            "size": min(self.size, max(64, few)),
            "counts": counts,
        }


PROFILES = {
    "quick": Profile(
        name="quick", size=32, counts=(2000, 12, 20), width=128, depth=4, w0=60.0, outer_rate=3e-4,
        num_steps=600, fit_steps=300, limit=40,
    ),
    "standard": Profile(
        name="standard", size=64, counts=(10_000, 20, 64), width=256, depth=5, w0=100.0, outer_rate=2e-4,
        num_steps=10_000,
    ),
    # Supplement section 1 and the authors' code: constant Adam 1e-5, SIREN 5 x 256 with w0 = 200. Main text: 10,000
    # pictures to train on, at 178 x 178.
    "paper": Profile(
        name="paper", size=178, counts=(10_000, 100, 100), width=256, depth=5, w0=200.0, outer_rate=1e-5,
        num_steps=150_000, decay=False, fit_steps=3000,
    ),
}  # fmt: skip

CLASS_W0 = {("standard", "sdf"): 60.0, ("standard", "faces"): 40.0}
"""Where a class wants another ``w0`` than its profile's: smoother pictures, or fewer pixels, lower frequencies.

With w0 = 100 a network of 5 x 256 holds every pixel of a 25 x 25 picture by itself, and shows noise in between.
"""

LEARNED = {"meta-reptile": "reptile", "meta-maml": "maml", "meta-sgd": "meta-sgd"}
"""How the initialisations that are shipped in the profile ``quick`` are trained."""

SHIPPED = {
    "quick": {
        data: {init: f"image-{data}-quick-{algorithm}" for init, algorithm in LEARNED.items()} for data in CLASSES
    },
    "standard": {
        data: {"meta-maml": name}
        for data, name in {"text": "image-text-64", "sdf": "image-sdf-64", "faces": "image-faces-25"}.items()
    },
}
"""Names for :func:`learnit_core.weights.pretrained` by profile (network and size), class and initialisation."""


def load_signals(profile: Profile, data: str, *, seed: int = 0) -> ImageSplits:
    """Pictures of a built-in class, a folder or a prepared set at the profile's size and counts.

    Of a prepared set all training pictures are taken, but in the profile ``paper`` the paper's 10,000 at most.
    """
    most = profile.counts[0] if profile.name == "paper" else None
    return signals.load(data, size=profile.size, counts=profile.counts, seed=seed, most=most)


def large_test(data: str, *, count: int) -> np.ndarray:
    """The first ``count`` test pictures at the size of the large shipped initialisation of a built-in class."""
    return signals.load(data, size=PROFILES["standard"].size, counts=(1, 1, count)).test[:count]


@functools.cache
def field_for(profile: Profile, channels: int) -> Field:
    """The profile's SIREN from pixel positions to ``channels`` values."""
    network = {"width": profile.width, "depth": profile.depth, "w0": profile.w0, "precision": profile.precision}
    return models.siren(2, channels, **network)


def tasks(pictures: np.ndarray | Array) -> Task:
    """Pictures [n, h, w, c] as tasks whose support and query are all pixels, as in the paper.

    Values are in [0, 1], or bytes, which become that here.
    """
    num, height, width, channels = pictures.shape
    pictures = runs.in_unit(pictures)
    coords = jnp.broadcast_to(models.pixel_grid(height, width), (num, height * width, 2))
    pixels = Pixels(coords, jnp.asarray(pictures).reshape(num, height * width, channels))
    return Task(support=pixels, query=pixels)


def sampler(batch_size: int) -> Callable[[PRNGKey, Array | training.Excerpt], Task]:
    """``sample_tasks`` that draws ``batch_size`` pictures, with replacement, from data [n, h, w, c]."""

    def sample_tasks(key, data):
        return tasks(data[_draw(key, batch_size, len(data))])

    return sample_tasks


def batch_size(profile: Profile, algorithm: str) -> int:
    """Pictures an outer step."""
    return profile.reptile_batch if algorithm == "reptile" else profile.maml_batch


def source(pictures: np.ndarray | Pictures, batch_size: int, key: PRNGKey) -> training.Source:
    """Training pictures for :func:`sampler`: all at once, or from disk those that each chunk draws."""
    if not isinstance(pictures, Pictures):
        return training.in_memory(pictures)
    length = len(pictures)
    return training.on_disk(pictures.stored, length, lambda sample_key: _draw(sample_key, batch_size, length), key)


def _draw(key: PRNGKey, batch_size: int, length: int) -> Array:
    return jax.random.randint(key, (batch_size,), 0, length)


def score(field: Field, *, clip: bool = True) -> Callable[[Params, Pixels], Array]:
    """PSNR of the field's picture over the pixels given [dB]."""
    return evaluate.regression_score(field, clip=clip)


def measures(field: Field, tasks: Task) -> tuple[Callable, Callable]:
    """What a fit descends and is scored by: squared error and PSNR [dB] over all pixels; weights may be rated."""
    del tasks
    field = reading_rated(field)
    return losses.image_loss(field), score(field)


def unclipped(field: Field, tasks: Task) -> tuple[Callable, Callable]:
    """The same with the PSNR of predictions as they are."""
    return measures(field, tasks)[0], score(field, clip=False)


def reading_rated(field: Field) -> Field:
    """The same field, which evaluates weights that carry their rates (:class:`Rated`), too."""
    return replace(field, apply=lambda params, coords: field.apply(plain(params), coords))


def _as_shown(field, tasks):
    del tasks
    field = reading_rated(field)
    return losses.image_loss(field), lambda params, pixels: field.apply(params, pixels.coords)


def frames(
    field: Field, params: Params, pictures: np.ndarray, setting: Setting, num_steps: int
) -> Float[np.ndarray, "signals shown h w c"]:
    """What the network shows of each picture [signals, h, w, c] after 0, 1, … gradient steps on it."""
    shown = fits.fit_all(_as_shown, field, [params], tasks(pictures), setting, num_steps).curves
    return shown.reshape(len(pictures), num_steps + 1, *pictures.shape[1:])


def channel_frames(
    field: Field, params: Params, picture: np.ndarray, setting: Setting, num_steps: int
) -> Float[np.ndarray, "shown h w c"]:
    """The same for one colour picture [h, w, c] and a grey network, fitted to each channel by itself."""
    return np.stack(frames(field, params, np.moveaxis(picture, -1, 0)[..., None], setting, num_steps)[..., 0], axis=-1)


def meta_grad_for(profile: Profile, field: Field, algorithm: str, way: memory.Way = memory.USUAL) -> meta.MetaGrad:
    """MAML, FOMAML, Reptile or Meta-SGD with the profile's inner loop; the query sees all pixels in every ``way``."""
    loss = inner = losses.regression_loss(reading_rated(field), blocks=way.blocks)
    if way.fraction < 1:
        inner = losses.part_loss(field, way.fraction, blocks=way.blocks)
    if algorithm == "meta-sgd":
        return meta.maml(loss, meta.adapt_with_rates(inner, profile.inner_steps, remat=way.remat))
    if algorithm not in ALGORITHMS:
        raise LearnitError(f"unknown algorithm {algorithm!r}: expected one of {', '.join((*ALGORITHMS, 'meta-sgd'))}")
    adapt = meta.adapt_with(inner, optax.sgd(profile.inner_rate), profile.inner_steps, remat=way.remat)
    return getattr(meta, algorithm)(loss, adapt)


def way_within(
    budget: int, profile: Profile, field: Field, start: Params | Rated, algorithm: str, shape: tuple[int, ...]
) -> memory.Choice:
    """The way of :func:`meta_grad_for` for a picture [h, w, c] in ``budget`` bytes beside data and weights."""
    task = jax.tree.map(lambda leaf: leaf[0], tasks(np.zeros((1, *shape), np.float32)))
    arguments = jax.eval_shape(lambda *given: given, start, task, jax.random.key(0))
    return memory.choose(functools.partial(meta_grad_for, profile, field, algorithm), arguments, budget)


def meta_train(
    profile: Profile,
    images: ImageSplits,
    algorithm: str,
    *,
    seed: int = 0,
    folder: Path | None = None,
    way: memory.Way = memory.USUAL,
    budget: int | None = None,
    **control: Any,
) -> tuple[Field, Params | Rated, training.History]:
    """Meta-train on ``images.train``; validation is PSNR after the inner steps on ``images.validation`` [dB].

    With a ``folder`` the run keeps a checkpoint there and goes on from it; ``control`` is that of
    :func:`runs.meta_train`. Meta-SGD begins with the profile's inner rate for every weight, and gives rated weights;
    one outer optimiser moves weights and rates. ``way`` is how a meta-gradient is computed, ``budget`` [bytes] what one
    may take beside data and weights: then the :func:`way_within` it is said, and taken. Validation is in its blocks.
    """
    start = field = field_for(profile, images.train.shape[-1])
    unseen, key = tasks(images.validation), runs.run_keys(seed)[1]
    inner, (_, psnr) = Setting("sgd", profile.inner_rate), measures(field, unseen)
    if algorithm == "meta-sgd":
        start = replace(field, init=lambda key: rated(field.init(key), profile.inner_rate))
        inner = Setting("learned", 1.0)
    if budget is not None:
        example = start.init(jax.random.key(0))
        way, _, said = way_within(budget, profile, field, example, algorithm, images.train.shape[1:])
        print(said)
    loss = losses.regression_loss(reading_rated(field), blocks=way.blocks)
    size = batch_size(profile, algorithm)
    _, params, history = runs.meta_train(
        profile,
        start,
        images.train,
        meta_grad_for(profile, field, algorithm, way),
        sampler(size),
        runs.after_inner_steps(loss, psnr, unseen, inner.build(), profile.inner_steps, key),
        algorithm=algorithm,
        data=images.name,
        seed=seed,
        folder=folder,
        about={"fraction": way.fraction} if way.fraction < 1 else {},
        source=lambda pictures, key: source(pictures, size, key),
        **control,
    )
    return field, params, history
