"""The explorer without a browser: what it says of bad input, what it sends, what it draws, and the upload button.

Also run with Colab's versions of ipywidgets and anywidget (tests/test_notebooks.py).
"""

import base64
import datetime
import io
import json
import re
import time
from types import SimpleNamespace

import ipywidgets
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import traitlets
from PIL import Image

from learnit_core import explorer, models, signals, weights
from learnit_core.commands import lab
from learnit_core.errors import LearnitError
from learnit_core.explorer import controls, export

SIREN = models.siren(2, 1, width=8, depth=3, w0=10.0)
FOURIER = models.fourier_mlp(np.arange(10.0).reshape(5, 2), 3, width=8, depth=3)
NERF = models.nerf_mlp(width=8, depth=2, num_frequencies=2, max_log2=1.0)
SHAPE = (5, 7)


def drawn(field, count, seed=0):
    """Random networks, with biases that are not zero."""
    keys = jax.random.split(jax.random.key(seed), count)
    noisy = [jax.tree.map(lambda x, k=k: x + 0.1 * jax.random.normal(k, x.shape), field.init(k)) for k in keys]
    return noisy


def line(field=SIREN, **options):
    corners = drawn(field, 2)
    panes = {"Standard": corners, "Meta": corners[::-1]}
    return explorer.networks(field, panes, labels=("one", "two"), shape=SHAPE, **options), panes


def decoded(png):
    """The picture of PNG bytes, as uint8."""
    with Image.open(io.BytesIO(png)) as opened:
        assert opened.format == "PNG"
        return np.asarray(opened)


def grid_picture(field, params, shape=SHAPE):
    values = np.asarray(field.apply(params, models.pixel_grid(*shape))).reshape(*shape, -1)
    return np.round(255 * np.clip(values, 0, 1)).astype(int)


class Page:
    """The page's side of the conversation: sends a message to a widget and collects the answers."""

    def __init__(self, widget, monkeypatch):
        self.widget, self.answers = widget, []
        monkeypatch.setattr(widget, "send", lambda content, buffers=None: self.answers.append((content, buffers)))

    def asks(self, **content):
        self.widget._handle_custom_msg(content, [])
        return self.answers[-1] if self.answers else None


# Controls


@pytest.mark.parametrize(
    ("control", "numbers", "expected"),
    [
        (explorer.line("a", "b"), [0.25], [0.75, 0.25]),
        (explorer.triangle("a", "b", "c"), [0.2, 0.5], [0.3, 0.2, 0.5]),
        (explorer.square(*"abcd"), [0.0, 0.0], [1, 0, 0, 0]),
        (explorer.square(*"abcd"), [1.0, 0.0], [0, 1, 0, 0]),
        (explorer.square(*"abcd"), [0.0, 1.0], [0, 0, 1, 0]),
        (explorer.square(*"abcd"), [0.5, 0.25], [0.375, 0.375, 0.125, 0.125]),
        (explorer.fit_steps([0, 1, 5]), [2.0], [0, 0, 1]),
        (explorer.camera(), [0.3], []),
    ],
)
def test_coefficients(control, numbers, expected):
    np.testing.assert_allclose(control.coefficients(numbers), expected, atol=1e-12)


@pytest.mark.parametrize("control", [explorer.line("a", "b"), explorer.triangle(*"abc"), explorer.square(*"abcd")])
def test_every_place_of_a_grid_is_a_place_of_the_control(control):
    grid, shape = control.grid(5)
    assert len(grid) == np.prod(shape) == len({tuple(place) for place in grid})
    for place in grid:
        assert control.holds(place)
        assert sum(control.coefficients(place)) == pytest.approx(1)
    # All corners are among them: one-hot coefficients.
    found = {tuple(np.round(control.coefficients(place), 9)) for place in grid}
    assert {tuple(row) for row in np.eye(len(control.labels))} <= found


def test_a_camera_that_wraps_does_not_repeat_its_first_picture():
    assert [p[0] for p in explorer.camera(high=360, wraps=True).grid(4)[0]] == [0, 90, 180, 270]
    assert [p[0] for p in explorer.camera(high=360).grid(4)[0]] == [0, 120, 240, 360]


