# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/learnit/blob/main/notebooks/05_your_own_signals.ipynb)

# %% [markdown]
# # Your own signals: the sound of plucked strings
#
# Nothing in the method is about pictures. A *signal* is any function of a position, and a *class* any set of signals
# that resemble each other. Here the position is a moment in time, and the class is what a pickup hears of a plucked
# string; take it as the pattern for signals of your own. Learned weights fit a string that nobody trained on in
# **two** gradient steps, and we judge them as the paper judges its pictures: against five other ways to start, each
# with its best step size, and two controls that fit nothing.
#
# **You will be able to** meta-train an initialisation on a class of your own, and say whether it learned anything.
# **You should know** notebook 01: inner and outer loop, MAML, PSNR.
#
# | profile | machine | time | what it trains | signal |
# |---|---|---|---|---|
# | `quick` | 2 CPU cores | about 1 minute | SIREN 4 × 128, 1200 outer steps | 256 samples |
# | `standard` | a T4-class GPU | not measured | SIREN 5 × 128, 10,000 outer steps | 512 samples |
# | `paper` | a large GPU | not measured | the paper's network and training for pictures | 4096 samples |

# %% tags=["colab"]
# @title In Colab: installs the package
import importlib
import os
import subprocess
import sys
import tempfile

if "google.colab" in sys.modules or os.environ.get("LEARNIT_COLAB"):
    # Colab has most packages. What it has stays as it is: every version is held while the project is installed.
    pip = [sys.executable, "-m", "pip"]
    listed = subprocess.run([*pip, "list", "--format=freeze"], capture_output=True, text=True, check=True).stdout
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as constraints:
        constraints.writelines(line + "\n" for line in listed.split() if not line.startswith("learnit=="))
    project = os.environ.get("LEARNIT_WHEEL", "git+https://github.com/OWNER/learnit")
    subprocess.run([*pip, "install", "--quiet", "-c", constraints.name, project], check=True)
    importlib.invalidate_caches()

# %% tags=["parameters"]
import time

started = time.perf_counter()

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display

from learnit_core import evaluate, metrics, plots
from learnit_core.experiments import fits, regression, strings, tuned
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.strings import explorers
from learnit_core.experiments.strings.record import STRINGS

SEED = 0  # @param {type:"integer"}
settings = Settings.from_env()
profile = STRINGS.profile(settings)
folder = settings.out / "05_your_own_signals"
gallery = plots.Gallery(folder / "figures")

# %% [markdown]
# ## 1. A class of signals
#
# All that the method asks for are three arrays of numbers in [0, 1], `[signals, samples, channels]`: strings to train
# on, others to choose step sizes by, others to test. Put your own in the place of ours; they may have any number of
# dimensions. Notice how different two strings are. If the nearest training string were a good answer for a test
# string, there would be nothing to learn.

# %%
splits = strings.load_signals(profile, settings.data or "plucked")
field = strings.field_for(profile)
time_axis = np.arange(profile.size) / profile.size
figure, panels = plt.subplots(2, 3, figsize=(9, 3.6), sharex=True, sharey=True, layout="constrained")
for panel, signal in zip(panels.flat, splits.train[:6], strict=True):
    panel.plot(time_axis, signal[:, 0], color="#20507f", linewidth=1)
figure.supxlabel("time")
figure.supylabel("displacement")
gallery.show(figure, "signals", alt="Six strings: waves of quite different pitch, shape and loudness.")
print(
    f"{len(splits.train)} to train on, {len(splits.validation)} to choose by, {len(splits.test)} to test. {splits.note}"
)

# %% [markdown]
# ## 2. Meta-training
#
# MAML: take two gradient steps on a string, look at the error *after* them, and move the weights that the steps began
# from so that this error falls. Reptile moves them towards where the steps ended. Watch the validation score: it is
# that of strings which are not trained on, after two steps.

# %%
learned, histories = {}, {}
for init, algorithm in STRINGS.algorithms.items():
    _, learned[init], histories[init] = STRINGS.meta_train(
        profile, splits, algorithm, seed=SEED, folder=folder / "checkpoints"
    )
figure, panel = plt.subplots(figsize=(6, 3), layout="constrained")
for init, history in histories.items():
    panel.plot(*zip(*history.validation, strict=True), color=plots.COLOURS[init], label=plots.LABELS[init], marker=".")
