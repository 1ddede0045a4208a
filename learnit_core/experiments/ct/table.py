"""The paper's CT table: every initialisation against filtered back-projection, from 1, 2, 4 and 8 projections."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from learnit_core import metrics
from learnit_core.evaluate import Setting
from learnit_core.experiments import ct, fits, supplement, tuned
from learnit_core.experiments import rows as rows_of
from learnit_core.experiments.fits import Draws
from learnit_core.experiments.rows import Entry, psnrs
from learnit_core.experiments.supplement import PAPERS
from learnit_core.signals import ImageSplits
from learnit_core.structures import Field
from learnit_core.tuning import Chosen

INITS = ("standard", "mean", "matched", "shuffled", "meta-reptile")
"""Rows of the table, in the paper's order; filtered back-projection stands below them."""

LABELS = rows_of.labels("slice", fbp="filtered back-projection")

FILTERS = ("ramp", "shepp-logan", "cosine", "hamming", "hann")
"""Filters of ``skimage.transform.iradon``; for each number of projections the best on validation slices is used."""

PAPER = {
    name: {n: supplement.FITS["ct"][""][seen][name].chosen for seen, n in ct.OBSERVATIONS.items()} for name in INITS
}
"""The paper's own settings at test time by initialisation and number of projections (supplement, Table 2)."""

Runner = Callable[[Draws, Setting, int], np.ndarray]
"""``run(draws, setting, num_steps)``: PSNR [dB] of each slice before the fit, after every ``ct.EVERY`` steps, and after
the last."""


class TunedSettings(NamedTuple):
    """Fits by initialisation and number of projections; filters of back-projection, and what those were chosen on."""

    fits: Mapping[str, Mapping[int, Chosen]]
    filters: Mapping[int, str]
    filters_on: str


def tuned_settings(profile: str, data: str) -> TunedSettings:
    """Settings chosen on validation phantoms for a profile; those that were not tuned borrow those of ``quick``.

    The profile ``paper`` takes the paper's own, but for filters, which the paper has not. ``tuned_on`` says so.
    """
    chosen, profiles = tuned.chosen("ct", profile, data, borrowed="phantoms"), tuned.content("ct")["profiles"]
    filters = profiles.get(profile, profiles["quick"])["phantoms"]["filters"]
    return TunedSettings(
        PAPER if profile == "paper" else {i: {n: chosen[str(n)][i] for n in ct.NUM_PROJECTIONS} for i in INITS},
        {n: filters[str(n)]["choice"] for n in ct.NUM_PROJECTIONS},
        chosen["1"]["standard"].tuned_on,
    )


def runner(
    field: Field, slices: Float[np.ndarray, "n size size 1"], num_projections: int, *, most: int | None = None
) -> Runner:
    """How ``slices`` are fitted and scored; with ``most``, the longest fit, compiled once for each optimiser."""
    unseen = ct.tasks(slices, ct.test_angles(num_projections))

    def run(draws, setting, num_steps):
        return fits.fit_all(ct.measures, field, draws, unseen, setting, num_steps, most=most, every=ct.EVERY).curves

    return run


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
) -> tuple[list[dict[str, Any]], dict[tuple[str, str], np.ndarray]]:
    """Rows of the metrics file, and curves of the fits as of :data:`Runner` by observations and initialisation.

    Made for the numbers of projections in ``limits``, and no fit is longer than its limit there. The paper's SGD 10 for
    the learned initialisation stands as a further row outside the table if ``paper_too``.
    """
    about = {"data": data, "seed": seed}
    asked = [entry for n in limits for entry in entries(settings, n, paper_too=paper_too) if entry.init in made]
    rows, curves = fit_rows(asked, field, slices, made, limits, make_runner, trained_on=trained_on, **about)
    return rows + [fbp_row(slices, n, settings, **about) for n in limits], curves


def scored(
    profile: ct.Profile, field: Field, images: ImageSplits, made: Mapping[str, Draws], *, seed: int
) -> list[dict[str, Any]]:
    """Rows of the table on ``images.test``, with the settings of the profile and of these data."""
    limits = dict(zip(ct.NUM_PROJECTIONS, profile.limits, strict=True))
    about = {"trained_on": images.name, "data": images.name, "seed": seed}
    return table_rows(field, images.test, made, tuned_settings(profile.name, images.name), limits, **about)[0]


