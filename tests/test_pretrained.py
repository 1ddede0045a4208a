"""The shipped initialisations: their files, their provenance, and the figures that they claim."""

import json
import re
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learnit_core
from learnit_core import evaluate, experiments, weights
from learnit_core.commands import weights as weights_command
from learnit_core.evaluate import Setting
from learnit_core.experiments import ct, image, tourism, views
from learnit_core.experiments.ct import table as ct_table
from learnit_core.experiments.image import table as image_table
from learnit_core.experiments.tourism import explorers as tourism_explorers
from learnit_core.experiments.tourism import pictures
from learnit_core.structures import Rated

FOLDER = Path(learnit_core.__file__).parent / "pretrained"
FILES = sorted(FOLDER.glob("*.safetensors"))
RECIPES = {name: recipe for name, (_, recipe) in weights_command.recipes().items() if not recipe.make}
"""Those that are meta-trained."""
IMAGES = list(experiments.ALL["image"].recipes)
QUICK = [name for name in IMAGES if "-quick-" in name]
LARGE = [name for name in IMAGES if "-quick-" not in name]
SLICES = list(experiments.ALL["ct"].recipes)
OBJECTS = list(experiments.ALL["views"].recipes)
PLACES = tourism.SHIPPED["long"]["landmark"]


@pytest.mark.parametrize("file", [file for file in FILES if file.stem in RECIPES], ids=lambda file: file.stem)
def test_a_file_is_small_and_says_where_it_comes_from(file):
    assert file.stat().st_size <= 2_000_000
    field, params, provenance = weights.load(file)
    recipe = RECIPES[file.stem]
    assert provenance["name"] == file.stem and provenance["command"].split()[-1] == file.stem
    assert {"seed", "data", "data_note", "profile", "seconds", "validation_psnr_db", "versions", "device"} <= set(
        provenance
    )
    assert (provenance["data"], provenance["algorithm"]) == (recipe.data, recipe.algorithm)
    experiment = weights_command.recipes()[file.stem][0]
    assert recipe.data in experiment.classes, "trained on what does not come with the package"
    assert {"python", "jax", "jaxlib", "optax", "numpy", "learnit"} <= provenance["versions"].keys()
    profile = recipe.profile.for_algorithm(recipe.algorithm)
    for name, value in json.loads(json.dumps(profile.training())).items():
        assert provenance["profile"][name] == value, name
        assert field.spec.get(name, value) == value, name
    assert field.spec.get("out_dim", 3) == (provenance.get("train_shape") or provenance["shape"])[-1]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))
    header = weights.read_arrays(file)[1]
    assert not re.search(r'"(/|~|[A-Z]:\\)|/(home|root|tmp|work|Users)/', json.dumps(header)), "a path of one machine"


def test_the_readme_adds_up_how_long_all_of_it_took():
    headers = [weights.read_arrays(file)[1] for file in FILES]
    seconds = sum(header.get("provenance", {}).get("seconds", 0) for header in headers)
    assert f"add up to {seconds / 3600:.1f} hours of two cores" in (
        Path(learnit_core.__file__).parents[1] / "README.md"
    ).read_text("utf-8")


def shape(provenance):
    """Height, width and channels of the pictures trained on."""
    return (provenance.get("train_shape") or provenance["shape"])[-3:]


def validation(name, count):
    """The first pictures that the recipe's validation was made on."""
    recipe = RECIPES[name]
    return image.load_signals(replace(recipe.profile, counts=(0, count, 0)), recipe.data).validation[:count]


def scores(field, params, pictures, setting, num_steps=2):
    """PSNR [dB] of each picture after a fit with ``setting``."""
    optimizer, key = setting.build(), jax.random.key(0)

    @jax.jit
    def run(params, tasks):
        about = {"optimizer": optimizer, "num_steps": num_steps}
        return evaluate.curves(*image.measures(field, tasks), params, tasks, key, **about)

    return np.asarray(run(params, image.tasks(pictures)))[:, -1]


@pytest.mark.parametrize("name", IMAGES)
def test_the_validation_score_is_what_the_file_says(name):
    """All validation signals of a small network; of a large one four, which are off the mean of all by their spread."""
    field, params, provenance = weights.pretrained(name)
    profile = provenance["profile"]
    # The first files do not say how many signals there were; of faces there are ten, however many are asked for.
    count = provenance.get("num_validation", 20) if name in QUICK else 4
    inner = Setting("sgd", profile["inner_rate"]) if not isinstance(params, Rated) else Setting("learned", 1.0)
    found = scores(field, params, validation(name, count), inner, profile["inner_steps"])
    assert abs(found.mean() - provenance["validation_psnr_db"]) < (3 if name in LARGE else 0.1), found


