"""Small trainings on a mesh; a process of its own runs them, as the number of devices is set before JAX begins.

    python tests/sharded.py OUT NAME,NAME [PROCESS OF PORT]

With no name, several processes train until one of them is told to end.
Writes what comes out to ``OUT/NAME.npz``, and what the compiled programs send to ``OUT/sent.json``.
"""

import json
import os
import re
import signal
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from learnit_core import losses, many, meta, models, sharding, training
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import ct, image
from learnit_core.structures import Pixels, Task, Views

STEPS = 3
FIELD = models.siren(2, 1, width=8, depth=2, w0=10.0)
CT_FIELD = models.fourier_mlp(np.random.default_rng(0).normal(size=(4, 2)), 1, width=8, depth=2)
FOG = models.nerf_mlp(width=8, depth=2, num_frequencies=2, max_log2=2.0)


def key():
    return jax.random.key(5)  # only when JAX may begin


def pictures(number, size):
    return np.random.default_rng(1).random((number, size, size, 1), np.float32)


def scenes():
    rng, number = np.random.default_rng(2), (3, 2)
    pose = np.broadcast_to(np.eye(3, 4, dtype=np.float32), (*number, 3, 4)) + [[0], [0], [2]] * np.eye(1, 4, 3)
    return Views(
        rng.integers(0, 256, (*number, 8, 8, 3), np.uint8),
        np.broadcast_to([0, 8, 0, 8], (*number, 4)),
        np.broadcast_to(np.float32([8, 8, 4, 4]), (*number, 4)),
        pose.astype(np.float32),
        np.full(number, 1, np.float32),
        np.full(number, 3, np.float32),
    )


def one_scene(key, data):
    scene = jax.tree.map(lambda leaf: leaf[jax.random.randint(key, (1,), 0, len(leaf))], data)
    return Task(scene, scene)


def problems():
    """By name: meta-gradient, sampler, data, first weights, and the outer optimiser."""
    inner, outer = optax.sgd(1e-2), optax.sgd(0.1)  # not Adam, which makes of a rounding a step
    loss = losses.image_loss(FIELD)
    adapt = meta.adapt_with(loss, inner, 2)
    part = losses.part_loss(FIELD, 0.5, choose="error", blocks=3)
    few = meta.maml(losses.regression_loss(FIELD, blocks=2), meta.adapt_with(part, inner, 2))
    sinogram = losses.ct_loss(CT_FIELD, models.pixel_grid(16, 16))
    profile = ct.Profile(
        name="quick", size=16, counts=(4, 1, 1), width=8, depth=3, num_frequencies=4, sigma=1.0, outer_rate=1e-3,
        num_steps=9, num_views=16,
    )  # fmt: skip
    rays = losses.radiance_loss(FOG, num_samples=4, rays_per_step=16)
    start, eight = FIELD.init(key()), (image.sampler(8), pictures(9, 8))
    return {
        "image": (meta.maml(loss, adapt), *eight, start, outer),
        "pixels": (meta.maml(loss, adapt), image.sampler(1), pictures(9, 8), start, outer),
        "part": (few, image.sampler(1), pictures(9, 8), start, outer),
        "ct": (
            meta.reptile(sinogram, meta.adapt_with(sinogram, optax.sgd(10.0), 4, remat=False)),
            ct.sampler(profile), pictures(4, 16), CT_FIELD.init(key()), outer,
        ),
        "rays": (meta.reptile(rays, meta.adapt_with(rays, inner, 3)), one_scene, scenes(), FOG.init(key()), outer),
    }  # fmt: skip


def train(name, mesh, *, num_steps=STEPS, checkpoint=None, **control):
    """State and losses of one of them."""
    grad, sampler, data, params, optimizer = problems()[name]
    state, history = training.train(
        grad, sampler, training.in_memory(data), meta.init_state(params, optimizer), key(), optimizer=optimizer,
        num_steps=num_steps, chunk=2, mesh=mesh, progress=False, checkpoint=checkpoint, **control,
    )  # fmt: skip
    return jax.tree.leaves((state, np.float32(history.losses)))