def fit_rows(
    asked: Sequence[Entry],
    field: Field,
    slices: Float[np.ndarray, "n size size 1"],
    made: Mapping[str, Draws],
    limits: Mapping[int, int],
    make_runner: Callable[..., Runner] = runner,
    **about: Any,
) -> tuple[list[dict[str, Any]], dict[tuple[str, str], np.ndarray]]:
    """The same for the entries ``asked``, without back-projection; ``about`` is trained_on, data and seed."""
    numbers = [n for n in limits if ct.observation(n) in {entry.observations for entry in asked}]
    runs = {ct.observation(n): make_runner(field, slices, n, most=limits[n]) for n in numbers}
    return rows_of.table(
        asked,
        lambda entry, steps: runs[entry.observations](made[entry.init], entry.chosen.setting, steps),
        lambda entry: limits[ct.OBSERVATIONS[entry.observations]],
        experiment="ct",
        **about,
    )


def entries(settings: TunedSettings, num_projections: int, *, paper_too: bool = True) -> list[Entry]:
    """All fits from a number of projections, with the paper's for the learned initialisation if it is another one."""
    found = [Entry(name, ct.observation(num_projections), settings.fits[name][num_projections]) for name in INITS]
    learned, paper = found[-1], PAPER["meta-reptile"][num_projections]
    if paper_too and paper[:2] != learned.chosen[:2]:
        found.append(learned._replace(chosen=paper, in_table=False))
    return found


def back_projected(
    slices: Float[np.ndarray, "n size size 1"], num_projections: int, filter_name: str
) -> Float[np.ndarray, "n size size 1"]:
    """Filtered back-projection of the same sinograms by scikit-image, clipped to [0, 1]."""
    from skimage.transform import iradon  # here, because importing it takes a while

    angles = ct.test_angles(num_projections)
    pictures = [
        iradon(sinogram.T, np.rad2deg(angles), filter_name=filter_name, circle=True, output_size=slices.shape[1])
        for sinogram in np.asarray(ct.tasks(slices, angles).support.values)
    ]
    return np.clip(np.stack(pictures)[..., None], 0, 1).astype(np.float32)


def fbp_row(
    slices: Float[np.ndarray, "n size size 1"], num_projections: int, settings: TunedSettings, *, data: str, seed: int
) -> dict[str, Any]:
    """Filtered back-projection as a row of the table."""
    filter_name = settings.filters[num_projections]
    return metrics.row(
        experiment="ct",
        trained_on=None,
        data=data,
        split="test",
        init="fbp",
        observations=ct.observation(num_projections),
        steps=0,
        psnr_per_signal=psnrs(back_projected(slices, num_projections, filter_name), slices),
        seed=seed,
        in_table=True,
        filter=filter_name,
        tuned_on=settings.filters_on,
    )


def control_rows(images: ImageSplits, *, data: str, seed: int) -> list[dict[str, Any]]:
    """The two controls on ``images.test``: the class mean and the nearest training slice, as if they were the fit."""
    about = {"experiment": "ct", "trained_on": images.name, "data": data, "seed": seed}
    return rows_of.array_controls(images.train, images.test, **about)


def label(num_projections: int) -> str:
    """A number of projections, in words."""
    return "1 view" if num_projections == 1 else f"{num_projections} views"


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The main table's rows as Markdown, a column for each number of projections, with the settings in brackets."""
    lines = [
        "| initialisation | " + " | ".join(map(label, ct.NUM_PROJECTIONS)) + " |",
        "|---|" + "---|" * len(ct.NUM_PROJECTIONS),
    ]
    table = [row for row in rows if row["in_table"]]
    for name, said in LABELS.items():
        cells = {row["observations"]: _cell(row) for row in table if row["init"] == name}
        if cells:
            texts = [cells.get(observations, cells.get("none", "–")) for observations in ct.OBSERVATIONS]
            lines.append(f"| {said} | " + " | ".join(texts) + " |")
    papers = [row for row in rows if row["tuned_on"] == PAPERS]
    if papers and not any(row["in_table"] for row in papers):
        cells = {row["observations"]: _cell(row) for row in papers}
        texts = [cells.get(observations, "as above") for observations in ct.OBSERVATIONS]
        lines.append(f"| {LABELS['meta-reptile']}, {PAPERS} | " + " | ".join(texts) + " |")
    chosen_on = sorted({row["tuned_on"] for row in table if row["tuned_on"]})
    lines += [
        "",
        f"PSNR [dB], mean ± deviation over slices (optimiser, rate, steps). Chosen on: {'; '.join(chosen_on)}.",
    ]
    return "\n".join(lines)


def _cell(row: Mapping[str, Any]) -> str:
    how = f" ({row['optimizer']} {row['learning_rate']:g}, {row['steps']})" if row["optimizer"] else ""
    return rows_of.score(row) + (f" ({row['filter']})" if row["init"] == "fbp" else how)
