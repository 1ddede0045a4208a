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
from learnit_core.explorer import assets, learning
from learnit_core.structures import Pixels

pytestmark = pytest.mark.browser

STEPS = 12
STATE = """([index, wanted]) => {
  const shown = document.querySelectorAll(".learnit-explorer")[index]?.dataset;
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
        self.page.wait_for_function(STATE, arg=[self.index, wanted], timeout=1000 * seconds)
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


def test_diverging_is_shown_and_can_be_undone(opened, page_of):
    widget, size = opened(), sum((i + 1) * o for i, o in page_of[0].scene["network"]["layers"])
    first = np.frombuffer(page_of[0].data, "<f4", size)
    good, best = widget.losses, widget.run("(one) => one.trainer.best.step")
    widget.slide("Outer rate", -1)
    widget.button("Train").click()
    widget.page.wait_for_function("() => document.querySelector('.learnit-explorer').dataset.diverged === 'true'")
    widget.settled()
    assert widget.message.startswith("Diverged at outer step") and widget.root.locator(".lost").count() == 1
    widget.button("Train").click(force=True)
    assert "lower a rate" in widget.settled().note
    widget.slide("Outer rate", -3)
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
    assert widget.settled(0).data("diverged") == "false" and widget.message == ""
    assert widget.run("(one) => [...one.trainer.weights]") == pytest.approx(first.tolist()), "from the random weights"


def test_that_the_error_has_risen_is_said_once(opened):
    widget = opened()
    widget.button("Train").click()  # so that no summary is said meanwhile
    widget.button("Pause").click()
    widget.settled()
    told = widget.page.evaluate_handle(
        "() => { const said = []; const note = document.querySelector('.note'); new MutationObserver(() =>"
        " said.push(note.textContent)).observe(note, { childList: true, characterData: true, subtree: true });"
        " return said; }"
    )
    says = (
        "(one, worse) => one.trainer.fitter.heard({ ...one.trainer, worse, running: true, heard: one.trainer.heard,"
        " from: 0, losses: [...one.trainer.losses], random: null })"
    )
    for worse in (2, 11, 12, 30, 9, 751, 6, 4, 1):
        widget.run(says, worse)
    widget.page.wait_for_timeout(50)
    said = told.json_value()
    assert len(said) == 2 and said[0].startswith("The error has risen to more than 10 times its best") and said[1] == ""


SERVED = """([code, { network, points, weights, curves, changed }]) => {
  const made = new Function(`${code}; const base = fittingProgram(); return metaProgram(base);`)();
  let last = null;
  const answer = made.serve((report) => { last = report; });
  const settings = { algorithm: "maml", innerSteps: 2, innerRate: 0.03, outerRate: 1e-3, batch: 2 };
  const all = curves.map((curve) => Float32Array.from(curve));
  const given = { settings, curves: all.slice(0, 4), target: all[0] };
  const { count, others, target, ...more } = changed;
  const seen = others ? all.slice(4, 8) : all.slice(0, count ?? 4);
  const next = { settings: { ...settings, ...more }, curves: seen, target: all[target ?? 0] };
  return (async () => {
    await answer({ kind: "first", network, points, weights: Float32Array.from(weights), seed: 0, steps: 3 });
    await answer({ kind: "set", ...given });
    await answer({ kind: "run", until: 40 });
    const before = last.best;
    await answer({ kind: "set", ...next });
    await answer({ kind: "run", until: 45 });
    const soon = last;
    await answer({ kind: "run", until: 60 });
    const later = last;
    await answer({ kind: "back" });
    return { before, soon: { worse: soon.worse, best: soon.best }, later: later.best, back: last.from };
  })();
}"""
CHANGES = {
    "the algorithm": ({"algorithm": "fomaml"}, False), "the inner steps": ({"innerSteps": 1}, False),
    "the inner rate": ({"innerRate": 1e-3}, False), "the number of curves": ({"count": 1}, False),
    "the curves": ({"others": True}, False),
    "the outer rate": ({"outerRate": 0.02}, True), "the curve that is fitted": ({"target": 5}, True),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_an_error_is_compared_with_errors_that_mean_the_same(chromium, page_of, change):
    """After 40 outer steps something is changed: its best is then of before only if an error means what it did."""
    changed, same = CHANGES[change]
    page, network = chromium.new_page(), page_of[0].scene["network"]
    weights = np.frombuffer(page_of[0].data, "<f4", sum((i + 1) * o for i, o in network["layers"]))
    curves = np.concatenate([learning.sines(4, points=16), learning.jumps(4, points=16)])
    given = {
        "network": network, "points": 16, "weights": weights.tolist(), "curves": curves.tolist(), "changed": changed,
    }  # fmt: skip
    code = "".join(assets.files()[name] for name in ("f1_gradients.js", "m1_gradients.js"))
    found = page.evaluate(SERVED, [code, given])
    page.close()
    assert found["before"]["step"] < 40 and found["back"] == found["later"]["step"]
    if same:
        assert found["soon"]["worse"] > 1 or found["soon"]["best"]["step"] >= 40
    else:  # weights to go back to stay until there are others
        assert found["soon"] == {"worse": 1, "best": found["before"]}
        assert found["later"] == found["before"] or found["later"]["step"] >= 50


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
