"""What a set of networks is known by, what is refused, and fits that diverge: each kind of fault, in tables.

Fits are made up here, so that nothing is compiled.
"""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from learnit_core import many, metrics, models, networks, weights
from learnit_core.commands import networks as command
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting

FIELD = models.siren(2, 1, width=4, depth=2, w0=10.0)
START, COUNT = FIELD.init(jax.random.key(1)), 5
NAMES = [f"signal {i}" for i in range(COUNT)]


def fits(first, number, *, seed=0, bad=()):
    """Row i is the start and a number of its own; of ``bad`` signals nothing is finite."""
    own = np.arange(first, first + number, dtype=np.float32) / 8 + seed
    own[[i - first for i in bad if first <= i < first + number]] = np.nan
    params = jax.tree.map(lambda leaf: leaf + own.reshape(-1, *[1] * leaf.ndim), START)
    return many.Fits(params, own, 20 + own, np.full(number, 3))


def written(folder, *, seed=0, start=START, bad=(), names=NAMES, **control):
    """A set of three shards."""

    def fit(first, number):
        return fits(first, number, seed=seed, bad=bad)

    control = {"count": COUNT, "about": {"seed": seed}, "shard": 2, "names": names} | control
    return networks.write(folder, FIELD, start, fit, **control)


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.exists() else {}


def shard(i):
    return f"networks-{i:05}.safetensors"


# Whose files they are


def swapped(a, b):
    (a / shard(0)).rename(a / "kept")
    (a / shard(1)).rename(a / shard(0))
    (a / "kept").rename(a / shard(1))


def copied(*names):
    def copy(a, b):
        for name in names:
            shutil.copy(b / name, a / name)

    return copy


def removed(*names):
    def remove(a, b):
        for name in names:
            (a / name).unlink()

    return remove


def both(one, other):
    return lambda a, b: (one(a, b), other(a, b))


def cut(a, b):
    (a / shard(1)).write_bytes((a / shard(1)).read_bytes()[:-9])


def edited(a, b):
    about = json.loads((a / networks.FILE).read_text())
    (a / networks.FILE).write_text(json.dumps(about | {"seed": 7}))


def renamed(a, b):
    (a / networks.NAMES).write_text(json.dumps(NAMES[::-1]))


@pytest.mark.parametrize(
    ("harm", "reading", "writing"),
    [
        (copied(shard(1)), "not that part of the set", "not that part of the set"),
        (swapped, "not that part of the set", "not that part of the set"),
        (cut, "not a whole safetensors file", "not a whole safetensors file"),
        (copied(networks.FILE), "not the start|not that part", "holds another set"),
        (edited, "damaged", "damaged"),
        (copied(networks.START), "not the start", "not the start"),
        (removed(networks.START), "no weights file", None),
        (renamed, "other names than this set's", "other names"),
        (copied(networks.NAMES), "no list of 5 names", "no list of 5 names"),
        (removed(networks.NAMES), "is missing", None),
        (removed(networks.FILE), "holds no set.json", None),  # every shard says that it is of the set that is asked for
        (both(removed(networks.FILE), copied(shard(1))), "holds no set.json", "3 shards and no set.json"),
        (both(removed(networks.FILE), copied(*map(shard, range(3)))), "holds no set.json", "3 shards and no set.json"),
        (both(removed(networks.FILE), copied(shard(3))), "holds no set.json", "4 shards and no set.json"),
        (both(removed(networks.FILE, *map(shard, range(3))), copied(networks.START)), "no set.json", "not the start"),
        (removed(shard(1)), "one of 3 shards, is missing", None),
    ],
)
def test_files_of_another_set_are_neither_read_nor_taken_over_nor_lost(tmp_path, harm, reading, writing):
    a, b = tmp_path / "a", tmp_path / "b"
    written(a)
    other = [f"other {i}" for i in range(7)]
    written(b, seed=1, start=jax.tree.map(lambda leaf: leaf + 1, START), count=7, names=other)
    sound = contents(a)
    harm(a, b)
    before = contents(a)
    with pytest.raises(LearnitError, match=reading) as error:
        there = networks.open(a)
        there.names, there.scores, there[:]  # noqa: B018
    assert "\n" not in str(error.value)
    if writing is None:
        written(a)
        after = contents(a)
        if networks.FILE not in before:
            assert networks.open(a).runs == [{"device": "not recorded"}]
            after[networks.FILE] = sound[networks.FILE]
        assert after == sound
        return
    with pytest.raises(LearnitError, match=writing):
        written(a).names  # noqa: B018
    assert contents(a) == before


