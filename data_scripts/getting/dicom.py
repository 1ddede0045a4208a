"""DICOM series: files sorted by what they say, not by their names, into volumes ordered along the body.

Heads are read first, without pixels, and of them only the tags below: nothing that names a patient is kept or shown.
Pixels are decoded a file at a time, those of compressed files by what pydicom finds installed.
"""

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from getting.kinds import Damaged
from getting.nifti import EXTRA
from getting.volumes import AIR, MOST_SIDE, Rescale, Volume, check
from learnit_core.errors import LearnitError
from learnit_core.names import shown

MOST_BYTES = 1 << 28
"""Of one file."""

CONVERT = "dcm2niix makes a .nii.gz of it, which is read, too"

_TAGS = [
    *("Modality", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID", "SeriesNumber"),
    *("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "NumberOfFrames"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "PixelRepresentation"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit"),
]
_INFLATED = "1.2.840.10008.1.2.1.99"  # a whole file deflated, which pydicom inflates at once, however large it becomes
_CLOSE = 1e-3  # mm


class Slice(NamedTuple):
    """The head of one file."""

    name: str
    file: Path
    about: Any
    """pydicom's dataset, without pixels."""
    series: tuple
    """What all slices of a volume share: series, size, orientation."""
    place: float
    """Along the normal [mm]."""


def is_one(path: Path) -> bool:
    """Whether a file is DICOM by its content, whatever its name."""
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def volume(files: Mapping[str, Path], folder: str, rescale: Rescale) -> tuple[Volume, list[str]]:
    """The largest series of CT among the files of a folder, and sentences on what was left out.

    Raises LearnitError if there is none, or if it cannot be used.
    """
    by_series: dict[tuple, list[Slice]] = defaultdict(list)
    left: dict[str, str] = {}
    for name, file in files.items():
        try:
            found = _head(file, name)
            by_series[found.series].append(found)
        except LearnitError as error:
            left[name] = str(error)
    if not by_series:
        raise LearnitError(next(iter(left.values())))
    order = sorted(by_series.values(), key=lambda slices: (-(_text(slices[0], "Modality") == "CT"), -len(slices)))
    chosen, told = order[0], []
    for slices in order[1:]:
        modality, (rows, columns) = _text(slices[0], "Modality") or "no", slices[0].series[1:3]
        told.append(
            f"Left out of {shown(folder)}: another series, {len(slices)} of {modality} modality, {rows} x {columns}"
            f", from {shown(slices[0].name)} on."
        )
    if left:
        first = next(iter(left.values()))
        told.append(f"Left out of {shown(folder)}: {len(left)} DICOM files without a slice; the first: {first}.")
    return _volume(chosen, folder, rescale), told


def _head(file: Path, name: str) -> Slice:
    pydicom = _pydicom(name)
    try:
        if file.stat().st_size > MOST_BYTES:
            raise LearnitError(f"{shown(name)} has more than {MOST_BYTES:,} bytes: {CONVERT}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd values; those that matter are checked here
            if pydicom.filereader.read_file_meta_info(file).get("TransferSyntaxUID") == _INFLATED:
                raise LearnitError(f"{shown(name)} is deflated as a whole: {CONVERT}")
            about = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS)
            if not about.get("Rows") or not about.get("Columns"):
                raise LearnitError(f"{shown(name)} holds no picture: expected slices of CT")
            if int(about.get("NumberOfFrames") or 1) > 1:
                raise LearnitError(f"{shown(name)} has several frames in one file: {CONVERT}")
            if not about.get("ImagePositionPatient") or not about.get("ImageOrientationPatient"):
                raise LearnitError(f"{shown(name)} does not say where it lies in the body: expected slices of CT")
            orientation = np.array(about.ImageOrientationPatient, float).reshape(2, 3)
            normal, position = np.cross(*orientation), np.array(about.ImagePositionPatient, float).reshape(3)
            place, length = float(normal @ position), float(np.linalg.norm(normal))
            series = (str(about.get("SeriesInstanceUID")), int(about.Rows), int(about.Columns))
    except LearnitError:
        raise
    except Exception as error:  # a damaged head can make it raise almost anything
        raise LearnitError(f"{shown(name)} cannot be read as DICOM: {shown(error)}") from None
    if not (np.isfinite(place) and abs(length - 1) < 0.01):
        raise LearnitError(f"{shown(name)} says of its place what cannot be: {CONVERT}")
    return Slice(name, file, about, (*series, tuple(orientation.round(3).ravel().tolist())), place)


def _volume(slices: Sequence[Slice], folder: str, rescale: Rescale) -> Volume:
    for one in slices:
        _check(one, rescale)
    by_uid = {_text(one, "SOPInstanceUID") or one.name: one for one in slices[::-1]}  # of the same one twice the first
    ordered, told = sorted(by_uid.values(), key=lambda one: one.place), []
    if len(slices) > len(ordered):
        told.append(f"{shown(folder)} has {len(slices) - len(ordered)} slices twice, which count once.")
    first = ordered[0]
    check(f"the series in {folder}", (len(ordered), *first.series[1:3]))
    places = np.array([one.place for one in ordered])
    steps = np.diff(places)
    if steps.min() < _CLOSE:
        where = int(steps.argmin())
        raise LearnitError(
            f"{shown(folder)} has several slices at one place, {shown(ordered[where].name)} and "
            f"{shown(ordered[where + 1].name)} ({places[where]:.1f} mm), as series of several times have: expected "
            "a folder for each time"
        )
    distance = float(np.median(steps))
    if gaps := int((steps > 1.5 * distance).sum()):
        told.append(
            f"{shown(folder)} has {gaps} gaps, the largest {steps.max():.1f} mm where {distance:.1f} mm are usual: "
            "slices are missing, which does no harm to the others."
        )
    if rescale is not None and "RescaleSlope" in first.about:
        told.append(f"{shown(folder)} says itself how its numbers become Hounsfield units: --rescale is not used.")
    height, width = (float(mm) for mm in first.about.get("PixelSpacing") or (1, 1))
    body = _text(first, "PatientID") or _text(first, "StudyInstanceUID") or None
    read = partial(_read, ordered, rescale)
    return Volume(folder, body, [one.name for one in ordered], read, (height, width), distance, told)


def _check(one: Slice, rescale: Rescale) -> None:
    """Raise LearnitError unless its numbers are grey, of CT, with a way to Hounsfield units."""
    try:
        _check_head(one, rescale)
    except LearnitError:
        raise
    except Exception as error:  # pydicom reads values when they are asked for, and damaged ones raise almost anything
        raise LearnitError(f"{shown(one.name)} cannot be read as DICOM: {shown(error)}") from None


def _check_head(one: Slice, rescale: Rescale) -> None:
    about, name = one.about, shown(one.name)
    modality, photometric = _text(one, "Modality"), _text(one, "PhotometricInterpretation")
    if modality != "CT":
        raise LearnitError(
            f"{name} has the modality {modality or 'none'}: expected CT, the others have no Hounsfield units"
        )
    if photometric != "MONOCHROME2" or about.get("SamplesPerPixel", 1) != 1:
        raise LearnitError(
            f"{name} is {photometric or 'of no known colour'}: expected MONOCHROME2, grey with white for the largest; "
            f"export the original series, or {CONVERT}"
        )
    if about.get("BitsAllocated") not in (8, 16, 32) or max(one.series[1:3]) > MOST_SIDE:
        raise LearnitError(
            f"{name} is said to be {one.series[1]} x {one.series[2]} with {about.get('BitsAllocated')} bits: expected "
            f"sides up to {MOST_SIDE} and 8, 16 or 32 bits"
        )
    spacing = about.get("PixelSpacing")
    if spacing is not None and not (len(sides := _floats(spacing)) == 2 and all(0 < mm < 100 for mm in sides)):
        raise LearnitError(f"{name} has pixels of {shown(spacing)} mm: expected two numbers above 0")
    _to_hounsfield(one, rescale)
    syntax = about.file_meta.get("TransferSyntaxUID")
    if syntax is not None and syntax.is_compressed:
        _check_decoder(syntax, name)


def _to_hounsfield(one: Slice, rescale: Rescale) -> tuple[float, float]:
    slope, intercept = one.about.get("RescaleSlope"), one.about.get("RescaleIntercept")
    if slope is None or intercept is None:
        if rescale is None:
            raise LearnitError(
                f"{shown(one.name)} has no RescaleSlope and RescaleIntercept, so that its numbers have no unit: "
                "say --rescale SLOPE INTERCEPT, which makes Hounsfield units of them, such as 1 -1024"
            )
        return rescale
    kind = _text(one, "RescaleType")
    numbers = _floats(slope), _floats(intercept)
    if kind not in ("", "HU", "US", "HU_MOD") or [len(found) for found in numbers] != [1, 1] or not numbers[0][0]:
        raise LearnitError(
            f"{shown(one.name)} is rescaled by {shown(slope)} and {shown(intercept)} to "
            f"{shown(kind) or 'no unit'}: expected Hounsfield units (HU)"
        )
    return numbers[0][0], numbers[1][0]


def _floats(value: Any) -> list[float]:
    """The finite numbers of an element, of which a file may hold none, one or several, or text; none if any is not."""
    try:
        found = np.atleast_1d(np.array(value, float))
    except (TypeError, ValueError, OverflowError):
        return []
    return found.ravel().tolist() if np.isfinite(found).all() else []


def _check_decoder(syntax: Any, name: str) -> None:
    from pydicom.pixels import get_decoder

    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise LearnitError(
            f"{name} is compressed ({syntax.name}), for which pydicom finds no plug-in: pip install pylibjpeg "
            "pylibjpeg-libjpeg pylibjpeg-openjpeg, or unpack the series with gdcmconv --raw"
        )


def _read(ordered: Sequence[Slice], rescale: Rescale, k: int) -> np.ndarray:
    one = ordered[k]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _pydicom(one.name).dcmread(one.file)
            values = np.asarray(found.pixel_array)
    except Exception as error:  # a damaged file can make a decoder raise almost anything
        raise Damaged(one.file, f"{shown(one.name)} is damaged or cut short: {shown(error)}") from None
    if values.shape != one.series[1:3]:
        raise Damaged(one.file, f"{shown(one.name)} holds {list(values.shape)} pixels, and says {one.series[1:3]}")
    slope, intercept = _to_hounsfield(one, rescale)
    in_units = values.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    return np.where(_padding(one, values), np.float32(AIR), in_units)


def _padding(one: Slice, values: np.ndarray) -> np.ndarray | bool:
    """Where nothing was measured."""
    value, limit = one.about.get("PixelPaddingValue"), one.about.get("PixelPaddingRangeLimit")
    if not isinstance(value, int):
        return False
    low, high = sorted((value, limit if isinstance(limit, int) else value))
    return (values >= low) & (values <= high)


def _text(one: Slice, tag: str) -> str:
    return shown(one.about.get(tag) or "").strip()


def _pydicom(name: str) -> Any:
    try:
        import pydicom

        return pydicom
    except ImportError:
        raise LearnitError(f"reading {shown(name)} needs the package pydicom: {EXTRA}") from None
