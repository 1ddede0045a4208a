#!/usr/bin/env python3
"""Imagenette for the image notebook: photographs of ten kinds of things, cropped to their centre."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from getting import archives, commandline, manifest, pictures
from getting.mirrors import Obtained
from learnit_core.errors import LearnitError
from learnit_core.signals import files as ways_in

EPILOG = """examples:
  # See what would happen: sources, licence, room on the disk.
  python data_scripts/imagenette.py --dry-run

  # All 13,394 pictures at the paper's 178 x 178 (a download of 342 MB, 1.3 GB when they are made).
  python data_scripts/imagenette.py

  # You have the archive, or the folder that it unpacks to.
  python data_scripts/imagenette.py --from ~/Downloads/imagenette2-320.tgz

then:
  LEARNIT_DATA=data/imagenette make demo

No account is needed. Interrupt it whenever you like and run the same command again: the download goes on where it
stopped. The archive is read as it is and never unpacked, and it is removed when the set is made (--keep-downloads)."""

VALIDATION = 500
"""Taken from the official training pictures, because the official `val` is our test."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = commandline.parser(__doc__, EPILOG, size=178)
    commandline.downloads(parser)
    options = parser.parse_args(arguments)
    commandline.prepare(options, manifest.find(options.manifest, "imagenette"), partial(make, options))


def make(options, obtained: Obtained, folder: Path) -> dict[str, Any]:
    """Write the pictures of the archive or folder."""
    with archives.opened(obtained.paths[0]) as files:
        splits = split(ways_in.only_pictures(files.names()), options.seed)
        note = (
            f"Test is the official val; {len(splits['validation'])} of the official training pictures, drawn by "
            "chance, are validation; whether two pictures show the same thing or place is not known."
        )
        chosen = pictures.sample(splits, options.limit, options.seed)
        return pictures.write(folder, files, chosen, size=options.size) | {"note": note}


def split(names: Sequence[str], seed: int) -> dict[str, list[str]]:
    """Names by split: the folder `train` or `val` that a picture's class stands in decides."""
    official: dict[str, list[str]] = {"train": [], "val": []}
    for name in names:
        parts = PurePosixPath(name).parts
        if len(parts) >= 3 and parts[-3] in official:
            official[parts[-3]].append(name)
    if len(official["train"]) < 2 or not official["val"]:
        raise LearnitError(
            f"there are {len(official['train'])} pictures in train/ and {len(official['val'])} in val/; expected "
            "Imagenette's layout, with some in both"
        )
    count = min(VALIDATION, max(1, len(official["train"]) // 10))
    validation, train = pictures.held_out(official["train"], count, seed)
    return {"train": train, "validation": validation, "test": official["val"]}


if __name__ == "__main__":
    sys.exit(commandline.run(main))
