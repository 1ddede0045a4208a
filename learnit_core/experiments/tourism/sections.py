"""What is bookkeeping in notebook 04: what the settings mean, rows for the metrics file, figures of several pictures.

The ideas stand in the notebook: loss, task, inner and outer step, the loop that makes its table, the mixtures.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from learnit_core import evaluate, plots, weights
from learnit_core.experiments import baselines, report, tourism
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.tourism import explorers, pictures, table
from learnit_core.experiments.tourism.pictures import Camera
from learnit_core.experiments.tourism.record import TOURISM
from learnit_core.experiments.tourism.results import GAPS
from learnit_core.signals.tourism import Collection
from learnit_core.structures import Field, Params, Views, rows
from learnit_core.tuning import Chosen

Rows = list[dict[str, Any]]
"""Rows of the metrics file."""

Picture = Float[np.ndarray, "h w 3"]


class Place(NamedTuple):
    """What the settings of a run mean: the photographs, the network, and how it is fitted."""

    profile: tourism.Profile
    budget: tourism.Profile
    """What the rows of the table were trained with: of what is shipped that is more than the notebook trains."""
    collection: Collection
    field: Field
    tuned: Mapping[str, Chosen]
    shipped: bool
    """Whether initialisations of this place come with the project."""
    trial: bool
    """Whether every loop is cut short."""

    def camera(self, views: Views, i: int) -> Camera:
        """The camera of photograph ``i``."""
        return pictures.camera_of(views, i)

    def photograph(self, views: Views, i: int) -> Picture:
        """Photograph ``i``, in [0, 1]."""
        return pictures.photograph(views, i)

    def squares(self, views: Views, count: int) -> list[Picture]:
        """The first ``count`` photographs, each in the middle of a white square."""
        return [_in_square(self.photograph(views, i), views.images.shape[2]) for i in range(count)]

    def picture(self, params: Params, camera: Camera) -> Picture:
        """What a camera sees of the place that a network holds, in [0, 1]."""
        return pictures.picture(self.field, params, camera, **self.profile.rendering)

    def psnr_of_halves(self, picture: Picture, views: Views, i: int) -> tuple[float, float]:
        """PSNR [dB] on the left half of photograph ``i``, which a fit sees, and on the right, by which it is judged."""
        truth = self.photograph(views, i)
        half = truth.shape[1] // 2
        parts = (slice(None, half), slice(half, None))
        left, right = (float(evaluate.psnr(jnp.asarray(picture[:, p]), jnp.asarray(truth[:, p]))) for p in parts)
        return left, right

    @property
    def algorithms(self) -> dict[str, str]:
        """What trains which row of the table, in its order."""
        trained = tourism.algorithms(self.profile)
        return {row: trained[row] for row in table.ROWS if row in trained}

    def shipped_starts(self) -> dict[str, Params]:
        """The initialisations that come with the project, by row of the table; none for other places and profiles."""
        names = tourism.SHIPPED["long"]["landmark"] if self.shipped else {}
        return {row: weights.pretrained(names[row])[1] for row in table.ROWS if row in names}

    def left_half(self, photograph: Picture) -> Picture:
        """A photograph whose right half is white: what a fit sees."""
        return left_half(photograph)

    def appearances(self) -> tuple[list[str], Views]:
        """Four photographs for the corners, and what each is called: of the landmark four of very different light."""
        collection = self.collection
        if collection.name == "landmark" and not self.trial:
            return list(explorers.APPEARANCES), rows(collection.test, list(explorers.APPEARANCES.values()))
        splits = (collection.test, collection.validation, collection.train)
        pool = [rows(views, [i]) for views in splits for i in range(len(views.images))][:4]
        return ["first", "second", "third", "fourth"], jax.tree.map(lambda *arrays: np.concatenate(arrays), *pool)

    def corners(self, name: str, start: Params, four: Views) -> list[Params]:
        """Four networks, each fitted to one *whole* photograph from ``start``, which is row ``name`` of the table.

        Those of the landmark from the shipped Reptile are shipped, too. Reptile's fit has a setting of its own, by SGD,
        which stays where mixing weights mixes pictures; others have the table's.
        """
        if name == "meta-reptile" and self.shipped and not self.trial:
            return explorers.shipped_corners()[1]
        setting, steps = explorers.appearance_fit(self.profile) if name == "meta-reptile" else self.tuned[name][:2]
        steps = min(steps, self.profile.limit)
        found = tourism.fit(self.profile, self.field, start, tourism.whole(four), setting, steps).params
        return [rows(found, i) for i in range(len(four.images))]

    def budgets(self) -> str:
        """What trained each row, a line each: outer steps, inner steps, and the rays that were seen in all."""
        lines = []
        for row, algorithm in self.algorithms.items():
            about = self.budget.for_algorithm(algorithm)
            rays = about.num_steps * about.inner_steps * about.rays
            lines.append(
                f"{plots.LABELS[row]}: {about.num_steps:,} outer steps (Adam {about.outer_rate:g}) of "
                f"{plots.steps_label(about.inner_steps)} with {about.rays} rays: {rays:,} rays"
            )
        return "\n".join(lines)

    def path(self) -> explorers.Path:
        """``path(t)``: the camera at a place from 0 to 1 on its way before the landmark, or among the cameras."""
        height, width = (12, 18) if self.trial else explorers.SHAPE
        return explorers.path_for(self.collection, height=height, width=width)

    def validation_psnr(self, start: Params) -> float:
        """Mean PSNR [dB] on right halves of the validation photographs, fitted as while training."""
        return float(tourism.validate(self.profile, self.field, start, tourism.tasks(self.collection.validation)))

    @property
    def validated_steps(self) -> int:
        """The number of steps of those fits."""
        return min(tourism.VALIDATED[1], self.profile.limit)


def choose(settings: Settings) -> Place:
    """Read the photographs that ``settings`` name, and what belongs to them. Raises LearnitError if there are none."""
    data, profile = settings.data or "landmark", TOURISM.profile(settings)
    shipped, trial = data == "landmark" and settings.profile == "quick", settings.max_steps is not None
    budget = tourism.PROFILES["long"] if shipped and not trial else profile
    collection = tourism.load_signals(profile, data, seed=0)
    profile, budget = (one.for_class(collection.name) for one in (profile, budget))
    tuned = table.tuned_settings("long" if shipped else profile.name, collection.name)
    return Place(profile, budget, collection, tourism.field_for(profile), tuned, shipped, trial)


def first_look(settings: Settings, *, seed: int = 0) -> Figure:
    """Two unseen photographs of the landmark, fitted by their left halves from random and from learned weights.

    It is drawn from what is shipped, whatever ``settings`` say of data and profile.
    """
    profile = tourism.PROFILES["long"].capped(settings)
    test, field = tourism.load_signals(profile, "landmark", seed=0).test, tourism.field_for(profile)
    chosen = [explorers.APPEARANCES[name] % len(test.images) for name in ("overcast", "night")]
    two, tuned = rows(test, chosen), table.tuned_settings("long", "landmark")
    learned = weights.pretrained(tourism.SHIPPED["long"]["landmark"]["meta-reptile"])[1]

    def fitted(name, start):
        steps = min(tuned[name].steps, profile.limit)
        return tourism.fit(profile, field, start, tourism.tasks(two), tuned[name].setting, steps).params

    random = fitted("standard", baselines.standard(field, seed=seed))
    adapted = fitted("meta-reptile", learned)
    shown = []
    for i in range(len(chosen)):
        camera, truth = pictures.camera_of(two, i), pictures.photograph(two, i)
        networks = (rows(random, i), learned, rows(adapted, i))
        seen = [pictures.picture(field, params, camera, **profile.rendering) for params in networks]
        shown.append([left_half(truth), *seen, truth])
    labels = ["all that is seen", "random weights,\nfitted to it", "learned weights,\nas they are"]
    return plots.picture_grid(
        shown, column_labels=[*labels, "learned weights,\nfitted to it", "the photograph"], cell=2
    )


def left_half(photograph: Picture) -> Picture:
    """A photograph whose right half is white."""
    seen = photograph.copy()
    seen[:, photograph.shape[1] // 2 :] = 1
    return seen


def results(
    place: Place, photographs: Views, made: Mapping[str, Params], curves: Mapping[str, np.ndarray], *, seed: int
) -> Rows:
    """Rows of the metrics file for ``curves`` [photographs, points], scores of the table's fits by initialisation.

    To them come the two controls and, but for `quick`, the fit that the paper's supplement makes.
    """
    name = place.collection.name
    about = {"trained_on": name, "data": name, "seed": seed, "paper_too": place.profile.name != "quick"}
    found, _ = table.table_rows(place.profile, place.field, photographs, made, place.tuned, curves=curves, **about)
    return found + table.control_rows(place.collection.train, photographs, data=name, seed=seed)


def table_text(results: Rows) -> str:
    """The table as Markdown, and below it the paired gaps with their intervals [dB]."""
    gaps = report.measured(GAPS, results, table.LABELS)
    lines = [f"- {what}: {gap.mean:+.2f} dB, 95 % interval [{gap.low:+.2f}, {gap.high:+.2f}]" for what, gap, _ in gaps]
    return "\n".join([table.markdown(results), "", *lines])


def grids_figure(grids: Mapping[str, Sequence[Sequence[Picture]]], labels: Sequence[str]) -> Figure:
    """Grids of pictures by title, one below the other and as wide as a page.

    ``labels`` name the four corners, in reading order.
    """
    montages = [explorers.montage(grid) for grid in grids.values()]
    width, room = 8.4, 0.85  # inches; room for the title and the names of the corners
    heights = [width * m.shape[0] / m.shape[1] + room for m in montages]
    figure = Figure(figsize=(width, sum(heights)))
    axes = figure.subplots(len(montages), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    figure.subplots_adjust(left=0, right=1, bottom=0.03, top=0.95, hspace=room / np.mean(heights))
    places = ((0, 1, "left", "bottom"), (1, 1, "right", "bottom"), (0, 0, "left", "top"), (1, 0, "right", "top"))
    for axis, (title, picture) in zip(axes, zip(grids, montages, strict=True), strict=True):
        axis.imshow(picture, interpolation="nearest")
        axis.set_axis_off()
        axis.set_title(title, fontsize=15, pad=8)
        for label, (x, y, across, down) in zip(labels, places, strict=True):
            beside = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": across, "va": down}
            axis.annotate(label, (x, y), (0, 4 if y else -4), fontsize=14, **beside)
    return figure


def _in_square(picture, side):
    square = np.ones((side, side, 3), np.float32)
    top, left = (side - picture.shape[0]) // 2, (side - picture.shape[1]) // 2
    square[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return square
