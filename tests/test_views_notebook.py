"""What notebook 03 says in prose: each sentence that claims an order, and the numbers that have to bear it out."""

import json
import re
from itertools import pairwise

import jupytext
import pytest

from learnit_core import evaluate
from learnit_core.commands.repository import ROOT

SOURCE = ROOT / "notebooks" / "03_view_synthesis.py"
NOTEBOOK = jupytext.reads(SOURCE.read_text("utf-8"), fmt="py:percent")
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
PROSE = re.sub(r"\s+", " ", " ".join(cell.source for cell in NOTEBOOK.cells if cell.cell_type == "markdown"))
PROSE = PROSE.replace("*", "")
JUDGED = json.loads((ROOT / "docs" / "results" / "views.json").read_text("utf-8"))["results"]


CLASSES = ("chairs", "lamps", "cars")

MATCHED_AND_JOINT = (
    "after the longer training MV is ahead of Matched, which starts from the same picture, and of Joint, each by more "
    "than noise"
)

MOST_OF_MVS_LEADS = (
    "By then most of MV's leads over the other starts are within noise on chairs, though not on lamps and cars"
)


def by_seed(results, data):
    """The rows of a class by meta-training seed; controls stand under the first, and count for all."""
    mine = [row for row in results if row["data"] == data]
    learned = [row for row in mine if row["init"] not in ("class-mean", "nearest-training")]
    controls = [row for row in mine if row not in learned]
    return [[row for row in learned if row["seed"] == seed] + controls for seed in sorted({r["seed"] for r in learned})]


def tables(results, data="chairs"):
    """PSNR [dB] of each object by row of the single-view table, for each seed."""
    seeds = by_seed(results, data)
    return [{row["init"]: row["psnr_per_signal"] for row in rows if row["in_table"]} for rows in seeds]


def mean(scores):
    scores = list(scores)
    return sum(scores) / len(scores)


def average(results, init, data="chairs"):
    """Over objects and seeds [dB]."""
    return mean(mean(table[init]) for table in tables(results, data))


def leads(one, other):
    """The paired difference is above zero by more than its 95 % interval."""
    return evaluate.paired_interval(one, other)[1] > 0


def ahead(results, one, other, data="chairs"):
    """One row leads another with every seed."""
    return all(leads(table[one], table[other]) for table in tables(results, data))


def in_order(results, *inits):
    """Means fall from one row to the next."""
    return all(average(results, a) > average(results, b) for a, b in pairwise(inits))


def leads_in_the_end(results, data):
    """Of SV, Joint and Matched, with each seed, whether MV leads after 1000 steps on 25 views."""
    found = []
    for rows in by_seed(results, data):
        end = [row for row in rows if row["observations"] == "views=25" and row["steps"] == 1000]
        scores = {row["init"]: row["psnr_per_signal"] for row in end if row["tuned_on"] == "validation"}
        found += [leads(scores["meta-mv"], scores[other]) for other in ("meta-sv", "joint", "matched")]
    return found


def course(results, init, data="chairs"):
    """Mean PSNR [dB] over objects and seeds by steps of the tuned fit to 25 views."""
    mine = [row for row in results if (row["init"], row["observations"], row["data"]) == (init, "views=25", data)]
    tuned = [row for row in mine if "paper" not in (row["tuned_on"] or "")]
    steps = sorted({row["steps"] for row in tuned})
    return {number: mean(row["psnr_db"] for row in tuned if row["steps"] == number) for number in steps}


def reached_after(results, data="chairs"):
    """The first steps after which Standard is where MV is after its first 125."""
    target = course(results, "meta-mv", data)[125]
    return min((steps for steps, psnr in course(results, "standard", data).items() if psnr >= target), default=10**9)


def most_of_a_thousand(results):
    return 500 < reached_after(results) <= 1000


def average_objects_share(results, data="chairs"):
    """How much of MV's lead over Standard the mean of the training objects has, too."""
    mv, known, standard = (average(results, name, data) for name in ("meta-mv", "class-mean", "standard"))
    return (known - standard) / (mv - standard)


def within_noise(results, one, other):
    return not ahead(results, one, other) and not ahead(results, other, one)


