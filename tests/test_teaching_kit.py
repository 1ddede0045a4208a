"""The instructor's kit: that its parts fit together, and that its figures stand in the files that it names."""

import re
from pathlib import Path

import pytest

from learnit_core.commands import slides
from learnit_core.commands.execution import read
from learnit_core.commands.repository import ROOT, notebooks
from learnit_core.experiments import tuned

KIT = ROOT / "docs" / "teach"
PAGES = {path.stem: path.read_text("utf-8") for path in sorted(KIT.glob("*.md"))}
PLANS = {int(name.removeprefix("plan-")): text for name, text in PAGES.items() if name.startswith("plan-")}
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")


def entries(page):
    """What stands below each heading of the third level: {"O1": text}."""
    pieces = re.split(r"^### (\w+)\n", PAGES[page], flags=re.MULTILINE)
    names, texts = pieces[1::2], pieces[2::2]
    assert len({*names}) == len(names), f"two entries of one name in {page}"
    return dict(zip(names, texts, strict=True))


def table(text):
    """The rows of a page's first table, without its head: lists of cells."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert len({len(row) for row in rows}) == 1, "rows of different lengths"
    return rows[1:]


OBJECTIVES, MISCONCEPTIONS, QUESTIONS, ANSWERS = map(entries, ("objectives", "misconceptions", "quiz", "answers"))


def refers(text, kind):
    """The entries that ``text`` links to: "O" for objectives, "M", "Q"."""
    return {name.upper() for name in re.findall(rf"\.md#({kind.lower()}\d+)\)", text)}


def test_objectives_can_be_seen_and_are_taught_somewhere():
    assert list(OBJECTIVES) == [f"O{i}" for i in range(1, len(OBJECTIVES) + 1)]
    for name, text in OBJECTIVES.items():
        assert text.startswith("After this a student can ") and "*Where:* [" in text, name


def test_every_objective_has_a_question_and_every_question_an_answer():
    assert list(QUESTIONS) == list(ANSWERS) == [f"Q{i}" for i in range(1, len(QUESTIONS) + 1)]
    asked = [re.findall(r"^Objective: \[(O\d+)\]\(objectives\.md#(o\d+)\)", text, re.M) for text in ANSWERS.values()]
    assert all(len(found) == 1 and found[0][0].lower() == found[0][1] for found in asked)
    assert {found[0][0] for found in asked} == {*OBJECTIVES}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_has_four_options_and_each_wrong_one_a_misconception(question):
    options = re.findall(r"^- ([A-Z])\. (\S.*)$", QUESTIONS[question], re.MULTILINE)
    assert [letter for letter, _ in options] == [*"ABCD"] and len({text for _, text in options}) == 4
    answer = ANSWERS[question]
    (right,) = re.findall(r"Right: \*\*([A-D])\*\*", answer)
    wrong = re.findall(r"^- ([A-D]): \[(M\d+)\]\(misconceptions\.md#(m\d+)\)", answer, re.MULTILINE)
    assert sorted([right, *(letter for letter, *_ in wrong)]) == [*"ABCD"]
    assert all(name.lower() == anchor and name in MISCONCEPTIONS for name, anchor in (named[1:] for named in wrong))
    (reason,) = re.findall(r"Right: .*\n((?:.+\n)+)\n- ", answer)
    assert len(reason) > 40, "an answer without a reason"


def test_right_answers_are_not_always_in_one_place():
    right = [re.search(r"Right: \*\*(.)\*\*", text)[1] for text in ANSWERS.values()]
    assert max(map(right.count, right)) <= len(right) / 2


def test_a_misconception_is_a_quotation_with_something_to_show_and_is_used():
    used = set().union(*(refers(text, "m") for name, text in PAGES.items() if name != "misconceptions"))
    assert list(MISCONCEPTIONS) == [f"M{i}" for i in range(1, len(MISCONCEPTIONS) + 1)]
    assert used == {*MISCONCEPTIONS}
    for name, text in MISCONCEPTIONS.items():
        assert text.startswith('**"') and "*Show:* " in text, name


def test_minutes_of_a_plan_add_up():
    assert sorted(PLANS) == [50, 90, 180]
    for minutes, text in PLANS.items():
        rows = table(text)
        assert sum(int(row[0]) for row in rows) == minutes
        assert all(cell.strip() for row in rows for cell in row), "a cell left empty"
        assert text.startswith(f"# {minutes} minutes")


def test_plans_go_through_the_deck_once():
    start = notebooks()[0]
    deck = [*range(1, 1 + len(slides.slides(read(start), start.stem)))]
    for text in PLANS.values():
        shown = [[int(n) for n in row[2].split("–")] for row in table(text) if row[2] != "–"]
        assert [n for span in shown for n in range(span[0], span[-1] + 1)] == deck


def test_the_rubric_adds_up_and_its_objectives_exist():
    rows = table(PAGES["rubric"])
    assert all(len(row) == 6 for row in rows) and "thirty in all" in PAGES["rubric"] and len(rows) * 3 == 30
    assert all(refers(row[-1], "o") for row in rows)


def test_all_that_is_named_is_there():
    for name, text in PAGES.items():
        for kind, known in (("o", OBJECTIVES), ("m", MISCONCEPTIONS), ("q", QUESTIONS)):
            assert refers(text, kind) <= {*known}, name
        for link in LINK.findall(text):
            file, _, anchor = link.partition("#")
            target = (KIT / file).resolve()
            assert target.is_file(), f"{name}: {link}"
            assert not anchor or f"### {anchor.upper()}\n" in target.read_text("utf-8"), f"{name}: {link}"
        for label, file in re.findall(r"\[(\d\d)\]\(([^)]*)\)", text):
            assert Path(file).name.startswith(f"{label}_"), f"{name}: {label} leads to {file}"
    assert {link for link in LINK.findall(PAGES["README"]) if "/" not in link} == {
        f"{name}.md" for name in PAGES if name != "README"
    }, "a page that the first one does not lead to"


def test_commands_that_are_named_are_there():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    named = {name for text in PAGES.values() for name in re.findall(r"`?make ([a-z]+)", text)}
    assert {"slides", "demo", "lab"} <= named <= {*targets}


NUMBER = re.compile(r"(?<![\d.])\d+\.\d+(?![\w.]\d|\w)")


def unfounded(paragraph):
    """Numbers with a decimal that are not in the next file that is linked; in paper.md, in the line of one claim.

    Files of numbers have more digits than are told.
    """
    *pieces, rest = re.split(r"\[[^\]]*\]\((\.\./(?:results|studies|paper|\S*tuned\.json)[^()\s]*)\)", paragraph)
    missing = NUMBER.findall(rest)
    for said, file in zip(pieces[::2], pieces[1::2], strict=True):
        wanted, text = NUMBER.findall(LINK.sub("", said)), (KIT / file).read_text("utf-8")
        if file.endswith(".json"):
            text += "".join(f" {float(n):.1f} {float(n):.2f}" for n in NUMBER.findall(text))
        places = text.splitlines() if file == "../paper.md" else [text]
        missing += min(([n for n in wanted if n not in NUMBER.findall(place)] for place in places), key=len)
    return missing


def test_the_order_that_turns_round_is_that_of_the_search():
    """M12: two SGD steps on validation text, with one rate for both starts and with each its own."""
    cells = tuned.content("image")["profiles"]["quick"]["text"]["cells"]["after_two_steps"]
    maml, standard = (cells[init]["scores"]["sgd"] for init in ("meta-maml", "standard"))
    told = " ".join(MISCONCEPTIONS["M12"].split())
    small, large = "0.01", "0.03"
    assert f"rate {small} for both, MAML has {maml[small]:.1f} dB and Standard {standard[small]:.1f};" in told
    assert f"with {large} for both, {maml[large]:.1f} and {standard[large]:.1f}: the order turns round" in told
    assert f"Each with its own, {max(maml.values()):.1f} and {max(standard.values()):.1f}" in told


def test_figures_stand_in_the_files_that_are_named():
    found = 0
    for name, text in PAGES.items():
        if name not in ("quiz", "answers"):  # their numbers are made up for the question
            for paragraph in re.split(r"\n\s*\n|^\*Show:\* ", text, flags=re.MULTILINE):
                assert unfounded(paragraph) == [], f"{name}: {paragraph[:60]}"
                found += len(re.findall(r"\d\.\d", paragraph))
    assert found > 30
    assert unfounded("It is 99.7 dB ([paper](../paper.md)).") == ["99.7"] and unfounded("It is 13.5 dB.") == ["13.5"]
    assert unfounded("13.5, 15.6 and 12.7 dB ([paper](../paper.md)).") == ["12.7"], "another claim's"


def test_differences_stand_there_with_their_intervals():
    """Signs and all: the numbers one by one may be those of other comparisons."""
    found = 0
    for name, text in MISCONCEPTIONS.items():
        shown = text.partition("*Show:*")[2].replace("−", "-")
        pages = "\n".join((KIT / file).read_text("utf-8") for file in LINK.findall(shown) if file.endswith(".md"))
        for numbers in re.findall(r"(-?\d+\.\d) dB \[(-?\d+\.\d), (-?\d+\.\d)\]", shown):
            mean, low, high = (f"{float(number):+.1f}" for number in numbers)
            assert f"{mean} [{low}, {high}]" in pages or f"{mean} | [{low}, {high}]" in pages, f"{name}: {numbers}"
            found += 1
    assert found >= 3
