"""The authors' rules, written again from their equations in numpy: update rules, rays, samples, compositing, PSNR.

Nothing of `meta`, `fit`, `models`, `losses` or optax is in the oracles, and no automatic derivative. Where this project
differs from the authors' code, a test says by how much; `docs/paper.md` lists these places.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from learnit_core import evaluate, losses, meta, models, volume, weights
from learnit_core.experiments import image
from learnit_core.structures import Pixels, Task

W0, INNER_RATE, INNER_STEPS, OUTER_RATE = 5.0, 0.05, 2, 1e-3


@pytest.fixture
def float64():
    with jax.enable_x64(True):  # in this thread, and until the test ends
        yield


# Update rules


def gradient(layers, x, y):
    """Loss and gradient of a SIREN, sin(w0 (x W + b)) and + 0.5 at the end, under the mean squared error.

    ``layers`` is a list of (W, b). It is analytic in them, and so complex weights are allowed.
    """
    inputs, angles = [x], []
    for w, b in layers[:-1]:
        angles.append(W0 * (inputs[-1] @ w + b))
        inputs.append(np.sin(angles[-1]))
    w, b = layers[-1]
    error = inputs[-1] @ w + b + 0.5 - y
    upstream, grads = 2 * error / error.size, []
    for i in reversed(range(len(layers))):
        grads.append((inputs[i].T @ upstream, upstream.sum(axis=0)))
        if i:
            upstream = upstream @ layers[i][0].T * W0 * np.cos(angles[i - 1])
    return np.mean(error**2), grads[::-1]


def combined(a, s, b):
    """a + s b, layer by layer."""
    return [(w + s * dw, c + s * dc) for (w, c), (dw, dc) in zip(a, b, strict=True)]


def hessian_times(layers, direction, x, y):
    """The derivative of the gradient along ``direction``, by a complex step: exact to rounding, as nothing cancels."""
    tiny = 1e-30
    _, grads = gradient(combined(layers, 1j * tiny, direction), x, y)
    return [(w.imag / tiny, b.imag / tiny) for w, b in grads]


def adapted(layers, x, y):
    """All weights on the way of the inner loop: θ ← θ − η ∇L(θ)."""
    way = [layers]
    for _ in range(INNER_STEPS):
        way.append(combined(way[-1], -INNER_RATE, gradient(way[-1], x, y)[1]))
    return way


def maml(layers, support, query):
    """∇ L_query(θ_k) with respect to θ_0: each step back multiplies by I − η H (Finn et al. 2017, equation 1)."""
    way = adapted(layers, *support)
    loss, back = gradient(way[-1], *query)
    for before in reversed(way[:-1]):
        back = combined(back, -INNER_RATE, hessian_times(before, back, *support))
    return loss, back


def reptile(layers, support, query):
    """θ_0 − θ_k; their mean over tasks is θ_0 minus the mean of the adapted weights, as the authors have it."""
    last = adapted(layers, *support)[-1]
    return gradient(last, *query)[0], combined(layers, -1.0, last)


def adam(grads_of, layers, steps):
    """Weights after each step of Adam (Kingma and Ba 2015, algorithm 1), β1 = 0.9, β2 = 0.999, ε = 1e-8."""
    flat = [part for layer in layers for part in layer]
    first, second = ([np.zeros_like(part) for part in flat] for _ in range(2))
    for t in range(1, steps + 1):
        grads = [g for layer in grads_of(list(zip(flat[::2], flat[1::2], strict=True))) for g in layer]
        first = [0.9 * m + 0.1 * g for m, g in zip(first, grads, strict=True)]
        second = [0.999 * v + 0.001 * g**2 for v, g in zip(second, grads, strict=True)]
        unbiased = [(m / (1 - 0.9**t), v / (1 - 0.999**t)) for m, v in zip(first, second, strict=True)]
        flat = [p - OUTER_RATE * m / (np.sqrt(v) + 1e-8) for p, (m, v) in zip(flat, unbiased, strict=True)]
        yield flat


def pairs(params):
    return [(np.asarray(layer["w"]), np.asarray(layer["b"])) for layer in params]


def parts(params):
    return [part for layer in pairs(params) for part in layer]


@pytest.mark.parametrize("rule", ["maml", "reptile"])
def test_outer_steps_are_the_authors(float64, rule):
    """Meta-gradients, and four outer steps of three tasks, whose support and query differ so as not to be mixed up."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(2, 2, 3, 20, 2))  # positions and values; support and query, tasks, pixels
    field = models.siren(2, 2, width=8, depth=4, w0=W0)
    start = field.init(jax.random.key(0))
    assert start[0]["w"].dtype == np.float64
    oracle = {"maml": maml, "reptile": reptile}[rule]
    tasks = [list(zip(x[:, i], y[:, i], strict=True)) for i in range(3)]

    loss, optimizer = losses.image_loss(field), optax.adam(OUTER_RATE)
    meta_grad = getattr(meta, rule)(loss, meta.adapt_with(loss, optax.sgd(INNER_RATE), INNER_STEPS))
    stacked = Task(*(Pixels(jnp.asarray(x[half]), jnp.asarray(y[half])) for half in range(2)))
    one_by_one = jax.jit(lambda params: jax.lax.map(lambda task: meta_grad(params, task, jax.random.key(0)), stacked))
    values, grads = one_by_one(start)
    for i, task in enumerate(tasks):
        expected_value, expected = oracle(pairs(start), *task)
        np.testing.assert_allclose(values[i], expected_value, rtol=1e-10)
        for found, right in zip(parts(grads), [part for layer in expected for part in layer], strict=True):
            np.testing.assert_allclose(found[i], right, rtol=1e-10, atol=1e-10 * np.abs(right).max())

    @jax.jit
    def outer_step(state):
        return meta.meta_steps(
            meta_grad, lambda key, data: data, stacked, state, jax.random.key(1), optimizer=optimizer, num_steps=1
        )[0]

    def mean_gradient(layers):
        grads = [oracle(layers, *task)[1] for task in tasks]
        return [tuple(np.mean(same, axis=0) for same in zip(*layer, strict=True)) for layer in zip(*grads, strict=True)]

    state = meta.init_state(start, optimizer)
    for expected in adam(mean_gradient, pairs(start), 4):
        state = outer_step(state)
        for found, right, begun in zip(parts(state.params), expected, parts(start), strict=True):
            # Held against how far the weights went, which is less than a thousandth of what they are.
            went = (right - begun) / OUTER_RATE
            np.testing.assert_allclose((found - begun) / OUTER_RATE, went, rtol=1e-10, atol=1e-10)
            assert np.abs(went).max() > 0.9


