"""Scenes as tools write them: the same balls from Blender, instant-ngp, nerfstudio and SRN, and what is refused."""

import shutil
import warnings

import jax
import local_server as serve
import numpy as np
import pytest
import scene_tools as tools
from PIL import Image
from test_views import TINY

from getting import commandline
from learnit_core.errors import LearnitError
from learnit_core.experiments import views as experiment
from learnit_core.signals import cameras, layouts, prepared, scenes, transforms

FORMS = {
    "Blender": tools.blender,
    "Blender, several files": lambda folder: tools.blender(folder, name="transforms_train.json"),
    "Blender on Windows": lambda folder: tools.blender(folder, path=".\\train\\r_{}"),
    "upper case": lambda folder: tools.blender(folder, suffix=".PNG", path="r_{}"),
    "named in another case": lambda folder: (
        (lens := tools.blender(folder, suffix=".PNG", path="r_{}"))
        and (named(folder, lambda file: f"{file}.png") or lens)
    ),
    "of another machine": lambda folder: (
        (lens := tools.blender(folder)) and (named(folder, lambda file: f"/home/somebody/{file[2:]}") or lens)
    ),
    "one folder up": lambda folder: (
        (lens := tools.blender(folder)) and (named(folder, lambda file: f"../object0/{file[2:]}.png") or lens)
    ),
    "instant-ngp": tools.instant_ngp,
    "instant-ngp, no sides": lambda folder: (
        (lens := tools.instant_ngp(folder)) and (tools.edit(folder / "transforms.json", plain(lens)) or lens)
    ),
    "nerfstudio": tools.nerfstudio,
    "nerfstudio, one lens": lambda folder: tools.nerfstudio(folder, camera_model="PINHOLE"),
}


def named(folder, change):
    """Give the frames other paths."""

    def changed(about):
        for frame in about["frames"]:
            frame["file_path"] = change(frame["file_path"])

    tools.edit(folder / "transforms.json", changed)


def plain(lens):
    """Intrinsics in the pixels of the pictures themselves, without their sides."""

    def changed(about):
        about.pop("w"), about.pop("h")
        about |= dict(zip(("fl_x", "fl_y", "cx", "cy"), lens, strict=True))

    return changed


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def found_balls(views, share=0.75):
    """How many balls are seen, and the largest distance [pixels] from where the cameras say that they are."""
    count, worst = 0, 0.0
    for image, pose, lens in zip(views.images, views.camera_to_world, views.intrinsics, strict=True):
        places, depths = tools.seen(np.vstack([pose, [0, 0, 0, 1]]), lens)
        for colour, (u, v), depth in zip(tools.COLOURS, places, depths, strict=True):
            rows, columns = np.nonzero(np.abs(image.astype(int) - colour).max(axis=-1) < 30)
            whole = np.pi * lens[0] * lens[1] * (tools.BALL / depth) ** 2
            if len(rows) > share * whole:  # not hidden by another, or by the edge
                count += 1
                worst = max(worst, float(np.hypot(columns.mean() + 0.5 - u, rows.mean() + 0.5 - v)))
    return count, worst


@pytest.mark.parametrize("form", FORMS)
def test_the_cameras_see_the_balls_where_they_are(tmp_path, form):
    lens = FORMS[form](tmp_path / "object0")
    views = layouts.authors(contents(tmp_path / "object0"), size=64)
    count, worst = found_balls(views)
    assert count >= 12 and worst < 0.7, (count, worst)
    np.testing.assert_allclose(views.intrinsics[:, :2], [lens[:2]] * 6, rtol=1e-5)
    corner = views.images[:, 0, 0]
    assert (corner >= 250).all(), "background is white"
    places = np.array([tools.seen(pose, lens)[1] for pose in tools.POSES])
    assert (places > views.near[:, None]).all() and (places < views.far[:, None]).all()


@pytest.mark.parametrize("form", ["instant-ngp", "nerfstudio"])
def test_smaller_pictures_have_smaller_focal_lengths(tmp_path, form):
    FORMS[form](tmp_path)
    whole, half = (layouts.authors(contents(tmp_path), size=size) for size in (64, 32))
    np.testing.assert_allclose(half.intrinsics, whole.intrinsics / 2, rtol=1e-6)
    np.testing.assert_array_equal(half.near, whole.near)


def spoil(**changes):
    return lambda about: about.update(changes)


def frame(**changes):
    return lambda about: about["frames"][2].update(changes)


def rotated(change):
    def changed(about):
        matrix = np.array(about["frames"][2]["transform_matrix"])
        about["frames"][2]["transform_matrix"] = change(matrix)

    return changed


