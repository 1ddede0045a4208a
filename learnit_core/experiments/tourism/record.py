"""What commands and tests need to know of phototourism."""

from functools import partial
from pathlib import Path
from typing import Any

import jax

from learnit_core import weights
from learnit_core.experiments import tourism
from learnit_core.experiments.experiment import Experiment, Paper, Recipe
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.tourism import explorers, results, table, tune
from learnit_core.structures import Field, Params, rows

LANDMARK = tourism.SHIPPED["long"]["landmark"]

_FIT, _STEPS = tourism.VALIDATED
WATCHED = (
    f"right halves, left ones fitted with {_FIT.optimizer} {_FIT.learning_rate:g}, {_STEPS} steps "
    "(the table has others)"
)


def fit_appearance(label: str, settings: Settings, folder: Path) -> tuple[Field, Params, dict[str, Any]]:
    """A network fitted to one photograph of the landmark, from Reptile's initialisation in ``folder``."""
    profile, source = tourism.PROFILES["long"], LANDMARK["meta-reptile"]
    field, params, about = weights.load(folder / f"{source}.safetensors")
    index, (setting, num_steps) = explorers.APPEARANCES[label], explorers.appearance_fit(profile)
    steps = settings.cap(num_steps)
    photograph = rows(tourism.load_signals(profile, "landmark").test, [index])
    key = jax.random.key(0)  # the one by which the shipped files were made
    fitted = tourism.fit(profile, field, params, tourism.whole(photograph), setting, steps, key=key)
    return (
        field,
        rows(fitted.params, 0),
        {
            "from": source,
            "from_validation_psnr_db": about["validation_psnr_db"],
            "photograph": f"test {index} of landmark",
            "setting": list(setting),
            "steps": steps,
        },
    )


TOURISM = Experiment(
    name="tourism",
    row_name="phototourism",
    notebook="04_phototourism",
    profiles=tourism.PROFILES,
    classes=("landmark",),
    load_signals=tourism.load_signals,
    field_for=lambda profile, collection: tourism.field_for(profile),
    measures_for=tourism.Measures,
    tasks=lambda profile, photographs, observation: tourism.tasks(photographs),
    sampler=lambda profile, algorithm: tourism.sample_tasks,
    meta_train=tourism.meta_train,
    observations=(table.OBSERVED,),
    inits=table.INITS,
    labels=table.LABELS,
    algorithms=tourism.ALGORITHMS,
    shipped=tourism.SHIPPED,
    recipes={
        explorers.appearance_name(label): Recipe(
            "landmark", "reptile", tourism.PROFILES["long"], partial(fit_appearance, label)
        )
        for label in explorers.APPEARANCES
    },
    tuning=tune.TUNING,
    results=results.RESULTS,
    sections=explorers.SECTIONS,
    paper=Paper(tourism.meta_grad_for, table.others, table.scored, algorithms=tourism.algorithms, watched=WATCHED),
)
