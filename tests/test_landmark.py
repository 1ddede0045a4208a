"""The landmark: distances that rays can trust, light and shadow where they belong, photographs as photographs are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from learnit_core.errors import LearnitError
from learnit_core.signals import landmark, photographer, tourism
from learnit_core.signals.landmark import Light, People
from learnit_core.structures import Views

NOON = photographer.light_at(13.0)


def lit_from(direction):
    direction = np.array(direction, np.float32)
    return Light(jnp.asarray(direction / np.linalg.norm(direction)), *(jnp.asarray(c) for c in NOON[1:]))


trace = jax.jit(landmark.trace)


def colour_at(eye, target, light=NOON, people=None):
    eye, target = np.array(eye, np.float32), np.array(target, np.float32)
    return np.asarray(trace(jnp.asarray(eye), jnp.asarray(target - eye), light, people))


# The scene


def test_distances_do_not_jump():
    """No part's distance grows faster than one walks, so that no ray steps through it."""
    rng = np.random.default_rng(0)
    p = rng.uniform([-2.5, 0, -1.5], [2.5, 2.6, 2.5], (20_000, 3)).astype(np.float32)
    q = p + rng.normal(0, 0.05, p.shape).astype(np.float32)
    there, here = (np.stack(landmark.distances(*jnp.asarray(points).T), -1) for points in (p, q))
    assert (np.abs(there - here) <= 1.001 * np.linalg.norm(p - q, axis=1)[:, None] + 1e-5).all()


def test_rays_meet_ground_wall_and_sky():
    down, hit = landmark.march(jnp.array([2.2, 1.7, 2.0]), jnp.array([0.0, -1.0, 0.0]))
    np.testing.assert_allclose(down, 1.7, atol=2e-3)
    assert hit
    wall, hit = landmark.march(jnp.array([-1.25, 0.3, 3.0]), jnp.array([0.0, 0.0, -1.0]))
    np.testing.assert_allclose(wall, 3.0, atol=2e-3)
    niche, _ = landmark.march(jnp.array([0.0, 0.4, 3.0]), jnp.array([0.0, 0.0, -1.0]))
    assert 3.1 < niche < 3.4, "the doors stand back"
    through, _ = landmark.march(jnp.array([1.62, 1.55, 3.0]), jnp.array([0.0, 0.0, -1.0]))
    assert through > 5, "one can look through the belfry"
    assert not landmark.march(jnp.array([0.0, 3.0, 3.0]), jnp.array([0.0, 1.0, 0.0]))[1]


def test_nothing_about_the_scene_is_symmetric():
    """A tenth of what is solid would be air in the mirror, or the other way round."""
    rng = np.random.default_rng(1)
    x, y, z = jnp.asarray(rng.uniform([-2, 0.05, -1], [2, 2.4, 2], (20_000, 3)), jnp.float32).T
    solid, mirrored = (np.min(landmark.distances(side, y, z), axis=0) < 0 for side in (x, -x))
    assert (solid != mirrored).mean() > 0.1 * solid.mean()


def test_the_sun_casts_shadows():
    """Beside the statue's plinth, at x = -1, it is dark on the side away from the sun."""
    right, left = [-0.6, 0.001, 0.95], [-1.4, 0.001, 0.95]
    from_left, from_right = lit_from([-1, 0.6, 0.1]), lit_from([1, 0.6, 0.1])
    for light, dark, bright in ((from_left, right, left), (from_right, left, right)):
        shadow, sun = (colour_at([p[0], 1.5, 1.6], p, light) for p in (dark, bright))
        assert (shadow < 0.7 * sun).all()


def test_hours_have_their_light():
    morning, noon, evening, night = (photographer.light_at(hour) for hour in (7.0, 13.0, 19.0, 22.0))
    assert morning.to_sun[0] > 0.5 and evening.to_sun[0] < -0.5 and noon.to_sun[1] > morning.to_sun[1]
    assert evening.sun[0] / evening.sun[2] > 1.6 * noon.sun[0] / noon.sun[2], "the evening is redder"
    assert night.zenith.sum() < 0.2 * noon.zenith.sum()
    overcast = photographer.light_at(13.0, clouds=1.0)
    assert overcast.sun.sum() < 0.1 * noon.sun.sum() and np.ptp(overcast.zenith) < 0.1
    for light in (morning, noon, evening, night, overcast):
        np.testing.assert_allclose(np.linalg.norm(light.to_sun), 1, rtol=1e-6)
        assert all((part >= 0).all() for part in light[1:])


def test_people_stand_before_what_is_behind_them():
    person = People(jnp.array([[1.5, 1.8]]), jnp.array([[0.9, 0.0, 0.0]]))
    eye, chest, above = [1.5, 0.3, 3.5], [1.5, 0.16, 1.8], [1.5, 0.5, 1.8]
    there, nobody = colour_at(eye, chest, people=person), colour_at(eye, chest)
    assert there[0] > 5 * there[1] and np.abs(there - nobody).max() > 0.1
    np.testing.assert_allclose(colour_at(eye, above, people=person), colour_at(eye, above), atol=0.02)


# Photographs


@pytest.fixture(scope="module")
def drawn():
    return photographer.photographs(size=24, count=30)


