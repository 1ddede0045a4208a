"""Readers of files from strangers, and files that are nearly right: what `test_fuzz.py` runs, a process a reader.

python tests/fuzzing.py READER SEED COUNT [--plant]

A new reader is a record in ``READERS``: its sound files, how they are read, the modules whose lines count as its own,
and a function in which a fault is planted. Prints a line of JSON: inputs, faults (with the seed of each), and what of
the modules was reached. Anything but a result or a LearnitError is a fault: another exception (so also a MemoryError,
as only 1 GB more than at the beginning is there), ten seconds of work, and a file that is written or removed elsewhere.
"""

import functools
import importlib
import json
import os
import pkgutil
import random
import re
import resource
import shutil
import signal
import struct
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "data_scripts"), str(ROOT / "tests")]

import fuzz_files as sound  # noqa: E402
import numpy as np  # noqa: E402

from learnit_core.errors import LearnitError  # noqa: E402

MEMORY, SECONDS = 1 << 30, 10
ODD = [0, 1, -1, 2, 255, 256, 65535, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 63, (1 << 64) - 1, 10**30]
ODD += [0.5, -0.0, 1e-320, 1e308, -1e308, float("inf"), float("nan"), True, None]
ODD += ["", "..", "../../x", "/etc/x", "x" * 5000, "\ud800", "$", [], {}, [[]], [0] * 40, {"a": {}}]


@dataclass(frozen=True)
class Reader:
    """How one kind of file is read; ``files`` makes sound ones in a folder, and ``read`` reads that folder."""

    files: Callable[[Path], None]
    read: Callable[[Path], object]
    modules: tuple[str, ...]
    plant: str
    """A function that raises of bad input what becomes a LearnitError; with the fault planted it is another."""


def _weights(folder):
    from learnit_core import weights

    weights.load(folder / "w.safetensors")


def _checkpoint(folder):
    from learnit_core import checkpoints

    checkpoints.restore(checkpoints.Checkpoint(folder / "c.safetensors", {"rate": 0.5}), sound.state())


def _networks(folder):
    from learnit_core import networks

    there = networks.open(folder)
    there.names, there.scores, there[0], there[1:]  # noqa: B018


def _prepared(folder):
    from learnit_core.signals import prepared

    if prepared.describe(folder / "set").get("kind") == "views":
        _, splits, _ = prepared.scenes(folder / "set")
    else:
        _, splits, _ = prepared.pictures(folder / "set", size=8, channels=3)
    for split in splits.values():
        split[0:2]


def _places(folder):
    from getting import archives, photographs, places

    with archives.opened(folder) as files:
        photographs.read(files, places.find(files, files.names()), side=16, leave_out=True)


def _objects(folder):
    from learnit_core.signals import scenes

    scenes.load(folder, size=8, counts=(2, 1, 1))


def _pictures(folder):
    from learnit_core.signals import files, photos

    for name in files.pictures_in(folder):
        photos.read(folder / name, 16, 3)


def _volumes(folder):
    from getting import volumes

    for volume in volumes.find(folder)[0]:
        for k in (0, len(volume.names) - 1):
            volume.read(k)


def _sinogram(folder):
    from learnit_core.signals import sinograms

    sinograms.load(folder / "scan.npz")


def _manifest(folder):
    from getting import manifest

    for data in manifest.read(folder / "sources.toml").values():
        data.room(16, None, data.sources)
        assert all(source.where for source in data.sources)


def _archive(folder):
    from getting import archives

    for path in sorted(folder.iterdir()):
        with archives.opened(path) as files:
            for _ in files.read(files.names()[:20]):
                pass


