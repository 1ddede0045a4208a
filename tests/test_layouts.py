"""Posed pictures in three layouts: the same scene, photographed independently of the readers, comes out the same."""

import json

import numpy as np
import pytest
from local_server import png, zipped
from test_signals import SHARED

from getting import commandline, hull, mirrors
from getting.scenes import ENOUGH
from learnit_core.errors import LearnitError
from learnit_core.signals import layouts, prepared

SIDE, FOCAL, RADIUS = 64, 1.4, 4.0  # the focal length in widths of a picture
BALLS = np.array([[0.75, 0.1, 0.0], [-0.3, 0.6, 0.45], [0.0, -0.55, -0.6], [-0.65, -0.2, 0.3]])  # no symmetry
COLOURS = np.array([[255, 0, 0], [0, 200, 0], [0, 0, 255], [200, 0, 200]])
ANGLES = [(40 * i, 25 * np.sin(i) + 10) for i in range(9)]  # azimuth and elevation [degrees]


def camera(azimuth, elevation, radius=RADIUS):
    """Right, down and forward axes (rows) and position of a camera that looks at the origin, z up."""
    a, e = np.radians([azimuth, elevation])
    position = radius * np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    forward = -position / radius
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward]), position


def photograph(axes, position, scale=1.0):
    """RGBA picture of the balls: each a disc at the pinhole image of its centre, the nearer over the farther."""
    picture = np.zeros((SIDE, SIDE, 4), np.uint8)
    columns, rows = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    seen = (BALLS * scale - position) @ axes.T
    for i in np.argsort(-seen[:, 2]):
        x, y, depth = seen[i]
        u, v = SIDE * (FOCAL * x / depth + 0.5), SIDE * (FOCAL * y / depth + 0.5)
        disc = (columns - u) ** 2 + (rows - v) ** 2 < (SIDE * FOCAL * 0.22 * scale / depth) ** 2
        picture[disc] = [*COLOURS[i], 255]
    return picture


def files(layout, radius=RADIUS):
    """The files of one object in a layout."""
    cameras = [camera(a, e, radius) for a, e in ANGLES]
    pictures = [png(photograph(*c, scale=radius / RADIUS)) for c in cameras]
    if layout == "enr":
        params = {f"{i:05d}": {"azimuth": a, "elevation": e} for i, (a, e) in enumerate(ANGLES)}
        made = {"render_params.json": json.dumps(params).encode()}
        return made | {f"{i:05d}.png": picture for i, picture in enumerate(pictures)}
    poses = []
    for axes, position in cameras:
        pose = np.eye(4)
        pose[:3, :3] = axes.T * ([1, -1, -1] if layout == "authors" else [1, 1, 1])
        pose[:3, 3] = position
        poses.append(pose)
    if layout == "srn":  # its intrinsics speak of pictures of twice the side
        made = {
            "intrinsics.txt": f"{2 * SIDE * FOCAL} {SIDE} {SIDE} 0.\n0. 0. 0.\n1.\n{2 * SIDE} {2 * SIDE}\n".encode()
        }
        made |= {f"pose/{i:06d}.txt": " ".join(map(str, pose.ravel())).encode() for i, pose in enumerate(poses)}
        return made | {f"rgb/{i:06d}.png": picture for i, picture in enumerate(pictures)}
    frames = [{"file_path": f"./r_{i:03d}", "transform_matrix": pose.tolist()} for i, pose in enumerate(poses)]
    about = {"camera_angle_x": 2 * np.arctan(0.5 / FOCAL), "frames": frames}
    made = {"transforms.json": json.dumps(about).encode()}
    return made | {f"r_{i:03d}.png": picture for i, picture in enumerate(pictures)}


def read(layout, contents, size=SIDE, **more):
    options = {"enr": dict(focal=FOCAL, radius=RADIUS, bounds=(2.0, 6.0)), "srn": dict(bounds=(2.0, 6.0))}.get(
        layout, {}
    )
    return getattr(layouts, layout)(contents, size=size, **options | more)


def project(views, points):
    """Image coordinates (u, v) [views, points, 2] and depths, by the formula in the docstring of Views."""
    rotation, position = views.camera_to_world[:, :, :3], views.camera_to_world[:, :, 3]
    p = np.einsum("vij,vpi->vpj", rotation, points[None] - position[:, None])
    fx, fy, cx, cy = views.intrinsics.T[..., None]
    return np.stack([cx - fx * p[..., 0] / p[..., 2], cy + fy * p[..., 1] / p[..., 2]], axis=-1), -p[..., 2]


