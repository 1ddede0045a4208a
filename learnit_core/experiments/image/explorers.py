"""Explorers of image regression made from what is shipped, without any training: for the gallery."""

from collections.abc import Sequence

import numpy as np

from learnit_core import explorer, weights
from learnit_core.experiments import baselines, image
from learnit_core.experiments.image import fitting, interpolation, table
from learnit_core.structures import rows

NUM_STEPS = 20
"""Gradient steps that the explorer of a fit shows."""


def fit_in_steps(data: str = "text", *, seed: int = 0) -> explorer.Explorer:
    """The first unseen picture of a class, fitted step by step from Standard and from MAML, beside the truth."""
    field, start, _ = weights.pretrained(image.SHIPPED["standard"][data]["meta-maml"])
    truth = image.large_test(data, count=1)
    settings = table.tuned_settings("standard", data).after_two_steps
    starts = {"standard": baselines.standard(field, seed=seed), "meta-maml": start}
    panes = {  # a network's values may leave [0, 1], which a picture's may not
        title: image.frames(field, starts[init], truth, settings[init], NUM_STEPS)[0].clip(0, 1)
        for title, init in {"Standard": "standard", "MAML": "meta-maml"}.items()
    }
    panes["truth"] = np.repeat(truth, NUM_STEPS + 1, axis=0)
    return explorer.frames(
        panes, controls=[explorer.fit_steps(range(NUM_STEPS + 1))], title=f"Fitting a new picture of {data}", side=220
    )


def between_fits(size: str, data: str, count: int, labels: Sequence[str], *, seed: int = 0) -> explorer.Explorer:
    """The first ``count`` unseen pictures of a class, all fitted to one PSNR from Standard and from MAML, and mixed.

    ``size`` is the profile whose shipped initialisation is taken.
    """
    field, start, _ = weights.pretrained(image.SHIPPED[size][data]["meta-maml"])
    if size == "standard":
        truth = image.large_test(data, count=count)
    else:
        truth = image.load_signals(image.PROFILES[size], data).test[:count]
    starts = {"standard": baselines.standard(field, seed=seed), "meta-maml": start}
    panes = {}
    for title, variant in {"Standard": "Standard, SGD 1e-2", "MAML": "MAML, SGD 3e-3"}.items():
        init, setting = interpolation.VARIANTS[variant]
        fitted = interpolation.fit_to(field, starts[init], truth, setting).params
        panes[title] = [rows(fitted, i) for i in range(count)]
    return explorer.networks(field, panes, labels=labels, shape=truth.shape[1:3], title=f"Between pictures of {data}")


FIT = """
<h2>Images: a new picture in two gradient steps</h2>
<p>Random text that nobody trained on, 64 × 64. Drag the steps: from random weights (Standard) hardly anything is there
after two, from the learned ones (MAML) the picture is.</p>
"""

TWO_STRINGS = """
<h2>Images: between two networks</h2>
<p>Two strings, each fitted by a network of 5 × 256 to 30 dB. The slider mixes their <em>weights</em>, not their
pictures. From random weights the way leads through noise; from the learned ones every place in between shows a clean
mixture.</p>
"""

THREE_FACES = """
<h2>Images: between three faces</h2>
<p>Three photographs of faces, 25 × 25, a network of 4 × 128 each. For this smooth class Standard mixes well, too.</p>
"""

YOURS = """
<h2>Images: something of your own</h2>
<p>Type a word or draw something. It is fitted here, in your browser, from weights that MAML learned on random text and
from random ones. After two steps it is there on the left. Then draw a second one, and walk between the weights of both.
At another rate than the one it was learned with, the left one is soon lost, too.</p>
"""


def sections() -> list[tuple[str, explorer.Explorer | explorer.Fitting]]:
    """The gallery's part of image regression: HTML, and the explorer that belongs below it."""
    return [
        (FIT, fit_in_steps("text")),
        (TWO_STRINGS, between_fits("standard", "text", 2, ("first string", "second string"))),
        (THREE_FACES, between_fits("quick", "faces", 3, ("first face", "second face", "third face"))),
        (YOURS, fitting.of_your_own()),
    ]
