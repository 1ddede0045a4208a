"""Servers that send too much, too slowly or from elsewhere, and lists of sources that mean harm."""

import contextlib
import re
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
import urllib3

from getting import fetch, manifest
from getting.kinds import SourceFailed
from getting.manifest import Remote
from learnit_core.errors import LearnitError

CONTENT = bytes(range(256)) * 400


class Server:
    """Answers with ``script``, a function of the request and of how many came before; ``asked`` are their ranges."""

    def __init__(self, script):
        asked = self.asked = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                part = self.headers.get("Range")
                asked.append(int(part[6:-1]) if part else 0)
                self.close_connection = True
                with contextlib.suppress(OSError):  # the other side is gone
                    script(self, len(asked) - 1, asked[-1])

            def log_message(self, *_):
                pass

            def begin(self, status=200, length=None, **headers):
                self.send_response(status)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                if status == 206:
                    self.send_header("Content-Range", f"bytes {asked[-1]}-{len(CONTENT) - 1}/{len(CONTENT)}")
                for name, value in ({"ETag": '"a"'} | headers).items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/x.bin"


@pytest.fixture
def serve(monkeypatch):
    running = []

    def start(script):
        running.append(Server(script))
        return running[-1]

    monkeypatch.setattr(fetch, "PAUSE", 0.0)
    yield start
    for each in running:
        each.server.shutdown()
        each.server.server_close()


def rest(start):
    return {"status": 206 if start else 200, "length": len(CONTENT) - start}


@pytest.mark.parametrize("first", [1, 10_000])
def test_what_came_before_a_stall_is_kept_however_little(serve, tmp_path, monkeypatch, first):
    """Twice it sends some and then nothing, less than a piece that is read at a time."""
    monkeypatch.setattr(fetch, "TIMEOUT", (5, 1))
    over = threading.Event()

    def script(request, number, start):
        request.begin(**rest(start))
        request.wfile.write(CONTENT[start:] if number == 2 else CONTENT[start : start + first])
        request.wfile.flush()
        if number < 2:
            over.wait(30)

    server = serve(script)
    try:
        found = fetch.fetch(Remote("x.bin", server.url), tmp_path)
    finally:
        over.set()
    assert found.read_bytes() == CONTENT and server.asked == [0, first, 2 * first]


def test_what_has_come_is_on_the_disk_at_once(serve, tmp_path):
    here, over = threading.Event(), threading.Event()

    def script(request, number, start):
        request.begin(**rest(start))
        request.wfile.write(CONTENT[:777])
        request.wfile.flush()
        here.set()
        over.wait(30)
        request.wfile.write(CONTENT[777:])

    server = serve(script)
    loading = threading.Thread(target=fetch.fetch, args=(Remote("x.bin", server.url), tmp_path))
    loading.start()
    here.wait(30)
    part, until = tmp_path / "x.bin.part", time.monotonic() + 30
    while not (part.exists() and part.stat().st_size == 777) and time.monotonic() < until:
        time.sleep(0.01)
    size = part.stat().st_size
    over.set()
    loading.join()
    assert size == 777 and (tmp_path / "x.bin").read_bytes() == CONTENT


def chunked(request, number, start):
    request.begin(Transfer_Encoding="chunked")
    for _ in range(64):
        request.wfile.write(b"40000\r\n" + bytes(1 << 18) + b"\r\n")
        SENT[0] += 1 << 18
    request.wfile.write(b"0\r\n\r\n")


def more_than_said(request, number, start):
    request.begin()  # no length at all
    for _ in range(64):
        request.wfile.write(bytes(1 << 18))
        SENT[0] += 1 << 18


def lies(request, number, start):
    request.begin(length=len(CONTENT) + 5)
    request.wfile.write(CONTENT + b"12345")


SENT = [0]


@pytest.mark.parametrize("script", [chunked, more_than_said, lies])
@pytest.mark.parametrize("allowed", ["recorded", "at most"])
def test_no_more_is_received_than_is_expected(serve, tmp_path, monkeypatch, script, allowed):
    SENT[0] = 0
    server, size = serve(script), len(CONTENT)
    if allowed == "at most":
        monkeypatch.setattr(fetch, "MOST", size)
        size = 0
    with pytest.raises(SourceFailed, match="x.bin .*expected|more bytes come as x.bin than the 102,400 expected"):
        fetch.fetch(Remote("x.bin", server.url, bytes=size), tmp_path)
    assert len(server.asked) == 1 and SENT[0] < 1 << 23, "what lies on the way is not more than some MB"
    assert not list(tmp_path.iterdir())


def test_a_server_slower_than_the_minimum_is_given_up_and_its_bytes_kept(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "WINDOW", 0.5)
    over = threading.Event()

    def script(request, number, start):
        request.begin(**rest(start))
        for place in range(start, len(CONTENT), 10):
            request.wfile.write(CONTENT[place : place + 10])
            request.wfile.flush()
            if over.wait(0.05):
                break

    server = serve(script)
    try:
        with pytest.raises(SourceFailed, match="sends .* bytes a second; expected 1,000 at least. The .* are kept"):
            fetch.fetch(Remote("x.bin", server.url), tmp_path)
    finally:
        over.set()
    kept = (tmp_path / "x.bin.part").stat().st_size
    assert 0 < kept < 2000 and kept % 10 == 0


def test_attempts_that_bring_little_count_as_slow(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "WINDOW", 0.2)

    def script(request, number, start):
        request.begin(**rest(start))
        request.wfile.write(CONTENT[start : start + 3])
        request.wfile.flush()
        time.sleep(0.02)

    server = serve(script)
    with pytest.raises(SourceFailed, match="expected 1,000 at least"):
        fetch.fetch(Remote("x.bin", server.url), tmp_path)
    assert len(server.asked) < fetch.ATTEMPTS_IN_ALL


