"""The widget: one ES module for every page, and its Python side, which draws when the page cannot."""

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import IPython.display
import numpy as np
import traitlets

from learnit_core import weights
from learnit_core.errors import LearnitError
from learnit_core.explorer import assets, export
from learnit_core.explorer import controls as places
from learnit_core.explorer.controls import Control
from learnit_core.explorer.page import write_page
from learnit_core.structures import Params

Draw = Callable[[int, Sequence[float], tuple[int, int]], np.ndarray]
"""``draw(pane, position, (height, width))``: the picture [h, w, c], uint8."""

PREVIEW_SECONDS = 0.04
"""Time [s] that drawing all panes may take in Python while dragging; slower ones are drawn smaller meanwhile."""


class _Numbers(traitlets.List):
    """A list of Python's floats; takes arrays and NumPy's numbers, too."""

    def validate(self, obj, value):
        return super().validate(obj, [float(x) for x in value] if isinstance(value, Sequence | np.ndarray) else value)


class Widget(anywidget.AnyWidget):
    """What all widgets of this package have: a scene, bytes, a position, a picture without JavaScript, and a page."""

    _esm, _css = assets.module(), assets.style()
    scene = traitlets.Dict().tag(sync=True)
    data = traitlets.Bytes().tag(sync=True)
    position = _Numbers(traitlets.Float()).tag(sync=True)
    _heard: dict[str, Any] = {}

    def __init__(
        self, scene: dict[str, Any], data: bytes, *, controls: Sequence[Control], start: Sequence[float], **more: Any
    ):
        self._controls = list(controls)
        super().__init__(scene=scene | {"start": start}, data=data, position=start, **more)

    @traitlets.validate("position")
    def _in_range(self, proposal):
        places.split(self._controls, proposal["value"])
        return proposal["value"]

    def _take(self, **told):
        """Set traits to what a page has told, and do not send them back: the page would be further on by then."""
        self._heard = told
        try:
            for name, value in told.items():
                setattr(self, name, value)
        finally:
            self._heard = {}

    def send_state(self, key=None):
        if isinstance(key, str) and key in self._heard and self._heard[key] == getattr(self, key):
            return
        super().send_state(key)

    def pictures(self, position: Sequence[float] | None = None) -> list[np.ndarray]:
        """The panes' pictures [h, w, c], uint8, drawn by Python, at a position (the present one)."""
        raise NotImplementedError

    def to_html(self, file: str | Path, *, title: str | None = None) -> Path:
        """Write one self-contained page that needs neither Python nor a network. Returns its path.

        Raises LearnitError if only Python can draw this explorer.
        """
        return write_page(file, title or self.scene["title"], [("", self)])

    def static_png(self, position: Sequence[float] | None = None) -> bytes:
        """The panes at a position (the present one) with their titles, for viewers that run no JavaScript."""
        return export.sheet(self.pictures(position), self.scene["titles"], self.scene["side"])

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "image/png": self.static_png()}, metadata

    if hasattr(anywidget.AnyWidget, "_ipython_display_"):
        # ipywidgets 7 displays widgets its own way, which leaves out the picture.
        def _ipython_display_(self, **kwargs):
            data, metadata = self._repr_mimebundle_()
            IPython.display.display(data, metadata=metadata, raw=True)
            self._handle_displayed(**kwargs)


class Explorer(Widget):
    """Pictures side by side that follow one set of controls. Made by ``networks``, ``steps`` or ``frames``.

    ``position`` is where the controls stand, in both directions: set it, and the picture follows. ``value`` are the
    weights there, ``to_html`` writes a page of its own.
    """

    def __init__(
        self,
        scene: dict[str, Any],
        data: bytes,
        *,
        controls: Sequence[Control],
        draw: Draw,
        corners: dict[str, Sequence[Params]] | None = None,
        position: Sequence[float] | None = None,
        stills: list[np.ndarray] | None = None,
        seconds: float = 0.0,
    ):
        self._draw, self._corners = draw, corners
        self._drawing = threading.Lock()  # messages may come in another thread than the cells'
        self._seconds_per_pixel = seconds / np.prod(scene["shape"][:2])
        start = places.start(controls, position)
        self._last = (start, stills)  # where the pictures drawn last in full size stand, so that none is drawn twice
        super().__init__(scene, data, controls=controls, start=start)
        self.on_msg(lambda _, content, buffers: self._answer(content))

    @property
    def coefficients(self) -> list[float]:
        """The coefficient of each corner's weights in what is drawn at the present position.

        Of pictures made beforehand that is the nearest one, so that label, picture and weights are of one mixture.
        """
        frames, position = self.scene.get("frames"), self.position
        if frames:
            at = places.drawn(self._controls, frames["counts"], position)
        else:
            at = places.split(self._controls, position)
        return [c for control, numbers in zip(self._controls, at, strict=True) for c in control.coefficients(numbers)]

    @property
    def value(self) -> dict[str, Params]:
        """The weights of what is drawn at the present position, by pane.

        Raises LearnitError if the explorer shows pictures only.
        """
        if self._corners is None:
            raise LearnitError("this explorer shows pictures made beforehand: it has no weights to give")
        here = self.coefficients  # read once: another thread may move the controls meanwhile
        return {title: weights.barycentric(corners, here) for title, corners in self._corners.items()}

    def pictures(self, position: Sequence[float] | None = None) -> list[np.ndarray]:
        position = places.start(self._controls, self.position if position is None else position)
        return [np.array(picture) for picture in self._pictures(position, tuple(self.scene["shape"][:2]))]

    def _answer(self, content):
        """Answer what a page asks. There is always an answer, since the page waits for it."""
        kinds = {"draw": self._drawn, "take": self._taken}
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind not in kinds:
            return
        reply = {"id": content.get("id")}
        try:
            told, buffers = kinds[kind](content, [float(x) for x in content["position"]])
            self.send(reply | told, buffers)
        except Exception as error:  # any error of a renderer is shown on the page, not only in a log
            traceback.print_exc()
            what = "Drawing" if kind == "draw" else "Setting the position"
            self.send(reply | {"error": f"{what} failed in Python: {type(error).__name__}: {error}"})

    def _drawn(self, content, position):
        places.split(self._controls, position)
        height, width = self.scene["shape"][:2]
        there = self._last[0] == position and self._last[1] is not None
        scale = 1.0 if there or content.get("fine") else self._preview_scale(height * width)
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        pictures = self._pictures(position, size)
        told = {"kind": "drawn", "shapes": [list(p.shape) for p in pictures], "fine": size == (height, width)}
        return told, [np.ascontiguousarray(p).tobytes() for p in pictures]

    def _taken(self, content, position):
        self.position = position
        return {"kind": "taken"}, []

    def _preview_scale(self, pixels):
        seconds = self._seconds_per_pixel * pixels
        # Halves, so that few sizes have to be compiled.
        for scale in (1.0, 0.5, 0.25):
            if seconds * scale**2 <= PREVIEW_SECONDS:
                return scale
        return 0.25

    def _pictures(self, position, size):
        whole = size == tuple(self.scene["shape"][:2])
        with self._drawing:
            last, pictures = self._last
            if whole and pictures is not None and last == position:
                return pictures
            started = time.perf_counter()
            pictures = [self._draw(pane, position, size) for pane in range(len(self.scene["titles"]))]
            if whole:
                self._seconds_per_pixel = (time.perf_counter() - started) / (size[0] * size[1])
                self._last = (list(position), pictures)
            return pictures
