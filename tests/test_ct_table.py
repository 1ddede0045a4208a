"""The CT table: runners, back-projection and rows against direct computation, and the settings that were tuned."""

import json
from dataclasses import asdict, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.transform import iradon, radon
from test_ct import IMAGES, TINY

from learnit_core import evaluate, metrics
from learnit_core.evaluate import Setting
from learnit_core.experiments import baselines, ct, report, tuned
from learnit_core.experiments.ct import results, table, tune
from learnit_core.experiments.ct.record import CT
from learnit_core.experiments.settings import Settings
from learnit_core.tuning import Chosen

LIMITS = {1: 10, 4: 20}
CHOSEN = {
    name: {n: Chosen(Setting("adam", 0.001 * (i + 1)), 10 * i, "validation") for n in ct.NUM_PROJECTIONS}
    for i, name in enumerate(table.INITS)
}
SETTINGS = table.TunedSettings(CHOSEN, dict.fromkeys(ct.NUM_PROJECTIONS, "hann"), "validation")


@pytest.fixture(scope="module")
def network():
    field = ct.field_for(TINY)
    return field, [field.init(jax.random.key(i)) for i in range(3)]


def test_a_runner_scores_every_tenth_step(network):
    field, (params, *_) = network
    curve = table.runner(field, IMAGES.test, 2)([params], Setting("adam", 3e-3), 20)
    assert curve.shape == (4, 3)
    for column, steps in enumerate((0, 10, 20)):
        pictures, _ = ct.reconstruct(field, params, IMAGES.test, 2, Setting("adam", 3e-3), steps)
        expected = [evaluate.psnr(jnp.asarray(a), jnp.asarray(b)) for a, b in zip(pictures, IMAGES.test, strict=True)]
        np.testing.assert_allclose(curve[:, column], expected, atol=1e-2)


def test_several_draws_are_taken_in_turn(network):
    field, draws = network
    run = table.runner(field, IMAGES.test, 2)
    alone = [run([params], Setting("sgd", 3.0), 10) for params in draws]
    together = run(draws, Setting("sgd", 3.0), 10)
    for i in range(len(IMAGES.test)):
        np.testing.assert_allclose(together[i], alone[i % 3][i], atol=1e-3)
    assert not np.allclose(alone[0], alone[1])


def test_back_projection_is_scikit_images():
    found = table.back_projected(IMAGES.test, 8, "cosine")
    degrees = 180 * np.arange(8) / 8
    for picture, truth in zip(found, IMAGES.test, strict=True):
        sinogram = radon(np.array(truth[..., 0], float), degrees, circle=True)
        expected = iradon(sinogram, degrees, filter_name="cosine", circle=True)
        np.testing.assert_allclose(picture[..., 0], np.clip(expected, 0, 1), atol=1e-3)
    # With many views it finds the slice, with one it cannot.
    many, one = (table.psnrs(table.back_projected(IMAGES.test, n, "hann"), IMAGES.test).mean() for n in (60, 1))
    assert many > one + 3


