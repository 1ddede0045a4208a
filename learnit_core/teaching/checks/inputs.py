"""Random inputs that several checks share: small trees of weights, and losses of them."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from learnit_core.structures import Params


def layers(rng: np.random.Generator, sizes: Sequence[int], *, scale: float = 1.0) -> Params:
    """Weights of a network with these widths, a list of {"w": [in, out], "b": [out]}; biases are not zero."""
    draw = [(rng.normal(0, scale, (n, m)), rng.normal(0, scale, m)) for n, m in zip(sizes[:-1], sizes[1:], strict=True)]
    return [{"w": jnp.asarray(w, jnp.float32), "b": jnp.asarray(b, jnp.float32)} for w, b in draw]


@jax.jit
def network(params: Params, x: jax.Array) -> jax.Array:
    """Values [n, out] of a small network at x [n, in]."""
    for layer in params[:-1]:
        x = jnp.tanh(x @ layer["w"] + layer["b"])
    return x @ params[-1]["w"] + params[-1]["b"]


def loss_of(rng: np.random.Generator) -> Callable:
    """A loss of its own at each call, ``loss(params, x, y)``: none can be guessed, and all depend on each argument."""
    own = jnp.asarray(rng.uniform(0.3, 1.0, 2), jnp.float32)

    def loss(params, x, y):
        return _loss(own, params, x, y)

    return loss


@jax.jit  # one program for all losses, so that a check takes a moment only
def _loss(own, params, x, y):
    size = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(params))
    return own[0] * jnp.mean((network(params, x) - y) ** 2) + 0.05 * own[1] * size


def samples(rng: np.random.Generator, count: int) -> tuple[jax.Array, jax.Array]:
    """Positions x [count, 2] and values y [count, 1]."""
    x, y = rng.uniform(-1, 1, (count, 2)), rng.uniform(-2, 2, (count, 1))
    return jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)


def descended(loss: Callable[[Params], jax.Array], params: Params, rate: float, steps: int) -> Params:
    """``params`` after gradient steps of ``loss(params)``."""
    for _ in range(steps):
        params = stepped(params, jax.grad(loss)(params), rate)
    return params


@jax.jit
def stepped(params: Params, grads: Params, rate: jax.Array | float) -> Params:
    """A step of gradient descent."""
    return jax.tree.map(lambda p, g: p - rate * g, params, grads)


def length(tree: Params) -> float:
    """The root of the sum of all squares."""
    return float(np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(tree))))


def minus(a: Params, b: Params) -> Params:
    """The difference of two trees."""
    return jax.tree.map(lambda x, y: x - y, a, b)
