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
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from learnit_core import experiments, many, models, networks, weights
from learnit_core.commands import networks as command
from learnit_core.commands.pictures import bytes_of, read
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

SET_STEPS, AIM = (1, 2, 3, 5), {"psnr_db": 31.0, "median_seconds": 2.5e-3}
"""Steps of the fits of :func:`sets`; what they are to reach, and in how long a picture."""

AT_RATES = Setting("learned", 1.0)


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
    start = start_of(settings, photographs, tiles, minutes)
    if len(start.unseen) <= VALIDATION:
        raise LearnitError(
            f"found {len(start.unseen)} pictures to fit: expected more than the {VALIDATION} that choose rates"
        )
    order = np.random.default_rng(0).permutation(len(start.unseen))
    chosen, test = start.unseen[order[:VALIDATION]], start.unseen[order[VALIDATION:]]
    test = test[np.arange(TOGETHER if not short else 4) % len(test)]
    alone = test[: 2 if short else ALONE]
    recipe = command.recipe_for(start.field, arrays.grid(test.shape[1:3]), AT_RATES, command.INNER_STEPS)
    target = float(many.fit_many(recipe, start.params, chosen, seed_key(0)).scores.mean())
    hows = _how(recipe, start, chosen, target, short=short, longest=settings.cap(LONGEST))
    block, _ = many.fastest_block(recipe, start.params, test, seed_key(0))
    ways, scored = _ways(recipe, start, hows, alone, test, block)
    counts = {name: len(test) if name in ("batching", "networks") else len(alone) for name in ways}
    taken = timing.in_turns(ways, settings.cap(rounds), matrix=True)
    matrix = taken.pop("matrix")
    seconds = {name: found / counts[name] for name, found in taken.items()}
    for made in ("alone", "set"):
        shutil.rmtree(start.folder / made, ignore_errors=True)
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
        "block": block,
        "limit": timing.share(_work(start, command.INNER_STEPS), seconds["networks"], matrix),
    }


def sets(settings: Settings, *, photographs: Path | None, tiles: int, minutes: float, rounds: int) -> dict[str, Any]:
    """``make networks`` from files to a set on disk, on all other pictures, in some numbers of steps by turns.

    Reading, tracing, compiling, choosing a block and writing are counted; starting Python and learning the start are
    not. Raises LearnitError if a fit diverges.
    """
    start = start_of(settings, photographs, tiles, minutes)
    found: dict[str, networks.Networks] = {}
    with tempfile.TemporaryDirectory(dir=start.folder) as place:
        source, tiles = _source(start, Path(place) / "pictures", tiles)

        def whole(steps):
            pictures, names = read(source, size=SIZE, channels=start.unseen.shape[-1], tiles=tiles)
            shared = {"names": names, "setting": AT_RATES, "steps": steps, "progress": False}
            out = Path(tempfile.mkdtemp(dir=place))
            made = command.make(pictures, start.field, start.params, out, {}, **shared)
            if len(made) != len(start.unseen) or len(made.diverged):
                raise LearnitError(
                    f"{len(made)} networks, {len(made.diverged)} of them diverged: there is nothing to time"
                )
            found[str(steps)] = made

        def anew(steps):
            jax.clear_caches()
            with timing.nothing_kept():
                whole(steps)

        numbers = SET_STEPS if settings.max_steps is None else (1, 2)
        ways = {str(steps): functools.partial(anew, steps) for steps in numbers}
        taken = timing.in_turns(ways, settings.cap(rounds), matrix=True)
        scores = {steps: made.scores for steps, made in found.items()}
    matrix, records = taken.pop("matrix"), {}
    for steps, seconds in taken.items():
        each = seconds / len(start.unseen)
        records[steps] = {
            "median_seconds": timing.short(float(np.median(each))),
            "psnr_db": round(float(scores[steps].mean()), 2),
            "worst_psnr_db": round(float(scores[steps].min()), 2),
            "block": found[steps].about["block"],
            "limit": timing.share(_work(start, int(steps)), each, matrix),
        }
        way = records[steps]
        print(f"networks, {steps} steps: {1e3 * way['median_seconds']:.2f} ms a picture, {way['psnr_db']:.2f} dB")
    about = {**start.about, "checksum": runs.checksum(start.unseen), "fitted": len(start.unseen)}
    about |= {"files": len(start.files), "shape": list(start.unseen.shape[1:]), "rounds": settings.cap(rounds)}
    return {**about, "steps": records, "aim": AIM}


def _source(start: Start, folder: Path, tiles: int) -> tuple[Path, int]:
    """What ``make networks`` is to read, and into how many tiles a side: copies of the photographs, or an array."""
    folder.mkdir()
    for i, file in enumerate(start.files):
        shutil.copy(file, folder / f"{i:06}{file.suffix}")
    if start.files:
        return folder, tiles
    np.save(folder / "pictures.npy", start.unseen)
    return folder / "pictures.npy", 1


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

    random, at_rates = fewest(_random(start.field)), How(AT_RATES, command.INNER_STEPS, target)
    hows = {"sin": random, "plain": random, "start": fewest(plain(start.params))}
    return hows | dict.fromkeys(("rates", "batching", "networks"), at_rates)


def _work(start: Start, steps: int) -> int:
    """Operations of a fit at the learned rates, and of its loss and score in the end."""
    recipe = command.recipe_for(start.field, arrays.grid(start.unseen.shape[1:3]), AT_RATES, steps)
    one = _fit_from(recipe, AT_RATES, steps)

    def whole(params, picture):
        fitted, batch = plain(one(params, picture).params), recipe.batch_of(picture)
        return fitted, recipe.loss(fitted, batch, jax.random.key(0)), recipe.score(fitted, batch)

    return precision.operations(whole, start.params, start.unseen[0])


def _random(field: Field) -> Params:
    return field.init(jax.random.key(1))


def _ways(
    recipe: many.Recipe, start: Start, hows: dict[str, How], alone: np.ndarray, test: np.ndarray, block: int
) -> tuple[dict[str, Callable], dict[str, float]]:
    """What runs each way once, and the mean PSNR [dB] of what it fits. All are compiled; only ``make networks`` traces
    its programs at each call, as the command does."""
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
    parts = -(-len(test) // 4)

    def batching():
        fits = many.fit_many(recipe, start.params, test, seed_key(0), block=block, chunk=parts)
        for i in range(len(test)):
            _write(rows(fits.params, i), files / f"{i}.npz")
        return fits

    def sharded():
        shutil.rmtree(place, ignore_errors=True)
        shared = {"setting": AT_RATES, "steps": command.INNER_STEPS, "block": block, "shard": parts}
        return command.make(test, start.field, start.params, place, {}, **shared, progress=False)

    ways |= {"batching": batching, "networks": sharded}
    scored |= {name: float(np.mean(ways[name]().scores[: len(alone)])) for name in ("batching", "networks")}
    return ways, scored


def _one_by_one(program: Callable, params: Params, pictures: np.ndarray, folder: Path) -> None:
    for i, picture in enumerate(pictures):
        _write(plain(program(params, picture).params), folder / f"{i}.npz")


def _write(params: Any, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **{name: np.asarray(leaf) for name, leaf in weights.named_leaves(params).items()})
