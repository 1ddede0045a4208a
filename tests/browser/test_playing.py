"""Play: from where the control stands, at a pace that can be borne, and only while somebody looks."""

import itertools

import pytest
from browsing import Widget, shows, small

from learnit_core import explorer

pytestmark = pytest.mark.browser


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


@pytest.mark.alone
def test_playing_is_slow_and_in_steps_for_those_who_ask_for_reduced_motion(opened):
    _, widget = opened("line", reduced_motion="reduce")
    widget.run(RECORD)
    widget.button("Play").click()
    widget.page.wait_for_timeout(4300)
    seen = widget.page.evaluate("() => window.seen")[1:]  # without what was there before
    assert 3 <= len(seen) <= 5, seen
    assert min(b[1] - a[1] for a, b in itertools.pairwise(seen)) > 800
    widget.button("Pause").click()
    widget.page.wait_for_timeout(300)
    count = len(widget.page.evaluate("() => window.seen"))
    widget.page.wait_for_timeout(2500)
    assert len(widget.page.evaluate("() => window.seen")) == count, "nothing moves after Pause"


MOVES = "(explorer) => { explorer.timings.length = 0; }"


def paused_at(widget):
    """Press Pause, and return the position that the picture shows."""
    widget.button("Pause").click()
    return widget.painted().position[0]


def test_play_goes_on_where_it_was_paused(opened):
    _, widget = opened("line")
    widget.page.clock.install()
    widget.slider.focus()
    widget.page.keyboard.press("End")
    widget.painted([1])
    seen = []
    for _ in range(3):
        widget.button("Play").click()
        widget.page.clock.run_for(500)
        widget.page.clock.resume()
        seen.append(paused_at(widget))
    # A round takes six seconds: one sixth of the way each, down from the end, and never from its beginning.
    assert 1 > seen[0] > seen[1] > seen[2] > 0.1, seen
    widget.slider.focus()
    widget.page.keyboard.press("Home")
    widget.painted([0])
    widget.button("Play").click()
    widget.page.wait_for_timeout(200)
    assert paused_at(widget) < 0.6, "after a move by hand it plays from there"


def test_nothing_plays_that_nobody_sees(visit, tmp_path):
    shown = small("line")
    sections = [("", shown), ('<div style="height: 3000px"></div>', small("line"))]
    page = visit(explorer.write_page(tmp_path / "page.html", "Long", sections))
    widget = Widget(page, 0).painted()
    widget.button("Play").click()
    page.wait_for_timeout(300)
    page.evaluate("() => scrollTo(0, 2500)")
    page.wait_for_timeout(500)
    widget.run(MOVES)
    page.wait_for_timeout(700)
    assert widget.run("(explorer) => explorer.timings") == []
    page.evaluate("() => scrollTo(0, 0)")
    page.wait_for_timeout(700)
    assert len(widget.run("(explorer) => explorer.timings")) > 3, "it goes on when it is seen again"
    paused_at(widget)
