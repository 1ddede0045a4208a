"""Sound, small files of every kind that strangers may hand over, written into a folder: what `fuzzing.py` changes."""

import os

import jax
import jax.numpy as jnp
import local_server as serve
import numpy as np
import optax
import scene_tools as tools
import script_cases
import test_colmap as workspace
from PIL import Image

from learnit_core import checkpoints, many, meta, models
from learnit_core import networks as sets
from learnit_core import weights as points

ADAM = optax.adam(1e-3)


def weights(folder):
    field = models.fourier_mlp(np.ones((3, 2), np.float32), 1, width=4, depth=2)
    points.save(folder / "w.safetensors", field, field.init(jax.random.key(0)), {"steps": [1, 2], "seed": 3})


def state():
    return meta.init_state({"w": jnp.arange(6.0).reshape(2, 3)}, ADAM)


def checkpoint(folder):
    history = checkpoints.History([0.5, 0.25], [(1, 20.0)], 3.0, 1.0)
    run = checkpoints.Run(checkpoints.Checkpoint(folder / "c.safetensors", {"rate": 0.5}), state(), history, True)
    run.saved = None
    run.store()


def networks(folder):
    field = models.siren(2, 1, width=4, depth=2)
    start = field.init(jax.random.key(0))
    rows = jax.tree.map(lambda leaf: np.stack([leaf, leaf + 1]), start)
    numbers = np.ones(2, np.float32)
    sets.write(
        folder, field, start, lambda first, number: many.Fits(rows, numbers, numbers, numbers.astype(np.int32)), 4,
        {"source": "x"}, shard=2, names=["a", "b", "c", "d"],
    )  # fmt: skip


def prepared_pictures(folder):
    _script(folder, "imagenette")


def prepared_objects(folder):
    _script(folder, "srn")


def _script(folder, name):
    case = script_cases.CASES[name]
    (folder.parent / case.file).write_bytes(case.content)
    os.environ["LEARNIT_CACHE"] = str(folder.parent / "cache")
    assert script_cases.call(case, "--from", folder.parent / case.file, "--to", folder / "set") == 0


def transforms(folder):
    tools.nerfstudio(folder, width=32, height=40, points=workspace.POINTS)


def objects(folder):
    for name, poses in {"a": 0, "b": 1, "c": 2, "d": 3}.items():
        at = [tools.pose(90 * i + poses, 20) for i in range(3)]
        (tools.instant_ngp if name == "d" else tools.blender)(folder / name, at)


def colmap_binary(folder):
    workspace.binary_model(folder / "sparse" / "0", 4)
    workspace.pictures(folder / "images", 4)


def colmap_text(folder):
    workspace.text_model(folder / "sparse" / "0", 4)
    workspace.pictures(folder / "images", 4)


def pictures(folder):
    rng = np.random.default_rng(0)
    kinds = {"L": "png", "RGB": "jpg", "RGBA": "png", "P": "gif", "I;16": "png", "CMYK": "jpg", "1": "bmp", "LA": "png"}
    for i, (mode, suffix) in enumerate({**kinds, "F": "tiff", "RGBa": "webp"}.items()):
        picture = Image.fromarray(rng.integers(0, 256, (12, 17, 3), np.uint8))
        if mode == "I;16":
            picture = Image.fromarray(rng.integers(0, 65536, (12, 17), np.uint16))
        elif mode != "RGBa":
            picture = picture.convert(mode)
        if mode == "F":
            picture = Image.fromarray(np.asarray(picture) / 255)
        exif = Image.Exif()
        exif[0x0112] = 1 + i % 8
        picture.save(folder / f"{i}.{suffix}", **({"exif": exif} if suffix in ("jpg", "png", "webp") else {}))


def manifest(folder):
    (folder / "sources.toml").write_text("""
[set]
title = "The set"
licence = "research only"
accept_terms = true
pictures = 60
[[set.sources]]
name = "here"
kind = "http"
login = false
last_verified = "2026-01-01"
files = [{ name = "a.tgz", url = "https://example.org/a.tgz", bytes = 5, sha256 = "%s" }]
[[set.sources]]
name = "there"
kind = "huggingface"
login = false
last_verified = "never"
id = "someone/set"
views = 3
""".replace("%s", "0" * 64))  # fmt: skip


def zipped(folder):
    inner = serve.zipped({"b/1.png": serve.png(serve.drawn(1)[0]), "b/list.txt": b"1 2\n" * 50})
    (folder / "a.zip").write_bytes(serve.zipped({"inner.zip": inner, "a/1.txt": b"x" * 3000}, {"link": "a/1.txt"}))
    (folder / "stored.zip").write_bytes(serve.zipped({"a/1.txt": b"x" * 30, "a/2.txt": b"y"}, stored=True))


def tarred(folder):
    link = serve.link("a/link", "1.txt")
    (folder / "a.tgz").write_bytes(serve.tar({"a/1.txt": b"x" * 3000, "a/2.txt": b"y" * 700}, link))
    import gzip

    (folder / "a.tar").write_bytes(gzip.decompress((folder / "a.tgz").read_bytes()))


def parquet(folder):
    (folder / "train-00000-of-00001.parquet").write_bytes(script_cases.parquet(serve.drawn(20, 8, 8)))


def dicom(folder):
    import test_volumes  # which skips itself without pydicom and nibabel

    test_volumes.write_dicom(folder, test_volumes.body(3, 8, 8))


def nifti(folder):
    import test_volumes

    test_volumes.write_nifti(folder / "a.nii", test_volumes.body(3, 8, 8))
    test_volumes.write_nifti(folder / "b.nii.gz", test_volumes.body(3, 8, 8, seed=1))


def stacks(folder):
    import test_volumes

    test_volumes.write_tiff(folder / "a.tif", test_volumes.body(3, 8, 8))
    np.save(folder / "b.npy", test_volumes.body(3, 8, 8, seed=1))
    np.savez(folder / "c.npz", volume=test_volumes.body(3, 8, 8, seed=2))


def sinogram(folder):
    about = {"angles": np.arange(0, 180, 10.0), "unit": "degrees", "axis": 6.0}
    np.savez(folder / "scan.npz", sinogram=np.random.default_rng(0).uniform(0, 1, (18, 12)), **about)
