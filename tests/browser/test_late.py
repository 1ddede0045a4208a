"""Python that hears and answers late: nothing that a hand does meanwhile is undone, and what Python says counts."""

import numpy as np
import pytest
from fitting_page import SHAPE, FittingPage, small
from played import Kernel
from test_meta_page import STEPS, Page
from test_meta_page import small as small_training

pytestmark = pytest.mark.browser

STROKES = [[(0.1, 0.1 + 0.4 * i), (0.9, 0.1 + 0.4 * i)] for i in range(3)]


@pytest.fixture
def fitting(visit, tmp_path):
    kernel = Kernel(small(third=False), visit, tmp_path)
    return kernel, FittingPage(kernel.page).settled()


def test_what_is_drawn_while_python_is_late_stays(fitting):
    kernel, widget = fitting
    for pad in (0, 1):  # the second one blank at first
        if pad:
            widget.set(widget.walk, 1)
            widget.button("Clear").click()
        widget.draw(STROKES[0], pad)
        widget.settled()
        kernel.hears()
        widget.draw(STROKES[1], pad)
        drawn = widget.settled().target(pad)
        kernel.says()
        widget.settled()
        np.testing.assert_array_equal(widget.target(pad), drawn)
    kernel.hears()
    np.testing.assert_array_equal(kernel.shown.second, drawn)
    np.testing.assert_array_equal(kernel.shown.target, widget.target(0))


def test_what_python_gives_is_shown_and_the_other_picture_stays(fitting):
    kernel, widget = fitting
    given = np.random.default_rng(0).random(SHAPE, np.float32)
    for _ in range(2):  # the same again, after something was drawn over it
        widget.draw(STROKES[0], 1)
        second = widget.settled().target(1)
        kernel.shown.target = given  # Python knows of no stroke yet
        kernel.says()
        np.testing.assert_allclose(widget.settled().target(0)[..., 0], given, atol=1e-6)
        np.testing.assert_array_equal(widget.target(1), second)
        widget.draw(STROKES[1], 0)
        widget.settled()
        kernel.hears()
    assert np.abs(kernel.shown.target[..., 0] - given).max() > 0.1


def slid(widget, value):
    slider = widget.steps if isinstance(widget, FittingPage) else widget.slider
    slider.evaluate("(one, value) => { one.value = value; one.dispatchEvent(new Event('input')); }", value)
    return widget.settled()


@pytest.mark.parametrize("kind", ["fitting", "training"])
def test_a_slider_stays_where_it_was_put_last(visit, tmp_path, kind):
    shown = small(third=False) if kind == "fitting" else small_training()
    kernel = Kernel(shown, visit, tmp_path)
    widget = FittingPage(kernel.page).settled() if kind == "fitting" else Page(kernel.page).settled(STEPS)
    walk = [0.0] if kind == "fitting" else []
    kernel.hears()
    slid(widget, 3)
    kernel.hears()
    slid(widget, 4)
    kernel.says()
    widget.page.wait_for_timeout(50)
    assert widget.settled().position == [4.0, *walk]
    # What Python says counts, also where the page stood last as far as Python knows.
    kernel.hears()
    kernel.says()
    assert shown.position == [4.0, *walk]
    for step in (1.0, 4.0):
        shown.position = [step, *walk]
        assert kernel.says() == ["position"]
        assert widget.settled().position == [step, *walk]
    # A drag is told of when it rests.
    kernel.hears()
    before = shown.position
    widget.page.evaluate(
        "(input) => [0, 1, 2, 3, 0, 1, 2].forEach((value) => {"
        " input.value = value; input.dispatchEvent(new Event('input')); })",
        (widget.steps if kind == "fitting" else widget.slider).element_handle(),
    )
    assert shown.position == before
    assert kernel.hears() == 1 and shown.position == [2.0, *walk]
