"""Servers that fail, disks that fill up: the next source, the next run, or one sentence that says what to do."""

import json
import re
import resource
from collections import namedtuple

import local_server as serve
import pytest
from script_cases import CASES, EVERY, call, check, manifest, sha256, start

from getting import fetch

# A server that fails


@EVERY
def test_a_download_goes_on_where_it_broke_off(server, place, case):
    cut = len(case.content) // 3
    url = server.url(case.file, case.content, cuts=[cut, cut])
    assert call(case, *manifest(place, case, url, sha256=sha256(case.content), size=len(case.content))) == 0
    check(place, case)
    asked = server.requests[f"/{case.file}"]
    assert [request[0] for request in asked] == [None, f"bytes={cut}-", f"bytes={2 * cut}-"]
    assert sum(sent for _, sent in asked) == len(case.content), "bytes were sent twice"


def test_a_file_that_changed_meanwhile_is_fetched_afresh(server, place):
    case = CASES["imagenette"]
    old = bytes(len(case.content) - 1000)
    url = server.url(case.file, old, cuts=[5000] + 10 * [0], tag='"old"')
    assert call(case, *manifest(place, case, url)) == 1
    server.url(case.file, case.content, tag='"new"')
    assert call(case, *manifest(place, case, url)) == 0
    check(place, case)


@pytest.mark.parametrize("fault", [{"ranges": False}, {"shift": 7}], ids=["no-ranges", "another-part"])
def test_a_server_that_cannot_resume_sends_all_of_it(server, place, fault):
    case = CASES["imagenette"]
    url = server.url(case.file, case.content, cuts=[5000], **fault)
    assert call(case, *manifest(place, case, url)) == 0
    check(place, case)


def test_a_redirection_is_resumed_too(server, place):
    case = CASES["imagenette"]
    url = server.url(case.file, case.content, cuts=[9000])
    server.files["/moved"] = serve.Served(url.encode(), status=302)
    more = manifest(place, case, f"{server.address}/moved", sha256=sha256(case.content))
    assert call(case, *more) == 0
    check(place, case)
    assert [asked for asked, _ in server.requests[f"/{case.file}"]] == [None, "bytes=9000-"]


def test_a_spoilt_beginning_is_forgotten(server, place):
    """What an earlier run left is wrong, so the sum is: once more, from the beginning."""
    case = CASES["imagenette"]
    url = server.url(case.file, case.content, cuts=[5000] + 10 * [0])
    more = manifest(place, case, url, sha256=sha256(case.content))
    assert call(case, *more) == 1
    (part,) = (place / "cache").rglob("*.part")
    part.write_bytes(bytes(5000))
    server.files[f"/{case.file}"].cuts.clear()
    assert call(case, *more) == 0
    check(place, case)


@EVERY
@pytest.mark.parametrize(
    "wrong, said",
    [
        (dict(content=b"x" * 9000), "not the file that was recorded"),
        (dict(content=serve.PAGE, kind="text/html"), "web page came instead.*Quota exceeded"),
        (dict(content=b"", status=404), "HTTP 404"),
        (dict(content=b"", status=503), "503"),
    ],
    ids=["wrong-sum", "web-page", "404", "503"],
)
def test_the_next_source_is_tried_and_without_one_nothing_stays(server, place, case, wrong, said, capsys):
    bad = server.url("bad", **wrong)
    assert call(case, *manifest(place, case, bad, sha256=sha256(case.content))) == 1
    error = capsys.readouterr().err
    assert re.search(said, error), error
    assert "source0" in error and "--from" in error
    assert not (place / "data" / case.key).exists()
    assert not [path for path in (place / "cache").rglob("*") if path.is_file()]
    good = server.url(case.file, case.content)
    assert call(case, *manifest(place, case, bad, good, sha256=sha256(case.content))) == 0
    check(place, case)


def test_a_size_that_is_not_the_recorded_one_is_noticed_before_the_download(server, place, capsys):
    case = CASES["imagenette"]
    url = server.url(case.file, case.content)
    assert call(case, *manifest(place, case, url, size=len(case.content) + 1)) == 1
    assert f"expected {len(case.content) + 1:,}" in capsys.readouterr().err


@EVERY
def test_junk_without_a_sum_is_not_kept(server, place, case):
    """An answer of 200 with an error in it, where nothing is known of the file: the next source, now and later."""
    junk, good = server.url("junk", b'{"error": "gone"}'), server.url(case.file, case.content)
    assert call(case, *manifest(place, case, junk)) == 1
    assert not [path for path in (place / "cache").rglob("*") if path.is_file()]
    assert call(case, *manifest(place, case, junk, good)) == 0
    check(place, case)


