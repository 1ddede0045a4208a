"""From a COLMAP model and its photographs to a prepared collection, through pycolmap (extra "data")."""

import csv
import importlib
import io
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from getting.archives import Files
from getting.output import RowWriter
from learnit_core.errors import LearnitError
from learnit_core.signals import files as ways_in
from learnit_core.signals import tourism
from learnit_core.signals.prepared import SPLITS
from learnit_core.signals.tourism import Photograph

PINHOLE = ("SIMPLE_PINHOLE", "PINHOLE")
DISTORTED = ("SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV")
"""Camera models whose photographs are undistorted to those of a pinhole camera."""
SAME_ASPECT = 0.01
_IMAGES = {"images"}


def pycolmap():
    """The package. Raises ``LearnitError`` if it is not installed."""
    try:
        return importlib.import_module("pycolmap")
    except ImportError:
        raise LearnitError("this needs the package pycolmap: pip install -e '.[data]'") from None


def find_model(names: Collection[str]) -> str:
    """The folder among ``names`` that holds a model: its `images.bin` or `images.txt`, the shortest path first."""
    folders = [PurePosixPath(name).parent for name in names if PurePosixPath(name).name in ("images.bin", "images.txt")]
    if not folders:
        raise LearnitError(
            f"among the {len(names)} files is no COLMAP model (images.bin or images.txt): name a folder that holds one "
            "beside its images, or let it be made from the photographs with --reconstruct"
        )
    return str(min(folders, key=lambda folder: (len(folder.parts), str(folder))))


def read_model(files: Files, names: Collection[str]):
    """The ``pycolmap.Reconstruction`` among the files, binary before text. Raises ``LearnitError`` without points."""
    folder = find_model(names)
    parts = [name for name in names if str(PurePosixPath(name).parent) == folder]
    colmap = pycolmap()
    with tempfile.TemporaryDirectory() as place:
        for name, content in files.read([name for name in parts if name.endswith((".bin", ".txt"))]):
            (Path(place) / PurePosixPath(name).name).write_bytes(content)
        return _loaded(colmap, Path(place), folder)


def _loaded(colmap, place: Path, label: str):
    try:
        model = colmap.Reconstruction(place)
    except Exception as error:  # pycolmap throws what its C++ throws
        raise LearnitError(f"the model in {label} cannot be read ({str(error).splitlines()[0][:200]})") from None
    if not model.num_points3D():
        raise LearnitError(
            f"the model in {label} has no points, from which near, far and scale are taken: export it with its "
            "points3D file, or make it afresh with --reconstruct"
        )
    return model


def reconstruct(photographs: Path):
    """Poses for photographs only: features, pairs and mapping by pycolmap; the largest model that came about."""
    colmap = pycolmap()
    if not photographs.is_dir():
        raise LearnitError(f"{photographs} is no folder: --reconstruct expects a folder of photographs")
    names = ways_in.only_pictures(ways_in.files_in(photographs))
    if len(names) < tourism.FEWEST:
        raise LearnitError(f"{photographs} holds {len(names)} photographs: expected at least {tourism.FEWEST}")
    print(f"finding the cameras of {len(names)} photographs; every pair is compared …", flush=True)
    with tempfile.TemporaryDirectory() as place:
        database, found = Path(place) / "database.db", Path(place) / "models"
        found.mkdir()
        colmap.extract_features(database, photographs, names)
        colmap.match_exhaustive(database)
        models = colmap.incremental_mapping(database, photographs, found)
        if not models:
            raise LearnitError(
                f"no cameras could be found for the photographs in {photographs}: they share too little of what they "
                "show; expected photographs of one place from places near to each other"
            )
        model = max(models.values(), key=lambda one: one.num_reg_images())
    lost = set(names) - {image.name for image in model.images.values()}
    if lost:
        print(f"{len(lost)} photographs do not fit to the others, such as {min(lost)}: left out")
    return model


def usable(content: bytes) -> set[str]:
    """Names in a list of usable photographs as NeRF-W gives them (tab-separated; those without an id are left out)."""
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode()), delimiter="\t"))
        names = {row["filename"] for row in rows if row["filename"] and (row.get("id") or "").strip()}
    except (UnicodeDecodeError, KeyError, csv.Error) as error:
        raise LearnitError(f"this is no list of photographs ({error}): expected columns filename and id") from None
    if not names:
        raise LearnitError(f"the list names none of its {len(rows)} photographs with an id: expected one or more")
    return names


def read(
    files: Files, names: Collection[str], model, *, side: int, only: set[str] | None = None, leave_out: bool = False
) -> tuple[list[Photograph], np.ndarray, list[str]]:
    """The photographs of a model that ``side`` × ``side`` holds, its points, and the names of those left out.

    ``only`` are the names that may be used. What cannot be used raises a ``LearnitError`` that says what to do; with
    ``leave_out`` it is named, and left out.
    """
    order = sorted(model.points3D)
    place_of = {point: place for place, point in enumerate(order)}
    points = np.array([model.points3D[point].xyz for point in order])
    images = {image.name: image for image in model.images.values() if only is None or image.name in only}
    images = {name: image for name, image in images.items() if image.has_pose}
    found = _files_of(images, names)
    made, left_out = [], []

    def refuse(name, error):
        if not leave_out:
            raise LearnitError(f"{error}; with --leave-out such photographs are left out")
        left_out.append(name)
        tqdm.write(f"Left out: {error}")

    if missing := sorted(images.keys() - found.values()):
        what = f"{len(missing)} of the {len(images)} photographs of the model, such as {missing[0]}, are not there"
        if len(missing) == len(images):
            raise LearnitError(f"{what}: expected them in a folder 'images' beside the model")
        refuse(missing[0], f"{what}: put them beside the others")
        left_out += missing[1:]
    for file, content in tqdm(files.read(found), total=len(found), unit="photograph"):
        image = images[found[file]]
        seen = [place_of[p.point3D_id] for p in image.points2D if p.has_point3D()]
        try:
            made.append(_photograph(image, model.cameras[image.camera_id], content, np.unique(seen), side))
        except LearnitError as error:
            refuse(image.name, error)
    return made, points, left_out


