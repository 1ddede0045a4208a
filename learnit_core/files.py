"""Files that are written whole or not at all, and JSON of strangers."""

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from learnit_core.errors import LearnitError

LARGEST_JSON = 1 << 27
"""Bytes: read into Python's objects, JSON takes several times its length."""


@contextlib.contextmanager
def whole(file: str | os.PathLike) -> Iterator[Path]:
    """A path to write to, in the same folder. In the end it replaces ``file``; after an error it is removed."""
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}.partial")
    try:
        yield partial
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


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
