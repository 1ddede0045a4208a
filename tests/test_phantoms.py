"""Random Shepp-Logan phantoms: against scikit-image's picture and radon, sums over ellipses, and their own keys."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data
from skimage.transform import radon

from learnit_core import signals
from learnit_core.experiments import ct
from learnit_core.signals import phantoms
from learnit_core.tomography import project


def line_sums(ellipses, angles, size):
    """Sums [pixels] along the scanner's rays of the ellipses themselves, in closed form; float64 [angles, size].

    An ellipse with half-axes a and b, turned by φ, lets 2 ρ a b √(q² − d²) / q² through at distance d from its centre,
    q² = a² cos²(θ − φ) + b² sin²(θ − φ), on the line with normal (cos θ, sin θ) [Kak and Slaney, section 3.1].
    """
    sums = np.zeros((len(angles), size))
    distance = (np.arange(size) - size // 2) * 2 / size
    for intensity, a, b, x, y, degrees in np.asarray(ellipses, np.float64):
        for row, angle in zip(sums, angles, strict=True):
            # Column c + k cos θ and row c - k sin θ: ray k lies at distance k along (cos θ, sin θ), y pointing up.
            q2 = (a * np.cos(angle - np.deg2rad(degrees))) ** 2 + (b * np.sin(angle - np.deg2rad(degrees))) ** 2
            d = distance - (x * np.cos(angle) + y * np.sin(angle))
            row += 2 * intensity * abs(a * b) * np.sqrt(np.clip(q2 - d**2, 0, None)) / q2 * size / 2
    return sums


def test_the_table_gives_scikit_images_phantom():
    expected = data.shepp_logan_phantom()  # 400 x 400, smoothed a little at its edges
    found = np.asarray(phantoms.render(phantoms.TABLE, 400))
    # The two differ where an edge passes, and in nothing else; upside down they would differ inside, too.
    differs = abs(found - expected) > 0.05
    assert np.median(abs(found - expected)) < 1e-3 and differs.mean() < 0.03
    assert (abs(found[::-1] - expected) > 0.05).mean() > 2 * differs.mean()


@pytest.mark.parametrize("size", [256, 255])
def test_projections_are_the_ellipses_sums(size):
    """Through unclipped phantoms, for which the sum over ellipses is exact but for the pixels."""
    angles = np.array([0.0, 0.3, 1.2, np.pi / 2, 2.4])
    # Ellipses that turned angles matter for, well within the circle.
    ellipses = np.array([[1, 0.6, 0.3, 0.1, -0.2, 35], [-0.5, 0.1, 0.25, -0.2, 0.1, -20], [0.3, 0.2, 0.2, 0, 0, 0]])
    for rows in (ellipses, phantoms.TABLE):
        picture = phantoms.density(rows, size)
        expected = line_sums(rows, angles, size)
        found = jax.jit(project)(picture, jnp.asarray(angles, jnp.float32))
        assert np.abs(found - expected).mean() < 0.01 * expected.max()
        assert np.abs(found[:, ::-1] - expected).mean() > 0.03 * expected.max(), "a mirror image would do"
        np.testing.assert_allclose(
            radon(np.asarray(picture, float), np.rad2deg(angles), circle=True).T, found, atol=1e-3 * expected.max()
        )


def test_intensities_add_up_at_a_point():
    """Pixel (0, 0) of the plane lies in the head, the brain and no other ellipse of the table: 1 − 0.8."""
    picture = np.asarray(phantoms.density(phantoms.TABLE, 200))
    np.testing.assert_allclose(picture[100, 100], 0.2, atol=1e-6)
    # In each of the two dark ventricles a bit more is taken away, above the centre the grey disc adds 0.1.
    np.testing.assert_allclose(picture[100, [122, 78]], [0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(picture[100 - 50, 100], 0.3, atol=1e-6)
    # x goes right, y up, and angles turn counter-clockwise: a bar at 45 degrees rises to the right.
    bar = np.asarray(phantoms.density(np.array([[1, 0.8, 0.05, 0, 0, 45.0]]), 64))
    assert bar[32 - 12, 32 + 12] == 1 and bar[32 + 12, 32 + 12] == 0


def test_every_entry_is_moved_by_a_twentieth():
    draws = jax.vmap(phantoms.random_ellipses)(jax.random.split(jax.random.key(0), 2000))
    np.testing.assert_allclose(draws.mean(axis=0), phantoms.TABLE, atol=0.006)
    np.testing.assert_allclose(draws.std(axis=0), 1 / 20, rtol=0.08)
    scaled = ((draws - phantoms.TABLE) * 20).reshape(2000, 60)
    assert np.abs(np.corrcoef(scaled.T) - np.eye(60)).max() < 0.12, "entries do not move independently"


def test_angles_may_move_further_and_nothing_else_does():
    key = jax.random.key(0)
    little, much = (np.asarray(phantoms.random_ellipses(key, degrees)) for degrees in (phantoms.DEVIATION, 2.0))
    np.testing.assert_array_equal(little, phantoms.random_ellipses(key))
    np.testing.assert_array_equal(little[:, :5], much[:, :5])
    moves = [ellipses[:, 5] - phantoms.TABLE[:, 5] for ellipses in (little, much)]
    np.testing.assert_allclose(40 * moves[0], moves[1], atol=1e-3)
    same, turned = (phantoms.splits(64, (2, 0, 0), 0, degrees)[0] for degrees in (phantoms.DEVIATION, 2.0))
    np.testing.assert_array_equal(same, phantoms.splits(64, (2, 0, 0), 0)[0])
    assert (turned != same).any(axis=(1, 2, 3)).all()


def test_phantoms_lie_in_the_circle_and_in_range():
    (train, _, _) = phantoms.splits(48, (300, 0, 0), 3)
    assert train.dtype == np.float32 and train.shape == (300, 48, 48, 1)
    assert train.min() == 0 and train.max() == 1
    outside = phantoms.scanner_circle(48) == 0
    assert not train[:, outside].any()
    i, j = np.mgrid[:48, :48] - 24
    np.testing.assert_array_equal(outside, np.hypot(i, j) > 24)
    # What was cut: about a fifth of the phantoms reaches out, the paper's, whose angles vary more, likewise.
    keys = jax.random.split(jax.random.key(1), 300)
    for deviation in (phantoms.DEVIATION, ct.PROFILES["paper"].angle_deviation):
        draw = jax.vmap(lambda key, deviation=deviation: phantoms.random_ellipses(key, deviation))
        whole = jax.jit(lambda keys, draw=draw: jax.vmap(lambda one: phantoms.density(one, 48))(draw(keys)))(keys)
        assert 0.15 < np.mean((np.asarray(whole)[:, outside] > 0).any(axis=1)) < 0.25


def test_each_key_gives_its_own_phantom_and_the_first_stay():
    small, large = phantoms.splits(32, (3, 2, 2), 0), phantoms.splits(32, (5, 2, 4), 0)
    for few, many in zip(small, large, strict=True):
        np.testing.assert_array_equal(few, many[: len(few)])
    pictures = np.concatenate([*large, *phantoms.splits(32, (2, 2, 2), 1)])
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)
    assert [len(part) for part in phantoms.splits(32, (0, 1, 0), 0)] == [0, 1, 0]


def test_a_phantom_is_the_same_at_every_size():
    """The first phantom drawn small is the first one drawn large, seen at fewer points."""
    (small, *_), (large, *_) = phantoms.splits(32, (4, 0, 0), 2), phantoms.splits(64, (4, 0, 0), 2)
    np.testing.assert_allclose(small, large[:, ::2, ::2], atol=1e-5)


def test_it_is_a_class_like_the_others():
    splits = signals.load("phantoms", size=64, counts=(600, 4, 12))
    assert splits.name == "phantoms" and splits.train.shape == (600, 64, 64, 1)
    assert signals.nearest(splits.train, splits.test)[1].mean() < 20