@EVERY
def test_what_proves_damaged_is_fetched_afresh(server, place, case, capsys):
    """It opens, and has no sum; that it is spoilt shows when its members are read."""
    spoilt = bytearray(case.content)
    spoilt[len(spoilt) // 4 : len(spoilt) // 2] = bytes(len(spoilt) // 2 - len(spoilt) // 4)
    more = manifest(place, case, server.url(case.file, bytes(spoilt)))
    assert call(case, *more) == 1
    said = capsys.readouterr().err
    assert "was removed" in said and "--source" in said, said
    server.url(case.file, case.content)
    assert call(case, *more) == 0
    check(place, case)


def test_what_failed_sources_left_is_removed_in_the_end(server, place):
    case = CASES["imagenette"]
    cut = server.url("cut", case.content, cuts=[5000, *[0] * 40])
    assert call(case, *manifest(place, case, cut)) == 1
    assert list((place / "cache").rglob("*.part")), "for the next run"
    assert call(case, *manifest(place, case, cut, server.url(case.file, case.content))) == 0
    check(place, case)
    assert not [path for path in (place / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize("known", [True, False], ids=["length-known", "416"])
def test_a_whole_download_is_not_fetched_again(server, place, known):
    """A run that was stopped while it verified left all the bytes, with or without a note of how many there are."""
    case = CASES["imagenette"]
    url = server.url(case.file, case.content)
    folder = place / "cache" / "downloads" / case.key / "source0"
    folder.mkdir(parents=True)
    (folder / f"{case.file}.part").write_bytes(case.content)
    about = {"url": url, "validator": '"v1"'} | ({"bytes": len(case.content)} if known else {})
    (folder / f"{case.file}.part.json").write_text(json.dumps(about))
    assert call(case, *manifest(place, case, url, sha256=sha256(case.content))) == 0
    check(place, case)
    assert sum(sent for _, sent in server.requests[f"/{case.file}"]) == 0


def test_a_server_that_leads_in_circles_is_given_up(server, place, capsys):
    """It cuts every answer, and to go on it sends another part: each beginning would look like progress."""
    case = CASES["imagenette"]
    url = server.url(case.file, case.content, cuts=[5000] * 60, shift=7)
    assert call(case, *manifest(place, case, url)) == 1
    assert "fails" in capsys.readouterr().err
    assert len(server.requests[f"/{case.file}"]) < 4 * fetch.ATTEMPTS


def test_a_server_that_trickles_is_given_up(server, place, monkeypatch):
    case = CASES["imagenette"]
    monkeypatch.setattr(fetch, "ATTEMPTS_IN_ALL", 10, raising=False)
    url = server.url(case.file, case.content, cuts=[50] * 60)
    assert call(case, *manifest(place, case, url)) == 1
    assert len(server.requests[f"/{case.file}"]) == 10


# A full disk


@EVERY
def test_too_little_room_is_said_before_the_download(server, place, case, monkeypatch, capsys):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))
    assert call(case, *manifest(place, case, server.url(case.file, case.content))) == 1
    said = capsys.readouterr().err
    assert "1.0 kB are free" in said and "--limit" in said and not server.requests


@EVERY
@pytest.mark.parametrize("during", ["download", "conversion"])
def test_a_disk_that_fills_up(server, place, case, during):
    """The system refuses to write beyond a limit, as a full disk would; with room again, it goes on."""
    rows = 36 * 3 * 16 * 16 if case.script != "shapenet" else 4 * 3 * 3 * 16 * 16
    limit = len(case.content) // 2 if during == "download" else rows // 2
    url = server.url(case.file, case.content)
    more = manifest(place, case, url, sha256=sha256(case.content))
    if during == "conversion":
        (place / case.file).write_bytes(case.content)
        more += ["--from", str(place / case.file)]
    limited = start(case, place, *more, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    said, _ = limited.communicate()
    assert limited.returncode == 1 and "the disk is full" in said and "Traceback" not in said, said
    assert not list((place / "data").iterdir()), "a half-made set was left"
    assert call(case, *more) == 0
    check(place, case)
    if during == "download":
        assert server.requests[f"/{case.file}"][-1][0] is not None, "what was downloaded before was not used"


@EVERY
def test_too_little_room_for_what_is_there_is_said(place, case, monkeypatch, capsys):
    (place / case.file).write_bytes(case.content)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9 - 10_000, 10_000))
    assert call(case, "--from", place / case.file) == 1
    assert "10.0 kB are free" in capsys.readouterr().err and not (place / "data" / case.key).exists()


def test_an_earlier_try_does_not_take_the_room_of_the_next(server, place, monkeypatch):
    """What a killed run left of the set, and what it had downloaded, is not needed a second time."""
    case = CASES["imagenette"]
    room, size = 60 * 3 * 16 * 16, len(case.content)
    url = server.url(case.file, case.content, cuts=[size - 1000, *[0] * 9])
    more = manifest(place, case, url, sha256=sha256(case.content), size=size)
    assert call(case, *more) == 1
    (stale := place / "data" / ".imagenette.partial").mkdir()
    (stale / "train.npy").write_bytes(bytes(room))
    usage = namedtuple("usage", "total used free")

    def disk(path):
        used = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        return usage(0, used, room + size + 10_000 - used)

    monkeypatch.setattr("shutil.disk_usage", disk)
    server.files[f"/{case.file}"].cuts.clear()
    assert call(case, *more) == 0
    check(place, case)
