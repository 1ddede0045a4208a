"""COLMAP workspaces and scenes of photographs: which model and which pictures, points, bounds, and strangers' files."""

import importlib
import struct
from dataclasses import replace

import jax
import numpy as np
import pytest
import scene_tools as tools
from PIL import Image
from test_tourism import TINY

from getting import archives, colmap, commandline, places, ply
from learnit_core.errors import LearnitError
from learnit_core.experiments import tourism as experiment
from learnit_core.signals import prepared, tourism

LENS, WIDTH, HEIGHT = (70.0, 72.0, 31.0, 25.0), 64, 48
COUNT = 8
POINTS = np.random.default_rng(0).uniform(-0.8, 0.8, (40, 3))


def poses(count=COUNT):
    return [tools.pose(12 * i, 15) for i in range(count)]


def backdrop(at):
    return Image.alpha_composite(
        Image.new("RGBA", (WIDTH, HEIGHT), (*tools.GREY, 255)), tools.photograph(at, LENS, WIDTH, HEIGHT)
    ).convert("RGB")


def pictures(folder, count=COUNT, scale=1.0, picture=None):
    """The photographs p00.png, …, or others of the same names."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, at in enumerate(poses(count)):
        made = picture or backdrop(at)
        made.resize((round(WIDTH * scale), round(HEIGHT * scale))).save(folder / f"p{i:02d}.png")


def entries(count=COUNT):
    """Of each photograph: quaternion and translation of COLMAP, its name, and where it sees the points."""
    for i, at in enumerate(poses(count)):
        turn = (at[:3, :3] * [1, -1, -1]).T
        w = np.sqrt(max(0.0, 1 + np.trace(turn))) / 2
        x, y, z = (turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]) / (4 * w)
        yield [w, x, y, z], -turn @ at[:3, 3], f"p{i:02d}.png", tools.seen(at, LENS, POINTS)[0]


def text_model(folder, count=COUNT, model="PINHOLE", params=LENS):
    folder.mkdir(parents=True)
    (folder / "cameras.txt").write_text(f"# cameras\n1 {model} {WIDTH} {HEIGHT} {' '.join(map(str, params))}\n")
    lines = ["# images", "#   and their points"]
    for i, (q, t, name, at) in enumerate(entries(count), 1):
        lines.append(" ".join(map(str, [i, *q, *t, 1, name])))
        lines.append(" ".join(f"{u} {v} {j + 1 if j % 7 else -1}" for j, (u, v) in enumerate(at)))
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    (folder / "points3D.txt").write_text(
        "".join(f"{j + 1} {x} {y} {z} 9 9 9 0.1\n" for j, (x, y, z) in enumerate(POINTS))
    )


def binary_model(folder, count=COUNT):
    folder.mkdir(parents=True)
    (folder / "cameras.bin").write_bytes(struct.pack("<QiiQQ4d", 1, 1, 1, WIDTH, HEIGHT, *LENS))
    images = struct.pack("<Q", count)
    for i, (q, t, name, at) in enumerate(entries(count), 1):
        images += struct.pack("<i7di", i, *q, *t, 1) + name.encode() + b"\0" + struct.pack("<Q", len(at))
        images += b"".join(struct.pack("<ddq", u, v, j + 1 if j % 7 else -1) for j, (u, v) in enumerate(at))
    (folder / "images.bin").write_bytes(images)
    points = struct.pack("<Q", len(POINTS))
    for j, xyz in enumerate(POINTS):
        points += struct.pack("<Q3d3BdQ", j + 1, *xyz, 0, 0, 0, 0.1, 1) + struct.pack("<ii", 1, j)
    (folder / "points3D.bin").write_bytes(points)


def call(place, *arguments):
    """Run the script in this process; returns its exit code."""
    script = importlib.import_module("phototourism")
    arguments = ["square", "--from", place / "in", "--to", place / "out", "--size", WIDTH, *arguments]
    return commandline.run(script.main, [*map(str, arguments)])


def collection(place):
    return experiment.prepared_collection(place / "out")


def names(place):
    splits = prepared.describe(place / "out")["splits"]
    return sorted(name for entry in splits.values() for name in entry["names"])


def balls(place):
    """The largest distance [pixels] of a ball from where the prepared cameras say that it is, and how many are seen.

    The place was moved and scaled: the balls are where the centre and the factor of the description put them.
    """
    about, worst, count = prepared.describe(place / "out"), 0.0, 0
    where = (tools.BALLS - about["centre"]) * about["factor"]
    for split in prepared.SPLITS:
        views = getattr(collection(place), split)
        for image, at, lens in zip(
            views.images[:, 0], views.camera_to_world[:, 0], views.intrinsics[:, 0], strict=True
        ):
            for colour, (u, v) in zip(
                tools.COLOURS, tools.seen(np.vstack([at, [0, 0, 0, 1]]), lens, where)[0], strict=True
            ):
                rows, columns = np.nonzero(np.abs(image.astype(int) - colour).max(axis=-1) < 40)
                if len(rows) > 20:
                    count, worst = count + 1, max(worst, np.hypot(columns.mean() + 0.5 - u, rows.mean() + 0.5 - v))
    return count, worst


def trains(place):
    """Whether notebook 04's training takes what was prepared, and stays finite."""
    found = experiment.load_signals(TINY, str(place / "out"))
    _, params, _ = experiment.meta_train(replace(TINY, num_steps=3, limit=4), found)
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("write", [text_model, binary_model])
def test_a_workspace_into_what_notebook_04_trains_on(place, write):
    pictures(place / "in" / "images")
    write(place / "in" / "sparse" / "0")
    assert call(place) == 0
    count, worst = balls(place)
    assert count >= 2 * COUNT and worst < 2.0, (count, worst)
    found = collection(place)
    assert found.points.shape == (40, 3)
    assert (found.train.near > 0).all() and (found.train.near < found.train.far).all()
    assert write is text_model or trains(place)  # one is enough: the arrays are the same


