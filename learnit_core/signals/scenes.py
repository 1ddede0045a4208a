"""Posed pictures of objects to learn from: built-in classes, prepared sets, and folders in the authors' layout.

    load("chairs", size=40, counts=(120, 10, 10))    objects that are drawn here (:mod:`learnit_core.signals.objects`)
    load("data/srn-cars", size=64, …)                a set made by data_scripts
    load("shapenet/cars", size=64, …)                folders with transforms.json and RGBA pictures, and *_splits.json

Of the views of an object the first half is given and the other half is held out, as in the paper's renderings.
"""

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from PIL import Image

from learnit_core.errors import LearnitError
from learnit_core.signals import layouts, objects, prepared
from learnit_core.structures import Views, rows

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


def load(data: str | Path, *, size: int, counts: tuple[int, int, int], seed: int = 0) -> SceneSplits:
    """Objects of a built-in class, a prepared set or a folder, in pictures of ``size``; at most ``counts`` of them.

    Raises LearnitError if the data are missing, unreadable or too few.
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
        parts = [_scaled(sets[split][:count], size) for split, count in zip(prepared.SPLITS, counts, strict=True)]
        found = SceneSplits(f"prepared-{name}", *parts, note, sets["test"].names[: counts[2]])
    else:
        found = _folder(folder, size, counts, seed)
    for split in prepared.SPLITS:
        if not len(getattr(found, split).images):
            raise LearnitError(f"the split {split!r} of {folder} is empty: expected at least one object")
    return found._replace(train=_given(found.train))


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
    views = {name: read_object(path, size) for name, path in found.items()}
    order = [sorted(groups)[i] for i in np.random.default_rng(seed).permutation(len(groups))]
    for turn in range(count):
        others = [key for i, key in enumerate(order) if i % count != turn]
        few = max(2, len(others) // 6)
        parts = (others[few:], others[:few], order[turn::count])
        names = [[name for key in part for name in groups[key]] for part in parts]
        train, validation, test = (_stack([(name, views[name]) for name in part]) for part in names)
        given = _given(train)
        note = f"Fold {turn + 1} of {count} of {folder.name}, by design."
        yield SceneSplits(f"folder-{folder.resolve().name}-fold{turn}", given, validation, test, note, names[2])


def read_object(folder: Path, size: int) -> Views:
    """One object in the authors' layout. Errors name the folder."""
    contents = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".json", ".png") and path.is_file()
    }
    try:
        return layouts.authors(contents, size=size)
    except LearnitError as error:
        raise LearnitError(f"{folder}: {error}") from None


def _complete(folder: Path) -> dict[str, Path]:
    """The objects of a folder by name; those that are empty or incomplete are named in a warning."""
    found = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}
    complete, skipped = {}, []
    usual = layouts.usual_count({name: [p.name for p in path.rglob("*.png")] for name, path in found.items()})
    for name, path in found.items():
        count = sum(1 for _ in path.rglob("*.png"))
        if (path / "transforms.json").is_file() and count and count >= usual:
            complete[name] = path
        else:
            skipped.append(f"{name} ({count} pictures)")
    if skipped:
        warnings.warn(
            f"left out of {folder}, empty or incomplete (most have {usual} pictures and a transforms.json): "
            + ", ".join(skipped),
            stacklevel=4,
        )
    if not complete:
        raise LearnitError(f"{folder} holds no objects: expected folders with a transforms.json and pictures")
    return complete


def _folder(folder: Path, size: int, counts: tuple[int, int, int], seed: int) -> SceneSplits:
    complete = _complete(folder)
    listed = _split_file(folder, list(complete), seed)
    dealt = deal({split: [name for name in names if name in complete] for split, names in listed.items()}, seed)
    few = {split: part[:count] for (split, part), count in zip(dealt.items(), counts, strict=True)}
    parts = {split: _stack([(name, read_object(complete[name], size)) for name in part]) for split, part in few.items()}
    note = (
        f"{len(complete)} objects of {folder.name}, split as its split file says; settings are chosen on "
        f"{len(few['validation'])} of its training objects. Objects of different names may be alike."
    )
    return SceneSplits(f"folder-{folder.resolve().name}", *parts.values(), note, few["test"])


def _split_file(folder: Path, complete: list[str], seed: int) -> dict[str, list[str]]:
    files = sorted([*folder.glob("*_splits.json"), *folder.parent.glob(f"{folder.name}_splits.json")])
    if not files:
        order = np.random.default_rng(seed).permutation(len(complete))
        scored = max(1, len(complete) // 10)
        return {"test": [complete[i] for i in order[:scored]], "train": [complete[i] for i in order[scored:]]}
    try:
        names: Any = json.loads(files[0].read_text("utf-8"))
        return {
            split: [str(Path(name).name) for name in names[split]]
            for split in ("train", "val", "test")
            if split in names
        }
    except (ValueError, TypeError) as error:
        raise LearnitError(f"{files[0]} cannot be read ({error}): expected lists of names by split") from None


def _given(views: Views) -> Views:
    """The first half of every object's views."""
    half = -(-views.images.shape[1] // 2)
    return jax.tree.map(lambda leaf: leaf[:, :half], views)


def _stack(found: list[tuple[str, Views]]) -> Views:
    """Objects [objects, views, …] with equal numbers of views: surplus views at the end are dropped."""
    if not found:
        return Views(*(np.empty((0, 0)) for _ in Views._fields))._replace(images=np.empty((0, 1, 1, 1, 3), np.uint8))
    fewest = min(len(views.images) for _, views in found)
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
