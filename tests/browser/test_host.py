"""The widget in a notebook whose kernel the test plays: answers that are late, broken or missing, and none at all."""

import numpy as np
import pytest
from browsing import Widget, small

from learnit_core.explorer import assets

pytestmark = pytest.mark.browser

HOST = """
async ([code, style, state]) => {
  document.head.append(Object.assign(document.createElement("style"), { textContent: style }));
  const { default: widget } = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  const heard = { "msg:custom": [], "change:position": [] };
  window.host = {
    state: { data: new DataView(new ArrayBuffer(0)), ...state },
    sent: [],
    told: 0,
    // What the kernel does with a question; tests put something else here.
    kernel: (question) => host.draw(question, 0),
    reply: (message, buffers) => heard["msg:custom"].forEach((callback) => callback(message, buffers)),
    draw: ({ id, position }, as) => {
      const picture = new Uint8Array(16).fill(Math.round(255 * position[0]));
      const buffers = [[new DataView(picture.buffer)], [picture.buffer]][as];
      host.reply({ kind: "drawn", id, shapes: [[4, 4, 1]], fine: true }, buffers);
    },
    fromPython: (position) => {
      host.state.position = position;
      heard["change:position"].forEach((callback) => callback());
    },
  };
  const model = {
    get: (name) => host.state[name],
    set: (name, value) => { host.state[name] = value; },
    on: (name, callback) => heard[name].push(callback),
    off: (name, callback) => { heard[name] = heard[name].filter((other) => other !== callback); },
    save_changes: () => { host.told += 1; },
    send: (question) => { host.sent.push(question); setTimeout(() => host.kernel(question)); },
  };
  const el = document.body.appendChild(document.createElement("div"));
  host.close = widget.render({ model, el });
}
"""


@pytest.fixture
def host(visit, tmp_path):
    """``host(before)``: a widget drawn by a kernel; ``before`` is JavaScript that runs before it starts."""

    def host(scene=(), clock=False, script=None):
        file = tmp_path / "host.html"
        file.write_text("<!doctype html><html lang=en><title>A notebook</title><body></body></html>")
        page = visit(file, script=script)
        if clock:
            page.clock.install()
        shown = small("line", panes=("Meta",), shape=(4, 4), channels=1, engine="kernel")
        state = {"scene": shown.scene | dict(scene), "position": shown.scene["start"]}
        page.evaluate(HOST, [assets.module(), assets.style(), state])
        return Widget(page)

    return host


def fails(widget):
    widget.page.wait_for_selector("[data-state=failed]", timeout=10_000)
    return widget.message


NO_LIGHT = """() => {
  host.kernel = (question) => {
    if (question.position[0] > 0.6) host.reply({ kind: "drawn", id: question.id, error: "There is no light" });
    else host.draw(question, 0);
  };
}"""


def test_python_brings_a_failed_widget_back(host):
    widget = host().painted()
    widget.page.evaluate(NO_LIGHT)
    widget.slider.focus()
    widget.page.keyboard.press("End")
    assert "There is no light" in fails(widget)
    widget.page.wait_for_timeout(400)  # nothing is left that would ask again
    widget.page.evaluate("() => host.fromPython([0.25])")
    widget.painted([0.25])
    assert widget.message == "" and widget.slider.input_value() == "0.25"
    assert (widget.picture() == 64).all()


def test_buffers_come_as_views_or_as_they_are(host):
    widget = host().painted()
    widget.page.evaluate("() => { host.kernel = (question) => host.draw(question, 1); }")
    widget.slider.focus()
    widget.page.keyboard.press("Home")
    assert (widget.painted([0]).picture() == 0).all()
    assert widget.data("engine") == "kernel"


BROKEN = {
    "no shapes": "host.reply({ kind: 'drawn', id, fine: true }, [])",
    "no buffers": "host.reply({ kind: 'drawn', id, fine: true, shapes: [[4, 4, 1]] }, [])",
    "no list of buffers": "host.reply({ kind: 'drawn', id, fine: true, shapes: [[4, 4, 1]] })",
    "a short buffer": "host.reply({ kind: 'drawn', id, fine: true, shapes: [[4, 4, 1]] }, [new ArrayBuffer(3)])",
    "something else": "host.reply({ kind: 'drawn', id, fine: true, shapes: [[4, 4, 1]] }, ['text'])",
}


@pytest.mark.parametrize("reply", BROKEN)
def test_a_broken_answer_is_said_and_the_next_one_counts(host, reply):
    widget = host().painted()
    widget.page.evaluate(f"() => {{ host.kernel = ({{ id }}) => {BROKEN[reply]}; }}")
    widget.slider.focus()
    widget.page.keyboard.press("End")
    assert fails(widget).startswith("The explorer cannot draw. ")
    widget.page.evaluate("() => { host.kernel = (question) => host.draw(question, 0); }")
    widget.page.keyboard.press("Home")
    assert (widget.painted([0]).picture() == 0).all() and widget.message == ""


