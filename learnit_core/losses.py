"""The only place where a model meets a measurement: squared errors between a field and what was observed."""

import jax.numpy as jnp

from learnit_core.errors import LearnitError
from learnit_core.types import Field, LossFn


def image_loss(field: Field) -> LossFn:
    """Mean squared error over all pixels and channels of a :class:`~learnit_core.types.Pixels` batch.

    The paper fits every image with all of its pixels in every step (section 4.1), so the key is not used.
    """

    def loss(params, batch, key):
        del key
        predicted = field.apply(params, batch.coords)
        if predicted.shape != batch.values.shape:  # broadcasting would hide it
            raise LearnitError(f"the field gives values {predicted.shape} where the picture has {batch.values.shape}")
        return jnp.mean(jnp.square(predicted - batch.values))

    return loss
