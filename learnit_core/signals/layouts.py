"""Posed pictures of objects as others store them, read into :class:`learnit_core.structures.Views`.

    authors   transforms.json and pictures, as Blender (NeRF, the paper's ShapeNet renderings), instant-ngp and
              nerfstudio write them (:mod:`learnit_core.signals.transforms`)
    srn       intrinsics.txt, pose/*.txt and rgb/*.png: Scene Representation Networks, as handed on by pixelNeRF
    enr       render_params.json and NNNNN.png: Equivariant Neural Rendering, azimuth and elevation only

Each reader takes the files of *one* object, as bytes by their path within the object's folder, so that it does not
matter whether they lie in a folder or in an archive. Pictures are decoded as all are here
(:mod:`learnit_core.signals.files`), and of one that is not square the middle counts. Axes are those of `Views`.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from functools import partial
from pathlib import PurePosixPath

import numpy as np

from learnit_core import files
from learnit_core.errors import LearnitError
from learnit_core.signals import cameras, posed, transforms
from learnit_core.signals import files as ways_in
from learnit_core.signals.cameras import Camera, rigid
from learnit_core.signals.posed import Contents, Shot, Undistort
from learnit_core.structures import Views

MARKS = {"authors": transforms.NAMES, "srn": ("intrinsics.txt",), "enr": ("render_params.json",)}
"""The files that each object's folder has (one of them is enough), by layout."""

SRN_BOUNDS = {"cars": (0.8, 1.8), "chairs": (1.25, 2.75)}
"""Nearest and farthest depth of the objects, as pixelNeRF takes them."""

AUTHORS_BOUNDS = (2.0, 6.0)
"""The paper's, for its cameras; others get those of :class:`learnit_core.signals.cameras.Aim`."""

_FLIP = np.array([1.0, -1.0, -1.0])  # between axes of OpenCV (y down, looks along z) and of OpenGL (y up, along -z)


def objects(names: Iterable[str]) -> tuple[str, dict[str, list[str]]]:
    """The layout that a set is in, and the files of each object by the path of its folder.

    Raises ``LearnitError`` if there are objects of no layout, or of several, or one only, which is the folder itself.
    """
    names = list(names)
    marked = {
        layout: {PurePosixPath(n).parent for n in names if PurePosixPath(n).name in marks}
        for layout, marks in MARKS.items()
    }
    found = [layout for layout, folders in marked.items() if folders]
    if len(found) != 1:
        expected = " or ".join(f"{mark} ({layout})" for layout, (mark, *_) in MARKS.items())
        raise LearnitError(f"among the {len(names)} files are objects of {found or 'no layout'}; expected {expected}.")
    folders = sorted(marked[found[0]])
    if folders == [PurePosixPath(".")]:
        raise LearnitError(
            f"this is one object itself, with its {' or '.join(MARKS[found[0]])}; expected a folder of such folders: "
            "name the one above. (Photographs of one place are for data_scripts/phototourism.py.)"
        )
    parts: dict[str, list[str]] = {str(folder): [] for folder in folders if folder.parts}
    for name in names:
        for parent in list(PurePosixPath(name).parents)[:2]:  # srn has folders within an object's
            if str(parent) in parts:
                parts[str(parent)].append(name)
                break
    return found[0], parts


def mark(layout: str, folder: str, names: Collection[str]) -> str:
    """The file among those of an object (``names``, with the path of its ``folder``) that its layout goes by."""
    return next(path for n in MARKS[layout] if (path := str(PurePosixPath(folder) / n)) in names)


def count(layout: str, names: Collection[str], content: bytes) -> tuple[int, list[str]]:
    """How many views of an object are there, and which pictures are missing; ``content`` is that of its mark.

    ``names`` are its files by their path in its folder. Where the mark is broken all pictures count as there: the
    reader says what is wrong with it.
    """
    if layout != "authors":
        pattern = _SRN_PICTURES if layout == "srn" else _ENR_PICTURES
        return sum(bool(pattern.fullmatch(name)) for name in names), []
    try:
        frames = transforms.parse(content, transforms.NAMES[0]).frames
    except LearnitError:
        return len(ways_in.only_pictures(names)), []
    missing = [frame.file for frame in frames if transforms.find(frame.file, names) is None]
    return len(frames) - len(missing), missing


def usual(counts: Iterable[int]) -> int:
    """How many views most objects have: the others are incomplete."""
    found = Counter(counts)
    found.pop(0, None)
    return max(found, key=lambda count: (found[count], count), default=0)


