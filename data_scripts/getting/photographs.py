"""From photographs with cameras (:mod:`getting.places`) to a prepared collection."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from getting import lenses, output
from getting.archives import Files
from getting.output import RowWriter
from getting.places import Place, Taken
from learnit_core.errors import LearnitError
from learnit_core.signals import files as ways_in
from learnit_core.signals import tourism
from learnit_core.signals.prepared import SPLITS
from learnit_core.signals.tourism import Photograph


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
    files: Files, place: Place, *, side: int, only: set[str] | None = None, leave_out: bool = False
) -> tuple[list[Photograph], list[str]]:
    """The photographs of a place that ``side`` × ``side`` holds, and the names of those left out.

    ``only`` are the names that may be used. What cannot be used raises a ``LearnitError`` that says what to do; with
    ``leave_out`` it is named, and left out.
    """
    wanted = [taken for taken in place.taken if only is None or taken.name in only]
    made, left_out, brightest = [], [], 0.0

    def refuse(name, error):
        if not leave_out:
            raise LearnitError(f"{str(error).rstrip('.')}; with --leave-out such photographs are left out")
        left_out.append(name)
        output.say(f"Left out: {error}")

    if missing := sorted(taken.name for taken in wanted if taken.file is None):
        what = f"{len(missing)} of the {len(wanted)} photographs of the model, such as {missing[0]}, are not there"
        if len(missing) == len(wanted):
            raise LearnitError(f"{what}: expected them in a folder 'images' beside the model")
        refuse(missing[0], f"{what}: put them beside the others in {place.pictures}")
        left_out += missing[1:]
    by_file = {taken.file: taken for taken in wanted if taken.file is not None}
    for file, content in tqdm(files.read(by_file), total=len(by_file), unit="photograph"):
        taken = by_file[file]
        try:
            photograph, bright = _photograph(taken, content, place.points, side)
            made.append(photograph)
            brightest = max(brightest, bright)
        except LearnitError as error:
            refuse(taken.name, error)
    if made and brightest < ways_in.FAINT:
        output.say(ways_in.faint(place.pictures))
    return made, left_out


def _photograph(taken: Taken, content: bytes, points: np.ndarray, side: int) -> tuple[Photograph, float]:
    """It, and its brightest number as a part of the range."""
    pose = taken.pose()
    if taken.seen is not None and not len(taken.seen):
        raise LearnitError(f"no point of the model is seen by {taken.name}: it has no depth")
    decoded = ways_in.decode(content, taken.name, channels=3, upright=False)
    picture = Image.fromarray(decoded.pixels)
    camera = taken.camera(*picture.size)
    if camera.distortion:
        picture, camera = lenses.undistorted(picture, camera)
    w, h = picture.size
    scale = min(1.0, side / max(w, h))
    size = max(2, round(w * scale)), max(2, round(h * scale))
    if size != (w, h):
        picture = picture.resize(size, Image.Resampling.BOX)
    across, down = size[0] / w, size[1] / h
    intrinsics = camera.intrinsics * [across, down, across, down]
    seen = taken.seen
    if seen is None:
        seen = _inside(points, pose, intrinsics, size)
        if len(points) and not len(seen):
            raise LearnitError(f"no point of the model is seen by {taken.name}: it has no depth")
    return Photograph(taken.name, np.asarray(picture), intrinsics, pose, seen), decoded.brightest


def _inside(points: np.ndarray, pose: np.ndarray, intrinsics: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Rows of the points that lie in the picture, hidden ones with them."""
    x, y, z = ((points - pose[:, 3]) @ pose[:, :3]).T
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = intrinsics[2] - intrinsics[0] * x / z, intrinsics[3] + intrinsics[1] * y / z
    return np.flatnonzero((z < 0) & (u >= 0) & (u <= size[0]) & (v >= 0) & (v <= size[1]))


def write(
    folder: Path,
    photographs: Sequence[Photograph],
    points: np.ndarray,
    left_out: list[str],
    *,
    side: int,
    near_far: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Write the collection into ``folder``; returns what `prepared.json` says of it.

    ``near_far`` are for all photographs, in the units of the cameras; without them the points tell, or the cameras.
    """
    splits = tourism.collect(photographs, points, side=side, near_far=near_far)
    _remark(photographs, points, near_far)
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
    centre, factor = tourism.placed(photographs, points)
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


def _remark(photographs: Sequence[Photograph], points: np.ndarray, near_far: tuple[float, float] | None) -> None:
    """Say where near and far come from where that is not the points."""
    if len(points) and near_far is None:
        return
    aim = tourism.aim(photographs)
    if near_far is None:
        near, far = aim.bounds
        output.say(
            f"Note: there are no points; near {near:.3g} and far {far:.3g} are taken from the cameras, and hold what "
            "is whole in the pictures, but nothing far behind it (--near and --far give others)"
        )
    if aim.past:
        names = ", ".join(photographs[i].name for i in aim.past[:3])
        output.say(f"Note: {len(aim.past)} of the {len(photographs)} cameras look past what the others do: {names}, …")
