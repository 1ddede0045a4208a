"""How measurements are made: a scan, cameras, a ray."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure


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
