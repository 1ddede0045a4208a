"""Curves and bars of scores."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from learnit_core.plots.style import COLOURS, LABELS, axes_of, steps_label


def step_curves(
    curves: Mapping[str, np.ndarray],
    *,
    title: str,
    mark: int | None = 2,
    ylabel: str = "PSNR [dB]",
    far: bool = False,
) -> Figure:
    """Mean PSNR over signals against gradient steps, one line an initialisation; the band is the middle half.

    ``far`` is for many initialisations and long fits: steps from 1 on a logarithmic axis, no bands, and nothing above
    60 dB, which is more than eight bits can tell (their rounding alone is at 59 dB).
    """
    figure, axis = axes_of((7.0, 3.8))
    for name, curve in curves.items():
        steps = np.arange(curve.shape[1])
        if not far:
            low, high = np.percentile(curve, [25, 75], axis=0)
            axis.fill_between(steps, low, high, color=COLOURS[name], alpha=0.15, linewidth=0)
        axis.plot(steps, curve.mean(axis=0), color=COLOURS[name], label=LABELS[name], linewidth=2)
    if mark is not None:
        axis.axvline(mark, color="black", linewidth=0.8, linestyle=":")
        axis.annotate(
            steps_label(mark),
            (mark, 1),
            (4, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
            fontsize=9,
        )
    axis.set(xlabel="gradient steps at test time", ylabel=ylabel, title=title, xlim=(0, None))
    legend = {"loc": "lower right", "ncols": 2}
    if far:
        ticks = [n for n in (1, 2, 5, 10, 20, 50, 100) if n < curve.shape[1]]
        axis.set_xscale("log")
        ticks += [curve.shape[1] - 1] if curve.shape[1] - 1 > 1.4 * ticks[-1] else []
        axis.set(xlim=(1, curve.shape[1] - 1), xticks=ticks, xticklabels=map(str, ticks), ylim=(0, 60))
        axis.minorticks_off()
        legend = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 3}
    axis.legend(frameon=False, fontsize=9, **legend)
    return figure


def training_curves(
    curves: Mapping[str, Sequence[tuple[int, float]]],
    *,
    title: str,
    reference: float | None = None,
    reference_label: str = "Standard, same two steps",
    ylabel: str = "validation PSNR\nafter two steps [dB]",
) -> Figure:
    """Validation PSNR against outer steps for each algorithm, and a line at a ``reference``, if there is one."""
    figure, axis = axes_of((7.0, 3.2))
    for name, points in curves.items():
        axis.plot(*zip(*points, strict=True), "o-", color=COLOURS[name], label=LABELS[name], markersize=3)
    if reference is not None:
        axis.axhline(reference, color=COLOURS["standard"], linestyle="--", label=reference_label)
    axis.set(xlabel="outer steps", ylabel=ylabel, title=title)
    axis.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=len(curves) + 1)
    return figure


def view_curves(scores: Mapping[str, Mapping[int, np.ndarray]], *, title: str) -> Figure:
    """Mean PSNR over slices against the number of projections, one line an initialisation; bars are standard errors."""
    figure, axis = axes_of((7.0, 3.8))
    for i, (name, by_views) in enumerate(scores.items()):
        views = np.array(list(by_views), float) * 1.025 ** (
            i - len(scores) / 2
        )  # beside each other, so that all are seen
        means = [np.mean(values) for values in by_views.values()]
        errors = [np.std(values) / np.sqrt(max(len(values) - 1, 1)) for values in by_views.values()]
        axis.errorbar(views, means, errors, fmt="o-", color=COLOURS[name], label=LABELS[name], linewidth=2, capsize=3)
    ticks = list(next(iter(scores.values())))
    axis.set_xscale("log", base=2)
    axis.set(xlabel="projections", ylabel="PSNR [dB]", title=title, xticks=ticks, xticklabels=map(str, ticks))
    axis.legend(frameon=False, fontsize=9, loc="upper left", ncols=2)
    return figure


def fit_curves(curves: Mapping[str, np.ndarray], steps: np.ndarray, *, title: str, ylabel: str = "PSNR [dB]") -> Figure:
    """Mean PSNR over signals at these ``steps`` of a fit, one line an initialisation; Standard's last as a level."""
    figure, axis = axes_of((7.0, 3.6))
    for name, curve in curves.items():
        axis.plot(steps, curve.mean(axis=0), "o-", color=COLOURS[name], label=LABELS[name], linewidth=2, markersize=3)
    if "standard" in curves:
        last = curves["standard"].mean(axis=0)[-1]
        axis.axhline(last, color=COLOURS["standard"], linestyle=":", label=f"Standard after {steps_label(steps[-1])}")
    axis.set(xlabel="gradient steps at test time", ylabel=ylabel, title=title, xlim=(0, None))
    axis.legend(frameon=False, fontsize=9, loc="lower right")
    return figure


def bars(
    groups: Mapping[str, Mapping[str, float]], *, title: str, ylabel: str, references: Mapping[str, float] | None = None
) -> Figure:
    """Grouped bars: one group per key, one bar per initialisation; ``references`` draws a dashed line per group."""
    figure, axis = axes_of((7.4, 3.4))
    for g, (group, values) in enumerate(groups.items()):
        width = 0.8 / len(values)
        for i, (name, value) in enumerate(values.items()):
            x = g - 0.4 + (i + 0.5) * width
            axis.bar(x, value, width * 0.92, color=COLOURS[name], label=LABELS[name] if g == 0 else None)
            axis.annotate(f"{value:.0f}", (x, value), (0, 1), textcoords="offset points", ha="center", fontsize=9)
        if references and group in references:
            axis.hlines(
                references[group],
                g - 0.42,
                g + 0.42,
                color="black",
                linestyle="--",
                linewidth=1,
                label="nearest training signal" if g == 0 else None,
            )
    axis.set(xticks=range(len(groups)), xticklabels=list(groups), ylabel=ylabel, title=title)
    axis.legend(frameon=False, fontsize=9, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    return figure
