"""Explorers on a page of their own, without any Python behind it: by mouse, finger and keyboard, in light and dark."""

import itertools

import numpy as np
import pytest
from browsing import COUNT_CONTEXTS, Widget, networks, small, small_frames

from learnit_core import explorer, models
from learnit_core.explorer import camera, fit_steps, line, square, triangle

pytestmark = pytest.mark.browser

ORBIT = camera("Azimuth", low=0.0, high=360.0, step=1.0, unit="°", wraps=True)

EXPLORERS = {
    **{kind: lambda kind=kind: small(kind, title=f"A {kind}") for kind in ("line", "triangle", "square", "steps")},
    "camera": lambda: small_frames([ORBIT], [12], title="A camera"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """``made(kind)``: an explorer and its page, made once."""
    folder, kept = tmp_path_factory.mktemp("pages"), {}

    def made(kind):
        if kind not in kept:
            shown = EXPLORERS[kind]()
            kept[kind] = shown, shown.to_html(folder / f"{kind}.html")
        return kept[kind]

    return made


@pytest.fixture
def opened(made, visit):
    """``opened(kind, …)``: an explorer and its widget, ready, on a page opened with these options."""

    def opened(kind, **options):
        shown, file = made(kind)
        return shown, Widget(visit(file, **options)).painted()

    return opened


def shows(widget, shown):
    """Whether all panes show what Python draws at the position that the widget says it shows."""
    expected = shown.pictures(widget.position)
    off = [
        np.abs(widget.picture(i).astype(int) - np.broadcast_to(picture, (*picture.shape[:2], 3)).astype(int)).max()
        for i, picture in enumerate(expected)
    ]
    return max(off) <= 2


def swipe(page, places):
    """Draw a finger over the screen; Playwright itself has only taps."""
    session = page.context.new_cdp_session(page)
    for i, (x, y) in enumerate(places):
        kind = "touchMove" if i else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


# Mouse


def test_a_drag_changes_both_pictures_in_step(opened):
    shown, widget = opened("line")
    assert widget.position == [0.5] and shows(widget, shown)
    before = widget.picture(0), widget.picture(1)
    widget.drag(np.linspace(0.5, 0.9, 12))
    widget.page.wait_for_timeout(50)
    widget.painted()
    assert 0.85 < widget.position[0] < 0.95
    assert shows(widget, shown)
    assert all((widget.picture(i) != old).mean() > 0.5 for i, old in enumerate(before))


@pytest.mark.parametrize("kind", ["triangle", "square"])
def test_a_pad_follows_the_mouse(opened, kind):
    shown, widget = opened(kind)
    mouse = widget.page.mouse
    mouse.move(*widget.on_area(0.5, 0.5))
    mouse.down()
    for x, y in [(0.5, 0.6), (0.45, 0.7), (0.4, 0.8)]:
        mouse.move(*widget.on_area(x, y))
    mouse.up()
    x, y = 0.4, 0.8
    expected = [x, y] if kind == "square" else [x - (1 - y) / 2, 1 - y]
    widget.painted()
    np.testing.assert_allclose(widget.position, expected, atol=0.01)
    assert shows(widget, shown)
    mouse.move(*widget.on_area(0.1, 0.1))
    assert widget.painted().position == pytest.approx(expected, abs=0.01), "moves after the release do nothing"


def test_outside_a_triangle_the_nearest_edge_counts(opened):
    shown, widget = opened("triangle")
    for x, y in [(0.95, 0.05), (0.02, 0.02), (1.0, 0.5), (0.5, 0.0), (1.0, 1.0), (0.0, 1.0)]:
        widget.page.mouse.click(*(c + s for c, s in zip(widget.on_area(x, y), (-0.5, -0.5), strict=True)))
        widget.page.wait_for_timeout(30)
        a, b = widget.painted().position
        assert min(a, b, 1 - a - b) >= -1e-6
        assert shows(widget, shown)


def test_reset_goes_back_to_the_start(opened):
    _, widget = opened("square")
    first = widget.picture(1)
    widget.page.mouse.click(*widget.on_area(0.9, 0.2))
    widget.page.wait_for_timeout(30)
    assert widget.painted().position != [0.5, 0.5]
    widget.button("Reset").click()
    widget.painted([0.5, 0.5])
    np.testing.assert_array_equal(widget.picture(1), first)


def test_coefficients_are_copied_or_shown(opened):
    _, widget = opened("line")
    widget.slider.focus()
    widget.page.keyboard.press("Home")
    widget.painted([0])
    widget.button("Copy coefficients").click()
    widget.page.wait_for_function("() => document.querySelector('.note').textContent !== ''")
    assert "[1,0]" in widget.note


# Keyboard only


def test_a_line_by_keyboard_alone(opened):
    shown, widget = opened("line")
    keyboard = widget.page.keyboard
    for _ in range(5):
        keyboard.press("Tab")
        if widget.slider.evaluate("(input) => document.activeElement === input"):
            break
    else:
        pytest.fail("Tab does not reach the slider")
    assert widget.slider.evaluate("(input) => getComputedStyle(input).outlineStyle") == "solid", "focus is seen"
    for key, position in [("ArrowRight", 0.51), ("ArrowUp", 0.52), ("ArrowLeft", 0.51), ("End", 1), ("Home", 0)]:
        keyboard.press(key)
        widget.painted([position])
        assert shows(widget, shown)
    assert widget.slider.get_attribute("aria-valuetext") == "100 % a dog"
    for _ in range(3):
        keyboard.press("Tab")
        if widget.page.evaluate("() => document.activeElement.textContent") == "Reset":
            break
    keyboard.press("Enter")
    widget.painted([0.5])


@pytest.mark.parametrize("kind", ["triangle", "square"])
def test_a_pad_by_keyboard_alone(opened, kind):
    shown, widget = opened(kind)
    keyboard = widget.page.keyboard
    for _ in range(5):
        keyboard.press("Tab")
        if widget.handle.evaluate("(handle) => document.activeElement === handle"):
            break
    else:
        pytest.fail("Tab does not reach the handle")
    keyboard.press("Home")
    widget.painted([0, 0])
    assert widget.handle.get_attribute("aria-valuetext") == "100 % a dog"
    for _ in range(5):
        keyboard.press("Shift+ArrowRight")
    keyboard.press("ArrowRight")
    keyboard.press("ArrowUp" if kind == "triangle" else "ArrowDown")
    widget.page.wait_for_timeout(30)
    expected = [0.51, 0.02] if kind == "triangle" else [0.52, 0.02]
    assert widget.painted().position == pytest.approx(expected, abs=1e-6)
    assert shows(widget, shown)
    assert "a cat" in widget.handle.get_attribute("aria-valuetext")


def test_steps_and_camera_by_keyboard(opened):
    shown, widget = opened("steps")
    assert widget.position == [0]
    widget.slider.focus()
    for step in (1, 2, 3, 4):
        widget.page.keyboard.press("ArrowRight")
        widget.painted([step])
        assert shows(widget, shown)
    assert widget.slider.get_attribute("aria-valuetext") == "32 steps"
    assert widget.root.locator(".readout").inner_text() == "32 steps"
    shown, widget = opened("camera")
    widget.slider.focus()
    for key, degrees in [("ArrowRight", 1), ("PageUp", None), ("End", 360), ("ArrowLeft", 359), ("Home", 0)]:
        widget.page.keyboard.press(key)
        widget.page.wait_for_timeout(30)
        widget.painted(None if degrees is None else [degrees])
        assert shows(widget, shown)


def test_playing_is_started_and_stopped_by_keyboard(opened):
    shown, widget = opened("line")
    widget.button("Play").focus()
    widget.page.keyboard.press("Enter")
    seen = set()
    for _ in range(10):
        widget.page.wait_for_timeout(60)
        seen.add(widget.data("painted"))
    assert len(seen) > 4
    assert widget.button("Pause: Weights").inner_text() == "Pause", "what is seen is what is read out"
    widget.page.keyboard.press("Enter")
    position = widget.painted().position
    widget.page.wait_for_timeout(300)
    assert widget.painted().position == position
    assert shows(widget, shown)


RECORD = """
(explorer) => {
  // Previews that call themselves so, as those of a large network.
  const draw = explorer.engine.draw.bind(explorer.engine);
  explorer.engine.draw = async (position, fine, stale) => ({ ...(await draw(position, true, stale)), fine });
  window.seen = [];
  new MutationObserver(() => {
    const at = explorer.root.dataset.painted;
    if (window.seen.at(-1)?.[0] !== at) window.seen.push([at, performance.now()]);
  }).observe(explorer.root, { attributes: true });
}
"""


def test_playing_is_slow_and_in_steps_for_those_who_ask_for_reduced_motion(opened):
    _, widget = opened("line", reduced_motion="reduce")
    widget.run(RECORD)
    widget.button("Play").click()
    widget.page.wait_for_timeout(4300)
    seen = widget.page.evaluate("() => window.seen")[1:]  # without what was there before
    assert 3 <= len(seen) <= 5, seen
    assert min(b[1] - a[1] for a, b in itertools.pairwise(seen)) > 800
    widget.button("Play").click()
    widget.page.wait_for_timeout(300)
    count = len(widget.page.evaluate("() => window.seen"))
    widget.page.wait_for_timeout(2500)
    assert len(widget.page.evaluate("() => window.seen")) == count, "nothing moves after Pause"


# Fingers, small screens

PHONE = {"viewport": (360, 640), "has_touch": True, "is_mobile": True}


@pytest.mark.parametrize("kind", EXPLORERS)
def test_a_page_fits_a_phone_and_follows_a_finger(opened, kind):
    shown, widget = opened(kind, **PHONE)
    page = widget.page
    assert page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    boxes = page.evaluate(
        "() => [...document.querySelectorAll('.learnit-explorer *')].map((e) => e.getBoundingClientRect())"
        ".map((box) => [box.left, box.right])"
    )
    assert min(left for left, _ in boxes) >= 0 and max(right for _, right in boxes) <= 360
    before = widget.position
    if kind in ("triangle", "square"):
        scrolled = page.evaluate("() => scrollY")
        swipe(page, [widget.on_area(0.5, 0.6), widget.on_area(0.55, 0.7), widget.on_area(0.6, 0.9)])
        assert page.evaluate("() => scrollY") >= scrolled
    else:
        widget.slider.scroll_into_view_if_needed()
        box = widget.slider.bounding_box()
        y = box["y"] + box["height"] / 2
        page.touchscreen.tap(box["x"] + 0.6 * box["width"], y)
        page.wait_for_timeout(50)
        widget.painted()
        swipe(page, [(box["x"] + t * box["width"], y) for t in (0.6, 0.7, 0.8)])
    page.wait_for_timeout(50)
    assert widget.painted().position != before
    assert shows(widget, shown)
    if kind in ("triangle", "square"):
        page.touchscreen.tap(*widget.on_area(0.5, 0.95))
        page.wait_for_timeout(50)
        assert widget.painted().position[1] == pytest.approx(0.95 if kind == "square" else 0.05, abs=0.01)


# Colours and assistive technology


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", EXPLORERS)
def test_axe_finds_nothing(opened, kind, scheme):
    from axe_playwright_python.sync_playwright import Axe

    _, widget = opened(kind, color_scheme=scheme)
    widget.button("Copy coefficients").click() if kind != "camera" else None  # so that the note says something
    ink = widget.root.evaluate("(root) => getComputedStyle(root).color")
    assert ink == {"light": "rgb(0, 0, 0)", "dark": "rgb(255, 255, 255)"}[scheme], "the page follows the scheme"
    results = Axe().run(widget.page)
    assert results.violations_count == 0, results.generate_report()


# Frames

GRIDS = {
    "line": ([line("a", "b")], [4]),
    "steps": ([fit_steps([0, 1, 2])], [3]),
    "triangle": ([triangle("a", "b", "c")], [15]),
    "square": ([square("a", "b", "c", "d")], [3, 5]),
    "wrapping camera": ([ORBIT], [7]),
    "square and camera": ([square("a", "b", "c", "d"), camera("Path", low=-1.0, high=2.0)], [4, 2, 3]),
    "triangle and orbit": ([triangle("a", "b", "c"), ORBIT], [6, 5]),
}

FRAME = """
async (explorer, position) => {
  const { pictures } = await explorer.engine.draw(position, true, () => false);
  return pictures.map((picture) => {
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    return Array.from(context.getImageData(0, 0, picture.width, picture.height).data);
  });
}
"""


def somewhere(controls, rng):
    """A random position that these controls can take."""
    position = []
    for control in controls:
        if control.kind == "steps":
            position.append(float(rng.integers(len(control.labels))))
        elif control.kind == "triangle":
            position += rng.dirichlet([1, 1, 1])[1:].tolist()
        else:
            position += rng.uniform(control.low, control.high, control.numbers).tolist()
    return position


@pytest.mark.parametrize("grid", GRIDS)
def test_the_nearest_frame_is_shown(visit, tmp_path, grid):
    controls, counts = GRIDS[grid]
    shown = small_frames(controls, counts)
    widget = Widget(visit(shown.to_html(tmp_path / "frames.html"))).painted()
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(30):
        position = somewhere(controls, rng)
        expected = shown.pictures(position)
        for pixels, picture in zip(widget.run(FRAME, position), expected, strict=True):
            np.testing.assert_array_equal(np.array(pixels).reshape(5, 7, 4)[..., :3], picture)
        seen.add(expected[0].tobytes())
    assert len(seen) >= min(len(controls) * 2, np.prod(counts)), "the positions do not reach different pictures"


def test_frames_made_from_networks_are_those_networks_pictures(visit, tmp_path):
    shown = small("triangle", engine="frames", frame_counts=[4])
    widget = Widget(visit(shown.to_html(tmp_path / "frames.html"))).painted()
    assert widget.data("engine") == "frames"
    for x, y in [(0.0, 1.0), (1.0, 1.0), (0.5, 0.0), (0.52, 0.65), (0.3, 0.9)]:
        inside = 1 if x < 0.5 else -1
        place = widget.on_area(x, y)
        widget.page.mouse.click(place[0] + inside, place[1] - (0.5 if y else -0.5))
        widget.page.wait_for_timeout(30)
        widget.painted()
        for pane, picture in enumerate(shown.pictures(widget.position)):
            np.testing.assert_array_equal(widget.picture(pane), picture)


# Many moves, many explorers

COUNT = """
(explorer) => {
  const draw = explorer.engine.draw.bind(explorer.engine);
  window.drawn = { calls: 0, now: 0, most: 0 };
  explorer.engine.draw = async (...job) => {
    window.drawn.calls += 1;
    window.drawn.most = Math.max(window.drawn.most, ++window.drawn.now);
    try { return await draw(...job); } finally { window.drawn.now -= 1; }
  };
}
"""


@pytest.mark.parametrize("taken_away", [False, True], ids=["webgl", "script"])
def test_one_frame_in_flight_and_the_last_position_painted(visit, tmp_path, chromium, request, taken_away):
    field = models.siren(2, 1, width=128, depth=4, w0=30.0)
    corners = {"Standard": networks(field, 2), "Meta": networks(field, 2, 1)}
    shown = explorer.networks(field, corners, labels=("a", "b"), shape=(48, 48))
    browser = request.getfixturevalue("chromium_without_webgl") if taken_away else chromium
    widget = Widget(visit(shown.to_html(tmp_path / "large.html"), browser=browser)).painted()
    assert widget.data("engine") == ("script" if taken_away else "webgl")
    widget.run(COUNT)
    rng = np.random.default_rng(0)
    for last in (0.2, 0.9, 0.4):
        widget.drag([*rng.uniform(0, 1, 40), last])
        end = float(widget.slider.input_value())
        assert end == pytest.approx(last, abs=0.02)
        widget.painted([end])
        assert shows(widget, shown)
    drawn = widget.page.evaluate("() => window.drawn")
    assert drawn["most"] == 1
    assert drawn["calls"] < 100, "as many pictures as moves: the moves queue up"


def test_a_held_arrow_key_shows_something_on_the_way(visit, tmp_path):
    field = models.siren(2, 1, width=256, depth=5, w0=30.0)
    shown = explorer.networks(field, {"Meta": networks(field, 2)}, labels=("a", "b"), shape=(64, 64))
    widget = Widget(visit(shown.to_html(tmp_path / "large.html"))).painted()
    widget.slider.focus()
    widget.run("(explorer) => { explorer.timings.length = 0; }")
    for _ in range(40):
        widget.page.keyboard.down("ArrowRight")
        widget.page.wait_for_timeout(30)
    on_the_way = len(widget.run("(explorer) => explorer.timings"))
    widget.page.keyboard.up("ArrowRight")
    assert on_the_way >= 2
    widget.painted([0.9])


def test_ten_explorers_on_a_page(visit, tmp_path):
    kinds = ["line", "triangle", "square", "steps", "line"] * 2
    explorers = [small(kind, title=f"Number {i}") for i, kind in enumerate(kinds)]
    explorers[7] = small_frames([ORBIT], [12])
    sections = [(f"<h2>Number {i}</h2>", shown) for i, shown in enumerate(explorers)]
    page = visit(explorer.write_page(tmp_path / "ten.html", "Ten", sections), script=COUNT_CONTEXTS)
    Widget(page, 0).painted()
    assert Widget(page, 9).data("state") == "waiting", "nothing is drawn before it is seen"
    for i, shown in enumerate(explorers):
        widget = Widget(page, i)
        widget.root.scroll_into_view_if_needed()
        widget.painted()
        assert shows(widget, shown)
    assert page.evaluate("() => window.contexts") == 1
    third = Widget(page, 4)
    third.drag([0.6, 0.8])
    page.wait_for_timeout(50)
    assert shows(third.painted(), explorers[4]) and third.position[0] > 0.7
    assert Widget(page, 0).position == [0.5], "the others stay where they are"


def test_a_page_for_one_experiment_is_small(tmp_path):
    field = models.siren(2, 1, width=256, depth=5, w0=100.0)
    corners = {"Standard": networks(field, 2), "Meta": networks(field, 2, 1)}
    shown = explorer.networks(field, corners, labels=("a", "b"), shape=(64, 64))
    assert shown.to_html(tmp_path / "page.html").stat().st_size < 3_000_000


def test_titles_and_labels_are_text(visit, tmp_path):
    nasty = "</script><!-- \"a\" & 'b' <script>alert(1)</script> <b>bold</b> ${x} {y}"
    field = models.siren(2, 1, width=16, depth=3, w0=20.0)
    shown = explorer.networks(
        field, {nasty: networks(field, 2)}, labels=(nasty, "</SCRIPT>"), shape=(8, 8), title=nasty
    )
    page = visit(shown.to_html(tmp_path / "nasty.html"))
    widget = Widget(page).painted()
    assert page.title() == nasty and page.locator("h1").inner_text() == nasty
    assert widget.root.get_attribute("aria-label") == nasty
    assert page.locator("figcaption").inner_text() == nasty
    assert page.locator(".end").all_inner_texts() == [nasty, "</SCRIPT>"]
    assert page.locator("b").count() == 0
