"""Explorers of computed tomography: how a sinogram comes about, and what lies between reconstructions."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from learnit_core import explorer, tomography, weights
from learnit_core.experiments import baselines, ct
from learnit_core.experiments.ct import table
from learnit_core.structures import rows


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
    )


def between_reconstructions(
    num_projections: int = 4, labels: Sequence[str] = ("first head", "second head", "third head"), *, seed: int = 0
) -> explorer.Explorer:
    """Unseen phantoms, each reconstructed from a few projections from Standard and from the shipped start, mixed."""
    field, learned, _ = weights.pretrained(ct.SHIPPED["long"]["phantoms"]["meta-reptile"])
    truth = ct.load_signals(ct.PROFILES["quick"], "phantoms").test[: len(labels)]
    tuned = table.tuned_settings("long", "phantoms").fits
    starts = {"standard": baselines.standard(field, seed=seed), "meta-reptile": learned}
    most, panes = ct.PROFILES["long"].limit(num_projections), {}
    for title, init in {"Standard": "standard", "Reptile": "meta-reptile"}.items():
        setting, steps, _ = tuned[init][num_projections]
        _, fitted = ct.reconstruct(field, starts[init], truth, num_projections, setting, steps, most=most)
        panes[title] = [rows(fitted, i) for i in range(len(labels))]
    title = f"Between heads, each from {num_projections} projections"
    return explorer.networks(field, panes, labels=labels, shape=truth.shape[1:3], title=title)


SCAN = """
<h2>Computed tomography: what a scanner measures</h2>
<p>A random Shepp-Logan phantom. Turn it: the sums down its columns are one projection, and the projections of half a
turn, one below the other, are the sinogram. Every ellipse draws a wave.</p>
"""

HEADS = """
<h2>Computed tomography: between reconstructions from four projections</h2>
<p>Three phantoms, each reconstructed by a network of 4 × 64 from four projections only: from random weights (Standard)
and from weights learned on other phantoms (Reptile). The triangle mixes their weights.</p>
"""


def sections() -> list[tuple[str, explorer.Explorer]]:
    """The gallery's part of computed tomography: HTML, and the explorer that belongs below it."""
    truth = ct.load_signals(ct.PROFILES["quick"], "phantoms").test[0]
    return [(SCAN, scan(truth)), (HEADS, between_reconstructions())]
