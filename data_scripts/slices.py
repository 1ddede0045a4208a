#!/usr/bin/env python3
"""Slices for the CT notebook from volumes as scanners give them: DICOM, NIfTI, TIFF with many pages, numpy."""

import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from getting import commandline, output, stack, volumes
from getting.manifest import DataSet
from getting.mirrors import Obtained
from learnit_core.errors import LearnitError
from learnit_core.names import shown

EPILOG = """examples:
  # A folder as it came from the scanner or archive, with the folders in it.
  python data_scripts/slices.py ~/scans/chest

  # One NIfTI file in a window for soft tissue, at 128 x 128.
  python data_scripts/slices.py liver.nii.gz --window 40 400 --size 128

  # Numbers of 12 bits, as some software saves them: what they are times 1, minus 1024, is in Hounsfield units.
  python data_scripts/slices.py scan.tif --rescale 1 -1024

then:
  LEARNIT_DATA=data/slices-chest make demo NOTEBOOK=02

DICOM is known by its content, whatever the files are called; of several series in a folder the largest of CT is taken,
ordered by place. An array is [slices, rows, columns], row 0 at the top. The window is in Hounsfield units: air is
-1000, water 0. The default shows -1000 as black and 1000 as white: absorption is proportional to that, so that
projections of such slices are what a scanner would measure; of another window they are not. What is not square is
padded with air.

With three bodies or more (patients; files, where nothing names a patient) whole bodies are for training, validation or
test. Of one or two, contiguous blocks are, 10 mm apart: neighbouring slices look alike. Your files are only read; what
DICOM says of a patient is not kept, but names of files are. DICOM and NIfTI need the extra `ct`, which `make` installs.

A sinogram that was measured is no volume: save it with np.savez(file, sinogram=..., angles=..., unit='degrees') and
name it in LEARNIT_TEST_DATA, for the same notebook."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = commandline.parser(__doc__, EPILOG, size=256)
    parser.add_argument("path", type=commandline.to_path, help="a file, or a folder with files and folders")
    numbers = {"type": float, "nargs": 2}
    parser.add_argument(
        "--window", **numbers, default=[0.0, 2000.0], metavar=("CENTRE", "WIDTH"),
        help="what is shown from black to white, in Hounsfield units (default: 0 2000)",
    )  # fmt: skip
    parser.add_argument(
        "--rescale", **numbers, metavar=("SLOPE", "INTERCEPT"),
        help="makes Hounsfield units of numbers in files that do not say how: number x SLOPE + INTERCEPT",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    if not (np.isfinite(options.window).all() and options.window[1] > 0):
        raise LearnitError(f"--window is {options.window}; expected a centre and a width above 0, in Hounsfield units")
    if options.rescale is not None and not (np.isfinite(options.rescale).all() and options.rescale[0] != 0):
        raise LearnitError(f"--rescale is {options.rescale}; expected a slope other than 0 and an intercept")
    stem = options.path.resolve().name.split(".")[0].lower()
    name = re.sub(r"[\W_]+", "-", stem).strip("-") or "volumes"
    title = f"Slices from {shown(options.path.resolve().name)}"
    data = DataSet(f"slices-{name}", title, licence="whatever holds for these volumes", accept_terms=False)
    chosen = {"window": options.window, "rescale": options.rescale}
    commandline.prepare(options, data, partial(make, options), options=chosen)


def make(options, obtained: Obtained, folder: Path) -> dict[str, Any]:
    """Write the slices of the volumes."""
    rescale = None if options.rescale is None else tuple(options.rescale)
    found, told = volumes.find(obtained.paths[0], rescale)
    for line in told:
        output.say(line)
    settings = {"size": options.size, "window": tuple(options.window), "seed": options.seed, "limit": options.limit}
    return stack.write(folder, found, **settings) | {"use": "make demo NOTEBOOK=02"}


if __name__ == "__main__":
    sys.exit(commandline.run(main))
