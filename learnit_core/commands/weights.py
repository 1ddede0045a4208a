"""Train the initialisations that are shipped: ``make weights``, resumable, one file for each.

    python -m learnit_core.commands.weights                  all of them
    python -m learnit_core.commands.weights image-text-64    only these

Checkpoints stand under ``$LEARNIT_OUT/weights``; the finished files go into ``learnit_core/pretrained``.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax

import learnit_core
from learnit_core import metrics, weights
from learnit_core.errors import LearnitError
from learnit_core.experiments import ct, image, runs, tourism, views
from learnit_core.experiments.settings import Settings
from learnit_core.signals.tourism import some

PRETRAINED = Path(learnit_core.__file__).parent / "pretrained"


class Shipped(NamedTuple):
    """One file: what it is trained on, how, and with which profile."""

    data: str
    algorithm: str
    profile: image.Profile | ct.Profile | views.Profile | tourism.Profile


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
    recipes |= {
        ct.SHIPPED[name]: Shipped("phantoms", "reptile", profile) for name, profile in ct.SHIPPED_PROFILES.items()
    }
    recipes |= {
        tourism.SHIPPED["meta-reptile" if algorithm == "reptile" else algorithm]: Shipped(
            "landmark", algorithm, tourism.LONG
        )
        for algorithm in tourism.ALGORITHMS
    }
    return recipes | {
        name: Shipped(data, algorithm, views.LONG)
        for data, names in views.SHIPPED.items()
        for algorithm, name in names.items()
    }


RECIPES = _recipes()

APPEARANCES = {tourism.appearance_name(label): label for label in tourism.APPEARANCES}
"""Networks that are fitted to one photograph, from a shipped initialisation."""


def make(name: str, settings: Settings, target: Path, *, seed: int = 0) -> Path:
    """Meta-train (or finish) one shipped initialisation and write it to ``target``."""
    if name in APPEARANCES:
        return make_appearance(name, settings, target)
    if name not in RECIPES:
        names = ", ".join([*RECIPES, *APPEARANCES])
        raise LearnitError(f"no shipped initialisation is called {name!r}: expected one of {names}")
    data, algorithm, profile = RECIPES[name]
    profile = profile.capped(settings)
    experiment = next(module for module in (image, ct, views, tourism) if isinstance(profile, module.Profile))
    images = experiment.load_signals(profile, data, seed=seed)
    field, params, history = experiment.meta_train(
        profile, images, algorithm, seed=seed, folder=settings.out / "weights" / name
    )
    num_validation = len(runs.pictures(images.validation))
    if experiment is views:
        num_validation = min(num_validation, views.VALIDATED)
    if experiment in (tourism, views):
        profile = profile.for_algorithm(algorithm)
    provenance = {
        "name": name,
        "command": f"python -m learnit_core.commands.weights {name}",
        "data": data,
        "data_note": images.note,
        "train_shape": list(runs.pictures(images.train).shape),
        "algorithm": algorithm,
        "seed": seed,
        "profile": profile.training(),
        "seconds": round(history.seconds, 1),
        "validation_psnr_db": round(history.validation[-1][1], 2),
        "num_validation": num_validation,
        "device": metrics.device(),
        "versions": metrics.versions(),
    }
    file = target / f"{name}.safetensors"
    weights.save(file, field, params, provenance)
    return file


def make_appearance(name: str, settings: Settings, target: Path) -> Path:
    """Fit one photograph of the landmark, from Reptile's initialisation in ``target``."""
    source = tourism.SHIPPED["meta-reptile"]
    field, params, about = weights.load(target / f"{source}.safetensors")
    profile, label = tourism.LONG, APPEARANCES[name]
    setting, num_steps = tourism.APPEARANCE_FIT
    index, steps = tourism.APPEARANCES[label], settings.cap(num_steps)
    views = tourism.load_signals(profile, "landmark").test
    fitted = tourism.fit_photographs(profile, field, params, some(views, [index]), setting, steps)
    provenance = {
        "name": name,
        "command": f"python -m learnit_core.commands.weights {name}",
        "from": source,
        "from_validation_psnr_db": about["validation_psnr_db"],
        "photograph": f"test {index} of landmark",
        "setting": list(setting),
        "steps": steps,
        "device": metrics.device(),
        "versions": metrics.versions(),
    }
    file = target / f"{name}.safetensors"
    weights.save(file, field, jax.tree.map(lambda leaf: leaf[0], fitted), provenance)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(prog="learnit_core.commands.weights", description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which to make: {', '.join([*RECIPES, *APPEARANCES])}"
    )
    parser.add_argument("--target", type=Path, default=PRETRAINED)
    arguments = parser.parse_args()
    try:
        Settings.from_env().keep(arguments.target, PRETRAINED)
        for name in arguments.names or [*RECIPES, *APPEARANCES]:
            print(f"wrote {make(name, Settings.from_env(), arguments.target)}")
    except LearnitError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
