"""The paper's experiments, on the core. Notebooks, commands and tests start from here."""

from learnit_core.experiments.ct.record import CT
from learnit_core.experiments.experiment import Experiment
from learnit_core.experiments.image.record import IMAGE

ALL: dict[str, Experiment] = {experiment.name: experiment for experiment in (IMAGE, CT)}
"""Every experiment by the name that commands call it. There is no other list of them."""