@pytest.mark.parametrize(
    ("control", "numbers"),
    [
        (explorer.line("a", "b"), [1.1]),
        (explorer.line("a", "b"), [float("nan")]),
        (explorer.triangle(*"abc"), [0.6, 0.6]),
        (explorer.square(*"abcd"), [0.5]),
        (explorer.fit_steps([0, 1]), [0.5]),
        (explorer.camera(low=-1, high=1), [2.0]),
    ],
)
def test_places_that_a_control_does_not_have(control, numbers):
    with pytest.raises(LearnitError, match=r"cannot stand|numbers"):
        controls.split([control], numbers)


# Bad input


@pytest.mark.parametrize("count", [1, 5])
def test_a_number_of_corners_that_no_control_has(count):
    with pytest.raises(LearnitError, match=f"found {count} corners: expected 2 .* 3 .* 4"):
        explorer.networks(SIREN, {"a": drawn(SIREN, count)}, labels=[str(i) for i in range(count)], shape=SHAPE)


def test_a_pane_with_more_corners_than_the_control():
    with pytest.raises(LearnitError, match="'Meta' has 3 networks: expected 2"):
        panes = {"Standard": drawn(SIREN, 2), "Meta": drawn(SIREN, 3)}
        explorer.networks(SIREN, panes, labels=("one", "two"), shape=SHAPE)


def test_networks_of_another_architecture():
    other = models.siren(2, 1, width=9, depth=3, w0=10.0)
    panes = {"Standard": [*drawn(SIREN, 1), *drawn(other, 1)]}
    with pytest.raises(LearnitError, match="'two' of 'Standard' is of another architecture.*9.*expected.*8"):
        explorer.networks(SIREN, panes, labels=("one", "two"), shape=SHAPE)
    deeper = models.siren(2, 1, width=8, depth=4, w0=10.0)
    with pytest.raises(LearnitError, match="another architecture"):
        explorer.networks(SIREN, {"a": drawn(deeper, 2)}, labels=("one", "two"), shape=SHAPE)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(value):
    broken = drawn(SIREN, 2)
    broken[1][2]["b"] = broken[1][2]["b"].at[0].set(value)
    with pytest.raises(LearnitError, match="'two' of 'Standard' has weights that are not finite, in 2/b"):
        explorer.networks(SIREN, {"Standard": broken}, labels=("one", "two"), shape=SHAPE)


def test_no_panes_and_unknown_engines():
    with pytest.raises(LearnitError, match="no panes"):
        explorer.networks(SIREN, {}, labels=("a", "b"), shape=SHAPE)
    with pytest.raises(LearnitError, match="unknown engine 'gpu'.*browser"):
        line(engine="gpu")
    with pytest.raises(LearnitError, match="browser cannot draw a nerf_mlp"):
        explorer.networks(NERF, {"a": drawn(NERF, 2)}, labels=("a", "b"), shape=SHAPE, engine="browser")
    with pytest.raises(LearnitError, match="cameras were given without a render"):
        line(cameras=[explorer.camera()])


GRID = np.linspace(0, 1, 4 * 2 * 3)[:, None, None, None] * np.ones((4, 5, 1))
GRID = GRID.reshape(4, 2, 3, 4, 5, 1)
GRID_CONTROLS = [explorer.camera(), explorer.square(*"abcd")]


def test_a_grid_with_missing_frames_names_them():
    missing = GRID.copy()
    missing[2, 1, 0] = np.nan
    with pytest.raises(
        LearnitError, match=re.escape("1 of the pictures of 'A' are missing or not finite: at [2, 1, 0]")
    ):
        explorer.frames({"A": missing}, controls=GRID_CONTROLS)


