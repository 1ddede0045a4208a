"""The phototourism table: right halves of unseen photographs after their left halves were fitted, from every start."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from learnit_core import evaluate, metrics, plots, weights
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import tourism
from learnit_core.experiments.tourism import Profile
from learnit_core.structures import Field, Params, Task, Views
from learnit_core.tuning import Chosen

INITS = ("standard", "basic-steps", "basic", "meta-reptile")
"""Rows of the table. Both kinds of Basic NeRF are trained on the same photographs as Reptile."""

LABELS = plots.LABELS | {
    "class-mean": "control: mean photograph",
    "nearest-training": "control: nearest training photograph",
}

EVERY = 25
"""Fits are scored every so many steps."""

BOUNDS = {"basic": 0.0, "basic-steps": 2.0, "standard": None}
"""Gaps between Reptile and the other starts that this project promises [dB]."""
OVER_ITSELF = 2.5
"""… and between Reptile after the fit and before it."""


PAPER = Chosen(Setting("sgd", 10.0), 150, "the paper's setting")
"""The supplement's own setting for Reptile at test time (its section 4)."""

Runner = Callable[[Params, Setting, int], np.ndarray]
"""``run(params, setting, num_steps)``: PSNR [dB] of each photograph before the fit and after every ``EVERY`` steps."""


