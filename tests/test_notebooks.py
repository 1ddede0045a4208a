"""The notebooks as files, and from beginning to end, the way a user runs them.

With two steps in the smallest profile each, and the first as readers run it; every night in every profile.
"""

import ast
import functools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jupytext
import nbformat
import pytest
from test_supplement import check_setting
from test_views_notebook import check_sentences

from learnit_core import evaluate, losses, models, signals, weights
from learnit_core.commands import demo
from learnit_core.commands.execution import execute
from learnit_core.commands.repository import ROOT, notebooks
from learnit_core.commands.upkeep import notebooks as pairing
from learnit_core.evaluate import Setting
from learnit_core.experiments.views import SHIPPED, VALIDATED
from learnit_core.metrics import KEY
from learnit_core.signals import examples
from learnit_core.tuning import tune

SOURCES = notebooks()
START = SOURCES[0]
EXPERIMENTS = [path for path in SOURCES if path.stem[:3] in ("01_", "02_", "03_", "04_", "05_")]
SET_BY_THE_PAPER = {
    "image": {"standard", "mean", "matched", "shuffled", "meta-reptile", "meta-maml"},
    "ct": {"standard", "mean", "matched", "shuffled", "meta-reptile"},
    "views": {"standard", "matched", "shuffled", "meta-mv", "meta-sv"},
    "phototourism": {"meta-reptile"},
}
"""Rows of each experiment that the supplement has a setting for."""
CHECKPOINTS = {
    "01_image_regression": {"quick": 2, "standard": 2},
    "02_ct_reconstruction": {"quick": 1, "standard": 1},
    "03_view_synthesis": {"quick": 1, "standard": 1},
    "04_phototourism": {"quick": 1, "standard": 3},
    "05_your_own_signals": {"quick": 2, "standard": 2},
}
"""How many trainings each notebook keeps in a profile."""
ROW = {
    "experiment": str,
    "trained_on": (str, type(None)),
    "data": str,
    "split": str,
    "init": str,
    "observations": str,
    "steps": int,
    "psnr_db": (int, float),
    "psnr_per_signal": list,
    "num_signals": int,
    "seed": int,
    "in_table": bool,
}


def check_results(out, profile):
    """What every experiment notebook leaves: metrics by the rules of docs/design.md, figures and a page."""
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["notebook"] == out.name
    assert metrics["profile"] == profile
    assert {"seed", "device", "versions", "precision", "seconds", "results"} <= metrics.keys()
    for row in metrics["results"]:
        for name, kind in ROW.items():
            assert isinstance(row[name], kind), (name, row[name])
        assert len(row["psnr_per_signal"]) == row["num_signals"]
    table = [tuple(row[name] for name in KEY) for row in metrics["results"] if row["in_table"]]
    assert table and len(set(table)) == len(table), "two rows stand in one cell of the main table"
    inits = {}
    for row in metrics["results"]:
        if row["in_table"]:
            inits.setdefault(row["data"], {}).setdefault(row["observations"], set()).add(row["init"])
    for columns in inits.values():
        assert columns.pop("none", set()) == {"class-mean", "nearest-training"}, "a table without its controls"
        assert len({frozenset(column) for column in columns.values()}) == 1, "a column without some of its rows"
    assert list((out / "figures").glob("*.png"))
    return metrics


def check_effect(metrics):
    """The paper's order on unseen signals, for the notebook that wrote the metrics."""
    checks = {
        "01_image_regression": check_pictures,
        "02_ct_reconstruction": check_slices,
        "03_view_synthesis": check_views,
        "04_phototourism": check_photographs,
        "05_your_own_signals": check_own_signals,
    }
    checks[metrics["notebook"]](metrics)


