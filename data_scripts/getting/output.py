"""Writing the prepared form: into a hidden folder beside the target, which takes the target's name when it is whole."""

import errno
import json
import os
import shutil
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from tqdm import tqdm

from learnit_core import names
from learnit_core.errors import LearnitError
from learnit_core.signals import prepared

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def say(text: str) -> None:
    """Print between bars of progress; names in the text are made fit to be shown."""
    tqdm.write(names.lines(text))


class RowWriter:
    """Appends rows to a `.npy` file, of unknown number, in the memory of one row."""

    def __init__(self, file: Path, row_shape: tuple[int, ...], dtype: str):
        self.shape, self.dtype = row_shape, np.dtype(dtype)
        self.count, self.crc = 0, 0
        self.file = open(file, "wb")  # noqa: SIM115, closed in close()
        self.file.write(self._header())

    def append(self, row: np.ndarray) -> None:
        if row.shape != self.shape or row.dtype != self.dtype:
            raise LearnitError(f"a row is {row.dtype}{list(row.shape)}; expected {self.dtype}{list(self.shape)}")
        content = row.tobytes()
        self.file.write(content)
        self.crc = zlib.crc32(content, self.crc)
        self.count += 1

    def close(self) -> dict[str, Any]:
        """Finish the file; returns its entry for `prepared.json`."""
        self.file.seek(0)
        self.file.write(self._header())
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        return {"count": self.count, "shape": [self.count, *self.shape], "crc32": f"{self.crc:08x}"}

    def _header(self) -> bytes:
        header = BytesIO()
        about = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.count, *self.shape)}
        np.lib.format.write_array_header_1_0(header, about)  # leaves room for the first axis to grow
        return header.getvalue()


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A folder to write into, which becomes ``target`` if there is no error. Remains of an earlier run are removed."""
    partial = clear(target)
    partial.mkdir(parents=True)
    try:
        yield partial
        os.rename(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def clear(target: Path) -> Path:
    """Remove what an earlier, failed run for ``target`` left; returns its path."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    return partial


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock ``path``, after waiting for the process that has it. The system releases it if this process dies.

    On file systems without locks a warning is printed, and nothing is locked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()  # an error where no file can be made: FileLock would wait for that to change
    lock = FileLock(path)
    try:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            print(f"waiting for another process that prepares {what} …", flush=True)
            lock.acquire()
    except OSError as error:
        print(f"{path.parent} has no locks ({error.strerror}): do not prepare {what} twice at once.", flush=True)
    try:
        yield
    finally:
        # Removed while it is held: a process that was waiting then holds a lock on nothing, and FileLock tries again.
        with suppress(OSError):  # Windows removes no open file
            path.unlink()
        lock.release()


def describe(folder: Path, about: dict[str, Any]) -> None:
    """Write `prepared.json`, last of all."""
    # Escaped: a path in it may hold bytes that are no UTF-8, and cannot be written otherwise.
    content = json.dumps({"prepared": prepared.VERSION, **about}, indent=1, ensure_ascii=True)
    with open(folder / prepared.FILE, "w", encoding="utf-8") as file:
        file.write(content + "\n")
        file.flush()
        os.fsync(file.fileno())


def check_room(needed: Mapping[Path, int]) -> None:
    """Raise ``LearnitError`` if fewer bytes are free than ``needed`` says for each folder, there yet or not."""
    by_disk: dict[int, int] = defaultdict(int)
    for folder, count in needed.items():
        place = existing(folder)
        by_disk[place.stat().st_dev] += count
        total, free = by_disk[place.stat().st_dev], shutil.disk_usage(place).free
        if free < total:
            raise LearnitError(
                f"about {size(total)} are needed in {place}, where {size(free)} are free: expected more room, a "
                "smaller --size, a --limit, or another place (--to)"
            )


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return place


def size(count: int) -> str:
    """Bytes for people."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
