"""Explorers of view synthesis: around an object that was seen once, and from one object's weights to another's."""

import io
import os
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image

from learnit_core import explorer, weights
from learnit_core.experiments import baselines, views
from learnit_core.experiments.section import Section
from learnit_core.experiments.views import table
from learnit_core.signals import objects
from learnit_core.structures import Field, Params, Views, rows

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


def from_one_picture(
    profile: views.Profile,
    field: Field,
    networks: Mapping[str, Params],
    given: Float[np.ndarray, "size size 3"],
    file: str | os.PathLike,
    *,
    count: int = 24,
) -> explorer.Explorer:
    """Networks' objects that turn together beside the ``given`` picture [0, 1], in ``count`` pictures; also a GIF."""
    panes = {"given": np.repeat(given[None], count, axis=0)}
    panes |= {name: around(profile, field, params, count=count) for name, params in networks.items()}
    animation(list(panes.values()), file, scale=6)
    return turntable(panes, title="From one picture", side=220)


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
) -> list[Params]:
    """Weights after the tuned fit of an initialisation to ``num_given`` views, of each object."""
    chosen = table.tuned_settings(profile.name, data)[str(num_given)][init]
    steps = min(chosen.steps, profile.limit)
    found = views.fit(profile, field, [start], views.tasks(scenes, num_given, 1), chosen.setting, steps).params
    return [rows(found, i) for i in range(len(scenes.images))]


def shipped_chairs(count: int) -> tuple[views.Profile, Field, Params, Views]:
    """Profile, field, shipped start and the first ``count`` unseen chairs."""
    profile, data = views.PROFILES["long"], "chairs"
    field, learned, _ = weights.pretrained(views.SHIPPED["long"][data]["meta-mv"])
    return profile, field, learned, rows(views.load_signals(profile, data).test, slice(count))


def seen_once(*, count: int = 24) -> explorer.Explorer:
    """An unseen chair, fitted to one picture from Standard and from the shipped start, in ``count`` pictures around."""
    profile, field, learned, scenes = shipped_chairs(1)
    panes = {"the one picture": np.repeat(np.asarray(scenes.images[0, :1], np.float32) / 255, count, axis=0)}
    for label, init, start in (("Standard", "standard", baselines.standard(field)), ("Reptile", "meta-mv", learned)):
        (found,) = fitted(profile, field, start, scenes, init, "chairs")
        panes[label] = around(profile, field, found, count=count)
    return turntable(panes, title="A chair seen once")


def between_chairs() -> explorer.Explorer:
    """Between two unseen chairs, each fitted to 25 pictures from the shipped start."""
    profile, field, learned, scenes = shipped_chairs(2)
    ends = {"Reptile": fitted(profile, field, learned, scenes, "meta-mv", "chairs", num_given=25)}
    return between_objects(profile, field, ends, labels=("first chair", "second chair"))


ONE_VIEW = Section(
    title="A chair from one picture",
    paragraph="An unseen chair was photographed once (left), and a small radiance field fitted to that one picture: "
    "from random weights (Standard) and from weights learned on 120 other chairs (Reptile). Turn it: what "
    "was never photographed is fog from the one, and a chair from the other.",
    notebook="03_view_synthesis",
    make=seen_once,
)

TWO_CHAIRS = Section(
    title="Between two chairs",
    paragraph="Two chairs, each fitted to 25 pictures from the learned weights. The first slider mixes the two "
    "networks' weights, the second walks around what they hold.",
    notebook="03_view_synthesis",
    make=between_chairs,
)

SECTIONS = (ONE_VIEW, TWO_CHAIRS)
