"""What goes wrong in a browser: another way to draw, or a message that a reader can use, and never an empty box."""

import re

import numpy as np
import pytest
from browsing import COUNT_CONTEXTS, Widget, small, small_frames

from learnit_core import explorer
from learnit_core.explorer import line

pytestmark = pytest.mark.browser


@pytest.fixture
def page_of(visit, tmp_path):
    """The widget of an explorer, on a page of its own."""

    def page_of(shown, **options):
        return Widget(visit(shown.to_html(tmp_path / "page.html"), **options))

    return page_of


def failed(widget):
    """Wait for a widget's message, and return it."""
    widget.page.wait_for_selector("[data-state=failed]", timeout=20_000)
    assert widget.root.locator(".alert").is_visible()
    assert widget.root.bounding_box()["height"] > 100, "its parts stay where they are"
    return widget.message


def overwritten(shown, start, content):
    """The explorer with other bytes from ``start`` on."""
    shown.data = shown.data[:start] + content + shown.data[start + len(content) :]
    return shown


# Data


@pytest.mark.parametrize("kind", ["line", "frames"])
@pytest.mark.parametrize("kept", [0, 100, -1])
def test_missing_data(page_of, kind, kept):
    shown = small("line") if kind == "line" else small_frames([line("a", "b")], [4])
    shown.data = shown.data[:kept]
    assert failed(page_of(shown)) == (
        "The explorer cannot draw. Some of its data is missing. Save or download it again."
    )


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_weights_that_are_not_numbers(page_of, kind):
    shown = small("line")
    start = 0 if kind == np.float32 else len(shown.data) - 2  # the first layer, or the last bias
    widget = page_of(overwritten(shown, start, np.array([np.nan], kind).tobytes()))
    assert failed(widget) == "The explorer cannot draw. Its weights hold values that are not numbers."
    widget.slider.focus()
    widget.page.keyboard.press("ArrowRight")
    widget.page.wait_for_timeout(400)
    assert "not numbers" in failed(widget), "the message stays"


def test_a_picture_that_cannot_be_read(page_of):
    shown = small_frames([line("a", "b")], [4])
    start = shown.scene["frames"]["panes"][0][0]  # the second of the first pane
    widget = page_of(overwritten(shown, start, b"\0" * 40)).painted()
    widget.drag([0.66])
    widget.painted()
    widget.drag([0.33])
    assert failed(widget) == (
        "The explorer cannot draw. One of its pictures cannot be read. Save or download it again."
    )
    widget.slider.focus()
    widget.page.keyboard.press("Home")
    widget.painted([0])
    assert widget.message == "", "the others can be read"


BROKEN_PLACES = {
    "JSON": ('"position": ', '"position": oops '),
    "NaN": ('"w0": 20.0', '"w0": NaN'),
    "base64": ('"data": "', '"data": "***'),
}


@pytest.mark.parametrize("broken", BROKEN_PLACES)
def test_a_place_that_cannot_be_read_leaves_the_others_alone(visit, tmp_path, broken):
    explorers = [small("line"), small("line"), small("line")]
    file = explorer.write_page(tmp_path / "page.html", "Three", [("<h2>Here</h2>", shown) for shown in explorers])
    first, second, rest = file.read_text().split("<h2>Here</h2>", 2)
    file.write_text("<h2>Here</h2>".join([first, second.replace(*BROKEN_PLACES[broken]), rest]))
    page = visit(file)
    message = page.locator("[data-explorer]").first.get_by_role("alert")
    message.wait_for()
    assert message.inner_text().startswith("The explorer cannot start. What it needs cannot be read: ")
    for index in (1, 2):
        widget = Widget(page, index)
        widget.root.scroll_into_view_if_needed()
        widget.painted()


def test_an_explorer_without_its_description(visit, tmp_path):
    file = small("line").to_html(tmp_path / "page.html")
    file.write_text(file.read_text().replace('"kind": "line"', '"kind": "unheard-of"'))
    page = visit(file)
    page.wait_for_selector(".learnit-explorer[role=alert]")
    assert page.locator(".learnit-explorer").inner_text().startswith("The explorer cannot start.")


def test_one_broken_explorer_leaves_the_others_alone(visit, tmp_path):
    explorers = [small("line"), small("triangle"), small("line")]
    explorers[1].data = explorers[1].data[:500]
    page = visit(explorer.write_page(tmp_path / "page.html", "Three", [("", shown) for shown in explorers]))
    assert "data is missing" in failed(Widget(page, 1))
    for index in (0, 2):
        widget = Widget(page, index)
        widget.root.scroll_into_view_if_needed()
        widget.painted()


# Graphics

LOSE = """
(explorer) => {
  const ours = Object.getOwnPropertySymbols(globalThis).find((key) => key.description.startsWith("learnit.explorer"));
  globalThis[ours].gl.getExtension("WEBGL_lose_context").loseContext();
}
"""


