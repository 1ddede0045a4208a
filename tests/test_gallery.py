"""The page of all explorers, `make gallery`: what it holds, what it weighs, what it says when it cannot be made."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from learnit_core import experiments, explorer
from learnit_core.commands import gallery
from learnit_core.errors import LearnitError
from learnit_core.experiments import fits
from learnit_core.experiments.image import explorers as image_explorers
from learnit_core.experiments.image import interpolation

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

    monkeypatch.setattr(fits, "fit_all", untouched)
    monkeypatch.setattr(interpolation, "fit_to", fit_to)


# Pictures of objects and places take minutes to make.
BY_NIGHT = {"views", "tourism"}
EXPERIMENTS = [
    pytest.param(one, id=name, marks=[pytest.mark.nightly] if name in BY_NIGHT else [])
    for name, one in experiments.ALL.items()
    if one.sections
]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_page_of_an_experiment_weighs_what_is_promised(experiment, quickly, tmp_path, capsys):
    page, count = gallery.write(tmp_path / "page.html", [experiment])
    with capsys.disabled():
        print(f"\n{experiment.name}, {count} explorers: {page.stat().st_size / 1e6:.2f} MB", end=" ")
    assert count >= 1 and page.stat().st_size < MOST


def test_what_the_page_of_image_regression_holds(quickly):
    scenes = [shown.scene for _, shown in image_explorers.sections()]
    assert [scene["engine"] for scene in scenes] == ["frames", "auto", "auto", "fitting"]
    assert len(scenes[0]["frames"]["panes"][0]) == image_explorers.NUM_STEPS + 1
    widths = [layers[1][1] for layers in (scene["network"]["layers"] for scene in scenes[1:3])]
    assert widths == [256, 128], "other networks weigh something else"
    assert [len(scene["network"]["panes"]) * scene["network"]["panes"][0] for scene in scenes[1:3]] == [4, 6]


def tiny(*names):
    """A stand-in for an experiment."""
    pictures = np.full((2, 2, 2, 1), 0.5)
    made = [(f"<h2>{n}</h2>", explorer.frames({n: pictures}, controls=[explorer.line("a", "b")])) for n in names]
    return replace(experiments.ALL["image"], name="tiny", sections=lambda: made)


def test_all_experiments_stand_on_it_in_order(tmp_path, monkeypatch, capsys):
    silent = replace(experiments.ALL["image"], name="silent", sections=None)
    some = {"a": tiny("first", "second"), "b": silent, "c": tiny("third")}
    monkeypatch.setattr(experiments, "ALL", some)
    target = tmp_path / "deep" / "index.html"
    assert gallery.main(["--target", str(target)]) == 0
    said = capsys.readouterr()
    assert f"wrote {target}" in said.out and "3 explorers" in said.out
    assert "gallery: 100%" in said.err, "there is progress to see"
    page = target.read_text()
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["first", "second", "third"]
    assert page.index("this page needs no server") < page.index("first")


def test_what_is_wrong_is_one_sentence(tmp_path, monkeypatch, capsys):
    def sections():
        raise LearnitError("no shipped initialisation is called 'x'")

    monkeypatch.setattr(experiments, "ALL", {"broken": replace(experiments.ALL["image"], sections=sections)})
    assert gallery.main(["--target", str(tmp_path / "index.html")]) == 1
    said = capsys.readouterr().err
    assert said.rstrip().endswith("no shipped initialisation is called 'x'") and "Traceback" not in said
    assert not list(tmp_path.iterdir())
