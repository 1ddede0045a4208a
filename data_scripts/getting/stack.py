"""Volumes → splits in which no neighbours are apart → a prepared set of slices."""

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from getting import output, pictures
from getting.kinds import Damaged
from getting.output import RowWriter
from getting.volumes import AIR, Volume, tell
from learnit_core.errors import LearnitError
from learnit_core.names import shown
from learnit_core.signals import phantoms, photos
from learnit_core.signals.prepared import SPLITS

APART = 10.0
"""Millimetres between slices of one body that are in two splits; between slices of unknown distance, three lie."""

MOST_STRETCHED = 10  # times as high as wide, or as wide as high, a pixel may be


class Place(NamedTuple):
    """One slice: of which volume, and which in it."""

    volume: Volume
    k: int


def deal(volumes: Sequence[Volume], seed: int) -> tuple[dict[str, list[Place]], str, list[str]]:
    """Slices by split, a sentence on how they were split, and sentences on volumes that were left out.

    With three bodies or more whole bodies are dealt out by ``seed``; else each body's largest volume is cut into
    contiguous blocks for training, validation and test, some slices between them left out.
    """
    bodies: dict[str, list[Volume]] = defaultdict(list)
    for volume in volumes:
        bodies[volume.body].append(volume)
    if len(bodies) >= len(SPLITS):
        dealt = pictures.deal(list(bodies), seed)
        splits = {
            split: [Place(volume, k) for body in found for volume in bodies[body] for k in range(len(volume.names))]
            for split, found in dealt.items()
        }
        counts = ", ".join(f"{len(dealt[split])} for {split}" for split in SPLITS)
        known = "files are taken for bodies, and whether two show the same one is not known"
        if all(volume.body != volume.name for volume in volumes):
            known = "as patient or study tell them apart"
        return splits, f"Split by body ({counts}): none is in two splits, {known}.", []
    splits, told, gaps = {split: [] for split in SPLITS}, [], set()
    for found in bodies.values():
        largest, *others = sorted(found, key=lambda volume: -len(volume.names))
        told += [f"Left out: {other.name}, of the same body as {largest.name}." for other in others]
        gap = 3 if largest.distance is None else max(1, math.ceil(APART / largest.distance) - 1)
        gaps.add(gap)
        each = max(1, round((len(largest.names) - 2 * gap) / 10))
        ends = np.cumsum([len(largest.names) - 2 * gap - 2 * each, gap, each, gap, each])
        if ends[0] < 1:
            raise LearnitError(
                f"{largest.name} has {len(largest.names)} slices, and {gap} have to be left out twice between the "
                f"splits: expected at least {2 * gap + 10} slices"
            )
        for split, end, start in zip(SPLITS, ends[::2], (0, *ends[1::2]), strict=True):
            splits[split] += [Place(largest, k) for k in range(start, end)]
    whose = "one body" if len(bodies) == 1 else f"each of {len(bodies)} bodies"
    note = (
        f"Contiguous blocks of {whose}, with {' and '.join(map(str, sorted(gaps)))} slices left out between them: no "
        "neighbours are in two splits, but all three have the same bod" + ("y." if len(bodies) == 1 else "ies.")
    )
    return splits, note, told


def drawn(
    values: np.ndarray, *, size: int, window: tuple[float, float], pixel: tuple[float, float] = (1.0, 1.0)
) -> np.ndarray:
    """A slice [rows, columns] in Hounsfield units as uint8 [size, size, 1]: ``window`` is its centre and width.

    Pixels that are not square are made so, and what then is no square is padded with air, so that the middle, where
    the scanner's axis is taken to be, stays in the middle. Where it shrinks, pixels are averaged over their area.
    """
    low, width = window[0] - window[1] / 2, window[1]
    shades = np.clip((values - np.float32(low)) / np.float32(width), 0, 1)
    if abs(pixel[0] / pixel[1] - 1) > 1e-3:
        sides = [max(1, round(count * side / min(pixel))) for count, side in zip(values.shape, pixel, strict=True)]
        shades = _resized(shades, *sides)
    rows, columns = shades.shape
    side = max(rows, columns)
    if rows != columns:
        above, before = (side - rows) // 2, (side - columns) // 2
        air = np.clip((AIR - low) / width, 0, 1)
        margins = ((above, side - rows - above), (before, side - columns - before))
        shades = np.pad(shades, margins, constant_values=np.float32(air))
    return np.round(255 * np.clip(_resized(shades, size, size), 0, 1)).astype(np.uint8)[..., None]


def write(
    folder: Path, volumes: Sequence[Volume], *, size: int, window: tuple[float, float], seed: int, limit: int | None
) -> dict[str, Any]:
    """Draw the slices of all splits into ``folder``; returns what `prepared.json` says of them.

    A slice that cannot be decoded is named and skipped; so is one that is the same everywhere, or equals an earlier one
    in every pixel. Raises LearnitError if a split comes out empty, or if fewer than 10 slices are left in all.
    """
    splits, note, left = deal(volumes, seed)
    splits = pictures.sample(splits, limit, seed)
    for volume in volumes:
        if max(volume.pixel) > MOST_STRETCHED * min(volume.pixel):
            raise LearnitError(f"{volume.name} has pixels of {volume.pixel} mm: expected slices across the body")
    output.check_room({folder: sum(map(len, splits.values())) * size**2})
    writers = {split: RowWriter(folder / f"{split}.npy", (size, size, 1), "uint8") for split in SPLITS}
    kept: dict[str, list[str]] = {split: [] for split in SPLITS}
    seen: set[bytes] = set()
    broken, copies, blank, padded = [], 0, 0, set()
    inside = phantoms.scanner_circle(size)[..., None] > 0
    places = [(split, place) for split, found in splits.items() for place in found]
    try:
        for split, (volume, k) in tqdm(places, unit="slice"):
            try:
                values = volume.read(k)
            except Damaged as error:
                broken.append(shown(volume.names[k]))
                tqdm.write(f"Skipped: {error}.")
                continue
            row = drawn(values, size=size, window=window, pixel=volume.pixel)
            padded |= {values.shape} if values.shape[0] != values.shape[1] else set()
            if np.ptp(row[inside]) == 0:
                blank += 1
                continue
            if (digest := photos.digest(row)) in seen:
                copies += 1
                continue
            seen.add(digest)
            writers[split].append(row)
            kept[split].append(volume.names[k])
    finally:
        entries = {split: writer.close() for split, writer in writers.items()}
    left += [f"Padded with air to a square: slices of {rows} x {columns}." for rows, columns in sorted(padded)]
    left += [f"Left out: {blank} slices that are the same everywhere in this window."] * bool(blank)
    tell(left)
    counts = {split: entry["count"] for split, entry in entries.items()}
    if min(counts.values()) == 0 or sum(counts.values()) < photos.FEWEST:
        raise LearnitError(
            f"there are {counts} different slices with something in them: expected at least {photos.FEWEST} in all and "
            "one in each split"
        )
    for split, names in kept.items():
        (folder / f"{split}.txt").write_text("".join(f"{shown(name)}\n" for name in names), encoding="utf-8")
    return {"kind": "slices", "splits": entries, "skipped": broken, "copies": copies, "note": note, "unit": "slices"}


def _resized(shades: np.ndarray, rows: int, columns: int) -> np.ndarray:
    if shades.shape == (rows, columns):
        return shades
    smaller = rows <= shades.shape[0] and columns <= shades.shape[1]
    how = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(shades.astype(np.float32)).resize((columns, rows), how))
