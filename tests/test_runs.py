"""What all meta-trainings have in common: the sum of the signals, and the checkpoints that it keeps apart."""

import functools
import tracemalloc
import zlib
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from learnit_core import models, training, weights
from learnit_core.errors import LearnitError
from learnit_core.experiments import runs
from learnit_core.structures import Task, Views

RNG = np.random.default_rng(0)
VIEWS = Views(
    images=RNG.integers(0, 256, (3, 2, 4, 5, 3), dtype=np.uint8),
    valid=np.tile(np.array([0, 4, 0, 5]), (3, 2, 1)),
    intrinsics=RNG.normal(size=(3, 2, 4)).astype(np.float32),
    camera_to_world=RNG.normal(size=(3, 2, 3, 4)).astype(np.float32),
    near=np.full((3, 2), 0.5, np.float32),
    far=np.full((3, 2), 2.5, np.float32),
)
PICTURES = RNG.integers(0, 256, (40, 50, 60, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "signals",
    [
        PICTURES,
        PICTURES[::-1],
        PICTURES[:, ::2],
        PICTURES.T,
        PICTURES[:0],
        np.float32(PICTURES.T),
    ],
    ids=["whole", "reversed", "every other", "transposed", "none", "floats"],
)
def test_the_sum_is_of_the_bytes_in_their_order(signals):
    assert runs.checksum(signals) == f"{zlib.crc32(np.asarray(signals).tobytes()):08x}"


@pytest.mark.parametrize("leaf", Views._fields)
def test_a_change_anywhere_changes_the_sum(leaf):
    changed = getattr(VIEWS, leaf).copy()
    changed[2, 1] += 1
    assert runs.checksum(VIEWS._replace(**{leaf: changed})) != runs.checksum(VIEWS)


@pytest.mark.parametrize("turn", [lambda a: a, np.transpose], ids=["contiguous", "not contiguous"])
def test_the_sum_copies_no_whole_set(turn):
    signals = turn(np.zeros((40, 1000, 1000), np.uint8))
    tracemalloc.start()
    runs.checksum(signals)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < signals.nbytes / 10


PROFILE = SimpleNamespace(name="tiny", num_steps=4, decay=False, outer_rate=0.1, training=lambda: {"rate": 0.1})


class Stopped(Exception):
    pass


def meta_train(folder, train, validate=lambda params: 0.0):
    """Outer steps of noise, two in a chunk."""

    def meta_grad(params, task, key):
        noise = [jax.random.normal(key, leaf.shape) for leaf in jax.tree.leaves(params)]
        return jax.random.normal(key, ()), jax.tree.unflatten(jax.tree.structure(params), noise)

    def sample_tasks(key, data):
        return Task(data.near[:1], data.near[:1])

    field = models.siren(2, 1, width=4, depth=2)
    about = dict(algorithm="mv", data="objects", seed=0, folder=folder, chunk=2, validate_every=1)
    return runs.meta_train(PROFILE, field, train, meta_grad, sample_tasks, validate, **about)


def test_other_cameras_are_refused(tmp_path):
    meta_train(tmp_path, VIEWS)
    (file,) = tmp_path.glob("*.safetensors")
    kept = file.read_bytes()
    _, _, history = meta_train(tmp_path, VIEWS)
    assert history.resumed_from == 4 and file.read_bytes() == kept
    moved = VIEWS._replace(camera_to_world=VIEWS.camera_to_world + np.float32(1e-3))
    with pytest.raises(LearnitError, match="train_checksum is"):
        meta_train(tmp_path, moved)


def test_a_checkpoint_from_before_cameras_were_summed_goes_on(tmp_path, monkeypatch):
    """It has the sum of the pictures alone; what is written next has that of everything."""
    _, expected, _ = meta_train(None, VIEWS)
    monkeypatch.setattr(training, "Checkpoint", functools.partial(training.Checkpoint, every_seconds=0.0))
    halves = []

    def stop(params):
        halves.append(params)
        if len(halves) == 2:
            raise Stopped
        return 0.0

    with pytest.raises(Stopped):
        meta_train(tmp_path, VIEWS, stop)
    (file,) = tmp_path.glob("*.safetensors")
    arrays, header = weights.read_arrays(file)
    assert header["config"]["train_checksum"] == runs.checksum(VIEWS)
    header["config"]["name"] = "tiny"  # which earlier versions wrote, too
    header["config"]["train_checksum"] = f"{zlib.crc32(VIEWS.images.tobytes()):08x}"
    weights.write_arrays(file, arrays, header)
    with pytest.raises(LearnitError, match="train_checksum is"):
        meta_train(tmp_path, VIEWS._replace(images=255 - VIEWS.images))
    _, params, history = meta_train(tmp_path, VIEWS)
    assert history.resumed_from == 4
    jax.tree.map(np.testing.assert_array_equal, params, expected)
    assert weights.read_arrays(file)[1]["config"]["train_checksum"] == runs.checksum(VIEWS)
