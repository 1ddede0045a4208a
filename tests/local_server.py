"""A file server on this machine that can be made to misbehave, and data sets in their real layouts for it to serve."""

import io
import json
import tarfile
import threading
import time
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

PAGE = b"<!DOCTYPE html><html><head><title>Quota exceeded</title></head><body>Too many users</body></html>"


@dataclass
class Served:
    """What stands at one address. ``cuts`` are the bytes after which the first connections are dropped."""

    content: bytes
    status: int = 200
    kind: str = "application/octet-stream"
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    shift: int = 0  # a part begins so many bytes before the one asked for
    pause: float = 0.0  # seconds between pieces of 4 kB
    tag: str = '"v1"'
    gate: threading.Event | None = None  # nothing is answered until it is set


class Server:
    """Serves ``files`` by path; ``requests`` are the (range, bytes sent) of each path so far."""

    def __init__(self):
        self.files: dict[str, Served] = {}
        self.requests: dict[str, list[list]] = defaultdict(list)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def do_HEAD(self):
                outer.answer(self, body=False)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def url(self, name: str, content: bytes, **options) -> str:
        """Serve ``content``; returns its address."""
        self.files[f"/{name}"] = Served(content, **options)
        return f"{self.address}/{name}"

    def answer(self, request: BaseHTTPRequestHandler, body: bool = True) -> None:
        path = request.path.split("?")[0]
        served = self.files.get(path)
        record = [request.headers.get("Range"), 0]
        self.requests[path].append(record)
        if served is None:
            return request.send_error(404)
        if served.gate is not None:
            served.gate.wait()
        content, status, start = served.content, served.status, 0
        if status == 302:
            request.send_response(302)
            request.send_header("Location", content.decode())
            return request.end_headers()
        asked = request.headers.get("Range")
        if asked and served.ranges and request.headers.get("If-Range") in (None, served.tag):
            start, status = int(asked.removeprefix("bytes=").split("-")[0]) - served.shift, 206
            if start >= len(content):
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{len(content)}")
                request.send_header("Content-Length", "0")
                return request.end_headers()
        request.send_response(status)
        request.send_header("Content-Type", served.kind)
        request.send_header("Content-Length", str(len(content) - start))
        request.send_header("ETag", served.tag)
        request.send_header("X-Repo-Commit", "0" * 40)
        if status == 206:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.end_headers()
        if not body:
            return None
        end = start + served.cuts.pop(0) if served.cuts else len(content)
        for place in range(start, min(end, len(content)), 4096):
            piece = content[place : min(place + 4096, end)]
            try:
                request.wfile.write(piece)
            except OSError:  # the other side is gone
                break
            record[1] += len(piece)
            time.sleep(served.pause)
        request.wfile.flush()
        request.close_connection = True
        return None

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


# Pictures, and archives of them as the real sets have them. They are PNG by content, so that they come back exactly.


def drawn(count: int, height: int = 20, width: int = 16, seed: int = 0) -> np.ndarray:
    """Different pictures, uint8 [count, height, width, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def tar(members: dict[str, bytes], *odd: tarfile.TarInfo) -> bytes:
    """A .tgz of regular files and of whatever else is given."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in odd:
            archive.addfile(member)
    return buffer.getvalue()


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """A link (or with another ``kind``, a device) in a tar."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member


def zipped(members: dict[str, bytes], links: dict[str, str] | None = None, stored: bool = False) -> bytes:
    """A .zip of files and symbolic links."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        for name, target in (links or {}).items():
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o120777 << 16
            archive.writestr(member, target)
    return buffer.getvalue()


def imagenette(pictures: np.ndarray) -> dict[str, bytes]:
    """Two classes; the last third of the pictures is in val/."""
    members = {}
    for i, picture in enumerate(pictures):
        folder = "val" if i >= 2 * len(pictures) // 3 else "train"
        members[f"imagenette2-320/{folder}/n0{1440764 + i % 2}/ILSVRC2012_{folder}_{i:08d}.JPEG"] = png(picture)
    return members | {"imagenette2-320/noisy_imagenette.csv": b"path,label\n"}


def celeba(pictures: np.ndarray) -> tuple[dict[str, bytes], bytes]:
    """The members of img_align_celeba.zip, and the list of splits: the last pictures are validation and test."""
    members = {f"img_align_celeba/{i + 1:06d}.jpg": png(picture) for i, picture in enumerate(pictures)}
    parts = np.repeat([0, 1, 2], [len(pictures) - 8, 4, 4])
    return members, "".join(f"{i + 1:06d}.jpg {part}\n" for i, part in enumerate(parts)).encode()


def enr(count: int = 4, views: int = 3) -> dict[str, bytes]:
    """Zips within a zip, one for each split; every object is white but for one grey square."""
    outer = {"readme.txt": b"terms"}
    for split in ("train", "val", "test"):
        members = {}
        for i in range(count if split == "train" else 2):
            params = {f"{v:05d}": {"azimuth": 120.0 * v, "elevation": 10.0 * v} for v in range(views)}
            members[f"chairs-{split}/{split}{i}/render_params.json"] = json.dumps(params).encode()
            for v in range(views):
                picture = np.full((16, 16, 3), 255, np.uint8)
                picture[5:11, 5:11] = 7 * i + v
                members[f"chairs-{split}/{split}{i}/{v:05d}.png"] = png(picture)
        outer[f"chairs-{split}.zip"] = zipped(members)
    return outer


def srn(count: int = 4, views: int = 3) -> dict[str, bytes]:
    """The same objects with cameras around them, in folders for each split; val and test have more views."""
    members = {"srn_chairs/chairs.csv": b"names"}
    for split in ("train", "val", "test"):
        for i in range(count if split == "train" else 2):
            folder = f"srn_chairs/chairs_{split}/{split}{i}"
            members[f"{folder}/intrinsics.txt"] = b"24.0 8.0 8.0 0.\n0. 0. 0.\n1.\n16 16\n"
            for v in range(views if split == "train" else 2 * views):
                a = 2 * np.pi * v / views
                axes = np.array([[-np.sin(a), 0, -np.cos(a)], [np.cos(a), 0, -np.sin(a)], [0, -1, 0]])
                pose = np.eye(4)
                pose[:3, :3], pose[:3, 3] = axes, -2 * axes[:, 2]
                picture = np.full((16, 16, 3), 255, np.uint8)
                picture[5:11, 5:11] = 7 * i + v
                members[f"{folder}/pose/{v:06d}.txt"] = " ".join(map(str, pose.ravel())).encode()
                members[f"{folder}/rgb/{v:06d}.png"] = png(picture)
    return members