def test_without_webgl_the_same_is_drawn(visit, tmp_path, chromium_without_webgl):
    file = small("square").to_html(tmp_path / "page.html")
    fast, slow = Widget(visit(file)), Widget(visit(file, browser=chromium_without_webgl))
    assert fast.painted().data("engine") == "webgl" and fast.note == ""
    assert slow.painted().data("engine") == "script"
    assert re.match("This browser offers no WebGL2.*instead", slow.note)
    for x, y in [(0.2, 0.3), (0.9, 0.6)]:
        for widget in (fast, slow):
            widget.page.mouse.click(*widget.on_area(x, y))
            widget.page.wait_for_timeout(30)
            widget.painted()
        assert fast.position == slow.position
        for pane in (0, 1):
            off = np.abs(fast.picture(pane).astype(int) - slow.picture(pane))
            assert off.max() <= 1 and np.mean(off > 0) < 0.02, "more than rounding"


NO_MORE = """
() => {
  const getContext = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
    return kind === "webgl2" ? null : getContext.call(this, kind, ...rest);
  };
}
"""


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("when", ["at rest", "while drawing"])
def test_a_browser_that_takes_webgl_away(page_of, when, for_good):
    shown = small("line", shape=(64, 64))
    widget = page_of(shown).painted()
    assert widget.data("engine") == "webgl"
    if for_good:
        widget.page.evaluate(NO_MORE)
    if when == "at rest":
        widget.run(LOSE)
        widget.drag([0.7])
    else:
        widget.drag([0.8], release=False)
        widget.run(LOSE)
        for place in (0.6, 0.7):
            widget.page.mouse.move(*(widget.slider.bounding_box()[k] + place * 100 for k in ("x", "y")))
        widget.page.mouse.up()
    widget.painted([float(widget.slider.input_value())])
    assert widget.data("engine") == ("script" if for_good else "webgl")
    assert widget.note == ("This browser offers no WebGL2: drawn more slowly instead." if for_good else "")
    for pane, expected in enumerate(shown.pictures(widget.position)):
        assert np.abs(widget.picture(pane).astype(int) - expected).max() <= 2


NO_FLOATS = """
const getExtension = WebGL2RenderingContext.prototype.getExtension;
WebGL2RenderingContext.prototype.getExtension = function (name) {
  return name === "EXT_color_buffer_float" ? null : getExtension.call(this, name);
};
"""
NO_SHADERS = """
const shaderSource = WebGL2RenderingContext.prototype.shaderSource;
WebGL2RenderingContext.prototype.shaderSource = function (shader) { shaderSource.call(this, shader, "nonsense"); };
"""


SMALL_TEXTURES = """
const getParameter = WebGL2RenderingContext.prototype.getParameter;
WebGL2RenderingContext.prototype.getParameter = function (name) {
  return name === this.MAX_TEXTURE_SIZE ? 16 : getParameter.call(this, name);
};
"""
OUT_OF_MEMORY = """
WebGL2RenderingContext.prototype.getError = function () { return this.OUT_OF_MEMORY; };
"""
HALVES_OF_WEBGL = [
    (NO_FLOATS, "textures of floats"),
    (NO_SHADERS, "refuses a shader"),
    (SMALL_TEXTURES, "too wide"),
    (OUT_OF_MEMORY, "failed with error 1285"),
]


@pytest.mark.parametrize("script, why", HALVES_OF_WEBGL)
def test_a_browser_with_half_of_webgl(page_of, script, why):
    widget = page_of(small("line"), script=script).painted()
    assert widget.data("engine") == "script" and why in widget.note


def test_webgl_that_is_refused_is_asked_for_once_a_page(visit, tmp_path):
    sections = [("", small("line", shape=(4, 4))) for _ in range(4)]
    page = visit(explorer.write_page(tmp_path / "page.html", "Four", sections), script=COUNT_CONTEXTS + NO_FLOATS)
    for index in range(4):
        widget = Widget(page, index)
        widget.root.scroll_into_view_if_needed()
        assert "textures of floats" in widget.painted().note
    assert page.evaluate("() => window.contexts") == 1


def test_a_webgl_that_does_not_answer_is_given_up(page_of):
    never = "WebGL2RenderingContext.prototype.getSyncParameter = function () { return this.UNSIGNALED; };"
    widget = page_of(small("line", shape=(4, 4)), script=never)
    widget.painted(seconds=60)
    assert widget.data("engine") == "script" and "WebGL does not answer" in widget.note


# Many pictures

COUNT_PICTURES = """
window.pictures = 0;
const decode = window.createImageBitmap;
window.createImageBitmap = async (...args) => { window.pictures += 1; return decode(...args); };
const close = ImageBitmap.prototype.close;
ImageBitmap.prototype.close = function () { window.pictures -= 1; close.call(this); };
"""


def test_few_decoded_pictures_are_kept(page_of):
    shown = small_frames([line("a", "b")], [80])
    widget = page_of(shown, script=COUNT_PICTURES).painted()
    widget.slider.focus()
    widget.page.keyboard.press("Home")
    for _ in range(60):
        widget.page.keyboard.press("ArrowRight")
        widget.page.wait_for_timeout(10)
    widget.painted([0.6])
    assert 2 <= widget.page.evaluate("() => window.pictures") <= 50
    widget.page.keyboard.press("Home")  # one that was closed long ago
    for pane, expected in enumerate(shown.pictures(widget.painted([0]).position)):
        np.testing.assert_array_equal(widget.picture(pane), expected)
