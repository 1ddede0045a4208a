"""The view-synthesis part of ``make bench``: an outer step at the paper's shapes, and a view of 64 x 64.

Two ways in turns in one run, so that a busy machine slows both alike:

    core    the inner loop in one compiled scan; a view in chunks of rays, all in one compiled loop; the polynomial sine
    plain   as the authors' notebook does: a Python loop over compiled inner steps; a view in strips of five rows, each
            a call of a compiled function; jnp.sin
"""

import json
import time
from dataclasses import replace
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import optax

from learnit_core import metrics, models
from learnit_core.experiments import views
from learnit_core.experiments.settings import Settings
from learnit_core.signals import objects
from learnit_core.volume import camera_rays, render_rays, render_view

VIEW, ROWS = 64, 5


def run(settings: Settings, *, rounds: int, size: int) -> dict[str, Any]:
    """Time ``rounds`` of each way in turns; prints and writes a report."""
    profile = replace(views.PROFILES["paper"], size=size, counts=(1, 0, 0))
    if settings.max_steps is not None:
        profile = replace(profile, inner_steps=settings.cap(profile.inner_steps), samples=8, width=16)
    field, loss = views.field_for(profile), views.loss_for(profile, views.field_for(profile))
    scene = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), objects.splits("chairs", size=size, counts=(1, 0, 0))[0])
    params, key = field.init(jax.random.key(0)), jax.random.key(1)
    task = views.Task(scene, scene)
    whole = jax.jit(views.meta_grad_for(profile, field))

    @jax.jit
    def inner(params, scene, key):
        grads = jax.grad(loss)(params, scene, key)
        return optax.apply_updates(params, jax.tree.map(lambda g: -profile.inner_rate * g, grads))

    value = jax.jit(loss)

    def step_core():
        return whole(params, task, key)[1]

    def step_plain():
        fitted = params
        adapt_key, query_key = jax.random.split(key)  # the rays that `meta.reptile` draws
        for i in range(profile.inner_steps):
            fitted = inner(fitted, scene, jax.random.fold_in(adapt_key, i))
        value(fitted, scene, query_key)
        return jax.tree.map(jnp.subtract, params, fitted)

    camera, pose = objects.intrinsics(VIEW), objects.look_at(0.5, 0.3)
    look = dict(near=objects.NEAR, far=objects.FAR, num_samples=profile.samples)

    @jax.jit
    def view(params):
        return render_view(lambda p: field.apply(params, p), camera, pose, height=VIEW, width=VIEW, **look).rgb

    @jax.jit
    def strip(params, origins, directions):
        return render_rays(lambda p: field.apply(params, p), origins, directions, **look).rgb

    origins, directions = camera_rays(VIEW, VIEW, camera, pose)

    def view_plain():
        rows = range(0, VIEW, ROWS)
        return jnp.concatenate([strip(params, origins[i : i + ROWS], directions[i : i + ROWS]) for i in rows])

    ways = {
        ("step", "core"): step_core,
        ("step", "plain"): step_plain,
        ("view", "core"): lambda: view(params),
        ("view", "plain"): view_plain,
    }
    first = {}
    for name, way in ways.items():
        sine, cosine = (jnp.sin, jnp.cos) if "plain" in name else (models.sine, models.cosine)
        with mock.patch.multiple(models, sine=sine, cosine=cosine):  # the first call compiles
            first[name] = jax.block_until_ready(way())
    apart = {
        what: max(
            float(jnp.max(jnp.abs(a - b)))
            for a, b in zip(jax.tree.leaves(first[what, "core"]), jax.tree.leaves(first[what, "plain"]), strict=True)
        )
        for what in ("step", "view")
    }
    seconds: dict[tuple[str, str], list[float]] = {name: [] for name in ways}
    for _ in range(settings.cap(rounds)):
        for name, way in ways.items():
            began = time.perf_counter()
            jax.block_until_ready(way())
            seconds[name].append(time.perf_counter() - began)
    report: dict[str, Any] = {
        "shape": [profile.inner_steps, profile.rays, profile.samples],
        "device": metrics.device(),
        "versions": metrics.versions(),
        "rounds": settings.cap(rounds),
        "largest_difference": apart,
        "peak_memory_bytes": metrics.peak_memory_bytes(),
    }
    for what, label in {"step": "outer step", "view": f"view of {VIEW} x {VIEW}"}.items():
        core, plain = (np.asarray(seconds[what, way]) for way in ("core", "plain"))
        report[what] = {
            "median_seconds": {"core": round(float(np.median(core)), 3), "plain": round(float(np.median(plain)), 3)},
            "times_as_fast": round(float(np.median(plain / core)), 2),
        }
        print(
            f"views: {label} {np.median(core):.2f} s, {report[what]['times_as_fast']:.2f} times as fast as plain "
            f"({np.median(plain):.2f} s)"
        )
    file = settings.out / "bench" / "views.json"
    metrics.write_json(file, report)
    print(f"wrote {file}\n{json.dumps({name: report[name]['median_seconds'] for name in ('step', 'view')})}")
    return report
