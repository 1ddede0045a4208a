"""A cache on disk for what is slow to draw or to download: one folder, with arrays written whole or not at all."""

import os
import warnings
from pathlib import Path

import numpy as np
import platformdirs

from learnit_core import files
from learnit_core.errors import LearnitError


def folder() -> Path:
    """``LEARNIT_CACHE``, or else ``learnit`` where the system keeps a user's caches (``XDG_CACHE_HOME`` on Linux).

    Raises LearnitError for a user without a home.
    """
    if own := os.environ.get("LEARNIT_CACHE", "").strip():
        return Path(own).expanduser()
    try:
        return platformdirs.user_cache_path("learnit", appauthor=False)
    except (RuntimeError, KeyError):
        raise LearnitError("there is no home folder for a cache: expected a folder named in LEARNIT_CACHE") from None


def read(file: Path) -> dict[str, np.ndarray] | None:
    """The arrays that were kept, or None if the file is missing or damaged."""
    try:
        with np.load(file, allow_pickle=False) as kept:
            return dict(kept)
    except Exception:  # a damaged archive can make its reader raise almost anything
        return None


def keep(file: Path, **arrays: np.ndarray) -> None:
    """Write the arrays; if that fails there is a warning, and no error."""
    try:
        with files.whole(file) as partial, open(partial, "wb") as stream:
            np.savez_compressed(stream, **arrays)
    except OSError as error:
        warnings.warn(f"{file} cannot be written ({error}): it will be made again next time", stacklevel=2)