def header(asks):
    """What a server says; times are of now, not of when tests were listed, which other workers do at another time."""
    found = re.fullmatch("the time in ([0-9]+)", asks)
    return formatdate(time.time() + int(found[1]), usegmt=True) if found else asks


@pytest.mark.parametrize(
    "asks, waited",
    [("3", 3), ("0", 0), ("the time in 400", 400), ("soon", 0), ("-5", 0), (None, 0)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_to_wait_is_waited_for(serve, tmp_path, monkeypatch, status, asks, waited):
    pauses = []
    monkeypatch.setattr(fetch.time, "sleep", pauses.append)

    def script(request, number, start):
        if number == 0:
            return request.begin(status, 0, **({} if asks is None else {"Retry-After": header(asks)}))
        request.begin(length=len(CONTENT))
        request.wfile.write(CONTENT)

    assert fetch.fetch(Remote("x.bin", serve(script).url), tmp_path).read_bytes() == CONTENT
    assert len(pauses) == 1 and waited * (waited < 400) <= pauses[0] <= waited


@pytest.mark.parametrize("asks", ["601", "86400", "9" * 400, "the time in 7200"])
def test_a_server_that_asks_to_wait_for_long_is_left(serve, tmp_path, asks):
    server = serve(lambda request, number, start: request.begin(503, 0, **{"Retry-After": header(asks)}))
    with pytest.raises(SourceFailed, match="asks to come again in|fails"):
        fetch.fetch(Remote("x.bin", server.url), tmp_path)
    assert len(server.asked) <= fetch.ATTEMPTS


@pytest.mark.parametrize(
    "there, followed",
    [
        ("https://other.example/x", True),
        ("/x", True),
        ("//other.example/x", True),
        ("http://example.org/x", False),
        ("HTTP://example.org/x", False),
        ("ftp://example.org/x", False),
        ("file:///etc/passwd", False),
    ],
)
def test_https_is_never_left(there, followed):
    response = requests.Response()
    response.url, response.status_code = "https://example.org/a/b", 302
    response.headers["Location"] = there
    response.raw = urllib3.HTTPResponse()
    session = fetch._Session()
    if followed:
        assert session.get_redirect_target(response) == there
    else:
        with pytest.raises(SourceFailed, match="is not https"):
            session.get_redirect_target(response)
    response.url = "http://example.org/a/b"
    assert session.get_redirect_target(response) == there


def test_a_length_that_is_no_number_is_none(serve, tmp_path):
    def script(request, number, start):
        request.send_response(200)
        request.send_header("Content-Length", "many")
        request.end_headers()
        request.wfile.write(CONTENT)

    assert fetch.fetch(Remote("x.bin", serve(script).url), tmp_path).read_bytes() == CONTENT


# Lists of sources


SOUND = {"name": '"a.tgz"', "url": '"https://example.org/a.tgz"', "bytes": "5", "sha256": f'"{"0" * 64}"'}
WRONG = {
    "name": ['"../a"', '"/a"', '"a/b"', '"a\\\\b"', '"C:a"', '".."', '".a"', '""', '"-rf"', '"a\\nb"', "5"],
    "url": ['"file:///etc/passwd"', '"ftp://x/y"', '"https://x/../../y"', '"x"', "true"],
    "bytes": ["-1", '"5"', "1.5", "true", "9007199254740993", "[5]"],
    "sha256": ['"0"', '"zz"', f'"{"0" * 63}"', "0"],
}  # fmt: skip


def sources(tmp_path, file=(), name='"s0"', **more):
    file = SOUND | dict(file)
    about = {"title": '"T"', "licence": '"any"', "accept_terms": "false", "pictures": "60"} | more
    lines = ["[set]", *(f"{key} = {value}" for key, value in about.items()), "[[set.sources]]", f"name = {name}"]
    lines += ['kind = "http"', "login = false", 'last_verified = "never"']
    lines += [f"files = [{{ {', '.join(f'{key} = {value}' for key, value in file.items())} }}]"]
    (tmp_path / "m.toml").write_text("\n".join(lines))
    return tmp_path / "m.toml"


@pytest.mark.parametrize("key, value", [(key, value) for key, values in WRONG.items() for value in values])
def test_a_file_that_is_no_file_is_refused(tmp_path, key, value):
    with pytest.raises(LearnitError, match="m.toml is no manifest of data sets"):
        manifest.read(sources(tmp_path, {key: value}))


@pytest.mark.parametrize("name", WRONG["name"])
def test_a_source_whose_name_is_a_path_is_refused(tmp_path, name):
    if name != '""':
        with pytest.raises(LearnitError, match="m.toml is no manifest of data sets"):
            manifest.read(sources(tmp_path, name=name))


@pytest.mark.parametrize("more", [{"pictures": '"x"'}, {"objects": "-1"}, {"title": "5"}, {"colour": '"red"'}])
def test_a_set_of_other_types_is_refused(tmp_path, more):
    with pytest.raises(LearnitError, match="m.toml is no manifest of data sets"):
        manifest.read(sources(tmp_path, **more))


@pytest.mark.parametrize("text", ["[set]", "set = 1", "a = " + "[" * 20_000, '["../a"]\nsources = []', "\ud800"])
def test_a_list_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "m.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(LearnitError, match="m.toml is no manifest of data sets"):
        manifest.read(tmp_path / "m.toml")


def test_the_sound_ones_are_read(tmp_path):
    assert manifest.read(sources(tmp_path))["set"].sources[0].files[0].bytes == 5
    assert manifest.read()