@pytest.mark.parametrize(
    ("panes", "given", "said"),
    [
        ({}, GRID_CONTROLS, "no panes"),
        ({"A": GRID}, [], "no controls"),
        ({"A": GRID[0]}, GRID_CONTROLS, "expected 3 axes of positions"),
        ({"A": GRID[..., :0]}, GRID_CONTROLS, "expected 3 axes of positions"),
        ({"A": GRID, "B": GRID[:3]}, GRID_CONTROLS, "different shapes"),
        ({"A": GRID[:1]}, GRID_CONTROLS, "1 picture along the control 'Camera'"),
        ({"A": GRID[:, 0, 0]}, [explorer.fit_steps([0, 1])], "pictures of 4 steps: expected 2"),
        ({"A": GRID[:, 0, 0]}, [explorer.triangle(*"abc")], "4 pictures on a triangle"),
    ],
)
def test_grids_that_do_not_fit_their_controls(panes, given, said):
    with pytest.raises(LearnitError, match=said):
        explorer.frames(panes, controls=given)


def test_controls_that_make_no_sense():
    with pytest.raises(LearnitError, match="no steps"):
        explorer.fit_steps([])
    with pytest.raises(LearnitError, match="expected low < high"):
        explorer.camera(low=1.0, high=1.0)


# What Python draws


@pytest.mark.parametrize("field", [SIREN, FOURIER], ids=["siren", "fourier"])
def test_pictures_are_those_of_the_mixed_weights(field):
    widget, panes = line(field)
    for t in (0.0, 0.3, 1.0):
        widget.position = [t]
        for picture, (title, corners) in zip(widget.pictures(), panes.items(), strict=True):
            mixed = weights.lerp(*corners, t)
            assert np.abs(picture.astype(int) - grid_picture(field, mixed)).max() <= 1  # a tie may round either way
            for a, b in zip(jax.tree.leaves(widget.value[title]), jax.tree.leaves(mixed), strict=True):
                np.testing.assert_allclose(a, b, atol=1e-6)
        assert widget.coefficients == pytest.approx([1 - t, t])


def test_a_position_out_of_range_is_refused_and_nothing_is_lost():
    widget, _ = line()
    with pytest.raises(LearnitError, match="cannot stand"):
        widget.position = [1.5]
    assert widget.position == [0.5]
    with pytest.raises(LearnitError, match="expected 1"):
        line(position=[0.1, 0.2])


def test_steps_show_the_networks_themselves():
    networks = drawn(SIREN, 3)
    widget = explorer.steps(SIREN, {"fit": networks}, counts=[0, 1, 10], shape=SHAPE)
    assert widget.scene["controls"][0]["labels"] == ["0 steps", "1 step", "10 steps"]
    for i in range(3):
        widget.position = [float(i)]
        assert np.abs(widget.pictures()[0].astype(int) - grid_picture(SIREN, networks[i])).max() <= 1


@pytest.mark.parametrize("control", [explorer.line("a", "b"), explorer.triangle(*"abc"), explorer.square(*"abcd")])
def test_frames_show_the_nearest_picture(control):
    places, shape = control.grid(4)
    steps = np.linspace(0, 1, 3)
    pictures = np.arange(len(places) * 3, dtype=np.uint8).reshape(*shape, 3)[..., None, None, None] * np.ones(
        (2, 2, 1), np.uint8
    )
    widget = explorer.frames({"A": pictures}, controls=[control, explorer.camera()])
    rng = np.random.default_rng(0)
    for _ in range(20):
        at = places[rng.integers(len(places))]
        near = np.clip(np.asarray(at) * 0.98, 0, 1).tolist()
        index = int(rng.integers(3))
        shown = widget.pictures([*near, float(np.clip(steps[index] + 0.1, 0, 1))])[0]
        assert shown.max() == shown.min() == places.index(at) * 3 + index
    with pytest.raises(LearnitError, match="no weights"):
        _ = widget.value


GRIDS = [
    (explorer.line("a", "b"), [4]),
    (explorer.fit_steps([0, 1, 2]), [3]),
    (explorer.triangle(*"abc"), [10]),
    (explorer.triangle(*"abc"), [15]),
    (explorer.square(*"abcd"), [4, 4]),
    (explorer.square(*"abcd"), [3, 5]),
    (explorer.camera("Path", low=-1, high=2), [5]),
    (explorer.camera("Azimuth", high=360, wraps=True), [7]),
]


