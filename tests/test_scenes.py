"""Folders of posed pictures: read, dealt out, dealt out in folds; and what is said of spoilt ones."""

import json

import jax
import numpy as np
import pytest
from PIL import Image
from test_views import TINY

from learnit_core.errors import LearnitError
from learnit_core.experiments import views
from learnit_core.signals import objects, scenes


def write_folder(folder, names, num_views=6, size=12, splits=None):
    """Objects in the authors' layout, from the built-in ones."""
    made = objects.splits("lamps", size=size, counts=(len(names), 0, 0), num_views=2 * num_views)[0]
    for i, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        frames = []
        for k in range(num_views):
            rgb = made.images[i, k]
            alpha = np.where(rgb.min(axis=-1) < 255, 255, 0).astype(np.uint8)
            Image.fromarray(np.dstack([rgb, alpha])).save(folder / name / f"r_{k:03d}.png")
            pose = np.vstack([made.camera_to_world[i, k], [0, 0, 0, 1]])
            frames.append({"file_path": f"./r_{k:03d}", "transform_matrix": pose.tolist()})
        about = {"camera_angle_x": objects.ANGLE, "frames": frames}
        (folder / name / "transforms.json").write_text(json.dumps(about))
    if splits:
        (folder / "lamp_splits.json").write_text(json.dumps(splits))
    return made


def test_a_folder_in_the_authors_layout(tmp_path):
    names = [f"lamp{i}" for i in range(7)]
    made = write_folder(tmp_path, names, splits={"train": names[:5], "val": names[5:], "test": []})
    (tmp_path / "empty").mkdir()
    (tmp_path / "lamp2" / "r_003.png").unlink()
    with pytest.warns(UserWarning, match=r"empty \(0 pictures\), lamp2 \(5 pictures, r_003 is missing\)"):
        found = scenes.load(tmp_path, size=12, counts=(9, 9, 9))
    assert found.test_names == names[5:]  # val, as test is empty
    np.testing.assert_array_equal(found.test.images[0], made.images[5, :6])
    np.testing.assert_allclose(found.test.camera_to_world[1], made.camera_to_world[6, :6], atol=1e-6)
    np.testing.assert_allclose(found.test.intrinsics, made.intrinsics[5:, :6], rtol=1e-5)
    assert found.train.images.shape[:2] == (2, 3) and found.validation.images.shape[:2] == (2, 6)
    pictures = [p.tobytes() for part in found[1:4] for views_ in part.images for p in views_]
    assert len(set(pictures)) == len(pictures)
    field, params, _ = views.meta_train(TINY, found)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))


def test_folds_keep_twins_together(tmp_path):
    names = [
        "sedanSports_v1",
        "sedan-sports_v2",
        "sedan_v1",
        "truck-red_v3",
        "truck-green_v3",
        "taxi_v1",
        "taxi_v2",
        "van_v1",
    ]
    write_folder(tmp_path, names, num_views=2, size=8)
    turns = list(scenes.folds(tmp_path, size=8, count=3))
    assert sorted(name for turn in turns for name in turn.test_names) == sorted(names)
    for turn in turns:
        pictures = [{p.tobytes() for p in part.images[:, 0]} for part in (turn.train, turn.validation, turn.test)]
        assert sum(map(len, pictures)) == len(set.union(*pictures)) == len(names)
        designs = {scenes.design(name) for name in turn.test_names}
        assert sum(scenes.design(name) in designs for name in names) == len(turn.test_names)
        assert turn.train.images.shape[1] == 1 and turn.test.images.shape[1] == 2
    for count, fewest in ((4, 6), (2, 6)):
        with pytest.raises(LearnitError, match=f"found 5 designs.*expected {fewest} or more for {count} folds"):
            list(scenes.folds(tmp_path, size=8, count=count))
    with pytest.raises(LearnitError, match="found 1 folds: expected two or more"):
        list(scenes.folds(tmp_path, size=8, count=1))


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda about: about.pop("camera_angle_x"), "lacks or spoils 'camera_angle_x'; expected camera_angle_x and"),
        (lambda about: about.pop("frames"), "lacks or spoils 'frames'; expected camera_angle_x and frames"),
        (lambda about: about["frames"][1].pop("file_path"), "lacks or spoils 'file_path'; expected"),
        (lambda about: about["frames"][1].pop("transform_matrix"), "lacks or spoils 'transform_matrix'; expected"),
        (
            lambda about: about["frames"][1]["transform_matrix"][0].__setitem__(0, 9.0),
            r"r_001 is not a rigid motion; found columns that are off by \d+ .*, expected a rotation",
        ),
        (
            lambda about: about["frames"][1].update(transform_matrix=[[1, 2], [3, 4]]),
            r"r_001 is no finite matrix; found \[\[1, 2\], \[3, 4\]\], expected 4 x 4 numbers",
        ),
    ],
)
def test_a_spoilt_transforms_file_is_named(tmp_path, spoil, message):
    write_folder(tmp_path, [f"lamp{i}" for i in range(5)], num_views=2)
    file = tmp_path / "lamp1" / "transforms.json"
    about = json.loads(file.read_text())
    spoil(about)
    file.write_text(json.dumps(about))
    with pytest.raises(LearnitError, match=rf"lamp1: .*{message}"):
        scenes.load(tmp_path, size=12, counts=(9, 9, 9))


@pytest.mark.parametrize(
    "problem, message",
    [("alpha", "r_001.png has no alpha; expected RGBA"), ("size", "r_001.png has a side of 8 pixels; expected 12")],
)
def test_a_spoilt_picture_is_named(tmp_path, problem, message):
    write_folder(tmp_path, [f"lamp{i}" for i in range(5)], num_views=2)
    file = tmp_path / "lamp1" / "r_001.png"
    image = Image.open(file)
    (Image.new("RGB", image.size, "grey") if problem == "alpha" else image.resize((8, 8))).save(file)
    with pytest.raises(LearnitError, match=f"lamp1: .*{message}"):
        scenes.load(tmp_path, size=12, counts=(9, 9, 9))


def test_no_such_data(tmp_path):
    with pytest.raises(LearnitError, match="none of the built-in classes"):
        scenes.load("tables", size=12, counts=(1, 1, 1))
    with pytest.raises(LearnitError, match="holds no objects"):
        scenes.load(tmp_path, size=12, counts=(1, 1, 1))
