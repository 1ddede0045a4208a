"""Phototourism (paper section 4.4): one landmark, many appearances.

A photograph is a task: its light, its exposure, its passers-by. What all photographs share, the place itself, goes into
the initialisation; what is a photograph's own, into the few steps of its fit. Profiles, field, tasks and meta-training
stand here; the comparison of initialisations in :mod:`learnit_core.experiments.tourism_table`.

*Basic NeRF* is the same training with one inner step, which is gradient descent on all photographs at once.
"""

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float

from learnit_core import evaluate, losses, meta, models, training, volume
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import runs
from learnit_core.experiments.settings import Settings
from learnit_core.fit import fit
from learnit_core.signals import photographer, prepared, tourism
from learnit_core.signals.prepared import SPLITS
from learnit_core.signals.tourism import Collection
from learnit_core.types import Field, Params, PRNGKey, Task, Views

LAST_DELTA = 1e10
"""Length for which the last sample of a ray stands: the sky is behind all else, and nothing is behind the sky."""

ALGORITHMS = ("reptile", "basic", "basic-steps")
"""Reptile; Basic NeRF with as many rays as Reptile sees in all; Basic NeRF with as many outer steps."""

VALIDATED = Setting("sgd", 1.0), 64
"""How validation photographs are fitted while training, in all algorithms alike."""


@dataclass(frozen=True)
class Profile:
    """Everything that decides a meta-training and its test, for one size of machine.

    ``size`` is the longer side of a photograph [pixels], ``rays`` how many of its pixels one step looks at. The fits at
    test time make ``limit`` steps at most. ``basic_rates`` are the outer rates of Basic NeRF at equal rays and at equal
    outer steps, apart from Reptile's.
    """

    name: str
    size: int
    width: int
    depth: int
    num_frequencies: int
    max_log2: float
    density: str
    num_samples: int
    outer_rate: float
    num_steps: int
    inner_rate: float
    inner_steps: int
    basic_rates: tuple[float, float]
    rays: int = 64
    decay: bool = True
    count: int = photographer.COUNT
    limit: int = 150

    def training(self) -> dict[str, Any]:
        """What decides the meta-trained weights: a checkpoint of other values is refused."""
        return {name: value for name, value in asdict(self).items() if name not in ("limit", "count", "basic_rates")}

    def for_algorithm(self, algorithm: str) -> "Profile":
        """The profile as ``algorithm`` needs it: Basic NeRF has one inner step, and its own outer rates."""
        if algorithm not in ALGORITHMS:
            raise LearnitError(f"unknown algorithm {algorithm!r}: expected one of {', '.join(ALGORITHMS)}")
        if algorithm == "reptile":
            return self
        steps = self.num_steps * (self.inner_steps if algorithm == "basic" else 1)
        rate = self.basic_rates[ALGORITHMS.index(algorithm) - 1]
        return replace(self, inner_steps=1, num_steps=steps, outer_rate=rate)

    def capped(self, settings: Settings) -> "Profile":
        """The same with every loop cut to ``settings.max_steps``, and fewer photographs."""
        if settings.max_steps is None:
            return self
        few = max(2, settings.max_steps)
        return replace(
            self, num_steps=min(self.num_steps, few), inner_steps=min(self.inner_steps, few),
            limit=min(self.limit, few), count=min(self.count, 20 + 10 * few), size=min(self.size, 24),
        )  # fmt: skip


PROFILES = {
    "quick": Profile(
        "quick", size=48, width=64, depth=4, num_frequencies=6, max_log2=5.0, density="softplus", num_samples=32,
        outer_rate=2e-3, num_steps=2500, inner_rate=3.0, inner_steps=16, basic_rates=(2e-3, 2e-3),
    ),
    "standard": Profile(
        "standard", size=96, width=128, depth=5, num_frequencies=10, max_log2=6.0, density="softplus", num_samples=64,
        outer_rate=1e-3, num_steps=10_000, inner_rate=3.0, inner_steps=32, basic_rates=(1e-3, 1e-3),
    ),
    # Supplement section 4. It says SGD 10, the authors' code 1: we follow the code, which is what ran.
    "paper": Profile(
        "paper", size=256, width=256, depth=6, num_frequencies=20, max_log2=8.0, density="relu", num_samples=128,
        outer_rate=5e-4, num_steps=150_000, inner_rate=1.0, inner_steps=64, basic_rates=(5e-4, 5e-4), decay=False,
    ),
}  # fmt: skip


