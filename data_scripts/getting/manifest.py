"""The manifest: the data sets, and the sources of each in the order in which they are tried."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
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
    except (
        tomllib.TOMLDecodeError,
        UnicodeDecodeError,
        AttributeError,
        TypeError,
        KeyError,
        ValueError,
        RecursionError,
    ) as error:
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
        sources.append(_checked(Source(**entry, files=files)))
        if entry["kind"] in ("http", "drive") and not files:
            raise ValueError(f"the source {entry['name']!r} of {key} has no files")
    if not names.is_plain(key):
        raise ValueError(f"the set's name {key!r} would be a path")
    return _checked(DataSet(key, **table, sources=tuple(sources)))


def _checked(entry):
    """The entry, if its values have the types of its fields and its name, which becomes a path, is none."""
    for part in fields(entry):
        value = getattr(entry, part.name)
        if type(value) is not _type_of(part.type):
            raise TypeError(f"{part.name} is {value!r}; expected {_type_of(part.type).__name__}")
        if type(value) is int and value < 0:
            raise ValueError(f"{part.name} is {value}; expected 0 or more")
    name = getattr(entry, "name", None)
    if name is not None and not names.is_plain(name):
        raise ValueError(f"the name {name!r} would be a path; expected that of a file")
    return entry


def _type_of(annotation: object) -> type:
    """The type that a field is annotated with: a plain one, or that of a tuple."""
    return get_origin(annotation) or annotation
