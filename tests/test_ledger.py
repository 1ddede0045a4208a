"""docs/paper.md is what results and supplement say, and its verdicts hang on the numbers."""

import copy
import re

import numpy as np
import pytest
import scipy

from learnit_core.commands.upkeep import ledger
from learnit_core.evaluate import Interval
from learnit_core.experiments import claims, evidence, supplement, tuned

RESULTS = ledger.results()
TESTED = [claim for found in claims.CLAIMS.values() for claim in found if claim.evidence and claim.evidence(RESULTS)[1]]
WORSE, UNCLEAR, BETTER = Interval(-2.0, -3.0, -1.0), Interval(0.5, -0.5, 1.5), Interval(2.0, 1.0, 3.0)


def test_the_page_is_made_of_the_results():
    assert ledger.PAGE.read_text("utf-8") == ledger.page(RESULTS)


def test_the_check_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ledger, "PAGE", tmp_path / "paper.md")
    monkeypatch.setattr(ledger, "page", lambda contents: "new")
    assert ledger.main(["--check"]) == 1 and not ledger.PAGE.exists()
    assert "docs/paper.md is out of date" in capsys.readouterr().err
    assert ledger.main([]) == 0 and ledger.PAGE.read_text() == "new"
    assert ledger.main(["--check"]) == 0


def test_no_figure_is_typed():
    """Sentences hold names with numbers (Table 1, 25 views), but no measure and no fraction."""
    records = [claim for found in claims.CLAIMS.values() for claim in found]
    sentences = [text for claim in records for text in (claim.says, claim.why)]
    for text in [*sentences, *(part for record in claims.DIFFERENCES for part in record), *claims.SOURCES.values()]:
        assert not re.search(r"\d[.,]\d|\d ?dB|\d ?%|±", text), text


def test_every_figure_of_the_paper_is_there():
    page = ledger.page(RESULTS)
    for classes in supplement.FIGURES.values():
        for measures in classes.values():
            for rows in measures.values():
                for figure in rows.values():
                    assert f"{figure.value:.2f}" in page


def test_what_is_named_exists():
    for record in claims.DIFFERENCES:
        file, _, name = record.test.partition("::")
        assert f"def {name}(" in (ledger.ROOT / "tests" / file).read_text("utf-8")
    for target in set(re.findall(r"\]\(([^)]+)\)", ledger.page(RESULTS))):
        assert (ledger.PAGE.parent / target).exists(), target


@pytest.mark.parametrize(
    "groups, said",
    [
        ({"a": [BETTER], "b": [BETTER, BETTER]}, "holds"),
        ({"a": [BETTER], "b": [WORSE]}, "holds on a; the reverse on b"),
        ({"a": [UNCLEAR, UNCLEAR]}, "does not show; within noise on a"),
        ({"a": [BETTER, UNCLEAR]}, "does not show; not with every seed on a"),
        ({"a": [BETTER, WORSE], "b": [BETTER]}, "holds on b; not with every seed on a"),
        ({}, ""),
    ],
)
def test_verdicts(groups, said):
    assert evidence.judged(groups, "dB")[1] == said


def test_groups_tell_the_worst_of_all_seeds():
    assert evidence.judged({"a": [BETTER, WORSE]}, "dB")[0] == "a +0.0 [-3.0, +3.0] dB"


