"""Explorers on a page of their own, without any Python behind it: by mouse, finger and keyboard, in light and dark."""

import numpy as np
import pytest
from browsing import shows

pytestmark = pytest.mark.browser

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


def tab_to(widget, wanted):
    for _ in range(5):
        widget.page.keyboard.press("Tab")
        if wanted.evaluate("(element) => document.activeElement === element"):
            return
    pytest.fail(f"Tab does not reach {wanted}")


def test_a_line_by_keyboard_alone(opened):
    shown, widget = opened("line")
    keyboard = widget.page.keyboard
    tab_to(widget, widget.slider)
    assert widget.slider.evaluate("(input) => getComputedStyle(input).outlineStyle") == "solid", "focus is seen"
    for key, position in [("ArrowRight", 0.51), ("ArrowUp", 0.52), ("ArrowLeft", 0.51), ("End", 1), ("Home", 0)]:
        keyboard.press(key)
        widget.painted([position])
        assert shows(widget, shown)
    assert widget.slider.get_attribute("aria-valuetext") == "100 % a dog"
    tab_to(widget, widget.button("Reset"))
    keyboard.press("Enter")
    widget.painted([0.5])


@pytest.mark.parametrize("kind", ["triangle", "square"])
def test_a_pad_by_keyboard_alone(opened, kind):
    shown, widget = opened(kind)
    keyboard = widget.page.keyboard
    tab_to(widget, widget.handle)
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
