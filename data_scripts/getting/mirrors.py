"""Getting a set from the first of its sources that has it: plain addresses, drives, Hugging Face and Kaggle."""

import importlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from getting.fetch import SourceFailed, fetch, verify
from getting.manifest import DataSet, Remote, Source
from learnit_core.errors import LearnitError

EXTRA = "pip install -e '.[mirrors]'"
SAMPLE = 10_000  # a sample up to this size needs only the first parquet file of each split


class Obtained(NamedTuple):
    """Files that are on this machine now, and where they came from (None: the user had them)."""

    source: Source | None
    paths: list[Path]


def obtain(data: DataSet, sources: Sequence[Source], folder: Path, limit: int | None) -> Obtained:
    """Fetch everything that one source has of a set; if that fails, from the next one.

    Each source has a folder of its own in ``folder``. Raises ``LearnitError`` with every source's reason if none will
    do, and ``OSError`` if the disk is full.
    """
    reasons = []
    for source in sources:
        print(f"from {source.name}: {source.where}")
        try:
            return Obtained(source, _KINDS[source.kind](source, folder / data.key / source.name, limit))
        except SourceFailed as failure:
            reasons.append(f"{source.name}: {failure}")
            print(f"  not from there: {failure}")
    raise LearnitError(
        f"{data.title} cannot be had from any of its {len(sources)} sources:\n  " + "\n  ".join(reasons) + "\n"
        "Nothing is lost: run the command again later, or fetch the set by hand and name it with --from"
    )


def _needs(*modules: str) -> list:
    try:
        return [importlib.import_module(module) for module in modules]
    except ImportError as error:
        raise SourceFailed(f"this source needs the package {error.name}: {EXTRA}") from None


def _http(source: Source, folder: Path, limit: int | None) -> list[Path]:
    files = source.files
    if all(file.name.endswith(".parquet") for file in files):
        _needs("pyarrow")
        files = files[:1] if limit and limit <= SAMPLE else files
    return [fetch(file, folder) for file in files]


def _drive(source: Source, folder: Path, limit: int | None) -> list[Path]:
    (gdown,) = _needs("gdown")
    folder.mkdir(parents=True, exist_ok=True)
    return [_from_drive(gdown, file, folder / file.name) for file in source.files]


def _from_drive(gdown, file: Remote, target: Path) -> Path:
    if not target.exists():
        partial = target.with_name(target.name + ".part")
        try:
            found = gdown.download(id=file.id, output=str(partial), resume=True)
        except OSError as error:
            if error.errno is not None:
                raise  # the disk's, not the drive's
            raise SourceFailed(f"gdown: {_first_line(error)}") from None
        except Exception as error:  # gdown has its own exceptions, which change from version to version
            raise SourceFailed(f"gdown: {_first_line(error)}") from None
        if found is None or not partial.exists():
            raise SourceFailed("gdown fetched nothing; often the daily quota is used up")
        verify(partial, file)
        partial.rename(target)
    verify(target, file)
    return target


def _drive_folder(source: Source, folder: Path, limit: int | None) -> list[Path]:
    (gdown,) = _needs("gdown")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        found = gdown.download_folder(id=source.id, output=str(folder), resume=True, quiet=False)
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise SourceFailed(f"gdown: {_first_line(error)}") from None
    if not found:
        raise SourceFailed("gdown fetched nothing; the folder may be gone, or the daily quota used up")
    if not source.file:
        return [folder]
    for path in folder.rglob(source.file):
        verify(path, Remote(source.file))
        return [path]
    raise SourceFailed(f"there is no {source.file} in the folder")


def _huggingface(source: Source, folder: Path, limit: int | None) -> list[Path]:
    hub, _ = _needs("huggingface_hub", "pyarrow")
    try:
        names = [name for name in hub.list_repo_files(source.id, repo_type="dataset") if name.endswith(".parquet")]
        if limit and limit <= SAMPLE:
            first = {name.rpartition("/")[2].split("-")[0]: name for name in sorted(names, reverse=True)}
            names = sorted(first.values())
        if not names:
            raise SourceFailed(f"there are no parquet files in the data set {source.id}")
        options = {"repo_type": "dataset", "local_dir": str(folder)}
        return [Path(hub.hf_hub_download(source.id, name, **options)) for name in sorted(names)]
    except SourceFailed:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise SourceFailed(f"huggingface_hub: {_first_line(error)}") from None


def _kaggle(source: Source, folder: Path, limit: int | None) -> list[Path]:
    (kagglehub,) = _needs("kagglehub")
    try:
        return [Path(kagglehub.dataset_download(source.id))]
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise SourceFailed(f"kagglehub: {_first_line(error)}") from None


def remove(obtained: Obtained, folder: Path) -> None:
    """Remove what was downloaded into ``folder``; what the user had, or another tool keeps, stays."""
    if obtained.source is not None and obtained.source.kind != "kaggle":
        shutil.rmtree(folder / obtained.source.name, ignore_errors=True)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


_KINDS = {
    "http": _http, "drive": _drive, "drive-folder": _drive_folder, "huggingface": _huggingface, "kaggle": _kaggle,
}  # fmt: skip
