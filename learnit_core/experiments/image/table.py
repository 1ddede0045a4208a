"""Table 1 on any class: six initialisations, fitted to signals they have not seen, each with its tuned setting."""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from learnit_core import evaluate, metrics
from learnit_core.evaluate import Setting
from learnit_core.experiments import fits, image, supplement, tuned
from learnit_core.experiments import rows as rows_of
from learnit_core.experiments.fits import Draws
from learnit_core.signals import ImageSplits
from learnit_core.structures import Field

PAPERS = ("standard", "mean", "matched", "shuffled", "meta-reptile", "meta-maml")
"""The paper's rows, in its order."""
RIVALS = ("standard-scaled", "shared-trunk", "shared-mean", "meta-sgd")
INITS = (*PAPERS, *RIVALS)
"""Rows of the table: the paper's, and those of :mod:`.rivals`."""

LEARNED = {name: image.LEARNED[name] for name in PAPERS if name in image.LEARNED}
"""What trains which of the paper's rows."""

LABELS = rows_of.labels("picture")

PAPER = {name: supplement.FITS["image"][""]["full"][name].chosen.setting for name in PAPERS}
"""The paper's own settings at test time (supplement, section 1)."""

STEPS = 2

Runner = Callable[[Draws, Setting, int], np.ndarray]
"""``run(draws, setting, num_steps)``: PSNR [dB] of each signal after 0, 1, … steps, averaged over the draws."""


class TunedSettings(NamedTuple):
    """Settings by initialisation for the two columns of the table, and whose validation signals chose them.

    ``along`` are those of curves: the number of steps from which on a setting is the best, and the setting. ``options``
    are the scale and the lengths that :mod:`.rivals` needs.
    """

    after_two_steps: Mapping[str, Setting]
    to_match: Mapping[str, Setting]
    along: Mapping[str, Sequence[tuple[int, Setting]]]
    tuned_on: Mapping[str, str]
    options: Mapping[str, float | int]


def runner(
    field: Field,
    pictures: Float[np.ndarray, "signals h w c"],
    *,
    most: int | None = None,
    measures: fits.Measures = image.measures,
) -> Runner:
    """How ``pictures`` are fitted and scored; with ``most``, the longest fit, compiled once for each optimiser."""
    unseen = image.tasks(pictures)

    def run(draws, setting, num_steps):
        longest = max(most or 0, num_steps)
        return fits.mean_curves(measures, field, draws, unseen, setting, num_steps, most=longest)

    return run


def tuned_settings(profile: str, data: str) -> TunedSettings:
    """Settings chosen by ``make tune`` for a profile and class; others borrow those of the nearest built-in case.

    Photographs take the settings of ``faces``, and profiles or initialisations that were not tuned those of
    ``quick``; in the profile ``paper`` the paper's rows take its own. ``tuned_on`` says so.
    """
    found = tuned.chosen("image", profile, data, borrowed="faces")
    two, match = found["after_two_steps"], found["to_match"]
    classes = tuned.content("image")["profiles"]["quick"]
    cells = classes.get(data, classes["faces"])["cells"]
    chosen = TunedSettings(
        {name: two[name].setting for name in INITS},
        {name: match[name].setting for name in INITS},
        {name: [(first, Setting(*one)) for first, *one in cells["along"][name]["switches"]] for name in INITS},
        {name: two[name].tuned_on for name in INITS},
        {name: cell["option"] for name, cell in cells["along"].items() if "option" in cell},
    )
    if profile != "paper":
        return chosen
    always, said = {name: [(1, PAPER[name])] for name in PAPERS}, dict.fromkeys(PAPERS, supplement.PAPERS)
    over = zip(chosen, (PAPER, PAPER, always, said, {}), strict=True)
    return TunedSettings(*({**rivals, **papers} for rivals, papers in over))


