"""How Sphinx makes the site of what `python -m learnit_core.commands.website` has put together."""

from learnit_core.commands.repository import published
from learnit_core.commands.website.sources import modules

project = "learnit"
author = "The learnit developers"
copyright = "The learnit developers. Code: MIT. Text and figures: CC BY 4.0"
extensions = ["myst_nb", "sphinx.ext.autodoc", "learnit_core.commands.website.extension"]
language = "en"

# Markdown and notebooks. Cells have been run beforehand.
nb_execution_mode = "off"
nb_output_stderr = "remove"
nb_render_markdown_format = "myst"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "html_image", "deflist", "attrs_inline"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["myst.header", "toc.empty_glob"]

# Docstrings. Of names only those have to be found that have a page: there is no network to ask for others.
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
nitpick_ignore_regex = [(r"py:.*", rf"(?!learnit_core\.({'|'.join(modules())})\.\w+$).*")]

html_theme = "furo"
html_title = "learnit"
html_math_renderer = "mathml"
html_static_path = []
html_copy_source = False
html_show_sourcelink = False
# The summaries of what was found would be fetched, which a page from a disk may not do.
html_show_search_summary = False
html_theme_options = {"footer_icons": [], "navigation_with_keys": True}
if address := published():
    html_theme_options["footer_icons"] = [{"name": "The repository", "url": address, "html": "The repository"}]
