"""COLMAP's models, binary and text, read here and not by COLMAP: a broken one may end in C++ what it is read by.

A model is a folder with `cameras`, `images` and `points3D`, each `.bin` or `.txt`. Every count is held against what is
there before anything is made of it. Whether a camera or a pose can be used is for whoever uses it to say.
"""

import struct
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from getting import output
from getting.archives import Files
from learnit_core.errors import LearnitError
from learnit_core.signals.cameras import Camera

MODELS = (
    ("SIMPLE_PINHOLE", 3), ("PINHOLE", 4), ("SIMPLE_RADIAL", 4), ("RADIAL", 5), ("OPENCV", 8), ("OPENCV_FISHEYE", 8),
    ("FULL_OPENCV", 12), ("FOV", 5), ("SIMPLE_RADIAL_FISHEYE", 4), ("RADIAL_FISHEYE", 5), ("THIN_PRISM_FISHEYE", 12),
    ("RAD_TAN_THIN_PRISM_FISHEYE", 16), ("SIMPLE_DIVISION", 4), ("DIVISION", 5), ("SIMPLE_FISHEYE", 3), ("FISHEYE", 4),
    ("EUCM", 6), ("EQUIRECTANGULAR", 2),
)  # fmt: skip
"""Models of cameras and how many parameters they have, by their number in binary files."""

_FARTHEST = 1e9  # of a point


class Shot(NamedTuple):
    """A photograph of a model; the pose is COLMAP's, from world to camera, and not checked."""

    name: str
    camera: int
    quaternion: tuple[float, ...]
    translation: tuple[float, ...]
    points: np.ndarray
    """Numbers of the points that it sees; −1 is none."""

    @property
    def camera_to_world(self) -> np.ndarray:
        """With the axes of `Views`. Raises ``LearnitError`` if there is no such pose."""
        q, t = np.array(self.quaternion), np.array(self.translation)
        length = np.linalg.norm(q)
        if not (abs(length - 1) < 0.1 and (np.abs(t) < _FARTHEST).all()):  # written so that a NaN fails, too
            raise LearnitError(
                f"{self.name} has no pose (quaternion of length {length:g}, translation {t.tolist()}): expected length "
                "1 and finite numbers"
            )
        w, x, y, z = q / length
        turn = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )
        # COLMAP's y is down, and its cameras look along z.
        return np.column_stack([turn.T * [1.0, -1.0, -1.0], -turn.T @ t])


class Model(NamedTuple):
    """What COLMAP found: cameras by number, photographs, and points [n, 3] with their numbers, in order."""

    cameras: dict[int, Camera]
    shots: list[Shot]
    numbers: np.ndarray
    points: np.ndarray
    folder: str

    def seen(self, shot: Shot) -> np.ndarray:
        """Rows of ``points`` that a photograph sees; numbers of points that are not there count for nothing."""
        wanted = np.unique(shot.points)
        rows = np.minimum(np.searchsorted(self.numbers, wanted), len(self.numbers) - 1)
        return rows[self.numbers[rows] == wanted]

    def camera(self, shot: Shot) -> Camera:
        """Raises ``LearnitError`` where the model has no such camera."""
        if shot.camera not in self.cameras:
            raise LearnitError(f"{shot.name} has the camera {shot.camera}, which is not in the model {self.folder}")
        return self.cameras[shot.camera]


def read(files: Files, names: Collection[str]) -> Model:
    """The largest of the models among the files; which one, and what was left, is said.

    Raises ``LearnitError`` without a model, or where it is broken or has no points.
    """
    folders = models_in(names)
    if not folders:
        raise LearnitError(
            f"among the {len(names)} files is no COLMAP model (images.bin or images.txt): name a folder that holds one "
            "beside its images, or let it be made from the photographs with --reconstruct"
        )
    shots: dict[str, list[Shot]] = {}
    faults: dict[str, LearnitError] = {}
    places = {_part(names, folder, "images"): folder for folder in folders}
    for file, content in files.read(places):
        try:
            shots[places[file]] = _images(content, file)
        except LearnitError as error:
            faults[places[file]] = error.to_keep()
    if not shots:
        raise next(iter(faults.values()), LearnitError(f"the model in {folders[0]} cannot be read"))
    folder = min(shots, key=lambda one: (-len(shots[one]), len(PurePosixPath(one).parts), one))
    others = [f"{one} ({len(shots[one])})" for one in folders if one in shots and one != folder]
    others += [f"{one} (broken)" for one in faults]
    if others:
        output.say(
            f"Of {len(folders)} models the one in {folder} is taken, with {len(shots[folder])} photographs; left: "
            f"{', '.join(others)}"
        )
    wanted = {_part(names, folder, kind): kind for kind in ("cameras", "points3D")}
    found = {wanted[file]: (file, content) for file, content in files.read(wanted)}
    for kind in ("cameras", "points3D"):
        if kind not in found:
            raise LearnitError(f"the model in {folder} cannot be read (its {kind} file cannot)")
    numbers, points = _points(found["points3D"][1], found["points3D"][0])
    if not len(points):
        raise LearnitError(
            f"the model in {folder} has no points, from which near, far and scale are taken: export it with its "
            "points3D file, or make it afresh with --reconstruct"
        )
    cameras = _cameras(found["cameras"][1], found["cameras"][0])
    return Model(cameras, shots[folder], numbers, points, folder)


def models_in(names: Collection[str]) -> list[str]:
    """Folders among ``names`` that hold a model, by their `images.bin` or `images.txt`."""
    marks = [PurePosixPath(name) for name in names if PurePosixPath(name).name in ("images.bin", "images.txt")]
    return sorted({str(mark.parent) for mark in marks})