panel.set(xlabel="outer step", ylabel="PSNR after two steps [dB]", title="Unseen strings while we train")
panel.legend()
gallery.show(
    figure, "meta_training", alt="Validation PSNR during both trainings: both rise, MAML's to far above Reptile's."
)

# %% [markdown]
# ## 3. The table
#
# *Mean* begins at weights that already output the class's mean, *Matched* at other weights with MAML's output, and
# *Shuffled* at MAML's own weights in another order: if what was learned were the output at the start, or the
# distribution of the weights, these would do as well. Every row has the step size that was best for it on the
# validation strings.

# %%
made, reached = regression.starts(profile, field, splits, learned, seed=SEED)
chosen = tuned.chosen("strings", profile.name, splits.name, borrowed="plucked")["full"]
about = {"experiment": "strings", "seed": SEED}
rows, curves = regression.table_rows(
    profile, field, splits.test, made, chosen, trained_on=splits.name, data=splits.name, **about
)
rows += regression.control_rows(splits, **about)
display(Markdown(regression.markdown(rows, STRINGS.labels)))
scores = {row["init"]: row["psnr_per_signal"] for row in rows if row["in_table"]}
gap = evaluate.paired_interval(scores["meta-maml"], scores["standard"])
print(f"MAML over Standard: {gap.mean:+.1f} dB, 95 % interval [{gap.low:+.1f}, {gap.high:+.1f}]")

# %% [markdown]
# ## 4. Two steps, drawn
#
# One test string (light), and what each network says of it (dark) after 0, 1, 2 and 10 steps. Then the same under a
# slider, and below it the way between two fitted strings: the slider mixes the *weights* of two networks.

# %%
shown = {"Standard": "standard", "MAML": "meta-maml"}
num_steps = min(10, profile.limit)
figure, panels = plt.subplots(2, 4, figsize=(10, 3.6), sharex=True, sharey=True, layout="constrained")
for row, (title, init) in zip(panels, shown.items(), strict=True):
    task = regression.tasks(splits.test[:1])
    sounds = fits.fit_all(explorers.sounds, field, made[init][:1], task, chosen[init].setting, num_steps).curves[0]
    for panel, step in zip(row, (0, 1, 2, num_steps), strict=True):
        panel.plot(time_axis, splits.test[0, :, 0], color="#f0b070", linewidth=3)
        panel.plot(time_axis, sounds[step], color="#20507f", linewidth=1)
        panel.set_title(f"{title}, {step} step{'' if step == 1 else 's'}", fontsize=10)
gallery.show(
    figure,
    "two_steps",
    alt="After two steps MAML's curve covers the string; Standard's has its outline, without the detail.",
)
display(explorers.fit_in_steps({init: made[init][0] for init in shown.values()}, field, splits.test[0], splits.name))
ends = {
    title: explorers.fitted(field, made[init][0], splits.test[:2], chosen[init].setting)
    for title, init in shown.items()
}
display(explorers.between(field, ends, profile.size))
report = metrics.write(
    folder / "metrics.json",
    notebook="05_your_own_signals",
    profile=profile.name,
    seed=SEED,
    precision=field.spec["precision"],
    seconds={
        "meta_train": sum(history.seconds for history in histories.values()),
        "total": time.perf_counter() - started,
    },
    results=rows,
)
print(f"{len(rows)} results in metrics.json after {report['seconds']['total']:.0f} s")

# %% [markdown]
# ## Exercises
#
# Each has three parts. *Predict*: write down what you expect, before you see it. *Do*: put your code in the place of
# `...`. Then run the check: it calls your function with random inputs, new ones each time, and says what is wrong in one
# sentence. All that a function needs comes in as arguments; use those, and nothing from the cells above.

# %% tags=["exercises"]
import jax
import jax.numpy as jnp
import numpy as np

from learnit_core import models
from learnit_core.teaching import checks

# %% [markdown]
# ### Exercise 1: positions in any dimension
#
# *Predict:* a film has 4 frames of 8 × 8 pixels. How many positions does a network for it have to be asked at, to show it
# once? *Do:* make the positions of a grid with any number of dimensions. Along an axis of `n` entries they are
# 0, 1/n, …, (n − 1)/n, and the **last** axis runs fastest, as in `array.reshape(-1)`.

# %% tags=["exercise"]
prediction_1 = ...  # a number


def my_positions(sizes):
    """Positions [points, dimensions] of a grid of these sizes, for example ``(4, 8, 8)``."""
    return ...  # your code