# Rays, samples, compositing


NEAR, FAR, SAMPLES = 2.0, 6.0, 128
SEGMENT = (FAR - NEAR) / SAMPLES


def test_depths_in_training_end_a_segment_earlier():
    """The authors add U(0, s) to N points from near to far *inclusive*, s = (far − near) / N: the last may pass far."""
    key = jax.random.key(0)
    authors = np.linspace(NEAR, FAR, SAMPLES) + np.asarray(jax.random.uniform(key, (SAMPLES,))) * SEGMENT
    ours = volume.stratified(NEAR, FAR, SAMPLES, key=key)
    np.testing.assert_allclose(authors - ours, SEGMENT * np.arange(SAMPLES) / (SAMPLES - 1), atol=2e-6)
    assert FAR < authors.max() < FAR + SEGMENT and ours.max() < FAR


def test_depths_at_test_time_differ_by_half_a_segment_at_most():
    """The authors take the N points themselves, from near to far, we the middles of N segments."""
    difference = np.linspace(NEAR, FAR, SAMPLES) - volume.stratified(NEAR, FAR, SAMPLES)
    np.testing.assert_allclose(difference, SEGMENT * (np.arange(SAMPLES) / (SAMPLES - 1) - 0.5), atol=2e-6)


def cloud(points):
    """Colours and densities that are unlike everywhere."""
    colours = 0.5 + 0.5 * jnp.sin(points * jnp.array([3.0, 5.0, 7.0]))
    return jnp.concatenate([colours, jnp.exp(jnp.sin(4 * points.sum(axis=-1, keepdims=True)))], axis=-1)


def composited(values, t, last_delta):
    """NeRF's equation 3 as the authors have it: products of 1 − α, white behind, and δ in t, without |d|."""
    delta = np.append(np.diff(t), last_delta)
    alpha = 1 - np.exp(-values[:, 3] * delta)
    weight = alpha * np.cumprod(np.append(1.0, 1 - alpha))[:-1]
    return weight @ values[:, :3] + 1 - weight.sum()


