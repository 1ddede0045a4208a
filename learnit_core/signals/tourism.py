"""Photographs of one place by many people: from cameras and points as COLMAP finds them to :class:`Views`.

Every photograph is a signal of its own, with its own light, and becomes a scene with one view: the arrays of a
collection are [photographs, 1, …]. Drawn photographs (:mod:`learnit_core.signals.photographer`) and real ones
(`data_scripts/phototourism.py`) are treated alike:

* splits by name: the first fifth, at most 20, are for testing, the next tenth, at most 5, for validation (the authors'
  20 and 5 where there are enough);
* the median of the points becomes the origin, and half of the cameras are nearer to it than 3;
* near and far of a photograph are 0.9 times the 0.1 and 1.2 times the 99.9 percentile of the depths of the points that
  it sees, as in the authors' code.

Where cameras come without points, what the cameras look at stands for the median of the points, and near and far hold
what is whole in most pictures (:mod:`learnit_core.signals.cameras`), unless they are given.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from learnit_core.errors import LearnitError
from learnit_core.signals import cameras
from learnit_core.signals.prepared import SPLITS
from learnit_core.structures import Views

DISTANCE = 3.0
"""Median distance of the cameras from the origin."""
BOUNDS = (0.9, 1.2)
PERCENTILES = (0.1, 99.9)
FEWEST = 5
"""Smallest number of photographs of a collection: fewer leave none to train on."""


class Photograph(NamedTuple):
    """One photograph, without distortion, with the camera that took it; axes and units as in :class:`Views`."""

    name: str
    image: UInt8[np.ndarray, "h w 3"]
    intrinsics: Float[np.ndarray, "4"]
    camera_to_world: Float[np.ndarray, "3 4"]
    seen: Int[np.ndarray, " points"]
    """Indices of the points of the collection that it sees."""


class Collection(NamedTuple):
    """Photographs of one place in three splits, each :class:`Views` [photographs, 1, …]; all padded to one square."""

    name: str
    train: Views
    validation: Views
    test: Views
    points: Float[np.ndarray, "points 3"]
    """Points of the place, for looking at."""
    note: str


def deal(names: Sequence[str]) -> dict[str, list[str]]:
    """Names by split. Raises ``LearnitError`` for fewer than ``FEWEST``."""
    names = sorted(names)
    if len(names) < FEWEST:
        raise LearnitError(f"there are {len(names)} photographs that can be used; expected at least {FEWEST}")
    test = min(20, len(names) // 5)
    validation = min(5, max(1, len(names) // 10))
    parts = names[:test], names[test : test + validation], names[test + validation :]
    return dict(zip(("test", "validation", "train"), parts, strict=True))


def aim(photographs: Sequence[Photograph]) -> cameras.Aim:
    """What the cameras of photographs look at."""
    sizes = np.array([photograph.image.shape[1::-1] for photograph in photographs], float)
    intrinsics = np.stack([photograph.intrinsics for photograph in photographs])
    return cameras.aim(np.stack([photograph.camera_to_world for photograph in photographs]), intrinsics, sizes)


def normalisation(
    positions: Float[np.ndarray, "photographs 3"], points: Float[np.ndarray, "points 3"]
) -> tuple[Float[np.ndarray, "3"], float]:
    """Centre and factor by which positions of cameras and points become (x − centre) · factor.

    ``points`` may be one, which is the centre.
    """
    centre = np.median(points, axis=0)
    distance = np.median(np.linalg.norm(positions - centre, axis=1))
    if not (np.isfinite(distance) and distance > 0):
        raise LearnitError(f"the cameras are {distance} from the points' centre (median): expected a length above zero")
    return centre, DISTANCE / float(distance)


def bounds(photograph: Photograph, points: Float[np.ndarray, "points 3"]) -> tuple[float, float]:
    """Near and far of a photograph by the depths of the ``points`` that it sees (those before the camera)."""
    pose = photograph.camera_to_world
    depths = -(points[photograph.seen] - pose[:, 3]) @ pose[:, 2]
    depths = depths[depths > 0]
    if not len(depths):
        raise LearnitError(f"no point is seen by {photograph.name}: it has no depth; leave it out")
    near, far = np.percentile(depths, PERCENTILES)
    return BOUNDS[0] * float(near), BOUNDS[1] * float(far)


def placed(
    photographs: Sequence[Photograph], points: Float[np.ndarray, "points 3"]
) -> tuple[Float[np.ndarray, "3"], float]:
    """Centre and factor as in :func:`normalisation`, also where there are no ``points``."""
    positions = np.stack([photograph.camera_to_world[:, 3] for photograph in photographs])
    return normalisation(positions, points if len(points) else aim(photographs).focus[None])


def collect(
    photographs: Sequence[Photograph],
    points: Float[np.ndarray, "points 3"],
    *,
    side: int,
    near_far: tuple[float, float] | None = None,
) -> dict[str, Views]:
    """The three splits of ``photographs``, in pictures of ``side`` × ``side``, of which each fills a part.

    ``near_far`` are for all of them, in the units of ``points`` and cameras. Raises ``LearnitError`` where there are
    neither these nor points, and the cameras look at nothing together.
    """
    by_name = {photograph.name: photograph for photograph in photographs}
    dealt = deal(list(by_name))
    centre, factor = placed(photographs, points)
    if near_far is None and not len(points):
        near_far = aim(photographs).bounds
    if near_far is not None:
        near_far = (near_far[0] * factor, near_far[1] * factor)
    scaled = (points - centre) * factor
    return {
        split: _views([_moved(by_name[name], centre, factor) for name in dealt[split]], scaled, side, near_far)
        for split in SPLITS
    }


def _moved(photograph: Photograph, centre, factor) -> Photograph:
    pose = photograph.camera_to_world.copy()
    pose[:, 3] = (pose[:, 3] - centre) * factor
    return photograph._replace(camera_to_world=pose)


def _views(
    photographs: Sequence[Photograph], points: np.ndarray, side: int, given: tuple[float, float] | None
) -> Views:
    images = np.zeros((len(photographs), 1, side, side, 3), np.uint8)
    valid = np.zeros((len(photographs), 1, 4), np.int32)
    for place, part, photograph in zip(images, valid, photographs, strict=True):
        h, w, _ = photograph.image.shape
        if max(h, w) > side or min(h, w) < 2:
            raise LearnitError(f"{photograph.name} has {w} x {h} pixels: expected 2 to {side} a side")
        place[0, :h, :w] = photograph.image
        part[0] = 0, h, 0, w
    near_far = np.array([given or bounds(photograph, points) for photograph in photographs], np.float32)[:, None]
    return Views(
        images=images,
        valid=valid,
        intrinsics=np.array([[p.intrinsics] for p in photographs], np.float32),
        camera_to_world=np.array([[p.camera_to_world] for p in photographs], np.float32),
        near=near_far[..., 0],
        far=near_far[..., 1],
    )


def at_most(views: Views, side: int) -> Views:
    """The same photographs, none of whose sides is longer than ``side`` pixels, with their cameras."""
    if views.images.shape[2] <= side:
        return views
    factor = side / views.images.shape[2]
    images = np.zeros((len(views.images), 1, side, side, 3), np.uint8)
    valid, intrinsics = np.array(views.valid), np.array(views.intrinsics)
    for i, (top, bottom, left, right) in enumerate(views.valid[:, 0]):
        picture = Image.fromarray(views.images[i, 0, top:bottom, left:right])
        w, h = (max(2, min(side, round(factor * length))) for length in picture.size)
        images[i, 0, :h, :w] = picture.resize((w, h), Image.Resampling.BOX)
        valid[i, 0] = 0, h, 0, w
        across, down = w / picture.width, h / picture.height
        intrinsics[i, 0] = (intrinsics[i, 0] - [0, 0, left, top]) * [across, down, across, down]
    return views._replace(images=images, valid=valid, intrinsics=intrinsics)


def halves(views: Views) -> tuple[Views, Views]:
    """The same photographs, restricted (``valid``) to their left and to their right halves."""
    top, bottom, left, right = np.moveaxis(np.asarray(views.valid), -1, 0)
    middle = (left + right) // 2
    parts = [np.stack([top, bottom, *sides], axis=-1) for sides in ((left, middle), (middle, right))]
    return views._replace(valid=parts[0]), views._replace(valid=parts[1])
