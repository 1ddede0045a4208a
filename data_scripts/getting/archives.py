"""What is inside folders, tar, zip and parquet files, read member by member: nothing is unpacked onto the disk.

All kinds look alike: ``names()`` lists the regular files, ``read(wanted)`` yields (name, content) of some of them in
the order that is quickest. A name never becomes a path that is written to. An archive with a member that points
outside of it (``..``, an absolute path, a link out) or is a device is refused as a whole: whoever made it means harm.
Links that stay inside are passed over. Nothing is unpickled.
"""

import builtins
import bz2
import errno
import gzip
import lzma
import os
import posixpath
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from getting import output
from getting.kinds import Damaged, web_page
from getting.shards import Shards
from learnit_core.errors import LearnitError
from learnit_core.signals import files as ways_in

LARGEST = ways_in.MOST_BYTES  # a picture that unpacks to more than that is none
DEEPEST = 3  # zips within zips: the real sets have two
_HEADERS = (b"x", b"g", b"X", b"L", b"K")  # names too long for a tar's own headers, and more of their kind
_LARGEST_HEADER = 1 << 20
_MEANT = "Such an archive was made to write elsewhere: get it from another place"


class Files(Protocol):
    """Files by name, wherever they are. Unreadable ones are reported, and left out by ``read``."""

    def names(self) -> list[str]: ...

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]: ...


@contextmanager
def opened(path: Path) -> Iterator[Files]:
    """The files in a folder or archive. Raises ``LearnitError`` if it is neither, damaged or dangerous."""
    try:
        if path.is_dir():
            yield _Folder(path)
        elif zipfile.is_zipfile(path):
            roomy = path.parent if os.access(path.parent, os.W_OK) else Path(tempfile.gettempdir())
            with _zip_file(path) as archive, tempfile.TemporaryFile(dir=roomy) as spare:
                yield _Zip(path.name, archive, spare, roomy)
        elif tarfile.is_tarfile(path):
            yield _Tar(path)
        elif path.suffix == ".parquet":
            yield Shards([path])
        elif not path.exists():
            raise LearnitError(f"there is nothing at {path}: expected a folder or an archive")
        else:
            with open(path, "rb") as file:
                page = web_page(file.read(2048))
            found = f"a web page ({page}), often saved where a quota was used up" if page else "something else"
            raise Damaged(path, f"{path} is {found}: expected a folder or a tar, zip or parquet file")
    except (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, EOFError, zlib.error) as error:
        raise Damaged(path, f"{path} is damaged or cut short ({error})") from None


class _Folder:
    def __init__(self, folder: Path):
        self.folder = folder

    def names(self) -> list[str]:
        return ways_in.files_in(self.folder)

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for name in sorted(wanted):
            try:
                content = (self.folder / name).read_bytes()  # what is no picture may be larger than one
            except OSError as error:
                output.say(f"Skipped: {self.folder / name} cannot be read: {error.strerror or error}.")
                continue
            yield name, content


class _Member(tarfile.TarInfo):
    """Tarfile takes an unreadable header, except the first, for the end of the archive, and loses files silently."""

    @classmethod
    def frombuf(cls, *arguments) -> tarfile.TarInfo:
        member = super().frombuf(*arguments)
        if member.type in _HEADERS and member.size > _LARGEST_HEADER:  # it would be read at once
            raise tarfile.ReadError(f"a header has {member.size:,} bytes; expected {_LARGEST_HEADER:,} at most")
        return member

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> tarfile.TarInfo:
        try:
            return super().fromtarfile(archive)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:
            raise tarfile.ReadError(str(error)) from None


class _Tar:
    """Read from beginning to end, once for the names and once for the contents: a compressed tar has no index."""

    def __init__(self, path: Path):
        self.path = path

    def names(self) -> list[str]:
        return sorted(member.name for member, _ in self._members() if not _is_hidden(member.name))

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for member, archive in self._members():
            if member.name in wanted:
                _check_size(self.path.name, member.name, member.size)
                yield member.name, archive.extractfile(member).read()

    def _members(self) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
        # A folder that does not exist: what matters is whether a member would stay inside of it.
        inside = str(Path(tempfile.gettempdir()).resolve() / "learnit-unpacked")
        try:
            with self._uncompressed() as file, tarfile.open(fileobj=file, mode="r|", tarinfo=_Member) as archive:
                for member in archive:
                    tarfile.data_filter(member, inside)
                    check_name(self.path.name, member.name)
                    if member.isreg():  # a link inside of the archive does no harm, and is passed over
                        yield member, archive
                while file.read(1 << 20):
                    pass  # the sum of a compressed file stands at its end, behind that of the tar
        except tarfile.FilterError as error:
            raise LearnitError(f"{self.path.name} is refused: {error}. {_MEANT}") from None
        except OSError as error:
            if error.errno is None:  # not the disk's: so gzip and bz2 say that a file is damaged
                raise tarfile.ReadError(str(error)) from None
            raise

    def _uncompressed(self) -> IO[bytes]:
        with open(self.path, "rb") as file:
            beginning = file.read(6)
        modules = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ\0": lzma}
        found = next((module for magic, module in modules.items() if beginning.startswith(magic)), builtins)
        return found.open(self.path, "rb")


