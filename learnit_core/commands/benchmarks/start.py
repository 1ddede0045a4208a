"""The learned start that sets of fits are timed from, the pictures that it has not seen, and one fit of such a set."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from learnit_core import experiments, many
from learnit_core.commands import networks as command
from learnit_core.commands.pictures import bytes_of, read
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import precision
from learnit_core.experiments.settings import Settings
from learnit_core.fit import fit
from learnit_core.signals import arrays
from learnit_core.structures import Field, Rated, plain

SIZE, VALIDATION, TOGETHER = 32, 32, 512
"""Pixels a side; pictures that choose rates, and of one turn; of the built-in ones there are as many."""

AT_RATES = Setting("learned", 1.0)


class Start(NamedTuple):
    """A learned start and what may be fitted from it."""

    field: Field
    params: Rated
    unseen: np.ndarray  # bytes [n, 32, 32, channels]
    files: list[Path]  # of the photographs that they were cut from
    about: dict[str, Any]
    folder: Path


def start_of(settings: Settings, photographs: Path | None, tiles: int, minutes: float) -> Start:
    """A start learned from half of the pictures, and the others. Its checkpoint is kept: whoever asks again has it at
    once, unless ``minutes`` were too few, and then it is a better one."""
    train, unseen, files, about = pictures(settings, photographs, tiles)
    folder = settings.out / "bench" / "many"
    folder.mkdir(parents=True, exist_ok=True)
    control = {"steps": settings.cap(command.STEPS), "pieces": tiles**2 if photographs else 1}
    field, start, said = command.learn_start(train, folder, minutes=minutes, **control)
    said = {name: said[name] for name in ("steps", "seconds", "validation_psnr_db")}
    return Start(field, start, unseen, files, {"pictures": about, "network": command.NETWORK, "start": said}, folder)


def pictures(
    settings: Settings, photographs: Path | None, tiles: int
) -> tuple[np.ndarray, np.ndarray, list[Path], str]:
    """Bytes [n, 32, 32, channels] to learn from and to fit, the files of the latter, if any, and what they all are.

    ``photographs`` is a folder: every other photograph is learned from, the others are fitted, each cut into tiles²
    pictures. Without it they are the first built-in class of pictures.
    """
    if photographs is not None:
        found, names = read(photographs, size=SIZE, channels=3, tiles=tiles)
        found = bytes_of(found, 0, len(found)).reshape(-1, tiles**2, *found.shape[1:])
        if len(found) < 2:
            raise LearnitError(f"{photographs} holds {len(found)} photographs: expected two or more")
        parts = found[::2], found[1::2]
        train, unseen = (part.reshape(-1, *part.shape[2:]) for part in parts)
        files = [photographs / (name.rpartition(":")[0] if tiles > 1 else name) for name in (names or [])[:: tiles**2]]
        about = f"crops of photographs, {len(parts[0])} learned from and {len(parts[1])} others"
        there = all(file.is_file() for file in files)  # those of an array or a prepared set are no files
        return train, unseen, files[1::2] if there else [], about
    one = next((one for one in experiments.ALL.values() if getattr(one.profiles["quick"], "size", None) == SIZE), None)
    if one is None:
        raise LearnitError(f"no built-in pictures have {SIZE} x {SIZE} pixels: name a folder with --photographs")
    profile = one.profiles["quick"]
    more = VALIDATION + (TOGETHER if settings.max_steps is None else 4)
    splits = one.load_signals(replace(profile, counts=(*profile.counts[:2], more)), one.classes[0])
    train, unseen = ((np.asarray(part) * 255 + 0.5).astype(np.uint8) for part in (splits.train, splits.test))
    return train, unseen, [], f"{one.name}, {splits.name}"


def fit_from(recipe: many.Recipe, setting: Setting, steps: int, *, probe: bool = False) -> Callable:
    """A fit to one picture's bytes from given weights; with ``probe`` its PSNR after each step, too."""

    def one(params, picture):
        batch = recipe.batch_of(picture)
        look = (lambda fitted: recipe.score(plain(fitted), batch)) if probe else None
        return fit(
            lambda params, *rest: recipe.loss(plain(params), *rest),
            params,
            batch,
            jax.random.key(0),
            optimizer=setting.build(),
            num_steps=steps,
            probe=look,
        )

    return one


def work(start: Start, steps: int) -> int:
    """Operations of a fit at the learned rates, and of its loss and score in the end."""
    recipe = command.recipe_for(start.field, arrays.grid(start.unseen.shape[1:3]), AT_RATES, steps)
    one = fit_from(recipe, AT_RATES, steps)

    def whole(params, picture):
        fitted, batch = plain(one(params, picture).params), recipe.batch_of(picture)
        return fitted, recipe.loss(fitted, batch, jax.random.key(0)), recipe.score(fitted, batch)

    return precision.operations(whole, start.params, start.unseen[0])
