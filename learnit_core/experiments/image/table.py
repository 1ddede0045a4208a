"""Table 1 on any class: six initialisations, fitted to signals they have not seen, each with its tuned setting."""

import functools
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

INITS = ("standard", "mean", "matched", "shuffled", "meta-reptile", "meta-maml")
"""Rows of the table, in the paper's order."""

LABELS = rows_of.labels("picture")

PAPER = {name: supplement.FITS["image"][""]["full"][name].chosen.setting for name in INITS}
"""The paper's own settings at test time (supplement, section 1)."""

STEPS = 2

Runner = Callable[[Draws, Setting, int], np.ndarray]
"""``run(draws, setting, num_steps)``: PSNR [dB] of each signal after 0, 1, … steps, averaged over the draws."""


class TunedSettings(NamedTuple):
    """Settings by initialisation for the two columns of the table, and whose validation signals chose them."""

    after_two_steps: Mapping[str, Setting]
    to_match: Mapping[str, Setting]
    tuned_on: Mapping[str, str]


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
    ``quick``; the profile ``paper`` takes the paper's own in both columns. ``tuned_on`` says so.
    """
    if profile == "paper":
        return TunedSettings(PAPER, PAPER, dict.fromkeys(INITS, supplement.PAPERS))
    found = tuned.chosen("image", profile, data, borrowed="faces")
    two, match = found["after_two_steps"], found["to_match"]
    return TunedSettings(
        {name: two[name].setting for name in INITS},
        {name: match[name].setting for name in INITS},
        {name: two[name].tuned_on for name in INITS},
    )


def table_rows(
    run: Runner,
    made: Mapping[str, Draws],
    settings: TunedSettings,
    *,
    trained_on: str,
    data: str,
    seed: int,
    limit: int,
    paper_too: bool = True,
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Rows of the metrics file for one class, and curves [signals, limit + 1] with the settings tuned to match.

    Steps to match is the first step at which a signal reaches its own PSNR under MAML after two steps, with the
    setting tuned for that; without MAML there is no such number. The paper's own settings stand as further rows outside
    the table if ``paper_too``.
    """
    maml = made.get("meta-maml")
    target = maml and run(maml, settings.after_two_steps["meta-maml"], STEPS)[:, STEPS]
    rows, curves = [], {}
    for name in [name for name in INITS if name in made]:

        @functools.cache
        def curve(setting, num_steps, draws=made[name]):
            return run(draws, setting, num_steps)

        curves[name] = curve(settings.to_match[name], limit)
        about = {"experiment": "image", "trained_on": None if name == "standard" else trained_on, "data": data}
        about |= {"split": "test", "init": name, "observations": "full", "seed": seed}
        rows.append(metrics.row(**about, steps=0, psnr_per_signal=curves[name][:, 0]))
        columns = [(settings.after_two_steps[name], settings.to_match[name], settings.tuned_on[name], True)]
        if paper_too and any(PAPER[name] != setting for setting in columns[0][:2]):
            columns.append((PAPER[name], PAPER[name], supplement.PAPERS, False))
        for two_steps, to_match, tuned_on, in_table in columns:
            match = {}
            if name != "meta-maml" and maml:
                steps, never = evaluate.steps_to_match(curve(to_match, limit), target)
                match = dict(steps_to_match=steps, never_matched=int(never), limit=limit, match_setting=list(to_match))
            after = curve(two_steps, STEPS)[:, STEPS]
            how = {"optimizer": two_steps.optimizer, "learning_rate": two_steps.learning_rate, "tuned_on": tuned_on}
            rows.append(metrics.row(**about, **how, steps=STEPS, psnr_per_signal=after, in_table=in_table, **match))
    return rows, curves


def scored(
    profile: image.Profile, field: Field, images: ImageSplits, made: Mapping[str, Draws], *, seed: int
) -> list[dict[str, Any]]:
    """Rows of the table on ``images.test``, with the settings of the profile and of these data.

    ``psnr_unclipped_db`` is what the paper's authors print: predictions are not clipped.
    """
    settings, about = tuned_settings(profile.name, images.name), {"trained_on": images.name, "data": images.name}
    run = runner(field, images.test, most=profile.limit)
    rows, _ = table_rows(run, made, settings, **about, seed=seed, limit=profile.limit)
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


def overtaking(curves: Mapping[str, np.ndarray]) -> str:
    """Which initialisations have a higher mean PSNR than MAML at the end of the curves, and from which step on."""
    maml = curves["meta-maml"].mean(axis=0)
    said = []
    for name, curve in curves.items():
        behind = np.flatnonzero(curve.mean(axis=0) <= maml)
        first = behind[-1] + 1 if len(behind) else 0
        if name != "meta-maml" and first < len(maml):
            said.append(f"{LABELS[name]} from step {first} on")
    if not said:
        return f"No other initialisation overtakes MAML within {len(maml) - 1} steps."
    return "With more steps, these overtake MAML: " + ", ".join(said) + "."