_COLMAP = ("getting.colmap", "getting.places", "learnit_core.signals.cameras")
_TRANSFORMS = ("learnit_core.signals.transforms", "getting.places", "learnit_core.signals.cameras", "getting.ply")
_ARCHIVE = ("getting.archives",)
READERS = {
    "weights": Reader(sound.weights, _weights, ("learnit_core.weights",), "learnit_core.weights._check_spec"),
    "checkpoints": Reader(
        sound.checkpoint, _checkpoint, ("learnit_core.checkpoints", "learnit_core.weights"),
        "learnit_core.weights.unflatten_like",
    ),
    "networks": Reader(
        sound.networks, _networks, ("learnit_core.networks", "learnit_core.shards"), "learnit_core.shards.read_about"
    ),
    "prepared pictures": Reader(
        sound.prepared_pictures, _prepared, ("learnit_core.signals.prepared",), "learnit_core.signals.prepared.describe"
    ),
    "prepared objects": Reader(
        sound.prepared_objects, _prepared, ("learnit_core.signals.prepared",), "learnit_core.signals.prepared.scenes"
    ),
    "transforms": Reader(sound.transforms, _places, _TRANSFORMS, "learnit_core.signals.transforms.parse"),
    "objects": Reader(
        sound.objects, _objects, ("learnit_core.signals.layouts", "learnit_core.signals.scenes"),
        "learnit_core.signals.transforms.parse",
    ),
    "colmap": Reader(sound.colmap_binary, _places, _COLMAP, "getting.colmap._cameras"),
    "colmap text": Reader(sound.colmap_text, _places, _COLMAP, "getting.colmap._images"),
    "pictures": Reader(
        sound.pictures, _pictures, ("learnit_core.signals.files", "learnit_core.signals.pixels"),
        "learnit_core.signals.files.read",
    ),
    "dicom": Reader(sound.dicom, _volumes, ("getting.dicom",), "getting.dicom._check"),
    "nifti": Reader(sound.nifti, _volumes, ("getting.nifti",), "getting.nifti._upright"),
    "stacks": Reader(
        sound.stacks, _volumes, ("getting.volumes", "learnit_core.signals.stored"), "learnit_core.signals.stored.heads"
    ),
    "sinograms": Reader(
        sound.sinogram, _sinogram, ("learnit_core.signals.sinograms", "learnit_core.signals.stored"),
        "learnit_core.signals.stored.heads",
    ),
    "manifests": Reader(sound.manifest, _manifest, ("getting.manifest",), "getting.manifest.read"),
    "zip": Reader(sound.zipped, _archive, _ARCHIVE, "getting.archives._zip_file"),
    "tar": Reader(sound.tarred, _archive, _ARCHIVE, "getting.archives._Tar.names"),
    "parquet": Reader(sound.parquet, _archive, ("getting.shards",), "getting.shards.Shards.__init__"),
}  # fmt: skip


# Nearly right


def mutated(content: bytes, suffix: str, rng: random.Random) -> bytes:
    """``content``, changed as its kind allows: by value where it is a text, by byte else, and sometimes by both."""
    kinds = {".json": _json, ".safetensors": _safetensors, ".toml": _text, ".txt": _text, ".ply": _text}
    structured = kinds.get(suffix)
    try:
        if structured and rng.random() < 0.8:
            content = structured(content, rng)
            if rng.random() < 0.8:
                return content
    except (ValueError, struct.error):
        pass
    return _bytes(content, rng)


