"""What the explorer says of input that makes no sense, before anything is drawn. Also run with Colab's versions."""

import json

import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from test_explorer import FOURIER, NERF, SHAPE, SIREN, drawn, line

from learnit_core import explorer, models
from learnit_core.errors import LearnitError
from learnit_core.explorer import export
from learnit_core.explorer.page import embedded

PICTURE = np.full((4, 5, 1), 0.5)
STEPS = [explorer.fit_steps([0, 1, 2])]
SQUARE = [explorer.square(*"abcd")]


@pytest.fixture(autouse=True)
def as_a_reader_has_it():
    """Annotations are checked in tests only: elsewhere it is the explorer itself that says what is wrong."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


# Pictures on a grid


@pytest.mark.parametrize(
    ("pictures", "controls", "said"),
    [
        ([PICTURE, None, PICTURE], STEPS, r"1 of the pictures of 'A' are missing or not finite: at \[1\]"),
        ([None, PICTURE, None], STEPS, r"2 of the pictures of 'A' are missing or not finite: at \[0\], \[2\]"),
        ([None, None, None], STEPS, r"3 of the pictures of 'A' are missing"),
        ([[PICTURE, PICTURE], [PICTURE]], SQUARE, r"1 of the pictures of 'A' are missing or not finite: at \[1, 1\]"),
        ([[PICTURE, PICTURE], None], SQUARE, r"missing or not finite: at \[1, 0\], \[1, 1\]"),
        (np.array([PICTURE, None, PICTURE], dtype=object), STEPS, r"missing or not finite: at \[1\]"),
        ([PICTURE, PICTURE * np.nan, PICTURE], STEPS, r"missing or not finite: at \[1\]"),
        ([PICTURE, PICTURE[:3], PICTURE], STEPS, r"different shapes: \[4, 5, 1\] at \[0\], \[3, 5, 1\] at \[1\]"),
        ([PICTURE, [[0.0], [0.0, 1.0]], PICTURE], STEPS, "'A' holds something that is no picture"),
        ([PICTURE, "two", PICTURE], STEPS, "'A' has pictures of different shapes"),
        ([], STEPS, "'A' holds no pictures"),
        ("pictures", STEPS, "found 'pictures' where pictures are expected"),
        (np.zeros((3, 0, 5, 1)), STEPS, "'A' have no pixels"),
        (np.full((3, 4, 5, 1), 200, np.int64), STEPS, "'A' are int64: expected uint8, or floats"),
        (np.ones((3, 4, 5, 1), bool), STEPS, "'A' are bool: expected uint8, or floats"),
        (np.full((3, 4, 5, 1), 200.0), STEPS, "values from 200 to 200: expected them in"),
        (np.full((3, 4, 5, 1), -0.5), STEPS, "values from -0.5 to -0.5: expected them in"),
    ],
)
def test_pictures_that_are_missing_or_of_another_kind(pictures, controls, said):
    with pytest.raises(LearnitError, match=said):
        explorer.frames({"A": pictures}, controls=controls)


def test_nested_lists_are_as_good_as_an_array():
    rng = np.random.default_rng(0)
    array = rng.uniform(0, 1, (2, 3, 4, 5, 1))
    nested = [[jnp.asarray(picture) for picture in row] for row in array]
    one, other = (explorer.frames({"A": pictures}, controls=SQUARE) for pictures in (array, nested))
    assert one.data == other.data and one.scene == other.scene


def test_rounding_errors_are_no_other_scale():
    explorer.frames({"A": np.full((3, 4, 5, 1), 1 + 1e-6, np.float32)}, controls=STEPS)


# Scenes


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weights_type": "float64"}, "unknown weights_type 'float64': expected one of float16, float32"),
        ({"weights_type": "int8", "engine": "kernel"}, "unknown weights_type 'int8'"),
        ({"shape": (0, 5)}, r"shape \(0, 5\): expected \(height, width\)"),
        ({"shape": (5,)}, r"shape \(5,\): expected \(height, width\)"),
        ({"shape": (5.0, 7.0)}, r"expected \(height, width\)"),
        ({"shape": 5}, r"shape 5: expected \(height, width\)"),
        ({"side": 0}, "side 0: expected"),
        ({"side": "wide"}, "side 'wide': expected"),
        ({"title": 3}, "title 3: expected text"),
        ({"labels": (1, 2)}, "found the names 'Weights', 1, 2: expected text"),
        ({"frame_counts": 5, "engine": "frames"}, "frame_counts 5: expected whole numbers"),
        ({"position": "x"}, "position 'x': expected a list of numbers"),
        ({"position": 0.5}, "position 0.5: expected a list of numbers"),
        ({"position": [float("nan")]}, "cannot stand at"),
        ({"cameras": [explorer.line("a", "b")], "render": lambda params, t, **_: PICTURE}, "among the cameras"),
    ],
)
def test_options_that_make_no_sense(options, said):
    panes = {"A": drawn(SIREN, 2)}
    with pytest.raises(LearnitError, match=said):
        explorer.networks(SIREN, panes, **{"labels": ("one", "two"), "shape": SHAPE, "side": 240} | options)


@pytest.mark.parametrize("panes", [[1, 2], {1: "a"}, "panes"])
def test_panes_are_titles_and_what_stands_below_them(panes):
    with pytest.raises(LearnitError, match="expected a mapping of titles"):
        explorer.networks(SIREN, panes, labels=("one", "two"), shape=SHAPE)
    with pytest.raises(LearnitError, match="expected a mapping of titles"):
        explorer.frames(panes, controls=STEPS)


@pytest.mark.parametrize("position", [np.array([0.25]), (np.float32(0.25),), [0.25]])
def test_positions_may_be_arrays(position):
    widget, _ = line(position=position)
    assert widget.scene["start"] == widget.position == [0.25]
    widget.position = [0.5]
    widget.position = position
    assert widget.position == [0.25] and type(widget.position[0]) is float


@pytest.mark.parametrize("options", [{"high": np.inf}, {"low": -np.inf}, {"step": 0}, {"step": -1.0}, {"step": np.nan}])
def test_cameras_that_lead_nowhere(options):
    with pytest.raises(LearnitError, match="expected finite numbers and a step above 0"):
        explorer.camera(**options)


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (models.siren(2, 1, width=8, depth=3, w0=float("nan")), "w0"),
        (models.fourier_mlp(np.full((5, 2), np.nan), 1, width=8, depth=3), "frequencies"),
    ],
)
def test_fields_whose_fixed_numbers_are_not_finite(field, name):
    with pytest.raises(LearnitError, match=f"the field's {name} has values that are not finite"):
        explorer.networks(field, {"A": drawn(field, 2)}, labels=("one", "two"), shape=SHAPE)


def test_numbers_that_a_browser_cannot_read_never_get_onto_a_page():
    widget, _ = line(FOURIER)
    broken = json.loads(json.dumps(widget.scene)) | {"network": {"w0": float("inf")}}
    with pytest.raises(LearnitError, match="numbers that are not finite in its scene"):
        embedded(broken, "", "")


# Renderers


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((5, 7)), r"shape \[5, 7\]: expected \[5, 7, 1 or 3\] for height=5, width=7"),
        (np.zeros((5, 7, 4)), r"shape \[5, 7, 4\]: expected \[5, 7, 1 or 3\]"),
        (np.zeros((7, 5, 3)), r"shape \[7, 5, 3\]: expected \[5, 7, 1 or 3\]"),
        (None, r"shape \[\]: expected"),
        (np.zeros((5, 7, 3), np.int32), "picture of type int32: expected uint8"),
        (np.full((5, 7, 3), np.nan), "values that are not finite"),
    ],
)
def test_a_renderers_picture_is_looked_at_when_the_explorer_is_made(picture, said):
    with pytest.raises(LearnitError, match=said):
        line(render=lambda params, *, height, width: picture)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (NERF, "a nerf_mlp of this kind cannot be drawn at the pixels of a plane: expected a render function"),
        (models.siren(3, 1, width=8, depth=3, w0=10.0), "a siren of this kind cannot be drawn"),
        (models.siren(2, 4, width=8, depth=3, w0=10.0), "the field has 4 outputs: expected 1 or 3"),
    ],
)
def test_fields_that_are_no_pictures_need_a_renderer(field, said):
    with pytest.raises(LearnitError, match=said):
        explorer.networks(field, {"A": drawn(field, 2)}, labels=("one", "two"), shape=SHAPE)


def test_the_picture_that_is_kept_is_nobody_elses():
    canvas = np.zeros((*SHAPE, 3), np.uint8)  # a renderer that draws into the same memory again and again

    def render(params, *, height, width):
        canvas[:] += 1
        return canvas

    widget = explorer.networks(SIREN, {"A": drawn(SIREN, 2)}, labels=("one", "two"), shape=SHAPE, render=render)
    widget.pictures([0.9])[0][:] = 9
    widget.pictures([0.1])
    widget.pictures()[0][:] = 9
    assert (widget.pictures()[0] == 4).all()


def test_a_renderer_with_other_channels_for_another_pane():
    channels = iter([1, 3])
    with pytest.raises(LearnitError, match="different channels: found 1, 3"):
        line(render=lambda params, *, height, width: np.zeros((height, width, next(channels))))


def test_levels_stay_as_they_are():
    levels = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    assert export.levels(levels) is levels
    with pytest.raises(LearnitError, match="type int64"):
        export.levels(levels.astype(np.int64))
