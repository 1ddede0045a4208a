"""``make paper``: what a device is measured by, which precision is taken, and runs that are cut short and go on."""

import csv
import json
from dataclasses import replace
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import yaml

from learnit_core import experiments, losses, meta, models, plots, weights
from learnit_core.commands import paper
from learnit_core.commands.repository import ROOT
from learnit_core.experiments import baselines, image, precision, supplement
from learnit_core.experiments.image import table as image_table
from learnit_core.experiments.image.record import IMAGE
from learnit_core.experiments.precision import LOSS, WAY, Tried
from learnit_core.experiments.regression import Splits
from learnit_core.structures import Pixels, Task

PAPERS = [one for one in experiments.ALL.values() if one.paper]

# What is measured


def test_products_of_a_program_are_counted_loops_included():
    """A step of an MLP: forward, and backward by weights in all layers and by activations in all but the first."""
    pixels, sizes, steps = 50, (2, 8, 8, 3), 4
    field = models.siren(2, 3, width=8, depth=3)
    loss = losses.image_loss(field)
    task = Task(*[Pixels(jnp.ones((pixels, 2)), jnp.ones((pixels, 3)))] * 2)
    params, layers = field.init(jax.random.key(0)), [2 * pixels * i * o for i, o in pairwise(sizes)]
    for again in (False, True):  # with ``remat`` forward twice
        grad = meta.reptile(loss, meta.adapt_with(loss, optax.sgd(0.1), steps, remat=again))
        work = precision.products(jax.make_jaxpr(grad)(params, task, jax.random.key(1)).jaxpr)
        assert sum(work.values()) == steps * ((3 + again) * sum(layers) - layers[0]) + sum(layers)
        assert max(work, key=work.__getitem__) == (pixels, 8, 8)


def test_batched_products_count_once_for_each():
    a, b = jnp.ones((5, 3, 4)), jnp.ones((5, 4, 2))
    assert precision.products(jax.make_jaxpr(jnp.matmul)(a, b).jaxpr) == {(3, 4, 2): 2 * 5 * 3 * 4 * 2}


def test_a_rate_is_a_rate_and_what_is_not_offered_has_none():
    rate, product = precision.matrix_rate("highest", 64, 8, repeats=2)
    assert 0 < rate < 1e4 and product.shape == (64, 8)
    assert precision.matrix_rate("no such thing", 64, 8) is None


def test_the_fastest_precision_that_follows_is_taken():
    rng = np.random.default_rng(0)
    losses, way = np.linspace(1, 0.5, 10), rng.normal(size=100)
    aside = rng.normal(size=100)
    aside *= np.linalg.norm(way) / np.linalg.norm(aside)

    def taken(loss, off, seconds):
        exact = Tried(1.0, losses, way)
        return precision.fastest({"a": exact, "b": Tried(seconds, losses * (1 + loss), way + off * aside)})

    assert taken(0.9 * LOSS, 0.9 * WAY, 0.5) == "b" and taken(0.0, 0.0, 2.0) == "a"
    assert taken(1.1 * LOSS, 0.0, 0.5) == "a" == taken(0.0, 1.1 * WAY, 0.5) == taken(np.nan, 0.0, 0.5)
    late = np.where(np.arange(10) == 9, 1.1 * LOSS, 0)  # every loss counts
    assert taken(late, 0.0, 0.5) == "a"


@pytest.mark.parametrize("experiment", experiments.ALL.values(), ids=lambda one: one.name)
def test_precision_is_the_fields_and_earlier_files_do_not_say_it(experiment):
    profile, grey = experiment.profiles["quick"], Splits("none", *[np.zeros((1, 4, 4, 1), np.float32)] * 3, "")
    assert experiment.field_for(profile, grey).spec["precision"] == "highest"
    assert experiment.field_for(profile.at("default"), grey).spec["precision"] == "default"
    assert "precision" not in profile.training() and profile.at("default").training()["precision"] == "default"


# The run


@pytest.fixture
def tiny(monkeypatch):
    """Image regression's profile ``paper`` at a size that takes seconds, in chunks of one step."""
    small = {"size": 16, "counts": (8, 2, 3), "width": 8, "depth": 2, "num_steps": 5, "fit_steps": 4, "limit": 3}
    profile = replace(image.PROFILES["paper"], **small, outer_rate=1e-3, maml_batch=2)
    monkeypatch.setitem(experiments.ALL, "image", replace(IMAGE, profiles=IMAGE.profiles | {"paper": profile}))
    monkeypatch.setattr(paper, "LOOKS", 1e9)
    return profile


def command(*arguments):
    about = ("--experiment", "image", "--data", "sdf", "--algorithm", "maml", "--score", 0)
    return paper.main([str(argument) for argument in (*about, *arguments)])


