"""One MAML outer step of image regression at the paper's shapes: 178 x 178, batch 3, two inner steps, SIREN 5 x 256.

plain     vmap over tasks, unrolled inner steps, jnp.sin: the equations as one would first write them
core      one task at a time, recomputed inner losses, the polynomial sine
core-sin  the same with jnp.sin, to tell the two changes apart
no-sine   the same without any sine, which fits nothing: what the sine takes
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import optax

from learnit_core import losses, meta, models
from learnit_core.experiments import image, precision, timing
from learnit_core.experiments.settings import Settings

BOUNDS = {"ways": {"times_as_fast": 2.0, "temporaries_bytes": 2**30}}
"""What is promised of the core at the paper's shapes."""


def plain_meta_step(profile: image.Profile, field, optimizer) -> Callable:
    """One outer step written plainly; the baseline of the comparison."""

    def apply(params, coords):
        x = coords
        for layer in params[:-1]:
            x = jnp.sin(profile.w0 * (x @ layer["w"] + layer["b"]))
        return x @ params[-1]["w"] + params[-1]["b"] + 0.5

    def loss(params, pixels):
        return jnp.mean((apply(params, pixels.coords) - pixels.values) ** 2)

    def adapted_loss(params, pixels):
        for _ in range(profile.inner_steps):
            grads = jax.grad(loss)(params, pixels)
            params = jax.tree.map(lambda p, g: p - profile.inner_rate * g, params, grads)
        return loss(params, pixels)

    def step(state, data, key):
        tasks = image.sampler(profile.maml_batch)(key, data)
        values, grads = jax.vmap(jax.value_and_grad(adapted_loss), in_axes=(None, 0))(state.params, tasks.query)
        grads = jax.tree.map(lambda g: g.mean(axis=0), grads)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        return meta.MetaState(optax.apply_updates(state.params, updates), opt_state, state.step + 1), values.mean()

    return step


def core_meta_step(profile: image.Profile, field, optimizer) -> Callable:
    """One outer step as :mod:`learnit_core.training` runs it."""
    adapt = meta.adapt_with(losses.image_loss(field), optax.sgd(profile.inner_rate), profile.inner_steps)
    meta_grad = meta.maml(losses.image_loss(field), adapt)

    def step(state, data, key):
        state, values = meta.meta_steps(
            meta_grad, image.sampler(profile.maml_batch), data, state, key, optimizer=optimizer, num_steps=1
        )
        return state, values[0]

    return step


def run(settings: Settings, *, rounds: int, size: int | None = None) -> dict[str, Any]:
    """Time ``rounds`` of each way in turns; prints and returns a report."""
    profile = replace(image.PROFILES["paper"], size=size or image.PROFILES["paper"].size)
    field, optimizer = image.field_for(profile, 1), optax.adam(profile.outer_rate)
    data = jax.random.uniform(jax.random.key(0), (8, profile.size, profile.size, 1))
    arguments = meta.init_state(field.init(jax.random.key(1)), optimizer), data, jax.random.key(2)
    compiled, losses_of, memory = {}, {}, {}
    sines = {"core-sin": jnp.sin, "no-sine": lambda x: x / 32}
    for name in ("plain", "core", *sines):
        make = plain_meta_step if name == "plain" else core_meta_step
        with mock.patch.object(models, "sine", sines.get(name, models.sine)):
            began = time.perf_counter()
            step = jax.jit(make(profile, field, optimizer)).lower(*arguments).compile()
        took, memory[name] = time.perf_counter() - began, step.memory_analysis().temp_size_in_bytes
        print(f"{name:9} compiled in {took:5.1f} s, temporaries {memory[name] / 2**30:.2f} GiB", flush=True)
        compiled[name], losses_of[name] = partial(step, *arguments), float(step(*arguments)[1])
    work = precision.operations(core_meta_step(profile, field, optimizer), *arguments)
    taken = timing.in_turns(compiled, settings.cap(rounds), matrix=True)
    limit = timing.share(work, taken["core"], taken.pop("matrix"))
    ways = timing.compared(taken)
    for name, way in ways.items():
        way |= {"temporaries_bytes": memory[name]} | ({} if name == "no-sine" else {"loss": losses_of[name]})
        print(
            f"{name:9} {way['median_seconds']:6.2f} s a step, {way['times_as_fast']:4.2f} times as fast as plain "
            f"({ways['plain']['median_seconds']:.2f} s); loss {losses_of[name]:.6f}"
        )
    shape = [profile.maml_batch, profile.size, profile.size, 1]
    return {"shape": shape, "rounds": settings.cap(rounds), "ways": ways, "limit": limit, "bounds": BOUNDS}