def _bytes(content: bytes, rng: random.Random) -> bytes:
    found = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        place = rng.randrange(len(found) + 1) if rng.random() < 0.6 else rng.randrange(min(64, len(found)) + 1)
        length, kind = rng.choice([1, 2, 4, 8, 64]), rng.randrange(7)
        if kind == 0 and found:
            found[min(place, len(found) - 1)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            found[place : place + length] = rng.choice([b"\0", b"\xff", b"\x7f", b"\x80"]) * length
        elif kind == 2:
            del found[place : place + length]
        elif kind == 3:
            found[place:place] = rng.randbytes(length)
        elif kind == 4:
            del found[place:]
        elif kind == 5:
            form, value = rng.choice(["<I", "<Q", ">I", ">H"]), rng.choice([0, 1, 255, 65535, 1 << 31, (1 << 64) - 1])
            packed = struct.pack(form, value & ((1 << 8 * struct.calcsize(form)) - 1))
            found[place : place + len(packed)] = packed
        else:
            found[place:place] = found[place // 2 : place // 2 + length]
    return bytes(found)


def _value(value, rng: random.Random):
    """A JSON value with one change somewhere in it."""
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        kind = rng.random()
        if kind < 0.12:
            del value[key]
        elif kind < 0.2 and isinstance(value, list):
            value.insert(key, value[key])
        elif kind < 0.25 and isinstance(value, dict):
            value[rng.choice(["kind", "w", "k1", "camera_model", "", "../x", "\u202e"])] = rng.choice(ODD)
        else:
            value[key] = _value(value[key], rng)
        return value
    if isinstance(value, float | int) and not isinstance(value, bool) and rng.random() < 0.4:
        return rng.choice([-value, value * 1e6, value + 1, value * 2, str(value)])
    if rng.random() < 0.02:
        return functools.reduce(lambda inner, _: [inner], range(20_000), 0)
    return rng.choice(ODD)


def _dumped(value) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return "[" * 20_000 + "]" * 20_000


def _json(content: bytes, rng: random.Random) -> bytes:
    return _dumped(_value(json.loads(content), rng)).encode("utf-8", "surrogatepass")


def _safetensors(content: bytes, rng: random.Random) -> bytes:
    """The header is JSON, with JSON in it; without its sum, so that not all ends there."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    about = header["__metadata__"]
    if rng.random() < 0.95:
        about.pop("crc32", None)
    if rng.random() < 0.6:
        key = rng.choice(sorted(about))
        about[key] = _dumped(_value(json.loads(about[key]), rng))
    elif rng.random() < 0.5:
        header = _value(header, rng)
    else:  # arrays that are sound, and others than expected
        name = rng.choice(sorted(header.keys() - {"__metadata__"}))
        kind = rng.randrange(3)
        if kind == 0:
            header[rng.choice([name + "x", name[:-1], "params/0/w", "history/losses", "", "../x"])] = header.pop(name)
        elif kind == 1:
            header[name]["shape"] = [1, *header[name]["shape"][::-1]][rng.randrange(2) :]
        else:
            header[name]["dtype"] = {"F32": "I32", "I32": "F32"}.get(header[name]["dtype"], "U8")
    text = _dumped(header).encode("utf-8", "replace")
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def _text(content: bytes, rng: random.Random) -> bytes:
    parts = re.split(r"([\s,=\[\]{}]+)", content.decode())
    for _ in range(rng.choice([1, 1, 3])):
        place = rng.randrange(0, len(parts), 2)
        odd = rng.choice(ODD)
        other = parts[rng.randrange(0, len(parts), 2)]
        parts[place] = rng.choice([str(odd), json.dumps(odd), "", other, "-" + parts[place]])
    if rng.random() < 0.1:
        lines = "".join(parts).split("\n")
        del lines[rng.randrange(len(lines))]
        return "\n".join(lines).encode("utf-8", "replace")
    return "".join(parts).encode("utf-8", "replace")


# One process


class Slow(BaseException):
    pass


class Planted(ArithmeticError):
    pass


class Watch:
    """What is written, and which lines of the modules are reached, and from which other line."""

    def __init__(self, modules):
        files = [importlib.import_module(name).__file__ for name in modules]
        self.lines = {file: _lines_of(compile(Path(file).read_text(), file, "exec")) for file in files}
        self.arcs, self.allowed, self.found = set(), None, []
        sys.addaudithook(self._audit)

    def _audit(self, event, arguments):
        if self.allowed is None or event not in _WRITES:
            return
        if event == "open" and not (isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")):
            flags = arguments[2] if isinstance(arguments[2], int) else 0
            if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
        for path in arguments[:1] if event == "open" else arguments[:2]:
            if isinstance(path, str | bytes | os.PathLike):
                place = os.path.realpath(os.fsdecode(path))
                if not place.startswith((self.allowed, "/dev/", "/proc/")):
                    self.found.append(f"{event} {place[:100]}")

    def trace(self, frame, event, _):
        file = frame.f_code.co_filename
        if file not in self.lines:
            return None
        before = [-frame.f_lineno]

        def line(frame, event, _):
            if event == "line":
                self.arcs.add((file, before[0], frame.f_lineno))
                before[0] = frame.f_lineno
            return line

        return line

    def reached(self):
        """Of each module: branches (pairs of lines), lines, and all its lines within functions."""
        return {
            Path(file).stem: [
                sum(1 for where, *_ in self.arcs if where == file),
                len({to for where, _, to in self.arcs if where == file} & lines),
                len(lines),
            ]
            for file, lines in self.lines.items()
        }


_WRITES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")


def _lines_of(code, inside=False):
    found = {line for *_, line in code.co_lines() if line} if inside else set()
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            found |= _lines_of(constant, inside or not constant.co_name.startswith("<") and constant.co_flags & 0x2)
    return found


def plant(name: str) -> None:
    """What the function refuses becomes an error that nobody expects."""
    owner, _, function = name.rpartition(".")
    owner = pkgutil.resolve_name(owner)
    sane = getattr(owner, function)

    def faulty(*positional, **named):
        try:
            return sane(*positional, **named)
        except Exception as error:
            raise Planted(f"planted: {error}") from None

    setattr(owner, function, faulty)


def one(reader: Reader, base: Path, seed: int) -> str | None:
    """Change the sound files as the seed says, and read them; what is wrong with the outcome."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(dir=base.parent) as place:
        folder = Path(shutil.copytree(base, Path(place, "in")))
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        weighty = [path for path in files if path.suffix in (".json", ".bin", ".txt", ".toml")] or files
        path = rng.choice(weighty if rng.random() < 0.7 else files)
        path.write_bytes(mutated(path.read_bytes(), path.suffix, rng))
        WATCH.allowed, WATCH.found = os.path.realpath(place), []
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            sys.settrace(WATCH.trace)
            reader.read(folder)
        except LearnitError as error:
            if "\n" in str(error).strip() or not str(error):
                return f"the message is no line: {str(error)[:80]!r}"
        except Slow:
            return f"more than {SECONDS} s in {path.name}"
        except Exception as error:
            at = [frame for frame in traceback.extract_tb(error.__traceback__) if str(ROOT) in frame.filename][-1]
            return f"{type(error).__name__} in {Path(at.filename).name}:{at.lineno} {at.name}: {str(error)[:120]}"
        finally:
            sys.settrace(None)
            signal.setitimer(signal.ITIMER_PROF, 0)
            WATCH.allowed = None
        return f"written elsewhere: {WATCH.found[0]}" if WATCH.found else None


def main(name: str, seed: int, count: int, planted: bool) -> dict:
    """Faults of ``count`` inputs; with a planted fault, only until it is found."""
    global WATCH
    reader = READERS[name]
    signal.signal(signal.SIGPROF, _slow)
    with tempfile.TemporaryDirectory() as place:
        base = Path(place, "sound")
        base.mkdir()
        reader.files(base)
        reader.read(base)  # is sound, and imports what it needs
        WATCH = Watch(reader.modules)
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))
        if planted:
            plant(reader.plant)
        faults: dict[str, int] = {}
        for index in range(count):
            fault = one(reader, base, seed + index)
            if fault:
                faults.setdefault(fault, seed + index)
            if planted and fault and "planted" in fault:
                break
        return {"inputs": index + 1, "faults": faults, "reached": WATCH.reached()}


def _slow(*_):
    raise Slow


if __name__ == "__main__":
    said = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    found = main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), "--plant" in sys.argv)
    os.write(said, json.dumps(found).encode())