def test_text_at_64_pixels_leaves_a_tuned_random_start_far_behind():
    pictures = validation("image-text-64", 4)
    field, params, provenance = weights.pretrained("image-text-64")
    assert shape(provenance) == [64, 64, 1]
    learned = scores(field, params, pictures, Setting("sgd", provenance["profile"]["inner_rate"]))
    tuned = image_table.tuned_settings("standard", "text")
    assert tuned.tuned_on["standard"] == "validation", "no settings were tuned for this size"
    random = scores(field, field.init(jax.random.key(100)), pictures, tuned.after_two_steps["standard"])
    assert learned.mean() >= 24, learned
    assert learned.mean() - random.mean() >= 12, (learned, random)


@pytest.mark.parametrize("name", SLICES)
def test_slices_are_reconstructed_as_well_as_the_file_says(name):
    """After the inner steps of the training from as many projections, on the validation phantoms."""
    field, params, provenance = weights.pretrained(name)
    profile = RECIPES[name].profile
    phantoms = ct.load_signals(replace(profile, counts=(0, provenance["num_validation"], 0)), "phantoms").validation
    setting = Setting("sgd", profile.inner_rate)
    pictures, _ = ct.reconstruct(field, params, phantoms, profile.num_views, setting, profile.inner_steps)
    found = [evaluate.psnr(jnp.asarray(a), jnp.asarray(b)) for a, b in zip(pictures, phantoms, strict=True)]
    assert abs(np.mean(found) - provenance["validation_psnr_db"]) < 0.1


@pytest.mark.nightly
@pytest.mark.slow
def test_slices_of_the_longer_training_are_ahead_of_the_quick_ones():
    shipped = {name: classes["phantoms"]["meta-reptile"] for name, classes in ct.SHIPPED.items()}
    by_name = {name: weights.pretrained(file) for name, file in shipped.items()}
    quick, long = (by_name[name][2] for name in ("quick", "long"))
    assert long["profile"]["num_steps"] > quick["profile"]["num_steps"]
    # And from two projections, which is what they are for; each with the setting that was tuned for it.
    phantoms = ct.load_signals(replace(ct.PROFILES["quick"], counts=(0, 16, 0)), "phantoms").validation
    scores = {}
    for name, (field, params, _) in by_name.items():
        chosen = ct_table.tuned_settings(name, "phantoms").fits["meta-reptile"][2]
        pictures, _ = ct.reconstruct(field, params, phantoms, 2, chosen.setting, chosen.steps)
        scores[name] = ct_table.psnrs(pictures, phantoms)
    assert np.mean(scores["long"]) > np.mean(scores["quick"]), scores
    assert long["validation_psnr_db"] > quick["validation_psnr_db"]


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTS)
def test_objects_are_shown_as_well_as_the_file_says(name):
    """Held-out views of the validation objects, fitted to one view by the fit that validates a training."""
    field, params, provenance = weights.pretrained(name)
    count = provenance["num_validation"]
    profile = replace(RECIPES[name].profile, counts=(0, count, 0))
    unseen = views.tasks(views.load_signals(profile, provenance["data"]).validation, 1, num_held_out=2)
    assert abs(float(views.validate(profile, field, params, unseen)) - provenance["validation_psnr_db"]) < 0.1


@pytest.fixture(scope="module")
def landmark():
    return tourism.load_signals(tourism.PROFILES["quick"], "landmark")


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("name", PLACES.values())
def test_photographs_are_fitted_as_well_as_the_file_says(name, landmark):
    field, params, provenance = weights.pretrained(name)
    score = tourism.validate(tourism.PROFILES["long"], field, params, tourism.tasks(landmark.validation))
    assert abs(float(score) - provenance["validation_psnr_db"]) < 0.3


def test_appearances_show_their_photographs(landmark):
    """From the photograph's own camera each network is nearer to it than the initialisation, and than the others."""
    profile, (field, corners) = tourism.PROFILES["quick"], tourism_explorers.shipped_corners()
    _, start, _ = weights.pretrained(PLACES["meta-reptile"])
    names = [tourism_explorers.appearance_name(label) for label in tourism_explorers.APPEARANCES]
    assert {weights.pretrained(name)[2]["from"] for name in names} == {PLACES["meta-reptile"]}
    for i, index in enumerate(tourism_explorers.APPEARANCES.values()):
        camera, truth = pictures.camera_of(landmark.test, index), pictures.photograph(landmark.test, index)
        errors = [
            np.mean((pictures.picture(field, p, camera, num_samples=profile.num_samples) - truth) ** 2)
            for p in [*corners, start]
        ]
        assert np.argmin(errors) == i, errors
