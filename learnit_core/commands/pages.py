"""An executed notebook as one HTML file that opens without a network."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter

from learnit_core import files
from learnit_core.explorer.page import embedded, runtime

# All of the page is in the file. Only MathJax is asked for, which sets formulas where there is a network.
_TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block input -%}
{%- if 'setup' in cell.metadata.get('tags', []) -%}
<details style="margin:0 0 0 80px"><summary>Set-up and choices</summary>{{ super() }}</details>
{%- else -%}{{ super() }}{%- endif -%}
{%- endblock input -%}
"""

_CONTROL = "[A control stands here in a running notebook: `make lab`.]"
_WIDGET = "application/vnd.jupyter.widget-view+json"


def write_page(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write ``notebook`` with its outputs to ``path``, which is replaced only when the page is complete.

    Explorers that the browser can draw go on working; for other controls, which need a running kernel, a picture or a
    line of text stands in. Cells tagged "setup" are folded. Left out are badges, whose pictures would come from the
    network, and what only Colab runs.
    """
    page = copy.deepcopy(notebook)
    models = page.metadata.pop("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    page.cells = [cell for cell in page.cells if not {"badges", "colab"} & {*cell.metadata.get("tags", [])}]
    alive = False
    for cell in page.cells:
        for output in cell.get("outputs", []):
            if _WIDGET in output.get("data", {}):
                explorer = _explorer(models.get(output.data[_WIDGET]["model_id"], {}), output.data.get("image/png"))
                output.data = _without_kernel(output.data, explorer)
                alive |= explorer is not None
    exporter = HTMLExporter(raw_template=_TEMPLATE)
    html, _ = exporter.from_notebook_node(page, resources={"metadata": {"name": path.parent.name}})
    if alive:
        head, end, tail = html.rpartition("</body>")
        html = head + runtime() + end + tail
    with files.whole(path) as partial:
        partial.write_text(html, encoding="utf-8")


def _explorer(model: Mapping[str, Any], still: str | None) -> str | None:
    """HTML of an explorer from its widget state; None for other widgets and for what only Python can draw."""
    state = model.get("state", {})
    if "scene" not in state or state["scene"]["engine"] == "kernel" or still is None:
        return None
    data = next(buffer["data"] for buffer in model["buffers"] if buffer["path"] == ["data"])
    return embedded(state["scene"], data, still)


def _without_kernel(data: Mapping[str, Any], explorer: str | None) -> dict[str, Any]:
    if explorer is not None:
        return {"text/html": explorer}
    if "image/png" in data:
        return {"image/png": data["image/png"]}
    return {"text/plain": _CONTROL}