FAULTS = {
    "radial distortion": (spoil(k2=0.02), r"distortion \(k2 = 0.02\)"),
    "tangential distortion": (spoil(p1=-0.001), r"distortion \(p1 = -0.001\)"),
    "distortion of one frame": (frame(k1=0.05), r"0002.jpg has a camera with distortion \(k1 = 0.05\)"),
    "a fourth term": (spoil(k4=0.1), "distortion k4 = 0.1"),
    "a model": (spoil(camera_model="EQUIRECTANGULAR"), "camera_model EQUIRECTANGULAR"),
    "a model of one frame": (frame(camera_model="FOV"), "0002.jpg, has the camera_model FOV"),
    "a model that is a list": (spoil(camera_model=[["OPENCV"]]), "camera_model"),
    "a fisheye": (spoil(is_fisheye=True), "has is_fisheye"),
    "a focal length of zero": (spoil(fl_x=0), "fl_x of transforms.json is 0"),
    "a focal length below zero": (spoil(fl_y=-90.0), "fl_y of transforms.json is -90"),
    "a focal length that is tiny": (spoil(fl_x=1e-30), "focal length of 1e-30 pixels"),
    "a focal length that is none": (spoil(fl_x=float("nan")), "fl_x of transforms.json is nan; expected a finite"),
    "a focal length in words": (spoil(fl_x="190"), "fl_x of transforms.json is 190; expected a finite number"),
    "a truth": (spoil(cx=True), "cx of transforms.json is True; expected a finite number"),
    "a principal point elsewhere": (spoil(cx=5000.0), "principal point at 5000"),
    "sides beyond any picture": (spoil(w=1e8, h=1e8), "camera of 100000000 x 100000000 pixels"),
    "another aspect": (spoil(w=128, h=192), "0000.jpg has 96 x 64 pixels, its camera 128 x 192: another aspect"),
    "frames by name": (spoil(frames={"0": {}}), "lacks or spoils 'frames'"),
    "a frame that is a number": (lambda about: about["frames"].__setitem__(1, 7), "'file_path'.* in frame 1 7"),
    "a file that is a number": (frame(file_path=7), "lacks or spoils 'file_path'"),
    "one picture twice": (frame(file_path="images/0001.jpg"), "names images/0001.jpg twice"),
    "a mask that is not there": (frame(mask_path="masks/2.png"), "masks/2.png is missing"),
    "a mask that is a number": (frame(mask_path=1), "the mask_path 1"),
    "a pose of words": (frame(transform_matrix=[["1"] * 4] * 4), "no finite matrix"),
    "a pose within lists": (frame(transform_matrix=[[[1.0] * 4] * 4]), "no finite matrix"),
    "a pose far away": (rotated(lambda m: (m + np.eye(4, k=3) * 1e30).tolist()), "no finite matrix"),
    "a pose of large whole numbers": (frame(transform_matrix=[[10**400] * 4] * 4), "no finite matrix"),
    "a pose transposed": (rotated(lambda m: m.T.tolist()), "last row .* transposed"),
    "a mirrored pose": (rotated(lambda m: (m * [-1, 1, 1, 1]).tolist()), "not a rigid motion"),
    "near beyond far": (spoil(near=6.0, far=2.0), "near 6 and far 2"),
    "near in words": (spoil(near="close", far=2.0), "near of transforms.json is close"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_used_is_named(tmp_path, fault):
    change, said = FAULTS[fault]
    tools.instant_ngp(tmp_path)
    tools.edit(tmp_path / "transforms.json", change)
    with pytest.raises(LearnitError, match=said):
        layouts.authors(contents(tmp_path), size=32)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe\x00",
        b"[]",
        b"7",
        b'"words"',
        b'{"frames":' + b"[" * 50_000,
        b'{"frames": [' + b"1" * 9999 + b"]}",
    ],
    ids=["empty", "no text", "a list", "a number", "words", "nested", "digits"],
)
def test_a_file_that_is_none(text):
    with pytest.raises(LearnitError, match=r"a\.json"):
        transforms.parse(text, "a.json")


def test_near_and_far_of_the_file_count(tmp_path):
    tools.instant_ngp(tmp_path, near=2.5, far=5.5)
    views = layouts.authors(contents(tmp_path), size=32)
    assert (views.near[0], views.far[0]) == (2.5, 5.5)
    views = layouts.authors(contents(tmp_path), size=32, bounds=(1.0, 9.0))
    assert (views.near[0], views.far[0]) == (1.0, 9.0)


# What tells the background


def opaque(folder, backdrop, mode):
    tools.blender(folder)
    for file in (folder / "train").iterdir():
        picture = Image.open(file)
        over = Image.alpha_composite(Image.new("RGBA", picture.size, backdrop), picture)
        over.convert(mode).save(file)


