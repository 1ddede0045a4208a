"""What is wrong with pages, and what is not."""

import pytest

from learnit_core.commands.website import inspection

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
FAULTS = {
    '<a href="there.html">x</a>': None,
    '<a href="there.html#part">x</a>': None,
    '<a href="there.html#other">x</a>': "place that is not there",
    '<a href="#here">x</a><p id="here">': None,
    '<a href="#nowhere">x</a>': "place that is not there",
    '<a href="gone.html">x</a>': "file that is not there",
    '<a href="deep/">x</a>': None,
    '<a href="../outside.html">x</a>': "file that is not there",
    '<a href="https://example.org/page">x</a>': None,
    '<a href="https://github.com/OWNER/learnit">x</a>': "project without an address",
    '<a href="javascript:go()">x</a>': "link that is none",
    f'<img src="{PIXEL}" alt="a dot">': None,
    f'<img src="{PIXEL}">': "without alternative text",
    f'<img src="{PIXEL}" alt=" ">': "without alternative text",
    f'<img src="{PIXEL}" alt="" role="presentation">': None,
    '<img src="https://example.org/a.png" alt="a">': "another address",
    '<img src="gone.png" alt="a">': "file that is not there",
    f'<img srcset="{PIXEL} 1x, //example.org/b.png 2x" src="{PIXEL}" alt="a">': "another address",
    '<script src="https://example.org/a.js"></script>': "another address",
    '<script src="//example.org/a.js"></script>': "another address",
    '<link rel="stylesheet" href="https://example.org/a.css">': "another address",
    '<link rel="canonical" href="https://example.org/">': None,
    "<style>@import 'https://example.org/a.css';</style>": "another address",
    "<style>p { background: url(https://example.org/a.png) }</style>": "another address",
    f"<style>p {{ background: url({PIXEL}) }}</style>": None,
    '<p style="background: url(//example.org/a.png)">': "another address",
    "<p>url(https://example.org) is only text</p>": None,
    '<iframe src="there.html"></iframe>': "frame without a title",
    '<iframe title="a page" src="there.html"></iframe>': None,
    '<video poster="https://example.org/a.png"></video>': "another address",
    f'<img src="{PIXEL}" alt="No description has been provided for this image">': "without alternative text",
    '<form action="https://example.org/"></form>': "another address",
    '<form action="there.html"></form>': None,
    '<form><button formaction="https://example.org/"></button></form>': "another address",
    '<base href="https://example.org/">': "a base",
    '<meta http-equiv="Refresh" content="0; url=https://example.org/">': "by itself",
    '<svg><image href="https://example.org/a.png"/></svg>': "another address",
    '<svg><use xlink:href="https://example.org/a.svg#b"/></svg>': "another address",
    '<svg><use href="#b"/></svg>': None,
    '<map><area href="gone.html" alt="a"></map>': "file that is not there",
    '<link rel="Stylesheet" href="https://example.org/a.css">': "another address",
    "<style>p { background: URL(https://example.org/a.png) }</style>": "another address",
    "<style>@IMPORT 'https://example.org/a.css';</style>": "another address",
    '<iframe title="a" srcdoc="&lt;img alt=a src=https://example.org/a.png&gt;"></iframe>': "another address",
    '<iframe title="a" srcdoc="&lt;p&gt;words"></iframe>': None,
}


@pytest.mark.parametrize(("body", "expected"), FAULTS.items())
def test_a_fault_of_a_page_is_named(tmp_path, body, expected):
    site = tmp_path / "site"
    (site / "deep").mkdir(parents=True)
    (tmp_path / "outside.html").write_text("")
    (site / "there.html").write_text('<h2 id="part">')
    (site / "deep" / "index.html").write_text("")
    (site / "page.html").write_text(body)
    found = inspection.faults(site)
    assert len(found) == (expected is not None)
    assert all(one.startswith("page.html: ") and expected in one for one in found)


def test_style_sheets_are_looked_at(tmp_path):
    (tmp_path / "a.css").write_text(
        "p { background: url(https://example.org/a.woff2) } q { background: url(gone.png) }"
    )
    assert [one.partition(": ")[2][:10] for one in inspection.faults(tmp_path)] == ["something ", "a file tha"]