def check_views(metrics):
    """From one view MV over Standard, Shuffled and itself un-adapted; more objects recognised than by chance."""
    rows = [row for row in metrics["results"] if row["observations"] == "views=1"]
    psnr = {row["init"]: row["psnr_db"] for row in rows if row["in_table"]}
    start = {row["init"]: row["psnr_db"] for row in rows if row["steps"] == 0}
    assert psnr["meta-mv"] > psnr["standard"] + 2
    assert psnr["meta-mv"] > psnr["shuffled"] + 2
    assert psnr["meta-mv"] > start["meta-mv"] + 1
    assert metrics["recognised"]["meta-mv"] > max(2, metrics["recognised"]["standard"])
    controls = [row["psnr_db"] for row in metrics["results"] if row["observations"] == "none"]
    assert len(controls) == 2 and psnr["meta-mv"] > max(controls)
    # Rows say their training: MV, SV and Joint had the same, and the MV of the longer one is told apart from them.
    trainings = {row["init"]: row.get("training") for row in rows if row["in_table"]}
    assert {name: trainings[name] for name in ("meta-mv", "meta-sv", "joint", "meta-mv-long")} == {
        "meta-mv": "300 × 32, here",
        "meta-sv": "300 × 32, shipped",
        "joint": "9600 steps, shipped",
        "meta-mv-long": "1000 × 128, shipped",
    }
    quick, long = (weights.pretrained(SHIPPED[name]["chairs"]["meta-mv"])[2] for name in ("quick", "long"))
    assert quick["num_validation"] == long["num_validation"] == VALIDATED
    # What is shipped of the same training is what the notebook trains, and the longer one is ahead of both.
    assert abs(quick["validation_psnr_db"] - metrics["validation_psnr_db"]) < 0.5
    assert long["validation_psnr_db"] > metrics["validation_psnr_db"]
    assert psnr["meta-mv-long"] > psnr["meta-mv"]
    check_sentences(metrics)


def check_slices(metrics):
    """What notebook 02 says of its tables and figures, sentence by sentence; first the paper's order."""
    table = [row for row in metrics["results"] if row["in_table"]]
    psnr, first = ({}, {})
    for row in table:
        psnr.setdefault(row["observations"], {})[row["init"]] = row["psnr_db"]
        first.setdefault(row["observations"], {})[row["init"]] = row["psnr_per_signal"][0]
    controls = psnr.pop("none")
    for views, bound in {1: 1.0, 2: 2.0, 4: 2.5, 8: 3.0}.items():
        at = psnr[f"views={views}"]
        others = {init: db for init, db in at.items() if init != "meta-reptile"}
        assert len(others) == 5 and at["meta-reptile"] > at["standard"] + bound, views
        # "From every number of projections Reptile is ahead of all other ways, back-projection included."
        assert at["meta-reptile"] > max(others.values()), views
        # "From two on it is ahead of both controls."
        assert len(controls) == 2 and (views == 1 or at["meta-reptile"] > max(controls.values())), views
        # "Mean … ends between Standard and Reptile, from every number of projections."
        assert at["standard"] < at["mean"] < at["meta-reptile"], views
        # "So does Matched up to four …; from eight it has lost that lead over Standard."
        assert (at["matched"] > at["standard"] + 1) == (views < 8), views
    # "From *one* projection it gets no further than the nearest training slice."
    assert abs(psnr["views=1"]["meta-reptile"] - controls["nearest-training"]) < 0.5
    # "Is Reptile with n views as good as Standard with 2n? With two it is, with four it is not."
    assert psnr["views=2"]["meta-reptile"] > psnr["views=4"]["standard"]
    assert psnr["views=4"]["meta-reptile"] < psnr["views=8"]["standard"] - 1
    # "From four and eight views most fits take all of them": 500 steps.
    long = [row["steps"] for row in table if row["init"] != "fbp" and row["observations"] in ("views=4", "views=8")]
    assert len(long) == 10 and max(long) == 500 and long.count(500) > 7
    # "Reptile's error is the palest."
    assert max(first["views=4"], key=first["views=4"].get) == "meta-reptile"
    # "Between networks fitted from random weights the skull fades", "from the learned start it stays".
    kept = {name: found["skull"][1] / min(found["skull"][::2]) for name, found in metrics["half_way"].items()}
    assert kept["Standard"] < 0.75 and kept["Reptile"] > 0.9 and kept["Reptile, SGD"] > 0.9
    check_meta_training_of_slices(metrics)
    check_slices_off_the_class(metrics)


