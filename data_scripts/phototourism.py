#!/usr/bin/env python3
"""Phototourism: photographs of one place with their cameras, for notebook 04; or photographs of your own."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

try:
    from getting import archives, commandline, lenses, manifest, photographs, places
    from getting.manifest import DataSet
    from getting.mirrors import Obtained
except ImportError as error:
    sys.exit(
        f"phototourism: {error}. Run it with the project's own Python: .venv/bin/python data_scripts/phototourism.py"
    )

from learnit_core.errors import LearnitError

EPILOG = """examples:
  # See what would happen: sources, licence, room on the disk.
  python data_scripts/phototourism.py trevi --dry-run

  # The paper's fountain, 256 pixels on the longer side. Several gigabytes are downloaded.
  python data_scripts/phototourism.py trevi

  # You have the archive, a folder with a COLMAP model (binary or text) beside its images, or one with a
  # transforms.json (nerfstudio, instant-ngp). Of several models the largest is taken.
  python data_scripts/phototourism.py my-square --from ~/my-square

  # You have photographs only: pycolmap finds the cameras first. A hundred photographs take minutes, a thousand hours.
  python data_scripts/phototourism.py my-square --from ~/photographs --reconstruct

then:
  LEARNIT_DATA=data/phototourism-trevi make demo NOTEBOOK=04_phototourism

Photographs are freed of lens distortion and scaled so that the longer side has --size pixels. Near and far of each are
taken from the depths of the points that it sees, or, without points, from what the cameras look at; --near and --far
give others, in the units of the cameras. The splits are the authors': in the order of their names the first 20
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
    parser.add_argument("--near", type=float, help="nearest depth, for all photographs (default: from the points)")
    parser.add_argument("--far", type=float, help="farthest depth (default: as --near)")
    options = parser.parse_args(arguments)
    bounds(options)
    known, key = manifest.read(options.manifest), f"phototourism-{options.place}"
    if key not in known and options.path is None:
        places = ", ".join(name.removeprefix("phototourism-") for name in known if name.startswith("phototourism-"))
        raise LearnitError(f"unknown place {options.place!r}: expected one of {places}, or your own with --from")
    if options.reconstruct and options.path is None:
        raise LearnitError("--reconstruct makes cameras for photographs of your own: expected --from with their folder")
    if options.reconstruct and not options.dry_run:
        lenses.pycolmap()
    own = DataSet(key, f"Photographs from {options.place}", "whatever holds for these photographs", False)
    data = known.get(key, own)
    decide = {name: getattr(options, name) for name in ("reconstruct", "leave_out")}
    decide |= {"list": str(options.list.resolve()) if options.list else None}
    decide |= {"near": options.near, "far": options.far} if options.near is not None else {}
    commandline.prepare(options, data, partial(make, options), options=decide)


def make(options, obtained: Obtained, folder: Path) -> dict[str, Any]:
    """Write the collection of whatever was obtained."""
    source = obtained.paths[0]
    with archives.opened(source) as files:
        names = [name for name in files.names() if "/stereo/" not in f"/{name}"]  # depths, as large as all the rest
        place = places.of_model(places.reconstruct(source), names) if options.reconstruct else places.find(files, names)
        only = used(options, obtained, {taken.name for taken in place.taken})
        made, left_out = photographs.read(files, place, side=options.size, only=only, leave_out=options.leave_out)
    about = photographs.write(
        folder, made, place.points, left_out, side=options.size, near_far=bounds(options) or place.near_far
    )
    note = "Split by name, the first for testing, the next for validation: every photograph is somebody's own."
    return about | {"note": note}


def bounds(options) -> tuple[float, float] | None:
    """Near and far that were given, if they were. Raises ``LearnitError`` if they make no depths."""
    near, far = options.near, options.far
    if near is None and far is None:
        return None
    if near is None or far is None or not 0 < near < far < 1e9:
        raise LearnitError(f"near is {near} and far is {far}: expected both, near smaller and above 0, or neither")
    return near, far


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
