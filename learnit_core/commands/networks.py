"""A network for every picture: from a folder, a prepared set or an array to a set of networks on disk, resumable.

    python -m learnit_core.commands.networks start PHOTOGRAPHS --tiles 8 --minutes 5 --out START
    python -m learnit_core.commands.networks fit PICTURES --start START/start.safetensors --out NETWORKS

``start`` learns a start with a rate for each weight (Meta-SGD) from a folder of photographs; ``fit`` fits every picture
from it, or from weights that are shipped, by their name. ``learnit_core.networks.open("NETWORKS")[7]`` reads one.
"""

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from learnit_core import networks, sharding, weights
from learnit_core.commands.picture_sets import INNER_STEPS, NETWORK, STEPS, learn_start, make, recipe_for
from learnit_core.commands.pictures import read, whole
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.signals import prepared
from learnit_core.structures import Field, Params, Rated

__all__ = ["INNER_STEPS", "NETWORK", "STEPS", "learn_start", "main", "make", "recipe_for", "start_and_setting"]


def _report(made: networks.Networks, seconds: float, fitted: int) -> str:
    """What is said of a finished set, of which this run made ``fitted`` networks in ``seconds``.

    Raises LearnitError if every fit diverged.
    """
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
    if fitted:
        some = "" if fitted == len(made) else f", which fitted {fitted:,}"
        text += f"; {1e3 * seconds / fitted:.2f} ms a network in this run{some}"
    else:
        text += "; all were there already"
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
    common.add_argument("source", type=Path, help="a folder of pictures, a prepared set, or a .npy array")
    common.add_argument("--out", type=Path, required=True, help="the folder to write")
    common.add_argument("--size", type=int, default=32, help="side of a picture (default: %(default)s)")
    common.add_argument("--tiles", type=int, default=1, metavar="N", help="cut each picture into N x N of this size")
    common.add_argument("--split", choices=prepared.SPLITS, help="of a prepared set (default: train)")
    common.add_argument("--seed", type=int, default=0)
    commands = parser.add_subparsers(dest="command", required=True)
    learn = commands.add_parser("start", parents=[common], help="learn a start")
    learn.add_argument("--minutes", type=float, default=5.0, help="how long, at most (default: %(default)s)")
    learn.add_argument("--grey", action="store_true", help="of grey pictures: one channel (default: three, of colour)")
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
    fit.add_argument(
        "--budget",
        type=int,
        metavar="BYTES",
        help="what fits may need besides pictures and networks (default: a quarter of the memory that is free); one "
        "picture at a time is fitted in any case",
    )
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
    channels = 1 if given.grey else 3
    pictures, _ = read(given.source, size=given.size, channels=channels, tiles=given.tiles, split=given.split)
    _, _, about = learn_start(whole(pictures), given.out, minutes=given.minutes, pieces=given.tiles**2, seed=given.seed)
    print(_learned(given.out / "start.safetensors", about))


def _learned(file: Path, about: dict[str, Any]) -> str:
    """What is said of a start: also if the time was up before it was finished."""
    steps, of = about["steps"], about["num_steps"]
    text = (
        f"{file}: {steps:,} outer steps in {about['seconds']:.0f} s, "
        f"{about['validation_psnr_db']:.2f} dB after {INNER_STEPS} steps on pictures kept apart"
    )
    if steps < of:
        rate = 50 * (1 + math.cos(math.pi * steps / of))
        text += (
            f"; the time was up after {steps:,} of {of:,} steps, when the outer rate was still {rate:.0f} % of its "
            "first: the start is not finished, and the same command goes on with it"
        )
    return text


def _fit(given: argparse.Namespace) -> None:
    field, start, said, setting = start_and_setting(given.start, given.optimizer, given.rate)
    channels = field.spec["out_dim"]
    mesh = None if given.devices is None else sharding.devices(given.devices or None)
    began = time.perf_counter()
    pictures, names = read(given.source, size=given.size, channels=channels, tiles=given.tiles, split=given.split)
    said_of_source = {"source": given.source.resolve().name, "tiles": given.tiles, "size": given.size, "start": said}
    if given.split not in (None, "train"):  # not said of the training split, so that sets from before are gone on with
        said_of_source["split"] = given.split
    fitted: list[int] = []
    made = make(
        pictures,
        field,
        start,
        given.out,
        said_of_source,
        names=names,
        setting=setting,
        steps=given.steps,
        psnr=given.psnr,
        dtype=given.type,
        seed=given.seed,
        shard=given.shard,
        mesh=mesh,
        budget=given.budget,
        fitted=fitted.append,
    )
    print(_report(made, time.perf_counter() - began, sum(fitted)))


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
    "budget": (1, 10**15),
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