def table_rows(
    run: Runner,
    made: Mapping[str, Draws],
    settings: TunedSettings,
    *,
    trained_on: str,
    data: str,
    seed: int,
    limit: int | None,
    paper_too: bool = True,
) -> list[dict[str, Any]]:
    """Rows of the metrics file for one class.

    Steps to match is the first step at which a signal reaches its own PSNR under MAML after two steps, with the
    setting tuned for that; without MAML, or without a ``limit`` to the steps, there is no such number. The paper's own
    settings stand as further rows outside the table if ``paper_too``.
    """
    maml = made.get("meta-maml") if limit else None
    target = maml and run(maml, settings.after_two_steps["meta-maml"], STEPS)[:, STEPS]

    def one(name):
        @functools.cache
        def curve(setting, num_steps):
            return run(made[name], setting, num_steps)

        about = {"experiment": "image", "trained_on": trained_on, "data": data}
        about |= {"trained_on": None} if name.startswith("standard") else {}
        about |= {"split": "test", "init": name, "observations": "full", "seed": seed}
        rows = [metrics.row(**about, steps=0, psnr_per_signal=curve(settings.to_match[name], limit or 0)[:, 0])]
        columns = [(settings.after_two_steps[name], settings.to_match[name], settings.tuned_on[name], True)]
        if paper_too and name in PAPER and any(PAPER[name] != setting for setting in columns[0][:2]):
            columns.append((PAPER[name], PAPER[name], supplement.PAPERS, False))
        for two_steps, to_match, tuned_on, in_table in columns:
            match = {}
            if name != "meta-maml" and maml:
                steps, never = evaluate.steps_to_match(curve(to_match, limit), target)
                match = dict(steps_to_match=steps, never_matched=int(never), limit=limit, match_setting=list(to_match))
            after = curve(two_steps, STEPS)[:, STEPS]
            how = {"optimizer": two_steps.optimizer, "learning_rate": two_steps.learning_rate, "tuned_on": tuned_on}
            rows.append(metrics.row(**about, **how, steps=STEPS, psnr_per_signal=after, in_table=in_table, **match))
        return rows

    found = evaluate.side_by_side(one, [name for name in INITS if name in made])
    return [row for rows in found for row in rows]


def scored(
    profile: image.Profile, field: Field, images: ImageSplits, made: Mapping[str, Draws], *, seed: int
) -> list[dict[str, Any]]:
    """Rows of the table on ``images.test``, with the settings of the profile and of these data.

    ``psnr_unclipped_db`` is what the paper's authors print: predictions are not clipped.
    """
    settings, about = tuned_settings(profile.name, images.name), {"trained_on": images.name, "data": images.name}
    run = runner(field, images.test, most=profile.limit)
    rows = table_rows(run, made, settings, **about, seed=seed, limit=profile.limit)
    unclipped = runner(field, images.test, most=profile.limit, measures=image.unclipped)
    for row in rows:
        if row["steps"] == STEPS:
            curve = unclipped(made[row["init"]], Setting(row["optimizer"], row["learning_rate"]), STEPS)
            row["psnr_unclipped_db"] = round(float(curve[:, STEPS].mean()), 3)
    return rows


