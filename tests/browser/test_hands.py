"""One hand at a time: while a finger draws or drags, a second finger or a palm does nothing."""

import pytest
from browsing import small as explorer
from fitting_page import small as fitting
from test_meta_page import small as training

pytestmark = pytest.mark.browser

# What is drawn on, of which widget, and what is known of it.
KINDS = {
    "paper": (fitting, ".paper >> nth=0", "(one) => [...one.fits.targets[0].values]"),
    "plot": (training, ".panes .plot >> nth=0", "(one) => [...one.trainer.target]"),
    "pad": (lambda: explorer("square"), ".area", "(one) => [...one.position]"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_finger_does_nothing(visit, tmp_path, kind):
    make, selector, known = KINDS[kind]
    page = visit(make().to_html(tmp_path / "page.html"), has_touch=True)
    element, root = page.locator(selector), page.locator(".learnit-explorer")
    element.scroll_into_view_if_needed()
    box, session = element.bounding_box(), page.context.new_cdp_session(page)

    def touch(event, *places):
        points = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": i}
            for i, (x, y) in enumerate(places)
        ]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{event}", "touchPoints": points})
        page.wait_for_timeout(30)
        return root.evaluate(f"(root) => ({known})(root.learnit)")

    touch("Start", (0.2, 0.3))
    first = touch("Move", (0.4, 0.5))
    assert touch("Start", (0.4, 0.5), (0.8, 0.9)) == first
    assert touch("Move", (0.4, 0.5), (0.9, 0.6)) == first
    assert touch("Move", (0.6, 0.2), (0.9, 0.6)) != first, "the first one goes on"
    touch("End")
    again = touch("Start", (0.5, 0.8))
    assert again != first, "and once it is lifted, the next one begins"
    touch("End")