def check_meta_training_of_slices(metrics):
    needs = {name: {int(n): tuple(pair) for n, pair in found.items()} for name, found in metrics["needs"].items()}
    plain, twice, reptile = needs["MAML"], needs["MAML, computing twice"], needs["Reptile"]
    megabytes, milliseconds = 0, 1
    # "MAML's grows with the number of inner steps … Computing each inner loss a second time … the growth is gone."
    assert plain[1][megabytes] * 1.3 < plain[4][megabytes] and plain[4][megabytes] * 1.7 < plain[12][megabytes]
    assert twice[12][megabytes] < 1.1 * twice[1][megabytes]
    # "Reptile needs the least, for any number of steps."
    assert max(pair[megabytes] for pair in reptile.values()) < 1.1 * reptile[1][megabytes]
    for n in reptile:
        assert reptile[n][megabytes] < min(plain[n][megabytes], twice[n][megabytes]), n
    # "All take longer for more steps, and MAML longer than Reptile", "the price is time".
    for found in needs.values():
        assert found[1][milliseconds] < found[12][milliseconds]
    assert reptile[12][milliseconds] < plain[12][milliseconds] < twice[12][milliseconds]
    # "Expect it to stay below filtered back-projection from the same 20."
    assert metrics["validation_db"][0] < metrics["validation_db"][-1] < metrics["back_projection_20_db"]


def check_slices_off_the_class(metrics):
    rows = [row for row in metrics["results"] if row["experiment"] == "ct-off-class"]
    psnr = {(row["observations"], row["init"]): row["psnr_db"] for row in rows}
    assert len(psnr) == len(rows) == 9 and not any(row["in_table"] for row in rows)
    # "From two projections the learned start loses to random weights", "from four it is still behind",
    # "from eight … the learned start is ahead on average".
    assert psnr["views=2", "meta-reptile"] < psnr["views=2", "standard"] - 2
    assert psnr["views=4", "meta-reptile"] < psnr["views=4", "standard"]
    assert psnr["views=8", "meta-reptile"] > psnr["views=8", "standard"] > psnr["views=8", "fbp"] + 1


