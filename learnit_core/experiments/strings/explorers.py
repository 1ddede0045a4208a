"""Explorers of strings: a fit step by step, and what lies between two fitted networks, drawn as curves."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from learnit_core import evaluate, explorer, losses, plots, weights
from learnit_core.evaluate import Setting
from learnit_core.experiments import baselines, fits, regression, strings, tuned
from learnit_core.experiments.section import Section
from learnit_core.structures import Field, Params, rows

SHIPPED, DATA = "strings-plucked-quick-maml", "plucked"
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
    return explorer.frames(
        panes, controls=[explorer.fit_steps(range(NUM_STEPS + 1))], title="Fitting a new string", position=[2.0]
    )


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


def shipped() -> tuple[Field, dict[str, Params], np.ndarray]:
    """The field, Standard and the shipped start, and two unseen strings."""
    field, learned, _ = weights.pretrained(SHIPPED)
    two = strings.load_signals(strings.PROFILES["quick"], DATA).test[:2]
    return field, {"standard": baselines.standard(field), "meta-maml": learned}, two


def shipped_steps() -> explorer.Explorer:
    """An unseen string, fitted step by step from Standard and from the shipped start."""
    field, starts, two = shipped()
    return fit_in_steps(starts, field, two[0], DATA)


def shipped_between() -> explorer.Explorer:
    """Between two unseen strings, fitted from Standard and from the shipped start."""
    field, starts, two = shipped()
    settings, panes = tuned.chosen("strings", "quick", DATA, borrowed=DATA)["full"], {}
    for title, init in {"Standard": "standard", "MAML": "meta-maml"}.items():
        panes[title] = fitted(field, starts[init], two, settings[init].setting)
    return between(field, panes, strings.PROFILES["quick"].size)


TWO_STEPS = Section(
    title="Sounds: a new string in two steps",
    paragraph="A plucked string that nobody trained on (light), and what the network says of it (dark). After two "
    "steps from random weights (Standard) the outline is there; from the learned ones (MAML) the whole "
    "string.",
    notebook="05_your_own_signals",
    make=shipped_steps,
)

BETWEEN = Section(
    title="Sounds: between two strings",
    paragraph="Two strings, each fitted in twenty steps. The slider mixes the networks' <em>weights</em>.",
    notebook="05_your_own_signals",
    make=shipped_between,
)

SECTIONS = (TWO_STEPS, BETWEEN)
