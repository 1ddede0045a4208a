"""Reptile outer steps of computed tomography at the paper's shapes, and what the whole training would take.

256 x 256 pixels, 20 projections, twelve inner steps, 5 x 256 on 256 Fourier frequencies:

plain  a Python loop over one compiled inner step; features of the grid computed once, nothing recomputed
core   as :mod:`learnit_core.training` runs it: the same, all inner steps in one compiled program
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from learnit_core import losses, meta
from learnit_core.experiments import ct, precision, runs, timing
from learnit_core.experiments.settings import Settings
from learnit_core.models import pixel_grid
from learnit_core.structures import Field, rows

STEPS = 8
"""Outer steps of the core in all, so that its losses can be looked at."""


def _plain(profile: ct.Profile, field: Field, optimizer: optax.GradientTransformation) -> Callable:
    """One outer step of Reptile as one would first write it; it draws what the core draws."""
    coords, descent = pixel_grid(profile.size, profile.size), optax.sgd(profile.inner_rate)
    loss = losses.ct_loss(field, coords)  # features are computed here
    sample, value = jax.jit(ct.sampler(profile)), jax.jit(loss)

    @jax.jit
    def inner(params, sinogram, key):
        grads = jax.grad(loss)(params, sinogram, key)
        return optax.apply_updates(params, descent.update(grads, descent.init(params))[0])

    @jax.jit
    def outer(state, fitted):
        grads = jax.tree.map(lambda p, *all: p - sum(all) / len(all), state.params, *fitted)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        return meta.MetaState(optax.apply_updates(state.params, updates), opt_state, state.step + 1)

    def step(state, data, key):
        sample_key, task_key = meta.step_keys(key, state.step)
        tasks, fitted, found = sample(sample_key, data), [], []
        for i, one in enumerate(jax.random.split(task_key, profile.batch)):
            adapt_key, query_key = jax.random.split(one)
            params = state.params
            for k in range(profile.inner_steps):
                params = inner(params, rows(tasks.support, i), jax.random.fold_in(adapt_key, k))
            fitted.append(params)
            found.append(value(params, rows(tasks.query, i), query_key))
        return outer(state, fitted), jnp.mean(jnp.stack(found))

    return step


def run(settings: Settings, *, rounds: int, size: int | None = None) -> dict[str, Any]:
    """Time ``rounds`` steps of each way in turns, then the core's up to 8; prints and returns a report."""
    paper = ct.PROFILES["paper"]
    profile = replace(paper, size=size or paper.size, counts=(4, 0, 0))
    field, optimizer = ct.field_for(profile), runs.outer_optimizer(profile)
    data, key = jnp.asarray(ct.load_signals(profile, "phantoms").train), jax.random.key(2)
    start = meta.init_state(field.init(jax.random.key(1)), optimizer)
    states, found, meta_grad = dict.fromkeys(("core", "plain"), start), [], ct.meta_grad_for(profile, field)

    def step(state, data, key):
        return meta.meta_steps(meta_grad, ct.sampler(profile), data, state, key, optimizer=optimizer, num_steps=1)

    program = jax.jit(step).lower(start, data, key).compile()
    plainly = _plain(profile, field, optimizer)

    def advance(name):
        states[name], values = program(states[name], data, key) if name == "core" else plainly(states[name], data, key)
        if name == "core":
            found.append(values)
        return states[name], values

    _, plain_loss = jax.block_until_ready(plainly(start, data, key))  # the first call compiles
    turns = settings.cap(rounds)
    seconds = timing.in_turns({name: partial(advance, name) for name in states}, turns, matrix=True)
    limit = timing.share(precision.operations(step, start, data, key), seconds["core"], seconds.pop("matrix"))
    more = timing.in_turns({"core": partial(advance, "core")}, settings.cap(max(rounds, STEPS)) - turns)
    seconds["core"] = np.concatenate([seconds["core"], more["core"]])
    report = timing.compared(seconds)
    report["core"]["temporaries_bytes"] = program.memory_analysis().temp_size_in_bytes
    report["plain"]["loss"] = float(plain_loss)
    core, losses_by_step = report["core"], [float(values[0]) for values in found]
    whole = {}
    if profile.size == paper.size:
        whole["projected_days_of_the_paper"] = round(float(np.median(seconds["core"])) * paper.num_steps / 86400, 1)
    print(
        f"ct: {len(found)} outer steps, {core['median_seconds']:.2f} s each, {core['times_as_fast']:.2f} times as fast "
        f"as plain ({report['plain']['median_seconds']:.2f} s), loss {losses_by_step[0]:.5f} to "
        f"{losses_by_step[-1]:.5f}"
        + "".join(f"; the paper's {paper.num_steps:,} take {d} days" for d in whole.values())
    )
    return {
        "shape": [profile.batch, profile.size, profile.size, profile.num_views],
        "rounds": turns,
        "ways": report,
        "losses": losses_by_step,
        "limit": limit,
        **whole,
    }