def test_figures_are_those_of_the_files():
    """One of each kind, computed as one would by hand."""
    page = {
        line.split(" | ")[0].strip("| "): line for line in ledger.page(RESULTS).splitlines() if line.startswith("|")
    }

    def rows(name, **values):
        return [row for row in RESULTS[name]["results"] if all(row[key] == value for key, value in values.items())]

    def mean(name, key="psnr_db", **values):
        return np.mean([row[key] for row in rows(name, **values)])

    text = {"data": "text", "in_table": True}
    gap = mean("image", init="meta-maml", **text) - mean("image", init="standard", **text)
    assert f"text {gap:+.1f} [" in page["Faster: MAML is ahead of Standard after two steps."]
    sooner = mean("image", "steps_to_match", init="standard", **text)
    sooner -= mean("image", "steps_to_match", init="shuffled", **text)
    assert f"text {sooner:+.1f} [" in page["Shuffled matches MAML before Standard."]
    halved = mean("ct", init="meta-reptile", observations="views=4", in_table=True)
    halved -= mean("ct", init="standard", observations="views=8", in_table=True)
    assert f"4 against 8 views {halved:+.1f} [" in page["Reptile is better than Standard with twice as many views."]
    many = {"data": "chairs", "observations": "views=25", "tuned_on": supplement.PAPERS}
    along = mean("views", init="meta-mv", steps=125, **many) - mean("views", init="standard", steps=1000, **many)
    said = page["With 25 views MV after its first steps is ahead of Standard after all."]
    assert f"chairs, the paper's setting, 125 steps against 1000 {along:+.1f} [" in said
    mixed = RESULTS["image"]["interpolation"]["image-text-64"]
    standard = max(entry["agreement_db"] for how, entry in mixed.items() if how.startswith("Standard"))
    (maml,) = (entry["agreement_db"] for how, entry in mixed.items() if how.startswith("MAML, SGD"))
    assert f"image-text-64 {maml - standard:+.1f} [" in page["Mixing weights stays meaningful, SGD."]
    # An interval of one seed: Student's t of the differences, by its own formula.
    one = {"data": "chairs", "observations": "views=1", "in_table": True}
    a, b = (rows("views", init=init, **one) for init in ("meta-mv", "meta-sv"))
    if len(a) == 1:
        apart = np.subtract(a[0]["psnr_per_signal"], b[0]["psnr_per_signal"])
        half = scipy.stats.t.ppf(0.975, len(apart) - 1) * apart.std(ddof=1) / np.sqrt(len(apart))
        said = f"chairs {apart.mean():+.1f} [{apart.mean() - half:+.1f}, {apart.mean() + half:+.1f}]"
        assert said in page["From one view MV is ahead of SV."]


def reversed_results():
    """The same with all scores, steps and choices the other way round."""
    turned = copy.deepcopy(RESULTS)
    for content in turned.values():
        for row in content["results"]:
            row |= {"psnr_db": -row["psnr_db"], "psnr_per_signal": [-score for score in row["psnr_per_signal"]]}
            row["steps_to_match"] = row["steps_to_match"] and -row["steps_to_match"]
    for entry in (entry for said in turned["image"]["interpolation"].values() for entry in said.values()):
        entry["agreement_db"] *= -1
    return turned


@pytest.mark.parametrize("claim", TESTED, ids=lambda claim: claim.says)
def test_verdicts_turn_with_the_numbers(claim, monkeypatch):
    before = claim.evidence(RESULTS)[1]
    if "tuning" in claim.why:
        choices = {name: copy.deepcopy(tuned.content(name)) for name in RESULTS}
        for content in choices.values():
            for cells in (part["cells"] for classes in content["profiles"].values() for part in classes.values()):
                for entry in (entry for inits in cells.values() for entry in inits.values()):
                    entry["choice"] = ["adam" if entry["choice"][0] == "sgd" else "sgd", 1.0]
        monkeypatch.setattr(tuned, "content", choices.__getitem__)
    assert claim.evidence(reversed_results())[1] != before or before.startswith("does not show; within noise")


def test_one_gap_that_is_reversed_changes_its_verdict():
    mine = copy.deepcopy(RESULTS)
    claim = next(claim for claim in TESTED if claim.says.startswith("Reptile is ahead of Shuffled"))
    table = {(row["data"], row["seed"], row["init"]): row for row in mine["image"]["results"] if row["in_table"]}
    shuffled = {where[:2]: row["psnr_per_signal"] for where, row in table.items() if where[2] == "shuffled"}
    for where, scores in shuffled.items():
        table[*where, "meta-reptile"]["psnr_per_signal"] = [score + 1 for score in scores]
    assert claim.evidence(mine)[1] == "holds"
    table["sdf", 2, "meta-reptile"]["psnr_per_signal"] = [score - 1 for score in shuffled["sdf", 2]]
    assert claim.evidence(mine)[1] == "holds on text, faces; not with every seed on sdf"


def test_a_further_seed_counts():
    """Another seed, of which Reptile is no better than Standard."""
    mine = copy.deepcopy(RESULTS)
    claim = next(claim for claim in TESTED if claim.says.startswith("A prior for slices"))
    rows = [row for row in mine["ct"]["results"] if row["seed"] == 0 and row["observations"] != "none"]
    standard = {row["observations"]: row for row in rows if row["init"] == "standard" and row["in_table"]}
    for row in copy.deepcopy(rows):
        alike = standard[row["observations"]] if row["init"] == "meta-reptile" else row
        mine["ct"]["results"].append(row | {"seed": 7, "psnr_per_signal": alike["psnr_per_signal"]})
    assert claim.evidence(RESULTS)[1].startswith("holds")
    assert claim.evidence(mine)[1].startswith("does not show; not with every seed on")