def anywhere(control, rng):
    """A random place of a control."""
    if control.kind == "steps":
        return [float(rng.integers(len(control.labels)))]
    if control.kind == "triangle":
        return rng.dirichlet([1, 1, 1])[1:].tolist()
    return rng.uniform(control.low, control.high, control.numbers).tolist()


@pytest.mark.parametrize(("control", "counts"), GRIDS, ids=lambda given: getattr(given, "kind", str(given)))
def test_what_is_drawn_is_the_nearest_place_of_the_grid(control, counts):
    """Nearest by distance in every number (a triangle's: within a step of its grid), computed here by itself."""
    rng, seen = np.random.default_rng(2), set()
    if control.kind == "square":
        places = [[u, v] for v in np.linspace(0, 1, counts[0]) for u in np.linspace(0, 1, counts[1])]
    else:
        side = controls_side(counts[0]) if control.kind == "triangle" else counts[0]
        places = control.grid(side)[0]
    for _ in range(60):
        numbers = anywhere(control, rng)
        drawn = control.drawn(counts, numbers)
        index = int(np.ravel_multi_index(control.nearest(counts, numbers), counts))
        assert drawn == pytest.approx(places[index]) and control.holds(drawn)
        assert control.drawn(counts, drawn) == pytest.approx(drawn), "what is drawn there is the same"
        away = np.abs(np.array(places) - numbers)
        away = np.minimum(away, 360 - away) if control.wraps else away
        nearest = away.max(axis=1).min()
        assert away[index].max() <= (nearest + 1e-9 if control.kind != "triangle" else 1 / (side - 1))
        seen.add(index)
    assert len(seen) >= min(len(places), 7)


def controls_side(count):
    """Pictures along the edge of a triangle of so many."""
    return {10: 4, 15: 5}[count]


@pytest.mark.parametrize("engine", ["browser", "kernel", "frames"])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_weights_given_are_those_of_the_picture(engine, count):
    """Of pictures made beforehand the nearest is shown, and with it go its coefficients, not those of the handle."""
    corners = drawn(SIREN, count)
    options = {"engine": engine, "frame_counts": (4,)} if engine == "frames" else {"engine": engine}
    widget = explorer.networks(SIREN, {"a": corners}, labels=list("abcd"[:count]), shape=SHAPE, **options)
    rng, control = np.random.default_rng(3), controls.between("abcd"[:count])
    for _ in range(8):
        widget.position = anywhere(control, rng)
        picture = widget.pictures()[0].astype(int)
        assert np.abs(picture - grid_picture(SIREN, widget.value["a"])).max() <= 1
        mixture = weights.barycentric(corners, control.coefficients(widget.position))
        assert (np.abs(picture - grid_picture(SIREN, mixture)).max() > 1) == (engine == "frames")


def test_networks_as_frames_and_with_a_camera():
    asked = []

    def render(params, azimuth, *, height, width):
        asked.append((azimuth, height, width))
        return np.full((height, width, 3), np.clip(float(params[0]["b"].mean()) + azimuth / 720, 0, 1))

    corners = [jax.tree.map(lambda x, v=v: jnp.full(x.shape, v), NERF.init(jax.random.key(0))) for v in (0, 0.5)]
    widget = explorer.networks(
        NERF,
        {"object": corners},
        labels=("chair", "lamp"),
        shape=(4, 6),
        render=render,
        cameras=[explorer.camera("Azimuth", high=360, unit="°", wraps=True)],
        engine="frames",
        frame_counts=(3, 4),
    )
    assert {(h, w) for _, h, w in asked} == {(4, 6)} and {a for a, _, _ in asked} == {0, 90, 180, 270}
    assert widget.scene["frames"]["counts"] == [3, 4]
    widget.position = [1.0, 350.0]  # nearest to 0° again, since the camera goes round
    assert widget.pictures()[0].mean() == pytest.approx(127, abs=1)
    assert widget.value["object"][0]["b"][0] == 0.5
    live = explorer.networks(
        NERF, {"object": corners}, labels=("chair", "lamp"), shape=(4, 6), render=render, cameras=[explorer.camera()]
    )
    assert live.scene["engine"] == "kernel" and live.data == b""


# Signals as pictures


