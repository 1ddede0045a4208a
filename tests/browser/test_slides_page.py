"""The deck of notebook 00 in a browser: nothing overflows, nothing is too small, arrow keys turn its pages."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_output

from learnit_core.commands import deck, slides
from learnit_core.commands.execution import read
from learnit_core.commands.lettering import SMALLEST
from learnit_core.commands.repository import notebooks

pytestmark = pytest.mark.browser

MEASURED = """() => [...document.querySelectorAll('section')].map((slide) => {
  const box = slide.getBoundingClientRect();
  const content = [...slide.children].filter((part) => part.className !== 'number');
  const boxes = content.map((part) => part.getBoundingClientRect());
  const texts = [...slide.querySelectorAll('*')].filter((part) =>
    [...part.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return {
    bottom: Math.max(...boxes.map((part) => part.bottom - box.top)),
    right: Math.max(...content.map((part) => part.scrollWidth - part.clientWidth)),
    apart: Math.min(Infinity, ...boxes.slice(1).map((part, i) => part.top - boxes[i].bottom)),
    letters: Math.min(...texts.map((part) => parseFloat(getComputedStyle(part).fontSize))),
    figures: [...slide.querySelectorAll('img, .missing')].map((part) => part.getBoundingClientRect())
      .map((part) => [part.width, part.height]),
  };
})"""


@pytest.fixture
def drawn(tmp_path):
    """The deck of notebook 00, with a figure where a cell shows one, and two long lines where it prints."""
    figure, png = Figure(figsize=(11, 2.6)), io.BytesIO()
    figure.subplots().plot(np.arange(9))
    figure.savefig(png, format="png")
    notebook = read(notebooks()[0])
    for cell in notebook.cells:
        if cell.cell_type == "code":
            images = [deck.figure(png.getvalue(), alt).html for alt in slides.alternatives(cell.source)]
            cell.outputs = [new_output("display_data", data={"text/html": image}) for image in images]
            if "print(" in cell.source:
                cell.outputs.append(new_output("stream", name="stdout", text=f"{'random start: 10.0 dB, ' * 4}\n" * 2))
    deck.write(slides.slides(notebook, "00"), tmp_path / "deck.html")
    return tmp_path / "deck.html"


def check(page):
    found = page.evaluate(MEASURED)
    assert len(found) == 15
    for i, slide in enumerate(found, 1):
        assert slide["bottom"] <= 720 - 20 and slide["right"] <= 0, f"slide {i} overflows"
        assert slide["apart"] >= 0, f"parts of slide {i} lie on each other"
        assert slide["letters"] >= SMALLEST, f"slide {i} has letters of {slide['letters']} pixels"
        assert all(width >= 1000 and height >= 240 for width, height in slide["figures"]), f"slide {i}: a small figure"
    return found


def test_nothing_overflows_and_nothing_is_too_small(visit, drawn):
    found = check(visit(drawn, viewport=(1280, 720)))
    assert sum(bool(slide["figures"]) for slide in found) == 4


def test_lines_of_code_and_of_output_are_not_broken(visit, drawn):
    """Unless they would be too small otherwise."""
    page = visit(drawn, viewport=(1280, 720))
    found = page.evaluate(
        "() => [...document.querySelectorAll('pre')].map((part) => [parseFloat(getComputedStyle(part).fontSize),"
        " part.clientHeight - 2 * parseFloat(getComputedStyle(part).paddingTop), part.textContent.split('\\n').length])"
    )
    assert len(found) > 6 and sum(size > SMALLEST for size, *_ in found) > 4
    assert all(height < 1.3 * size * (lines + 0.5) for size, height, lines in found if size > SMALLEST)


def test_a_larger_screen_shows_the_same_larger(visit, drawn):
    small = visit(drawn, viewport=(1280, 720)).evaluate(MEASURED)
    large = visit(drawn, viewport=(2560, 1440)).evaluate(MEASURED)
    assert [slide["bottom"] for slide in large] == pytest.approx([2 * slide["bottom"] for slide in small], abs=24)


def test_keys_turn_the_pages(visit, drawn):
    page = visit(drawn, viewport=(1280, 720))
    here = "() => [scrollY / innerHeight, location.hash]"
    for key, expected in [
        ("ArrowRight", 1),
        ("ArrowDown", 2),
        ("Space", 3),
        ("PageDown", 4),
        ("ArrowLeft", 3),
        ("Shift+Space", 2),
        ("End", 14),
        ("ArrowRight", 14),
        ("Home", 0),
        ("ArrowUp", 0),
    ]:
        page.keyboard.press(key)
        assert page.evaluate(here) == [expected, f"#{expected + 1}"], key


def test_axe_finds_nothing(visit, drawn):
    from axe_playwright_python.sync_playwright import Axe

    results = Axe().run(visit(drawn, viewport=(1280, 720)))
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.nightly
@pytest.mark.slow
def test_the_deck_of_a_run(visit, tmp_path):
    command = [sys.executable, "-m", "learnit_core.commands.slides", "--notebook", "00", "--execute"]
    # In a process of its own: Playwright's event loop would meet the one that runs notebooks.
    subprocess.run([*command, "--out", str(tmp_path)], check=True, env=os.environ | {"LEARNIT_MAX_STEPS": "2"})
    page = visit(tmp_path / "00_start_here.html", viewport=(1280, 720))
    check(page)
    sizes = page.evaluate("() => [...document.images].map((image) => image.naturalWidth)")
    assert len(sizes) == 4 and min(sizes) > 1280, "sharp on a large screen"
