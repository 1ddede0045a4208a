"""The paper's settings and figures, cell by cell: the table of them, the profiles `paper`, and the fits at test time.

What is expected stands here once more, copied from the supplement by itself and not from `experiments/supplement.py`.
"""

from dataclasses import replace

import jax
import numpy as np
import pytest

from learnit_core import experiments, signals, weights
from learnit_core.experiments import baselines, ct, image, supplement
from learnit_core.experiments.ct import table as ct_table
from learnit_core.experiments.image import table as image_table
from learnit_core.experiments.runs import outer_optimizer

SUPPLEMENT, CODE, TEXT, INFERRED = "supplement", "the authors' code", "main text", "inferred"

TRAINING = {
    # Section 1: 5 linear layers, 256 wide, w0 = 200; 150K iterations, 3 images a batch (Reptile: 10), 2 SGD steps of
    # 1e-2, outer Adam 1e-5.
    "image": """
        depth 5               supplement
        width 256             supplement
        w0 200                supplement
        num_steps 150000      supplement
        maml_batch 3          supplement
        reptile_batch 10      supplement
        inner_steps 2         supplement
        inner_rate 0.01       supplement
        outer_rate 0.00001    supplement
        decay False           the authors' code
        size 178              main text
    """,
    # Section 2: 5 layers, 256 wide; 256 frequencies, sigma = 30; 100K iterations, batch 1, 20 views, 12 SGD steps of
    # 10, outer Adam 5e-5.
    "ct": """
        depth 5               supplement
        width 256             supplement
        num_frequencies 256   supplement
        sigma 30              supplement
        num_steps 100000      supplement
        batch 1               supplement
        num_views 20          supplement
        inner_steps 12        supplement
        inner_rate 10         supplement
        outer_rate 0.00005    supplement
        decay False           the authors' code
        init haiku            the authors' code
        size 256              main text
        angle_deviation 2.8647889756541161  inferred
    """,
}
"""Field of the profile, its value, and where it is from, a line each."""

FITS = {
    # Section 1.
    "image": {
        "full": """
            standard      adam 1e-4  -
            mean          adam 1e-4  -
            matched       adam 1e-4  -
            shuffled      adam 1e-4  -
            meta-reptile  sgd  1e-2  -
            meta-maml     sgd  1e-2  -
        """
    },
    # Table 2, a column of steps for each number of views.
    "ct": {
        "views=1 views=2 views=4 views=8": """
            standard      adam 5e-4  50 100 250  1000
            mean          adam 1e-5  25 50  100  1000
            matched       adam 5e-4  50 100 500  1000
            shuffled      adam 5e-4  50 100 250  1000
            meta-reptile  sgd  10    50 100 1000 1000
        """
    },
}
"""Initialisation, optimiser, rate and steps ("-": not said) of all classes."""

CELEBA = """
    standard      10.88  37.92 6.31
    mean          14.48  25.59 4.57
    matched       13.73  26.32 4.17
    shuffled      16.29  25.80 4.02
    meta-reptile  25.55   9.86 7.42
    meta-maml     30.37
"""
"""Table 1: PSNR after two steps [dB], iterations to match MAML's, and their deviation."""


def lines(text):
    return [line.split() for line in text.strip().splitlines()]


def transcribed_training(name):
    found = {}
    for field, value, *source in lines(TRAINING[name]):
        found[field] = (value, " ".join(source))
    return found


def same(value, written):
    """Whether a profile's ``value`` is the number, the word or the truth that is ``written``."""
    return str(value) == written if isinstance(value, bool | str) else value == pytest.approx(float(written), rel=1e-12)


def transcribed_fits(name):
    """(optimiser, rate, steps) by column and initialisation."""
    found = {}
    for columns, text in FITS[name].items():
        for init, optimizer, rate, *steps in lines(text):
            for column, count in zip(columns.split(), steps, strict=True):
                chosen = (optimizer, float(rate), None if count == "-" else int(count))
                found.setdefault(column, {})[init] = chosen
    return found


@pytest.mark.parametrize("name", TRAINING)
def test_the_table_has_what_the_paper_says_of_training(name):
    expected, found = transcribed_training(name), supplement.TRAINING[name]
    assert found.keys() == expected.keys()
    for field, (value, source) in expected.items():
        assert same(found[field].value, value) and found[field].source == source, field


@pytest.mark.parametrize("name", FITS)
def test_the_table_has_what_the_paper_says_of_fits(name):
    assert supplement.FITS[name].keys() == {""}
    assert supplement.FITS[name][""] == transcribed_fits(name)


def test_the_table_has_the_papers_figures():
    found = supplement.FIGURES["image"]["celeba"]
    rows = {init: [float(number) for number in numbers] for init, *numbers in lines(CELEBA)}
    assert found["psnr_db"] == {init: (numbers[0], None, SUPPLEMENT) for init, numbers in rows.items()}
    del rows["meta-maml"]
    assert found["steps_to_match"] == {init: (*numbers[1:], SUPPLEMENT) for init, numbers in rows.items()}
    assert supplement.FIGURES["image"]["imagenette"] == {"psnr_db": {"meta-maml": (27.07, None, TEXT)}}
    assert "ct" not in supplement.FIGURES


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name in TRAINING for field in transcribed_training(name)]
)
def test_the_profile_paper_is_the_papers(name, field):
    experiment = experiments.ALL[name]
    for data in (*experiment.classes, "celeba"):
        profile = experiment.profiles["paper"].for_class(data)
        assert same(getattr(profile, field), transcribed_training(name)[field][0])


