"""What the kept results say to a claim: comparisons, and the verdict that follows from their intervals alone.

A *group* is one comparison under one label (a class, a number of views) with an interval for each meta-training seed,
positive where the claim is right. All functions that make groups take the results of all experiments, by name.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import scipy

from learnit_core.evaluate import Interval
from learnit_core.experiments import report, tuned
from learnit_core.experiments.image.results import overtakers
from learnit_core.experiments.image.rivals import PLAIN
from learnit_core.experiments.image.table import STEPS, spans
from learnit_core.experiments.report import Gap, cell
from learnit_core.experiments.supplement import whose
from learnit_core.plots import LABELS

Contents = Mapping[str, Mapping[str, Any]]
Evidence = Callable[[Contents], tuple[str, str]]
"""From the results to our figure and the verdict; both are empty where there is no such row."""

RANDOM = ("standard", "mean", "matched", "shuffled")
LEARNED = ("meta-maml", "meta-reptile", "meta-mv", "meta-sv")
IN_THE_PAPER = (*RANDOM, *LEARNED, "basic-paper")
CONTROLS = ("class-mean", "nearest-training")
REACHED_DB = 0.1
"""How far below the PSNR asked for a fit counts as having reached it [dB]."""


class Group(NamedTuple):
    """A comparison: its label, and an interval for each meta-training seed."""

    label: str
    intervals: Sequence[Interval]

    @property
    def kind(self) -> str:
        """What the whole intervals of all seeds say."""
        return _kind(1 if low > 0 else -1 if high < 0 else 0 for _, low, high in self.intervals)

    def __str__(self) -> str:
        """The label, and the mean over seeds [lowest, highest bound over seeds]."""
        return f"{self.label} {report.pooled(self.intervals)}"


def _kind(signs: Iterable[int]) -> str:
    """What the signs of all seeds say: 1 where the claim is right, -1 where it is wrong, 0 where neither is seen."""
    found = set(signs)
    words = {1: "holds", -1: "the reverse", 0: "within noise"}
    return words[found.pop()] if len(found) == 1 else "not with every seed"


def _verdict(kinds: Mapping[str, str]) -> str:
    """The verdict, from what is said of each label."""
    labels: dict[str, list[str]] = {}
    for label, kind in kinds.items():
        labels.setdefault(kind, []).append(label)
    held = labels.pop("holds", None)
    others = [f"{kind} on {_listed(mine)}" for kind, mine in labels.items()]
    first = "does not show" if held is None else f"holds on {_listed(held)}" if others else "holds"
    return "; ".join([first, *others])


def _listed(labels: Iterable[str]) -> str:
    """Labels in a row, together if alike but for what follows the last comma: "Mean (text, sdf), Matched (sdf)"."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        head, _, end = label.rpartition(", ")
        groups.setdefault(head or end, []).extend([end] * bool(head))
    return ", ".join(f"{head} ({', '.join(ends)})" if ends else head for head, ends in groups.items())


def judged(found: Mapping[str, Sequence[Interval]], unit: str) -> tuple[str, str]:
    """The groups in words, and the verdict."""
    groups = [Group(*item) for item in found.items()]
    if not groups:
        return "", ""
    return f"{'; '.join(map(str, groups))} {unit}", _verdict({group.label: group.kind for group in groups})


def _paired(content: Mapping[str, Any], gaps: Iterable[Gap]) -> tuple[str, str]:
    """``gaps``, whose ``what`` are the labels, paired over signals within each seed."""
    gaps = list(gaps)
    found: dict[str, list[Interval]] = {}
    for rows in report.rows_by_seed(content["results"]).values():
        for label, interval, _ in report.measured(gaps, rows, {}):
            found.setdefault(label, []).append(interval)
    return judged(found, "dB")


