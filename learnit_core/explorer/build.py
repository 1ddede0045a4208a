"""From fitted networks or pictures to an explorer. Invalid input raises here, before anything is drawn."""

import functools
import itertools
import time
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from learnit_core import weights
from learnit_core.errors import LearnitError
from learnit_core.explorer import checks, export
from learnit_core.explorer import controls as places
from learnit_core.explorer.controls import Control
from learnit_core.explorer.widget import Explorer
from learnit_core.structures import Field, Params

ENGINES = ("auto", "browser", "kernel", "frames")

Render = Callable[..., np.ndarray]
"""``render(params, *camera, height, width)``: the picture [h, w, c] of one network, values in [0, 1]; ``camera`` are
the numbers of the camera controls, if there are any."""


def networks(
    field: Field,
    panes: Mapping[str, Sequence[Params]],
    *,
    labels: Sequence[str],
    shape: tuple[int, int],
    title: str = "Interpolation between networks",
    cameras: Sequence[Control] = (),
    render: Render | None = None,
    engine: str = "auto",
    weights_type: str = "float16",
    frame_counts: Sequence[int] = (21,),
    side: int = 240,
    position: Sequence[float] | None = None,
) -> Explorer:
    """Mixtures of the networks in the corners: two on a line, three on a triangle, four on a square.

    ``panes`` maps a title to its corners, parameters of ``field``; ``labels`` names the corners. ``shape`` is
    (height, width) [px] of a picture, ``side`` its width on the page. Fields on the plane are drawn by evaluating them
    at the pixels; others need ``render``, and may have ``cameras``.

    ``engine``: "browser" computes in the page, "kernel" in Python, "frames" shows pictures made now, ``frame_counts``
    along each control (one number for all, or one each); "auto" takes the browser where it can, or else the kernel.
    Weights are sent as ``weights_type``, see :func:`learnit_core.explorer.export.network_bytes`.

    Raises LearnitError for corners of another architecture, weights that are not finite, a wrong number of corners,
    an engine that cannot draw this field, or a ``render`` whose pictures are not [height, width, 1 or 3].
    """
    return _networks(
        field,
        panes,
        places.between(labels),
        shape,
        title=title,
        cameras=cameras,
        render=render,
        engine=engine,
        weights_type=weights_type,
        frame_counts=frame_counts,
        side=side,
        position=position,
    )


def steps(
    field: Field,
    panes: Mapping[str, Sequence[Params]],
    *,
    counts: Sequence[int],
    shape: tuple[int, int],
    title: str = "Steps of a fit",
    **options,
) -> Explorer:
    """One network a pane after ``counts`` gradient steps: ``panes`` maps a title to its parameters at each of them.

    Options and errors as for :func:`networks`.
    """
    return _networks(field, panes, places.fit_steps(counts), shape, title=title, **options)


def frames(
    panes: Mapping[str, np.ndarray | Sequence],
    *,
    controls: Sequence[Control],
    title: str = "Pictures made beforehand",
    side: int = 240,
    position: Sequence[float] | None = None,
) -> Explorer:
    """Pictures on a grid of positions; the nearest one is shown.

    ``panes`` maps a title to an array [*grid, h, w, c] of values in [0, 1] (or uint8), c = 1 or 3, or to nested lists
    of such pictures. Each control adds its axes to the grid: a square two (v, then u), the others one; a triangle's has
    (n + 1)(n + 2) / 2 places in the order of :meth:`Control.grid`. A picture that is None, left out or not finite
    counts as missing. Raises LearnitError, which names missing ones, if the pictures do not make a whole grid.
    """
    return _frames(panes, controls, title, side, position)


def _frames(panes, controls, title, side, position, corners=None):
    """As :func:`frames`; with ``corners``, the networks that the pictures are of, the widget has weights to copy."""
    checks.check_scene(panes, controls, title=title, side=side)
    axes = sum(control.axes for control in controls)
    arrays = checks.check_pictures(panes, axes)
    first = next(iter(arrays.values()))
    counts, (h, w, c) = first.shape[:axes], first.shape[axes:]
    checks.check_counts(controls, counts)
    flat = [export.levels(array.reshape(-1, h, w, c)) for array in arrays.values()]

    def draw(pane, at, size):
        return flat[pane][_nearest(controls, counts, at)]

    described, data = export.frame_bytes(flat, counts)
    scene = export.described("frames", controls, list(panes), (h, w, c), title, side)
    scene |= {"frames": described, "weights": corners is not None}
    return Explorer(scene, data, controls=controls, draw=draw, corners=corners, position=position)


