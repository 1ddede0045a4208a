"""Folders of posed pictures: read, dealt out, dealt out in folds; and what is said of spoilt ones."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from PIL import Image
from test_views import TINY

from getting import output
from learnit_core.errors import LearnitError
from learnit_core.experiments import views
from learnit_core.experiments.settings import Settings
from learnit_core.signals import objects, prepared, scenes
from learnit_core.structures import Views


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


def prepared_set(folder, *, counts=(70, 2, 3), num_views=6, size=12):
    """A prepared set of objects, every view of one grey of its own; returns it as it is stored."""
    rng, entries, made = np.random.default_rng(0), {}, {}
    for split, count in zip(prepared.SPLITS, counts, strict=True):
        every = (count, num_views)
        greys = rng.integers(0, 256, (*every, 1, 1, 1), np.uint8)
        made[split] = Views(
            images=np.broadcast_to(greys, (*every, size, size, 3)),
            valid=np.broadcast_to(np.array([0, size, 0, size], np.int32), (*every, 4)),
            intrinsics=rng.uniform(5, 9, (*every, 4)).astype(np.float32),
            camera_to_world=rng.normal(size=(*every, 3, 4)).astype(np.float32),
            near=np.full(every, 2, np.float32),
            far=np.full(every, 6, np.float32),
        )
        (folder / split).mkdir(parents=True)
        for name, array in made[split]._asdict().items():
            np.save(folder / split / f"{name}.npy", array)
        arrays = {name: [list(array.shape), array.dtype.str] for name, array in made[split]._asdict().items()}
        names = [f"{split} {i}" for i in range(count)]
        entries[split] = {"count": count, "names": names, "arrays": arrays}
    output.describe(folder, {"kind": "views", "name": "shapenet-chairs", "note": "Made here.", "splits": entries})
    return made


@pytest.mark.parametrize("size", [12, 6])
@pytest.mark.parametrize("count", [None, 100, 70, 65, 3])
def test_of_a_prepared_set_the_first_or_all_are_trained_on_by_their_given_views(tmp_path, size, count):
    """Read in pieces of 64 objects; more than that, and whole."""
    made = prepared_set(tmp_path / "set")
    found = scenes.load(tmp_path / "set", size=size, counts=(count, 2, 2))
    there = 70 if count is None else min(count, 70)
    assert found.train.images.shape == (there, 3, size, size, 3) and found.test.images.shape[:2] == (2, 6)
    np.testing.assert_array_equal(found.train.images[..., 0, 0, 0], made["train"].images[:there, :3, 0, 0, 0])
    np.testing.assert_array_equal(found.train.camera_to_world, made["train"].camera_to_world[:there, :3])
    np.testing.assert_allclose(found.train.intrinsics, made["train"].intrinsics[:there, :3] * size / 12, rtol=1e-6)
    np.testing.assert_array_equal(found.test.images[:, :, 0, 0], made["test"].images[:2, :, 0, 0])
    assert all(leaf.base is None for leaf in found.train), "other views stay in memory behind them"
    said = f" Of 70 objects to train on the first {count} are taken."
    assert found.note == "Made here." + (said if there < 70 else "") and found.test_names == ["test 0", "test 1"]


def test_the_profile_paper_takes_a_whole_class_and_a_trial_of_it_does_not(tmp_path):
    prepared_set(tmp_path / "set")
    paper = dataclasses.replace(views.PROFILES["paper"], size=6, counts=(30, 1, 1))
    trial = dataclasses.replace(paper, size=128).capped(Settings(max_steps=2))
    standard = dataclasses.replace(views.PROFILES["standard"], size=6, counts=(30, 1, 1))
    for profile, count in ((paper, 70), (trial, 8), (standard, 30)):
        found = views.load_signals(profile, str(tmp_path / "set"))
        assert len(found.train.images) == count and ("are taken" in found.note) == (count < 70)
    drawn = dataclasses.replace(paper, size=8, counts=(2, 1, 1))
    assert len(views.load_signals(drawn, "chairs").train.images) == 2, "of these there is no end"


def test_of_a_plain_folder_too(tmp_path):
    names = [f"lamp{i}" for i in range(7)]
    write_folder(tmp_path, names, splits={"train": names[:5], "val": names[5:], "test": []})
    every, few = (scenes.load(tmp_path, size=12, counts=(count, 1, 2)) for count in (None, 2))
    assert every.train.images.shape[:2] == (3, 3) and few.train.images.shape[:2] == (2, 3)
    np.testing.assert_array_equal(every.train.images[:2], few.train.images)
    assert few.note.endswith("alike. Of 3 objects to train on the first 2 are taken.") and "taken" not in every.note


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
