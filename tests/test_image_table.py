"""The comparison of initialisations: rows and controls against direct computation, and what is said of them."""

import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from test_image import IMAGES, TINY

from learnit_core import evaluate, losses, metrics, models
from learnit_core.evaluate import Setting
from learnit_core.experiments import baselines, image
from learnit_core.experiments.image import table as image_table

NAMES = image_table.INITS
SETTINGS = image_table.TunedSettings(
    after_two_steps={name: Setting("sgd", 0.01) for name in NAMES},
    to_match={name: Setting("adam", 0.001) for name in NAMES},
    along=dict.fromkeys(NAMES, [(1, Setting("sgd", 0.02)), (11, Setting("adam", 0.001)), (60, Setting("sgd", 9.0))]),
    tuned_on={name: f"validation of {name}" for name in NAMES},
    options={},
)
SLOWNESS = dict(zip(NAMES, (30.0, 12.0, 9.0, 3.45, 2.5, 2.0, 11.0, 10.0, 8.0, 1.5), strict=True))
"""In these made-up fits a signal rises by 25 dB and more, and takes so many steps of rate 0.01 for half of that."""


def made_up(draws, setting, num_steps):
    """A ``Runner`` for draws that are numbers of NAMES; Adam starts 1 dB lower, so that settings cannot be mixed up."""
    steps = np.arange(num_steps + 1)
    rise = 25 * steps / (steps + SLOWNESS[NAMES[int(draws[0])]] / setting.learning_rate / 100)
    return np.array([[10.0], [12.0], [15.0]]) + np.array([[1.0], [1.1], [1.2]]) * rise - (setting.optimizer == "adam")


MADE = {name: [jnp.int32(i)] for i, name in enumerate(NAMES)}


def table(**settings):
    about = dict(trained_on="waves", data="waves", seed=3, limit=40) | settings
    return image_table.table_rows(made_up, MADE, SETTINGS, **about)


def test_rows_against_direct_computation():
    rows = table()
    target = made_up(MADE["meta-maml"], Setting("sgd", 0.01), 2)[:, 2]
    curves = image_table.curves(made_up, MADE, SETTINGS, along=50)
    assert list(curves) == list(NAMES)
    for name in NAMES:
        curve = made_up(MADE[name], Setting("adam", 0.001), 50)
        np.testing.assert_array_equal(curves[name][:, :11], made_up(MADE[name], Setting("sgd", 0.02), 10))
        np.testing.assert_array_equal(curves[name][:, 11:], curve[:, 11:])
        curve = curve[:, :41]
        (row,) = [row for row in rows if row["init"] == name and row["in_table"]]
        expected = made_up(MADE[name], Setting("sgd", 0.01), 2)[:, 2]
        np.testing.assert_allclose(row["psnr_per_signal"], expected, atol=1e-3)
        assert row["tuned_on"] == f"validation of {name}"
        assert row["steps"] == 2 and row["optimizer"] == "sgd" and row["learning_rate"] == 0.01
        assert row["trained_on"] == (None if name.startswith("standard") else "waves") and row["seed"] == 3
        (start,) = [row for row in rows if row["init"] == name and row["steps"] == 0]
        np.testing.assert_allclose(start["psnr_per_signal"], curve[:, 0], atol=1e-3)
        if name == "meta-maml":
            assert row["steps_to_match"] is None
            continue
        steps = [next((n for n in range(41) if c[n] >= t), None) for c, t in zip(curve, target, strict=True)]
        assert row["never_matched"] == steps.count(None)
        assert row["steps_to_match"] == pytest.approx(np.mean([40 if n is None else n for n in steps]), abs=1e-3)
        assert row["limit"] == 40 and row["match_setting"] == ["adam", 0.001]
    by_name = {row["init"]: row for row in rows if row["in_table"]}
    assert [by_name[name]["never_matched"] for name in image_table.PAPERS[:-1]] == [3, 3, 3, 1, 0]


