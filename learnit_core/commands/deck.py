"""Slides as one HTML file that opens without a network: arrow keys, one screen a slide, and nothing else.

A slide is laid out on 1280 x 720 pixels and grows with the window. How much fits is estimated here, in lines of text,
with room to spare for wider fonts; what does not fit goes on to a next slide.
"""

import base64
import html
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nbconvert.filters import markdown2html
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from learnit_core import files
from learnit_core.commands.lettering import SMALLEST
from learnit_core.errors import LearnitError
from learnit_core.explorer.page import document

ROOM = 14.5
"""Lines of text that a slide has below its title."""
LETTERS = 80
"""Letters in a line of text."""
LINE = 38
"""Height of a line of text [pixels], whose letters are 28."""
LARGEST = 36
"""Size of letters of a short text that has a slide for itself [pixels]."""
CODE, CODE_WIDTH = 28, 1120
"""Largest size of letters of code, and room for a line of it [pixels]."""
FIGURE = 6.5
"""Lines that a figure needs at least; it takes what is left."""

STYLE = """
:root { --u: min(100vw / 1280, 100vh / 720); color-scheme: light; }
html { scroll-snap-type: y mandatory; }
body { margin: 0; background: #fff; color: #111; font-family: system-ui, sans-serif; }
section { box-sizing: border-box; width: calc(1280 * var(--u)); height: 100vh; margin: 0 auto; overflow: hidden;
  padding: calc(30 * var(--u)) calc(60 * var(--u)) calc(24 * var(--u)); display: flex; flex-direction: column;
  font-size: calc(var(--text, 28) * var(--u)); line-height: 1.35; position: relative; scroll-snap-align: start; }
section.first { justify-content: center; }
h1, h2 { margin: 0 0 .4em; line-height: 1.2; color: #20507f; font-size: calc(40 * var(--u)); }
h1 { font-size: calc(52 * var(--u)); }
h3 { margin: .2em 0; font-size: 1em; }
p, ul, ol, pre, table { margin: 0 0 .5em; }
code { font-size: .92em; } code, pre { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; }
pre { font-size: calc(var(--size) * var(--u)); line-height: 1.3; white-space: pre-wrap; }
pre.code { background: #f8fafc; padding: .3em; }
pre.said { color: #333; border-left: calc(4 * var(--u)) solid #d55e00; padding-left: .6em; }
td, th { padding: .1em .6em; text-align: left; border-bottom: 1px solid #ccc; }
figure { flex: 1; min-height: 0; margin: 0; display: flex; justify-content: center; align-items: center; }
img { width: 100%; height: 100%; object-fit: contain; }
.missing { flex: 1; display: flex; align-items: center; border: calc(2 * var(--u)) dashed #777; padding: 1em; }
.number { position: absolute; right: calc(20 * var(--u)); bottom: calc(6 * var(--u));
  font-size: calc(20 * var(--u)); color: #595959; }
@media print {
  @page { size: 1280px 720px; margin: 0; }
  :root { --u: 1px; } section { height: 720px; break-after: page; }
}
"""

SCRIPT = """
const slides = document.querySelectorAll("section");
const here = () => Math.round(scrollY / innerHeight);
const go = (to) => {
  const n = Math.max(0, Math.min(slides.length - 1, to));
  slides[n].scrollIntoView({ behavior: "instant" });
  history.replaceState(null, "", "#" + slides[n].id);
};
const moves = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1,
  Home: -Infinity, End: Infinity };
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in moves)) return;
  event.preventDefault();
  go(here() + (event.key === " " && event.shiftKey ? -1 : moves[event.key]));
});
"""


@dataclass(frozen=True)
class Part:
    """A piece of a slide that is not broken: its HTML, and how many lines of text it takes the place of."""

    html: str
    lines: float


@dataclass
class Slide:
    """A slide: its title, and what stands below it."""

    title: str
    parts: list[Part] = field(default_factory=list)

    @property
    def room(self) -> float:
        """Lines that are left, fewer below a title of two lines."""
        return ROOM - 1.5 * (len(self.title) > 50) - sum(part.lines for part in self.parts)

    @property
    def letters(self) -> int:
        """Size of its letters [pixels]: larger if there is little text, and nothing else."""
        if any(re.match("<(pre|figure|div)", part.html) for part in self.parts):
            return 28
        return max(28, min(LARGEST, int(28 * math.sqrt(12.5 / sum((part.lines for part in self.parts), 0.1)))))


