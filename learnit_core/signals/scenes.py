"""Posed pictures of objects to learn from: built-in classes, prepared sets, and folders as tools write them.

    load("chairs", size=40, counts=(120, 10, 10))    objects that are drawn here (:mod:`learnit_core.signals.objects`)
    load("data/srn-cars", size=64, …)                a set made by data_scripts
    load("shapenet/cars", size=64, …)                folders in the layouts of :mod:`learnit_core.signals.layouts`

Of the views of an object the first half is given and the other half is held out, as in the paper's renderings.
"""

import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import jax
import numpy as np
from PIL import Image

from learnit_core import files
from learnit_core.errors import LearnitError
from learnit_core.signals import cameras, layouts, objects, prepared, transforms
from learnit_core.signals import files as ways_in
from learnit_core.structures import Views, rows

_UNUSED = ("transforms_val.json", "transforms_test.json")  # of Blender, where transforms_train.json is read
_PIECE = 64  # objects of a prepared set that are read at a time
_COLOURS = ("red", "green", "blue", "yellow", "orange", "black", "white", "grey", "gray")


class SceneSplits(NamedTuple):
    """Objects in three disjoint splits, each :class:`Views` with a leading axis of objects.

    Those to train on have their given views only.
    """

    name: str
    train: Views
    validation: Views
    test: Views
    note: str
    """Where they come from, and what is not known about the splits."""
    test_names: list[str]


def load(data: str | Path, *, size: int, counts: tuple[int | None, int, int], seed: int = 0) -> SceneSplits:
    """Objects of a built-in class, a prepared set or a folder, in pictures of ``size``; at most ``counts`` of them.

    None instead of the first number means all objects to train on, for what is not built in; if they are not all, the
    note says so. In memory they take 3 · views / 2 · size² bytes each. Raises LearnitError if the data are missing,
    unreadable or too few.
    """
    if str(data) in objects.CLASSES:
        train, validation, test = objects.splits(str(data), size=size, counts=counts, seed=seed)
        return SceneSplits(str(data), train, validation, test, objects.NOTE, [f"test {i}" for i in range(counts[2])])
    folder = Path(data).expanduser()
    if not folder.is_dir():
        raise LearnitError(
            f"no data called {str(data)!r}: it is none of the built-in classes ({', '.join(objects.CLASSES)}), and "
            f"there is no such folder as {folder.absolute()}"
        )
    if prepared.is_prepared(folder):
        name, sets, note = prepared.scenes(folder)
        train, note = _given_of(sets["train"], counts[0], size), note + _taken(len(sets["train"]), counts[0])
        validation, test = (
            _scaled(sets[split][:n], size) for split, n in zip(prepared.SPLITS[1:], counts[1:], strict=True)
        )
        found = SceneSplits(f"prepared-{name}", train, validation, test, note, sets["test"].names[: counts[2]])
    else:
        found = _folder(folder, size, counts, seed)
    for split in prepared.SPLITS:
        if not len(getattr(found, split).images):
            raise LearnitError(f"the split {split!r} of {folder} is empty: expected at least one object")
    return found


