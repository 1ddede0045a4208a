"""The scripts that fetch and prepare data: archives in each set's real layout, how to run them, what must come out."""

import hashlib
import importlib
import io
import os
import subprocess
import sys
from collections import namedtuple

import local_server as serve
import pyarrow
import pyarrow.parquet
import pytest

from getting import commandline
from learnit_core.commands.repository import ROOT
from learnit_core.signals import prepared


def parquet(pictures):
    """A shard as the mirrors have them: a column of {bytes, path}, in several row groups, beside others."""
    return rows_of([serve.png(picture) for picture in pictures], row_group_size=7)


def rows_of(contents, **options):
    """Contents of files as a shard."""
    images = [{"bytes": content, "path": None} for content in contents]
    table = pyarrow.table({"image": images, "celeb_id": list(range(len(images)))})
    pyarrow.parquet.write_table(table, buffer := io.BytesIO(), **options)
    return buffer.getvalue()


PICTURES = serve.drawn(60)
CROPPED = PICTURES[:, 2:18]  # the largest centred square, 16 x 16, where nothing is scaled

Case = namedtuple("Case", "script arguments key file content counts")
CELEBA, PARTITION = serve.celeba(PICTURES)
CASES = {
    "imagenette": Case(
        "imagenette",
        ["--size", "16"],
        "imagenette",
        "imagenette2-320.tgz",
        serve.tar(serve.imagenette(PICTURES)),
        (36, 4, 20),
    ),
    "celeba": Case(
        "celeba",
        ["--size", "16", "--accept-terms"],
        "celeba",
        "img_align_celeba.zip",
        serve.zipped(CELEBA | {"list_eval_partition.txt": PARTITION}),
        (52, 4, 4),
    ),
    "parquet": Case(
        "celeba",
        ["--size", "16", "--accept-terms"],
        "celeba",
        "train-00000-of-00001.parquet",
        parquet(PICTURES),
        (48, 6, 6),
    ),
    "srn": Case(
        "shapenet",
        ["chairs", "--size", "16", "--accept-terms"],
        "shapenet-chairs",
        "srn_chairs.zip",
        serve.zipped(serve.srn()),
        (4, 2, 2),
    ),
    "enr": Case(
        "shapenet",
        ["chairs", "--size", "16", "--accept-terms", "--focal", "1.5", "--radius", "3"],
        "shapenet-chairs",
        "chairs.zip",
        serve.zipped(serve.enr()),
        (4, 2, 2),
    ),
}
"""A script, its arguments, the set's name, the one file it comes in, and how many of each split are in that."""
EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def every_night(*daily):
    """A parameter ``case`` for what all scripts share: those named stand for the others, which come every night."""
    marks = {name: [] if name in daily else [pytest.mark.nightly] for name in CASES}
    return pytest.mark.parametrize("case", [pytest.param(CASES[name], id=name, marks=marks[name]) for name in CASES])


def manifest(place, case, *urls, sha256="", size=0):
    """A manifest with one set, and a source of one file for each address."""
    terms = str(case.key != "imagenette").lower()
    lines = [f"[{case.key}]", 'title = "The set"', 'licence = "research only"', f"accept_terms = {terms}"]
    lines += ["objects = 8", "views = 3"] if case.script == "shapenet" else ["pictures = 60"]
    for i, url in enumerate(urls):
        lines += [f"[[{case.key}.sources]]", f'name = "source{i}"', 'kind = "http"', "login = false"]
        lines += ['last_verified = "never"']
        lines += [f'files = [{{ name = "{case.file}", url = "{url}", sha256 = "{sha256}", bytes = {size} }}]']
    (place / "sources.toml").write_text("\n".join(lines))
    return ["--manifest", str(place / "sources.toml")]


def call(case, *arguments):
    """Run a script in this process; returns its exit code."""
    return commandline.run(importlib.import_module(case.script).main, [*case.arguments, *map(str, arguments)])


def start(case, place, *arguments, command=(), **options):
    """Run a script in a process of its own; ``command`` begins another one than the script's."""
    command = command or [sys.executable, str(ROOT / "data_scripts" / f"{case.script}.py")]
    env = os.environ | {"LEARNIT_CACHE": str(place / "cache"), "PYTHONPATH": str(ROOT)}
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([*command, *case.arguments, *map(str, arguments)], cwd=place, env=env, **pipe, **options)


def wait(process):
    """What a script said, after it has ended."""
    return process.communicate()[0]


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
        assert splits["test"][0].images.shape == (6 if "srn" in case.file else 3, 16, 16, 3)
    else:
        _, splits, _ = prepared.pictures(folder, size=16, channels=3)
        known = {picture.tobytes() for picture in CROPPED}
        kept = [picture.tobytes() for split in splits.values() for picture in split.stored(slice(None))]
        assert len(set(kept)) == len(kept) == sum(case.counts) and set(kept) <= known
    assert importlib.import_module("prepare").main(["--check", str(folder)]) is None
    assert [path.name for path in (place / "data").iterdir()] == [case.key], "something was left behind"
    assert not list((place / "cache").rglob("*.part")) and not list((place / "cache").rglob(case.file))
    return about
