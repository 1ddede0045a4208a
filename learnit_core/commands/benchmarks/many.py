"""Fits of many pictures, against the same one after the other as one would write them, and what each change is worth.

Every way reaches the PSNR that three steps from the learned start reach: the number of Adam's steps and its rate are
the ones that need the fewest steps for that on validation pictures. What changes from row to row:

sin        random weights, Adam, ``jnp.sin``; a Python loop over one compiled fit, a file for each network
plain      the same with the package's sine
start      Adam from the learned start
rates      three steps at the learned rates
batching   all by ``fit_many``, blocks and threads as ``make networks`` takes them; a file for each network
networks   ``make networks``: shards with a checksum and a score for each network

Beside it, in :func:`sets`, the command whole, from a folder to a folder, with fewer and with more steps.
"""

import functools
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from learnit_core import experiments, many, models, weights
from learnit_core.commands import networks as command
from learnit_core.commands.pictures import read
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import precision, runs, timing
from learnit_core.experiments.settings import Settings
from learnit_core.fit import fit
from learnit_core.signals import arrays
from learnit_core.structures import Field, Params, Rated, plain, rows, seed_key
from learnit_core.tuning import tune

RATES = (5e-4, 1e-3, 2e-3, 3e-3, 5e-3)
LONGEST, VALIDATION, ALONE, TOGETHER = 100, 32, 24, 512
"""Steps of Adam that are tried at most; pictures that choose; pictures of one turn, one by one and all at once."""

SIZE = 32

STEPS, AIM = (1, 2, 3, 5), {"psnr_db": 31.0, "median_seconds": 2.5e-3}
"""Steps of :func:`sets`; what one of them is to reach, and in how long a picture."""

LEARNED = Setting("learned", 1.0)


class Start(NamedTuple):
    """A learned start and what may be fitted from it."""

    field: Field
    params: Rated
    unseen: np.ndarray  # bytes [n, 32, 32, channels]
    files: list[Path]  # of the photographs that they were cut from
    about: dict[str, Any]
    folder: Path


class How(NamedTuple):
    """How a way fits, and the mean PSNR [dB] that it reaches on validation pictures."""

    setting: Setting
    steps: int
    reached: float


def run(settings: Settings, *, photographs: Path | None, tiles: int, minutes: float, rounds: int) -> dict[str, Any]:
    """Learn a start, choose Adam's steps, and time all ways in turns; the record."""
    short = settings.max_steps is not None
    start = learned(settings, photographs, tiles, minutes)
    order = np.random.default_rng(0).permutation(len(start.unseen))
    chosen, test = start.unseen[order[:VALIDATION]], start.unseen[order[VALIDATION:]]
    test = test[np.arange(TOGETHER if not short else 4) % len(test)]
    alone = test[: 2 if short else ALONE]
    recipe = command.recipe_for(start.field, arrays.grid(test.shape[1:3]), LEARNED, command.INNER_STEPS)
    target = float(many.fit_many(recipe, start.params, chosen, seed_key(0)).scores.mean())
    hows = _how(recipe, start, chosen, target, short=short, longest=settings.cap(LONGEST))
    ways, scored = _ways(recipe, start, hows, alone, test)
    counts = {name: len(test) if name in ("batching", "networks") else len(alone) for name in ways}
    work = precision.operations(_fit_from(recipe, LEARNED, command.INNER_STEPS), start.params, alone[0])
    taken = timing.in_turns(ways, settings.cap(rounds), matrix=True)
    matrix = taken.pop("matrix")
    seconds = {name: found / counts[name] for name, found in taken.items()}
    shutil.rmtree(start.folder / "alone", ignore_errors=True)
    report = timing.compared(seconds)
    for name, way in report.items():
        (optimizer, rate), steps, reached = hows[name]
        way |= {"times_as_fast_as_sin": round(float(np.median(seconds["sin"] / seconds[name])), 2)}
        way |= {"optimizer": optimizer, "rate": rate, "steps": steps, "validation_psnr_db": round(reached, 2)}
        way |= {"psnr_db": round(scored[name], 2)}
        milliseconds = 1e3 * way["median_seconds"]
        print(f"many, {name:9} {milliseconds:8.2f} ms a picture, {way['times_as_fast']:6.2f} times plain")
    return {
        **start.about,
        "checksum": runs.checksum(test),
        "shape": list(test.shape[1:]),
        "fitted": counts,
        "rounds": settings.cap(rounds),
        "ways": report,
        "limit": timing.share(work, seconds["networks"], matrix),
    }