def text(source: str) -> list[Part]:
    """Markdown without headings, a part for each paragraph. Folded text and relative links are left out."""
    source = re.sub(r"<details>.*?</details>", "", source, flags=re.DOTALL)
    parts = []
    for block in filter(str.strip, re.split(r"\n\s*\n", source)):
        page = re.sub(r'<a href="(?!https?:)[^"]*">(.*?)</a>', r"\1", markdown2html(block), flags=re.DOTALL)
        page = re.sub(r"<a [^>]*anchor-link.*?</a>", "", page)
        rows = re.split(r"\n(?=[-|*]|\d+\. )", block)
        parts.append(Part(page, sum(math.ceil(len(row) / LETTERS) for row in rows) + 0.5))
    return parts


def code(source: str, *, said: bool = False) -> Part:
    """Code, or what a cell printed (``said``), in letters as large as its lines allow; a very long line is wrapped."""
    lines = source.rstrip("\n").split("\n")
    across, down = CODE_WIDTH / (0.605 * max(map(len, lines)) or 1), (ROOM - 2) * LINE / (1.3 * len(lines))
    size = max(SMALLEST, min(CODE, across, down))
    wide = CODE_WIDTH / (0.605 * size)
    rows = sum(max(1, math.ceil(len(line) / wide - 0.01)) for line in lines)
    inner = html.escape("\n".join(lines))
    if not said:
        inner = highlight("\n".join(lines), PythonLexer(), HtmlFormatter(nowrap=True, noclasses=True, style="default"))
    kind = "said" if said else "code"
    return Part(
        f'<pre class="{kind}" style="--size: {size:.1f}">{inner.rstrip()}</pre>', rows * size * 1.3 / LINE + 0.9
    )


def figure(png: bytes | str, alt: str) -> Part:
    """A picture, as bytes of a PNG or as a data: address; it takes what room is left."""
    address = png if isinstance(png, str) else "data:image/png;base64," + base64.b64encode(png).decode()
    return Part(f'<figure><img alt="{html.escape(alt)}" src="{html.escape(address)}"></figure>', FIGURE)


def missing(alt: str) -> Part:
    """What stands in the place of a figure that was not drawn."""
    return Part(f'<div class="missing">A figure: {html.escape(alt)}</div>', FIGURE)


def add(slides: list[Slide], parts: Sequence[Part]) -> None:
    """Put ``parts`` on the last of the ``slides``; if it has no room for all, evenly on further ones of the same title.

    Raises LearnitError if a part is larger than a slide.
    """
    for part in parts:
        if part.lines > Slide(slides[-1].title).room:
            start = " ".join(html.unescape(re.sub(r"<[^>]*>", "", part.html)).split())[:40]
            raise LearnitError(
                f"found {part.lines:.0f} lines in one part of a slide, {start!r}: expected at most {ROOM:.0f}"
            )
    last = slides.pop()
    few = min(len(_dealt(last, parts, spare)) for spare in range(int(ROOM)))
    slides += next(dealt for spare in reversed(range(int(ROOM))) if len(dealt := _dealt(last, parts, spare)) == few)


def _dealt(last: Slide, parts: Sequence[Part], spare: int) -> list[Slide]:
    """``last`` and further slides with the ``parts``, ``spare`` lines of each left free where a part is not longer."""
    dealt = [Slide(last.title, [*last.parts])]
    for part in parts:
        if dealt[-1].parts and part.lines > dealt[-1].room - spare:
            dealt.append(Slide(last.title))
        dealt[-1].parts.append(part)
    return dealt


def write(slides: list[Slide], path: Path) -> None:
    """Write the deck to ``path``, which is replaced only when it is complete."""
    sections = []
    for i, slide in enumerate(slides, 1):
        level = "h1" if i == 1 else "h2"
        title = re.sub("</?p>", "", markdown2html(re.sub(r"^(\d+)\.", r"\1\\.", slide.title))).strip()  # not a list
        label = html.escape(f"Slide {i} of {len(slides)}")
        body = "\n".join(part.html for part in slide.parts)
        first = ' class="first"' if i == 1 else ""
        sections.append(
            f'<section id="{i}" aria-label="{label}" style="--text: {slide.letters}"{first}>\n'
            f"<{level}>{title}</{level}>\n{body}\n"
            f'<div class="number">{i} / {len(slides)}</div>\n</section>'
        )
    shown = "\n".join(sections)
    page = document(slides[0].title, STYLE, f"<main>\n{shown}\n</main>\n<script>{SCRIPT}</script>")
    with files.whole(path) as partial:
        partial.write_text(page, encoding="utf-8")
