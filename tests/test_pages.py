"""Executed notebooks as pages: what they hold, and that the notebook itself is left alone."""

import copy

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from learnit_core import explorer
from learnit_core.commands import pages

WIDGET = "application/vnd.jupyter.widget-view+json"


def executed():
    """A notebook with a badge and an explorer, as it is after it has been run."""
    pictures = np.full((3, 2, 2, 1), 0.5)
    shown = explorer.frames({"A": pictures}, controls=[explorer.line("a", "b")], title="Three pictures")
    state = {"scene": shown.scene, "position": shown.position}
    buffers = [{"path": ["data"], "encoding": "base64", "data": "AAAA"}]
    model = {"model_name": "AnyModel", "state": state, "buffers": buffers}
    data = {WIDGET: {"model_id": "one"}, "image/png": "iVBORw0KGgo=", "text/plain": "Explorer()"}
    cells = [
        new_markdown_cell("[badge](https://example.org)", metadata={"tags": ["badges"]}),
        new_code_cell("shown", outputs=[new_output("display_data", data=data)]),
    ]
    notebook = new_notebook(cells=cells)
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {"one": model}}}
    return notebook


def test_a_page_is_alive_and_the_notebook_is_as_it_was(tmp_path):
    notebook = executed()
    before = copy.deepcopy(notebook)
    pages.write_page(notebook, tmp_path / "deep" / "index.html")
    assert notebook == before
    page = (tmp_path / "deep" / "index.html").read_text(encoding="utf-8")
    assert "<div data-explorer" in page and "Three pictures" in page and "example.org" not in page
    # So it can be written again, the same.
    pages.write_page(notebook, tmp_path / "deep" / "again.html")
    assert (tmp_path / "deep" / "again.html").read_text(encoding="utf-8").count("<div data-explorer") == 1
    assert sorted(file.name for file in (tmp_path / "deep").iterdir()) == ["again.html", "index.html"]


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    target = tmp_path / "index.html"
    target.write_text("old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        pages.write_page(executed(), target)
    assert target.read_text() == "old" and [file.name for file in tmp_path.iterdir()] == ["index.html"]
