"""The log of a training: JSON lines that other programs read while it runs.

    {"step": 1200, "seconds": 61.3, "loss": 0.0123}          mean loss of the steps since the line before
    {"step": 1200, "seconds": 61.9, "validation": 31.2}      a validation score [dB]

A line in a second at most, later one in a thousandth of the time so far, and one with each checkpoint, so that a run
that goes on from it misses no step. Steps ascend, also in the log of a run that was killed and went on: lines behind
the checkpoint are taken back.
"""

import json
import math
import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from learnit_core import files

EVERY, SHARE = 1.0, 1e-3
"""Seconds between two lines at least, and their share of the seconds so far."""

LARGEST = 1 << 26
"""Bytes of a log that are read: the last ones of a longer file."""


def between(seconds: float) -> float:
    """Seconds between two lines of losses, so many seconds after the beginning."""
    return max(EVERY, SHARE * seconds)


class Log(NamedTuple):
    """What a log says: [step, loss], [step, score in dB], and the seconds of its last line."""

    losses: list[tuple[int, float]]
    validation: list[tuple[int, float]]
    seconds: float


class Writer:
    """Appends to ``file``, from which lines behind ``step`` are taken before the first. A disk that refuses is one
    warning."""

    def __init__(self, file: str | os.PathLike, step: int):
        self.file, self.behind = Path(file).expanduser(), step
        self.sum = self.count = 0
        self.due, self.begun, self.refused = -math.inf, False, False

    def losses(self, step: int, seconds: float, losses: list[float]) -> None:
        """Steps were made; a line is written when the next is due."""
        self.sum, self.count = self.sum + math.fsum(losses), self.count + len(losses)
        if seconds >= self.due:
            self.flush(step, seconds)

    def flush(self, step: int, seconds: float) -> None:
        """Write the line of the steps since the last one, due or not: a checkpoint counts them as made."""
        if self.count:
            self._write(step, seconds, loss=self.sum / self.count)
            self.sum = self.count = 0
            self.due = seconds + between(seconds)

    def scored(self, step: int, seconds: float, score: float) -> None:
        """The weights were validated."""
        self._write(step, seconds, validation=score)

    def _write(self, step: int, seconds: float, **value: float) -> None:
        line = {"step": step, "seconds": round(seconds, 2)}
        line |= {name: float(f"{number:.6g}") for name, number in value.items() if math.isfinite(number)}
        try:
            if not self.begun:
                kept = [line for line in _lines(self.file) if line["step"] <= self.behind] if self.behind else []
                with files.whole(self.file) as partial:
                    partial.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
                self.begun = True
            with self.file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")
        except OSError as error:
            if not self.refused:
                warnings.warn(f"the log {self.file} cannot be written ({error.strerror or error})", stacklevel=5)
            self.refused = True


def read(file: str | os.PathLike) -> Log:
    """What is in a log now; nothing where there is none yet. Lines that are no whole line of a log are passed over."""
    lines = _lines(Path(file).expanduser())

    def values(name):
        return [(line["step"], float(line[name])) for line in lines if _is_number(line.get(name))]

    return Log(values("loss"), values("validation"), float(lines[-1]["seconds"]) if lines else 0.0)


def _lines(file: Path) -> list[dict[str, Any]]:
    try:
        with file.open("rb") as content:
            content.seek(max(0, file.stat().st_size - LARGEST))
            found = content.read(LARGEST).splitlines()
    except OSError:
        return []
    parsed = []
    for text in found:
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):  # the end of one that is just being written
            continue
        if isinstance(line, dict) and type(line.get("step")) is int and _is_number(line.get("seconds")):
            parsed.append(line)
    return parsed


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300
