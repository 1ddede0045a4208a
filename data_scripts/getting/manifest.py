"""The manifest: the data sets, and the sources of each in the order in which they are tried."""

import re
import tomllib
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import get_origin

from learnit_core import names
from learnit_core.errors import LearnitError
from learnit_core.signals import photos

DEFAULT = Path(__file__).resolve().parent.parent / "sources.toml"


@dataclass(frozen=True)
class Remote:
    """One file to be fetched, and what is known of it. An empty sum is not known; so is a size of 0."""

    name: str
    url: str = ""
    id: str = ""
    bytes: int = 0
    md5: str = ""
    sha256: str = ""

    @property
    def known_hash(self) -> str | None:
        """As pooch wants it."""
        return f"sha256:{self.sha256}" if self.sha256 else f"md5:{self.md5}" if self.md5 else None


@dataclass(frozen=True)
class Source:
    """One place that a set can be had from."""

    name: str
    kind: str
    login: bool
    last_verified: str
    id: str = ""
    file: str = ""
    layout: str = ""
    views: int = 0
    note: str = ""
    files: tuple[Remote, ...] = ()

    @property
    def where(self) -> str:
        """The address, for people."""
        return ", ".join(file.url or f"{self.kind} {file.id}" for file in self.files) or f"{self.kind} {self.id}"


@dataclass(frozen=True)
class DataSet:
    """One set of sources.toml."""

    key: str
    title: str
    licence: str
    accept_terms: bool
    download: str = "size not known"
    pictures: int = 0
    objects: int = 0
    views: int = 0
    sources: tuple[Source, ...] = field(default=())

    @property
    def fewest(self) -> int:
        """Smallest number of entries of a set: one object for each split; ten pictures, a tenth for validation."""
        return 3 if self.views else photos.FEWEST

    def room(self, size: int, limit: int | None, sources: Sequence[Source]) -> tuple[int, int]:
        """About how many bytes the prepared set has, of the thriftiest and the largest of ``sources``; 0: not known."""
        count = self.pictures or self.objects
        views = [source.views or self.views or 1 for source in sources] or [self.views or 1]
        least, most = (min(count, limit or count) * number * 3 * size**2 for number in (min(views), max(views)))
        return least, most


def read(file: Path = DEFAULT) -> dict[str, DataSet]:
    """All sets of a manifest, by name. Raises ``LearnitError`` if it is missing or cannot be understood."""
    try:
        with open(file, "rb") as opened:
            tables = tomllib.load(opened)
        return {key: _data_set(key, table) for key, table in tables.items()}
    except OSError as error:
        raise LearnitError(f"there is no manifest at {file} ({error.strerror})") from None
    except RecursionError:
        raise LearnitError(f"{file} is no manifest of data sets: it is nested too deep") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError, TypeError, KeyError, ValueError) as error:
        raise LearnitError(f"{file} is no manifest of data sets: {error}") from None


def find(file: Path, key: str) -> DataSet:
    """One set of a manifest. Raises ``LearnitError`` if it is not there."""
    sets = read(file)
    if key not in sets:
        raise LearnitError(f"{file} has {', '.join(sets) or 'no sets'}; expected {key} among them")
    return sets[key]


def _data_set(key: str, table: dict) -> DataSet:
    sources = []
    for entry in table.pop("sources"):
        files = tuple(_checked(Remote(**file)) for file in entry.pop("files", ()))
        source = _checked(Source(**entry, files=files))
        if source.kind in ("http", "drive") and not files:
            raise ValueError(f"the source {source.name} names no files")
        sources.append(source)
    found = _checked(DataSet(key, **table, sources=tuple(sources)))
    if not found.sources:
        raise ValueError(f"{key} has no sources")
    return found


def _checked(entry):
    """The entry, if its values are of their types, and what becomes a path or an address can be one."""
    for each in fields(entry):
        value, kind = getattr(entry, each.name), get_origin(each.type) or each.type
        if type(value) is not kind:
            raise TypeError(f"{each.name} is {value!r:.60}; expected {'text' if kind is str else kind.__name__}")
        if kind is int and not 0 <= value < 1 << 53:
            raise ValueError(f"{each.name} is {value!r:.60}; expected 0 or more")
    for each in ("name", "key", "file"):
        name = getattr(entry, each, "")
        if name and (not names.is_plain(name) or name[0] in ".-"):  # hidden, or an option
            raise ValueError(f"the {each} {name!r:.60} would be a path or an option; expected the name of a file")
    if isinstance(entry, Remote):
        if not entry.name:
            raise ValueError("a file has no name")
        if entry.url and not entry.url.lower().startswith(("http://", "https://")):
            raise ValueError(f"{entry.url!r:.60} is no address: expected one that begins with https://")
        if entry.url and ".." in PurePosixPath(urllib.parse.urlsplit(entry.url).path).parts:
            raise ValueError(f"{entry.url!r:.60} is no address: expected one without ..")
        for each, length in (("md5", 32), ("sha256", 64)):
            if not re.fullmatch(rf"([0-9a-f]{{{length}}})?", getattr(entry, each)):
                raise ValueError(f"the {each} of {entry.name} is none: expected {length} hexadecimal digits")
    return entry
