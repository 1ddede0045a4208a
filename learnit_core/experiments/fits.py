"""The fit at test time, of many signals from one initialisation: for tables, tuning, reconstructions and explorers.

One program is compiled for a field, an optimiser and a longest fit; the rate and the number of steps are arguments of
it, so that a table whose rows differ in these waits for the compiler once.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.fit import step_of
from learnit_core.structures import Field, LossFn, Params, PRNGKey, Task, rows

Draws = Sequence[Params]
"""Parameters of one initialisation; several draws where a single one would be luck."""

Measures = Callable[[Field, Task], tuple[LossFn, Callable[[Params, Any], Any]]]
"""``measures(field, tasks)``: what a fit descends, ``loss(params, support, key)``, and what is looked at on its way,
``score(params, query)``, mostly a PSNR [dB]. Compared by value (a function of a module, a tuple): it is a static
argument of what is compiled."""


KEYED = "what a step draws is each signal's own"
"""Part of what kept numbers belong to, wherever fits draw random numbers: earlier ones shared one key."""


class Fitted(NamedTuple):
    """Fits of several signals: scores [signals, points, ...] along the way, and weights with an axis of signals."""

    curves: np.ndarray
    params: Params


def fit_all(
    measures: Measures,
    field: Field,
    draws: Draws,
    tasks: Task,
    setting: Setting,
    num_steps: int,
    *,
    most: int | None = None,
    every: int = 1,
    key: PRNGKey | None = None,
) -> Fitted:
    """Fit each of ``tasks`` (a leading axis of signals) by ``num_steps`` steps, and score it on the way.

    Scores are those after 0, ``every``, 2 ``every``, … steps and after the last. Of several draws the signals get one
    each in turn, so that a table of many signals averages over them. ``most`` is the longest fit that the program is
    compiled for (default: this one).

    What a step draws (rays, pixels) is each signal's own, by its position in ``tasks``, so that an interval over these
    signals covers it; it is the same for all initialisations, settings and lengths. With a ``key`` all signals draw by
    that one.
    """
    most = num_steps if most is None else most
    if not 0 <= num_steps <= most:
        raise LearnitError(f"found {num_steps} steps: expected 0 to {most}")
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *draws)
    count = len(jax.tree.leaves(tasks)[0])
    turns, keys = np.arange(count) % len(draws), _keys(count) if key is None else jnp.repeat(key[None], count)
    curves, params = _fit_all(
        measures, field, stacked, turns, setting.learning_rate, num_steps, tasks, keys, setting.optimizer, most, every
    )
    points = -(-num_steps // every) + 1
    return Fitted(jax.tree.map(lambda leaf: np.asarray(leaf)[:, :points], curves), params)


def mean_curves(
    measures: Measures, field: Field, draws: Draws, tasks: Task, setting: Setting, num_steps: int, **control
):
    """Scores as of :func:`fit_all`, but every signal is fitted from every draw, and its scores are averaged."""
    return np.mean(
        [fit_all(measures, field, [draw], tasks, setting, num_steps, **control).curves for draw in draws], axis=0
    )


def _keys(count: int) -> Array:
    """A key for each signal. Their root is no seed's own key: ``split(key)[i]`` may equal ``fold_in(key, i)``, and then
    a fit would draw by the keys that made the weights it begins with."""
    root = jax.random.fold_in(jax.random.key(0), 2**31 - 2)
    return jax.vmap(functools.partial(jax.random.fold_in, root))(jnp.arange(count))


@functools.partial(jax.jit, static_argnames=("measures", "field", "optimizer", "most", "every"))
def _fit_all(measures, field, draws, turns, rate, num_steps, tasks, keys, optimizer, most, every):
    (loss, score), build = measures(field, tasks), Setting(optimizer, rate).build()

    def one(turn_key_and_task):
        turn, key, task = turn_key_and_task
        start = rows(draws, turn)
        descend = step_of(loss, task.support, key, build)
        nothing = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(score, start, task.query))

        def block(carry, k):
            # Beyond the last step nothing is computed: the loop has no turns, and the score is left out.
            begin = k * every
            live = begin < num_steps + every
            seen = jax.lax.cond(live, lambda params: score(params, task.query), lambda _: nothing, carry[0])
            end = jnp.minimum(begin + every, num_steps)
            return jax.lax.fori_loop(begin, end, lambda i, carry: descend(carry, i)[0], carry), seen

        (params, _), seen = jax.lax.scan(block, (start, build.init(start)), jnp.arange(-(-most // every) + 1))
        return seen, params

    return jax.lax.map(one, (turns, keys, tasks))
