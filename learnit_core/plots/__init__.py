"""Figures for the notebooks: few kinds, one look, each with a text for people who do not see it."""

from learnit_core.plots.curves import bars, fit_curves, step_curves, training_curves, view_curves
from learnit_core.plots.gallery import Gallery, as_text
from learnit_core.plots.light import cameras, one_ray, scan
from learnit_core.plots.logs import follow, run_log
from learnit_core.plots.pictures import error_map, heat_table, picture_grid, seen_and_unseen
from learnit_core.plots.style import COLOURS, LABELS, steps_label

__all__ = [
    "COLOURS",
    "Gallery",
    "LABELS",
    "as_text",
    "bars",
    "cameras",
    "error_map",
    "fit_curves",
    "follow",
    "heat_table",
    "one_ray",
    "picture_grid",
    "scan",
    "run_log",
    "seen_and_unseen",
    "step_curves",
    "steps_label",
    "training_curves",
    "view_curves",
]
