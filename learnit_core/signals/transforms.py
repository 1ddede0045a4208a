"""`transforms.json`: pictures with their cameras as Blender, instant-ngp and nerfstudio write them.

All three list ``frames``, each with ``file_path`` and ``transform_matrix`` (camera to world, axes of OpenGL). They
differ in what they say of the lens, and all of it counts here:

    Blender (NeRF)   ``camera_angle_x``, the full horizontal field of view [rad]; no suffix in ``file_path``;
                     `transforms_train.json`, `transforms_val.json` and `transforms_test.json`
    instant-ngp      ``fl_x`` … ``cy`` [pixels] of pictures of ``w`` x ``h``, distortion ``k1`` … ``p2``
    nerfstudio       the same, for all frames or for each; ``camera_model``, ``mask_path``, points in ``ply_file_path``

What is not a pinhole camera with COLMAP's distortion is refused by name.
"""

import math
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from learnit_core import files
from learnit_core.errors import LearnitError
from learnit_core.signals.cameras import Camera, checked, rigid, shown
from learnit_core.signals.files import EXTENSIONS

NAMES = ("transforms.json", "transforms_train.json")
"""What the file is called; the first that is there counts."""

_OTHER_LENSES = ("is_fisheye", "ftheta_p0", "latlong", "lat_long", "equirectangular")  # as instant-ngp calls them
_LENS = ("fl_x", "fl_y", "cx", "cy", "w", "h", "k1", "k2", "k3", "k4", "p1", "p2", "camera_angle_x", "camera_angle_y")
_ANGLES = (1e-3, math.pi - 1e-2)


class Frame(NamedTuple):
    """One picture: its file as it is named, that of its mask, its lens by the names above, camera to world."""

    file: str
    mask: str | None
    lens: Mapping[str, float]
    pose: Float[np.ndarray, "3 4"]

    def camera(self, width: int, height: int) -> Camera:
        """The camera of the picture, which has ``width`` x ``height`` pixels. Raises ``LearnitError`` if it is none."""
        lens = self.lens
        w, h = round(lens.get("w", width)), round(lens.get("h", height))
        focal = [lens.get("fl_x"), lens.get("fl_y")]
        for i, (angle, side) in enumerate((("camera_angle_x", w), ("camera_angle_y", h))):
            if focal[i] is None and angle in lens:
                focal[i] = side / 2 / math.tan(lens[angle] / 2)
        fx, fy = (focal[0] or focal[1]), (focal[1] or focal[0])  # one of them stands for both
        bent = tuple(lens.get(name, 0.0) for name in ("k1", "k2", "p1", "p2"))
        camera = Camera("OPENCV", w, h, (fx, fy, lens.get("cx", w / 2), lens.get("cy", h / 2), *bent))
        if lens.get("k3"):
            camera = Camera("FULL_OPENCV", w, h, (*camera.params, lens["k3"], 0.0, 0.0, 0.0))
        return checked(camera, self.file).of_size(width, height, self.file)


class Scene(NamedTuple):
    """What a file says of one scene."""

    frames: list[Frame]
    bounds: tuple[float, float] | None
    """Near and far, where the file has them."""
    points: str | None
    """The file of its points, as it is named."""


def parse(content: bytes, name: str) -> Scene:
    """What ``content`` says; ``name`` is for errors. Raises ``LearnitError`` that names what is missing or wrong."""
    about = files.parse_json(content, name)
    if not isinstance(about, dict):
        raise LearnitError(f"{name} holds a {type(about).__name__}; expected names and values.")
    frames = about.get("frames")
    if not isinstance(frames, list):
        raise LearnitError(
            f"{name} lacks or spoils 'frames'; expected camera_angle_x and frames, each with file_path and "
            "transform_matrix."
        )
    common = _lens(about, name)
    found = [_frame(frame, common, name, i) for i, frame in enumerate(frames)]
    named: set[str] = set()
    for frame in found:
        if frame.file in named:
            raise LearnitError(f"{name} names {frame.file} twice; expected each picture once.")
        named.add(frame.file)
    points = about.get("ply_file_path")
    return Scene(found, _bounds(about, name), points if isinstance(points, str) else None)