def test_a_run_that_is_cut_short_goes_on_and_ends_as_one_that_is_not(tiny, tmp_path, monkeypatch, capsys):
    cut, whole, name = tmp_path / "cut", tmp_path / "whole", "image-sdf-paper-maml.safetensors"
    assert command("--out", whole) == 0
    assert "5 of 5 steps" in capsys.readouterr().out
    for steps in (1, 2):  # no time at all: each call makes one chunk
        assert command("--out", cut, "--minutes", 1e-9) == 0
        assert f"{steps} of 5 steps" in capsys.readouterr().out
        assert weights.load(cut / name)[2]["steps"] == steps
    # What was measured, and with it the precision, is the first run's.
    monkeypatch.setattr(precision, "measure", None)
    assert command("--out", cut, "--score", 2) == 0
    out = capsys.readouterr().out
    assert "5 of 5 steps" in out and "| Standard | full |" in out and "2 test signals, mean ± deviation" in out
    files = [weights.load(folder / name) for folder in (cut, whole)]
    jax.tree.map(np.testing.assert_array_equal, *(params for _, params, _ in files))
    field, _, about = files[0]
    assert field.spec["precision"] == "highest" and (about["steps"], about["data"]) == (5, "sdf")
    # A run that is finished is scored again, and nothing else.
    kept = {file: file.read_bytes() for file in (whole / "checkpoints").glob("*.safetensors")}
    assert command("--out", whole) == 0 and {file: file.read_bytes() for file in kept} == kept

    content = json.loads((cut / "metrics.json").read_text())
    assert {row["init"] for row in content["results"]} == {"standard", "meta-maml"}
    assert all(row["num_signals"] == 2 for row in content["results"])
    after = [row for row in content["results"] if row["steps"] == 2]
    assert all(row["psnr_unclipped_db"] <= row["psnr_db"] + 1e-3 for row in after) and len(after) >= 2
    trained = content["trained"]["meta-maml"]
    assert trained["measured"]["precision"] in trained["measured"]["matrix_tflops"]
    assert trained["hours_for_all"] > 0 and trained["measured"]["tflops_sustained"] > 0
    with (cut / "curve.csv").open() as opened:
        points = [(int(row["outer_step"]), float(row["validation_psnr_db"])) for row in csv.DictReader(opened)]
    assert points == [(step, pytest.approx(db, abs=1e-4)) for step, db in trained["validation"]]
    assert (cut / "curve.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--experiment", "pets"), "'pets' is no experiment: expected one of image, ct, views, tourism"),
        (("--experiment", "strings"), "'strings' is not in the paper: expected one of image, ct, views, tourism"),
        (("--minutes", "0"), "found 0 minutes"),
        (("--minutes", "-3"), "found -3 minutes"),
        (("--minutes", "nan"), "found nan minutes"),
        (("--score", "-1"), "-1 signals to score"),
        (("--algorithm", "mv"), "image has no algorithm 'mv': expected one of reptile, maml"),
        (("--data", "no/such/folder"), "no/such/folder"),
    ],
)
def test_bad_input(tiny, tmp_path, arguments, said, capsys):
    assert command("--out", tmp_path / "new", *arguments) == 1
    assert said in capsys.readouterr().err and not (tmp_path / "new").exists()


def test_all_experiments_share_no_folder_and_no_data(capsys):
    assert paper.main(["--out", "anywhere"]) == 1 and "--experiment" in capsys.readouterr().err


def test_a_folder_of_something_else_is_left_alone(tiny, tmp_path, capsys):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("Dear all,")
    assert command("--out", tmp_path / "letters") == 1 and "holds other files" in capsys.readouterr().err
    assert command("--out", tmp_path / "run") == 0
    for arguments, said in ((("--seed", 1), "another seed"), (("--precision", "tensorfloat32"), "in tensorfloat32")):
        assert command("--out", tmp_path / "run", *arguments) == 1
        assert said in capsys.readouterr().err
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiments.ALL, "image", replace(IMAGE, profiles={"paper": replace(tiny, num_steps=4)}))
        assert command("--out", tmp_path / "run") == 1
    assert "another profile" in capsys.readouterr().err


# What is printed


