"""The story that the gallery tells, in its order, and what it leaves out."""

from learnit_core import experiments, explorer
from learnit_core.experiments.ct import explorers as ct
from learnit_core.experiments.image import explorers as image
from learnit_core.experiments.section import Section
from learnit_core.experiments.tourism import explorers as tourism
from learnit_core.experiments.views import explorers as views

LEARN = Section(
    title="Do it yourself: learn where to start",
    paragraph="Here MAML itself runs, in your browser: at each outer step a small network is fitted to four curves, "
    "and its start is moved so that the next fits end better. Watch two steps on a new curve get better, "
    "and compare Reptile. Leave it only a few training signals, draw a class of your own, or raise the "
    "outer rate until it breaks.",
    notebook="00_start_here",
    make=explorer.meta_training,
)

STORY: tuple[Section, ...] = (
    image.TWO_STRINGS,
    image.TWO_STEPS,
    image.FOUR_STARTS,
    ct.FOUR_PROJECTIONS,
    views.ONE_VIEW,
    tourism.SQUARE,
    image.YOURS,
    LEARN,
)
"""Six explorers, and after them what one does oneself."""


def more() -> list[Section]:
    """The sections of all experiments that the story leaves out."""
    return [section for one in experiments.ALL.values() for section in one.sections if section not in STORY]
