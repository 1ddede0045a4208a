"""Figures for the notebooks: few kinds, one look, each with a text for people who do not see it."""

import base64
import html
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter

from learnit_core import names
from learnit_core.errors import LearnitError

COLOURS = {
    "standard": "#7f7f7f",
    "mean": "#e69f00",
    "matched": "#56b4e9",
    "shuffled": "#cc79a7",
    "meta-reptile": "#009e73",
    "meta-fomaml": "#0072b2",
    "meta-maml": "#d55e00",
    "fbp": "#000000",
    "basic": "#8c510a",
    "basic-steps": "#c7a76c",
    "basic-paper": "#5e3c99",
    "joint": "#0072b2",
    "meta-sv": "#d55e00",
    "meta-mv": "#009e73",
    "standard-scaled": "#000000",
    "shared-trunk": "#8c510a",
    "shared-mean": "#0072b2",
    "meta-sgd": "#5e3c99",
}
"""One colour for each initialisation, distinguishable for colour-blind readers (Okabe and Ito)."""

LABELS = {
    "standard": "Standard",
    "mean": "Mean",
    "matched": "Matched",
    "shuffled": "Shuffled",
    "meta-reptile": "Reptile",
    "meta-fomaml": "FOMAML",
    "meta-maml": "MAML",
    "fbp": "Back-projection",
    "basic": "Basic NeRF, equal rays",
    "basic-steps": "Basic NeRF, equal steps",
    "basic-paper": "Basic NeRF, the paper's steps",
    "joint": "Joint",
    "meta-sv": "SV Reptile",
    "meta-mv": "MV Reptile",
    "standard-scaled": "Standard, scaled",
    "shared-trunk": "Shared trunk, random head",
    "shared-mean": "Shared trunk, mean head",
    "meta-sgd": "Meta-SGD",
}


class Gallery:
    """Where a notebook's figures go: shown in the page with their alternative text, and kept as PNG files."""

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)

    def show(self, figure: Figure, name: str, *, alt: str) -> None:
        """Save ``figure`` as ``name``.png in the folder and display it in the notebook with ``alt`` as its text."""
        if not alt.strip():
            raise LearnitError(f"the figure {name} has no alternative text: say in a sentence what it shows")
        from IPython.display import HTML, display
        from matplotlib import pyplot

        self.folder.mkdir(parents=True, exist_ok=True)
        as_text(figure)
        data, alt = io.BytesIO(), names.lines(alt)
        figure.savefig(data, format="png", dpi=220, facecolor="white", bbox_inches="tight")
        (self.folder / f"{name}.png").write_bytes(data.getvalue())
        pyplot.close(figure)  # else a figure of pyplot's is drawn once more when the cell ends, without the text
        encoded = base64.b64encode(data.getvalue()).decode()
        # Twice as many pixels as on a common screen, so that it stays sharp on a large one or on a wall.
        width = int.from_bytes(data.getvalue()[16:20], "big") // 2
        size = f'width="{width}" style="max-width:100%;height:auto"'
        display(HTML(f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{encoded}" {size}>'))

    def animate(self, pictures: Sequence[np.ndarray], name: str, *, alt: str, seconds: float = 0.1, scale: int = 4):
        """Save pictures [h, w, 3] with values in [0, 1] as ``name``.gif in the folder, enlarged, and display them."""
        if not alt.strip():
            raise LearnitError(f"the animation {name} has no alternative text: say in a sentence what it shows")
        from IPython.display import HTML, display
        from PIL import Image

        self.folder.mkdir(parents=True, exist_ok=True)
        frames = [Image.fromarray(np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)) for picture in pictures]
        frames = [
            frame.resize((scale * frame.width, scale * frame.height), Image.Resampling.BICUBIC) for frame in frames
        ]
        file, alt = self.folder / f"{name}.gif", names.lines(alt)
        frames[0].save(file, save_all=True, append_images=frames[1:], duration=round(1000 * seconds), loop=0)
        encoded = base64.b64encode(file.read_bytes()).decode()
        display(HTML(f'<img alt="{html.escape(alt)}" src="data:image/gif;base64,{encoded}" style="max-width:100%">'))


def as_text(figure: Figure) -> None:
    """Have every text of a figure drawn as it is: a folder called "$5 to $7" is no formula.

    What no font can draw is replaced. Numbers at the ticks stay as matplotlib writes them: those are formulas.
    """
    for text in figure.findobj(Text):
        if text.get_text():
            text.set_parse_math(False)
            text.set_text(names.lines(text.get_text()))
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_formatter(), FixedFormatter | FuncFormatter):
                found = [label.get_text() for label in axis.get_ticklabels()]
                if (plain := [names.lines(text) for text in found]) != found:
                    axis.set_ticks(axis.get_ticklocs(), labels=plain)
            else:
                for label in axis.get_ticklabels():
                    label.set_parse_math(True)
                continue
            for label in axis.get_ticklabels():
                label.set_parse_math(False)