def test_text_and_binary_are_the_same(tmp_path):
    text_model(tmp_path / "text" / "sparse")
    binary_model(tmp_path / "binary" / "sparse")
    read = []
    for kind in ("text", "binary"):
        with archives.opened(tmp_path / kind) as files:
            read.append(colmap.read(files, files.names()))
    text, binary = read
    assert text.cameras == binary.cameras and [s.name for s in text.shots] == [s.name for s in binary.shots]
    np.testing.assert_allclose(text.points, binary.points)
    for one, other in zip(text.shots, binary.shots, strict=True):
        np.testing.assert_allclose(one.camera_to_world, other.camera_to_world, atol=1e-9)
        np.testing.assert_array_equal(text.seen(one), binary.seen(other))
        assert len(text.seen(one)) == 34  # the others are no points


# Which of several


def several_models(folder):
    binary_model(folder / "sparse" / "0", count=5)
    binary_model(folder / "sparse" / "1", count=3)
    text_model(folder / "sparse" / "2")
    pictures(folder / "images")


def one_is_broken(folder):
    binary_model(folder / "sparse" / "0", count=5)
    (folder / "sparse" / "0" / "images.bin").write_bytes(struct.pack("<Q", 10**15))
    binary_model(folder / "sparse" / "1")
    pictures(folder / "images")


def beside(*folders, scale=1.0, at="sparse/0", images="images"):
    def make(folder):
        pictures(folder / images)
        binary_model(folder / at)
        for other in folders:
            pictures(folder / other, scale=scale, picture=Image.new("L", (WIDTH, HEIGHT), 255))

    return make


@pytest.mark.parametrize(
    "make, said",
    [
        (several_models, ["Of 3 models the one in sparse/2 is taken, with 8", "sparse/0 (5)", "sparse/1 (3)"]),
        (one_is_broken, ["the one in sparse/1 is taken", "sparse/0 (broken)"]),
        (beside("depths", "masks"), ["those in images/ (8)", "depths/ (8)", "masks/ (8)"]),
        (beside("images_2", "images_4", scale=0.5), ["those in images/", "images_2/ (8)"]),
        (beside("a_normals", at="colmap/sparse"), ["those in images/", "a_normals/ (8)"]),
        (beside("dense/0/images", at="sparse/0"), ["those in images/", "dense/0/images/ (8)"]),
        (beside("images", at="dense/0/sparse", images="dense/0/images"), ["those in dense/0/images/", "images/ (8)"]),
        (beside("edges", images="undistorted/images", at="undistorted/sparse"), ["those in undistorted/images/"]),
    ],
)
def test_of_several_models_and_folders_the_right_one_and_it_is_said(place, capsys, make, said):
    make(place / "in")
    assert call(place) == 0
    out = capsys.readouterr().out
    assert all(words in out for words in said), out
    assert len(names(place)) == COUNT and balls(place)[0] >= 2 * COUNT


