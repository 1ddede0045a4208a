"""A button to upload a picture, and pictures as PNG.

Plain ipywidgets, with only what versions 7.7 (Colab) and 8 have in common.
"""

import io
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PureWindowsPath

import ipywidgets
import numpy as np
from PIL import Image

from learnit_core.errors import LearnitError
from learnit_core.explorer import export
from learnit_core.names import safe

SURE = 10
"""Megabytes that every server of notebooks lets through; some hang up at more."""


def upload(on_file: Callable[[Path], None]) -> ipywidgets.VBox:
    """A button for one picture, and what to do with a large one; ``on_file`` gets its path. Its errors are shown
    below."""
    button = ipywidgets.FileUpload(accept="image/*", multiple=False, description="Your picture")
    hint = ipywidgets.Label(f"A picture of more than {SURE} MB may not arrive: name its path in LEARNIT_TEST_DATA.")
    output = ipywidgets.Output()

    def opened(change):
        if not change["new"]:
            return
        output.clear_output()
        with output, tempfile.TemporaryDirectory() as folder:
            name, content = _uploaded(change["new"])
            file = Path(folder) / safe(PureWindowsPath(name).name)  # which knows both kinds of slashes
            file.write_bytes(content)
            try:
                on_file(file)
            except LearnitError as error:
                print(error)

    button.observe(opened, names="value")
    return ipywidgets.VBox([button, hint, output])


def to_png(picture: np.ndarray, side: int) -> bytes:
    """A picture [h, w, c] with values in [0, 1] as PNG, enlarged to ``side`` pixels without smoothing."""
    image = export.as_image(export.levels(np.asarray(picture)))
    buffer = io.BytesIO()
    image.resize((side, side), Image.Resampling.NEAREST).save(buffer, format="png")
    return buffer.getvalue()


def _uploaded(value) -> tuple[str, bytes]:
    """Name and bytes of an upload: ipywidgets 7 has a dict by name, ipywidgets 8 a tuple of dicts."""
    if isinstance(value, Mapping):
        name, file = next(iter(value.items()))
        return name, bytes(file["content"])
    return value[0]["name"], bytes(value[0]["content"])
