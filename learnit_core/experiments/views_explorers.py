"""Explorers of view synthesis: around an object that was seen once, and from one object's weights to another's."""

import io
import os
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from PIL import Image

from learnit_core import explorer, weights
from learnit_core.experiments import baselines, views, views_table
from learnit_core.signals import objects
from learnit_core.structures import Field, Params, Views

HEIGHT = 0.4
"""Sine of the elevation from which objects are turned."""


def around(
    profile: views.Profile, field: Field, params: Params, *, count: int = 36, size: int | None = None
) -> Float[np.ndarray, "{count} size size 3"]:
    """Pictures of a network's object from all around."""
    cameras = _circle(np.linspace(0, 360, count, endpoint=False), size or profile.size)
    return np.asarray(views.pictures(profile, field, params, cameras))


def _circle(degrees: Sequence[float] | np.ndarray, size: int) -> Views:
    """Cameras on a circle around the object, without pictures."""
    poses = np.stack([objects.look_at(np.radians(d), HEIGHT) for d in degrees])
    every = len(poses)
    return Views(
        images=np.empty((every, size, size, 3), np.uint8),
        valid=np.tile(np.array([0, size, 0, size], np.int32), (every, 1)),
        intrinsics=np.tile(objects.intrinsics(size), (every, 1)),
        camera_to_world=poses,
        near=np.full(every, objects.NEAR, np.float32),
        far=np.full(every, objects.FAR, np.float32),
    )


def turntable(panes: Mapping[str, Float[np.ndarray, "count size size 3"]], *, title: str, side: int = 200):
    """Objects that turn together: pictures as :func:`around` makes them, by title."""
    count = len(next(iter(panes.values())))
    azimuth = explorer.camera("Azimuth", high=360, step=360 / count, unit="°", wraps=True)
    return explorer.frames(panes, controls=[azimuth], title=title, side=side)


def animation(
    panes: Sequence[Float[np.ndarray, "count size size 3"]], file: str | os.PathLike, *, scale: int = 4
) -> None:
    """A GIF of turning objects side by side, each pixel ``scale`` pixels wide."""
    frames = []
    for row in zip(*panes, strict=True):
        picture = np.rint(255 * np.concatenate(row, axis=1)).astype(np.uint8)
        height, width = picture.shape[:2]
        frames.append(Image.fromarray(picture).resize((width * scale, height * scale), Image.Resampling.NEAREST))
    data = io.BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)
    with open(file, "wb") as stream:
        stream.write(data.getvalue())


def between_objects(
    profile: views.Profile,
    field: Field,
    panes: Mapping[str, Sequence[Params]],
    *,
    labels: Sequence[str],
    counts: tuple[int, int] = (11, 12),
    side: int = 200,
) -> explorer.Explorer:
    """From one object's weights to another's while the camera goes around: pictures made beforehand.

    ``counts`` are the pictures along the way and around.
    """

    def render(params, azimuth, *, height, width):
        del width  # square
        return np.asarray(views.pictures(profile, field, params, _circle([azimuth], height)))[0]

    step = 360 / counts[1]
    return explorer.networks(
        field,
        panes,
        labels=labels,
        shape=(profile.size,) * 2,
        title="Between two objects",
        engine="frames",
        cameras=[explorer.camera("Azimuth", high=360, step=step, unit="°", wraps=True)],
        render=render,
        frame_counts=counts,
        side=side,
    )


def fitted(
    profile: views.Profile, field: Field, start: Params, scenes: Views, init: str, data: str, *, num_given: int = 1
) -> Params:
    """Weights (an axis of objects) after the tuned fit of an initialisation to so many views of each object."""
    chosen = views_table.tuned_settings("quick", data)[init][num_given]
    steps = min(chosen.steps, profile.limit)
    task = views.tasks(scenes, num_given, 1)
    return views_table.run(profile, field, [start], task, chosen.setting, steps, every=steps)[1]


def corners(stacked: Params, count: int) -> list[Params]:
    """The first ``count`` networks of parameters with a leading axis."""
    return [jax.tree.map(lambda leaf, i=i: leaf[i], stacked) for i in range(count)]


ONE_VIEW = """
<h2>View synthesis: a chair from one picture</h2>
<p>An unseen chair was photographed once (left), and a small radiance field fitted to that one picture: from random
weights (Standard) and from weights learned on 120 other chairs (Reptile). Turn it.</p>
"""

TWO_CHAIRS = """
<h2>View synthesis: between two chairs</h2>
<p>Two chairs, each fitted to 25 pictures from the learned weights. The first slider mixes the two networks' weights,
the second walks around what they hold.</p>
"""


def sections(data: str = "chairs", *, seed: int = 0) -> list[tuple[str, explorer.Explorer]]:
    """The gallery's part of view synthesis: HTML, and the explorer that belongs below it."""
    profile = views.PROFILES["quick"]
    field, learned, _ = weights.pretrained(views.SHIPPED[data]["mv"])
    scenes = views.load_signals(profile, data).test
    first = jax.tree.map(lambda leaf: leaf[:1], scenes)
    count = 24
    seen = np.repeat(np.asarray(scenes.images[0, :1], np.float32) / 255, count, axis=0)
    starts = {"standard": baselines.standard(field, seed=seed), "meta-mv": learned}
    panes = {"the one picture": seen}
    for name, start in starts.items():
        found = fitted(profile, field, start, first, name, data)
        label = {"standard": "Standard", "meta-mv": "Reptile"}[name]
        panes[label] = around(profile, field, corners(found, 1)[0], count=count)
    two = jax.tree.map(lambda leaf: jnp.asarray(leaf[:2]), scenes)
    ends = {"Reptile": corners(fitted(profile, field, learned, two, "meta-mv", data, num_given=25), 2)}
    labels = (f"first {data.removesuffix('s')}", f"second {data.removesuffix('s')}")
    return [
        (ONE_VIEW, turntable(panes, title="A chair seen once")),
        (TWO_CHAIRS, between_objects(profile, field, ends, labels=labels)),
    ]
