"""The single-view table: every initialisation fitted to one picture of an unseen object, and scored on others.

What is set for 25 pictures is scored in the same way, for ``make paper``.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from learnit_core import evaluate
from learnit_core.experiments import rows as rows_of
from learnit_core.experiments import tuned, views
from learnit_core.experiments.fits import Draws
from learnit_core.experiments.rows import Entry
from learnit_core.experiments.supplement import FITS, PAPERS, of_class
from learnit_core.experiments.views import baselines
from learnit_core.signals.scenes import SceneSplits
from learnit_core.structures import Field, Params, Task
from learnit_core.tuning import Chosen

INITS = ("standard", "matched", "shuffled", "joint", "meta-sv", "meta-mv")
"""Rows of the table; ``joint``, one network trained on the rays of all objects, is ours."""

LONGER = "meta-mv-long"
"""A row that a notebook adds: MV as it is shipped, of a longer training than that of its other rows."""

LABELS = rows_of.labels("object", **{LONGER: "MV Reptile of the longer training"})

MANY_STEPS = 1000
"""Steps of a fit to 25 views, also with the paper's rates: it does not say how many."""


def tuned_settings(profile: str, data: str) -> Mapping[str, Mapping[str, Chosen]]:
    """Settings by number of given views ("1", "25") and initialisation, chosen on validation objects.

    Other data borrow those of chairs, other profiles those of ``long``; ``tuned_on`` says so. The profile ``paper``
    takes the paper's own.
    """
    if profile == "paper":
        return paper_settings(data)
    return tuned.chosen("views", profile, data, borrowed="chairs")


def paper_settings(data: str) -> dict[str, dict[str, Chosen]]:
    """The paper's settings for the class ``data`` as of :func:`tuned_settings` (supplement, section 3 and Table 3).

    What it does not set for the class is that of chairs, and Joint, which is ours, has MV's; ``tuned_on`` says so.
    """
    found = {}
    for count in ("1", "25"):
        own = (of_class(FITS["views"], data) or {}).get(f"views={count}")
        fits, said = (own, "") if own else (FITS["views"]["chairs"][f"views={count}"], " for chairs")
        found[count] = {
            name: Chosen(fit.chosen.setting, fit.steps or MANY_STEPS, PAPERS + said) for name, fit in fits.items()
        }
    mv = found["1"]["meta-mv"]
    found["1"]["joint"] = mv._replace(tuned_on=mv.tuned_on.replace(PAPERS, f"{PAPERS} for MV"))
    return found


def scored_every(limit: int) -> int:
    """Steps between two scores of a fit whose number of steps is to be chosen: 50, or what divides ``limit`` too."""
    return math.gcd(limit, 50)


def table_rows(
    profile: views.Profile,
    field: Field,
    tasks: Task,
    made: Mapping[str, Draws],
    settings: Mapping[str, Chosen],
    *,
    trained_on: str,
    data: str,
    seed: int,
    num_given: int = 1,
) -> tuple[list[dict[str, Any]], dict[str, Params]]:
    """Rows of the metrics file, un-adapted and fitted to ``num_given`` views, and the fitted weights by initialisation.

    They are those of the initialisations that were ``made`` and have ``settings``.
    """
    fitted = {}

    def fit(entry, steps):
        found = views.fit(profile, field, made[entry.init], tasks, entry.chosen.setting, steps)
        fitted[entry.init] = found.params
        return found.curves

    entries = [Entry(name, f"views={num_given}", settings[name]) for name in INITS if name in made and name in settings]
    about = {"experiment": "views", "trained_on": trained_on, "data": data, "seed": seed}
    rows, _ = rows_of.table(entries, fit, lambda entry: profile.limit, **about)
    return rows, fitted


