"""The view-synthesis part of ``make bench``: an outer step at the paper's shapes, and a view of 64 x 64.

core    the inner loop in one compiled scan; a view in chunks of rays, all in one compiled loop; the polynomial sine
plain   as the authors' notebook does: a Python loop over compiled inner steps; a view in strips of five rows, each a
        call of a compiled function; jnp.sin
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import optax

from learnit_core import models
from learnit_core.experiments import precision, timing, views
from learnit_core.experiments.settings import Settings
from learnit_core.signals import objects
from learnit_core.structures import Field, Params, Task, rows
from learnit_core.volume import camera_rays, render_rays, render_view

VIEW, ROWS = 64, 5

BOUNDS = {"step": {"times_as_fast": 1.4}, "view": {"times_as_fast": 1.4}}
"""What is promised of the core at the paper's shapes."""


def steps(profile: views.Profile, field: Field, params: Params) -> dict[str, Callable]:
    """Both ways of an outer step."""
    loss, key = views.loss_for(profile, field), jax.random.key(1)
    scene = rows(objects.splits("chairs", size=profile.size, counts=(1, 0, 0))[0], 0)
    scene = jax.tree.map(jnp.asarray, scene)
    whole, value = jax.jit(views.meta_grad_for(profile, field)), jax.jit(loss)

    @jax.jit
    def inner(params, scene, key):
        grads = jax.grad(loss)(params, scene, key)
        return optax.apply_updates(params, jax.tree.map(lambda g: -profile.inner_rate * g, grads))

    def plain():
        fitted = params
        adapt_key, query_key = jax.random.split(key)  # the rays that `meta.reptile` draws
        for i in range(profile.inner_steps):
            fitted = inner(fitted, scene, jax.random.fold_in(adapt_key, i))
        value(fitted, scene, query_key)
        return jax.tree.map(jnp.subtract, params, fitted)

    return {"plain": plain, "core": lambda: whole(params, Task(scene, scene), key)[1]}


def renderings(profile: views.Profile, field: Field, params: Params) -> dict[str, Callable]:
    """Both ways of a view."""
    camera, pose = objects.intrinsics(VIEW), objects.look_at(0.5, 0.3)
    look = dict(near=objects.NEAR, far=objects.FAR, num_samples=profile.samples)
    origins, directions = camera_rays(VIEW, VIEW, camera, pose)

    @jax.jit
    def view(params):
        return render_view(lambda p: field.apply(params, p), camera, pose, height=VIEW, width=VIEW, **look).rgb

    @jax.jit
    def strip(params, origins, directions):
        return render_rays(lambda p: field.apply(params, p), origins, directions, **look).rgb

    def plain():
        strips = (slice(i, i + ROWS) for i in range(0, VIEW, ROWS))
        return jnp.concatenate([strip(params, origins[part], directions[part]) for part in strips])

    return {"plain": plain, "core": lambda: view(params)}


def run(settings: Settings, *, rounds: int, size: int | None = None) -> dict[str, Any]:
    """Time ``rounds`` of each way in turns; prints and returns a report."""
    profile = replace(views.PROFILES["paper"], size=size or views.PROFILES["paper"].size)
    if settings.max_steps is not None:
        profile = replace(profile, inner_steps=settings.cap(profile.inner_steps), samples=8, width=16)
    field = views.field_for(profile)
    params, found, apart = field.init(jax.random.key(0)), {}, {}
    limits = {}
    for what, make in {"step": steps, "view": renderings}.items():
        ways, first = make(profile, field, params), {}
        for name, way in ways.items():
            sine, cosine = (jnp.sin, jnp.cos) if name == "plain" else (models.sine, models.cosine)
            with mock.patch.multiple(models, sine=sine, cosine=cosine):  # the first call compiles
                first[name] = jax.block_until_ready(way())
        differences = jax.tree.map(lambda a, b: float(jnp.max(jnp.abs(a - b))), first["core"], first["plain"])
        apart[what] = max(jax.tree.leaves(differences))
        taken = timing.in_turns(ways, settings.cap(rounds), matrix=True)
        limits[what] = timing.share(precision.operations(ways["core"]), taken["core"], taken.pop("matrix"))
        found[what] = timing.compared(taken)
        for name, way in found[what].items():
            seconds, times = way["median_seconds"], way["times_as_fast"]
            print(f"views: {what}, {name:5} {seconds:6.2f} s, {times:.2f} times as fast as plain")
    shape = [profile.inner_steps, profile.rays, profile.samples]
    about = {"shape": shape, "rounds": settings.cap(rounds), "largest_difference": apart, "bounds": BOUNDS}
    about["limit"] = limits
    return {**about, **found}
