"""The scripts that fetch and prepare data, end to end against a server on this machine that misbehaves."""

import hashlib
import importlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tarfile
import time
from collections import namedtuple
from pathlib import Path

import local_server as serve
import numpy as np
import pytest
from PIL import Image

from getting import commandline, fetch
from learnit_core import signals
from learnit_core.commands.repository import ROOT
from learnit_core.signals import prepared

PICTURES = serve.drawn(60)
CROPPED = PICTURES[:, 2:18]  # the largest centred square, 16 x 16, where nothing is scaled

Case = namedtuple("Case", "script arguments key file content counts")
CELEBA, PARTITION = serve.celeba(PICTURES)
CASES = {
    "imagenette": Case("imagenette", ["--size", "16"], "imagenette", "imagenette2-320.tgz",
                       serve.tar(serve.imagenette(PICTURES)), (36, 4, 20)),
    "celeba": Case("celeba", ["--size", "16", "--accept-terms"], "celeba", "img_align_celeba.zip",
                   serve.zipped(CELEBA | {"list_eval_partition.txt": PARTITION}), (52, 4, 4)),
    "shapenet": Case("shapenet", ["chairs", "--size", "16", "--accept-terms", "--focal", "1.5", "--radius", "3"],
                     "shapenet-chairs", "chairs.zip", serve.zipped(serve.enr()), (4, 2, 2)),
}  # fmt: skip
EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@pytest.fixture
def server():
    running = serve.Server()
    yield running
    running.close()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of one's own to work in, with a cache of its own, and no waiting."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEARNIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "PAUSE", 0.0)
    return tmp_path


def manifest(place, case, *urls, sha256="", size=0):
    """A manifest with one set, and a source of one file for each address."""
    terms = str(case.key != "imagenette").lower()
    lines = [f"[{case.key}]", 'title = "The set"', 'licence = "research only"', f"accept_terms = {terms}"]
    lines += ["pictures = 60", "objects = 8", "views = 3"]
    for i, url in enumerate(urls):
        lines += [f"[[{case.key}.sources]]", f'name = "source{i}"', 'kind = "http"', "login = false"]
        lines += ['last_verified = "never"']
        lines += [f'files = [{{ name = "{case.file}", url = "{url}", sha256 = "{sha256}", bytes = {size} }}]']
    (place / "sources.toml").write_text("\n".join(lines))
    return ["--manifest", str(place / "sources.toml")]


def call(case, *arguments):
    """Run a script in this process; returns its exit code."""
    return commandline.run(importlib.import_module(case.script).main, [*case.arguments, *map(str, arguments)])


def start(case, place, *arguments, **options):
    """Run a script in a process of its own."""
    command = [sys.executable, str(ROOT / "data_scripts" / f"{case.script}.py"), *case.arguments, *map(str, arguments)]
    env = os.environ | {"LEARNIT_CACHE": str(place / "cache"), "PYTHONPATH": str(ROOT)}
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=place, env=env, **pipe, **options)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def check(place, case):
    """The prepared set is whole, right, and all that is left."""
    folder = place / "data" / case.key
    about = prepared.describe(folder)
    assert tuple(about["splits"][split]["count"] for split in prepared.SPLITS) == case.counts
    if case.script == "shapenet":
        _, splits, _ = prepared.scenes(folder)
        found = sorted(int(views.images[0, 8, 8, 0]) for views in splits["train"])
        assert found == [0, 7, 14, 21]
        assert splits["test"][0].images.shape == (3, 16, 16, 3)
    else:
        _, splits, _ = prepared.pictures(folder, size=16, channels=3)
        known = {picture.tobytes() for picture in CROPPED}
        kept = [picture.tobytes() for split in splits.values() for picture in split.stored(slice(None))]
        assert len(set(kept)) == len(kept) == sum(case.counts) and set(kept) <= known
    assert importlib.import_module("prepare").main(["--check", str(folder)]) is None
    assert [path.name for path in (place / "data").iterdir()] == [case.key], "something was left behind"
    assert not list((place / "cache").rglob("*.part")) and not list((place / "cache").rglob(case.file))
    return about


# What goes well


@EVERY
def test_a_set_is_fetched_verified_and_prepared(server, place, case, capsys):
    url = server.url(case.file, case.content)
    more = manifest(place, case, url, sha256=sha256(case.content), size=len(case.content))
    assert call(case, *more) == 0
    said = capsys.readouterr().out
    about = check(place, case)
    assert about["origin"][0]["sum"].startswith(f"sha256:{sha256(case.content)}, as recorded")
    assert f"LEARNIT_DATA=data/{case.key}" in said and "research only" in said and f"{case.counts[0]} " in said
    before = {path: path.stat().st_mtime_ns for path in (place / "data").rglob("*")}
    assert call(case, *more) == 0 and "is there already" in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in (place / "data").rglob("*")}
    assert len(server.requests[f"/{case.file}"]) == 1, "what is there was fetched again"
    assert call(case, *more, "--size", 8) == 1
    assert "size is 16 there, 8 here" in capsys.readouterr().err


