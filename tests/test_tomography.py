"""Projection: against scikit-image's radon, closed forms, its own linearity, and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage
from skimage.transform import radon

from learnit_core.errors import LearnitError
from learnit_core.experiments import ct
from learnit_core.signals import phantoms
from learnit_core.signals.phantoms import scanner_circle
from learnit_core.tomography import project


@pytest.fixture
def double():
    """Double precision, for this test only."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def random_image(size, seed=0):
    """Noise in the scanner's circle, float64."""
    return np.random.default_rng(seed).uniform(0, 1, (size, size)) * scanner_circle(size)


def random_degrees(seed=0, count=6):
    """Angles beyond a full turn, and those where rows and columns change places."""
    return np.concatenate([np.random.default_rng(seed).uniform(-400, 400, count), [0, 45, 90, 135, 180, 270]])


@pytest.mark.parametrize("size", [64, 101, 256])
def test_it_agrees_with_scikit_image_in_double_precision(double, size):
    image, degrees = random_image(size, size), random_degrees(size)
    found = project(jnp.asarray(image), jnp.deg2rad(jnp.asarray(degrees)))
    assert found.dtype == jnp.float64 and found.shape == (12, size)
    np.testing.assert_allclose(found, radon(image, degrees, circle=True).T, rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", [64, 101, 256])
def test_it_agrees_with_scikit_image_in_single_precision(size):
    image, degrees = random_image(size, size), random_degrees(size)
    angles = jnp.asarray(np.deg2rad(degrees), jnp.float32)
    single = project(jnp.asarray(image, jnp.float32), angles)
    assert single.dtype == jnp.float32
    # An angle itself is off by rounding; scikit-image gets the rounded one.
    expected = radon(image, np.rad2deg(np.asarray(angles, np.float64)), circle=True).T
    np.testing.assert_allclose(single, expected, rtol=0, atol=5e-6 * expected.max())


@pytest.mark.parametrize("size", [6, 7])
def test_the_sign_and_the_order_of_rays(size):
    """Quarter turns of a picture in which every pixel differs, without interpolation."""
    image = jnp.asarray(random_image(size), jnp.float32)
    quarter = jnp.asarray([0, np.pi / 2], jnp.float32)
    columns, rows = np.asarray(project(image, quarter))
    np.testing.assert_allclose(columns, image.sum(axis=0), rtol=1e-4)
    lowest_first = np.asarray(image.sum(axis=1))[::-1]
    if size % 2 == 0:  # the axis is at pixel (3, 3) of six, so row 0 has no partner on the other side
        lowest_first = np.concatenate([[0], lowest_first[:-1]])
    np.testing.assert_allclose(rows, lowest_first, rtol=1e-4, atol=1e-6)


def test_the_chord_of_a_disc():
    """A disc of radius r gives 2 √(r² − d²) at distance d from its centre, at any angle."""
    size, radius, row, column = 256, 60.0, 110, 150
    i, j = np.mgrid[:size, :size]
    disc = (np.hypot(i - row, j - column) <= radius).astype(np.float32)
    angles = np.linspace(0, np.pi, 7)
    found = project(jnp.asarray(disc), jnp.asarray(angles, jnp.float32))
    ray = np.arange(size) - size // 2
    centre = (column - 128) * np.cos(angles) - (row - 128) * np.sin(angles)
    distance = ray - centre[:, None]
    expected = 2 * np.sqrt(np.clip(radius**2 - distance**2, 0, None))
    inner = abs(distance) < 0.97 * radius  # at the rim pixels are coarse
    np.testing.assert_allclose(np.where(inner, found, 0), np.where(inner, expected, 0), atol=3)
    assert np.abs(np.where(inner, found - expected, 0)).mean() < 0.4


def test_it_is_linear_and_symmetric():
    a, b = (jnp.asarray(random_image(33, seed), jnp.float32) for seed in (1, 2))
    angles = jnp.asarray(np.deg2rad(random_degrees(3)), jnp.float32)
    both = project(2 * a - 3 * b, angles)
    np.testing.assert_allclose(both, 2 * project(a, angles) - 3 * project(b, angles), atol=1e-4)
    # Half a turn sees the same lines from the other end: ray c + d becomes ray c - d, and no mass is lost.
    np.testing.assert_allclose(project(a, angles + jnp.pi), project(a, angles)[:, ::-1], atol=1e-3)
    np.testing.assert_allclose(project(a, angles).sum(axis=1), a.sum(), rtol=2e-2)


def test_a_view_does_not_depend_on_the_others():
    image, angles = jnp.asarray(random_image(20), jnp.float32), jnp.asarray([0.3, 1.2, 2.0])
    together = project(image, angles)
    for angle, row in zip(angles, together, strict=True):
        np.testing.assert_allclose(project(image, angle[None])[0], row, rtol=1e-6)
    batched = jax.vmap(project, in_axes=(0, None))(jnp.stack([image, 2 * image]), angles)
    np.testing.assert_allclose(batched[1], 2 * together, rtol=1e-5)


def test_gradients_against_finite_differences(double):
    """The projection is linear in the image, so a difference along any direction is exact there."""
    rng = np.random.default_rng(0)
    image, direction = (jnp.asarray(random_image(24, seed)) for seed in (0, 1))
    angles, weights = jnp.asarray(rng.uniform(-4, 4, 5)), jnp.asarray(rng.normal(size=(5, 24)))

    def energy(image, angles):
        return jnp.sum(weights * project(image, angles) ** 2)

    by_image, by_angles = jax.grad(energy, argnums=(0, 1))(image, angles)
    step = 1e-4
    change = energy(image + step * direction, angles) - energy(image - step * direction, angles)
    np.testing.assert_allclose(jnp.vdot(by_image, direction), change / (2 * step), rtol=1e-8)
    for i in range(5):  # piecewise smooth in the angle: a small step stays within a piece for nearly all rays
        turn = 1e-7 * jnp.eye(5)[i]
        change = energy(image, angles + turn) - energy(image, angles - turn)
        np.testing.assert_allclose(by_angles[i], change / 2e-7, rtol=1e-4)
    # Every derivative is a line sum of the other: <project(x), y> = <x, transpose(y)>.
    sinogram, transposed = jax.vjp(lambda x: project(x, angles), direction)
    np.testing.assert_allclose(jnp.vdot(sinogram, weights), jnp.vdot(direction, transposed(weights)[0]), rtol=1e-12)


def projected_as_the_authors_do(picture, angles):
    """Turned by minus the angle, to the nearest pixel, and the mean down the columns: [angles, size]."""
    size, found = len(picture), []
    centre = size // 2
    for angle in angles:
        i, j = np.mgrid[:size, :size] - centre
        row = np.round(i * np.cos(-angle) - j * np.sin(-angle)).astype(int) + centre
        column = np.round(j * np.cos(-angle) + i * np.sin(-angle)).astype(int) + centre
        seen = (row >= 0) & (row < size) & (column >= 0) & (column < size)
        turned = np.where(seen, picture[np.clip(row, 0, size - 1), np.clip(column, 0, size - 1)], 0)
        found.append(turned.mean(axis=0))
    return np.array(found)


def test_the_authors_variant_carries_over():
    """The authors turn by minus the angle, take the nearest pixel and the mean down the columns.

    So their line averages are ours divided by the side, at the opposite angle, but for the interpolation; on smooth
    pictures that is little, which is why their learning rates carry over.
    """
    size = 64
    smooth = ndimage.gaussian_filter(random_image(size), 3) * scanner_circle(size)
    smooth /= smooth.max()
    angles = np.array([0.0, 0.4, 1.1, 2.5])
    authors = projected_as_the_authors_do(smooth, angles)
    ours = project(jnp.asarray(smooth, jnp.float32), jnp.asarray(-angles, jnp.float32)) / size
    np.testing.assert_allclose(ours, authors, atol=0.02)
    assert np.abs(ours - authors).mean() < 0.004
    wrong_way = project(jnp.asarray(smooth, jnp.float32), jnp.asarray(angles, jnp.float32)) / size
    assert np.abs(wrong_way - authors)[1:].mean() > 0.012


def test_the_authors_projections_of_phantoms_are_about_a_hundredth_from_ours():
    """In the mean over rays, as a share of the mean projection, at the paper's size."""
    paper = ct.PROFILES["paper"]
    (made, _, _) = phantoms.splits(paper.size, (4, 0, 0), 0, paper.angle_deviation)
    angles = np.array([0.0, 0.4, 1.1, 2.5])
    for phantom in made[..., 0]:
        authors = projected_as_the_authors_do(phantom, angles)
        ours = project(jnp.asarray(phantom), jnp.asarray(-angles, jnp.float32)) / paper.size
        assert 0.003 < np.abs(ours - authors).mean() / authors.mean() < 0.02


def test_outside_the_circle_it_depends_on_the_angle():
    """A corner of the square is passed by a straight ray and lies beyond the ends of a slanted one."""
    image = jnp.zeros((16, 16)).at[0, 0].set(1.0)
    straight, slanted = project(image, jnp.asarray([0.0, jnp.pi / 4]))
    np.testing.assert_allclose(straight, jnp.zeros(16).at[0].set(1))
    np.testing.assert_array_equal(slanted, 0)
    np.testing.assert_allclose(project(jnp.ones((16, 16)), jnp.asarray([jnp.pi / 4]))[0, 8], 16, atol=1)


@pytest.mark.parametrize(
    "image, angles, said",
    [
        (jnp.zeros((4, 5)), jnp.zeros(2), "4 x 5 pixels: expected a square"),
        (jnp.zeros((4, 4)), jnp.zeros(0), "0 in number: expected at least one view"),
        (jnp.zeros((4, 4)), jnp.asarray([0.0, jnp.nan, jnp.inf]), r"2 of the 3 angles .* number 1 \(nan\)"),
    ],
)
def test_bad_input(image, angles, said):
    with pytest.raises(LearnitError, match=said):
        project(image, angles)
