"""Train the initialisations that are shipped: ``make weights``, resumable, one file for each.

    python -m learnit_core.commands.weights                  all of them
    python -m learnit_core.commands.weights image-text-64    only these

Checkpoints stand under ``$LEARNIT_OUT/weights``; the finished files go into ``learnit_core/pretrained``.
"""

import argparse
from pathlib import Path
from typing import Any

import learnit_core
from learnit_core import experiments, metrics, training, weights
from learnit_core.errors import LearnitError
from learnit_core.experiments import runs
from learnit_core.experiments.experiment import Experiment, Profile, Recipe
from learnit_core.experiments.settings import Settings
from learnit_core.structures import Field, Params

PRETRAINED = Path(learnit_core.__file__).parent / "pretrained"


def recipes() -> dict[str, tuple[Experiment, Recipe]]:
    """Every file that is shipped, by name, with the experiment that it belongs to."""
    return {name: (one, recipe) for one in experiments.ALL.values() for name, recipe in one.recipes.items()}


def make(name: str, settings: Settings, target: Path, *, seed: int = 0) -> Path:
    """Make (or finish) one file that is shipped, and write it to ``target``."""
    known = recipes()
    if name not in known:
        raise LearnitError(f"no shipped initialisation is called {name!r}: expected one of {', '.join(known)}")
    experiment, recipe = known[name]
    if recipe.make:
        field, params, about = recipe.make(settings, target)
    else:
        field, params, about = train(experiment, recipe, settings, settings.out / "weights" / name, seed=seed)
    command = f"python -m learnit_core.commands.weights {name}"
    about = {"name": name, "command": command, **about, "device": metrics.device(), "versions": metrics.versions()}
    file = target / f"{name}.safetensors"
    weights.save(file, field, params, about)
    return file


def train(
    experiment: Experiment, recipe: Recipe, settings: Settings, folder: Path, *, seed: int
) -> tuple[Field, Params, dict[str, Any]]:
    """Meta-train by a recipe, with checkpoints in ``folder``; the last is what the file says of it."""
    data, algorithm, profile, _ = recipe
    profile = profile.capped(settings)
    splits = experiment.load_signals(profile, data, seed=seed)
    field, params, history = experiment.meta_train(profile, splits, algorithm, seed=seed, folder=folder)
    return field, params, provenance(experiment, profile, splits, data, algorithm, history, seed=seed)


def provenance(
    experiment: Experiment,
    profile: Profile,
    splits: Any,
    data: str,
    algorithm: str,
    history: training.History,
    *,
    seed: int,
) -> dict[str, Any]:
    """What a file of weights says of how they were trained."""
    profile = profile.for_algorithm(algorithm)
    return {
        "data": data,
        "data_note": splits.note,
        "train_shape": list(runs.pictures(splits.train).shape),
        "algorithm": algorithm,
        "seed": seed,
        "profile": {"name": profile.name, **profile.training()},
        "seconds": round(history.seconds, 1),
        "validation_psnr_db": round(history.validation[-1][1], 2),
        "num_validation": experiment.validated(runs.pictures(splits.validation)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="learnit_core.commands.weights", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to make: {', '.join(recipes())}")
    parser.add_argument("--target", type=Path, default=PRETRAINED)
    arguments = parser.parse_args()
    try:
        Settings.from_env().keep(arguments.target, PRETRAINED)
        for name in arguments.names or recipes():
            print(f"wrote {make(name, Settings.from_env(), arguments.target)}")
    except LearnitError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
