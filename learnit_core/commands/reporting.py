"""What the results of all experiments say alike: command, seeds and machine, and gaps with their bounds."""

from collections.abc import Mapping, Sequence
from typing import Any

from learnit_core.evaluate import Interval


def command(experiment: str, seeds: Sequence[int]) -> str:
    """What makes one experiment's part for these seeds, and nothing else."""
    return f"make results ARGS='--experiments {experiment} --seeds {' '.join(map(str, seeds))}'"


def gaps(*before: str) -> list[str]:
    """The head of the table that :func:`gap` makes the lines of, with columns ``before`` the seed's."""
    columns = [*before, "seed", "difference", "mean [dB]", "interval", "bound", "holds"]
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def gap(where: str | int, what: str, difference: Interval, bound: float | None, *, digits: int = 1) -> str:
    """One line of the table of gaps: a paired difference [dB] with ``digits``, held against its bound if there is one.

    ``where`` is the seed, with what stands in columns before it. The gap holds ("yes") if the whole interval lies above
    the bound, "mean only" if its mean does.
    """
    mean, low, high = difference
    held = "–" if bound is None else "yes" if low > bound else "mean only" if mean > bound else "NO"
    said = "–" if bound is None else f"{bound:g}"
    return f"| {where} | {what} | {mean:+.{digits}f} | [{low:+.{digits}f}, {high:+.{digits}f}] | {said} | {held} |"


def seeds(content: Mapping[str, Any]) -> str:
    """The meta-training seeds, in words."""
    return f"meta-training {'seeds' if len(content['seeds']) > 1 else 'seed'} {', '.join(map(str, content['seeds']))}"


def machine(content: Mapping[str, Any]) -> str:
    """The device and all versions."""
    return ", ".join([content["device"], *(f"{name} {version}" for name, version in content["versions"].items())])
