"""The paper's settings and figures, cell by cell: the one place where they stand.

Profiles called ``paper`` are held against :data:`TRAINING`, and their fits at test time are taken from :data:`FITS`.
Each cell says where it is from: the supplement decides; where it is silent, the authors' code; then what is read out of
the main text or inferred. No figure stands here that could not be checked.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from learnit_core.evaluate import Setting
from learnit_core.tuning import Chosen

SUPPLEMENT, CODE, TEXT, INFERRED = "supplement", "the authors' code", "main text", "inferred"
"""Where a cell is from, the surest first."""

PAPERS = "the paper's setting"
"""``tuned_on`` of rows with the settings that the paper reports; what is said after it is of whom, if of another."""


def whose(tuned_on: str) -> str:
    """Whose settings a row has, in words: "tuned", or the paper's and of whom."""
    return tuned_on if tuned_on.startswith(PAPERS) else "tuned"


class Cell(NamedTuple):
    """A value, where it is from, and what is to be said of it, as where supplement and code disagree."""

    value: Any
    source: str = SUPPLEMENT
    note: str = ""


class Fit(NamedTuple):
    """A fit at test time; ``steps`` is None where the paper does not say."""

    optimizer: str
    learning_rate: float
    steps: int | None = None

    @property
    def chosen(self) -> Chosen:
        """As tables take it."""
        return Chosen(Setting(self.optimizer, self.learning_rate), self.steps, PAPERS)


class Figure(NamedTuple):
    """A number that the paper reports: PSNR [dB], or steps to match MAML's two with their deviation over pictures.

    ``observations`` is the column of the table that it stands in.
    """

    value: float
    deviation: float | None = None
    source: str = SUPPLEMENT
    observations: str = "full"


def _cells(source: str, **values: Any) -> dict[str, Cell]:
    return {name: Cell(value, source) for name, value in values.items()}


TRAINING: Mapping[str, Mapping[str, Cell]] = {
    # Section 1.
    "image": {
        **_cells(SUPPLEMENT, width=256, depth=5, w0=200.0, num_steps=150_000, inner_steps=2, inner_rate=1e-2),
        **_cells(SUPPLEMENT, outer_rate=1e-5, maml_batch=3, reptile_batch=10),
        **_cells(CODE, decay=False),
        **_cells(TEXT, size=178),
    },
    # Section 2.
    "ct": {
        **_cells(SUPPLEMENT, width=256, depth=5, num_frequencies=256, sigma=30.0, num_steps=100_000, batch=1),
        **_cells(SUPPLEMENT, num_views=20, inner_steps=12, inner_rate=10.0, outer_rate=5e-5),
        **_cells(CODE, decay=False, init="haiku"),
        **_cells(TEXT, size=256),
        "angle_deviation": Cell(math.degrees(1 / 20), INFERRED, "a twentieth, as of every entry, but of a radian"),
    },
    # Section 3; chairs, and what other classes have otherwise below.
    "views": {
        **_cells(SUPPLEMENT, width=256, depth=6, num_frequencies=20, max_log2=8.0, num_steps=100_000),
        **_cells(SUPPLEMENT, inner_steps=32, rays=128, test_rays=64, outer_rate=5e-4),
        **_cells(CODE, samples=128, inner_optimizer="sgd", inner_rate=0.5, density="relu", decay=False, init="haiku"),
        **_cells(CODE, held_out=25),
        **_cells(TEXT, size=128),
    },
    # Section 4.
    "tourism": {
        **_cells(SUPPLEMENT, width=256, depth=6, num_frequencies=20, max_log2=8.0, num_steps=150_000),
        **_cells(SUPPLEMENT, inner_steps=64, rays=64, num_samples=128),
        "inner_rate": Cell(10.0, SUPPLEMENT, "the authors' code has 1"),
        "outer_rate": Cell(5e-4, SUPPLEMENT, 'printed as "5^-4"; the authors\' code has 5e-4'),
        **_cells(CODE, density="relu", decay=False, init="haiku", background=0.0),
    },
}
"""What decides a meta-training, by experiment and field of the profile ``paper``."""

CLASSES: Mapping[str, Mapping[str, Mapping[str, Cell]]] = {
    "views": {name: _cells(SUPPLEMENT, outer_rate=5e-5) for name in ("cars", "lamps")},
    "tourism": {
        name: _cells(SUPPLEMENT, basic_steps=steps)
        for name, steps in {"trevi": 60_000, "brandenburg": 100_000, "sacre": 200_000}.items()
    },
}
"""What a class or landmark has otherwise than :data:`TRAINING`, by what :func:`of_class` looks for."""


