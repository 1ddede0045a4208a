"""Photographs with cameras, wherever these come from: COLMAP's models, transforms.json, or photographs only."""

import tempfile
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from getting import archives, colmap, lenses, output, ply
from getting.archives import Files
from learnit_core.errors import LearnitError
from learnit_core.signals import cameras, tourism, transforms
from learnit_core.signals import files as ways_in
from learnit_core.signals.cameras import Camera


class Taken(NamedTuple):
    """A photograph with its camera, before it is read. Both functions raise ``LearnitError`` if there is none."""

    name: str
    file: str | None
    """Among the files; None if it is not there."""
    camera: Callable[[int, int], Camera]
    """By the picture's width and height."""
    pose: Callable[[], np.ndarray]
    """Camera to world, 3 x 4."""
    seen: np.ndarray | None
    """Rows of the points that it sees; without them these are the points in the picture."""


class Place(NamedTuple):
    """Photographs with cameras, and points [n, 3] (none, where nobody knows them)."""

    taken: list[Taken]
    points: np.ndarray
    near_far: tuple[float, float] | None
    pictures: str
    """The folder of the photographs."""


def find(files: Files, names: Collection[str]) -> Place:
    """What is among the files: a COLMAP model, else a transforms.json. Raises ``LearnitError`` without either."""
    marks = sorted((n for n in names if PurePosixPath(n).name in transforms.NAMES), key=_depth)
    if colmap.models_in(names) or not marks:
        if marks:
            output.say(f"There are a COLMAP model and {marks[0]}: the model is taken, which has points.")
        return of_model(colmap.read(files, names), names)
    if others := marks[1:]:
        output.say(f"{marks[0]} is taken; left: {', '.join(others[:5])}")
    return of_transforms(files, names, marks[0])


def _depth(name: str) -> tuple[int, str]:
    return len(PurePosixPath(name).parts), name


def of_model(model: colmap.Model, names: Collection[str]) -> Place:
    """The photographs of a COLMAP model, whose names count from the folder of its images."""
    root = pictures_of({shot.name for shot in model.shots}, names, model.folder)

    def taken(shot: colmap.Shot) -> Taken:
        file = str(PurePosixPath(root or "") / shot.name)

        def camera(width, height):
            return cameras.checked(model.camera(shot), shot.name).of_size(width, height, shot.name)

        return Taken(shot.name, file if file in names else None, camera, lambda: shot.camera_to_world, model.seen(shot))

    return Place([taken(shot) for shot in model.shots], model.points, None, root or "images")


def pictures_of(wanted: Collection[str], names: Collection[str], model: str) -> str | None:
    """The folder that the photographs ``wanted`` of a model lie in; None if none of them is there.

    Of several it is one called `images` if it has half of them, then that with most, then that nearest to the model:
    beside them there may be depths, masks, smaller or undistorted pictures of the same names. What was left is said.
    """
    found: Counter[str] = Counter()
    for name in ways_in.only_pictures(names):
        parts = PurePosixPath(name).parts
        for start in range(len(parts)):
            if "/".join(parts[start:]) in wanted:
                found["/".join(parts[:start]) or "."] += 1
    at = PurePosixPath(model).parts

    def order(root: str):
        parts = PurePosixPath(root).parts
        shared = next((i for i, (one, other) in enumerate(zip(parts, at, strict=False)) if one != other), len(parts))
        usual = parts[-1:] == ("images",) and 2 * found[root] >= len(wanted)
        return not usual, -found[root], -min(shared, len(at)), len(parts), root

    roots = sorted(found, key=order)
    if len(roots) > 1:
        left = ", ".join(f"{root}/ ({found[root]})" for root in roots[1:6])
        output.say(f"Photographs are those in {roots[0]}/ ({found[roots[0]]}); left, with the same names: {left}")
    return roots[0] if roots else None


def of_transforms(files: Files, names: Collection[str], mark: str) -> Place:
    """The photographs of a transforms.json, with the points of its PLY file where it has one."""
    root = PurePosixPath(mark).parent
    inside = {str(PurePosixPath(name).relative_to(root)) for name in names if PurePosixPath(name).is_relative_to(root)}
    contents = dict(files.read([mark]))
    if mark not in contents:
        raise LearnitError(f"{mark} cannot be read: expected a file with cameras")
    scene = transforms.parse(contents[mark], mark)
    cloud, points = transforms.find(scene.points, inside) if scene.points else None, np.zeros((0, 3))
    if cloud is not None:
        for file, content in files.read([str(root / cloud)]):
            points = ply.points(content, file)
    masks = sum(frame.mask is not None for frame in scene.frames)
    if masks:
        output.say(f"{masks} masks are not used: a collection is of whole photographs")
    taken = []
    for frame in scene.frames:
        file = transforms.find(frame.file, inside)
        pose = frame.pose
        taken.append(Taken(frame.file, file and str(root / file), frame.camera, lambda pose=pose: pose, None))
    return Place(taken, points, scene.bounds, str(root / "images"))


def reconstruct(folder: Path) -> colmap.Model:
    """Poses for photographs only: features, pairs and mapping by pycolmap; the largest model that came about."""
    pycolmap = lenses.pycolmap()
    if not folder.is_dir():
        raise LearnitError(f"{folder} is no folder: --reconstruct expects a folder of photographs")
    names = ways_in.only_pictures(ways_in.files_in(folder))
    readable = [name for name in names if _is_readable(folder, name)]
    if len(readable) < tourism.FEWEST:
        raise LearnitError(
            f"{folder} holds {len(readable)} photographs that can be read: expected at least {tourism.FEWEST}"
        )
    below = sorted({str(PurePosixPath(name).parent) for name in readable} - {"."})
    where = f" (some in {', '.join(below[:4])})" if below else ""
    output.say(f"finding the cameras of {len(readable)} photographs{where}; every pair is compared …")
    with tempfile.TemporaryDirectory() as place:
        database, found, best = Path(place) / "database.db", Path(place) / "models", Path(place) / "best"
        found.mkdir()
        best.mkdir()
        try:
            pycolmap.extract_features(database, folder, readable)
            pycolmap.match_exhaustive(database)
            models = pycolmap.incremental_mapping(database, folder, found)
        except Exception as error:  # pycolmap throws what its C++ throws
            raise LearnitError(f"no cameras could be found ({str(error).splitlines()[0][:200]})") from None
        if not models:
            raise LearnitError(
                f"no cameras could be found for the photographs in {folder}: they share too little of what they "
                "show; expected photographs of one place from places near to each other"
            )
        max(models.values(), key=lambda one: one.num_reg_images()).write_binary(str(best))
        with archives.opened(best) as files:
            model = colmap.read(files, files.names())
    if len(models) > 1:
        output.say(f"{len(models)} models came about; the largest, with {len(model.shots)} photographs, is taken")
    lost = set(readable) - {shot.name for shot in model.shots}
    if lost:
        output.say(f"{len(lost)} photographs do not fit to the others, such as {min(lost)}: left out")
    return model._replace(folder=".")


def _is_readable(folder: Path, name: str) -> bool:
    """Whether a picture can be decoded: what cannot is named, and kept from C++, which would end the process."""
    try:
        ways_in.decode(ways_in.content(folder / name), name, channels=3, upright=False)
        return True
    except LearnitError as error:
        output.say(f"Left out: {error}")
        return False