def authors(
    contents: Contents, *, size: int, bounds: tuple[float, float] | None = None, undistort: Undistort | None = None
) -> Views:
    """An object with a transforms.json, its pictures with alpha, a mask or a white background.

    ``bounds``, near and far, go before the file's own; without either they are the paper's where these hold what the
    cameras look at, else the cameras'. Distortion needs ``undistort``. Raises ``LearnitError``.
    """
    name = next((name for name in transforms.NAMES if name in contents), None)
    if name is None:
        raise LearnitError(f"{transforms.NAMES[0]} is missing.")
    scene = transforms.parse(contents[name], name)
    shots, missing = [], []
    for frame in scene.frames:
        file = transforms.find(frame.file, contents.keys())
        mask = transforms.find(frame.mask, contents.keys()) if frame.mask else None
        missing += [frame.file] * (file is None) + [frame.mask or ""] * (mask is None and frame.mask is not None)
        shots.append(Shot(file or "", mask, frame.pose, frame.camera))
    if missing:
        raise LearnitError(
            f"{missing[0]} is missing."
            if len(missing) == 1
            else f"{len(missing)} pictures that {name} names are missing, such as {missing[0]}."
        )
    bounds = bounds or scene.bounds
    return posed.views(contents, shots, size, bounds, usual=AUTHORS_BOUNDS, undistort=undistort, cut_out=True)


def srn(contents: Contents, *, size: int, bounds: tuple[float, float] | None = None) -> Views:
    """An object of Scene Representation Networks: axes of OpenCV, one line of intrinsics, one matrix a picture."""
    try:
        lines = contents["intrinsics.txt"].decode().strip().splitlines()
        focal, cx, cy = map(float, lines[0].split()[:3])
        height, width = map(int, lines[-1].split())
    except (KeyError, ValueError, IndexError):
        raise LearnitError("intrinsics.txt is not as expected: 'focal cx cy 0' first, 'height width' last.") from None
    camera = cameras.checked(Camera("SIMPLE_PINHOLE", width, height, (focal, cx, cy)), "intrinsics.txt")
    pictures = sorted(name for name in contents if _SRN_PICTURES.fullmatch(name))
    poses = sorted(name for name in contents if re.fullmatch(r"pose/[^/]+\.txt", name))
    if [PurePosixPath(n).stem for n in pictures] != [PurePosixPath(n).stem for n in poses]:
        raise LearnitError(f"there are {len(pictures)} pictures and {len(poses)} poses; expected one pose a picture.")
    shots = []
    for picture, name in zip(pictures, poses, strict=True):
        try:
            matrix = np.array(contents[name].decode().split(), float).reshape(4, 4)
        except ValueError:
            raise LearnitError(f"{name} does not hold 16 numbers.") from None
        # The file may speak of larger pictures than there are.
        scaled = partial(_scaled, camera, picture)
        shots.append(Shot(picture, None, rigid(matrix * np.append(_FLIP, 1), name), scaled))
    return posed.views(contents, shots, size, bounds)


def _scaled(camera: Camera, name: str, width: int, height: int) -> Camera:
    return camera.of_size(width, height, name)


def enr(
    contents: Contents, *, size: int, focal: float, radius: float, bounds: tuple[float, float], azimuth_sign: int = 1
) -> Views:
    """An object of Equivariant Neural Rendering: cameras on a sphere of ``radius`` that look at its centre.

    ``focal`` is in widths of a picture. Azimuth turns from x to y (with ``azimuth_sign`` −1 the other way), elevation
    rises towards z, which is up [degrees].
    """
    if "render_params.json" not in contents:
        raise LearnitError("render_params.json is missing.")
    about = files.parse_json(contents["render_params.json"], "render_params.json")

    def camera(width, height):
        return Camera("SIMPLE_PINHOLE", width, height, (focal * width, width / 2, height / 2))

    shots = []
    for name in sorted(name for name in contents if _ENR_PICTURES.fullmatch(name)):
        try:
            entry = about[PurePosixPath(name).stem[-5:]]
            pose = _on_sphere(azimuth_sign * float(entry["azimuth"]), float(entry["elevation"]), radius)
        except (KeyError, IndexError, TypeError, ValueError, OverflowError):
            raise LearnitError(f"render_params.json gives no azimuth and elevation for {name}.") from None
        shots.append(Shot(name, None, pose, camera))
    return posed.views(contents, shots, size, bounds)


_SRN_PICTURES = re.compile(r"rgb/[^/]+\.png", re.IGNORECASE)
_ENR_PICTURES = re.compile(r"[^/]*\d{5}\.png", re.IGNORECASE)


def _on_sphere(azimuth: float, elevation: float, radius: float) -> np.ndarray:
    a, e = np.radians([azimuth, elevation])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    backward = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    pose = np.stack([right, np.cross(backward, right), backward, radius * backward], axis=1)
    if not np.isfinite(pose).all():
        raise ValueError
    return pose
