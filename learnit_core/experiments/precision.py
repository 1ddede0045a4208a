"""How fast a device multiplies matrices, what an outer step costs it, and the fastest precision that follows float32.

Weights, activations and sums stay float32. What is chosen is how the factors of matrix products are rounded: not at
all, to TF32 (10 bits of mantissa) or to bfloat16 (7 bits).
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.interpreters import partial_eval
from jaxtyping import Float

from learnit_core import meta
from learnit_core.experiments import runs
from learnit_core.experiments.experiment import Experiment, Profile

PRECISIONS = {"highest": "float32", "tensorfloat32": "TF32", "BF16_BF16_F32": "bfloat16"}
"""Names for ``jax.numpy.matmul`` and a field's ``spec``, and what they are."""

LOSS, WAY = 0.02, 0.1
"""A precision follows float32 if, in the first outer steps from the same weights, every loss is within this share of
float32's, and the way of the weights differs from float32's by at most this share of its length."""


class Tried(NamedTuple):
    """The first outer steps at one precision: seconds a step, their losses, and how far they moved the weights."""

    seconds: float
    losses: Float[np.ndarray, " steps"]
    way: Float[np.ndarray, " weights"]

    def off(self, exact: "Tried") -> tuple[float, float]:
        """How far from float32's: the largest difference of losses and that of the ways, both relative."""
        loss = np.abs(self.losses / exact.losses - 1).max()
        return float(loss), float(np.linalg.norm(self.way - exact.way) / np.linalg.norm(exact.way))


def fastest(tried: Mapping[str, Tried]) -> str:
    """The fastest precision that follows the first one, as :data:`LOSS` and :data:`WAY` say.

    Where the first one diverges no other can follow, and it is taken.
    """
    exact, *_ = tried
    offs = {name: found.off(tried[exact]) for name, found in tried.items()}
    follow = [name for name, (loss, way) in offs.items() if name == exact or (loss <= LOSS and way <= WAY)]
    return min(follow, key=lambda name: tried[name].seconds)


def operations(program: Callable, *arguments: Any) -> int:
    """Operations in all matrix products of ``program(*arguments)`` (:func:`products_of`)."""
    return sum(products_of(program, *arguments).values())


def products_of(program: Callable, *arguments: Any) -> Counter[tuple[int, int, int]]:
    """:func:`products` of ``program(*arguments)`` without those of which nothing comes out: gradients of gradients are
    full of them, and the compiler leaves them out."""
    jaxpr = jax.make_jaxpr(program)(*arguments).jaxpr
    needed, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return products(needed)


