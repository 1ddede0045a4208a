"""The only place where a model meets a measurement: squared errors between a field and what was observed.

Where a training shares samples out over devices (:mod:`learnit_core.sharding`), each loss looks at its device's part of
them and gives the mean over all.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from learnit_core import sharding
from learnit_core.errors import LearnitError
from learnit_core.structures import Field, LossFn, Pixels
from learnit_core.tomography import project
from learnit_core.volume import Background, rays_through, render_at, stratified


def regression_loss(field: Field, *, blocks: int = 1) -> LossFn:
    """Mean squared error over all samples and channels of a :class:`~learnit_core.structures.Pixels` batch.

    The signal may have any number of dimensions. The paper fits every image with all of its pixels in every step,
    so the key is not used. In ``blocks`` of samples, one after the other, each computed again where a gradient needs
    it, the sum is the same but for its order, in the memory of one block.
    """
    _at_least_one(blocks, "blocks of samples")

    def loss(params, batch, key):
        del key
        batch = sharding.own(batch)
        if blocks > 1:
            return jnp.sum(_in_blocks(field, params, batch, blocks)) / batch.values.size
        return jnp.mean(_squares(field, params, batch))

    return sharding.shared(loss)


def part_loss(field: Field, fraction: float, *, choose: str = "random", blocks: int = 1) -> LossFn:
    """The same from a ``fraction`` of the samples, which the key draws anew in every step.

    ``choose`` says which: ``"random"``, all alike; ``"error"``, half of them alike and half in proportion to their
    errors, weighted so that the gradient is on average that of all samples; ``"largest"``, those of the largest errors,
    while the others count as fitted (Tack et al. 2023, section 4.1). The last two look at all samples first, without a
    gradient. All is done in ``blocks``. For inner steps: the query loss, and a last step
    (:func:`learnit_core.meta.in_turn`), may see all of them.
    """
    if not 0 < fraction <= 1 or choose not in _CHOICES:
        found = f"the fraction {fraction:g} of samples and the choice {choose!r}"
        raise LearnitError(f"found {found}: expected above 0 and at most 1, and one of {', '.join(_CHOICES)}")
    _at_least_one(blocks, "blocks of samples")

    def loss(params, batch, key):
        number = len(batch.coords)
        count = max(1, round(number * fraction))

        def errors():
            return jnp.sum(_in_blocks(field, *jax.lax.stop_gradient((params, batch)), blocks), axis=-1)

        chosen, weights = _CHOICES[choose](errors, number, count, key)
        chosen, weights = sharding.own((chosen, weights))
        seen = Pixels(batch.coords[chosen], batch.values[chosen])
        squares = _in_blocks(field, params, seen, blocks) if blocks > 1 else _squares(field, params, seen)
        return jnp.mean(weights[:, None] * squares)

    return sharding.shared(loss)


def _at_least_one(number: int, what: str) -> None:
    if number < 1:
        raise LearnitError(f"found {number} {what}: expected 1 at least")


def _alike(errors, number, count, key):
    return jax.random.permutation(key, number)[:count], jnp.ones(count)


def _by_error(errors, number, count, key):
    size = jnp.sqrt(errors()) + 1e-6  # a fitted signal has no errors
    likely = 0.5 / number + 0.5 * size / jnp.sum(size)
    ends = jnp.cumsum(likely)
    # One draw in each of `count` equal parts of all probability: no sample is drawn much more often than is likely.
    places = (jnp.arange(count) + jax.random.uniform(key, (count,))) / count * ends[-1]
    chosen = jnp.minimum(jnp.searchsorted(ends, places), number - 1)
    return chosen, 1 / (number * likely[chosen])


def _largest(errors, number, count, key):
    return jax.lax.top_k(errors(), count)[1], jnp.full(count, count / number)


_CHOICES = {"random": _alike, "error": _by_error, "largest": _largest}


def _squares(field, params, batch):
    """Squared errors [samples, channels]."""
    predicted = field.apply(params, batch.coords)
    if predicted.shape != batch.values.shape:  # broadcasting would hide it
        raise LearnitError(f"the field gives values {predicted.shape} where the signal has {batch.values.shape}")
    return jnp.square(predicted - batch.values)


def _in_blocks(field, params, batch, blocks):
    """The same, a block of samples after the other; for a gradient each block is computed again."""
    number = len(batch.coords)
    size = -(-number // blocks)

    def cut(leaf):  # the last block is filled up
        filled = jnp.pad(leaf, [(0, size * blocks - number), *[(0, 0)] * (leaf.ndim - 1)])
        return filled.reshape(blocks, size, *leaf.shape[1:])

    one = jax.checkpoint(lambda params, block: _squares(field, params, block))
    found = jax.lax.map(lambda block: one(params, block), jax.tree.map(cut, batch))
    return found.reshape(-1, found.shape[-1])[:number]


image_loss = regression_loss
"""What the loss is called where the signals are pictures."""


def ct_loss(field: Field, coords: Float[Array, "pixels in_dim"]) -> LossFn:
    """Mean squared error of all line *averages* of a :class:`~learnit_core.structures.Sinogram` batch.

    ``coords`` are the positions of the pixels of the square that is projected; what the field computes from positions
    alone (Fourier features) it computes once, here. Averages are sums divided by the side, as in the authors' code, so
    that rates carry over from theirs and from one size to another. All rays count in every step: no key is used.
    """
    values_at = field.at(coords)

    def loss(params, batch, key):
        del key
        (num_angles,), (num_rows, size) = batch.angles.shape, batch.values.shape
        if num_angles != num_rows or not num_angles:
            raise LearnitError(
                f"the sinogram has {num_rows} rows and {num_angles} angles: expected as many, one or more"
            )
        image = values_at(params)
        if image.shape != (size**2, 1):
            raise LearnitError(
                f"the field gives values {image.shape} where the sinogram has {size} rays a view: "
                f"expected {(size**2, 1)}, a square of {size} x {size} pixels"
            )
        angles, values = sharding.own(tuple(batch))
        averages = project(image.reshape(size, size), angles) / size
        return jnp.mean(jnp.square(averages - values / size))

    return sharding.shared(loss)


def radiance_loss(
    field: Field,
    *,
    num_samples: int,
    rays_per_step: int,
    last_delta: float = 1e-3,
    background: Background = 1.0,
) -> LossFn:
    """Mean squared error of the colours of ``rays_per_step`` pixels of a :class:`~learnit_core.structures.Views` batch.

    The batch is one scene (no leading axis). The key draws a view, a row and a column within its ``valid`` part for
    every ray, and the depths of the ``num_samples`` samples on it; rays are made here, so that a scene in memory is
    bytes and cameras only. ``last_delta`` and ``background`` are those of :func:`learnit_core.volume.render_rays`.
    """
    _at_least_one(num_samples, "samples on a ray")
    _at_least_one(rays_per_step, "rays in a step")

    def loss(params, batch, key):
        if batch.images.ndim != 4 or not len(batch.images):
            raise LearnitError(
                f"the views of a scene have pictures {batch.images.shape}: expected one view or more, [views, h, w, 3]"
            )
        view_key, place_key, sample_key = jax.random.split(key, 3)
        view = jax.random.randint(view_key, (rays_per_step,), 0, len(batch.images))
        place = jax.random.uniform(place_key, (2, rays_per_step))
        top, bottom, left, right = jnp.moveaxis(jnp.asarray(batch.valid)[view], -1, 0)
        # Rounding could make r1 of a uniform number below one.
        row = jnp.minimum(top + (place[0] * (bottom - top)).astype(jnp.int32), bottom - 1)
        column = jnp.minimum(left + (place[1] * (right - left)).astype(jnp.int32), right - 1)
        camera = jnp.asarray(batch.intrinsics)[view], jnp.asarray(batch.camera_to_world)[view]
        origins, directions = rays_through(column + 0.5, row + 0.5, *camera)
        near, far = jnp.asarray(batch.near)[view], jnp.asarray(batch.far)[view]
        # All rays are drawn on every device, and so are the same ones that one device would draw.
        t = stratified(near, far, num_samples, key=sample_key, shape=origins.shape[:-1])
        origins, directions, t = sharding.own((origins, directions, t))
        seen = render_at(
            lambda points: field.apply(params, points),
            origins,
            directions,
            t,
            last_delta=last_delta,
            background=background,
        )
        truth = jnp.asarray(batch.images)[view, row, column].astype(seen.rgb.dtype) / 255
        return jnp.mean(jnp.square(seen.rgb - sharding.own(truth)))

    return sharding.shared(loss)