def sets(settings: Settings, *, photographs: Path | None, tiles: int, minutes: float, rounds: int) -> dict[str, Any]:
    """``make networks`` whole: all other pictures from their files to a set on disk, in some numbers of steps by turns.

    Reading, compiling, choosing a block and writing are counted; learning the start is not.
    """
    start = learned(settings, photographs, tiles, minutes)
    place, source = start.folder / "set", start.folder / "unseen"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    for i, file in enumerate(start.files):
        shutil.copy(file, source / f"{i:06}{file.suffix}")
    if not start.files:
        source, tiles = source / "pictures.npy", 1
        np.save(source, start.unseen)
    scores: dict[int, np.ndarray] = {}

    def whole(steps):
        shutil.rmtree(place, ignore_errors=True)
        with timing.nothing_kept():
            found, names = read(source, size=SIZE, channels=start.unseen.shape[-1], tiles=tiles)
            shared = {"names": names, "setting": LEARNED, "steps": steps, "progress": False}
            scores[steps] = command.make(found, start.field, start.params, place, {}, **shared).scores

    numbers = STEPS if settings.max_steps is None else (1, 2)
    taken = timing.in_turns({str(n): functools.partial(whole, n) for n in numbers}, settings.cap(rounds), matrix=True)
    matrix, ways = taken.pop("matrix"), {}
    recipe = command.recipe_for(start.field, arrays.grid((SIZE, SIZE)), LEARNED, 1)
    for steps in numbers:
        work = precision.operations(_fit_from(recipe, LEARNED, steps), start.params, start.unseen[0])
        each = taken[str(steps)] / len(start.unseen)
        ways[str(steps)] = {
            "median_seconds": timing.short(float(np.median(each))),
            "psnr_db": round(float(scores[steps].mean()), 2),
            "worst_psnr_db": round(float(scores[steps].min()), 2),
            "limit": timing.share(work, each, matrix),
        }
        way = ways[str(steps)]
        print(f"networks, {steps} steps: {1e3 * way['median_seconds']:.2f} ms a picture, {way['psnr_db']:.2f} dB")
    shutil.rmtree(place, ignore_errors=True)
    about = {**start.about, "checksum": runs.checksum(start.unseen), "fitted": len(start.unseen)}
    return {**about, "shape": list(start.unseen.shape[1:]), "rounds": settings.cap(rounds), "steps": ways, "aim": AIM}


def learned(settings: Settings, photographs: Path | None, tiles: int, minutes: float) -> Start:
    """A start learned from half of the pictures, kept for whoever asks again, and the others."""
    train, unseen, files, about = pictures(settings, photographs, tiles)
    if len(unseen) <= VALIDATION:
        raise LearnitError(
            f"found {len(unseen)} pictures to fit: expected more than the {VALIDATION} that choose rates"
        )
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
        found = found.reshape(-1, tiles**2, *found.shape[1:])
        if len(found) < 2:
            raise LearnitError(f"{photographs} holds {len(found)} photographs: expected two or more")
        parts = found[::2], found[1::2]
        train, unseen = (part.reshape(-1, *part.shape[2:]) for part in parts)
        files = [photographs / (name.rpartition(":")[0] if tiles > 1 else name) for name in (names or [])[:: tiles**2]]
        about = f"crops of photographs, {len(parts[0])} learned from and {len(parts[1])} others"
        return train, unseen, [file for file in files[1::2] if file.is_file()], about
    one = next((one for one in experiments.ALL.values() if getattr(one.profiles["quick"], "size", None) == SIZE), None)
    if one is None:
        raise LearnitError(f"no built-in pictures have {SIZE} x {SIZE} pixels: name a folder with --photographs")
    profile = one.profiles["quick"]
    more = VALIDATION + (TOGETHER if settings.max_steps is None else 4)  # they are drawn at will
    splits = one.load_signals(replace(profile, counts=(*profile.counts[:2], more)), one.classes[0])
    train, unseen = ((np.asarray(part) * 255 + 0.5).astype(np.uint8) for part in (splits.train, splits.test))
    return train, unseen, [], f"{one.name}, {splits.name}"


