"""The page that `make gallery` writes, in a browser and without a network: every explorer on it draws."""

import pytest
from browsing import Widget, shows
from fitting_page import FittingPage
from test_gallery import quickly  # noqa: F401

from learnit_core import experiments, explorer
from learnit_core.commands import gallery

pytestmark = pytest.mark.browser


# Most of the time goes into what the explorers show: those of pictures and strings are quick to make.
@pytest.mark.parametrize(
    "names", [("image", "strings"), pytest.param(tuple(experiments.ALL), marks=pytest.mark.nightly)]
)
def test_explorers_of_the_gallery_draw(visit, tmp_path, quickly, names):  # noqa: F811
    sections = [section for name in names for section in experiments.ALL[name].sections]
    made = [(gallery.told_of(section, lambda _: None), section.make()) for section in sections]
    page = visit(explorer.write_page(tmp_path / "index.html", gallery.TITLE, made))
    assert page.title() == gallery.TITLE
    for index, (_, shown) in enumerate(made):
        widget = Widget(page, index)
        widget.root.scroll_into_view_if_needed()
        widget.painted(seconds=60)
        expected = {"frames": "frames", "fitting": "worker"}.get(shown.scene["engine"], "webgl")
        assert widget.data("engine") == expected
        if expected == "worker":
            assert FittingPage(page, index).shows(shown, shown.position)
        elif expected == "webgl":  # long rows of pictures are compressed with a little loss
            assert shows(widget, shown)
        else:
            assert widget.picture().std() > 0, "an empty picture"
    assert page.locator(".learnit-explorer").count() == len(sections)
