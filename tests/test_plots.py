"""Figures: shown with a text, kept as files, legible, and showing the numbers that they were given."""

import base64
import json
import re
import tempfile

import IPython.display
import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from learnit_core import plots
from learnit_core.errors import LearnitError
from learnit_core.experiments.image import table

RNG = np.random.default_rng(0)
CURVES = {name: RNG.uniform(10, 40, (6, 11)) for name in plots.COLOURS}


POSES = np.stack([np.eye(3, 4) + np.array([0, 0, 0, x])[None] * np.array([[1], [0], [3]]) for x in (0.5, 1.0)])


def lines(axis):
    return {line.get_label(): np.asarray(line.get_xydata()) for line in axis.get_lines()}


def log():
    with tempfile.NamedTemporaryFile("w") as file:
        for step in (1, 2, 30):
            print(json.dumps({"step": step, "seconds": step, "loss": 1 / step, "validation": 10.0}), file=file)
        file.flush()
        return plots.run_log(file.name, title="t")


def figures():
    picture = RNG.uniform(0, 1, (4, 4, 1))
    return {
        "grid": plots.picture_grid(
            [[picture, None]], row_labels=["row"], column_labels=["a", "b"], captions=[["1 dB", ""]]
        ),
        "steps": plots.step_curves(CURVES, title="t"),
        "training": plots.training_curves({"meta-maml": [(1, 2.0), (5, 3.0)]}, reference=1.0, title="t"),
        "bars": plots.bars(
            {"text": {"standard": 10.0, "meta-maml": 30.0}}, title="t", ylabel="y", references={"text": 15.0}
        ),
        "views": plots.view_curves({name: {1: np.arange(3), 8: np.ones(3)} for name in plots.COLOURS}, title="t"),
        "scan": plots.scan(RNG.uniform(size=(8, 8)), np.arange(8.0), RNG.uniform(size=(12, 8)), 3, title="t"),
        "cameras": plots.cameras(
            RNG.normal(size=(50, 3)), None, {"some": POSES, "others": POSES + 0.1 * np.eye(3, 4, 3)}, title="t"
        ),
        "seen": plots.seen_and_unseen(
            {"given": [1.0, 2.0, 3.0], "held out": [1.0, 2.0, 1.5]}, 25, level=("white", 1.2), title="t"
        ),
        "log": log(),
        "table": plots.heat_table(np.eye(2), rows=["a", "b"], columns=["c", "d"], title="t", xlabel="x", ylabel="y"),
    }


# Showing


@pytest.fixture
def shown(monkeypatch):
    found = []
    monkeypatch.setattr(IPython.display, "display", found.append)
    return found


def test_a_figure_is_shown_with_its_text_and_kept(tmp_path, shown):
    gallery = plots.Gallery(tmp_path / "nb" / "figures")
    alt = 'MAML\'s fit is <sharp> & "Standard" is not'
    gallery.show(figures()["grid"], "fits", alt=alt)
    file = tmp_path / "nb" / "figures" / "fits.png"
    with Image.open(file) as opened:
        assert opened.format == "PNG" and min(opened.size) > 50
    (html,) = shown
    escaped, encoded = re.fullmatch(r'<img alt="([^"<>]*)" src="data:image/png;base64,([^"]+)" .*>', html.data).groups()
    assert escaped == "MAML&#x27;s fit is &lt;sharp&gt; &amp; &quot;Standard&quot; is not"
    assert base64.b64decode(encoded) == file.read_bytes()


def test_an_animation_is_shown_with_its_text_and_kept(tmp_path, shown):
    pictures = [np.full((4, 6, 3), level) for level in (0.0, 0.5, 1.0)]
    plots.Gallery(tmp_path).animate(pictures, "tour", alt="grey grows <white>", seconds=0.2, scale=3)
    with Image.open(tmp_path / "tour.gif") as opened:
        assert (opened.n_frames, opened.size, opened.info["duration"], opened.info["loop"]) == (3, (18, 12), 200, 0)
        opened.seek(1)
        assert abs(int(opened.convert("L").getpixel((4, 4))) - 128) < 3
    (html,) = shown
    assert 'alt="grey grows &lt;white&gt;"' in html.data and "data:image/gif;base64," in html.data
    with pytest.raises(LearnitError, match="animation tour has no alternative text"):
        plots.Gallery(tmp_path).animate(pictures, "tour", alt=" ")


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_figure_without_a_text_is_refused(tmp_path, shown, alt):
    with pytest.raises(LearnitError, match="figure fits has no alternative text"):
        plots.Gallery(tmp_path).show(figures()["grid"], "fits", alt=alt)
    with pytest.raises(TypeError):
        plots.Gallery(tmp_path).show(figures()["grid"], "fits")
    assert not shown and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", figures())
