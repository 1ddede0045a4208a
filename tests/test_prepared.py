"""Prepared sets: read from disk as if they were in memory, trained on with the same numbers, in bounded memory."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image
from test_image import TINY

from getting import output
from learnit_core import meta, signals, training
from learnit_core.commands import demo
from learnit_core.errors import LearnitError
from learnit_core.experiments import image
from learnit_core.experiments.image import table
from learnit_core.signals import Pictures, prepared
from learnit_core.structures import Task

OPTIMIZER = optax.adam(1e-2)


def write(folder, counts=(30, 12, 14), size=8, name="mine", seed=0):
    """A prepared set of smooth pictures; returns its arrays by split."""
    rng, arrays, entries = np.random.default_rng(seed), {}, {}
    folder.mkdir()
    for split, count in zip(prepared.SPLITS, counts, strict=True):
        small = rng.integers(0, 256, (count, 3, 3, 3), np.uint8)
        arrays[split] = np.stack([np.asarray(Image.fromarray(p).resize((size, size))) for p in small])
        writer = output.RowWriter(folder / f"{split}.npy", (size, size, 3), "uint8")
        for picture in arrays[split]:
            writer.append(picture)
        entries[split] = writer.close()
    output.describe(folder, {"kind": "pictures", "name": name, "note": "Made here.", "splits": entries})
    return arrays


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared") / "set"
    return folder, write(folder)


# Reading


def test_pictures_read_like_an_array(made):
    folder, arrays = made
    found = signals.load(folder, size=8, counts=(5, 3, 4))
    expected = arrays["train"].astype(np.float32) / 255
    assert isinstance(found.train, Pictures) and found.train.shape == (30, 8, 8, 3) == expected.shape
    picked = np.array([3, 0, 29, 3])
    for index in (4, -1, np.int64(7), np.array(2), slice(2, 9), slice(None, None, -7), picked):
        np.testing.assert_array_equal(found.train[index], expected[index])
        assert found.train[index].dtype == np.float32
    np.testing.assert_array_equal(np.stack(list(found.train)), expected)
    np.testing.assert_array_equal(found.validation, arrays["validation"][:3].astype(np.float32) / 255)
    np.testing.assert_array_equal(found.test, arrays["test"][:4].astype(np.float32) / 255)
    assert found.name == "mine" and "Made here." in found.note and len(list(found.train[5:5])) == 0
    with pytest.raises(IndexError):
        found.train[30]
    with pytest.raises(TypeError):
        found.train[1.0]


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_another_size_are_scaled_as_photographs_are(made, tmp_path, channels):
    folder, arrays = made
    for i, picture in enumerate(arrays["train"]):
        Image.fromarray(picture).save(tmp_path / f"{i:02d}.png")
    _, expected = signals.photos.read_folder(tmp_path, 5, channels)
    found = signals.load(folder, size=5, channels=channels)
    assert found.train.shape == (30, 5, 5, channels) and "Stored at 8 x 8 and scaled to 5 x 5" in found.note
    np.testing.assert_array_equal(found.train[:], expected)
    assert found.train.checksum != signals.load(folder, size=8).train.checksum


def test_the_controls_of_a_set_on_disk(made):
    folder, arrays = made
    found, train = signals.load(folder, size=8), arrays["train"].astype(np.float32) / 255
    np.testing.assert_allclose(signals.mean_signal(found.train), train.mean(axis=0), atol=1e-7)
    for one, other in zip(signals.nearest(found.train, found.test), signals.nearest(train, found.test), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_controls_of_a_large_set_know_some_of_it(made, monkeypatch):
    folder, arrays = made
    for module in (signals.controls, prepared):
        monkeypatch.setattr(module, "CONTROLS", 8)
    found, some = signals.load(folder, size=8), arrays["train"][::4].astype(np.float32) / 255
    assert "The controls know 8 of the training pictures" in found.note
    np.testing.assert_allclose(signals.mean_signal(found.train), some.mean(axis=0), atol=1e-7)
    index, psnr = signals.nearest(found.train, found.train[np.array([4, 20])])
    np.testing.assert_array_equal(index, [4, 20])
    assert np.isinf(psnr).all()


@pytest.mark.parametrize(
    ("count", "expected"), [(8, [0, 3, 7, 11, 15, 18, 22, 26]), (29, None), (30, None), (99, None)]
)
def test_exactly_so_many_are_taken_evenly_spread(made, count, expected):
    folder, arrays = made
    found = signals.load(folder, size=8, counts=(5, 3, 4), most=count)
    whole = signals.load(folder, size=8)
    taken = np.arange(30) if count >= 30 else np.array([i * 30 // count for i in range(count)])
    assert expected is None or list(taken) == expected
    assert len(found.train) == len(set(taken)) == min(count, 30), "no picture is taken twice"
    np.testing.assert_array_equal(found.train[:], arrays["train"][taken].astype(np.float32) / 255)
    np.testing.assert_array_equal(np.stack(list(found.train)), found.train[:])
    assert (found.train.checksum == whole.train.checksum) == (count >= 30)
    said = f"Of 30 pictures to train on {count} are taken, evenly spread."
    assert (said in found.note) == (count < 30) and said not in whole.note
    np.testing.assert_array_equal(found.validation, whole.validation[:3])
    some, half = found.train.thinned(4), found.train.cut(np.eye(8)[..., None])
    assert set(map(bytes, some.stored(slice(None)))) <= set(map(bytes, found.train.stored(slice(None))))
    np.testing.assert_array_equal(half.stored(np.array([2])), found.train.stored(np.array([2])) * np.eye(8)[..., None])


def test_the_profile_paper_trains_on_as_many_pictures_as_the_paper(made, monkeypatch):
    """Ten thousand of a class; other profiles on all of a prepared set. Steps draw from these, and from all of them."""
    folder, _ = made
    paper = image.PROFILES["paper"]
    assert paper.counts[0] == 10_000
    few = replace(paper, size=8, counts=(7, 3, 4))
    found = image.load_signals(few, str(folder))
    assert len(found.train) == 7 and "Of 30 pictures to train on 7 are taken" in found.note
    assert len(image.load_signals(replace(few, name="standard"), str(folder)).train) == 30
    source = image.source(found.train, 3, jax.random.key(0))
    assert set(np.asarray(source(0, 40).indices).tolist()) == set(range(7)), "some of them are never drawn, or others"


def test_it_can_be_test_data_too(made, tmp_path):
    folder, arrays = made
    np.testing.assert_array_equal(signals.load_test(folder, size=8), arrays["test"].astype(np.float32) / 255)
    images = signals.load(folder, size=8)
    Image.fromarray(arrays["train"][7]).save(tmp_path / "seen.png")
    with pytest.raises(LearnitError, match="All 1 test pictures .* are trained on"):
        signals.with_test(images, str(tmp_path / "seen.png"))


def test_what_is_trained_on_is_found_among_bytes(made, tmp_path, monkeypatch):
    """The training set, which may be large, is compared as it is stored; numbers that are no bytes equal none."""
    folder, arrays = made
    images = signals.load(folder, size=8)
    for name, picture in {"seen": arrays["train"][7], "new": arrays["train"][7] ^ 1}.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    monkeypatch.setattr(Pictures, "__iter__", lambda self: pytest.fail("all of it is made float32"))
    found = signals.with_test(images, str(tmp_path))
    np.testing.assert_array_equal(found.test[0], (arrays["train"][7] ^ 1).astype(np.float32) / 255)
    assert len(found.test) == 1
    almost = images.validation[:1] + np.float32(1e-6)
    monkeypatch.setattr(signals, "load_test", lambda *_, **__: almost)
    assert len(signals.with_test(images, "almost").test) == 1


def test_a_set_with_the_name_of_a_class_is_told_apart(tmp_path):
    write(tmp_path / "set", name="text")
    assert signals.load(tmp_path / "set", size=8).name == "prepared-text"


def spoil(folder, what):
    about = json.loads((folder / "prepared.json").read_text())
    if what == "json":
        (folder / "prepared.json").write_text("{")
    elif what == "version":
        (folder / "prepared.json").write_text(json.dumps(about | {"prepared": 0}))
    elif what == "kind":
        (folder / "prepared.json").write_text(json.dumps(about | {"kind": "views"}))
    elif what == "empty":
        about["splits"]["test"] = {"count": 0, "shape": [0, 8, 8, 3], "crc32": "0"}
        (folder / "prepared.json").write_text(json.dumps(about))
    elif what == "missing":
        (folder / "train.npy").unlink()
    elif what == "cut":
        (folder / "train.npy").write_bytes((folder / "train.npy").read_bytes()[:-100])
    elif what == "shape":
        np.save(folder / "train.npy", np.zeros((3, 8, 8, 3), np.uint8))
    elif what == "pickle":
        np.save(folder / "train.npy", np.array([{"a": 1}] * 30), allow_pickle=True)


@pytest.mark.parametrize(
    "what, said",
    [
        ("json", "is not JSON"),
        ("version", "version 0; expected 1"),
        ("kind", "holds views; expected pictures"),
        ("empty", "'test'.*is empty"),
        ("missing", "train.npy is missing or damaged"),
        ("cut", "missing or damaged"),
        ("shape", r"uint8\[3, 8, 8, 3\]; expected uint8\[30, 8, 8, 3\]"),
        ("pickle", "missing or damaged.*Python objects"),
    ],
)
def test_a_spoilt_set_is_named(tmp_path, what, said):
    write(tmp_path / "set")
    spoil(tmp_path / "set", what)
    with pytest.raises(LearnitError, match=said) as error:
        signals.load(tmp_path / "set", size=8)
    assert str(tmp_path / "set") in str(error.value)


def test_a_header_has_room_to_grow(tmp_path):
    writer = output.RowWriter(tmp_path / "a.npy", (2,), "<i4")
    for i in range(1234):
        writer.append(np.array([i, -i], np.int32))
    assert writer.close()["count"] == 1234
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy")[:, 0], np.arange(1234))
    with pytest.raises(LearnitError, match="expected int32"):
        output.RowWriter(tmp_path / "b.npy", (2,), "<i4").append(np.zeros(2))


# Training from disk


def pull(params, task, key):
    """A gradient that depends on every pixel drawn, and on their order."""
    target = task.support * jnp.arange(1.0, 4.0) + 0.1 * jax.random.normal(key)
    return jnp.mean((params - target) ** 2), 2 * jnp.mean(params - target, axis=(0, 1))


def rows(key, data):
    picked = data[jax.random.randint(key, (4,), 0, len(data))].astype(jnp.float32)
    return Task(picked, picked)


def train(source, **settings):
    start = meta.init_state(jnp.zeros(3), OPTIMIZER)
    settings = {"num_steps": 18, "chunk": 6} | settings
    return training.train(pull, rows, source, start, jax.random.key(3), optimizer=OPTIMIZER, **settings)


def test_an_excerpt_is_indexed_like_the_whole(made):
    stored = made[1]["train"]
    picked = np.array([2, 5, 5, 17, 28, 28])
    excerpt = training.Excerpt(jnp.asarray(picked), jnp.asarray(stored[picked]), len(stored))
    wanted = np.array([[17, 2], [28, 5]])
    np.testing.assert_array_equal(jax.jit(lambda e, w: e[w])(excerpt, wanted), stored[wanted])
    assert len(excerpt) == 30


def test_training_from_disk_is_training_from_memory_bit_for_bit(made, tmp_path):
    """Also where a run was stopped in the middle of a chunk."""
    folder, arrays = made
    pictures = signals.load(folder, size=8).train
    reads = []

    def read(indices):
        reads.append(indices)
        return pictures.stored(indices)

    source = training.on_disk(read, 30, lambda key: jax.random.randint(key, (4,), 0, 30), jax.random.key(3))
    expected, history = train(training.in_memory(arrays["train"]))
    found, same = train(source)
    np.testing.assert_array_equal(found.params, expected.params)
    assert same.losses == history.losses
    assert len(reads) == 3 and all(len(np.unique(indices)) == len(indices) for indices in reads), "nothing twice"
    assert [source(first, 6).rows.shape for first in (0, 6)] == [(24, 8, 8, 3)] * 2, "one shape for one program"
    del reads[3:]
    assert not np.array_equal(reads[0], reads[1])
    checkpoint = training.Checkpoint(tmp_path / "c.safetensors", {}, 0.0)
    train(source, num_steps=9, checkpoint=checkpoint)
    again, resumed = train(source, checkpoint=checkpoint)
    assert resumed.resumed_from == 9
    np.testing.assert_array_equal(again.params, expected.params)


@pytest.mark.parametrize("algorithm", ["maml", "reptile"])
def test_the_image_experiment_learns_the_same_from_disk(made, tmp_path, algorithm):
    profile = replace(TINY, num_steps=50, width=8, depth=2, maml_batch=2, reptile_batch=2)
    images = signals.load(made[0], size=8)
    _, expected, _ = image.meta_train(profile, images._replace(train=images.train[:]), algorithm)
    _, found, _ = image.meta_train(profile, images, algorithm, folder=tmp_path)
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    other = tmp_path / "other"
    write(other, seed=1)
    with pytest.raises(LearnitError, match="train_checksum"):
        image.meta_train(profile, signals.load(other, size=8), algorithm, folder=tmp_path)


def test_bytes_become_the_numbers_that_numpy_makes_of_them():
    bytes_ = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    found = jax.jit(lambda pictures: image.tasks(pictures).support.values)(bytes_)
    np.testing.assert_array_equal(found.ravel(), np.arange(256, dtype=np.float32) / 255)


def test_controls_are_the_same_from_disk(made):
    images = signals.load(made[0], size=8)
    assert isinstance(images.train, Pictures)
    in_memory = table.control_rows(images._replace(train=images.train[:]), data="mine", seed=0)
    assert table.control_rows(images, data="mine", seed=0) == in_memory and len(in_memory) == 2


@pytest.mark.nightly
@pytest.mark.slow
def test_notebook_01_takes_a_prepared_set(made, tmp_path, monkeypatch):
    for name, value in {"DATA": made[0], "OUT": tmp_path, "MAX_STEPS": 2, "PROFILE": "quick"}.items():
        monkeypatch.setenv(f"LEARNIT_{name}", str(value))
    assert demo.main(["01"]) == 0
    rows = json.loads((tmp_path / "01_image_regression" / "metrics.json").read_text())["results"]
    learned = [row for row in rows if row["init"] == "meta-maml" and row["in_table"] and row["trained_on"] == "mine"]
    assert learned and learned[0]["num_signals"] == 2 and "faces" in learned[0]["tuned_on"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits and measures memory as Linux does")
def test_memory_stays_flat_on_a_set_ten_times_the_limit(tmp_path):
    """10 GB of pictures and a process that may take 1 GB: more is read than that, and memory does not grow."""
    command = [sys.executable, str(Path(__file__).with_name("train_large_set.py")), str(tmp_path / "large")]
    done = subprocess.run([*command, "1", "10"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["set_bytes"] >= 10 * found["limit_bytes"] and found["read_bytes"] > 1.1 * found["limit_bytes"]
    assert found["all_at_once"] == "MemoryError", "the limit does not hold"
    assert found["growth_bytes"] < 0.06 * found["limit_bytes"], found
