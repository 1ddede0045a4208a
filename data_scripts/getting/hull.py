"""Check cameras against their pictures by a visual hull, without knowing the object."""

import numpy as np

from learnit_core.signals import cameras
from learnit_core.structures import Views

_GRID = 40  # points along an edge of the cube that is carved


def agreement(views: Views, *, white: int = 250) -> float:
    """The share of the object's silhouettes that the visual hull covers, from 0 to 1.

    The hull is every point that is seen on the object in *all* pictures. With the right cameras it covers all
    silhouettes; with wrong axes, a wrong sense of rotation or the poses of other pictures hardly a point survives. Of
    cameras that look at one centre it cannot tell the focal length and the distance: they scale the hull as a whole.
    """
    count, height, _, _ = views.images.shape
    half = float(views.far[0] - views.near[0]) / 2
    axis = np.linspace(-half, half, _GRID)
    points = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3) + cameras.aim_of(views).focus
    depth = float(views.far[0] + views.near[0]) / 2
    block = int(np.ceil(views.intrinsics[0, 0] * (axis[1] - axis[0]) / (depth - half / 2))) + 1
    object_there = _blocks(views.images.min(axis=-1) < white, block)
    seen = [_project(views, i, points) // block for i in range(count)]
    hull = np.ones(len(points), bool)
    for i in range(count):
        hull &= _look_up(object_there[i] > 0, seen[i])
    covered = total = 0
    for i in range(count):
        hit = np.zeros(object_there[i].shape, bool)
        hit[tuple(seen[i][hull].astype(int).T)] = True
        mostly = object_there[i] > 0.5
        covered += (hit & mostly).sum()
        total += mostly.sum()
    return covered / total if total else 0.0


def _blocks(silhouettes: np.ndarray, block: int) -> np.ndarray:
    """The share of the object in each block of pixels [views, blocks, blocks]."""
    count, height, width = silhouettes.shape
    rows, columns = -(-height // block), -(-width // block)
    padded = np.zeros((count, rows * block, columns * block))
    padded[:, :height, :width] = silhouettes
    return padded.reshape(count, rows, block, columns, block).mean(axis=(2, 4))


def _project(views: Views, i: int, points: np.ndarray) -> np.ndarray:
    """Row and column at which view ``i`` sees each point; −1 where it is behind the camera."""
    rotation, position = views.camera_to_world[i, :, :3], views.camera_to_world[i, :, 3]
    x, y, z = ((points - position) @ rotation).T
    fx, fy, cx, cy = views.intrinsics[i]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.stack([cy + fy * y / z, cx - fx * x / z], axis=-1)
    return np.where(z[:, None] < 0, found, -1.0)


def _look_up(there: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Whether the object is at these blocks; outside of the picture it is not."""
    inside = ((at >= 0) & (at < there.shape)).all(axis=-1)
    found = np.zeros(len(at), bool)
    found[inside] = there[tuple(at[inside].astype(int).T)]
    return found
