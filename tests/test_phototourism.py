"""Collections of photographs: the landmark goes through COLMAP's files and comes back, real photographs fit their
points, and what cannot be used is named."""

import importlib
import os
from pathlib import Path

import local_server as serve
import numpy as np
import pytest
from PIL import Image

from getting import commandline, lenses, photographs
from learnit_core.errors import LearnitError
from learnit_core.experiments import tourism as experiment
from learnit_core.signals import photographer, prepared, tourism
from learnit_core.signals.cameras import Camera
from learnit_core.structures import Views

pycolmap = pytest.importorskip("pycolmap")

SIZE, COUNT = 24, 30
REAL = Path(os.environ.get("LEARNIT_SHARED", Path(__file__).parents[2] / "shared")) / "data" / "sacre_coeur"


@pytest.fixture(scope="module")
def drawn():
    """Photographs of the landmark and its points."""
    return photographer.photographs(size=SIZE, count=COUNT)


def project(points, pose, intrinsics):
    """Pixels (u, v) by the convention of Views, written out once more."""
    x, y, z = ((points - pose[:, 3]) @ pose[:, :3]).T
    return np.stack([intrinsics[2] - intrinsics[0] * x / z, intrinsics[3] + intrinsics[1] * y / z], axis=1)


def model_of(taken, points, *, camera_model="PINHOLE", unseen=()):
    """What COLMAP would have found: a camera for each photograph, and the points with their tracks."""
    model = pycolmap.Reconstruction()
    tracks = [pycolmap.Track() for _ in points]
    for number, photo in enumerate(taken, 1):
        h, w, _ = photo.image.shape
        fx, fy, cx, cy = photo.intrinsics
        params = {"PINHOLE": [fx, fy, cx, cy], "OPENCV_FISHEYE": [fx, fy, cx, cy, 0, 0, 0, 0]}[camera_model]
        model.add_camera_with_trivial_rig(
            pycolmap.Camera(camera_id=number, model=camera_model, width=w, height=h, params=params)
        )
        rotation = photo.camera_to_world[:, :3] * [1, -1, -1]
        pose = pycolmap.Rigid3d(pycolmap.Rotation3d(rotation.T), -rotation.T @ photo.camera_to_world[:, 3])
        seen = [] if photo.name in unseen else photo.seen
        places = project(points[seen], photo.camera_to_world, photo.intrinsics) if len(seen) else np.zeros((0, 2))
        image = pycolmap.Image(name=photo.name, keypoints=places, camera_id=number, image_id=number)
        model.add_image_with_trivial_frame(image, pose)
        for index, point in enumerate(seen):
            tracks[point].add_element(number, index)
    for xyz, track in zip(points, tracks, strict=True):
        model.add_point3D(xyz, track)
    return model


def write_collection(folder, taken, model, *, text=False):
    (folder / "dense" / "images").mkdir(parents=True)
    (folder / "dense" / "sparse").mkdir()
    for photo in taken:
        Image.fromarray(photo.image).save(folder / "dense" / "images" / photo.name)
    (model.write_text if text else model.write_binary)(str(folder / "dense" / "sparse"))


def call(*arguments):
    """Run the script in this process; returns its exit code."""
    return commandline.run(importlib.import_module("phototourism").main, [*map(str, arguments)])


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEARNIT_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])
def test_the_landmark_through_colmap_is_the_landmark(place, drawn, text):
    taken, points = drawn
    write_collection(place / "in", taken, model_of(taken, points), text=text)
    assert call("square", "--from", place / "in", "--size", SIZE) == 0
    found = experiment.prepared_collection(place / "data" / "phototourism-square")
    expected = tourism.collect(taken, points, side=SIZE)
    for split in prepared.SPLITS:
        there, here = getattr(found, split), expected[split]
        np.testing.assert_array_equal(there.images, here.images)
        np.testing.assert_array_equal(there.valid, here.valid)
        for name in ("intrinsics", "camera_to_world", "near", "far"):
            np.testing.assert_allclose(getattr(there, name), getattr(here, name), rtol=1e-5, atol=1e-5, err_msg=name)
    assert [len(part.images) for part in (found.train, found.validation, found.test)] == [21, 3, 6]
    assert found.points.shape == points.shape
    assert importlib.import_module("prepare").main(["--check", str(place / "data" / "phototourism-square")]) is None


