"""Training on eight devices, and on two hosts, is training on one; and what the devices send each other is little."""

import json
import os
import signal
import socket
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sharded

from learnit_core import losses, meta, models, sharding, training, weights
from learnit_core.errors import LearnitError
from learnit_core.structures import Task


def started(out, names, *process, devices=8):
    environment = os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    command = [sys.executable, sharded.__file__, out, ",".join(names), *map(str, process)]
    return subprocess.Popen(list(map(str, command)), env=environment)


def run(*processes, ended=0):
    try:
        assert [process.wait(timeout=500) for process in processes] == [ended] * len(processes)
    finally:
        for process in processes:
            process.kill()


def assert_as_on_one_device(file, name):
    """Sums in another order: 2e-6 of the largest number of an array, and a loss to 1e-5 of it."""
    alone = sharded.fitted(None) if name == "many" else sharded.train(name, None)
    with np.load(file) as there:
        for found, expected in zip(there.values(), alone, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6 * np.abs(expected).max())


def numbers(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def check_on_eight_devices(out, names):
    run(started(out, names))
    for name in names:
        assert_as_on_one_device(out / f"{name}.npz", "image" if name == "resumed" else name)
    return json.loads((out / "sent.json").read_text())


def test_eight_devices_agree_with_one_and_send_little(tmp_path):
    """Tasks of a meta-batch, and angles of one sinogram."""
    sent = check_on_eight_devices(tmp_path, ["image", "ct"])
    sizes = [numbers(sharded.problems()[name][3]) for name in ("image", "ct")]
    assert sent["image"] in ([["all-reduce", sizes[0] + 1]], [["all-reduce", sizes[0]], ["all-reduce", 1]]), "once each"
    assert sorted(sent["ct"]) == [["all-reduce", 1], ["all-reduce", sizes[1]]], "a gradient an inner step, and a loss"
    assert "8 devices cannot share the tasks of a step in equal parts, and the loss looks at no part" in sent["refused"]


@pytest.mark.nightly
def test_other_samples_and_other_numbers_of_devices(tmp_path):
    """Pixels of one picture, a part of them drawn by error, rays of one scene; from 8 devices to 1, and to 2; and fits
    of many signals."""
    sent = check_on_eight_devices(tmp_path, ["pixels", "part", "rays", "resumed", "many"])
    assert sent["many"] == []
    for name in ("pixels", "part", "rays"):
        size = numbers(sharded.problems()[name][3])
        assert {operation for operation, _ in sent[name]} == {"all-reduce"}
        assert {carried for _, carried in sent[name]} <= {1, size, size + 1}, sent[name]


@pytest.mark.nightly
def test_the_papers_command_shares_a_step_out(tmp_path):
    """Two tasks, as a short run has, on as many devices and on one: the same weights up to the order of sums."""
    about = ["--experiment", "image", "--data", "sdf", "--algorithm", "maml", "--score", "0", "--precision", "highest"]
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "LEARNIT_MAX_STEPS": "2"}
    trained = []
    for count in (1, 2):
        out = tmp_path / str(count)
        command = [sys.executable, "-m", "learnit_core.commands.paper", *about, "--devices", str(count), "--out", out]
        subprocess.run(list(map(str, command)), env=os.environ | flags, check=True)
        trained.append(weights.load(out / "image-sdf-paper-maml.safetensors")[1])
    for one, other in zip(*map(jax.tree.leaves, trained), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=2e-6 * np.abs(one).max())
    # What cannot be shared out is refused: so the devices are asked for.
    command = [sys.executable, "-m", "learnit_core.commands.paper", *about, "--devices", "3", "--out", tmp_path / "3"]
    flags["XLA_FLAGS"] = "--xla_force_host_platform_device_count=3"
    refused = subprocess.run(list(map(str, command)), env=os.environ | flags, capture_output=True, encoding="utf-8")
    assert refused.returncode == 1 and "3 devices cannot share" in refused.stderr


def two_hosts(out, names):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [started(out, names, index, 2, port, devices=4) for index in range(2)]


@pytest.mark.nightly
def test_a_signal_to_one_host_ends_all(tmp_path):
    run(*two_hosts(tmp_path, []), ended=-signal.SIGTERM)
    arrays, _ = weights.read_arrays(tmp_path / "stopped.safetensors")
    assert len(arrays["history/losses"]) == 2


@pytest.mark.nightly
def test_two_hosts_agree_with_one_device(tmp_path):
    names = ["image", "ct", "many"]
    run(*two_hosts(tmp_path, names))
    for name in names:
        assert_as_on_one_device(tmp_path / f"{name}.npz", name)
    for index in range(2):  # stopped after two steps, and gone on from the file that the first host wrote
        assert_as_on_one_device(tmp_path / f"several-{index}.npz", "image")
        assert_as_on_one_device(tmp_path / f"many-{index}.npz", "many")
    assert json.loads((tmp_path / "sent.json").read_text())["many"] == []


# What is refused; one process may trace for devices that it does not have


def traced(num_tasks, num_pixels, *, devices, loss=None):
    field = models.siren(2, 1, width=4, depth=2)
    loss = loss or losses.image_loss(field)
    mesh = jax.sharding.AbstractMesh((devices,), (sharding.SAMPLES,))

    def step(params, task):
        grad = meta.maml(loss, meta.adapt_with(loss, optax.sgd(1e-2), 1))
        return grad(params, task, jax.random.key(0))

    pixels = losses.Pixels(jnp.zeros((num_pixels, 2)), jnp.zeros((num_pixels, 1)))
    everywhere = jax.sharding.PartitionSpec()
    shared = jax.shard_map(step, mesh=mesh, in_specs=everywhere, out_specs=everywhere)
    return jax.make_jaxpr(shared)(field.init(jax.random.key(1)), Task(pixels, pixels))


def test_samples_without_equal_parts_are_refused():
    assert "psum" in str(traced(1, 12, devices=4))
    with pytest.raises(LearnitError, match="8 devices cannot share 12 samples in equal parts: give a mesh"):
        traced(1, 12, devices=8)


def test_a_mesh_of_more_devices_than_there_are_is_refused():
    with pytest.raises(LearnitError, match="found 1 devices: expected 3"):
        sharding.devices(3)


def test_on_a_mesh_of_one_device_a_loss_needs_no_parts():
    alone = training.train(*simple(), num_steps=3, chunk=2, optimizer=optax.sgd(0.1))
    on_mesh = training.train(*simple(), num_steps=3, chunk=2, optimizer=optax.sgd(0.1), mesh=sharding.devices(1))
    jax.tree.map(np.testing.assert_array_equal, alone[0], on_mesh[0])


def simple():
    def pull(params, task, key):
        return jnp.sum((params - task.support) ** 2), 2 * (params - task.support)

    def sampler(key, data):
        return Task(data[:1], data[:1])

    state = meta.init_state(jnp.arange(3.0), optax.sgd(0.1))
    return pull, sampler, training.in_memory(jnp.ones((2, 3))), state, jax.random.key(0)
