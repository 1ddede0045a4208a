#!/usr/bin/env python3
"""Phototourism: photographs of one place with their cameras, for notebook 04; or photographs of your own."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

try:
    from getting import archives, commandline, manifest, photographs
    from getting.manifest import DataSet
    from getting.mirrors import Obtained
except ImportError as error:
    sys.exit(
        f"phototourism: {error}. Run it with the project's own Python: .venv/bin/python data_scripts/phototourism.py"
    )

from learnit_core.errors import LearnitError
from learnit_core.signals import files as ways_in

EPILOG = """examples:
  # See what would happen: sources, licence, room on the disk.
  python data_scripts/phototourism.py trevi --dry-run

  # The paper's fountain, 256 pixels on the longer side. Several gigabytes are downloaded.
  python data_scripts/phototourism.py trevi

  # You have the archive, or a folder with a COLMAP model (binary or text) beside its images.
  python data_scripts/phototourism.py my-square --from ~/my-square

  # You have photographs only: pycolmap finds the cameras first. A hundred photographs take minutes, a thousand hours.
  python data_scripts/phototourism.py my-square --from ~/photographs --reconstruct

then:
  LEARNIT_DATA=data/phototourism-trevi make demo NOTEBOOK=04_phototourism

Photographs are freed of lens distortion and scaled so that the longer side has --size pixels. Near and far of each are
taken from the depths of the points that it sees. The splits are the authors': in the order of their names the first 20
are for testing, the next 5 for validation, the others for training (fewer where there are fewer than 100). NeRF-W's
lists of usable photographs come with the three places; --list names one of your own.

Nobody has run the downloads with this script yet; `--from` is the way when one fails."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = commandline.parser(__doc__, EPILOG, size=256)
    parser.add_argument("place", help="trevi, sacre-coeur, brandenburg, or with --from a name of your choice")
    commandline.downloads(parser)
    parser.add_argument(
        "--list", type=commandline.to_path, metavar="FILE", help="use only the photographs that this file names"
    )
    parser.add_argument("--reconstruct", action="store_true", help="--from is photographs only: find their cameras")
    parser.add_argument("--leave-out", action="store_true", help="leave out what cannot be used, instead of stopping")
    options = parser.parse_args(arguments)
    known, key = manifest.read(options.manifest), f"phototourism-{options.place}"
    if key not in known and options.path is None:
        places = ", ".join(name.removeprefix("phototourism-") for name in known if name.startswith("phototourism-"))
        raise LearnitError(f"unknown place {options.place!r}: expected one of {places}, or your own with --from")
    if options.reconstruct and options.path is None:
        raise LearnitError("--reconstruct makes cameras for photographs of your own: expected --from with their folder")
    if options.path is not None and not options.dry_run:
        photographs.pycolmap()
    own = DataSet(key, f"Photographs from {options.place}", "whatever holds for these photographs", False)
    data = known.get(key, own)
    decide = {name: getattr(options, name) for name in ("reconstruct", "leave_out")}
    decide |= {"list": str(options.list.resolve()) if options.list else None}
    commandline.prepare(options, data, partial(make, options), options=decide)


def make(options, obtained: Obtained, folder: Path) -> dict[str, Any]:
    """Write the collection of whatever was obtained."""
    source = obtained.paths[0]
    with archives.opened(source) as files:
        names = files.names()
        model = photographs.reconstruct(source) if options.reconstruct else photographs.read_model(files, names)
        pictures = [n for n in ways_in.only_pictures(names) if "/stereo/" not in f"/{n}"]
        only = used(options, obtained, {image.name for image in model.images.values()})
        made, points, left_out = photographs.read(
            files, pictures, model, side=options.size, only=only, leave_out=options.leave_out
        )
    about = photographs.write(folder, made, points, left_out, side=options.size)
    note = "Split by name, the first for testing, the next for validation: every photograph is somebody's own."
    return about | {"note": note}


def used(options, obtained: Obtained, names: set[str]) -> set[str]:
    """Names of the photographs to use: those of the list, if there is one, and a sample of them with --limit."""
    lists = [options.list] if options.list else [p for p in obtained.paths[1:] if p.suffix == ".tsv"]
    for file in lists:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise LearnitError(f"the list {file} cannot be read ({error.strerror})") from None
        listed = photographs.usable(content)
        if not listed & names:
            raise LearnitError(
                f"none of the {len(listed)} photographs in {file.name} is in the model: another place's list?"
            )
        names = listed & names
    return set(sorted(names)[: options.limit])


if __name__ == "__main__":
    sys.exit(commandline.run(main))
