"""From names to a prepared set of pictures: which picture is in which split, decoding, and writing them down."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from getting import output
from getting.archives import Files
from getting.output import RowWriter
from learnit_core.errors import LearnitError
from learnit_core.names import shown
from learnit_core.signals import files as ways_in
from learnit_core.signals import photos
from learnit_core.signals.prepared import SPLITS

_AHEAD = 64  # pictures that are decoded at a time
_HELD = 1 << 26  # bytes of their files


def deal(names: Sequence[str], seed: int) -> dict[str, list[str]]:
    """Splits drawn with ``seed``, where nobody has said which picture is in which."""
    parts = photos.deal(np.arange(len(names)), seed)
    return {split: [names[i] for i in part] for split, part in zip(SPLITS, parts, strict=True)}


def held_out(names: Sequence[str], count: int, seed: int) -> tuple[list[str], list[str]]:
    """``count`` of the names, drawn with ``seed``, and the others; both in their order."""
    order = np.random.default_rng(seed).permutation(len(names))
    held, left = np.sort(order[:count]), np.sort(order[count:])
    return [names[i] for i in held], [names[i] for i in left]


def sample(
    splits: Mapping[str, Sequence[str]], limit: int | None, seed: int, *, official: Mapping[str, int] | None = None
) -> dict[str, list[str]]:
    """``limit`` names in all, each split in proportion and none left empty; drawn with ``seed``.

    ``official`` are the sizes of the splits where ``splits`` have a part of the set only.
    """
    sizes = official or {split: len(names) for split, names in splits.items()}
    total = sum(sizes.values())
    if limit is None or limit >= total:
        return {split: list(names) for split, names in splits.items()}
    rng, chosen = np.random.default_rng(seed), {}
    for split in SPLITS[::-1]:  # training gets what is left
        names = splits[split]
        share = max(1, round(limit * sizes[split] / total))
        count = share if split != "train" else max(1, limit - sum(map(len, chosen.values())))
        picked = np.sort(rng.permutation(len(names))[:count])
        chosen[split] = [names[i] for i in picked]
    return {split: chosen[split] for split in SPLITS}


def write(
    folder: Path,
    files: Files,
    splits: Mapping[str, Sequence[str]],
    *,
    size: int,
    label: object = "the set",
    largest: int | None = None,
) -> dict[str, Any]:
    """Decode the pictures of all splits into ``folder``; returns what `prepared.json` says of them.

    Pictures that cannot be decoded are skipped, and so are those that equal an earlier one in every pixel. One sentence
    counts the first by reason and calls the set ``label``; `prepared.json` names them all. ``largest`` as of
    :func:`learnit_core.signals.files.decode`.
    Raises ``LearnitError`` if a split comes out empty, or if fewer than 10 pictures are left in all.
    """
    split_of = {name: split for split, names in splits.items() for name in names}
    output.check_room({folder: len(split_of) * 3 * size**2})
    writers = {split: RowWriter(folder / f"{split}.npy", (size, size, 3), "uint8") for split in SPLITS}
    kept: dict[str, list[str]] = {split: [] for split in SPLITS}
    seen: set[bytes] = set()
    refused, copies, unread, brightest = {}, 0, set(split_of), 0.0
    try:
        for name, picture in tqdm(_decoded(files.read(split_of), size, largest), total=len(split_of), unit="picture"):
            unread.discard(name)
            if isinstance(picture, ways_in.Refused):
                refused[name] = picture
                continue
            brightest = max(brightest, picture.brightest)
            digest = photos.digest(picture.pixels)
            if digest in seen:
                copies += 1
                continue
            seen.add(digest)
            writers[split_of[name]].append(picture.pixels)
            kept[split_of[name]].append(name)
    finally:
        entries = {split: writer.close() for split, writer in writers.items()}
    if refused:
        output.say(ways_in.left_out(refused, len(split_of), label))
    counts = {split: entry["count"] for split, entry in entries.items()}
    if min(counts.values()) == 0 or sum(counts.values()) < photos.FEWEST:
        raise LearnitError(
            f"there are {counts} different readable pictures; expected at least {photos.FEWEST} in all and one in "
            "each split"
        )
    for split, names in kept.items():
        (folder / f"{split}.txt").write_text("".join(f"{shown(name)}\n" for name in names), encoding="utf-8")
    if brightest < ways_in.FAINT:
        output.say(ways_in.faint(label))
    skipped = [shown(name) for name in [*refused, *sorted(unread)]]
    return {"kind": "pictures", "splits": entries, "skipped": skipped, "copies": copies}


def _decoded(
    members: Iterator[tuple[str, bytes]], size: int, largest: int | None
) -> Iterator[tuple[str, ways_in.Picture | ways_in.Refused]]:
    """Pictures in the order of the members, decoded on all cores; an error stands in the place of its picture."""

    def decode(name: str, content: bytes) -> ways_in.Picture | ways_in.Refused:
        try:
            return ways_in.decode(content, name, channels=3, square=size, largest=largest)
        except ways_in.Refused as error:
            return error.to_keep()

    with ThreadPoolExecutor() as pool:
        waiting: deque = deque()
        sizes: deque[int] = deque()
        held = 0
        for name, content in members:
            waiting.append((name, pool.submit(decode, name, content)))
            held += len(content)
            sizes.append(len(content))
            while waiting and (len(waiting) >= _AHEAD or held > _HELD):
                first, result = waiting.popleft()
                held -= sizes.popleft()
                yield first, result.result()
        while waiting:
            first, result = waiting.popleft()
            yield first, result.result()
