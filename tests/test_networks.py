"""Many signals at once, and sets of networks on disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image

from learnit_core import evaluate, losses, many, models, networks, weights
from learnit_core.commands import networks as command
from learnit_core.commands import pictures as sources
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.fit import fit
from learnit_core.signals import arrays
from learnit_core.structures import Pixels, rated, rows

FIELD = models.siren(2, 1, width=8, depth=3, w0=10.0)
START = FIELD.init(jax.random.key(1))
RATED = rated(START, 1e-2)
COORDS = arrays.grid((6, 6))
LOSS = losses.regression_loss(FIELD)
KEY = jax.random.key(3)


def batch_of(picture):
    return Pixels(jnp.asarray(COORDS), jnp.asarray(picture.reshape(-1, 1), jnp.float32) / 255)


def recipe(optimizer="sgd", rate=1e-2, steps=3, until=None):
    score = evaluate.regression_score(FIELD, clip=False)
    return many.Recipe(LOSS, Setting(optimizer, rate), steps, until, batch_of, score)


def pictures(count=11, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 6, 6, 1), np.uint8)


def close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-6), a, b)


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 1e-2), ("adam", 1e-3), ("learned", 1.0)])
def test_each_fit_is_the_one_that_a_loop_would_make(optimizer, rate):
    data, start = pictures(), RATED if optimizer == "learned" else START
    fits = many.fit_many(recipe(optimizer, rate), start, data, KEY, chunk=4)
    # The learned rates are all 1e-2 here: plain descent.
    plain = optax.adam(rate) if optimizer == "adam" else optax.sgd(1e-2)
    for i, picture in enumerate(data):
        alone = fit(LOSS, START, batch_of(picture), KEY, optimizer=plain, num_steps=3).params
        close(rows(fits.params, i), alone)
        assert fits.losses[i] == pytest.approx(float(LOSS(alone, batch_of(picture), KEY)), rel=1e-4)
        assert fits.scores[i] == pytest.approx(-10 * np.log10(fits.losses[i]), abs=1e-3)
    assert fits.steps.tolist() == [3] * len(data)


@pytest.mark.parametrize("control", [{"block": 4}, {"chunk": 3}, {"block": 8, "chunk": 5}])
def test_blocks_and_chunks_agree(control):
    whole = many.fit_many(recipe(), START, pictures(), KEY, chunk=11)
    close(many.fit_many(recipe(), START, pictures(), KEY, **control), whole)


def test_four_devices_agree_with_one_and_send_each_other_nothing(tmp_path):
    """In a process of its own: their number is set before JAX begins. Eleven signals do not divide by four, nor do the
    rows of a device by two, nor all of them by chunks of eight."""
    program = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import jax, numpy as np, test_networks as t
from learnit_core import many, sharding
mesh = sharding.devices()
assert mesh.size == 4
for i, control in enumerate([{{}}, {{"block": 2}}, {{"chunk": 5}}, {{"block": 2, "chunk": 8}}]):
    fits = many.fit_many(t.recipe(), t.START, t.pictures(), t.KEY, mesh=mesh, **control)
    np.savez({str(tmp_path)!r} + f"/{{i}}.npz", *jax.tree.leaves(fits))
keys = jax.random.split(t.KEY, 12)
lowered = many._fit_chunk.lower(t.recipe(), t.START, t.pictures(12), keys, block=1, mesh=mesh).compile().as_text()
assert not any(word in lowered for word in ("all-reduce", "all-gather", "collective-permute", "all-to-all"))
"""
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    alone = jax.tree.leaves(many.fit_many(recipe(), START, pictures(), KEY))
    for i in range(4):
        with np.load(tmp_path / f"{i}.npz") as there:
            close(list(there.values()), alone)


