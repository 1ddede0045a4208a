"""Choosing optimiser and learning rate on validation signals, the same way for every initialisation."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting

GRID = {
    "sgd": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0),
    "adam": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
}
"""Learning rates tried, in half decades."""


class Tuned(NamedTuple):
    """The best setting, its validation score, and all scores as {"sgd": {"0.001": score, …}, …} (None: diverged)."""

    choice: Setting
    score: float
    scores: dict[str, dict[str, float | None]]


def tune(
    run: Callable[[Setting], Float[np.ndarray, "signals steps+1"]],
    objectives: dict[str, Callable[[Any], float]],
    *,
    grid: dict[str, tuple[float, ...]] = GRID,
    widenings: int = 4,
) -> dict[str, Tuned]:
    """Find, for each objective (higher is better), the best setting of the grid.

    ``run(setting)`` gives PSNR curves on validation signals [dB]; every setting is run once for all objectives. A
    choice on the edge of its optimiser's rates widens the grid there, at most ``widenings`` times. Fits that diverge
    count as −∞; raises LearnitError if all do.
    """
    curves: dict[Setting, Any] = {}

    def best(objective):
        scores = {setting: _finite(objective(curve)) for setting, curve in curves.items()}
        choice = max(scores, key=scores.__getitem__)
        return Tuned(choice, scores[choice], _nested(scores))

    pending = [Setting(name, rate) for name, rates in grid.items() for rate in rates]
    for _ in range(widenings + 1):
        for setting in pending:
            curves[setting] = run(setting)
        choices = {best(objective).choice for objective in objectives.values()}
        pending = sorted({wider for choice in choices if (wider := _beyond(choice, curves)) is not None})
        if not pending:
            break
    if pending:
        warnings.warn(f"the best setting still stands on the edge of the grid: {pending} were not tried", stacklevel=2)
    found = {name: best(objective) for name, objective in objectives.items()}
    if hopeless := [name for name, tuned in found.items() if tuned.score == -np.inf]:
        raise LearnitError(
            f"all {len(curves)} settings tried diverge ({', '.join(hopeless)}): expected one that does not"
        )
    return found


class Chosen(NamedTuple):
    """How one initialisation is fitted: setting, number of gradient steps, and what both were chosen on."""

    setting: Setting
    steps: int
    tuned_on: str


def best_step(curve: Float[np.ndarray, "signals points"], every: int, *, most: int | None = None) -> tuple[int, float]:
    """The number of steps with the best mean PSNR, and that PSNR [dB].

    The curve has a point every ``every`` steps, and its last after ``most`` if that is no multiple. A fit that diverges
    counts as −∞ from there on.
    """
    mean = curve.mean(axis=0)
    index = int(np.where(np.isfinite(mean), mean, -np.inf)[1:].argmax()) + 1
    steps = index * every
    return steps if most is None else min(steps, most), float(mean[index])


FINAL = (
    "the two best rates of each optimiser are run on all validation signals with all steps, and then the rates half a "
    "decade beside the best so far, until both are behind it"
)
"""The final round of :func:`two_rounds`, in words."""


def two_rounds(
    screen: Callable[[Setting], Float[np.ndarray, "few points"]],
    finish: Callable[[Setting], Float[np.ndarray, "signals points"]],
    *,
    grid: dict[str, tuple[float, ...]],
    every: int,
    most: int | None = None,
) -> dict[str, Any]:
    """Setting and number of steps for one initialisation, in two rounds, where the full search would take too long.

    ``screen(setting)`` gives curves on few signals and for few steps; settings are ranked by their best mean PSNR. A
    long fit likes other rates than a short one, and not those of one optimiser alone. So ``finish(setting)``, on all
    signals for all steps with a point every ``every`` of them and one after ``most``, is run at the two best rates of
    each optimiser, and then half a decade beside the best so far, until both are behind it. Returns choice, steps,
    score and the scores of both rounds (None: diverged), ready for JSON. Raises LearnitError if all of either round
    diverge.
    """
    screened = tune(screen, {"best": lambda curve: best_step(curve, 1)[1]}, grid=grid)["best"]
    found: dict[Setting, tuple[int, float]] = {}

    def score(setting):
        return found[setting][1]

    pending = []
    for name, rates in screened.scores.items():
        short = sorted((db, float(rate)) for rate, db in rates.items() if db is not None)
        pending += [Setting(name, rate) for _, rate in short[-2:]]
    while pending:
        for setting in pending:
            found[setting] = best_step(finish(setting), every, most=most)
        best = max(found, key=score)
        pending = [setting for setting in _beside(best) if setting not in found]
    if not np.isfinite(score(best)):
        raise LearnitError(f"all {len(found)} settings of the final round diverge: expected one that does not")
    return {
        "choice": list(best),
        "steps": found[best][0],
        "score": round(score(best), 3),
        "final": [
            {"setting": list(setting), "steps": steps, "score": round(value, 3) if np.isfinite(value) else None}
            for setting, (steps, value) in sorted(found.items())
        ],
        "screening": screened.scores,
    }


def _beyond(choice: Setting, tried) -> Setting | None:
    """The setting half a decade beyond ``choice`` if that is at the edge of the rates tried."""
    rates = [s.learning_rate for s in tried if s.optimizer == choice.optimizer]
    below, above = _beside(choice)
    if choice.learning_rate == max(rates):
        return above
    if choice.learning_rate == min(rates):
        return below
    return None


def _beside(setting: Setting) -> tuple[Setting, Setting]:
    """The settings half a decade below and above."""
    below, above = (_half_decade(setting.learning_rate, up=up) for up in (False, True))
    return Setting(setting.optimizer, below), Setting(setting.optimizer, above)


def _half_decade(rate: float, *, up: bool) -> float:
    """The neighbour of ``rate`` among …, 0.1, 0.3, 1, 3, …"""
    index = round(2 * np.log10(rate)) + (1 if up else -1)
    return float(f"{3 if index % 2 else 1}e{index // 2}")


def _finite(score: float) -> float:
    return float(score) if np.isfinite(score) else -np.inf


def _nested(scores: dict[Setting, float]) -> dict[str, dict[str, float | None]]:
    nested: dict[str, dict[str, float | None]] = {}
    for setting, score in sorted(scores.items()):
        rates = nested.setdefault(setting.optimizer, {})
        rates[f"{setting.learning_rate:g}"] = round(score, 3) if np.isfinite(score) else None
    return nested