SHIPPED = {
    "meta-reptile": "tourism-landmark-quick-reptile", "basic": "tourism-landmark-quick-basic",
    "basic-steps": "tourism-landmark-quick-basic-steps",
}  # fmt: skip
"""Names for :func:`learnit_core.weights.pretrained`."""

APPEARANCES = {"overcast": 0, "morning": 7, "evening": 19, "night": 16}
"""Test photographs of the landmark whose light stands in the four corners, by what one sees of it."""

APPEARANCE_FIT = Setting("sgd", 1.0), 150
"""How they are fitted: by SGD, which stays where mixing weights mixes pictures, and for as long as the paper says."""


def appearance_name(label: str) -> str:
    """The name of a shipped network that was fitted to one of the ``APPEARANCES``."""
    return f"tourism-landmark-quick-{label}"


class Judged(NamedTuple):
    """The pixels that a fit is judged by: where they are (their centres), what colour they have, and who took them.

    All photographs have as many entries; those that are only padding have the weight 0.
    """

    u: Float[Array, "*tasks pixels"]
    v: Float[Array, "*tasks pixels"]
    colours: Float[Array, "*tasks pixels 3"]
    weight: Float[Array, "*tasks pixels"]
    intrinsics: Float[Array, "*tasks 4"]
    camera_to_world: Float[Array, "*tasks 3 4"]
    near: Float[Array, "*tasks"]
    far: Float[Array, "*tasks"]


@functools.cache
def field_for(profile: Profile) -> Field:
    """The profile's network: position to colour and density, the same colour from all sides."""
    return models.nerf_mlp(
        width=profile.width, depth=profile.depth, num_frequencies=profile.num_frequencies, max_log2=profile.max_log2,
        density=profile.density,
    )  # fmt: skip


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
    )  # fmt: skip


def render(profile: Profile, field: Field, params: Params, u, v, intrinsics, pose, near, far) -> Float[Array, "rays 3"]:
    """Colours seen through image points of one camera, a part of them at a time."""

    def one(point):
        ray = volume.rays_through(*point, intrinsics, pose)
        return volume.render_rays(
            lambda p: field.apply(params, p), *ray, near=near, far=far, num_samples=profile.num_samples,
            last_delta=LAST_DELTA,
        ).rgb  # fmt: skip

    return jax.lax.map(one, (u, v), batch_size=min(256, u.shape[0]))


def score_for(profile: Profile, field: Field) -> Callable[[Params, Judged], Array]:
    """PSNR [dB] of the judged pixels of one photograph."""

    def score(params, judged):
        camera = judged.intrinsics, judged.camera_to_world, judged.near, judged.far
        colours = jnp.clip(render(profile, field, params, judged.u, judged.v, *camera), 0, 1)
        error = jnp.mean(jnp.square(colours - judged.colours), axis=-1)
        return -10 * jnp.log10(jnp.sum(judged.weight * error) / jnp.sum(judged.weight))

    return score


def judged(views: Views) -> Judged:
    """All valid pixels of photographs [n, 1, …], to be judged by."""
    inside = [np.argwhere(_inside(image[0], valid[0])) for image, valid in zip(views.images, views.valid, strict=True)]
    most = max(map(len, inside))
    places = np.stack([np.resize(place, (most, 2)) for place in inside])  # padding repeats pixels; its weight is 0
    colours = np.stack([image[0][tuple(place.T)] for image, place in zip(views.images, places, strict=True)])
    weight = np.arange(most) < np.array([[len(place)] for place in inside])
    one_view = (a[:, 0] for a in (views.intrinsics, views.camera_to_world, views.near, views.far))
    u, v = places[..., 1] + 0.5, places[..., 0] + 0.5
    arrays = (u, v, colours / 255, weight, *one_view)
    return Judged(*(jnp.asarray(a, jnp.float32) for a in arrays))


