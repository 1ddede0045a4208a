"""The paper's CT table: every initialisation against filtered back-projection, from 1, 2, 4 and 8 projections."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from learnit_core import evaluate, metrics, plots, signals
from learnit_core.evaluate import Setting
from learnit_core.experiments import ct
from learnit_core.experiments.baselines import Draws
from learnit_core.signals import ImageSplits
from learnit_core.structures import Field, Task
from learnit_core.tuning import Chosen

INITS = ("standard", "mean", "matched", "shuffled", "meta-reptile")
"""Rows of the table, in the paper's order; filtered back-projection stands below them."""

LABELS = plots.LABELS | {
    "fbp": "filtered back-projection",
    "class-mean": "control: class mean",
    "nearest-training": "control: nearest training slice",
}

FILTERS = ("ramp", "shepp-logan", "cosine", "hamming", "hann")
"""Filters of ``skimage.transform.iradon``; the best on validation slices is used, a number of views each."""


PAPER = {
    name: {views: Chosen(Setting(*setting), n, "the paper's setting") for views, n in zip(ct.VIEWS, steps, strict=True)}
    for name, setting, steps in (
        ("standard", ("adam", 5e-4), (50, 100, 250, 1000)),
        ("mean", ("adam", 1e-5), (25, 50, 100, 1000)),
        ("matched", ("adam", 5e-4), (50, 100, 500, 1000)),
        ("shuffled", ("adam", 5e-4), (50, 100, 250, 1000)),
        ("meta-reptile", ("sgd", 10.0), (50, 100, 1000, 1000)),
    )
}
"""The paper's own settings at test time by initialisation and views (supplement, Table 2)."""

Runner = Callable[[Draws, Setting, int], np.ndarray]
"""``run(draws, setting, num_steps)``: PSNR [dB] of each slice before the fit and after every ``ct.EVERY`` steps.

A fit whose steps are no multiple of that is scored at its end only. Of several draws the slices get one each in turn,
so that a table of many slices averages over them.
"""


def runner(field: Field, slices: Float[np.ndarray, "n size size 1"], views: int) -> Runner:
    """How ``slices`` are fitted and scored from so many views; compiled once for each optimiser and number of steps."""
    unseen = ct.tasks(slices, ct.test_angles(views))

    def run(draws, setting, num_steps):
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *draws)
        turns = jnp.arange(len(slices)) % len(draws)
        return np.asarray(_curves(field, stacked, turns, setting.learning_rate, unseen, setting.optimizer, num_steps))

    return run


@functools.partial(jax.jit, static_argnames=("field", "optimizer", "num_steps"))
def _curves(field, draws, turns, rate, tasks, optimizer, num_steps):
    loss, score = ct.loss_and_score(field, tasks.query.shape[-1])

    def one(turn_and_task):
        turn, task = turn_and_task
        params = jax.tree.map(lambda leaf: leaf[turn], draws)
        alone = jax.tree.map(lambda leaf: leaf[None], task)
        return evaluate.curves(
            loss,
            score,
            params,
            alone,
            jax.random.key(0),
            optimizer=Setting(optimizer, rate).build(),
            num_steps=num_steps,
            every=num_steps if num_steps % ct.EVERY else ct.EVERY,
        )[0]

    return jax.lax.map(one, (turns, tasks))


def back_projected(
    slices: Float[np.ndarray, "n size size 1"], views: int, filter_name: str
) -> Float[np.ndarray, "n size size 1"]:
    """Filtered back-projection of the same sinograms by scikit-image, clipped to [0, 1]."""
    from skimage.transform import iradon  # here, because importing it takes a while

    unseen: Task = ct.tasks(slices, ct.test_angles(views))
    degrees = np.rad2deg(ct.test_angles(views))
    pictures = [
        iradon(sinogram.T, degrees, filter_name=filter_name, circle=True, output_size=slices.shape[1])
        for sinogram in np.asarray(unseen.support.values)
    ]
    return np.clip(np.stack(pictures)[..., None], 0, 1).astype(np.float32)