def _part(names: Collection[str], folder: str, kind: str) -> str:
    for suffix in (".bin", ".txt"):  # binary before text
        file = str(PurePosixPath(folder) / f"{kind}{suffix}")
        if file in names:
            return file
    raise LearnitError(f"the model in {folder} lacks its {kind} file: expected {kind}.bin or {kind}.txt")


class _Binary:
    """Numbers one after the other; what lies beyond the end raises ``LearnitError``."""

    def __init__(self, content: bytes, file: str):
        self.content, self.file, self.place = content, file, 0

    def take(self, form: str) -> tuple:
        values = struct.unpack_from(f"<{form}", self.content, self.skip(struct.calcsize(f"<{form}")))
        return values

    def skip(self, size: int) -> int:
        start = self.place
        if size > len(self.content) - start:
            raise LearnitError(
                f"{self.file} cannot be read: it ends after {len(self.content):,} bytes, within an entry"
            )
        self.place += size
        return start

    def count(self, least: int) -> int:
        """How many entries follow, of ``least`` bytes or more each."""
        (found,) = self.take("Q")
        if found * least > len(self.content) - self.place:
            raise LearnitError(
                f"{self.file} cannot be read: it says that {found:,} entries follow, of {least} bytes or more, where "
                f"{len(self.content) - self.place:,} bytes are left"
            )
        return found

    def word(self) -> str:
        end = self.content.find(b"\0", self.place, self.place + 4096)
        if end < 0:
            raise LearnitError(f"{self.file} cannot be read: a name in it does not end")
        found = self.content[self.place : end]
        self.place = end + 1
        return found.decode("utf-8", "surrogateescape")


def _lines(content: bytes, file: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, with their numbers; empty ones count."""
    for number, line in enumerate(content.decode("utf-8", "surrogateescape").split("\n"), 1):
        if not line.startswith("#"):
            yield number, line.rstrip("\r")


def _cameras(content: bytes, file: str) -> dict[int, Camera]:
    found: dict[int, Camera] = {}
    if file.endswith(".bin"):
        data = _Binary(content, file)
        for _ in range(data.count(24)):
            number, model, width, height = data.take("IiQQ")
            if not 0 <= model < len(MODELS):
                raise LearnitError(f"{file} has a camera of the model number {model}: expected 0 to {len(MODELS) - 1}")
            name, count = MODELS[model]
            found[number] = Camera(name, width, height, data.take(f"{count}d"))
        return found
    for line, text in _lines(content, file):
        if text.strip():
            try:
                number, model, width, height, *params = text.split()
                found[int(number)] = Camera(model, int(width), int(height), tuple(map(float, params)))
            except ValueError:
                raise LearnitError(
                    f"line {line} of {file} cannot be read: expected a number, a model, width, height and parameters"
                ) from None
    return found


def _images(content: bytes, file: str) -> list[Shot]:
    found: list[Shot] = []
    if file.endswith(".bin"):
        data, pairs = _Binary(content, file), np.dtype([("at", "<f8", 2), ("point", "<i8")])
        for _ in range(data.count(73)):
            _, *pose, camera = data.take("I4d3dI")
            name, count = data.word(), data.count(pairs.itemsize)
            seen = np.frombuffer(content, pairs, count, data.skip(count * pairs.itemsize))["point"]
            found.append(Shot(name, camera, tuple(pose[:4]), tuple(pose[4:]), seen.copy()))
    else:
        lines = _lines(content, file)
        for line, text in lines:
            if text.strip():
                try:
                    _, *pose, camera, name = text.split(maxsplit=9)
                    if len(pose) != 7:
                        raise ValueError
                    q, t = tuple(map(float, pose[:4])), tuple(map(float, pose[4:]))
                    seen = np.array(next(lines, (0, ""))[1].split()[2::3], np.int64)
                    found.append(Shot(name.strip(), int(camera), q, t, seen))
                except (ValueError, OverflowError):
                    raise LearnitError(
                        f"line {line} of {file}, or the one after it, cannot be read: expected a number, a pose of 7 "
                        "numbers, a camera and a name, then points"
                    ) from None
    named = [shot.name for shot in found]
    if len(set(named)) < len(named):
        raise LearnitError(f"{file} has several photographs called {max(named, key=named.count)}: expected one")
    return found


def _points(content: bytes, file: str) -> tuple[np.ndarray, np.ndarray]:
    """Numbers, in order, and positions; those that are no finite positions are left out, and it is said how many."""
    found: dict[int, tuple[float, ...]] = {}
    if file.endswith(".bin"):
        data = _Binary(content, file)
        for _ in range(data.count(51)):
            number, *xyz = data.take("Q3d")
            data.skip(11)  # colour and error
            data.skip(8 * data.count(8))  # who sees it is known from the photographs
            found[number] = tuple(xyz)
    else:
        for line, text in _lines(content, file):
            if text.strip():
                try:
                    number, x, y, z = text.split(maxsplit=4)[:4]
                    found[int(number)] = (float(x), float(y), float(z))
                except ValueError:
                    raise LearnitError(f"line {line} of {file} cannot be read: expected a number and x, y, z") from None
    found = {number: xyz for number, xyz in found.items() if 0 <= number < 1 << 63}
    numbers = np.array(sorted(found), np.int64)
    points = np.array([found[number] for number in numbers.tolist()], float).reshape(-1, 3)
    sound = (np.abs(points) < _FARTHEST).all(axis=1)
    if not sound.all():
        output.say(f"{(~sound).sum()} of the {len(points)} points in {file} are nowhere (no finite position): left out")
    return numbers[sound], points[sound]