def _files_of(images: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """Files by the name that the model has for them: it counts from the folder of its images."""
    found: dict[str, str] = {}
    # A folder of the name that COLMAP gives its photographs goes before others beside it, which hold depths or masks.
    for file in sorted(names, key=lambda name: (_IMAGES.isdisjoint(PurePosixPath(name).parts), name.count("/"), name)):
        parts = PurePosixPath(file).parts
        for start in range(len(parts)):
            name = "/".join(parts[start:])
            if name in images and name not in found.values():
                found[file] = name
                break
    return found


def _photograph(image, camera, content: bytes, seen: np.ndarray, side: int) -> Photograph:
    if camera.model_name not in (*PINHOLE, *DISTORTED):
        raise LearnitError(
            f"{image.name} has a camera of the model {camera.model_name}: expected one of "
            f"{', '.join((*PINHOLE, *DISTORTED))}; undistort the photographs first (colmap image_undistorter)"
        )
    if not len(seen):
        raise LearnitError(f"no point of the model is seen by {image.name}: it has no depth")
    # As it is stored: COLMAP, too, passes over what EXIF says of the camera's turn.
    picture = Image.fromarray(ways_in.decode(content, image.name, channels=3, upright=False).pixels)
    (w, h), expected = picture.size, (camera.width, camera.height)
    if abs(w * camera.height / (h * camera.width) - 1) > SAME_ASPECT:
        raise LearnitError(
            f"{image.name} has {w} x {h} pixels, its camera in the model {expected[0]} x {expected[1]}: another "
            "aspect. It was cropped or turned after the model was made: take those that the model was made from"
        )
    if camera.model_name in DISTORTED:
        picture, camera = _undistorted(picture.resize(expected), camera)
        (w, h), expected = picture.size, (camera.width, camera.height)
    scale = min(1.0, side / max(w, h))
    size = max(2, round(w * scale)), max(2, round(h * scale))
    if size != (w, h):
        picture = picture.resize(size, Image.Resampling.BOX)
    k = camera.calibration_matrix()
    across, down = size[0] / expected[0], size[1] / expected[1]
    intrinsics = np.array([k[0, 0] * across, k[1, 1] * down, k[0, 2] * across, k[1, 2] * down])
    return Photograph(image.name, np.asarray(picture), intrinsics, _pose(image.cam_from_world().matrix()), seen)


def _pose(world_to_camera: np.ndarray) -> np.ndarray:
    """Camera-to-world with the axes of `Views`, from COLMAP's world-to-camera (y is down, and it looks along z)."""
    rotation, translation = world_to_camera[:, :3].T, world_to_camera[:, 3]
    return np.column_stack([rotation * [1.0, -1.0, -1.0], -rotation @ translation])


def _undistorted(picture: Image.Image, camera):
    colmap = pycolmap()
    bitmap, pinhole = colmap.undistort_image(
        colmap.UndistortCameraOptions(), colmap.Bitmap.from_array(np.ascontiguousarray(picture)), camera
    )
    return Image.fromarray(bitmap.to_array()), pinhole


def write(
    folder: Path, photographs: Sequence[Photograph], points: np.ndarray, left_out: list[str], *, side: int
) -> dict[str, Any]:
    """Write the collection into ``folder``; returns what `prepared.json` says of it."""
    splits = tourism.collect(photographs, points, side=side)
    names = tourism.deal([photograph.name for photograph in photographs])
    entries = {}
    for split in SPLITS:
        (folder / split).mkdir()
        closed, types = {}, {}
        for field, array in splits[split]._asdict().items():
            writer = RowWriter(folder / split / f"{field}.npy", array.shape[1:], array.dtype.str)
            for row in array:
                writer.append(row)
            closed[field], types[field] = writer.close(), writer.dtype.str
        entries[split] = {
            "count": len(names[split]),
            "shape": closed["images"]["shape"],
            "names": names[split],
            "arrays": {field: [entry["shape"], types[field]] for field, entry in closed.items()},
            "crc32": {field: entry["crc32"] for field, entry in closed.items()},
        }
    centre, factor = tourism.normalisation(np.stack([p.camera_to_world[:, 3] for p in photographs]), points)
    np.save(folder / "points.npy", ((points - centre) * factor).astype(np.float32), allow_pickle=False)
    return {
        "kind": "views",
        "unit": "photographs",
        "splits": entries,
        "skipped": left_out,
        "centre": centre.tolist(),
        "factor": factor,
        "use": "make demo NOTEBOOK=04_phototourism",
    }