def psnrs(pictures: np.ndarray, slices: np.ndarray) -> Float[np.ndarray, " n"]:
    """PSNR of each picture [dB]."""
    return -10 * np.log10(((np.clip(pictures, 0, 1) - slices) ** 2).mean(axis=(1, 2, 3)))


class TunedSettings(NamedTuple):
    """What ``make tune`` chose: fits by initialisation and views, and the filter of back-projection by views."""

    fits: Mapping[str, Mapping[int, Chosen]]
    filters: Mapping[int, str]


def tuned_settings(profile: str, data: str) -> TunedSettings:
    """Settings chosen on validation phantoms for a profile or for ``long``; others borrow those of ``quick``.

    The profile ``paper`` takes the paper's own. ``tuned_on`` says so.
    """
    file = resources.files("learnit_core.experiments") / "ct_tuned.json"
    profiles = json.loads(file.read_text("utf-8"))["profiles"]
    size, built_in = (profile if profile in profiles else "quick"), "phantoms"
    exact = (size, built_in) == (profile, data)
    tuned_on = "validation" if exact else f"validation of {built_in}, profile {size}"
    chosen = profiles[size][built_in]["views"]
    fits = {
        name: {
            views: Chosen(Setting(*chosen[str(views)][name]["choice"]), chosen[str(views)][name]["steps"], tuned_on)
            for views in ct.VIEWS
        }
        for name in INITS
    }
    filters = {views: chosen[str(views)]["fbp"]["choice"] for views in ct.VIEWS}
    return TunedSettings(PAPER if profile == "paper" else fits, filters)


def table_rows(
    field: Field,
    slices: Float[np.ndarray, "n size size 1"],
    made: Mapping[str, Draws],
    settings: TunedSettings,
    limits: Mapping[int, int],
    *,
    trained_on: str,
    data: str,
    seed: int,
    make_runner: Callable[..., Runner] = runner,
    paper_too: bool = True,
) -> tuple[list[dict[str, Any]], dict[int, dict[str, np.ndarray]]]:
    """Rows of the metrics file, and curves [n, steps / EVERY + 1] by views and initialisation up to the chosen step.

    Made for the numbers of views in ``limits``, and no fit is longer than its limit there. The paper's SGD 10 for the
    learned initialisation stands as a further row outside the table if ``paper_too``; filtered back-projection has the
    filter chosen for each number of views.
    """
    about = dict(data=data, seed=seed)
    runs = {views: make_runner(field, slices, views) for views in limits}
    asked = [entry for views in limits for entry in entries(settings, views, paper_too=paper_too) if entry.init in made]

    def one(entry):
        return entry_rows(runs[entry.views], made[entry.init], entry, limits, trained_on=trained_on, **about)

    rows, curves = [], {views: {} for views in limits}
    for entry, (found, curve) in zip(asked, evaluate.side_by_side(one, asked), strict=True):
        rows += found
        if entry.in_table:
            curves[entry.views][entry.init] = curve
    return rows + [fbp_row(slices, views, settings, **about) for views in limits], curves


class Entry(NamedTuple):
    """One fit that the table asks for."""

    init: str
    views: int
    chosen: Chosen
    in_table: bool


def entries(settings: TunedSettings, views: int, *, paper_too: bool = True) -> list[Entry]:
    """All fits from so many views, with the paper's for the learned initialisation if it is another one."""
    found = [Entry(name, views, settings.fits[name][views], True) for name in INITS]
    learned, paper = found[-1], PAPER["meta-reptile"][views]
    if paper_too and paper[:2] != learned.chosen[:2]:
        found.append(learned._replace(chosen=paper, in_table=False))
    return found