def scored(
    profile: views.Profile, field: Field, scenes: SceneSplits, made: Mapping[str, Draws], *, seed: int
) -> list[dict[str, Any]]:
    """Rows of the table on ``scenes.test``, with the settings of the profile and of these data: from one view, and from
    25 those that have settings for so many. Where objects have no 25 views to give, it is said that these are left out.
    """
    about = {"trained_on": scenes.name, "data": scenes.name, "seed": seed}
    found, num_scored = [], profile.num_scored(scenes.test)
    for count, chosen in tuned_settings(profile.name, scenes.name).items():
        num_given, there = int(count), -(-scenes.test.images.shape[1] // 2)
        if num_given > there:
            print(f"Fits to {num_given} views are left out: of an object of {scenes.name} {there} are given.")
            continue
        tasks = views.tasks(scenes.test, num_given, num_scored)
        found += table_rows(profile, field, tasks, made, chosen, **about, num_given=num_given)[0]
    return found


def control_rows(profile: views.Profile, scenes: SceneSplits, *, seed: int) -> list[dict[str, Any]]:
    """The two controls on ``scenes.test``, among training objects of which rows say how many where they are not all."""
    among = min(profile.counts[0], baselines.AMONG)
    said = {"among": among} if among < profile.counts[0] else {}
    about = {"experiment": "views", "trained_on": scenes.name, "data": scenes.name, "seed": seed}
    return rows_of.controls(baselines.controls(profile, scenes, among), **about, **said)


def retrieval(profile: views.Profile, field: Field, fitted: Params, tasks: Task) -> tuple[int, np.ndarray]:
    """How many of the objects are recognised by their own reconstruction, and all PSNRs [object, reconstruction].

    Every reconstruction is seen by every object's held-out cameras; an object is recognised if its own comes closest to
    its held-out views, by PSNR and before all others. An initialisation that ignores the view recognises none.
    """
    scores = np.asarray(_all_pairs(profile, field, fitted, tasks.query))
    own = np.diag(scores)
    others = np.where(np.eye(len(scores), dtype=bool), -np.inf, scores).max(axis=1)
    return int(np.sum(own > others)), scores


@functools.partial(jax.jit, static_argnames=("profile", "field"))
def _all_pairs(profile, field, fitted, unseen):
    score = views.score_for(profile, field)
    return jax.lax.map(lambda views: jax.lax.map(lambda params: score(params, views), fitted), unseen)


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The main table's rows as Markdown: un-adapted, fitted, and the difference of MV to each, paired.

    Where rows say their ``training``, it has a column: they need not all have had the same.
    """
    table = {row["init"]: row for row in rows if row["in_table"]}
    before = {row["init"]: row for row in rows if row["steps"] == 0 and not row["in_table"]}
    trained = any("training" in row for row in table.values())
    titles = ["initialisation", *["training"] * trained, "un-adapted", "fitted", "setting", "MV minus it"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for name, label in LABELS.items():
        if name not in table:
            continue
        row = table[name]
        label += f", of the first {row['among']}" if "among" in row else ""
        how = rows_of.how(row)
        start = f"{before[name]['psnr_db']:.1f}" if name in before else "–"
        gap = "–"
        if name != "meta-mv" and "meta-mv" in table:
            mean, low, high = evaluate.paired_interval(table["meta-mv"]["psnr_per_signal"], row["psnr_per_signal"])
            gap = f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"
        training = [row.get("training", "–")] if trained else []
        lines.append(f"| {' | '.join([label, *training, start, rows_of.score(row), how, gap])} |")
    chosen_on = sorted({row["tuned_on"] for row in table.values() if row["tuned_on"]})
    note = (
        "PSNR [dB] of held-out views, mean ± deviation over objects; differences paired by object with their 95 % "
        f"confidence interval. Chosen on: {'; '.join(chosen_on)}."
    )
    if trained:
        note += " Training: outer × inner steps, and whether they were made here or before (shipped, from seed 0)."
    for among in {row["among"] for row in table.values() if "among" in row}:
        note += (
            f" The controls know the first {among} training objects, not all of them: as good a sample as any, but the "
            "nearest of all would come closer."
        )
    return "\n".join([*lines, "", note])
