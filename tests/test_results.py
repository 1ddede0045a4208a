"""Pages under docs/results and README's tables are what their numbers say; and image regression's part of them."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from learnit_core import experiments
from learnit_core.commands import results
from learnit_core.experiments import image, report, tuned
from learnit_core.experiments.image import interpolation
from learnit_core.experiments.image import results as results_image
from learnit_core.experiments.image import table as image_table
from learnit_core.experiments.settings import Settings

IMAGE = experiments.ALL["image"]
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("experiment", experiments.ALL)
def test_the_page_is_made_of_its_numbers(experiment):
    content = json.loads((results.TARGET / f"{experiment}.json").read_text("utf-8"))
    assert (results.TARGET / f"{experiment}.md").read_text("utf-8") == experiments.ALL[experiment].results.page(content)


@pytest.mark.parametrize("experiment", experiments.ALL)
def test_the_readme_has_the_table_of_the_numbers(experiment):
    content = json.loads((results.TARGET / f"{experiment}.json").read_text("utf-8"))
    readme = (ROOT / "README.md").read_text("utf-8")
    summary = experiments.ALL[experiment].results.summary(content)
    assert summary in readme
    assert results.into_readme(readme, summary, experiment) == readme
    assert "changed" in results.into_readme(readme, "changed", experiment), "no place for it"


def test_gaps_of_pictures_are_held_against_their_bounds(monkeypatch):
    monkeypatch.setattr(results_image, "BOUNDS", {"faces": (8.0, 5.0)})
    scores = {"standard": 10.0, "mean": 12.0, "matched": 16.0, "shuffled": 9.0, "meta-reptile": 9.5, "meta-maml": 20.0}
    rows = [
        {
            "data": "faces",
            "seed": 1,
            "in_table": True,
            "init": init,
            "psnr_db": db,
            "psnr_per_signal": [db, db, db],
            "steps_to_match": 8.0 if init == "standard" else None,
        }
        for init, db in scores.items()
    ]
    lines = results_image.verdicts(rows)
    assert lines[0] == "| faces | 1 | MAML over Standard | +10.0 | [+10.0, +10.0] | 8 | yes |"
    assert lines[1] == "| faces | 1 | MAML over Matched | +4.0 | [+4.0, +4.0] | 5 | NO |"
    assert lines[3].startswith("| faces | 1 | Reptile over Standard | -0.5 |") and lines[3].endswith("| 0 | NO |")
    assert lines[4].endswith("| 4.0 times | – | 5 | NO |"), "eight steps against two"


def prose(experiment):
    """What README says by hand below an experiment's tables, up to the next heading, in one line; and its decimals."""
    readme = (ROOT / "README.md").read_text("utf-8")
    (found,) = re.findall(rf"<!-- end of {experiment} results -->\n(.*?)(?=^#|<!-- |\Z)", readme, re.M | re.S)
    found = found.partition("\n**Signals of your own")[0].partition("\n**What falls short.** The `standard`")[0]
    return " ".join(found.split()), re.findall(r"(?<![\d.])\d+\.\d\b", found)


@pytest.mark.parametrize("experiment", [name for name in experiments.ALL if name not in ("views", "tourism")])
def test_readmes_prose_has_no_decibels_that_a_table_could_have(experiment):
    assert prose(experiment)[1] == []


def test_readme_says_how_much_less_validated_settings_give_on_test_objects():
    said, decimals = prose("views")
    validated = tuned.content("views")["profiles"]["long"]["chairs"]["cells"]["1"]["standard"]["score"]
    content = json.loads((results.TARGET / "views.json").read_text("utf-8"))
    asked = {"data": "chairs", "init": "standard", "observations": "views=1", "in_table": True}
    rows = [row for row in content["results"] if all(row[key] == value for key, value in asked.items())]
    less = [validated - row["psnr_db"] for row in rows]
    assert f"on chairs there ({validated:.1f} dB) give {min(less):.1f} to {max(less):.1f} dB less on the test" in said
    assert len(less) == 3 and len(decimals) == 3


def test_readme_says_of_photographs_what_the_ledger_says():
    said, decimals = prose("tourism")
    lines = (ROOT / "docs" / "paper.md").read_text("utf-8").splitlines()
    numbers = []
    for claim in ("Reptile is ahead of Basic NeRF at as many rays.", "A fit to the left half helps the right."):
        (line,) = (line for line in lines if line.startswith(f"| {claim}"))
        mean, low, high = re.search(r"landmark \+(\S+) \[\+(\S+), \+(\S+)\]", line).groups()
        assert f"{mean} dB [{low}, {high}]" in said
        numbers += [mean, low, high]
    assert decimals == numbers