@pytest.mark.parametrize(
    "backdrop, mode, said",
    [
        ("grey", "RGBA", "no transparent pixel"),
        ("black", "RGBA", "no transparent pixel"),
        ("grey", "RGB", "no alpha"),
        ("grey", "L", "no alpha"),
        ("white", "RGBA", None),
        ("white", "RGB", None),
    ],
)
def test_a_background_is_transparent_masked_or_white(tmp_path, backdrop, mode, said):
    opaque(tmp_path, backdrop, mode)
    if said:
        with pytest.raises(LearnitError, match=f"train/r_0.png has {said}.*expected RGBA.*mask_path.*white background"):
            layouts.authors(contents(tmp_path), size=32)
    else:
        assert found_balls(layouts.authors(contents(tmp_path), size=64))[0] >= 12


def test_one_picture_that_the_object_fills_is_no_fault(tmp_path):
    tools.blender(tmp_path)
    Image.new("RGBA", (64, 64), "red").save(tmp_path / "train" / "r_3.png")
    assert (layouts.authors(contents(tmp_path), size=64).images[3] == [255, 0, 0]).all()


# What cameras look at


def aim(poses, focal=1.4):
    lens = np.tile([focal * 64, focal * 64, 32.0, 32.0], (len(poses), 1))
    return cameras.aim(np.stack(poses)[:, :3], lens, np.full((len(poses), 2), 64.0))


@pytest.mark.parametrize("centre", [(0, 0, 0), (3, -2, 1)])
@pytest.mark.parametrize("radius", [0.1, 1.3, 4.0, 50.0])
def test_the_focus_is_what_the_cameras_look_at(centre, radius):
    found = aim([tools.pose(50 * i, 10 * i - 20, radius, centre) for i in range(7)])
    np.testing.assert_allclose(found.focus, centre, atol=2e-3 * max(radius, 4))
    near, far = found.bounds
    # A ball that touches all edges of the pictures, and more, is between them.
    edge = radius * np.sin(np.arctan(0.5 / 1.4))
    assert 0 < near < radius - edge and far > radius + edge and not found.past


def test_cameras_that_look_past_are_found_and_move_nothing():
    poses = [tools.pose(45 * i, 15) for i in range(8)]
    poses[2] = tools.pose(90, 15, centre=(0, 0, 8))
    poses[5] = poses[5] @ np.diag([-1, 1, -1, 1])  # turned around
    found = aim(poses)
    assert found.past == [2, 5] and np.linalg.norm(found.focus) < 0.2


def test_cameras_that_look_outwards_tell_no_bounds():
    outwards = [tools.pose(60 * i, 0) @ np.diag([-1, 1, -1, 1]) for i in range(6)]
    with pytest.raises(LearnitError, match="6 of the 6 cameras look past .*--near and --far"):
        _ = aim(outwards).bounds


def test_one_camera_looks_at_what_is_nearest_to_the_origin():
    found = aim([tools.pose(30, 10)])
    np.testing.assert_allclose(found.focus, 0, atol=2e-3)


# Whole folders


