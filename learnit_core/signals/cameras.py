"""Cameras as tools write them down: lenses and their parameters, and what the cameras of one scene look at.

Names of lens models and the order of their parameters are COLMAP's, which nerfstudio and instant-ngp took over.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from learnit_core.errors import LearnitError
from learnit_core.structures import Views

PARAMETERS = {
    "SIMPLE_PINHOLE": "f cx cy",
    "PINHOLE": "fx fy cx cy",
    "SIMPLE_RADIAL": "f cx cy k1",
    "RADIAL": "f cx cy k1 k2",
    "OPENCV": "fx fy cx cy k1 k2 p1 p2",
    "FULL_OPENCV": "fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6",
}
"""The models that can be used, and what their parameters are: all are a pinhole but for k and p, which bend rays."""

CLOSEST = 0.05
"""Near is at least this share of the depth of what cameras look at."""

_LARGEST = 1e9  # of a length or position: beyond it float32 is left with no detail
_FOCAL = (0.02, 1000.0)  # of a focal length in sides of a picture: an angle of 175 degrees, and of 3 seconds of arc
_MOST_PIXELS = 1 << 16  # along a side


class Camera(NamedTuple):
    """A lens and the size of its picture [pixels]; ``params`` in the order of :data:`PARAMETERS`."""

    model: str
    width: int
    height: int
    params: tuple[float, ...]

    @property
    def named(self) -> dict[str, float]:
        """The parameters by name."""
        return dict(zip(PARAMETERS[self.model].split(), self.params, strict=True))

    @property
    def intrinsics(self) -> Float[np.ndarray, "4"]:
        """fx, fy, cx, cy [pixels]."""
        named = self.named
        focal = named.get("f")
        fx, fy = (named["fx"], named["fy"]) if focal is None else (focal, focal)
        return np.array([fx, fy, named["cx"], named["cy"]])

    @property
    def distortion(self) -> dict[str, float]:
        """Those of k1, k2, …, p2 that are not zero."""
        return {name: value for name, value in self.named.items() if name[0] in "kp" and value != 0}

    def of_size(self, width: int, height: int, name: str) -> "Camera":
        """The same camera for its picture scaled to other sides. Raises ``LearnitError`` for another aspect."""
        if abs(width * self.height / (height * self.width) - 1) > SAME_ASPECT:
            raise LearnitError(
                f"{name} has {width} x {height} pixels, its camera {self.width} x {self.height}: another aspect. It "
                "was cropped or turned after the cameras were found: take those that the model was made from"
            )
        across, down = width / self.width, height / self.height
        factors = {"f": across, "fx": across, "cx": across, "fy": down, "cy": down}
        if self.model in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL") and across != down:
            fx, fy, cx, cy = self.intrinsics
            bent = [self.named.get("k1", 0.0), self.named.get("k2", 0.0), 0.0, 0.0]
            return Camera("OPENCV", self.width, self.height, (fx, fy, cx, cy, *bent)).of_size(width, height, name)
        params = tuple(value * factors.get(key, 1.0) for key, value in self.named.items())
        return Camera(self.model, width, height, params)


SAME_ASPECT = 0.01
"""By how much (a share) a picture's aspect may differ from its camera's: sides are rounded to pixels."""


def checked(camera: Camera, name: str) -> Camera:
    """``camera``, if it can be used. Raises ``LearnitError`` that names the model, or the parameter at fault."""
    if camera.model not in PARAMETERS:
        raise LearnitError(
            f"{name} has a camera of the model {camera.model}: expected one of {', '.join(PARAMETERS)}; undistort the "
            "photographs first (colmap image_undistorter)"
        )
    if len(camera.params) != len(PARAMETERS[camera.model].split()):
        raise LearnitError(
            f"{name} has a camera with {len(camera.params)} parameters; expected {PARAMETERS[camera.model]} of the "
            f"model {camera.model}"
        )
    if not (0 < camera.width <= _MOST_PIXELS and 0 < camera.height <= _MOST_PIXELS):
        raise LearnitError(
            f"{name} has a camera of {camera.width} x {camera.height} pixels; expected 1 to {_MOST_PIXELS} a side"
        )
    side = max(camera.width, camera.height)
    fx, fy, cx, cy = camera.intrinsics
    for focal in (fx, fy):
        if not _FOCAL[0] * side <= focal <= _FOCAL[1] * side:  # written so that a NaN fails, too
            raise LearnitError(
                f"{name} has a focal length of {focal:g} pixels; expected {_FOCAL[0] * side:g} to {_FOCAL[1] * side:g} "
                f"for {camera.width} x {camera.height}"
            )
    if not (-camera.width <= cx <= 2 * camera.width and -camera.height <= cy <= 2 * camera.height):
        raise LearnitError(f"{name} has its principal point at {cx:g}, {cy:g}; expected it in the picture or near it")
    for key, value in camera.distortion.items():
        if not abs(value) <= 100:
            raise LearnitError(f"{name} has the distortion {key} = {value:g}; expected a number near 0")
    return camera


def rigid(matrix: object, name: str) -> Float[np.ndarray, "3 4"]:
    """The upper 3 x 4 of a pose, checked: a rotation and a finite translation. ``name`` is for errors."""
    pose = np.empty(0)
    if _numbers(matrix):
        try:
            pose = np.array(matrix, float)
        except (TypeError, ValueError, OverflowError):  # ragged, or whole numbers of a thousand digits
            pose = np.empty(0)
    if pose.shape not in ((3, 4), (4, 4)) or not (np.abs(pose) < _LARGEST).all():
        raise LearnitError(f"the pose of {name} is no finite matrix; found {shown(matrix)}, expected 4 x 4 numbers.")
    rotation = pose[:3, :3]
    off, volume = np.abs(rotation.T @ rotation - np.eye(3)).max(), np.linalg.det(rotation)
    if off > 1e-3 or volume < 0:
        found = f"columns that are off by {off:.2g} from orthonormal, and the determinant {volume:.2g}"
        raise LearnitError(f"the pose of {name} is not a rigid motion; found {found}, expected a rotation.")
    if len(pose) == 4 and np.abs(pose[3] - [0, 0, 0, 1]).max() > 1e-3:
        raise LearnitError(
            f"the pose of {name} has the last row {shown(pose[3].tolist())}; expected 0, 0, 0, 1: is it transposed?"
        )
    return pose[:3]


def _numbers(matrix: object) -> bool:
    """Whether these are rows of numbers, and no words or lists below them."""
    if isinstance(matrix, np.ndarray):
        return matrix.dtype.kind in "iuf"
    return isinstance(matrix, list) and all(
        isinstance(row, list) and all(isinstance(x, int | float) and not isinstance(x, bool) for x in row)
        for row in matrix
    )


def shown(value: object) -> str:
    """The beginning of what was found, on one line, for a message."""
    try:
        text = " ".join(str(value).split())
    except (RecursionError, ValueError):  # nested too deep, or a number of too many digits, to be written out
        return f"a {type(value).__name__} that cannot be shown"
    return text if len(text) < 60 else f"{text[:57]}..."


# What the cameras of one scene look at


class Aim(NamedTuple):
    """What the cameras of one scene look at."""

    focus: Float[np.ndarray, "3"]
    """The point that is nearest to all of their axes."""
    depths: Float[np.ndarray, " views"]
    """Its depth in each."""
    past: list[int]
    """Those that do not have it in their picture: they look past it, or away."""
    radius: float
    """Of the ball around it that reaches to the corners of the pictures (the median): what is whole there is in it."""

    @property
    def bounds(self) -> tuple[float, float]:
        """Near and far of the ball from all cameras that see it. Raises ``LearnitError`` if half of them look past."""
        if 2 * len(self.past) >= len(self.depths):
            raise LearnitError(
                f"{len(self.past)} of the {len(self.depths)} cameras look past the point that is nearest to all of "
                "their axes, so that near and far cannot be taken from the cameras: give them (--near and --far)"
            )
        depths = np.delete(self.depths, self.past)
        near = max(depths.min() - self.radius, CLOSEST * depths.min())
        return float(near), float(depths.max() + self.radius)


def aim(
    poses: Float[np.ndarray, "views 3 4"], intrinsics: Float[np.ndarray, "views 4"], sizes: Float[np.ndarray, "views 2"]
) -> Aim:
    """What cameras look at: ``poses`` as in :class:`Views`, ``intrinsics`` and ``sizes`` (width, height) in pixels.

    The point is found by least squares, then again with less weight for axes far from it, so that a few cameras that
    look elsewhere do not move it. Where axes are parallel, it is that point on them that is nearest to the origin.
    """
    poses, intrinsics, sizes = (np.asarray(values, float) for values in (poses, intrinsics, sizes))
    axes, positions = -poses[:, :, 2], poses[:, :, 3]
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]  # takes a vector's part along the axis away
    weights, focus = np.ones(len(poses)), np.zeros(3)
    for _ in range(20):
        system = (weights[:, None, None] * across).sum(axis=0)
        known = (weights[:, None] * np.einsum("vij,vj->vi", across, positions)).sum(axis=0)
        focus = np.linalg.solve(system + 1e-4 * weights.sum() * np.eye(3), known)
        off = np.linalg.norm(np.einsum("vij,vj->vi", across, focus - positions), axis=1)
        away = np.linalg.norm(focus - positions, axis=1)
        weights = 1 / np.maximum(off, 1e-2 * np.median(away) + 1e-12)
    seen = np.einsum("vi,vij->vj", focus - positions, poses[:, :, :3])
    depths = -seen[:, 2]
    in_front = depths > 0
    safe = np.where(in_front, depths, 1.0)
    at = np.stack(
        [
            intrinsics[:, 2] + intrinsics[:, 0] * seen[:, 0] / safe,
            intrinsics[:, 3] - intrinsics[:, 1] * seen[:, 1] / safe,
        ],
        axis=1,
    )
    inside = in_front & ((at >= 0) & (at <= sizes)).all(axis=1)
    centre, focal = intrinsics[:, 2:], intrinsics[:, :2]
    corner = np.linalg.norm(np.maximum(centre, sizes - centre) / focal, axis=1)
    balls = away * np.sin(np.arctan(corner))
    radius = float(np.median(balls[inside])) if inside.any() else 0.0
    return Aim(focus, depths, [int(i) for i in np.flatnonzero(~inside)], radius)


def aim_of(views: Views) -> Aim:
    """What the cameras of ``views`` [views, …] of one scene look at."""
    count, height, width, _ = views.images.shape
    return aim(views.camera_to_world, views.intrinsics, np.tile([float(width), height], (count, 1)))


class Remarks:
    """What is worth saying of the cameras of many objects, gathered object by object."""

    def __init__(self, usual: Sequence[tuple[float, float]] = ()):
        self.usual = usual
        """Near and far of which nothing need be said."""
        self.count = 0
        self.past: dict[str, str] = {}
        self.outside: list[str] = []
        self.bounds: list[tuple[float, float]] = []

    def add(self, name: str, views: Views) -> None:
        """Look at one object."""
        found, bounds = aim_of(views), (float(views.near[0]), float(views.far[0]))
        self.count += 1
        if found.past:
            self.past[name] = f"{len(found.past)} of {len(found.depths)}"
        depths = np.delete(found.depths, found.past)
        if len(depths) and not (bounds[0] < depths.min() and depths.max() < bounds[1]):
            self.outside.append(name)
        if not any(np.allclose(bounds, usual) for usual in self.usual):
            self.bounds.append(bounds)

    def sentences(self) -> list[str]:
        """One for each kind."""
        said = []
        if self.past:
            name, share = next(iter(self.past.items()))
            said.append(
                f"cameras look past what the others look at in {len(self.past)} of {self.count} objects, such as "
                f"{share} of {name}: poses that are not theirs, or an object that is not in the middle"
            )
        if self.outside:
            said.append(
                f"what the cameras look at is not between near and far in {len(self.outside)} of {self.count} objects, "
                f"such as {self.outside[0]}: give others (--near and --far of data_scripts/shapenet.py)"
            )
        if self.bounds:
            near, far = min(near for near, _ in self.bounds), max(far for _, far in self.bounds)
            said.append(
                f"near and far of {len(self.bounds)} objects are taken from their cameras: {near:.3g} and {far:.3g} "
                "hold all that is whole in the pictures"
            )
        return said