@pytest.mark.parametrize("name", TRAINING)
def test_the_papers_outer_rate_stays(name):
    """Adam's first step is as long as its rate; its last one too."""
    profile = experiments.ALL[name].profiles["paper"]
    optimizer, ones = outer_optimizer(profile), np.ones(1, np.float32)
    state = optimizer.init(ones)
    late = jax.tree.map(lambda leaf: leaf + profile.num_steps if leaf.dtype == np.int32 else leaf, state)
    late = jax.tree.map(lambda leaf: np.ones_like(leaf) if leaf.dtype == np.float32 else leaf, late)
    for known in (state, late):
        np.testing.assert_allclose(optimizer.update(ones, known)[0], -profile.outer_rate, rtol=1e-5)


def test_the_papers_network_is_the_one_that_is_built():
    siren, fourier = image.field_for(image.PROFILES["paper"], 3).spec, ct.field_for(ct.PROFILES["paper"]).spec
    assert (siren["model"], siren["depth"], siren["width"], siren["w0"]) == ("siren", 5, 256, 200)
    built = [fourier[name] for name in ("model", "depth", "width", "final", "init")]
    assert built == ["fourier_mlp", 5, 256, "sigmoid", "haiku"] and fourier["frequencies"].shape == (256, 2)
    assert fourier["frequencies"].std() == pytest.approx(30, rel=0.1)


# Fits at test time


@pytest.mark.parametrize("data", ["text", "celeba", "a folder"])
def test_pictures_are_fitted_by_the_papers_settings_in_both_columns(data):
    found, expected = image_table.tuned_settings("paper", data), transcribed_fits("image")["full"]
    for column in (found.after_two_steps, found.to_match):
        assert column == {init: (optimizer, rate) for init, (optimizer, rate, _) in expected.items()}
    assert found.tuned_on == dict.fromkeys(expected, "the paper's setting") and expected.keys() == set(
        image_table.INITS
    )


@pytest.mark.parametrize("data", ["phantoms", "a folder"])
def test_slices_are_fitted_by_the_papers_settings(data):
    found, expected = ct_table.tuned_settings("paper", data), transcribed_fits("ct")
    for column, n in zip(expected, (1, 2, 4, 8), strict=True):
        assert column == ct.observation(n)
        for init, (optimizer, rate, steps) in expected[column].items():
            assert found.fits[init][n] == ((optimizer, rate), steps, "the paper's setting")
            assert steps <= ct.PROFILES["paper"].limit(n), "the fit would be cut short"
    assert found.fits.keys() == set(ct_table.INITS) == expected["views=1"].keys()
    np.testing.assert_allclose(ct.test_angles(4), np.pi * np.array([0, 0.25, 0.5, 0.75]), rtol=1e-6)


def test_the_papers_phantoms_are_turned_and_others_are_not():
    paper, quick = (ct.PROFILES[name] for name in ("paper", "quick"))
    small = {"size": 48, "counts": (3, 2, 2)}
    ours, theirs = (ct.load_signals(replace(profile, **small), "phantoms") for profile in (quick, paper))
    plain = signals.load("phantoms", **small)
    for split in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(ours, split), getattr(plain, split))
        assert (getattr(theirs, split) != getattr(plain, split)).any(axis=(1, 2, 3)).all()
    assert ours.note == plain.note and theirs.note == f"{plain.note} Angles have a deviation of 2.9 degrees."


@pytest.mark.parametrize("count", [2, pytest.param(8, marks=pytest.mark.nightly)])
def test_standard_does_match_maml_with_the_papers_settings(count):
    """The paper's network on text at 64 x 64, and the shipped initialisation of the same size with w0 = 100.

    On CelebA the paper has Standard match after 38 steps.
    """
    pictures, limit = signals.load("text", size=64, counts=(1, 1, count)).test, 50
    field, (maml_field, maml, _) = image.field_for(image.PROFILES["paper"], 1), weights.pretrained("image-text-64")
    runs = {False: image_table.runner(field, pictures), True: image_table.runner(maml_field, pictures)}

    def run(draws, setting, num_steps):
        learned = draws[0] is maml  # of its curve no more than two steps is looked at
        return runs[learned](draws, setting, image_table.STEPS if learned else num_steps)

    made = {"standard": [baselines.standard(field, seed=0)], "meta-maml": [maml]}
    settings = image_table.tuned_settings("paper", "text")
    about = {"trained_on": "text", "data": "text", "seed": 0, "limit": limit}
    rows, curves = image_table.table_rows(run, made, settings, **about)
    assert (curves["standard"].max(axis=1) > 40).all() and curves["standard"].shape == (count, limit + 1)
    row, learned = (next(r for r in rows if r["in_table"] and r["init"] == init) for init in made)
    assert row["never_matched"] == 0 and 2 < row["steps_to_match"] < 40 and row["match_setting"] == ["adam", 1e-4]
    assert len(rows) == 4 and row["tuned_on"] == learned["tuned_on"] == "the paper's setting"
    assert learned["psnr_db"] > row["psnr_db"] + 10, "after two steps it is far behind"
    shown = image_table.markdown(rows).splitlines()
    assert [line.split(" | ")[0] for line in shown[2:4]] == ["| Standard", "| MAML"] and "not within" not in shown[2]
    assert shown[4:] == ["", "Settings chosen on: the paper's setting."], "a row stands twice"
