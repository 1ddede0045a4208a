"""Showing and keeping figures, each with a text for people who do not see it."""

import base64
import html
import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter

from learnit_core import names
from learnit_core.errors import LearnitError


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
        data = as_png(figure)
        (self.folder / f"{name}.png").write_bytes(data)
        pyplot.close(figure)  # else a figure of pyplot's is drawn once more when the cell ends, without the text
        display(HTML(as_html(data, alt)))

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


def as_png(figure: Figure) -> bytes:
    """A figure as a PNG file, twice as large as on a common screen: sharp on a large one, and on a wall."""
    as_text(figure)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=220, facecolor="white", bbox_inches="tight")
    return data.getvalue()


def as_html(png: bytes, alt: str) -> str:
    """The picture of such a file, half as large as its pixels, with ``alt`` for people who do not see it."""
    width, encoded = int.from_bytes(png[16:20], "big") // 2, base64.b64encode(png).decode()
    size = f'width="{width}" style="max-width:100%;height:auto"'
    return f'<img alt="{html.escape(names.lines(alt))}" src="data:image/png;base64,{encoded}" {size}>'


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