class _Zip:
    """A zip, and zips inside of it: their members are named ``inner.zip/member``."""

    def __init__(self, label: str, archive: zipfile.ZipFile, spare: IO[bytes], roomy: Path, depth: int = 1):
        self.label, self.archive, self.spare, self.roomy, self.depth = label, archive, spare, roomy, depth
        self.inner: str | None = None
        self.members = [member for member in archive.infolist() if self._is_regular(member)]
        if depth > DEEPEST:
            raise LearnitError(f"{label} is refused: it is a zip within {depth - 1} zips; expected {DEEPEST} at most")

    def names(self) -> list[str]:
        names = []
        for member in self.members:
            if member.filename.endswith(".zip"):
                with self._nested(member) as inner:
                    names += [f"{member.filename}/{name}" for name in inner.names()]
            elif not _is_hidden(member.filename):
                names.append(member.filename)
        return sorted(names)

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for member in self.members:
            if member.filename in wanted:
                _check_size(self.label, member.filename, member.file_size)
                with self._open(member) as file:
                    content = file.read()
                yield member.filename, content
        for member in self.members:
            prefix = f"{member.filename}/"
            if member.filename.endswith(".zip") and (inside := {n for n in wanted if n.startswith(prefix)}):
                with self._nested(member) as inner:
                    for name, content in inner.read({name.removeprefix(prefix) for name in inside}):
                        yield prefix + name, content

    def _is_regular(self, member: zipfile.ZipInfo) -> bool:
        if not member.filename:
            raise zipfile.BadZipFile("a member has no name")
        check_name(self.label, member.filename)
        kind = stat.S_IFMT(member.external_attr >> 16)  # Unix's mode; 0 where another system made the archive
        if stat.S_ISLNK(kind):
            _check_size(self.label, member.filename, member.file_size)
            with self._open(member) as file:
                target = file.read().decode("utf-8", "replace")
            check_name(self.label, posixpath.normpath(posixpath.join(posixpath.dirname(member.filename), target)))
            return False
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise LearnitError(f"{self.label} is refused: its member {member.filename!r} is a special file. {_MEANT}")
        return not member.is_dir()

    @contextmanager
    def _open(self, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
        try:
            file = self.archive.open(member)
        except OSError as error:
            if error.errno == errno.EINVAL:  # a place before the file's beginning
                raise zipfile.BadZipFile(f"{member.filename!r} is not where it should be") from None
            raise
        except UnicodeDecodeError:
            raise zipfile.BadZipFile(f"{member.filename!r} has another name where it lies") from None
        except (RuntimeError, NotImplementedError) as error:  # encrypted, or compressed in a way that Python cannot
            raise LearnitError(f"{self.label} cannot be read: {error}. Unpack it, and name the folder") from None
        with file:
            yield file

    @contextmanager
    def _nested(self, member: zipfile.ZipInfo) -> Iterator["_Zip"]:
        # A zip is read from its end, so a compressed one has to be written out first, into a file without a name.
        with self._open(member) as packed, tempfile.TemporaryFile(dir=self.roomy) as spare:
            source = packed
            if member.compress_type != zipfile.ZIP_STORED:
                source = self.spare
                if self.inner != member.filename:
                    output.check_room({self.roomy: member.file_size})
                    self.inner = None  # until it is whole
                    source.seek(0)
                    source.truncate()
                    shutil.copyfileobj(packed, source, 1 << 20)
                    self.inner = member.filename
            with _zip_file(source) as archive:
                yield _Zip(f"{self.label}/{member.filename}", archive, spare, self.roomy, self.depth + 1)


def _zip_file(source: Path | IO[bytes]) -> zipfile.ZipFile:
    """Open a zip; ``BadZipFile`` also where its list of members makes Python raise something else."""
    try:
        return zipfile.ZipFile(source)
    except (NotImplementedError, ValueError, struct.error, OverflowError) as error:
        raise zipfile.BadZipFile(str(error)) from None


def check_name(archive: str, name: str) -> None:
    """Raise ``LearnitError`` if a member's name, or a link's target, points outside of its archive."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (len(name) > 1 and name[1] == ":"):
        raise LearnitError(f"{archive} is refused: its member {name!r} points outside of it. {_MEANT}")


def _is_hidden(name: str) -> bool:
    return ways_in.is_hidden(PurePosixPath(name))


def _check_size(archive: str, name: str, size: int) -> None:
    if size > LARGEST:
        raise LearnitError(
            f"{archive} is refused: its member {name!r} has {size:,} bytes; expected {LARGEST:,} at most"
        )