def test_nothing_is_smaller_than_nine_points(name):
    figure = figures()[name]
    figure.draw_without_rendering()
    sizes = {text.get_text(): text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()}
    assert sizes and min(sizes.values()) >= 9, sizes


@pytest.mark.parametrize("name", figures())
def test_no_text_is_cut_off(name, tmp_path, shown):
    """What is saved grows with the texts: nothing but white touches its border."""
    plots.Gallery(tmp_path).show(figures()[name], name, alt="something")
    with Image.open(tmp_path / f"{name}.png") as opened:
        pixels = np.asarray(opened.convert("L"))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (border == 255).all() and (pixels < 128).any()


# Kinds of figure


def test_picture_grid():
    grey, colour = RNG.uniform(0, 1, (5, 5, 1)), RNG.uniform(-0.5, 1.5, (5, 5, 3))
    figure = plots.picture_grid(
        [[grey, None, colour], [colour]],
        row_labels=["first", "second"],
        column_labels=["a", "b", "c"],
        captions=[["10 dB", "", "30 dB"], ["20 dB"]],
    )
    axes = np.array(figure.axes).reshape(2, 3)
    drawn = [[len(axis.get_images()) for axis in row] for row in axes]
    assert drawn == [[1, 0, 1], [1, 0, 0]]
    np.testing.assert_array_equal(axes[0, 0].get_images()[0].get_array(), grey[..., 0])
    assert axes[0, 0].get_images()[0].get_clim() == (0, 1), "contrast would depend on the picture"
    np.testing.assert_array_equal(axes[0, 2].get_images()[0].get_array(), np.clip(colour, 0, 1))
    assert [axis.get_title() for axis in axes.ravel()] == ["a", "b", "c", "", "", ""]
    assert [axis.get_ylabel() for axis in axes.ravel()] == ["first", "", "", "second", "", ""]
    assert [axis.get_xlabel() for axis in axes.ravel()] == ["10 dB", "", "30 dB", "20 dB", "", ""]


def test_picture_grid_of_one():
    figure = plots.picture_grid([[np.zeros((3, 3, 1))]])
    assert len(figure.axes) == 1 and not figure.axes[0].get_title()


def test_step_curves():
    figure = plots.step_curves(CURVES, title="Fits", mark=3)
    (axis,) = figure.axes
    drawn = lines(axis)
    for name, curve in CURVES.items():
        expected = np.stack([np.arange(11), curve.mean(axis=0)], axis=1)
        np.testing.assert_allclose(drawn[plots.LABELS[name]], expected)
    assert axis.get_title() == "Fits" and axis.get_ylabel() == "PSNR [dB]"
    assert "3 steps" in [text.get_text() for text in axis.texts]
    assert {text.get_text() for text in axis.get_legend().get_texts()} == set(plots.LABELS.values())
    for collection, curve in zip(axis.collections, CURVES.values(), strict=True):
        band = collection.get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose(
            [band.min(), band.max()], [np.percentile(curve, 25, axis=0).min(), np.percentile(curve, 75, axis=0).max()]
        )
    assert not plots.step_curves(CURVES, title="Fits", mark=None).axes[0].texts
    (axis,) = plots.step_curves(CURVES, title="Fits", far=True).axes
    assert not axis.collections and axis.get_xscale() == "log" and axis.get_ylim() == (0, 60)
    assert [text.get_text() for text in axis.get_xticklabels()] == ["1", "2", "5", "10"]


def test_training_curves():
    points = {"meta-maml": [(100, 20.0), (200, 25.0)], "meta-reptile": [(50, 10.0)]}
    (axis,) = plots.training_curves(points, reference=12.5, title="t").axes
    drawn = lines(axis)
    np.testing.assert_array_equal(drawn["MAML"], points["meta-maml"])
    np.testing.assert_array_equal(drawn["Reptile"], points["meta-reptile"])
    assert set(drawn["Standard, same two steps"][:, 1]) == {12.5}


