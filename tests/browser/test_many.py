"""Many moves of one explorer, many explorers on one page, and how much a page weighs."""

import numpy as np
import pytest
from browsing import COUNT, COUNT_CONTEXTS, ORBIT, Widget, networks, shows, small, small_frames

from learnit_core import explorer, models

pytestmark = pytest.mark.browser

# Many moves, many explorers

SLOWER = """
(explorer) => {
  const draw = explorer.engine.draw.bind(explorer.engine);
  explorer.engine.draw = async (...job) => {
    await new Promise((done) => setTimeout(done, 60));
    return draw(...job);
  };
}
"""
"""Drawing takes longer than the time between two moves, however fast the machine is."""


@pytest.mark.parametrize("taken_away", [False, True], ids=["webgl", "script"])
def test_one_frame_in_flight_and_the_last_position_painted(visit, tmp_path, chromium, request, taken_away):
    field = models.siren(2, 1, width=128, depth=4, w0=30.0)
    corners = {"Standard": networks(field, 2), "Meta": networks(field, 2, 1)}
    shown = explorer.networks(field, corners, labels=("a", "b"), shape=(48, 48))
    browser = request.getfixturevalue("chromium_without_webgl") if taken_away else chromium
    widget = Widget(visit(shown.to_html(tmp_path / "large.html"), browser=browser)).painted()
    assert widget.data("engine") == ("script" if taken_away else "webgl")
    widget.run(SLOWER)
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