def made_up_runner(field, slices, num_projections, *, most):
    """Made-up curves: higher for larger rates and more projections; the draw is a number."""
    assert most == LIMITS[num_projections]

    def run(draws, setting, num_steps):
        points = np.arange(num_steps // ct.EVERY + 1)
        return 10 + num_projections + float(draws[0]) + 1000 * setting.learning_rate * points + np.array([[0.0], [1.0]])

    return run


def rows_and_curves(**settings):
    made = {name: [jnp.float32(i)] for i, name in enumerate(table.INITS)}
    about = dict(trained_on="phantoms", data="phantoms", seed=3, make_runner=made_up_runner) | settings
    return table.table_rows(ct.field_for(TINY), IMAGES.test[:2], made, SETTINGS, LIMITS, **about)


def test_rows_against_direct_computation():
    rows, curves = rows_and_curves()
    assert set(curves) == {(f"views={n}", name) for n in LIMITS for name in table.INITS}
    for n, limit in LIMITS.items():
        for i, name in enumerate(table.INITS):
            steps = min(10 * i, limit)
            (row,) = [r for r in rows if (r["init"], r["observations"], r["in_table"]) == (name, f"views={n}", True)]
            assert (row["steps"], row["optimizer"], row["learning_rate"]) == (steps, "adam", 0.001 * (i + 1))
            expected = 10 + n + i + (i + 1) * steps / 10
            assert row["psnr_per_signal"] == pytest.approx([expected, expected + 1])
            assert row["trained_on"] == (None if name == "standard" else "phantoms") and row["seed"] == 3
            assert curves[f"views={n}", name].shape == (2, steps // 10 + 1)
        (fbp,) = [r for r in rows if (r["init"], r["observations"]) == ("fbp", f"views={n}")]
        expected = table.psnrs(table.back_projected(IMAGES.test[:2], n, "hann"), IMAGES.test[:2])
        assert fbp["psnr_per_signal"] == pytest.approx(expected, abs=1e-3) and fbp["in_table"] and not fbp["optimizer"]
    paper = [r for r in rows if r["tuned_on"] == "the paper's setting"]
    assert [(r["init"], r["optimizer"], r["learning_rate"], r["in_table"]) for r in paper] == [
        ("meta-reptile", "sgd", 10.0, False)
    ] * 2
    cells = [tuple(row[name] for name in metrics.KEY) for row in rows if row["in_table"]]
    assert len(set(cells)) == len(cells) == 2 * (len(table.INITS) + 1)
    assert not any(r["tuned_on"] == "the paper's setting" for r in rows_and_curves(paper_too=False)[0])


def test_control_rows():
    mean, nearest = table.control_rows(IMAGES, data="phantoms", seed=0)
    average = np.mean(IMAGES.train, axis=0, dtype=float)
    for row, guesses in ((mean, [average]), (nearest, IMAGES.train.astype(float))):
        expected = [max(-10 * np.log10(np.mean((g - p) ** 2)) for g in guesses) for p in IMAGES.test]
        np.testing.assert_allclose(row["psnr_per_signal"], expected, atol=1e-3)
        assert row["in_table"] and row["observations"] == "none"


def test_markdown_says_what_the_rows_say():
    rows, _ = rows_and_curves()
    rows += table.control_rows(IMAGES, data="phantoms", seed=3)
    body, said = table.markdown(rows).split("\n\n")
    lines = {line.split(" | ")[0].strip("| "): line for line in body.split("\n")}
    for name, label in table.LABELS.items():
        for row in (row for row in rows if row["in_table"] and row["init"] == name):
            assert f"{row['psnr_db']:.1f} ± {row['psnr_std']:.1f}" in lines[label]
    assert "adam 0.002, 10" in lines["Mean"] and "hann" in lines["filtered back-projection"]
    assert "sgd 10" in lines["Reptile, the paper's setting"] and "validation" in said


def test_verdicts_are_paired_differences():
    rows = []
    for seed in (0, 1):
        for n in ct.NUM_PROJECTIONS:
            for i, name in enumerate((*table.INITS, "fbp")):
                scores = 10 + n + i + np.random.default_rng([seed, n]).normal(size=20)
                rows.append(
                    metrics.row(
                        experiment="ct",
                        trained_on=None,
                        data="phantoms",
                        split="test",
                        init=name,
                        seed=seed,
                        observations=f"views={n}",
                        steps=10,
                        psnr_per_signal=scores,
                        in_table=True,
                    )
                )
    lines = [line.strip("| ").split(" | ") for line in results.verdicts(rows)]
    found = {(line[0], line[1]): line[2:] for line in lines}
    assert len(found) == len(lines)
    for seed in "01":
        # Reptile is made 4 dB better than Standard, 1 dB than Shuffled, and 1 dB worse than back-projection.
        assert found[seed, "2 views: Reptile over Standard"] == ["+4.0", "[+4.0, +4.0]", "2.5", "yes"]
        assert found[seed, "8 views: Reptile over Standard"] == ["+4.0", "[+4.0, +4.0]", "5", "NO"]
        assert found[seed, "4 views: Reptile over the best other, Shuffled"][0::3] == ["+1.0", "yes"]
        assert found[seed, "1 view: Reptile over filtered back-projection"][0::3] == ["-1.0", "–"]
        assert found[seed, "Reptile with 4 views over Standard with 8"][2:] == ["–", "–"]


# Tuning


def test_tuning_takes_the_best_setting_and_step_of_the_second_round():
    """In the first round, of few signals and steps, another setting looks best."""
    calls = []

    def few(draws, setting, num_steps):
        calls.append((setting, num_steps))
        return np.full(
            (4, num_steps // 10 + 1), 20 - abs(np.log10(setting.learning_rate / 0.008)) - (setting.optimizer == "sgd")
        )

    def every(draws, setting, num_steps):
        calls.append((setting, num_steps))
        steps = 10 * np.arange(num_steps // 10 + 1)
        best = {0.01: 20.0, 0.003: 22.0}.get(setting.learning_rate, 10.0)
        return np.tile(best - abs(steps - 40) / 100, (16, 1))

    found = tune.tune_cell(few, every, [None], screening=20, limit=100)
    assert (found["choice"], found["steps"], found["score"]) == (["adam", 0.003], 40, 22.0)
    final = [["adam", 0.001], ["adam", 0.003], ["adam", 0.01], ["sgd", 1.0], ["sgd", 3.0]]
    assert [entry["setting"] for entry in found["final"]] == final, "two of each, and the best's neighbours"
    screened = [setting for setting, steps in calls if steps == 20]
    assert {s for s in screened} >= {Setting(name, rate) for name, rates in tune.GRID.items() for rate in rates}
    assert len([steps for _, steps in calls if steps == 100]) == len(final)
    assert found["screening"]["num_validation"] == tune.SCREENED and found["screening"]["steps"] == 20


def test_tuning_of_fits_cut_short_takes_no_more_steps_than_they_have():
    """The last point of a fit of 25 steps is after the 25th."""
    rising = tune.tune_cell(
        *[lambda draws, setting, steps: np.array([[0.0, 1, 2, 3]])] * 2, [None], screening=25, limit=25
    )
    assert rising["steps"] == 25 and {entry["steps"] for entry in rising["final"]} == {25}


def test_baselines_of_slices_are_what_they_are_called(network):
    field, (params, *_) = network
    made, reached = baselines.of_pictures(TINY, field, IMAGES, params, seed=1)
    assert set(made) == set(table.INITS) - {"meta-reptile"}
    assert len(made["shuffled"]) == baselines.SHUFFLES and min(reached.values()) > 25


TUNED = tuned.content("ct")


def test_tuned_settings_are_found_and_borrowed():
    found = table.tuned_settings("quick", "phantoms")
    part = TUNED["profiles"]["quick"]["phantoms"]
    for n in ct.NUM_PROJECTIONS:
        for name in table.INITS:
            chosen = part["cells"][str(n)][name]
            assert found.fits[name][n] == (tuple(chosen["choice"]), chosen["steps"], "validation")
        assert found.filters[n] == part["filters"][str(n)]["choice"]
    for profile, data in (("quick", "folder-x"), ("standard", "phantoms")):
        borrowed = table.tuned_settings(profile, data)
        assert borrowed.fits["mean"][4][:2] == found.fits["mean"][4][:2] and borrowed.filters == found.filters
        assert borrowed.fits["mean"][4].tuned_on == "validation of phantoms, profile quick"
    long = table.tuned_settings("long", "folder-x").fits["mean"][4]
    assert long.tuned_on == "validation of phantoms, profile long" and long[:2] != found.fits["mean"][4][:2]
    paper = table.tuned_settings("paper", "phantoms")
    assert paper.fits == table.PAPER and found.filters_on == "validation"
    row = table.fbp_row(IMAGES.test[:1], 4, paper, data="phantoms", seed=0)
    assert row["tuned_on"] == paper.filters_on == "validation of phantoms, profile quick", "filters are not the paper's"


@pytest.mark.parametrize("shipped", ct.SHIPPED)
def test_the_tuned_file_is_complete(shipped):
    part = TUNED["profiles"][shipped]["phantoms"]
    learned = tuned.fingerprint(ct.SHIPPED[shipped]["phantoms"]["meta-reptile"])
    assert part["num_validation"] == 16 and part["initialisations"] == {"meta-reptile": learned}
    assert TUNED["command"] and TUNED["seed"] == 0 and TUNED["protocol"] == tune.TUNING.protocol
    assert "validation phantoms" in TUNED["protocol"]
    assert list(part["limits"].values()) == list(ct.PROFILES[shipped].limits)
    assert all(db >= 40 for db in part["reached_db"].values())
    for n in ct.NUM_PROJECTIONS:
        assert set(part["cells"][str(n)]) == set(table.INITS)
        scores, choice = part["filters"][str(n)]["scores"], part["filters"][str(n)]["choice"]
        assert set(scores) == set(table.FILTERS) and max(scores, key=scores.get) == choice


@pytest.mark.nightly
def test_a_short_run_of_tuning(tmp_path, monkeypatch):
    tiny = replace(TINY, limits=(10, 10, 10, 10), fit_steps=20)
    experiment = replace(CT, profiles={name: replace(tiny, name=name) for name in ct.SHIPPED})
    monkeypatch.setattr(tune, "GRID", {"sgd": (3.0, 10.0, 30.0)})
    field = ct.field_for(tiny)
    about = {"profile": {}, "validation_psnr_db": 1.0}
    monkeypatch.setattr(tune.weights, "pretrained", lambda name: (field, field.init(jax.random.key(1)), about))
    settings = Settings(out=tmp_path / "out", max_steps=2)
    saved = []
    monkeypatch.setattr(tuned.Draft, "save", lambda draft: saved.append(json.dumps(draft.done)))
    tuned.tune(experiment, settings, tmp_path / "tuned.json")
    profiles = json.loads((tmp_path / "tuned.json").read_text())["profiles"]
    for part in (profiles[name]["phantoms"] for name in ct.SHIPPED):
        assert {n: set(cells) for n, cells in part["cells"].items()} == {
            str(n): set(table.INITS) for n in ct.NUM_PROJECTIONS
        }
        assert set(part["filters"]) == set(part["cells"])
        assert part["cells"]["4"]["mean"]["steps"] == 2
        assert part["initialisations"]["meta-reptile"]["validation_psnr_db"] == 1.0
    assert len(set(saved)) == 2 * len(ct.NUM_PROJECTIONS) * len(table.INITS), "each cell is kept as soon as it is done"


@pytest.mark.nightly
def test_a_short_run_of_results(tmp_path, monkeypatch):
    tiny = replace(TINY, name="long", limits=(10, 10, 10, 10), fit_steps=20)
    experiment = replace(CT, results=replace(CT.results, profile=tiny))
    monkeypatch.setattr(table, "tuned_settings", lambda profile, data: SETTINGS)
    settings = Settings(out=tmp_path / "out", max_steps=2)
    trained = []
    meta_train = ct.meta_train
    monkeypatch.setattr(ct, "meta_train", lambda *a, seed, **k: trained.append(seed) or meta_train(*a, seed=seed, **k))
    content = report.run(experiment, settings, tmp_path / "docs", [0, 1])
    assert trained == [0, 1], "once a seed, though its parts are made side by side"
    assert {row["seed"] for row in content["results"]} == {0, 1}
    text = (tmp_path / "docs" / "ct.md").read_text()
    assert "## Seed 1" in text and "seeds 0, 1" in text and "Reptile with 2 views over Standard with 4" in text
    summary = results.summary(content)
    assert "seeds 0, 1" in summary and "--experiments ct --seeds 0 1'" in summary and "--seeds 0 1'" in text
    # What is done is kept, in files that are called and belong as they always did.
    monkeypatch.setattr(table, "fit_rows", lambda *a, **k: pytest.fail("made again"))
    assert report.run(experiment, settings, tmp_path / "docs", [0, 1])["results"] == content["results"]
    kept = json.loads((settings.out / "results" / "ct-1-views4-mean.json").read_text())
    assert kept["belongs_to"][1] == ["mean", 4, [["adam", 0.002], 10, "validation"], True]
    assert (settings.out / "results" / "ct-1-views4-meta-reptile-paper.json").exists()


def test_a_fit_of_any_number_of_steps_is_scored():
    """The paper's own settings have fits of 25 steps, and a trial has two."""
    run = table.runner(ct.field_for(TINY), IMAGES.test[:2], 2)
    params = [baselines.standard(ct.field_for(TINY))]
    ends = {steps: run(params, Setting("sgd", 1.0), steps)[:, -1] for steps in (2, 20, 25)}
    assert run(params, Setting("sgd", 1.0), 25).shape == (2, 4) and run(params, Setting("sgd", 1.0), 20).shape == (2, 3)
    assert (ends[2] < ends[20]).all() and (ends[20] < ends[25]).all()


def test_the_summary_marks_the_best_initialisation_of_each_column():
    def row(init, num_projections, db):
        about = {
            "init": init,
            "psnr_db": db,
            "in_table": True,
            "num_signals": 2,
            "seed": 0,
            "psnr_per_signal": [db, db],
        }
        return about | {"observations": "none" if num_projections is None else f"views={num_projections}"}

    rows = [row("class-mean", None, 99.0)]  # a control is never in bold
    for n in ct.NUM_PROJECTIONS:
        best = "mean" if n == 1 else "meta-reptile"
        rows += [row(name, n, 20.0 if name == best else 10.0) for name in table.INITS]
    content = {
        "results": rows,
        "seeds": [0],
        "profile": "long",
        "device": "cpu",
        "command": "make results",
        "profile_values": asdict(ct.PROFILES["long"]),
    }
    lines = {line.split("|")[1].strip(): line for line in results.summary(content).splitlines() if "|" in line}
    assert lines["Mean"].split("|")[2:6] == [" **20.0** ", " 10.0 ", " 10.0 ", " 10.0 "]
    assert lines["Reptile"].split("|")[2:6] == [" 10.0 ", " **20.0** ", " **20.0** ", " **20.0** "]
    assert "**" not in "".join(lines[name] for name in ("Standard", "Matched", "Shuffled", "control: class mean"))