def test_bars():
    groups = {"text": {"standard": 10.0, "meta-maml": 30.0}, "faces": {"standard": 12.0, "meta-maml": 28.0}}
    (axis,) = plots.bars(groups, title="t", ylabel="dB", references={"text": 15.0}).axes
    found = sorted((bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in axis.patches)
    assert [height for _, height in found] == [10, 30, 12, 28]
    assert [round(x) for x, _ in found] == [0, 0, 1, 1]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["text", "faces"]
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert sorted(labels) == ["MAML", "Standard", "nearest training signal"]
    assert [text.get_text() for text in axis.texts] == ["10", "30", "12", "28"]


def test_heat_table():
    values = np.array([[30.25, 10.0], [20.0, 10.0]])
    (axis,) = plots.heat_table(
        values, rows=["a", "b"], columns=["c", "d"], title="t", xlabel="tested on", ylabel="trained on"
    ).axes
    found = {(text.get_position()[1], text.get_position()[0]): text for text in axis.texts}
    assert {place: text.get_text() for place, text in found.items()} == {
        (0, 0): "30.2",
        (0, 1): "10.0",
        (1, 0): "20.0",
        (1, 1): "10.0",
    }
    assert [found[place].get_fontweight() for place in ((0, 0), (1, 0))] == ["bold", "normal"]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["a", "b"]


def test_colours_tell_initialisations_apart():
    assert plots.COLOURS.keys() == plots.LABELS.keys()
    together = (
        ("standard", "mean", "matched", "shuffled", "meta-reptile", "meta-fomaml", "meta-maml", "fbp"),
        ("standard", "matched", "shuffled", "joint", "meta-sv", "meta-mv"),
        ("standard", "basic-paper", "basic-steps", "basic", "meta-reptile"),
        table.INITS,
    )
    assert {name for names in together for name in names} == plots.COLOURS.keys()
    for names in together:
        assert len({plots.COLOURS[name] for name in names}) == len(names)
    assert len(set(plots.LABELS.values())) == len(plots.LABELS)


def test_view_curves_show_the_means():
    scores = {
        "standard": {1: np.array([10.0, 12.0]), 4: np.array([15.0, 17.0])},
        "fbp": {1: np.array([9.0]), 4: np.array([14.0])},
    }
    (axis,) = plots.view_curves(scores, title="t").axes
    drawn = {container.get_label(): container.lines[0].get_ydata().astype(float) for container in axis.containers}
    np.testing.assert_allclose(drawn["Standard"], [11, 16])
    np.testing.assert_allclose(drawn["Back-projection"], [9, 14])
    assert [label.get_text() for label in axis.get_xticklabels()] == ["1", "4"]


def test_a_scan_marks_its_row():
    turned, sums, sinogram = RNG.uniform(size=(8, 8)), np.arange(8.0), RNG.uniform(size=(12, 8))
    picture, curve, rows = plots.scan(turned, sums, sinogram, 3, title="t").axes
    np.testing.assert_array_equal(picture.images[0].get_array(), turned)
    np.testing.assert_array_equal(rows.images[0].get_array(), sinogram)
    (mark,) = rows.get_lines()
    assert set(mark.get_ydata()) == {45.0}  # the fourth of twelve rows over 180 degrees


def test_an_error_map_has_a_colour_for_each_sign():
    truth = np.full((1, 3, 1), 0.5)
    right, bright, dark = plots.error_map(np.array([[[0.5], [1.0], [0.0]]]), truth, scale=0.5)[0]
    np.testing.assert_allclose(right, 1)
    assert bright[0] > 0.8 > bright[2] and dark[2] > 0.6 > dark[0]
    faint = plots.error_map(truth + 0.1, truth, scale=0.5)[0, 0]
    assert (bright < faint)[1:].all() and (faint < 1)[1:].all()


def test_what_is_seen_and_what_is_not_are_drawn_with_a_level():
    courses = {"given": [1.0, 2.0, 3.0], "held out": [1.0, 2.5, 1.5]}
    (axis,) = plots.seen_and_unseen(courses, 25, level=("white", 1.2), title="t").axes
    drawn = lines(axis)
    np.testing.assert_allclose(drawn["given"], [[0, 1.0], [25, 2.0], [50, 3.0]])
    np.testing.assert_allclose(drawn["held out"], [[0, 1.0], [25, 2.5], [50, 1.5]])
    assert {y for _, y in drawn["white"]} == {1.2}
