"""Pages with explorers that need neither Python nor a network: one file, with all code and data in it."""

import base64
import html
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from learnit_core import files
from learnit_core.errors import LearnitError
from learnit_core.explorer import assets


@runtime_checkable
class Shown(Protocol):
    """What a page needs of an explorer."""

    scene: dict[str, Any]
    data: bytes

    def static_png(self, position: Sequence[float]) -> bytes: ...


# A content security policy: nothing can be fetched or sent. A worker's program is a part of the page itself.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; worker-src blob:; "
    "base-uri 'none'; form-action 'none'"
)

_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""

_STYLE = """
:root { color-scheme: light dark; }
body { max-width: 60rem; margin: 1rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
h1, h2, h3, h2 + p, h3 + p { break-after: avoid; }
"""

# The part of a widget's model that the module uses, without a kernel behind it.
MOUNT = """
function mount(place) {
  const parts = JSON.parse(place.querySelector("script").textContent);
  const bytes = Uint8Array.from(atob(parts.data), (letter) => letter.charCodeAt(0));
  const state = { ...parts, data: new DataView(bytes.buffer) };
  const model = {
    live: false,
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; },
    on() {}, off() {}, save_changes() {}, send() {},
  };
  render({ model, el: place });
  if (place.querySelector("[role=group]")) place.dataset.mounted = ""; // else its picture stays
}
for (const place of document.querySelectorAll("[data-explorer]")) {
  try {
    mount(place);
  } catch (error) {
    sayInstead(place, new Error(`What it needs cannot be read: ${error.message}. Save or download it again.`));
  }
}
"""


def write_page(file: str | os.PathLike, title: str, sections: Sequence[tuple[str, Shown]]) -> Path:
    """Write a page of sections ``(html, explorer)``: the HTML unchanged, and the explorer below it, at its start.

    Returns the path. Raises LearnitError if an explorer can only be drawn by Python.
    """
    shown = "\n".join(f"{text}\n{live(explorer)}" for text, explorer in sections)
    page = document(title, _STYLE, f"<main>\n<h1>{html.escape(title)}</h1>\n{shown}\n</main>\n{runtime()}")
    with files.whole(file) as partial:
        partial.write_text(page, encoding="utf-8")
    return Path(file)


def document(title: str, style: str, body: str) -> str:
    """A whole page that can fetch and send nothing (:data:`POLICY`), of a title in plain text, CSS and HTML."""
    return _DOCUMENT.format(policy=html.escape(POLICY, quote=True), title=html.escape(title), style=style, body=body)


def live(explorer: Shown) -> str:
    """HTML of one explorer at its start. Needs :func:`runtime`; LearnitError if only Python can draw it."""
    if explorer.scene["engine"] == "kernel":
        raise LearnitError(
            f"the explorer {explorer.scene['title']!r} is drawn by Python, which a page does not have: "
            "expected one with the engine 'browser', 'auto' or 'frames'"
        )
    still = explorer.static_png(explorer.scene["start"])
    data, still = (base64.b64encode(content).decode() for content in (explorer.data, still))
    return embedded(explorer.scene, data, still)


def embedded(scene: Mapping[str, Any], data: str, still: str) -> str:
    """HTML of one explorer at its start; ``data`` and its picture ``still`` (PNG) in base64. Needs :func:`runtime`."""
    try:
        state = json.dumps({"scene": scene, "position": scene["start"], "data": data}, allow_nan=False)
    except ValueError as error:  # a browser would refuse the whole of it
        raise LearnitError(f"the explorer {scene['title']!r} has numbers that are not finite in its scene") from error
    label = html.escape(f"{scene['title']}: {' and '.join(scene['titles'])}", quote=True)
    safe = state.replace("<", "\\u003c")  # so that no text can end the script element
    return (
        f'<div data-explorer><script type="application/json">{safe}</script>'
        f'<img class="learnit-still" alt="{label}" src="data:image/png;base64,{still}"></div>'
    )


def runtime() -> str:
    """HTML that brings all :func:`embedded` explorers before it to life: style and code, once a page."""
    safe = program().replace("</script", "<\\/script")
    return f'<style>{assets.style()}</style>\n<script type="module">{safe}</script>'


def program() -> str:
    """The JavaScript of :func:`runtime`, for pages that share one file of it; it has to run after them."""
    return assets.module().replace("export default { render };", "") + MOUNT