def test_a_folder_that_lacks_some_is_not_filled_up_from_another(place, capsys):
    beside("masks")(place / "in")
    (place / "in" / "images" / "p03.png").unlink()
    assert call(place) == 1
    said = capsys.readouterr()
    assert "such as p03.png, are not there" in said.err and "in images" in said.err
    assert "left, with the same names: masks/ (8)" in said.out


# Files from strangers


def spoilt(part, change):
    def make(folder):
        binary_model(folder / "sparse")
        pictures(folder / "images")
        file = folder / "sparse" / part
        file.write_bytes(change(file.read_bytes()))

    return make


def replaced(part, old, new):
    def make(folder):
        text_model(folder / "sparse")
        pictures(folder / "images")
        file = folder / "sparse" / part
        content = file.read_text()
        assert old in content
        file.write_text(content.replace(old, new))

    return make


def cameras(params, size=(WIDTH, HEIGHT), model=1):
    return spoilt("cameras.bin", lambda _: struct.pack(f"<QiiQQ{len(params)}d", 1, 1, model, *size, *params))


FAULTS = {
    "images: a huge count": (
        spoilt("images.bin", lambda c: struct.pack("<Q", 2**63) + c[8:]),
        "9,223,372,036,854,775,808",
    ),
    "images: a count too large": (spoilt("images.bin", lambda c: struct.pack("<Q", COUNT + 1) + c[8:]), "images.bin"),
    "images: cut short": (spoilt("images.bin", lambda c: c[:-30]), "images.bin cannot be read"),
    "images: points beyond the end": (
        spoilt(
            "images.bin", lambda c: c.replace(b".png\0" + struct.pack("<Q", 40), b".png\0" + struct.pack("<Q", 2**60))
        ),
        "1,152,921,504,606,846,976 entries",
    ),
    "images: a name without an end": (
        spoilt("images.bin", lambda c: struct.pack("<Q", 1) + c[8:72] + b"a" * 9000),
        "a name in it does not end",
    ),
    "images: empty": (spoilt("images.bin", lambda _: b""), "images.bin cannot be read"),
    "images: text that is none": (replaced("images.txt", "p03.png", ""), "images.txt"),
    "images: one name twice": (replaced("images.txt", "p03.png", "p04.png"), "several photographs called p04.png"),
    "images: a camera that is not there": (
        replaced("images.txt", " 1 p05.png", " 9 p05.png"),
        "p05.png has the camera 9",
    ),
    "cameras: a huge count": (spoilt("cameras.bin", lambda c: struct.pack("<Q", 2**40) + c[8:]), "cameras.bin"),
    "cameras: an unknown model": (cameras(LENS, model=99), "model number 99"),
    "cameras: a negative model": (cameras(LENS, model=-1), "model number -1"),
    "cameras: a fisheye": (cameras([*LENS, 0, 0, 0, 0], model=5), "OPENCV_FISHEYE"),
    "cameras: a focal length below zero": (cameras([-70.0, *LENS[1:]]), "p00.png has a focal length of -70 pixels"),
    "cameras: an endless focal length": (cameras([np.inf, *LENS[1:]]), "p00.png has a focal length of inf"),
    "cameras: a tiny focal length": (cameras([1e-200, *LENS[1:]]), "p00.png has a focal length of 1e-200"),
    "cameras: a principal point that is none": (cameras([*LENS[:3], np.nan]), "principal point at 31, nan"),
    "cameras: no pixels": (cameras(LENS, size=(0, 0)), "camera of 0 x 0 pixels"),
    "cameras: too many pixels": (cameras(LENS, size=(2**60, 2**60)), "expected 1 to 65536 a side"),
    "cameras: another aspect": (cameras(LENS, size=(HEIGHT, WIDTH)), "another aspect"),
    "cameras: endless distortion": (cameras([*LENS, np.inf, 0, 0, 0], model=4), "distortion k1 = inf"),
    "cameras: too few parameters": (replaced("cameras.txt", "72.0 31.0 25.0", "72.0"), "camera with 2 parameters"),
    "cameras: words": (replaced("cameras.txt", "PINHOLE 64", "PINHOLE wide"), "line 2 of"),
    "points: a huge count": (spoilt("points3D.bin", lambda c: struct.pack("<Q", 2**50) + c[8:]), "points3D.bin"),
    "points: a huge track": (
        spoilt("points3D.bin", lambda c: c[:51] + struct.pack("<Q", 2**61) + c[59:]),
        "2,305,843,009,213,693,952 entries",
    ),
    "points: nowhere": (
        spoilt("points3D.bin", lambda c: struct.pack("<QQ3d3BdQ", 1, 1, *[np.nan] * 3, 0, 0, 0, 0, 0)),
        "no points",
    ),
    "points: words": (replaced("points3D.txt", "\n7 ", "\nseven "), "line 7 of"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_model_is_one_sentence_and_nothing_is_written(place, capsys, fault):
    make, said = FAULTS[fault]
    make(place / "in")
    assert call(place) == 1
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err, err
    assert not (place / "out").exists()


@pytest.mark.parametrize("quaternion", ["0 0 0 0", "nan 0 0 0", "inf 0 0 0", "3 0 0 0"])
def test_a_pose_that_is_none_is_left_out_by_name(place, capsys, quaternion):
    text_model(place / "in" / "sparse")
    pictures(place / "in" / "images")
    file = place / "in" / "sparse" / "images.txt"
    lines = file.read_text().split("\n")
    at = next(i for i, line in enumerate(lines) if line.endswith("p03.png"))
    words = lines[at].split()
    lines[at] = " ".join([words[0], *quaternion.split(), *words[5:]])
    file.write_text("\n".join(lines))
    assert call(place) == 1
    assert "p03.png has no pose" in capsys.readouterr().err
    assert call(place, "--leave-out") == 0
    assert prepared.describe(place / "out")["skipped"] == ["p03.png"] and len(names(place)) == COUNT - 1


def test_a_missing_part_of_a_model(place, capsys):
    binary_model(place / "in" / "sparse")
    pictures(place / "in" / "images")
    (place / "in" / "sparse" / "cameras.bin").unlink()
    assert call(place) == 1
    assert "sparse lacks its cameras file" in capsys.readouterr().err


# Photographs with a transforms.json


def test_nerfstudio_into_what_notebook_04_trains_on(place, capsys):
    tools.nerfstudio(place / "in", poses(), masks=False, points=POINTS)
    assert call(place) == 0
    count, worst = balls(place)
    assert count >= 2 * COUNT and worst < 1.0, (count, worst)
    found = collection(place)
    assert found.points.shape == (40, 3) and (found.train.near < found.train.far).all()
    assert trains(place)


def test_instant_ngp_trains_without_points_and_it_is_said(place, capsys):
    tools.instant_ngp(place / "in", poses(), white=False)
    assert call(place) == 0
    assert "there are no points; near" in capsys.readouterr().out
    count, worst = balls(place)
    assert count >= 2 * COUNT and worst < 1.0, (count, worst)
    factor = prepared.describe(place / "out")["factor"]
    near, far = collection(place).train.near / factor, collection(place).train.far / factor
    assert (near < tools.RADIUS - 1).all() and (far > tools.RADIUS + 1).all() and (near > 0).all()
    assert trains(place)


def test_near_and_far_that_are_given_count(place, capsys):
    tools.instant_ngp(place / "in", poses(), white=False)
    assert call(place, "--near", 2.5, "--far", 7) == 0
    factor = prepared.describe(place / "out")["factor"]
    np.testing.assert_allclose(collection(place).test.near / factor, 2.5, rtol=1e-5)
    np.testing.assert_allclose(collection(place).test.far / factor, 7, rtol=1e-5)
    for wrong in (["--near", 3], ["--near", 3, "--far", 2], ["--near", "nan", "--far", 2], ["--near", 0, "--far", 2]):
        assert call(place, *wrong) == 1
        assert "near is" in capsys.readouterr().err


def test_a_model_goes_before_a_transforms_file(place, capsys):
    tools.nerfstudio(place / "in", poses(), masks=False, camera_model="OPENCV_FISHEYE")  # would be refused
    for file in sorted((place / "in" / "images").iterdir()):
        file.unlink()
    pictures(place / "in" / "images")
    binary_model(place / "in" / "colmap" / "sparse" / "0")
    assert call(place) == 0
    assert "a COLMAP model and transforms.json: the model is taken" in capsys.readouterr().out


def test_distortion_is_taken_out(place, capsys):
    pytest.importorskip("pycolmap")
    tools.instant_ngp(place / "in", poses(), white=False, k1=1.0)
    assert call(place) == 0
    assert balls(place)[1] < 1.0


def test_cameras_that_look_past_are_named(place, capsys):
    away = poses()
    away[5] = away[5] @ np.diag([-1, 1, -1, 1])
    tools.instant_ngp(place / "in", away, white=False)
    assert call(place) == 0
    assert "1 of the 8 cameras look past what the others do: ./images/0005.jpg" in capsys.readouterr().out.replace(
        " images/0005", " ./images/0005"
    )


def test_missing_photographs_of_a_transforms_file(place, capsys):
    tools.instant_ngp(place / "in", poses(), white=False)
    (place / "in" / "images" / "0002.jpg").unlink()
    assert call(place) == 1
    assert "1 of the 8 photographs of the model, such as images/0002.jpg, are not there" in capsys.readouterr().err
    assert call(place, "--leave-out") == 0 and len(names(place)) == 7


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_points_of_a_ply_file(kind):
    np.testing.assert_allclose(ply.points(tools.ply(POINTS, kind), "a.ply"), POINTS, atol=1e-5)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"plywood",
        tools.ply(POINTS)[:-400],
        tools.ply(POINTS, "binary_little_endian")[:-1],
        tools.ply(POINTS).replace(b"vertex 40", b"vertex 40000000000"),
        tools.ply(POINTS).replace(b"vertex 40", b"vertex -4"),
        tools.ply(POINTS).replace(b"vertex", b"face"),
        tools.ply(POINTS).replace(b"float x", b"list uchar int x"),
        tools.ply(POINTS).replace(b"float y\n", b"float w\n"),
        tools.ply(POINTS).replace(b"ascii", b"binary_of_mine"),
        tools.ply(POINTS).replace(b"9 9 9", b"nine"),
    ],
)
def test_a_broken_ply_file(content):
    with pytest.raises(LearnitError, match="a.ply"):
        ply.points(content, "a.ply")


