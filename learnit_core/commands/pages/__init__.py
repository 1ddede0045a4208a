"""An executed notebook as one HTML file that opens without a network, and fetches nothing where there is one."""

import html
import re
from pathlib import Path

from jinja2 import pass_context
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from learnit_core import files
from learnit_core.commands.pages import formulas
from learnit_core.commands.pages.alive import without_kernel
from learnit_core.commands.pages.links import relinked
from learnit_core.explorer.page import document, runtime

HERE = Path(__file__).parent

# The classes are those that MyST-NB gives to cells, so that notebook.css and notebook.js serve the site, too.
_TEMPLATE = """
{%- extends 'basic/index.html.j2' -%}
{%- block codecell -%}<div class="cell">{{ self.input_group() }}{{ self.output_group() }}</div>{%- endblock -%}
{%- block input_group -%}
{%- set name = "Set-up and choices" if "setup" in cell.metadata.get("tags", []) else "Code" -%}
<details class="code"><summary>{{ name }}</summary>
<div class="cell_input">{{ cell.source | highlight_code(metadata=cell.metadata) }}</div></details>
{%- endblock -%}
{%- block output_group -%}
{%- if cell.outputs -%}<div class="cell_output">{{ self.outputs() }}</div>{%- endif -%}
{%- endblock -%}
{%- block output -%}<div class="output">{{ super() }}</div>{%- endblock -%}
{%- block output_area_prompt -%}{%- endblock -%}
{%- block markdowncell -%}{{ cell.source | markdown2html }}{%- endblock -%}
"""

_BODY = """<nav aria-label="Contents">
{contents}
</nav>
<main>
{body}
</main>
{runtime}
<script>{script}</script>"""

_HEADING = re.compile(r'<h([123]) id="([^"]+)">(.*?)</h\1>', re.DOTALL)


def write_page(notebook: NotebookNode, path: Path) -> None:
    """Write ``notebook`` with its outputs to ``path``, which is replaced only when the page is complete.

    Code is folded; there are contents, and colours for dark and for light. Explorers that the browser can draw go on
    working. Formulas are MathML. Links to other notebooks stay where their pages lie beside this one.
    """
    page, alive = without_kernel(notebook)
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = relinked(cell.source, f"notebooks/{path.parent.name}.ipynb", _beside(path))
    exporter = HTMLExporter(raw_template=_TEMPLATE)
    exporter.register_filter("markdown2html", _markdown(exporter))
    body, _ = exporter.from_notebook_node(page, resources={"metadata": {"name": path.parent.name}})
    body = re.sub(r'<a class="anchor-link".*?</a>', "", body, flags=re.DOTALL)
    headings = [(int(level), name, _text(inner)) for level, name, inner in _HEADING.findall(body)]
    shown = _BODY.format(
        contents="\n".join(f'<a class="level{n}" href="#{name}">{title}</a>' for n, name, title in headings if n < 3),
        body=body,
        runtime=runtime() if alive else "",
        script=(HERE / "notebook.js").read_text("utf-8"),
    )
    title = html.unescape(next((title for _, _, title in headings), path.parent.name))
    text = document(title, "".join((HERE / name).read_text("utf-8") for name in ("notebook.css", "page.css")), shown)
    with files.whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _beside(path: Path):
    """Where another notebook's page is, if there is one beside this."""

    def place(target: str) -> str | None:
        other = path.parent.parent / Path(target).stem / "index.html"
        return f"../{other.parent.name}/index.html" if target.startswith("notebooks/") and other.exists() else None

    return place


def _markdown(exporter: HTMLExporter):
    @pass_context
    def markdown2html(context, source: str) -> str:
        without, found = formulas.taken_out(source)
        return formulas.put_back(exporter.markdown2html(context, without), found)

    return markdown2html


def _text(inner: str) -> str:
    """What a heading says, without links and other elements."""
    return re.sub(r"<[^>]*>", "", inner).strip()
