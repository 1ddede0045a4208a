"""Validation of an explorer's input, before anything is drawn."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from learnit_core import weights
from learnit_core.errors import LearnitError
from learnit_core.explorer.controls import Control
from learnit_core.structures import Field, Params

MARGIN = 1e-3
"""How far beyond [0, 1] a picture's values may be: rounding errors, not another scale."""


def check_scene(panes: Any, controls: Any, *, title: Any, side: Any, shape: Any = (1, 1)) -> None:
    """Raise LearnitError unless titles are text, controls are controls, and sizes [px] are positive whole numbers."""
    if not isinstance(panes, Mapping) or not all(isinstance(name, str) for name in panes):
        raise LearnitError(f"found panes {_short(panes)}: expected a mapping of titles (text) to their contents")
    if not panes or not controls:
        raise LearnitError("found no panes or no controls: expected at least one of each")
    for control in controls:
        if not isinstance(control, Control):
            raise LearnitError(f"found the control {_short(control)}: expected one made by line, square, camera, ...")
    if not isinstance(title, str):
        raise LearnitError(f"found the title {_short(title)}: expected text")
    if not is_size(side):
        raise LearnitError(f"found side {_short(side)}: expected the width of a picture on the page, at least 1 px")
    if not isinstance(shape, Sequence) or len(shape) != 2 or not all(is_size(n) for n in shape):
        raise LearnitError(f"found the shape {_short(shape)}: expected (height, width), at least 1 px each")


def check_cameras(cameras: Any, render: Any) -> None:
    """Raise LearnitError unless cameras are camera controls, with a ``render`` to use them."""
    for camera in cameras:
        if not isinstance(camera, Control) or camera.kind != "camera":
            raise LearnitError(f"found {_short(camera)} among the cameras: expected controls made by explorer.camera")
    if cameras and render is None:
        raise LearnitError(
            "cameras were given without a render function: expected render(params, *camera, height=, width=)"
        )


def check_drawable(field: Field, params: Params) -> None:
    """Raise LearnitError unless the field maps positions on a plane to grey values or colours."""
    try:
        channels = jax.eval_shape(field.apply, params, jax.ShapeDtypeStruct((1, 2), jnp.float32)).shape[-1]
    except Exception as error:  # any error of a model that expects other input than positions on a plane
        raise LearnitError(
            f"a {field.spec['model']} of this kind cannot be drawn at the pixels of a plane: expected a render function"
        ) from error
    if channels not in (1, 3):
        raise LearnitError(f"the field has {channels} outputs: expected 1 or 3 channels, or a render function")


def check_networks(field: Field, panes: Mapping[str, Sequence[Params]], control: Control) -> None:
    """Raise LearnitError unless there is one network for each corner, all of the field's architecture and finite."""
    for name, value in field.spec.items():
        if isinstance(value, float | np.ndarray) and not np.isfinite(value).all():
            raise LearnitError(f"the field's {name} has values that are not finite: {_short(value)}")
    expected = weights.named_leaves(jax.eval_shape(field.init, jax.random.key(0)))
    for name, corners in panes.items():
        if len(corners) != len(control.labels):
            raise LearnitError(
                f"the pane {name!r} has {len(corners)} networks: expected {len(control.labels)}, "
                f"one for each of {', '.join(control.labels)}"
            )
        for label, corner in zip(control.labels, corners, strict=True):
            found = weights.named_leaves(corner)
            shapes = [{key: tuple(leaf.shape) for key, leaf in leaves.items()} for leaves in (found, expected)]
            if shapes[0] != shapes[1]:
                odd = next(key for key in {**shapes[1], **shapes[0]} if shapes[0].get(key) != shapes[1].get(key))
                raise LearnitError(
                    f"the network {label!r} of {name!r} is of another architecture: found {odd} of shape "
                    f"{shapes[0].get(odd, 'none')}, expected {shapes[1].get(odd, 'none')}"
                )
            for key, leaf in found.items():
                if not np.isfinite(leaf).all():
                    raise LearnitError(f"the network {label!r} of {name!r} has weights that are not finite, in {key}")


def check_drawn(picture: Any, size: tuple[int, int]) -> np.ndarray:
    """A renderer's picture as an array, if it is one of this size."""
    picture = np.array(picture)  # a copy, since it is kept and a renderer may use its memory again
    if picture.shape not in ((*size, 1), (*size, 3)):
        raise LearnitError(
            f"the render function gave a picture of shape {list(picture.shape)}: "
            f"expected [{size[0]}, {size[1]}, 1 or 3] for height={size[0]}, width={size[1]}"
        )
    return picture