def test_cells_of_the_table_are_unique_and_the_papers_settings_stand_outside(tmp_path):
    rows = table()
    rows += image_table.control_rows(IMAGES, data="waves", seed=3)
    cells = [tuple(row[name] for name in metrics.KEY) for row in rows if row["in_table"]]
    assert len(set(cells)) == len(cells) == len(NAMES) + 2
    paper = [row for row in rows if row["tuned_on"] == "the paper's setting"]
    assert [row["init"] for row in paper] == list(image_table.PAPERS) and not any(row["in_table"] for row in paper)
    for row in paper:
        expected = ("sgd", 1e-2) if row["init"].startswith("meta") else ("adam", 1e-4)
        assert (row["optimizer"], row["learning_rate"]) == expected
    assert all(row["tuned_on"] != "the paper's setting" for row in table(paper_too=False))
    report = metrics.write(
        tmp_path / "metrics.json", notebook="n", profile="tiny", seed=3, precision="highest", seconds={}, results=rows
    )
    assert json.loads((tmp_path / "metrics.json").read_text("utf-8")) == report


def test_the_papers_setting_is_not_repeated_where_it_was_chosen():
    chosen = {name: image_table.PAPER.get(name, Setting("sgd", 0.01)) for name in NAMES}
    rows = image_table.table_rows(
        made_up,
        MADE,
        image_table.TunedSettings(chosen, chosen, SETTINGS.along, SETTINGS.tuned_on, {}),
        trained_on="waves",
        data="waves",
        seed=0,
        limit=40,
    )
    assert len(rows) == 2 * len(NAMES)


def test_control_rows():
    mean, nearest = image_table.control_rows(IMAGES, data="waves", seed=0)
    average = sum(picture.astype(float) for picture in IMAGES.train) / len(IMAGES.train)
    for row, guesses in ((mean, [average]), (nearest, IMAGES.train.astype(float))):
        expected = [max(-10 * np.log10(np.mean((g - p) ** 2)) for g in guesses) for p in IMAGES.test]
        np.testing.assert_allclose(row["psnr_per_signal"], expected, atol=1e-3)
        assert row["in_table"] and row["optimizer"] is None and row["steps"] == 0 and row["observations"] == "none"
    assert (mean["init"], nearest["init"]) == ("class-mean", "nearest-training")
    # A training picture is its own nearest, with infinite PSNR: still a number in the file.
    copies = image_table.control_rows(IMAGES._replace(test=IMAGES.train[:2]), data="waves", seed=0)
    assert copies[1]["psnr_per_signal"] == [100, 100]
    json.dumps(copies, allow_nan=False)


def test_markdown_says_what_the_rows_say():
    rows = table()
    rows += image_table.control_rows(IMAGES, data="waves", seed=3)
    text, said = image_table.markdown(rows).split("\n\n")
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.split("\n")]
    assert {len(line) for line in lines} == {5}
    names = [line[0] for line in lines[2:]]
    labels = [image_table.LABELS[name] for name in NAMES]
    controls = ["control: class mean", "control: nearest training picture"]
    papers = [f"{label}, the paper's setting" for label in labels[: len(image_table.PAPERS)]]
    assert names == labels + controls + papers
    by_name = dict(zip(names, lines[2:], strict=True))
    for row in (row for row in rows if row["in_table"]):
        line = by_name[image_table.LABELS[row["init"]]]
        assert line[2] == f"{row['psnr_db']:.1f} ± {row['psnr_std']:.1f}"
    assert by_name["Standard"][1] == "sgd 0.01" and by_name["Standard"][3] == "adam 0.001"
    assert by_name["Standard"][4] == "40.0 ± 0.0 (3 of 3 not within 40)"
    assert all(f"validation of {name}" in said for name in NAMES)
    assert by_name["MAML"][3:] == ["–", "–"] and by_name[controls[0]][1] == "no fit"