@EVERY
def test_from_a_file_or_folder_that_is_there(server, place, case):
    more = manifest(place, case, "http://127.0.0.1:9/nothing-answers-here")
    (place / case.file).write_bytes(case.content)
    assert call(case, *more, "--from", place / case.file) == 0
    check(place, case)
    assert (place / case.file).exists(), "the user's own file was removed"
    if case.script != "shapenet":  # whose zips within a zip are no folder
        (unpacked := place / "unpacked").mkdir()
        for name, content in (CELEBA if case.script == "celeba" else serve.imagenette(PICTURES)).items():
            (unpacked / name).parent.mkdir(parents=True, exist_ok=True)
            (unpacked / name).write_bytes(content)
        (place / "list_eval_partition.txt").write_bytes(PARTITION)
        first = np.load(place / "data" / case.key / "test.npy")
        assert call(case, *more, "--from", unpacked, "--to", place / "again") == 0
        np.testing.assert_array_equal(np.sort(np.load(place / "again" / "test.npy"), axis=0), np.sort(first, axis=0))


@EVERY
def test_a_dry_run_does_nothing(server, place, case, capsys):
    url = server.url(case.file, case.content)
    assert call(case, *manifest(place, case, url, size=7_000_000), "--dry-run") == 0
    said = capsys.readouterr().out
    assert url in said and "7.0 MB" in said and "no sum known" in said and "research only" in said
    assert [path.name for path in place.iterdir()] == ["sources.toml"] and not server.requests


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A folder of folders with what people have: grey, transparent, turned, large, broken, twice, and other things."""
    folder = tmp_path_factory.mktemp("mixed") / "My Holiday 2023"
    (folder / "in" / "deeper").mkdir(parents=True)
    for i, picture in enumerate(serve.drawn(30, seed=5)):
        (folder / ("in/deeper" if i % 3 else "in") / f"{i:02d}.png").write_bytes(serve.png(picture))
    Image.fromarray(serve.drawn(1, seed=6)[0]).convert("L").save(folder / "grey.jpg")
    Image.fromarray(serve.drawn(1, 40, 30, seed=7)[0]).convert("CMYK").save(folder / "print.jpeg")
    (folder / "copy.png").write_bytes((folder / "in" / "03.png").read_bytes())
    (folder / "broken.png").write_bytes((folder / "in" / "03.png").read_bytes()[:200])
    (folder / "notes.txt").write_text("not a picture")
    (folder / ".hidden.png").write_bytes((folder / "in" / "06.png").read_bytes())
    return folder


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "tgz"])
def test_a_folder_of_ones_own(place, mixed, packed, capsys):
    source = mixed
    if packed:
        source = place / "My Holiday 2023.tgz"
        with tarfile.open(source, "w:gz") as archive:
            archive.add(mixed, "My Holiday 2023")
    case = Case("folder", [str(source), "--size", "16"], "folder-my-holiday-2023", "", b"", None)
    assert call(case) == 0
    said = capsys.readouterr()
    about = prepared.describe(place / "data" / case.key)
    counts = [about["splits"][split]["count"] for split in prepared.SPLITS]
    assert sum(counts) == 32 and min(counts) >= 2, "34 names are dealt out, 3 each for validation and test"
    assert about["copies"] == 1 and [Path(name).name for name in about["skipped"]] == ["broken.png"]
    assert "Skipped: " in said.err + said.out and "1 exact copies; 1 that cannot be read" in said.out
    images = signals.load(place / "data" / case.key, size=16)
    known = {picture.tobytes() for picture in serve.drawn(30, seed=5)[:, 2:18]}
    kept = [picture for split in images[1:4] for picture in split]
    assert sum((picture * 255).round().astype(np.uint8).tobytes() in known for picture in kept) == 30
    assert len({picture.tobytes() for picture in kept}) == 32 and images.name == case.key
    both = [start(case, place, "--to", "again") for _ in range(2 * packed)]
    assert [process.wait() for process in both] == [0] * len(both)


def test_what_is_no_archive_is_said(place, capsys):
    (place / "imagenette2-320.tgz").write_bytes(serve.PAGE)
    (place / "other.zip").write_bytes(b"hello")
    for path, said in [("imagenette2-320.tgz", "web page.*Quota exceeded"), ("other.zip", "something else"),
                       ("nothing.tgz", "there is nothing at")]:  # fmt: skip
        assert call(CASES["imagenette"], "--from", path) == 1
        assert re.search(said, capsys.readouterr().err)
    assert call(CASES["imagenette"], "--source", "elsewhere") == 1
    assert "no source called 'elsewhere': expected one of s3" in capsys.readouterr().err
    (place / "data" / "imagenette").mkdir(parents=True)
    (place / "data" / "imagenette" / "mine.txt").write_text("do not touch")
    assert call(CASES["imagenette"]) == 1 and "is no prepared set" in capsys.readouterr().err
    assert (place / "data" / "imagenette" / "mine.txt").exists()


def test_a_sample_is_drawn_from_every_split(server, place):
    case = CASES["celeba"]._replace(counts=(18, 1, 1))
    assert call(case, *manifest(place, case, server.url(case.file, case.content)), "--limit", 20) == 0
    about = check(place, case)
    assert "of what arrived: none is known" in about["origin"][0]["sum"]
    assert call(case, "--limit", 9) == 1


def test_terms_are_asked_for_before_anything_is_fetched(server, place, capsys):
    case = CASES["celeba"]._replace(arguments=["--size", "16"])
    more = manifest(place, case, server.url(case.file, case.content))
    assert call(case, *more) == 1
    assert "research only" in (said := capsys.readouterr().err) and "--accept-terms" in said
    assert not server.requests and not (place / "data" / "celeba").exists()


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
    if during == "download":
        check(place, case)
        assert server.requests[f"/{case.file}"][-1][0] is not None, "what was downloaded before was not used"


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


@EVERY
def test_a_damaged_archive_is_named(place, case, capsys):
    (place / case.file).write_bytes(case.content[: len(case.content) // 2])
    assert call(case, "--from", place / case.file) == 1
    assert case.file in (said := capsys.readouterr().err) and "Traceback" not in said
    assert not (place / "data" / case.key).exists()


# Several processes, and processes that are killed


@EVERY
def test_two_at_once(server, place, case):
    url = server.url(case.file, case.content, pause=0.005)
    more = manifest(place, case, url, sha256=sha256(case.content))
    both = [start(case, place, *more) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("is there already" in text for text in said) == 1
    assert sum("waiting for another process" in text for text in said) <= 1
    check(place, case)
    assert len(server.requests[f"/{case.file}"]) == 1


@EVERY
def test_killed_at_random_moments(server, place, case):
    url = server.url(case.file, case.content, pause=0.02)
    more = manifest(place, case, url, sha256=sha256(case.content))
    killed = 0
    for _ in range(2):
        before = len(server.requests[f"/{case.file}"])
        process = start(case, place, *more)
        while process.poll() is None and len(server.requests[f"/{case.file}"]) == before:
            time.sleep(0.02)
        time.sleep(random.uniform(0, 0.02 * len(case.content) / 4096 / 2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    assert killed
    server.files[f"/{case.file}"].pause = 0.0
    last = start(case, place, *more)
    said, _ = last.communicate()
    assert last.returncode == 0, said
    check(place, case)
    kept = {path.name: path.read_bytes() for path in (place / "data" / case.key).rglob("*.npy")}
    assert call(case, *more, "--to", place / "undisturbed") == 0
    assert kept == {path.name: path.read_bytes() for path in (place / "undisturbed").rglob("*.npy")}


def test_killed_while_it_writes(place):
    """A folder of pictures that takes a moment to convert: whatever the moment, the target is whole or not there."""
    case = Case("folder", [], "folder-mine", "", b"", None)
    (place / "mine").mkdir()
    for i, picture in enumerate(serve.drawn(250, 160, 160)):
        (place / "mine" / f"{i:03d}.png").write_bytes(serve.png(picture))
    target, partial, seen = place / "data" / "folder-mine", place / "data" / ".folder-mine.partial", 0
    for delay in (0, random.uniform(0, 0.2)):
        process = start(case, place, "mine", "--size", 120)
        while process.poll() is None and not (partial / "train.npy").exists():
            time.sleep(0.005)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        seen += partial.exists()
        assert not (target.exists() and partial.exists())
        assert not target.exists() or prepared.is_prepared(target)
        if target.exists():
            break
    assert seen, "it was never stopped while it wrote"
    last = start(case, place, "mine", "--size", 120)
    assert last.wait() == 0
    assert sum(entry["count"] for entry in prepared.describe(target)["splits"].values()) == 250
    assert [path.name for path in (place / "data").iterdir()] == ["folder-mine"]


# What students read


@pytest.mark.parametrize("script", ["celeba", "imagenette", "shapenet", "folder", "prepare"])
def test_help_names_commands_that_exist(script, capsys):
    module = importlib.import_module(script)
    with pytest.raises(SystemExit) as stopped:
        module.main(["--help"])
    said = capsys.readouterr().out
    assert stopped.value.code == 0 and "examples:" in said and f"python data_scripts/{script}.py" in said
    assert max(map(len, module.EPILOG.splitlines())) <= 120
    for name in re.findall(r"data_scripts/(\w+\.py)", said):
        assert (ROOT / "data_scripts" / name).is_file()


def test_the_list_shows_every_set(capsys):
    import prepare

    prepare.main(["--list"])
    said = capsys.readouterr().out
    for name in ("celeba.py --accept-terms", "imagenette.py", "shapenet.py lamps", "folder.py", "last verified: never"):
        assert name in said


def test_metadata_says_how_the_set_was_made(server, place):
    case = CASES["imagenette"]
    assert call(case, *manifest(place, case, server.url(case.file, case.content)), "--keep-downloads") == 0
    about = json.loads((place / "data" / "imagenette" / "prepared.json").read_text())
    assert about["options"] == {"size": 16, "limit": None, "seed": 0, "from": None, "source": None}
    assert (place / "cache" / "downloads" / "imagenette" / "source0" / case.file).exists()
