"""The story that the gallery tells, in its order, and what it leaves out."""

from learnit_core import experiments
from learnit_core.experiments.ct import explorers as ct
from learnit_core.experiments.image import explorers as image
from learnit_core.experiments.section import Section
from learnit_core.experiments.tourism import explorers as tourism
from learnit_core.experiments.views import explorers as views

STORY: tuple[Section, ...] = (
    image.TWO_STRINGS,
    image.TWO_STEPS,
    image.FOUR_STARTS,
    ct.FOUR_PROJECTIONS,
    views.ONE_VIEW,
    tourism.SQUARE,
    image.YOURS,
)
"""Six explorers, and after them what one does oneself."""


def more() -> list[Section]:
    """The sections of all experiments that the story leaves out."""
    return [section for one in experiments.ALL.values() for section in one.sections if section not in STORY]
