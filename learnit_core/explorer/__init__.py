"""Sliders through weight space: in notebooks, and on a web page with no Python behind it.

:func:`networks` shows mixtures of fitted networks, :func:`steps` one network after more and more steps of a fit, and
:func:`frames` pictures made beforehand, such as those that :func:`drawn` makes of signals. The first three return an
:class:`Explorer`; its ``to_html`` writes a page that needs nothing else. What is drawn where: ``module/5_engines.js``.
Tried so far in Chromium: JupyterLab and pages.
"""

from learnit_core.explorer.build import frames, networks, steps
from learnit_core.explorer.controls import Control, camera, fit_steps, line, square, triangle
from learnit_core.explorer.drawing import drawn
from learnit_core.explorer.fitting import Fitting, fitting
from learnit_core.explorer.learning import MetaTraining, meta_training
from learnit_core.explorer.page import write_page
from learnit_core.explorer.upload import to_png, upload
from learnit_core.explorer.widget import Explorer

__all__ = [
    "Control",
    "Explorer",
    "Fitting",
    "MetaTraining",
    "camera",
    "drawn",
    "fitting",
    "frames",
    "line",
    "meta_training",
    "networks",
    "square",
    "steps",
    "fit_steps",
    "to_png",
    "triangle",
    "upload",
    "write_page",
]
