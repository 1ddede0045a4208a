"""Widgets for the notebooks: drag through weight space, and fit a picture of one's own.

Plain ipywidgets, with only what versions 7.7 (Colab) and 8 have in common. They need a running kernel; a notebook
shows the same as a figure beside them.
"""

import io
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import ipywidgets
import numpy as np
from PIL import Image

from learnit_core.errors import LearnitError

Render = Callable[[float], np.ndarray]
"""``render(t)``: the picture [h, w, c], values in [0, 1], at position ``t`` in [0, 1]."""


def weight_slider(panes: Mapping[str, Render], *, ends: tuple[str, str], side: int = 224) -> ipywidgets.VBox:
    """Pictures side by side, all moved by one slider from the first network's weights to the second's.

    ``panes`` maps a title to what is rendered under it; ``ends`` names the two ends; ``side`` is a pane's width [px].
    The slider is the widget's last child: its ``value`` is the position.
    """
    if not panes:
        raise LearnitError("weight_slider was given no panes: expected at least one title with a render function")
    images = {
        title: ipywidgets.Image(format="png", width=side, height=side, layout=ipywidgets.Layout(margin="0 8px 0 0"))
        for title in panes
    }
    slider = ipywidgets.FloatSlider(
        value=0.5, min=0.0, max=1.0, step=0.01, description="weights", readout_format=".2f",
        continuous_update=True, layout=ipywidgets.Layout(width=f"{side * len(panes) + 60}px"),
    )  # fmt: skip

    def draw(change=None):
        for title, image in images.items():
            image.value = to_png(panes[title](slider.value), side)

    draw()
    slider.observe(draw, names="value")
    columns = [ipywidgets.VBox([ipywidgets.HTML(f"<b>{title}</b>"), image]) for title, image in images.items()]
    legend = ipywidgets.HTML(f"0 is {ends[0]}, 1 is {ends[1]}")
    return ipywidgets.VBox([ipywidgets.HBox(columns), legend, slider])


def upload(on_file: Callable[[Path], None]) -> ipywidgets.VBox:
    """A button for one picture; ``on_file`` gets its path. What goes wrong in it is said below the button."""
    button = ipywidgets.FileUpload(accept="image/*", multiple=False, description="Your picture")
    output = ipywidgets.Output()

    def opened(change):
        if not change["new"]:
            return
        output.clear_output()
        with output, tempfile.TemporaryDirectory() as folder:
            name, content = _uploaded(change["new"])
            file = Path(folder) / Path(name).name
            file.write_bytes(content)
            try:
                on_file(file)
            except LearnitError as error:
                print(error)

    button.observe(opened, names="value")
    return ipywidgets.VBox([button, output])


def to_png(picture: np.ndarray, side: int) -> bytes:
    """A picture [h, w, c] with values in [0, 1] as PNG, enlarged to ``side`` pixels without smoothing."""
    levels = np.round(255 * np.clip(np.asarray(picture), 0, 1)).astype(np.uint8)
    image = Image.fromarray(levels.squeeze(-1) if levels.shape[-1] == 1 else levels)
    buffer = io.BytesIO()
    image.resize((side, side), Image.Resampling.NEAREST).save(buffer, format="png")
    return buffer.getvalue()


def _uploaded(value) -> tuple[str, bytes]:
    """Name and bytes of an upload: ipywidgets 7 has a dict by name, ipywidgets 8 a tuple of dicts."""
    if isinstance(value, Mapping):
        name, file = next(iter(value.items()))
        return name, bytes(file["content"])
    return value[0]["name"], bytes(value[0]["content"])
