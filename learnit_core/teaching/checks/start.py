"""Checks of notebook 00: the inner loop, first-order MAML, Reptile, support and query."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from learnit_core import models
from learnit_core.fit import fit
from learnit_core.teaching.checks import inputs, predictions
from learnit_core.teaching.checks.judge import Verdict, Wrong, arrays, judge, something
from learnit_core.teaching.checks.predictions import Choice, Numbers


def _descended(c, **changes):
    c = type(c)(**(vars(c) | changes))
    return inputs.descended(lambda p: c.loss(p, c.x, c.y), c.params, c.rate, c.steps)


def inner_loop(my_inner: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 1: ``my_inner(loss, params, x, y, rate, steps)`` is gradient descent of any loss."""

    def draw(rng, k):
        params, (x, y) = inputs.layers(rng, (2, 3 + k, 1)), inputs.samples(rng, 5 + k)
        return inputs.loss_of(rng), params, x, y, float(rng.uniform(0.1, 0.4)), int(rng.integers(2, 7))

    def truth(loss, params, x, y, rate, steps):
        return inputs.descended(lambda p: loss(p, x, y), params, rate, steps)

    mistakes = {
        "Your weights did not move: does the loop keep what a step gives?": lambda c: c.params,
        "Your function gives the gradient itself: expected the weights after the steps.": lambda c: jax.grad(c.loss)(
            c.params, c.x, c.y
        ),
        "You go uphill: a step of descent subtracts `rate` times the gradient.": lambda c: _descended(c, rate=-c.rate),
        "Your gradient is always taken at the start: from the second step on, take it where the steps have led.": (
            lambda c: _descended(c, rate=c.rate * c.steps, steps=1)
        ),
        "You make one step only: is `return` inside the loop?": lambda c: _descended(c, steps=1),
        "You make one step too few.": lambda c: _descended(c, steps=c.steps - 1),
        "You make one step too many.": lambda c: _descended(c, steps=c.steps + 1),
    }

    def outcome():
        loss, params, x, y, rate, _ = draw(np.random.default_rng(0), 0)
        apart = {}
        for steps in (1, 2):
            once, twice = (inputs.minus(truth(loss, params, x, y, r, steps), params) for r in (rate, 2 * rate))
            double = jax.tree.map(lambda leaf: 2 * leaf, once)
            apart[steps] = inputs.length(inputs.minus(twice, double)) / inputs.length(double)
        exact = tuple(steps for steps in apart if apart[steps] < 1e-4)
        found = {(1, 2): "both", (1,): "one step", (2,): "two steps", (): "neither"}[exact]
        return found, f"After two steps, twice the rate missed twice the way by {apart[2]:.0%} of it."

    return judge(
        my_inner,
        truth,
        draw,
        mistakes,
        hint="Each step takes the gradient where the last one ended, and subtracts `rate` times it.",
        ask=Choice(("one step", "two steps", "both", "neither")),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
        sizes=2,
    )


def _with_gradient(function: Callable) -> Callable:
    """A loss of weights together with its gradient, so that both are compared."""

    @functools.wraps(function)
    def both(loss, params, x, y, rate):
        value = function(loss, params, x, y, rate)
        something(value)
        if (found := arrays(value, 0.0)) is None or found[0].shape:
            raise Wrong("Your answer is not one number: expected the loss after the step.")
        return {"value": value, "gradient": jax.grad(function, argnums=1)(loss, params, x, y, rate)}

    return both


