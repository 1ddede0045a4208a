"""One file over HTTP, verified before it counts, with downloads that go on where they broke off."""

import json
import os
import re
import time
import urllib.parse
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
SLOWEST, WINDOW = 1000, 300.0  # bytes a second, and the seconds over which they are counted
LONGEST_PAUSE = 600  # seconds that a server may ask us to wait (Retry-After)
MOST = 1 << 37  # bytes that a file of unknown size may have

_PIECE = 1 << 18
_BROKEN = (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError)
_AGAIN = (408, 429, 500, 502, 503, 504)  # answers that say "later"


class _Later(requests.ConnectionError):
    """The server asks to come again, after ``pause`` seconds if it says so."""

    def __init__(self, said: str, pause: float | None):
        super().__init__(said)
        self.pause = pause


class _Session(requests.Session):
    """Follows redirections, but never from https to what anybody on the way could change."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is not None and resp.url.lower().startswith("https:"):
            there = urllib.parse.urljoin(resp.url, target)
            if not there.lower().startswith("https:"):
                raise SourceFailed(f"{resp.url} leads to {there}, which is not https")
        return target


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
        self.mark = time.monotonic(), 0
        """When a window began in which the rate is counted, and the bytes that were there."""

    def run(self) -> None:
        """Receive until the file is whole. Raises :class:`SourceFailed` if that leads nowhere."""
        tries, most = 0, self.size()
        self.mark = time.monotonic(), most
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
                if isinstance(error, _Later) and error.pause is not None:
                    pause = max(pause, error.pause)
                if pause > LONGEST_PAUSE:
                    raise SourceFailed(f"{self.remote.url} asks to come again in {pause / 60:.0f} minutes") from None
                output.say(f"  {problem}; again in {pause:.0f} s, from byte {self.size():,}")
                time.sleep(pause)
                self.mark = self.mark[0] + pause, self.mark[1]  # waiting on request is not slowness
                self._check_rate(self.size())
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
        with (
            _Session() as session,
            session.get(self.remote.url, headers=headers, stream=True, timeout=TIMEOUT) as response,
        ):
            status = response.status_code
            if status in _AGAIN:
                raise _Later(f"HTTP {status} {response.reason}", _retry_after(response))
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
            length = _number(r"(\d+)$", response.headers.get("Content-Length", "")) or 0
            total = offset + length if length else self.remote.bytes
            return self._write(response.raw.read1, offset, total, self._remember(response, offset, total))

    def _write(self, read: Callable[[int], bytes], offset: int, total: int, remember: Callable[[], None]) -> None:
        """Whatever has come is written at once: a connection that stalls, or this process if it is killed, loses none.

        Nothing is asked for beyond the length that was announced, or that the file may have.
        """
        most = min(number for number in (total, self.remote.bytes, MOST) if number)
        first = read(_PIECE)
        if not offset and (page := web_page(first)):
            raise SourceFailed(f"a web page came instead of {self.remote.name} ({page}); often a quota or a login")
        if self.remote.bytes and total and total != self.remote.bytes:
            raise SourceFailed(f"{self.remote.name} has {total:,} bytes there; expected {self.remote.bytes:,}")
        if total > MOST:
            raise SourceFailed(f"{self.remote.name} has {total:,} bytes there; expected {MOST:,} at most")
        output.check_room({self.part.parent: total - self.size()})
        remember()
        bar = {"total": total or None, "initial": offset, "unit": "B", "unit_scale": True, "desc": self.remote.name}
        with open(self.part, "ab" if offset else "wb", buffering=0) as file, tqdm(**bar) as progress:
            while first:
                if offset + len(first) > most:
                    self.forget()
                    raise SourceFailed(f"more bytes come as {self.remote.name} than the {most:,} expected")
                rest = memoryview(first)
                while rest:  # a file without a buffer may take less than it is given
                    rest = rest[file.write(rest) :]
                offset += len(first)
                progress.update(len(first))
                self._check_rate(offset)
                first = read(_PIECE)
        if total and self.size() < total:
            raise requests.ConnectionError(f"the connection ended {total - self.size():,} bytes early")

    def _check_rate(self, size: int) -> None:
        """Raise :class:`SourceFailed` if fewer bytes came in the window that ends now than at the slowest rate."""
        began, before = self.mark
        if size < before:
            self.mark = time.monotonic(), size
        elif (seconds := time.monotonic() - began) >= WINDOW:
            if (rate := (size - before) / seconds) < SLOWEST:
                raise SourceFailed(
                    f"{self.remote.url} sends {rate:.0f} bytes a second; expected {SLOWEST:,} at least. "
                    f"The {size:,} bytes that came are kept"
                )
            self.mark = time.monotonic(), size

    def _remember(self, response: requests.Response, offset: int, total: int) -> Callable[[], None]:
        """What tells this version of the file from another, for the next attempt."""
        tag = response.headers.get("ETag", "")
        validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
        about = json.dumps({"url": self.remote.url, "validator": validator, "bytes": total})

        def remember() -> None:
            if not offset:
                self.part.unlink(missing_ok=True)  # first, so that no old bytes are ever taken for new ones
                self.about.write_text(about, encoding="utf-8")

        return remember

    def _known(self) -> dict:
        with suppress(OSError, ValueError):
            found = json.loads(self.about.read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        return {}


def _number(pattern: str, text: str) -> int | None:
    found = re.match(pattern, text)
    return int(found[1]) if found else None


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that the server asks us to wait, given as such or as a date; None if it does not say."""
    with suppress(urllib3.exceptions.InvalidHeader, OverflowError, ValueError):
        found = urllib3.util.Retry().get_retry_after(response.raw)
        return None if found is None else float(min(found, 1 << 40))
    return None


def _short(error: Exception) -> str:
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "the server does not answer"
    text = str(error)
    return text if len(text) < 100 and "object at 0x" not in text else f"the connection broke ({type(error).__name__})"
