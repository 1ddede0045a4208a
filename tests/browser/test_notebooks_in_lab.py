"""The suite's own notebooks in JupyterLab: their explorers appear, a drag changes the picture and reaches Python."""

import re

import nbformat
import numpy as np
import pytest
from browsing import Widget
from lab import Lab, reached, shows

from learnit_core.commands.repository import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
NAMED = {
    "01_image_regression": ("walk", "Between two networks of 5 x 256"),
    "02_ct_reconstruction": ("heads", "Between reconstructions from 4 projections"),
    "03_view_synthesis": ("between", "Between two objects"),
    "04_phototourism": ("square", "One landmark, four appearances"),
    "05_your_own_signals": ("slider", "Between two signals"),
}
"""The variable that holds an explorer of each notebook, and its title; None for a notebook that has none."""
MINUTES = 10
ERROR = '[data-mime-type="application/vnd.jupyter.error"]'
ALL_RUN = """
() => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].map((prompt) => prompt.textContent);
  const waiting = prompts.some((text) => text.includes("*"));
  return kernel.status === "idle" && !waiting && prompts.some((text) => /\\d/.test(text));
}
"""
PLACE = "(all, title) => all.findIndex((one) => one.getAttribute('aria-label') === title)"


def test_every_notebook_with_explorers_is_named():
    assert NOTEBOOKS, f"no notebooks in {ROOT / 'notebooks'}"
    for path in NOTEBOOKS:
        made = re.search(r"explorer\.(networks|steps|frames)\(|_explorers\.\w+\(", path.read_text(encoding="utf-8"))
        if NAMED.get(path.stem) is None:
            assert not made, f"{path.stem} has an explorer: add its variable and title to NAMED in {__file__}"


def complains(message):
    """Badges that cannot be fetched without a network are no fault of the page's."""
    return message.type == "error" and "net::ERR_NAME_NOT_RESOLVED" not in message.text


@pytest.mark.nightly
@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if NAMED.get(path.stem)], ids=lambda path: path.stem)
def test_the_explorers_of_a_notebook(path, chromium, tmp_path):
    variables = {"LEARNIT_MAX_STEPS": "2", "LEARNIT_PROFILE": "quick", "LEARNIT_OUT": str(tmp_path / "out")}
    (name, title), problems = NAMED[path.stem], []
    with Lab(tmp_path).serving(nbformat.read(path, 4), **variables) as lab:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.on("console", lambda message: complains(message) and problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        lab.open(page)
        there = page.locator(f'.learnit-explorer[aria-label="{title}"]')
        there.or_(page.locator(ERROR)).first.wait_for(timeout=60_000 * MINUTES)
        assert page.locator(ERROR).all_text_contents() == []
        page.wait_for_function(ALL_RUN, timeout=60_000 * MINUTES)  # a kernel that still trains would not answer
        index = page.locator(".learnit-explorer").evaluate_all(PLACE, title)
        for i in range(index + 1):
            Widget(page, i).root.scroll_into_view_if_needed()
            Widget(page, i).painted(seconds=60)

        shown = Widget(page, index)
        shown.drag(np.linspace(0.5, 0.1, 5), pause=20)  # from there on, so that even two pictures differ
        before = shown.painted().picture()
        shown.drag(np.linspace(0.1, 0.9, 10), pause=20)
        end = float(shown.slider.input_value())
        position = shown.painted().position  # of all controls: a camera may stand beside the slider
        assert end in position and 0.8 < end < 1 and (shown.picture() != before).any()
        assert reached(lab, page, name, position)
        assert shows(lab, shown, name)
        context.close()
    assert problems == []
