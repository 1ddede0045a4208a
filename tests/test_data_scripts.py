"""The scripts that fetch and prepare data, end to end: what goes well, and what students read."""

import importlib
import json
import re
import tarfile
from pathlib import Path

import local_server as serve
import numpy as np
import pytest
from PIL import Image
from script_cases import CASES, CELEBA, EVERY, PARTITION, PICTURES, Case, call, check, manifest, sha256, start

from getting import pictures
from learnit_core import signals
from learnit_core.commands.repository import ROOT
from learnit_core.signals import prepared

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
    folders = {
        "imagenette2-320.tgz": serve.imagenette(PICTURES),
        "img_align_celeba.zip": CELEBA,
        "srn_chairs.zip": serve.srn(),
        "train-00000-of-00001.parquet": {case.file: case.content},
    }
    if case.file in folders:  # ENR's zips within a zip are none
        (unpacked := place / "unpacked").mkdir()
        for name, content in folders[case.file].items():
            (unpacked / name).parent.mkdir(parents=True, exist_ok=True)
            (unpacked / name).write_bytes(content)
        (place / "list_eval_partition.txt").write_bytes(PARTITION)
        assert call(case, *more, "--from", unpacked, "--to", place / "again") == 0
    if case.file in folders and case.script != "shapenet":
        first = np.load(place / "data" / case.key / "test.npy")
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
    for path, said in [
        ("imagenette2-320.tgz", "web page.*Quota exceeded"),
        ("other.zip", "something else"),
        ("nothing.tgz", "there is nothing at"),
    ]:
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


def test_dealing_out_loses_nothing_and_gives_nothing_twice():
    """Writing would hide a name that stands in two splits: it goes to one of them."""
    names = [f"{i:02}" for i in range(23)]
    for seed in (0, 1):
        for count in (1, 5, 22):
            held, left = pictures.held_out(names, count, seed)
            assert len(held) == count and sorted(held + left) == names
        dealt = pictures.deal(names, seed)
        assert sorted(sum(dealt.values(), [])) == names
        few = pictures.sample(dealt, 9, seed)
        assert sum(map(len, few.values())) == 9 and all(set(few[split]) <= set(dealt[split]) for split in few)
