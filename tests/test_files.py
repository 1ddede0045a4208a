"""The one way in for pictures: what counts as one, what its numbers are, and what is refused before it is decoded."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from learnit_core import signals
from learnit_core.errors import LearnitError
from learnit_core.signals import files, photos, slices

RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 256, (20, 30), np.uint8)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def tagged(values, largest):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[281] = largest
    return saved(Image.fromarray(values), "TIFF", tiffinfo=tags)


WIDE = GREY.astype(np.uint16)
HALF = np.dstack([GREY, np.where(np.arange(30) < 15, 255, 0) + np.zeros((20, 1), int)]).astype(np.uint8)


@pytest.mark.parametrize(
    "content, expected",
    [
        (saved(Image.fromarray(GREY), "PNG"), GREY),
        (saved(Image.fromarray(GREY), "TIFF"), GREY),
        (saved(Image.fromarray(GREY > 127), "BMP"), np.where(GREY > 127, 255, 0)),
        (saved(Image.fromarray(WIDE * 257), "PNG"), GREY),
        (saved(Image.fromarray(WIDE), "PNG"), np.zeros_like(GREY)),
        (tagged(WIDE * 16, 4095), np.clip(np.round(GREY * (16.0 * 255 / 4095)), 0, 255)),
        (saved(Image.fromarray(HALF), "PNG"), np.where(np.arange(30) < 15, GREY, 255)),
        (saved(Image.fromarray(GREY).convert("P"), "GIF"), GREY),
        (saved(Image.fromarray(GREY).convert("RGBA"), "WEBP", lossless=True), GREY),
    ],
    ids=["8 bits", "tiff", "1 bit", "16 bits", "8 in 16 bits", "12 bits as told", "alpha", "palette", "opaque alpha"],
)
def test_numbers_by_the_range_of_their_type(content, expected):
    found = files.decode(content, "x", channels=1)
    np.testing.assert_allclose(found.pixels[..., 0], expected, atol=1)
    assert found.size == (30, 20)


@pytest.mark.parametrize("turn", range(1, 9))
def test_turns_are_made_or_left(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    content = saved(Image.fromarray(GREY), "PNG", exif=exif)
    expected = np.asarray(Image.fromarray(GREY).transpose(Image.Transpose.ROTATE_270)) if turn == 6 else None
    found = files.decode(content, "x", channels=1)
    assert found.size == ((20, 30) if turn >= 5 else (30, 20))
    if expected is not None:
        np.testing.assert_array_equal(found.pixels[..., 0], expected)
    np.testing.assert_array_equal(files.decode(content, "x", channels=1, upright=False).pixels[..., 0], GREY)


def test_a_large_picture_is_averaged_on_the_way_and_looks_the_same(monkeypatch):
    y, x = np.mgrid[0:1:800j, 0:1:1100j]
    picture = Image.fromarray((255 * np.dstack([x, y, x * y, x > 0.5])).astype(np.uint8))
    content = saved(picture, "PNG")
    whole = files.decode(content, "x", channels=3, square=16)
    monkeypatch.setattr(files, "_LARGE", 1000)
    monkeypatch.setattr(files, "_STRIP", 100_000)
    np.testing.assert_allclose(
        files.decode(content, "x", channels=3, square=16).pixels[:, 2:-2], whole.pixels[:, 2:-2], atol=3
    )
    assert not whole.opaque


@pytest.mark.parametrize(
    "content",
    [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"%PDF-1.7\n", b"P5 1 1 255\n\0", b"<svg/>", b"", b"\0" * 40],
    ids=["eps", "pdf", "pgm", "svg", "empty", "zeros"],
)
def test_other_kinds_are_never_opened_whatever_the_name(content):
    with pytest.raises(LearnitError, match=r"x\.png is not a picture of a known kind"):
        files.decode(content, "x.png", channels=3)


def test_limits_hold_before_anything_is_decoded(tmp_path, monkeypatch):
    content = saved(Image.fromarray(GREY), "PNG")
    (tmp_path / "a.png").write_bytes(content)
    monkeypatch.setattr(files, "_eight_bit", None)  # whoever gets as far as that fails otherwise
    for limit, value in (("MOST_PIXELS", 599), ("MOST_BYTES", len(content) - 1)):
        with monkeypatch.context() as patch:
            patch.setattr(files, limit, value)
            for call in (
                lambda: files.decode(content, "a", channels=1),
                lambda: files.read(tmp_path / "a.png", channels=1),
            ):
                with pytest.raises(LearnitError, match="too large to be decoded safely"):
                    call()


def test_what_systems_leave_behind_is_no_picture(tmp_path):
    left = ["._a.png", "__MACOSX/a.png", "x/Thumbs.db", ".trash/b.jpg", "x/desktop.ini"]
    for name in [*left, "A.JFIF", "x/b.AVIF", "x/y/c.PNG", "d.txt"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert files.pictures_in(tmp_path) == ["A.JFIF", "x/b.AVIF", "x/y/c.PNG"]
    assert files.only_pictures([*left, "q.heic"]) == ["q.heic"]


def test_what_is_left_out_is_said_once_and_first_if_it_is_most(tmp_path):
    for i in range(7):
        (tmp_path / f"{i}.png").write_bytes(b"no picture" if i else saved(Image.fromarray(GREY), "PNG"))
    with pytest.warns(UserWarning) as heard:
        photos.read_folder(tmp_path, 8, 1)
    (said,) = (str(one.message) for one in heard)
    assert said.startswith("Most pictures are lost. Skipped: 6 of the 7 pictures")
    assert "6 of no known kind (1.png, 2.png, 3.png, …" in said


@pytest.mark.parametrize("bits, faint", [(10, True), (12, True), (13, False), (16, False)])
def test_numbers_that_use_little_of_their_range_are_said(tmp_path, bits, faint):
    values = np.zeros((16, 16), np.uint16)
    values[4:12, 4:12] = 2**bits - 1
    Image.fromarray(values).save(tmp_path / "a.png")
    for call in (lambda: slices.load_test(tmp_path, size=16), lambda: signals.load_test(tmp_path / "a.png", size=16)):
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            call()
        assert ["nearly black" in str(one.message) for one in heard] == [True] * faint