def _networks(
    field,
    panes,
    control,
    shape,
    *,
    title,
    cameras=(),
    render=None,
    engine="auto",
    weights_type="float16",
    frame_counts=(21,),
    side=240,
    position=None,
):
    controls = [control, *cameras]
    checks.check_scene(panes, controls, title=title, side=side, shape=shape)
    checks.check_cameras(cameras, render)
    if engine not in ENGINES:
        raise LearnitError(f"unknown engine {engine!r}: expected one of {', '.join(ENGINES)}")
    if weights_type not in export.WEIGHTS_TYPES:
        raise LearnitError(f"unknown weights_type {weights_type!r}: expected one of {', '.join(export.WEIGHTS_TYPES)}")
    panes = {name: [jax.tree.map(jnp.asarray, corner) for corner in corners] for name, corners in panes.items()}
    checks.check_networks(field, panes, control)
    in_browser = render is None and not cameras and export.runs_in_browser(field)
    if engine == "browser" and not in_browser:
        raise LearnitError(
            f"the browser cannot draw a {field.spec['model']} of this kind: expected a siren or fourier_mlp on the "
            "plane with 1 or 3 channels, no camera and no render function; use the engine 'frames' or 'kernel'"
        )
    if render is None:
        checks.check_drawable(field, next(iter(panes.values()))[0])
    draw, shape = _drawer(field, list(panes.values()), controls, render), tuple(shape)
    start = places.start(controls, position)
    began = time.perf_counter()
    stills = [draw(pane, start, shape) for pane in range(len(panes))]
    seconds = time.perf_counter() - began  # with compiling, if there is any, until pictures are drawn without
    if len({still.shape for still in stills}) > 1:
        raise LearnitError(f"panes have different channels: found {', '.join(str(s.shape[-1]) for s in stills)}")
    size = stills[0].shape
    if engine == "frames":
        return _as_frames(panes, draw, controls, frame_counts, size, title, side, position)
    drawn_by = "kernel" if engine == "kernel" or not in_browser else engine
    scene = export.described(drawn_by, controls, list(panes), size, title, side) | {"weights": True}
    data = b""
    if drawn_by != "kernel":
        network, data = export.network_bytes(field, list(panes.values()), weights_type=weights_type)
        scene["network"] = network
    return Explorer(
        scene, data, controls=controls, draw=draw, corners=panes, position=start, stills=stills, seconds=seconds
    )


def _as_frames(panes, draw, controls, frame_counts, size, title, side, position):
    if not isinstance(frame_counts, Sequence) or not all(isinstance(count, int) for count in frame_counts):
        raise LearnitError(f"found frame_counts {frame_counts!r}: expected whole numbers, such as (21,)")
    if len(frame_counts) not in (1, len(controls)):
        raise LearnitError(f"found {len(frame_counts)} frame counts: expected 1 or {len(controls)}, one a control")
    per_control = list(frame_counts) * (len(controls) if len(frame_counts) == 1 else 1)
    if min(per_control) < 2:
        raise LearnitError(f"found {min(per_control)} frames along a control: expected at least 2")
    grids = [control.grid(count) for control, count in zip(controls, per_control, strict=True)]
    positions = [sum(parts, []) for parts in itertools.product(*(grid for grid, _ in grids))]
    counts = [n for _, shape in grids for n in shape]
    pictures = {
        name: np.stack([draw(pane, place, size[:2]) for place in positions]).reshape(*counts, *size)
        for pane, name in enumerate(panes)
    }
    return _frames(pictures, controls, title, side, position, corners=panes)


def _drawer(field, panes, controls, render):
    """``draw(pane, position, size)`` for networks: mix the corners, render, 8 bits."""
    stacked = [jax.tree.map(lambda *leaves: jnp.stack(leaves), *corners) for corners in panes]

    def draw(pane, position, size) -> UInt8[np.ndarray, "height width channels"]:
        weights_numbers, *camera_numbers = places.split(controls, position)
        c = controls[0].coefficients(weights_numbers)
        height, width = size
        if render is None:
            return np.asarray(_evaluate(field, stacked[pane], np.asarray(c, np.float32), height, width))
        camera = [x for numbers in camera_numbers for x in numbers]
        given = render(weights.barycentric(panes[pane], c), *camera, height=height, width=width)
        picture = checks.check_drawn(given, (height, width))
        if not np.isfinite(picture).all():
            raise LearnitError(f"the render function gave values that are not finite at {list(position)}")
        return export.levels(picture)

    return draw


@functools.partial(jax.jit, static_argnames=("field", "height", "width"))
def _evaluate(field, corners, coefficients, height, width):
    mixed = jax.tree.map(lambda leaf: jnp.tensordot(coefficients, leaf, axes=1, precision="highest"), corners)
    rows, columns = jnp.meshgrid(jnp.arange(height) / height, jnp.arange(width) / width, indexing="ij")
    picture = field.apply(mixed, jnp.stack([rows, columns], axis=-1))
    return jnp.round(255 * jnp.clip(picture, 0, 1)).astype(jnp.uint8)


def _nearest(controls, counts, position):
    """Index of the picture nearest to a position, in the flattened grid."""
    remaining, along = list(counts), []
    for control, numbers in zip(controls, places.split(controls, position), strict=True):
        along += control.nearest(remaining, numbers)
        remaining = remaining[control.axes :]
    return int(np.ravel_multi_index(along, counts))
