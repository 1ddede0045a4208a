"""The site: what is kept of a run, links that hold, what a page may not have, and what stands on it."""

import json
import re
from pathlib import PurePosixPath

import nbformat
import pytest
import test_fitting
import test_learning

from learnit_core.commands import pages
from learnit_core.commands.execution import NotebookFailed
from learnit_core.commands.pages import formulas, links
from learnit_core.commands.repository import ROOT, notebooks
from learnit_core.commands.website import build, executed, sources
from learnit_core.commands.website.__main__ import main
from learnit_core.errors import LearnitError
from learnit_core.experiments.section import Section


def test_without_a_browser_it_is_said_and_may_be_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build.visits, "browser_here", lambda: None)
    (tmp_path / "page.html").write_text("")
    for required, faults in (("", 0), ("1", 1)):
        monkeypatch.setenv("LEARNIT_REQUIRE_BROWSER", required)
        assert len(build.checked(tmp_path)) == faults
        assert "no Chromium" in capsys.readouterr().err


# Links

LINKS = {
    "[a](../notebooks/01_image_regression.ipynb#part)": ("[a](shown.html#part)", "[a](shown.html#part)"),
    "[`a`](../learnit_core/fit.py)": ("`a`", "[`a`](https://github.com/me/learnit/blob/main/learnit_core/fit.py)"),
    "[a](gone.md)": ("[a](gone.md)", "[a](gone.md)"),
    "[a](https://example.org)": ("[a](https://example.org)", "[a](https://example.org)"),
    "[a](https://github.com/OWNER/learnit/blob/main/x)": ("a", "[a](https://github.com/OWNER/learnit/blob/main/x)"),
    "[![b](https://x.org/b.svg)](https://x.org)\nc": ("c", "c"),
    "![figure](../learnit_core/fit.py)": ("![figure](../learnit_core/fit.py)", "![figure](../learnit_core/fit.py)"),
    "`[a](../learnit_core/fit.py)`": ("`[a](../learnit_core/fit.py)`", "`[a](../learnit_core/fit.py)`"),
    "```\n[a](../README.md)\n```": ("```\n[a](../README.md)\n```", "```\n[a](../README.md)\n```"),
    "```{glossary}\nx\n  [a](../Makefile)\n```": (
        "```{glossary}\nx\n  a\n```",
        "```{glossary}\nx\n  [a](https://github.com/me/learnit/blob/main/Makefile)\n```",
    ),
    "[a](#below)": ("[a](#below)", "[a](#below)"),
}


@pytest.mark.parametrize(("text", "expected"), LINKS.items())
def test_links_hold_with_and_without_an_address(monkeypatch, text, expected):
    def place(path):
        return "shown.html" if path == "notebooks/01_image_regression.ipynb" else None

    for address, one in zip((None, "https://github.com/me/learnit"), expected, strict=True):
        monkeypatch.setattr(links, "published", lambda address=address: address)
        assert links.relinked(text, "docs/page.md", place) == one


# Formulas

FORMULAS = {
    "a $x_1$ b": 1,
    "$$x$$ and $y$": 2,
    "$x +\ny$": 1,
    "from $5 to $6": 0,
    "costs 5$, or 6$": 0,
    "`$x$` and ``a ` $x$``": 0,
    "```\n$x$\n```": 0,
    r"\$x\$": 0,
    "$x$\n\n$": 1,
}


@pytest.mark.parametrize(("text", "count"), FORMULAS.items())
def test_formulas_are_found_where_they_are(text, count):
    without, found = formulas.taken_out(text)
    assert len(found) == count
    assert formulas.put_back(without, found).count("<math") == count
    assert count or without == text


def test_formulas_are_elements_that_read_as_they_should():
    inline, block = formulas.mathml(r"\theta'"), formulas.mathml(r"\frac{1}{n}", block=True)
    assert 'display="inline"' in inline and "<msup>" not in inline
    assert 'display="block"' in block and "<mfrac>" in block
    with pytest.raises(LearnitError, match=r"\\nosuchthing"):
        formulas.mathml(r"\nosuchthing{x}")


def test_every_formula_of_the_notebooks_can_be_set():
    counts = [len(formulas.taken_out("\n\n".join(_prose(source)))[1]) for source in notebooks()]
    assert sum(counts) > 40


