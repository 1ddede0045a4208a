#!/usr/bin/env python3
"""Which data sets there are, which of them are here, and whether a prepared one is whole."""

import argparse
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from getting import commandline, manifest
from learnit_core.errors import LearnitError
from learnit_core.signals import prepared

EPILOG = """examples:
  # Every set, its command, its size, its licence, and where it comes from.
  python data_scripts/prepare.py --list

  # Read a prepared set from end to end and compare it with its sums, for example after copying it.
  python data_scripts/prepare.py --check data/celeba

The sets are made by celeba.py, imagenette.py, shapenet.py, phototourism.py, slices.py and folder.py; each
explains itself with --help."""

SCRIPTS = {"celeba": "celeba.py", "imagenette": "imagenette.py"}
FAMILIES = {"shapenet": "shapenet.py", "phototourism": "phototourism.py"}
"""Scripts that make several sets: the name of a set begins with theirs, and the rest says which."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="the sets that can be prepared, and those in data/ (default)")
    what.add_argument(
        "--check", type=commandline.to_path, metavar="FOLDER", help="compare a prepared set with its sums"
    )
    parser.add_argument(
        "--manifest", type=commandline.to_path, default=manifest.DEFAULT, metavar="FILE", help="another list of sources"
    )
    options = parser.parse_args(arguments)
    if options.check is not None:
        return check(options.check)
    for data in manifest.read(options.manifest).values():
        print(f"{data.title}")
        family, _, which = data.key.partition("-")
        script = SCRIPTS.get(data.key) or f"{FAMILIES[family]} {which}"
        print(f"  command    python data_scripts/{script}{' --accept-terms' if data.accept_terms else ''}")
        print(f"  download   {data.download}")
        print(f"  licence    {data.licence}")
        for source in data.sources:
            login = ", needs an account" if source.login else ""
            print(f"  source     {source.name}{login}, last verified: {source.last_verified}")
        print()
    print("Pictures of your own\n  command    python data_scripts/folder.py FOLDER\n")
    print("Volumes of CT, your own\n  command    python data_scripts/slices.py PATH\n")
    print("Photographs of one place, your own\n  command    python data_scripts/phototourism.py NAME --from FOLDER\n")
    made = sorted(folder for folder in Path("data").glob("*") if prepared.is_prepared(folder))
    print(f"In data/: {', '.join(folder.name for folder in made) or 'nothing yet'}")


def check(folder: Path) -> None:
    """Raise ``LearnitError`` if an array of the prepared set is missing, or not what was written."""
    about = prepared.describe(folder)
    for file, expected in _arrays(folder, about):
        found = 0
        try:
            with open(file, "rb") as opened:
                opened.seek(_header(file))
                while piece := opened.read(1 << 20):
                    found = zlib.crc32(piece, found)
        except (OSError, ValueError) as error:
            raise LearnitError(f"{file} is missing or damaged ({error}): prepare the set again") from None
        if f"{found:08x}" != expected:
            raise LearnitError(f"{file} has the sum {found:08x}; expected {expected}: prepare the set again")
        print(f"{file}: as it was written")


def _arrays(folder: Path, about: dict) -> Iterator[tuple[Path, str]]:
    for split in prepared.SPLITS:
        sums = about["splits"][split]["crc32"]
        if isinstance(sums, str):
            yield folder / f"{split}.npy", sums
        else:
            yield from ((folder / split / f"{name}.npy", value) for name, value in sums.items())


def _header(file: Path) -> int:
    """How many bytes stand before the numbers."""
    import numpy as np

    return int(np.load(file, mmap_mode="r", allow_pickle=False).offset)


if __name__ == "__main__":
    sys.exit(commandline.run(main))