def test_mixtures_are_clean_after_small_steps_by_either_optimiser_and_not_after_large_ones():
    """What notebook 01 and the kit say, of each class: it is how far the weights go that matters."""
    content = json.loads((results.TARGET / "image.json").read_text("utf-8"))
    for shipped in (image.SHIPPED["quick"][data]["meta-maml"] for data in image.CLASSES):
        found = content["interpolation"][shipped]
        assert set(found) == set(interpolation.VARIANTS)
        standard = max(found[how]["agreement_db"] for how in found if how.startswith("Standard"))
        near, far = ("MAML, SGD 3e-3", "MAML, Adam 1e-5"), ("MAML, SGD 3e-2", "MAML, Adam 1e-3")
        assert min(found[how]["agreement_db"] for how in near) > standard + 8
        assert max(found[how]["agreement_db"] for how in far) < standard - 2
        assert 2 * max(found[how]["moved"] for how in near) < min(found[how]["moved"] for how in far)


def test_leads_pool_seeds_and_are_bold_above_zero():
    """Of two seeds: the mean of the means, the lowest and the highest bound; a control counts for each seed."""
    scores = {"a": [20.0, 22.0], "b": [10.0, 10.0], "c": [21.0, 21.0], "control": [30.0]}
    rows = [
        {
            "init": init,
            "seed": seed,
            "psnr_db": db,
            "psnr_per_signal": [db] * 3,
            "observations": "seen",
            "in_table": True,
        }
        for init, dbs in scores.items()
        for seed, db in enumerate(dbs)
    ]
    rows[-1] |= {"observations": "none"}

    def gaps(mine):
        return [report.Gap(f"a over {name}", report.cell("a"), report.cell(name)) for name in ("b", "c", "control")]

    lines = report.leads("Leads", {"x": rows}, gaps, {}, lambda what: True)
    assert lines[2:] == [
        "| difference | x |",
        "|---|---|",
        "| a over b | **+11.0 [+10.0, +12.0]** |",
        "| a over c | +0.0 [-1.0, +1.0] |",
        "| a over control | -9.0 [-10.0, -8.0] |",
    ]
    assert [line for line in report.leads("Leads", {"x": rows}, gaps, {}, lambda what: "c" in what)[4:]] == lines[5:]


def test_classes_with_fewer_seeds_are_named():
    rows = [{"data": data, "seed": seed, "observations": "seen"} for data, seed in (("a", 1), ("a", 2), ("b", 1))]
    content = {"seeds": [1, 2], "results": [*rows, {"data": "c", "seed": 7, "observations": "none"}]}
    assert report.seeds(content, tuned=False) == "meta-training seeds 1, 2 (b: 1 only)"
    assert report.seeds(content).startswith("meta-training seeds 1, 2 (b: 1 only), all with")


def test_who_overtakes_for_good():
    """After MAML's last lead, up to the end, with every seed."""
    late = {"ahead": [(2, 7)], "behind": [(0, 1), (9, 50), (70, 100)]}
    later = {"ahead": [(0, 9), (15, 20)], "behind": [(10, 10), (25, 100)]}
    ahead, undecided = {"ahead": [(0, 100)], "behind": []}, {"ahead": [(0, 5)], "behind": [(20, 50)]}
    other = {"mean": later, "matched": ahead, "shuffled": undecided}
    parts = [{"mean": late, "matched": late, "shuffled": late}, other]
    assert results_image.overtaken(parts, 100) == {"mean": [9, 25]}
    assert results_image.overtaken(parts[:1], 100)["matched"] == [9] and results_image.overtaken([], 100) == {}


@pytest.mark.nightly
@pytest.mark.slow
def test_a_short_run_of_image_results(tmp_path, monkeypatch):
    monkeypatch.setattr(image, "CLASSES", ("faces",))
    monkeypatch.setattr(results_image, "BOUNDS", {"faces": (8.0, 5.0)})
    monkeypatch.setattr(interpolation, "VARIANTS", dict(list(interpolation.VARIANTS.items())[:1]))
    monkeypatch.setattr(interpolation, "LARGE_VARIANTS", tuple(interpolation.VARIANTS))
    settings = Settings(out=tmp_path / "out", max_steps=2)
    content = report.run(IMAGE, settings, tmp_path, [1])
    assert {row["seed"] for row in content["results"]} == {1} and content["seeds"] == [1]
    assert {row["init"] for row in content["results"] if row["in_table"]} >= set(image_table.INITS)
    assert content["profile_values"]["num_steps"] == 2
    page = (tmp_path / "image.md").read_text("utf-8")
    assert "## faces, seed 1" in page and "meta-training seed 1," in page and "in brackets" in page.lower()
    assert "2 outer steps" in results_image.summary(content)

    def again(*arguments):
        raise AssertionError("what is kept is made again")

    monkeypatch.setattr(results_image, "class_part", again)
    assert report.run(IMAGE, settings, tmp_path, [1])["results"] == content["results"]
    part = {"rows": content["results"], "curves": content["curves"][0]}
    monkeypatch.setattr(results_image, "class_part", lambda *arguments: part)
    assert report.run(IMAGE, replace(settings, max_steps=3), tmp_path, [1])["profile_values"]["num_steps"] == 3
