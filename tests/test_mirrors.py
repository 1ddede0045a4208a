"""Sources that go through other people's tools: Hugging Face's against a server here, gdown and kagglehub replaced."""

import json
import os
import re
import subprocess
import sys
from hashlib import md5
from pathlib import Path

import gdown
import huggingface_hub
import kagglehub
import local_server as serve
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from script_cases import parquet, rows_of

import celeba
from getting import commandline, manifest, mirrors, shards
from getting.kinds import SourceFailed
from getting.shards import Shards
from learnit_core.commands.repository import ROOT
from learnit_core.errors import LearnitError
from learnit_core.signals import prepared

PICTURES = serve.drawn(30)
SPLITS = {"train": PICTURES[:20], "valid": PICTURES[20:25], "test": PICTURES[25:]}


def one_source(place, **about):
    """A manifest of CelebA with this one source."""
    values = {"name": "only", "login": False, "last_verified": "never"} | about
    files = values.pop("files", [])
    lines = ["[celeba]", 'title = "Faces"', 'licence = "research"', "accept_terms = true", "[[celeba.sources]]"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    if files:
        lines.append(
            "files = ["
            + ", ".join("{" + ", ".join(f"{k} = {json.dumps(v)}" for k, v in f.items()) + "}" for f in files)
            + "]"
        )
    (place / "sources.toml").write_text("\n".join(lines))
    return ["--manifest", str(place / "sources.toml"), "--accept-terms", "--size", "16"]


def counts(folder):
    about = prepared.describe(folder)
    return [about["splits"][split]["count"] for split in prepared.SPLITS], about["note"]


def test_hugging_face_shards_in_official_splits(place):
    server = serve.Server()
    tree = []
    for split, pictures in SPLITS.items():
        for shard, part in enumerate(np.array_split(pictures, 2)):
            name = f"img_align/{split}-{shard:05d}-of-00002.parquet"
            content = parquet(part)
            server.url(f"datasets/flwrlabs/celeba/resolve/main/{name}", content, tag=f'"{split}{shard}"')
            tree.append({"type": "file", "path": name, "size": len(content), "oid": "0" * 40})
    tree.append({"type": "file", "path": "README.md", "size": 3, "oid": "0" * 40})
    server.url("api/datasets/flwrlabs/celeba/tree/main", json.dumps(tree).encode(), kind="application/json")
    more = one_source(place, kind="huggingface", id="flwrlabs/celeba")
    env = os.environ | {"HF_ENDPOINT": server.address, "HF_HOME": str(place / "hf"), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, str(ROOT / "data_scripts" / "celeba.py"), *more]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=place)
    server.close()
    assert done.returncode == 0, done.stderr
    found, note = counts(place / "data" / "celeba")
    assert found == [20, 5, 5] and note == celeba.OFFICIAL
    test = np.load(place / "data" / "celeba" / "test.npy")
    np.testing.assert_array_equal(np.sort(test, axis=0), np.sort(SPLITS["test"][:, 2:18], axis=0))
    assert not (place / "cache" / "downloads" / "celeba" / "only").exists()
    assert any("train-00001" in path for path in server.requests), "a shard was left out"


def test_shards_at_plain_addresses_have_no_official_splits(place):
    server = serve.Server()
    shards = [f"train-{i:05d}-of-00002.parquet" for i in range(2)]
    files = [{"name": n, "url": server.url(n, parquet(PICTURES[i::2]))} for i, n in enumerate(shards)]
    assert commandline.run(celeba.main, one_source(place, kind="http", files=files)) == 0
    found, note = counts(place / "data" / "celeba")
    assert sum(found) == 30 and min(found) == 3 and note == celeba.DEALT
    sample = ["--limit", "12", "--to", "sample"]
    before = len(server.requests[f"/{shards[1]}"])
    assert commandline.run(celeba.main, [*one_source(place, kind="http", files=files), *sample]) == 0
    assert len(server.requests[f"/{shards[1]}"]) == before, "a sample does not need the second shard"
    assert sum(counts(place / "sample")[0]) == 12
    server.close()


MEMBERS, PARTITION = serve.celeba(PICTURES)


def drive_source(place, content):
    files = [
        {
            "name": "img_align_celeba.zip",
            "id": "the-zip",
            "bytes": len(content),
            "md5": md5(content).hexdigest(),
        },
        {"name": "list_eval_partition.txt", "id": "the-list"},
    ]
    return one_source(place, kind="drive", files=files)