def products(jaxpr: Any) -> Counter[tuple[int, int, int]]:
    """Floating-point operations in the matrix products of a program, by shape (rows, inner, columns).

    Loops count as often as they run; ``while`` loops, whose length is not known, once. Of branches all count.
    """
    found: Counter[tuple[int, int, int]] = Counter()
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), (batched, _) = equation.params["dimension_numbers"]
            left, right = (operand.aval.shape for operand in equation.invars)
            inner, batch = (math.prod(left[axis] for axis in axes) for axes in (contracted, batched))
            rows, columns = (math.prod(shape) // (inner * batch) for shape in (left, right))
            found[rows, inner, columns] += 2 * batch * rows * inner * columns
        times = equation.params["length"] if equation.primitive.name == "scan" else 1
        for inside in _programs_in(equation):
            found.update({shape: times * work for shape, work in products(inside).items()})
    return found


def _programs_in(equation: Any) -> Iterator[Any]:
    """The bodies of loops, branches and calls."""
    for value in equation.params.values():
        for one in value if isinstance(value, (tuple, list)) else (value,):
            inside = getattr(one, "jaxpr", one)
            if hasattr(inside, "eqns"):
                yield inside


def matrix_rate(precision: str, rows: int, width: int, *, repeats: int = 20) -> tuple[float, Array] | None:
    """TFLOP/s of products [rows, width] x [width, width], the best of three, and what came out; None if not offered."""
    keys = jax.random.split(jax.random.key(0))
    a, b = jax.random.normal(keys[0], (rows, width)), jax.random.normal(keys[1], (width, width)) / math.sqrt(width)

    @jax.jit
    def chain(a, b):
        return jax.lax.scan(lambda x, _: (jnp.matmul(x, b, precision=precision), None), a, length=repeats)[0]

    try:
        product = jax.block_until_ready(chain(a, b))
    except (ValueError, NotImplementedError, jax.errors.JaxRuntimeError):
        return None
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        jax.block_until_ready(chain(a, b))
        seconds.append(time.perf_counter() - began)
    return 2 * rows * width**2 * repeats / min(seconds) / 1e12, product


def measure(
    experiment: Experiment, profile: Profile, splits: Any, algorithm: str, *, seed: int, steps: int, only: str | None
) -> dict[str, Any]:
    """Matrix rates, outer steps tried at each precision, and the one that is chosen (JSON).

    The steps are the first ``steps`` of the training of ``seed``, but for tasks drawn from 64 signals. Tried are
    precisions that the device has and whose products are faster than float32's; where there are none, a single step
    of float32 is timed. With ``only`` that precision is taken.
    """
    (init_key, train_key), data = runs.run_keys(seed), jax.tree.map(lambda leaf: jnp.asarray(leaf[:64]), splits.train)
    optimizer = runs.outer_optimizer(profile.for_algorithm(algorithm))
    sampler = experiment.sampler(profile, algorithm)

    def program(precision, count):
        field = experiment.field_for(profile.at(precision), splits)
        grad = experiment.paper.meta_grad(profile, field, algorithm)

        def advance(state, data):
            return meta.meta_steps(grad, sampler, data, state, train_key, optimizer=optimizer, num_steps=count)

        return advance, meta.init_state(field.init(init_key), optimizer)

    def tried(precision, count):
        advance, start = program(precision, count)
        advance = jax.jit(advance)
        jax.block_until_ready(advance(start, data))
        began = time.perf_counter()
        state, losses = jax.block_until_ready(advance(start, data))
        seconds = (time.perf_counter() - began) / count
        way = jax.tree.map(jnp.subtract, state.params, start.params)
        return Tried(seconds, np.asarray(losses), np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(way)]))

    advance, start = program("highest", 1)
    work = products_of(advance, start, data)
    layer = max(max(work, key=work.__getitem__)), profile.width
    rated = {name: rate for name in PRECISIONS if (rate := matrix_rate(name, *layer))}
    exact, product = rated["highest"]
    # A processor takes the name of TF32, and computes in float32.
    own = {n: rate for n, (rate, other) in rated.items() if n == "highest" or not jnp.array_equal(other, product)}
    faster = [name for name, rate in own.items() if rate > exact]
    count = steps if faster and not only else 1
    found = {name: tried(name, count) for name in ([only] if only else ["highest", *faster])}
    best, operations = fastest(found), sum(work.values()) / 1e12
    offs = {name: one.off(next(iter(found.values()))) for name, one in found.items()}
    return {
        "products_of": [*layer, profile.width],
        "matrix_tflops": {name: _short(rate) for name, rate in own.items()},
        "tried_steps": count,
        "seconds_a_step": {name: _short(one.seconds) for name, one in found.items()},
        "off_float32": {name: [_short(x) for x in off] for name, off in offs.items()},
        "precision": best,
        "tflop_a_step": _short(operations),
        "tflops_sustained": _short(operations / found[best].seconds),
    }


def _short(x: float) -> float | None:
    """Four digits, for JSON, which knows no NaN."""
    return float(f"{x:.4g}") if math.isfinite(x) else None


def told(measured: Mapping[str, Any]) -> str:
    """What was measured, in words."""
    rates = ", ".join(f"{PRECISIONS[name]} {rate:g}" for name, rate in measured["matrix_tflops"].items())
    missing = [said for name, said in PRECISIONS.items() if name not in measured["matrix_tflops"]]
    missing = f"; not on this device: {', '.join(missing)}" if missing else ""
    lines = [f"matrix products of {measured['products_of']} [TFLOP/s]: {rates}{missing}"]
    for name, seconds in measured["seconds_a_step"].items():
        lines.append(f"{PRECISIONS[name]}: {seconds:.4f} s an outer step")
        if measured["tried_steps"] > 1:
            loss, way = measured["off_float32"][name]
            lines[-1] += f"; off float32 in {measured['tried_steps']} steps: losses {loss} (at most {LOSS} follows), "
            lines[-1] += f"way of the weights {way} (at most {WAY})"
    return "\n".join([*lines, f"taken: {PRECISIONS[measured['precision']]}, {measured['tflops_sustained']:g} TFLOP/s"])
