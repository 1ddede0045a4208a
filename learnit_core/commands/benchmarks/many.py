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
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from learnit_core import experiments, losses, many, models, weights
from learnit_core.commands import networks as command
from learnit_core.commands.pictures import read
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting, regression_score
from learnit_core.experiments import precision, runs, timing
from learnit_core.experiments.settings import Settings
from learnit_core.fit import fit
from learnit_core.signals import arrays
from learnit_core.structures import Params, plain, rows, seed_key
from learnit_core.tuning import tune

RATES = (5e-4, 1e-3, 2e-3, 3e-3, 5e-3)
LONGEST, VALIDATION, ALONE, TOGETHER = 100, 32, 24, 512
"""Steps of Adam that are tried at most; pictures that choose; pictures of one turn, one by one and all at once."""

SIZE = 32


def pictures(settings: Settings, photographs: Path | None, tiles: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Bytes [n, 32, 32, channels] to learn from and to fit, and what they are.

    ``photographs`` is a folder: every other photograph is learned from, the others are fitted, each cut into tiles²
    pictures. Without it they are the first built-in class of pictures.
    """
    if photographs is not None:
        found, _ = read(photographs, size=SIZE, channels=3, tiles=tiles)
        found = found.reshape(-1, tiles**2, *found.shape[1:])
        if len(found) < 2:
            raise LearnitError(f"{photographs} holds {len(found)} photographs: expected two or more")
        parts = found[::2], found[1::2]
        train, unseen = (part.reshape(-1, *part.shape[2:]) for part in parts)
        return train, unseen, f"crops of photographs, {len(parts[0])} learned from and {len(parts[1])} others"
    one = next((one for one in experiments.ALL.values() if getattr(one.profiles["quick"], "size", None) == SIZE), None)
    if one is None:
        raise LearnitError(f"no built-in pictures have {SIZE} x {SIZE} pixels: name a folder with --photographs")
    profile = one.profiles["quick"]
    more = VALIDATION + (TOGETHER if settings.max_steps is None else 4)  # they are drawn at will
    splits = one.load_signals(replace(profile, counts=(*profile.counts[:2], more)), one.classes[0])
    train, unseen = ((np.asarray(part) * 255 + 0.5).astype(np.uint8) for part in (splits.train, splits.test))
    return train, unseen, f"{one.name}, {splits.name}"


def run(settings: Settings, *, photographs: Path | None, tiles: int, minutes: float, rounds: int) -> dict[str, Any]:
    """Learn a start, choose Adam's steps, and time all ways in turns; the record."""
    train, unseen, about = pictures(settings, photographs, tiles)
    folder, short = settings.out / "bench" / "many", settings.max_steps is not None
    folder.mkdir(parents=True, exist_ok=True)
    control = {"steps": settings.cap(command.STEPS), "pieces": tiles**2 if photographs else 1}
    if len(unseen) <= VALIDATION:
        raise LearnitError(
            f"found {len(unseen)} pictures to fit: expected more than the {VALIDATION} that choose rates"
        )
    field, start, learned = command.learn_start(train, folder, minutes=minutes, **control)
    order = np.random.default_rng(0).permutation(len(unseen))
    chosen, test = unseen[order[:VALIDATION]], unseen[order[VALIDATION:]]
    test = test[np.arange(TOGETHER if not short else 4) % len(test)]
    coords = arrays.grid(test.shape[1:3])
    recipe = command.recipe_for(field, coords, Setting("learned", 1.0), command.INNER_STEPS)
    alone = test[: 2 if short else ALONE]
    together = many.fit_many(recipe, start, test, seed_key(0), chunk=128)
    target = float(many.fit_many(recipe, start, chosen, seed_key(0)).scores.mean())

    loss, score = losses.regression_loss(field), regression_score(field, clip=False)
    random, longest = field.init(jax.random.key(1)), settings.cap(LONGEST)

    def fit_from(setting, steps, probe=None):
        def one(params, picture):
            batch = recipe.batch_of(picture)
            look = (lambda fitted: score(plain(fitted), batch)) if probe else None
            descent = lambda params, *rest: loss(plain(params), *rest)  # noqa: E731
            return fit(
                descent, params, batch, jax.random.key(0), optimizer=setting.build(), num_steps=steps, probe=look
            )

        return one

    def steps_to(mean: np.ndarray) -> int:
        reached = np.flatnonzero(mean >= target)
        return int(reached[0]) + 1 if reached.size else longest

    def fewest(params: Params) -> tuple[Setting, int, float]:
        """Adam's rate and steps that first reach the target on average; where none does, the best at the end."""
        means = {}

        def run(setting):
            curves = jax.jit(functools.partial(_each, fit_from(setting, longest, True)))
            means[setting] = np.asarray(curves(params, chosen)).mean(axis=0)
            return means[setting]

        def sooner(mean):  # of as many steps the one with the higher PSNR, which is far below a thousand
            return mean[steps_to(mean) - 1] / 1000 - steps_to(mean)

        tried = {"grid": {"adam": RATES[:1]}, "widenings": 0} if short else {"grid": {"adam": RATES}}
        setting = tune(run, {"sooner": sooner}, **tried)["sooner"].choice
        steps = steps_to(means[setting])
        return setting, steps, float(means[setting][steps - 1])

    adam_random, adam_start = fewest(random), fewest(plain(start))
    learned_steps = (Setting("learned", 1.0), command.INNER_STEPS, target)
    ways, hows, scored = {}, {}, {}
    for name, params, how in (
        ("sin", random, adam_random),
        ("plain", random, adam_random),
        ("start", plain(start), adam_start),
        ("rates", start, learned_steps),
    ):
        with mock.patch.object(models, "sine", jnp.sin if name == "sin" else models.sine):
            program = jax.jit(fit_from(*how[:2])).lower(params, alone[0]).compile()
        hows[name] = how
        ways[name] = functools.partial(_one_by_one, program, params, alone, folder / "alone")
        fitted = [plain(program(params, picture).params) for picture in alone]
        scored[name] = float(np.mean([score(p, recipe.batch_of(x)) for p, x in zip(fitted, alone, strict=True)]))
    block, _ = many.fastest_block(recipe, start, test, seed_key(0))

    def batching():
        fits = many.fit_many(recipe, start, test, seed_key(0), block=block, chunk=-(-len(test) // 4))
        for i in range(len(test)):
            _write(rows(fits.params, i), folder / "alone" / f"{i}.npz")

    def networks():
        shutil.rmtree(folder / "set", ignore_errors=True)
        shared = {"setting": Setting("learned", 1.0), "steps": command.INNER_STEPS, "block": block}
        command.make(test, field, start, folder / "set", {}, **shared, shard=-(-len(test) // 4), progress=False)

    ways |= {"batching": batching, "networks": networks}
    hows |= dict.fromkeys(("batching", "networks"), learned_steps)
    scored |= dict.fromkeys(("batching", "networks"), float(together.scores[: len(alone)].mean()))
    counts = {name: len(test) if name in ("batching", "networks") else len(alone) for name in ways}
    for name in ("batching", "networks"):
        ways[name]()
    work = precision.operations(fit_from(Setting("learned", 1.0), command.INNER_STEPS), start, alone[0])
    taken = timing.in_turns(ways, settings.cap(rounds), matrix=True)
    matrix = taken.pop("matrix")
    seconds = {name: found / counts[name] for name, found in taken.items()}
    shutil.rmtree(folder / "alone", ignore_errors=True)
    report = timing.compared(seconds)
    for name, way in report.items():
        (optimizer, rate), steps, reached = hows[name]
        way |= {"times_as_fast_as_sin": round(float(np.median(seconds["sin"] / seconds[name])), 2)}
        way |= {"optimizer": optimizer, "rate": rate, "steps": steps, "validation_psnr_db": round(reached, 2)}
        way |= {"psnr_db": round(scored[name], 2)}
        milliseconds = 1e3 * way["median_seconds"]
        print(f"many, {name:9} {milliseconds:8.2f} ms a picture, {way['times_as_fast']:6.2f} times plain")
    limit = timing.share(work, seconds["networks"], matrix)
    start_said = {name: learned[name] for name in ("steps", "seconds", "validation_psnr_db")}
    return {
        "pictures": about,
        "checksum": runs.checksum(test),
        "shape": list(test.shape[1:]),
        "network": command.NETWORK,
        "block": block,
        "start": start_said,
        "fitted": counts,
        "rounds": settings.cap(rounds),
        "ways": report,
        "limit": limit,
    }


def _each(one: Callable, params: Params, pictures: Any) -> Any:
    return jax.lax.map(lambda picture: one(params, picture).probes, pictures)


def _one_by_one(program: Callable, params: Params, pictures: np.ndarray, folder: Path) -> None:
    for i, picture in enumerate(pictures):
        _write(plain(program(params, picture).params), folder / f"{i}.npz")


def _write(params: Params, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **{name: np.asarray(leaf) for name, leaf in weights.named_leaves(params).items()})
