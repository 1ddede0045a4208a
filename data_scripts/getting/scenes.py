"""From posed pictures in any of the known layouts to a prepared set of objects."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm import tqdm

from getting import hull, output, pictures
from getting.archives import Files
from getting.output import RowWriter
from learnit_core.errors import LearnitError
from learnit_core.files import parse_json
from learnit_core.signals import cameras, layouts
from learnit_core.signals.prepared import SPLITS
from learnit_core.structures import Views

LIST = "_splits.json"  # how the name of a list of splits ends
CHECKED = 8  # objects of each set whose cameras are checked against their pictures
ENOUGH = 0.8  # share of the silhouettes that a visual hull should cover


def write(
    folder: Path,
    files: Files,
    splits: Mapping[str, Sequence[str]],
    parts: Mapping[str, Sequence[str]],
    read: Callable[[Mapping[str, bytes]], Views],
    *,
    layout: str,
    size: int,
    usual: Sequence[tuple[float, float]] = (),
) -> dict[str, Any]:
    """Read the objects of all splits into ``folder``; returns what `prepared.json` says of them.

    ``splits`` are folders of objects, ``parts`` the files of each, ``read`` makes views of their contents. An object
    that is empty, incomplete or broken is named and skipped. Of near and far other than ``usual`` it is said that they
    come from the cameras. Raises ``LearnitError`` if none is left to train on.
    """
    split_of = {name: split for split, names in splits.items() for name in names}
    counts = _counts(files, {name: parts[name] for name in split_of}, layout)
    expected = {split: layouts.usual(counts.get(name, 0) for name in names) for split, names in splits.items()}
    remarks = cameras.Remarks(usual)
    pictures_in_all = sum(expected[split] * len(names) for split, names in splits.items())
    output.check_room({folder: pictures_in_all * 3 * size**2})
    writers: dict[str, dict[str, RowWriter]] = {split: {} for split in SPLITS}
    kept: dict[str, list[str]] = {split: [] for split in SPLITS}
    skipped, agreements, unread = [], [], set(split_of)
    for name, contents in tqdm(_grouped(files, {n: parts[n] for n in split_of}), total=len(split_of), unit="object"):
        split = split_of[name]
        unread.discard(name)
        try:
            views = read(contents)
            if len(views.images) != expected[split]:
                raise LearnitError(f"{len(views.images)} views; expected {expected[split]}, as most have.")
        except LearnitError as error:
            skipped.append(name)
            output.say(f"Skipped: {name}: {error}")
            continue
        remarks.add(PurePosixPath(name).name, views)
        if len(agreements) < CHECKED:
            agreements.append(hull.agreement(views))
        if not kept[split]:
            (folder / split).mkdir()
            writers[split] = {
                field: RowWriter(folder / split / f"{field}.npy", array.shape, array.dtype.str)
                for field, array in views._asdict().items()
            }
        for field, array in views._asdict().items():
            writers[split][field].append(array)
        kept[split].append(PurePosixPath(name).name)
    skipped += sorted(unread)
    for split in SPLITS:
        if not kept[split]:
            raise LearnitError(f"no object of the split {split!r} can be used ({len(skipped)} skipped)")
    entries = {}
    for split in SPLITS:
        arrays = {field: writer.close() for field, writer in writers[split].items()}
        types = {field: writer.dtype.str for field, writer in writers[split].items()}
        entries[split] = {
            "count": len(kept[split]),
            "shape": arrays["images"]["shape"],
            "names": kept[split],
            "arrays": {field: [entry["shape"], types[field]] for field, entry in arrays.items()},
            "crc32": {field: entry["crc32"] for field, entry in arrays.items()},
        }
    for sentence in remarks.sentences():
        output.say(f"Note: {sentence}.")
    found = sum(agreements) / len(agreements)
    if found < ENOUGH:
        output.say(
            f"Warning: the visual hulls of {len(agreements)} objects cover {100 * found:.0f} % of their silhouettes; "
            f"expected at least {100 * ENOUGH:.0f} %. Cameras and pictures do not fit: axes, or the sense of rotation."
        )
    return {
        "kind": "views",
        "unit": "objects",
        "splits": entries,
        "skipped": skipped,
        "hull_agreement": round(found, 3),
        "use": "for notebooks on scenes",
    }


def split(
    files: Files, names: Sequence[str], found: Mapping[str, Sequence[str]], seed: int
) -> tuple[dict[str, list[str]], str]:
    """Objects by split, and a sentence on where the splits come from: a list among the files, or the folders' names.

    ``found`` are the objects that have files. Where a list leaves test (or validation) empty, the other serves as
    test, and a tenth of the training objects, drawn with ``seed``, as validation.
    """
    splits: dict[str, list[str]] = {name: [] for name in SPLITS}
    lists = [name for name in names if name.endswith(LIST)]
    if lists:
        by_name = {PurePosixPath(name).name: name for name in found}
        try:
            # Lists of other classes may stand beside it: take those whose objects are here.
            contents = [parse_json(content, name) for name, content in files.read(lists)]
            listed = max(contents, key=lambda one: len(by_name.keys() & {n for part in one.values() for n in part}))
            named = {own: list(map(str, listed.get(theirs, []))) for theirs, own in zip(_THEIRS, SPLITS, strict=True)}
        except (ValueError, AttributeError, TypeError) as error:
            raise LearnitError(f"{lists[0]} is no list of splits ({error}); expected train, val and test") from None
        missing = [name for part in named.values() for name in part if name not in by_name]
        if missing:
            output.say(f"{len(missing)} objects of the list are not there, such as {missing[0]}.")
        splits = {own: [by_name[name] for name in part if name in by_name] for own, part in named.items()}
        note = "The splits are those of the list that came with the set."
    else:
        for name in found:
            parts = PurePosixPath(name).parts[:-1]
            words = [own for theirs, own in zip(_THEIRS, SPLITS, strict=True) if any(theirs in part for part in parts)]
            if len(words) == 1:
                splits[words[0]].append(name)
        note = "The splits are those of the set's folders."
        if sum(map(len, splits.values())) < len(found):
            return pictures.deal(list(found), seed), "Dealt out by chance, for want of a list of splits."
    if not splits["test"] and splits["validation"]:
        splits["test"], splits["validation"] = splits["validation"], []
        note += " Test is what the set calls val, as its test is empty."
    if not splits["validation"] and len(splits["train"]) > 1:
        count = max(1, round(len(splits["train"]) / 10))
        splits["validation"], splits["train"] = pictures.held_out(splits["train"], count, seed)
        note += f" Validation is {count} of the training objects, drawn by chance."
    return splits, note


def _counts(files: Files, parts: Mapping[str, Sequence[str]], layout: str) -> dict[str, int]:
    """How many views each object has; what is in its mark is read for it where the layout counts by that."""
    marks = {layouts.mark(layout, name, names): name for name, names in parts.items()}
    counts = {}
    for file, content in files.read(marks):
        name = marks[file]
        inside = [str(PurePosixPath(one).relative_to(name)) for one in parts[name]]
        counts[name] = layouts.count(layout, inside, content)[0]
    return counts


def _grouped(files: Files, parts: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Each object with its files, by their path in its folder; archives keep an object's files together."""
    object_of = {file: name for name, its_files in parts.items() for file in its_files}
    left = {name: len(its_files) for name, its_files in parts.items()}
    waiting: dict[str, dict[str, bytes]] = {}
    for file, content in files.read(object_of):
        name = object_of[file]
        waiting.setdefault(name, {})[str(PurePosixPath(file).relative_to(name))] = content
        left[name] -= 1
        if not left[name]:
            yield name, waiting.pop(name)


_THEIRS = ("train", "val", "test")
