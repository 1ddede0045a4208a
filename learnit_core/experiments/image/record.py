"""What commands and tests need to know of image regression."""

from dataclasses import replace

from learnit_core.experiments import baselines, image
from learnit_core.experiments.experiment import Experiment, Paper, Recipe
from learnit_core.experiments.image import bench, explorers, results, table, tune


def _recipes() -> dict[str, Recipe]:
    recipes = {}
    # The `standard` network and size, with as many steps as two cores do in a quarter of an hour or less each.
    large = replace(image.PROFILES["standard"], counts=(4000, 20, 32))
    for data, num_steps in {"faces": 600, "sdf": 300, "text": 400}.items():
        profile = replace(large.for_class(data), num_steps=num_steps)
        recipes[image.SHIPPED["standard"][data]["meta-maml"]] = Recipe(data, "maml", profile)
    return recipes


IMAGE = Experiment(
    name="image",
    notebook="01_image_regression",
    profiles=image.PROFILES,
    classes=image.CLASSES,
    load_signals=image.load_signals,
    field_for=lambda profile, images: image.field_for(profile, images.train.shape[-1]),
    measures_for=lambda profile: image.measures,
    tasks=lambda profile, pictures, observation: image.tasks(pictures),
    sampler=lambda profile, algorithm: image.sampler(image.batch_size(profile, algorithm)),
    meta_train=image.meta_train,
    observations=("full",),
    inits=table.INITS,
    labels=table.LABELS,
    algorithms=image.LEARNED,
    shipped=image.SHIPPED,
    recipes=_recipes(),
    tuning=tune.TUNING,
    results=results.RESULTS,
    sections=explorers.SECTIONS,
    bench=bench.run,
    paper=Paper(
        image.meta_grad_for,
        baselines.of_pictures,
        table.scored,
        algorithms=lambda profile: table.LEARNED,
        aim=baselines.FIT_DB,
    ),
)
