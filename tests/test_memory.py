"""Blocks of samples, a part of them, and ways chosen by a budget of bytes."""

import importlib.util
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image

from learnit_core import losses, memory, meta, models
from learnit_core.commands.repository import ROOT
from learnit_core.errors import LearnitError
from learnit_core.experiments import image
from learnit_core.signals import ImageSplits
from learnit_core.structures import Pixels, rows

FIELD = models.siren(2, 1, width=16, depth=2, w0=20.0)
PARAMS, KEY = FIELD.init(jax.random.key(0)), jax.random.key(1)
WHOLE = losses.regression_loss(FIELD)
CHOICES = ("random", "error", "largest")


def task(height=9, width=7):
    picture = np.random.default_rng(0).random((1, height, width, 1), np.float32)
    return rows(image.tasks(picture), 0)


def off(found, expected):
    """The length of the difference, as a part of what is expected."""
    squares = [jax.tree.map(lambda leaf: float(jnp.sum(leaf**2)), tree) for tree in (found, expected)]
    difference = jax.tree.map(lambda a, b: float(jnp.sum((a - b) ** 2)), found, expected)
    return (sum(jax.tree.leaves(difference)) / sum(jax.tree.leaves(squares[1]))) ** 0.5


@pytest.mark.parametrize("blocks", [5])
def test_blocks_are_the_same_numbers(blocks):
    """Also where the samples do not divide by them, and through an inner gradient."""

    def maml(loss):
        return jax.jit(meta.maml(loss, meta.adapt_with(loss, optax.sgd(1e-2), 1)))(PARAMS, task(), KEY)

    assert off(maml(losses.regression_loss(FIELD, blocks=blocks)), maml(WHOLE)) < 2e-6


@pytest.mark.parametrize("choose", ["random", "error"])
def test_a_part_has_the_gradient_of_all_on_average(choose):
    loss, support = losses.part_loss(FIELD, 0.2, choose=choose, blocks=3), task().support
    every = jax.jit(jax.vmap(lambda key: jax.grad(loss)(PARAMS, support, key)))(jax.random.split(KEY, 1000))
    expected = jax.grad(WHOLE)(PARAMS, support, KEY)
    mean, one = (jax.tree.map(lambda leaf, get=get: get(leaf), every) for get in (lambda g: g.mean(0), lambda g: g[0]))
    assert off(mean, expected) < 0.1 < off(one, expected)


def test_a_part_is_as_large_as_is_said_and_by_error_prefers_what_is_wrong():
    coords = models.pixel_grid(10, 10)
    values = FIELD.apply(PARAMS, coords).at[:10].add(1.0)  # wrong in ten pixels

    def seen(choose, fraction=0.1):  # a pixel counts if the loss depends on its value
        loss = losses.part_loss(FIELD, fraction, choose=choose)
        slope = jax.jit(jax.grad(lambda v: loss(PARAMS, Pixels(coords, v + 1e-3), KEY)))(values)
        return np.flatnonzero(np.asarray(slope[:, 0]))

    assert len(seen("random")) == 10 and len(seen("random", 1.0)) == 100
    assert seen("largest").tolist() == list(range(10))
    assert 5 <= np.sum(seen("error") < 10) <= 8 and len(seen("error")) <= 10


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: losses.part_loss(FIELD, 0.0), "the fraction 0 of samples"),
        (lambda: losses.part_loss(FIELD, 1.5), "the fraction 1.5 of samples"),
        (lambda: losses.part_loss(FIELD, 0.5, choose="best"), "expected above 0 .* random, error, largest"),
        (lambda: losses.regression_loss(FIELD, blocks=0), "0 blocks"),
        *((lambda which=which: losses.part_loss(FIELD, 0.5, choose=which, blocks=0), "0 blocks") for which in CHOICES),
        (lambda: losses.radiance_loss(FIELD, num_samples=0, rays_per_step=1), "0 samples on a ray"),
        (lambda: losses.radiance_loss(FIELD, num_samples=1, rays_per_step=0), "0 rays"),
    ],
)
def test_bad_input_is_one_sentence(make, part):
    with pytest.raises(LearnitError, match=part):
        make()


