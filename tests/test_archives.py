"""What is inside archives and folders: those that mean harm, are damaged, cannot be read, or are merely unusual."""

import builtins
import importlib
import io
import os
import struct
import tarfile
import tempfile
from pathlib import Path
from types import SimpleNamespace

import local_server as serve
import pytest
from script_cases import CASES, CELEBA, EVERY, PARTITION, PICTURES, Case, call, check

from getting import archives, colmap, commandline, pictures
from learnit_core.errors import LearnitError
from learnit_core.signals import files, photos, prepared

# Archives that mean harm

OUTSIDE = {
    "tar-above": serve.tar({"../evil": b"x"}),
    "tar-absolute": serve.tar({"/tmp/evil": b"x"}),
    "tar-link": serve.tar({"a": b"x"}, serve.link("out", "/etc/passwd")),
    "tar-link-above": serve.tar({}, serve.link("a/out", "../../evil")),
    "tar-hard-link": serve.tar({}, serve.link("out", "../evil", tarfile.LNKTYPE)),
    "tar-device": serve.tar({}, serve.link("null", "", tarfile.CHRTYPE)),
    "zip-above": serve.zipped({"../evil": b"x"}),
    "zip-absolute": serve.zipped({"/tmp/evil": b"x"}),
    "zip-link": serve.zipped({}, {"out": "/etc/passwd"}),
    "zip-within-a-zip": serve.zipped({"chairs-train.zip": serve.zipped({"../evil": b"x"})}),
}


@pytest.mark.parametrize("script", ["imagenette", "celeba", "shapenet", "folder"])
@pytest.mark.parametrize("which", OUTSIDE)
def test_dangerous_archives_are_refused(place, script, which, capsys):
    (place / "archive").write_bytes(OUTSIDE[which])
    arguments = {"folder": [place / "archive"], "shapenet": ["chairs", "--from", place / "archive"]}
    more = [*map(str, arguments.get(script, ["--from", place / "archive"])), "--to", str(place / "out" / "set")]
    assert commandline.run(importlib.import_module(script).main, more) == 1
    assert "is refused" in capsys.readouterr().err
    assert sorted(path.name for path in place.rglob("*")) == ["archive", "out"]
    assert not Path("/tmp/evil").exists() and not (place.parent / "evil").exists()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("damage", ["cut", "spoilt"])
