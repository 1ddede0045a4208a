"""Figures whose letters can be read from the back of a room: what a kernel that draws for slides runs first."""

import functools
from typing import Any

from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import AutoLocator, MaxNLocator

WIDTH, HEIGHT = 1160, 560
"""Room for a figure on a slide of 1280 x 720 pixels."""
SMALLEST = 20
"""No letter on a slide is lower than this [pixels]."""


def enlarge(figure: Figure, smallest: float = SMALLEST) -> None:
    """Give letters of ``figure`` that would be smaller on a slide the size ``smallest`` [pixels]; others stay."""
    for _ in range(2):  # larger letters make a figure that is cropped to its content wider
        box = figure.get_tightbbox()
        points = smallest * max(72 * box.width / WIDTH, 72 * box.height / HEIGHT)
        for axes in figure.axes:
            if isinstance(axes.xaxis.get_major_locator(), AutoLocator):  # labels of a narrow panel must not touch
                wide = 72 * figure.get_figwidth() * axes.get_position().width
                axes.xaxis.set_major_locator(
                    MaxNLocator(max(2, min(9, int(wide / (4 * points)))), steps=[1, 2, 2.5, 5, 10])
                )
            for axis in axes.xaxis, axes.yaxis:  # ticks may be made anew when they are drawn
                sizes = [label.get_size() for label in axis.get_ticklabels() if label.get_text()]
                axis.set_tick_params(labelsize=max([points, *sizes]))
        for text in figure.findobj(Text):
            text.set_size(max(points, text.get_size()))


def enlarge_all() -> None:
    """From now on, in this process, figures have larger letters and more pixels when they are drawn to a file."""
    draw = FigureCanvasBase.print_figure

    @functools.wraps(draw)
    def larger(self, *args: Any, dpi: Any = None, **options: Any):
        enlarge(self.figure)
        return draw(self, *args, dpi=max(dpi, 220) if isinstance(dpi, int | float) else 220, **options)

    FigureCanvasBase.print_figure = larger
