"""``make slides``: a deck from the cells of a notebook that are tagged for it.

python -m learnit_core.commands.slides --notebook 00 --execute --out DIR    runs it, writes DIR/00_start_here.html
python -m learnit_core.commands.slides --notebook RUN.ipynb --out DIR       takes the figures that are in it

Tags: "slide" begins a slide with the cell: Markdown, or the figures and the printed lines of code; "slide-more" puts
the cell on the slide before it; code itself is shown where "slide-code" is added. A heading in Markdown always begins a
slide, and is the title of those that follow. Without outputs a figure's alternative text stands in its place. What was
run is kept in DIR/run. The deck is one file and needs no network; formulas are shown as they are written.
"""

import argparse
import ast
import html
import os
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from learnit_core import files
from learnit_core.commands import deck
from learnit_core.commands.execution import NotebookFailed, execute, read
from learnit_core.commands.repository import absolute_environment, find_notebook
from learnit_core.errors import LearnitError

FIRST = "from learnit_core.commands import lettering\nlettering.enlarge_all()"
"""What the kernel runs before the notebook."""

HEADING = re.compile(r"^#{1,3} +(.+)$", re.MULTILINE)
IMAGE = re.compile(r'<img alt="([^"]*)" src="(data:image/[^"]*)"')


def slides(notebook: NotebookNode, name: str) -> list[deck.Slide]:
    """The slides of ``notebook``, with or without outputs. LearnitError if no cell is tagged or one is too long."""
    made: list[deck.Slide] = []
    section = name
    for cell in notebook.cells:
        tags = {*cell.metadata.get("tags", [])}
        pieces = headings(cell.source) if cell.cell_type == "markdown" else [cell.source]
        if tags.isdisjoint({"slide", "slide-more"}):
            section = pieces[-2] if len(pieces) > 1 else section
            continue
        if cell.cell_type != "markdown":
            parts = ([deck.code(cell.source)] if "slide-code" in tags else []) + shown(cell)
            if not made or "slide" in tags:
                made.append(deck.Slide(section))
            deck.add(made, parts)
            continue
        if pieces[0].strip():
            if not made or "slide" in tags:
                made.append(deck.Slide(section))
            deck.add(made, deck.text(pieces[0]))
        for section, body in zip(pieces[1::2], pieces[2::2], strict=True):
            made.append(deck.Slide(section))
            deck.add(made, deck.text(body))
    if not made:
        raise LearnitError(f'found no cell tagged "slide" in {name}: expected one for each slide')
    return made


def headings(source: str) -> list[str]:
    """Markdown cut at its headings: text before the first, then each heading and its text. Fenced code is left."""
    fenced = re.sub(r"```.*?```", lambda code: code[0].replace("\n#", "\n\0#"), source, flags=re.DOTALL)
    return [piece.replace("\0", "") for piece in HEADING.split(fenced)]


def shown(cell: NotebookNode) -> list[deck.Part]:
    """The figures and the printed lines of a cell that was run, else what its figures would show."""
    parts, said = [], ""
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            said += output.text if output.name == "stdout" else ""
            continue
        data = output.get("data", {})
        if images := IMAGE.findall(data.get("text/html", "")):
            parts += [deck.figure(source, html.unescape(alt)) for alt, source in images]
        elif "image/png" in data:
            parts.append(deck.figure("data:image/png;base64," + "".join(data["image/png"].split()), "A figure"))
        elif "text/markdown" in data:
            parts += deck.text(data["text/markdown"])
    if not cell.get("outputs"):
        parts += [deck.missing(alt) for alt in alternatives(cell.source)]
    return ([deck.code(said, said=True)] if said.strip() else []) + parts


def alternatives(source: str) -> list[str]:
    """The alternative texts of the figures that a cell's code shows."""
    keywords = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.keyword) and node.arg == "alt")
    return [node.value.value for node in keywords if isinstance(node.value, ast.Constant)]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 1 if the notebook failed, 2 if there is nothing to make slides of."""
    parser = argparse.ArgumentParser(prog="slides", description=__doc__.partition("\n")[0])
    parser.add_argument("--notebook", required=True, help="its name, the beginning of it, or the path of an .ipynb")
    parser.add_argument("--execute", action="store_true", help="run it, with large letters in its figures")
    parser.add_argument("--out", type=Path, required=True, help="the folder that the deck goes to")
    options = parser.parse_args(arguments)
    try:
        source = find_notebook(options.notebook)
        notebook = read(source)
        slides(notebook, source.stem)  # tells what is wrong before minutes are spent
        if options.execute:
            env = absolute_environment(dict(os.environ))
            env["LEARNIT_OUT"] = os.path.abspath(options.out / "run")
            notebook = execute(source, env=env, first=FIRST)
            with files.whole(options.out / "run" / f"{source.stem}.ipynb") as partial:
                nbformat.write(notebook, partial)
        made = slides(notebook, source.stem)
    except LearnitError as error:
        print(f"slides: {error}", file=sys.stderr)
        return 2
    except NotebookFailed as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    path = options.out / f"{source.stem}.html"
    deck.write(made, path)
    print(f"{len(made)} slides: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