def first_order(my_after: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 2: ``my_after(loss, params, x, y, rate)``, whose gradient by ``params`` is that of first-order MAML."""
    stop = jax.lax.stop_gradient

    def draw(rng, k):
        params, (x, y) = inputs.layers(rng, (2, 3 + k, 1)), inputs.samples(rng, 5 + k)
        return inputs.loss_of(rng), params, x, y, float(rng.uniform(0.2, 0.5))

    def after(c, *, start=lambda p: p, grads=lambda g: g, sign=-1):
        """Value and gradient of the loss after a step, with something done to the start and to the gradients."""

        def function(loss, params, x, y, rate):
            step = jax.tree.map(lambda p, g: start(p) + sign * rate * grads(g), params, jax.grad(loss)(params, x, y))
            return loss(step, x, y)

        return _with_gradient(function)(c.loss, c.params, c.x, c.y, c.rate)

    @_with_gradient
    def truth(loss, params, x, y, rate):
        grads = stop(jax.grad(loss)(params, x, y))
        return loss(jax.tree.map(lambda p, g: p - rate * g, params, grads), x, y)

    mistakes = {
        "The value is right, and the gradient is MAML's exact one, with the second derivative: where is `stop_gradient`?": (
            lambda c: after(c)
        ),
        "The value is right, but its gradient is zero: `stop_gradient` belongs around the inner gradient only.": (
            lambda c: after(c, start=stop, grads=stop)
        ),
        "You have stopped the start and not the inner gradient: that keeps the other part of MAML's gradient.": (
            lambda c: after(c, start=stop)
        ),
        "This is the loss before the step: evaluate it at the adapted weights.": lambda c: after(c, sign=0),
        "You go uphill: a step of descent subtracts `rate` times the gradient.": lambda c: after(c, grads=stop, sign=1),
    }

    def outcome():
        loss, params, x, y, rate = draw(np.random.default_rng(0), 0)

        def adapted(p):
            return jax.tree.map(lambda leaf, g: leaf - rate * g, p, stop(jax.grad(loss)(p, x, y)))

        way = inputs.layers(np.random.default_rng(1), (2, 3, 1))
        _, moved = jax.jvp(adapted, (params,), (way,))
        identity = inputs.length(inputs.minus(moved, way)) < 1e-5 * inputs.length(way)
        return ("the identity" if identity else "zero"), "Move the start, and the adapted weights move with it."

    student = _with_gradient(my_after) if callable(my_after) else my_after
    return judge(
        student,
        truth,
        draw,
        mistakes,
        hint="Take the inner gradient, stop it, make the step with it, and give the loss at the adapted weights.",
        ask=Choice(("zero", "the identity", "the second derivative of the loss")),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
        sizes=2,
    )


def reptile_step(my_reptile_step: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 3: ``my_reptile_step(params, ends, share)`` moves a start towards the mean of where fits ended."""

    def draw(rng, k):
        params = inputs.layers(rng, (2 + k, 3, 2))
        ends = [inputs.layers(rng, (2 + k, 3, 2)) for _ in range(3 + k)]
        return params, jax.tree.map(lambda *leaves: jnp.stack(leaves), *ends), float(rng.uniform(0.15, 0.4))

    def mapped(function):
        return lambda c: jax.tree.map(lambda p, e: function(p, e, c.share), c.params, c.ends)

    def truth(params, ends, share):
        return jax.tree.map(lambda p, e: p + share * (e.mean(axis=0) - p), params, ends)

    mistakes = {
        "Your start flees from the ends: mind the sign.": mapped(lambda p, e, s: p - s * (e.mean(axis=0) - p)),
        "You take the sum of the ends: expected their mean.": mapped(lambda p, e, s: p + s * (e.sum(axis=0) - p)),
        "This is only the way: add it to the start.": mapped(lambda p, e, s: s * (e.mean(axis=0) - p)),
        "You look at the first signal only: take the mean over all of them.": mapped(
            lambda p, e, s: p + s * (e[0] - p)
        ),
        "Your mean goes over the whole array: it should go over the first axis, the signals.": mapped(
            lambda p, e, s: p + s * (e.mean() - p)
        ),
        "The shares are the other way round: a small share stays near the start.": mapped(
            lambda p, e, s: s * p + (1 - s) * e.mean(axis=0)
        ),
        "You add a share of the ends: it should be a share of the difference between them and the start.": mapped(
            lambda p, e, s: p + s * e.mean(axis=0)
        ),
    }

    def outcome():
        params, ends, _ = draw(np.random.default_rng(0), 0)
        one = jax.tree.map(lambda leaf: leaf[:1], ends)
        there = inputs.minus(truth(params, one, 1.0), jax.tree.map(lambda leaf: leaf[0], one))
        return (
            "to the end of the inner loop" if inputs.length(there) < 1e-5 else "beyond it"
        ), "The share 1 is the whole way."

    return judge(
        my_reptile_step,
        truth,
        draw,
        mistakes,
        hint="Start plus share times (mean of the ends over signals minus start), for every array.",
        ask=Choice(("back to the start", "to the end of the inner loop", "beyond it")),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
        sizes=2,
    )


def support_and_query(my_outer: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 4: ``my_outer(loss, inner, params, support, query)`` fits to the support and judges on the query."""

    def draw(rng, k):
        loss, rate, steps = inputs.loss_of(rng), float(rng.uniform(0.1, 0.4)), int(rng.integers(1, 4))

        def inner(params, x, y):
            return inputs.descended(lambda p: loss(p, x, y), params, rate, steps)

        return loss, inner, inputs.layers(rng, (2, 3, 1)), inputs.samples(rng, 6 + k), inputs.samples(rng, 5 + k)

    def truth(loss, inner, params, support, query):
        return loss(inner(params, *support), *query)

    mistakes = {
        "Support and query are the other way round: fit to the support, judge on the query.": lambda c: c.loss(
            c.inner(c.params, *c.query), *c.support
        ),
        "It is judged on the support, where it was fitted: judge on the query.": lambda c: c.loss(
            c.inner(c.params, *c.support), *c.support
        ),
        "It is fitted to the query: the inner loop may see the support only.": lambda c: c.loss(
            c.inner(c.params, *c.query), *c.query
        ),
        "This is the loss without the fit: call `inner` first.": lambda c: c.loss(c.params, *c.query),
        "These are the fitted weights: give their loss on the query.": lambda c: c.inner(c.params, *c.support),
    }

    return judge(
        my_outer,
        truth,
        draw,
        mistakes,
        hint="First `inner` with the support, then `loss` of what it gives with the query.",
        ask=Choice(("at the support", "at the query", "no difference")),
        prediction=prediction,
        outcome=_where_it_is_good,
        seed=seed,
        sizes=2,
    )


@functools.cache
def _where_it_is_good():
    """A network fitted to every second sample of a noisy wave: where its error is smaller, and both errors."""
    rng = np.random.default_rng(0)
    x = jnp.arange(64)[:, None] / 64
    y = jnp.asarray(0.5 + 0.3 * np.sin(6 * np.pi * x) + rng.normal(0, 0.1, x.shape), jnp.float32)
    field = models.siren(1, 1, width=64, depth=3, w0=30.0)

    def loss(params, batch, key):
        return jnp.mean((field.apply(params, batch[0]) - batch[1]) ** 2)

    start = field.init(jax.random.key(0))
    fitted = jax.jit(
        lambda p: fit(loss, p, (x[::2], y[::2]), jax.random.key(0), optimizer=optax.adam(1e-3), num_steps=300)
    )
    params = fitted(start).params
    seen, unseen = (float(jnp.sqrt(loss(params, (x[i::2], y[i::2]), None))) for i in (0, 1))
    found = (
        "no difference" if abs(seen - unseen) < 0.1 * unseen else "at the support" if seen < unseen else "at the query"
    )
    return found, f"The error is {seen:.3f} at the support and {unseen:.3f} at the query."


def off_class(
    prediction: Any, frequencies: Sequence[int] | np.ndarray, random_db: Sequence[float], learned_db: Sequence[float]
) -> Verdict:
    """Exercise 5: from which of the frequencies on the learned start is no better; both rows are PSNRs [dB]."""
    if prediction != "never" and (sentence := predictions.missing(Numbers('a frequency, or "never"'), prediction)):
        return Verdict(False, sentence)
    better = np.asarray(learned_db) > np.asarray(random_db)
    last = int(np.flatnonzero(better).max(initial=-1)) + 1
    found = "never" if last == len(better) else int(np.asarray(frequencies)[last])
    lines = [
        f"  frequency {f:2}: random start {r:5.1f} dB, learned start {m:5.1f} dB"
        for f, r, m in zip(frequencies, random_db, learned_db, strict=True)
    ]
    true = "came true" if str(prediction) == str(found) else f"did not come true: it is {found}"
    return Verdict(True, f"Your prediction, {prediction}, {true}.\n" + "\n".join(lines))