def check_photographs(metrics):
    """Reptile adapts, and stands above Basic NeRF with as many steps, and above random weights by far."""
    after = {row["init"]: row["psnr_db"] for row in metrics["results"] if row["in_table"]}
    before = {row["init"]: row["psnr_db"] for row in metrics["results"] if row["steps"] == 0}
    assert after["meta-reptile"] > before["meta-reptile"] + 1.5
    assert after["meta-reptile"] > after["basic-steps"] + 0.5
    assert after["meta-reptile"] > after["standard"] + 3
    assert after["meta-reptile"] > after["basic"] and after["meta-reptile"] > after["class-mean"] + 3
    assert after["meta-reptile"] > after["nearest-training"] + 3
    chosen_by = metrics["validation_db"]
    assert chosen_by["meta-reptile"] > chosen_by["meta-reptile, trained here"] > chosen_by["standard"] + 1
    # "the way back from the adapted weights is then the plain gradient, times the rate"
    assert metrics["one_step_against_gradient"] < 1e-3
    # "from 25 steps on the left half still gets better, and the right one gets *worse*"
    alone, adapted = metrics["halves_db"]["standard"], metrics["halves_db"]["meta-reptile"]
    (left, right), (last_left, last_right) = alone["25"], alone["150"]
    assert list(alone) == ["0", "25", "125", "150"] and last_left > left + 1 and last_right < right - 0.3
    # "it takes on this one's, on the right, too, …: compare the second scores with those of section 2"
    best_alone = max(right for _, right in alone.values())
    assert adapted["150"][1] > max(adapted["0"][1], best_alone) + 2
    # "The first 16 steps help both halves, …; the later ones help the left half more"
    (left_0, right_0), (left_16, right_16), (left_150, right_150) = (adapted[n] for n in ("0", "16", "150"))
    assert right_16 - right_0 > 0.5 * (left_16 - left_0) > 1 and left_150 - left_16 > right_150 - right_16 + 1
    # "the curve lies above it from its first point on, and gains more in the first half of the training"
    trained = [score for _, score in metrics["training_db"]["meta-reptile"]]
    half = trained[len(trained) // 2 - 1]
    assert trained[0] > chosen_by["standard"] and half - trained[0] > trained[-1] - half
    # "before the fit it and Reptile show it … about equally well. A fit helps both. It helps Reptile more"
    assert abs(before["meta-reptile"] - before["basic"]) < 1 < after["basic"] - before["basic"]
    gained = {name: after[name] - before[name] for name in before}
    assert gained.pop("meta-reptile") > max(gained.values()) + 1
    # "from a fixed camera a cross-fade is hardly less, and from random weights the two agree as well"
    assert len(metrics["agreement_db"]) == 6 and min(metrics["agreement_db"].values()) > 30


def check_images(metrics):
    """The paper's order on unseen pictures: MAML first, Reptile over Standard, controls and baselines far below."""
    for data in {row["data"] for row in metrics["results"] if row["in_table"]}:
        psnr = {row["init"]: row["psnr_db"] for row in metrics["results"] if row["in_table"] and row["data"] == data}
        assert psnr["meta-maml"] > psnr["standard"] + 8, data
        assert psnr["meta-maml"] > 5 + max(psnr["mean"], psnr["matched"], psnr["shuffled"]), data
        assert psnr["meta-maml"] > psnr["meta-reptile"] > psnr["standard"], data
        assert psnr["meta-maml"] > 5 + max(psnr["class-mean"], psnr["nearest-training"]), data


def check_pictures(metrics):
    """What notebook 01 says of its figures and tables, besides."""
    check_images(metrics)
    psnr = {row["init"]: row["psnr_db"] for row in metrics["results"] if row["in_table"] and row["data"] == "text"}
    # "At two steps MAML is far ahead of all but Meta-SGD, which learned more."
    assert psnr["meta-sgd"] > psnr["meta-maml"] > 5 + max(score for init, score in psnr.items() if "meta" not in init)
    # "Standard with its weights scaled … is no better after two steps and far ahead after forty."
    assert psnr["standard-scaled"] < psnr["standard"] + 2
    assert metrics["leads"]["standard-scaled"]["behind"][-1][1] == 40
    assert metrics["leads"]["standard"]["ahead"][0][1] > 10
    mixed = metrics["interpolation"]
    # "MAML's fits by SGD stay close to where they started, and there the network is almost linear in its weights."
    assert mixed["MAML, SGD 3e-3"]["agreement_db"] > 8 + mixed["Standard, Adam 1e-4"]["agreement_db"]
    assert mixed["MAML, SGD 3e-3"]["moved"] < min(e["moved"] for name, e in mixed.items() if "MAML" not in name)
    # "Adam … at the rate in the last row … leaves that linear region."
    *_, last = mixed
    assert last.startswith("MAML, Adam") and mixed[last]["moved"] > 3 * mixed["MAML, SGD 3e-3"]["moved"]
    assert mixed[last]["agreement_db"] < mixed["MAML, SGD 3e-3"]["agreement_db"] - 8


def check_own_signals(metrics):
    """What notebook 05 says of its tables, sentence by sentence."""
    table = [row for row in metrics["results"] if row["in_table"]]
    strings = [row for row in metrics["results"] if row["experiment"] == "strings"]
    check_images({"results": strings})
    after = {row["init"]: row["psnr_db"] for row in strings if row["in_table"]}
    before = {row["init"]: row["psnr_db"] for row in strings if row["steps"] == 0 and not row["in_table"]}
    # "before the first step, MAML's weights are no better than any others"
    assert before["meta-maml"] < 0.5 + max(db for init, db in before.items() if init != "meta-maml")
    # "Mean, which is one, gains little in two steps"
    assert after["mean"] - before["mean"] < 3
    # "the right numbers in the wrong order are ahead of Standard, and behind MAML"
    assert after["standard"] + 2 < after["shuffled"] < after["meta-maml"] - 2
    # "The same functions, unchanged", in one, two and three dimensions
    own = {row["data"] for row in table if row["experiment"] == "own"}
    assert own == set(examples.EXAMPLES)
    for data in own:
        psnr = {row["init"]: row["psnr_db"] for row in table if row["data"] == data}
        assert psnr["meta-maml"] > psnr["standard"] + 6, data
        assert psnr["meta-maml"] > max(psnr["class-mean"], psnr["nearest-training"]) + 6, data
        # "Only `w0` is set for each class, so that random weights do well with it, too"
        assert psnr["meta-maml"] > standard_at_its_best(data) + 6, data


def standard_at_its_best(name):
    """PSNR [dB] of random weights after two steps on an example's test signals, with optimiser, rate and w0 chosen."""
    own, found = signals.from_arrays(examples.EXAMPLES[name]()), {}
    for w0 in (5.0, 10.0, 20.0, 30.0, 60.0):
        field = models.siren(own.places.shape[1], own.channels, width=64, depth=4, w0=w0)
        loss, score, start = losses.regression_loss(field), own.score(field), field.init(jax.random.key(2))

        @functools.partial(jax.jit, static_argnames="optimizer")
        def fitted(tasks, optimizer, rate, loss=loss, score=score, start=start):
            step, key = Setting(optimizer, rate).build(), jax.random.key(0)
            return evaluate.curves(loss, score, start, tasks, key, optimizer=step, num_steps=2)[:, -1]

        unseen = own.tasks(own.validation)
        best = tune(lambda setting, run=fitted, on=unseen: run(on, *setting), {"last": lambda psnr: float(psnr.mean())})
        found[best["last"].score] = float(fitted(own.tasks(own.test), *best["last"].choice).mean())
    return found[max(found)]


def run_demo(monkeypatch, tmp_path, notebook, **settings):
    for name, value in settings.items():
        monkeypatch.setenv(f"LEARNIT_{name}", str(value))
    monkeypatch.setenv("LEARNIT_OUT", str(tmp_path))
    assert demo.main([notebook.stem]) == 0
    return tmp_path / notebook.stem


def test_the_experiments_notebooks_are_there():
    assert [path.stem for path in EXPERIMENTS] == list(CHECKPOINTS)


def test_generated_files_are_up_to_date():
    assert pairing.main(["--check"]) == 0


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_links_to_the_scripts_follow_the_address(path):
    """In Colab the notebook stands alone: a relative link leads nowhere."""
    text = pairing.with_generated_cells(path.read_text("utf-8"), "https://github.com/someone/a-fork", path.stem)
    links = re.findall(r"\(([^() ]*)/blob/main/(data_scripts/\w+\.py)\)", text)
    assert "](../data_scripts" not in text and (links or path.stem[:3] not in ("01_", "02_"))
    for link, name in links:
        assert link == "https://github.com/someone/a-fork" and (ROOT / name).is_file()
    assert text.count("git clone") == text.count("git clone https://github.com/someone/a-fork.git")


def test_notebooks_show_the_idea_first_and_keep_to_few_names():
    """No cell longer than a screen, at most ten names of `experiments` (those that it holds, too), the start first."""
    for path in SOURCES:
        cells = jupytext.reads(path.read_text("utf-8"), fmt="py:percent").cells
        code = [cell for cell in cells if cell.cell_type == "code" and "colab" not in cell.metadata.get("tags", [])]
        assert {c.source.partition("\n")[0]: n for c in code if (n := len(c.source.splitlines())) > 20} == {}, path.stem
        if path in SOURCES[1:]:
            shown = [cell for cell in code if "setup" not in cell.metadata.get("tags", [])]
            assert "teaching.begin(" in shown[0].source and "show(" in shown[0].source, path.stem
            names = experiments_names("\n".join(cell.source for cell in code))
            assert 0 < len(names) <= 10, sorted(names)


DEFINED = (
    "an error of 0.1 is 10 dB, 0.01 is 20 dB, 0.001 is 30 dB",
    "10 dB is a bad guess, from about 30 dB on",
    "Above 30 dB the eye sees hardly any difference",
    "with the peak 1 the same error would have a PSNR of −20 dB",
)
"""Decibels in prose that explain the unit. All others come from a run, and the cell that measures them prints them."""


def test_prose_has_no_measured_numbers():
    """A number in prose would stay as it is when the code changes. (Tables of profiles say what a run takes.)"""
    for path in SOURCES:
        cells = jupytext.reads(path.read_text("utf-8"), fmt="py:percent").cells
        prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
        prose = [re.sub(r"```.*?```|^\|.*?$", "", text, flags=re.DOTALL | re.MULTILINE) for text in prose]
        text = re.sub(r"\s+", " ", " ".join(prose))
        for defined in DEFINED:
            text = text.replace(defined, "")
        assert re.findall(r"[^.]*\d ?(?:dB|%(?! interval))[^.]*", text) == [], path.stem


def experiments_names(source):
    """Dotted names that a notebook takes from `learnit_core.experiments`, its modules' attributes each by itself."""
    tree, modules, names = ast.parse(source), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("learnit_core.experiments"):
            for alias in node.names:
                (names if alias.name[0].isupper() else modules).add(alias.asname or alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            names.add(f"{node.value.id}.{node.attr}")
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_committed_notebooks_are_stripped(path):
    notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


def two_steps(monkeypatch, tmp_path, path, profile):
    """Run a notebook with two steps; returns its folder and its metrics, after a look at all that it leaves."""
    out = run_demo(monkeypatch, tmp_path, path, PROFILE=profile, MAX_STEPS=2)
    page = (out / "index.html").read_text()
    assert "<img" in page and "<div data-explorer" in page and "application/vnd.jupyter.widget" not in page
    assert len(checkpoints(out)) == CHECKPOINTS[path.stem][profile]
    return out, check_results(out, profile)


def checkpoints(out):
    return {file.name: file.read_bytes() for file in (out / "checkpoints").glob("*.safetensors")}


def goes_on(monkeypatch, tmp_path, path, profile):
    """Two steps, and then a new kernel, which trains nothing again: files are the same to the byte, numbers too."""
    out, before = two_steps(monkeypatch, tmp_path, path, profile)
    kept = checkpoints(out)
    _, after = two_steps(monkeypatch, tmp_path, path, profile)
    assert checkpoints(out) == kept
    assert after["seconds"]["meta_train"] == before["seconds"]["meta_train"]
    assert [row["psnr_db"] for row in after["results"]] == [row["psnr_db"] for row in before["results"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    # The first runs whole every time (below).
    [pytest.param(path, marks=[] if i else [pytest.mark.nightly], id=path.stem) for i, path in enumerate(EXPERIMENTS)],
)
def test_two_steps_with_the_smallest_settings(monkeypatch, tmp_path, path):
    """The one that takes least time goes on in a new kernel, too."""
    (goes_on if path.stem == "04_phototourism" else two_steps)(monkeypatch, tmp_path, path, "quick")


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize(
    "arrays",
    [
        "{str(i): np.random.default_rng(i).normal(size=(40, 2)) for i in range(20)}",
        "{str(i): np.random.default_rng(i).normal(size=(9, 8, 3)) for i in range(20)}",
        "np.random.default_rng(0).normal(size=(20, 6, 7, 5))",
    ],
    ids=["stereo", "colours", "boxes"],
)
def test_arrays_of_a_students_own_take_the_place_of_ours(monkeypatch, tmp_path, arrays):
    """Notebook 05: "your own dictionary goes here"."""
    (source,) = (path for path in EXPERIMENTS if path.stem[:3] == "05_")
    ours, text = "arrays = signals.examples.heights(400)", source.read_text("utf-8")
    assert text.count(ours) == text.count('name="heights"') == 1
    text = text.replace(ours, f"arrays = {arrays}").replace('name="heights"', 'name="mine"')
    (tmp_path / "mine.ipynb").write_text(pairing.to_ipynb(text), "utf-8")
    settings = {"LEARNIT_MAX_STEPS": "2", "LEARNIT_PROFILE": "quick", "LEARNIT_OUT": str(tmp_path)}
    execute(tmp_path / "mine.ipynb", env=dict(os.environ) | settings)
    metrics = check_results(tmp_path / source.stem, "quick")
    assert {row["data"] for row in metrics["results"]} == {"plucked", "mine", "chirps", "blobs"}
    assert (tmp_path / source.stem / "mine.safetensors").is_file()


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "data"),
    [(path, data) for path in EXPERIMENTS for data in (("chairs", "cars", "lamps") if "view" in path.stem else ("",))],
    ids=lambda value: getattr(value, "stem", value),
)
def test_two_steps_with_the_papers_settings(monkeypatch, tmp_path, path, data):
    """Every row that was fitted has the setting that it should have, and says whose it is; its steps are cut."""
    out = run_demo(monkeypatch, tmp_path, path, PROFILE="paper", MAX_STEPS=2, **({"DATA": data} if data else {}))
    found = check_results(out, "paper")["results"]
    fitted = [row for row in found if row["optimizer"]]
    assert fitted and all(row["tuned_on"] for row in fitted), "a setting from nowhere"
    if path.stem[:3] == "05_":  # which is not in the paper
        return
    rows = [row for row in fitted if row["experiment"] in SET_BY_THE_PAPER]
    assert {row["data"] for row in rows} >= ({data} if data else set())
    (experiment,) = {row["experiment"] for row in rows}
    by_the_paper = {row["init"] for row in rows if check_setting(row, row["data"], cut=True)}
    assert by_the_paper >= SET_BY_THE_PAPER[experiment]


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_two_steps_of_standard_and_a_new_kernel_that_goes_on(monkeypatch, tmp_path, path):
    goes_on(monkeypatch, tmp_path, path, "standard")


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    # By night a notebook has the machine for itself, since it says how long it takes; by day other tests run beside it.
    [
        pytest.param(path, marks=[pytest.mark.nightly, pytest.mark.alone] if i else [])
        for i, path in enumerate(EXPERIMENTS)
    ],
    ids=lambda path: path.stem,
)
def test_quick_from_beginning_to_end(monkeypatch, tmp_path, path):
    monkeypatch.setenv("LEARNIT_OUT", str(tmp_path))
    notebook = path.with_suffix(".ipynb")
    command = [sys.executable, "-m", "pytest", "--quiet", "--nbmake", "--nbmake-timeout=900", "-p", "no:cacheprovider"]
    subprocess.run([*command, str(notebook)], check=True, cwd=ROOT)
    metrics = check_results(tmp_path / path.stem, "quick")
    check_effect(metrics)
    assert metrics["seconds"]["total"] < 15 * 60  # six minutes are aimed at, on two cores with nothing else to do