def _inside(image, valid):
    rows, columns = np.indices(image.shape[:2])
    top, bottom, left, right = valid
    return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)


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
    return meta.reptile(
        loss, meta.adapt_with(loss, optax.sgd(profile.inner_rate), profile.inner_steps, remat=False)
    )  # fmt: skip


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
    profile = profile.for_algorithm(algorithm)
    field, (setting, num_steps) = field_for(profile), VALIDATED
    loss, score = loss_for(profile, field), score_for(profile, field)
    unseen, num_steps = tasks(collection.validation), min(num_steps, profile.limit)

    @jax.jit
    def validate(params):
        scores = evaluate.curves(
            loss, score, params, unseen, jax.random.key(0), optimizer=setting.build(), num_steps=num_steps,
            every=num_steps,
        )  # fmt: skip
        return jnp.mean(scores[:, -1])

    # About as many inner steps between two looks, whatever the algorithm.
    chunk = max(1, 1600 // profile.inner_steps)
    looks = max(1, profile.num_steps // chunk // 10)
    return runs.meta_train(
        profile, field, collection.train, meta_grad_for(profile, field), sampler(), validate, algorithm=algorithm,
        data=collection.name, seed=seed, folder=folder, chunk=chunk, validate_every=looks,
    )  # fmt: skip


def fit_photographs(
    profile: Profile, field: Field, params: Params, views: Views, setting: Setting, num_steps: int, *, seed: int = 0
) -> Params:
    """Weights (with a leading axis) after fitting each of the photographs [n, 1, …], as far as ``valid`` shows them."""
    shown = jax.tree.map(jnp.asarray, views)
    return _fit(
        profile, field, params, shown, setting.learning_rate, jax.random.key(seed), setting.optimizer, num_steps
    )


@functools.partial(jax.jit, static_argnames=("profile", "field", "optimizer", "num_steps"))
def _fit(profile, field, params, views, rate, key, optimizer, num_steps):
    loss, build = loss_for(profile, field), Setting(optimizer, rate).build()

    def one(photograph):
        return fit(loss, params, photograph, key, optimizer=build, num_steps=num_steps).params

    return jax.lax.map(one, views)


def picture(
    profile: Profile, field: Field, params: Params, camera: "Camera", *, height: int, width: int
) -> Float[np.ndarray, "{height} {width} 3"]:
    """What a camera sees of the place that ``params`` hold, in [0, 1]."""
    scale = np.array([width / camera.width, height / camera.height], np.float32)
    intrinsics = np.asarray(camera.intrinsics, np.float32) * np.tile(scale, 2)
    found = _picture(profile, field, params, intrinsics, np.asarray(camera.pose, np.float32), camera.near, camera.far,
                     height, width)  # fmt: skip
    return np.clip(np.asarray(found), 0, 1)


@functools.partial(jax.jit, static_argnames=("profile", "field", "height", "width"))
def _picture(profile, field, params, intrinsics, pose, near, far, height, width):
    v, u = jnp.meshgrid(jnp.arange(height) + 0.5, jnp.arange(width) + 0.5, indexing="ij")
    return render(profile, field, params, u.ravel(), v.ravel(), intrinsics, pose, near, far).reshape(height, width, 3)


class Camera(NamedTuple):
    """One camera with the size of its picture, for looking around."""

    intrinsics: Float[np.ndarray, "4"]
    pose: Float[np.ndarray, "3 4"]
    near: float
    far: float
    height: int
    width: int


def camera_of(views: Views, index: int) -> Camera:
    """The camera of photograph ``index``."""
    top, bottom, left, right = (int(x) for x in views.valid[index, 0])
    near, far = float(views.near[index, 0]), float(views.far[index, 0])
    return Camera(views.intrinsics[index, 0], views.camera_to_world[index, 0], near, far, bottom - top, right - left)


def photograph(views: Views, index: int) -> Float[np.ndarray, "h w 3"]:
    """The valid part of photograph ``index``, in [0, 1]."""
    top, bottom, left, right = views.valid[index, 0]
    return views.images[index, 0, top:bottom, left:right] / np.float32(255)
