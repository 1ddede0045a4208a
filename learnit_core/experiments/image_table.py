"""Table 1 on any class: six initialisations, fitted to signals they have not seen, each with its tuned setting."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from learnit_core import evaluate, losses, metrics, plots, signals
from learnit_core.evaluate import Setting
from learnit_core.experiments import image
from learnit_core.experiments.baselines import SHUFFLES, Draws, baselines, standard  # noqa: F401 (part of the table)
from learnit_core.signals import ImageSplits
from learnit_core.structures import Field

INITS = ("standard", "mean", "matched", "shuffled", "meta-reptile", "meta-maml")
"""Rows of the table, in the paper's order."""

LABELS = plots.LABELS | {"class-mean": "control: class mean", "nearest-training": "control: nearest training picture"}

PAPER = {name: Setting("adam", 1e-4) for name in INITS} | {
    name: Setting("sgd", 1e-2) for name in INITS if name.startswith("meta")
}
"""The paper's own settings at test time (supplement, section 1)."""

STEPS = 2

Runner = Callable[[Draws, Setting, int], np.ndarray]
"""``run(draws, setting, num_steps)``: PSNR [dB] of each signal after 0, 1, … steps, averaged over the draws."""


class TunedSettings(NamedTuple):
    """Settings by initialisation for the two columns of the table, and whose validation signals chose them."""

    after_two_steps: Mapping[str, Setting]
    to_match: Mapping[str, Setting]
    tuned_on: Mapping[str, str]


def runner(field: Field, pictures: Float[np.ndarray, "signals h w c"]) -> Runner:
    """How ``pictures`` are fitted and scored; compiled once for each optimiser and number of steps."""
    unseen = image.tasks(pictures)

    def run(draws, setting, num_steps):
        rate, optimizer = setting.learning_rate, setting.optimizer
        return np.mean([_curves(field, params, rate, unseen, optimizer, num_steps) for params in draws], axis=0)

    return run


@functools.partial(jax.jit, static_argnames=("field", "optimizer", "num_steps"))
def _curves(field, params, rate, tasks, optimizer, num_steps):
    return evaluate.curves(
        losses.image_loss(field),
        image.score(field),
        params,
        tasks,
        jax.random.key(0),
        optimizer=Setting(optimizer, rate).build(),
        num_steps=num_steps,
    )


def tuned_settings(profile: str, data: str) -> TunedSettings:
    """Settings chosen by ``make tune`` for a profile and class; others borrow those of the nearest built-in case.

    Photographs take the settings of ``faces``, and profiles or initialisations that were not tuned those of
    ``quick``; ``tuned_on`` says so.
    """
    profiles = json.loads((resources.files("learnit_core.experiments") / "image_tuned.json").read_text("utf-8"))[
        "profiles"
    ]
    built_in = data if data in profiles["quick"] else "faces"
    tuned = TunedSettings({}, {}, {})
    for name in INITS:
        size = profile if name in profiles.get(profile, {}).get(built_in, {}).get("inits", {}) else "quick"
        chosen = profiles[size][built_in]["inits"][name]
        tuned.after_two_steps[name] = Setting(*chosen["after_two_steps"]["choice"])
        tuned.to_match[name] = Setting(*chosen["to_match"]["choice"])
        exact = (size, built_in) == (profile, data)
        tuned.tuned_on[name] = "validation" if exact else f"validation of {built_in}, profile {size}"
    return tuned


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
    setting tuned for that. The paper's own settings stand as further rows outside the table if ``paper_too``.
    """
    target = run(made["meta-maml"], settings.after_two_steps["meta-maml"], STEPS)[:, STEPS]
    rows, curves = [], {}
    for name in [name for name in INITS if name in made]:

        @functools.cache
        def curve(setting, num_steps, draws=made[name]):
            return run(draws, setting, num_steps)

        curves[name] = curve(settings.to_match[name], limit)
        about = dict(
            experiment="image",
            trained_on=None if name == "standard" else trained_on,
            data=data,
            split="test",
            init=name,
            observations="full",
            seed=seed,
        )
        rows.append(metrics.row(**about, steps=0, psnr_per_signal=curves[name][:, 0]))
        columns = [(settings.after_two_steps[name], settings.to_match[name], settings.tuned_on[name], True)]
        if paper_too and any(PAPER[name] != setting for setting in columns[0][:2]):
            columns.append((PAPER[name], PAPER[name], "the paper's setting", False))
        for two_steps, to_match, tuned_on, in_table in columns:
            match = {}
            if name != "meta-maml":
                steps, never = evaluate.steps_to_match(curve(to_match, limit), target)
                match = dict(steps_to_match=steps, never_matched=int(never), limit=limit, match_setting=list(to_match))
            rows.append(
                metrics.row(
                    **about,
                    steps=STEPS,
                    psnr_per_signal=curve(two_steps, STEPS)[:, STEPS],
                    optimizer=two_steps.optimizer,
                    learning_rate=two_steps.learning_rate,
                    tuned_on=tuned_on,
                    in_table=in_table,
                    **match,
                )
            )
    return rows, curves


def control_rows(images: ImageSplits, *, data: str, seed: int) -> list[dict[str, Any]]:
    """The two controls on ``images.test``: the class mean and the nearest training signal, as if they were the fit."""
    mean = signals.mean_signal(images.train)
    scores = {
        "class-mean": [-10 * np.log10(np.mean((mean - picture) ** 2)) for picture in images.test],
        "nearest-training": signals.nearest(images.train, images.test)[1],
    }
    return [
        metrics.row(
            experiment="image",
            trained_on=images.name,
            data=data,
            split="test",
            init=name,
            observations="none",
            steps=0,
            psnr_per_signal=score,
            seed=seed,
            in_table=True,
        )
        for name, score in scores.items()
    ]


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The main table's rows as Markdown, and below it the rows with the paper's own settings if there are any."""
    lines = [
        "| initialisation | setting, 2 steps | PSNR after 2 steps [dB] | setting, to match | steps to match MAML |",
        "|---|---|---|---|---|",
    ]
    for row in [r for r in rows if r["in_table"]] + [r for r in rows if r["tuned_on"] == "the paper's setting"]:
        name = LABELS.get(row["init"], row["init"])
        if not row["in_table"]:
            name += ", the paper's setting"
        deviation = "" if row["psnr_std"] is None else f" ± {row['psnr_std']:.1f}"
        setting = f"{row['optimizer']} {row['learning_rate']:g}" if row["optimizer"] else "no fit"
        match, match_setting = "–", "–"
        if row["steps_to_match"] is not None:
            match = f"{row['steps_to_match']:.1f}"
            if row["steps_to_match_std"] is not None:
                match += f" ± {row['steps_to_match_std']:.1f}"
            if row["never_matched"]:
                match += f" ({row['never_matched']} of {row['num_signals']} not within {row['limit']})"
            match_setting = "{} {:g}".format(*row["match_setting"])
        lines.append(f"| {name} | {setting} | {row['psnr_db']:.1f}{deviation} | {match_setting} | {match} |")
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