@pytest.mark.slow
def test_two_steps_of_the_start(monkeypatch, tmp_path):
    """Notebook 00 has no profiles: a trial cuts its loops short."""
    out = run_demo(monkeypatch, tmp_path, START, MAX_STEPS=2)
    rows = json.loads((out / "metrics.json").read_text())["results"]
    assert [(row["init"], row["num_signals"]) for row in rows] == [("standard", 20), ("meta-maml", 20)]
    assert "<img" in (out / "index.html").read_text() and len(list((out / "figures").glob("*.png"))) == 6


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.alone
def test_the_start_from_beginning_to_end(monkeypatch, tmp_path):
    """With the lines that stand in notebook 00, what it promises: unseen text in two steps."""
    out = run_demo(monkeypatch, tmp_path, START)
    standard, maml = (row["psnr_db"] for row in json.loads((out / "metrics.json").read_text())["results"])
    assert maml >= 29 and standard < 15


def test_the_start_shows_the_curves_of_its_study():
    study = json.loads((ROOT / "docs" / "studies" / "outer_rate.json").read_text())["psnr_db"]
    shown = re.findall(r'^    "(.*)": (\[.*\]),$', START.read_text("utf-8"), re.MULTILINE)
    assert {name: json.loads(values) for name, values in shown} == study
    falling, constant, small = (study[name] for name in ("falling from 3e-4", "constant 3e-4", "constant 1e-4"))
    assert max(constant) - constant[-1] > 5, "the constant rate destroys what it has learned"
    assert small[1] < falling[1] and min(small[-1], falling[-1]) > 30, "a smaller one is slower, and holds"


