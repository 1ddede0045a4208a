"""What the results of all experiments say alike: command, seeds and machine, and gaps with their bounds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from learnit_core import metrics
from learnit_core.evaluate import Interval

HOLDS = (
    'with 95 % confidence intervals (Student\'s t below 30 signals, else a BCa bootstrap); a gap holds ("yes") if its '
    'whole interval lies above the bound, "mean only" if no more than its mean does.'
)
"""What the last column of the tables of gaps says."""


def write(
    target: Path,
    experiment: str,
    *,
    notebook: str,
    profile: Any,
    seeds: Sequence[int],
    rows: list[dict[str, Any]],
    page: Callable[[dict[str, Any]], str],
    **extra: Any,
) -> dict[str, Any]:
    """Write an experiment's numbers and its page to ``target``, and return what the page is made of.

    All values of the ``profile`` are kept, so that page and README say what was run, whatever the code says by then.
    """
    content = metrics.write(
        target / f"{experiment}.json",
        notebook=notebook,
        profile=profile.name,
        seed=seeds[0],
        precision="highest",
        seconds={},
        results=rows,
        command=command(experiment, seeds),
        seeds=list(seeds),
        profile_values=asdict(profile),
        **extra,
    )
    (target / f"{experiment}.md").write_text(page(content), encoding="utf-8")
    return content


def profile_of(kind: type, content: Mapping[str, Any]) -> Any:
    """The profile, of the experiment's ``kind``, that ``content`` was made with."""
    values = content["profile_values"].items()
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values})


def command(experiment: str, seeds: Sequence[int]) -> str:
    """What makes one experiment's part for these seeds, and nothing else."""
    return f"make results ARGS='--experiments {experiment} --seeds {' '.join(map(str, seeds))}'"


def gaps(*before: str) -> list[str]:
    """The head of the table that :func:`gap` makes the lines of, with columns ``before`` the seed's."""
    columns = [*before, "seed", "difference", "mean [dB]", "interval", "bound", "holds"]
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def gap(where: str | int, what: str, difference: Interval, bound: float | None, *, digits: int = 1) -> str:
    """One line of the table of gaps: a paired difference [dB] with ``digits``, held against its bound if there is one.

    ``where`` is the seed, with what stands in columns before it; the last column is as :data:`HOLDS` says.
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