def steps_label(n: int) -> str:
    """A column's title: "1 step", "2 steps"."""
    return "1 step" if n == 1 else f"{n} steps"


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
    figure, axis = _axes((7.0, 3.8))
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
    figure, axis = _axes((7.0, 3.2))
    for name, points in curves.items():
        axis.plot(*zip(*points, strict=True), "o-", color=COLOURS[name], label=LABELS[name], markersize=3)
    if reference is not None:
        axis.axhline(reference, color=COLOURS["standard"], linestyle="--", label=reference_label)
    axis.set(xlabel="outer steps", ylabel=ylabel, title=title)
    axis.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=len(curves) + 1)
    return figure


def view_curves(scores: Mapping[str, Mapping[int, np.ndarray]], *, title: str) -> Figure:
    """Mean PSNR over slices against the number of projections, one line an initialisation; bars are standard errors."""
    figure, axis = _axes((7.0, 3.8))
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


def scan(turned: np.ndarray, sums: np.ndarray, sinogram: np.ndarray, row: int, *, title: str) -> Figure:
    """How a sinogram comes about: the turned slice above the sums down its columns, and the row that they become.

    ``turned`` [size, size], ``sums`` [size], ``sinogram`` [angles, size] over half a turn, of which ``row`` is marked.
    """
    figure = Figure(figsize=(7.4, 3.6))
    grid = figure.add_gridspec(2, 2, height_ratios=(2.2, 1), width_ratios=(1, 1.5), hspace=0.12, wspace=0.28)
    slice_axis, sums_axis = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    sinogram_axis = figure.add_subplot(grid[:, 1])
    size, degrees = len(sums), 180 * row / len(sinogram)
    slice_axis.imshow(turned, cmap="gray", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    slice_axis.set(xticks=[], yticks=[], title=title)
    sums_axis.fill_between(np.arange(size), sums, color="#56b4e9")
    sums_axis.set(xlim=(-0.5, size - 0.5), ylim=(0, sinogram.max()), xlabel="ray", yticks=[])
    sums_axis.set_ylabel("sum", fontsize=9)
    sums_axis.spines[["top", "right"]].set_visible(False)
    sinogram_axis.imshow(
        sinogram, cmap="gray", aspect="auto", extent=(-0.5, size - 0.5, 180, 0), interpolation="nearest"
    )
    sinogram_axis.axhline(degrees, color="#d55e00", linewidth=2)
    sinogram_axis.set(xlabel="ray", ylabel="angle [degrees]", title="sinogram", yticks=[0, 45, 90, 135, 180])
    return figure


def cameras(points: np.ndarray, colours: np.ndarray | None, groups: Mapping[str, np.ndarray], *, title: str) -> Figure:
    """Points of a place [n, 3] and the cameras around it, a colour for each of the ``groups`` of poses [m, 3, 4].

    Every camera is a dot with a line in the direction in which it looks. The mean up direction of the cameras
    points up.
    """
    poses = np.concatenate(list(groups.values()))
    up = poses[:, :, 1].mean(axis=0)
    up /= np.linalg.norm(up)
    across = np.cross(-poses[:, :, 2].mean(axis=0), up)
    across /= np.linalg.norm(across)
    axes = np.stack([across, np.cross(up, across), up])
    figure = Figure(figsize=(7.0, 4.6))
    axis = figure.add_subplot(projection="3d")
    near = np.abs(points - np.median(points, axis=0)).max(axis=1) < 4  # a few wrong points must not set the scale
    axis.scatter(*(points[near] @ axes.T).T, s=2, c="#7f7f7f" if colours is None else colours[near], alpha=0.5)
    for (name, group), colour in zip(groups.items(), ("#0072b2", "#009e73", "#d55e00"), strict=False):
        eyes, looks = group[:, :, 3] @ axes.T, -group[:, :, 2] @ axes.T
        axis.scatter(*eyes.T, s=10, color=colour, label=name)
        axis.quiver(*eyes.T, *(0.4 * looks).T, color=colour, linewidth=0.7, arrow_length_ratio=0)
    axis.set_aspect("equal")
    axis.view_init(elev=32, azim=-60)
    axis.set(title=title, xticklabels=[], yticklabels=[], zticklabels=[])
    axis.legend(frameon=False, fontsize=9, loc="upper left")
    return figure


def error_map(picture: np.ndarray, truth: np.ndarray, *, scale: float = 0.5) -> np.ndarray:
    """Where a picture [h, w, 1] is wrong, as a colour picture: white is right, red too bright, blue too dark.

    An error of ``scale`` has the full colour.
    """
    error = np.clip((picture - truth)[..., 0] / scale, -1, 1)
    high, low = np.clip(error, 0, 1)[..., None], np.clip(-error, 0, 1)[..., None]
    return 1 - high * (1 - np.array([0.84, 0.37, 0.0])) - low * (1 - np.array([0.0, 0.45, 0.70]))


def bars(
    groups: Mapping[str, Mapping[str, float]], *, title: str, ylabel: str, references: Mapping[str, float] | None = None
) -> Figure:
    """Grouped bars: one group per key, one bar per initialisation; ``references`` draws a dashed line per group."""
    figure, axis = _axes((7.4, 3.4))
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


def heat_table(
    values: np.ndarray, *, rows: Sequence[str], columns: Sequence[str], title: str, xlabel: str, ylabel: str
) -> Figure:
    """A small table of numbers, coloured by value within each column and with the best of each column in bold."""
    figure, axis = _axes((1.3 * len(columns) + 2.2, 0.62 * len(rows) + 1.2))
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


def one_ray(
    picture: np.ndarray,
    pixel: tuple[int, int],
    t: np.ndarray,
    density: np.ndarray,
    weights: np.ndarray,
    colours: np.ndarray,
) -> Figure:
    """A picture with one ``pixel`` (row, column) marked; density along its ray; and each sample's weight.

    ``t``, ``density`` and ``weights`` [samples]; ``colours`` [samples, 3] fill the bars of the weights.
    """
    figure = Figure(figsize=(8.4, 3.4))
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.9), hspace=0.2, wspace=0.32)
    shown, above, below = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    shown.imshow(np.clip(picture, 0, 1), interpolation="nearest")
    shown.plot(pixel[1], pixel[0], "s", color="#d55e00", markersize=9, markerfacecolor="none", markeredgewidth=2)
    shown.set(xticks=[], yticks=[], title="one pixel")
    width = (t[-1] - t[0]) / (len(t) - 1)
    above.bar(t, density, width, color="#56b4e9")
    above.set(ylabel="density", xticklabels=[], title="along its ray")
    below.bar(t, weights, width, color=np.clip(colours, 0, 1), edgecolor="black", linewidth=0.6)
    below.set(xlabel="depth", ylabel="weight")
    for axis in (above, below):
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_xlim(t[0] - width, t[-1] + width)
    return figure


