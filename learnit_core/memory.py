"""Memory: how much there is, what a program takes, and ways to compute a meta-gradient in less.

The ways give the same numbers up to the order of sums: everything kept; the inner losses' forward pass computed again
(``remat``); and this in blocks of samples. Inner steps on a part of the samples are a way, too, which is not chosen by
a budget: another gradient, the same on average, in less time, and in less memory than all samples at once, though not
less than these in blocks.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from learnit_core.errors import LearnitError


class Way(NamedTuple):
    """One way: whether inner losses are computed again, in how many blocks of samples, and on which part of them."""

    remat: bool = True
    blocks: int = 1
    fraction: float = 1.0

    def __str__(self) -> str:
        parts = ["recomputing inner losses" if self.remat else "keeping all of the inner losses"]
        if self.blocks > 1:
            parts.append(f"in {self.blocks} blocks of samples")
        if self.fraction < 1:
            parts.append(f"inner steps on {100 * self.fraction:g} % of them")
        return ", ".join(parts)


WAYS = (Way(remat=False), *(Way(blocks=blocks) for blocks in (1, 4, 16, 64)))
"""What is tried, in this order: from the most memory to the least."""


USUAL = Way()
"""What is taken without a budget."""


class Choice(NamedTuple):
    """The way that was taken, its temporaries [bytes], and a sentence about it."""

    way: Way
    temporaries: int
    said: str


def choose(
    program: Callable[[Way], Callable[..., Any]], arguments: Sequence[Any], budget: int, ways: Sequence[Way] = WAYS
) -> Choice:
    """The first of ``ways`` whose compiled ``program(way)(*arguments)`` has temporaries of ``budget`` bytes at most.

    Temporaries are what the program needs beside its arguments and results, as the compiler says; each way that is
    tried is compiled. ``arguments`` may be shapes (``jax.ShapeDtypeStruct``). Raises LearnitError if none fits.
    """
    found = []
    for way in ways:
        compiled = jax.jit(program(way)).lower(*arguments).compile()
        found.append(int(compiled.memory_analysis().temp_size_in_bytes))
        if found[-1] <= budget:
            more = f", where {ways[0]} would take {_mb(found[0])}" if len(found) > 1 else ""
            return Choice(way, found[-1], f"{way}: {_mb(found[-1])} of {_mb(budget)}{more}")
    least = min(found)
    way = ways[found.index(least)]
    raise LearnitError(
        f"no way takes {_mb(budget)} or less: {way} takes {_mb(least)}; give more memory, or fewer samples"
    )


SHARE, UNKNOWN = 4, 1 << 30
"""Of the memory that is free, temporaries may take one part in so many; or so many bytes where that is not known."""


def share() -> int:
    """Bytes that temporaries may take, unless a number is given: a quarter of what is :func:`available`."""
    there = available()
    return UNKNOWN if there is None else there // SHARE


def temporaries(compiled: Any) -> int | None:
    """Bytes that a compiled program needs beside its arguments and results; None where the compiler does not say."""
    found = compiled.memory_analysis()
    return None if found is None else int(found.temp_size_in_bytes)


def available() -> int | None:
    """Bytes that are free: on the accelerator, or else in the machine and in the container; None if not known."""
    of_device = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in of_device:
        return max(0, of_device["bytes_limit"] - of_device.get("bytes_in_use", 0))
    found = [number for number in (_of_machine(), _of_container()) if number is not None]
    return min(found, default=None)


def _of_machine(file: Path = Path("/proc/meminfo")) -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in file.read_text("utf-8").splitlines() if ":" in line)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        pass
    try:
        import psutil
    except ImportError:
        return None
    return int(psutil.virtual_memory().available)


def _of_container(folder: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What is left of a container's limit, if it has one; files that are only cached count as left."""
    for limit, used, old in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            most, now = (int((folder / name).read_text("utf-8")) for name in (limit, used))  # a limit may be "max"
            stat = dict(
                line.split() for line in (folder / limit).with_name("memory.stat").read_text("utf-8").splitlines()
            )
            return max(0, most - now + int(stat.get(old, 0)))
        except (OSError, ValueError):
            continue
    return None


def _mb(number: int) -> str:
    return f"{number / 1e6:,.1f} MB"
