"""Gradient descent on one signal: the inner loop of meta-learning and the fit at test time are the same loop."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float

from learnit_core.errors import LearnitError
from learnit_core.structures import Batch, LossFn, Params, PRNGKey


class Fit(NamedTuple):
    """Parameters after the last step, the loss *before* each step, and the probe's values *after* each step."""

    params: Params
    losses: Float[Array, " steps"]
    probes: Any


def fit(
    loss: LossFn,
    params: Params,
    batch: Batch,
    key: PRNGKey,
    *,
    optimizer: optax.GradientTransformation,
    num_steps: int,
    probe: Callable[[Params], Any] | None = None,
    probe_every: int = 1,
) -> Fit:
    """Fit ``params`` to ``batch`` by ``num_steps`` steps of ``optimizer``.

    ``probe(params)`` is evaluated after every step, or after every ``probe_every`` of them, and stacked along a leading
    axis [steps / probe_every, ...]; without a probe ``probes`` is None. Step ``i`` draws with ``fold_in(key, i)``, so
    the first steps of a longer fit equal those of a shorter one.
    """
    if num_steps % probe_every:
        raise LearnitError(f"found {num_steps} steps and a probe every {probe_every}: expected a multiple")

    def step(carry, i):
        params, opt_state = carry
        value, grads = jax.value_and_grad(loss)(params, batch, jax.random.fold_in(key, i))
        updates, opt_state = optimizer.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        return (params, opt_state), (value, probe(params) if probe and probe_every == 1 else None)

    def block(carry, indices):
        carry, (values, _) = jax.lax.scan(step, carry, indices)
        return carry, (values, probe(carry[0]))

    start, indices = (params, optimizer.init(params)), jnp.arange(num_steps)
    if probe is None or probe_every == 1:
        (params, _), (losses, probes) = jax.lax.scan(step, start, indices)
    else:
        (params, _), (losses, probes) = jax.lax.scan(block, start, indices.reshape(-1, probe_every))
    return Fit(params, losses.ravel(), probes)