@pytest.mark.parametrize("last_delta", [1e-3, 1e10])
@pytest.mark.parametrize("slant", [0.0, 0.5])
def test_rendering_is_the_authors_but_for_the_length_of_directions(float64, last_delta, slant):
    """With density per unit of length, a slanted ray's δ is |d| times theirs, and nothing else changes."""
    origin, direction = np.array([0.1, 0.2, 4.0]), np.array([slant, slant, -1.0])
    seen = volume.render_rays(
        cloud,
        jnp.asarray(origin),
        jnp.asarray(direction),
        near=NEAR,
        far=FAR,
        num_samples=SAMPLES,
        last_delta=last_delta,
        background=1.0,
    )
    t = np.asarray(volume.stratified(NEAR, FAR, SAMPLES))
    values = np.array(cloud(jnp.asarray(origin + t[:, None] * direction)))
    theirs = composited(values, t, last_delta)
    values[:, 3] *= np.linalg.norm(direction)
    np.testing.assert_allclose(seen.rgb, composited(values, t, last_delta), rtol=1e-12)
    assert (np.abs(seen.rgb - theirs).max() > 1e-4) == (slant > 0)


def test_the_length_of_directions_is_a_tenth_more_at_a_corner():
    """√(1 + 2 tan²(α/2)): 1.12 for the field of view of NeRF's synthetic scenes, 0.69 radian."""
    angle = 0.6911112070083618
    focal = 0.5 * 128 / np.tan(angle / 2)
    _, directions = volume.camera_rays(128, 128, np.array([focal, focal, 64.0, 64.0]), np.eye(3, 4))
    longest = np.linalg.norm(directions, axis=-1).max()
    np.testing.assert_allclose(longest, np.sqrt(1 + 2 * np.tan(angle / 2) ** 2), rtol=2e-3)
    assert 1.11 < longest < 1.13


def test_rays_are_the_authors_but_for_half_a_pixel():
    """They look through the pixels' upper left corners: ((i − W/2)/f, −(j − H/2)/f, −1), then the camera's axes."""
    height, width, focal = 5, 6, 7.0
    pose = np.concatenate([np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0], np.ones((3, 1))], axis=1)
    i, j = np.meshgrid(np.arange(width), np.arange(height))
    local = np.stack([(i - width / 2) / focal, -(j - height / 2) / focal, -np.ones_like(i)], axis=-1)
    origins, ours = volume.camera_rays(height, width, np.array([focal, focal, width / 2, height / 2]), pose)
    half_a_pixel = np.array([0.5, -0.5, 0.0]) / focal
    np.testing.assert_allclose(ours, (local + half_a_pixel) @ pose[:, :3].T, atol=1e-6)
    np.testing.assert_allclose(origins, np.ones((height, width, 3)))


def test_the_frequencies_are_the_codes_twenty():
    """2^linspace(0, 8, 20), both ends included; equation 1 read literally, 2^(8i/20) for i = 0 … 20, has 21."""
    shown = [0, 7, 19]  # their sines of y pass through the network to a colour each, and all others are switched off
    first, last, y = np.zeros((120, 4)), np.zeros((4, 4)), np.float32(-0.7)
    for unit, f in enumerate(shown):
        first[3 * f + 1, unit] = last[unit, unit] = 1
    # A bias keeps the ReLU from cutting them, and the next one takes it away again.
    params = [{"w": jnp.asarray(w, jnp.float32), "b": jnp.full(4, b)} for w, b in ((first, 1.0), (last, -1.0))]
    colour = models.nerf_mlp(width=4, depth=2).apply(params, jnp.array([0.3, y, 1.1]))[:3]
    sines = np.sin(float(y) * 2.0 ** np.linspace(0, 8, 20)[shown])
    np.testing.assert_allclose(colour, 1 / (1 + np.exp(-sines)), atol=2e-5)


# PSNR


def unclipped(prediction, target):
    return -10 * jnp.log10(jnp.mean(jnp.square(prediction - target)))


def test_psnr_is_the_authors_where_nothing_is_to_be_clipped():
    a, b = jnp.asarray(np.random.default_rng(0).uniform(size=(2, 8, 8, 3)), jnp.float32)
    np.testing.assert_allclose(evaluate.psnr(a, b), unclipped(a, b), rtol=1e-5)


def test_clipping_adds_less_than_a_decibel_to_text():
    """The authors do not clip fits of pictures. Eight test strings from MAML's shipped start, after two steps."""
    field, params, _ = weights.pretrained("image-text-quick-maml")
    loss = losses.image_loss(field)
    adapt = meta.adapt_with(loss, optax.sgd(1e-2), 2)

    @jax.jit
    def scores(tasks):
        def one(task):
            found = field.apply(adapt(params, task.support, jax.random.key(0)), task.query.coords), task.query.values
            return evaluate.psnr(*found), unclipped(*found)

        return jax.lax.map(one, tasks)

    few = replace(image.PROFILES["quick"], counts=(1, 1, 8))
    ours, theirs = scores(image.tasks(image.load_signals(few, "text").test))
    assert (ours >= theirs).all() and 0.1 < (ours - theirs).mean() < 1.0
