"""The page of an executed notebook in a browser without a network: colours, folding, width, axe, explorers."""

import numpy as np
import pytest
from browsing import EXPLORERS, Widget
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from learnit_core.commands import pages
from learnit_core.commands.website import visits

pytestmark = pytest.mark.browser

LONG = "a_long_name = some_function(" + ", ".join(f"argument_{i}" for i in range(30)) + ")"


@pytest.fixture(scope="module")
def page_of_a_notebook(tmp_path_factory):
    """A page with an explorer, formulas, a wide table and code wider than a phone."""
    import base64

    shown = EXPLORERS["line"]()
    data = base64.b64encode(shown.data).decode()
    state = {"scene": shown.scene, "position": shown.position}
    buffers = [{"path": ["data"], "encoding": "base64", "data": data}]
    still = base64.b64encode(shown.static_png(shown.scene["start"])).decode()
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "one"}, "image/png": still}
    table = "| a | b |\n|---|---|\n" + f"| {'wide ' * 40} | {'unbroken' * 20} |"
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# A lesson\n\nWith $x_1 \\in [0, 1)$."),
            new_markdown_cell(f"## Wide\n\n$$\\sum_i \\frac{{x_i}}{{n}}$$\n\n{table}"),
            new_code_cell(LONG, outputs=[new_output("stream", name="stdout", text="said " * 60)]),
            new_code_cell("shown", outputs=[new_output("display_data", data=widget)]),
        ]
    )
    notebook.metadata["widgets"] = {
        "application/vnd.jupyter.widget-state+json": {"state": {"one": {"state": state, "buffers": buffers}}}
    }
    file = tmp_path_factory.mktemp("notebook") / "index.html"
    pages.write_page(notebook, file)
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_is_alive_in_reach_and_as_wide_as_the_screen(page_of_a_notebook, visit, scheme, width):
    page = visit(page_of_a_notebook, viewport=(width, 800), color_scheme=scheme)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Unfold all code").click()
    assert page.locator("details.code[open]").count() == 2
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert visits.unreadable(page) == []
    dark = page.evaluate("() => getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    widget = Widget(page)
    widget.root.scroll_into_view_if_needed()
    before = widget.painted().picture()
    widget.drag([0.3, 0.6, 0.95])
    page.wait_for_timeout(50)
    assert np.abs(widget.painted().picture().astype(int) - before).max() > 2


def test_colours_are_a_choice_that_is_kept(page_of_a_notebook, visit):
    page = visit(page_of_a_notebook, color_scheme="light")
    colour = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    for name, same in (("Colours: auto", True), ("Colours: light", False)):
        page.get_by_role("button", name=name).click()
        assert (page.evaluate(colour) == light) == same
    page.reload()
    assert page.evaluate(colour) != light and page.get_by_role("button", name="Colours: dark").is_visible()


def test_on_paper_there_is_the_settled_picture_or_that_of_the_start(page_of_a_notebook, visit):
    page = visit(page_of_a_notebook, viewport=(900, 300))
    page.emulate_media(media="print")
    still, widget = page.locator("[data-mounted] > .learnit-still"), Widget(page)
    assert page.locator("nav").is_hidden() and page.locator(".fold").is_hidden()
    assert still.is_visible() and widget.root.is_hidden(), "nobody has seen it so far"
    page.emulate_media(media="screen")
    assert still.is_hidden()
    widget.root.scroll_into_view_if_needed()
    widget.painted()
    page.emulate_media(media="print")
    assert still.is_hidden() and widget.root.locator("canvas").first.is_visible()
    assert (
        widget.slider.is_hidden() and widget.button("Play").is_hidden() and widget.root.locator(".readout").is_visible()
    )
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 900