def test_a_start_that_was_learned_and_a_set_do_not_replace_each_other(tmp_path):
    weights.save(tmp_path / "start" / networks.START, FIELD, START, {"learned": "here"})
    before = contents(tmp_path / "start")
    assert before.items() <= contents(written(tmp_path / "start").folder).items()
    with pytest.raises(LearnitError, match="whose start would be lost"):
        command.learn_start(np.zeros((4, 4, 4, 3), np.uint8), tmp_path / "start", minutes=1.0)


def as_before(folder):
    """The set as it was written before there were identities."""
    about = json.loads((folder / networks.FILE).read_text())
    (folder / networks.FILE).write_text(json.dumps({n: v for n, v in about.items() if n not in ("identity", "runs")}))
    for file in folder.glob("networks-*"):
        arrays, header = weights.read_arrays(file)
        weights.write_arrays(file, arrays, {"first": header["first"]})


def test_sets_from_before_are_read_and_gone_on_with(tmp_path):
    written(tmp_path)
    as_before(tmp_path)
    there = networks.open(tmp_path)
    assert there.names == NAMES and there.runs == []
    np.testing.assert_array_equal(there[3][0]["b"], fits(3, 1).params[0]["b"][0])
    before = contents(tmp_path)
    written(tmp_path)
    assert contents(tmp_path) == before
    (tmp_path / shard(1)).unlink()
    there = written(tmp_path)
    assert [run["device"] for run in there.runs] == ["not recorded", metrics.device()]
    np.testing.assert_array_equal(there[3][0]["b"], fits(3, 1).params[0]["b"][0])
    shutil.copy(tmp_path / shard(1), tmp_path / shard(0))
    with pytest.raises(LearnitError, match="not that part"):
        networks.open(tmp_path)[0]


@pytest.mark.parametrize(
    ("elsewhere", "runs"),
    [
        ({}, 1),
        ({"device": lambda: "a GPU"}, 2),
        ({"versions": lambda: {"jax": "0.1"}}, 2),
        ({"run": {"devices": 8}}, 2),
    ],
)
def test_a_set_that_is_gone_on_with_elsewhere_says_so(tmp_path, monkeypatch, elsewhere, runs):
    written(tmp_path, run={"devices": None})
    before = contents(tmp_path)
    (tmp_path / shard(1)).unlink()
    for name in {"device", "versions"} & elsewhere.keys():
        monkeypatch.setattr(metrics, name, elsewhere[name])
    there = written(tmp_path, run=elsewhere.get("run", {"devices": None}))
    assert len(there.runs) == runs and (contents(tmp_path) == before) == (runs == 1)
    assert ("2 devices or versions" in command._report(there, 1.0, COUNT)) == (runs == 2)
    last = contents(tmp_path)
    monkeypatch.setattr(metrics, "device", lambda: "a third, which makes nothing")
    written(tmp_path)
    assert contents(tmp_path) == last


