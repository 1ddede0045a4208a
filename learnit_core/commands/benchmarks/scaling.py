"""Where time and memory bend: an outer step of MAML on pictures against one number at a time, and fits against devices.

The picture's side, the network's width, inner steps and tasks of a batch each take the values of :data:`VALUES`, the
others stay at :data:`BASE`. All values are timed in turns. Temporaries are those of the compiled program; beside them
stand those of the step written plainly (tasks under ``vmap``, nothing recomputed).
"""

import json
import os
import subprocess
import sys
import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from learnit_core import losses, many, memory, meta, models, sharding, training
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import precision, timing
from learnit_core.experiments.settings import Settings
from learnit_core.signals import arrays
from learnit_core.structures import Pixels

BASE = {"size": 64, "width": 64, "inner_steps": 2, "batch": 3}
VALUES = {
    "size": (16, 32, 64, 128, 256),
    "width": (16, 32, 64, 128, 256),
    "inner_steps": (1, 2, 4, 8, 16),
    "batch": (1, 2, 4, 8, 16),
}
ROUNDS, DEVICES, SIGNALS, BATCH = 5, (0, 1, 2, 4), 256, 4
"""Turns; numbers of devices, 0 for one without a mesh; signals of `fit_many` and tasks of an outer step on them."""


def run(what: str, settings: Settings) -> dict[str, Any]:
    """An outer step against ``what``, a name in :data:`VALUES`; the record."""
    values = VALUES[what] if settings.max_steps is None else VALUES[what][:2]
    rows, ways, work = [], {}, {}
    for value in values:
        shape = BASE | {what: value}
        step, arguments = _outer(**shape)
        program = jax.jit(step).lower(*arguments).compile()
        plain = jax.jit(_outer(**shape, plain=True)[0]).lower(*arguments).compile()
        sizes = [memory.temporaries(one) for one in (program, plain)]
        rows.append({"value": value, "temporaries_bytes": sizes[0], "plain_temporaries_bytes": sizes[1]})
        ways[value], work[value] = partial(program, *arguments), precision.operations(step, *arguments)
        jax.block_until_ready(ways[value]())
    seconds = timing.in_turns(ways, settings.cap(ROUNDS), matrix=True)
    for row in rows:
        taken, median = seconds[row["value"]], float(np.median(seconds[row["value"]]))
        share = timing.share(work[row["value"]], taken, seconds["matrix"])
        row |= {"median_seconds": timing.short(median), **share}
        print(f"scaling, {what} {row['value']}: {median:.4f} s, {row['temporaries_bytes'] / 1e6:.1f} MB")
    return {"what": what, "base": BASE, "rows": rows}


def _problem(*, size: int, width: int, inner_steps: int, batch: int, plain: bool = False):
    """Meta-gradient, sampler, optimiser and what they begin with: state, pictures and key."""
    field, optimizer = models.siren(2, 1, width=width, depth=4, w0=30.0), optax.adam(1e-4)
    loss = losses.regression_loss(field)
    grad = meta.maml(loss, meta.adapt_with(loss, optax.sgd(1e-2), inner_steps, remat=not plain))
    coords = arrays.grid((size, size))
    data = jax.random.uniform(jax.random.key(0), (batch, size, size, 1))

    def sample(key, data):
        return arrays.tasks(data, coords)

    state = meta.init_state(field.init(jax.random.key(1)), optimizer)
    return grad, sample, optimizer, (state, data, jax.random.key(2))


def _outer(*, plain: bool = False, **shape: int):
    grad, sample, optimizer, arguments = _problem(**shape, plain=plain)

    def step(state, data, key):
        control = {"optimizer": optimizer, "num_steps": 1, "over_tasks": "vmap" if plain else "map"}
        return meta.meta_steps(grad, sample, data, state, key, **control)[0]

    return step, arguments


def over_devices(settings: Settings) -> dict[str, Any]:
    """Seconds of ``fit_many`` and of an outer step on meshes of simulated devices, each in a process of its own."""
    rows = []
    for count in DEVICES if settings.max_steps is None else DEVICES[:2]:
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={max(1, count)}"
        signals = SIGNALS if settings.max_steps is None else 8
        words = [sys.executable, "-m", __name__, str(count), str(signals)]
        environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        made = subprocess.run(words, env=environment, capture_output=True, encoding="utf-8")
        if made.returncode:
            raise LearnitError(f"{count} simulated devices: {(made.stderr.splitlines() or ['nothing was said'])[-1]}")
        rows.append(json.loads(made.stdout.splitlines()[-1]))
        signal, step = (1e3 * rows[-1][name] for name in ("median_seconds", "step_median_seconds"))
        print(f"scaling, {count} devices: {signal:.2f} ms a signal, {step:.1f} ms an outer step")
    shape = {"cores": os.cpu_count(), "signals": signals, "outer_step": BASE | {"batch": BATCH}}
    return {"what": "devices", **shape, "rows": rows}


def _steps_on(count: int, steps: int) -> float:
    """Median seconds of an outer step of :data:`BATCH` tasks that ``training.train`` shares out over a mesh."""
    grad, sample, optimizer, (state, data, key) = _problem(**BASE | {"batch": BATCH})
    ends: list[float] = []  # of chunks: the first one is that of the first step, and holds compiling

    def validate(params):
        ends.append(time.perf_counter())
        return 0.0

    control = {"optimizer": optimizer, "chunk": steps, "validate": validate, "validate_every": 1, "progress": False}
    source = training.in_memory(data)
    training.train(grad, sample, source, state, key, num_steps=6 * steps, mesh=_mesh(count), **control)
    return float(np.median(np.diff(ends))) / steps


def _mesh(count: int):
    return sharding.devices(count) if count else None


def _fits_on(count: int, signals: int) -> dict[str, Any]:
    field = models.siren(2, 3, width=64, depth=4, w0=30.0)
    coords = jnp.asarray(arrays.grid((32, 32)))

    def batch_of(picture):
        return Pixels(coords, picture.reshape(len(coords), -1).astype(jnp.float32) / 255)

    recipe = many.Recipe(losses.regression_loss(field), Setting("sgd", 1e-2), 3, batch_of=batch_of)
    data = np.random.default_rng(0).integers(0, 256, (signals, 32, 32, 3), np.uint8)
    start, seconds = field.init(jax.random.key(0)), []
    for _ in range(4):
        began = time.perf_counter()
        many.fit_many(recipe, start, data, jax.random.key(1), mesh=_mesh(count))
        seconds.append(time.perf_counter() - began)
    signal, step = sorted(seconds[1:])[1] / signals, _steps_on(count, 10 if signals == SIGNALS else 1)
    return {"value": count, "median_seconds": timing.short(signal), "step_median_seconds": timing.short(step)}


if __name__ == "__main__":
    print(json.dumps(_fits_on(*map(int, sys.argv[1:]))))
