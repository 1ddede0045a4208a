"""Fitting on a page without Python: words, drawings and pictures, by mouse, finger and keyboard; what goes wrong."""

import io

import numpy as np
import pytest
from fitting_page import SHAPE, FittingPage, small
from PIL import Image

from learnit_core.explorer.fitting import _word

pytestmark = pytest.mark.browser

PHONE = {"viewport": (360, 640), "has_touch": True, "is_mobile": True}
NO_WORKERS = {
    "a worker": "",
    "no workers": "delete globalThis.Worker",
    "workers refused": "globalThis.Worker = class { constructor() { throw new Error('refused'); } }",
    "workers that never start": "globalThis.Worker = class { postMessage() {} terminate() {} "
    "set onerror(heard) { setTimeout(() => heard(new Event('error'))); } }",
}


@pytest.fixture(scope="module")
def page_of(tmp_path_factory):
    shown = small()
    return shown, shown.to_html(tmp_path_factory.mktemp("fitting") / "page.html")


@pytest.fixture
def opened(page_of, visit):
    """``opened(**options)``: the widget on its page, all fitted."""
    return lambda **options: FittingPage(visit(page_of[1], **options)).settled()


@pytest.mark.parametrize("kind", NO_WORKERS)
def test_the_page_shows_what_python_fits(opened, page_of, kind):
    shown, widget = page_of[0], opened(script=NO_WORKERS[kind])
    assert widget.data("engine") == ("worker" if kind == "a worker" else "page")
    for step, t in [(2, 0), (0, 0), (4, 0), (4, 1), (3, 0.25), (1, 0.75)]:
        widget.set(widget.steps, step)
        widget.set(widget.walk, t)
        assert widget.settled().data("painted") == f"{step},{t}"
        assert widget.shows(shown, [step, t]), (step, t)
    # Something else in the middle of a fit.
    widget.word.fill("No")
    widget.word.fill("Yes")
    assert len(widget.settled().dbs(1)[0]) == 5
    assert np.all(np.diff(np.array(widget.dbs(1)), axis=1) != 0)


def test_words_drawings_rates_and_other_starts(opened):
    widget = opened()
    before = widget.target()
    widget.draw([(0.2, 0.2), (0.5, 0.8), (0.8, 0.2)])
    drawn = widget.settled().target()
    assert np.abs(drawn - before).max() > 0.5 and np.all(drawn >= before - 1e-4), "drawn on top"
    # A drawing on the second picture moves the walk there, and leaves the first alone.
    widget.draw([(0.1, 0.5), (0.9, 0.5)], pad=1)
    widget.settled()
    assert widget.position == [2, 1] and np.all(widget.target(0) == drawn)
    assert widget.target(1)[SHAPE[0] // 2].mean() > 0.5
    # A rate too large is seen at once, and can be undone.
    tuned = widget.dbs(1)
    widget.set(widget.rates.nth(1), 0)
    widget.set(widget.steps, 4)
    widget.settled()
    assert widget.dbs(1)[1][-1] < tuned[1][-1] and widget.dbs(1)[0] == tuned[0]
    assert "tuned" not in widget.root.locator(".said-rate").nth(1).inner_text()
    widget.button("Tuned rates").click()
    assert widget.settled().dbs(1) == tuned
    # Another start beside the learned one.
    widget.root.get_by_label("Compared with").select_option("other weights")
    widget.settled()
    assert widget.caption(1).startswith("From other weights\n") and widget.dbs(1)[0] == tuned[0]
    widget.button("Reset").click()
    widget.settled()
    np.testing.assert_array_equal(widget.target(), before)
    assert widget.caption(1).startswith("From random weights\n") and widget.position == [2, 0]


def test_words_are_in_the_lines_in_which_python_draws_them(opened):
    widget = opened()
    for word in ("a", "four", "fives", "weights", "two words", "donaudampfschiff"):
        widget.word.fill(word)
        page = widget.settled(fitted=False).target()
        python = _word(word, widget.shape)
        # In another font: where the ink is, not how it looks.
        for axis in ((1, 2), (0, 2)):
            inks = [np.flatnonzero(picture.max(axis=axis) > 0.15) for picture in (page, python)]
            assert np.abs(inks[0][[0, -1]] - inks[1][[0, -1]]).max() <= 2, (word, axis)


def test_weights_that_diverge_are_said_to(opened):
    widget = opened()
    widget.run("(fitting) => { for (const start of fitting.fits.starts) start.weights.fill(1e30); }")
    widget.word.fill("A")
    widget.settled()
    assert widget.caption(0) == "From learned weights\ndiverged"
    assert "diverged" in widget.root.locator(".curve").get_attribute("aria-label")


def encoded(format, mode="RGB", size=(40, 30)):
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8)).convert(mode)
    buffer = io.BytesIO()
    picture.save(buffer, format)
    return buffer.getvalue()


