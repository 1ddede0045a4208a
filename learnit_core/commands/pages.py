"""An executed notebook as one HTML file that opens without a network."""

import os
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

# All of the page is in the file. Only MathJax is asked for, which sets formulas where there is a network.
_TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
"""

_CONTROL = "[A control stands here in a running notebook: `make lab`.]"


def write_page(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write ``notebook`` with its outputs to ``path``, which is replaced only when the page is complete.

    Controls need a running kernel, so a line of text stands in for each; pictures and their alternative text stay.
    Badges, whose pictures would come from the network, are left out.
    """
    page = notebook.copy()
    page.metadata.pop("widgets", None)
    page.cells = [cell for cell in page.cells if "badges" not in cell.metadata.get("tags", [])]
    for cell in page.cells:
        for output in cell.get("outputs", []):
            if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
                output.data = {"text/plain": _CONTROL}
    exporter = HTMLExporter(raw_template=_TEMPLATE)
    html, _ = exporter.from_notebook_node(page, resources={"metadata": {"name": path.parent.name}})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(html, encoding="utf-8")
    os.replace(partial, path)
