"""One file over HTTP, verified before it counts, with downloads that go on where they broke off."""

import json
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

from getting import output
from getting.kinds import SourceFailed, verify, web_page
from getting.manifest import Remote

ATTEMPTS = 5  # in a row without a byte that was not there before
ATTEMPTS_IN_ALL = 200
PAUSE = 1.0  # seconds before the first further attempt; doubled each time
TIMEOUT = (15, 60)  # seconds to connect, and between two pieces

_PIECE = 1 << 18
_BROKEN = (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError)
_AGAIN = (408, 429, 500, 502, 503, 504)  # answers that say "later"


def fetch(remote: Remote, folder: Path) -> Path:
    """The file in ``folder``: what is there already, or downloaded from its address, and verified either way.

    A download that breaks off goes on from there, now or in another run; one that is whole is not fetched again, even
    if it was not verified yet. Raises :class:`SourceFailed` if the file cannot be had whole and right from this
    address, and ``OSError`` if it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / remote.name
    if target.exists():
        with suppress(SourceFailed):  # it was removed, and is fetched again
            verify(target, remote)
            return target
    download = _Download(target.with_name(f"{target.name}.part"), remote)
    for last in (False, True):
        download.run()
        try:
            verify(download.part, remote)
            break
        except SourceFailed:
            download.forget()
            if last or not download.resumed:
                raise  # else what was received earlier may have been the fault: once more, from the beginning
    os.replace(download.part, target)
    download.forget()
    return target


class _Download:
    """The bytes grow in ``part``, which outlives this process; ``about`` tells whose they are."""

    def __init__(self, part: Path, remote: Remote):
        self.part, self.remote = part, remote
        self.about = part.with_name(part.name + ".json")
        self.resumed = False

    def run(self) -> None:
        """Receive until the file is whole. Raises :class:`SourceFailed` if that leads nowhere."""
        tries, most = 0, self.size()
        for _ in range(ATTEMPTS_IN_ALL):
            try:
                return self._receive()
            except _BROKEN as error:
                # A server that sends the same part again and again makes no progress.
                tries = 1 if self.size() > most else tries + 1
                most = max(most, self.size())
                problem = _short(error)
                if tries >= ATTEMPTS:
                    break
                pause = PAUSE * 2 ** (tries - 1)
                output.say(f"  {problem}; again in {pause:.0f} s, from byte {self.size():,}")
                time.sleep(pause)
            except requests.RequestException as error:
                raise SourceFailed(f"{self.remote.url}: {_short(error)}") from None
        raise SourceFailed(f"the connection to {self.remote.url} fails: {problem}")

    def size(self) -> int:
        """Bytes received so far; those from another address do not count."""
        if not self.part.exists():
            return 0
        if self._known().get("url") == self.remote.url:
            return self.part.stat().st_size
        self.forget()
        return 0

    def forget(self) -> None:
        """Remove what was received."""
        self.part.unlink(missing_ok=True)
        self.about.unlink(missing_ok=True)

    def _receive(self) -> None:
        offset, known = self.size(), self._known()
        self.resumed = self.resumed or offset > 0
        if offset and offset == known.get("bytes"):
            return None  # whole already, and interrupted while it was verified
        headers = {"Accept-Encoding": "identity", "User-Agent": "learnit"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if validator := known.get("validator"):
                headers["If-Range"] = validator
        with requests.get(self.remote.url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            status = response.status_code
            if status in _AGAIN:
                raise requests.ConnectionError(f"HTTP {status} {response.reason}")
            content_range = response.headers.get("Content-Range", "")
            if status == 416:  # nothing left to send: what is here is as long as the file, or longer
                if offset == (self.remote.bytes or _number(r"bytes \*/(\d+)", content_range)):
                    return None
                self.forget()
                raise requests.ConnectionError("the rest of the file is not there; from the beginning")
            if status not in (200, 206):
                raise SourceFailed(f"HTTP {status} {response.reason} from {self.remote.url}")
            if status == 206 and _number(r"bytes (\d+)-", content_range) != offset:
                self.forget()
                raise requests.ConnectionError("another part of the file came than was asked for")
            if status == 200:
                offset = 0  # the server sends all of it again: the file changed, or it cannot do otherwise
            length = int(response.headers.get("Content-Length", 0))
            total = offset + length if length else self.remote.bytes
            pieces = response.raw.stream(_PIECE, decode_content=False)
            return self._write(pieces, offset, total, self._remember(response, offset, total))

    def _write(self, pieces, offset: int, total: int, remember: Callable[[], None]) -> None:
        first = next(pieces, b"")
        if not offset and (page := web_page(first)):
            raise SourceFailed(f"a web page came instead of {self.remote.name} ({page}); often a quota or a login")
        if self.remote.bytes and total and total != self.remote.bytes:
            raise SourceFailed(f"{self.remote.name} has {total:,} bytes there; expected {self.remote.bytes:,}")
        output.check_room({self.part.parent: total - self.size()})
        remember()
        bar = {"total": total or None, "initial": offset, "unit": "B", "unit_scale": True, "desc": self.remote.name}
        with open(self.part, "ab" if offset else "wb") as file, tqdm(**bar) as progress:
            while first:
                file.write(first)
                progress.update(len(first))
                first = next(pieces, b"")
        if total and self.size() < total:
            raise requests.ConnectionError(f"the connection ended {total - self.size():,} bytes early")

    def _remember(self, response: requests.Response, offset: int, total: int) -> Callable[[], None]:
        """What tells this version of the file from another, for the next attempt."""
        tag = response.headers.get("ETag", "")
        validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
        about = json.dumps({"url": self.remote.url, "validator": validator, "bytes": total})

        def remember() -> None:
            if not offset:
                self.part.unlink(missing_ok=True)  # first, so that no old bytes are ever taken for new ones
                self.about.write_text(about)

        return remember

    def _known(self) -> dict:
        with suppress(OSError, ValueError):
            found = json.loads(self.about.read_text())
            return found if isinstance(found, dict) else {}
        return {}


def _number(pattern: str, text: str) -> int | None:
    found = re.match(pattern, text)
    return int(found[1]) if found else None


def _short(error: Exception) -> str:
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "the server does not answer"
    text = str(error)
    return text if len(text) < 100 and "object at 0x" not in text else f"the connection broke ({type(error).__name__})"
