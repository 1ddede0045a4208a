"""What the core's way of computing buys: ``make bench``.

One MAML outer step at the paper's shapes (178 x 178, batch 3, two inner steps, SIREN 5 x 256), three ways, in turns
within one run, so that a busy machine slows all of them alike:

    plain     vmap over tasks, unrolled inner steps, jnp.sin: the equations as one would first write them
    core      one task at a time, recomputed inner losses, the polynomial sine
    core-sin  the same with jnp.sin, to tell the two changes apart
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import optax

from learnit_core import losses, meta, metrics, models
from learnit_core.experiments import ct, image, views
from learnit_core.experiments.ct import bench as bench_ct
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.views import bench as bench_views

EXPERIMENTS = ["image", "ct", "views"]


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


def main() -> None:
    parser = argparse.ArgumentParser(prog="learnit_core.commands.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds; the medians are compared (default 3)")
    parser.add_argument("--size", type=int, help="side of pictures and slices [pixels] (default: the paper's)")
    parser.add_argument("--experiments", nargs="*", default=EXPERIMENTS, choices=EXPERIMENTS)
    parser.add_argument("--ct-steps", type=int, default=20, help="outer steps of ct in all (default 20)")
    arguments = parser.parse_args()
    settings = Settings.from_env()
    if "image" in arguments.experiments:
        run(settings, rounds=arguments.rounds, size=arguments.size or image.PROFILES["paper"].size)
    if "ct" in arguments.experiments:
        size = arguments.size or ct.PROFILES["paper"].size
        bench_ct.run(settings, rounds=arguments.rounds, steps=arguments.ct_steps, size=size)
    if "views" in arguments.experiments:
        bench_views.run(settings, rounds=arguments.rounds, size=arguments.size or views.PROFILES["paper"].size)


def run(settings: Settings, *, rounds: int, size: int) -> None:
    """The image experiment's part."""
    profile = replace(image.PROFILES["paper"], size=size)
    field, optimizer = image.field_for(profile, 1), optax.adam(profile.outer_rate)
    data = jax.random.uniform(jax.random.key(0), (8, profile.size, profile.size, 1))
    state = meta.init_state(field.init(jax.random.key(1)), optimizer)

    compiled = {}
    for name, make in (("plain", plain_meta_step), ("core", core_meta_step), ("core-sin", core_meta_step)):
        sine = jnp.sin if name == "core-sin" else models.sine
        with mock.patch.object(models, "sine", sine):
            began = time.perf_counter()
            step = jax.jit(make(profile, field, optimizer)).lower(state, data, jax.random.key(2)).compile()
        memory = step.memory_analysis().temp_size_in_bytes
        compiled[name] = step
        took = time.perf_counter() - began
        print(f"{name:9} compiled in {took:5.1f} s, temporaries {memory / 2**30:.2f} GiB", flush=True)

    seconds: dict[str, list[float]] = {name: [] for name in compiled}
    outcomes = {name: jax.block_until_ready(step(state, data, jax.random.key(2))) for name, step in compiled.items()}
    for _ in range(settings.cap(rounds)):
        for name, step in compiled.items():
            began = time.perf_counter()
            jax.block_until_ready(step(state, data, jax.random.key(2)))
            seconds[name].append(time.perf_counter() - began)
    plain = np.median(seconds["plain"])
    report = {
        "shape": [profile.maml_batch, profile.size, profile.size, 1],
        "device": metrics.device(),
        "versions": metrics.versions(),
        "rounds": len(seconds["plain"]),
        "ways": {},
    }
    for name, step in compiled.items():
        ratio = np.median(np.asarray(seconds["plain"]) / np.asarray(seconds[name]))
        report["ways"][name] = {
            "median_seconds": round(float(np.median(seconds[name])), 3),
            "times_as_fast": round(float(ratio), 2),
            "temporaries_bytes": step.memory_analysis().temp_size_in_bytes,
            "loss": float(outcomes[name][1]),
        }
        print(
            f"{name:9} {np.median(seconds[name]):6.2f} s a step, {ratio:4.2f} times as fast as plain "
            f"({plain:.2f} s); loss {float(outcomes[name][1]):.6f}"
        )
    file = settings.out / "bench" / "image.json"
    metrics.write_json(file, report)
    print(f"wrote {file}\n{json.dumps(report['ways'])}")


if __name__ == "__main__":
    main()
