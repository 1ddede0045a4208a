"""The controls, as numbers. A *position* is the list of the numbers of all controls, one control after the other.

| control | numbers | corners |
|---|---|---|
| line | t in [0, 1] from the first to the second | 2 |
| triangle | coefficients of the second and the third corner, not negative, at most 1 together | 3 |
| square | u to the right, v down, in [0, 1]; corners in reading order | 4 |
| steps | index of the step | as many as steps |
| camera | angle or place on a path, in [low, high] | none |

``module/1_positions.js`` says the same to the browser.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

from learnit_core.errors import LearnitError


@dataclasses.dataclass(frozen=True)
class Control:
    """One control. Made by :func:`line`, :func:`triangle`, :func:`square`, :func:`fit_steps`, :func:`camera`."""

    kind: str
    name: str
    labels: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    step: float = 0.01
    unit: str = ""
    wraps: bool = False

    def __post_init__(self):
        if not isinstance(self.name, str) or not all(isinstance(label, str) for label in self.labels):
            raise LearnitError(f"found the names {self.name!r}, {', '.join(map(repr, self.labels))}: expected text")
        if not all(math.isfinite(x) for x in (self.low, self.high, self.step)) or not self.step > 0:
            raise LearnitError(
                f"the control {self.name!r} goes from {self.low} to {self.high} in steps of {self.step}: "
                "expected finite numbers and a step above 0"
            )

    @property
    def axes(self) -> int:
        """Number of this control's axes in a grid of pictures."""
        return 2 if self.kind == "square" else 1

    @property
    def numbers(self) -> int:
        """Number of this control's numbers in a position."""
        return 2 if self.kind in ("triangle", "square") else 1

    @property
    def start(self) -> list[float]:
        """Where the control stands at first: in the middle; at the first step; at the low end of a camera."""
        return {"line": [0.5], "triangle": [1 / 3, 1 / 3], "square": [0.5, 0.5], "steps": [0.0]}.get(
            self.kind, [float(self.low)]
        )

    def holds(self, numbers: Sequence[float]) -> bool:
        """Whether this is a position of the control."""
        if len(numbers) != self.numbers:
            return False
        if self.kind == "steps":
            return numbers[0] in range(len(self.labels))
        inside = all(self.low <= x <= self.high for x in numbers)
        return inside and (self.kind != "triangle" or sum(numbers) <= 1 + 1e-6)

    def coefficients(self, numbers: Sequence[float]) -> list[float]:
        """The coefficient of each corner's weights at this place; they sum to one. Empty for a camera."""
        if self.kind == "line":
            (t,) = numbers
            return [1 - t, t]
        if self.kind == "triangle":
            a, b = numbers
            return [1 - a - b, a, b]
        if self.kind == "square":
            u, v = numbers
            return [(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v]
        if self.kind == "steps":
            return [float(i == numbers[0]) for i in range(len(self.labels))]
        return []

    def grid(self, count: int) -> tuple[list[list[float]], list[int]]:
        """Places evenly spread over the control, ``count`` along each direction, and the shape of their grid.

        A triangle's places form one axis; steps have one place each, for any ``count``.
        """
        ticks = [i / max(count - 1, 1) for i in range(count)]
        if self.kind == "line":
            return [[t] for t in ticks], [count]
        if self.kind == "square":
            return [[u, v] for v, u in itertools.product(ticks, ticks)], [count, count]
        if self.kind == "steps":
            return [[float(i)] for i in range(len(self.labels))], [len(self.labels)]
        if self.kind == "triangle":
            places = [[i / (count - 1), j / (count - 1)] for i in range(count) for j in range(count - i)]
            return places, [len(places)]
        span = self.high - self.low
        return [[self.low + span * i / (count if self.wraps else max(count - 1, 1))] for i in range(count)], [count]

    def nearest(self, counts: Sequence[int], numbers: Sequence[float]) -> list[int]:
        """Index, along each axis of a grid of ``counts`` places, of the place that is nearest; halves go up.

        As `gridIndices` in the explorer's module, so that Python shows the picture that the page shows.
        """
        if self.kind == "steps":
            return [_rounded(numbers[0])]
        if self.kind == "line":
            return [_rounded(numbers[0] * (counts[0] - 1))]
        if self.kind == "square":
            u, v = numbers
            return [_rounded(v * (counts[0] - 1)), _rounded(u * (counts[1] - 1))]
        if self.kind == "camera":
            turn = (numbers[0] - self.low) / (self.high - self.low)
            return [_rounded(turn * counts[0]) % counts[0] if self.wraps else _rounded(turn * (counts[0] - 1))]
        n = _rounded((math.sqrt(8 * counts[0] + 1) - 3) / 2)  # (n + 1)(n + 2) / 2 pictures in one row
        a, b = numbers
        i, j = _rounded(a * n), _rounded(b * n)
        if i + j > n:
            i, j = (i - 1, j) if i - a * n > j - b * n else (i, j - 1)
        return [i * (n + 1) - i * (i - 1) // 2 + j]

    def drawn(self, counts: Sequence[int], numbers: Sequence[float]) -> list[float]:
        """The place whose picture :meth:`nearest` finds in a grid of ``counts`` places: what is drawn for ``numbers``.

        As `drawnPlaces` in the explorer's module.
        """
        if self.kind == "steps":
            return [float(self.nearest(counts, numbers)[0])]
        side = counts[0] if self.kind != "triangle" else _rounded((math.sqrt(8 * counts[0] + 1) - 1) / 2)
        if self.kind == "square":
            row, column = self.nearest(counts, numbers)
            return [column / (counts[1] - 1), row / (side - 1)]
        return self.grid(side)[0][self.nearest(counts, numbers)[0]]


def _rounded(x: float) -> int:
    return math.floor(x + 0.5)  # as JavaScript rounds


def line(first: str, second: str, *, name: str = "Weights") -> Control:
    """A slider from one network to another."""
    return Control("line", name, (first, second))


def triangle(first: str, second: str, third: str, *, name: str = "Weights") -> Control:
    """A triangle with a network in each corner: lower left, lower right, top."""
    return Control("triangle", name, (first, second, third))


def square(top_left: str, top_right: str, bottom_left: str, bottom_right: str, *, name: str = "Weights") -> Control:
    """A square with a network in each corner, mixed bilinearly."""
    return Control("square", name, (top_left, top_right, bottom_left, bottom_right), step=0.01)


def fit_steps(counts: Sequence[int], *, name: str = "Gradient steps") -> Control:
    """A slider through a fit: ``counts`` are the numbers of steps at which there are weights or pictures."""
    if not len(counts):
        raise LearnitError("found no steps: expected at least one number of steps")
    return Control("steps", name, tuple("1 step" if n == 1 else f"{n} steps" for n in counts), high=len(counts) - 1.0)


def camera(
    name: str = "Camera",
    *,
    low: float | int = 0.0,
    high: float | int = 1.0,
    step: float | int = 0.01,
    unit: str = "",
    wraps: bool = False,
) -> Control:
    """A slider that moves the camera, not the weights: azimuth (``wraps``: 360° is 0°), or a place on a path."""
    if not low < high:
        raise LearnitError(f"the camera control {name!r} goes from {low} to {high}: expected low < high")
    return Control("camera", name, low=float(low), high=float(high), step=float(step), unit=unit, wraps=wraps)


def between(labels: Sequence[str]) -> Control:
    """The control with as many corners as there are labels: a line, a triangle or a square."""
    kinds = {2: line, 3: triangle, 4: square}
    if len(labels) not in kinds:
        raise LearnitError(f"found {len(labels)} corners: expected 2 (a line), 3 (a triangle) or 4 (a square)")
    return kinds[len(labels)](*labels)


def drawn(controls: Sequence[Control], counts: Sequence[int], position: Sequence[float]) -> list[list[float]]:
    """The place of the picture nearest to a position in a grid of ``counts`` pictures, as one list a control."""
    remaining, places = list(counts), []
    for control, numbers in zip(controls, split(controls, position), strict=True):
        places.append(control.drawn(remaining, numbers))
        remaining = remaining[control.axes :]
    return places


def start(controls: Sequence[Control], position: Sequence[float] | None) -> list[float]:
    """The position to start at: the one given, as Python's floats, or the controls' own."""
    if position is None:
        return [float(x) for control in controls for x in control.start]
    try:
        numbers = [float(x) for x in position]
    except (TypeError, ValueError) as error:
        raise LearnitError(f"found the position {position!r}: expected a list of numbers") from error
    split(controls, numbers)
    return numbers


def split(controls: Sequence[Control], position: Sequence[float]) -> list[list[float]]:
    """A position as one list of numbers a control. Raises LearnitError for a place that the controls do not have."""
    wanted = sum(control.numbers for control in controls)
    if len(position) != wanted:
        raise LearnitError(f"found a position of {len(position)} numbers: expected {wanted}")
    numbers = iter(position)
    parts = [[next(numbers) for _ in range(control.numbers)] for control in controls]
    for control, part in zip(controls, parts, strict=True):
        if not control.holds(part):
            raise LearnitError(f"the control {control.name!r} ({control.kind}) cannot stand at {part}")
    return parts
