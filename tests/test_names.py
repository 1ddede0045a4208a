"""Names from files: as part of a path, on a terminal, in a figure, in a list of sources."""

import html
import os
import re

import numpy as np
import pytest
from matplotlib.text import Text
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from getting import manifest
from learnit_core import names, plots
from learnit_core.errors import LearnitError

AWKWARD = [
    "../up",
    "/etc/passwd",
    "c:\\x",
    "..",
    "",
    ".hidden",
    "-rf",
    "a\nb",
    "\x1b[2Jgone",
    "nul.txt",
    "left\u202eright",
    os.fsdecode(b"caf\xe9"),
    "x" * 300,
    "日本" * 100,
    "$\\frac",
]


@pytest.mark.parametrize("name", AWKWARD, ids=range(len(AWKWARD)))
def test_an_awkward_name_is_one_part_of_a_path(tmp_path, name):
    safe = names.safe(name)
    (tmp_path / f"reptile-{safe}-seed0.safetensors").write_text("x")
    (tmp_path / safe).write_text("x")
    assert {path.parent for path in tmp_path.rglob("*")} == {tmp_path}
    assert not safe.startswith((".", "-")) and names.is_plain(safe) and names.safe(safe) == safe


@pytest.mark.parametrize("name", ["folder-cats", "holiday 2023", "v1.2_b", "Ärger"])
def test_a_safe_name_stays_as_it_is(name):
    assert names.safe(name) == name and names.is_plain(name) and names.shown(name) == name


def test_different_names_never_become_one():
    assert len({names.safe(name) for name in [*AWKWARD, "a/b", "a:b", "a-b", "a?b"]}) == len(AWKWARD) + 4


@pytest.mark.parametrize(
    "name, text",
    [
        ("a\tb\r", "a\\tb\\r"),
        ("\x9b31m", "\ufffd31m"),
        ("\x07", "\ufffd"),
        ("\ud83d", "\ufffd"),
        ("\u2066x", "\ufffdx"),
        ("$x$", "$x$"),
    ],
)
def test_what_cannot_be_printed_is_replaced(name, text):
    assert names.shown(name) == text
    assert names.lines(f"{name}\n{name}") == f"{text}\n{text}"


@pytest.mark.parametrize("name", ["€1 or $2 or $3", "$\\alpha$", "\\$ and $_$", os.fsdecode(b"\xfc$a$")])
def test_a_figure_shows_names_as_they_are(tmp_path, name):
    figure = plots.heat_table(
        np.eye(2), rows=[name, "b"], columns=["c", name], title=name, xlabel=name, ylabel="PSNR [dB]"
    )
    plots.Gallery(tmp_path).show(figure, "x", alt=name)
    found = [text for text in figure.findobj(Text) if text.get_text() == names.shown(name)]
    assert len(found) >= 4 and not any(text.get_parse_math() for text in found)


def written(tmp_path, *, name='"a.tgz"', source='"s"', size="1", top=""):
    file = tmp_path / "sources.toml"
    file.write_text(
        f'[cats]\ntitle = "T"\nlicence = "L"\naccept_terms = false\n{top}\n[[cats.sources]]\nname = {source}\n'
        f'kind = "http"\nlogin = false\nlast_verified = "never"\n'
        f'files = [{{ name = {name}, url = "http://127.0.0.1/a", bytes = {size} }}]\n'
    )
    return file


@pytest.mark.parametrize(
    "given",
    [
        {"name": '"a/b.tgz"'},
        {"name": '"..\\\\b.tgz"'},
        {"name": '".."'},
        {"name": '""'},
        {"name": "[1]"},
        {"name": '"a\\u001b[0m"'},
        {"source": '"x/../../y"'},
        {"source": "true"},
        {"size": "1.5"},
        {"size": "-1"},
        {"size": "true"},
        {"top": "objects = []"},
        {"top": "unknown = 1"},
    ],
    ids=str,
)
def test_a_list_of_sources_with_paths_or_other_types_is_refused(tmp_path, given):
    assert manifest.find(written(tmp_path), "cats").sources[0].files[0].name == "a.tgz"
    with pytest.raises(LearnitError, match="no manifest of data sets"):
        manifest.read(written(tmp_path, **given))


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>",
        "a|b",
        "*a* _b_ `c` ~~d~~",
        "[x](javascript:alert(1))",
        "$5 to $7",
        "# a",
        "&lt;b&gt;",
    ],
)
def test_a_name_in_markdown_is_text(name):
    """In a table's cell, as pages of notebooks show it."""
    page = markdown2html_mistune(f"| {names.in_markdown(name)} | b |\n|---|---|\n| 1 | 2 |\n")
    cells = re.findall("<th>(.*?)</th>", page)
    assert len(cells) == 2 and "<" not in cells[0] and html.unescape(cells[0]) == name
