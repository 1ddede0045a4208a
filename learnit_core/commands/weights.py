"""Train the initialisations that are shipped: ``make weights``, resumable, one file for each.

    python -m learnit_core.commands.weights                  all of them
    python -m learnit_core.commands.weights image-text-64    only these

Checkpoints stand under ``$LEARNIT_OUT/weights``; the finished files go into ``learnit_core/pretrained``.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import learnit_core
from learnit_core import metrics, weights
from learnit_core.errors import LearnitError
from learnit_core.experiments import ct, image, runs, views
from learnit_core.experiments.settings import Settings

PRETRAINED = Path(learnit_core.__file__).parent / "pretrained"


class Shipped(NamedTuple):
    """One file: what it is trained on, how, and with which profile."""

    data: str
    algorithm: str
    profile: image.Profile | ct.Profile | views.Profile


def _recipes() -> dict[str, Shipped]:
    quick = image.PROFILES["quick"]
    # The `standard` network and size, with as many steps as two cores do in a quarter of an hour or less each.
    large = replace(image.PROFILES["standard"], counts=(4000, 20, 32))
    recipes = {
        f"image-{data}-quick-{algorithm}": Shipped(data, algorithm, quick)
        for data in image.CLASSES
        for algorithm in ("maml", "reptile")
    }
    recipes |= {
        image.SHIPPED["standard"][data]["meta-maml"]: Shipped(
            data, "maml", replace(image.for_class(large, data), num_steps=num_steps)
        )
        for data, num_steps in {"faces": 600, "sdf": 300, "text": 400}.items()
    }
    slices = {"quick": ct.PROFILES["quick"], "long": ct.LONG}
    recipes |= {ct.SHIPPED[name]: Shipped("phantoms", "reptile", profile) for name, profile in slices.items()}
    return recipes | {
        name: Shipped(data, algorithm, views.LONG if data == "chairs" else views.PROFILES["quick"])
        for data, names in views.SHIPPED.items()
        for algorithm, name in names.items()
    }


RECIPES = _recipes()


def make(name: str, settings: Settings, target: Path, *, seed: int = 0) -> Path:
    """Meta-train (or finish) one shipped initialisation and write it to ``target``."""
    if name not in RECIPES:
        raise LearnitError(f"no shipped initialisation is called {name!r}: expected one of {', '.join(RECIPES)}")
    data, algorithm, profile = RECIPES[name]
    profile = profile.capped(settings)
    experiment = next(module for module in (image, ct, views) if isinstance(profile, module.Profile))
    images = experiment.load_signals(profile, data, seed=seed)
    field, params, history = experiment.meta_train(
        profile, images, algorithm, seed=seed, folder=settings.out / "weights" / name
    )
    num_validation = len(runs.pictures(images.validation))
    if experiment is views:
        num_validation = min(num_validation, views.VALIDATED)
    provenance = {
        "name": name, "command": f"python -m learnit_core.commands.weights {name}", "data": data,
        "data_note": images.note, "train_shape": list(runs.pictures(images.train).shape), "algorithm": algorithm,
        "seed": seed,
        "profile": profile.training(), "seconds": round(history.seconds, 1),
        "validation_psnr_db": round(history.validation[-1][1], 2), "num_validation": num_validation,
        "device": metrics.device(),
        "versions": metrics.versions(),
    }  # fmt: skip
    file = target / f"{name}.safetensors"
    weights.save(file, field, params, provenance)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(prog="learnit_core.commands.weights", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to make: {', '.join(RECIPES)}")
    parser.add_argument("--target", type=Path, default=PRETRAINED)
    arguments = parser.parse_args()
    try:
        Settings.from_env().keep(arguments.target, PRETRAINED)
        for name in arguments.names or RECIPES:
            print(f"wrote {make(name, Settings.from_env(), arguments.target)}")
    except LearnitError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
