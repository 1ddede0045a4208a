"""`make site`, from notebooks of two steps: it holds what it promises, is found through, and fails when it should."""

import base64
import os
import re

import pytest
from browsing import EXPLORERS

from learnit_core.commands.repository import absolute_environment, notebooks
from learnit_core.commands.website import build, executed, inspection, sources, visits
from learnit_core.errors import LearnitError
from learnit_core.explorer.page import live

pytest.importorskip("myst_nb", reason="the extra `site` is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.nightly, pytest.mark.slow]

RESULTS = "[...document.querySelectorAll('#search-results li a')].map((one) => one.getAttribute('href'))"


@pytest.fixture(scope="module")
def made():
    """Small explorers in the place of those that are shipped."""
    story = [(f"## A {kind}\n\nTo be dragged.", live(EXPLORERS[kind]())) for kind in ("line", "camera")]
    own = [("", live(EXPLORERS["square"]()))]
    return {"story": story, "fitting": own, "learning": own}


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    wanted = {"LEARNIT_MAX_STEPS": "2", "LEARNIT_PROFILE": "quick", "LEARNIT_OUT": str(tmp_path_factory.mktemp("out"))}
    return absolute_environment({**os.environ, **wanted})


@pytest.fixture(scope="module")
def site(tmp_path_factory, env, made):
    """The folder of a site, and what the notebooks that it is made of left."""
    folder = tmp_path_factory.mktemp("site")
    assert executed.run_all(folder / "executed", env) == len(notebooks())
    build.build(folder, folder / "executed", env, made=made)
    return folder


def test_it_has_no_faults(site, env, executable):
    assert build.report(executed.states(site / "executed", env)) == ""
    assert build.checked(site / "html") == []
    dark = visits.complaints(
        [*(site / "html" / "notebooks").glob("*.html")], executable, site / "html", color_scheme="dark"
    )
    assert dark == []


def test_it_has_what_it_promises(site):
    html = site / "html"
    pages = {path.relative_to(html).as_posix(): path.read_text(encoding="utf-8") for path in html.rglob("*.html")}
    assert {f"notebooks/{source.stem}.html" for source in notebooks()} <= pages.keys()
    assert {f"api/{name}.html" for name in sources.modules()} <= pages.keys()
    assert {
        "index.html",
        "fitting.html",
        "docs/paper.html",
        "docs/teach/README.html",
        "glossary.html",
        "cite.html",
    } <= pages.keys()
    assert (
        pages["index.html"].count("<div data-explorer") == 2 and pages["fitting.html"].count("<div data-explorer") == 1
    )
    alive = [name for name in pages if name.startswith("notebooks/") and "<div data-explorer" in pages[name]]
    assert len(alive) >= 5
    for name, page in pages.items():
        assert "Content-Security-Policy" in page and 'href="https://github.com/OWNER' not in page, name
        assert ("_static/explorer.js" in page) == ("<div data-explorer" in page), name
    assert "<math" in pages["notebooks/00_start_here.html"] and "$" not in re.sub(
        r"<(pre|code|script|span).*?</\1>", "", pages["notebooks/00_start_here.html"], flags=re.DOTALL
    )
    following = pages["notebooks/01_image_regression.html"]
    assert "Next" in following and "Previous" in following


def test_what_is_searched_for_is_found_without_a_server(site, executable):
    with visits.visitor(executable) as visit:
        page, said = visit(site / "html" / "search.html")
        page.goto(f"{page.url}?q=sinogram")
        page.wait_for_function(f"() => {RESULTS}.length > 1", timeout=60_000)
        found = page.evaluate(RESULTS)
        assert any("02_ct_reconstruction" in one for one in found) and said == []


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_the_screen(site, executable, width):
    wide = []
    with visits.visitor(executable, viewport={"width": width, "height": 800}) as visit:
        for name in (
            "index",
            "fitting",
            "glossary",
            "README",
            "api/models",
            *(f"notebooks/{one.stem}" for one in notebooks()),
        ):
            page, _ = visit(site / "html" / f"{name}.html")
            if page.evaluate("() => document.documentElement.scrollWidth") > width:
                wide.append(name)
    assert wide == []


NOWHERE = {
    "[gone](gone.md)": "gone.md",
    "{func}`learnit_core.fit.no_such_thing`": "no_such_thing",
    "[gone](README.md#no-such-part)": "no-such-part",
}


def test_links_that_lead_nowhere_fail_it_and_leave_the_old_one(tmp_path, site, env, made, monkeypatch, capfd):
    whole, more = sources.text_of, "\n\n" + "\n\n".join(NOWHERE) + "\n"
    monkeypatch.setattr(
        sources, "text_of", lambda path, places: whole(path, places) + (more if path.endswith("cite.md") else "")
    )
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "index.html").write_text("old")
    with pytest.raises(LearnitError, match="Sphinx"):
        build.build(tmp_path, site / "executed", env, made=made)
    said = capfd.readouterr().err
    assert [part for part in NOWHERE.values() if part not in said] == []
    assert (tmp_path / "html" / "index.html").read_text() == "old"


def test_a_picture_without_words_fails_it(site, tmp_path):
    page = site / "html" / "cite.html"
    text = page.read_text(encoding="utf-8")
    pixel = base64.b64encode(b"GIF89a").decode()
    page.write_text(
        text.replace("</article>", f'<img src="data:image/gif;base64,{pixel}"></article>'), encoding="utf-8"
    )
    try:
        assert [fault for fault in inspection.faults(site / "html") if "alternative text" in fault]
    finally:
        page.write_text(text, encoding="utf-8")
