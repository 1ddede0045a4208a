"""What `make networks` does: a start that is learned from pictures, and from it a network for every picture."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float
from tqdm import tqdm

from learnit_core import evaluate, losses, many, meta, metrics, models, networks, training, weights
from learnit_core.commands.pictures import Images, bytes_of, check, checksum, unit
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.signals import arrays
from learnit_core.structures import Field, Params, Pixels, Rated, rated, seed_key

INNER_STEPS, INNER_RATE, OUTER_RATE, TASKS = 3, 1e-2, 1e-3, 8
NETWORK = {"width": 64, "depth": 4, "w0": 30.0}
STEPS = 1500
"""Outer steps, over which the outer rate falls to zero."""
LOOK, VALIDATE = 1, 500
"""Outer steps between two looks at the clock: of large pictures one may take many seconds. And between validations."""


def learn_start(
    pictures: np.ndarray, out: Path, *, minutes: float, pieces: int = 1, seed: int = 0, steps: int = STEPS
) -> tuple[Field, Rated, dict[str, Any]]:
    """A SIREN's start and rates, learned from bytes, or float32 in [0, 1], [n, side, side, c]; resumable in ``out``.

    It ends after ``steps`` outer steps, or with the first step after which ``minutes`` are over, compiling included,
    and one validation besides; the rate has not fallen to zero then, which only the last of the steps has. What is
    returned third says how many ``steps`` of ``num_steps`` there were. One picture in twenty, 64 at most, is kept for
    validation. Where each photograph was cut into ``pieces``, whole photographs are kept, one in ten or eight if there
    are more, and some 64 of their pieces are looked at. Raises LearnitError for fewer than two photographs, for other
    numbers than those said, if ``out`` holds a set, and on several hosts, which would write the same files.
    """
    began = time.perf_counter()
    _alone()
    held = -(-min(64, max(1, len(pictures) // 20)) // pieces)
    if pieces > 1:  # one photograph alone would say little of others
        held = max(held, min(8, len(pictures) // pieces // 10))
    train, unseen = pictures[held * pieces :], pictures[: held * pieces]
    unseen = unseen[:: max(1, len(unseen) // 64)]
    if not len(train):
        what = "photographs" if pieces > 1 else "pictures"
        raise LearnitError(
            f"found {len(pictures) // pieces} {what}: expected two or more, to learn from and to validate"
        )
    if networks.described(out):
        raise LearnitError(f"{out} holds a set of networks, whose start would be lost: give another folder")
    check(pictures)
    coords = arrays.grid(train.shape[1:3])
    field = models.siren(2, train.shape[-1], **NETWORK)
    loss = losses.regression_loss(field)
    init_key, train_key = jax.random.split(seed_key(seed))
    optimizer = optax.adam(optax.cosine_decay_schedule(OUTER_RATE, steps))
    recipe = recipe_for(field, coords, Setting("learned", 1.0), INNER_STEPS)
    about = {
        "command": "start",
        "network": NETWORK,
        "inner_steps": INNER_STEPS,
        "inner_rate": INNER_RATE,
        "outer_rate": OUTER_RATE,
        "tasks": TASKS,
        "num_steps": steps,
        "seed": seed,
        "pictures": list(pictures.shape),
        "checksum": checksum(pictures),
    }
    state, history = training.train(
        meta.maml(loss, meta.adapt_with_rates(loss, INNER_STEPS)),
        arrays.sampler(TASKS, lambda batch: arrays.tasks(unit(batch), coords)),
        training.in_memory(train),
        meta.init_state(rated(field.init(init_key), INNER_RATE), optimizer),
        train_key,
        optimizer=optimizer,
        num_steps=steps,
        validate=lambda params: many.fit_many(recipe, params, unseen, train_key).scores.mean(),
        checkpoint=training.Checkpoint(out / "start-checkpoint.safetensors", about, log=out / "start.log.jsonl"),
        chunk=LOOK,
        validate_every=VALIDATE // LOOK,
        stop_after=60 * minutes - (time.perf_counter() - began),
        description="a start",
    )
    about |= {
        "steps": int(state.step),
        "seconds": round(history.seconds, 1),
        "validation_psnr_db": round(history.validation[-1][1], 2),
        "device": metrics.device(),
        "versions": metrics.versions(),
    }
    weights.save(out / "start.safetensors", field, state.params, about)
    return field, state.params, about


def make(
    pictures: Images,
    field: Field,
    start: Params | Rated,
    out: Path,
    about: dict[str, Any],
    *,
    names: list[str] | None = None,
    setting: Setting,
    steps: int,
    psnr: float | None = None,
    dtype: str = "float32",
    seed: int = 0,
    shard: int | None = None,
    block: int | None = None,
    mesh: Any = None,
    budget: int | None = None,
    fitted: Callable[[int], None] = lambda signals: None,
    progress: bool = True,
) -> networks.Networks:
    """Fit every picture from ``start`` and write the set to ``out``; what is there already is kept.

    A fit that diverges is kept as such (:mod:`learnit_core.networks`), so that the others can be had. ``budget``
    [bytes] bounds what fits need besides signals and networks (:func:`many.fastest_block`); a set that is gone on with
    keeps its block. ``fitted`` is told of the networks of each shard that was made. Raises LearnitError for pictures
    that are neither bytes nor float32 in [0, 1], and on several hosts, which would write the same files.
    """
    _alone()
    coords, key = arrays.grid(pictures.shape[1:3]), seed_key(seed)
    until = None if psnr is None else 10 ** (-psnr / 10)
    recipe = recipe_for(field, coords, setting, steps, until)
    if len(pictures) < 1:
        raise LearnitError("there are no pictures to be fitted: expected one at least")
    check(pictures)
    if block is None:
        block = networks.described(out).get("block")  # another one would round otherwise
    if block is None:
        few = bytes_of(pictures, 0, 1)
        some = bytes_of(pictures, 0, min(len(pictures), 256, max(1, many.CHUNK_BYTES // few.nbytes)))
        block, _ = many.fastest_block(recipe, start, some, key, count=len(pictures), mesh=mesh, budget=budget)
    how = {"block": block, "mesh": mesh, "keep_diverged": True}

    def fit(first, number):
        return many.fit_many(recipe, start, bytes_of(pictures, first, number), key, first=first, **how)

    @jax.jit
    def score_all(params, data):
        return jax.lax.map(lambda one: recipe.score(one[0], recipe.batch_of(one[1])), (params, data))

    def score(params, first, number):
        return np.asarray(score_all(params, bytes_of(pictures, first, number)))

    about = {
        **about,
        "checksum": checksum(pictures),
        "block": block,
        "setting": setting._asdict(),
        "steps": steps,
        "until_psnr_db": psnr,
        "seed": seed,
    }
    with tqdm(total=len(pictures), unit="network", desc="networks", disable=not progress) as bar:

        def kept(signals):  # not of this run's speed
            bar.initial = bar.n = signals
            bar.refresh()

        def done(signals):
            bar.update(signals)
            fitted(signals)

        return networks.write(
            out,
            field,
            start,
            fit,
            len(pictures),
            about,
            dtype=dtype,
            shard=shard,
            names=names,
            run={"devices": mesh.size if mesh else None},
            kept=kept,
            done=done,
            score=None if dtype == "float32" else score,
        )


def recipe_for(
    field: Field, coords: Float[np.ndarray, "pixels 2"], setting: Setting, steps: int, until: float | None = None
) -> many.Recipe:
    """Regression on bytes, or float32 in [0, 1], [side, side, c]; the score is the PSNR [dB], not clipped."""

    def batch_of(picture):
        return Pixels(jnp.asarray(coords), unit(picture).reshape(len(coords), -1))

    score = evaluate.regression_score(field, clip=False)
    return many.Recipe(losses.regression_loss(field), setting, steps, until, batch_of, score)


def _alone() -> None:
    """Raise LearnitError on several hosts."""
    if jax.process_count() > 1:
        raise LearnitError(
            f"found {jax.process_count()} hosts, which would write the same files: give each pictures and a folder of "
            "its own, without jax.distributed, or fit with many.fit_many on all and write the set on the first"
        )
