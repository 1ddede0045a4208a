"""The initialisations that the paper compares a learned one with.

======== =====================================================================================================
Standard the architecture's usual random draw
Mean     weights whose output is the class's mean signal, fitted from a random draw
Matched  weights whose output is that of the *meta* initialisation, fitted from a random draw
Shuffled the meta initialisation with each array's entries permuted, weights and biases apart
======== =====================================================================================================

Mean and Matched start where the class is in *signal* space, Shuffled has the right distribution of weights. That all
three fit a new signal much more slowly is the paper's evidence that the arrangement of the weights is what is learned.
"""

from collections.abc import Callable

import jax
import optax

from learnit_core.fit import Fit, fit
from learnit_core.structures import Batch, Field, LossFn, Params, PRNGKey


def standard(field: Field, key: PRNGKey) -> Params:
    """The field's own random initialisation."""
    return field.init(key)


def fitted(
    field: Field, loss: LossFn, target: Batch, key: PRNGKey, *, learning_rate: float = 1e-3, num_steps: int = 2000
) -> Fit:
    """Fit a random draw to ``target``, a batch as ``loss`` reads it (Adam with cosine decay).

    This makes *Mean* and *Matched*. Use another key than Standard's, and check the last loss: a poor fit would put
    these baselines at a disadvantage, so at least 40 dB is required.
    """
    init_key, fit_key = jax.random.split(key)
    schedule = optax.cosine_decay_schedule(learning_rate, num_steps)
    return fit(loss, field.init(init_key), target, fit_key, optimizer=optax.adam(schedule), num_steps=num_steps)


def mean(field: Field, loss: LossFn, mean_signal: Batch, key: PRNGKey, **settings) -> Fit:
    """*Mean*: a random draw fitted to the class's mean signal, a batch as ``loss`` reads it; see :func:`fitted`."""
    return fitted(field, loss, mean_signal, key, **settings)


def matched(
    field: Field, loss: LossFn, params: Params, observe: Callable[[Params], Batch], key: PRNGKey, **settings
) -> Fit:
    """*Matched*: a random draw fitted to ``observe(params)``, the output of the meta initialisation ``params``."""
    return fitted(field, loss, observe(params), key, **settings)


def shuffled(params: Params, key: PRNGKey) -> Params:
    """Permute the entries of each array among themselves."""
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    mixed = [jax.random.permutation(k, leaf.ravel()).reshape(leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(structure, mixed)