def test_ours_stand_beside_the_papers_figures():
    about = {"observations": "full", "steps": 2, "optimizer": "adam", "learning_rate": 1e-4, "num_signals": 9}
    about |= {"tuned_on": supplement.PAPERS, "in_table": True, "psnr_db": 12.0, "psnr_std": 1.5}
    match = {"steps_to_match": 40.25, "steps_to_match_std": 3.0, "never_matched": 1, "limit": 100}
    none = {"steps_to_match": None, "steps_to_match_std": None}
    rows = [
        about | match | {"init": "standard", "psnr_unclipped_db": 11.0},
        about | none | {"init": "meta-maml"},
        about | none | {"init": "mean", "in_table": False, "tuned_on": "elsewhere"},
    ]
    lines = paper.beside(experiments.ALL["image"], "celeba", rows).splitlines()
    assert lines[2] == (
        "| Standard | full | adam 0.0001, 2 steps | 12.00 ± 1.50 | 11.00 | 10.88 "
        "| 40.25 ± 3.00 (1 of 9 not within 100) | 37.92 ± 6.31 |"
    )
    assert lines[3] == "| MAML | full | adam 0.0001, 2 steps | 12.00 ± 1.50 | – | 30.37 | – | – |"
    assert lines[4:6] == ["", "9 test signals, mean ± deviation over signals. Settings: the paper's setting."]
    assert lines[6] == "Steps to match are counted by the PSNR of clipped values; the authors do not clip."
    faces = paper.beside(experiments.ALL["image"], "faces", rows)
    assert "10.88" not in faces and "do not clip" not in faces
    chairs = [rows[1] | {"init": "meta-mv", "observations": "views=1"}]
    said = paper.beside(experiments.ALL["views"], "chairs", chairs)
    assert "| 18.85 (main text) |" in said and said.endswith("for its own data; whether 'chairs' are these, you know.")


def about_row(init, observations="full", **more):
    """A row in the table as far as it is printed."""
    about = {"observations": observations, "steps": 2, "optimizer": "adam", "learning_rate": 1e-4, "num_signals": 9}
    about |= {"tuned_on": supplement.PAPERS, "in_table": True, "psnr_db": 12.0, "psnr_std": 1.5}
    return about | {"steps_to_match": None, "steps_to_match_std": None, "init": init, **more}


def printed(name, data, rows):
    """What stands in the columns of the paper (PSNR, steps to match), by the row's name and what it saw."""
    lines = [line.strip("| ").split(" | ") for line in paper.beside(experiments.ALL[name], data, rows).splitlines()]
    return {(line[0], line[1]): (line[5], line[7]) for line in lines if len(line) == 8 and line[0] != "row"}


def test_a_figure_stands_beside_its_own_column_only():
    """That of chairs from one view is none from 25."""
    rows = [about_row("meta-mv", "views=1"), about_row("meta-mv", "views=25"), about_row("standard", "views=25")]
    assert printed("views", "chairs", rows) == {
        ("MV Reptile", "views=1"): ("18.85 (main text)", "–"),
        ("MV Reptile", "views=25"): ("–", "–"),
        ("Standard", "views=25"): ("–", "–"),
    }


def test_a_figure_stands_beside_a_row_of_the_same_algorithm_only():
    """Table 1's Matched and Shuffled are MAML's; Mean and Standard are nobody's."""
    papers = {"mean": ("14.48", "25.59 ± 4.57"), "standard": ("10.88", "37.92 ± 6.31")}
    for source, name, own in (("meta-maml", "MAML", True), ("meta-reptile", "Reptile", False)):
        made = [about_row(init, derived_from=source) for init in ("matched", "shuffled")]
        rows = [about_row("standard"), about_row("mean"), *made]
        assert printed("image", "celeba", rows) == {
            ("Standard", "full"): papers["standard"],
            ("Mean", "full"): papers["mean"],
            (f"Matched to {name}", "full"): ("13.73", "26.32 ± 4.17") if own else ("–", "–"),
            (f"Shuffled from {name}", "full"): ("16.29", "25.80 ± 4.02") if own else ("–", "–"),
        }
        said = "Matched and Shuffled are made of Reptile here, in the paper of MAML: it has no such figures."
        assert (said in paper.beside(experiments.ALL["image"], "celeba", rows)) == (not own)


def test_what_is_imitated_is_the_papers_if_it_was_trained():
    image_, ct, views, tourism = (experiments.ALL[name] for name in ("image", "ct", "views", "tourism"))
    assert paper.imitated(image_, {"meta-reptile": 0, "meta-maml": 0}) == "meta-maml"
    assert paper.imitated(image_, {"meta-reptile": 0}) == paper.imitated(ct, {"meta-reptile": 0}) == "meta-reptile"
    assert paper.imitated(views, dict.fromkeys(("joint", "meta-sv", "meta-mv"))) == "meta-mv"
    assert paper.imitated(views, dict.fromkeys(("joint", "meta-sv"))) == "meta-sv"
    assert paper.imitated(tourism, {"basic-paper": 0}) == "basic-paper"  # no row of other landmarks
    assert {name for name in supplement.IMITATED} == {one.name for one in (image_, ct, views)}


