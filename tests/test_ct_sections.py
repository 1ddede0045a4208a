"""Notebook 02's bookkeeping: the same rows as the commands make, and slices off the class that nobody saw."""

import json
import re

import jax.numpy as jnp
import numpy as np
import pytest
from test_ct import TINY

from learnit_core.commands.repository import ROOT
from learnit_core.errors import LearnitError
from learnit_core.experiments import ct
from learnit_core.experiments.ct import explorers, sections, shipped, table
from learnit_core.experiments.settings import Settings

TRIAL = Settings(max_steps=2)


def test_choices():
    """What is shipped is there; without it, or with test data only, there is no training."""
    chosen = sections.choose(TRIAL)
    assert chosen.train and chosen.shipped is not None and chosen.images.name == "phantoms"
    assert [row["init"] for row in chosen.controls] == ["class-mean", "nearest-training"]
    assert {best.steps for fits in chosen.tuned.fits.values() for best in fits.values()} == {2}
    assert not sections.choose(Settings(max_steps=2, test_data="slice.png")).train
    with pytest.raises(LearnitError, match="no initialisation is shipped for 'phantoms' in the profile 'standard'"):
        sections.choose(Settings(profile="standard", max_steps=2), train=False)


def made_up(name, n, slices, steps):
    """Scores that differ from cell to cell, [slices, points]."""
    points = -(-steps // ct.EVERY) + 1
    rng = np.random.default_rng([table.INITS.index(name), n])
    return 10 + n + rng.uniform(size=(slices, points))


def test_the_notebooks_loop_makes_the_rows_of_the_commands():
    chosen = sections.choose(TRIAL)
    made = {name: [jnp.float32(i)] for i, name in enumerate(table.INITS)}
    limits = {n: chosen.profile.limit(n) for n in ct.NUM_PROJECTIONS}
    count = len(chosen.images.test)

    def made_up_runner(field, slices, n, *, most):
        return lambda draws, setting, steps: made_up(table.INITS[int(draws[0])], n, count, steps)

    about = {"trained_on": "phantoms", "data": "phantoms", "seed": 3, "make_runner": made_up_runner, "paper_too": False}
    expected, _ = table.table_rows(chosen.field, chosen.images.test, made, chosen.tuned, limits, **about)
    scores = {(name, n): made_up(name, n, count, 2) for name in made for n in limits}
    found, said, psnr = sections.compared(chosen, made, scores, seed=3)
    np.testing.assert_allclose(psnr["mean"][8], scores["mean", 8][:, -1], atol=1e-3)
    assert list(psnr) == [*table.INITS, "fbp"] and found == chosen.controls + expected
    assert table.markdown(found) in said
    mean = {name: scores[name, 4][:, -1].mean() for name in made}
    (order,) = [line for line in said.split("\n") if line.startswith("| 4 | ")]
    named = order.split(" | ")[1].strip(" |").split(", ")
    ranked = [name.rsplit(" ", 1)[0] for name in named if "Back" not in name]
    assert ranked == [table.LABELS[name] for name in sorted(mean, key=mean.get, reverse=True)]
    gap = np.mean(scores["meta-reptile", 2][:, -1] - scores["standard", 4][:, -1])
    assert f"| 2 views | 4 views | {gap:+.1f} | " in said


@pytest.fixture(scope="module")
def off():
    return sections.off_class(TRIAL)


def test_slices_off_the_class_are_rows_outside_of_the_table(off):
    assert [(row["observations"], row["init"]) for row in off.rows] == [
        (f"views={n}", init) for init in ("standard", "meta-reptile", "fbp") for n in (2, 4, 8)
    ]
    for row in off.rows:
        assert not row["in_table"] and row["data"] == "sdf" and row["num_signals"] == 2
        assert row["trained_on"] == ("phantoms" if row["init"] == "meta-reptile" else None)
        assert row["tuned_on"] == "validation of phantoms, profile long"
    said = [re.findall(r"\| ([\d.]+) dB", line) for line in off.said.split("\n")[2:]]
    np.testing.assert_allclose(np.ravel(np.array(said, float).T), [row["psnr_db"] for row in off.rows], atol=0.06)
    network = shipped.larger("sdf", settings=TRIAL)
    _, truth = sections.strangers(TRIAL, 64)
    pictures, _ = network.fits(truth, [("meta-reptile", 4)])["meta-reptile", 4]
    (row,) = [row for row in off.rows if (row["observations"], row["init"]) == ("views=4", "meta-reptile")]
    np.testing.assert_allclose(row["psnr_per_signal"], table.psnrs(pictures, truth), atol=1e-3)


def test_the_slider_over_projections_shows_what_its_labels_say(off):
    titles, controls = off.slider.scene["titles"], off.slider.scene["controls"]
    assert titles == ["Standard", "Reptile", "Back-projection", "truth"]
    assert controls[0]["labels"] == ["2 projections", "4 projections", "8 projections"]
    assert controls[1]["labels"] == ["slice 1", "slice 2"]
    _, truth = sections.strangers(TRIAL, 64)
    filters = table.tuned_settings("long", "sdf").filters
    for k, n in enumerate((2, 4, 8)):
        smeared = table.back_projected(truth, n, filters[n])
        for i in range(2):
            shown = dict(zip(titles, off.slider.pictures([float(k), float(i)]), strict=True))
            np.testing.assert_array_equal(shown["Back-projection"], np.round(255 * smeared[i]))
            np.testing.assert_array_equal(shown["truth"], np.round(255 * truth[i]))


def test_a_slider_over_one_slice_has_one_control():
    truth = np.full((1, 4, 4, 1), 0.5)
    shown = explorers.by_projections({"a": {2: truth, 4: truth / 2}}, truth, title="One")
    assert len(shown.scene["controls"]) == 1
    assert [int(picture.max()) for picture in shown.pictures([1.0])] == [64, 128]


def test_the_first_look_is_of_heads_that_were_not_trained_on():
    look = sections.first_look(TRIAL, num_projections=4)
    expected = ct.load_signals(ct.PROFILES["long"].capped(TRIAL), "phantoms").test
    np.testing.assert_array_equal(look.truth, expected[:2])
    assert look.fitted.keys() == {"standard", "meta-reptile"} and len(look.figure.axes) == 10


def test_bands_are_the_projections():
    sinogram = np.asarray(ct.tasks(ct.load_signals(TINY, "phantoms").test[:1], ct.test_angles(4)).support.values)[0]
    picture = sections._bands(sinogram)[..., 0]
    assert picture.shape == (16, 16)
    for k in range(4):
        np.testing.assert_allclose(picture[4 * k + 2], sinogram[k] / sinogram.max(), rtol=1e-6)


def test_the_larger_network_is_what_is_judged():
    """The first picture's settings are those of docs/results/ct.md, on phantoms of the same class."""
    kept = json.loads((ROOT / "docs" / "results" / "ct.json").read_text())
    network = shipped.larger()
    for row in kept["results"]:
        if row["in_table"] and row["init"] in network.starts and row["seed"] == 0:
            setting, steps, _ = network.chosen(row["init"], ct.OBSERVATIONS[row["observations"]])
            assert (row["optimizer"], row["learning_rate"], row["steps"]) == (*setting, steps)
