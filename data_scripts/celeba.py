#!/usr/bin/env python3
"""CelebA for the image notebook: the aligned faces, cropped to their centre as in the paper."""

import csv
import io
import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from getting import archives, commandline, manifest, pictures
from getting.archives import Files
from getting.mirrors import Obtained
from getting.shards import Shards
from learnit_core.errors import LearnitError
from learnit_core.signals import files as ways_in
from learnit_core.signals.prepared import SPLITS

EPILOG = """examples:
  # See what would happen: sources, licence, room on the disk.
  python data_scripts/celeba.py --dry-run

  # A sample of 2,000 faces of 64 x 64, enough for the profiles quick and standard (25 MB when it is made).
  python data_scripts/celeba.py --accept-terms --limit 2000 --size 64

  # All 202,599 faces at the paper's 178 x 178 (19 GB when they are made).
  python data_scripts/celeba.py --accept-terms

  # You have img_align_celeba.zip, or a folder with its pictures. With list_eval_partition.txt (or .csv) in it or
  # beside it the splits are the official ones. A folder of parquet shards will do, too.
  python data_scripts/celeba.py --from ~/Downloads/img_align_celeba.zip

then:
  LEARNIT_DATA=data/celeba make demo

Most sources need further packages, which `make` installs (or pip install -e '.[mirrors]'). Interrupt it whenever you
like and run the same command again: downloads go on where they stopped. Do not pass on the pictures or what you make
of them."""

PARTITION = re.compile(r"list_eval_partition\.(txt|csv)$")
COUNTS = {"train": 162_770, "validation": 19_867, "test": 19_962}
OFFICIAL = "The official splits: no person is in two of them."
DEALT = "Dealt out by chance, for want of the official list: a person may be in two splits."


def main(arguments: Sequence[str] | None = None) -> None:
    parser = commandline.parser(__doc__, EPILOG, size=178)
    commandline.downloads(parser)
    options = parser.parse_args(arguments)
    commandline.prepare(options, manifest.find(options.manifest, "celeba"), partial(make, options))


def make(options, obtained: Obtained, folder: Path) -> dict[str, Any]:
    """Write the pictures of whatever was obtained."""
    paths = shards(obtained.paths)
    with ExitStack() as held:
        if paths:
            files: Files = Shards(paths)
            names = faces = files.names()
        else:
            files = held.enter_context(archives.opened(obtained.paths[0]))
            names = files.names()
            faces = ways_in.only_pictures(names)
        listed = {} if paths else partition(files, names, obtained.paths)  # rows of a shard have no file names
        splits, note = split(faces, listed, options.seed)
        official = COUNTS if paths and note == OFFICIAL else None  # for a sample some of the shards are there
        chosen = pictures.sample(splits, options.limit, options.seed, official=official)
        return pictures.write(folder, files, chosen, size=options.size) | {"note": note}


def shards(paths: Sequence[Path]) -> list[Path]:
    """The parquet files among what was obtained, or in the folder that was; none if the set is in another form."""
    if paths[0].is_dir() and not ways_in.only_pictures(ways_in.files_in(paths[0])):
        paths = sorted(paths[0].rglob("*.parquet"))
    return [path for path in paths if path.suffix == ".parquet"]


def partition(files: Files, names: Sequence[str], paths: Sequence[Path]) -> dict[str, str]:
    """The official split by file name, if a list of them is among the files or beside them; else nothing."""
    inside = [name for name in names if PARTITION.search(name)]
    beside = [
        path for path in [*paths[1:], *sorted(paths[0].absolute().parent.iterdir())] if PARTITION.search(path.name)
    ]
    if inside:
        content = next(files.read([inside[0]]))[1]
    elif beside and beside[0].is_file():
        content = beside[0].read_bytes()
    else:
        return {}
    rows = csv.reader(io.StringIO(content.decode().replace(" ", ",")))
    return {row[0]: SPLITS[int(row[-1])] for row in rows if row and row[-1] in ("0", "1", "2")}


def split(faces: Sequence[str], official: dict[str, str], seed: int) -> tuple[dict[str, list[str]], str]:
    """Names by split, and a sentence on where the splits come from."""
    splits: dict[str, list[str]] = {name: [] for name in SPLITS}
    if official:
        unlisted = [name for name in faces if PurePosixPath(name).name not in official]
        if unlisted:
            raise LearnitError(f"{len(unlisted)} pictures, such as {unlisted[0]}, are not in the list of splits")
        for name in faces:
            splits[official[PurePosixPath(name).name]].append(name)
        return splits, OFFICIAL
    beginnings = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}
    found = [beginnings.get(name.split("-")[0]) for name in faces]
    if set(found) == set(SPLITS):  # parquet shards: train-00000-of-00019/0000012
        for name, its_split in zip(faces, found, strict=True):
            splits[its_split].append(name)
        return splits, OFFICIAL
    return pictures.deal(faces, seed), DEALT


if __name__ == "__main__":
    sys.exit(commandline.run(main))