def batch_of(picture):
    return Pixels(models.pixel_grid(8, 8), picture.reshape(-1, 1))


RECIPE = many.Recipe(losses.image_loss(FIELD), Setting("sgd", 1e-2), 2, batch_of=batch_of)


def fitted(mesh):
    """Networks of eleven pictures."""
    return jax.tree.leaves(many.fit_many(RECIPE, FIELD.init(key()), pictures(11, 8), key(), mesh=mesh))


def sent(text):
    """What a compiled program sends: a pair of the collective's name and the numbers it carries, in order."""
    found = []
    for line in text.splitlines():
        if operation := re.search(r"= (.*?) (all-\w[\w-]*|reduce-scatter|collective-permute|ragged-\w+)\S*\(", line):
            shapes = re.findall(r"\w\d+\[([\d,]*)\]", operation[1])
            found.append((operation[2], sum(int(np.prod([int(n) for n in s.split(",") if n])) for s in shapes)))
    return found


class Kept(training._Program):
    """The programs of a training, to be looked at."""

    last = None

    def __init__(self, *arguments):
        super().__init__(*arguments)
        Kept.last = self

    def text(self):
        (compiled,) = self.compiled.values()
        return compiled.as_text()


def refused(mesh):
    """What is said of three tasks and a loss that looks at everything."""

    def loss(params, batch, key):
        return jnp.mean(jnp.square(FIELD.apply(params, batch.coords) - batch.values))

    grad = meta.maml(loss, meta.adapt_with(loss, optax.sgd(1e-2), 1))
    state = meta.init_state(FIELD.init(key()), optax.sgd(0.1))
    try:
        training.train(
            grad, image.sampler(3), training.in_memory(pictures(9, 8)), state, key(), optimizer=optax.sgd(0.1),
            num_steps=1, mesh=mesh,
        )  # fmt: skip
    except LearnitError as error:
        return str(error)


def main(out, names, *process):
    if process:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        index, number, port = process
        jax.distributed.initialize(f"127.0.0.1:{port}", int(number), int(index))
    mesh, out, programs = sharding.devices(), Path(out), {}
    for name in filter(None, names.split(",")):
        if name == "many":
            leaves = fitted(mesh)
            arguments = FIELD.init(key()), pictures(16, 8), jax.random.split(key(), 16)
            arguments = sharding.everywhere(arguments, mesh)
            text = many._fit_chunk.lower(RECIPE, *arguments, block=1, mesh=mesh).compile().as_text()
            if process:  # each host has all of them
                np.savez(out / f"many-{process[0]}.npz", *leaves)
        elif name == "resumed":  # on other numbers of devices
            file, text = training.Checkpoint(out / "resumed.safetensors", {}, 0.0), ""
            for steps, devices in enumerate((mesh, None, sharding.devices(2)), 1):
                leaves = train("image", devices, num_steps=steps, checkpoint=file)
        else:
            training._Program = Kept
            leaves = train(name, mesh)
            text = Kept.last.text()
        if jax.process_index() == 0:
            np.savez(out / f"{name}.npz", *leaves)
        programs[name] = sent(text)
    if process and not programs:  # told to end in the middle, by one of them
        file = training.Checkpoint(out / "stopped.safetensors", {}, 1e6)
        stop = lambda _: (process[0] == "1" and os.kill(os.getpid(), signal.SIGTERM)) or 0.0  # noqa: E731
        train("image", mesh, num_steps=1000, checkpoint=file, validate=stop, validate_every=1)
        raise AssertionError("went on to the end")
    if process:  # the first one writes, all read
        file = training.Checkpoint(out / "several.safetensors", {}, 0.0)
        train("image", mesh, num_steps=2, checkpoint=file)
        leaves = train("image", mesh, checkpoint=file, stop_after=60.0)
        np.savez(out / f"several-{process[0]}.npz", *leaves)
    else:
        programs["refused"] = refused(mesh)
    (out / "sent.json").write_text(json.dumps(programs))


if __name__ == "__main__":
    main(*sys.argv[1:])