def test_leads_are_the_signs_of_paired_intervals():
    """Differences that all signals share have no spread: the sign of the mean decides, and zero is nobody's lead."""
    steps = np.arange(26.0)
    maml = np.array([[20.0], [25.0]]) + steps
    ahead_later, level = maml - 2.5 + steps, maml
    unsure = maml + np.array([[3.0], [-1.0]])  # ahead on average, on one signal of two
    found = image_table.leads({"standard": ahead_later, "mean": level, "meta-maml": maml, "matched": unsure})
    assert found["standard"] == {"ahead": [(0, 2)], "behind": [(3, 25)]}
    assert found["mean"] == found["matched"] == {"ahead": [], "behind": []}
    there_and_back = maml - np.where((steps > 3) & (steps < 15), 1.0, -1.0)
    found = image_table.leads({"mean": there_and_back, "meta-maml": maml})
    assert found["mean"] == {"ahead": [(4, 10)], "behind": [(0, 3), (15, 25)]}
    said = image_table.overtaking(found).split("\n")
    assert said[2] == "| Mean | 4 to 10 | 0 to 3, 15 to 25 |"
    means = image_table.means({"mean": maml})["mean"]
    assert means["25"] == 47.5 and "11" not in means and list(means) == [str(n) for n in image_table.SHOWN if n < 26]


# With a network


@pytest.fixture(scope="module")
def network():
    field = image.field_for(TINY, 1)
    return field, [field.init(jax.random.key(i)) for i in range(2)]


def test_the_runner_averages_draws_and_takes_any_rate(network):
    field, draws = network
    run = image_table.runner(field, IMAGES.test[:3])
    for rate in (0.02, 0.05):
        expected = [
            evaluate.curves(
                losses.image_loss(field),
                image.score(field),
                params,
                image.tasks(IMAGES.test[:3]),
                jax.random.key(0),
                optimizer=optax.sgd(rate),
                num_steps=2,
            )
            for params in draws
        ]
        found = run(draws, Setting("sgd", rate), 2)
        np.testing.assert_allclose(found, np.mean(expected, axis=0), atol=1e-2)
        assert found.shape == (3, 3)
    assert not np.allclose(run(draws, Setting("sgd", 0.02), 2), found)
    assert not np.allclose(run(draws[:1], Setting("sgd", rate), 2), found)


def test_baselines_are_what_they_are_called(network):
    field, (meta_params, _) = network
    profile = image.replace(TINY, fit_steps=300)
    made, reached = baselines.of_pictures(profile, field, IMAGES, meta_params, seed=1)
    assert {name: len(draws) for name, draws in made.items()} == {
        "standard": 1,
        "mean": 1,
        "matched": 1,
        "shuffled": baselines.SHUFFLES,
    }
    coords = models.pixel_grid(8, 8)
    targets = {"mean": IMAGES.train.mean(axis=0).reshape(-1, 1), "matched": field.apply(meta_params, coords)}
    for name, target in targets.items():
        error = np.mean((field.apply(made[name][0], coords) - target) ** 2)
        np.testing.assert_allclose(reached[name], -10 * np.log10(error), atol=0.05)
        assert reached[name] > 40
    everything = [leaf for draws in made.values() for p in draws for leaf in [p[0]["w"]]] + [meta_params[0]["w"]]
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(everything, 2)), "two of them are the same"
    for mixed in made["shuffled"]:
        jax.tree.map(
            lambda a, b: np.testing.assert_array_equal(jnp.sort(a, None), jnp.sort(b, None)), mixed, meta_params
        )


# The settings that were tuned


def test_what_was_not_tuned_for_a_profile_comes_from_the_small_one():
    """Reptile is not trained at full size."""
    quick, standard = (image_table.tuned_settings(profile, "text") for profile in ("quick", "standard"))
    assert standard.tuned_on["meta-maml"] == quick.tuned_on["meta-reptile"] == "validation"
    assert standard.tuned_on["meta-reptile"] == "validation of text, profile quick"
    assert standard.after_two_steps["meta-reptile"] == quick.after_two_steps["meta-reptile"]
    borrowed = image_table.tuned_settings("quick", "my pictures")
    assert borrowed[:2] == image_table.tuned_settings("quick", "faces")[:2]
    assert set(borrowed.tuned_on.values()) == {"validation of faces, profile quick"}