def test_a_damaged_tar_is_not_taken_for_a_shorter_one(place, mode, damage):
    """Tarfile would end silently at the first header that it cannot read."""
    members = serve.imagenette(PICTURES)
    with tarfile.open("x.tar", mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with archives.opened(Path("x.tar")) as files:
        assert files.names() == sorted(members)
    whole = Path("x.tar").read_bytes()
    middle = len(whole) // 2 // 512 * 512 - 100  # not where a member begins or ends
    Path("x.tar").write_bytes(whole[:middle] + (b"" if damage == "cut" else b"\x01" * 5000 + whole[middle + 5000 :]))
    with (
        pytest.raises(LearnitError, match=r"x\.tar is (damaged|something else)"),
        archives.opened(Path("x.tar")) as files,
    ):
        files.names()


@EVERY
def test_a_damaged_archive_is_named(place, case, capsys):
    (place / case.file).write_bytes(case.content[: len(case.content) // 2])
    assert call(case, "--from", place / case.file) == 1
    assert case.file in (said := capsys.readouterr().err) and "Traceback" not in said
    assert not (place / "data" / case.key).exists()


# Archives that are unusual, or cannot be read


@pytest.mark.parametrize("prefix", ["./", "./set/"])
@pytest.mark.parametrize("name", ["imagenette", "celeba", "folder"])
def test_names_that_begin_with_a_dot(place, name, prefix):
    """`tar czf x.tgz .` and `tar czf x.tgz ./set` make these."""
    case = CASES.get(name, Case("folder", ["--size", "16", "x.tgz"], "folder-x", "", b"", (48, 6, 6)))
    members = serve.imagenette(PICTURES) if name == "imagenette" else CELEBA | {"list_eval_partition.txt": PARTITION}
    Path("x.tgz").write_bytes(serve.tar({prefix + member: content for member, content in members.items()}))
    assert call(case, *([] if name == "folder" else ["--from", "x.tgz"])) == 0
    check(place, case)


def test_a_link_that_stays_inside_is_passed_over(place):
    """In a zip as in a tar."""
    members = {f"a/{i:02d}.png": serve.png(picture) for i, picture in enumerate(PICTURES[:12])}
    Path("a.zip").write_bytes(serve.zipped(members, {"a/again.png": "../a/00.png"}))
    Path("a.tgz").write_bytes(serve.tar(members, serve.link("a/again.png", "00.png")))
    for path in (Path("a.zip"), Path("a.tgz")):
        with archives.opened(path) as files:
            assert files.names() == sorted(members)


def spoilt(offset, values):
    """A zip the headers of which say something else of every member."""
    content = bytearray(serve.zipped(CELEBA))
    for mark, place in ((b"PK\x03\x04", offset), (b"PK\x01\x02", offset + 2)):
        at = -1
        while (at := content.find(mark, at + 1)) >= 0:
            struct.pack_into("<H", content, at + place, values)
    return bytes(content)


@pytest.mark.parametrize(
    "content, said",
    [(spoilt(6, 1), "encrypted"), (spoilt(8, 99), "compression")],
    ids=["encrypted", "unknown-compression"],
)
def test_a_zip_that_python_cannot_read(place, content, said, capsys):
    Path("x.zip").write_bytes(content)
    assert call(CASES["celeba"], "--from", "x.zip") == 1
    error = capsys.readouterr().err
    assert "x.zip" in error and said in error


def test_zips_within_zips_within_zips(place, capsys):
    content = b"the end"
    for _ in range(400):
        content = serve.zipped({"x.zip": content}, stored=True)
    Path("x.zip").write_bytes(content)
    assert call(CASES["celeba"], "--from", "x.zip") == 1
    assert "is refused: it is a zip within 3 zips" in capsys.readouterr().err


def test_a_zip_within_a_zip_is_opened_beside_it_and_where_there_is_room(place, monkeypatch, capsys):
    """/tmp is often small."""
    case, folders, real = CASES["enr"], [], tempfile.TemporaryFile
    nested = serve.zipped({"outer.zip": case.content})
    Path(case.file).write_bytes(nested)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda *_, dir=None, **__: folders.append(dir) or real(dir=dir))
    assert call(case, "--from", case.file) == 0
    check(place, case)
    assert {Path(folder).resolve() for folder in folders} == {place}
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    assert call(case, "--from", case.file, "--to", "again") == 1
    assert "1.0 kB are free" in capsys.readouterr().err


def forbidden(path, monkeypatch):
    """Reading ``path`` fails, as of a file that belongs to another; also where the tests run as root."""
    real = builtins.open

    def opened(file, *rest, **options):
        if isinstance(file, str | os.PathLike) and Path(file).name == path:
            raise PermissionError(13, "Permission denied", str(file))
        return real(file, *rest, **options)

    monkeypatch.setattr("builtins.open", opened)
    monkeypatch.setattr("io.open", opened)  # what pathlib opens with


def test_a_picture_that_may_not_be_read_is_skipped(place, monkeypatch):
    Path("mine").mkdir()
    for i, picture in enumerate(PICTURES):
        Path("mine", f"{i:02d}.png").write_bytes(serve.png(picture))
    forbidden("07.png", monkeypatch)
    assert commandline.run(importlib.import_module("folder").main, ["mine", "--size", "16"]) == 0
    about = prepared.describe(Path("data/folder-mine"))
    assert about["skipped"] == ["07.png"] and sum(entry["count"] for entry in about["splits"].values()) == 59


@pytest.mark.parametrize("way", ["of a folder", "of an archive", "models"])
def test_what_is_refused_does_not_stay_in_memory(place, monkeypatch, way):
    """An error that is kept for a later sentence would hold, by its traceback, the content that it is about."""
    kept, init = [], LearnitError.__init__
    monkeypatch.setattr(LearnitError, "__init__", lambda self, *message: (kept.append(self), init(self, *message))[1])
    bad = {f"{i}.png": b"\x89PNG\r\n\x1a\n" + bytes(99) for i in range(3)}
    good = serve.png(PICTURES[0])
    if way == "models":
        models = {"a/images.txt": b"nothing", "b/images.txt": b"1 1 0 0 0 0 0 0 1 a.png\n\n"}
        with pytest.raises(LearnitError, match="model in b lacks its cameras") as raised:
            colmap.read(SimpleNamespace(read=lambda wanted: models.items()), list(models))
        kept.remove(raised.value)
    elif way == "of an archive":
        list(pictures._decoded(iter({**bad, "good.png": good}.items()), 8, None))
    else:
        for name, content in {**bad, "good.png": good}.items():
            Path(name).write_bytes(content)
        with pytest.warns(UserWarning, match="Skipped: 3 of the 4"):
            photos.read_folder(place, 8, 3)
    assert kept and all(error.__traceback__ is None and error.__context__ is None for error in kept)


def test_linked_folders_are_followed_once_and_pipes_are_not_read(tmp_path):
    (tmp_path / "mine" / ".hidden").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    for path in ("mine/a.png", "mine/.b.png", "mine/.hidden/c.png", "elsewhere/d.png", "mine/notes.txt"):
        (tmp_path / path).write_bytes(b"x")
    (tmp_path / "mine" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "mine" / "round").symlink_to(tmp_path / "mine")
    (tmp_path / "mine" / "gone.png").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "mine" / "pipe.png")
    assert files.files_in(tmp_path / "mine") == ["a.png", "gone.png", "linked/d.png", "notes.txt"]
    assert files.pictures_in(tmp_path / "mine") == ["a.png", "gone.png", "linked/d.png"]