def heard(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    return result, " ".join(str(one.message) for one in caught)


def load(folder, size=16):
    return heard(lambda: scenes.load(folder, size=size, counts=(9, 9, 9)))


def test_bounds_are_told_where_they_are_not_the_papers(tmp_path):
    for i in range(5):
        tools.blender(tmp_path / "usual" / f"object{i}")
        tools.blender(tmp_path / "near" / f"object{i}", [tools.pose(60 * k, 10, 1.6) for k in range(6)])
    usual, said = load(tmp_path / "usual")
    assert (usual.train.near == 2).all() and (usual.train.far == 6).all() and not said
    near, said = load(tmp_path / "near")
    assert (near.train.near < 1).all() and (near.train.far > 2.2).all()
    assert "near and far of 5 objects are taken from their cameras" in said


def test_objects_that_are_looked_past_are_named(tmp_path):
    for i in range(5):
        poses = [*tools.POSES]
        if i == 3:
            poses[0] = tools.pose(0, 5, centre=(0, 9, 0))
        tools.blender(tmp_path / f"object{i}", poses)
    _, said = load(tmp_path)
    assert "look past what the others look at in 1 of 5 objects, such as 1 of 6 of object3" in said


def test_missing_frames_are_named(tmp_path):
    for i in range(5):
        tools.instant_ngp(tmp_path / f"object{i}")
    (tmp_path / "object2" / "images" / "0004.jpg").unlink()
    found, said = load(tmp_path)
    assert "object2 (5 pictures, images/0004.jpg is missing)" in said
    assert len(found.train.images) + len(found.validation.images) + len(found.test.images) == 4
    for i in range(5):
        (tmp_path / f"object{i}" / "images" / "0004.jpg").unlink(missing_ok=True)
        shutil.rmtree(tmp_path / f"object{i}" / "images")
    with pytest.raises(
        LearnitError, match="no objects that are whole: object0 .0 pictures, images/0000.jpg is missing"
    ):
        heard(lambda: scenes.load(tmp_path, size=16, counts=(9, 9, 9)))


def test_other_files_of_a_synthetic_scene_are_left_out_and_counted(tmp_path):
    for i in range(5):
        tools.blender(tmp_path / f"object{i}", name="transforms_train.json")
        tools.blender(tmp_path / f"object{i}", name="transforms_val.json", path="./val/r_{}")
        Image.new("L", (64, 64)).save(tmp_path / f"object{i}" / "val" / "r_0_depth_0001.png")
    found, said = load(tmp_path)
    assert "only transforms_train.json is read; left out: 5 others" in said
    assert found.test.images.shape[1] == 6


def test_srn_is_read_with_bounds_from_its_cameras(tmp_path):
    for name, content in serve.srn().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    found, said = load(tmp_path / "srn_chairs" / "chairs_train")
    assert found.train.images.shape[1:] == (2, 16, 16, 3) and "taken from their cameras" in said
    assert 0 < found.train.near.min() < 2 - 0.6 and found.train.far.max() > 2 + 0.6


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda folder: tools.blender(folder), "one object itself.*phototourism"),
        (lambda folder: tools.nerfstudio(folder), "one object itself.*phototourism"),
        (lambda folder: (folder / "a" / "images").mkdir(parents=True), "holds no objects"),
        (
            lambda folder: tools.blender(folder / "a") and tools.write(folder / "b" / "render_params.json", {}),
            "objects of .'authors', 'enr'.",
        ),
        (lambda folder: tools.write(folder / "b" / "render_params.json", {}), "layout of ENR.*shapenet.py"),
    ],
)
def test_folders_that_are_something_else(tmp_path, make, said):
    make(tmp_path)
    with pytest.raises(LearnitError, match=said):
        heard(lambda: scenes.load(tmp_path, size=16, counts=(9, 9, 9)))


@pytest.mark.parametrize("text", ["[" * 90_000, "7", "[1, 2]", '{"train": 5}', '{"train": [[1]]}', "\x00"])
def test_a_spoilt_list_of_splits(tmp_path, text):
    for i in range(4):
        tools.blender(tmp_path / f"object{i}", path="r_{}")
    (tmp_path / "my_splits.json").write_text(text)
    with pytest.raises(LearnitError):
        scenes.load(tmp_path, size=16, counts=(9, 9, 9))


# From the folder into the notebook, as a command


def shapenet(*arguments):
    import shapenet as script

    return commandline.run(script.main, [*map(str, arguments)])


@pytest.mark.parametrize("make", [tools.instant_ngp, tools.nerfstudio], ids=["instant-ngp", "nerfstudio"])
def test_objects_go_through_the_script_into_what_notebook_03_trains_on(place, make, capsys):
    for i in range(6):
        make(place / "chairs" / f"object{i}")
    assert shapenet("chairs", "--from", place / "chairs", "--size", 12, "--to", place / "out") == 0
    about = prepared.describe(place / "out")
    assert about["hull_agreement"] > 0.8
    found = scenes.load(place / "out", size=12, counts=(9, 9, 9))
    _, params, _ = experiment.meta_train(TINY, found)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))


def test_distortion_is_taken_out_by_the_script(place, capsys):
    pytest.importorskip("pycolmap")
    for i in range(6):
        tools.instant_ngp(place / "chairs" / f"object{i}", k1=1.0)
    assert shapenet("chairs", "--from", place / "chairs", "--size", 64, "--to", place / "out") == 0
    _, splits, _ = prepared.scenes(place / "out")
    count, worst = found_balls(splits["train"][0], share=0.4)
    assert count >= 10 and worst < 0.7
    tools.edit(place / "chairs" / "object0" / "transforms.json", spoil(k1=0))  # as if nothing were bent
    assert found_balls(layouts.authors(contents(place / "chairs" / "object0"), size=64), 0.4)[1] > 2 * worst


@pytest.mark.parametrize(
    "change, said",
    [
        (spoil(camera_model="OPENCV_FISHEYE"), "OPENCV_FISHEYE"),
        (spoil(fl_x=-1), "fl_x"),
        (spoil(frames=7), "frames"),
    ],
)
def test_a_set_that_cannot_be_used_ends_with_1_and_nothing(place, capsys, change, said):
    for i in range(4):
        tools.instant_ngp(place / "chairs" / f"object{i}")
        tools.edit(place / "chairs" / f"object{i}" / "transforms.json", change)
    assert shapenet("chairs", "--from", place / "chairs", "--size", 12, "--to", place / "out") == 1
    heard_all = capsys.readouterr()
    assert said in heard_all.out + heard_all.err and not (place / "out").exists()
