"""What people type: a mistake is one sentence, a dry run says what would happen, names and paths are taken as meant."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import local_server as serve
import pytest
from script_cases import CASES, PICTURES, call, check, manifest, sha256

from getting import commandline
from learnit_core.commands.repository import ROOT
from learnit_core.signals import prepared


def run(script, *arguments):
    return commandline.run(importlib.import_module(script).main, list(map(str, arguments)))


@pytest.fixture
def mine(place):
    (place / "mine").mkdir()
    for i, picture in enumerate(PICTURES[:20]):
        (place / "mine" / f"{i:02d}.png").write_bytes(serve.png(picture))
    return place


@pytest.mark.parametrize(
    "command, said",
    [
        ("folder mine --to .", "--to is .; expected the name of a new folder"),
        ("folder mine --to ..", "expected the name of a new folder"),
        ("folder mine --to /", "expected the name of a new folder"),
        ("folder mine --to /proc/x", "/proc/"),
        ("folder mine --to mine/00.png/x", "mine/00.png"),
        ("folder mine --seed -1", "--seed is -1; expected 0 or more"),
        ("folder mine --size 3", "--size is 3; expected 4 to 4096"),
        ("folder mine --size 100000", "--size is 100000; expected 4 to 4096"),
        ("folder mine --limit 9", "--limit is 9; expected 10 at least, for three splits"),
        ("folder nothing --dry-run", "there is nothing at nothing"),
        ("celeba --from nothing --dry-run", "there is nothing at nothing"),
        ("celeba --manifest other.toml", "other.toml has nothing; expected celeba among them"),
        ("shapenet cars --manifest other.toml", "expected shapenet-cars among them"),
        ("celeba --manifest mine/00.png", "no manifest of data sets"),
        ("celeba --accept-terms --manifest kinds.toml", "its kind is 'ftp'; expected one of http"),
        ("shapenet cars --focal -1 --radius 3", "--focal is -1.0; expected more than 0"),
        ("shapenet cars --focal 1 --radius nan", "--radius is nan; expected more than 0"),
        ("shapenet cars --near 0 --far 1", "--near is 0.0; expected more than 0"),
        ("shapenet cars --near 2 --far 1", "near is 2.0 and far is 1.0: expected both"),
    ],
)
def test_a_mistake_is_one_sentence(mine, command, said, capsys):
    source = '[[celeba.sources]]\nname = "a"\nkind = "ftp"\nlogin = false\nlast_verified = "never"\nid = "x"\n'
    about = 'title = "a set"\nlicence = "none"\naccept_terms = false\n'
    Path("other.toml").write_text(f"[nothing]\n{about}{source.replace('celeba', 'nothing').replace('ftp', 'kaggle')}")
    Path("kinds.toml").write_text(f"[celeba]\n{about}{source}")
    assert run(*command.split()) == 1
    assert said in (error := capsys.readouterr().err) and error.count("\n") <= 3


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell with pipes")
def test_a_list_that_is_not_read_to_the_end():
    command = f"'{sys.executable}' '{ROOT / 'data_scripts' / 'prepare.py'}' --list | head -n 1"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    assert done.stdout.startswith("CelebA") and not done.stderr


@pytest.mark.parametrize("script", ["celeba", "imagenette", "shapenet", "folder", "prepare"])
def test_another_python_than_the_projects_is_named(script):
    command = [sys.executable, "-S", "-s", "-E", str(ROOT / "data_scripts" / f"{script}.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert f".venv/bin/python data_scripts/{script}.py" in done.stderr


def test_a_dry_run_says_what_is_there(mine, capsys):
    assert run("folder", "mine", "--size", 16, "--dry-run") == 0
    said = capsys.readouterr().out
    assert "mine, which is here" in said and "is there already" not in said
    assert re.search(r"about 15\.4 kB, in data/folder-mine \([\d.]+ GB free\)", said)
    assert run("folder", "mine", "--size", 16) == 0
    capsys.readouterr()
    assert run("folder", "mine", "--size", 16, "--dry-run") == 0
    assert "data/folder-mine is there already, a prepared set" in capsys.readouterr().out
    assert run("folder", "mine", "--to", "mine", "--dry-run") == 0
    assert "is no prepared set" in capsys.readouterr().out


def test_room_depends_on_the_source(capsys, place):
    """10 objects of 50 views each, or as SRN has them 111 on average, 128 x 128 x 3."""
    for source, room in ((), "24.6 MB to 54.6 MB"), (("--source", "srn"), "54.6 MB"), (("--source", "enr"), "24.6 MB"):
        assert run("shapenet", "chairs", "--dry-run", "--limit", 10, *source) == 0
        assert f"about {room}, in data" in capsys.readouterr().out


def test_another_file_is_another_set(place, capsys):
    case = CASES["imagenette"]
    for name in ("a.tgz", "b.tgz"):
        Path(name).write_bytes(case.content)
    assert call(case, "--from", "a.tgz") == 0
    assert call(case, "--from", "a.tgz") == 0 and "is there already" in capsys.readouterr().out
    assert call(case, "--from", "b.tgz") == 1
    assert re.search(r"from is '.*a\.tgz' there, '.*b\.tgz' here", capsys.readouterr().err)
    assert call(case, "--source", "s3") == 1
    assert "source is None there, 's3' here" in capsys.readouterr().err


def test_the_source_that_was_chosen_is_kept_in_mind(server, place):
    case = CASES["imagenette"]
    more = manifest(place, case, server.url(case.file, case.content), sha256=sha256(case.content))
    assert call(case, *more, "--source", "source0") == 0
    assert check(place, case)["options"]["source"] == "source0"
    assert call(case, *more) == 1


def test_a_home_is_found(mine, monkeypatch):
    """No shell replaces the ~ in --from=~/x."""
    monkeypatch.setenv("HOME", str(mine))
    Path("x.tgz").write_bytes(CASES["imagenette"].content)
    assert call(CASES["imagenette"], "--from=~/x.tgz", "--to=~/made") == 0
    assert prepared.is_prepared(mine / "made")


@pytest.mark.parametrize(
    "name, made",
    [("假期 2023", "folder-假期-2023"), ("Été_à la mer", "folder-été-à-la-mer"), ("...", "folder-pictures")],
)
def test_a_folder_in_any_language(mine, name, made):
    (mine / "mine").rename(mine / name)
    assert run("folder", name, "--size", 16) == 0
    assert [path.name for path in Path("data").iterdir()] == [made]
    assert json.loads(Path("data", made, "prepared.json").read_text("utf-8"))["options"]["from"] == str(mine / name)
