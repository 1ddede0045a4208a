"""Types shared by every module: parameters, fields, tasks and what is observed of a signal; and `rows` of a tree."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Key, PyTree, Scalar, UInt8

from learnit_core.errors import LearnitError

Params = PyTree[Array]
"""Learned numbers only, as nested lists or dicts of arrays. Fixed numbers live in the field's spec."""

Batch = PyTree[Array]
"""What is observed of one signal; the loss knows how to read it."""

PRNGKey = Key[Array, ""]

LossFn = Callable[[Params, Batch, PRNGKey], Scalar]
"""``loss(params, batch, key)``; the key decides any mini-batching inside."""


@dataclass(frozen=True, eq=False)
class Field:
    """A coordinate-based network: a function of position with parameters to fit.

    ``init(key)`` draws parameters; ``apply(params, coords)`` maps coordinates [*batch, in_dim] to values
    [*batch, out_dim]; ``spec`` is plain JSON (and fixed arrays) from which :func:`learnit_core.models.from_spec`
    rebuilds the field. Fields are equal if their specs are, so that one can be a static argument of ``jax.jit``.
    ``fix(coords)``, where a field has it, is what :meth:`at` returns.
    """

    init: Callable[[PRNGKey], Params]
    apply: Callable[[Params, Array], Array]
    spec: dict[str, Any]
    fix: Callable[[Array], Callable[[Params], Array]] | None = None

    def at(self, coords: Array) -> Callable[[Params], Array]:
        """The field at fixed positions, a function of its parameters; what depends on positions only is precomputed."""
        return self.fix(coords) if self.fix else lambda params: self.apply(params, coords)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple:
        if "model" not in self.spec:  # made by hand: nothing says what it computes
            return (id(self),)
        # Fixed arrays count by their bytes, everything else by its value.
        return tuple((k, v.tobytes() if getattr(v, "ndim", 0) else _number(v)) for k, v in sorted(self.spec.items()))


def _number(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


class Rated(NamedTuple):
    """What Meta-SGD learns: an initialisation and a learning rate for each of its weights."""

    params: Params
    rates: Params


def rated(params: Params, rate: float) -> Rated:
    """The weights with one rate for all of them, from which others are learned."""
    return Rated(params, jax.tree.map(lambda leaf: jnp.full_like(leaf, rate), params))


def plain(params: Params | Rated) -> Params:
    """The weights alone."""
    return params.params if isinstance(params, Rated) else params


class Task(NamedTuple):
    """One signal of a class: observations to adapt to, and observations to evaluate on."""

    support: Batch
    query: Batch


class Pixels(NamedTuple):
    """A signal as a set of observations: positions and the values there (any range; pictures use [0, 1])."""

    coords: Float[Array, "*tasks pixels dims"]
    values: Float[Array, "*tasks pixels channels"]


class Views(NamedTuple):
    """Pictures of one scene with the cameras that took them.

    Image coordinates (u, v) run right and down from the upper left corner, in pixels; the centre of the pixel in row r
    and column c is (c + 1/2, r + 1/2). The axes of a camera are those of OpenGL, as in NeRF's files: x to the right, y
    up, and it looks along −z. A point p in the camera's frame is seen at u = cx − fx p_x / p_z, v = cy + fy p_y / p_z.
    """

    images: UInt8[Array | np.ndarray, "*scenes views h w 3"]
    """Over white where they were transparent; padded to one shape."""
    valid: Int[Array | np.ndarray, "*scenes views 4"]
    """The part of each picture that may be used: first row, row after the last, first column, column after."""
    intrinsics: Float[Array | np.ndarray, "*scenes views 4"]
    """fx, fy, cx, cy [pixels]."""
    camera_to_world: Float[Array | np.ndarray, "*scenes views 3 4"]
    """Rotation and position of each camera."""
    near: Float[Array | np.ndarray, "*scenes views"]
    far: Float[Array | np.ndarray, "*scenes views"]
    """Between which depths, along the camera's −z, the scene lies."""


class Sinogram(NamedTuple):
    """What a parallel-beam scanner sees: sums along rays (:func:`learnit_core.tomography.project`), a row an angle."""

    angles: Float[Array, "*tasks angles"]
    values: Float[Array, "*tasks angles size"]


def seed_key(seed: int) -> PRNGKey:
    """The random key of a seed. Raises LearnitError unless it has 32 bits: JAX would drop the others without a word."""
    if not 0 <= seed < 1 << 32:
        raise LearnitError(f"the seed is {seed}: expected a whole number of 0 to {(1 << 32) - 1}")
    return jax.random.key(seed)


def rows(tree: PyTree, i: Any) -> PyTree:
    """Entry, slice or selection ``i`` of every leaf's leading axis."""
    return jax.tree.map(lambda leaf: leaf[i], tree)