def test_a_drive(place, monkeypatch):
    content = serve.zipped(MEMBERS)
    asked = []

    def download(*, id, output, resume):
        asked.append((id, resume))
        with open(output, "wb") as file:
            file.write({"the-zip": content, "the-list": PARTITION}[id])
        return output

    monkeypatch.setattr(gdown, "download", download)
    assert commandline.run(celeba.main, drive_source(place, content)) == 0
    assert counts(place / "data" / "celeba") == ([22, 4, 4], celeba.OFFICIAL)
    assert asked == [("the-zip", True), ("the-list", True)]


@pytest.mark.parametrize(
    "answer, said",
    [
        (serve.PAGE, "web page.*Quota exceeded"),
        (b"short", "5 bytes; expected"),
        (None, "quota"),
        (RuntimeError("Too many users have viewed\nor downloaded"), "RuntimeError: Too many users have viewed"),
    ],
)
def test_a_drive_with_its_quota_used_up(place, monkeypatch, answer, said):
    def download(*, id, output, resume):
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            with open(output, "wb") as file:
                file.write(answer)
        return answer and output

    monkeypatch.setattr(gdown, "download", download)
    more = drive_source(place, serve.zipped(MEMBERS))
    with pytest.raises(LearnitError, match=f"(?s){said}"):
        celeba.main(more)
    assert not [path for path in (place / "cache").rglob("*") if path.is_file()], "the page was kept as the file"


def test_a_sample_of_shards_is_in_proportion(place, monkeypatch):
    """Of each split the first shard is fetched, which says nothing of how large the splits are."""
    pictures = serve.drawn(100)
    shards = {"train": pictures[:60], "valid": pictures[60:80], "test": pictures[80:]}
    names = [f"img_align/{split}-{i:05d}-of-00002.parquet" for split in shards for i in range(2)]
    fetched = []

    def download(repository, name, *, repo_type, local_dir):
        fetched.append(name)
        (path := Path(local_dir, name)).parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(parquet(shards[path.name.split("-")[0]]))
        return str(path)

    monkeypatch.setattr(huggingface_hub, "list_repo_files", lambda *_, **__: names)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    more = one_source(place, kind="huggingface", id="flwrlabs/celeba")
    assert commandline.run(celeba.main, [*more, "--limit", "50"]) == 0
    assert counts(place / "data" / "celeba") == ([40, 5, 5], celeba.OFFICIAL)
    assert sorted(fetched) == sorted(names[::2])


def test_kaggle(place, monkeypatch):
    def download(handle):
        folder = Path(os.environ["KAGGLEHUB_CACHE"]) / handle
        for name, content in MEMBERS.items():
            (path := folder / "img_align_celeba" / name).parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        rows = ["image_id,partition", *PARTITION.decode().replace(" ", ",").splitlines()]
        (folder / "list_eval_partition.csv").write_text("\n".join(rows))
        return str(folder)

    monkeypatch.setattr(kagglehub, "dataset_download", download)
    assert commandline.run(celeba.main, one_source(place, kind="kaggle", id="someone/celeba")) == 0
    assert counts(place / "data" / "celeba") == ([22, 4, 4], celeba.OFFICIAL)
    assert not [path for path in (place / "cache").rglob("*") if path.is_file()], "kagglehub's own copy stays"
    assert "KAGGLEHUB_CACHE" not in os.environ


@pytest.mark.parametrize(
    "kind, module, function",
    [
        ("drive", gdown, "download"),
        ("drive-folder", gdown, "download_folder"),
        ("huggingface", huggingface_hub, "list_repo_files"),
        ("kaggle", kagglehub, "dataset_download"),
    ],
)
def test_only_errors_of_the_disk_end_the_search(place, monkeypatch, kind, module, function):
    """Errors of the network, too, have numbers."""
    error = None

    def broken(*_, **__):
        raise error

    monkeypatch.setattr(module, function, broken)
    source = manifest.Source("only", kind, False, "never", id="x", files=(manifest.Remote("a.zip", id="x"),))
    for error in (ConnectionResetError(104, "Connection reset"), OSError(101, "unreachable"), RuntimeError("quota")):
        with pytest.raises(SourceFailed, match=type(error).__name__):
            mirrors._KINDS[kind](source, place, mirrors.Wanted())
    for error in (OSError(28, "No space left"), PermissionError(13, "Permission denied", "/data/x")):
        with pytest.raises(type(error)):
            mirrors._KINDS[kind](source, place, mirrors.Wanted())


