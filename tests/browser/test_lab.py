"""Explorers in JupyterLab: they appear, follow mouse, keyboard and Python, and Python follows them."""

import numpy as np
import pytest
from browsing import COUNT, Widget, dragged
from lab import Lab, notebook_of, reached, shows

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELLS = {
    "start": """
import time, jax, numpy as np
from learnit_core import explorer, models

field = models.siren(2, 3, width=64, depth=4, w0=30.0)
dog, cat, lion = (field.init(key) for key in jax.random.split(jax.random.key(0), 3))
panes = {"Standard": [dog, cat], "Meta": [cat, lion]}
""",
    "auto": """
auto = explorer.networks(field, panes, labels=("a dog", "a cat"), shape=(48, 64))
auto
""",
    "triangle": """
triangle = explorer.networks(field, {"Meta": [dog, cat, lion]}, labels=("a dog", "a cat", "a lion"), shape=(32, 32))
triangle
""",
    "frames": """
frames = explorer.networks(field, panes, labels=("a dog", "a cat"), shape=(24, 32), engine="frames")
frames
""",
    "kernel": """
large = models.siren(2, 1, width=256, depth=5, w0=30.0)
first, second = (large.init(key) for key in jax.random.split(jax.random.key(1)))
kernel = explorer.networks(large, {"Meta": [first, second]}, labels=("one", "two"), shape=(64, 64), engine="kernel")
kernel
""",
    "failing": """
def render(params, azimuth, *, height, width):
    if azimuth > 180:
        raise ValueError("there is nothing behind the object")
    return np.full((height, width, 3), azimuth / 360)

failing = explorer.networks(field, {"Meta": [dog, cat]}, labels=("a dog", "a cat"), shape=(16, 16), render=render,
                            cameras=[explorer.camera("Azimuth", high=360.0, step=1.0, unit="°")])
failing
""",
    "moved": """
# Python moves it before the page has drawn it, and again.
moved = explorer.networks(large, {"Meta": [first, second]}, labels=("one", "two"), shape=(64, 64))
display(moved)
for place in (0.9, 0.1, 0.7, 0.3):
    moved.position = [place]
    time.sleep(0.15)
""",
}
ORDER = [name for name in CELLS if name != "start"]


@pytest.fixture(scope="module")
def lab(executable, tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("lab")).serving(notebook_of(CELLS.values())) as running:
        yield running


