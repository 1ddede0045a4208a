"""Pictures in rows and columns, and tables as pictures."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from learnit_core.plots.style import axes_of


def picture_grid(
    rows: Sequence[Sequence[np.ndarray | None]],
    *,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    captions: Sequence[Sequence[str]] | None = None,
    cell: float = 1.25,
) -> Figure:
    """Pictures [h, w, c] with values in [0, 1] in rows and columns; None leaves a gap. Captions stand below each."""
    num_rows, num_columns = len(rows), max(len(row) for row in rows)
    # Gaps in inches: a caption has the same size below a small picture as below a large one.
    across, down = 0.06, 0.27 if captions else 0.06
    size = (num_columns * (cell + across) - across, num_rows * (cell + down) - down)
    figure = Figure(figsize=size)
    axes = figure.subplots(num_rows, num_columns, squeeze=False)
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1, wspace=across / cell, hspace=down / cell)
    for r, row in enumerate(rows):
        for c in range(num_columns):
            axis = axes[r, c]
            axis.set(xticks=[], yticks=[])
            picture = row[c] if c < len(row) else None
            axis.spines[:].set(visible=picture is not None, color="#b0b0b0", linewidth=0.6)
            if picture is not None:
                axis.imshow(np.clip(picture, 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            if captions and c < len(captions[r]) and captions[r][c]:
                axis.set_xlabel(captions[r][c], fontsize=10, labelpad=2)
            if r == 0 and c < len(column_labels):
                axis.set_title(column_labels[c], fontsize=11)
        if r < len(row_labels):
            axes[r, 0].set_ylabel(row_labels[r], rotation=0, ha="right", va="center", fontsize=11)
    return figure


def error_map(picture: np.ndarray, truth: np.ndarray, *, scale: float = 0.5) -> np.ndarray:
    """Where a picture [h, w, 1] is wrong, as a colour picture: white is right, orange too bright, blue too dark.

    An error of ``scale`` has the full colour.
    """
    error = np.clip((picture - truth)[..., 0] / scale, -1, 1)
    high, low = np.clip(error, 0, 1)[..., None], np.clip(-error, 0, 1)[..., None]
    return 1 - high * (1 - np.array([0.84, 0.37, 0.0])) - low * (1 - np.array([0.0, 0.45, 0.70]))


def heat_table(
    values: np.ndarray, *, rows: Sequence[str], columns: Sequence[str], title: str, xlabel: str, ylabel: str
) -> Figure:
    """A small table of numbers, coloured by value within each column and with the best of each column in bold."""
    figure, axis = axes_of((1.3 * len(columns) + 2.2, 0.62 * len(rows) + 1.2))
    spread = np.ptp(values, axis=0)
    shade = (values - values.min(axis=0)) / np.where(spread > 0, spread, 1)
    axis.imshow(shade, cmap="YlGn", vmin=-0.1, vmax=1.6, aspect="auto")
    for r, c in np.ndindex(values.shape):
        best = values[r, c] == values[:, c].max()
        axis.text(c, r, f"{values[r, c]:.1f}", ha="center", va="center", fontweight="bold" if best else "normal")
    axis.set(
        xticks=range(len(columns)),
        xticklabels=columns,
        yticks=range(len(rows)),
        yticklabels=rows,
        xlabel=xlabel,
        ylabel=ylabel,
        title=title,
    )
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def seen_and_unseen(
    courses: Mapping[str, Sequence[float]],
    every: int,
    *,
    level: tuple[str, float],
    title: str,
    ylabel: str = "PSNR [dB]",
) -> Figure:
    """Scores [dB] of what a fit sees and of what it does not, after every ``every`` steps, and a ``level`` by name."""
    figure, axis = axes_of((7.0, 3.8))
    for (label, scores), colour in zip(courses.items(), ("#0072b2", "#d55e00"), strict=True):
        axis.plot(every * np.arange(len(scores)), scores, "o-", color=colour, label=label, linewidth=2.5, markersize=4)
    axis.axhline(level[1], color="black", linestyle=":", label=level[0])
    axis.set(xlabel="gradient steps", ylabel=ylabel, title=title, xlim=(0, None))
    axis.legend(frameon=False, fontsize=10, loc="upper left")
    return figure
