"""ShapeNet's classes, which may stand in one folder: chairs are never called lamps, from a disk or from a drive."""

import json
from collections import namedtuple
from pathlib import Path

import gdown
import local_server as serve
import pytest
from test_layouts import files, tree

import shapenet
from getting import commandline
from learnit_core.signals import prepared

COUNTS = {"chairs": 9, "cars": 7, "lamps": 5}
ListedFile = namedtuple("ListedFile", "id path local_path")


def all_classes(of=tuple(COUNTS)):
    """The authors' folder: a folder of objects and a list of splits for each class."""
    made, whole = {}, files("authors")
    for kind in of:
        names = [f"{kind[:2]}{i}" for i in range(COUNTS[kind])]
        made |= {f"{kind}/{name}/{file}": content for name in names for file, content in whole.items()}
        listed = {"train": names[:-2], "val": [names[-2]], "test": [names[-1]]}
        made[f"{kind[:-1]}_splits.json"] = json.dumps(listed).encode()
    return made


def write(folder, members):
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def run(kind, *more):
    return commandline.run(shapenet.main, [kind, "--size", "16", *map(str, more)])


def names_of(folder):
    _, splits, _ = prepared.scenes(Path(folder))
    return [splits[split].names for split in prepared.SPLITS]


def test_the_class_is_chosen_in_a_folder_of_all(place, capsys):
    source = write(place / "authors", all_classes())
    for kind, count in COUNTS.items():
        assert run(kind, "--from", source) == 0, capsys.readouterr().err
        expected = [f"{kind[:2]}{i}" for i in range(count)]
        assert sum(names_of(f"data/shapenet-{kind}"), []) == expected


@pytest.mark.parametrize("there", ["folders", "list", "archive", "srn"])
def test_a_class_that_is_absent_is_an_error(place, there, capsys):
    members = all_classes(["chairs", "cars"])
    if there == "list":  # the objects' own folders do not tell
        members = {name.removeprefix("cars/"): content for name, content in all_classes(["cars"]).items()}
    source = write(place / "authors", members)
    if there == "archive":  # neither a folder nor a list tells, but the archive's name
        whole = files("authors")
        (source := place / "my_cars.zip").write_bytes(
            serve.zipped({f"object{i}/{n}": c for i in range(5) for n, c in whole.items()})
        )
    if there == "srn":
        source = write(place / "srn", tree("srn"))
    assert run("lamps", "--from", source) == 1
    said = capsys.readouterr().err
    assert "cars" in said and "expected lamps" in said
    assert not (place / "data" / "shapenet-lamps").exists()
    if there == "archive":
        assert run("cars", "--from", source) == 0


def test_a_few_objects_are_a_sample(place, capsys):
    source = write(place / "authors", all_classes())
    assert run("cars", "--from", source, "--limit", 3) == 0
    assert list(map(len, names_of("data/shapenet-cars"))) == [1, 1, 1]
    assert run("cars", "--from", source, "--limit", 2, "--to", "x") == 1
    assert "--limit is 2; expected 3 at least, for three splits" in capsys.readouterr().err


# A drive


def drive(monkeypatch, members, fail=None):
    """A folder on a drive that holds ``members``; returns the paths that are fetched, as they are."""
    fetched = []

    def download_folder(*, id, output, skip_download=False, **_):
        assert skip_download, "the whole folder is fetched"
        return [ListedFile(f"id of {path}", path, str(Path(output, path))) for path in members]

    def download(*, id, output, resume):
        path = id.removeprefix("id of ")
        if fail == len(fetched):
            raise ConnectionResetError(104, "Connection reset by peer")
        fetched.append(path)
        Path(output).write_bytes(members[path])
        return output

    monkeypatch.setattr(gdown, "download_folder", download_folder)
    monkeypatch.setattr(gdown, "download", download)
    return fetched


def manifest(place, kind, *sources):
    lines = [f"[shapenet-{kind}]", 'title = "Objects"', 'licence = "research"', "accept_terms = true", "views = 9"]
    for source in sources:
        lines += [f"[[shapenet-{kind}.sources]]", *source, 'kind = "drive-folder"', "login = false"]
        lines += ['last_verified = "never"']
    (place / "sources.toml").write_text("\n".join(lines))
    return ["--manifest", place / "sources.toml", "--accept-terms"]


AUTHORS = ['name = "authors"', 'layout = "authors"', 'id = "one"']
SRN = ['name = "srn"', 'layout = "srn"', 'id = "two"', 'file = "srn_cars.zip"']


def test_of_a_drives_folder_only_the_class_is_fetched(place, monkeypatch):
    fetched = drive(monkeypatch, all_classes())
    assert run("lamps", *manifest(place, "lamps", AUTHORS)) == 0
    assert names_of("data/shapenet-lamps") == [["la0", "la1", "la2"], ["la3"], ["la4"]]
    assert sorted(fetched) == sorted(name for name in all_classes() if name.startswith("lamp"))
    assert not [path for path in (place / "cache").rglob("*") if path.is_file()]


def test_of_a_drives_folder_only_the_sample_is_fetched(place, monkeypatch):
    fetched = drive(monkeypatch, all_classes())
    assert run("chairs", *manifest(place, "chairs", AUTHORS), "--limit", 4) == 0
    assert list(map(len, names_of("data/shapenet-chairs"))) == [2, 1, 1]
    assert len({path.split("/")[1] for path in fetched if "/" in path}) == 4
    assert len(fetched) == len(set(fetched)) == 4 * len(files("authors")) + 1


def test_of_a_drives_folder_only_the_archive_is_fetched(place, monkeypatch):
    members = {"srn_cars.zip": serve.zipped(tree("srn")), "srn_chairs.zip": b"gigabytes"}
    fetched = drive(monkeypatch, members)
    assert run("cars", *manifest(place, "cars", SRN)) == 0
    assert fetched == ["srn_cars.zip"]


@pytest.mark.parametrize(
    "members, said",
    [
        ({}, "no layout"),
        ({"readme.txt": b"gone"}, "no layout"),
        (all_classes(["chairs"]), "expected cars"),
        ({"cars/../../evil": b"x", "cars/a/transforms.json": b""}, "points outside"),
    ],
)
def test_a_drives_folder_without_the_class_fails(place, monkeypatch, members, said, capsys):
    drive(monkeypatch, members)
    assert run("cars", *manifest(place, "cars", AUTHORS)) == 1
    error = capsys.readouterr().err
    assert said in error and "authors: " in error


def test_a_drive_that_stops_answering_goes_on_next_time(place, monkeypatch, capsys):
    drive(monkeypatch, all_classes(), fail=7)
    assert run("lamps", *manifest(place, "lamps", AUTHORS)) == 1
    assert "Connection reset" in capsys.readouterr().err
    fetched = drive(monkeypatch, all_classes())
    assert run("lamps", *manifest(place, "lamps", AUTHORS)) == 0
    assert len(fetched) == sum(name.startswith("lamp") for name in all_classes()) - 7