@pytest.mark.parametrize("layout", layouts.MARKS)
@pytest.mark.parametrize("size", [SIDE, SIDE // 2])
def test_points_are_seen_where_the_cameras_say(layout, size):
    views = read(layout, files(layout), size=size)
    assert views.images.shape == (len(ANGLES), size, size, 3) and views.images.dtype == np.uint8
    np.testing.assert_array_equal(views.valid, np.tile([0, size, 0, size], (len(ANGLES), 1)))
    places, depths = project(views, BALLS)
    assert (depths > views.near[:, None]).all() and (depths < views.far[:, None]).all()
    found = 0
    for image, at in zip(views.images, places, strict=True):
        assert (image[0, 0] == 255).all(), "transparent is white"
        for colour, (u, v) in zip(COLOURS, at, strict=True):
            rows, columns = np.nonzero(np.abs(image.astype(int) - colour).max(axis=-1) < 8)
            whole = 3.14 * (size * FOCAL * 0.22 / RADIUS) ** 2
            # Not hidden by another ball; of smaller pictures only the inner pixels have the pure colour.
            if len(rows) > (0.8 if size == SIDE else 0.4) * whole:
                assert np.hypot(columns.mean() + 0.5 - u, rows.mean() + 0.5 - v) < 0.6
                found += 1
    assert found > 20


def test_all_layouts_give_the_same():
    first, *others = [read(layout, files(layout)) for layout in layouts.MARKS]
    for other in others:
        for one, same in zip(first, other, strict=True):
            assert one.dtype == same.dtype
            np.testing.assert_allclose(same, one, atol=1e-5)


@pytest.mark.parametrize("layout", layouts.MARKS)
def test_a_visual_hull_covers_the_silhouettes_only_with_the_right_cameras(layout):
    views = read(layout, files(layout))
    assert hull.agreement(views) > 0.9
    wrong_axes = views.camera_to_world * np.array([1, -1, -1, 1], np.float32)
    upside_down = views.camera_to_world * np.array([-1, -1, 1, 1], np.float32)
    of_others = views.camera_to_world[np.r_[1 : len(ANGLES), 0]]
    for wrong in (wrong_axes, upside_down, of_others):
        assert hull.agreement(views._replace(camera_to_world=wrong)) < ENOUGH
    if layout == "enr":
        assert hull.agreement(read(layout, files(layout), azimuth_sign=-1)) < ENOUGH


# The whole way


def tree(layout, count=5):
    """A set of objects in the set's own folders, of which some are empty or incomplete."""
    made = {}
    whole = files(layout, 1.3 if layout == "srn" else RADIUS)
    for i in range(count):
        folder = (
            f"cars/object{i}"
            if layout == "authors"
            else f"cars_{('train', 'train', 'train', 'val', 'test')[i]}/object{i}"
        )
        made |= {f"{folder}/{name}": content for name, content in whole.items()}
    if layout == "authors":
        made["car_splits.json"] = json.dumps(
            {"train": ["object0", "object1", "object2", "gone"], "val": ["object3"], "test": ["object4"]}
        ).encode()
    return made


@pytest.mark.parametrize("layout", layouts.MARKS)
@pytest.mark.parametrize("archive", [False, True], ids=["folder", "zip"])
def test_each_layout_end_to_end(tmp_path, layout, archive, capsys):
    import shapenet

    made = tree(layout)
    first = next(name for name in made if name.endswith(".png"))
    broken = made.pop(first)  # object0 lacks a picture
    assert broken
    if archive:
        (source := tmp_path / "set.zip").write_bytes(zipped(made))
    else:
        source = tmp_path / "set"
        for name, content in made.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(content)
    more = ["--focal", str(FOCAL), "--radius", str(RADIUS), "--size", "32", "--to", str(tmp_path / "out")]
    more += ["--near", "2", "--far", "6"] if layout == "enr" else []
    assert commandline.run(shapenet.main, ["cars", "--from", str(source), *more]) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    assert "object0" in said.out + said.err and "Warning" not in said.out + said.err
    name, splits, note = prepared.scenes(tmp_path / "out")
    assert [len(splits[split]) for split in prepared.SPLITS] == [2, 1, 1] and name == "shapenet-cars"
    assert splits["train"].names == ["object1", "object2"] and splits["test"].names == ["object4"]
    views = splits["train"][1]
    assert views.images.shape == (9, 32, 32, 3) and splits["train"][:2].near.shape == (2, 9)
    bounds = {"srn": (0.8, 1.8)}.get(layout, (2, 6))
    assert (views.near[0], views.far[0]) == pytest.approx(bounds)
    assert hull.agreement(views) > 0.85
    assert prepared.describe(tmp_path / "out")["hull_agreement"] > 0.85


def test_cameras_that_do_not_fit_are_warned_about(tmp_path, capsys):
    import shapenet

    (source := tmp_path / "set.zip").write_bytes(zipped(tree("enr")))
    more = ["--focal", str(FOCAL), "--radius", "4", "--near", "2", "--far", "6", "--size", "32", "--mirrored"]
    assert commandline.run(shapenet.main, ["cars", "--from", str(source), *more, "--to", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "Warning: the visual hulls" in said.out + said.err


def test_what_enr_lacks_is_asked_for_before_the_download(tmp_path, monkeypatch, capsys):
    import shapenet

    tried = []

    def obtain(data, sources, *_):
        tried.extend(source.name for source in sources)
        raise LearnitError("none answers")

    monkeypatch.setattr(mirrors, "obtain", obtain)
    monkeypatch.chdir(tmp_path)
    assert commandline.run(shapenet.main, ["chairs", "--accept-terms", "--source", "enr"]) == 1
    assert "expected --focal and --radius" in capsys.readouterr().err and not tried
    assert commandline.run(shapenet.main, ["chairs", "--accept-terms"]) == 1
    assert tried == ["authors", "srn"]
    (source := tmp_path / "set.zip").write_bytes(zipped(tree("enr")))
    assert commandline.run(shapenet.main, ["cars", "--from", str(source)]) == 1
    assert "expected --focal and --radius" in capsys.readouterr().err


def test_an_empty_test_split_is_replaced_and_said(tmp_path):
    import shapenet

    made = tree("authors")
    listed = {"train": [f"object{i}" for i in range(4)], "val": ["object4"], "test": []}
    (source := tmp_path / "set.zip").write_bytes(zipped(made | {"car_splits.json": json.dumps(listed).encode()}))
    shapenet.main(["cars", "--from", str(source), "--size", "16", "--to", str(tmp_path / "out")])
    _, splits, note = prepared.scenes(tmp_path / "out")
    assert splits["test"].names == ["object4"] and len(splits["validation"]) == 1 and len(splits["train"]) == 3
    assert "Test is what the set calls val" in note and "Validation is 1 of the training objects" in note


def spoilt(layout, **changes):
    made = files(layout)
    for name, change in changes.items():
        key = next(key for key in sorted(made) if name in key)
        made[key] = change(made[key]) if callable(change) else change
    return made


def edit(change):
    def edited(content):
        about = json.loads(content)
        change(about)
        return json.dumps(about).encode()

    return edited


@pytest.mark.parametrize(
    "layout, changes, said",
    [
        ("authors", dict(transforms=edit(lambda a: a.pop("camera_angle_x"))), "camera_angle_x"),
        ("authors", dict(transforms=edit(lambda a: a.update(camera_angle_x=4.0))), "camera_angle_x is 4.0"),
        ("authors", dict(transforms=edit(lambda a: a.update(frames=[]))), "no pictures"),
        ("authors", dict(transforms=edit(lambda a: a["frames"][0].pop("file_path"))), "file_path"),
        ("authors", dict(transforms=edit(lambda a: a["frames"][0].update(file_path="../x"))), r"\.\./x is missing"),
        (
            "authors",
            dict(transforms=edit(lambda a: a["frames"][0]["transform_matrix"][0].__setitem__(0, 9.0))),
            "rigid",
        ),
        ("authors", dict(transforms=b"["), "not JSON"),
        ("authors", dict(r_003=b"not a picture"), "r_003.png is not a picture of a known kind"),
        ("authors", dict(r_003=png(np.zeros((8, 9, 4), np.uint8))), "9 x 8 pixels; expected 64 x 64"),
        ("srn", dict(intrinsics=b"1 2\n"), "not as expected"),
        ("srn", {"pose/000002": b"1 2 3"}, "16 numbers"),
        ("srn", {"pose/000002": b" ".join([b"nan"] * 16)}, "finite"),
        ("enr", dict(render_params=edit(lambda a: a.pop("00004"))), "no azimuth and elevation for 00004.png"),
    ],
)
def test_a_broken_object_is_named(layout, changes, said):
    with pytest.raises(LearnitError, match=said):
        read(layout, spoilt(layout, **changes))


def test_what_is_no_set_of_objects_is_said():
    with pytest.raises(LearnitError, match="no layout"):
        layouts.objects(["a/b.png"])
    with pytest.raises(LearnitError, match="'authors', 'enr'"):
        layouts.objects(["a/transforms.json", "b/render_params.json"])


@pytest.mark.skipif(not (SHARED / "cars").is_dir(), reason="needs vehicles of real meshes (LEARNIT_SHARED)")
def test_real_meshes_in_the_authors_layout(tmp_path):
    import shapenet

    shapenet.main(["cars", "--from", str(SHARED / "cars"), "--limit", "10", "--to", str(tmp_path / "out")])
    assert prepared.describe(tmp_path / "out")["hull_agreement"] > 0.85
