"""Parquet files, as Hugging Face has pictures: several shards read like one archive."""

from collections.abc import Collection, Iterator
from pathlib import Path

from getting.kinds import Damaged
from learnit_core.errors import LearnitError


class Shards:
    """Rows with a column ``image`` of {bytes, path}, named ``file/row`` with the row's number.

    Making one raises ``LearnitError`` without pyarrow.
    """

    def __init__(self, paths: list[Path]):
        try:
            import pyarrow.parquet as parquet
        except ImportError:
            raise LearnitError("parquet files need the package pyarrow: pip install -e '.[mirrors]'") from None
        self.files, self.paths = {}, {path.stem: path for path in paths}
        for path in sorted(paths):
            try:
                self.files[path.stem] = parquet.ParquetFile(path)
            except Exception as error:  # pyarrow has many
                raise Damaged(path, f"{path} is damaged or no parquet file ({_first_line(error)})") from None
            if "image" not in self.files[path.stem].schema_arrow.names:
                found = ", ".join(self.files[path.stem].schema_arrow.names)
                raise LearnitError(f"{path} has the columns {found}; expected one called 'image'")

    def names(self) -> list[str]:
        return [f"{stem}/{row:07d}" for stem, file in self.files.items() for row in range(file.metadata.num_rows)]

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for stem, file in self.files.items():
            batches, row = file.iter_batches(batch_size=64, columns=["image"]), 0
            while (batch := self._next(batches, self.paths[stem])) is not None:
                for image in batch.column(0):
                    name = f"{stem}/{row:07d}"
                    row += 1
                    if name in wanted:
                        yield name, image["bytes"].as_py() or b""

    def _next(self, batches: Iterator, path: Path):
        try:
            return next(batches, None)
        except Exception as error:  # as above
            raise Damaged(path, f"{path} is damaged ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