def test_how_near_the_fitted_come_is_said_and_a_miss_is_warned_of():
    said = baselines.nearness({"mean": 41.26, "matched": 38.0, "shuffled": np.nan}, 40.0, plots.LABELS).splitlines()
    assert said[0] == "Mean shows its target to 41.3 dB."
    missed = "WARNING, 40 dB were aimed at, so this row may look worse than it is"
    assert said[1:] == [
        f"Matched shows its target to 38.0 dB: {missed}",
        f"Shuffled shows its target to nan dB: {missed}",
    ]


def test_all_rows_of_one_algorithm_say_what_they_are_made_of_and_what_they_reach(tiny, tmp_path, capsys, monkeypatch):
    """Reptile alone: Matched and Shuffled are its, and no fit is as near as is aimed at here."""
    one = experiments.ALL["image"]
    assert one.paper.aim == 40 and experiments.ALL["ct"].paper.aim == 40 and experiments.ALL["views"].paper.aim == 35
    monkeypatch.setitem(experiments.ALL, "image", replace(one, paper=one.paper._replace(aim=99.0)))
    arguments = ("--out", tmp_path / "run", "--algorithm", "reptile", "--all-rows", "--score", 2)
    assert command(*arguments) == 0
    out, content = capsys.readouterr().out, json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert "| Matched to Reptile | full |" in out and "| Shuffled from Reptile | full |" in out
    sources = {row["init"]: row.get("derived_from") for row in content["results"]}
    assert sources == dict.fromkeys(("standard", "mean", "meta-reptile")) | dict.fromkeys(
        ("matched", "shuffled"), "meta-reptile"
    )
    assert content["reached_db"].keys() == {"mean", "matched"} and content["aimed_at_db"] == 99
    for name, db in content["reached_db"].items():
        assert f"{plots.LABELS[name]} shows its target to {db:.1f} dB: WARNING, 99 dB were aimed at" in out
    assert content["signals"] in out and content["signals"].startswith("Signed distances")


def test_the_authors_psnr_does_not_clip():
    field = models.siren(2, 1, width=4, depth=2)
    tasks = image.tasks(np.full((1, 4, 4, 1), 0.5, np.float32))
    bright = jax.tree.map(jnp.zeros_like, field.init(jax.random.key(0)))
    bright[-1]["b"] = jnp.array([1.5])  # shows 2 everywhere
    query = jax.tree.map(lambda leaf: leaf[0], tasks.query)
    clipped, as_is = (which(field, tasks)[1](bright, query) for which in (image.measures, image.unclipped))
    np.testing.assert_allclose([clipped, as_is], [-20 * np.log10(0.5), -20 * np.log10(1.5)], rtol=1e-5)


def test_a_curve_without_a_reference_has_none():
    figure = plots.training_curves({"meta-maml": [(1, 2.0), (5, 3.0)]}, title="t")
    assert len(figure.axes[0].lines) == 1
    assert len(plots.training_curves({"meta-maml": [(1, 2.0)]}, title="t", reference=1.0).axes[0].lines) == 2


# Where it is called


def test_the_gpu_workflow_and_make_call_it():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "gpu.yml").read_text())
    inputs = (workflow.get("on") or workflow[True])["workflow_dispatch"]["inputs"]
    steps = workflow["jobs"]["notebooks"]["steps"]
    assert "minutes" in inputs and any("make paper ARGS=" in step.get("run", "") for step in steps)
    assert "learnit_core.commands.paper $(ARGS)" in (ROOT / "Makefile").read_text()


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("experiment", PAPERS, ids=lambda one: one.name)
def test_two_steps_of_every_experiment(experiment, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LEARNIT_MAX_STEPS", "2")
    asked = ["--experiment", experiment.name, "--out", str(tmp_path / "run"), "--score"]
    assert paper.main([*asked, "0"]) == 0
    assert paper.main([*asked, "2", "--all-rows"]) == 0, "with nothing left to train"
    content = json.loads((tmp_path / "run" / "metrics.json").read_text())
    learned = experiment.algorithms
    if experiment.paper.algorithms:  # the supplement has fewer
        learned = experiment.paper.algorithms(experiment.profiles["paper"])
    assert set(content["trained"]) == set(learned)
    assert all(one["steps"] == one["of"] > 0 for one in content["trained"].values())
    wanted = set(experiment.inits) - set(image_table.RIVALS)  # which are not the paper's
    assert wanted <= {row["init"] for row in content["results"]}
    assert content.get("reached_db", {}).keys() == wanted & {"mean", "matched"}
    many = {
        row["init"]: row["steps"] for row in content["results"] if row["observations"] == "views=25" and row["steps"]
    }
    assert many == ({"standard": 2, "meta-mv": 2} if experiment.name == "views" else {})
    for algorithm in learned.values():
        (file,) = (tmp_path / "run").glob(f"*-paper-{algorithm}.safetensors")
        assert weights.load(file)[2]["algorithm"] == algorithm
    assert "wrote metrics.json" in capsys.readouterr().out