def control_rows(images: ImageSplits, *, data: str, seed: int) -> list[dict[str, Any]]:
    """The two controls on ``images.test``: the class mean and the nearest training signal, as if they were the fit."""
    about = {"experiment": "image", "trained_on": images.name, "data": data, "seed": seed}
    return rows_of.array_controls(images.train, images.test, **about)


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The main table's rows as Markdown, and below it the rows with the paper's own settings if there are any."""
    lines = [
        "| initialisation | setting, 2 steps | PSNR after 2 steps [dB] | setting, to match | steps to match MAML |",
        "|---|---|---|---|---|",
    ]
    beside = [r for r in rows if r["tuned_on"] == supplement.PAPERS and not r["in_table"]]
    for row in [r for r in rows if r["in_table"]] + beside:
        name = LABELS.get(row["init"], row["init"])
        if not row["in_table"]:
            name += ", the paper's setting"
        setting = f"{row['optimizer']} {row['learning_rate']:g}" if row["optimizer"] else "no fit"
        match, match_setting = "–", "–"
        if row["steps_to_match"] is not None:
            match = f"{row['steps_to_match']:.1f}"
            if row["steps_to_match_std"] is not None:
                match += f" ± {row['steps_to_match_std']:.1f}"
            if row["never_matched"]:
                match += f" ({row['never_matched']} of {row['num_signals']} not within {row['limit']})"
            match_setting = "{} {:g}".format(*row["match_setting"])
        lines.append(f"| {name} | {setting} | {rows_of.score(row)} | {match_setting} | {match} |")
    chosen_on = sorted({r["tuned_on"] for r in rows if r["in_table"] and r["tuned_on"]})
    lines += ["", f"Settings chosen on: {'; '.join(chosen_on)}."]
    return "\n".join(lines)


SHOWN = (*range(11), *range(15, 41, 5), *range(50, 101, 10))
"""Steps at which curves are compared and kept."""

Curves = Mapping[str, Float[np.ndarray, "signals points"]]


def curves(run: Runner, made: Mapping[str, Draws], settings: TunedSettings, *, along: int) -> Curves:
    """PSNR [dB] of each signal after 0, 1, … ``along`` steps, each by the setting that was tuned for so many."""

    def one(name):
        switches = [(first, setting) for first, setting in settings.along[name] if first <= along]
        ends = [*(first for first, _ in switches[1:]), along + 1]
        # Each setting is run once, as far as it is needed.
        lengths = {setting: end - 1 for (_, setting), end in zip(switches, ends, strict=True)}
        curve = {setting: run(made[name], setting, length) for setting, length in lengths.items()}
        parts = [curve[setting][:, a:b] for (a, setting), b in zip(switches, ends, strict=True)]
        return np.concatenate([next(iter(curve.values()))[:, :1], *parts], axis=1)

    names = [name for name in INITS if name in made]
    return dict(zip(names, evaluate.side_by_side(one, names), strict=True))


def means(curves: Curves) -> dict[str, dict[str, float]]:
    """Mean PSNR [dB] over signals at those of :data:`SHOWN` that the curves have (JSON)."""
    return {
        name: {str(step): round(float(curve[:, step].mean()), 2) for step in SHOWN if step < curve.shape[1]}
        for name, curve in curves.items()
    }


def leads(curves: Curves) -> dict[str, dict[str, list[tuple[int, int]]]]:
    """Where MAML is ahead of each other initialisation and where behind: first and last step of each range.

    A step of :data:`SHOWN` counts if the 95 % interval of the paired differences over signals lies above or below zero.
    """
    maml = curves["meta-maml"]
    shown = [step for step in SHOWN if step < maml.shape[1]]
    found = {}
    for name in (name for name in curves if name != "meta-maml"):
        each = [evaluate.paired_interval(maml[:, step], curves[name][:, step]) for step in shown]
        signs = [1 if one.low > 0 else -1 if one.high < 0 else 0 for one in each]
        found[name] = {"ahead": _ranges(shown, signs, 1), "behind": _ranges(shown, signs, -1)}
    return found


def _ranges(steps, signs, wanted):
    """First and last of the steps of each run of ``wanted`` among ``signs``."""
    parts = itertools.groupby(zip(steps, signs, strict=True), key=lambda pair: pair[1])
    runs = [[step for step, _ in part] for sign, part in parts if sign == wanted]
    return [(run[0], run[-1]) for run in runs]


def spans(ranges: Sequence[Sequence[int]]) -> str:
    """Ranges of steps, first and last of each, in words."""
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in ranges) or "–"


def overtaking(found: Mapping[str, Mapping[str, Sequence[Sequence[int]]]]) -> str:
    """What :func:`leads` found, as Markdown."""
    lines = ["| MAML against | ahead at steps | behind at steps |", "|---|---|---|"]
    for name, where in found.items():
        lines.append(f"| {LABELS[name]} | {spans(where['ahead'])} | {spans(where['behind'])} |")
    return "\n".join([*lines, "", "A step counts if the 95 % interval of the paired difference excludes zero."])
