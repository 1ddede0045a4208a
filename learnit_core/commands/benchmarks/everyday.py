"""One experiment in the size of its notebook (profile `quick`): what a person waits for.

Beside each way of the package stands one written plainly: an outer step with its tasks under ``vmap``, a fit as a
Python loop over one compiled step, and the library's sine in all of them.
"""

import functools
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import optax

from learnit_core import meta, models, weights
from learnit_core.experiments import precision, runs, timing
from learnit_core.experiments.experiment import Experiment
from learnit_core.experiments.settings import Settings
from learnit_core.fit import fit, step_of
from learnit_core.structures import Views, rows

FIT_STEPS, ROUNDS, SIGNALS = 16, 9, 4
"""Steps of a fit; turns of which the medians are taken; signals that are made, of which there need not be many."""


def run(experiment: Experiment, settings: Settings) -> dict[str, Any]:
    """Time it all; the record."""
    profile = experiment.profiles["quick"].for_class(experiment.classes[0])
    fewer = profile.capped(replace(settings, max_steps=SIGNALS))
    few = {one.name for one in fields(profile)} & {"counts", "count"}
    profile = replace(profile, **{name: getattr(fewer, name) for name in few}).capped(settings)
    splits = experiment.load_signals(profile, experiment.classes[0])
    field, optimizer = experiment.field_for(profile, splits), runs.outer_optimizer(profile)
    key, steps = jax.random.key(0), settings.cap(FIT_STEPS)
    params, other = (field.init(one) for one in jax.random.split(key))
    tasks = experiment.tasks(profile, splits.test, experiment.observations[0])
    measures = experiment.measures_for(profile)
    loss, score = measures(field, tasks)
    task = rows(tasks, 0)
    query = jax.tree.map(lambda leaf: leaf[:1], task.query) if isinstance(task.query, Views) else task.query
    algorithms = list(experiment.algorithms.values())
    algorithm = "maml" if "maml" in algorithms else algorithms[0]
    data = jax.tree.map(jnp.asarray, splits.train)
    state = meta.init_state(params, optimizer)
    descent = optax.sgd(1e-6)

    def outer(over_tasks):
        # A loss of its own: what is traced in jax.checkpoint is kept with the function, and with it the sine.
        grad = _meta_grad(experiment, profile, field, algorithm, measures(field, tasks)[0])

        def step(state, data, key):
            sampler = experiment.sampler(profile, algorithm)
            control = {"optimizer": optimizer, "num_steps": 1, "over_tasks": over_tasks}
            return meta.meta_steps(grad, sampler, data, state, key, **control)[0]

        return step

    def inner(params, i):
        loss = measures(field, tasks)[0]
        return step_of(loss, task.support, key, descent)((params, descent.init(params)), i)[0][0]

    def whole_fit(params):
        return fit(loss, params, task.support, key, optimizer=descent, num_steps=steps).params

    def frame(params, other, t):
        return score(weights.lerp(params, other, t), query)

    # Each way is compiled at once, with the sine that it is to have.
    core, seconds = timing.compiled(outer("map"), state, data, key)
    with mock.patch.multiple(models, sine=jnp.sin, cosine=jnp.cos):
        plain, _ = timing.compiled(outer("vmap"), state, data, key)
        plain_inner, _ = timing.compiled(inner, params, 0)
        plain_score, _ = timing.compiled(lambda params: measures(field, tasks)[1](params, query), params)
    whole, _ = timing.compiled(whole_fit, params)
    draw, _ = timing.compiled(lambda params: score(params, query), params)
    mixed, _ = timing.compiled(frame, params, other, jnp.float32(0.3))

    def one_after_the_other():
        return functools.reduce(plain_inner, range(steps), params)

    rounds, found = settings.cap(ROUNDS), {}
    work = precision.operations(outer("map"), state, data, key)
    for what, ways in {
        "step": {
            "core": lambda: core(state, data, key),
            "plain": lambda: plain(state, data, key),
        },
        "fit": {"core": lambda: whole(params), "plain": one_after_the_other},
        "drawing": {"core": lambda: draw(params), "plain": lambda: plain_score(params)},
        "frame": {"plain": lambda: np.asarray(mixed(params, other, jnp.float32(0.3)))},
    }.items():
        for way in ways.values():
            jax.block_until_ready(way())
        taken = timing.in_turns(ways, rounds, matrix=what == "step")
        if what == "step":
            limit = timing.share(work, taken["core"], taken.pop("matrix"))
        found[what] = timing.compared(taken)
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    print(f"{experiment.name}: outer step {found['step']['core']['median_seconds']:.4f} s, compiled in {seconds:.1f} s")
    about = {"profile": profile.name, "algorithm": algorithm, "fit_steps": steps, "parameters": size}
    return {**about, "compile_seconds": timing.short(seconds), **found, "limit": limit}


def _meta_grad(experiment: Experiment, profile: Any, field: Any, algorithm: str, loss: Callable) -> Callable:
    if experiment.paper:
        return experiment.paper.meta_grad(profile.for_algorithm(algorithm), field, algorithm)
    inner = optax.sgd(profile.inner_rate)
    return getattr(meta, algorithm)(loss, meta.adapt_with(loss, inner, profile.inner_steps))
