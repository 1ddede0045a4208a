"""Objects made of signed distances: shapes in closed form, what rays see of them, and that no two are the same."""

import itertools

import jax
import numpy as np
import pytest

from learnit_core.errors import LearnitError
from learnit_core.signals import objects
from learnit_core.signals.objects import shapes, tracing
from learnit_core.structures import Views
from learnit_core.volume import camera_rays

RNG = np.random.default_rng(0)
POINTS = tuple(RNG.uniform(-2, 2, (3, 500)))
LIGHT = dict(direction=np.array([0, 0, 1.0]), lamp=0.0, all_around=1.0)


def norm(*parts):
    return np.sqrt(sum(np.square(part) for part in parts))


def test_simple_shapes_in_closed_form():
    x, y, z = POINTS
    np.testing.assert_allclose(shapes.rod(POINTS, (0, 0, 0), (0, 0, 0), 0.5, 0.5), norm(x, y, z) - 0.5, atol=1e-6)
    outside = norm(*(np.maximum(np.abs(c) - h, 0) for c, h in zip(POINTS, (0.3, 0.5, 0.7), strict=True)))
    found = shapes.box(POINTS, (0.3, 0.5, 0.7))
    np.testing.assert_allclose(found[outside > 0], outside[outside > 0], atol=1e-9)
    assert (found[outside == 0] <= 0).all()
    np.testing.assert_allclose(shapes.disc(POINTS, 5.0, 0.25), np.abs(z) - 0.25, atol=1e-9)


@pytest.mark.parametrize(
    "distance",
    [
        lambda p: shapes.box(p, (0.4, 0.5, 0.6), 0.1),
        lambda p: shapes.disc(p, 0.7, 0.2, axis=1, edge=0.05),
        lambda p: shapes.cone(p, 0.6, 0.2, 0.4, hollow=0.02),
        lambda p: shapes.cone(p, 0.6, 0.6, 0.3, square=True),
        lambda p: shapes.rod(p, (0, 0, -0.5), (0.3, 0.2, 0.5), 0.05, 0.04),
        lambda p: shapes.without(shapes.box(p, (0.5, 0.5, 0.5)), shapes.disc(p, 0.2, 1.0)),
        lambda p: shapes.box(shapes.turned(shapes.moved(p, 0.1, 0.2, 0.3), 0.7), (0.2, 0.3, 0.4)),
        lambda p: shapes.box(shapes.repeated(p, 0, 0.4, 3), (0.1, 0.3, 0.3)),
    ],
)
def test_no_step_by_a_distance_passes_a_surface(distance):
    """Distances differ by no more than points do, so that a ball of that radius is free."""
    other = tuple(c + RNG.normal(0, 0.05, c.shape) for c in POINTS)
    apart = norm(*(a - b for a, b in zip(POINTS, other, strict=True)))
    assert (np.abs(distance(POINTS) - distance(other)) <= apart * 1.02 + 1e-6).all()


