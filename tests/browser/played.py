"""A widget in a notebook whose kernel is this process: messages go both ways, each when the test says so."""

import base64
import json

from learnit_core.explorer import assets

HOST = """
async ([code, style, state]) => {
  document.head.append(Object.assign(document.createElement("style"), { textContent: style }));
  const { default: widget } = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  const heard = {};
  const made = (value) => value?.bytes === undefined ? value
    : new DataView(Uint8Array.from(atob(value.bytes), (letter) => letter.charCodeAt(0)).buffer);
  const known = { ...state };
  const text = (buffer) => btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""));
  window.host = {
    sent: [],
    // A change is heard of where a value is another, as in Jupyter.
    update: (state) => {
      const changed = Object.keys(state).filter((name) => JSON.stringify(known[name]) !== JSON.stringify(state[name]));
      Object.assign(known, state);
      for (const name of changed) heard[`change:${name}`]?.forEach((callback) => callback());
    },
  };
  const model = {
    get: (name) => made(known[name]),
    set: (name, value) => host.update({ [name]: value }),
    on: (name, callback) => (heard[name] ??= []).push(callback),
    off: (name, callback) => { heard[name] = heard[name].filter((other) => other !== callback); },
    save_changes: () => {},
    send: (content, _, buffers) => { host.sent.push([content, buffers.map(text)]); },
  };
  widget.render({ model, el: document.body.appendChild(document.createElement("div")) });
}
"""


def text(value):
    """Bytes as the page takes them; all else as it is."""
    if isinstance(value, bytes | memoryview):
        return {"bytes": base64.b64encode(value).decode()}
    return value


class Comm:
    """What a widget sends, kept."""

    kernel, comm_id = True, "played"

    def __init__(self):
        self.sent = []

    def send(self, data=None, buffers=None, **_):
        for path, buffer in zip(data.get("buffer_paths", []), buffers or [], strict=True):
            data["state"][path[0]] = bytes(buffer)
        self.sent.append({name: text(value) for name, value in data["state"].items()})

    def on_msg(self, _):
        pass

    def close(self, *_):
        pass


class Kernel:
    """Opens ``shown`` on an empty page; ``visit`` is the fixture."""

    def __init__(self, shown, visit, folder):
        self.shown, self.late = shown, []
        file = folder / "notebook.html"
        file.write_text("<!doctype html><html lang=en><title>A notebook</title><body></body></html>")
        self.page = visit(file)
        names = [name for name in ("scene", "data", "position", "targets", "times_given") if shown.has_trait(name)]
        state = {name: text(getattr(shown, name)) for name in names}
        shown.comm = self.comm = Comm()
        self.page.evaluate(HOST, [assets.module(), assets.style(), state])

    def hears(self, *, calm=400):
        """Python hears what the page has told by now, which is what has not changed for a while: ``calm`` ms and more
        without a message. What it says to that is on its way. Returns how many messages there were.
        """
        number = -1
        while number != (number := self.page.evaluate("() => host.sent.length")):
            self.page.wait_for_timeout(calm)
        for content, buffers in self.page.evaluate("() => host.sent.splice(0)"):
            self.shown._handle_custom_msg(content, [base64.b64decode(buffer) for buffer in buffers])
        return number

    def says(self):
        """What Python has said since arrives. Returns how often each name was in it."""
        states, self.comm.sent = self.comm.sent, []
        for state in states:
            self.page.evaluate("(state) => host.update(state)", json.loads(json.dumps(state)))
        return [name for state in states for name in state]
