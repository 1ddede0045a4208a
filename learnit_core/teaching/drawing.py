"""Signals of one to three dimensions beside each other, in their own unit."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from learnit_core.errors import LearnitError


def beside(signals: Sequence[np.ndarray] | np.ndarray, titles: Sequence[str], *, unit: str = "") -> Figure:
    """Signals [*shape, channels] beside each other, on one scale for all of them, which says their ``unit``.

    One dimension makes curves, one a channel; two make a picture of the first channel; three its middle slice across
    the first axis. Raises LearnitError for signals of other dimensions.
    """
    dims = np.ndim(signals[0]) - 1
    if not 1 <= dims <= 3:
        raise LearnitError(f"found a signal of shape {np.shape(signals[0])}: expected one to three dimensions")
    low, high = min(map(np.min, signals)), max(map(np.max, signals))
    figure = Figure(figsize=(2.7 * len(signals) + 0.6, 2.7), layout="constrained")
    panels = figure.subplots(1, len(signals), sharey=True, squeeze=False)[0]
    for panel, signal, title in zip(panels, signals, titles, strict=True):
        panel.set_title(title, fontsize=11)
        if dims == 1:
            panel.plot(np.arange(len(signal)) / len(signal), signal, linewidth=1.2)
            panel.set(xticks=[], ylim=(low, high))
        else:
            flat = signal[..., 0] if dims == 2 else signal[len(signal) // 2, ..., 0]
            drawn = panel.imshow(flat, cmap="viridis", vmin=low, vmax=high, interpolation="nearest")
            panel.set(xticks=[], yticks=[])
    if dims == 1:
        panels[0].set_ylabel(unit)
    else:
        figure.colorbar(drawn, ax=list(panels), label=unit)
    return figure
