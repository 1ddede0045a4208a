"""The classes of pictures: what they draw, that no picture is in two splits, every kind of picture and bad input."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learnit_core import signals
from learnit_core.errors import LearnitError
from learnit_core.signals import photos, sdf, text

DRAWN = ("text", "sdf")
SHARED = Path(os.environ.get("LEARNIT_SHARED", Path(__file__).parents[2] / "shared")) / "data"


def psnr(a, b):
    return -10 * np.log10(np.mean((a.astype(float) - b) ** 2))


# All built-in classes


@pytest.mark.parametrize("name", signals.BUILTIN)
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_builtin_shape_range_and_note(name, channels):
    found = signals.load(name, size=20, channels=channels, counts=(6, 4, 5))
    side, counts = (25, (70, 10, 20)) if name == "faces" else (20, (6, 4, 5))
    for pictures, count in zip(found[1:4], counts, strict=True):
        assert pictures.shape == (count, side, side, channels or 1)
        assert pictures.dtype == np.float32
        assert pictures.min() >= 0 and pictures.max() <= 1
        assert np.ptp(pictures, axis=(1, 2)).min() > 0.5, "a picture with hardly any contrast"
        assert np.array_equal(pictures, pictures[..., :1].repeat(channels or 1, axis=-1))
    assert found.name == name and found.note.endswith(".")
    assert signals.BUILTIN[name].description


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_depends_on_seed_split_and_index_only(name):
    few, many = (signals.load(name, size=24, counts=counts, seed=3) for counts in ((3, 2, 2), (8, 5, 4)))
    for a, b in zip(few[1:4], many[1:4], strict=True):
        np.testing.assert_array_equal(a, b[: len(a)])
    other = signals.load(name, size=24, counts=(8, 5, 4), seed=4)
    assert not any(np.array_equal(a, b) for a, b in zip(many.train, other.train, strict=True))


@pytest.mark.parametrize("name", signals.BUILTIN)
def test_no_picture_twice(name):
    found = signals.load(name, size=24, counts=(150, 40, 40))
    pictures = np.concatenate(found[1:4])
    assert len({p.tobytes() for p in pictures}) == len(pictures)


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_picture_at_every_size(name):
    sizes = {size: signals.load(name, size=size, counts=(20, 0, 0)).train for size in (32, 64, 96)}
    for large in (64, 96):
        factor = large // 32
        shrunk = sizes[large].reshape(20, 32, factor, 32, factor, 1).mean(axis=(2, 4))
        same = [psnr(a, b) for a, b in zip(shrunk, sizes[32], strict=True)]
        other = [psnr(a, b) for a, b in zip(shrunk, np.roll(sizes[32], 1, axis=0), strict=True)]
        assert np.median(same) > (40 if large == 64 or name == "sdf" else 28)
        assert min(same) > max(other) + 2
        assert min(same) > 40 or large > 64


@pytest.mark.parametrize("name", signals.BUILTIN)
def test_the_class_is_wide(name):
    """The nearest training picture is no good answer: below 20 dB on average."""
    found = signals.load(name, size=32, counts=(1000, 0, 40))
    index, nearest = signals.nearest(found.train, found.test)
    assert nearest.mean() < 20
    assert len(set(index)) > 10, "one picture is nearest to most"


@pytest.mark.parametrize("name", signals.BUILTIN)
def test_load_test_is_the_test_split(name):
    np.testing.assert_array_equal(
        signals.load_test(name, size=16, channels=1), signals.load(name, size=16, counts=(0, 0, 32)).test
    )


# Text


def test_no_word_in_two_splits_whatever_the_seed():
    words = {split: set() for split in text.SPLITS}
    for split in text.SPLITS:
        for seed in (0, 1):
            for said in text.strings(split, 600, seed):
                words[split].update(word.lower() for word in said.split("\n"))
    assert min(len(found) for found in words.values()) > 500
    assert not words["train"] & words["validation"]
    assert not words["train"] & words["test"]
    assert not words["validation"] & words["test"]


def test_the_split_of_a_word_ignores_case():
    assert {text.split_of(word) for word in ("ab", "Ab", "aB", "AB")} == {text.split_of("ab")}
    splits = [text.split_of(word) for word in text.strings("test", 50, 0) if "\n" not in word]
    assert set(splits) == {"test"}


def test_text_is_light_on_dark_and_stays_off_the_border():
    pictures = signals.load("text", size=64, counts=(100, 0, 0)).train[..., 0]
    ink = pictures.mean(axis=(1, 2))
    assert ink.min() > 0.02 and ink.max() < 0.4
    assert (pictures.max(axis=(1, 2)) > 0.95).all()
    frame = np.concatenate([pictures[:, 0], pictures[:, -1], pictures[:, :, 0], pictures[:, :, -1]])
    assert frame.max() < 0.05


def test_text_is_large_enough_to_be_read():
    """The block is laid out to three quarters of the width or half of the height; its ink spans a little less."""
    for picture in signals.load("text", size=64, counts=(100, 0, 0)).train[..., 0]:
        rows, columns = (np.nonzero(picture.max(axis=axis) > 0.1)[0] for axis in (1, 0))
        assert np.ptp(columns) > 0.65 * 64 or np.ptp(rows) > 0.4 * 64


# Signed distance fields


def circle(centre, radius, vertices=2000):
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    return (np.array(centre) + radius * np.stack([np.sin(angle), np.cos(angle)], axis=-1))[None]


def test_distance_to_a_circle():
    size, centre, radius = 48, (0.4, 0.55), 0.3
    points = (np.arange(size) + 0.5) / size
    expected = np.hypot(points[:, None] - centre[0], points[None] - centre[1]) - radius
    np.testing.assert_allclose(sdf.signed_distance(circle(centre, radius), size)[0], expected, atol=2e-6)


def test_distance_to_a_polygon_of_few_corners_near_its_edges():
    """A triangle whose edges are cut into short pieces; outside, beyond the middle of an edge and beyond a corner."""
    corners = np.array([[0.2, 0.2], [0.2, 0.8], [0.8, 0.2]])
    along = np.linspace(0, 1, 200, endpoint=False)[:, None]
    pieces = [a + along * (b - a) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)]
    distance = sdf.signed_distance(np.concatenate(pieces)[None], 50)[0]
    assert distance[4, 25] == pytest.approx(0.2 - 0.09, abs=1e-6)
    assert distance[4, 4] == pytest.approx(np.hypot(0.11, 0.11), abs=1e-6)
    assert distance[15, 15] == pytest.approx(-0.11, abs=1e-6)
    assert distance[40, 40] == pytest.approx((0.81 + 0.81 - 1.0) / np.sqrt(2), abs=1e-6)


def test_distance_and_sign_against_every_edge_and_another_library():
    from matplotlib.path import Path as Outline

    size = 24
    centres = (np.arange(size) + 0.5) / size
    points = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    curves = sdf.curves(0, 12, seed=5)
    for polygon, found in zip(curves, sdf.signed_distance(curves, size), strict=True):
        edge = np.roll(polygon, -1, axis=0) - polygon
        t = np.clip(((points - polygon) * edge).sum(-1) / (edge**2).sum(-1), 0, 1)
        expected = np.linalg.norm(points - polygon - t[..., None] * edge, axis=-1).min(axis=1)
        np.testing.assert_allclose(np.abs(found).ravel(), expected, atol=2e-3)
        assert np.median(np.abs(np.abs(found).ravel() - expected)) < 1e-6
        np.testing.assert_array_equal(found.ravel() < 0, Outline(polygon).contains_points(points[:, 0]))


def test_the_gradient_has_length_one():
    """The eikonal equation, away from the ridges where two parts of the curve are equally near."""
    size = 128
    distance = sdf.signed_distance(sdf.curves(0, 10, seed=0), size).astype(float)
    down, right = np.gradient(distance, 1 / size, axis=(1, 2))
    slope = np.hypot(down, right)
    assert np.quantile(slope, 0.99) < 1.01
    assert np.median(np.abs(slope - 1)) < 1e-3
    assert (np.abs(slope - 1) < 0.02).mean() > 0.75


def test_brightness_is_a_steep_ramp_around_the_curve():
    picture = sdf.picture(np.array([-1, -0.05, 0, 0.05, 1]))
    np.testing.assert_allclose(picture, [0, 0.5 - 0.05 * sdf.STEEPNESS, 0.5, 0.5 + 0.05 * sdf.STEEPNESS, 1], atol=1e-6)


def crossings(polygon):
    """Number of pairs of edges of a closed polygon that cross."""

    def side(p, q, r):
        return (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0])

    a, b = polygon[:, None], np.roll(polygon, -1, axis=0)[:, None]
    c, d = a.swapaxes(0, 1), b.swapaxes(0, 1)
    return ((side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)).sum() // 2


def test_curves_are_simple_closed_and_inside_the_picture():
    eight = np.stack([np.sin(np.linspace(0, 2 * np.pi, 64)), np.sin(np.linspace(0, 4 * np.pi, 64) + 0.3)], axis=-1)
    assert crossings(eight) > 0, "the check itself"
    curves = sdf.curves(0, 150, seed=1)
    assert curves.shape == (150, sdf.NUM_VERTICES, 2)
    assert curves.min() > 0 and curves.max() < 1
    assert sum(crossings(polygon) for polygon in curves) == 0
    step = np.linalg.norm(curves - np.roll(curves, 1, axis=1), axis=2)
    assert (step.max(axis=1) < 1.1 * step.mean(axis=1)).all(), "a gap, or vertices that are not evenly spaced"


# Faces


def test_faces_are_the_first_hundred_in_order():
    from skimage import data

    found = signals.load("faces", size=32, counts=(1, 1, 1), seed=9)
    np.testing.assert_allclose(np.concatenate(found[1:4])[..., 0], data.lfw_subset()[:100], atol=1e-7)
    assert "cannot be proved" in found.note


# Photographs

COLOURS = np.array([[220, 40, 30], [30, 160, 60], [40, 60, 210], [240, 220, 90]], np.uint8)


def quarters(height=60, width=60):
    """Four plain quarters; their order shows which way is up."""
    rows, columns = np.arange(height) * 2 // height, np.arange(width) * 2 // width
    return COLOURS[rows[:, None] * 2 + columns]


def quarters_of(picture):
    """The four colours of a picture [h, w, c], read in the middle of its quarters."""
    low, high = len(picture) // 4, 3 * len(picture) // 4
    return picture[[low, low, high, high], [low, high, low, high]] * 255


def noise(folder, count, start=0, suffix=".png", side=12):
    folder.mkdir(exist_ok=True, parents=True)
    for i in range(start, start + count):
        pixels = np.random.default_rng(i).integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03}{suffix}")
    return folder


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.webp", "a.bmp", "a.tif", "a.tiff", "a.gif"])
def test_every_kind_of_file(tmp_path, name):
    Image.fromarray(quarters()).save(tmp_path / name, quality=95)
    found = signals.load_test(str(tmp_path / name), size=16)
    assert found.shape == (1, 16, 16, 3) and found.dtype == np.float32
    np.testing.assert_allclose(quarters_of(found[0]), COLOURS, atol=12)
    np.testing.assert_array_equal(signals.load_test(str(tmp_path), size=16), found)


def test_centre_square_of_a_wide_and_a_tall_picture(tmp_path):
    wide = np.full((40, 100, 3), 255, np.uint8)
    wide[:, 30:70] = quarters(40, 40)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.fromarray(wide.swapaxes(0, 1)).save(tmp_path / "tall.png")
    tall, wide = signals.load_test(str(tmp_path), size=20)
    np.testing.assert_allclose(quarters_of(wide), COLOURS, atol=1)
    np.testing.assert_allclose(tall, wide.swapaxes(0, 1), atol=0.01)
    np.testing.assert_allclose(wide[[0, -1]].mean(), quarters(20, 20)[[0, -1]].mean() / 255, atol=0.03)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, orientation):
    """Each value undoes one of the eight ways to turn or mirror a picture."""
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation](quarters(400, 400))
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.jpg", quality=95, exif=exif)
    found = signals.load_test(str(tmp_path / "a.jpg"), size=16)[0]
    np.testing.assert_allclose(quarters_of(found), COLOURS, atol=12)


def test_large_jpegs_are_decoded_small_and_alike(tmp_path):
    coarse = np.random.default_rng(0).integers(0, 256, (75, 100, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((2000, 1500), Image.Resampling.BICUBIC))
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    Image.fromarray(smooth).save(tmp_path / "b.png", compress_level=1)
    for size in (32, 300):
        jpeg, png = signals.load_test(str(tmp_path), size=size)
        assert psnr(jpeg, png) > 38


GREY = np.linspace(0, 255, 60).astype(np.uint8)[None].repeat(60, axis=0)


def test_grey_palette_and_two_level_pictures(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a_grey.png")
    Image.fromarray(GREY).convert("P").save(tmp_path / "b_palette.png")
    Image.fromarray((GREY > 127).astype(np.uint8) * 255).convert("1").save(tmp_path / "c_two.png")
    grey, palette, two = signals.load_test(str(tmp_path), size=30)
    ramp = np.linspace(0, 1, 30)
    np.testing.assert_allclose(grey[10, 2:-2], ramp[2:-2, None].repeat(3, axis=1), atol=0.02)
    np.testing.assert_array_equal(grey, palette)
    np.testing.assert_allclose(two[10, [3, -3], 0], [0, 1], atol=0.01)
    one = signals.load_test(str(tmp_path), size=30, channels=1)
    assert one.shape == (3, 30, 30, 1)
    np.testing.assert_allclose(one, signals.load_test(str(tmp_path), size=30)[..., :1], atol=0.005)


def test_colour_palette(tmp_path):
    Image.fromarray(quarters()).quantize(16).save(tmp_path / "a.png")
    np.testing.assert_allclose(quarters_of(signals.load_test(str(tmp_path / "a.png"), size=16)[0]), COLOURS, atol=2)


@pytest.mark.parametrize("kind", ["RGBA", "LA", "palette", "one colour of RGB", "one grey"])
def test_transparent_parts_are_white(tmp_path, kind):
    path, right = tmp_path / "a.png", np.zeros((40, 40), bool)
    right[:, 20:] = True
    if kind == "RGBA":
        Image.fromarray(np.dstack([np.zeros((40, 40, 3)), np.where(right, 0, 255)]).astype(np.uint8)).save(path)
    elif kind == "LA":
        Image.fromarray(np.dstack([np.zeros((40, 40)), np.where(right, 0, 255)]).astype(np.uint8)).save(path)
    elif kind == "palette":
        image = Image.new("P", (40, 40))
        image.putpalette([0, 0, 0, 10, 10, 10])
        image.paste(1, (20, 0, 40, 40))
        image.save(path, transparency=1)
    elif kind == "one colour of RGB":
        Image.fromarray(np.where(right[..., None], (9, 8, 7), (0, 0, 0)).astype(np.uint8)).save(
            path, transparency=(9, 8, 7)
        )
    else:
        Image.fromarray(np.where(right, 9, 0).astype(np.uint8)).save(path, transparency=9)
    for channels in (1, 3):
        found = signals.load_test(str(path), size=10, channels=channels)[0]
        np.testing.assert_allclose(found[:, :4], 0, atol=0.03)
        np.testing.assert_allclose(found[:, -4:], 1, atol=0.03)


def test_half_transparent_is_half_way_to_white(tmp_path):
    Image.new("RGBA", (20, 20), (0, 0, 0, 128)).save(tmp_path / "a.png")
    np.testing.assert_allclose(signals.load_test(str(tmp_path / "a.png"), size=8), 127 / 255, atol=0.01)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits(tmp_path, name):
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / name)
    found = signals.load_test(str(tmp_path / name), size=60, channels=1)
    np.testing.assert_allclose(found[0, ..., 0], GREY / 255, atol=1e-6)


def test_floating_point_and_wide_integers(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(GREY.astype(np.float32) / 255).save(path)
    np.testing.assert_allclose(signals.load_test(str(path), size=60)[0, ..., 1], GREY / 255, atol=1e-6)
    for beyond in (GREY.astype(np.float32), np.full((9, 9), np.nan, np.float32), GREY.astype(np.int32) * 1000):
        Image.fromarray(beyond).save(path)
        with pytest.raises(LearnitError, match=r"a\.tif cannot be decoded: its numbers run from .* beyond"):
            signals.load_test(str(path), size=60)


def test_cmyk(tmp_path):
    Image.fromarray(quarters(400, 400)).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    found = signals.load_test(str(tmp_path / "a.jpg"), size=16)[0]
    np.testing.assert_allclose(quarters_of(found), COLOURS, atol=12)


def test_first_frame_of_an_animation(tmp_path):
    Image.new("RGB", (9, 9), "red").save(
        tmp_path / "a.gif", save_all=True, append_images=[Image.new("RGB", (9, 9), "blue")]
    )
    np.testing.assert_allclose(signals.load_test(str(tmp_path), size=4)[0, 1, 1], [1, 0, 0], atol=0.02)


def test_pictures_smaller_than_the_size(tmp_path):
    Image.fromarray(quarters(6, 10)).save(tmp_path / "a.png")
    assert signals.load_test(str(tmp_path), size=32).shape == (1, 32, 32, 3)


# Folders


def test_a_folder_is_read_deep_and_in_order_of_paths(tmp_path):
    noise(tmp_path / "b" / "c", 2)
    noise(tmp_path / "a", 2, start=2)
    noise(tmp_path / ".ipynb_checkpoints", 1, start=4)
    noise(tmp_path, 1, start=5)
    (tmp_path / "notes.txt").write_text("not a picture, and not called one")
    (tmp_path / "._005.png").write_bytes(b"left behind by another system")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        names, pictures = photos.read_folder(tmp_path, 8, 3)
    assert names == ["005.png", "a/002.png", "a/003.png", "b/c/000.png", "b/c/001.png"]
    np.testing.assert_array_equal(pictures[3], photos.read(tmp_path / "b/c/000.png", 8, 3))


@pytest.mark.parametrize(
    "count, expected", [(10, (8, 1, 1)), (34, (28, 3, 3)), (100, (70, 10, 20)), (220, (176, 22, 22))]
)
def test_sizes_of_the_splits(tmp_path, count, expected):
    found = signals.load(str(noise(tmp_path / "mine", count)), size=12)
    assert tuple(len(a) for a in found[1:4]) == expected
    assert found.train.shape[1:] == (12, 12, 3) and found.train.dtype == np.float32
    assert found.name == "folder-mine" and f"{count} photographs" in found.note
    together = np.concatenate(found[1:4])
    assert len({p.tobytes() for p in together}) == count


def test_the_seed_deals_the_photographs_out(tmp_path):
    folder = str(noise(tmp_path, 20))
    first, again, other = (signals.load(folder, size=8, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.test, again.test)
    np.testing.assert_array_equal(first.train, again.train)
    assert not np.array_equal(first.test, other.test)
    assert signals.load(folder, size=8, channels=1).train.shape == (16, 8, 8, 1)


def test_exact_copies_count_once(tmp_path):
    noise(tmp_path, 12)
    for i in range(6):  # the same pixels in another kind of file, under another name
        Image.open(tmp_path / f"{i:03}.png").save(tmp_path / f"copy{i}.bmp")
    found = signals.load(str(tmp_path), size=8)
    together = np.concatenate(found[1:4])
    assert len(together) == len({p.tobytes() for p in together}) == 12
    assert "6 exact copies left out" in found.note


# Bad input: one sentence that says what, found, expected and where


def message(call, *args, **keywords):
    with pytest.raises(LearnitError) as caught:
        call(*args, **keywords)
    return str(caught.value)


def jpeg(path, side=300):
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path.read_bytes()


@pytest.mark.parametrize("call", [signals.load, signals.load_test])
def test_unknown_class_or_missing_folder(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    said = message(call, "txet", size=8)
    assert "'txet'" in said and "'text', 'sdf', 'faces'" in said and str(tmp_path / "txet") in said
    assert "''" in message(call, "", size=8)


@pytest.mark.parametrize("call", [signals.load, signals.load_test])
def test_empty_folder(tmp_path, call):
    said = message(call, str(tmp_path), size=8)
    assert str(tmp_path) in said and "holds nothing" in said and ".jpeg" in said
    (tmp_path / "a.cr2").write_bytes(b"of another kind")
    assert "1 other files, such as a.cr2" in message(call, str(tmp_path), size=8)


@pytest.mark.parametrize("call", [signals.load, signals.load_test])
def test_no_readable_picture(tmp_path, call):
    for name in ("a.jpg", "b.png"):
        (tmp_path / name).write_text("Dear diary, this is no picture.")
    with pytest.warns(UserWarning, match="Skipped"):
        said = message(call, str(tmp_path), size=8)
    assert "None of the 2 pictures" in said and "a.jpg" in said and "Dear diary" in said


def test_too_few_pictures(tmp_path):
    noise(tmp_path, 9)
    Image.open(tmp_path / "000.png").save(tmp_path / "copy.png")
    said = message(signals.load, str(tmp_path), size=8)
    assert "9 different" in said and "at least 10" in said and str(tmp_path) in said
    assert len(signals.load_test(str(tmp_path), size=8)) == 10


def test_one_file_is_no_training_set(tmp_path):
    jpeg(tmp_path / "me.jpg")
    assert "single file" in message(signals.load, str(tmp_path / "me.jpg"), size=8)


def test_a_text_file_and_an_empty_file_called_jpg(tmp_path):
    path = tmp_path / "me.jpg"
    path.write_text("Dear diary")
    said = message(signals.load_test, str(path), size=8)
    assert str(path) in said and "not a picture" in said and "Dear diary" in said
    path.write_bytes(b"")
    assert "the file is empty" in message(signals.load_test, str(path), size=8)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp", "a.tif", "a.gif"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated_pictures(tmp_path, name, kept):
    content = jpeg(tmp_path / name)
    (tmp_path / name).write_bytes(content[: int(kept * len(content))])
    said = message(signals.load_test, str(tmp_path / name), size=32)
    assert name in said and ("cannot be decoded" in said or "not a picture" in said)


def test_damaged_bytes_never_get_past(tmp_path):
    """Whatever a decoder makes of nonsense, it is a picture in range or one clear sentence."""
    content = np.frombuffer(jpeg(tmp_path / "a.png", side=40), np.uint8)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        damaged = content.copy()
        damaged[rng.integers(8, len(content), 5)] = rng.integers(0, 256, 5)
        (tmp_path / "a.png").write_bytes(damaged.tobytes())
        try:
            found = signals.load_test(str(tmp_path / "a.png"), size=8)
            assert found.min() >= 0 and found.max() <= 1
        except LearnitError as error:
            refused += "a.png" in str(error)
    assert refused > 30


def test_decompression_bomb(tmp_path, monkeypatch):
    jpeg(tmp_path / "a.png", side=100)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 6000)
    signals.load_test(str(tmp_path / "a.png"), size=8)  # up to twice the limit Pillow only warns
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4000)
    assert "too large to be decoded safely" in message(signals.load_test, str(tmp_path / "a.png"), size=8)


def test_one_bad_picture_among_many_is_named_and_skipped(tmp_path):
    noise(tmp_path, 12)
    (tmp_path / "bad.jpg").write_text("no picture")
    (tmp_path / "cut.jpg").write_bytes(jpeg(tmp_path / "cut.jpg")[:2000])
    with pytest.warns(UserWarning) as caught:
        found = signals.load(str(tmp_path), size=8)
    said = [str(w.message) for w in caught]
    assert len(said) == 1 and said[0].startswith("Skipped: 2 of the 14 pictures")
    assert "1 of no known kind (bad.jpg" in said[0] and "not a picture" in said[0]
    assert "1 damaged or out of range (cut.jpg" in said[0] and "truncated" in said[0]
    assert sum(len(a) for a in found[1:4]) == 12


@pytest.mark.parametrize(
    "asked, said",
    [
        ({"size": 2}, "size"),
        ({"size": 8, "channels": 2}, "channels is 2"),
        ({"size": 8, "counts": (5, 0, -1)}, "counts"),
        ({"size": 8, "seed": -1}, "seed is -1"),
    ],
)
def test_impossible_requests(asked, said):
    assert said in message(signals.load, "text", **asked)


# The two controls


def test_mean_signal():
    train = np.random.default_rng(0).random((50, 6, 5, 3), np.float32)
    found = signals.mean_signal(train)
    assert found.dtype == np.float32 and found.shape == (6, 5, 3)
    np.testing.assert_allclose(found, train.astype(float).mean(axis=0), atol=1e-6)


def test_nearest_against_plain_search_and_for_copies():
    rng = np.random.default_rng(0)
    train, found = rng.random((700, 6, 5, 2), np.float32), rng.random((20, 6, 5, 2), np.float32)
    found[3], found[4] = train[600], train[5]
    index, db = signals.nearest(train, found)
    errors = ((found[:, None].astype(float) - train) ** 2).mean(axis=(2, 3, 4))
    np.testing.assert_array_equal(index, errors.argmin(axis=1))
    assert np.isinf(db[[3, 4]]).all() and np.isfinite(db).sum() == 18
    rest = np.delete(np.arange(20), [3, 4])
    np.testing.assert_allclose(db[rest], -10 * np.log10(errors.min(axis=1)[rest]), rtol=1e-9)


def test_nearest_has_peak_one():
    index, db = signals.nearest(np.zeros((1, 4, 4, 1), np.float32), np.full((1, 4, 4, 1), 0.1, np.float32))
    assert index.tolist() == [0] and db[0] == pytest.approx(20, abs=1e-4)


def test_nearest_refuses_other_shapes():
    for shape in ((0, 4, 4, 1), (3, 5, 4, 1), (3, 4, 4, 3)):
        with pytest.raises(ValueError, match="Shapes"):
            signals.nearest(np.zeros(shape, np.float32), np.zeros((1, 4, 4, 1), np.float32))


@pytest.mark.skipif(not (SHARED / "faces").is_dir(), reason="needs a folder of photographs (LEARNIT_SHARED)")
def test_a_folder_of_real_photographs():
    found = signals.load(str(SHARED / "faces"), size=32)
    assert sum(len(a) for a in found[1:4]) >= 250 and len(found.test) >= 20
    assert signals.nearest(found.train, found.test)[1].mean() < 20
