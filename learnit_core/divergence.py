"""Why numbers stopped being finite, in one sentence: the data, the meta-gradient, or steps that are too large."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from learnit_core.errors import LearnitError
from learnit_core.meta import MetaState
from learnit_core.structures import Batch, Params
from learnit_core.weights import named_leaves


@runtime_checkable
class Program(Protocol):
    """Outer steps of a training, and the tasks' losses and meta-gradients in the step at which a state stands."""

    def __call__(self, state: MetaState, data: Batch, count: int) -> tuple[MetaState, np.ndarray]: ...

    def gradients(self, state: MetaState, data: Batch) -> tuple[Array, Params]: ...


def check(data: Batch) -> None:
    """Raise LearnitError if numbers of the data are not finite: every loss would be so, and steps be blamed for it."""
    if flaw := _flaw(data):
        raise LearnitError(f"{flaw}: expected finite numbers; leave such signals out, or fill the gaps")


def explain(state: MetaState, losses: np.ndarray, data: Batch, program: Program, kept: str) -> str:
    """What is said of steps from ``state`` (which is finite) on, with ``losses``, that ended in numbers that are not.

    ``kept`` says where the state is.
    """
    start, finite = int(state.step), np.isfinite(losses)
    bad = len(losses) if finite.all() else int(finite.argmin())
    found = "the weights are not finite" if finite.all() else f"the loss is {losses[bad]}"
    if flaw := _flaw(data):
        return f"meta-training ended at step {start + bad}: {found}, because {flaw}{kept}"
    before = f" (the loss was {losses[bad - 1]:.3g} one step before)" if bad else ""
    advice = "Try a smaller inner or outer learning rate, fewer inner steps, or a smaller w0"
    if bad:  # whose step spoilt the weights?
        earlier = program(state, data, bad - 1)[0] if bad > 1 else state
        values, grads = program.gradients(earlier, data)
        if jnp.isfinite(values).all() and any(jnp.isnan(leaf).any() for leaf in jax.tree.leaves(grads)):
            before = f", as meta-gradients of step {start + bad - 1} are nan although its loss is {losses[bad - 1]:.3g}"
            advice = (
                "Something in the inner steps has no derivative there, as Adam's root of 0 has none: where inner steps "
                "are Adam's, give it an eps_root, such as optax.adam(1e-3, eps_root=1e-8)"
            )
    return f"meta-training diverged at step {start + bad}: {found}{before}{kept}. {advice}"


def _flaw(data: Batch) -> str | None:
    for name, leaf in named_leaves(data).items():
        library = np if isinstance(leaf, np.ndarray) else jnp
        kind = leaf.dtype if hasattr(leaf, "dtype") else jnp.result_type(leaf)
        if not jnp.issubdtype(kind, jnp.floating) or library.isfinite(leaf).all():
            continue
        values = np.asarray(leaf, np.float32)
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        at = f" at {list(place)}" if place else ""
        return f"the training data hold {values[place]}{at} of {name or 'an array'} {list(values.shape)}"
    return None