def test_prepared_photographs_are_scaled_with_their_cameras(place, drawn):
    taken, points = drawn
    write_collection(place / "in", taken, model_of(taken, points))
    assert call("square", "--from", place / "in", "--size", SIZE // 2) == 0
    found = experiment.prepared_collection(place / "data" / "phototourism-square")
    whole = tourism.collect(taken, points, side=SIZE)
    np.testing.assert_allclose(found.test.intrinsics, whole["test"].intrinsics / 2, rtol=0.05)
    np.testing.assert_allclose(found.test.near, whole["test"].near, rtol=1e-4)
    top, bottom, left, right = whole["test"].valid[0, 0]
    whole_mean = whole["test"].images[0, 0, top:bottom, left:right].mean()
    top, bottom, left, right = found.test.valid[0, 0]
    np.testing.assert_allclose(found.test.images[0, 0, top:bottom, left:right].mean(), whole_mean, rtol=0.02)


def test_an_archive_is_fetched_with_its_list_and_stereo_is_passed_over(place, drawn):
    taken, points = drawn
    write_collection(place / "in", taken, model_of(taken, points))
    contents = {
        f"trevi_fountain/{path.relative_to(place / 'in').as_posix()}": path.read_bytes()
        for path in sorted((place / "in").rglob("*"))
        if path.is_file()
    }
    contents["trevi_fountain/dense/stereo/images/photo_0003.png"] = b"a depth map, as large as all the rest"
    listed = "".join(f"{photo.name}\t{i if i % 5 else ''}\ttrain\ttrevi\n" for i, photo in enumerate(taken))
    server = serve.Server()
    try:
        archive = server.url("trevi_fountain.tar.gz", serve.tar(contents))
        list_url = server.url("trevi.tsv", ("filename\tid\tsplit\tdataset\n" + listed).encode())
        (place / "sources.toml").write_text(
            '[phototourism-trevi]\ntitle = "The fountain"\nlicence = "Creative Commons"\naccept_terms = false\n'
            '[[phototourism-trevi.sources]]\nname = "one"\nkind = "http"\nlogin = false\nlast_verified = "never"\n'
            f'files = [{{ name = "trevi_fountain.tar.gz", url = "{archive}" }}, '
            f'{{ name = "trevi.tsv", url = "{list_url}" }}]\n'
        )
        assert call("trevi", "--manifest", place / "sources.toml", "--size", SIZE) == 0
    finally:
        server.close()
    about = prepared.describe(place / "data" / "phototourism-trevi")
    names = [name for split in prepared.SPLITS for name in about["splits"][split]["names"]]
    assert len(names) == 24 and not {"photo_0000.png", "photo_0005.png"} & set(names)
    assert about["splits"]["test"]["names"] == sorted(names)[:4]
    assert about["origin"][0]["sum"].endswith("none is known to compare it with")


# What cannot be used


def refused(place, capsys, *more):
    """What the script says as it stops; nothing half-made is left."""
    assert call("square", "--from", place / "in", "--size", SIZE, *more) == 1
    assert not (place / "data").exists() or not list((place / "data").iterdir())
    return capsys.readouterr().err


def test_a_model_without_points(place, drawn, capsys):
    taken, points = drawn
    write_collection(place / "in", taken, model_of(taken, points[:0], unseen={photo.name for photo in taken}))
    assert "has no points" in (said := refused(place, capsys)) and "--reconstruct" in said


def test_images_that_are_missing(place, drawn, capsys):
    taken, points = drawn
    write_collection(place / "in", taken, model_of(taken, points))
    (place / "in" / "dense" / "images" / "photo_0007.png").unlink()
    said = refused(place, capsys)
    assert "1 of the 30 photographs of the model, such as photo_0007.png, are not there" in said
    assert call("square", "--from", place / "in", "--size", SIZE, "--leave-out") == 0
    about = prepared.describe(place / "data" / "phototourism-square")
    assert about["skipped"] == ["photo_0007.png"] and sum(e["count"] for e in about["splits"].values()) == 29


def test_all_images_missing(place, drawn, capsys):
    taken, points = drawn
    write_collection(place / "in", taken, model_of(taken, points))
    for path in (place / "in" / "dense" / "images").iterdir():
        path.unlink()
    assert "expected them in a folder 'images' beside the model" in refused(place, capsys, "--leave-out")


def test_an_unsupported_camera(place, drawn, capsys):
    taken, points = drawn
    write_collection(place / "in", taken, model_of(taken, points, camera_model="OPENCV_FISHEYE"))
    said = refused(place, capsys)
    assert "photo_0000.png has a camera of the model OPENCV_FISHEYE" in said and "undistort the photographs" in said


def test_a_photograph_that_no_point_sees(place, drawn, capsys):
    taken, points = drawn
    write_collection(place / "in", taken, model_of(taken, points, unseen={"photo_0004.png"}))
    assert "no point of the model is seen by photo_0004.png" in refused(place, capsys)


def test_another_aspect(place, drawn, capsys):
    taken, points = drawn
    write_collection(place / "in", taken, model_of(taken, points))
    turned = place / "in" / "dense" / "images" / "photo_0002.png"
    Image.open(turned).transpose(Image.Transpose.ROTATE_90).save(turned)
    said = refused(place, capsys)
    assert "photo_0002.png has" in said and "another aspect" in said and "that the model was made from" in said


def test_a_folder_without_a_model_or_with_a_broken_one(place, drawn, capsys):
    taken, points = drawn
    write_collection(place / "in", taken, model_of(taken, points))
    (place / "in" / "dense" / "sparse" / "images.bin").write_bytes(b"1234")
    assert "cannot be read" in refused(place, capsys)
    (place / "in" / "dense" / "sparse" / "images.bin").unlink()
    assert "is no COLMAP model" in (said := refused(place, capsys)) and "--reconstruct" in said


def test_an_interruption_leaves_nothing(place, drawn, monkeypatch):
    taken, points = drawn
    write_collection(place / "in", taken, model_of(taken, points))

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(photographs.np, "save", stopped)  # after all arrays are written, before the description
    assert call("square", "--from", place / "in", "--size", SIZE) == 130
    assert not list((place / "data").iterdir())


def test_a_place_that_nobody_knows(place, capsys):
    assert call("eiffel") == 1
    assert "expected one of trevi, sacre-coeur, brandenburg" in capsys.readouterr().err


def test_a_list_that_is_none():
    with pytest.raises(LearnitError, match="expected columns filename and id"):
        photographs.usable(b"name\n1.jpg\n")
    with pytest.raises(LearnitError, match="names none of its 1 photographs with an id"):
        photographs.usable(b"filename\tid\n1.jpg\t\n")


# Lens distortion


def test_distortion_is_taken_out():
    """White dots where a distorting camera sees points are found where the prepared pinhole sees them."""
    bent = Camera("SIMPLE_RADIAL", 200, 150, (160.0, 100.0, 75.0, -0.15))
    camera = pycolmap.Camera(camera_id=1, model=bent.model, width=200, height=150, params=list(bent.params))
    picture = np.zeros((150, 200, 3), np.uint8)
    directions = np.array([[x, y, 1.0] for x in (-0.4, 0.0, 0.4) for y in (-0.3, 0.0, 0.3)])
    for u, v in camera.img_from_cam(directions):
        picture[int(v) - 1 : int(v) + 2, int(u) - 1 : int(u) + 2] = 255
    image, pinhole = lenses.undistorted(Image.fromarray(picture), bent)
    fx, fy, cx, cy = pinhole.intrinsics
    bright = np.argwhere(np.asarray(image)[..., 0] > 120)[:, ::-1] + 0.5
    for x, y, _ in directions:
        u, v = fx * x + cx, fy * y + cy
        assert np.linalg.norm(bright - [u, v], axis=1).min() < 1.5


# Real photographs


def reprojection(model, found: Views, names):
    """Distances [pixels] between where the model's points were seen and where the prepared cameras see them."""
    centre, factor = tourism.normalisation(
        np.array(
            [-i.cam_from_world().rotation.matrix().T @ i.cam_from_world().translation for i in model.images.values()]
        ),
        np.array([model.points3D[point].xyz for point in sorted(model.points3D)]),
    )
    errors = []
    for image in model.images.values():
        if image.name not in names:
            continue
        index, camera = names.index(image.name), model.cameras[image.camera_id]
        seen = [p for p in image.points2D if p.has_point3D()]
        points = (np.array([model.points3D[p.point3D_id].xyz for p in seen]) - centre) * factor
        _, h, _, w = found.valid[index, 0]
        places = np.array([p.xy for p in seen]) * [w / camera.width, h / camera.height]
        expected = project(points, found.camera_to_world[index, 0], found.intrinsics[index, 0])
        errors += list(np.linalg.norm(expected - places, axis=1))
    return np.array(errors)


@pytest.mark.skipif(not REAL.is_dir(), reason="no real photographs here")
@pytest.mark.parametrize("size", [64, 1024])
def test_real_photographs_see_the_points_where_the_model_does(place, size):
    assert call("church", "--from", REAL, "--size", size) == 0
    found = experiment.prepared_collection(place / "data" / "phototourism-church")
    names = prepared.describe(place / "data" / "phototourism-church")["splits"]
    model = pycolmap.Reconstruction(REAL / "sparse")
    for split in prepared.SPLITS:
        errors = reprojection(model, getattr(found, split), names[split]["names"])
        assert len(errors) > 300 and errors.mean() < (1.0 if size == 1024 else 0.1)
    assert (found.train.near > 0).all() and (found.train.near < found.train.far).all()


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="no real photographs here")
def test_cameras_are_found_for_photographs_only(place):
    assert call("church", "--from", REAL / "images", "--reconstruct", "--size", 64) == 0
    about = prepared.describe(place / "data" / "phototourism-church")
    assert sum(entry["count"] for entry in about["splits"].values()) >= 8
