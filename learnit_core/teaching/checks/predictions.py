"""What a student expects before a check says anything: a choice among words, or numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Choice:
    """A prediction that is one of these words."""

    options: tuple[str, ...]

    def wish(self) -> str:
        """What may be given."""
        quoted = [f'"{option}"' for option in self.options]
        return f"{', '.join(quoted[:-1])} or {quoted[-1]}"

    def takes(self, prediction: Any) -> bool:
        """Whether this is one of the options."""
        return isinstance(prediction, str) and prediction in self.options

    def agrees(self, prediction: Any, found: Any) -> bool:
        """Whether the prediction came true."""
        return prediction == found

    def show(self, value: Any) -> str:
        """A prediction or what was found, in words."""
        return f'"{value}"'


@dataclass(frozen=True)
class Numbers:
    """A prediction of ``count`` numbers, ``what`` in words; true if each is within ``tolerance``, relative or absolute."""

    what: str
    count: int = 1
    tolerance: float = 0.02

    def wish(self) -> str:
        """What may be given."""
        return self.what

    def takes(self, prediction: Any) -> bool:
        """Whether these are as many finite numbers."""
        try:
            numbers = np.asarray(prediction, np.float64)
        except (TypeError, ValueError):
            return False
        fits = numbers.size == self.count and not isinstance(prediction, (bool, str))
        return fits and bool(np.isfinite(numbers).all())

    def agrees(self, prediction: Any, found: Any) -> bool:
        """Whether the prediction came true."""
        given, found = np.ravel(np.asarray(prediction, np.float64)), np.ravel(np.asarray(found, np.float64))
        return bool(np.all(np.abs(given - found) <= self.tolerance * np.maximum(1, np.abs(found))))

    def show(self, value: Any) -> str:
        """A prediction or what was found, in words."""
        numbers = [f"{number:.4g}" for number in np.ravel(np.asarray(value, np.float64))]
        return numbers[0] if self.count == 1 else f"({', '.join(numbers)})"


Ask = Choice | Numbers


def missing(ask: Ask, prediction: Any) -> str | None:
    """One sentence if the prediction is not there, or is none that can be given; else None."""
    if prediction is ... or prediction is None:
        return f"Not solved yet. First your prediction: put {ask.wish()} in the place of `...`."
    if not ask.takes(prediction):
        return f"Your prediction is {prediction!r:.60}: expected {ask.wish()}."
    return None


def outcome(ask: Ask, prediction: Any, found: Any, because: str = "") -> str:
    """One sentence that holds the prediction against what was found, and after it why, or what was measured."""
    agreed = ask.agrees(prediction, found)
    text = f"Your prediction, {ask.show(prediction)}, " + (
        "came true" if agreed else f"did not come true: it is {ask.show(found)}"
    )
    return f"{text}. {because}".strip()
