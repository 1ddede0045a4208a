"""Networks and pictures as bytes for the browser: what ``module/2_network.js`` and ``FramesEngine`` read."""

import dataclasses
import io
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw

from learnit_core.errors import LearnitError
from learnit_core.explorer.controls import Control
from learnit_core.structures import Field, Params

WEIGHTS_TYPES = ("float16", "float32")
"""Types in which weights may be sent to the browser."""

BROWSER_MODELS = ("siren", "fourier_mlp")
"""Models that the browser can evaluate."""

LOSSLESS_BYTES = 1_000_000
"""Total size [bytes] up to which pictures are compressed without loss."""


def runs_in_browser(field: Field) -> bool:
    """Whether the browser can compute this field: a SIREN or Fourier-feature MLP on the plane with 1 or 3 channels."""
    spec = field.spec
    if spec.get("model") not in BROWSER_MODELS or spec["out_dim"] not in (1, 3):
        return False
    return spec["in_dim"] == 2 if spec["model"] == "siren" else spec["frequencies"].shape[1] == 2


def network_bytes(
    field: Field, panes: Sequence[Sequence[Params]], *, weights_type: str = "float16"
) -> tuple[dict[str, Any], bytes]:
    """The scene's ``network`` and the bytes: frequencies, then pane by pane, corner by corner, layer by layer, w and b.

    The first layer stays in float32, since its weights are multiplied by the largest numbers (w0, or frequencies): in
    float16 it alone would cause nearly all of the error. A layer too large for float16 stays in float32, too.
    """
    layers = [[int(n) for n in layer["w"].shape] for layer in panes[0][0]]
    types = ["float32"] + [weights_type] * (len(layers) - 1)
    largest = np.finfo(np.float16).max
    for i in range(1, len(layers)):
        if any(np.abs(leaf).max() > largest for pane in panes for corner in pane for leaf in corner[i].values()):
            types[i] = "float32"
    if more := beyond(field):
        # What is left goes into the last biases: mixtures have coefficients that sum to one.
        panes = [[shifted(corner, more) for corner in pane] for pane in panes]
    buffer = np.asarray(field.spec.get("frequencies", np.zeros((0, 2))), np.float32)
    chunks = [buffer.tobytes()]
    for pane in panes:
        for corner in pane:
            for layer, kind in zip(corner, types, strict=True):
                little_endian = np.dtype(kind).newbyteorder("<")
                chunks += [np.asarray(layer[name]).astype(little_endian).tobytes() for name in ("w", "b")]
    network = {
        "model": field.spec["model"],
        "w0": field.spec.get("w0", 1.0),
        "final": field.spec.get("final", "identity"),
        "layers": layers,
        "types": types,
        "frequencies": len(buffer),
        "panes": [len(pane) for pane in panes],
    }
    return network, b"".join(chunks)


def beyond(field: Field) -> float:
    """What a SIREN adds to its output beyond the 0.5 that the page adds."""
    return field.spec.get("offset", 0.5) - 0.5 if field.spec["model"] == "siren" else 0.0


def flat(params: Params) -> bytes:
    """All weights in float32, layer by layer, w and b."""
    return b"".join(np.asarray(layer[name]).astype("<f4").tobytes() for layer in params for name in ("w", "b"))


def unflattened(values: np.ndarray, layers: Sequence[Sequence[int]]) -> Params:
    """Weights of layers (inputs, outputs) from one array, as :func:`flat` has them."""
    at, params = 0, []
    for inputs, outputs in layers:
        w = values[at : at + inputs * outputs].reshape(inputs, outputs)
        params.append({"w": jnp.asarray(w), "b": jnp.asarray(values[at + w.size : at + w.size + outputs])})
        at += w.size + outputs
    return params


def shifted(params: Params, offset: float) -> Params:
    """The same network with ``offset`` added to its output."""
    *first, last = params
    return [*first, {"w": last["w"], "b": last["b"] + offset}]


def described(
    engine: str, controls: Sequence[Control], titles: Sequence[str], shape: Sequence[int], title: str, side: int
) -> dict[str, Any]:
    """The part of a scene that all have."""
    return {
        "title": title,
        "engine": engine,
        "controls": [{**dataclasses.asdict(control), "labels": list(control.labels)} for control in controls],
        "titles": list(titles),
        "shape": list(shape),
        "side": side,
    }


def frame_bytes(panes: Sequence[np.ndarray], counts: Sequence[int]) -> tuple[dict[str, Any], bytes]:
    """The scene's ``frames`` and the bytes of pictures [places, h, w, c], uint8, one WebP after the other."""
    encoded = [[_webp(picture, lossless=True) for picture in pane] for pane in panes]
    if sum(len(file) for pane in encoded for file in pane) > LOSSLESS_BYTES:
        encoded = [[_webp(picture, lossless=False) for picture in pane] for pane in panes]
    lengths = [[len(file) for file in pane] for pane in encoded]
    return {"type": "image/webp", "counts": list(counts), "panes": lengths}, b"".join(f for p in encoded for f in p)


def levels(picture: np.ndarray) -> np.ndarray:
    """Values in [0, 1] as 8-bit levels, clipped; 8-bit levels as they are. Raises LearnitError for other integers."""
    if picture.dtype == np.uint8:
        return picture
    if not jnp.issubdtype(picture.dtype, jnp.floating):
        raise LearnitError(f"found a picture of type {picture.dtype}: expected uint8, or floats in [0, 1]")
    return np.round(255 * np.clip(np.asarray(picture, np.float32), 0, 1)).astype(np.uint8)


def as_image(picture: np.ndarray) -> Image.Image:
    """A picture [h, w, 1] or [h, w, 3], uint8, for Pillow."""
    if picture.ndim != 3 or picture.shape[-1] not in (1, 3):
        raise LearnitError(f"found a picture of shape {list(picture.shape)}: expected [height, width, 1 or 3]")
    return Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture)


def sheet(pictures: Sequence[np.ndarray], titles: Sequence[str], side: int) -> bytes:
    """Pictures [h, w, c], uint8, beside each other, ``side`` pixels wide, with their titles below, as PNG."""
    gap, caption = 12, 22
    images = [as_image(picture) for picture in pictures]
    height = max(round(side * image.height / image.width) for image in images)
    whole = Image.new("RGB", (len(images) * (side + gap) - gap, height + caption), "white")
    pen = ImageDraw.Draw(whole)
    for i, (image, title) in enumerate(zip(images, titles, strict=True)):
        size = (side, round(side * image.height / image.width))
        whole.paste(image.convert("RGB").resize(size, Image.Resampling.NEAREST), (i * (side + gap), 0))
        pen.text((i * (side + gap) + side / 2, height + 3), title, fill="black", anchor="ma", font_size=14)
    buffer = io.BytesIO()
    whole.save(buffer, format="png")
    return buffer.getvalue()


def _webp(picture, *, lossless):
    buffer = io.BytesIO()
    as_image(picture).convert("RGB").save(buffer, format="webp", lossless=lossless, quality=90, method=4)
    return buffer.getvalue()