def test_a_curve_is_dark_where_the_signal_is():
    ramp = np.linspace(0, 1, 50)[:, None]
    picture = explorer.drawn(ramp, height=40, width=100)
    assert picture.shape == (40, 100, 3) and picture.dtype == np.float32
    dark = picture.mean(axis=-1).argmin(axis=0)  # the row of the curve, from the top
    np.testing.assert_allclose(dark, 38 - 36 * np.arange(100) / 99, atol=1.5)
    over = explorer.drawn(ramp, height=40, width=100, truth=1 - ramp)
    light = np.argmax(over[..., 0] - over[..., 2], axis=0)
    np.testing.assert_allclose(light[:40], 2 + 36 * np.arange(40) / 99, atol=2.5)
    both = explorer.drawn(np.concatenate([ramp, 1 - ramp], axis=1), height=40, width=100)
    assert np.ptp(both - picture) > 0.5, "the second channel is not drawn"


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_picture_stays_one(channels):
    picture = np.random.default_rng(0).uniform(0, 1, (4, 6, channels)).astype(np.float32)
    found = explorer.drawn(picture, height=4, width=12 if channels == 2 else 6)
    beside = picture if channels == 3 else np.concatenate(np.moveaxis(picture, -1, 0), axis=1)[..., None]
    np.testing.assert_allclose(found, np.broadcast_to(beside, found.shape), atol=1 / 500)
    assert (explorer.drawn(7 * picture - 3, height=4, width=6) <= 1).all()


def test_a_box_is_four_slices():
    box = np.broadcast_to(np.linspace(0, 1, 16)[:, None, None, None], (16, 5, 5, 1))
    found = explorer.drawn(box, height=10, width=40)
    assert found.shape == (10, 40, 3)
    slices = found.reshape(10, 4, 10, 3)
    assert (slices == slices[:1, :, :1]).all() and (np.diff(slices[0, :, 0, 0]) > 0.1).all()


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2, 2, 1)])
def test_a_signal_of_other_dimensions_is_refused(shape):
    with pytest.raises(LearnitError, match="expected one to three dimensions"):
        explorer.drawn(np.zeros(shape), height=8, width=8)


# What is sent to the browser


def test_bytes_are_frequencies_then_layers_the_first_in_full_precision():
    corners = drawn(FOURIER, 2)
    network, data = export.network_bytes(FOURIER, [corners])
    assert network["types"] == ["float32", "float16", "float16"]
    assert network["layers"] == [[10, 8], [8, 8], [8, 3]] and network["frequencies"] == 5
    offset = 5 * 2 * 4
    np.testing.assert_array_equal(np.frombuffer(data[:offset], "<f4"), np.arange(10.0))
    for corner in corners:
        for layer, kind in zip(corner, network["types"], strict=True):
            for name in ("w", "b"):
                size = layer[name].size * np.dtype(kind).itemsize
                read = np.frombuffer(data[offset : offset + size], np.dtype(kind).newbyteorder("<"))
                np.testing.assert_array_equal(read, np.asarray(layer[name]).ravel().astype(kind))
                offset += size
    assert offset == len(data)


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_an_offset_travels_in_the_last_biases(offset):
    """The page knows one offset, 0.5. Mixtures stay what they are: their coefficients sum to one."""
    field, corners = models.siren(2, 1, width=8, depth=3, w0=10.0, offset=offset), drawn(SIREN, 2)
    usual, sent = (export.network_bytes(f, [corners], weights_type="float32")[1] for f in (SIREN, field))
    usual, sent = (np.frombuffer(data, "<f4").reshape(2, -1) for data in (usual, sent))
    np.testing.assert_array_equal(sent[:, :-1], usual[:, :-1])
    np.testing.assert_allclose(sent[:, -1] + 0.5, usual[:, -1] + offset, atol=1e-6)


def test_a_layer_too_large_for_half_precision_stays_in_full():
    corners = drawn(SIREN, 2)
    corners[1][1]["w"] = corners[1][1]["w"] * 1e6
    network, _ = export.network_bytes(SIREN, [corners])
    assert network["types"] == ["float32", "float32", "float16"]