# Photographs only


def test_photographs_in_subfolders_and_broken_ones(tmp_path, monkeypatch, capsys):
    """What is handed to COLMAP: all that can be decoded, however deep, and nothing else."""
    pictures(tmp_path / "morning", 4)
    pictures(tmp_path / "evening" / "late", 3)
    whole = (tmp_path / "morning" / "p00.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "vast.png").write_bytes(whole[:16] + struct.pack(">II", 60_000, 60_000) + whole[24:])
    (tmp_path / "page.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    handed = []

    class Recorder:
        @staticmethod
        def extract_features(database, folder, names):
            handed.extend(names)
            raise RuntimeError("seen enough\nof it")

    monkeypatch.setattr(places.lenses, "pycolmap", lambda: Recorder)
    with pytest.raises(LearnitError, match="no cameras could be found .seen enough.$"):
        places.reconstruct(tmp_path)
    assert sorted(handed) == [f"evening/late/p0{i}.png" for i in range(3)] + [f"morning/p0{i}.png" for i in range(4)]
    said = capsys.readouterr().out
    assert all(f"Left out: {name}.png {why}" in said for name, why in (("cut", "cannot be"), ("vast", "is ")))
    assert "7 photographs (some in evening/late, morning)" in said
    assert tourism.FEWEST == 5
