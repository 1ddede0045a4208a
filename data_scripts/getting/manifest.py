"""The manifest: which sets there are, and from where, in which order, they can be had."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from learnit_core.errors import LearnitError

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


def read(file: Path = DEFAULT) -> dict[str, DataSet]:
    """All sets of a manifest, by name. Raises ``LearnitError`` if it is missing or cannot be understood."""
    try:
        with open(file, "rb") as opened:
            tables = tomllib.load(opened)
        return {key: _data_set(key, table) for key, table in tables.items()}
    except OSError as error:
        raise LearnitError(f"there is no manifest at {file} ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise LearnitError(f"{file} is no manifest of data sets: {error}") from None


def _data_set(key: str, table: dict) -> DataSet:
    sources = []
    for entry in table.pop("sources"):
        files = tuple(Remote(**file) for file in entry.pop("files", ()))
        sources.append(Source(**entry, files=files))
    return DataSet(key, **table, sources=tuple(sources))