def _prose(source):
    notebook = nbformat.reads(source.with_suffix(".ipynb").read_text("utf-8"), 4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


# What was run


@pytest.fixture
def runs(monkeypatch):
    """Notebooks are not run but noted; one whose name is in ``failing`` fails."""
    noted, failing = [], set()

    def execute(path, *, env):
        if path.stem in failing:
            raise NotebookFailed("a cell failed")
        noted.append((path.stem, env))
        return nbformat.read(path, 4)

    monkeypatch.setattr(executed, "execute", execute)
    monkeypatch.setattr(executed, "code", lambda: "this code")
    return noted, failing


def test_notebooks_are_run_once_and_again_when_something_has_changed(runs, tmp_path, monkeypatch):
    noted, _ = runs
    sources_ = notebooks()[:2]

    def said(env):
        return [*executed.states(tmp_path, env, sources_).values()]

    assert said({}) == [executed.MISSING] * 2
    assert executed.run_all(tmp_path, {"MPLBACKEND": "agg"}, sources_) == 2
    assert said({}) == said({"LEARNIT_PROFILE": "quick"}) == [executed.PRESENT] * 2
    assert executed.run_all(tmp_path, {}, sources_) == 0
    for choice in ("LEARNIT_PROFILE", "LEARNIT_DATA", "LEARNIT_TEST_DATA", "LEARNIT_MAX_STEPS"):
        assert said({choice: "2"}) == [executed.STALE] * 2
    text = executed.kept(tmp_path, sources_[0]).read_text()
    for damage in (text[:500], "[]", '{"metadata": {}}'):
        executed.kept(tmp_path, sources_[0]).write_text(damage)
        assert said({}) == [executed.STALE, executed.PRESENT]
    assert executed.run_all(tmp_path, {}, sources_) == 1
    assert [name for name, _ in noted] == [sources_[0].stem, sources_[1].stem, sources_[0].stem]
    assert all(env["LEARNIT_OUT"] == str(tmp_path / "run") and "MPLBACKEND" not in env for _, env in noted)
    monkeypatch.setattr(executed, "code", lambda: "other code")
    assert said({}) == [executed.OLDER] * 2 and executed.run_all(tmp_path, {}, sources_) == 0
    assert executed.run_all(tmp_path, {}, sources_, anew=True) == 2 and said({}) == [executed.PRESENT] * 2


def test_after_a_failure_what_was_run_is_kept(runs, tmp_path, monkeypatch, capsys):
    noted, failing = runs
    monkeypatch.setenv("LEARNIT_OUT", str(tmp_path))
    failing.add(notebooks()[1].stem)
    assert main(["--execute", "00", "01"]) == 1
    assert "a cell failed" in capsys.readouterr().err
    failing.clear()
    assert main(["--execute", "00", "01"]) == 0
    assert [name for name, _ in noted] == [one.stem for one in notebooks()[:2]]
    assert main(["--execute", "no such"]) == 1 and "no such" in capsys.readouterr().err


def test_a_run_that_was_ended_goes_on_and_no_other_begins_with_what_was_left(runs, tmp_path, monkeypatch):
    source, env, ended = notebooks()[0], {}, []
    left = tmp_path / "run" / source.stem / "checkpoint"
    begun = []

    def execute(path, *, env):
        begun.append(left.exists())
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_text("trained")
        if ended:
            raise NotebookFailed("ended")
        return nbformat.read(path, 4)

    def run(env, *, anew=False, ends=False):
        ended[:] = [True] * ends
        try:
            executed.run_all(tmp_path, env, [source], anew=anew)
        except NotebookFailed:
            assert ends
        return begun.pop()

    monkeypatch.setattr(executed, "execute", execute)
    assert not run(env, ends=True) and run(env) and not left.exists()
    assert not run(env, anew=True, ends=True) and not run(env, anew=True)
    other = {"LEARNIT_PROFILE": "standard"}
    left.parent.mkdir(parents=True)
    left.write_text("trained for a site of before")
    assert not run(other, ends=True) and run(other)


@pytest.mark.parametrize("name", ["a.py", "a.js", "a.css", "a.json", "weights/a.safetensors"])
def test_other_code_or_weights_are_noticed(tmp_path, monkeypatch, name):
    monkeypatch.setattr(executed, "ROOT", tmp_path)
    file, command = tmp_path / "learnit_core" / name, tmp_path / "learnit_core" / "commands" / "a.py"
    for one in (file, command):
        one.parent.mkdir(parents=True, exist_ok=True)
        one.write_bytes(b"\xff")
    before = executed.code()
    command.write_bytes(b"")
    assert executed.code() == before
    file.write_bytes(b"")
    assert executed.code() != before


def test_a_notebook_may_be_named_by_its_ipynb_and_others_are_refused(runs, tmp_path, monkeypatch, capsys):
    noted, source = runs[0], notebooks()[0]
    monkeypatch.setenv("LEARNIT_OUT", str(tmp_path / "out"))
    assert main(["--execute", str(source.with_suffix(".ipynb"))]) == 0 and noted[0][0] == source.stem
    other = tmp_path / source.name
    other.write_text("")
    assert main(["--execute", str(other)]) == 1 and "no notebook of the site" in capsys.readouterr().err


def test_what_was_run_is_what_students_get(runs, tmp_path):
    source = notebooks()[0]
    executed.run(source, tmp_path, {})
    kept = nbformat.read(executed.kept(tmp_path, source), 4)
    tags = {tag for cell in kept.cells for tag in cell.metadata.get("tags", [])}
    assert "exercise" in tags and "solution" not in tags
    assert kept.metadata["learnit"]["profile"] == "quick"


# What stands on it


def test_a_notebook_that_was_not_run_or_with_older_code_says_so(runs, tmp_path, monkeypatch):
    source, places = notebooks()[0], sources.staged()
    page = sources.page_of(source, tmp_path, {}, places)
    assert "has not been run for this site (missing)" in page.cells[1].source
    executed.run(source, tmp_path, {})
    page = sources.page_of(source, tmp_path, {}, places)
    assert "has not been run" not in json.dumps(page) and "older code" not in json.dumps(page)
    assert not {"badges", "colab"} & {tag for cell in page.cells for tag in cell.metadata.get("tags", [])}
    monkeypatch.setattr(executed, "code", lambda: "other code")
    assert "run with older code" in sources.page_of(source, tmp_path, {}, places).cells[1].source


def test_all_that_is_written_for_readers_is_on_it(tmp_path):
    places = sources.staged()
    written = {
        path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("docs/**/*.md"), *ROOT.glob("notebooks/*.ipynb")]
    }
    assert written <= places.keys() and places["docs/site/glossary.md"] == "glossary.md"
    sources.write(tmp_path / "source", tmp_path, {}, explorers={"story": [("## One", "<div data-explorer></div>")]})
    made = {path.relative_to(tmp_path / "source").as_posix() for path in (tmp_path / "source").rglob("*.*")}
    assert {"index.md", "fitting.md", "glossary.md", "cite.md", "api/meta.rst", "CITATION.cff"} <= made
    assert ":file: explorers/story-0.html" in (tmp_path / "source" / "index.md").read_text()
    assert (tmp_path / "source" / "explorers" / "story-0.html").read_text() == "<div data-explorer></div>"
    listed = (tmp_path / "source" / "api.md").read_text()
    assert all(f"api/{name}\n" in listed for name in sources.modules())
    text = "".join(path.read_text() for path in (tmp_path / "source").rglob("*.md"))
    assert "/OWNER/" not in re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL), (
        "links to a project without an address"
    )


