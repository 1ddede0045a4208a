#!/usr/bin/env python3
"""ShapeNet renderings for view synthesis: chairs, cars or lamps, from any of three layouts into one."""

import math
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from getting import archives, commandline, lenses, manifest, pictures, scenes
from getting.mirrors import Obtained
from learnit_core.errors import LearnitError
from learnit_core.signals import layouts

CLASSES = ("chairs", "cars", "lamps")
EPILOG = """examples:
  # See what would happen: sources, licence, room on the disk.
  python data_scripts/shapenet.py chairs --dry-run

  # 200 chairs from whichever source answers first.
  python data_scripts/shapenet.py chairs --accept-terms --limit 200

  # You have a folder or archive of objects, each with a transforms.json (as the authors, Blender, instant-ngp and
  # nerfstudio write it), or in the layout of SRN (pose/, rgb/) or of ENR (render_params.json). Which one is seen.
  python data_scripts/shapenet.py cars --from ~/Downloads/srn_cars.zip

  # ENR records azimuth and elevation only: you say the focal length, in widths of a picture, and the distance of the
  # cameras; the two cannot be checked, as they scale the scene. Whether the angles turn the way this script takes them
  # to is checked with visual hulls: if you are warned, try --mirrored. Without --near and --far the objects are taken
  # to fit into a unit cube.
  python data_scripts/shapenet.py chairs --source enr --focal F --radius R --accept-terms

What comes out has one form, whatever the layout: pictures over white, intrinsics in pixels, poses with the axes of
OpenGL, near and far (the layout's, or taken from the cameras, or --near and --far). Each object has a given number of
views, of which the paper's first 25 are for fitting and the others are held out. Objects that are empty or incomplete
are named and skipped. Of pictures that are not square the middle counts; distortion is taken out by pycolmap.

Lamps have one source, the authors' drive. NMR's renderings (NMR_Dataset.zip, 33 GB, 64 x 64), which have lamps and need
no account, are in a layout that this script does not read. Give a folder with all classes to --from as it is: the class
is picked by the folders' names. Nobody has run the downloads with these scripts yet; where one fails, use --from."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = commandline.parser(__doc__, EPILOG, size=128)
    parser.add_argument("kind", choices=CLASSES, metavar="CLASS", help=f"{', '.join(CLASSES)}")
    commandline.downloads(parser)
    parser.add_argument("--focal", type=float, help="ENR only: focal length in widths of a picture")
    parser.add_argument("--radius", type=float, help="ENR only: distance of the cameras from the centre")
    parser.add_argument("--mirrored", action="store_true", help="ENR only: azimuth turns the other way")
    parser.add_argument("--near", type=float, help="nearest depth of the objects (default: the layout's or cameras')")
    parser.add_argument("--far", type=float, help="farthest depth of the objects (default: as --near)")
    options = parser.parse_args(arguments)
    data = manifest.find(options.manifest, f"shapenet-{options.kind}")
    check(options)
    if options.path is None and not options.dry_run and None in (options.focal, options.radius):
        if options.source == "enr":
            raise LearnitError(_without_camera(options))
        # Said before gigabytes are fetched that could not be read.
        data = replace(data, sources=tuple(source for source in data.sources if source.layout != "enr"))
    decide = {name: getattr(options, name) for name in ("focal", "radius", "mirrored", "near", "far")}
    commandline.prepare(options, data, partial(make, options), choose=partial(wanted, options), options=decide)


def check(options) -> None:
    """Raise ``LearnitError`` if the camera that was given is none."""
    for name in ("focal", "radius", "near", "far"):
        value = getattr(options, name)
        if value is not None and not 0 < value < math.inf:
            raise LearnitError(f"--{name} is {value}; expected more than 0")
    if (options.near is None) != (options.far is None) or (options.near is not None and options.near >= options.far):
        raise LearnitError(f"near is {options.near} and far is {options.far}: expected both, near smaller, or neither")


def make(options, obtained: Obtained, folder: Path) -> dict[str, Any]:
    """Write the objects of the folder or archive."""
    with archives.opened(obtained.paths[0]) as files:
        label = obtained.paths[0].name if obtained.source is None else ""
        layout, parts, chosen, note = select(options, files, files.names(), label)
        known = [] if options.near is None else [(options.near, options.far)]
        about = scenes.write(
            folder, files, chosen, parts, reader(layout, options), layout=layout, size=options.size,
            usual=known or [layouts.AUTHORS_BOUNDS, *layouts.SRN_BOUNDS.values()],
        )  # fmt: skip
        return about | {"layout": layout, "note": note}


def wanted(options, files: archives.Files, names: Sequence[str]) -> list[str]:
    """Of the files in a folder that holds all classes, those that a sample of this class needs."""
    _, parts, chosen, _ = select(options, files, names)
    lists = [name for name in of_class(names, options.kind) if name.endswith(scenes.LIST)]
    return lists + [name for objects in chosen.values() for one in objects for name in parts[one]]


def select(options, files: archives.Files, names: Sequence[str], label: str = ""):
    """The layout, the files of each object, the objects of each split in the sample, and where the splits are from."""
    names = of_class(names, options.kind, label)
    layout, parts = layouts.objects(names)
    splits, note = scenes.split(files, names, parts, options.seed)
    return layout, parts, pictures.sample(splits, options.limit, options.seed), note


def of_class(names: Sequence[str], kind: str, label: str = "") -> list[str]:
    """Those names that belong to a class, by the first folder or file in them that is called like one.

    Where no name tells, ``label`` does, that of the folder or archive. Raises ``LearnitError`` if there are other
    classes only.
    """
    classes = {name: _class(name) for name in names}
    found = set(classes.values()) - {None} or {_class(label)} - {None}
    if found and kind not in found:
        raise LearnitError(f"there are {' and '.join(sorted(found))} in {label or 'the folder'}; expected {kind}")
    return [name for name in names if classes[name] in (kind, None)]


def _class(name: str) -> str | None:
    found = (re.search(r"(?:^|[\W_])(chair|car|lamp)s?(?:[\W_]|$)", part.lower()) for part in name.split("/"))
    return next((f"{match[1]}s" for match in found if match), None)


def reader(layout: str, options):
    """How one object of the layout is read; bounds that were given go before the layout's own."""
    bounds = None if options.near is None else (options.near, options.far)
    if layout == "authors":
        return partial(layouts.authors, size=options.size, bounds=bounds, undistort=lenses.undistorted)
    if layout == "srn":
        return partial(layouts.srn, size=options.size, bounds=bounds or layouts.SRN_BOUNDS.get(options.kind))
    if options.focal is None or options.radius is None:
        raise LearnitError(_without_camera(options))
    # Nothing says how large the objects are: this takes them to fit into a unit cube around the centre.
    bounds = bounds or (options.radius - 0.87, options.radius + 0.87)
    return partial(
        layouts.enr,
        size=options.size,
        focal=options.focal,
        radius=options.radius,
        bounds=bounds,
        azimuth_sign=-1 if options.mirrored else 1,
    )


def _without_camera(options) -> str:
    return (
        f"focal is {options.focal} and radius is {options.radius}: ENR's files hold azimuth and elevation only, "
        "expected --focal and --radius"
    )


if __name__ == "__main__":
    sys.exit(commandline.run(main))
