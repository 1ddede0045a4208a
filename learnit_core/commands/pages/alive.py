"""What stands in an executed notebook's place of its widgets where there is no kernel."""

import copy
import html
from collections.abc import Mapping
from typing import Any

from nbformat import NotebookNode

from learnit_core.explorer.page import embedded

CONTROL = "[A control stands here in a running notebook: `make lab`.]"
WIDGET = "application/vnd.jupyter.widget-view+json"
LEFT_OUT = {"badges", "colab"}
"""Tags of cells that a page does not have: pictures from the network, and what only Colab runs."""


def without_kernel(notebook: NotebookNode) -> tuple[NotebookNode, int]:
    """A copy of ``notebook`` that needs no kernel, and how many explorers of it are alive.

    Explorers that the browser can draw are HTML that :func:`learnit_core.explorer.page.runtime` brings to life; for
    other controls a picture or a line of text stands in. Pictures have the words that the notebook gave them. Cells
    tagged "badges" and "colab" are left out.
    """
    page, alive = copy.deepcopy(notebook), 0
    models = page.metadata.pop("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    page.cells = [cell for cell in page.cells if not LEFT_OUT & {*cell.metadata.get("tags", [])}]
    for cell in page.cells:
        for output in cell.get("outputs", []):
            if WIDGET in output.get("data", {}):
                model, still = models.get(output.data[WIDGET]["model_id"], {}), output.data.get("image/png")
                explorer = _explorer(model, still)
                alive += explorer is not None
                output.data = {"text/html": explorer} if explorer else _stands_in(model, still)
            elif "image/png" in output.get("data", {}) and "text/html" not in output.data:
                words = output.get("metadata", {}).get("image/png", {}).get("alt", "")
                output.data = {"text/html": _picture(words, output.data["image/png"])}
    return page, alive


def _explorer(model: Mapping[str, Any], still: str | None) -> str | None:
    """HTML of an explorer from its widget state; None for other widgets and for what only Python can draw."""
    state = model.get("state", {})
    if "scene" not in state or state["scene"]["engine"] == "kernel" or still is None:
        return None
    data = next(buffer["data"] for buffer in model["buffers"] if buffer["path"] == ["data"])
    return embedded(state["scene"], data, still)


def _stands_in(model: Mapping[str, Any], still: str | None) -> dict[str, str]:
    if still is None:
        return {"text/plain": CONTROL}
    title = model.get("state", {}).get("scene", {}).get("title", "A control of the running notebook")
    return {"text/html": _picture(title, still)}


def _picture(words: str, png: str) -> str:
    return f'<img alt="{html.escape(words)}" src="data:image/png;base64,{"".join(png.split())}">'
