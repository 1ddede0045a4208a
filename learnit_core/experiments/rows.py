"""Rows of the table that all experiments share: fits before and after, and the two controls."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from learnit_core import evaluate, metrics, plots, signals
from learnit_core.tuning import Chosen


class Entry(NamedTuple):
    """One fit that a table asks for: a row's initialisation, a column's observations, and how the fit is made."""

    init: str
    observations: str
    chosen: Chosen
    in_table: bool = True


def fitted(entry: Entry, curve: np.ndarray, steps: int, **about: Any) -> list[dict[str, Any]]:
    """Rows of one entry from its scores ``curve`` [signals, points] during ``steps`` steps.

    The fitted row, and before it the un-adapted one where the entry stands in the table. ``about`` is what all rows
    of the table share: experiment, trained_on, data, seed.
    """
    about = {"split": "test", **about, "init": entry.init, "observations": entry.observations}
    if entry.init == "standard":
        about["trained_on"] = None
    setting, _, tuned_on = entry.chosen
    rows = [metrics.row(**about, steps=0, psnr_per_signal=curve[:, 0])] if entry.in_table and steps else []
    last = metrics.row(
        **about,
        steps=steps,
        psnr_per_signal=curve[:, -1],
        optimizer=setting.optimizer,
        learning_rate=setting.learning_rate,
        tuned_on=tuned_on,
        in_table=entry.in_table,
    )
    return [*rows, last]


def table(
    entries: Iterable[Entry], fit: Callable[[Entry, int], np.ndarray], limit: Callable[[Entry], int], **about: Any
) -> tuple[list[dict[str, Any]], dict[tuple[str, str], np.ndarray]]:
    """Rows of all ``entries``, and the curves of those in the table by observations and initialisation.

    ``fit(entry, steps)`` gives scores [signals, points]; no fit has more than ``limit(entry)`` steps.
    """
    entries = list(entries)

    def one(entry):
        steps = min(entry.chosen.steps, limit(entry))
        curve = fit(entry, steps)
        return fitted(entry, curve, steps, **about), curve

    rows, curves = [], {}
    for entry, (found, curve) in zip(entries, evaluate.side_by_side(one, entries), strict=True):
        rows += found
        if entry.in_table:
            curves[entry.observations, entry.init] = curve
    return rows, curves


def controls(scores: Mapping[str, Any], **about: Any) -> list[dict[str, Any]]:
    """Rows of the controls, by name: the class mean and the nearest training signal, as if they were the fit."""
    return [
        metrics.row(
            **{"split": "test", **about}, init=name, observations="none", steps=0, psnr_per_signal=score, in_table=True
        )
        for name, score in scores.items()
    ]


def array_controls(train: Any, test: np.ndarray, **about: Any) -> list[dict[str, Any]]:
    """The same for signals [n, *shape, channels] in [0, 1]; ``train`` may be pictures on disk."""
    mean = signals.mean_signal(train)
    flat = [a if len(a.shape) == 4 else a.reshape(len(a), -1, 1, 1) for a in (train, test)]
    scores = {"class-mean": psnrs(mean, test), "nearest-training": signals.nearest(*flat)[1]}
    return controls(scores, **about)


def psnrs(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """PSNR [n, dB] of signals [n, ...] with peak 1, or of one for all of them; what is ``found`` is clipped."""
    return -10 * np.log10(np.mean((np.clip(found, 0, 1) - truth) ** 2, axis=tuple(range(1, truth.ndim))))


def labels(signal: str, **others: str) -> dict[str, str]:
    """Names of a table's rows: the initialisations', and the controls' for a class whose signals are called so."""
    return plots.LABELS | {
        **others,
        "class-mean": "control: class mean",
        "nearest-training": f"control: nearest training {signal}",
    }


def how(row: Mapping[str, Any]) -> str:
    """The optimiser, rate and steps of a row's fit; a dash for what is not fitted."""
    return f"{row['optimizer']} {row['learning_rate']:g}, {row['steps']} steps" if row["optimizer"] else "–"


def score(row: Mapping[str, Any]) -> str:
    """PSNR of a row with its deviation over signals, if there are several."""
    return f"{row['psnr_db']:.1f}" + ("" if row["psnr_std"] is None else f" ± {row['psnr_std']:.1f}")