def test_frames_are_kept_exactly_while_they_are_small():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (3, 4, 5, 3), np.uint8)
    described, data = export.frame_bytes([pictures], [3])
    start = 0
    for picture, length in zip(pictures, described["panes"][0], strict=True):
        with Image.open(io.BytesIO(data[start : start + length])) as opened:
            np.testing.assert_array_equal(np.asarray(opened.convert("RGB")), picture)
        start += length
    assert start == len(data)


def test_the_scene_is_json():
    widget, _ = line()
    assert json.loads(json.dumps(widget.scene))["engine"] == "auto"


# The kernel engine


def test_python_draws_what_the_page_asks_for(monkeypatch):
    widget, panes = line(engine="kernel")
    assert widget.data == b""
    page = Page(widget, monkeypatch)
    content, buffers = page.asks(kind="draw", id="x:1", position=[0.25], fine=True)
    assert content == {"kind": "drawn", "id": "x:1", "shapes": [[5, 7, 1], [5, 7, 1]], "fine": True}
    for buffer, corners in zip(buffers, panes.values(), strict=True):
        expected = grid_picture(SIREN, weights.lerp(*corners, 0.25)).ravel()
        assert np.abs(np.frombuffer(buffer, np.uint8).astype(int) - expected).max() <= 1


def test_a_slow_renderer_draws_smaller_while_the_hand_moves(monkeypatch):
    def render(params, *, height, width):
        time.sleep(2e-6 * height * width)
        return np.zeros((height, width, 1))

    widget = explorer.networks(
        SIREN, {"a": drawn(SIREN, 2)}, labels=("one", "two"), shape=(200, 300), render=render, engine="kernel"
    )
    page = Page(widget, monkeypatch)
    content, _ = page.asks(kind="draw", id="1", position=[0.5], fine=True)
    assert content["shapes"] == [[200, 300, 1]] and content["fine"] is True
    content, _ = page.asks(kind="draw", id="2", position=[0.6], fine=False)
    assert content["shapes"] == [[100, 150, 1]] and content["fine"] is False


@pytest.mark.parametrize("position", [[2.0], [], ["x"], None])
def test_there_is_always_an_answer(monkeypatch, position, capsys):
    widget, _ = line(engine="kernel")
    content, _ = Page(widget, monkeypatch).asks(kind="draw", id="1", position=position)
    assert content["id"] == "1" and "Drawing failed in Python" in content["error"]


def test_an_error_in_the_renderer_reaches_the_page_and_the_next_picture_comes(monkeypatch, capsys):
    state = {"broken": False}

    def render(params, *, height, width):
        if state["broken"]:
            raise RuntimeError("no light")
        return np.zeros((height, width, 1))

    widget = explorer.networks(SIREN, {"a": drawn(SIREN, 2)}, labels=("one", "two"), shape=SHAPE, render=render)
    page = Page(widget, monkeypatch)
    state["broken"] = True
    content, _ = page.asks(kind="draw", id="1", position=[0.6])
    assert "RuntimeError: no light" in content["error"]
    state["broken"] = False
    content, _ = page.asks(kind="draw", id="2", position=[0.6])
    assert "error" not in content


def test_a_slow_renderer_draws_nothing_twice_before_the_first_look(monkeypatch):
    asked = []

    def render(params, *, height, width):
        asked.append((height, width))
        return np.zeros((height, width, 1))

    panes = {"a": drawn(SIREN, 2), "b": drawn(SIREN, 2)}
    widget = explorer.networks(SIREN, panes, labels=("one", "two"), shape=SHAPE, render=render)
    widget.static_png()
    page = Page(widget, monkeypatch)
    for fine in (False, True):
        content, _ = page.asks(kind="draw", id="1", position=widget.position, fine=fine)
        assert content["fine"] is True
    assert asked == [SHAPE] * 2, "one picture a pane"


def test_the_page_may_put_its_position_where_value_finds_it(monkeypatch, capsys):
    widget, panes = line()
    page = Page(widget, monkeypatch)
    content, _ = page.asks(kind="take", id="x:1", position=[0.75])
    assert content == {"kind": "taken", "id": "x:1"} and widget.position == [0.75]
    content, _ = page.asks(kind="take", id="x:2", position=[2.0])
    assert content["id"] == "x:2" and "Setting the position failed in Python" in content["error"]
    assert widget.position == [0.75]


