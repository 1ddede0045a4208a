"""A measured sinogram (:mod:`learnit_core.signals.sinograms`): a slice that nobody has seen, from what a scanner saw.

There is no truth to score by. What can be asked is whether a picture has the projections that were measured: those it
was fitted to, which says little, and the others, which it has not seen. So it is reconstructed from some of the angles,
too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from learnit_core import evaluate, explorer, models, names, plots, tomography
from learnit_core.errors import LearnitError
from learnit_core.experiments import ct, fits
from learnit_core.experiments.ct import explorers, shipped
from learnit_core.experiments.settings import Settings
from learnit_core.signals import phantoms, sinograms
from learnit_core.signals.sinograms import Measured
from learnit_core.structures import Field, Params, Sinogram, Task, rows
from learnit_core.tuning import Chosen

Picture = Float[np.ndarray, "size size 1"]

BRIGHTEST = 99.5
"""Percentile of the back-projection's pixels in the scanner's circle that is white, where no peak is given."""


MOST_FITTED = 128
"""Angles that a network is fitted to: at its 64 pixels a side more say nothing new, and each costs time."""


class Scan(NamedTuple):
    """A measured sinogram at the network's size, in its unit: a picture in [0, 1] has such sums."""

    values: Float[np.ndarray, "angles size"]
    angles: Float[np.ndarray, " angles"]
    """Radians."""
    peak: float
    """What was divided by: the attenuation, per width of a bin, of white."""


def check(settings: Settings) -> None:
    """Raise LearnitError, before anything is trained, if the test data are a sinogram that cannot be used."""
    if settings.data:
        raise LearnitError(
            f"{settings.test_data} is a measured sinogram, with no slices that a table could score: expected "
            "LEARNIT_DATA to be empty, so that it is fitted from the shipped initialisation"
        )
    sinograms.load(settings.test_data)


def scaled(measured: Measured, size: int, filter_name: str = "hann") -> Scan:
    """Rays of a picture of side ``size``, in its range by ``measured.peak``, or else by back-projection."""
    values = sinograms.binned(measured, size)
    peak = measured.peak
    if peak is None:
        rough = back_projected(values, measured.angles, filter_name, clip=False)[..., 0]
        peak = float(np.percentile(rough[phantoms.scanner_circle(size) > 0], BRIGHTEST))
    if not peak > 0:
        raise LearnitError(
            "the sinogram's back-projection is nowhere bright: expected one of a slice, or the key `peak`"
        )
    return Scan(values / np.float32(peak), measured.angles, peak)


def back_projected(
    values: Float[np.ndarray, "angles size"],
    angles: Float[np.ndarray, " angles"],
    filter_name: str,
    *,
    clip: bool = True,
) -> Picture:
    """Filtered back-projection by scikit-image, each projection by the part of half a turn that it stands for."""
    from skimage.transform import iradon  # here, because importing it takes a while

    size = values.shape[1]
    parts = sinograms.weights(angles) * (len(angles) / np.pi)
    weighted = (values * parts[:, None]).T
    picture = iradon(weighted, np.rad2deg(angles), filter_name=filter_name, circle=True, output_size=size)[..., None]
    return (np.clip(picture, 0, 1) if clip else picture).astype(np.float32)


def consistency(picture: Picture, scan: Scan) -> Float[np.ndarray, " angles"]:
    """Mean squared difference of a picture's projections and the measured ones, at each angle, in parts of the mean
    square of all that was measured."""
    found = np.asarray(_projections(jnp.asarray(picture[..., 0]), jnp.asarray(scan.angles, jnp.float32)))
    return np.mean((found - scan.values) ** 2, axis=1) / np.mean(scan.values**2)


def missed(
    squared: Float[np.ndarray, " angles"], angles: Float[np.ndarray, " angles"], which: np.ndarray
) -> tuple[float, float | None]:
    """Percent (root of mean square) at the angles ``which`` were fitted, and at the others; None if there are none.

    A line seen from behind is no other line.
    """
    away = np.abs(np.mod(angles[:, None] - angles[which] + np.pi / 2, np.pi) - np.pi / 2).min(axis=1)
    others = squared[away > 1e-3]
    return 100 * float(np.sqrt(squared[which].mean())), 100 * float(np.sqrt(others.mean())) if len(others) else None


@jax.jit
def _projections(image, angles):
    return jax.lax.map(lambda angle: tomography.project(image, angle[None])[0], angles)


def setting(network: shipped.Larger, init: str, count: int) -> Chosen:
    """What was tuned for the nearest smaller number of projections, there being none for every number."""
    tuned = max(n for n in ct.NUM_PROJECTIONS if n <= count)
    return network.chosen(init, tuned)