def runner(profile: Profile, field: Field, views: Views) -> Runner:
    """How ``views`` are fitted and scored; compiled once for each optimiser.

    Raises ``LearnitError`` for a number of steps at which nothing is scored.
    """
    unseen, every = tourism.tasks(views), min(EVERY, profile.limit)
    most = profile.limit // every * every

    def run(params, setting, num_steps):
        if num_steps % every or not 0 < num_steps <= most:
            raise LearnitError(f"found {num_steps} steps: expected a multiple of {every}, {most} at most")
        # A fit of fewer steps is the beginning of a long one; a program of its own would take longer to compile.
        scores = _curves(profile, field, params, setting.learning_rate, unseen, setting.optimizer, most, every)
        return np.asarray(scores)[:, : num_steps // every + 1]

    return run


@functools.partial(jax.jit, static_argnames=("profile", "field", "optimizer", "num_steps", "every"))
def _curves(profile, field, params, rate, tasks: Task, optimizer, num_steps, every):
    return evaluate.curves(
        tourism.loss_for(profile, field),
        tourism.score_for(profile, field),
        params,
        tasks,
        jax.random.key(0),
        optimizer=Setting(optimizer, rate).build(),
        num_steps=num_steps,
        every=every,
    )


def tuned_settings(profile: str, data: str) -> dict[str, Chosen]:
    """Settings chosen on validation photographs of the landmark; other data and profiles borrow them, and it says so.

    The profile ``paper`` takes the paper's own for Reptile.
    """
    content = json.loads((resources.files("learnit_core.experiments") / "tourism_tuned.json").read_text("utf-8"))
    exact = (profile, data) == ("quick", "landmark")
    tuned_on = "validation" if exact else "validation of landmark, profile quick"
    chosen = {
        name: Chosen(Setting(*entry["choice"]), entry["steps"], tuned_on) for name, entry in content["inits"].items()
    }
    return chosen | ({"meta-reptile": PAPER} if profile == "paper" else {})


def table_rows(
    run: Runner,
    made: Mapping[str, Params],
    settings: Mapping[str, Chosen],
    *,
    trained_on: str,
    data: str,
    seed: int,
    limit: int,
    paper_too: bool = True,
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Rows of the metrics file, and curves [n, points] by initialisation up to the chosen step.

    No fit is longer than ``limit``. Each initialisation has a row before the fit, too, outside the table; so has the
    paper's setting for Reptile if ``paper_too``.
    """
    rows, curves = [], {}
    about = dict(experiment="phototourism", data=data, split="test", observations="left half", seed=seed)
    for name in [name for name in INITS if name in made]:
        columns = [(settings[name], True)]
        if paper_too and name == "meta-reptile" and settings[name][:2] != PAPER[:2]:
            columns.append((PAPER, False))
        trained = None if name == "standard" else trained_on
        for chosen, in_table in columns:
            steps = min(chosen.steps, limit)
            curve = run(made[name], chosen.setting, steps)
            if in_table:
                curves[name] = curve
                start = dict(about, trained_on=trained, init=name, steps=0)
                rows.append(metrics.row(**start, psnr_per_signal=curve[:, 0]))
            rows.append(
                metrics.row(
                    **about,
                    trained_on=trained,
                    init=name,
                    steps=steps,
                    psnr_per_signal=curve[:, -1],
                    optimizer=chosen.setting.optimizer,
                    learning_rate=chosen.setting.learning_rate,
                    tuned_on=chosen.tuned_on,
                    in_table=in_table,
                )
            )
    return rows, curves


def control_rows(train: Views, views: Views, *, data: str, seed: int) -> list[dict[str, Any]]:
    """The two controls on right halves of ``views``: mean and nearest of the training photographs, as if they were it.

    Photographs differ in shape: those to train on are stretched to that of the one in question.
    """
    others = [Image.fromarray(np.uint8(np.rint(255 * tourism.photograph(train, i)))) for i in range(len(train.images))]
    scores: dict[str, list[float]] = {"class-mean": [], "nearest-training": []}
    for i in range(len(views.images)):
        truth = tourism.photograph(views, i)
        height, width, _ = truth.shape
        stretched = np.stack([other.resize((width, height), Image.Resampling.BILINEAR) for other in others]) / 255
        half = slice(width // 2, None)
        errors = np.mean(np.square(stretched[:, :, half] - truth[:, half]), axis=(1, 2, 3))
        mean_error = np.mean(np.square(stretched.mean(axis=0)[:, half] - truth[:, half]))
        scores["class-mean"].append(-10 * np.log10(mean_error))
        scores["nearest-training"].append(-10 * np.log10(errors.min()))
    return [
        metrics.row(
            experiment="phototourism",
            trained_on=data,
            data=data,
            split="test",
            init=name,
            observations="none",
            steps=0,
            psnr_per_signal=np.array(score),
            seed=seed,
            in_table=True,
        )
        for name, score in scores.items()
    ]


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table as Markdown: before and after the fit, and how it was fitted."""
    lines = ["| initialisation | before the fit | right half, left half fitted | fitted with |", "|---|---|---|---|"]
    for name in INITS:
        mine = [row for row in rows if row["init"] == name]
        before = [row for row in mine if row["steps"] == 0]
        for row in [row for row in mine if row["steps"]]:
            label = LABELS[name] + ("" if row["in_table"] else f", {row['tuned_on']}")
            how = f"{row['optimizer']} {row['learning_rate']:g}, {row['steps']} steps"
            lines.append(f"| {label} | {_cell(before[0])} | {_cell(row)} | {how} |")
    lines += [f"| {LABELS[row['init']]} | – | {_cell(row)} | – |" for row in rows if row["observations"] == "none"]
    chosen_on = sorted({row["tuned_on"] for row in rows if row["in_table"] and row["tuned_on"]})
    return "\n".join([*lines, "", f"PSNR [dB], mean ± deviation over photographs. Chosen on: {'; '.join(chosen_on)}."])


def _cell(row: Mapping[str, Any]) -> str:
    return f"{row['psnr_db']:.1f}" + ("" if row["psnr_std"] is None else f" ± {row['psnr_std']:.1f}")


def gaps(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, evaluate.Interval, float | None]]:
    """Reptile over the other starts and over itself before the fit, paired over photographs, with what is promised."""
    after = {row["init"]: row["psnr_per_signal"] for row in rows if row["in_table"]}
    before = {row["init"]: row["psnr_per_signal"] for row in rows if row["steps"] == 0}
    reptile = after["meta-reptile"]
    found = [
        (f"Reptile over {LABELS[name]}", evaluate.paired_interval(reptile, after[name]), bound)
        for name, bound in BOUNDS.items()
        if name in after
    ]
    itself = evaluate.paired_interval(reptile, before["meta-reptile"])
    return [*found, ("Reptile over itself before the fit", itself, OVER_ITSELF)]


def agreement(
    profile: Profile, field: Field, corners: Sequence[Params], camera: tourism.Camera, *, height: int, width: int
) -> float:
    """PSNR [dB] between the picture of the mean weights and the mean of the corners' pictures, from one camera."""

    def seen(params):
        return tourism.picture(profile, field, params, camera, height=height, width=width)

    average = np.mean([seen(corner) for corner in corners], axis=0)
    middle = seen(weights.barycentric(corners, [1 / len(corners)] * len(corners)))
    return float(evaluate.psnr(jnp.asarray(middle), jnp.asarray(average)))