def test_a_kernel_that_is_silent_and_comes_back(host):
    widget = host(clock=True).painted()
    widget.page.evaluate("() => { host.kernel = () => {}; }")
    widget.slider.focus()
    widget.page.keyboard.press("End")
    widget.page.clock.run_for(16_000)
    assert fails(widget) == (
        "The explorer cannot draw. Python does not answer: it is busy or was restarted. "
        "If the kernel was restarted, run this cell again."
    )
    widget.page.evaluate("() => { host.kernel = (question) => host.draw(question, 0); }")
    widget.page.keyboard.press("Home")
    widget.painted([0])


def test_a_closed_widget_waits_for_nothing(host):
    widget = host(clock=True).painted()
    widget.page.evaluate("() => { host.kernel = () => {}; }")
    widget.slider.focus()
    widget.page.keyboard.press("End")
    widget.page.evaluate("() => host.close()")
    widget.page.clock.run_for(16_000)
    assert widget.data("state") == "waiting" and widget.message == ""


def test_weights_are_in_python_when_python_says_so(host):
    widget = host().painted()
    taken = "(question) => host.reply({ kind: 'taken', id: question.id })"
    widget.page.evaluate(f"() => {{ host.kernel = {taken}; }}")
    widget.button("Weights to Python").click()
    widget.page.wait_for_function("() => document.querySelector('.note').textContent !== ''")
    assert widget.note == "The .value of this explorer holds these weights."
    assert widget.page.evaluate("() => host.sent.at(-1).kind") == "take"
    assert widget.page.evaluate("() => host.sent.at(-1).position") == [0.5]


def test_weights_are_not_in_a_python_that_is_gone(host):
    widget = host(clock=True).painted()
    widget.page.evaluate("() => { host.kernel = () => {}; }")
    widget.button("Weights to Python").click()
    widget.page.clock.run_for(16_000)
    widget.page.wait_for_function("() => document.querySelector('.note').textContent !== ''")
    assert "Python does not answer" in widget.note and "holds these weights" not in widget.note


def test_what_python_does_not_hear_is_painted_all_the_same(host):
    widget = host().painted()
    script = """(explorer) => { explorer.model.save_changes = () => { throw new Error("Kernel is dead"); }; }"""
    widget.run(script)
    widget.slider.focus()
    widget.page.keyboard.press("End")
    widget.painted([1])
    assert (widget.picture() == 255).all() and widget.data("engine") == "kernel"
    assert widget.note == "Python does not hear where the controls stand." and widget.message == ""


def test_an_error_in_painting_is_not_the_engines(host):
    widget = host().painted()
    widget.run("(explorer) => { explorer.player.painted = () => { throw new Error('No paint'); }; }")
    widget.slider.focus()
    widget.page.keyboard.press("End")
    assert fails(widget) == "The explorer cannot draw. No paint."
    widget.run("(explorer) => { explorer.player.painted = () => {}; }")
    widget.page.keyboard.press("Home")
    assert (widget.painted([0]).picture() == 0).all() and widget.message == ""


def test_a_start_that_fails_leaves_a_message_and_no_box(host):
    widget = host(scene={"engine": "unheard-of"})
    assert widget.page.locator(".learnit-explorer").count() == 1
    assert widget.page.locator("canvas").count() == 0
    assert widget.page.get_by_role("alert").inner_text().startswith("The explorer cannot start.")


def test_playing_stops_where_drawing_fails(host):
    widget = host().painted()
    widget.page.evaluate(NO_LIGHT)
    widget.button("Play").click()
    assert "There is no light" in fails(widget)
    assert widget.button("Play").inner_text() == "Play"
    widget.page.keyboard.press("Tab")  # nothing hangs: what can be drawn is drawn
    widget.page.keyboard.press("Home")
    assert (widget.painted([0]).picture() == 0).all()


def test_one_question_at_a_time(host):
    widget = host().painted()
    late = """() => {
      host.sent.length = 0;
      host.open = host.most = 0;
      host.kernel = (question) => {
        host.most = Math.max(host.most, ++host.open);
        setTimeout(() => { host.open -= 1; host.draw(question, 0); }, 120);
      };
    }"""
    widget.page.evaluate(late)
    widget.drag(np.linspace(0.5, 0.9, 30))
    end = float(widget.slider.input_value())
    widget.painted([end])
    assert widget.page.evaluate("() => host.most") == 1
    assert 2 <= widget.page.evaluate("() => host.sent.length") < 30, "as many questions as moves"
