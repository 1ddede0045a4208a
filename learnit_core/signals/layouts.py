"""Posed pictures of objects as others store them, read into :class:`learnit_core.structures.Views`.

    authors   transforms.json and RGBA pictures, as in NeRF's synthetic scenes and the paper's ShapeNet renderings
    srn       intrinsics.txt, pose/*.txt and rgb/*.png: Scene Representation Networks, as handed on by pixelNeRF
    enr       render_params.json and NNNNN.png: Equivariant Neural Rendering, azimuth and elevation only

Each reader takes the files of *one* object, as bytes by their path within the object's folder, so that it does not
matter whether they lie in a folder or in an archive. Pictures are laid over white. Axes are those of `Views`.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath

import numpy as np
from PIL import Image

from learnit_core.errors import LearnitError
from learnit_core.structures import Views

MARKS = {"authors": "transforms.json", "srn": "intrinsics.txt", "enr": "render_params.json"}
"""The file that each object's folder has, by layout."""

SRN_BOUNDS = {"cars": (0.8, 1.8), "chairs": (1.25, 2.75)}
"""Nearest and farthest depth of the objects, as pixelNeRF takes them."""

AUTHORS_BOUNDS = (2.0, 6.0)

_FLIP = np.array([1.0, -1.0, -1.0])  # between axes of OpenCV (y down, looks along z) and of OpenGL (y up, along -z)

Contents = Mapping[str, bytes]


def objects(names: Iterable[str]) -> tuple[str, dict[str, list[str]]]:
    """The layout that a set is in, and the files of each object by the path of its folder.

    Raises ``LearnitError`` if there are objects of no layout, or of several.
    """
    names = list(names)
    marked = {
        layout: [PurePosixPath(n).parent for n in names if PurePosixPath(n).name == mark]
        for layout, mark in MARKS.items()
    }
    found = [layout for layout, folders in marked.items() if folders]
    if len(found) != 1:
        expected = " or ".join(f"{mark} ({layout})" for layout, mark in MARKS.items())
        raise LearnitError(f"among the {len(names)} files are objects of {found or 'no layout'}; expected {expected}.")
    files: dict[str, list[str]] = {str(folder): [] for folder in sorted(marked[found[0]])}
    for name in names:
        for parent in list(PurePosixPath(name).parents)[:2]:  # srn has folders within an object's
            if str(parent) in files:
                files[str(parent)].append(name)
                break
    return found[0], files


def authors(contents: Contents, *, size: int, bounds: tuple[float, float] = AUTHORS_BOUNDS) -> Views:
    """An object of the paper's own renderings. ``camera_angle_x`` is the full horizontal field of view [rad]."""
    about = _json(contents, "transforms.json")
    try:
        angle = float(about["camera_angle_x"])
        frames = [(str(frame["file_path"]), frame["transform_matrix"]) for frame in about["frames"]]
    except (KeyError, TypeError, ValueError) as error:
        expected = "expected camera_angle_x and frames, each with file_path and transform_matrix"
        raise LearnitError(f"transforms.json lacks or spoils {error}; {expected}.") from None
    if not 0 < angle < np.pi:
        raise LearnitError(f"camera_angle_x is {angle}; expected an angle between 0 and pi.")
    files = [str(PurePosixPath(path)) for path, _ in frames]
    files = [file if file.endswith(".png") else f"{file}.png" for file in files]
    poses = [_rigid(matrix, file) for (_, matrix), file in zip(frames, files, strict=True)]
    for file in files:  # without alpha the background is not known
        if file in contents and (mode := _opaque(contents[file])):
            raise LearnitError(f"{file} has the mode {mode}; expected RGBA, an alpha channel with the background at 0.")

    def intrinsics(width, height):
        focal = width / 2 / np.tan(angle / 2)
        return focal, focal, width / 2, height / 2

    return _views(contents, files, poses, intrinsics, size, bounds)


def srn(contents: Contents, *, size: int, bounds: tuple[float, float]) -> Views:
    """An object of Scene Representation Networks: axes of OpenCV, one line of intrinsics, one matrix a picture."""
    try:
        lines = contents["intrinsics.txt"].decode().strip().splitlines()
        focal, cx, cy = map(float, lines[0].split()[:3])
        height, width = map(int, lines[-1].split())
    except (KeyError, ValueError, IndexError):
        raise LearnitError("intrinsics.txt is not as expected: 'focal cx cy 0' first, 'height width' last.") from None
    pictures = sorted(name for name in contents if re.fullmatch(r"rgb/[^/]+\.png", name))
    poses = sorted(name for name in contents if re.fullmatch(r"pose/[^/]+\.txt", name))
    if [PurePosixPath(n).stem for n in pictures] != [PurePosixPath(n).stem for n in poses]:
        raise LearnitError(f"there are {len(pictures)} pictures and {len(poses)} poses; expected one pose a picture.")
    matrices = []
    for name in poses:
        try:
            matrix = np.array(contents[name].decode().split(), float).reshape(4, 4)
        except ValueError:
            raise LearnitError(f"{name} does not hold 16 numbers.") from None
        matrices.append(_rigid(matrix * np.append(_FLIP, 1), name))

    def intrinsics(found_width, found_height):
        x, y = found_width / width, found_height / height  # the file may speak of larger pictures
        return focal * x, focal * y, cx * x, cy * y

    return _views(contents, pictures, matrices, intrinsics, size, bounds)


