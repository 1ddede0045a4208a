"""Points in a PLY file, as nerfstudio puts them beside its transforms.json."""

import numpy as np

from learnit_core.errors import LearnitError

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
_LONGEST = 1 << 16  # bytes of a header
_ORDER = {"binary_little_endian": "<", "binary_big_endian": ">"}


def points(content: bytes, name: str) -> np.ndarray:
    """x, y, z [n, 3] of the vertices, which come first in the file; those that are not finite are left out.

    Raises ``LearnitError`` if it is no PLY file, or holds fewer vertices than it says.
    """
    end = content.find(b"end_header", 0, _LONGEST)
    if not content.startswith(b"ply") or end < 0:
        raise LearnitError(f"{name} is no PLY file: expected points that begin with 'ply' and a header")
    words = [line.split() for line in content[:end].decode("latin-1").splitlines()]
    try:
        kind = next(line[1] for line in words if line[:1] == ["format"])
        first = [i for i, line in enumerate(words) if line[:1] == ["element"]]
        element, count = words[first[0]][1], int(words[first[0]][2])
        of_first = words[first[0] : (first + [len(words)])[1]]
        fields = [(line[-1], _TYPES[line[1]]) for line in of_first if line[:1] == ["property"]]
        at = [[field for field, _ in fields].index(axis) for axis in "xyz"]
    except (StopIteration, IndexError, KeyError, ValueError):
        raise LearnitError(f"{name} has a header that cannot be read: expected vertices with x, y and z") from None
    body = content[content.find(b"\n", end) + 1 :]
    row = np.dtype([(f"{i}", _ORDER.get(kind, "<") + type_) for i, (_, type_) in enumerate(fields)])
    least = 2 * len(fields) if kind == "ascii" else row.itemsize  # a digit and a blank each
    if element != "vertex" or not 0 <= count * least <= len(body) + (kind == "ascii") or kind not in ("ascii", *_ORDER):
        raise LearnitError(
            f"{name} says that it holds {count} of {element} ({kind}), and has {len(body):,} bytes for them: expected "
            "vertices first, and as many as it says"
        )
    if not count:
        return np.zeros((0, 3))
    if kind == "ascii":
        lines = body.split(b"\n", count)[:count]
        try:
            found = np.array([[float(value) for value in line.split()[: len(fields)]] for line in lines])[:, at]
        except (ValueError, IndexError):
            raise LearnitError(f"{name} has a line that is no vertex: expected {len(fields)} numbers in each") from None
    else:
        rows = np.frombuffer(body, row, count)
        found = np.stack([rows[f"{i}"].astype(float) for i in at], axis=1)
    return found[(np.abs(found) < 1e9).all(axis=1)]
