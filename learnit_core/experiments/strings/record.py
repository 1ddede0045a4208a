"""What commands and tests need to know of strings."""

from learnit_core.experiments import regression, strings
from learnit_core.experiments.strings import explorers

STRINGS = regression.experiment(
    "strings",
    notebook="05_your_own_signals",
    title="plucked strings",
    signal="string",
    profiles=strings.PROFILES,
    classes=("plucked",),
    load_signals=strings.load_signals,
    field_for=strings.field_for,
    bounds={"standard": 15.0, "nearest-training": 15.0},
    sections=explorers.SECTIONS,
)
