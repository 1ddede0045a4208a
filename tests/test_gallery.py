"""The page of all explorers, `make gallery`: what it holds, what it weighs, what it says when it cannot be made."""

import re
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from learnit_core import explorer
from learnit_core.commands import gallery
from learnit_core.errors import LearnitError
from learnit_core.experiments import ct
from learnit_core.experiments.ct.record import CT
from learnit_core.experiments.image import explorers as image_explorers
from learnit_core.experiments.image import interpolation
from learnit_core.experiments.tourism import explorers as tourism_explorers
from learnit_core.experiments.views import explorers as views_explorers
from learnit_core.experiments.views import table as views_table

MOST = 3_000_000
"""Bytes that the page of one experiment may have."""


@pytest.fixture
def quickly(monkeypatch):
    """Fits of no steps: networks of the real sizes, whose weights are as many bytes as fitted ones."""

    def untouched(params, count):
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), params)

    def fit_to(field, params, pictures, setting, **_):
        return interpolation.FittedTo(
            untouched(params, len(pictures)), jnp.zeros(len(pictures)), jnp.zeros(len(pictures))
        )

    def reconstruct(field, params, truth, num_projections, setting, num_steps, **_):
        return None, untouched(params, len(truth))

    def run(profile, field, draws, tasks, *_, **__):
        return None, untouched(draws[0], len(tasks.support.images))

    monkeypatch.setattr(interpolation, "fit_to", fit_to)
    monkeypatch.setattr(ct, "reconstruct", reconstruct)
    monkeypatch.setattr(views_table, "run", run)


def test_the_page_of_image_regression_weighs_what_is_promised(quickly, tmp_path, capsys):
    page, count = gallery.write(tmp_path / "image.html", [image_explorers])
    with capsys.disabled():
        print(f"\nimage regression, {count} explorers: {page.stat().st_size / 1e6:.2f} MB", end=" ")
    assert count == 3 and page.stat().st_size < MOST
    scenes = [shown.scene for _, shown in image_explorers.sections()]
    assert [scene["engine"] for scene in scenes] == ["frames", "auto", "auto"]
    assert len(scenes[0]["frames"]["panes"][0]) == image_explorers.NUM_STEPS + 1
    widths = [layers[1][1] for layers in (scene["network"]["layers"] for scene in scenes[1:])]
    assert widths == [256, 128], "other networks weigh something else"
    assert [len(scene["network"]["panes"]) * scene["network"]["panes"][0] for scene in scenes[1:]] == [4, 6]


def test_the_page_of_computed_tomography(quickly, tmp_path, capsys):
    page, count = gallery.write(tmp_path / "ct.html", [CT])
    with capsys.disabled():
        print(f"\ncomputed tomography, {count} explorers: {page.stat().st_size / 1e6:.2f} MB", end=" ")
    assert count == 2 and page.stat().st_size < MOST


def test_the_page_of_view_synthesis(quickly, tmp_path, capsys):
    page, count = gallery.write(tmp_path / "views.html", [views_explorers])
    with capsys.disabled():
        print(f"\nview synthesis, {count} explorers: {page.stat().st_size / 1e6:.2f} MB", end=" ")
    assert count == 2 and page.stat().st_size < MOST


def test_the_page_of_phototourism(tmp_path, capsys):
    page, count = gallery.write(tmp_path / "tourism.html", [tourism_explorers])
    with capsys.disabled():
        print(f"\nphototourism, {count} explorers: {page.stat().st_size / 1e6:.2f} MB", end=" ")
    assert count == 1 and page.stat().st_size < MOST


def tiny(*names):
    """A stand-in for an experiment's module."""
    pictures = np.full((2, 2, 2, 1), 0.5)
    made = [(f"<h2>{n}</h2>", explorer.frames({n: pictures}, controls=[explorer.line("a", "b")])) for n in names]
    return types.SimpleNamespace(__name__="tiny_explorers", sections=lambda: made)


def test_all_experiments_stand_on_it_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gallery, "EXPERIMENTS", (tiny("first", "second"), tiny("third")))
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

    broken = types.SimpleNamespace(__name__="broken_explorers", sections=sections)
    monkeypatch.setattr(gallery, "EXPERIMENTS", (broken,))
    assert gallery.main(["--target", str(tmp_path / "index.html")]) == 1
    said = capsys.readouterr().err
    assert said.rstrip().endswith("no shipped initialisation is called 'x'") and "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_the_gallery_names_every_experiment_that_has_explorers():
    folder = gallery.Path(image_explorers.__file__).parent
    found = {file.stem for file in folder.glob("*_explorers.py")}
    assert found == {module.__name__.rpartition(".")[2] for module in gallery.EXPERIMENTS}
