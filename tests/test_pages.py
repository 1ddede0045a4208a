"""Executed notebooks as pages: what they hold, and that the notebook itself is left alone."""

import copy
import html
import re

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from learnit_core import explorer
from learnit_core.commands import pages
from learnit_core.commands.website import inspection

# What a page may do: nothing that reaches beyond it.
ALLOWED = {
    "default-src": "'none'", "script-src": "'unsafe-inline'", "style-src": "'unsafe-inline'", "img-src": "data:",
    "base-uri": "'none'", "form-action": "'none'",
}  # fmt: skip

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


def lesson():
    """A notebook with what pages have to bear: headings, formulas, code of both kinds, links, words with a picture."""
    notebook = executed()
    text = "# A *lesson*\n\nWith $x_1$ and `$5`, [more](01_image_regression.ipynb), [here](https://github.com/OWNER/x)."
    picture = new_output("display_data", data={"image/png": "iVBORw0KGgo="}, metadata={"image/png": {"alt": "a curve"}})
    notebook.cells += [
        new_markdown_cell(text),
        new_markdown_cell("## 1. First\n\n$$\\sum_i x_i$$\n\n### Deeper\n\n| a | b |\n|---|---|\n| $y$ | 2 |"),
        new_code_cell("import os", metadata={"tags": ["setup"]}),
        new_code_cell("print('<&>')", outputs=[new_output("stream", name="stdout", text="<&>"), picture]),
        new_markdown_cell("## 2. Second & last"),
    ]
    return notebook


def test_a_page_may_fetch_nothing_and_has_no_faults(tmp_path):
    pages.write_page(lesson(), tmp_path / "one" / "index.html")
    page = (tmp_path / "one" / "index.html").read_text(encoding="utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(rule.strip().split(" ", 1) for rule in html.unescape(policy).split(";"))
    assert rules.pop("worker-src") == "blob:", "a worker's program is a part of the page"
    assert rules == ALLOWED
    assert inspection.faults(tmp_path) == []
    assert "OWNER" not in page and ".ipynb" not in page, "a link that leads nowhere"


def test_a_page_has_contents_formulas_folded_code_and_words(tmp_path):
    pages.write_page(lesson(), tmp_path / "one" / "index.html")
    page = (tmp_path / "one" / "index.html").read_text(encoding="utf-8")
    listed = re.findall(r'<a class="level(\d)" href="#([^"]*)">(.*?)</a>', page)
    assert [(level, title) for level, _, title in listed] == [
        ("1", "A lesson"), ("2", "1. First"), ("2", "2. Second &amp; last")
    ]  # fmt: skip
    assert all(f'id="{name}"' in page for _, name, _ in listed) and "<title>A lesson</title>" in page
    body = page.partition("<main>")[2]
    assert body.count("<math") == 3 and body.count('display="block"') == 1 and "$5" in body and "$x" not in body
    assert re.findall(r"<details class=\"code\"( open)?><summary>(.*?)</summary>", body) == [
        ("", "Code"), ("", "Set-up and choices"), ("", "Code")
    ]  # fmt: skip
    assert 'alt="a curve"' in body and "&lt;&amp;&gt;" in body


def test_pages_of_notebooks_lead_to_one_another_where_they_are(tmp_path):
    (tmp_path / "01_image_regression").mkdir()
    (tmp_path / "01_image_regression" / "index.html").write_text("")
    pages.write_page(lesson(), tmp_path / "one" / "index.html")
    assert 'href="../01_image_regression/index.html"' in (tmp_path / "one" / "index.html").read_text(encoding="utf-8")


def test_a_picture_without_words_is_a_fault(tmp_path):
    notebook = lesson()
    notebook.cells[-2].outputs[1].metadata = {}
    pages.write_page(notebook, tmp_path / "index.html")
    assert [fault for fault in inspection.faults(tmp_path) if "alternative text" in fault]
