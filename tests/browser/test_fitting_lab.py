"""Fitting and meta-training in JupyterLab: Python gets what the page computes, the page fits what Python gives it."""

import numpy as np
import pytest
from fitting_page import FittingPage
from lab import Lab, notebook_of, reached
from test_meta_page import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.nightly]

CELLS = [
    """
import jax, numpy as np
from learnit_core import explorer, models

field = models.siren(2, 1, width=16, depth=3, w0=20.0, offset=0.4)
one, two = (field.init(key) for key in jax.random.split(jax.random.key(0)))
own = explorer.fitting(field, {"one": (one, ("sgd", 2e-3)), "two": (two, ("adam", 1e-3))}, shape=(12, 16), num_steps=4)
heard = []
own.observe(lambda change: heard.append(len(change["new"])), "targets")
own
""",
    """
learner = explorer.meta_training(models.siren(1, 1, width=8, depth=3, w0=20.0), num_steps=20)
learner
""",
    "flat = lambda params: [float(x) for layer in params for name in 'wb' for x in np.ravel(layer[name])]",
]
SHOWN = """(fitting, t) => fitting.fits.walked([fitting.position[0], t]).map(({ weights }) => [...weights])"""


@pytest.fixture(scope="module")
def lab(executable, tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("lab")).serving(notebook_of(CELLS)) as running:
        yield running


def test_value_is_what_the_page_shows_and_targets_come_from_both(lab, chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    lab.open(page)
    widget = FittingPage(page)
    widget.root.wait_for(timeout=120_000)
    widget.root.scroll_into_view_if_needed()
    assert widget.settled(seconds=120).data("engine") == "worker"
    # A drawing, fitted, dragged against the other picture: Python has the very weights that are shown.
    widget.draw([(0.1, 0.1), (0.9, 0.9)])
    widget.settled()
    widget.set(widget.steps, 3)
    widget.set(widget.walk, 0.25)
    widget.settled()
    assert reached(lab, page, "own", [3.0, 0.25])
    page.wait_for_timeout(500)
    told = lab.ask("[flat(own.value[name]) for name in ('one', 'two')]")
    shown = np.array(widget.run(SHOWN, 0.25))
    for python, browser in zip(told, shown, strict=True):
        browser[-1] += 0.1  # the page's networks add 0.5, this one 0.4
        np.testing.assert_allclose(python, browser, atol=1e-6)
    np.testing.assert_array_equal(lab.ask("own.target.tolist()"), widget.target().tolist())
    assert lab.ask("heard") == [2 * 4 * 192], "one drawing, heard of once"
    # From Python: another picture, another place.
    lab.tell("own.target = np.linspace(0, 1, 192).reshape(12, 16); own.position = [4, 0]")
    page.wait_for_function("() => document.querySelector('.learnit-explorer').dataset.painted === '4,0'")
    widget.settled()
    np.testing.assert_allclose(widget.target().ravel(), np.linspace(0, 1, 192), atol=1e-6)
    expected = lab.ask("[p.tolist() for p in own.pictures()]")
    for i, picture in enumerate(expected):
        assert np.abs(widget.picture(2 + i).astype(int) - np.array(picture)).max() <= 2
    # Letters are the word's, not JupyterLab's commands.
    cells = page.locator(".jp-Cell").count()
    widget.word.click()
    page.keyboard.type("abdd")
    assert widget.word.input_value() == "abdd" and page.locator(".jp-Cell").count() == cells
    widget.settled()
    assert problems == []
    context.close()


def test_what_is_learned_reaches_python(lab, chromium):
    page = chromium.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    lab.open(page)
    widget = Page(page, 1)
    widget.root.wait_for(timeout=120_000)
    widget.root.scroll_into_view_if_needed()
    widget.settled(20, seconds=120)
    widget.slide("Inner steps", 3)
    widget.button("One outer step").click()
    widget.settled(21)
    widget.slider.focus()
    page.keyboard.press("End")
    assert reached(lab, page, "learner", [10.0]), "and the arrow keys are not JupyterLab's"
    np.testing.assert_allclose(lab.ask("learner.losses.tolist()"), widget.losses, rtol=1e-6)
    told = lab.ask("flat(learner.value['learned start'])")
    np.testing.assert_array_equal(np.float32(told), widget.run("(one) => [...one.trainer.weights]"))
    assert lab.ask("learner.settings['inner_steps']") == 3 and lab.ask("learner.told") > 1
    lab.tell("learner.position = [2]")
    page.wait_for_function("() => document.querySelectorAll('.learnit-explorer')[1].dataset.painted === '2'")
    page.context.close()
