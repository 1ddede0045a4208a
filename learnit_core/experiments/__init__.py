"""The paper's experiments, and one more, on the core. Notebooks, commands and tests start from here."""

from learnit_core.experiments.ct.record import CT
from learnit_core.experiments.experiment import Experiment
from learnit_core.experiments.image.record import IMAGE
from learnit_core.experiments.strings.record import STRINGS
from learnit_core.experiments.tourism.record import TOURISM
from learnit_core.experiments.views.record import VIEWS

ALL: dict[str, Experiment] = {experiment.name: experiment for experiment in (IMAGE, CT, VIEWS, TOURISM, STRINGS)}
"""Every experiment by the name that commands call it. There is no other list of them."""
