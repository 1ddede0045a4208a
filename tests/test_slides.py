"""Slides from tagged cells: which cells, in which order, how much on each, and one file that needs no network."""

import html
import re

import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from learnit_core.commands import deck, lettering, slides
from learnit_core.commands.execution import read
from learnit_core.commands.repository import notebooks
from learnit_core.errors import LearnitError

PICTURE = '<img alt="A line &amp; a dot." src="data:image/png;base64,iVBORw0KGgo=" width="10">'
SHOW = 'gallery.show(figure, "line", alt="A line "\n    "and a dot.")'


def tagged(cell, *tags):
    cell.metadata["tags"] = [*tags]
    return cell


def tiny(run=True):
    """A notebook of four sections, run or not."""
    outputs = [
        new_output("stream", name="stdout", text="found <3> of 4\n"),
        new_output("stream", name="stderr", text="a progress bar"),
        new_output("display_data", data={"text/html": PICTURE, "text/plain": "<HTML>"}),
    ]
    code = new_code_cell(SHOW, outputs=outputs if run else [])
    return new_notebook(
        cells=[
            tagged(new_markdown_cell("# A title\n\nA **question**?"), "slide"),
            new_markdown_cell("## 1. Not shown\n\n```python\n# no heading\n```"),
            new_code_cell("secret = 1"),
            tagged(code, "slide"),
            tagged(new_markdown_cell("What [this](02.ipynb) says.\n\n## 2. Next\n\nOne `line`."), "slide-more"),
            tagged(new_code_cell("x = 1 < 2"), "slide-more", "slide-code"),
        ]
    )


def test_tags_decide_what_is_shown_and_headings_give_the_titles():
    made = slides.slides(tiny(), "tiny")
    assert [slide.title for slide in made] == ["A title", "1. Not shown", "2. Next"]
    first, second, third = ("".join(part.html for part in slide.parts) for slide in made)
    assert "<strong>question</strong>" in first
    assert "found &lt;3&gt; of 4" in second and 'alt="A line &amp; a dot."' in second and "What this says." in second
    assert "gallery.show" not in second and "progress" not in second and "href" not in second
    assert "<code>line</code>" in third and re.sub("<[^>]*>", "", third).endswith("x = 1 &lt; 2")
    assert "secret" not in first + second + third


def test_a_figure_that_was_not_drawn_is_described():
    second = slides.slides(tiny(run=False), "tiny")[1]
    assert "A figure: A line and a dot." in second.parts[0].html


def test_what_has_no_room_goes_on_evenly():
    paragraphs = "\n\n".join([f"{i} " + "word " * 60 for i in range(6)])
    made = slides.slides(new_notebook(cells=[tagged(new_markdown_cell(f"# Long\n\n{paragraphs}"), "slide")]), "long")
    assert [len(slide.parts) for slide in made] == [3, 3] and {slide.title for slide in made} == {"Long"}
    text = " ".join(part.html for slide in made for part in slide.parts)
    assert re.findall(r"\d", text) == [*"012345"]


def test_a_cell_that_is_too_long_and_a_notebook_without_tags_are_refused(tmp_path, capsys):
    long = new_notebook(cells=[tagged(new_code_cell("\n".join(["x = 1"] * 40)), "slide", "slide-code")])
    with pytest.raises(LearnitError, match="lines in one part of a slide, 'x = 1"):
        slides.slides(long, "long")
    nbformat.write(new_notebook(cells=[new_markdown_cell("# A")]), tmp_path / "plain.ipynb")
    assert slides.main(["--notebook", str(tmp_path / "plain.ipynb"), "--out", str(tmp_path)]) == 2
    assert 'no cell tagged "slide" in plain' in capsys.readouterr().err and not (tmp_path / "plain.html").exists()


def test_code_is_as_large_as_its_lines_allow_and_never_too_small():
    sizes = [float(re.search(r"--size: ([\d.]+)", deck.code("x" * n).html)[1]) for n in (10, 80, 90, 200)]
    assert sizes[0] == deck.CODE > sizes[1] > sizes[2] > sizes[3] == lettering.SMALLEST
    assert deck.code("x" * 200).lines > deck.code("x" * 90).lines, "a very long line is wrapped"


def test_the_command_writes_one_file_that_fetches_nothing(tmp_path, capsys):
    nbformat.write(tiny(), tmp_path / "tiny.ipynb")
    assert slides.main(["--notebook", str(tmp_path / "tiny.ipynb"), "--out", str(tmp_path / "out")]) == 0
    assert "3 slides" in capsys.readouterr().out
    page = (tmp_path / "out" / "tiny.html").read_text("utf-8")
    assert page.count("<section ") == 3 and page.count("<h1>") == 1 and "<ol>" not in page
    assert "http" not in page.replace("http-equiv", "") and "default-src 'none'" in html.unescape(page)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tiny.html"]


@pytest.mark.slow
def test_a_notebook_is_run_with_large_letters(tmp_path):
    cells = [
        tagged(new_markdown_cell("# A title"), "slide"),
        tagged(new_code_cell("from matplotlib.backend_bases import FigureCanvasBase as canvas")),
        tagged(new_code_cell("print(canvas.print_figure.__wrapped__.__name__)"), "slide"),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "run.ipynb")
    arguments = ["--notebook", str(tmp_path / "run.ipynb"), "--execute", "--out", str(tmp_path / "out")]
    assert slides.main(arguments) == 0
    assert "print_figure" in (tmp_path / "out" / "run.html").read_text("utf-8")
    assert len(read(tmp_path / "out" / "run" / "run.ipynb").cells) == 3


@pytest.mark.parametrize("size", [(11, 2.6), (5, 4), (3, 9)])
def test_letters_of_a_figure_are_no_smaller_than_can_be_read(size):
    figure = Figure(figsize=size)
    for panel in np.atleast_1d(figure.subplots(1, 2)):
        panel.plot([0, 1], label="line")
        panel.set(xlabel="x", title="a title")
        panel.legend(fontsize=6)
    large = figure.text(0.5, 0.5, "large", fontsize=60)
    lettering.enlarge(figure)
    box = figure.get_tightbbox()
    pixels = min(lettering.WIDTH / (72 * box.width), lettering.HEIGHT / (72 * box.height))
    figure.draw_without_rendering()
    shown = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert min(text.get_size() for text in shown) * pixels > 0.9 * lettering.SMALLEST
    assert large.get_size() == 60


def test_notebook_00_makes_the_deck_of_the_plans():
    start = notebooks()[0]
    made = slides.slides(read(start), start.stem)
    assert len(made) == 15
    titles = [slide.title for slide in made]
    assert titles == sorted(titles, key=titles.index), "sections in order, none comes back"
    pages = ["".join(part.html for part in slide.parts) for slide in made]
    assert sum("A figure: " in page for page in pages) == 4 and sum('<pre class="code"' in page for page in pages) == 4
