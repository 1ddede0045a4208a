"""The CT part of ``make bench``: Reptile outer steps at the paper's shapes, and what the whole training would take.

256 x 256 pixels, 20 projections, twelve inner steps, 5 x 256 on 256 Fourier frequencies; two ways in turns in one run:

    core   as :mod:`learnit_core.training` runs it: features of the grid computed once, nothing kept or recomputed
    plain  features computed in every inner step, and inner losses wrapped in ``jax.checkpoint`` as MAML needs them
"""

import json
import math
import time
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from learnit_core import losses, meta, metrics
from learnit_core.experiments import ct, runs
from learnit_core.experiments.settings import Settings
from learnit_core.models import pixel_grid


def run(settings: Settings, *, rounds: int, steps: int, size: int) -> dict[str, Any]:
    """Time ``rounds`` steps of each way in turns, then the core's up to ``steps``; prints and writes a report."""
    profile = replace(ct.PROFILES["paper"], size=size, counts=(4, 0, 0))
    field, optimizer = ct.field_for(profile), runs.outer_optimizer(profile)
    # Without ``fix`` a field computes everything anew whenever it is applied.
    plainly = losses.ct_loss(replace(field, fix=None), pixel_grid(size, size))
    ways = {
        "core": ct.meta_grad_for(profile, field),
        "plain": meta.reptile(plainly, meta.adapt_with(plainly, optax.sgd(profile.inner_rate), profile.inner_steps)),
    }
    data = jnp.asarray(ct.load_signals(profile, "phantoms").train)
    state, key = meta.init_state(field.init(jax.random.key(1)), optimizer), jax.random.key(2)
    compiled = {}
    for name, meta_grad in ways.items():

        @jax.jit
        def advance(state, data, key, meta_grad=meta_grad):
            return meta.meta_steps(meta_grad, ct.sampler(profile), data, state, key, optimizer=optimizer, num_steps=1)

        compiled[name] = advance.lower(state, data, key).compile()
    states, seconds = dict.fromkeys(ways, state), {name: [] for name in ways}
    losses_by_step = []
    for step in range(settings.cap(max(rounds, steps))):
        for name in ways if step < settings.cap(rounds) else ("core",):
            began = time.perf_counter()
            states[name], values = jax.block_until_ready(compiled[name](states[name], data, key))
            seconds[name].append(time.perf_counter() - began)
            if name == "core":
                losses_by_step.append(float(values[0]))
    core, plain = (np.asarray(seconds[name]) for name in ("core", "plain"))
    days = float(np.median(core)) * ct.PROFILES["paper"].num_steps / 86400
    report = {
        "shape": [profile.batch, size, size, profile.num_views],
        "device": metrics.device(),
        "versions": metrics.versions(),
        "outer_steps": len(core),
        "losses": losses_by_step,
        "median_seconds": {name: round(float(np.median(s)), 3) for name, s in seconds.items()},
        "times_as_fast": round(float(np.median(plain / core[: len(plain)])), 2),
        "temporaries_bytes": {name: c.memory_analysis().temp_size_in_bytes for name, c in compiled.items()},
        "peak_memory_bytes": metrics.peak_memory_bytes(),
        "projected_days_of_the_paper": round(days, 1),
    }
    file = settings.out / "bench" / "ct.json"
    metrics.write_json(file, report)
    print(
        f"ct: {len(core)} outer steps, {np.median(core):.2f} s each, {report['times_as_fast']:.2f} times as fast as "
        f"plain ({np.median(plain):.2f} s), loss {losses_by_step[0]:.5f} to {losses_by_step[-1]:.5f}"
    )
    peak = report["peak_memory_bytes"] or math.nan
    print(f"peak memory {peak / 1e9:.1f} GB; the paper's 100,000 steps take {days:.1f} days")
    print(f"wrote {file}\n{json.dumps(report['median_seconds'])}")
    return report