AFTER_THE_LONGER_TRAINING = {
    MATCHED_AND_JOINT: lambda r: all(
        ahead(r, "meta-mv", other, data) for other in ("matched", "joint") for data in CLASSES
    ),
    "and of SV on chairs and cars, though not on lamps": lambda r: (
        [ahead(r, "meta-mv", "meta-sv", data) for data in ("chairs", "cars", "lamps")] == [True, True, False]
    ),
    "The averages over ten chairs stand in this order, too": lambda r: in_order(
        r, "meta-mv", "meta-sv", "matched", "standard", "shuffled"
    ),
    "that of SV and Matched is within noise, and so is that of Standard and Shuffled": lambda r: (
        within_noise(r, "meta-sv", "matched") and within_noise(r, "standard", "shuffled")
    ),
    "After the longer training Standard needs most of its 1000 steps for that": most_of_a_thousand,
    MOST_OF_MVS_LEADS: lambda r: (
        mean(leads_in_the_end(r, "chairs")) < 0.5 and all(leads_in_the_end(r, "lamps") + leads_in_the_end(r, "cars"))
    ),
    "most of a thousand after longer training": most_of_a_thousand,
    "and more than half of it after the longer training; on lamps it is less than a quarter there": lambda r: (
        average_objects_share(r) > 0.5 and average_objects_share(r, "lamps") < 0.25
    ),
    "for that on chairs, and all of them or more on lamps and cars": lambda r: (
        min(reached_after(r, "lamps"), reached_after(r, "cars")) >= 1000
    ),
}
"""Sentences that hold on ``docs/results/views.json``."""

IN_A_RUN = {
    "the mean of the training objects, which sees nothing, is far ahead of Standard, too": lambda m: (
        average(m["results"], "class-mean") > average(m["results"], "standard") + 2
    ),
    "On chairs that is most of MV's lead over Standard here": lambda m: average_objects_share(m["results"]) > 0.5,
    "Standard needs more steps to get where MV is after the first 125": lambda m: (
        125 < reached_after(m["results"]) <= 1000
    ),
    "and comes nearer from then on": lambda m: (
        course(m["results"], "meta-mv")[1000] - course(m["results"], "standard")[1000]
        < course(m["results"], "meta-mv")[125] - course(m["results"], "standard")[125]
    ),
    "The given view is copied better and better.": lambda m: (
        m["one_view_course"]["the given view"][-1] > max(m["one_view_course"]["the given view"][:-8]) + 1
    ),
    "After that the held-out views gain almost nothing": lambda m: (
        max(m["one_view_course"]["held-out views"]) < m["one_view_course"]["held-out views"][1] + 2
        and m["one_view_course"]["the given view"][-1] > m["one_view_course"]["the given view"][1] + 6
    ),
    "from one point to the next they often get worse": lambda m: (
        sum(b < a for a, b in pairwise(m["one_view_course"]["held-out views"])) >= 4
    ),
}
"""Sentences that hold in ``metrics.json`` of a run in the profile ``quick``."""


def check_sentences(metrics):
    """Every sentence about a run, on the metrics of one."""
    for sentence, holds in IN_A_RUN.items():
        assert holds(metrics), f"the notebook says: {sentence}"


@pytest.mark.parametrize("sentence", [*AFTER_THE_LONGER_TRAINING, *IN_A_RUN])
def test_the_notebook_says_what_is_checked(sentence):
    assert sentence in PROSE


@pytest.mark.parametrize("sentence", AFTER_THE_LONGER_TRAINING)
def test_what_is_said_of_the_longer_training_holds(sentence):
    assert AFTER_THE_LONGER_TRAINING[sentence](JUDGED)


def test_the_sentences_can_fail():
    """Rows turned round: Standard's scores under MV's name, and the other way."""
    names = {"standard": "meta-mv", "meta-mv": "standard"}
    swapped = [row | {"init": names.get(row["init"], row["init"])} for row in JUDGED]
    failing = [sentence for sentence, holds in AFTER_THE_LONGER_TRAINING.items() if not holds(swapped)]
    assert len(failing) >= 4