def test_random_numbers_belong_to_a_signal_wherever_it_stands():
    def noisy(params, batch, key):
        return LOSS(params, batch, key) * jax.random.uniform(key)

    how, data = many.Recipe(noisy, Setting("sgd", 1e-2), 2, batch_of=batch_of), pictures()
    whole = many.fit_many(how, START, data, KEY, chunk=4)
    close(many.fit_many(how, START, data[7:], KEY, first=7), rows(whole, slice(7, None)))
    other = many.fit_many(how, START, data[7:], KEY)
    assert np.abs(other.losses - whole.losses[7:]).max() > 1e-5


def test_a_fit_ends_at_its_psnr_or_after_the_steps_that_it_may_take():
    data = np.concatenate([np.full((1, 6, 6, 1), 250, np.uint8), pictures(2)])
    fits = many.fit_many(recipe("adam", 1e-2, steps=20, until=10 ** (-25 / 10)), START, data, KEY)
    assert 0 < fits.steps[0] < 20 and fits.scores[0] >= 25
    one_less = many.fit_many(recipe("adam", 1e-2, steps=int(fits.steps[0]) - 1), START, data[:1], KEY)
    assert one_less.scores[0] < 25
    assert fits.steps[1:].tolist() == [20, 20] and (fits.scores[1:] < 25).all()


@pytest.mark.parametrize(
    ("data", "how", "control", "part"),
    [
        (np.zeros((0, 6, 6, 1), np.uint8), {}, {}, "rows"),
        ((pictures(2), pictures(3)), {}, {}, "rows"),
        (pictures(2), {"steps": -1}, {}, "steps"),
        (pictures(2), {}, {"chunk": 0}, "chunks of 0"),
        (pictures(2), {}, {"block": 0}, "blocks of 0"),
        (pictures(2), {"rate": 1e30}, {}, "2 of 2 fits diverged"),
        (pictures(2), {"optimizer": "newton"}, {}, "unknown optimizer"),
    ],
)
def test_bad_input_is_one_sentence(data, how, control, part):
    with pytest.raises(LearnitError, match=part):
        many.fit_many(recipe(**how), START, data, KEY, **control)


def made(folder, data, **control):
    settings = {"setting": Setting("sgd", 1e-2), "steps": 3, "shard": 4, "block": 1, "progress": False}
    return command.make(data, FIELD, START, folder, {"source": "test"}, **settings | control)


@pytest.mark.parametrize(("dtype", "atol"), [("float32", 0), ("float16", 1e-4)])
def test_a_set_is_read_as_it_was_fitted_in_the_order_of_its_source(tmp_path, dtype, atol):
    data = pictures()
    fits = many.fit_many(recipe(), START, data, jax.random.key(0), chunk=4)
    there = made(tmp_path / "set", data, dtype=dtype)
    assert len(there) == 11 and there.field == FIELD
    for wanted in (0, 10, -1, slice(2, 9, 3), np.array([9, 0, 4])):
        expected = rows(fits.params, np.arange(11)[wanted])
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=atol), there[wanted], expected)
    stored = [float(recipe().score(there[i], batch_of(data[i]))) for i in range(11)]
    np.testing.assert_allclose(there.scores, stored, atol=1e-3)
    assert sum(1 for _ in there) == 11 and there.names is None
    with pytest.raises(IndexError, match="the set in .* has 11"):
        there[11]


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_run_that_was_cut_short_ends_with_the_same_bytes(tmp_path):
    data = pictures()
    whole = contents(made(tmp_path / "whole", data).folder)
    for lost in range(3):
        made(tmp_path / "cut", data)
        (tmp_path / "cut" / f"networks-{lost:05}.safetensors").unlink()
        with pytest.raises(LearnitError, match=f"networks-{lost:05}.safetensors, one of 3 shards, is missing"):
            networks.open(tmp_path / "cut")
        assert contents(made(tmp_path / "cut", data).folder) == whole


def test_a_run_that_goes_on_takes_the_block_that_it_began_with(tmp_path, monkeypatch):
    for best in (1, 8):  # what is fastest may change from run to run
        monkeypatch.setattr(many, "fastest_block", lambda *_, best=best, **__: (best, {}))
        there = made(tmp_path, pictures(), block=None)
        assert there.about["block"] == 1
        (tmp_path / "networks-00001.safetensors").unlink()
    with pytest.raises(LearnitError, match="holds another set .checksum"):
        made(tmp_path, pictures(seed=1))