@pytest.fixture(scope="module")
def page(lab, chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page, page.problems = context.new_page(), []
    page.on("console", lambda message: message.type == "error" and page.problems.append(message.text))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    lab.open(page)
    yield page
    context.close()


@pytest.fixture
def widget(page):
    """``widget(name)``: the explorer of a cell, ready."""

    def widget(name):
        found = Widget(page, ORDER.index(name))
        found.root.wait_for(timeout=120_000)
        found.root.scroll_into_view_if_needed()
        return found.painted(seconds=60)

    return widget


@pytest.mark.parametrize("name", ORDER[:5])
def test_explorers_appear(lab, widget, name):
    shown = widget(name)
    engines = {"auto": "webgl", "triangle": "webgl", "frames": "frames", "kernel": "kernel", "failing": "kernel"}
    assert shown.data("engine") == engines[name]
    assert shows(lab, shown, name)


@pytest.mark.parametrize("name", ["auto", "kernel", "frames"])
def test_a_drag_changes_the_picture_and_reaches_python(lab, page, widget, name):
    shown = widget(name)
    before = shown.picture()
    shown.drag(np.linspace(0.5, 0.9, 10), pause=20)
    end = float(shown.slider.input_value())
    shown.painted([end])
    assert 0.85 < end < 0.95
    assert (shown.picture() != before).mean() > 0.3
    assert shows(lab, shown, name)
    assert reached(lab, page, name, [end])
    title = "Meta" if name == "kernel" else "Standard"
    corners = "first, second" if name == "kernel" else "dog, cat"
    close = f"all(bool(np.allclose(w['w'], {1 - end} * a['w'] + {end} * b['w'], atol=1e-6)) for w, a, b in zip"
    assert lab.ask(f"{close}({name}.value[{title!r}], {corners}))")


@pytest.mark.parametrize("name", ["auto", "kernel"])
def test_arrow_keys_are_the_sliders(lab, page, widget, name):
    shown = widget(name)
    active = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    shown.slider.focus()
    page.keyboard.press("Home")
    shown.painted([0])
    cell = page.evaluate(active)
    for key, position in [("ArrowRight", 0.01), ("ArrowUp", 0.02), ("End", 1), ("ArrowLeft", 0.99)]:
        page.keyboard.press(key)
        shown.painted([position])
    assert page.evaluate(active) == cell, "JupyterLab has moved to another cell"
    assert shows(lab, shown, name)
    assert reached(lab, page, name, [0.99])


def test_everything_by_keyboard_alone(lab, page, widget):
    shown = widget("auto")
    notebook = "(content) => [content.activeCellIndex, content.mode]"
    content = page.evaluate_handle("() => window.jupyterapp.shell.currentWidget.content")
    shown.slider.focus()
    page.keyboard.press("Home")
    shown.painted([0])
    page.keyboard.press("Shift+Tab")  # the slider's Play button stands before it
    where = page.evaluate(notebook, content)

    def focused():
        return page.evaluate("() => document.activeElement.textContent")

    for key in ("Enter", "Space"):
        assert focused() == "Play"
        page.keyboard.press(key)
        page.wait_for_timeout(500)
        assert focused() == "Pause"
        page.keyboard.press(key)
        assert shown.painted().position[0] > 0
    page.keyboard.press("Tab")
    assert shown.slider.evaluate("(input) => document.activeElement === input")
    page.keyboard.press("Tab")
    assert focused() == "Reset"
    page.keyboard.press("Space")
    shown.painted([0.5])
    page.keyboard.press("Tab")
    assert focused() == "Weights to Python"
    page.keyboard.press("Enter")
    page.wait_for_function("(note) => note.textContent !== ''", arg=shown.root.locator(".note").element_handle())
    assert shown.note == "The .value of this explorer holds these weights."
    assert lab.ask("auto.position") == [0.5]
    assert page.evaluate(notebook, content) == where, "JupyterLab has taken keys that were not its own"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("End")
    shown.painted([1])
    assert shown.note == "", "what has been said of another position is not left standing"


def test_a_pad_in_jupyterlab(lab, page, widget):
    shown = widget("triangle")
    page.mouse.click(*shown.on_area(0.5, 0.9))
    page.wait_for_timeout(50)
    assert shown.painted().position == pytest.approx([0.45, 0.1], abs=0.01)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_timeout(50)
    assert shown.painted().position == pytest.approx([0.54, 0.12], abs=0.01)
    assert shows(lab, shown, "triangle")
    assert reached(lab, page, "triangle", shown.position)


def test_python_moves_the_widget(lab, widget):
    for name in ("auto", "kernel"):
        shown = widget(name)
        for place in (0.25, 0.75):
            lab.tell(f"{name}.position = [{place}]")
            shown.painted([place])
            assert shown.slider.input_value() == str(place)
            assert shows(lab, shown, name)


def test_the_last_position_that_python_sets_counts(lab, page, widget):
    shown = widget("moved").painted([0.3], seconds=60)
    page.wait_for_timeout(500)
    assert shown.position == [0.3] and lab.ask("moved.position") == [0.3]


def test_an_error_in_python_is_shown_and_overcome(lab, page, widget):
    shown = widget("failing")
    azimuth = shown.root.get_by_role("slider", name="Azimuth")
    azimuth.focus()
    page.keyboard.press("End")
    page.wait_for_selector("[data-state=failed]", timeout=20_000)
    assert "ValueError: there is nothing behind the object" in shown.message
    page.keyboard.press("Home")
    page.wait_for_timeout(300)
    shown.painted()
    assert shown.message == "" and (shown.picture() == 0).all()
    # And from Python.
    page.keyboard.press("End")
    page.wait_for_selector("[data-state=failed]", timeout=20_000)
    lab.tell("failing.position = [0.5, 90.0]")
    page.wait_for_selector("[data-state=failed]", state="detached", timeout=20_000)
    shown.painted([0.5, 90])
    assert shown.message == "" and (shown.picture() == 64).all()
    assert shows(lab, shown, "failing")


def test_one_picture_of_pythons_is_in_flight(lab, page, widget):
    shown = widget("kernel")
    shown.run(COUNT)
    shown.drag(np.linspace(0.2, 0.8, 40))
    end = float(shown.slider.input_value())
    shown.painted([end])
    drawn = page.evaluate("() => window.drawn")
    assert drawn["most"] == 1 and 2 <= drawn["calls"] < 40
    assert shows(lab, shown, "kernel") and reached(lab, page, "kernel", [end])


@pytest.mark.nightly
@pytest.mark.alone
def test_from_a_move_to_a_picture_drawn_by_python(lab, page, widget, capsys):
    shown = widget("kernel")
    median, text = dragged(shown, 0.5 + 0.4 * np.sin(np.linspace(0, 6, 40)), 120)
    with capsys.disabled():
        print(f"\nPython in JupyterLab, 5x256 at 64 x 64, from a move to its picture: {text}", end=" ")
    assert median <= 120


def test_axe_finds_nothing_in_the_notebook(page, widget):
    from axe_playwright_python.sync_playwright import Axe

    for name in ("auto", "triangle"):
        widget(name)
    results = Axe().run(page, context=".learnit-explorer")
    assert results.violations_count == 0, results.generate_report()


def test_the_page_has_not_complained(page, widget):
    widget("auto")
    assert page.problems == []


def test_a_restarted_kernel(lab, page, widget):
    """The last test of this file: the notebook's kernel is another one afterwards."""
    shown, drawn_here = widget("kernel"), widget("auto")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.wait_for_timeout(3000)
    shown.slider.focus()
    page.keyboard.press("End")
    page.wait_for_selector("[data-state=failed]", timeout=30_000)
    assert "If the kernel was restarted, run this cell again" in shown.message
    drawn_here.slider.focus()
    page.keyboard.press("Home")
    drawn_here.painted([0])
    page.keyboard.press("ArrowRight")
    drawn_here.painted([0.01])
    assert drawn_here.data("engine") == "webgl" and drawn_here.note == drawn_here.message == ""