def test_every_text_has_a_title_and_is_in_the_contents():
    listed = [line for line in (ROOT / "docs" / "site" / "index.md").read_text("utf-8").splitlines() if line]
    texts = [path for path in sources.staged() if path.startswith("docs/") and not path.startswith("docs/site/")]
    assert [path for path in texts if not (ROOT / path).read_text("utf-8").startswith("# ")] == []
    # As in Sphinx, a star does not go into folders.
    shown = [path for path in texts if any(PurePosixPath(path).with_suffix("").match(one) for one in listed)]
    assert shown == texts


def test_the_glossary_has_words_of_the_notebooks():
    text = (ROOT / "docs" / "site" / "glossary.md").read_text("utf-8")
    terms = re.findall(r"^(\S.*)\n  ", text, re.MULTILINE)
    assert len(terms) > 30 and terms == sorted(terms, key=str.casefold)
    said = " ".join(" ".join(_prose(source)) for source in notebooks()).casefold()
    said = " ".join(said.replace("*", "").split())
    words = {
        "support and query": "support",
        "mv and sv": "mv",
        "paired interval": "interval",
        "ω₀": r"\omega_0",
        "view synthesis": "view",
    }
    assert [term for term in terms if words.get(term.casefold(), term.casefold()) not in said] == []
    used = re.findall(r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`", text)
    assert set(used) <= set(terms)


def test_pages_share_their_look_with_the_page_of_the_demo():
    style, script = ((pages.HERE / name).read_text("utf-8") for name in ("notebook.css", "notebook.js"))
    assert "cell_input" in style and "cell_input" in script  # the names that MyST-NB gives


SHORT = {"fitting": test_fitting.small, "meta": test_learning.small}


@pytest.mark.parametrize("left_out", [None, *SHORT])
def test_explorers_with_pages_of_their_own_stand_on_them(tmp_path, monkeypatch, left_out):
    """By what computes them; a page that would stay empty is an error."""
    told = [
        Section(title=name, paragraph="Words.", notebook="00_start_here", make=make)
        for name, make in SHORT.items()
        if name != left_out
    ]
    monkeypatch.setattr(build.gallery, "story", lambda: told)
    if left_out:
        with pytest.raises(LearnitError, match=f"no explorer for the page {build.OWN[left_out]}.md"):
            build.explorers()
        return
    made = build.explorers()
    for page in build.OWN.values():
        text = sources.with_explorers((ROOT / "docs" / "site" / f"{page}.md").read_text("utf-8"), tmp_path, made)
        assert f"<!-- {page} -->" not in text and f"explorers/{page}-0.html" in text
        assert "data-explorer" in (tmp_path / "explorers" / f"{page}-0.html").read_text("utf-8")