def test_another_set_in_the_folder_is_refused_and_kept(tmp_path):
    made(tmp_path, pictures())
    before = contents(tmp_path)
    with pytest.raises(LearnitError, match="holds another set .steps 3 and not 4"):
        made(tmp_path, pictures(), steps=4)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("other", ["start", "names"])
def test_a_set_from_another_start_or_of_other_names_is_another_set(tmp_path, other):
    def write(start, names):
        fit = lambda first, number: many.fit_many(recipe(), start, pictures()[first : first + number], KEY, first=first)  # noqa: E731
        return networks.write(tmp_path, FIELD, start, fit, 2, {"shape": (8, 8)}, names=names)

    write(START, ["a", "b"])
    write(START, ["a", "b"])
    given = {"start": START, "names": ["a", "b"]}
    given[other] = {"start": FIELD.init(jax.random.key(9)), "names": ["a", "c"]}[other]
    with pytest.raises(LearnitError, match=f"holds another set .{other}_checksum"):
        write(**given)


def test_damage_is_named(tmp_path):
    made(tmp_path, pictures())
    file = tmp_path / "networks-00001.safetensors"
    damaged, header = weights.read_arrays(file)
    damaged["weights/0/w"][2, 0, 0] += 1
    weights.write_arrays(file, damaged, header)
    assert networks.open(tmp_path)[5] is not None
    with pytest.raises(LearnitError, match="network 6 in .* is damaged"):
        networks.open(tmp_path)[6]
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(LearnitError, match="not a whole safetensors file"):
        networks.open(tmp_path)[5]


def test_names_are_those_of_the_source_and_harmless(tmp_path):
    pictures = tmp_path / "pictures"
    for name in ("b.png", "a/c.png", "z\x1b[31m.png"):
        (pictures / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((12, 12), 20 * len(name), np.uint8)).save(pictures / name)
    found, names = sources.read(pictures, size=6, channels=1, tiles=2)
    there = made(tmp_path / "set", found, names=names)
    assert len(there.names) == len(there) == 12
    assert there.names[:4] == [f"a/c.png:{row},{column}" for row in (0, 1) for column in (0, 1)]
    assert there.names[8:] == [f"z\ufffd[31m.png:{row},{column}" for row in (0, 1) for column in (0, 1)]
    before = contents(tmp_path / "set")
    (tmp_path / "set" / "networks-00001.safetensors").unlink()
    assert contents(made(tmp_path / "set", found, names=names).folder) == before
    with pytest.raises(LearnitError, match="found 1 names of 12 signals"):
        made(tmp_path / "other", found, names=["one"])
    for text in ('["one"]', "{}", json.dumps([1] * 12)):
        (tmp_path / "set" / networks.NAMES).write_text(text)
        with pytest.raises(LearnitError, match="no list of 12 names"):
            networks.open(tmp_path / "set").names  # noqa: B018


@pytest.mark.parametrize(
    "about", ["[]", "{", '{"version": 1}', '{"version": 1, "type": "float32", "count": -1, "shard": 1}']
)
def test_a_description_by_a_stranger_is_refused(tmp_path, about):
    made(tmp_path, pictures())
    (tmp_path / networks.FILE).write_text(about)
    with pytest.raises(LearnitError):
        networks.open(tmp_path)
    with pytest.raises(LearnitError, match="no set.json"):
        networks.open(tmp_path / "nowhere")


def test_tiles_are_cut_row_by_row():
    picture = np.arange(2 * 16 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    parts = sources.cut(picture, 2)
    assert parts.shape == (8, 2, 2, 3)
    np.testing.assert_array_equal(parts[1], picture[0, :2, 2:])
    np.testing.assert_array_equal(parts[6], picture[1, 2:, :2])