def fit_curves(curves: Mapping[str, np.ndarray], steps: np.ndarray, *, title: str, ylabel: str = "PSNR [dB]") -> Figure:
    """Mean PSNR over signals at these ``steps`` of a fit, one line an initialisation; Standard's last as a level."""
    figure, axis = _axes((7.0, 3.6))
    for name, curve in curves.items():
        axis.plot(steps, curve.mean(axis=0), "o-", color=COLOURS[name], label=LABELS[name], linewidth=2, markersize=3)
    if "standard" in curves:
        last = curves["standard"].mean(axis=0)[-1]
        axis.axhline(last, color=COLOURS["standard"], linestyle=":", label=f"Standard after {steps_label(steps[-1])}")
    axis.set(xlabel="gradient steps at test time", ylabel=ylabel, title=title, xlim=(0, None))
    axis.legend(frameon=False, fontsize=9, loc="lower right")
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
    figure, axis = _axes((7.0, 3.8))
    for (label, scores), colour in zip(courses.items(), ("#0072b2", "#d55e00"), strict=True):
        axis.plot(every * np.arange(len(scores)), scores, "o-", color=colour, label=label, linewidth=2.5, markersize=4)
    axis.axhline(level[1], color="black", linestyle=":", label=level[0])
    axis.set(xlabel="gradient steps", ylabel=ylabel, title=title, xlim=(0, None))
    axis.legend(frameon=False, fontsize=10, loc="upper left")
    return figure


def _axes(size: tuple[float, float]):
    """A figure of ``size`` inches with one pair of axes, open at the top and right."""
    figure = Figure(figsize=size)
    axis = figure.subplots()
    axis.spines[["top", "right"]].set_visible(False)
    return figure, axis