def _columns(columns: tuple[str, ...], rows: Mapping[str, tuple]) -> dict[str, dict[str, Fit]]:
    """By column and row, from rows of an optimiser, a rate for each column or one for all, and steps for each."""
    found: dict[str, dict[str, Fit]] = {column: {} for column in columns}
    for row, (optimizer, rates, steps) in rows.items():
        each = rates if isinstance(rates, tuple) else (rates,) * len(columns)
        for column, rate, count in zip(columns, each, steps, strict=True):
            found[column][row] = Fit(optimizer, rate, count)
    return found


_RANDOM = ("standard", "mean", "matched", "shuffled")

_ONE_VIEW = _columns(  # Table 3
    ("chairs", "cars", "lamps"),
    {
        "standard": ("adam", (1e-5, 5e-5, 5e-5), (1000, 2000, 2000)),
        "matched": ("adam", (1e-4, 5e-5, 5e-5), (2000, 2000, 2000)),
        "shuffled": ("adam", (1e-4, 5e-5, 5e-5), (2000, 2000, 2000)),
        "meta-mv": ("sgd", (1e-1, 5e-1, 5e-1), (1000, 2000, 2000)),
        "meta-sv": ("sgd", (5e-1, 5e-1, 5e-1), (1000, 2000, 2000)),
    },
)

FITS: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Fit]]]] = {
    "image": {  # section 1
        "": {
            "full": dict.fromkeys(_RANDOM, Fit("adam", 1e-4))
            | dict.fromkeys(("meta-reptile", "meta-maml"), Fit("sgd", 1e-2))
        }
    },
    "ct": {
        "": _columns(  # Table 2
            ("views=1", "views=2", "views=4", "views=8"),
            {
                "standard": ("adam", 5e-4, (50, 100, 250, 1000)),
                "mean": ("adam", 1e-5, (25, 50, 100, 1000)),
                "matched": ("adam", 5e-4, (50, 100, 500, 1000)),
                "shuffled": ("adam", 5e-4, (50, 100, 250, 1000)),
                "meta-reptile": ("sgd", 10.0, (50, 100, 1000, 1000)),
            },
        )
    },
    "views": {name: {"views=1": fits} for name, fits in _ONE_VIEW.items()},
    "tourism": {"": {"left half": {"meta-reptile": Fit("sgd", 10.0, 150)}}},  # section 4
}
"""Fits at test time by experiment, class ("" for all), column of the table and initialisation."""

FITS["views"]["chairs"]["views=25"] = {"standard": Fit("adam", 1e-4), "meta-mv": Fit("sgd", 1e-1)}

FIGURES: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Figure]]]] = {
    "image": {
        "celeba": {
            "psnr_db": {  # Table 1, after two steps
                "standard": Figure(10.88),
                "mean": Figure(14.48),
                "matched": Figure(13.73),
                "shuffled": Figure(16.29),
                "meta-reptile": Figure(25.55),
                "meta-maml": Figure(30.37),
            },
            "steps_to_match": {
                "standard": Figure(37.92, 6.31),
                "mean": Figure(25.59, 4.57),
                "matched": Figure(26.32, 4.17),
                "shuffled": Figure(25.80, 4.02),
                "meta-reptile": Figure(9.86, 7.42),
            },
        },
        "imagenette": {"psnr_db": {"meta-maml": Figure(27.07, source=TEXT)}},
    },
    "views": {"chairs": {"psnr_db": {"meta-mv": Figure(18.85, source=TEXT, observations="views=1")}}},
}
"""What the paper reports, by experiment, class, measure and initialisation."""


IMITATED = {"image": "meta-maml", "ct": "meta-reptile", "views": "meta-mv"}
"""Whose weights Matched imitates and Shuffled permutes in the paper, by experiment: for objects the supplement says so,
elsewhere the main text speaks of the paper's own initialisation."""

DERIVED = ("matched", "shuffled")
"""Rows that are made of learned weights."""


def of_class(table: Mapping[str, Any], data: str) -> Any:
    """The entry of ``table`` whose key is a word of ``data``, a name or a path's last part; else that of "", or None.

    A word is what no other letter touches, with an s at its end or without.
    """
    name = Path(data).name.lower()
    found = (key for key in table if key and re.search(rf"(?<![^\W\d_]){key.removesuffix('s')}s?(?![^\W\d_])", name))
    return table.get(next(found, ""))


def for_class(profile: Any, experiment: str, data: str) -> Any:
    """The profile ``paper`` with what the class ``data`` has otherwise, where nobody changed it; others as they are."""
    cells, common = of_class(CLASSES[experiment], data), TRAINING[experiment]
    if profile.name != "paper" or not cells:
        return profile
    unchanged = [name for name in cells if getattr(profile, name) == common.get(name, Cell(None)).value]
    return replace(profile, **{name: cells[name].value for name in unchanged})
