"""Learning to initialise: adapters, meta-gradients, and the outer loop that joins them.

An algorithm is *adapter × meta-gradient × outer optimiser*. The adapter turns an initialisation into weights for
one task; the meta-gradient says how to change the initialisation so that the adapted weights get better.

======== ================================== ========================================================
MAML     exact gradient through the adapter Finn et al. 2017, equation 1
FOMAML   query gradient at adapted weights  the same with second derivatives dropped
Reptile  ``params - adapted``               Nichol et al. 2018; fed to Adam, as the paper's authors do
======== ================================== ========================================================

Nothing here knows what a signal or a network is: tasks are pytrees, the loss is a function of them.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int

from learnit_core import sharding
from learnit_core.fit import fit
from learnit_core.structures import Batch, LossFn, Params, PRNGKey, Rated, Task

Adapt = Callable[[Params, Batch, PRNGKey], Params]
MetaGrad = Callable[[Params, Task, PRNGKey], tuple[Array, Params]]


class MetaState(NamedTuple):
    """All that meta-training carries from one outer step to the next."""

    params: Params
    opt_state: optax.OptState
    step: Int[Array, ""]


def adapt_with(loss: LossFn, optimizer: optax.GradientTransformation, num_steps: int, *, remat: bool = True) -> Adapt:
    """Adapt by ``num_steps`` of ``optimizer`` on the support set.

    ``remat`` recomputes the forward pass of each inner step when an outer gradient runs back through it: the same
    numbers from far less memory, for about a third more work. It changes nothing where no gradient runs through.

    Adam in here needs an ``eps_root`` for :func:`maml`, as in ``optax.adam(rate, eps_root=1e-8)``: of a weight without
    a gradient (of a ReLU that is off) it takes the root of 0, which has no derivative, and meta-gradients are nan.
    """
    inner = jax.checkpoint(loss) if remat else loss

    def adapt(params, support, key):
        return fit(inner, params, support, key, optimizer=optimizer, num_steps=num_steps).params

    return adapt


def adapt_with_rates(loss: LossFn, num_steps: int, *, remat: bool = True) -> Adapt:
    """Meta-SGD (Li et al. 2017): gradient steps with one learned rate per weight.

    The adapter takes :class:`Rated` and returns plain weights, so it goes with :func:`maml` only: the other two
    compare weights with weights and cannot tell how a rate should change.
    """
    inner = jax.checkpoint(loss) if remat else loss

    def adapt(rated: Rated, support, key):
        def step(params, i):
            grads = jax.grad(inner)(params, support, jax.random.fold_in(key, i))
            return jax.tree.map(lambda p, r, g: p - r * g, params, rated.rates, grads), None

        return jax.lax.scan(step, rated.params, jnp.arange(num_steps))[0]

    return adapt


def in_turn(first: Adapt, then: Adapt) -> Adapt:
    """One adapter after the other, as steps on a part of the samples and a last one on all, which corrects them."""

    def adapt(params, support, key):
        keys = jax.random.split(key)
        return then(first(params, support, keys[0]), support, keys[1])

    return adapt


def maml(loss: LossFn, adapt: Adapt) -> MetaGrad:
    """Model-agnostic meta-learning: the exact gradient of the query loss after adaptation."""

    def meta_grad(params, task, key):
        adapt_key, query_key = jax.random.split(key)
        return jax.value_and_grad(lambda p: loss(adapt(p, task.support, adapt_key), task.query, query_key))(params)

    return meta_grad


def fomaml(loss: LossFn, adapt: Adapt) -> MetaGrad:
    """First-order MAML: the query gradient at the adapted weights, as if adaptation had the identity as Jacobian."""

    def meta_grad(params, task, key):
        adapt_key, query_key = jax.random.split(key)
        adapted = adapt(params, task.support, adapt_key)
        return jax.value_and_grad(loss)(adapted, task.query, query_key)

    return meta_grad


def reptile(loss: LossFn, adapt: Adapt) -> MetaGrad:
    """Reptile: the way from the adapted weights back to the initialisation. Needs no derivative of its own."""

    def meta_grad(params, task, key):
        adapt_key, query_key = jax.random.split(key)
        adapted = adapt(params, task.support, adapt_key)
        return loss(adapted, task.query, query_key), jax.tree.map(jnp.subtract, params, adapted)

    return meta_grad


def init_state(params: Params, optimizer: optax.GradientTransformation) -> MetaState:
    """State before the first outer step."""
    return MetaState(params, optimizer.init(params), jnp.zeros((), jnp.int32))


def step_keys(key: PRNGKey, step: Int[Array, ""]) -> tuple[PRNGKey, PRNGKey]:
    """The two keys of an outer step: the one its tasks are sampled with, and the one they are adapted with."""
    sample_key, task_key = jax.random.split(jax.random.fold_in(key, step))
    return sample_key, task_key


def meta_steps(
    meta_grad: MetaGrad,
    sample_tasks: Callable[[PRNGKey, Batch], Task],
    data: Batch,
    state: MetaState,
    key: PRNGKey,
    *,
    optimizer: optax.GradientTransformation,
    num_steps: int,
    over_tasks: Literal["map", "vmap"] = "map",
) -> tuple[MetaState, Float[Array, " num_steps"]]:
    """Run ``num_steps`` outer steps: sample tasks, average their meta-gradients, update.

    ``sample_tasks(key, data)`` returns a task whose leaves have a leading task axis. ``"map"`` visits the tasks one
    by one in the memory of one; ``"vmap"`` all at once. Within a ``jax.shard_map`` along the axis "tasks", as
    :func:`learnit_core.training.train` makes it, each device visits its own, and meta-gradients are averaged over them.
    Returns the new state and the mean query loss of each step.
    Every random number comes from ``fold_in(key, state.step)``: 100 steps equal 50 and then 50, bit for bit.
    """

    def per_task(params, tasks, keys):
        if over_tasks == "vmap":
            return jax.vmap(meta_grad, in_axes=(None, 0, 0))(params, tasks, keys)
        return jax.lax.map(lambda task_key: meta_grad(params, *task_key), (tasks, keys))

    def step(state, _):
        sample_key, task_key = step_keys(key, state.step)
        tasks = sample_tasks(sample_key, data)
        num_tasks = len(jax.tree.leaves(tasks)[0])
        own = sharding.own((tasks, jax.random.split(task_key, num_tasks)), sharding.TASKS)
        losses, grads = per_task(state.params, *own)
        grads = sharding.mean(jax.tree.map(lambda g: jnp.mean(g, axis=0), grads), sharding.TASKS)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        state = MetaState(optax.apply_updates(state.params, updates), opt_state, state.step + 1)
        return state, sharding.mean(jnp.mean(losses), sharding.TASKS)

    return jax.lax.scan(step, state, length=num_steps)
