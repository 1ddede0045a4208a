"""Volume rendering: fog and walls in closed form, cameras whose pictures are known, and identities."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from learnit_core import models, volume
from learnit_core.errors import LearnitError

RED = np.array([0.8, 0.3, 0.1], np.float32)
INTRINSICS = np.array([20.0, 24.0, 5.0, 4.0], np.float32)
FORWARD = np.concatenate([np.eye(3), [[0.0], [0.0], [4.0]]], axis=1).astype(np.float32)  # at (0, 0, 4), looks along -z


def pose(seed):
    """A random rigid motion."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    return np.concatenate([rotation, rng.normal(size=(3, 1))], axis=1).astype(np.float32)


def uniform(density):
    """Fog of one colour and density."""
    return lambda points: jnp.concatenate(
        [jnp.broadcast_to(RED, points.shape), jnp.full((*points.shape[:-1], 1), density)], axis=-1
    )


def wall(points):
    """Nothing in front of z = 1, and behind it what hides all: red where x > 0, its complement elsewhere."""
    colour = jnp.where(points[..., :1] > 0, RED, 1 - RED)
    return jnp.concatenate([colour, jnp.where(points[..., 2:] < 1, 1e5, 0.0)], axis=-1)


@pytest.mark.parametrize("samples", [1, 2, 17, 128])
@pytest.mark.parametrize("seed", [0, 1])
def test_opacity_of_uniform_fog_in_closed_form(samples, seed):
    """1 - exp(-σL) for any lengths that sum to L, equal or not."""
    delta = np.random.default_rng(seed).dirichlet(np.ones(samples)).astype(np.float32) * 3.0
    t = jnp.cumsum(jnp.asarray(delta))
    found = volume.composite(jnp.tile(RED, (samples, 1)), jnp.full(samples, 0.7), t, jnp.asarray(delta))
    opacity = 1 - np.exp(-0.7 * 3.0)
    np.testing.assert_allclose(found.opacity, opacity, rtol=1e-5)
    np.testing.assert_allclose(found.rgb, opacity * RED + (1 - opacity), rtol=1e-5)


@pytest.mark.parametrize("background", [0.0, 1.0, (0.1, 0.5, 0.9)])
def test_backgrounds(background):
    colour = background if isinstance(background, float) else jnp.asarray(background)
    empty = volume.composite(jnp.tile(RED, (4, 1)), jnp.zeros(4), jnp.arange(4.0), jnp.ones(4), background=colour)
    np.testing.assert_array_equal(empty.rgb, np.broadcast_to(colour, 3))
    assert empty.opacity == 0 and empty.depth == 0
    full = volume.composite(jnp.tile(RED, (4, 1)), jnp.full(4, 1e4), jnp.arange(4.0), jnp.ones(4), background=colour)
    np.testing.assert_allclose(full.rgb, RED, rtol=1e-6)


def test_density_is_per_length_and_not_per_depth():
    """A slanted ray goes further through the same fog: 1 - exp(-σ |d| L)."""
    directions = jnp.array([[0.0, 0.0, -1.0], [0.75, 0.0, -1.0]])
    seen = volume.render_rays(
        uniform(0.5), jnp.zeros((2, 3)), directions, near=1.0, far=3.0, num_samples=64, last_delta=2 / 64
    )
    np.testing.assert_allclose(seen.opacity, 1 - np.exp(-0.5 * 2 * np.array([1, 1.25])), rtol=1e-5)


def test_an_opaque_wall_is_seen_where_it_stands():
    """Depth is along the camera's view, the same over the whole picture; its left half has the other colour."""
    samples = 200
    seen = volume.render_view(wall, INTRINSICS, FORWARD, height=8, width=10, near=2.0, far=6.0, num_samples=samples)
    np.testing.assert_allclose(seen.opacity, 1, rtol=1e-6)
    np.testing.assert_allclose(seen.depth, 3, atol=4 / samples)
    np.testing.assert_allclose(seen.rgb[:, 5:], np.broadcast_to(RED, (8, 5, 3)), rtol=1e-6)
    np.testing.assert_allclose(seen.rgb[:, :5], np.broadcast_to(1 - RED, (8, 5, 3)), rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_rays_pass_through_the_points_that_their_pixels_show(seed):
    """The camera of :class:`learnit_core.structures.Views`, written down the other way round: from points to pixels."""
    camera = pose(seed)
    origins, directions = volume.camera_rays(6, 7, INTRINSICS, camera)
    fx, fy, cx, cy = INTRINSICS
    for row, column, t in itertools.product((0, 3, 5), (0, 6), (0.5, 4.0)):
        p = (np.asarray(origins[row, column] + t * directions[row, column]) - camera[:, 3]) @ camera[:, :3]
        np.testing.assert_allclose(-p[2], t, rtol=1e-4)  # t is the depth
        np.testing.assert_allclose(cx - fx * p[0] / p[2], column + 0.5, atol=2e-4)
        np.testing.assert_allclose(cy + fy * p[1] / p[2], row + 0.5, atol=2e-4)


def test_each_ray_may_have_its_own_camera():
    poses, intrinsics = np.stack([pose(seed) for seed in range(5)]), INTRINSICS * np.linspace(1, 2, 5)[:, None]
    u, v = jnp.arange(5.0), jnp.arange(5.0)[::-1]
    together = volume.rays_through(u, v, intrinsics.astype(np.float32), poses)
    for i in range(5):
        alone = volume.rays_through(u[i], v[i], intrinsics[i].astype(np.float32), poses[i])
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-6)


