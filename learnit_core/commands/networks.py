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
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import runs
from learnit_core.signals import arrays, photos, prepared
from learnit_core.structures import Field, Params, Pixels, Rated, rated, seed_key

Images = np.ndarray | prepared.Pictures
"""Pictures [n, side, side, channels], bytes or float32 in [0, 1]."""

INNER_STEPS, INNER_RATE, OUTER_RATE, TASKS = 3, 1e-2, 1e-3, 8
NETWORK = {"width": 64, "depth": 4, "w0": 30.0}
STEPS = 1500
"""Outer steps, over which the outer rate falls to zero."""


def read(source: Path, *, size: int, channels: int, tiles: int = 1) -> tuple[Images, list[str] | None]:
    """The pictures of a folder, a prepared set (its training split) or a .npy array, as bytes, in the source's order,
    and their names, if they have any.

    With ``tiles`` each picture's largest square is scaled to ``tiles`` times ``size`` and cut into tiles² pictures,
    whose names end with row and column.
    """
    side, names = size * tiles, None
    if source.suffix == ".npy":
        try:
            found = np.load(source, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise LearnitError(f"{source} is missing or no array ({error})") from None
        if found.ndim != 4 or found.dtype != np.uint8 or found.shape[1:] != (side, side, channels):
            raise LearnitError(
                f"{source} holds {found.dtype}{list(found.shape)}: expected bytes [n, {side}, {side}, {channels}]"
            )
    elif prepared.is_prepared(source):
        pictures = prepared.pictures(source, size=side, channels=channels)[1]["train"]
        names = prepared.describe(source)["splits"]["train"].get("names")
        found = pictures.stored(slice(None)) if tiles > 1 else pictures
    else:
        names, found = photos.read_folder(source, side, channels)
        found = (found * 255 + 0.5).astype(np.uint8)
    if names is not None and len(names) != len(found):
        names = None
    if tiles == 1:
        return found, names
    places = [f"{row},{column}" for row in range(tiles) for column in range(tiles)]
    return cut(np.asarray(found), tiles), names and [f"{name}:{place}" for name in names for place in places]


def cut(pictures: np.ndarray, tiles: int) -> np.ndarray:
    """Each picture [side, side, c] cut into tiles² of side/tiles, row by row: [n tiles², side/tiles, side/tiles, c]."""
    n, side, _, channels = pictures.shape
    size = side // tiles
    parts = pictures.reshape(n, tiles, size, tiles, size, channels).swapaxes(2, 3)
    return parts.reshape(n * tiles**2, size, size, channels)


def bytes_of(pictures: Images, first: int, number: int) -> np.ndarray:
    """Some rows as bytes, read now."""
    part = slice(first, first + number)
    return pictures.stored(part) if isinstance(pictures, prepared.Pictures) else np.asarray(pictures[part])


def learn_start(
    pictures: np.ndarray, out: Path, *, minutes: float, pieces: int = 1, seed: int = 0, steps: int = STEPS
) -> tuple[Field, Rated, dict[str, Any]]:
    """A SIREN's start and rates, learned from bytes [n, side, side, c]; resumable in ``out``.

    It ends after ``steps`` outer steps, or when ``minutes`` are over. One picture in twenty (64 at most) is kept for
    validation; of ``pieces`` that were cut from one picture all or none.
    """
    began = time.perf_counter()
    held = -(-min(64, max(1, len(pictures) // 20)) // pieces) * pieces
    train, unseen = pictures[held:], pictures[:held]
    if not len(train):
        raise LearnitError(f"found {len(pictures)} pictures: expected two or more, to learn from and to validate")
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
    """Fit every picture from ``start`` and write the set to ``out``; what is there already is kept."""
    coords, key = arrays.grid(pictures.shape[1:3]), seed_key(seed)
    until = None if psnr is None else 10 ** (-psnr / 10)
    recipe = recipe_for(field, coords, setting, steps, until)
    if len(pictures) < 1:
        raise LearnitError("there are no pictures to be fitted: expected one at least")
    if block is None:
        block = networks.described(out).get("block")  # another one would round otherwise
    if block is None:
        block, _ = many.fastest_block(recipe, start, bytes_of(pictures, 0, min(len(pictures), 256)), key, mesh=mesh)

    def fit(first, number):
        data = bytes_of(pictures, first, number)
        return many.fit_many(recipe, start, data, key, first=first, block=block, chunk=number, mesh=mesh)

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
    scores = made.scores
    size = sum(file.stat().st_size for file in made.folder.iterdir())
    about = f"{len(made):,} networks in {made.folder} ({size / 1e6:,.0f} MB, {made.about['type']})"
    worst = f"PSNR {scores.mean():.2f} dB on average, the worst {scores.min():.2f}"
    return f"{about}: {worst}; {1e3 * seconds / len(made):.2f} ms a network in this run"


def main() -> None:
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
        "--rate", type=float, help="learning rate (default: 1 with learned rates, else the one of training)"
    )
    fit.add_argument("--steps", type=int, default=INNER_STEPS, help="steps, at most (default: %(default)s)")
    fit.add_argument("--psnr", type=float, metavar="DB", help="a picture is done at this PSNR")
    fit.add_argument("--type", choices=networks.TYPES, default="float32", help="numbers on disk (default: %(default)s)")
    fit.add_argument("--devices", type=int, metavar="N", help="share the work out over N devices (0: all there are)")
    fit.add_argument("--shard", type=int, metavar="N", help="networks in a file")
    given = parser.parse_args()
    try:
        (_start if given.command == "start" else _fit)(given)
    except (LearnitError, OSError) as error:  # a disk that is full
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt as stop:
        parser.exit(130, f"{stop}\n")


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
    file = Path(given.start)
    field, start, said = weights.load(file) if file.suffix or file.exists() else weights.pretrained(given.start)
    learned = isinstance(start, Rated)
    optimizer = given.optimizer or ("learned" if learned else "sgd")
    if (optimizer == "learned") != learned:
        has = "has learned rates: leave out --optimizer" if learned else "has no learned rates: give sgd or adam"
        raise LearnitError(f"the start {given.start} {has}")
    rate = given.rate or (1.0 if learned else said.get("profile", {}).get("inner_rate"))
    if not rate:
        raise LearnitError(f"{given.start} does not say a learning rate: give one with --rate")
    channels = field.spec["out_dim"]
    if field.spec.get("in_dim") != 2 or channels not in (1, 3):
        raise LearnitError(f"the start {given.start} is no network for pictures: expected 2 inputs, 1 or 3 outputs")
    began = time.perf_counter()
    pictures, names = read(given.source, size=given.size, channels=channels, tiles=given.tiles)
    made = make(
        pictures,
        field,
        start,
        given.out,
        {"source": given.source.resolve().name, "tiles": given.tiles, "size": given.size, "start": said},
        names=names,
        setting=Setting(optimizer, rate),
        steps=given.steps,
        psnr=given.psnr,
        dtype=given.type,
        seed=given.seed,
        shard=given.shard,
        mesh=None if given.devices is None else sharding.devices(given.devices or None),
    )
    print(_report(made, time.perf_counter() - began))


if __name__ == "__main__":
    main()