def entry_rows(
    run: Runner, draws: Draws, entry: Entry, limits: Mapping[int, int], *, trained_on: str, data: str, seed: int
) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Rows of one entry, un-adapted (of those in the table) and fitted, and its curve."""
    about = dict(
        experiment="ct",
        trained_on=None if entry.init == "standard" else trained_on,
        data=data,
        split="test",
        init=entry.init,
        observations=f"views={entry.views}",
        seed=seed,
    )
    setting, steps = entry.chosen.setting, min(entry.chosen.steps, limits[entry.views])
    curve = run(draws, setting, steps)
    rows = [metrics.row(**about, steps=0, psnr_per_signal=curve[:, 0])] if entry.in_table and steps else []
    rows.append(
        metrics.row(
            **about,
            steps=steps,
            psnr_per_signal=curve[:, -1],
            optimizer=setting.optimizer,
            learning_rate=setting.learning_rate,
            tuned_on=entry.chosen.tuned_on,
            in_table=entry.in_table,
        )
    )
    return rows, curve


def fbp_row(
    slices: Float[np.ndarray, "n size size 1"], views: int, settings: TunedSettings, *, data: str, seed: int
) -> dict[str, Any]:
    """Filtered back-projection as a row of the table."""
    pictures = back_projected(slices, views, settings.filters[views])
    return metrics.row(
        experiment="ct",
        trained_on=None,
        data=data,
        split="test",
        init="fbp",
        observations=f"views={views}",
        steps=0,
        psnr_per_signal=psnrs(pictures, slices),
        seed=seed,
        in_table=True,
        filter=settings.filters[views],
        tuned_on=settings.fits["standard"][views].tuned_on,
    )


def control_rows(images: ImageSplits, *, data: str, seed: int) -> list[dict[str, Any]]:
    """The two controls on ``images.test``: the class mean and the nearest training slice, as if they were the fit."""
    mean = signals.mean_signal(images.train)
    scores = {
        "class-mean": psnrs(np.broadcast_to(mean, images.test.shape), images.test),
        "nearest-training": signals.nearest(images.train, images.test)[1],
    }
    return [
        metrics.row(
            experiment="ct",
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


def views_label(views: int) -> str:
    """So many views, in words."""
    return "1 view" if views == 1 else f"{views} views"


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The main table's rows as Markdown, a column for each number of views, with the settings in brackets."""
    lines = [
        "| initialisation | " + " | ".join(map(views_label, ct.VIEWS)) + " |",
        "|---|" + "---|" * len(ct.VIEWS),
    ]
    table = [row for row in rows if row["in_table"]]
    for name, label in LABELS.items():
        cells = {row["observations"]: _cell(row) for row in table if row["init"] == name}
        if cells:
            texts = [cells.get(f"views={views}", cells.get("none", "–")) for views in ct.VIEWS]
            lines.append(f"| {label} | " + " | ".join(texts) + " |")
    paper = {row["observations"]: _cell(row) for row in rows if row["tuned_on"] == "the paper's setting"}
    if paper and not any(row["tuned_on"] == "the paper's setting" for row in table):
        texts = [paper.get(f"views={views}", "as above") for views in ct.VIEWS]
        lines.append(f"| {LABELS['meta-reptile']}, the paper's setting | " + " | ".join(texts) + " |")
    chosen_on = sorted({row["tuned_on"] for row in table if row["tuned_on"]})
    lines += [
        "",
        f"PSNR [dB], mean ± deviation over slices (optimiser, rate, steps). Chosen on: {'; '.join(chosen_on)}.",
    ]
    return "\n".join(lines)


def _cell(row: Mapping[str, Any]) -> str:
    deviation = "" if row["psnr_std"] is None else f" ± {row['psnr_std']:.1f}"
    how = f" ({row['optimizer']} {row['learning_rate']:g}, {row['steps']})" if row["optimizer"] else ""
    how = f" ({row['filter']})" if row["init"] == "fbp" else how
    return f"{row['psnr_db']:.1f}{deviation}{how}"
