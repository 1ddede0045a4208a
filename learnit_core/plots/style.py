"""What all figures share: a colour and a name for each initialisation."""

from matplotlib.figure import Figure

COLOURS = {
    "standard": "#7f7f7f",
    "mean": "#e69f00",
    "matched": "#56b4e9",
    "shuffled": "#cc79a7",
    "meta-reptile": "#009e73",
    "meta-fomaml": "#0072b2",
    "meta-maml": "#d55e00",
    "fbp": "#000000",
    "basic": "#8c510a",
    "basic-steps": "#c7a76c",
    "basic-paper": "#5e3c99",
    "joint": "#0072b2",
    "meta-sv": "#d55e00",
    "meta-mv": "#009e73",
    "standard-scaled": "#000000",
    "shared-trunk": "#8c510a",
    "shared-mean": "#0072b2",
    "meta-sgd": "#5e3c99",
}
"""One colour for each initialisation, distinguishable for colour-blind readers (Okabe and Ito)."""


LABELS = {
    "standard": "Standard",
    "mean": "Mean",
    "matched": "Matched",
    "shuffled": "Shuffled",
    "meta-reptile": "Reptile",
    "meta-fomaml": "FOMAML",
    "meta-maml": "MAML",
    "fbp": "Back-projection",
    "basic": "Basic NeRF, equal rays",
    "basic-steps": "Basic NeRF, equal steps",
    "basic-paper": "Basic NeRF, the paper's steps",
    "joint": "Joint",
    "meta-sv": "SV Reptile",
    "meta-mv": "MV Reptile",
    "standard-scaled": "Standard, scaled",
    "shared-trunk": "Shared trunk, random head",
    "shared-mean": "Shared trunk, mean head",
    "meta-sgd": "Meta-SGD",
}


def steps_label(n: int) -> str:
    """A column's title: "1 step", "2 steps"."""
    return "1 step" if n == 1 else f"{n} steps"


def axes_of(size: tuple[float, float]):
    """A figure of ``size`` inches with one pair of axes, open at the top and right."""
    figure = Figure(figsize=size)
    axis = figure.subplots()
    axis.spines[["top", "right"]].set_visible(False)
    return figure, axis