@pytest.mark.parametrize(
    "kind, module", [("huggingface", "huggingface_hub"), ("drive", "gdown"), ("kaggle", "kagglehub")]
)
def test_a_missing_package_is_named_and_the_next_source_tried(place, monkeypatch, kind, module):
    monkeypatch.setitem(sys.modules, module, None)
    source = manifest.Source("only", kind, False, "never", id="x")
    with pytest.raises(SourceFailed, match=rf"needs the package {module}: pip install"):
        mirrors._KINDS[kind](source, place, mirrors.Wanted())


def test_rows_of_parquet_are_read_by_their_bytes(place, monkeypatch):
    """As many at a time as are about so large together, and none that is too large."""
    (place / "a.parquet").write_bytes(parquet(PICTURES))
    found = Shards([place / "a.parquet"])
    largest = max(len(content) for _, content in found.read(found.names()))
    for held in (1, 3 * largest, 1 << 26):
        monkeypatch.setattr(shards, "_HELD", held)
        batches = [len(batch) for batch in found._batches(found.files["a"], place / "a.parquet")]
        assert max(batches) <= max(1, min(7, 2 * held // largest)) and sum(batches) == len(PICTURES)
        assert [name for name, _ in found.read(found.names())] == found.names()
    monkeypatch.setattr(shards, "LARGEST", 20)
    with pytest.raises(LearnitError, match="refused: the pictures in it have on average .* bytes; expected 20 at most"):
        list(found.read(found.names()))


def test_a_picture_that_is_too_large_among_small_ones_is_refused(place, monkeypatch):
    contents = [b"small"] * 60 + [bytes(4000)] + [b"small"] * 39
    (place / "a.parquet").write_bytes(rows_of(contents))
    found = Shards([place / "a.parquet"])
    monkeypatch.setattr(shards, "LARGEST", 1000)
    with pytest.raises(LearnitError, match="a.parquet is refused: picture 60 in it has 4,000 bytes; expected 1,000"):
        list(found.read(found.names()))
    assert len(list(found.read(found.names()[:50]))) == 50, "what is not wanted does no harm"


@pytest.mark.parametrize("dictionary", [True, False])
def test_what_is_repeated_counts_each_time(place, monkeypatch, dictionary):
    """A dictionary has it once: as many rows at a time as fit, if each is as large as the dictionary."""
    (place / "a.parquet").write_bytes(rows_of(200 * [bytes(range(250)) * 16], use_dictionary=dictionary))
    found = Shards([place / "a.parquet"])
    monkeypatch.setattr(shards, "_HELD", 3 * 4000)
    batches = [len(batch) for batch in found._batches(found.files["a"], place / "a.parquet")]
    assert max(batches) <= 3 and sum(batches) == 200


def test_parquet_that_is_none(place):
    (place / "a.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(LearnitError, match="a.parquet is damaged"):
        Shards([place / "a.parquet"])
    pyarrow.parquet.write_table(pyarrow.table({"picture": [b"x"]}), place / "b.parquet")
    with pytest.raises(LearnitError, match="columns picture; expected one called 'image'"):
        Shards([place / "b.parquet"])


def test_pictures_that_the_list_of_splits_lacks(place):
    (place / "set").mkdir()
    for name, content in list(MEMBERS.items())[:12]:
        (place / "set" / name.split("/")[1]).write_bytes(content)
    (place / "set" / "list_eval_partition.txt").write_text("000001.jpg 0\n")
    with pytest.raises(LearnitError, match="11 pictures, such as 000002.jpg, are not in the list"):
        celeba.main(["--from", "set", "--size", "16"])


def test_the_manifest_says_what_is_known():
    """Every set has a licence and sources, sums have the right length, and each source says when it was tried."""
    sets = manifest.read()
    assert {"celeba", "imagenette", "shapenet-chairs", "shapenet-cars", "shapenet-lamps"} <= sets.keys()
    for data in sets.values():
        assert data.licence and data.sources
        for source in data.sources:
            assert source.kind in mirrors._KINDS and (source.files or source.id)
            assert re.fullmatch(r"never|20\d\d-\d\d-\d\d", source.last_verified)
            for file in source.files:
                assert len(file.md5) in (0, 32) and len(file.sha256) in (0, 64)
    with pytest.raises(LearnitError, match="no manifest at"):
        manifest.read(ROOT / "nothing.toml")
