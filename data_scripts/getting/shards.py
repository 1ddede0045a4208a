"""Parquet files, as Hugging Face has pictures: several shards read like one archive."""

from collections.abc import Collection, Iterator
from pathlib import Path

from getting.kinds import Damaged
from learnit_core.errors import LearnitError
from learnit_core.signals import files as ways_in

LARGEST = ways_in.MOST_BYTES
_HELD = 1 << 26  # bytes of pictures


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
            row = 0
            for batch in self._batches(file, self.paths[stem]):
                for image in batch.column(0):
                    name = f"{stem}/{row:07d}"
                    row += 1
                    if name in wanted:
                        content = image["bytes"].as_py() or b""
                        if len(content) > LARGEST:
                            raise _refused(self.paths[stem], f"picture {row - 1:,} in it has", len(content))
                        yield name, content

    def _batches(self, file, path: Path) -> Iterator:
        """Rows of ``_HELD`` bytes at a time, going by ``_rows``; the library takes a multiple of it."""
        try:
            for group in range(file.num_row_groups):
                batches = file.iter_batches(_rows(file.metadata.row_group(group), path), [group], ["image"])
                yield from batches
        except LearnitError:
            raise
        except Exception as error:  # as above
            raise Damaged(path, f"{path} is damaged ({_first_line(error)})") from None


def _rows(group, path: Path) -> int:
    """How many rows have about ``_HELD`` bytes, by the mean of their group.

    A dictionary counts a repeated picture once: there each row may have as many bytes as the group counts.
    """
    columns = [c for c in map(group.column, range(group.num_columns)) if c.path_in_schema.split(".")[0] == "image"]
    size = sum(c.total_uncompressed_size for c in columns)
    mean = size // max(1, group.num_rows)
    if mean > LARGEST:
        raise _refused(path, "the pictures in it have on average", mean)
    repeated = any(c.has_dictionary_page for c in columns if c.path_in_schema.split(".")[-1] == "bytes")
    return max(1, min(64, _HELD // max(1, size if repeated else mean)))


def _refused(path: Path, what: str, size: int) -> LearnitError:
    return LearnitError(f"{path} is refused: {what} {size:,} bytes; expected {LARGEST:,} at most")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
