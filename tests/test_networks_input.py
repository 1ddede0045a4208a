"""Pictures that `make networks` is given: bytes or floats, splits, tiles, memory; and what it says of its time."""

import argparse
import json
import tracemalloc
import warnings

import jax
import numpy as np
import pytest
from PIL import Image
from test_networks_command import run

from learnit_core import models, training, weights
from learnit_core.commands import networks as command
from learnit_core.commands import picture_sets
from learnit_core.commands import pictures as sources
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import runs
from learnit_core.signals import photos, prepared

_in_memory = training.in_memory


class _Scored:
    scores = np.zeros(1)


FIELD = models.siren(2, 1, width=4, depth=2, w0=10.0)
START = FIELD.init(jax.random.key(1))


def bytes_like(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def prepared_set(folder, *, side=6, channels=1):
    """Two, three and four pictures, each split's of its own."""
    splits = {}
    for count, split in enumerate(prepared.SPLITS, 2):
        found = bytes_like(count, side, side, channels) // count
        folder.mkdir(exist_ok=True)
        np.save(folder / f"{split}.npy", found)
        names = [f"{split} {i}" for i in range(count)]
        splits[split] = {"count": count, "shape": list(found.shape), "crc32": f"{count}", "names": names}
    about = {"prepared": prepared.VERSION, "name": "some", "kind": "pictures", "note": "", "splits": splits}
    (folder / prepared.FILE).write_text(json.dumps(about))
    return folder


def folder_of(folder, count, side):
    folder.mkdir()
    for i, picture in enumerate(bytes_like(count, side, side)):
        Image.fromarray(picture).save(folder / f"{i:04}.png")
    return folder


def test_enlarged_pictures_are_said_to_be(tmp_path):
    folder = folder_of(tmp_path / "mine", 2, 12)
    Image.fromarray(bytes_like(24, 24)).save(folder / "large.png")
    with pytest.warns(
        UserWarning, match="2 of 3 pictures were enlarged to 16 pixels a side, the smallest from 12.*tiles 3"
    ):
        sources.read(folder, size=4, channels=1, tiles=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sources.read(folder, size=4, channels=1, tiles=3)


@pytest.mark.parametrize("pieces", [1, 4, 100])
def test_a_start_is_validated_on_several_photographs(tmp_path, pieces, monkeypatch):
    seen, pictures = [], bytes_like(20 * max(pieces, 20), 4, 4, 1)
    monkeypatch.setattr(picture_sets.many, "fit_many", lambda r, p, unseen, k: seen.append(unseen) or _Scored)
    monkeypatch.setattr(picture_sets.training, "in_memory", lambda train: seen.append(train) or _in_memory(train))
    picture_sets.learn_start(pictures, tmp_path, minutes=1.0, pieces=pieces, steps=1)
    train, unseen = seen[0], seen[1]
    places = [np.flatnonzero((pictures == one).all(axis=(1, 2, 3)))[0] // pieces for one in unseen]
    assert len(set(places)) >= 2 and len(unseen) <= 2 * 64
    assert not any((train == one).all(axis=(1, 2, 3)).any() for one in unseen)


# Bytes and floats


def made(folder, data):
    return command.make(data, FIELD, START, folder, {}, setting=Setting("sgd", 1e-2), steps=2, progress=False)


def test_floats_are_fitted_as_the_bytes_that_they_are_of(tmp_path):
    data = bytes_like(3, 4, 4, 1)
    of_bytes, of_floats = made(tmp_path / "a", data), made(tmp_path / "b", data.astype(np.float32) / 255)
    for a, b in zip(jax.tree.leaves(of_bytes[:]), jax.tree.leaves(of_floats[:]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    assert np.isfinite(of_floats.scores).all()


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (np.full((2, 4, 4, 1), 200, np.float32), "numbers from 200 to 200: expected .0, 1., such as bytes / 255"),
        (np.full((2, 4, 4, 1), -0.1, np.float32), "numbers from -0.1"),
        (np.full((2, 4, 4, 1), np.nan, np.float32), "numbers from nan"),
        (np.zeros((2, 4, 4, 1)), "float64"),
        (np.zeros((2, 4, 4, 1), np.uint16), "uint16"),
        (np.zeros((2, 4, 5, 1), np.uint8), "expected bytes"),
    ],
)
def test_other_numbers_are_refused_before_anything_is_written(tmp_path, data, part):
    with pytest.raises(LearnitError, match=part):
        made(tmp_path / "set", data)
    with pytest.raises(LearnitError, match=part):
        command.learn_start(data, tmp_path / "set", minutes=1.0)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(("kind", "taken"), [(np.uint8, True), (np.float32, True), (np.float64, False)])
def test_an_array_may_be_of_bytes_or_of_float32(tmp_path, kind, taken):
    np.save(tmp_path / "a.npy", np.ones((2, 4, 4, 1), kind))
    if taken:
        found, _ = sources.read(tmp_path / "a.npy", size=2, channels=1, tiles=2)
        assert found.shape == (8, 2, 2, 1) and sources.bytes_of(found, 3, 2).dtype == kind
    else:
        with pytest.raises(LearnitError, match="holds float64.2, 4, 4, 1.: expected bytes, or float32"):
            sources.read(tmp_path / "a.npy", size=4, channels=1)


# Splits


@pytest.mark.parametrize("tiles", [1, 2])
@pytest.mark.parametrize("split", [None, *prepared.SPLITS])
def test_any_split_of_a_prepared_set_may_be_fitted(tmp_path, split, tiles):
    folder, size = prepared_set(tmp_path / "set"), 6 // tiles
    found, names = sources.read(folder, size=size, channels=1, tiles=tiles, split=split)
    there = np.load(folder / f"{split or 'train'}.npy")
    expected = sources.cut(there, tiles)
    np.testing.assert_array_equal(sources.whole(found), expected)
    assert names[0].startswith(split or "train") and len(names) == len(expected)


def test_what_has_no_splits_is_not_asked_for_one(tmp_path):
    np.save(tmp_path / "a.npy", bytes_like(2, 4, 4, 1))
    for source in (tmp_path / "a.npy", folder_of(tmp_path / "pictures", 2, 4)):
        with pytest.raises(LearnitError, match="found the split 'test' of .*: expected a prepared set"):
            sources.read(source, size=4, channels=1, split="test")


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_command_hands_split_budget_and_channels_on(tmp_path, monkeypatch, capsys, split):
    weights.save(tmp_path / "start.safetensors", FIELD, START, {})
    folder, given = prepared_set(tmp_path / "set"), {}

    def make(pictures, *arguments, **control):
        given.update(pictures=pictures, about=arguments[3], **control)
        raise LearnitError("that is enough")

    monkeypatch.setattr(command, "make", make)
    words = ["fit", folder, "--size", 6, "--start", tmp_path / "start.safetensors", "--rate", 0.1, "--budget", 77]
    assert "enough" in run(monkeypatch, capsys, *words, "--split", split, "--out", tmp_path / "out")
    assert given["budget"] == 77 and given["names"][0] == f"{split} 0"
    assert given["about"].get("split") == (None if split == "train" else split)

    def learn(pictures, out, **control):
        given.update(learned=pictures)
        raise LearnitError("that is enough")

    monkeypatch.setattr(command, "learn_start", learn)
    for grey, channels in (([], 3), (["--grey"], 1)):
        words = ["start", folder, "--size", 6, "--split", split, "--out", tmp_path / "out", *grey]
        assert "enough" in run(monkeypatch, capsys, *words)
        assert given["learned"].shape == (2 if split == "train" else 4, 6, 6, channels)


# Memory


@pytest.mark.parametrize("tiles", [1, 4])
def test_a_folder_is_in_memory_once(tmp_path, tiles):
    folder = folder_of(tmp_path / "pictures", 64, 64)
    sources.read(folder, size=8, channels=1)  # what Pillow imports is not counted
    tracemalloc.start()
    try:
        found, names = sources.read(folder, size=64 // tiles, channels=1, tiles=tiles)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.dtype == np.uint8 and len(names) == len(found) == 64 * tiles**2
    assert taken < 1.5 * found.nbytes + (1 << 18)
    np.testing.assert_array_equal(found, sources.cut(bytes_like(64, 64, 64)[..., None], tiles))


def test_pictures_that_cannot_be_read_leave_no_gap(tmp_path):
    folder = folder_of(tmp_path / "pictures", 3, 4)
    (folder / "0001.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match="Skipped: 1 of the 3"):
        names, found = photos.read_bytes(folder, 4, 1)
    assert names == ["0000.png", "0002.png"]
    np.testing.assert_array_equal(found[..., 0], bytes_like(3, 4, 4)[[0, 2]])
    with pytest.warns(UserWarning):
        floats = photos.read_folder(folder, 4, 1)[1]
    np.testing.assert_array_equal(floats, found.astype(np.float32) / 255)


@pytest.mark.parametrize("source", ["set", "a.npy"])
def test_tiles_are_cut_a_few_at_a_time(tmp_path, monkeypatch, source):
    """Wherever a part begins, and the checksum is that of all of them."""
    monkeypatch.setattr(sources, "_BLOCK", 3)
    whole = bytes_like(2, 6, 6, 1) // 2
    prepared_set(tmp_path / "set")
    np.save(tmp_path / "a.npy", whole)
    found, _ = sources.read(tmp_path / source, size=2, channels=1, tiles=3)
    expected = sources.cut(whole, 3)
    assert isinstance(found, sources.Tiles) and len(found) == 18
    for first, number in ((0, 18), (0, 1), (5, 7), (8, 2), (17, 5), (9, 9)):
        np.testing.assert_array_equal(sources.bytes_of(found, first, number), expected[first : first + number])
    assert sources.checksum(found) == runs.checksum(expected)
    np.testing.assert_array_equal(sources.whole(found), expected)


# Time


@pytest.mark.parametrize(
    ("steps", "part"),
    [
        (1500, None),
        (750, "after 750 of 1,500 steps, when the outer rate was still 50 % of its first"),
        (1, "after 1 of 1,500 steps, when the outer rate was still 100 %"),
    ],
)
def test_a_start_whose_time_was_up_says_so(monkeypatch, capsys, tmp_path, steps, part):
    about = {"steps": steps, "num_steps": 1500, "seconds": 61.0, "validation_psnr_db": 20.0}
    monkeypatch.setattr(command, "learn_start", lambda *_, **__: (None, None, about))
    np.save(tmp_path / "a.npy", bytes_like(2, 4, 4, 1))
    given = argparse.Namespace(
        source=tmp_path / "a.npy", out=tmp_path, size=4, tiles=1, split=None, grey=True, minutes=1.0, seed=0
    )
    command._start(given)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "20.00 dB after 3 steps on pictures kept apart" in said
    assert ("the time was up" in said) == (part is not None) and (part or "") in said


def test_a_start_looks_at_the_clock_after_each_step(tmp_path, monkeypatch):
    """Time is up from the beginning on: one step, and the same call goes on with the next."""
    monkeypatch.setattr(picture_sets, "NETWORK", {"width": 4, "depth": 2, "w0": 10.0})
    data, taken = bytes_like(4, 4, 4, 1), []
    train = training.train
    monkeypatch.setattr(training, "train", lambda *a, **k: train(*a, **k | {"progress": False}))
    for _ in range(2):
        _, _, about = command.learn_start(data, tmp_path, minutes=1e-6, steps=5)
        taken.append(about["steps"])
        assert about["num_steps"] == 5
    assert taken == [1, 2]
