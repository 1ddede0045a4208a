"""Explorers of computed tomography: how a sinogram comes about, what lies between reconstructions, what views add."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from learnit_core import explorer, plots, tomography
from learnit_core.experiments import ct
from learnit_core.experiments.ct import shipped
from learnit_core.experiments.section import Section
from learnit_core.structures import rows

PROJECTIONS = (1, 2, 4, 8)


def scan(truth: Float[np.ndarray, "size size 1"], *, num_angles: int = 60, side: int = 220) -> explorer.Explorer:
    """The slice as it turns, the sums down its columns, and the sinogram as far as it has been measured by then."""
    size = len(truth)
    angles = jnp.linspace(0, jnp.pi, num_angles, endpoint=False)
    image = jnp.asarray(truth[..., 0])
    turned = np.asarray(jax.lax.map(lambda angle: tomography.turn(image, angle), angles))
    sinogram = turned.sum(axis=1) / turned.sum(axis=1).max()
    down = size - np.arange(size)[:, None]
    sums = np.where(down <= size * sinogram[:, None, :], 0.85, 0.0)
    shown = np.arange(size) * num_angles // size  # in each row of the pane
    measured = [np.where(shown[:, None] <= k, sinogram[shown], 0.08) for k in range(num_angles)]
    panes = {"the slice, turned": turned, "sums down its columns": sums, "sinogram": np.stack(measured)}
    step = 180 / num_angles
    return explorer.frames(
        {name: np.clip(pictures, 0, 1)[..., None] for name, pictures in panes.items()},
        controls=[explorer.camera("Angle", high=180 - step, step=step, unit="°")],
        title="A scan",
        side=side,
        position=[step * (2 * num_angles // 3)],
    )


def between_reconstructions(
    num_projections: int = 4, labels: Sequence[str] = ("first head", "second head", "third head"), *, seed: int = 0
) -> explorer.Explorer:
    """Unseen phantoms, each reconstructed from a few projections from Standard and from the shipped start, mixed."""
    network = shipped.larger(seed=seed)
    truth = ct.load_signals(ct.PROFILES["quick"], "phantoms").test[: len(labels)]
    fits = network.fits(truth, [(init, num_projections) for init in network.starts])
    panes = {
        plots.LABELS[init]: [rows(fitted, i) for i in range(len(labels))] for (init, _), (_, fitted) in fits.items()
    }
    title = f"Between heads, each from {num_projections} projections"
    return explorer.networks(network.field, panes, labels=labels, shape=truth.shape[1:3], title=title)


def by_projections(
    pictures: Mapping[str, Mapping[int, Float[np.ndarray, "n size size 1"]]],
    truth: Float[np.ndarray, "n size size 1"] | None,
    *,
    title: str,
    side: int = 190,
    position: Sequence[float] | None = None,
) -> explorer.Explorer:
    """Slices as reconstructed from more and more projections: ``pictures`` by pane and number of projections.

    One control chooses the number, another the slice, if there are several; the truth, where it is known, stands in a
    pane of its own.
    """
    numbers = list(next(iter(pictures.values())))
    count = len(next(iter(pictures.values()))[numbers[0]])
    panes = {name: np.stack([by_number[n] for n in numbers]) for name, by_number in pictures.items()}
    if truth is not None:
        panes["truth"] = np.repeat(truth[None], len(numbers), axis=0)
    controls = [_choice("Measured", [f"{n} projection{'s' * (n > 1)}" for n in numbers])]
    if count > 1:
        controls.append(_choice("Slice", [f"slice {i + 1}" for i in range(count)]))
    else:
        panes = {name: shown[:, 0] for name, shown in panes.items()}
    shown = {name: np.clip(pictures, 0, 1) for name, pictures in panes.items()}
    return explorer.frames(shown, controls=controls, title=title, side=side, position=position)


def _choice(name: str, labels: Sequence[str]) -> explorer.Control:
    """A slider that stops at each of ``labels``: what the steps of a fit have, with other words."""
    return explorer.Control("steps", name, tuple(labels), high=len(labels) - 1.0)


def from_few(*, seed: int = 0) -> explorer.Explorer:
    """One unseen phantom from 1, 2, 4 and 8 projections, from Standard and from the shipped start, beside the truth."""
    network = shipped.larger(seed=seed)
    truth = ct.load_signals(ct.PROFILES["quick"], "phantoms").test[:1]
    found = network.fits(truth, [(init, n) for init in network.starts for n in PROJECTIONS])
    pictures = {plots.LABELS[init]: {n: found[init, n][0] for n in PROJECTIONS} for init in network.starts}
    four = float(PROJECTIONS.index(4))
    return by_projections(pictures, truth, title="A slice from a few projections", position=[four])


FOUR_PROJECTIONS = Section(
    title="A slice from four projections",
    paragraph="A scanner measures projections: sums along parallel lines, from many angles. Here are very few of "
    "them, of a head (a random Shepp-Logan phantom) that nobody trained on. From random weights "
    "(Standard) the fit explains four projections with shapes that no head has. From weights learned on "
    "other heads (Reptile) it explains them with a head.",
    notebook="02_ct_reconstruction",
    make=from_few,
)

SCAN = Section(
    title="What a scanner measures",
    paragraph="A random Shepp-Logan phantom. Turn it: the sums down its columns are one projection, and the "
    "projections of half a turn, one below the other, are the sinogram. Every ellipse draws a wave.",
    notebook="02_ct_reconstruction",
    make=lambda: scan(ct.load_signals(ct.PROFILES["quick"], "phantoms").test[0]),
)

HEADS = Section(
    title="Between reconstructions from four projections",
    paragraph="Three phantoms, each reconstructed by a network of 4 × 64 from four projections only: from random "
    "weights (Standard) and from weights learned on other phantoms (Reptile). The triangle mixes their "
    "weights.",
    notebook="02_ct_reconstruction",
    make=between_reconstructions,
)

SECTIONS = (FOUR_PROJECTIONS, SCAN, HEADS)
