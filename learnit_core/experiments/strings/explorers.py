"""Explorers of strings: a fit step by step, and what lies between two fitted networks, drawn as curves."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from learnit_core import explorer, losses, weights
from learnit_core.evaluate import Setting
from learnit_core.experiments import baselines, fits, regression, strings, tuned
from learnit_core.structures import Field, Params, rows

SHIPPED = "strings-plucked-quick-maml"
NUM_STEPS = 20
"""Gradient steps that the explorer of a fit shows."""
SHAPE = (120, 240)
_FINER = 3  # a curve is drawn larger and then reduced, which smooths it


def drawn(
    values: Float[np.ndarray, " samples"], *, height: int, width: int, truth: np.ndarray | None = None
) -> Float[np.ndarray, "{height} {width} 3"]:
    """A signal of values in [0, 1] as a dark curve on white, over a light one of the ``truth`` if that is given."""
    picture = Image.new("RGB", (_FINER * width, _FINER * height), "white")
    pen = ImageDraw.Draw(picture)
    for signal, colour, thick in ((truth, "#f0b070", 3), (values, "#20507f", 1)):
        if signal is not None:
            x = np.linspace(0, picture.width - 1, len(signal))
            y = (0.95 - 0.9 * np.clip(signal, 0, 1)) * picture.height
            pen.line(list(map(tuple, np.stack([x, y], axis=1))), fill=colour, width=thick * _FINER, joint="curve")
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX), np.float32) / 255


def sounds(field, tasks):
    """What a fit of strings descends, and, to be drawn, the signal on its way."""
    del tasks
    return losses.regression_loss(field), lambda params, seen: field.apply(params, seen.coords)[:, 0]


def fit_in_steps(starts: Mapping[str, Params], field: Field, signal: np.ndarray, data: str) -> explorer.Explorer:
    """One string [samples, 1], fitted step by step from each of ``starts`` (by row of the table) over the truth."""
    settings = tuned.chosen("strings", "quick", data, borrowed="plucked")["full"]
    panes = {}
    for title, init in {"Standard": "standard", "MAML": "meta-maml"}.items():
        task, setting = regression.tasks(signal[None]), settings[init].setting
        seen = fits.fit_all(sounds, field, [starts[init]], task, setting, NUM_STEPS).curves[0]
        panes[title] = np.stack([drawn(s, height=SHAPE[0], width=SHAPE[1], truth=signal[:, 0]) for s in seen])
    return explorer.frames(panes, controls=[explorer.fit_steps(range(NUM_STEPS + 1))], title="Fitting a new string")


def fitted(field: Field, start: Params, signals: np.ndarray, setting: Setting) -> list[Params]:
    """The networks of ``signals`` [n, samples, 1], each fitted in ``NUM_STEPS``."""
    params = fits.fit_all(regression.measures, field, [start], regression.tasks(signals), setting, NUM_STEPS).params
    return [rows(params, i) for i in range(len(signals))]


def between(field: Field, panes: Mapping[str, Sequence[Params]], size: int) -> explorer.Explorer:
    """From the weights of one fitted string to those of another: the curve of each mixture."""
    coords = jnp.arange(size)[:, None] / size

    def render(params, *, height, width):
        return drawn(np.asarray(field.apply(params, coords))[:, 0], height=height, width=width)

    labels = ("first string", "second string")
    control = {"labels": labels, "shape": SHAPE, "title": "Between two strings"}
    return explorer.networks(field, panes, render=render, engine="frames", frame_counts=(21,), **control)


FIT = """
<h2>Sounds: a new string in two gradient steps</h2>
<p>A plucked string that nobody trained on (light), and what the network says of it (dark). After two steps from random
weights (Standard) the outline is there; from the learned ones (MAML) the whole string.</p>
"""

BETWEEN = """
<h2>Sounds: between two strings</h2>
<p>Two strings, each fitted in twenty steps. The slider mixes the networks' <em>weights</em>.</p>
"""


def sections() -> list[tuple[str, explorer.Explorer]]:
    """The gallery's part of strings: HTML, and the explorer that belongs below it."""
    field, learned, _ = weights.pretrained(SHIPPED)
    profile, data = strings.PROFILES["quick"], "plucked"
    two = strings.load_signals(profile, data).test[:2]
    starts = {"standard": baselines.standard(field), "meta-maml": learned}
    settings, panes = tuned.chosen("strings", "quick", data, borrowed=data)["full"], {}
    for title, init in {"Standard": "standard", "MAML": "meta-maml"}.items():
        panes[title] = fitted(field, starts[init], two, settings[init].setting)
    return [(FIT, fit_in_steps(starts, field, two[0], data)), (BETWEEN, between(field, panes, profile.size))]