@pytest.fixture(scope="module")
def colab_python(tmp_path_factory):
    """An environment with exactly constraints/colab.txt; the path of its Python."""
    folder = tmp_path_factory.mktemp("colab")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = str(folder / "bin" / "python")
    constraints = ROOT / "constraints" / "colab.txt"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-compile", "-r", constraints], check=True)
    yield python
    shutil.rmtree(folder)


def versions(python):
    listed = subprocess.run([python, "-m", "pip", "list", "--format=json"], capture_output=True, check=True)
    return {package["name"]: package["version"] for package in json.loads(listed.stdout)}


def on_top_of(python, folder):
    """An environment that finds all packages of another one, and has its own besides; the path of its Python."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    own, below = (next(env.glob("lib/python*/site-packages")) for env in (folder, Path(python).parent.parent))
    (own / "below.pth").write_text(f"{below}\n")
    return str(folder / "bin" / "python")


@pytest.mark.nightly
@pytest.mark.installs
@pytest.mark.parametrize("path", EXPERIMENTS[:1], ids=lambda path: path.stem)
def test_colab_stays_as_it_is_and_runs_the_notebook(tmp_path, path, colab_python, wheel):
    """The set-up cell is the same in all notebooks; the nightly workflow runs all of them with Colab's versions."""
    python = on_top_of(colab_python, tmp_path / "env")
    before = versions(python)
    settings = {"COLAB": "1", "WHEEL": str(wheel), "OUT": str(tmp_path), "MAX_STEPS": "2", "PROFILE": "quick"}
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {f"LEARNIT_{name}": value for name, value in settings.items()}
    # Elsewhere than in the checkout, so that what runs is the wheel.
    copy = shutil.copy(path.with_suffix(".ipynb"), tmp_path)
    execute(tmp_path / copy, env=env, python=python)
    check_results(tmp_path / path.stem, "quick")
    after = versions(python)
    assert {name: after.get(name) for name in before} == before
    assert {"jax", "numpy", "ipywidgets"} <= before.keys()
    assert "learnit" in after and "learnit" not in before


@pytest.mark.nightly
@pytest.mark.installs
def test_the_widgets_work_with_colabs_versions(tmp_path, colab_python, wheel):
    """What tests need besides goes into an environment of its own on top: Colab's stays as it is for other tests."""
    python, held = on_top_of(colab_python, tmp_path / "added"), tmp_path / "held.txt"
    before = versions(colab_python)
    held.write_text("".join(f"{n}=={v}\n" for n, v in before.items()))
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-c", held, wheel, "pytest", "beartype"], check=True)
    assert versions(colab_python) == before
    assert versions(python)["ipywidgets"] == "7.7.1" and versions(python)["anywidget"] == "0.9.21"
    copies = [shutil.copy(ROOT / "tests" / f"test_explorer{part}.py", tmp_path) for part in ("", "_checks")]
    command = [python, "-m", "pytest", "--quiet", "--rootdir", tmp_path, "-p", "no:cacheprovider", *copies]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    finished = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout[-4000:]


def test_the_set_up_cell_does_nothing_elsewhere(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("something was started"))
    exec(pairing.COLAB_CELL)
