"""Firefox opens explorers and the fitting page from a disk, draws and drags; skipped where there is no Firefox."""

import pytest
from browsing import EXPLORERS
from firefox import Firefox, firefox_here

from learnit_core.experiments.image import fitting

pytestmark = [pytest.mark.browser, pytest.mark.nightly]

READY = "['ready', 'failed'].includes(document.querySelector('.learnit-explorer')?.dataset.state)"
SHOWN = (
    "(() => { const e = document.querySelector('.learnit-explorer'); return [e.dataset.state, e.dataset.painted]; })()"
)
CANVAS = """
(() => {
  const canvases = [...document.querySelectorAll('.learnit-explorer canvas')];
  return canvases.map((canvas) => {
    const bytes = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return bytes.reduce((sum, byte, i) => (sum * 31 + byte + i) % 1000003, 0);
  });
})()
"""
BOX = """
(() => { const b = document.querySelector('NAME').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()
"""


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    executable = firefox_here()
    if executable is None:
        pytest.skip("no Firefox on PATH (Debian: apt install firefox-esr)")
    running = Firefox(executable, tmp_path_factory.mktemp("firefox") / "profile")
    yield running
    running.close()


def along(firefox, name, places):
    """Places on an element, from 0 to 1 across it, in the window."""
    firefox.run(f"document.querySelector('{name}').scrollIntoView({{ block: 'center' }})")
    x, y, width, height = firefox.run(BOX.replace("NAME", name))
    return [(x + u * width, y + v * height) for u, v in places]


@pytest.mark.parametrize("kind", ["line", "square", "camera"])
def test_explorers_draw_and_are_dragged(firefox, tmp_path, kind):
    firefox.open(EXPLORERS[kind]().to_html(tmp_path / "page.html"))
    firefox.wait(READY)
    before = firefox.run(SHOWN), firefox.run(CANVAS)
    assert before[0][0] == "ready"
    name = ".area" if kind == "square" else ".range"
    firefox.drag(along(firefox, name, [(0.5, 0.5), (0.6, 0.5), (0.8, 0.6), (0.9, 0.6)]))
    firefox.wait(READY)
    after = firefox.run(SHOWN), firefox.run(CANVAS)
    assert after[0][0] == "ready" and after[0][1] != before[0][1] and after[1] != before[1]
    assert firefox.complaints() == []


def test_what_is_drawn_is_fitted(firefox, tmp_path):
    firefox.open(fitting.of_your_own().to_html(tmp_path / "page.html"))
    firefox.wait(READY, 120)
    words = "[...document.querySelectorAll('figcaption')].map((one) => one.textContent).join(' ')"
    before = firefox.run(words), firefox.run(CANVAS)
    assert "dB" in before[0]
    firefox.drag(along(firefox, ".paper", [(0.2, 0.2), (0.8, 0.3), (0.3, 0.7), (0.8, 0.8)]))
    firefox.wait(f"{words} !== {before[0]!r}", 120)
    firefox.wait(READY, 120)
    assert firefox.run(SHOWN)[0] == "ready" and firefox.run(CANVAS) != before[1]
    assert firefox.complaints() == []