def _fit_from(recipe: many.Recipe, setting: Setting, steps: int, *, probe: bool = False) -> Callable:
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


def _how(
    recipe: many.Recipe, start: Start, chosen: np.ndarray, target: float, *, short: bool, longest: int
) -> dict[str, How]:
    """How each way fits: Adam at the rate and for the steps that first reach ``target`` [dB] on average on the pictures
    ``chosen``; where none does, the best at the end."""

    def steps_to(mean: np.ndarray) -> int:
        reached = np.flatnonzero(mean >= target)
        return int(reached[0]) + 1 if reached.size else longest

    def sooner(mean):  # of as many steps the one with the higher PSNR, which is far below a thousand
        return mean[steps_to(mean) - 1] / 1000 - steps_to(mean)

    def fewest(params: Params) -> How:
        means = {}

        def run(setting):
            one = _fit_from(recipe, setting, longest, probe=True)
            curves = jax.jit(lambda params, pictures: jax.lax.map(lambda x: one(params, x).probes, pictures))
            means[setting] = np.asarray(curves(params, chosen)).mean(axis=0)
            return means[setting]

        tried = {"grid": {"adam": RATES[:1]}, "widenings": 0} if short else {"grid": {"adam": RATES}}
        setting = tune(run, {"sooner": sooner}, **tried)["sooner"].choice
        steps = steps_to(means[setting])
        return How(setting, steps, float(means[setting][steps - 1]))

    random, at_rates = fewest(_random(start.field)), How(LEARNED, command.INNER_STEPS, target)
    hows = {"sin": random, "plain": random, "start": fewest(plain(start.params))}
    return hows | dict.fromkeys(("rates", "batching", "networks"), at_rates)


def _random(field: Field) -> Params:
    return field.init(jax.random.key(1))


def _ways(
    recipe: many.Recipe, start: Start, hows: dict[str, How], alone: np.ndarray, test: np.ndarray
) -> tuple[dict[str, Callable], dict[str, float]]:
    """What runs each way once, compiled, and the mean PSNR [dB] of what it fits."""
    ways: dict[str, Callable] = {}
    scored = {}
    files, place = start.folder / "alone", start.folder / "set"
    begins = {"sin": _random(start.field), "plain": _random(start.field)}
    begins |= {"start": plain(start.params), "rates": start.params}
    for name, params in begins.items():
        with mock.patch.object(models, "sine", jnp.sin if name == "sin" else models.sine):
            program = jax.jit(_fit_from(recipe, *hows[name][:2])).lower(params, alone[0]).compile()
        ways[name] = functools.partial(_one_by_one, program, params, alone, files)
        fitted = [plain(program(params, picture).params) for picture in alone]
        scores = [recipe.score(p, recipe.batch_of(x)) for p, x in zip(fitted, alone, strict=True)]
        scored[name] = float(np.mean(scores))
    block, _ = many.fastest_block(recipe, start.params, test, seed_key(0))
    parts = -(-len(test) // 4)

    def batching():
        fits = many.fit_many(recipe, start.params, test, seed_key(0), block=block, chunk=parts)
        for i in range(len(test)):
            _write(rows(fits.params, i), files / f"{i}.npz")
        return fits.scores

    def networks():
        shutil.rmtree(place, ignore_errors=True)
        shared = {"setting": LEARNED, "steps": command.INNER_STEPS, "block": block, "shard": parts}
        return command.make(test, start.field, start.params, place, {}, **shared, progress=False).scores

    ways |= {"batching": batching, "networks": networks}
    scored |= {name: float(np.mean(ways[name]()[: len(alone)])) for name in ("batching", "networks")}
    return ways, scored


def _one_by_one(program: Callable, params: Params, pictures: np.ndarray, folder: Path) -> None:
    for i, picture in enumerate(pictures):
        _write(plain(program(params, picture).params), folder / f"{i}.npz")


def _write(params: Params, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **{name: np.asarray(leaf) for name, leaf in weights.named_leaves(params).items()})
