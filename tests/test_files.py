"""The one way in for pictures: what counts as one, what its numbers are, and what is refused before it is decoded."""

import io
import resource
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageOps, TiffImagePlugin

from learnit_core import signals
from learnit_core.commands.repository import ROOT
from learnit_core.errors import LearnitError
from learnit_core.signals import files, photos, pixels, slices

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


def twelve_bits(values):
    """A TIFF whose samples have 12 bits: two of them in three bytes."""
    a, b = (part.astype(np.uint32) for part in (values[:, ::2], values[:, 1::2]))
    data = np.stack([a >> 4, (a & 15) << 4 | b >> 8, b & 255], axis=-1).astype(np.uint8).tobytes()
    tags = {
        256: values.shape[1],
        257: values.shape[0],
        258: 12,
        259: 1,
        262: 1,
        273: 8,
        277: 1,
        278: 20,
        279: len(data),
    }
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


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
        (twelve_bits(WIDE * 16), np.clip(np.round(GREY * (16.0 * 255 / 4095)), 0, 255)),
        (saved(Image.fromarray(HALF), "PNG"), np.where(np.arange(30) < 15, GREY, 255)),
        (saved(Image.fromarray(GREY).convert("P"), "GIF"), GREY),
        (saved(Image.fromarray(GREY).convert("RGBA"), "WEBP", lossless=True), GREY),
    ],
    ids=[
        "8 bits",
        "tiff",
        "1 bit",
        "16 bits",
        "8 in 16 bits",
        "12 bits as told",
        "12 bits packed",
        "alpha",
        "palette",
        "opaque alpha",
    ],
)
def test_numbers_by_the_range_of_their_type(content, expected):
    found = files.decode(content, "x", channels=1)
    np.testing.assert_allclose(found.pixels[..., 0], expected, atol=1)
    assert found.size == (30, 20)


def test_the_range_of_16_bits_can_be_given():
    content = saved(Image.fromarray(WIDE * 16), "PNG")
    found = files.decode(content, "x", channels=1, largest=4095).pixels[..., 0]
    np.testing.assert_allclose(found, np.round(GREY * (16.0 * 255 / 4095)), atol=1)
    with pytest.raises(LearnitError, match="beyond"):
        files.decode(content, "x", channels=1, largest=1000)


@pytest.mark.parametrize(
    "picture, alpha, opaque, behind",
    [("RGB", False, True, 10), ("RGBA", True, True, 10), ("LA", True, False, 0), ("P", True, False, 0)],
)
def test_what_is_known_of_transparent_parts(picture, alpha, opaque, behind):
    grey, options = np.full((20, 30), 10, np.uint8), {}
    image = Image.fromarray(grey).convert(picture)
    if picture == "LA":
        image.putalpha(0)
    if picture == "P":
        options = {"transparency": 10}
    content = saved(image, "PNG", **options)
    over, under = (files.decode(content, "x", channels=1, behind=colour) for colour in ("white", "black"))
    assert (over.alpha, over.opaque) == (alpha, opaque)
    assert (over.pixels == (10 if opaque else 255)).all() and (under.pixels == behind).all()


@pytest.mark.parametrize("turn", range(1, 9))
def test_turns_are_made_or_left(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    content = saved(Image.fromarray(GREY), "PNG", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    found = files.decode(content, "x", channels=1)
    assert found.size == ((20, 30) if turn >= 5 else (30, 20))
    np.testing.assert_array_equal(found.pixels[..., 0], expected)
    middle = files.decode(content, "x", channels=1, square=20).pixels[..., 0]
    at = (expected.shape[0] - 20) // 2, (expected.shape[1] - 20) // 2
    np.testing.assert_array_equal(middle, expected[at[0] :, at[1] :][:20, :20])
    np.testing.assert_array_equal(files.decode(content, "x", channels=1, upright=False).pixels[..., 0], GREY)


def test_a_large_picture_is_averaged_on_the_way_and_looks_the_same(monkeypatch):
    y, x = np.mgrid[0:1:800j, 0:1:1100j]
    picture = Image.fromarray((255 * np.dstack([x, y, x * y, x > 0.5])).astype(np.uint8))
    content = saved(picture, "PNG")
    whole = files.decode(content, "x", channels=3, square=16)
    monkeypatch.setattr(pixels, "_LARGE", 1000)
    monkeypatch.setattr(pixels, "_STRIP", 100_000)
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
    monkeypatch.setattr(pixels, "eight_bit", None)  # whoever gets as far as that fails otherwise
    limits = (
        (files, "MOST_PIXELS", 599),
        (files, "MOST_BYTES", len(content) - 1),
        (pixels, "MOST_MEMORY", 600 * 7 - 1),
    )
    for module, limit, value in limits:
        with monkeypatch.context() as patch:
            patch.setattr(module, limit, value)
            for call in (
                lambda: files.decode(content, "a", channels=1),
                lambda: files.read(tmp_path / "a.png", channels=1),
            ):
                with pytest.raises(LearnitError, match="too large to be decoded safely"):
                    call()


def test_threads_share_the_memory_and_leave_warnings_as_they_were(monkeypatch):
    content, most, lock, before = saved(Image.fromarray(GREY), "PNG"), [0], threading.Lock(), list(warnings.filters)
    right = pixels.eight_bit

    def watched(*arguments):
        with lock:
            most[0] = max(most[0], pixels._SHARED.used)
        return right(*arguments)

    monkeypatch.setattr(pixels, "TOGETHER", 3 * 600 * 7)
    monkeypatch.setattr(pixels, "eight_bit", watched)

    def decode(i):
        with suppress(LearnitError):
            files.decode(content if i % 3 else b"x", "x", channels=1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, range(90)))
    assert 0 < most[0] <= 3 * 600 * 7 and pixels._SHARED.used == 0
    assert warnings.filters == before


def black(side, colour):
    """A PNG of one colour, of little more than a thousandth of the size that it is decoded to."""
    packer, row = zlib.compressobj(1), b"\0" + bytes(colour) * side
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    parts = {b"IHDR": struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0), b"IDAT": data, b"IEND": b""}
    chunks = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts.items()]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.nightly
