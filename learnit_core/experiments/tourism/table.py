"""The phototourism table: right halves of unseen photographs after their left halves were fitted, from every start."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from learnit_core.experiments import baselines, tourism, tuned
from learnit_core.experiments import rows as rows_of
from learnit_core.experiments.fits import Draws
from learnit_core.experiments.rows import Entry
from learnit_core.experiments.supplement import FITS, PAPERS
from learnit_core.experiments.tourism import Profile, pictures
from learnit_core.signals.tourism import Collection
from learnit_core.structures import Field, Params, Views
from learnit_core.tuning import Chosen

INITS = ("standard", "basic-steps", "basic", "meta-reptile")
"""Rows of the table. Both kinds of Basic NeRF are trained on the same photographs as Reptile."""

ROWS = ("standard", "basic-paper", *INITS[1:])
"""The same for the paper's own places, with a Basic NeRF that has the paper's steps."""

LABELS = rows_of.labels("photograph") | {"class-mean": "control: mean photograph"}

OBSERVED = "left half"
"""What every fit of the table sees."""

PAPER = FITS["tourism"][""][OBSERVED]["meta-reptile"].chosen
"""The supplement's own setting for Reptile at test time (its section 4)."""


def tuned_settings(profile: str, data: str) -> dict[str, Chosen]:
    """Settings chosen on validation photographs of the landmark; other data and profiles borrow them, and it says so.

    The profile ``paper`` takes the paper's own for Reptile, and for Basic NeRF, too, of which the paper has none: it is
    the same training with one inner step. Standard, which is none, keeps what was tuned for it.
    """
    chosen = tuned.chosen("tourism", profile, data, borrowed="landmark")[OBSERVED]
    if profile != "paper":
        return chosen
    basic = PAPER._replace(tuned_on=f"{PAPERS} for Reptile")
    return chosen | {name: basic for name in ROWS if name.startswith("basic")} | {"meta-reptile": PAPER}


def table_rows(
    profile: Profile,
    field: Field,
    photographs: Views,
    made: Mapping[str, Params],
    settings: Mapping[str, Chosen],
    *,
    trained_on: str,
    data: str,
    seed: int,
    paper_too: bool = True,
    curves: Mapping[str, np.ndarray] | None = None,
) -> tuple[list[dict[str, Any]], dict[tuple[str, str], np.ndarray]]:
    """Rows of the metrics file, and curves [n, points] of those in the table by observation and initialisation.

    Each initialisation has a row before the fit, too, outside the table; so has the paper's setting for Reptile if
    ``paper_too``. ``curves`` [photographs, points] are the scores of fits that the caller made, by initialisation, with
    these settings and at most ``profile.limit`` steps; the others are made here.
    """
    entries = [Entry(name, OBSERVED, settings[name]) for name in ROWS if name in made]
    if paper_too and "meta-reptile" in made and settings["meta-reptile"][:2] != PAPER[:2]:
        entries.append(Entry("meta-reptile", OBSERVED, PAPER, in_table=False))
    unseen = tourism.tasks(photographs)

    def fit(entry, steps):
        if entry.in_table and curves and entry.init in curves:
            return curves[entry.init]
        return tourism.fit(profile, field, made[entry.init], unseen, entry.chosen.setting, steps).curves

    about = {"experiment": "phototourism", "trained_on": trained_on, "data": data, "seed": seed}
    return rows_of.table(entries, fit, lambda entry: profile.limit, **about)


def others(
    profile: Profile, field: Field, collection: Collection, learned: Params, *, seed: int
) -> tuple[dict[str, Draws], dict[str, float]]:
    """What Reptile is compared with and is not trained: Standard alone. Nothing is fitted to a target."""
    del profile, collection, learned
    return {"standard": [baselines.standard(field, seed=seed)]}, {}


def scored(
    profile: Profile, field: Field, collection: Collection, made: Mapping[str, Draws], *, seed: int
) -> list[dict[str, Any]]:
    """Rows of the table on ``collection.test``, with the settings of the profile and of this place."""
    chosen, about = tuned_settings(profile.name, collection.name), {"trained_on": collection.name}
    starts = {name: params for name, (params,) in made.items()}
    about |= {"data": collection.name, "seed": seed, "paper_too": False}
    return table_rows(profile, field, collection.test, starts, chosen, **about)[0]


def control_rows(train: Views, photographs: Views, *, data: str, seed: int) -> list[dict[str, Any]]:
    """The two controls on right halves: mean and nearest of the photographs to ``train`` on, as if they were the fit.

    Photographs differ in shape: those to train on are stretched to that of the one in question.
    """
    others = [Image.fromarray(np.uint8(np.rint(255 * pictures.photograph(train, i)))) for i in range(len(train.images))]
    scores: dict[str, list[float]] = {"class-mean": [], "nearest-training": []}
    for i in range(len(photographs.images)):
        truth = pictures.photograph(photographs, i)
        height, width, _ = truth.shape
        stretched = np.stack([other.resize((width, height), Image.Resampling.BILINEAR) for other in others]) / 255
        half = slice(width // 2, None)
        errors = np.mean(np.square(stretched[:, :, half] - truth[:, half]), axis=(1, 2, 3))
        mean_error = np.mean(np.square(stretched.mean(axis=0)[:, half] - truth[:, half]))
        scores["class-mean"].append(-10 * np.log10(mean_error))
        scores["nearest-training"].append(-10 * np.log10(errors.min()))
    return rows_of.controls(scores, experiment="phototourism", trained_on=data, data=data, seed=seed)


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table as Markdown: before and after the fit, and how it was fitted."""
    lines = ["| initialisation | before the fit | right half, left half fitted | fitted with |", "|---|---|---|---|"]
    for name in ROWS:
        mine = [row for row in rows if row["init"] == name]
        before = [row for row in mine if row["steps"] == 0]
        for row in [row for row in mine if row["steps"]]:
            label = LABELS[name] + ("" if row["in_table"] else f", {row['tuned_on']}")
            how = rows_of.how(row)
            lines.append(f"| {label} | {rows_of.score(before[0])} | {rows_of.score(row)} | {how} |")
    controls = [row for row in rows if row["observations"] == "none"]
    lines += [f"| {LABELS[row['init']]} | – | {rows_of.score(row)} | – |" for row in controls]
    chosen_on = sorted({row["tuned_on"] for row in rows if row["in_table"] and row["tuned_on"]})
    return "\n".join([*lines, "", f"PSNR [dB], mean ± deviation over photographs. Chosen on: {'; '.join(chosen_on)}."])