def test_all_panes_of_a_value_are_of_one_position(monkeypatch):
    widget, panes = line(position=[0.0])
    mix = weights.barycentric

    def moved_meanwhile(corners, coefficients):
        widget.position = [1.0]  # as by a message that comes in another thread
        return mix(corners, coefficients)

    monkeypatch.setattr(weights, "barycentric", moved_meanwhile)
    for title, params in widget.value.items():
        for found, expected in zip(jax.tree.leaves(params), jax.tree.leaves(panes[title][0]), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_other_messages_are_left_alone(monkeypatch):
    widget, _ = line()
    page = Page(widget, monkeypatch)
    assert page.asks(kind="hello") is None


# Where nothing can run, and pages


def test_what_is_displayed_has_a_picture_for_pages_that_run_nothing(monkeypatch):
    widget, _ = line()
    displayed = []
    monkeypatch.setattr("IPython.display.display", lambda data, **kwargs: displayed.append(data))
    if hasattr(widget, "_ipython_display_"):  # ipywidgets 7
        widget._ipython_display_()
        bundle = displayed[-1]
    else:
        bundle = widget._repr_mimebundle_()[0]
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    still = bundle["image/png"]
    picture = decoded(still if isinstance(still, bytes) else base64.b64decode(still))
    assert picture.shape[1] == 2 * 240 + 12
    pane = np.asarray(Image.fromarray(widget.pictures()[0].squeeze(-1)).resize((240, 171), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(picture[:171, :240, 0], pane)


def embedded(page):
    found = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    return [json.loads(text) for text in found]


def test_a_page_holds_everything_and_asks_for_nothing(tmp_path):
    widget, _ = line(title='A "quoted" </script><!-- title')
    file = widget.to_html(tmp_path / "deep" / "page.html")
    page = file.read_text()
    assert "default-src 'none'" in page.replace("&#x27;", "'")
    page = page.replace("http://www.w3.org/2000/svg", "")  # the name of a namespace
    assert not re.search(r"https?://|src=\"(?!data:)", page)
    assert page.count("<script") == page.count("</script>") == 2, "a title has ended a script"
    (state,) = embedded(page)
    assert state["scene"]["title"] == 'A "quoted" </script><!-- title'
    assert base64.b64decode(state["data"]) == widget.data
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["page.html"]


def test_a_page_needs_an_engine_that_runs_there(tmp_path):
    widget, _ = line(engine="kernel")
    with pytest.raises(LearnitError, match="drawn by Python, which a page does not have"):
        widget.to_html(tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_a_page_of_several_explorers(tmp_path):
    sections = [("<h2>First</h2>", line()[0]), ("<h2>Second</h2>", line(FOURIER)[0])]
    page = explorer.write_page(tmp_path / "page.html", "Both", sections).read_text()
    assert len(embedded(page)) == 2 and page.index("First") < page.index("Second")


def test_the_page_starts_where_the_explorer_started(tmp_path):
    widget, _ = line(position=[0.2])
    widget.position = [0.9]
    page = widget.to_html(tmp_path / "page.html").read_text()
    (state,) = embedded(page)
    assert state["position"] == state["scene"]["start"] == [0.2]
    assert base64.b64encode(widget.static_png([0.2])).decode() in page, "the picture for readers without scripts, too"
    assert widget.static_png([0.2]) != widget.static_png()


# PNG


def test_a_picture_is_enlarged_without_smoothing():
    picture = np.array([[0.0, 0.25], [0.5, 1.0]])[..., None]
    np.testing.assert_array_equal(
        decoded(explorer.to_png(picture, 6)), np.kron([[0, 64], [128, 255]], np.ones((3, 3))).astype(np.uint8)
    )


def test_colours_and_values_out_of_range():
    picture = np.array([[[-3.0, 0.2, 7.0]]])
    np.testing.assert_array_equal(decoded(explorer.to_png(picture, 1)), [[[0, 51, 255]]])


# The upload button


def png(colour):
    data = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(data, format="png")
    return data.getvalue()


WHEN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


class Upload7(ipywidgets.FileUpload):
    """As ipywidgets 7 has it: the value is a dict by name."""

    if int(ipywidgets.__version__[0]) > 7:
        value = traitlets.Dict()

    def put(self, name, content):
        self.set_trait(
            "value", {name: {"metadata": {"name": name, "type": "image/png", "size": 1}, "content": content}}
        )


class Upload8(ipywidgets.FileUpload):
    """As ipywidgets 8 has it: the value is a tuple of dicts, with a view of the bytes."""

    if int(ipywidgets.__version__[0]) < 8:
        value = traitlets.Tuple()

    def put(self, name, content):
        file = {"name": name, "type": "image/png", "size": 1, "last_modified": WHEN, "content": memoryview(content)}
        self.set_trait("value", (file,))


@pytest.fixture(params=[Upload7, Upload8])
def button_of(request, monkeypatch):
    """``button_of(on_file)``: the button of ``explorer.upload(on_file)``, of either version of ipywidgets."""
    monkeypatch.setattr(ipywidgets, "FileUpload", request.param)
    return lambda on_file: explorer.upload(on_file).children[0]


def test_an_upload_hands_its_file_over(button_of, tmp_path):
    seen = []
    button = button_of(lambda file: seen.append((file.name, signals.load_test(file, size=8), file)))
    button.put("me.png", png("red"))
    button.put("../../you.png", png("blue"))
    assert [name for name, _, _ in seen] == ["me.png", "you.png"]
    for (_, pictures, _), colour in zip(seen, ([1, 0, 0], [0, 0, 1]), strict=True):
        np.testing.assert_allclose(pictures, np.broadcast_to(colour, (1, 8, 8, 3)), atol=0.01)
    assert not any(file.exists() for _, _, file in seen), "uploads are left lying about"


def test_a_file_that_is_no_picture_is_named_below_the_button(button_of, capsys):
    seen = []
    button = button_of(lambda file: seen.append(signals.load_test(file, size=8)))
    button.put("notes.jpg", b"These are notes, and no picture at all.")
    said = capsys.readouterr().out
    assert "notes.jpg" in said and "Traceback" not in said and not seen
    button.put("me.png", png("red"))
    assert len(seen) == 1 and "notes.jpg" not in capsys.readouterr().out


def test_taking_a_file_back_does_nothing(button_of):
    seen = []
    button = button_of(seen.append)
    button.put("me.png", png("red"))
    button.set_trait("value", type(button.value)())
    assert len(seen) == 1


def test_the_button_takes_one_picture():
    button, hint, output = explorer.upload(lambda file: None).children
    assert button.accept == "image/*" and button.multiple is False
    assert isinstance(output, ipywidgets.Output)
    assert re.search("more than 10 MB may not arrive: name its path in LEARNIT_TEST_DATA", hint.value)


@pytest.mark.filterwarnings("ignore:.*dict-traits is deprecated")  # the other way would make text of the number
def test_in_the_projects_own_jupyterlab_large_uploads_arrive(monkeypatch):
    serverapp = pytest.importorskip("jupyter_server.serverapp", reason="the extra notebooks is not installed")
    from tornado.web import Application
    from tornado.websocket import WebSocketHandler

    monkeypatch.setattr("sys.argv", ["lab"])
    server = serverapp.ServerApp()
    server.parse_command_line(lab.arguments())
    request = SimpleNamespace(connection=SimpleNamespace(set_close_callback=lambda call: None))
    handler = WebSocketHandler(Application(**server.tornado_settings), request)
    assert handler.max_message_size > signals.files.MOST_BYTES


def test_halfway_between_two_pictures_the_later_one_is_shown():
    """As in the page, so that Python and the browser agree there, too."""
    pictures = np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1, 1, 1)
    shown = explorer.frames(
        {"pane": pictures}, controls=[explorer.square("a", "b", "c", "d"), explorer.camera()], position=[0.5, 0.5, 0.5]
    )
    assert shown.pictures([0.5, 0.5, 0.5])[0].item() == 7 and shown.pictures([0.49, 0.5, 0.49])[0].item() == 4
