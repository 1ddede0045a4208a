"""Explorers of strings: a fit step by step, and what lies between two fitted networks, drawn as curves."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from learnit_core import evaluate, explorer, losses, plots, weights
from learnit_core.evaluate import Setting
from learnit_core.experiments import baselines, fits, regression, strings, tuned
from learnit_core.structures import Field, Params, rows

SHIPPED = "strings-plucked-quick-maml"
NUM_STEPS = 20
"""Gradient steps that the explorer of a fit shows."""
SHAPE = (120, 240)


def sounds(field, tasks):
    """What a fit of strings descends, and, to be drawn, the signal on its way."""
    del tasks
    return losses.regression_loss(field), lambda params, seen: field.apply(params, seen.coords)


def fit_in_steps(starts: Mapping[str, Params], field: Field, signal: np.ndarray, data: str) -> explorer.Explorer:
    """One string [samples, 1], fitted step by step from each of ``starts`` (by row of the table) over the truth."""
    settings = tuned.chosen("strings", "quick", data, borrowed="plucked")["full"]
    panes = {}
    for title, init in {"Standard": "standard", "MAML": "meta-maml"}.items():
        task, setting = regression.tasks(signal[None]), settings[init].setting
        seen = fits.fit_all(sounds, field, [starts[init]], task, setting, NUM_STEPS).curves[0]
        panes[title] = np.stack([explorer.drawn(s, height=SHAPE[0], width=SHAPE[1], truth=signal) for s in seen])
    return explorer.frames(panes, controls=[explorer.fit_steps(range(NUM_STEPS + 1))], title="Fitting a new string")


def two_steps(
    starts: Mapping[str, Params], field: Field, signal: np.ndarray, data: str, *, steps: Sequence[int] = (0, 1, 2)
) -> Figure:
    """One string [samples, 1] (light), and what the network says of it (dark) after ``steps`` of a fit.

    A row for each of ``starts``, by row of the table, with the step size that was tuned for it.
    """
    settings = tuned.chosen("strings", "quick", data, borrowed="plucked")["full"]
    figure = Figure(figsize=(2.8 * len(steps), 1.9 * len(starts)), layout="constrained")
    panels = figure.subplots(len(starts), len(steps), sharex=True, sharey=True, squeeze=False)
    for row, (init, start) in zip(panels, starts.items(), strict=True):
        task = regression.tasks(signal[None])
        seen = fits.fit_all(sounds, field, [start], task, settings[init].setting, max(steps)).curves[0]
        for panel, step in zip(row, steps, strict=True):
            db = evaluate.psnr(seen[step], signal)
            panel.plot(np.arange(len(signal)) / len(signal), signal[:, 0], color="#f0b070", linewidth=4)
            panel.plot(np.arange(len(signal)) / len(signal), seen[step][:, 0], color="#20507f", linewidth=1.2)
            panel.set_title(f"{plots.LABELS[init]}, {plots.steps_label(step)}: {db:.1f} dB", fontsize=11)
            panel.set(xticks=[], yticks=[], ylim=(-0.05, 1.05))
    return figure


def fitted(field: Field, start: Params, signals: np.ndarray, setting: Setting) -> list[Params]:
    """The networks of ``signals`` [n, samples, 1], each fitted in ``NUM_STEPS``."""
    params = fits.fit_all(regression.measures, field, [start], regression.tasks(signals), setting, NUM_STEPS).params
    return [rows(params, i) for i in range(len(signals))]


def between(field: Field, panes: Mapping[str, Sequence[Params]], size: int) -> explorer.Explorer:
    """From the weights of one fitted string to those of another: the curve of each mixture."""
    coords = jnp.arange(size)[:, None] / size

    def render(params, *, height, width):
        return explorer.drawn(np.asarray(field.apply(params, coords)), height=height, width=width)

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
