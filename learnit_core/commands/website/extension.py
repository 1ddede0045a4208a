"""What Sphinx is told beyond its settings: formulas as MathML, explorers alive, nothing fetched from elsewhere."""

import html
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from learnit_core.commands.pages import HERE
from learnit_core.commands.pages.formulas import mathml
from learnit_core.commands.repository import ROOT
from learnit_core.explorer import assets, page

POLICY = (
    "default-src 'none'; script-src 'self' file: 'unsafe-inline'; style-src 'self' file: 'unsafe-inline'; "
    "img-src 'self' file: data:; font-src 'self' file:; worker-src blob:; "
    "base-uri 'none'; form-action 'self' file:"
)
"""As for other pages, and files beside a page: of its own server, or of the disk that it is opened from."""

SIGNATURE = re.compile(r'<dl>\n(?:<dd><em class="sig-param">.*?</dd>\n)+</dl>')


def inline_formula(writer: Any, node: Any) -> None:
    """A formula in a line."""
    _put(writer, mathml(node.astext()))


def block_formula(writer: Any, node: Any) -> None:
    """A formula by itself."""
    _put(writer, mathml(node.astext(), block=True))


def _put(writer: Any, text: str) -> None:
    writer.body.append(text)
    raise nodes.SkipNode


def complete(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Each page gets the policy; those with explorers what brings them to life; notebooks what folds their code."""
    context["metatags"] = (
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY, quote=True)}">'
        + context.get("metatags", "")
    )
    if app.config.html_context.get("folded") == "1":
        context["metatags"] += '<script>document.documentElement.dataset.folded = "";</script>'
    if "furo_navigation_tree" in context:  # Sphinx's headings there say no level
        tree = context["furo_navigation_tree"]
        context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')
    if 'class="sig-param"' in (body := context.get("body", "")):  # a list of lines is no list of definitions
        context["body"] = SIGNATURE.sub(
            lambda lines: (
                lines[0].replace("dl>", "div>").replace("<dd>", '<div class="sig-line">').replace("</dd>", "</div>")
            ),
            body,
        )
    if "data-explorer" in context.get("body", ""):
        app.add_css_file("explorer.css")
        app.add_js_file("explorer.js", loading_method="defer")


def shapes(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Shapes in docstrings, such as [*batch, in_dim], are code: in reStructuredText a star would begin something."""
    lines[:] = [re.sub(r"(?<!`)\[[^\[\]`]*\*\w[^\[\]`]*\]", r"``\g<0>``", line) for line in lines]


def arrays(app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str | None, returned: str | None):
    """Arrays in signatures are called Array, and not where JAX keeps them."""
    return tuple(text and text.replace("jaxlib._jax.", "").replace("numpy.", "np.") for text in (signature, returned))


def shared(app: Sphinx) -> None:
    """Write the files that pages share."""
    folder = app.srcdir / "_shared"
    folder.mkdir(exist_ok=True)
    # Not a module, since browsers load none from a disk. Strictness holds in a module as it is.
    texts = {"explorer.js": f'"use strict";\n(() => {{\n{page.program()}\n}})();\n', "explorer.css": assets.style()}
    texts |= {name: (HERE / name).read_text("utf-8") for name in ("notebook.css", "notebook.js")}
    texts["site.css"] = (ROOT / "docs" / "site" / "site.css").read_text("utf-8")
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    app.config.html_static_path.append(str(folder))


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_html_math_renderer("mathml", inline_renderers=(inline_formula, None), block_renderers=(block_formula, None))
    app.add_css_file("notebook.css")
    app.add_css_file("site.css")
    app.add_js_file("notebook.js", loading_method="defer")
    app.connect("autodoc-process-docstring", shapes)
    app.connect("autodoc-process-signature", arrays)
    app.connect("html-page-context", complete, priority=900)  # after the theme's own
    app.connect("builder-inited", shared)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
