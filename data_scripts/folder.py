#!/usr/bin/env python3
"""Your own pictures for the image notebook: a folder of them, an archive, or a folder of folders."""

import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from getting import archives, commandline, pictures
from getting.manifest import DataSet
from getting.mirrors import Obtained
from learnit_core.errors import LearnitError
from learnit_core.names import shown
from learnit_core.signals import files as ways_in

EPILOG = """examples:
  # The pictures in ~/photographs and the folders in it, at 178 x 178.
  python data_scripts/folder.py ~/photographs

  # A quick look: 500 of them at 64 x 64, into a folder of your choice.
  python data_scripts/folder.py ~/photographs --limit 500 --size 64 --to data/a-look

then:
  LEARNIT_DATA=data/folder-photographs make demo

You may also name a folder of pictures in LEARNIT_DATA directly. Prepare it where that takes long or does not fit into
memory: from a prepared set each chunk of training reads what it needs, and nothing else is loaded.

JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF and (extra "heic") HEIC are taken, upright, over white where they are
transparent, cropped to the largest centred square. What cannot be read is skipped and counted by reason, of exact
copies only the first is kept. A tenth each is kept for validation and test. Your files are only read. Files of 16 bits
are scaled by their whole range, unless they (TIFF), or you with --largest, say what is white in them."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = commandline.parser(__doc__, EPILOG, size=178)
    parser.add_argument("path", type=commandline.to_path, help="the folder, or a .zip, .tar, .tgz of one")
    parser.add_argument(
        "--largest", type=int, metavar="N", help="white in files of 16 bits, such as 4095 of 12 bits (default: 65535)"
    )
    options = parser.parse_args(arguments)
    if options.largest is not None and not 255 < options.largest < 65536:
        raise LearnitError(f"--largest is {options.largest}; expected 256 to 65535, the number that is white")
    name = re.sub(r"[\W_]+", "-", options.path.resolve().name.split(".")[0].lower()).strip("-") or "pictures"
    count = 0
    if options.dry_run and options.path.exists():
        with archives.opened(options.path) as files:
            count = len(ways_in.only_pictures(files.names()))
    about = {"licence": "whatever holds for these pictures", "accept_terms": False, "pictures": count}
    data = DataSet(f"folder-{name}", f"Pictures from {shown(options.path.resolve().name)}", **about)
    decide = {"largest": options.largest} if options.largest else {}
    commandline.prepare(options, data, partial(make, options), options=decide)


def make(options, obtained: Obtained, folder: Path) -> dict[str, Any]:
    """Write the pictures of the folder or archive."""
    with archives.opened(obtained.paths[0]) as files:
        splits = pictures.deal(ways_in.only_pictures(files.names()), options.seed)
        note = "Dealt out by chance; whether two pictures show the same person, thing or place is not known."
        chosen = pictures.sample(splits, options.limit, options.seed)
        label = obtained.paths[0].name
        about = pictures.write(folder, files, chosen, size=options.size, label=label, largest=options.largest)
    return about | {"note": note}


if __name__ == "__main__":
    sys.exit(commandline.run(main))
