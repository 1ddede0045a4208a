"""What is inside folders, tar, zip and parquet files, read member by member: nothing is unpacked onto the disk.

All kinds look alike: ``names()`` lists the regular files, ``read(wanted)`` yields (name, content) of some of them in
the order that is quickest. A name never becomes a path that is written to. An archive with a member that points
outside of it (``..``, an absolute path, a link out) or is a device is refused as a whole: whoever made it means harm.
Nothing is unpickled.
"""

import os
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from getting.fetch import web_page
from learnit_core.errors import LearnitError

LARGEST = 1 << 28  # bytes; a picture that unpacks to more than that is none
_MEANT = "Such an archive was made to write elsewhere: get it from another place"


class Files(Protocol):
    """Files by name, wherever they are."""

    def names(self) -> list[str]: ...

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]: ...


@contextmanager
def opened(path: Path) -> Iterator[Files]:
    """The files in a folder or archive. Raises ``LearnitError`` if it is neither, damaged or dangerous."""
    try:
        if path.is_dir():
            yield _Folder(path)
        elif zipfile.is_zipfile(path):
            roomy = path.parent if os.access(path.parent, os.W_OK) else None  # /tmp is often small
            with zipfile.ZipFile(path) as archive, tempfile.TemporaryFile(dir=roomy) as spare:
                yield _Zip(path.name, archive, spare)
        elif tarfile.is_tarfile(path):
            yield _Tar(path)
        elif path.suffix == ".parquet":
            yield _Parquet([path])
        elif not path.exists():
            raise LearnitError(f"there is nothing at {path}: expected a folder or an archive")
        else:
            with open(path, "rb") as file:
                page = web_page(file.read(2048))
            found = f"a web page ({page}), often saved where a quota was used up" if page else "something else"
            raise LearnitError(f"{path} is {found}: expected a folder or a tar, zip or parquet file")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise LearnitError(f"{path} is damaged or cut short ({error})") from None


def shards(paths: list[Path]) -> Files:
    """Several parquet files as one. Raises ``LearnitError`` without pyarrow."""
    return _Parquet(paths)


class _Folder:
    def __init__(self, folder: Path):
        self.folder = folder

    def names(self) -> list[str]:
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        names = (path.relative_to(self.folder).as_posix() for path in paths)
        return sorted(name for name in names if not any(part.startswith(".") for part in name.split("/")))

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for name in sorted(wanted):
            yield name, (self.folder / name).read_bytes()


class _Tar:
    """Read from beginning to end, once for the names and once for the contents: a compressed tar has no index."""

    def __init__(self, path: Path):
        self.path = path

    def names(self) -> list[str]:
        return sorted(member.name for member, _ in self._members())

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for member, archive in self._members():
            if member.name in wanted:
                _check_size(self.path.name, member.name, member.size)
                yield member.name, archive.extractfile(member).read()

    def _members(self) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
        # A folder that does not exist: what matters is whether a member would stay inside of it.
        inside = Path(tempfile.gettempdir()).resolve() / "learnit-unpacked"
        with tarfile.open(self.path, "r|*") as archive:
            for member in archive:
                try:
                    tarfile.data_filter(member, str(inside))
                except tarfile.FilterError as error:
                    raise LearnitError(f"{self.path.name} is refused: {error}. {_MEANT}") from None
                _check_name(self.path.name, member.name)
                if member.isreg():  # a link inside of the archive does no harm, and is passed over
                    yield member, archive


class _Zip:
    """A zip, and zips inside of it: their members are named ``inner.zip/member``."""

    def __init__(self, label: str, archive: zipfile.ZipFile, spare):
        self.archive, self.spare, self.label = archive, spare, label
        self.inner: str | None = None
        for member in archive.infolist():
            _check_name(label, member.filename)
            kind = member.external_attr >> 16  # Unix's mode; 0 where another system made the archive
            if stat.S_IFMT(kind) not in (0, stat.S_IFREG, stat.S_IFDIR):
                what = "a symbolic link" if stat.S_ISLNK(kind) else "a special file"
                raise LearnitError(f"{label} is refused: its member {member.filename!r} is {what}. {_MEANT}")

    def names(self) -> list[str]:
        names = []
        for member in self.archive.infolist():
            if member.filename.endswith(".zip"):
                with self._nested(member.filename) as inner:
                    names += [f"{member.filename}/{name}" for name in inner.names()]
            elif not member.is_dir():
                names.append(member.filename)
        return sorted(names)

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        nested: dict[str, set[str]] = {}
        for member in self.archive.infolist():
            if member.filename in wanted:
                _check_size(self.label, member.filename, member.file_size)
                yield member.filename, self.archive.read(member)
            elif member.filename.endswith(".zip"):
                prefix = f"{member.filename}/"
                nested[member.filename] = {n.removeprefix(prefix) for n in wanted if n.startswith(prefix)}
        for name, inside in nested.items():
            if inside:
                with self._nested(name) as inner:
                    for member_name, content in inner.read(inside):
                        yield f"{name}/{member_name}", content

    @contextmanager
    def _nested(self, name: str) -> Iterator["_Zip"]:
        # A zip is read from its end, so a compressed one has to be written out first, into a file without a name.
        if self.archive.getinfo(name).compress_type == zipfile.ZIP_STORED:
            source = self.archive.open(name)
        else:
            source = self.spare
            if self.inner != name:
                source.seek(0)
                source.truncate()
                with self.archive.open(name) as compressed:
                    while piece := compressed.read(1 << 20):
                        source.write(piece)
                self.inner = name
        with zipfile.ZipFile(source) as archive, tempfile.TemporaryFile() as spare:
            yield _Zip(f"{self.label}/{name}", archive, spare)


class _Parquet:
    """Rows with a column ``image`` of {bytes, path}, named ``file/row`` with the row's number."""

    def __init__(self, paths: list[Path]):
        try:
            import pyarrow.parquet as parquet
        except ImportError:
            raise LearnitError("parquet files need the package pyarrow: pip install -e '.[mirrors]'") from None
        self.files = {}
        for path in sorted(paths):
            try:
                self.files[path.stem] = parquet.ParquetFile(path)
            except Exception as error:  # pyarrow has many
                raise LearnitError(f"{path} is damaged or no parquet file ({error})") from None
            if "image" not in self.files[path.stem].schema_arrow.names:
                found = ", ".join(self.files[path.stem].schema_arrow.names)
                raise LearnitError(f"{path} has the columns {found}; expected one called 'image'")

    def names(self) -> list[str]:
        return [f"{stem}/{row:07d}" for stem, file in self.files.items() for row in range(file.metadata.num_rows)]

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for stem, file in self.files.items():
            row = 0
            for batch in file.iter_batches(batch_size=64, columns=["image"]):
                for image in batch.column(0):
                    name = f"{stem}/{row:07d}"
                    row += 1
                    if name in wanted:
                        yield name, image["bytes"].as_py() or b""


def _check_name(archive: str, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (len(name) > 1 and name[1] == ":"):
        raise LearnitError(f"{archive} is refused: its member {name!r} points outside of it. {_MEANT}")


def _check_size(archive: str, name: str, size: int) -> None:
    if size > LARGEST:
        raise LearnitError(
            f"{archive} is refused: its member {name!r} has {size:,} bytes; expected {LARGEST:,} at most"
        )