def test_stratified_samples_lie_one_in_each_part():
    middles = volume.stratified(2.0, 6.0, 8)
    np.testing.assert_allclose(middles, 2.25 + 0.5 * np.arange(8))
    drawn = volume.stratified(jnp.array([2.0, 0.0]), jnp.array([6.0, 1.0]), 8, key=jax.random.key(0), shape=(2,))
    for row, (near, far) in zip(drawn, [(2, 6), (0, 1)], strict=True):
        np.testing.assert_array_equal(np.floor((np.asarray(row) - near) / (far - near) * 8), np.arange(8))
    again = volume.stratified(2.0, 6.0, 8, key=jax.random.key(1), shape=(2,))
    assert not np.allclose(drawn[0], again[0]) and not np.allclose(again[0], again[1])


def test_rays_do_not_hang_on_each_other():
    field = models.nerf_mlp(width=16, depth=3, num_frequencies=4, max_log2=2.0)
    params = field.init(jax.random.key(0))
    origins, directions = (x.reshape(-1, 3) for x in volume.camera_rays(5, 6, INTRINSICS, pose(0)))
    order = np.random.default_rng(0).permutation(30)

    def render(o, d):
        return volume.render_rays(lambda p: field.apply(params, p), o, d, near=1.0, far=3.0, num_samples=16)

    for a, b in zip(render(origins[order], directions[order]), render(origins, directions), strict=True):
        np.testing.assert_allclose(a, b[order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 7, 30, 1000])
def test_in_chunks_and_whole(chunk):
    field = models.nerf_mlp(width=16, depth=3, num_frequencies=4, max_log2=2.0)
    params = field.init(jax.random.key(0))
    settings = dict(near=1.0, far=3.0, num_samples=16, background=jnp.array([0.2, 0.4, 0.6]))

    def fog(points):
        return field.apply(params, points)

    whole = volume.render_rays(fog, *volume.camera_rays(5, 6, INTRINSICS, pose(0)), **settings)
    view = volume.render_view(fog, INTRINSICS, pose(0), height=5, width=6, chunk=chunk, **settings)
    assert view.rgb.shape == (5, 6, 3) and view.depth.shape == view.opacity.shape == (5, 6)
    for a, b in zip(view, whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_memory_of_a_view_is_that_of_a_chunk():
    """Four times the pixels in chunks of one size: hardly more temporaries, where whole pictures take four times."""
    field = models.nerf_mlp(width=32, depth=3, num_frequencies=4, max_log2=2.0)
    params = field.init(jax.random.key(0))

    def temporaries(side, chunk):
        def render(params):
            return volume.render_view(
                lambda p: field.apply(params, p),
                INTRINSICS,
                FORWARD,
                height=side,
                width=side,
                chunk=chunk,
                near=1.0,
                far=3.0,
                num_samples=32,
            ).rgb

        return jax.jit(render).lower(params).compile().memory_analysis().temp_size_in_bytes

    assert temporaries(64, 64) < 1.5 * temporaries(32, 64) + 100_000
    assert temporaries(64, 64 * 64) > 10 * temporaries(64, 64)


@pytest.mark.parametrize("density", [0.0, 1e-30, 1.0, 1e10, 1e30])
@pytest.mark.parametrize("last_delta", [1e-3, 1e10])
def test_gradients_are_finite_at_extreme_densities(density, last_delta):
    def loss(rgb, sigma):
        t = jnp.linspace(1.0, 2.0, 9)
        delta = jnp.append(jnp.diff(t), last_delta)
        return sum(jnp.sum(part) for part in volume.composite(rgb, sigma, t, delta))

    value, grads = jax.value_and_grad(loss, argnums=(0, 1))(jnp.tile(RED, (9, 1)), jnp.full(9, density))
    assert np.isfinite(value) and all(np.isfinite(g).all() for g in grads)


def test_the_gradient_is_that_of_finite_differences():
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        rgb, sigma = jnp.asarray(rng.uniform(size=(6, 3))), jnp.asarray(rng.uniform(0.1, 3, 6))
        t = jnp.linspace(1.0, 2.0, 6)

        def loss(sigma):
            seen = volume.composite(rgb, sigma, t, jnp.full(6, 0.2))
            return jnp.sum(seen.rgb**2) + seen.depth * seen.opacity

        found = jax.grad(loss)(sigma)
        for i, step in itertools.product(range(6), [1e-6]):
            nudge = step * jnp.eye(6)[i]
            differences = (loss(sigma + nudge) - loss(sigma - nudge)) / (2 * step)
            rounding = 1e-15 / step  # of the two losses, which are near 1, and differ by little
            np.testing.assert_allclose(found[i], differences, rtol=1e-6, atol=rounding)


@pytest.mark.parametrize("near, far", [(2.0, 2.0), (6.0, 2.0), (-1.0, 2.0), (np.nan, 2.0), (1.0, np.array([2.0, 0.5]))])
def test_bounds_that_enclose_nothing_are_refused(near, far):
    with pytest.raises(LearnitError, match=r"found near .* and far .*: expected 0 <= near < far"):
        volume.stratified(near, far, 4, shape=np.shape(far))