def check_counts(controls: Sequence[Control], counts: Sequence[int]) -> None:
    """Raise LearnitError unless a grid with ``counts`` pictures along its axes fits these controls."""
    remaining = iter(counts)
    for control in controls:
        axes = [next(remaining) for _ in range(control.axes)]
        if control.kind == "steps" and axes != [len(control.labels)]:
            raise LearnitError(f"found pictures of {axes[0]} steps: expected {len(control.labels)}, one a step")
        if control.kind == "triangle" and triangle_side(axes[0]) is None:
            raise LearnitError(
                f"found {axes[0]} pictures on a triangle: expected (n + 1)(n + 2) / 2, such as 6, 10 or 15"
            )
        if control.kind != "steps" and min(axes) < 2:
            raise LearnitError(f"found {min(axes)} picture along the control {control.name!r}: expected at least 2")


def triangle_side(count: int) -> int | None:
    """Number of pictures along an edge of a triangle of ``count`` pictures; None if there is no such triangle."""
    return next((n for n in range(2, count + 1) if n * (n + 1) // 2 == count), None)


def check_pictures(panes: Mapping[str, Any], axes: int) -> dict[str, np.ndarray]:
    """Each pane's pictures as an array [*grid, h, w, c], uint8 or in [0, 1]. ``panes`` may hold nested lists, too.

    Raises LearnitError, which names the places, if pictures are missing (None, left out, not finite).
    """
    arrays = {name: _as_array(name, pane, axes) for name, pane in panes.items()}
    for name, array in arrays.items():
        if array.ndim != axes + 3 or array.shape[-1] not in (1, 3):
            raise LearnitError(
                f"the pictures of {name!r} have the shape {list(array.shape)}: "
                f"expected {axes} axes of positions, then height, width and 1 or 3 channels"
            )
        if 0 in array.shape[axes:]:
            raise LearnitError(f"the pictures of {name!r} have no pixels: found the shape {list(array.shape)}")
        if array.dtype != np.uint8 and not jnp.issubdtype(array.dtype, jnp.floating):
            raise LearnitError(f"the pictures of {name!r} are {array.dtype}: expected uint8, or floats in [0, 1]")
        if array.dtype != np.uint8:
            _check_range(name, array)
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) > 1:
        raise LearnitError(f"panes have pictures of different shapes: {', '.join(map(str, sorted(shapes)))}")
    return arrays


def _check_range(name, array):
    missing = np.argwhere(~np.isfinite(array).all(axis=(-3, -2, -1)))
    if len(missing):
        raise LearnitError(f"{len(missing)} of the pictures of {name!r} are missing or not finite: at {_some(missing)}")
    if array.size and (array.min() < -MARGIN or array.max() > 1 + MARGIN):
        raise LearnitError(
            f"the pictures of {name!r} have values from {array.min():.3g} to {array.max():.3g}: expected them in [0, 1]"
        )


def _as_array(name, pane, axes) -> np.ndarray:
    if hasattr(pane, "dtype") and pane.dtype != object:
        return np.asarray(pane)
    found = dict(_places(pane, axes))
    counts = [1 + max((place[axis] for place in found), default=-1) for axis in range(axes)]
    grid = itertools.product(*map(range, counts))
    missing = [place for place in grid if found.get(place) is None]
    if missing:
        raise LearnitError(f"{len(missing)} of the pictures of {name!r} are missing or not finite: at {_some(missing)}")
    try:
        pictures = {place: np.asarray(found[place]) for place in sorted(found)}
    except ValueError as error:
        raise LearnitError(f"{name!r} holds something that is no picture: {error}") from error
    shapes = {}
    for place, picture in pictures.items():
        shapes.setdefault(picture.shape, place)
    if len(shapes) > 1:
        described = ", ".join(f"{list(shape)} at {list(place)}" for shape, place in shapes.items())
        raise LearnitError(f"{name!r} has pictures of different shapes: {described}")
    if not pictures:
        raise LearnitError(f"{name!r} holds no pictures")
    return np.stack(list(pictures.values())).reshape(*counts, *next(iter(shapes)))


def _places(pane, axes, at=()) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Place and picture, one after the other, of nested lists; a whole row may be None."""
    if len(at) == axes:
        yield at, pane
    elif pane is None:
        yield at + (0,) * (axes - len(at)), None
    elif isinstance(pane, Sequence | np.ndarray) and not isinstance(pane, str):
        for i, part in enumerate(pane):
            yield from _places(part, axes, (*at, i))
    else:
        raise LearnitError(f"found {_short(pane)} where pictures are expected, at {list(at)}")


def is_size(value: Any) -> bool:
    """Whether it is a whole number of Python or NumPy, at least 1."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1


def is_finite_number(value: Any) -> bool:
    """Whether it is a finite number of Python or NumPy."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)


def _some(places):
    return ", ".join(str(np.asarray(place).tolist()) for place in places[:4]) + (", ..." if len(places) > 4 else "")


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
