"""Files that are written whole or not at all, JSON of strangers, and what JSON keeps of a value."""

import contextlib
import hashlib
import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from learnit_core.errors import LearnitError

LARGEST_JSON = 1 << 27
"""Bytes: read into Python's objects, JSON takes several times its length."""


@contextlib.contextmanager
def whole(file: str | os.PathLike) -> Iterator[Path]:
    """A path to write to, in the same folder. In the end it replaces ``file``; after an error it is removed.

    ``~`` is the home folder. What processes of this machine that are dead by now left of the same file is removed, too.
    """
    file = Path(file).expanduser()
    partial = _partial(file)
    try:
        yield partial
        os.replace(partial, file)
    finally:
        with contextlib.suppress(OSError):  # on a disk that became read-only
            partial.unlink(missing_ok=True)


def try_place(file: str | os.PathLike) -> None:
    """Raise OSError where :func:`whole` could not write; ``file`` itself stays as it is."""
    partial = _partial(Path(file).expanduser())
    partial.touch()
    partial.unlink()


def _partial(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(file)
    return file.with_name(f".{file.name}.{_here()}.{os.getpid()}.{threading.get_ident()}.partial")


def _here() -> str:
    """A sum of this machine's name: process numbers are those of one machine."""
    return hashlib.blake2b(socket.gethostname().encode(), digest_size=8).hexdigest()


def _remove_abandoned(file: Path) -> None:
    pattern = re.compile(re.escape(f".{file.name}.{_here()}.") + r"(\d+)\.(\d+)\.partial")
    with contextlib.suppress(OSError), os.scandir(file.parent) as entries:
        for entry in entries:
            if (found := pattern.fullmatch(entry.name)) and not _lives(int(found[1]), int(found[2])):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _lives(process: int, thread: int) -> bool:
    """Whether a thread of a process may still write. Of other processes' threads nothing is known."""
    if process == os.getpid():
        return any(other.ident == thread for other in threading.enumerate())
    if os.name == "nt":  # os.kill would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or no process number
        return True
    return True


def as_json(value: Any, name: str) -> Any:
    """``value`` as it comes back from JSON: tuples are lists, keys text; paths are text, arrays lists of numbers.

    Raises ``LearnitError`` that speaks of "the ``name``" if it holds anything else.
    """

    def plain(other):
        if isinstance(other, os.PathLike):
            return os.fspath(other)
        if isinstance(other, np.generic | np.ndarray | jax.Array):
            return np.asarray(other).tolist()
        raise TypeError(f"{type(other).__name__} is none of these")

    try:
        return json.loads(json.dumps(value, default=plain))
    except (TypeError, ValueError, RecursionError) as error:
        raise LearnitError(
            f"the {name} cannot be kept in the file: expected numbers, text, lists and dicts ({error})"
        ) from error


def same_json(one: Any, other: Any) -> bool:
    """Whether two values are one in JSON, where NaN is NaN."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def parse_json(content: bytes | str, name: str | os.PathLike) -> Any:
    """What a JSON text says. Raises ``LearnitError`` naming ``name`` if it is none, nested too deep or too long."""
    if len(content) > LARGEST_JSON:
        raise LearnitError(f"{name} has {len(content):,} bytes of JSON; expected {LARGEST_JSON:,} at most.")
    try:
        return json.loads(content)
    except RecursionError:
        raise LearnitError(f"{name} is nested too deep: expected JSON that people would write.") from None
    except ValueError as error:
        raise LearnitError(f"{name} is not JSON ({error}).") from None