def test_photographs_differ_and_are_drawn_again_alike(drawn):
    taken, points = drawn
    again, points_again = photographer.photographs(size=24, count=30)
    for a, b in zip(taken, again, strict=True):
        jax.tree.map(np.testing.assert_array_equal, a[1:], b[1:])
    np.testing.assert_array_equal(points, points_again)
    other, _ = photographer.photographs(size=24, count=3, seed=1)
    assert len({photo.image.tobytes() for photo in [*taken, *other]}) == 33
    assert len({photo.image.shape for photo in taken}) >= 3, "several formats"
    means = np.array([photo.image.mean(axis=(0, 1)) for photo in taken])
    assert means.std(axis=0).min() > 8, "one light only"


def test_cameras_are_rigid_and_see_their_points(drawn):
    taken, points = drawn
    assert len(points) == photographer.NUM_POINTS
    for photo in taken:
        rotation = photo.camera_to_world[:, :3]
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-9)
        np.testing.assert_allclose(np.linalg.det(rotation), 1)
        x, y, z = ((points[photo.seen] - photo.camera_to_world[:, 3]) @ rotation).T
        fx, fy, cx, cy = photo.intrinsics
        h, w, _ = photo.image.shape
        assert (z < 0).all() and len(photo.seen) > 100
        assert (np.abs(cx - fx * x / z - w / 2) < w / 2).all() and (np.abs(cy + fy * y / z - h / 2) < h / 2).all()


def test_a_pose_looks_where_it_is_told_to():
    pose = photographer.pose_at(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.5, -1.0]))
    local = (np.array([0.0, 0.5, -1.0]) - pose[:, 3]) @ pose[:, :3]
    np.testing.assert_allclose(local[:2], 0, atol=1e-12)
    assert local[2] < 0 and pose[1, 1] > 0


def test_the_collection_is_kept_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setenv("LEARNIT_CACHE", str(tmp_path / "cache"))
    first = photographer.collection(size=16, count=12)
    monkeypatch.setattr(photographer, "photographs", lambda **_: pytest.fail("drawn again"))
    again = photographer.collection(size=16, count=12)
    jax.tree.map(np.testing.assert_array_equal, first[1:5], again[1:5])
    assert [file.suffix for file in (tmp_path / "cache").iterdir()] == [".npz"]


# Collections


def photograph(name, *, at=(0.0, 0.0, 3.0), shape=(4, 6), seen=(0, 1, 2)):
    image = np.full((*shape, 3), 7, np.uint8)
    pose = photographer.pose_at(np.array(at, float), np.array([0.0, 0.0, -1.0]))
    return tourism.Photograph(name, image, np.array([5.0, 5.0, 3.0, 2.0]), pose, np.array(seen, int))


POINTS = np.array([[0.0, 0, 0], [0, 0, 1], [0, 0, -3], [0, 0, 9]])


def test_splits_are_by_name_and_as_the_authors():
    names = [f"{i:04}.jpg" for i in range(900)]
    dealt = tourism.deal(names[::-1])
    assert dealt["test"] == names[:20] and dealt["validation"] == names[20:25] and dealt["train"] == names[25:]
    assert [len(part) for part in tourism.deal(names[:10]).values()] == [2, 1, 7]
    with pytest.raises(LearnitError, match="there are 4 photographs that can be used; expected at least 5"):
        tourism.deal(names[:4])


def test_near_and_far_come_from_the_points_that_are_seen():
    near, far = tourism.bounds(photograph("a"), POINTS)
    low, high = np.percentile([3, 2, 6], [0.1, 99.9])
    np.testing.assert_allclose([near, far], [0.9 * low, 1.2 * high])
    with pytest.raises(LearnitError, match="no point is seen by behind.jpg"):
        tourism.bounds(photograph("behind.jpg", seen=(3,)), POINTS)


def test_collections_have_one_scale():
    photos = [photograph(f"{i}", at=(i - 3, 0, 5 + i)) for i in range(10)]
    splits = tourism.collect(photos, POINTS, side=8)
    eyes = np.concatenate([views.camera_to_world[:, 0, :, 3] for views in splits.values()])
    np.testing.assert_allclose(np.median(np.linalg.norm(eyes, axis=1)), 3, rtol=1e-5)
    doubled = [p._replace(camera_to_world=p.camera_to_world * [1, 1, 1, 2]) for p in photos]
    again = tourism.collect(doubled, 2 * POINTS, side=8)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), splits, again)
    assert splits["train"].images.shape == (7, 1, 8, 8, 3)
    assert splits["train"].valid[0, 0].tolist() == [0, 4, 0, 6] and not splits["train"].images[:, 0, 4:].any()
    with pytest.raises(LearnitError, match="3 has 6 x 4 pixels: expected 2 to 5 a side"):
        tourism.collect(photos, POINTS, side=5)


def test_halves_share_a_photograph():
    views = tourism.collect([photograph(f"{i}", shape=(4, 7)) for i in range(10)], POINTS, side=8)["train"]
    left, right = tourism.halves(views)
    assert left.valid[0, 0].tolist() == [0, 4, 0, 3] and right.valid[0, 0].tolist() == [0, 4, 3, 7]
    assert isinstance(left, Views) and left.images is views.images


def test_smaller_photographs_have_smaller_cameras():
    views = tourism.collect([photograph(f"{i}", shape=(40, 60)) for i in range(10)], POINTS, side=80)["train"]
    smaller = tourism.at_most(views, 40)
    assert smaller.images.shape[2:4] == (40, 40) and smaller.valid[0, 0].tolist() == [0, 20, 0, 30]
    np.testing.assert_allclose(smaller.intrinsics, views.intrinsics / 2)
    assert (smaller.images[0, 0, :20, :30] == 7).all() and not smaller.images[0, 0, 20:].any()
    assert tourism.at_most(views, 80) is views
