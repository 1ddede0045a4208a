"""Getting a set from the first of its sources that has it: plain addresses, drives, Hugging Face and Kaggle."""

import errno
import importlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from getting import archives, output
from getting.archives import Files
from getting.fetch import fetch
from getting.kinds import SourceFailed, verify
from getting.manifest import DataSet, Remote, Source
from learnit_core.errors import LearnitError

EXTRA = "pip install -e '.[mirrors]'"
SAMPLE = 10_000  # a sample up to this size needs only the first parquet file of each split

Choose = Callable[[Files, Sequence[str]], Sequence[str]]
"""Of the names in a set, those that are wanted; files it reads to decide that are fetched as it reads them."""


def everything(files: Files, names: Sequence[str]) -> Sequence[str]:
    """All of the names."""
    return names


class Wanted(NamedTuple):
    """How much of a set is wanted, for sources that can send a part of it."""

    limit: int | None = None
    choose: Choose = everything

    @property
    def is_sample(self) -> bool:
        return self.limit is not None and self.limit <= SAMPLE


class Obtained(NamedTuple):
    """Files that are on this machine now, and where they came from (None: the user had them)."""

    source: Source | None
    paths: list[Path]


def obtain(data: DataSet, sources: Sequence[Source], folder: Path, wanted: Wanted) -> Obtained:
    """Fetch everything that one source has of a set; if that fails, from the next one.

    Each source has a folder of its own in ``folder``. Raises ``LearnitError`` with every source's reason if all
    fail, and ``OSError`` if the disk is full.
    """
    reasons = []
    for source in sources:
        output.say(f"from {source.name}: {source.where}")
        try:
            if source.kind not in _KINDS:
                raise SourceFailed(f"its kind is {source.kind!r}; expected one of {', '.join(_KINDS)}")
            return Obtained(source, _KINDS[source.kind](source, folder / data.key / source.name, wanted))
        except SourceFailed as failure:
            reasons.append(f"{source.name}: {failure}")
            output.say(f"  not from there: {failure}")
    raise LearnitError(
        f"{data.title} cannot be had from any of its {len(sources)} sources:\n  " + "\n  ".join(reasons) + "\n"
        "Nothing is lost: run the command again later, or fetch the set by hand and name it with --from"
    )


def remove(data: DataSet, folder: Path) -> None:
    """Remove what was downloaded of a set into ``folder``, from all sources, those that failed, too."""
    shutil.rmtree(folder / data.key, ignore_errors=True)


def _needs(*modules: str) -> list:
    try:
        return [importlib.import_module(module) for module in modules]
    except ImportError as error:
        raise SourceFailed(f"this source needs the package {error.name}: {EXTRA}") from None


@contextmanager
def _through(tool: str) -> Iterator[None]:
    """Another tool's errors, which change from version to version, mean that its source fails.

    Only those of this machine's disk are raised as they are: another source would not help.
    """
    try:
        yield
    except (SourceFailed, LearnitError):
        raise
    except Exception as error:
        refused = isinstance(error, PermissionError) or getattr(error, "errno", None) == errno.EROFS
        if isinstance(error, OSError) and (error.errno in output.FULL or (refused and error.filename)):
            raise
        lines = str(error).strip().splitlines() or [""]
        raise SourceFailed(f"{tool}: {type(error).__name__}: {lines[0][:200]}".rstrip(": ")) from None


def _http(source: Source, folder: Path, wanted: Wanted) -> list[Path]:
    files = source.files
    if all(file.name.endswith(".parquet") for file in files):
        _needs("pyarrow")
        files = files[:1] if wanted.is_sample else files
    return [fetch(file, folder) for file in files]


def _drive(source: Source, folder: Path, wanted: Wanted) -> list[Path]:
    _needs("gdown")
    return [_from_drive(file, folder) for file in source.files]


def _from_drive(file: Remote, folder: Path) -> Path:
    (gdown,) = _needs("gdown")
    target = folder / file.name
    if target.exists():
        with suppress(SourceFailed):  # it was removed, and is fetched again
            verify(target, file)
            return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    with _through("gdown"):
        found = gdown.download(id=file.id, output=str(partial), resume=True)
    if found is None or not partial.exists():
        raise SourceFailed("gdown fetched nothing; often the daily quota is used up")
    verify(partial, file)
    return partial.replace(target)


class _DriveFolder:
    """A folder on a drive as :class:`archives.Files`: what is read is fetched, and nothing else."""

    def __init__(self, ids: dict[str, str], folder: Path):
        self.ids, self.folder = ids, folder

    def names(self) -> list[str]:
        return sorted(self.ids)

    def read(self, wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for name in wanted:
            yield name, self.fetch(name).read_bytes()

    def fetch(self, name: str) -> Path:
        return _from_drive(Remote(name, id=self.ids[name]), self.folder)


def _drive_folder(source: Source, folder: Path, wanted: Wanted) -> list[Path]:
    (gdown,) = _needs("gdown")
    with _through("gdown"):
        listed = gdown.download_folder(id=source.id, output=str(folder), skip_download=True, quiet=True)
    drive = _DriveFolder({Path(file.path).as_posix(): file.id for file in listed or []}, folder)
    try:
        for name in drive.names():
            archives.check_name("the folder", name)  # it becomes a path
        if not source.file:
            for name in wanted.choose(drive, drive.names()):
                drive.fetch(name)
            return [folder]
    except LearnitError as error:
        raise SourceFailed(f"the folder does not hold what is wanted: {error}") from None
    found = [name for name in drive.names() if name.rpartition("/")[2] == source.file]
    if not found:
        raise SourceFailed(f"there is no {source.file} among the {len(drive.ids)} files in the folder")
    return [drive.fetch(found[0])]


def _huggingface(source: Source, folder: Path, wanted: Wanted) -> list[Path]:
    hub, _ = _needs("huggingface_hub", "pyarrow")
    with _through("huggingface_hub"):
        names = [name for name in hub.list_repo_files(source.id, repo_type="dataset") if name.endswith(".parquet")]
        if wanted.is_sample:
            first = {name.rpartition("/")[2].split("-")[0]: name for name in sorted(names, reverse=True)}
            names = sorted(first.values())
        for name in names:
            archives.check_name(source.id, name)  # it becomes a path
        if not names:
            raise SourceFailed(f"there are no parquet files in the data set {source.id}")
        options = {"repo_type": "dataset", "local_dir": str(folder)}
        paths = [Path(hub.hf_hub_download(source.id, name, **options)) for name in sorted(names)]
    for path in paths:
        verify(path, Remote(path.name))
    return paths


def _kaggle(source: Source, folder: Path, wanted: Wanted) -> list[Path]:
    (kagglehub,) = _needs("kagglehub")
    before = os.environ.get("KAGGLEHUB_CACHE")
    os.environ["KAGGLEHUB_CACHE"] = str(folder)  # into our cache, which is emptied when the set is made
    try:
        with _through("kagglehub"):
            return [Path(kagglehub.dataset_download(source.id))]
    finally:
        os.environ.pop("KAGGLEHUB_CACHE")
        if before is not None:
            os.environ["KAGGLEHUB_CACHE"] = before


_KINDS = {"http": _http, "drive": _drive, "drive-folder": _drive_folder, "huggingface": _huggingface, "kaggle": _kaggle}
