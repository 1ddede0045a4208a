"""Reptile outer steps of computed tomography at the paper's shapes, and what the whole training would take.

256 x 256 pixels, 20 projections, twelve inner steps, 5 x 256 on 256 Fourier frequencies:

plain  features computed in every inner step, and inner losses wrapped in ``jax.checkpoint`` as MAML needs them
core   as :mod:`learnit_core.training` runs it: features of the grid computed once, nothing kept or recomputed
"""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from learnit_core import losses, meta
from learnit_core.experiments import ct, runs, timing
from learnit_core.experiments.settings import Settings
from learnit_core.models import pixel_grid

STEPS = 20
"""Outer steps of the core in all, so that its losses can be looked at."""


def run(settings: Settings, *, rounds: int, size: int | None = None) -> dict[str, Any]:
    """Time ``rounds`` steps of each way in turns, then the core's up to 20; prints and writes a report."""
    paper = ct.PROFILES["paper"]
    profile = replace(paper, size=size or paper.size, counts=(4, 0, 0))
    field, optimizer = ct.field_for(profile), runs.outer_optimizer(profile)
    # Without ``fix`` a field computes everything anew whenever it is applied.
    plainly = losses.ct_loss(replace(field, fix=None), pixel_grid(profile.size, profile.size))
    ways = {
        "core": ct.meta_grad_for(profile, field),
        "plain": meta.reptile(plainly, meta.adapt_with(plainly, optax.sgd(profile.inner_rate), profile.inner_steps)),
    }
    data, key = jnp.asarray(ct.load_signals(profile, "phantoms").train), jax.random.key(2)
    states = dict.fromkeys(ways, meta.init_state(field.init(jax.random.key(1)), optimizer))
    compiled, memory, found = {}, {}, []

    def advance(name):
        states[name], values = compiled[name](states[name], data, key)
        if name == "core":
            found.append(values)
        return states[name], values

    for name, meta_grad in ways.items():

        @jax.jit
        def step(state, data, key, meta_grad=meta_grad):
            return meta.meta_steps(meta_grad, ct.sampler(profile), data, state, key, optimizer=optimizer, num_steps=1)

        compiled[name] = step.lower(states[name], data, key).compile()
        memory[name] = compiled[name].memory_analysis().temp_size_in_bytes
    turns = settings.cap(rounds)
    seconds = timing.in_turns({name: partial(advance, name) for name in ways}, turns)
    more = timing.in_turns({"core": partial(advance, "core")}, settings.cap(max(rounds, STEPS)) - turns)
    seconds["core"] = np.concatenate([seconds["core"], more["core"]])
    report = timing.compared(seconds)
    for name, way in report.items():
        way["temporaries_bytes"] = memory[name]
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
    return timing.write(
        settings,
        "ct",
        {
            "shape": [profile.batch, profile.size, profile.size, profile.num_views],
            "rounds": turns,
            "ways": report,
            "losses": losses_by_step,
            **whole,
        },
    )
