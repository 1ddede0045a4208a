"""One file over HTTP: through pooch, which verifies it and keeps it, with downloads that go on where they broke off."""

import json
import logging
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pooch
import requests
import urllib3
from tqdm import tqdm

from getting.manifest import Remote

ATTEMPTS = 5  # in a row without a single new byte
PAUSE = 1.0  # seconds before the first further attempt; doubled each time
TIMEOUT = (15, 60)  # seconds to connect, and between two pieces

_PIECE = 1 << 18
_BROKEN = (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError)
_AGAIN = (408, 429, 500, 502, 503, 504)  # answers that say "later"


class SourceFailed(Exception):
    """This source will not do; the message says why. There may be another one."""


def fetch(remote: Remote, folder: Path) -> Path:
    """The file in ``folder``: what is there already, or downloaded from its address, and verified either way.

    A download that breaks off goes on from there, now or in another run. Raises :class:`SourceFailed` if the file
    cannot be had whole and right from this address, and ``OSError`` if it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / remote.name
    if target.exists() and remote.known_hash is None:
        return target  # it came from here, and there is nothing to verify it by
    receive = _Receiver(folder / f"{remote.name}.part", remote)
    pooch.get_logger().setLevel(logging.ERROR)
    try:
        return Path(pooch.retrieve(remote.url, remote.known_hash, remote.name, folder, downloader=receive))
    except ValueError:  # pooch's word for a wrong sum; it has removed the file
        if not receive.resumed:
            raise _wrong_sum(remote) from None
    try:  # what was left of an earlier download may have been the fault
        return Path(pooch.retrieve(remote.url, remote.known_hash, remote.name, folder, downloader=receive))
    except ValueError:
        raise _wrong_sum(remote) from None


def verify(path: Path, remote: Remote) -> None:
    """Raise :class:`SourceFailed` if a file that another tool fetched is a web page, or not of its size and sum."""
    with open(path, "rb") as file:
        beginning = file.read(2048)
    if page := web_page(beginning):
        path.unlink()
        raise SourceFailed(f"a web page came instead of {remote.name} ({page}); often a used-up quota or a login")
    if remote.bytes and path.stat().st_size != remote.bytes:
        found = path.stat().st_size
        path.unlink()
        raise SourceFailed(f"{remote.name} has {found:,} bytes; expected {remote.bytes:,}")
    if remote.known_hash and not pooch.hashes.hash_matches(path, remote.known_hash):
        path.unlink()
        raise _wrong_sum(remote)


def web_page(beginning: bytes) -> str | None:
    """The title of a web page if that is what begins like this."""
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text[:15].lower().startswith((b"<!doctype html", b"<html")):
        return None
    title = re.search(rb"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    words = title[1].decode("utf-8", "replace").split() if title else ["no title"]
    return f"titled {' '.join(words)!r}"[:100]


def _wrong_sum(remote: Remote) -> SourceFailed:
    return SourceFailed(f"{remote.name} is not the file that was recorded: expected {remote.known_hash}")


class _Receiver:
    """Pooch calls it to download; the bytes grow in ``part``, which outlives this process."""

    def __init__(self, part: Path, remote: Remote):
        self.part, self.remote, self.resumed = part, remote, False
        self.about = part.with_name(part.name + ".json")

    def __call__(self, url: str, output_file: str, _pooch: object, check_only: bool = False) -> None:
        tries, pause = 0, PAUSE
        while True:
            before = self._size()
            try:
                self._receive(url)
                break
            except _BROKEN as error:
                tries = 1 if self._size() > before else tries + 1
                if tries >= ATTEMPTS:
                    raise SourceFailed(f"the connection to {url} fails: {_short(error)}") from None
                pause = PAUSE * 2 ** (tries - 1)
                print(f"  {_short(error)}; again in {pause:.0f} s, from byte {self._size():,}")
                time.sleep(pause)
            except requests.RequestException as error:
                raise SourceFailed(f"{url}: {_short(error)}") from None
        os.replace(self.part, output_file)
        self.about.unlink(missing_ok=True)

    def _receive(self, url: str) -> None:
        offset = self._size()
        headers = {"Accept-Encoding": "identity", "User-Agent": "learnit"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if validator := self._validator():
                headers["If-Range"] = validator
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            status = response.status_code
            if status in _AGAIN:
                raise requests.ConnectionError(f"HTTP {status} {response.reason}")
            if status == 416:  # nothing left to send: what is here is as long as the file, or longer
                self._forget()
                raise requests.ConnectionError("the rest of the file is not there; from the beginning")
            if status not in (200, 206):
                raise SourceFailed(f"HTTP {status} {response.reason} from {url}")
            content_range = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if status == 206 and (not content_range or int(content_range[1]) != offset):
                self._forget()
                raise requests.ConnectionError("another part of the file came than was asked for")
            if status == 200:
                offset = 0  # the server sends all of it again: the file changed, or it cannot do otherwise
            length = int(response.headers.get("Content-Length", 0))
            total = offset + length if length else self.remote.bytes
            pieces = response.raw.stream(_PIECE, decode_content=False)
            self._write(pieces, offset, total, self._remember(response, offset))

    def _write(self, pieces, offset: int, total: int, remember: Callable[[], None]) -> None:
        first = next(pieces, b"")
        if not offset and (page := web_page(first)):
            raise SourceFailed(f"a web page came instead of {self.remote.name} ({page}); often a quota or a login")
        if self.remote.bytes and total and total != self.remote.bytes:
            raise SourceFailed(f"{self.remote.name} has {total:,} bytes there; expected {self.remote.bytes:,}")
        remember()
        self.resumed = self.resumed or offset > 0
        bar = {"total": total or None, "initial": offset, "unit": "B", "unit_scale": True, "desc": self.remote.name}
        with open(self.part, "ab" if offset else "wb") as file, tqdm(**bar) as progress:
            while first:
                file.write(first)
                progress.update(len(first))
                first = next(pieces, b"")
        if total and self._size() < total:
            raise requests.ConnectionError(f"the connection ended {total - self._size():,} bytes early")

    def _remember(self, response: requests.Response, offset: int) -> Callable[[], None]:
        """What tells this version of the file from another, for the next attempt."""
        tag = response.headers.get("ETag", "")
        validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
        about = {"url": self.remote.url, "validator": validator}
        return lambda: None if offset else self.about.write_text(json.dumps(about))

    def _validator(self) -> str:
        with suppress(OSError, ValueError):
            return json.loads(self.about.read_text()).get("validator", "")
        return ""

    def _size(self) -> int:
        """Bytes received so far; those from another address do not count."""
        if not self.part.exists():
            return 0
        with suppress(OSError, ValueError):
            if json.loads(self.about.read_text()).get("url") == self.remote.url:
                return self.part.stat().st_size
        self._forget()
        return 0

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.about.unlink(missing_ok=True)


def _short(error: Exception) -> str:
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "the server does not answer"
    text = str(error)
    return text if len(text) < 100 and "object at 0x" not in text else f"the connection broke ({type(error).__name__})"
