"""Is a file what it should be? A web page, an error in JSON or half an archive under the right name is not."""

import re
import tarfile
import zipfile
import zlib
from pathlib import Path

import pooch

from getting.manifest import Remote
from learnit_core.errors import LearnitError


class SourceFailed(Exception):
    """This source cannot be used; the message says why. Another one may be tried."""


class Damaged(LearnitError):
    """A file that is not whole, or not what its name says."""

    def __init__(self, path: Path, message: str):
        super().__init__(message)
        self.path = path


def verify(path: Path, remote: Remote) -> None:
    """Remove a file that was fetched and raise :class:`SourceFailed` if it is not what ``remote`` says.

    Without a known size or sum it must at least open as the kind that its name ends in.
    """
    if problem := _problem(path, remote):
        path.unlink()
        raise SourceFailed(problem)


def web_page(beginning: bytes) -> str | None:
    """The title of a web page if that is what begins like this."""
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text[:15].lower().startswith((b"<!doctype html", b"<html")):
        return None
    title = re.search(rb"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    words = title[1].decode("utf-8", "replace").split() if title else ["no title"]
    return f"titled {' '.join(words)!r}"[:100]


def _problem(path: Path, remote: Remote) -> str | None:
    with open(path, "rb") as file:
        beginning = file.read(2048)
    size = path.stat().st_size
    if page := web_page(beginning):
        return f"a web page came instead of {remote.name} ({page}); often a used-up quota or a login"
    if remote.bytes and size != remote.bytes:
        return f"{remote.name} has {size:,} bytes; expected {remote.bytes:,}"
    if remote.known_hash:
        right = pooch.hashes.hash_matches(path, remote.known_hash)
        return None if right else f"{remote.name} is not the file that was recorded: expected {remote.known_hash}"
    if not _opens(path, remote.name):
        return f"what came as {remote.name} is no such file ({size:,} bytes, beginning with {beginning[:40]!r})"
    return None


def _opens(path: Path, name: str) -> bool:
    """Whether the file opens as what ``name`` says, with its end in its place where it is read from the end."""
    try:
        if name.endswith(".zip"):
            zipfile.ZipFile(path).close()
        elif name.endswith((".tar", ".tgz", ".tar.gz")):
            tarfile.open(path).close()
        elif name.endswith(".parquet"):
            with open(path, "rb") as file:
                start = file.read(4)
                file.seek(-4, 2)
                return start == file.read() == b"PAR1"
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError):
        return False
    return True
