"""Fingers and small screens, colours and assistive technology, and a widget that keeps its size."""

import pytest
from browsing import EXPLORERS, Widget, shows, small, small_frames

from learnit_core.explorer import line, write_page

pytestmark = pytest.mark.browser


def swipe(page, places):
    """Draw a finger over the screen; Playwright itself has only taps."""
    session = page.context.new_cdp_session(page)
    for i, (x, y) in enumerate(places):
        kind = "touchMove" if i else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


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


def test_what_is_read_out_follows_the_position_and_does_not_chatter(opened):
    _, widget = opened("triangle")
    widget.handle.focus()
    widget.page.keyboard.press("Home")
    widget.painted([0, 0])
    names = widget.root.locator("canvas").evaluate_all("(all) => all.map((one) => one.getAttribute('aria-label'))")
    assert names == ["Standard: 100 % a dog", "Meta: 100 % a dog"]
    assert widget.root.locator(".readout").inner_text() == "100 % a dog"
    live = widget.root.locator("output, [aria-live], [role=status], [role=alert]")
    assert live.evaluate_all("(all) => all.map((one) => one.className)") == ["note", "alert"], (
        "dragging is not announced"
    )


def test_buttons_say_what_they_show_and_keep_their_keys(opened):
    _, widget = opened("line")
    buttons = "(all) => all.map((b) => [b.textContent, b.ariaLabel ?? b.textContent, b.dataset.lmSuppressShortcuts])"
    for word in ("Play", "Pause"):
        found = widget.root.locator("button").evaluate_all(buttons)
        assert [text for text, _, _ in found] == [word, "Reset", "Copy coefficients"]
        assert all(name.startswith(text) and mark == "true" for text, name, mark in found)
        widget.button(word).click()


# The size


def heights(widget):
    return widget.root.evaluate("(root) => root.getBoundingClientRect().height")


@pytest.mark.parametrize("width", [900, 360])
@pytest.mark.parametrize("kind", EXPLORERS)
def test_the_size_stays_whatever_is_said(opened, kind, width):
    _, widget = opened(kind, viewport=(width, 760))
    before = heights(widget)
    if kind in ("triangle", "square"):
        for x, y in [(0.5, 0.6), (0.3, 0.8), (0.0, 1.0), (0.5, 0.0)]:
            widget.page.mouse.click(*widget.on_area(x, y))
            widget.page.wait_for_timeout(30)
            assert heights(widget.painted()) == before
    else:
        widget.drag([0.1, 0.6, 0.99])
        assert heights(widget.painted()) == before
    if kind != "camera":
        widget.button("Copy coefficients").click()
        widget.page.wait_for_function("() => document.querySelector('.note').textContent !== ''")
        assert heights(widget) == before
    widget.run("(explorer) => { explorer.engine.draw = () => { throw new Error('Python does not answer at all'); }; }")
    widget.run("(explorer) => { explorer.choices = []; }")
    widget.button("Reset").click()
    widget.page.wait_for_selector("[data-state=failed]")
    assert widget.message and heights(widget) == before


def test_four_panes_wrap_on_a_phone(visit, tmp_path):
    shown = small("line", panes=("one", "two", "three", "four"))
    file = shown.to_html(tmp_path / "page.html")
    boxes = "(all) => all.map((one) => one.getBoundingClientRect()).map((box) => [box.width, box.top])"
    for width, rows in ((360, 2), (1200, 1)):
        widget = Widget(visit(file, viewport=(width, 640))).painted()
        sizes = widget.root.locator("canvas").evaluate_all(boxes)
        assert min(side for side, _ in sizes) >= 140
        assert len({top for _, top in sizes}) == rows
        assert widget.page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("panes", [1, 2, 3])
def test_panes_are_as_wide_as_asked_for_where_there_is_room(visit, tmp_path, panes):
    shown = small("line", panes=("one", "two", "three")[:panes], side=120)
    widget = Widget(visit(shown.to_html(tmp_path / "page.html"))).painted()
    sides = widget.root.locator("canvas").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().width)")
    assert sides == pytest.approx([120] * panes, abs=1)


@pytest.mark.parametrize("width", [1280, 360])
def test_a_slider_has_room_however_long_its_names_are(visit, tmp_path, width):
    shown = small_frames(
        [line("an unusually long name of a first end", "another one of a second")], [3], panes=1, side=90
    )
    widget = Widget(visit(shown.to_html(tmp_path / "page.html"), viewport=(width, 700))).painted()
    assert widget.slider.bounding_box()["width"] > 280
    assert widget.page.evaluate("() => document.documentElement.scrollWidth") <= width


# Paper


def seen(page):
    """Of each explorer, whether its picture without JavaScript, its canvas and its buttons are there."""
    return page.evaluate(
        "() => [...document.querySelectorAll('[data-explorer]')].map((place) => ['img', 'canvas', 'button']"
        ".map((name) => place.querySelector(name).checkVisibility()))"
    )


def test_on_paper_there_is_the_settled_picture(visit, tmp_path):
    shown = small("line", panes=("one",))
    sections = [("<h2>First</h2>", shown), ("<div style='height: 3000px'></div>", shown)]
    page = visit(write_page(tmp_path / "page.html", "Two", sections))
    Widget(page).painted()
    assert seen(page) == [[False, True, True], [False, True, True]]
    page.emulate_media(media="print")
    assert seen(page) == [[False, True, False], [True, False, False]], "nobody has seen the second one yet"
    page.emulate_media(media="screen")
    Widget(page, 1).root.scroll_into_view_if_needed()
    Widget(page, 1).painted()
    page.emulate_media(media="print")
    assert seen(page) == [[False, True, False]] * 2
