"""Measured sinograms of parallel beams: a `.npz` with what a scanner saw, and its angles.

    sinogram   [angles, bins]   line integrals, that is −log(I / I₀), of each angle from the first bin to the last
    angles     [angles]         over half a turn, a full one or a part, in any order
    unit       "degrees" or "radians"; it is never guessed
    axis       may be left out: the bin that the axis of rotation meets, from 0 on; bins // 2, as scikit-image has it
    peak       may be left out: the attenuation, per width of a bin, that is to be white

Angles are those of :mod:`learnit_core.tomography`: at 0 the columns of the picture are summed, and a growing angle
turns the scanner as there. Fan beams and cone beams have to be rebinned to parallel ones first.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from learnit_core.errors import LearnitError
from learnit_core.signals import stored

UNITS = {"degrees": np.pi / 180, "radians": 1.0}

MOST, MOST_ANGLES = 1 << 24, 1 << 14
"""Numbers of a sinogram, and its angles."""

SAVE = "np.savez(file, sinogram=…, angles=…, unit='degrees')"

_SAME = 1e-6  # radians between lines that are one
_STARTS = 32  # tried for the first of some angles
_OFF = 0.1  # of the measured values, by which opposite projections may differ before it is said


class Measured(NamedTuple):
    """A sinogram as it was measured."""

    values: Float[np.ndarray, "angles bins"]
    """Line integrals."""
    angles: Float[np.ndarray, " angles"]
    """Radians."""
    axis: float
    peak: float | None
    note: str
    """What was found, and what is odd about it, in sentences."""


def is_one(data: str | Path | None) -> bool:
    """Whether ``data`` would be a measured sinogram: a file that ends in `.npz`."""
    return data is not None and Path(data).suffix.lower() == ".npz"


def load(data: str | Path) -> Measured:
    """Read and check a measured sinogram. Raises LearnitError, in a sentence that says how to save it right."""
    path = Path(data).expanduser()
    if not path.is_file():
        raise LearnitError(f"there is no file {path.absolute()}: expected a sinogram, {SAVE}")
    found = stored.heads(path)
    if missing := [name for name in ("sinogram", "angles", "unit") if name not in found]:
        why = " (whether angles are degrees or radians is never guessed)" if missing == ["unit"] else ""
        raise LearnitError(f"{path} has {', '.join(found) or 'nothing'}, and no {' or '.join(missing)}{why}: {SAVE}")
    shape = found["sinogram"].shape
    if len(shape) != 2 or found["angles"].shape != shape[:1]:
        turned = " sinogram=….T" if len(shape) == 2 and found["angles"].shape == shape[1:] else ""
        raise LearnitError(
            f"{path} has a sinogram {list(shape)} and angles {list(found['angles'].shape)}: expected [angles, bins] "
            f"and [angles]{turned and ', that is' + turned}"
        )
    if shape[1] < 8 or shape[0] > MOST_ANGLES or shape[0] * shape[1] > MOST:
        raise LearnitError(
            f"{path} has {shape[0]} angles and {shape[1]} bins: expected at least 8 bins, and at most {MOST_ANGLES:,} "
            f"angles and {MOST:,} numbers"
        )
    values, angles = _numbers(path, found, "sinogram"), _numbers(path, found, "angles")
    radians = angles * UNITS[_unit(path, found)]
    _check_angles(path, radians)
    axis, peak = _number(path, found, "axis", float(shape[1] // 2)), _number(path, found, "peak", None)
    if not 0 <= axis <= shape[1] - 1:
        raise LearnitError(f"{path} has its axis at the bin {axis:g}: expected 0 to {shape[1] - 1}")
    if peak is not None and peak <= 0:
        raise LearnitError(f"{path} has the peak {peak:g}: expected more than 0")
    _check_values(path, values)
    scan = Measured(values, radians, axis, peak, "")
    return scan._replace(note=_note(scan))


def binned(scan: Measured, size: int) -> Float[np.ndarray, "angles size"]:
    """Sums along ``size`` rays in widths of their own, wider (or narrower) bins, whose middle one meets the axis.

    Bins are averaged where the new ones are wider; beyond the detector there is nothing.
    """
    bins = scan.values.shape[1]
    ratio = bins / size
    up_to = np.concatenate([np.zeros((len(scan.values), 1)), np.cumsum(scan.values, axis=1)], axis=1)
    edges = scan.axis + 0.5 + (np.arange(size + 1) - size // 2 - 0.5) * ratio
    place = np.clip(edges, 0, bins)
    left = np.minimum(place.astype(int), bins - 1)
    integral = up_to[:, left] + (place - left) * scan.values[:, left]
    return (np.diff(integral, axis=1) / ratio / ratio).astype(np.float32)


def weights(angles: Float[np.ndarray, " angles"]) -> Float[np.ndarray, " angles"]:
    """The part of half a turn [rad] that each projection stands for: half the way to its neighbours, from behind too.

    At a gap (angles that were not measured) no more than twice what is usual.
    """
    order = np.argsort(folded := np.mod(angles, np.pi))
    gaps = np.diff(folded[order], append=folded[order][0] + np.pi)
    found = np.empty(len(angles))
    found[order] = (gaps + np.roll(gaps, 1)) / 2
    usual = np.median(found[found > 1e-6]) if (found > 1e-6).any() else np.pi
    return np.minimum(found, 2 * usual)


def some(angles: Float[np.ndarray, " angles"], count: int) -> np.ndarray:
    """Indices of ``count`` different angles, over half a turn as evenly as what was measured allows.

    A line seen from behind is no other line, and is taken when all others are.
    """
    folded = np.mod(angles - angles[0], np.pi)
    folded[np.pi - folded < _SAME] = 0
    order = folded.argsort(kind="stable")
    new = np.diff(folded[order], prepend=-1) > _SAME
    lines, again = order[new], order[~new]
    if count >= len(lines):
        more = some(angles[again], count - len(lines)) if count > len(lines) else []
        return np.sort([*lines, *again[more]])
    # A gap too wide to be halved counts as one distance between neighbours, whatever its width; the rest is divided.
    gaps, apart, evenly = np.diff(folded[lines], append=np.pi), np.inf, np.pi / count
    while evenly < apart * (1 - 1e-9):
        apart, wide = evenly, gaps > evenly
        evenly = gaps[~wide].sum() / (count - wide.sum())
    if wide.any():
        lines, gaps = (np.roll(each, -1 - gaps.argmax()) for each in (lines, gaps))
    places = np.cumsum([0.0, *np.minimum(gaps, apart)[:-1]])

    def beginning_at(start):
        found = []
        for j in range(count):
            low = found[-1] + 1 if found else 0
            away = np.abs(places[low : len(lines) - count + j + 1] - start - j * apart)
            found.append(low + int(away.argmin()))
        return np.sort(lines[found])

    def unevenness(chosen):
        turned = np.sort(folded[chosen])
        return round(float(np.sum(np.diff(turned, append=turned[0] + np.pi) ** 2)), 9)

    starts = places[places < apart]
    return min(map(beginning_at, starts[:: -(-len(starts) // _STARTS)]), key=unevenness)


def _numbers(path: Path, found: dict[str, stored.Head], name: str) -> np.ndarray:
    stored.real(found[name], f"{name} in {path}")
    values = np.asarray(stored.read(path, name, most=8 * MOST), np.float64)
    if not (finite := np.isfinite(values)).all():
        raise LearnitError(
            f"{name} in {path} has {(~finite).sum():,} numbers that are not finite: leave out their angles"
        )
    return values


def _number(path: Path, found: dict[str, stored.Head], name: str, otherwise: float | None) -> float | None:
    if name not in found:
        return otherwise
    if found[name].shape not in ((), (1,)):
        raise LearnitError(f"{name} in {path} is {found[name]}: expected one number")
    return float(_numbers(path, found, name).reshape(()))


def _unit(path: Path, found: dict[str, stored.Head]) -> str:
    head = found["unit"]
    text = head.dtype.kind in "US" and head.shape in ((), (1,)) and head.dtype.itemsize < 256
    unit = np.ravel(stored.read(path, "unit"))[0] if text else head
    unit = unit.decode("ascii", "replace") if isinstance(unit, bytes) else str(unit)
    if unit not in UNITS:
        raise LearnitError(f"{path} has the unit {unit!r}: expected 'degrees' or 'radians'")
    return unit


def _check_angles(path: Path, radians: np.ndarray) -> None:
    span = float(np.ptp(radians))
    if span > 2 * np.pi * 1.01:
        raise LearnitError(
            f"the angles in {path} span {np.rad2deg(span):,.0f} degrees by their unit: expected one turn at most; do "
            "they have the other unit?"
        )
    if len(radians) > 1 and span < np.deg2rad(7):
        raise LearnitError(
            f"the angles in {path} span {np.rad2deg(span):.3g} degrees by their unit, from which nothing can be "
            "reconstructed: do they have the other unit?"
        )


def _check_values(path: Path, values: np.ndarray) -> None:
    if values.mean() <= 0 or values.min() < -0.5 * values.max():
        raise LearnitError(
            f"the sinogram in {path} runs from {values.min():.3g} to {values.max():.3g}, mean {values.mean():.3g}: "
            "expected line integrals, which are not negative but for noise, −log(I / I₀)"
        )
    if values.max() - values.min() < 1e-6 * values.max():
        raise LearnitError(
            f"the sinogram in {path} is {values.max():.3g} everywhere: expected line integrals of a slice"
        )
    edges = max(1, values.shape[1] // 50)
    if np.concatenate([values[:, :edges], values[:, -edges:]], axis=1).mean() > 1.2 * values.mean():
        raise LearnitError(
            f"the sinogram in {path} is largest at its edges, as intensities are: expected line integrals, −log(I / I₀)"
        )


def _note(scan: Measured) -> str:
    """Count and span of the angles, and what is odd: edges that are not empty, projections that contradict one
    another."""
    (count, bins), span = scan.values.shape, np.rad2deg(np.ptp(scan.angles))
    low, high = np.rad2deg([scan.angles.min(), scan.angles.max()])
    said = [f"{count} angles from {low:.0f}° to {high:.0f}°, {bins} bins."]
    sums = scan.values.sum(axis=1)
    if (spread := sums.std() / sums.mean()) > 0.02:
        said.append(f"Projections of one slice add up to the same number; these differ by {100 * spread:.0f} %.")
    edge = max(scan.values[:, 0].mean(), scan.values[:, -1].mean()) / scan.values.max()
    if edge > 0.05:
        said.append("The outermost bins are not empty: what lies beyond the detector is missing from the picture.")
    if count > 1 and span < 180 - 2 * 180 / count:
        said.append(f"{180 - span:.0f}° of half a turn were not measured.")
    if (away := _behind(scan)) is not None and away > _OFF:
        said.append(
            f"Opposite projections should be mirror images, and differ by {100 * away:.0f} %: is the axis of rotation "
            f"at the bin {scan.axis:g} (key `axis`), and are the beams parallel?"
        )
    return " ".join(said)


def _behind(scan: Measured) -> float | None:
    """By what part of their root mean square projections differ from those seen from behind; None without any."""
    turned = np.mod(scan.angles, 2 * np.pi)
    order = np.argsort(turned)
    wanted = np.mod(turned + np.pi, 2 * np.pi)
    second = order[np.searchsorted(turned[order], wanted - 1e-3) % len(order)]
    first = np.nonzero(np.abs(turned[second] - wanted) < 1e-3)[0]
    if not len(first):
        return None
    second = second[first]
    mirrored = 2 * scan.axis - np.arange(scan.values.shape[1])
    inside = (mirrored >= 0) & (mirrored <= scan.values.shape[1] - 1)
    here, there = scan.values[first][:, inside], scan.values[second]
    places = mirrored[inside]
    left = np.minimum(np.floor(places).astype(int), scan.values.shape[1] - 2)
    part = places - left
    there = there[:, left] * (1 - part) + there[:, left + 1] * part
    return float(np.sqrt(np.mean((here - there) ** 2) / np.mean(here**2)))
