"""Fits of many pictures, against the same one after the other as one would write them, and what each change is worth.

Every way reaches the PSNR that three steps from the learned start reach: the number of Adam's steps and its rate are
the ones that need the fewest steps for that on validation pictures. What changes from row to row:

sin        random weights, Adam, ``jnp.sin``; a Python loop over one compiled fit, a file for each network
plain      the same with the package's sine
start      Adam from the learned start
rates      three steps at the learned rates
batching   all by ``fit_many``, blocks and threads as ``make networks`` takes them; a file for each network
networks   ``make networks``: shards with a checksum and a score for each network
"""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from learnit_core import many, models, weights
from learnit_core.commands import networks as command
from learnit_core.commands.benchmarks.start import AT_RATES, TOGETHER, VALIDATION, Start, fit_from, start_of, work
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import runs, timing
from learnit_core.experiments.settings import Settings
from learnit_core.signals import arrays
from learnit_core.structures import Field, Params, Rated, plain, rows, seed_key
from learnit_core.tuning import tune

RATES = (5e-4, 1e-3, 2e-3, 3e-3, 5e-3)
LONGEST, ALONE, AIM_DB = 100, 24, 31.0
"""Steps of Adam that are tried at most; pictures of one turn, one by one; the PSNR of public sets of such networks."""


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
    hows, to_aim = _how(recipe, start, chosen, target, short=short, longest=settings.cap(LONGEST))
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
        "steps_to_aim": {"psnr_db": AIM_DB, **to_aim},
        "ways": report,
        "block": block,
        "limit": timing.share(work(start, command.INNER_STEPS), seconds["networks"], matrix),
    }


def _how(
    recipe: many.Recipe, start: Start, chosen: np.ndarray, target: float, *, short: bool, longest: int
) -> tuple[dict[str, How], dict[str, int | None]]:
    """How each way fits, and in how many steps AIM_DB is reached (None: not within ``longest``).

    Adam has the rate and the steps that first reach ``target`` [dB] on average on the pictures ``chosen``, and for the
    aim likewise; where none does, the best at the end.
    """
    means: dict[tuple[str, Setting], np.ndarray] = {}

    def reaching(wanted: float, mean: np.ndarray) -> int | None:
        reached = np.flatnonzero(mean >= wanted)
        return int(reached[0]) + 1 if reached.size else None

    def sooner(wanted: float, mean: np.ndarray) -> float:
        steps = reaching(wanted, mean) or longest
        return mean[steps - 1] / 1000 - steps  # of as many steps the one with the higher PSNR, which is far below 1000

    def curve(name: str, params: Params | Rated, setting: Setting, steps: int) -> np.ndarray:
        one = fit_from(recipe, setting, steps, probe=True)
        curves = jax.jit(lambda params, pictures: jax.lax.map(lambda x: one(params, x).probes, pictures))
        means[name, setting] = np.asarray(curves(params, chosen)).mean(axis=0)
        return means[name, setting]

    def fewest(name: str, params: Params) -> tuple[How, int | None]:
        tried = {"grid": {"adam": RATES[:1]}, "widenings": 0} if short else {"grid": {"adam": RATES}}
        wanted = {"target": target, "aim": AIM_DB}
        objectives = {what: functools.partial(sooner, db) for what, db in wanted.items()}
        found = tune(lambda setting: curve(name, params, setting, longest), objectives, **tried)
        setting = found["target"].choice
        steps = reaching(target, means[name, setting]) or longest
        how = How(setting, steps, float(means[name, setting][steps - 1]))
        return how, reaching(AIM_DB, means[name, found["aim"].choice])

    random, from_random = fewest("random", _random(start.field))
    learned, from_learned = fewest("start", plain(start.params))
    at_rates = How(AT_RATES, command.INNER_STEPS, target)
    to_aim = {"random": from_random, "start": from_learned}
    to_aim["rates"] = reaching(AIM_DB, curve("rates", start.params, AT_RATES, min(longest, 2 * command.INNER_STEPS)))
    hows = {"sin": random, "plain": random, "start": learned}
    return hows | dict.fromkeys(("rates", "batching", "networks"), at_rates), to_aim


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
            program = jax.jit(fit_from(recipe, *hows[name][:2])).lower(params, alone[0]).compile()
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