def test_what_is_there_already_is_told_apart_from_what_a_run_makes(tmp_path):
    for lost, kept, done in ((None, [0], [2, 2, 1]), (1, [3], [2]), (2, [4], [1]), (None, [5], [])):
        if lost is not None:
            (tmp_path / shard(lost)).unlink()
        told = [], []
        there = written(tmp_path, kept=told[0].append, done=told[1].append)
        assert told == (kept, done)
        said = command._report(there, 3.0, sum(done))
        expected = f"{3000 / sum(done):.2f} ms a network in this run" if done else "all were there already"
        assert expected in said and (f"which fitted {sum(done)}" in said) == (0 < sum(done) < COUNT)


def failing(first, number):
    raise LearnitError("this cannot be fitted")


@pytest.mark.parametrize(
    ("control", "part"),
    [
        ({"shard": -5}, "shards of -5"),
        ({"shard": 0}, "shards of 0"),
        ({"count": 0, "names": None}, "0 signals"),
        ({"dtype": "int8"}, "cannot be stored as 'int8'"),
        ({"names": ["one"]}, "1 names of 5"),
        ({"about": {"rate": float("nan")}}, "expected finite numbers"),
        ({"about": {"count": 3}}, "says count, as the set does itself"),
        ({"about": {"fit": object()}}, "cannot be kept"),
        ({"start": jax.tree.map(lambda leaf: leaf.astype(jnp.float16), START)}, "type float16: expected float32"),
        ({"fit": failing}, "cannot be fitted"),
        ({"fit": lambda *place: fits(*place)._replace(scores=None)}, "scores"),
        ({"score": lambda params, first, number: np.zeros(number + 1)}, "scores"),
    ],
)
def test_what_cannot_be_leaves_no_trace(tmp_path, control, part):
    """Else the folder would be another set's for whoever mends the call."""
    call = {"start": START, "fit": fits, "count": COUNT, "about": {}, "shard": 2} | control
    with pytest.raises(LearnitError, match=part):
        networks.write(tmp_path / "set", FIELD, **call)
    assert contents(tmp_path / "set") == {}


# Fits that diverge


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("bad", [(1,), (0, 1, 4)])
def test_a_fit_that_diverged_costs_its_row_only(tmp_path, dtype, bad):
    control = {"bad": bad, "dtype": dtype}
    there = written(tmp_path / "set", **control)
    assert there.diverged.tolist() == list(bad)
    for i in range(COUNT):
        if i in bad:
            for wanted in (i, slice(0, i + 1), np.array([i])):
                with pytest.raises(LearnitError, match="diverged"):
                    there[wanted]
        else:
            np.testing.assert_allclose(there[i][0]["w"], fits(i, 1).params[0]["w"][0], atol=1e-3)
    for file in (tmp_path / "set").glob("networks-*"):
        assert all(np.isfinite(a).all() for n, a in weights.read_arrays(file)[0].items() if n != "score")
    said = command._report(there, 1.0, COUNT)
    assert f"without {len(bad)} that diverged (signal {bad[0]}" in said and "nan" not in said
    before = contents(tmp_path / "set")
    (tmp_path / "set" / shard(0)).unlink()
    assert contents(written(tmp_path / "set", **control).folder) == before
    with pytest.raises(LearnitError, match="all fits diverged"):
        command._report(written(tmp_path / "all", bad=range(COUNT)), 1.0, COUNT)


def test_weights_that_float16_cannot_hold_count_as_diverged(tmp_path):
    assert written(tmp_path / "a", seed=1e6, dtype="float16").diverged.tolist() == list(range(COUNT))
    assert not written(tmp_path / "b", seed=1e6, dtype="float32").diverged.size


def test_the_command_finishes_a_set_of_fits_that_diverge(tmp_path):
    there = command.make(
        np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1), np.uint8),
        FIELD,
        START,
        tmp_path,
        {},
        setting=Setting("sgd", 1e30),
        steps=3,
        shard=2,
        progress=False,
    )
    assert there.diverged.tolist() == [0, 1, 2] and there.about["block"] == 1
    with pytest.raises(LearnitError, match="all fits diverged"):
        command._report(there, 1.0, COUNT)
