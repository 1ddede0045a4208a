"""Memory of many fits: blocks within a budget, chunks of a set whatever its shards, how many programs run at a time."""

import threading
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from learnit_core import evaluate, many, memory, models, sharding
from learnit_core.commands import networks as command
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.signals import arrays

FIELD = models.siren(2, 1, width=8, depth=2, w0=10.0)
START, KEY = FIELD.init(jax.random.key(1)), jax.random.key(3)


def pictures(count):
    return np.random.default_rng(0).integers(0, 256, (count, 6, 6, 1), np.uint8)


def recipe(steps=2):
    return command.recipe_for(FIELD, arrays.grid((6, 6)), Setting("sgd", 1e-2), steps)


@pytest.mark.parametrize(("budget", "expected"), [(0, [1]), (31, [1]), (32, [1, 8]), (255, [1, 8]), (256, [1, 8, 64])])
@pytest.mark.parametrize("mesh", [None, SimpleNamespace(size=2, is_multi_process=False)])
def test_no_block_is_run_that_needs_more_than_the_budget(monkeypatch, budget, expected, mesh):
    """On a clock by which the largest is the fastest, where a signal needs two bytes and two programs run."""
    ran, clock = [], [0.0]

    def fake(recipe, start, data, key, *, block, **control):
        ran.append(block)
        clock[0] += len(data) / block

    monkeypatch.setattr(many, "fit_many", fake)
    monkeypatch.setattr(many, "temporaries", lambda *_, block, **__: 2 * block)
    monkeypatch.setattr(sharding, "least", sharding.least.__wrapped__)
    monkeypatch.setattr(many, "at_once", lambda: 2)
    monkeypatch.setattr(many, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    choose = many.fastest_block.__wrapped__  # the mesh is none
    budget *= mesh.size if mesh else 1  # simulated devices have one memory
    block, seconds = choose(recipe(2000), START, pictures(64), None, count=10**5, mesh=mesh, budget=budget)
    assert block == expected[-1] and sorted(set(ran)) == expected == list(seconds)


def test_a_small_budget_keeps_a_block_from_being_taken():
    """With what is really compiled."""
    data, work = pictures(64), {"count": 10**4}
    needs = {block: many.temporaries(recipe(), START, data, KEY, block=block) for block in (1, 8)}
    assert needs[8] > 4 * needs[1] > 0
    most = needs[8] * evaluate.at_once()
    assert list(many.fastest_block(recipe(), START, data, KEY, budget=most // 2, **work)[1]) == [1]
    assert list(many.fastest_block(recipe(), START, data, KEY, budget=2 * most, **work)[1])[:2] == [1, 8]


def test_what_a_fit_needs_does_not_grow_with_the_chunk():
    few, more = (many.temporaries(recipe(), START, pictures(n), KEY, block=8) for n in (16, 64))
    assert more < 1.2 * few


def test_a_large_shard_is_fitted_in_chunks_and_few_of_them_at_a_time(tmp_path, monkeypatch):
    """Two threads write shards, each of which is fitted by two more."""
    fit_chunk, lock, sizes, running, most = many._fit_chunk, threading.Lock(), [], 0, []

    def watched(recipe, start, data, keys, **how):
        nonlocal running
        with lock:
            running += 1
            most.append(running)
            sizes.append(len(data))
        try:
            return jax.block_until_ready(fit_chunk(recipe, start, data, keys, **how))
        finally:
            with lock:
                running -= 1

    settings = {"setting": Setting("sgd", 1e-2), "steps": 2, "progress": False}
    for block, expected in ((1, 10), (8, 16)):
        whole = command.make(pictures(40), FIELD, START, tmp_path / f"{block}", {}, block=block, shard=20, **settings)
        with monkeypatch.context() as patch:
            patch.setattr(many, "_fit_chunk", watched)
            patch.setattr(many, "chunk_for", lambda start, data: 12)
            where = tmp_path / f"{block} in chunks"
            there = command.make(pictures(40), FIELD, START, where, {}, block=block, shard=20, **settings)
        assert sizes == [expected] * 4 and max(most) <= evaluate.at_once()
        np.testing.assert_allclose(there.scores, whole.scores, rtol=1e-4)
        sizes.clear()


def test_a_chunk_holds_signals_and_networks_of_the_bytes_it_may():
    network = 4 * sum(leaf.size for leaf in jax.tree.leaves(START))
    assert many.chunk_for(START, pictures(3), 10 * (3 * network + 36)) == 10
    assert many.chunk_for(START, pictures(3), 1) == 1


def test_hosts_that_fit_together_do_so_in_the_main_thread():
    mesh = SimpleNamespace(size=2, is_multi_process=True)
    found = []

    def call():
        try:
            many.fit_many.__wrapped__(recipe(), START, pictures(2), KEY, mesh=mesh)
        except LearnitError as error:
            found.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert "a mesh of several hosts in a thread of its own" in found[0]


def test_a_set_is_not_made_on_several_hosts(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(LearnitError, match="found 2 hosts, which would write the same files"):
        command.make(pictures(2), FIELD, START, tmp_path / "a", {}, setting=Setting("sgd", 1e-2), steps=1)
    with pytest.raises(LearnitError, match="found 2 hosts"):
        command.learn_start(pictures(2), tmp_path / "a", minutes=1.0)
    assert not (tmp_path / "a").exists()


def test_results_of_one_host_are_gathered_as_they_are():
    found = sharding.gathered({"a": jax.numpy.arange(3)})
    assert type(found["a"]) is np.ndarray and found["a"].tolist() == [0, 1, 2]


# How much there is

MEMINFO = "MemTotal: 9 kB\nMemFree: 1 kB\nMemAvailable: 6 kB\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"memory.max": "max\n", "memory.current": "5\n", "memory.stat": ""}, None),
        ({"memory.max": "100", "memory.current": "70", "memory.stat": "anon 1\ninactive_file 20\n"}, 50),
        ({"memory.max": "100", "memory.current": "170", "memory.stat": "anon 1\n"}, 0),
        (
            {
                "memory/memory.limit_in_bytes": "100",
                "memory/memory.usage_in_bytes": "70",
                "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 7\n",
            },
            37,
        ),
    ],
)
def test_what_a_container_has_left(tmp_path, files, expected):
    (tmp_path / "memory").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert memory._of_container(tmp_path) == expected


def test_what_a_machine_has_left(tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text(MEMINFO)
    assert memory._of_machine(tmp_path / "meminfo") == 6 * 1024
    monkeypatch.setattr(memory, "_of_machine", lambda: 6000)
    monkeypatch.setattr(memory, "_of_container", lambda: 4000)
    assert memory.available() == 4000 and memory.share() == 1000
    monkeypatch.setattr(memory, "available", lambda: None)
    assert memory.share() == memory.UNKNOWN
    silent = SimpleNamespace(memory_analysis=lambda: None)
    assert memory.temporaries(silent) is None