# %% tags=["check"]
checks.positions(my_positions, prediction_1)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_1 = 256
#
#
# def my_positions(sizes):
#     axes = [np.arange(n) / n for n in sizes]
#     return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(sizes))
# ```
#
# Without `indexing="ij"`, numpy swaps the first two axes: a square picture comes out mirrored at its diagonal, and nothing warns.
# </details>

# %% [markdown]
# ### Exercise 2: a network for another kind of signal
#
# *Predict:* a network stores how the wind blows over a map: two numbers, east and north, at each place. How many numbers go in,
# and how many come out? *Do:* make a SIREN for a signal, an array with one axis for each dimension and a last one for channels,
# by `models.siren(in_dim, out_dim, width=16, depth=3)`.

# %% tags=["exercise"]
prediction_2 = ...  # two numbers: (in, out)


def my_field(signal):
    """The field for one signal [*sizes, channels]: an array with any number of dimensions before its channels."""
    return ...  # your code


# %% tags=["check"]
checks.field_for(my_field, prediction_2)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_2 = (2, 2)
#
#
# def my_field(signal):
#     return models.siren(signal.ndim - 1, signal.shape[-1], width=16, depth=3)
# ```
#
# Nothing else of the method depends on the dimension: the same loss, the same inner and outer loop.
# </details>

# %% [markdown]
# ### Exercise 3: decibels of metres
#
# Heights of a map go from 0 to 1000 metres, not from 0 to 1. The PSNR then takes the peak into account:
# $10 \log_{10}(\text{peak}^2 / \text{MSE})$. *Predict:* the peak is 1000 m, and every height is wrong by 10 m. What is the PSNR?
# *Do:* go the other way: which error (the root of the mean square, in the signal's unit) belongs to a PSNR?

# %% tags=["exercise"]
prediction_3 = ...  # a number [dB]


def my_error(psnr, peak):
    """The root mean squared error, in the unit of ``peak``, of a signal with this PSNR [dB]."""
    return ...  # your code


# %% tags=["check"]
checks.error_of(my_error, prediction_3)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_3 = 40
#
#
# def my_error(psnr, peak):
#     return peak * 10 ** (-psnr / 20)
# ```
#
# Always say the peak: with the peak 1 the same error would have a PSNR of −20 dB.
# </details>

# %% [markdown]
# ### Exercise 4: three splits
#
# *Predict:* why not choose the step size by the **test** signals, if all starts get the same chance? The scores would come
# out … *Do:* divide the numbers 0 … n − 1 at random into three groups: `n // 10` to validate on, `n // 10` to test on, and all
# others to train on. The same seed gives the same groups, another seed others.

# %% tags=["exercise"]
prediction_4 = ...  # "too high", "too low" or "unchanged"


def my_splits(n, seed):
    """Three arrays of numbers below ``n``, for training, validation and test; none is in two of them."""
    return ...  # your code: np.random.default_rng(seed)


# %% tags=["check"]
checks.splits(my_splits, prediction_4)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_4 = "too high"
#
#
# def my_splits(n, seed):
#     order, few = np.random.default_rng(seed).permutation(n), n // 10
#     return order[2 * few :], order[:few], order[few : 2 * few]
# ```
#
# The best of many settings on few signals is partly luck, and luck does not carry over to new signals. The check draws scores
# that are nothing but noise, and shows by how much the best of nine looks better than it is.
# </details>

# %% [markdown]
# ### Exercise 5: is the class too easy?
#
# A table needs two controls that fit nothing: the mean of the training signals, and the nearest of them. *Predict:* a class has
# sines of one frequency with random phases. Which is nearer to a new signal of it, if there are 200 to train on? *Do:* find for
# each test signal the training signal with the smallest mean squared difference.

# %% tags=["exercise"]
prediction_5 = ...  # "the mean" or "the nearest"


def my_nearest(train, test):
    """Numbers [tests] of the nearest training signals: ``train`` [n, samples, c] and ``test`` [tests, samples, c]."""
    return ...  # your code


# %% tags=["check"]
checks.nearest(my_nearest, prediction_5)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_5 = "the nearest"
#
#
# def my_nearest(train, test):
#     squared = (test[:, None] - train[None]) ** 2
#     return squared.mean(axis=(2, 3)).argmin(axis=1)
# ```
#
# Such a class is too easy: with enough signals to train on, looking one up is as good as fitting. A class is worth a table if
# the nearest training signal is a poor answer.
# </details>
