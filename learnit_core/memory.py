"""Ways to compute a meta-gradient in less memory, and which of them fits a budget of bytes.

They give the same numbers up to the order of sums: everything kept; the inner losses' forward pass computed again
(``remat``); and this in blocks of samples. Inner steps on a part of the samples are a way, too, which is not chosen by
a budget: another gradient, the same on average, in less time, and in less memory than all samples at once, though not
less than these in blocks.
"""

from collections.abc import Callable, Sequence
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


def _mb(number: int) -> str:
    return f"{number / 1e6:,.1f} MB"
