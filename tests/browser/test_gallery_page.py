"""The page that `make gallery` writes, in a browser and without a network: every explorer on it draws."""

import pytest
from browsing import Widget, shows
from fitting_page import FittingPage
from test_gallery import by_day, quickly  # noqa: F401

from learnit_core import experiments, explorer
from learnit_core.commands import gallery
from learnit_core.experiments import story

pytestmark = pytest.mark.browser


# Most of the time goes into what the explorers show: those of pictures and strings are quick to make.
@pytest.mark.parametrize(
    "sections",
    [
        by_day(experiments.ALL["image"].sections + experiments.ALL["strings"].sections),
        pytest.param([*gallery.story(), *story.more()], marks=pytest.mark.nightly),
    ],
)
def test_explorers_of_the_gallery_draw(visit, tmp_path, quickly, sections):  # noqa: F811
    made = [(gallery.told_of(section, lambda _: None), section.make()) for section in sections]
    page = visit(explorer.write_page(tmp_path / "index.html", gallery.TITLE, made))
    assert page.title() == gallery.TITLE
    for index, (_, shown) in enumerate(made):
        widget = Widget(page, index)
        widget.root.scroll_into_view_if_needed()
        widget.painted(seconds=60)
        expected = {"frames": "frames", "fitting": "worker", "meta": "worker"}.get(shown.scene["engine"], "webgl")
        assert widget.data("engine") == expected
        if shown.scene["engine"] == "meta":
            assert int(widget.data("step")) == shown.scene["meta"]["steps"]
        elif expected == "worker":
            assert FittingPage(page, index).shows(shown, shown.position)
        elif expected == "webgl":  # long rows of pictures are compressed with a little loss
            assert shows(widget, shown)
        else:
            assert widget.picture().std() > 0, "an empty picture"
    assert page.locator(".learnit-explorer").count() == len(sections)