def huge():
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((9000, 6000), Image.Resampling.NEAREST).save(buffer, "png")
    return buffer.getvalue()


SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='20' height='10'><rect width='9' height='9' fill='red'/></svg>"
PICTURES = {
    "png": lambda: encoded("png"), "grey": lambda: encoded("png", "L"), "palette": lambda: encoded("gif", "P"),
    "transparent": lambda: encoded("png", "RGBA"), "jpeg": lambda: encoded("jpeg"),
    "cmyk": lambda: encoded("jpeg", "CMYK"),
    "webp": lambda: encoded("webp"), "bmp": lambda: encoded("bmp"), "one pixel": lambda: encoded("png", size=(1, 1)),
    "a strip": lambda: encoded("png", size=(3000, 2)), "svg": lambda: SVG, "54 megapixels": huge,
}  # fmt: skip


def test_pictures_of_every_kind_and_size_are_fitted(opened):
    widget = opened()
    for name, content in PICTURES.items():
        widget.button("Clear").click()
        assert widget.target() is None
        mime = "image/svg+xml" if name == "svg" else "image/png"
        widget.file.set_input_files({"name": name, "mimeType": mime, "buffer": content()})
        widget.page.wait_for_function("() => document.querySelector('.learnit-explorer').learnit.target.values")
        assert widget.note == "", name
        assert len(widget.settled().dbs()[0]) == 5, name
    # The middle of it, and light where it is dark if one wants.
    before = widget.target()
    widget.button("Invert").click()
    np.testing.assert_allclose(widget.settled().target(), 1 - before, atol=0.01)


TEXT = {"name": "notes.txt", "mimeType": "image/png", "buffer": b"no picture"}
EMPTY = {"name": "nothing.png", "mimeType": "image/png", "buffer": b""}
LARGE = "(input) => { const file = new File(['x'], 'x.png'); Object.defineProperty(file, 'size', { value: 2e9 });" \
        " Object.defineProperty(input, 'files', { value: [file], configurable: true });" \
        " input.onchange(); delete input.files; }"  # fmt: skip
BAD = {
    "an empty word": (lambda w: w.word.fill("  "), "Type a word"),
    "a word of nothing": (lambda w: w.word.fill("\u200b\u200d"), "Nothing of this can be seen"),
    "a very long word": (lambda w: w.word.fill("donaudampfschiff" * 50), "Only eight letters"),
    "a blank drawing": (lambda w: w.button("Clear").click(), "Draw something"),
    "a text file": (lambda w: w.file.set_input_files(TEXT), "finds no picture"),
    "an empty file": (lambda w: w.file.set_input_files(EMPTY), "finds no picture"),
    "a file of 2 GB": (lambda w: w.file.evaluate(LARGE), "choose one below"),
    "a refused camera": (lambda w: w.button("Camera").click(), "amera"),
}


@pytest.mark.parametrize("workers", ["a worker", "no workers"])
def test_bad_input_is_a_sentence_and_it_goes_on(opened, chromium_without_webgl, workers):
    widget = opened(script=NO_WORKERS[workers], browser=chromium_without_webgl)
    for name, (do, said) in BAD.items():
        widget.word.fill("ok")
        assert widget.settled(fitted=False).note == "", name
        do(widget)
        widget.page.wait_for_function("(said) => document.querySelector('.note').textContent.includes(said)", arg=said)
        assert widget.note.endswith("."), name
        widget.settled()
    widget.button("Clear").click()
    widget.set(widget.walk, 0.5)
    assert "Both pictures" in widget.settled().note
    widget.word.fill("ok")
    assert len(widget.settled().dbs(1)[0]) == 5