def deal(names: dict[str, list[str]], seed: int) -> dict[str, list[str]]:
    """Names in the splits of a split file, dealt out to train, validation and test.

    Scores are on ``test``, or on ``val`` if that is empty. Settings are chosen on objects taken from ``train`` (a
    tenth, two at least), never on those that are scored.
    """
    scored = names.get("test") or names.get("val") or []
    pool = sorted(names.get("train", []))
    if len(pool) < 3:
        raise LearnitError(f"found {len(pool)} objects to train on: expected three or more, two of them to choose by")
    order = np.random.default_rng(seed).permutation(len(pool))
    few = max(2, len(pool) // 10)
    return {
        "train": [pool[i] for i in order[few:]],
        "validation": [pool[i] for i in order[:few]],
        "test": sorted(scored),
    }


def design(name: str) -> str:
    """The name that twins share: an object's name without its version ("_v2"), colours, capitals and signs."""
    bare = re.sub(r"_v\d+$", "", name)
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", bare)
    return "".join(word.lower() for word in words if word.lower() not in _COLOURS)


def folds(folder: str | Path, *, size: int, count: int, seed: int = 0) -> Iterator[SceneSplits]:
    """All complete objects of a folder in ``count`` folds: each is in ``test`` once, and no twin of it is elsewhere.

    Twins are objects of one :func:`design`. Objects to choose settings by are taken from those to train on, with their
    twins, too. Raises LearnitError if there are fewer than two folds, or too few designs.
    """
    folder = Path(folder).expanduser()
    found = _complete(folder)
    groups: dict[str, list[str]] = {}
    for name in found:
        groups.setdefault(design(name), []).append(name)
    if count < 2:
        raise LearnitError(f"found {count} folds: expected two or more")
    fewest = count + 2 if count > 2 else 6  # each fold leaves one to train on and two to choose by
    if len(groups) < fewest:
        raise LearnitError(f"found {len(groups)} designs in {folder}: expected {fewest} or more for {count} folds")
    views = _read(found, size, list(found))
    order = [sorted(groups)[i] for i in np.random.default_rng(seed).permutation(len(groups))]
    for turn in range(count):
        others = [key for i, key in enumerate(order) if i % count != turn]
        few = max(2, len(others) // 6)
        parts = (others[few:], others[:few], order[turn::count])
        names = [[name for key in part for name in groups[key]] for part in parts]
        train, validation, test = (
            _stack([(name, views[name]) for name in part], given=part is names[0]) for part in names
        )
        note = f"Fold {turn + 1} of {count} of {folder.name}, by design."
        yield SceneSplits(f"folder-{folder.resolve().name}-fold{turn}", train, validation, test, note, names[2])


class _Files(Mapping[str, bytes]):
    """The files of an object's folder, read when they are asked for."""

    def __init__(self, folder: Path, names: list[str]):
        self.folder, self.files = folder, dict.fromkeys(names)

    def __getitem__(self, name: str) -> bytes:
        if name not in self.files:
            raise KeyError(name)
        return ways_in.content(self.folder / name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __contains__(self, name: object) -> bool:
        return name in self.files


class Found(NamedTuple):
    """An object of a folder: its layout, where it lies, and its files by their path there."""

    layout: str
    folder: Path
    names: list[str]

    @property
    def contents(self) -> _Files:
        """Its files, read when they are asked for."""
        return _Files(self.folder, self.names)


def read_object(found: Found, size: int) -> Views:
    """One object in the layout of the authors or of SRN. Errors name the folder."""
    read = layouts.srn if found.layout == "srn" else layouts.authors
    try:
        return read(found.contents, size=size)
    except LearnitError as error:
        raise LearnitError(f"{found.folder}: {error}") from None


def _read(complete: dict[str, Found], size: int, names: list[str]) -> dict[str, Views]:
    """Objects by name; what is worth saying of their cameras is said in warnings."""
    remarks, views = cameras.Remarks([layouts.AUTHORS_BOUNDS]), {}
    for name in names:
        views[name] = read_object(complete[name], size)
        remarks.add(name, views[name])
    for sentence in remarks.sentences():
        warnings.warn(sentence, stacklevel=4)
    return views


def _complete(folder: Path) -> dict[str, Found]:
    """The objects of a folder by name; those that are empty or incomplete are named in a warning."""
    names = ways_in.files_in(folder)
    if not any(PurePosixPath(name).name in mark for name in names for mark in layouts.MARKS.values()):
        raise LearnitError(
            f"{folder} holds no objects: expected folders with a {' or '.join(transforms.NAMES)} and pictures"
        )
    try:
        layout, parts = layouts.objects(names)
    except LearnitError as error:
        raise LearnitError(f"{folder}: {error}") from None
    if layout == "enr":
        raise LearnitError(
            f"{folder} is in the layout of ENR, which tells no focal length: prepare it with data_scripts/shapenet.py"
        )
    short = {part: PurePosixPath(part).name for part in parts}
    unique = len(set(short.values())) == len(short)
    found, counts, missing = {}, {}, {}
    for part, its_files in parts.items():
        name, place = short[part] if unique else part, folder / part
        found[name] = Found(layout, place, [str(PurePosixPath(file).relative_to(part)) for file in its_files])
        mark = layouts.mark(layout, ".", found[name].names)
        try:
            counts[name], missing[name] = layouts.count(layout, found[name].names, found[name].contents[mark])
        except LearnitError as error:
            raise LearnitError(f"{place}: {error}") from None
    usual = layouts.usual(counts.values())
    complete = {name: one for name, one in found.items() if counts[name] and counts[name] >= usual}
    skipped = [
        f"{name} ({counts[name]} pictures{f', {missing[name][0]} is missing' if missing[name] else ''})"
        for name in found
        if name not in complete
    ]
    tops = {PurePosixPath(part).parts[0] for part in parts}
    places = [path.name for path in folder.iterdir() if path.is_dir() and not ways_in.is_hidden(Path(path.name))]
    skipped = sorted([*skipped, *(f"{name} (0 pictures)" for name in places if name not in tops)])
    if skipped:
        expected = f"most have {usual} pictures and a {layouts.MARKS[layout][0]}"
        warnings.warn(f"left out of {folder}, empty or incomplete ({expected}): {', '.join(skipped)}", stacklevel=4)
    if not complete:
        raise LearnitError(f"{folder} holds no objects that are whole: {', '.join(skipped[:3])}")
    if others := [name for name in names if PurePosixPath(name).name in _UNUSED]:
        warnings.warn(
            f"of {folder} only {transforms.NAMES[1]} is read; left out: {len(others)} others, such as {others[0]}",
            stacklevel=4,
        )
    return complete


def _folder(folder: Path, size: int, counts: tuple[int | None, int, int], seed: int) -> SceneSplits:
    complete = _complete(folder)
    listed, how = _split_file(folder, list(complete), seed)
    dealt = deal({split: [name for name in names if name in complete] for split, names in listed.items()}, seed)
    few = {split: part[:count] for (split, part), count in zip(dealt.items(), counts, strict=True)}
    views = _read(complete, size, [name for part in few.values() for name in part])
    parts = {
        split: _stack([(name, views[name]) for name in part], given=split == "train") for split, part in few.items()
    }
    note = (
        f"{len(complete)} objects of {folder.name}, split {how}; settings are chosen on "
        f"{len(few['validation'])} of its training objects. Objects of different names may be alike."
        f"{_taken(len(dealt['train']), counts[0])}"
    )
    return SceneSplits(f"folder-{folder.resolve().name}", *parts.values(), note, few["test"])


def _split_file(folder: Path, complete: list[str], seed: int) -> tuple[dict[str, list[str]], str]:
    """Names by split, and how they were dealt."""
    lists = sorted([*folder.glob("*_splits.json"), *folder.parent.glob(f"{folder.name}_splits.json")])
    if not lists:
        order = np.random.default_rng(seed).permutation(len(complete))
        scored = max(1, len(complete) // 10)
        split = {"test": [complete[i] for i in order[:scored]], "train": [complete[i] for i in order[scored:]]}
        return split, "by lot, as it has no split file"
    names: Any = files.parse_json(lists[0].read_bytes(), lists[0])
    try:
        found = {
            split: [str(Path(name).name) for name in names[split]]
            for split in ("train", "val", "test")
            if split in names
        }
        return found, "as its split file says"
    except (ValueError, TypeError, KeyError) as error:
        raise LearnitError(f"{lists[0]} cannot be read ({error}): expected lists of names by split") from None


def _given(views: Views) -> Views:
    """The first half of every object's views."""
    half = -(-views.images.shape[1] // 2)
    return jax.tree.map(lambda leaf: leaf[:, :half], views)


def _given_of(stored: prepared.Scenes, count: int | None, size: int) -> Views:
    """The given views of the first ``count`` objects of a set on disk (None: of all), scaled.

    Objects are read in pieces, so that their other views are never in memory together.
    """
    length = len(range(len(stored))[:count])
    one = _given(_scaled(stored[: min(length, 1)], size))
    found = jax.tree.map(lambda leaf: np.empty((length, *leaf.shape[1:]), leaf.dtype), one)
    for first in range(0, length, _PIECE):
        piece = slice(first, min(first + _PIECE, length))
        for whole, part in zip(found, _given(_scaled(stored[piece], size)), strict=True):
            whole[piece] = part
    return found


def _taken(there: int, count: int | None) -> str:
    """What the note of a class says if not all of its objects are trained on."""
    if count is None or there <= count:
        return ""
    return f" Of {there:,} objects to train on the first {count:,} are taken."


def _stack(found: list[tuple[str, Views]], *, given: bool = False) -> Views:
    """Objects [objects, views, …] with equal numbers of views: surplus views at the end are dropped, and of those to
    train on all but the ``given`` first half."""
    if not found:
        return Views(*(np.empty((0, 0)) for _ in Views._fields))._replace(images=np.empty((0, 1, 1, 1, 3), np.uint8))
    fewest = min(len(views.images) for _, views in found)
    fewest = -(-fewest // 2) if given else fewest
    return jax.tree.map(lambda *leaves: np.stack(leaves), *(rows(views, slice(fewest)) for _, views in found))


def _scaled(views: Views, size: int) -> Views:
    """Views with pictures resized by box averaging."""
    side = views.images.shape[-2]
    if side == size:
        return views
    flat = views.images.reshape(-1, side, side, 3)
    images = np.stack([np.asarray(Image.fromarray(i).resize((size, size), Image.Resampling.BOX)) for i in flat])
    return views._replace(
        images=images.reshape(*views.images.shape[:-3], size, size, 3),
        valid=np.rint(views.valid * (size / side)).astype(np.int32),
        intrinsics=(views.intrinsics * (size / side)).astype(np.float32),
    )
