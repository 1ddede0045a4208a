"""Meta-training on a page without Python: what is trained and shown, by mouse, finger and keyboard; what goes wrong."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from browsing import Widget
from test_fitting_page import NO_WORKERS, PHONE

from learnit_core import explorer, fit, losses, models
from learnit_core.evaluate import Setting
from learnit_core.explorer import learning
from learnit_core.structures import Pixels

pytestmark = pytest.mark.browser

STEPS = 12
STATE = """(wanted) => {
  const shown = document.querySelector(".learnit-explorer")?.dataset;
  return shown?.state === "failed" || (shown?.state === "ready" && (wanted === null || shown.step === wanted));
}"""
STROKE = [(0.1, 0.2), (0.5, 0.9), (0.9, 0.2)]


def small(**options):
    """A widget of a small network, quick to train."""
    field = models.siren(1, 1, width=8, depth=3, w0=10.0, offset=0.4)
    classes = {"sines": learning.sines(24, points=16), "jumps": learning.jumps(16, points=16)}
    return explorer.meta_training(field, classes, **{"num_steps": STEPS, "batch": 2} | options)


class Page(Widget):
    """One widget that meta-trains, on a page."""

    def settled(self, step=None, *, seconds=60):
        """Wait until it trains no more (after ``step`` outer steps), and all that was asked for is shown."""
        self.page.wait_for_timeout(30)  # so that what has just been done is known
        wanted = None if step is None else str(step)
        self.page.wait_for_function(STATE, arg=wanted, timeout=1000 * seconds)
        assert self.data("state") != "failed", self.message
        return self

    def slide(self, name, value):
        """Put a slider somewhere, as a hand does."""
        self.root.get_by_label(name, exact=True).evaluate(
            "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }", value
        )

    def choose(self, label, option):
        self.root.locator("label", has_text=label).locator("select").select_option(option)

    def stroke(self, plot, path=STROKE):
        """Draw on a plot with the mouse, along places in [0, 1] from its lower left corner."""
        plot.scroll_into_view_if_needed()
        box, mouse = plot.bounding_box(), self.page.mouse
        for i, (x, y) in enumerate(path):
            mouse.move(box["x"] + x * box["width"], box["y"] + (1 - y) * box["height"])
            if not i:
                mouse.down()
        mouse.up()

    @property
    def losses(self):
        return self.run("(one) => one.trainer.losses")

    @property
    def plots(self):
        return self.root.locator(".panes .plot")

    @property
    def dbs(self):
        return [float(text.split()[0]) for text in self.root.locator(".db").all_inner_texts()]


@pytest.fixture(scope="module")
def page_of(tmp_path_factory):
    shown = small()
    return shown, shown.to_html(tmp_path_factory.mktemp("meta") / "page.html")


@pytest.fixture
def opened(page_of, visit):
    """``opened(**options)``: the widget on its page, trained as far as it trains by itself."""
    return lambda **options: Page(visit(page_of[1], **options)).settled(STEPS)


@pytest.mark.parametrize("kind", NO_WORKERS)
def test_it_trains_and_shows_what_the_learned_start_makes_of_a_new_curve(opened, page_of, kind):
    shown, widget = page_of[0], opened(script=NO_WORKERS[kind])
    assert widget.data("engine") == ("worker" if kind == "a worker" else "page")
    assert f"{STEPS} outer steps" in widget.note
    first, learned = widget.dbs, widget.run("(one) => [...one.trainer.weights]")
    # The fit is Python's, from the weights that the page has.
    layers = shown.scene["network"]["layers"]
    params = learning.export.unflattened(np.array(learned, np.float32), layers)
    params[-1]["b"] += 0.1  # the page's networks add 0.5, this one 0.4
    target = shown._classes["sines"][1][0][:, None]
    field, pixels = shown._field, Pixels(jnp.arange(16)[:, None] / 16, jnp.asarray(target))
    loss = losses.regression_loss(field)
    fitted = fit.fit(
        loss, params, pixels, jax.random.key(0), optimizer=Setting("sgd", 3e-2).build(), num_steps=2
    ).params
    assert first[0] == pytest.approx(-10 * np.log10(loss(fitted, pixels, None)), abs=0.06)
    # Something else in the middle of it: a pause, and on from there.
    widget.button("Train").click()
    widget.page.wait_for_function("(n) => document.querySelector('.learnit-explorer').dataset.step > n", arg=STEPS)
    widget.button("Pause").click()
    step = int(widget.settled().data("step"))
    assert step > STEPS
    widget.button("One outer step").click()
    assert len(widget.settled(step + 1).losses) == step + 1
    assert widget.dbs[1] == first[1], "random weights stay"


def test_each_algorithm_class_and_number_changes_what_is_trained(opened):
    widget = opened()
    seen = {json.dumps(widget.losses)}
    assert widget.losses[-1] < widget.losses[0]
    for label, option in (("Algorithm", "fomaml"), ("Algorithm", "reptile"), ("Curves", "jumps"), ("Curves", "sines")):
        widget.choose(label, option)
        seen.add(json.dumps(widget.settled(STEPS).losses))
    widget.choose("Algorithm", "maml")
    widget.settled(STEPS)
    for name, value in (("Inner steps", 5), ("Inner rate", -2.5), ("Outer rate", -2), ("Training signals", 0)):
        before = widget.run("(one) => ({ ...one.trainer.settings })")
        widget.slide(name, value)
        widget.button("Start again").click()
        widget.settled(0)
        widget.button("Train").click()
        widget.page.wait_for_function("(n) => document.querySelector('.learnit-explorer').dataset.step >= n", arg=STEPS)
        widget.button("Pause").click()
        seen.add(json.dumps(widget.settled().losses[:STEPS]))
        assert widget.run("(one) => one.trainer.settings") != before
    assert len(seen) >= 8
    widget.button("Reset").click()
    assert json.dumps(widget.settled(STEPS).losses) in seen, "the same again"


def test_diverging_is_shown_and_can_be_undone(opened):
    widget = opened()
    good, best = widget.losses, widget.run("(one) => one.trainer.best.step")
    widget.slide("Outer rate", -1)
    widget.slide("Inner rate", 0)
    widget.button("Train").click()
    widget.page.wait_for_function("() => document.querySelector('.learnit-explorer').dataset.diverged === 'true'")
    widget.settled()
    assert widget.message.startswith("Diverged at outer step") and widget.root.locator(".lost").count() == 1
    widget.button("Train").click(force=True)
    assert "lower a rate" in widget.settled().note
    widget.slide("Outer rate", -3)
    widget.slide("Inner rate", np.log10(3e-2))
    widget.button("Back to the last good weights").click()
    widget.settled(best)
    assert widget.message == "" and widget.losses == good[:best] and widget.data("diverged") == "false"
    widget.button("One outer step").click()
    widget.settled(best + 1)
    assert widget.losses[-1] < 2 * good[best], "it goes on from good weights"
    # The inner loop diverges from the first step on: there are no good weights, and one starts again.
    widget.button("Start again").click()
    widget.slide("Inner steps", 10)
    widget.slide("Inner rate", 0)
    widget.settled(0)
    widget.button("Train").click()
    widget.page.wait_for_function("() => document.querySelector('.learnit-explorer').dataset.diverged === 'true'")
    widget.settled()
    widget.button("Back to the last good weights").click()
    assert widget.settled(0).data("diverged") == "false" and np.isfinite(widget.dbs).all() is not None


def test_curves_of_ones_own(opened):
    widget = opened()
    widget.choose("Curves", "your own")
    widget.settled(0)
    widget.button("Train").click(force=True)
    assert "nothing to learn from" in widget.note
    paper = widget.root.locator(".own .plot")
    widget.stroke(paper)
    heights = widget.root.get_by_label("Heights")
    for text, said in (("", "Type heights"), ("0.1 x", "Type heights"), ("0.1 7", "Type heights"), ("0.9 0,1 0.9", "")):
        heights.fill(text)
        heights.press("Enter")
        assert widget.note.startswith(said), text
    first, second = np.array(widget.run("(one) => one.trainer.curves.map((curve) => [...curve])"))
    assert first.argmax() in (7, 8) and first[0] == pytest.approx(first[1], abs=0.1) and 0 <= first.min() < 0.25
    assert second[0] == pytest.approx(0.9) and second.min() == pytest.approx(0.1, abs=0.06)
    np.testing.assert_allclose(widget.run("(one) => [...one.trainer.target]"), (first + second) / 2, atol=1e-6)
    widget.button("Train").click()
    widget.page.wait_for_function("() => document.querySelector('.learnit-explorer').dataset.step > 20")
    widget.button("Pause").click()
    assert widget.settled().losses[-1] < widget.losses[0]
    widget.button("Forget all").click()
    assert widget.settled().run("(one) => one.trainer.curves.length") == 0
    # The curve that is fitted is drawn anew, too.
    before = widget.dbs
    widget.stroke(widget.plots.first, [(0.2, 0.9), (0.8, 0.1)])
    drawn = np.array(widget.settled().run("(one) => [...one.trainer.target]"))
    assert drawn[4] > 0.7 and drawn[12] < 0.3 and widget.dbs != before


def test_a_hidden_tab_goes_on_training(opened):
    widget = opened()
    widget.page.evaluate(
        "() => { Object.defineProperty(document, 'hidden', { value: true });"
        " window.requestAnimationFrame = () => 0; window.setTimeout = () => 0; }"
    )
    widget.button("One outer step").click()
    assert len(widget.settled(STEPS + 1).losses) == STEPS + 1


def test_damaged_curves_are_a_sentence(page_of, visit, tmp_path):
    text = page_of[1].read_text()
    at = text.index('"data": "') + 9
    (tmp_path / "cut.html").write_text(text[: at + 400] + text[text.index('"', at) :])
    page = visit(tmp_path / "cut.html")
    assert "Some of its data is missing" in page.get_by_role("alert").inner_text()


def test_a_phone_and_a_finger(opened):
    widget = opened(**PHONE)
    page = widget.page
    assert page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    edges = "(all) => all.map((one) => one.getBoundingClientRect()).map(({ left, right }) => [left, right])"
    boxes = widget.root.locator("*:visible").evaluate_all(edges)
    assert min(left for left, _ in boxes) >= 0 and max(right for _, right in boxes) <= 360
    widget.button("One outer step").tap()  # first: a browser takes a tap right after a drag for a part of it
    widget.settled(STEPS + 1)
    plot, before = widget.plots.first, widget.run("(one) => [...one.trainer.target]")
    plot.scroll_into_view_if_needed()
    box, session = plot.bounding_box(), page.context.new_cdp_session(page)
    scrolled = page.evaluate("() => scrollY")
    for kind, y in [("touchStart", 0.1), ("touchMove", 0.5), ("touchMove", 0.9), ("touchEnd", None)]:
        points = [] if y is None else [{"x": box["x"] + y * box["width"], "y": box["y"] + y * box["height"]}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert widget.settled().run("(one) => [...one.trainer.target]") != before
    assert page.evaluate("() => scrollY") == scrolled, "the page stays where it is while a finger draws"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_keys_do_all_but_draw(opened, scheme):
    from axe_playwright_python.sync_playwright import Axe

    widget = opened(color_scheme=scheme)
    widget.choose("Curves", "your own")
    widget.settled(0)
    results = Axe().run(widget.page)
    assert results.violations_count == 0, results.generate_report()
    keyboard, active = (
        widget.page.keyboard,
        "() => [document.activeElement.type, document.activeElement.dataset.lmSuppressShortcuts]",
    )
    widget.page.evaluate("() => document.activeElement.blur()")
    reached = []
    for _ in range(18):
        keyboard.press("Tab")
        reached.append(widget.page.evaluate(active))
        if reached[-1][0] == "text":
            keyboard.type("0.2 0.8")
            keyboard.press("Enter")
    kinds = [kind for kind, mark in reached if mark == "true"]
    assert kinds.count("range") == 5 and kinds.count("select-one") == 2 and kinds.count("text") == 1
    assert kinds.count("button") == 10
    widget.button("One outer step").focus()
    keyboard.press("Enter")
    assert len(widget.settled(1).losses) == 1
    widget.slider.focus()
    keyboard.press("End")
    assert widget.settled().position == [10]