def test_damaged_weights_are_a_sentence(page_of, visit, tmp_path):
    text = page_of[1].read_text()
    at = text.index('"data": "') + 9
    (tmp_path / "cut.html").write_text(text[: at + 400] + text[text.index('"', at) :])
    page = visit(tmp_path / "cut.html")
    assert "Some of its data is missing" in page.get_by_role("alert").inner_text()


CAMERA = """navigator.mediaDevices.getUserMedia = async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
  const pen = canvas.getContext("2d");
  setInterval(() => { pen.fillStyle = "#ccc"; pen.fillRect(0, 0, 64, 48); }, 20);
  return window.stream = canvas.captureStream();
}"""


def test_the_camera_is_on_until_a_picture_is_taken(opened):
    widget = opened(script=CAMERA)
    widget.button("Camera").click()
    widget.page.wait_for_function("() => document.querySelector('video')?.videoWidth")
    widget.button("Take the picture").click()
    np.testing.assert_allclose(widget.settled().target(), 0.8, atol=0.02)
    assert widget.page.evaluate("() => stream.getTracks()[0].readyState") == "ended"
    widget.button("Camera").click()
    widget.button("Cancel").click()
    assert widget.page.evaluate("() => stream.getTracks()[0].readyState") == "ended"
    assert widget.root.locator("video").count() == 0


def test_a_phone_and_a_finger(opened):
    widget = opened(**PHONE)
    page = widget.page
    assert page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    edges = "(all) => all.map((one) => one.getBoundingClientRect()).map(({ left, right }) => [left, right])"
    boxes = widget.root.locator("*:visible").evaluate_all(edges)
    assert min(left for left, _ in boxes) >= 0 and max(right for _, right in boxes) <= 360
    before, paper = widget.target(1), widget.root.locator(".paper").nth(1)
    paper.scroll_into_view_if_needed()
    box, session = paper.bounding_box(), page.context.new_cdp_session(page)
    scrolled = page.evaluate("() => scrollY")
    for kind, y in [("touchStart", 0.1), ("touchMove", 0.5), ("touchMove", 0.9), ("touchEnd", None)]:
        points = [] if y is None else [{"x": box["x"] + 0.9 * box["width"], "y": box["y"] + y * box["height"]}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert np.abs(widget.settled().target(1) - before).max() > 0.5
    assert page.evaluate("() => scrollY") == scrolled, "the page stays where it is while a finger draws"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_keys_do_all_but_draw(opened, scheme):
    from axe_playwright_python.sync_playwright import Axe

    widget = opened(color_scheme=scheme)
    results = Axe().run(widget.page)
    assert results.violations_count == 0, results.generate_report()
    keyboard, reached = widget.page.keyboard, []
    active = (
        "() => [document.activeElement.ariaLabel ?? document.activeElement.textContent, document.activeElement.type]"
    )
    widget.page.evaluate("() => document.activeElement.blur()")
    for _ in range(15):
        keyboard.press("Tab")
        reached.append(widget.page.evaluate(active))
        if reached[-1][1] == "radio":
            keyboard.press("ArrowRight")  # to the second picture
        if reached[-1][1] == "text":
            keyboard.type("Key")
    kinds = [kind for _, kind in reached]
    assert kinds.count("range") == 4 and kinds.count("button") == 8 and {"radio", "text", "select-one"} <= set(kinds)
    assert widget.settled().position == [2, 1] and widget.target(1) is not None
    widget.steps.focus()
    keyboard.press("End")
    widget.settled()
    widget.rates.first.focus()
    before = widget.dbs(1)[0]
    keyboard.press("ArrowLeft")
    assert widget.settled().position == [4, 1] and widget.dbs(1)[0] != before