def test_a_last_step_corrects_on_all_samples():
    part, inner = losses.part_loss(FIELD, 0.3), optax.sgd(1e-2)
    both = meta.in_turn(meta.adapt_with(part, inner, 2), meta.adapt_with(WHOLE, inner, 1))
    keys, support = jax.random.split(KEY), task().support
    before = jax.jit(meta.adapt_with(part, inner, 2))(PARAMS, support, keys[0])
    expected = jax.tree.map(lambda p, g: p - 1e-2 * g, before, jax.grad(WHOLE)(before, support, KEY))
    assert off(jax.jit(both)(PARAMS, support, KEY), expected) < 1e-6


# Budgets


def simple(way):
    """Temporaries fall with recomputation and with blocks, as those of a network do."""
    numbers = 4000 * (1 if way.remat else 4) // way.blocks
    return lambda x: jnp.sort(jnp.sin(x + jnp.arange(numbers)))[::-1].sum()


def test_the_first_way_within_the_budget_is_taken_and_said():
    needs = [memory.choose(simple, [1.0], 10**9, [way]).temporaries for way in memory.WAYS[:3]]
    assert sorted(needs, reverse=True) == needs and needs[2] > 0
    for place, way in enumerate(memory.WAYS[:3]):
        taken = memory.choose(simple, [1.0], needs[place])
        assert taken.way == way and taken.temporaries == needs[place] and taken.said.startswith(f"{way}: 0.")
        assert ("where keeping all of the inner losses would take 0." in taken.said) == (place > 0)
    way = memory.Way(blocks=64, fraction=0.1)
    assert str(way) == "recomputing inner losses, in 64 blocks of samples, inner steps on 10 % of them"
    with pytest.raises(LearnitError, match="no way takes 0.0 MB or less: recomputing inner .* more memory"):
        memory.choose(simple, [1.0], needs[1] - 1, memory.WAYS[:2])


@pytest.mark.nightly
def test_each_way_takes_less_than_those_before_it():
    """Of a picture, in MAML; and on a part of its pixels less than on all of them at once."""
    arguments, profile = (PARAMS, task(40, 40), KEY), image.PROFILES["quick"]

    def taken(way):
        return memory.choose(lambda way: image.meta_grad_for(profile, FIELD, "maml", way), arguments, 10**9, [way])[1]

    needs = [taken(way) for way in memory.WAYS]
    assert (np.diff(needs) < 0).all() and needs[3] < 0.2 * needs[1]
    assert taken(memory.Way(fraction=0.25)) < 0.6 * needs[1]  # the query sees all of them
    assert taken(memory.Way(fraction=0.5, blocks=4)) < 0.7 * taken(memory.Way(fraction=0.5))


@pytest.mark.nightly
def test_the_study_of_parts_runs_on_photographs(tmp_path, monkeypatch):
    for number in range(10):
        noise = np.random.default_rng(number).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{number}.png")
    spec = importlib.util.spec_from_file_location("pixels", ROOT / "docs" / "studies" / "pixels.py")
    study = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(study)
    monkeypatch.setattr(study, "OUTER_STEPS", {2: 10})
    monkeypatch.setattr(study, "SIDE", 8)
    natural = study.signals("natural", tmp_path)
    assert natural[1].shape == (8 * 16, 8, 8, 1) and natural[2].query.values.shape == (2 * 2, 64, 1)
    rows = [{"signals": "natural"} | study.row(*natural, 2, *which) for which in (study.ROWS[0], study.ROWS[-1])]
    assert rows[1]["temporaries_mb"] < rows[0]["temporaries_mb"]
    assert "10% at random, the last step on all" in study.table({"rows": rows})
    found = study.large(tmp_path, size=16)
    assert found["outer_steps"] == 50 and "of 1,000.0 MB" in found["a_gigabyte_chooses"]


@pytest.mark.nightly
def test_a_training_keeps_to_a_budget(tmp_path, capsys):
    pictures = [np.random.default_rng(count).random((count, 16, 16, 1), np.float32) for count in (9, 2, 3)]
    images = ImageSplits("noise", *pictures, "Noise.")
    profile = replace(image.PROFILES["quick"], size=16, width=8, depth=2, num_steps=3)
    _, plain, _ = image.meta_train(profile, images, "maml")
    _, params, _ = image.meta_train(profile, images, "maml", budget=20_000)
    assert "blocks of samples" in capsys.readouterr().out
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-6), params, plain)
    image.meta_train(profile, images, "maml", folder=tmp_path, way=memory.Way(fraction=0.5))
    with pytest.raises(LearnitError, match="fraction is 0.5 there"):  # another training
        image.meta_train(profile, images, "maml", folder=tmp_path)
