"""A section of the gallery: what is said, and the explorer that it is said of."""

from collections.abc import Callable
from dataclasses import dataclass

from learnit_core.explorer.page import Shown


@dataclass(frozen=True, kw_only=True)
class Section:
    """A ``title``, a ``paragraph`` (HTML that stands inside of ``<p>``), the name of the ``notebook`` that says more,
    and ``make()``, which makes the explorer: seconds, or minutes where pictures of objects or places are computed."""

    title: str
    paragraph: str
    notebook: str
    make: Callable[[], Shown]