def test_a_folder_of_the_largest_pictures_takes_less_than_1500_megabytes(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(6):
        (tmp_path / "in" / f"{i}.png").write_bytes(black(13370, (200, 40 * i, 7)))
    for i in range(10):
        Image.new("RGB", (20, 20), (9, 9, 200 + i)).save(tmp_path / "in" / f"small{i}.png")
    run = subprocess.run(
        [
            sys.executable,
            ROOT / "data_scripts" / "folder.py",
            tmp_path / "in",
            "--to",
            tmp_path / "out",
            "--size",
            "64",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "Skipped" not in run.stdout + run.stderr
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # of this and all before: an upper bound
    print(f"{peak / 1000:.0f} MB")
    assert peak < 1_500_000


def test_what_systems_leave_behind_is_no_picture(tmp_path):
    left = ["._a.png", "__MACOSX/a.png", "x/Thumbs.db", ".trash/b.jpg", "x/desktop.ini"]
    for name in [*left, "A.JFIF", "x/b.AVIF", "x/y/c.PNG", "d.txt"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert files.pictures_in(tmp_path) == ["A.JFIF", "x/b.AVIF", "x/y/c.PNG"]
    assert files.only_pictures([*left, "q.heic"]) == ["q.heic"]


def test_what_telephones_make_is_read():
    """HEIC, which loses a little; its turn is in the file."""
    heif = pytest.importorskip("pillow_heif", reason="needs the extra heic")
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :, 0] = picture[:, 48:, 1] = 200
    buffer = io.BytesIO()
    heif.from_pillow(Image.fromarray(picture)).save(buffer, quality=-1)
    found = files.decode(buffer.getvalue(), "a.heic", channels=3)
    assert found.size == (96, 64) and found.opaque
    assert np.abs(found.pixels.astype(int) - picture).mean() < 3
    assert files.decode(buffer.getvalue(), "a.heic", channels=3, square=16).pixels.shape == (16, 16, 3)


def test_what_is_left_out_is_said_once_and_first_if_it_is_most(tmp_path):
    for i in range(7):
        (tmp_path / f"{i}.png").write_bytes(b"no picture" if i else saved(Image.fromarray(GREY), "PNG"))
    with pytest.warns(UserWarning) as heard:
        photos.read_folder(tmp_path, 8, 1)
    (said,) = (str(one.message) for one in heard)
    assert said.startswith("Most pictures are lost. Skipped: 6 of the 7 pictures")
    assert "6 of no known kind (1.png, 2.png, 3.png, …" in said


@pytest.mark.parametrize(
    "largest, kind, faint",
    [
        (2**10, np.uint16, True),
        (2**12, np.uint16, True),
        (2**13, np.uint16, False),
        (1, np.uint8, True),
        (99, np.uint8, False),
    ],
)
def test_numbers_that_use_little_of_their_range_are_said(tmp_path, largest, kind, faint):
    values = np.zeros((16, 16), kind)
    values[4:12, 4:12] = largest
    Image.fromarray(values).save(tmp_path / "a.png")
    for call in (lambda: slices.load_test(tmp_path, size=16), lambda: signals.load_test(tmp_path / "a.png", size=16)):
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            call()
        assert ["nearly black" in str(one.message) for one in heard] == [True] * faint
