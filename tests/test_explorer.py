"""The notebook's widgets: what they draw, and what they say of a file that is no picture."""

import datetime
import io

import ipywidgets
import numpy as np
import pytest
import traitlets
from PIL import Image

from learnit_core import explorer, signals
from learnit_core.errors import LearnitError

LEFT, RIGHT = np.zeros((4, 4, 1)), np.ones((4, 4, 1))


def mixed(t):
    return (1 - t) * LEFT + t * RIGHT


def decoded(image):
    """The picture of an ipywidgets Image, or of PNG bytes, as uint8."""
    with Image.open(io.BytesIO(getattr(image, "value", image))) as opened:
        assert opened.format == "PNG"
        return np.asarray(opened)


def widgets_of(box, kind):
    found = [box] if isinstance(box, kind) else []
    return found + [w for child in getattr(box, "children", ()) for w in widgets_of(child, kind)]


# PNG


def test_a_picture_is_enlarged_without_smoothing():
    picture = np.array([[0.0, 0.25], [0.5, 1.0]])[..., None]
    np.testing.assert_array_equal(
        decoded(explorer.to_png(picture, 6)), np.kron([[0, 64], [128, 255]], np.ones((3, 3))).astype(np.uint8)
    )


def test_colours_and_values_out_of_range():
    picture = np.array([[[-3.0, 0.2, 7.0]]])
    np.testing.assert_array_equal(decoded(explorer.to_png(picture, 1)), [[[0, 51, 255]]])


# The slider


def test_the_slider_draws_what_its_value_says():
    asked = {"Standard": [], "Meta": []}

    def render(name, sign):
        def at(t):
            asked[name].append(t)
            return mixed(t if sign > 0 else 1 - t)

        return at

    box = explorer.weight_slider(
        {"Standard": render("Standard", 1), "Meta": render("Meta", -1)}, ends=("a dog", "a cat"), side=8
    )
    slider, images = box.children[-1], widgets_of(box, ipywidgets.Image)
    assert isinstance(slider, ipywidgets.FloatSlider) and (slider.min, slider.max) == (0, 1)
    assert len(images) == 2 and all(int(image.width) == 8 for image in images)
    assert asked == {"Standard": [0.5], "Meta": [0.5]}, "the first picture is drawn once"
    for value in (0.0, 1.0, 0.2):
        slider.value = value
        expected = round(255 * value)
        np.testing.assert_array_equal(decoded(images[0]), np.full((8, 8), expected))
        np.testing.assert_array_equal(decoded(images[1]), np.full((8, 8), 255 - expected))
    texts = " ".join(html.value for html in widgets_of(box, ipywidgets.HTML))
    assert "Standard" in texts and "Meta" in texts and "a dog" in texts and "a cat" in texts


def test_the_slider_needs_a_pane():
    with pytest.raises(LearnitError, match="no panes"):
        explorer.weight_slider({}, ends=("a", "b"))


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
        self.value = {name: {"metadata": {"name": name, "type": "image/png", "size": 1}, "content": content}}


class Upload8(ipywidgets.FileUpload):
    """As ipywidgets 8 has it: the value is a tuple of dicts, with a view of the bytes."""

    if int(ipywidgets.__version__[0]) < 8:
        value = traitlets.Tuple()

    def put(self, name, content):
        self.value = ({"name": name, "type": "image/png", "size": 1, "last_modified": WHEN,
                       "content": memoryview(content)},)  # fmt: skip


@pytest.fixture(params=[Upload7, Upload8])
def button_of(request, monkeypatch):
    """``button_of(on_file)``: the button of ``explorer.upload(on_file)``, of either version of ipywidgets."""
    monkeypatch.setattr(explorer.ipywidgets, "FileUpload", request.param)
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
    button.value = type(button.value)()
    assert len(seen) == 1


def test_the_button_takes_one_picture():
    button, output = explorer.upload(lambda file: None).children
    assert button.accept == "image/*" and button.multiple is False
    assert isinstance(output, ipywidgets.Output)