def test_a_sphere_is_seen_where_it_is():
    """A ball of radius 0.5 from distance 4 covers the rays within asin(0.5 / 4); its middle shows its own colour."""
    size = 41

    def parts(numbers, p):
        return [shapes.Part(norm(*p) - numbers["radius"], (0.6, 0.2, 0.1))]

    pose, camera = objects.look_at(0.7, 0.3), objects.intrinsics(size)
    origins, directions = (np.asarray(r).reshape(-1, 3) for r in camera_rays(size, size, camera, pose))
    light = LIGHT | {"direction": pose[:, 2]}
    seen = tracing.trace(parts, {"radius": 0.5}, light, origins, directions, 1 / float(camera[0])).reshape(
        size, size, 3
    )
    offset = (np.arange(size) + 0.5 - size / 2) / camera[0]
    angle = np.arctan(norm(offset[:, None], offset[None, :]))
    inside, margin = angle < np.arcsin(0.5 / 4), 0.6 / camera[0]
    assert (seen[angle > np.arcsin(0.5 / 4) + margin] == 255).all()
    assert (seen[angle < np.arcsin(0.5 / 4) - margin].max(axis=-1) < 200).all() and inside.any()
    shade = seen[size // 2, size // 2] / (255 * np.array([0.6, 0.2, 0.1]))
    np.testing.assert_allclose(shade, 0.8 + 0.2 * 0.3, rtol=0.05)  # nothing before it takes light away


@pytest.mark.parametrize("name", objects.CLASSES)
def test_objects_stay_within_their_sphere_and_differ(name):
    """Everything that is traced lies within the sphere, for many objects; and no two have the same numbers."""
    directions = np.random.default_rng(1).normal(size=(2000, 3))
    shell = tuple((directions / np.linalg.norm(directions, axis=1, keepdims=True) * tracing.RADIUS).T)
    drawn = [objects.CLASSES[name].draw(np.random.default_rng([9, i])) for i in range(150)]
    for numbers in drawn:
        distance = np.min([part.distance for part in objects.CLASSES[name].parts(numbers, shell)], axis=0)
        assert distance.min() > 0
    assert len({repr(sorted(numbers.items())) for numbers in drawn}) == len(drawn)


@pytest.mark.parametrize("name", objects.CLASSES)
def test_splits_are_views_of_different_objects(name, tmp_path, monkeypatch):
    monkeypatch.setenv("LEARNIT_CACHE", str(tmp_path))
    train, validation, test = objects.splits(name, size=12, counts=(3, 2, 2), num_views=4)
    assert train.images.shape == (3, 2, 12, 12, 3) and test.images.shape == (2, 4, 12, 12, 3)
    pictures = [p.tobytes() for views in (train, validation, test) for views_ in views.images for p in views_]
    assert len(set(pictures)) == len(pictures)
    for views in (train, validation, test):
        assert isinstance(views, Views)
        assert (views.images < 200).any(axis=(2, 3, 4)).all()  # every picture shows something
        rotation, position = views.camera_to_world[..., :3], views.camera_to_world[..., 3]
        np.testing.assert_allclose(
            np.swapaxes(rotation, -1, -2) @ rotation, np.broadcast_to(np.eye(3), rotation.shape), atol=1e-5
        )
        np.testing.assert_allclose(np.linalg.norm(position, axis=-1), objects.DISTANCE, rtol=1e-5)
        np.testing.assert_allclose(rotation[..., 2] * objects.DISTANCE, position, atol=1e-5)  # looks at the centre
    # A second time everything comes from the cache, and a damaged cache is rendered again.
    files = sorted(tmp_path.rglob("*.npz"))
    assert len(files) == 3
    monkeypatch.setattr(tracing, "trace", lambda *_: pytest.fail("rendered again"))
    again = objects.splits(name, size=12, counts=(3, 2, 2), num_views=4)
    assert all(
        (a == b).all() for a, b in zip(jax.tree.leaves(again), jax.tree.leaves((train, validation, test)), strict=True)
    )
    monkeypatch.undo()
    monkeypatch.setenv("LEARNIT_CACHE", str(tmp_path))
    for file, damage in itertools.product(files, (b"", b"PK\x03\x04 not an archive")):
        file.write_bytes(damage)
    assert (objects.splits(name, size=12, counts=(3, 2, 2), num_views=4)[0].images == train.images).all()


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LEARNIT_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="cannot be written"):
        objects.splits("lamps", size=8, counts=(1, 0, 0), num_views=2)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"name": "tables"}, "no class of objects is called 'tables': expected one of chairs, lamps, cars"),
        ({"size": 4}, "objects of size 4"),
        ({"num_views": 0}, "0 views"),
    ],
)
def test_what_cannot_be_drawn_is_said(changes, message):
    settings = dict(name="chairs", size=12, counts=(1, 1, 1), num_views=2) | changes
    with pytest.raises(LearnitError, match=message):
        objects.splits(settings.pop("name"), **settings)
