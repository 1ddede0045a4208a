"""The page of all explorers, `make gallery`: what it holds, what it weighs, what it says when it cannot be made."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from learnit_core import experiments, explorer
from learnit_core.commands import gallery, repository
from learnit_core.errors import LearnitError
from learnit_core.experiments import baselines, fits, story
from learnit_core.experiments.ct import explorers as tomography
from learnit_core.experiments.image import explorers as images
from learnit_core.experiments.image import interpolation
from learnit_core.experiments.section import Section

MOST = 4_000_000
"""Bytes that the page of one experiment may have."""


@pytest.fixture
def quickly(monkeypatch):
    """Fits of no steps: networks of the real sizes, whose weights are as many bytes as fitted ones."""
    fit_all = fits.fit_all

    def untouched(measures, field, draws, tasks, setting, num_steps, *, every=1, most=None, **control):
        found = fit_all(measures, field, draws, tasks, setting, 0, **control)
        return found._replace(curves=np.repeat(found.curves, -(-num_steps // every) + 1, axis=1))

    def fit_to(field, params, pictures, setting, **_):
        many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(pictures), *leaf.shape)), params)
        return interpolation.FittedTo(many, jnp.zeros(len(pictures)), jnp.zeros(len(pictures)))

    monkeypatch.setattr(baselines, "_fitted", lambda loss_for, field, target, key, steps: (field.init(key), jnp.inf))
    monkeypatch.setattr(fits, "fit_all", untouched)
    monkeypatch.setattr(interpolation, "fit_to", fit_to)


# Pictures of objects and places take minutes to make; some others have many programs to compile.
BY_NIGHT = {"views", "tourism"}
SLOW = (images.FOUR_STARTS, tomography.FOUR_PROJECTIONS)


def by_day(sections):
    """Those that are quick to make."""
    return [section for section in sections if section not in SLOW]


SECTIONS = [
    pytest.param(by_day(one.sections), id=name) for name, one in experiments.ALL.items() if name not in BY_NIGHT
] + [
    pytest.param(one.sections, id=f"{name}, all of them", marks=pytest.mark.nightly)
    for name, one in experiments.ALL.items()
    if name in BY_NIGHT or by_day(one.sections) != list(one.sections)
]  # fmt: skip


@pytest.mark.parametrize("sections", SECTIONS)
def test_the_page_of_an_experiment_weighs_what_is_promised(sections, quickly, tmp_path, capsys):
    page = gallery.write(tmp_path / "page.html", sections)
    with capsys.disabled():
        print(f"\n{len(sections)} explorers: {page.stat().st_size / 1e6:.2f} MB", end=" ")
    assert page.stat().st_size < MOST


def test_what_the_page_of_image_regression_holds(quickly):
    sections = (images.TWO_STRINGS, images.TWO_STEPS, images.THREE_FACES, images.YOURS)
    strings, steps, faces, yours = (section.make().scene for section in sections)
    assert [scene["engine"] for scene in (strings, steps, faces, yours)] == ["auto", "frames", "auto", "fitting"]
    assert len(steps["frames"]["panes"][0]) == images.NUM_STEPS + 1
    widths = [scene["network"]["layers"][1][1] for scene in (strings, faces)]
    assert widths == [256, 128], "other networks weigh something else"
    assert [len(scene["network"]["panes"]) * scene["network"]["panes"][0] for scene in (strings, faces)] == [4, 6]


def tiny(*names):
    """Stand-ins for sections."""
    pictures = np.full((2, 2, 2, 1), 0.5)
    control = explorer.line("a", "b")
    return [
        Section(
            title=f"{name} <1>",
            paragraph=f"<em>{name}</em>",
            notebook=f"notebook_{name}",
            make=lambda name=name: explorer.frames({name: pictures}, controls=[control]),
        )
        for name in names
    ]


def test_the_story_is_six_explorers_and_then_ones_own():
    told, others = gallery.story(), story.more()
    notebooks = {path.stem for path in repository.notebooks()}
    for section in told + others:
        assert section.title and section.paragraph and callable(section.make)
        assert section.notebook in notebooks, section.title
    own = [section.title.startswith("Do it yourself") for section in told]
    assert own[:6] == [False] * 6 and all(own[6:]) and own[6:]
    every = [section for one in experiments.ALL.values() for section in one.sections]
    assert {section.title for section in every} <= {section.title for section in told + others}, "one is nowhere"
    assert len({section.title for section in told + others}) == len(told + others)


def test_the_page_tells_it_in_order_and_links_to_what_is_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(story, "STORY", tuple(tiny("first", "second")))
    monkeypatch.setattr(story, "more", lambda: tiny("third"))
    monkeypatch.setenv("LEARNIT_OUT", str(tmp_path / "out"))
    (tmp_path / "out" / "notebook_second").mkdir(parents=True)
    (tmp_path / "out" / "notebook_second" / "index.html").touch()
    target = tmp_path / "deep" / "index.html"
    assert gallery.main(["--target", str(target)]) == 0
    said = capsys.readouterr()
    assert f"wrote {target}" in said.out and "3 explorers" in said.out
    assert "gallery: 100%" in said.err, "there is progress to see"
    page = target.read_text()
    assert re.findall(r"<(h[23])>(.*?)</h", page) == [
        ("h2", "first &lt;1&gt;"), ("h2", "second &lt;1&gt;"), ("h2", "More"), ("h3", "third &lt;1&gt;")
    ]  # fmt: skip
    assert page.index("This page needs no server") < page.index("<em>first</em>") < page.index("<em>third</em>")
    assert re.findall(r'<a href="(.*?)">(.*?)</a>', page) == [
        ("../out/notebook_second/index.html", "notebook_second")
    ], "a link that leads nowhere"
    assert "Notebook: notebook_first" in page


def test_what_is_wrong_is_one_sentence(tmp_path, monkeypatch, capsys):
    def make():
        raise LearnitError("no shipped initialisation is called 'x'")

    monkeypatch.setattr(story, "STORY", (replace(tiny("broken")[0], make=make),))
    assert gallery.main(["--target", str(tmp_path / "index.html")]) == 1
    said = capsys.readouterr().err
    assert said.rstrip().endswith("no shipped initialisation is called 'x'") and "Traceback" not in said
    assert not list(tmp_path.iterdir())