def enr(
    contents: Contents, *, size: int, focal: float, radius: float, bounds: tuple[float, float], azimuth_sign: int = 1
) -> Views:
    """An object of Equivariant Neural Rendering: cameras on a sphere of ``radius`` that look at its centre.

    ``focal`` is in widths of a picture. Azimuth turns from x to y (with ``azimuth_sign`` −1 the other way), elevation
    rises towards z, which is up [degrees].
    """
    about = _json(contents, "render_params.json")
    pictures = sorted(name for name in contents if re.fullmatch(r"[^/]*\d{5}\.png", name))
    poses = []
    for name in pictures:
        try:
            entry = about[PurePosixPath(name).stem[-5:]]
            poses.append(_on_sphere(azimuth_sign * float(entry["azimuth"]), float(entry["elevation"]), radius))
        except (KeyError, TypeError, ValueError):
            raise LearnitError(f"render_params.json gives no azimuth and elevation for {name}.") from None

    def intrinsics(width, height):
        return focal * width, focal * width, width / 2, height / 2

    return _views(contents, pictures, poses, intrinsics, size, bounds)


def _views(
    contents: Contents,
    pictures: list[str],
    poses: list[np.ndarray],
    intrinsics: Callable[[int, int], tuple[float, float, float, float]],
    size: int,
    bounds: tuple[float, float],
) -> Views:
    if not pictures:
        raise LearnitError("found no pictures; expected one or more.")
    if not 0 <= bounds[0] < bounds[1]:
        raise LearnitError(f"near is {bounds[0]:g} and far {bounds[1]:g}; expected 0 <= near < far.")
    images, cameras, first = [], [], None
    for name in pictures:
        if name not in contents:
            raise LearnitError(f"{name} is missing.")
        image = _over_white(contents[name], name)
        width, height = image.size
        if width != height:
            raise LearnitError(f"{name} has {width} x {height} pixels; expected a square.")
        first = first or (name, width)
        if width != first[1]:
            raise LearnitError(f"{name} has a side of {width} pixels; expected {first[1]}, as {first[0]} has.")
        scale = size / width
        if scale != 1:
            image = image.resize((size, size), Image.Resampling.BOX)
        images.append(np.asarray(image))
        cameras.append(np.array(intrinsics(width, height)) * scale)
    count = len(images)
    return Views(
        images=np.stack(images),
        valid=np.tile(np.array([0, size, 0, size], np.int32), (count, 1)),
        intrinsics=np.array(cameras, np.float32),
        camera_to_world=np.array(poses, np.float32),
        near=np.full(count, bounds[0], np.float32),
        far=np.full(count, bounds[1], np.float32),
    )


def _opaque(content: bytes) -> str | None:
    """The mode of a picture without alpha; None if it has some, or cannot be decoded: that is said elsewhere."""
    try:
        image = Image.open(io.BytesIO(content), formats=("PNG",))
    except Exception:  # a damaged file can make a decoder raise almost anything
        return None
    return None if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info else image.mode


def _over_white(content: bytes, name: str) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=("PNG",)).convert("RGBA")
    except Exception as error:  # a damaged file can make a decoder raise almost anything
        raise LearnitError(f"{name} cannot be decoded: {str(error).rstrip('.')}.") from None
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _rigid(matrix: object, name: str) -> np.ndarray:
    """The upper 3 x 4 of a pose, checked: a rotation and a finite translation."""
    try:
        pose = np.array(matrix, float)
    except (TypeError, ValueError):
        pose = np.empty(0)
    if pose.shape not in ((3, 4), (4, 4)) or not np.isfinite(pose).all():
        raise LearnitError(f"the pose of {name} is no finite matrix; found {_shown(matrix)}, expected 4 x 4 numbers.")
    rotation = pose[:3, :3]
    off, volume = np.abs(rotation.T @ rotation - np.eye(3)).max(), np.linalg.det(rotation)
    if off > 1e-3 or volume < 0:
        found = f"columns that are off by {off:.2g} from orthonormal, and the determinant {volume:.2g}"
        raise LearnitError(f"the pose of {name} is not a rigid motion; found {found}, expected a rotation.")
    return pose[:3]


def _shown(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) < 60 else f"{text[:57]}..."


def _on_sphere(azimuth: float, elevation: float, radius: float) -> np.ndarray:
    a, e = np.radians([azimuth, elevation])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    backward = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    pose = np.stack([right, np.cross(backward, right), backward, radius * backward], axis=1)
    if not np.isfinite(pose).all():
        raise ValueError
    return pose


def _json(contents: Contents, name: str) -> dict:
    try:
        about = json.loads(contents[name])
    except KeyError:
        raise LearnitError(f"{name} is missing.") from None
    except ValueError as error:
        raise LearnitError(f"{name} is not JSON ({error}).") from None
    if not isinstance(about, dict):
        raise LearnitError(f"{name} holds a {type(about).__name__}; expected names and values.")
    return about


def usual_count(files: Mapping[str, list[str]]) -> int:
    """How many pictures most objects have: the others are incomplete."""
    counts = Counter(sum(name.endswith(".png") for name in names) for names in files.values())
    counts.pop(0, None)
    return max(counts, key=lambda count: (counts[count], count), default=0)