def find(path: str, names: Collection[str]) -> str | None:
    """The file among ``names`` that ``path`` means: without its suffix, in other capitals, or from elsewhere.

    A path that is absolute or leads out of the folder is one of another machine: its end counts.
    """
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    away = path.startswith(("/", "\\")) or ".." in parts or path[1:2] == ":"
    parts = [part for part in parts if part != ".." and part[1:2] != ":"]
    for start in range(len(parts) if away else min(1, len(parts))):
        stem = "/".join(parts[start:])
        for name in [stem, *(stem + suffix for suffix in EXTENSIONS)]:
            for form in (name, stem + name[len(stem) :].upper()):
                if form in names:
                    return form
        lower = PurePosixPath(stem)
        if lower.suffix.lower() in EXTENSIONS:  # a file that was renamed from .PNG to .png, or back
            for form in (lower.suffix.lower(), lower.suffix.upper()):
                if str(lower.with_suffix(form)) in names:
                    return str(lower.with_suffix(form))
    return None


def _frame(frame: Any, common: Mapping[str, float], name: str, index: int) -> Frame:
    for key in ("file_path", "transform_matrix"):
        if not isinstance(frame, dict) or key not in frame or (key == "file_path" and not isinstance(frame[key], str)):
            raise LearnitError(
                f"{name} lacks or spoils '{key}'; expected camera_angle_x and frames, each with file_path and "
                f"transform_matrix, found in frame {index} {shown(frame)}."
            )
    file = str(PurePosixPath(frame["file_path"]))
    lens = dict(common) | _lens(frame, f"{name}, frame {file},")
    if not lens.keys() & {"fl_x", "fl_y", "camera_angle_x", "camera_angle_y"}:
        raise LearnitError(
            f"{name} lacks or spoils 'camera_angle_x'; expected camera_angle_x and frames, each with file_path and "
            "transform_matrix, or fl_x and fl_y in place of the angle."
        )
    mask = frame.get("mask_path")
    if mask is not None and not isinstance(mask, str):
        raise LearnitError(f"{name} gives {file} the mask_path {shown(mask)}; expected a file's name.")
    return Frame(file, mask, lens, rigid(frame["transform_matrix"], file))


def _lens(about: Mapping[str, Any], name: str) -> dict[str, float]:
    """The numbers that tell of a lens, checked. What no pinhole camera with distortion has is refused."""
    model = about.get("camera_model", "OPENCV")
    if model not in ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "FULL_OPENCV", "PERSPECTIVE"):
        raise LearnitError(
            f"{name} has the camera_model {shown(model)}; expected PINHOLE or OPENCV: undistort the pictures first."
        )
    for key in _OTHER_LENSES:
        if about.get(key):
            raise LearnitError(f"{name} has {key}; expected a pinhole camera: undistort the pictures first.")
    lens = {key: number(about[key], f"{key} of {name}") for key in _LENS if about.get(key) is not None}
    for key in ("camera_angle_x", "camera_angle_y"):
        if key in lens and not _ANGLES[0] < lens[key] < _ANGLES[1]:
            raise LearnitError(f"{key} is {lens[key]} in {name}; expected an angle between 0 and pi.")
    for key in ("fl_x", "fl_y", "w", "h"):
        if key in lens and not 0 < lens[key] < 1e9:
            raise LearnitError(f"{key} of {name} is {lens[key]:g}; expected a number of pixels above 0.")
    if lens.get("k4"):
        raise LearnitError(f"{name} has the distortion k4 = {lens['k4']:g}; expected k1, k2, k3, p1 and p2 only.")
    return lens


def _bounds(about: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    if about.get("near") is None or about.get("far") is None:
        return None
    near, far = (number(about[key], f"{key} of {name}") for key in ("near", "far"))
    if not 0 <= near < far < 1e9:
        raise LearnitError(f"{name} has near {near:g} and far {far:g}; expected 0 <= near < far.")
    return near, far


def number(value: Any, name: str) -> float:
    """A finite number. Raises ``LearnitError`` naming ``name`` for anything else, a word that looks like one, too."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30:
        return float(value)
    raise LearnitError(f"{name} is {shown(value)}; expected a finite number.")
