"""A network for every picture: from a folder, a prepared set or an array to a set of networks on disk, resumable.

    python -m learnit_core.commands.networks start PHOTOGRAPHS --tiles 8 --minutes 5 --out START
    python -m learnit_core.commands.networks fit PICTURES --start START/start.safetensors --out NETWORKS

``start`` learns a start with a rate for each weight (Meta-SGD) from a folder of photographs; ``fit`` fits every picture
from it, or from weights that are shipped, by their name. ``learnit_core.networks.open("NETWORKS")[7]`` reads one.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float
from tqdm import tqdm

from learnit_core import evaluate, losses, many, meta, metrics, models, networks, sharding, training, weights
from learnit_core.commands.pictures import Images, bytes_of, read
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import runs
from learnit_core.signals import arrays
from learnit_core.structures import Field, Params, Pixels, Rated, rated, seed_key

INNER_STEPS, INNER_RATE, OUTER_RATE, TASKS = 3, 1e-2, 1e-3, 8
NETWORK = {"width": 64, "depth": 4, "w0": 30.0}
STEPS = 1500
"""Outer steps, over which the outer rate falls to zero."""


def learn_start(
    pictures: np.ndarray, out: Path, *, minutes: float, pieces: int = 1, seed: int = 0, steps: int = STEPS
) -> tuple[Field, Rated, dict[str, Any]]:
    """A SIREN's start and rates, learned from bytes [n, side, side, c]; resumable in ``out``.

    It ends after ``steps`` outer steps, or when ``minutes`` are over. One picture in twenty, 64 at most, is kept for
    validation. Where each photograph was cut into ``pieces``, these are made up to whole photographs, so that they are
    more than 64 from 65 pieces on. Raises LearnitError for fewer than two photographs, and if ``out`` holds a set.
    """
    began = time.perf_counter()
    held = -(-min(64, max(1, len(pictures) // 20)) // pieces) * pieces
    train, unseen = pictures[held:], pictures[:held]
    if not len(train):
        what = "photographs" if pieces > 1 else "pictures"
        raise LearnitError(
            f"found {len(pictures) // pieces} {what}: expected two or more, to learn from and to validate"
        )
    if networks.described(out):
        raise LearnitError(f"{out} holds a set of networks, whose start would be lost: give another folder")
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
        "checksum": runs.checksum(pictures),
    }
    state, history = training.train(
        meta.maml(loss, meta.adapt_with_rates(loss, INNER_STEPS)),
        arrays.sampler(TASKS, lambda batch: arrays.tasks(batch.astype(jnp.float32) / 255, coords)),
        training.in_memory(train),
        meta.init_state(rated(field.init(init_key), INNER_RATE), optimizer),
        train_key,
        optimizer=optimizer,
        num_steps=steps,
        validate=lambda params: many.fit_many(recipe, params, unseen, train_key).scores.mean(),
        checkpoint=training.Checkpoint(out / "start-checkpoint.safetensors", about, log=out / "start.log.jsonl"),
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
    progress: bool = True,
) -> networks.Networks:
    """Fit every picture from ``start`` and write the set to ``out``; what is there already is kept.

    A fit that diverges is kept as such (:mod:`learnit_core.networks`), so that the others can be had.
    """
    coords, key = arrays.grid(pictures.shape[1:3]), seed_key(seed)
    until = None if psnr is None else 10 ** (-psnr / 10)
    recipe = recipe_for(field, coords, setting, steps, until)
    if len(pictures) < 1:
        raise LearnitError("there are no pictures to be fitted: expected one at least")
    if block is None:
        block = networks.described(out).get("block")  # another one would round otherwise
    if block is None:
        some = bytes_of(pictures, 0, min(len(pictures), 256))
        block, _ = many.fastest_block(recipe, start, some, key, count=len(pictures), mesh=mesh)
    how = {"block": block, "mesh": mesh, "keep_diverged": True}

    def fit(first, number):
        return many.fit_many(recipe, start, bytes_of(pictures, first, number), key, first=first, chunk=number, **how)

    @jax.jit
    def score_all(params, data):
        return jax.lax.map(lambda one: recipe.score(one[0], recipe.batch_of(one[1])), (params, data))

    def score(params, first, number):
        return np.asarray(score_all(params, bytes_of(pictures, first, number)))

    about = {
        **about,
        "checksum": runs.checksum(pictures),
        "block": block,
        "setting": setting._asdict(),
        "steps": steps,
        "until_psnr_db": psnr,
        "seed": seed,
    }
    with tqdm(total=len(pictures), unit="network", desc="networks", disable=not progress) as bar:
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
            done=bar.update,
            score=None if dtype == "float32" else score,
        )


def recipe_for(
    field: Field, coords: Float[np.ndarray, "pixels 2"], setting: Setting, steps: int, until: float | None = None
) -> many.Recipe:
    """Regression on bytes [side, side, c]; the score is the PSNR [dB], not clipped."""

    def batch_of(picture):
        return Pixels(jnp.asarray(coords), picture.reshape(len(coords), -1).astype(jnp.float32) / 255)

    score = evaluate.regression_score(field, clip=False)
    return many.Recipe(losses.regression_loss(field), setting, steps, until, batch_of, score)


def _report(made: networks.Networks, seconds: float) -> str:
    """What is said of a finished set. Raises LearnitError if every fit diverged."""
    size = sum(file.stat().st_size for file in made.folder.iterdir())
    text = f"{len(made):,} networks in {made.folder} ({size / 1e6:,.0f} MB, {made.about['type']})"
    scores, diverged = made.scores, made.diverged.tolist()
    if len(diverged) == len(made):
        raise LearnitError(
            f"{text}: all fits diverged, expected a rate that suits the start, and another folder for it"
        )
    scores = scores[~np.isnan(scores)]
    text += f": PSNR {scores.mean():.2f} dB on average, the worst {scores.min():.2f}"
    if diverged:
        first = ", ".join(made.names[i] if made.names else f"number {i}" for i in diverged[:3])
        text += f", without {len(diverged):,} that diverged ({first}{', …' if len(diverged) > 3 else ''})"
    text += f"; {1e3 * seconds / len(made):.2f} ms a network in this run"
    if len(made.runs) > 1:
        text += f"; made on {len(made.runs)} devices or versions that may round differently ({networks.FILE} has them)"
    return text


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="learnit_core.commands.networks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("source", type=Path, help="a folder of pictures, a prepared set, or a .npy array of bytes")
    common.add_argument("--out", type=Path, required=True, help="the folder to write")
    common.add_argument("--size", type=int, default=32, help="side of a picture (default: %(default)s)")
    common.add_argument("--tiles", type=int, default=1, metavar="N", help="cut each picture into N x N of this size")
    common.add_argument("--seed", type=int, default=0)
    commands = parser.add_subparsers(dest="command", required=True)
    learn = commands.add_parser("start", parents=[common], help="learn a start")
    learn.add_argument("--minutes", type=float, default=5.0, help="how long (default: %(default)s)")
    fit = commands.add_parser("fit", parents=[common], help="fit every picture")
    fit.add_argument("--start", required=True, help="a weights file, or the name of a shipped one")
    fit.add_argument(
        "--optimizer", choices=("sgd", "adam", "learned"), help="default: learned, where the start has rates"
    )
    fit.add_argument(
        "--rate",
        type=float,
        help="learning rate (default: 1 with learned rates, else that of training, if it was by the same optimizer)",
    )
    fit.add_argument("--steps", type=int, default=INNER_STEPS, help="steps, at most (default: %(default)s)")
    fit.add_argument("--psnr", type=float, metavar="DB", help="a picture is done at this PSNR")
    fit.add_argument("--type", choices=networks.TYPES, default="float32", help="numbers on disk (default: %(default)s)")
    fit.add_argument("--devices", type=int, metavar="N", help="share the work out over N devices (0: all there are)")
    fit.add_argument("--shard", type=int, metavar="N", help="networks in a file")
    return parser


def main() -> None:
    reader = parser()
    given = reader.parse_args()
    try:
        _check(given)
        (_start if given.command == "start" else _fit)(given)
    except (LearnitError, OSError) as error:  # a disk that is full
        reader.exit(1, f"{error}\n")
    except KeyboardInterrupt as stop:
        reader.exit(130, f"{stop}\n")


def _start(given: argparse.Namespace) -> None:
    pictures, _ = read(given.source, size=given.size, channels=3, tiles=given.tiles)
    _, _, about = learn_start(
        bytes_of(pictures, 0, len(pictures)), given.out, minutes=given.minutes, pieces=given.tiles**2, seed=given.seed
    )
    print(
        f"{given.out / 'start.safetensors'}: {about['steps']:,} outer steps in {about['seconds']:.0f} s, "
        f"{about['validation_psnr_db']:.2f} dB after {INNER_STEPS} steps on pictures kept apart"
    )


def _fit(given: argparse.Namespace) -> None:
    field, start, said, setting = start_and_setting(given.start, given.optimizer, given.rate)
    channels = field.spec["out_dim"]
    mesh = None if given.devices is None else sharding.devices(given.devices or None)
    began = time.perf_counter()
    pictures, names = read(given.source, size=given.size, channels=channels, tiles=given.tiles)
    made = make(
        pictures,
        field,
        start,
        given.out,
        {"source": given.source.resolve().name, "tiles": given.tiles, "size": given.size, "start": said},
        names=names,
        setting=setting,
        steps=given.steps,
        psnr=given.psnr,
        dtype=given.type,
        seed=given.seed,
        shard=given.shard,
        mesh=mesh,
    )
    print(_report(made, time.perf_counter() - began))


def start_and_setting(
    name: str, optimizer: str | None, rate: float | None
) -> tuple[Field, Params | Rated, dict[str, Any], Setting]:
    """A start for pictures, its provenance, and how to fit from it: a rate that it was trained with is taken only for
    the optimizer that it was trained with."""
    file = Path(name)
    field, start, said = weights.load(file) if file.suffix or file.exists() else weights.pretrained(name)
    if field.spec.get("in_dim") != 2 or field.spec.get("out_dim") not in (1, 3):
        raise LearnitError(
            f"the start {name} ({field.spec['model']}) is no network for pictures: expected one with 2 inputs and 1 or "
            "3 outputs, such as image-faces-25"
        )
    learned = isinstance(start, Rated)
    optimizer = optimizer or ("learned" if learned else "sgd")
    if (optimizer == "learned") != learned:
        has = "has learned rates: leave out --optimizer" if learned else "has no learned rates: give sgd or adam"
        raise LearnitError(f"the start {name} {has}")
    if rate is None and learned:
        rate = 1.0
    profile = said.get("profile")
    if rate is None and isinstance(profile, dict) and profile.get("inner_optimizer", "sgd") == optimizer:
        rate = profile.get("inner_rate")
    if not isinstance(rate, int | float):
        raise LearnitError(f"{name} does not say a learning rate for {optimizer}: give one with --rate")
    return field, start, said, Setting(optimizer, rate)


WITHIN = {
    "size": (1, 4096),
    "tiles": (1, 256),
    "seed": (0, (1 << 32) - 1),
    "minutes": (1e-6, 1e6),
    "rate": (1e-12, 1e6),
    "steps": (1, 10**9),
    "psnr": (0.01, 150.0),
    "devices": (0, 10**6),
    "shard": (1, 10**9),
}
"""The smallest and the largest value of each number that the command takes."""


def _check(given: argparse.Namespace) -> None:
    """Raise LearnitError for a number that cannot be, before anything is read or written."""
    for name, (least, most) in WITHIN.items():
        value = getattr(given, name, None)
        if value is not None and not least <= value <= most:  # also not a number
            raise LearnitError(f"--{name} is {value:g}: expected {least:g} to {most:g}")


if __name__ == "__main__":
    main()