def _columns(content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The classes and columns of the experiment's table, by a label that says what tells them apart."""
    rows = [row for row in content["results"] if row["in_table"] and row["observations"] != "none"]
    pairs = dict.fromkeys((row["data"], row["observations"]) for row in rows)
    several = len({data for data, _ in pairs}) > 1, len({seen for _, seen in pairs}) > 1
    found = {}
    for data, seen in pairs:
        views = seen.removeprefix("views=")
        parts = [data] * (several[0] or not several[1]) + [f"{views} view{'s' * (views != '1')}"] * several[1]
        found[", ".join(parts)] = {"data": data, "observations": seen}
    return found


def _row(init: str, at: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a row of the table in the class and column ``at``; controls stand in no column."""
    return cell(init, **(at | {"observations": "none"} if init in CONTROLS else at))


def gap(experiment: str, of: str, *over: str) -> Evidence:
    """Row ``of`` minus the best of the rows ``over``, or minus itself before the fit, in each class and column."""

    def evidence(contents):
        def gaps():
            for label, at in _columns(contents[experiment]).items():
                before = {"init": of, "steps": 0, **at}
                yield Gap(label, _row(of, at), [_row(name, at) for name in over] or before)

        return _paired(contents[experiment], gaps())

    return evidence


def half_the_views(experiment: str, of: str, over: str) -> Evidence:
    """Row ``of`` with n views minus row ``over`` with 2n, for every n of which the table has both columns."""

    def evidence(contents):
        seen = {at["observations"] for at in _columns(contents[experiment]).values()}
        counts = sorted(int(one.removeprefix("views=")) for one in seen)
        pairs = [
            (n, cell(of, observations=f"views={n}"), cell(over, observations=f"views={2 * n}"))
            for n in counts
            if 2 * n in counts
        ]
        return _paired(contents[experiment], [Gap(f"{n} against {2 * n} views", a, b) for n, a, b in pairs])

    return evidence


def along(experiment: str, seen: str, of: str, over: str, *, later: bool) -> Evidence:
    """Rows scored along their fits to ``seen``: ``of`` after the first steps minus ``over`` after as many, or all."""

    def evidence(contents):
        rows, gaps = [row for row in contents[experiment]["results"] if row["observations"] == seen], []
        for data, tuned_on in dict.fromkeys((row["data"], row["tuned_on"]) for row in rows):
            at = {"data": data, "observations": seen, "tuned_on": tuned_on}
            _, first, *_, last = sorted({row["steps"] for row in rows if row["data"] == data})
            for mine, theirs in [(first, last)] if later else [(first, first), (last, last)]:
                label = f"{data}, {whose(tuned_on)}, {mine} steps" + f" against {theirs}" * later
                gaps.append(Gap(label, {"init": of, "steps": mine, **at}, {"init": over, "steps": theirs, **at}))
        return _paired(contents[experiment], gaps)

    return evidence


def rivals(experiment: str, of: str) -> Evidence:
    """Row ``of`` minus each row that the paper does not have, in each column; they need not be named here.

    A row one of whose own members has a row, too, is as good as the better of the two.
    """

    def evidence(contents):
        content, gaps = contents[experiment], []
        for name in dict.fromkeys(row["init"] for row in content["results"] if row["in_table"]):
            if name not in (*IN_THE_PAPER, *CONTROLS):
                members = [name, *([PLAIN[name]] if name in PLAIN else [])]
                label = LABELS.get(name, name) + " or plain" * (name in PLAIN)
                for where, at in _columns(content).items():
                    gaps.append(Gap(f"{label}, {where}", _row(of, at), [_row(one, at) for one in members]))
        return _paired(content, gaps)

    return evidence


def lasting(*, papers: bool) -> Evidence:
    """Whether MAML stays ahead, along the curves, of the other rows of the paper, or of those that it does not have.

    It does where it is ahead at all steps from the table's on, and does not where it is behind at any of them, by the
    paired interval at each step. Ours are the steps at which it is behind, of each seed.
    """

    def evidence(contents):
        curves, last = contents["image"]["curves"], contents["image"]["profile_values"]["along"]
        kinds: dict[str, str] = {}
        said = []
        for name in (name for name in curves[0]["leads"] if (name in IN_THE_PAPER) == papers):
            for data in dict.fromkeys(one["data"] for one in curves):
                seeds = [one["leads"][name] for one in curves if one["data"] == data]
                behind = [[(max(a, STEPS), b) for a, b in one["behind"] if b >= STEPS] for one in seeds]
                ahead = [any(a <= STEPS and b == last for a, b in one["ahead"]) for one in seeds]
                label = f"{LABELS.get(name, name)}, {data}"
                kinds[label] = _kind(-1 if lost else int(led) for lost, led in zip(behind, ahead, strict=True))
                if any(behind):
                    said.append(f"{label} {' / '.join(map(spans, behind))}")
        return "; ".join(said), _verdict(kinds)

    return evidence


def until_overtaken(found: Evidence) -> Evidence:
    """``found``, whose verdict, where it holds, says who is ahead of MAML at the end of the curves."""

    def evidence(contents):
        ours, verdict = found(contents)
        later = overtakers(contents["image"])
        if verdict.startswith("holds") and later:
            most = contents["image"]["profile_values"]["along"]
            by = (
                f"{LABELS[name]} ({', '.join(f'{data} from step {steps}' for data, (steps, _) in classes.items())})"
                for name, classes in later.items()
            )
            verdict += f"; but with more steps, up to {most}, MAML is overtaken by {', '.join(by)}; "
            verdict += (
                f"it has {min(db for classes in later.values() for _, db in classes.values()):.0f} dB or more there"
            )
        return ours, verdict

    return evidence


def _apart(a: tuple[float, float], b: tuple[float, float], count: int, *, wider: float = 1.0) -> Interval:
    """Interval of b − a from mean and deviation of each over ``count`` signals, not paired; ``wider`` in variance."""
    half = float(scipy.stats.t.ppf(0.975, count - 1)) * math.hypot(a[1], b[1]) * math.sqrt(wider / count)
    return Interval(b[0] - a[0], b[0] - a[0] - half, b[0] - a[0] + half)


def sooner(experiment: str, of: str, *over: str) -> Evidence:
    """How many steps before the first of ``over`` a row matches MAML's two; MAML does with two.

    A picture that never matches counts as the limit of the fit.
    """

    def evidence(contents):
        content = contents[experiment]
        found: dict[str, list[Interval]] = {}
        for rows in report.rows_by_seed(content["results"]).values():
            for label, at in _columns(content).items():
                mine = [row for row in rows if row["in_table"] and all(row[k] == v for k, v in at.items())]
                steps = {row["init"]: (row["steps_to_match"], row["steps_to_match_std"]) for row in mine}
                steps["meta-maml"] = (float(mine[0]["steps"]), 0.0)
                first = min((steps[name] for name in over), key=lambda pair: pair[0])
                found.setdefault(label, []).append(_apart(steps[of], first, mine[0]["num_signals"]))
        return judged(found, "steps")

    return evidence


def agreement(fitted_by: str) -> Evidence:
    """Mean weights against mean picture: MAML's networks, fitted by one optimiser, minus Standard's, by either.

    Each at the rate at which they mix best, of those with which all of their fits reach the PSNR asked for.
    """

    def evidence(contents):
        found = {}
        for name, variants in contents["image"]["interpolation"].items():
            scores = {
                how: (entry["agreement_db"], entry["agreement_std"])
                for how, entry in variants.items()
                if min(entry["fitted_psnr_db"]) > entry["target_psnr_db"] - REACHED_DB
            }
            best = (
                max((score for how, score in scores.items() if how.startswith(start)), default=None)
                for start in ("Standard", f"MAML, {fitted_by}")
            )
            standard, learned = best
            count = len(next(iter(variants.values()))["fitted_psnr_db"])
            if standard and learned:
                # Deviations are over the pairs of n pictures, which they share: the mean over pairs varies by up to
                # twice a pair's variance over n, and the pairs of one set show (n - 1) / (n + 1) of that variance.
                label = name.removeprefix("image-").removesuffix("-quick-maml")
                found[label] = [_apart(standard, learned, count, wider=2 * (count + 1) / (count - 1))]
        return judged(found, "dB")

    return evidence


def optimisers(learned: bool) -> Evidence:
    """How often tuning chose SGD for the paper's learned weights, or Adam for random, fitted and shuffled ones."""
    wanted, starts = ("sgd", LEARNED) if learned else ("adam", RANDOM)

    def evidence(contents):
        counts: dict[str, tuple[int, int]] = {}
        tables = [
            one for name in contents for classes in tuned.content(name)["profiles"].values() for one in classes.items()
        ]
        for data, found in tables:
            mine = _chosen(found["cells"], starts)
            count, total = counts.get(data, (0, 0))
            counts[data] = count + mine.count({wanted}), total + len(mine)
        held = [data for data, (n, total) in counts.items() if n == total]
        verdict = "holds" if len(held) == len(counts) else f"holds on {', '.join(held)}" if held else "does not show"
        return "; ".join(f"{data} {n} of {total}" for data, (n, total) in counts.items()), verdict

    return evidence


def _chosen(cells: Mapping[str, Mapping[str, Any]], starts: Sequence[str]) -> list[set[str]]:
    """The optimisers that each search for ``starts`` chose: one, or those of a schedule along the steps.

    A cell that repeats another one of its start, scores and all, is no search of its own.
    """
    found = {}
    for init, entry in ((init, entry) for column in cells.values() for init, entry in column.items()):
        if init in starts:
            search = json.dumps({key: value for key, value in entry.items() if key != "steps"}, sort_keys=True)
            schedule = [how for _, how, _ in entry.get("switches", ())]
            found[init, search] = set(schedule or entry["choice"][:1])
    return list(found.values())