def fitted(field: Field, start: Params, scan: Scan, chosen: Chosen) -> Picture:
    """The picture after a fit to all of ``scan``."""
    seen = Sinogram(jnp.asarray(scan.angles, jnp.float32)[None], jnp.asarray(scan.values)[None])
    best, steps = chosen.setting, chosen.steps
    found = fits.fit_all(_measures, field, [start], Task(seen, seen), best, steps, every=max(1, steps)).params
    size = scan.values.shape[1]
    return np.asarray(field.apply(rows(found, 0), models.pixel_grid(size, size))).reshape(size, size, 1)


def _measures(field, tasks):
    return ct.loss_and_score(field, tasks.support.values.shape[-1])[0], lambda params, query: jnp.zeros(())


def reconstructed(
    settings: Settings, *, numbers: Sequence[int], seed: int = 0
) -> tuple[Figure, explorer.Explorer, str]:
    """The slice from ``numbers`` of the measured angles, and from all of them (128 at most): by the larger network from
    Standard and from the start learned on phantoms, and by back-projection. In Markdown, by how much projections are
    missed."""
    measured, size = sinograms.load(settings.test_data), ct.PROFILES["long"].size
    network, scan = shipped.larger("measured", settings=settings, seed=seed), scaled(measured, size)
    total = len(scan.angles)
    most = min(total, MOST_FITTED)
    chosen = {n: sinograms.some(scan.angles, n) for n in sorted({*numbers, most}) if n <= most}
    parts = {n: Scan(scan.values[which], scan.angles[which], scan.peak) for n, which in chosen.items()}
    asked = [(init, n) for n in parts for init in network.starts]

    def one(pair):
        init, n = pair
        return fitted(network.field, network.starts[init], parts[n], setting(network, init, n))

    made = dict(zip(asked, evaluate.side_by_side(one, asked), strict=True))
    filters = {n: network.tuned.filters[max(m for m in network.tuned.filters if m <= n)] for n in parts}
    for n, part in parts.items():
        made["fbp", n] = back_projected(part.values, part.angles, filters[n])
    off = {(init, n): missed(consistency(picture, scan), scan.angles, chosen[n]) for (init, n), picture in made.items()}
    inits = (*network.starts, "fbp")
    order = scan.angles.argsort()[np.linspace(0, total - 1, size).round().astype(int)]
    drawn = np.clip(scan.values[order] / scan.values.max(), 0, 1)[..., None]
    beside = [[drawn]] + [[None]] * (len(parts) - 1)
    figure = plots.picture_grid(
        [[*(made[init, n] for init in inits), *shown] for n, shown in zip(parts, beside, strict=True)],
        row_labels=[f"{n} of {total}" for n in parts],
        column_labels=[*(plots.LABELS[init] for init in inits), "measured"],
        captions=[[*(_short(off[init, n]) for init in inits), ""] for n in parts],
        cell=1.75,
    )
    pictures = {plots.LABELS[init]: {n: made[init, n][None] for n in parts} for init in inits}
    slider = explorers.by_projections(pictures, None, title=f"Measured: {Path(settings.test_data).name}")
    return figure, slider, _said(settings, measured, scan, off, inits, parts)


def _short(off: tuple[float, float | None]) -> str:
    return f"{off[0]:.1f} %" + ("" if off[1] is None else f", others {off[1]:.0f} %")


def _said(settings, measured, scan, off, inits, parts) -> str:
    name, total = Path(settings.test_data).name, len(scan.angles)
    head = [names.in_markdown(name), *(plots.LABELS[init] for init in inits)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for n in parts:
        cells = (
            f"{at:.1f} % / {'–' if others is None else f'{others:.1f} %'}" for at, others in (off[i, n] for i in inits)
        )
        lines.append(f"| {n} of {total} angles | " + " | ".join(cells) + " |")
    peak = "the key `peak` says so"
    if measured.peak is None:
        peak = "the brightest half percent of back-projection from all angles"
        peak += ", a guess from so few: give the key `peak`" if total < 8 else ""
    return "\n".join(lines) + (
        "\n\nBy how much a picture's projections miss the measured ones (root of mean square, in percent of theirs): "
        f"at the angles that it was made from / at the other measured ones. There is no ground truth, so no PSNR. A "
        f"small number at the first is no merit, many slices have it; the second were not seen. {measured.note} White "
        f"is an attenuation of {scan.peak:.3g} per width of a bin ({peak}). Settings were tuned on phantoms, for "
        f"{', '.join(map(str, ct.NUM_PROJECTIONS))} projections; more take those for {ct.NUM_PROJECTIONS[-1]}."
    )
