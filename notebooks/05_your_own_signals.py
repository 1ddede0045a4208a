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
# # Your own signals
#
# Nothing in the method is about pictures. A *signal* is any function of a position, and a *class* any set of signals that
# resemble each other. Below, the position is a moment in time, and the signal what a pickup hears of a plucked string. No
# network has heard this one before. The upper row begins at random weights (*Standard*), the lower one at learned weights
# (*MAML*); each takes two gradient steps, with the step size that suits it best. **What must the lower row know about
# strings, before it hears this one? And would it work for signals of yours: sounds, maps, boxes of densities?**

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
    listed = subprocess.run([*pip, "list", "--format=freeze"], capture_output=True, encoding="utf-8", check=True).stdout
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False, encoding="utf-8") as constraints:
        constraints.writelines(line + "\n" for line in listed.split() if not line.startswith("learnit=="))
    project = os.environ.get("LEARNIT_WHEEL", "git+https://github.com/OWNER/learnit")
    subprocess.run([*pip, "install", "--quiet", "-c", constraints.name, project], check=True)
    importlib.invalidate_caches()

# %% tags=["setup"]
# @title Set-up
import functools

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from IPython.display import Markdown, display

from learnit_core import evaluate, explorer, losses, meta, models, plots, signals, teaching, training, weights
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import fits, regression, tuned
from learnit_core.experiments.strings import explorers
from learnit_core.experiments.strings.record import STRINGS
from learnit_core.fit import fit
from learnit_core.structures import rows
from learnit_core.teaching import drawing
from learnit_core.tuning import Chosen, tune

# %% tags=["parameters", "setup"]
# @title Choices
PROFILE = ""  # @param ["", "quick", "standard", "paper"]
SHOWN = "heights"  # @param ["chirps", "heights", "blobs"]
SEED = 0  # @param {type:"integer"}
KEEP_ON_DRIVE = False  # @param {type:"boolean"}

# %%
lesson = teaching.begin("05_your_own_signals", profile=PROFILE, keep_on_drive=KEEP_ON_DRIVE)
network, shipped, _ = weights.pretrained("strings-plucked-quick-maml")
unheard = STRINGS.load_signals(STRINGS.profiles["quick"], "plucked").test[0]
starts = {"standard": network.init(jax.random.key(SEED)), "meta-maml": shipped}
figure = explorers.two_steps(starts, network, unheard, "plucked")
alt = "From random weights (Standard) two steps leave a rough outline; from learned ones (MAML) the curve is on the string."
lesson.gallery.show(figure, "first", alt=alt)

# %% [markdown]
# Before its first step the second network knows nothing of this string, and its curve is no string at all. What it
# knows is where in the space of weights strings are close by: from there, two steps lead to any of them. That place was
# learned from other strings. In this notebook we learn it ourselves, first for strings, then for arrays of your own.
#
# **You will be able to**
#
# - meta-train an initialisation for a class of arrays of your own, in one, two or three dimensions;
# - say whether anything was learned: against random weights that are tuned as carefully, and two controls;
# - say in the signals' own unit (metres, pascals) how large an error is;
# - say what can be read from the weights of many fitted networks, and what cannot;
# - save what was learned, and load it again.
#
# **You should know** notebook [00](00_start_here.ipynb): inner and outer loop, MAML, Reptile, PSNR.
#
# | profile | machine | time | what it trains on strings | signal |
# |---|---|---|---|---|
# | `quick` | 2 CPU cores | about 3 minutes | SIREN 4 × 128, 1200 outer steps | 256 samples |
# | `standard` | a T4-class GPU | not measured | SIREN 5 × 128, 10,000 outer steps | 512 samples |
# | `paper` | a large GPU | not measured | the paper's network and training for pictures | 4096 samples |
#
# What is trained on your own arrays, from section 5 on, is the same in all profiles.
#
# <details><summary>Your own data, Colab and Drive</summary>
#
# Your own arrays go into section 5, as a dictionary. In Colab, upload a file with the folder symbol on the left and read
# it with `np.load`, `scipy.io.wavfile.read` or `skimage.io.imread`.
#
# In the form above, leave `PROFILE` empty to take the environment variable `LEARNIT_PROFILE`, or `quick`. `SHOWN` is the
# class of section 8's slider. In Colab, `KEEP_ON_DRIVE` puts results and checkpoints on your drive; run the notebook
# again after an interruption, and the training of strings goes on where it stopped.
#
# </details>

# %% [markdown]
# ## 1. A class of signals
#
# All that the method asks for are three arrays of numbers in [0, 1], `[signals, samples, channels]`: strings to train
# on, others to choose step sizes by, others to test. Here are six of them. Notice how different two strings are. If the
# nearest training string were a good answer for a test string, there would be nothing to learn.

# %%
profile = STRINGS.profile(lesson.settings)
splits = STRINGS.load_signals(profile, lesson.settings.data or "plucked")
figure, panels = plt.subplots(2, 3, figsize=(9, 3.6), sharex=True, sharey=True, layout="constrained")
for panel, signal in zip(panels.flat, splits.train[:6], strict=True):
    panel.plot(splits.places[:, 0], signal[:, 0], color="#20507f", linewidth=1)
figure.supxlabel("time")
figure.supylabel("displacement")
lesson.gallery.show(figure, "signals", alt="Six strings: waves of quite different pitch, shape and loudness.")
print(", ".join(f"{len(part)} {name}" for name, part in zip(("train", "validation", "test"), splits[1:4], strict=True)))
print(splits.note)

# %% [markdown]
# ## 2. Two loops
#
# The **loss** is the mean of the squared differences between what a network says and what the string does. The **inner
# loop** takes two gradient steps on one string. The **outer loop** moves the weights that the steps began from: MAML along
# the gradient of the loss *after* the steps, Reptile towards where the steps ended. (Each of `meta.maml` and
# `meta.reptile` gives that loss, and a direction for Adam to subtract.) Both are here for one string, from random weights.
# Do they agree on where to go? An angle of 0° would be the same direction; at 90° they have nothing in common.
#
# The package calls a network a **field**: `field.init(key)` makes random weights, `field.apply(weights, positions)` gives
# values. A string to be fitted is a **task**; `rows(tasks, 0)` is the first of several.

# %%
field = STRINGS.field_for(profile, splits)
loss = losses.regression_loss(field)
adapt = meta.adapt_with(loss, optax.sgd(profile.inner_rate), profile.inner_steps)  # the inner loop
one_string, key, ways = rows(splits.tasks(splits.train[:1]), 0), jax.random.key(SEED), {}
for algorithm in (meta.maml, meta.reptile):
    error, ways[algorithm] = jax.jit(algorithm(loss, adapt))(field.init(key), one_string, key)
    print(f"{algorithm.__name__:8} loss after the inner loop {error:.4f}")
a, b = (np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(way)]) for way in ways.values())
print(f"angle between their directions: {np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))):.0f}°")

# %% [markdown]
# The loss is the same, the directions are not. `STRINGS.meta_train` repeats such a step many times, on a few strings
# each, and keeps a checkpoint; its outer loop is written out in section 6. Watch the validation score: it is that of
# strings which are not trained on, after two steps. MAML's need not rise all the time: while the outer rate is large, an
# outer step can undo what was learned (notebook 00, section 6), and the rate falls to zero at the end.

# %%
learned, histories = {}, {}
for init, algorithm in STRINGS.algorithms.items():
    _, learned[init], histories[init] = STRINGS.meta_train(
        profile, splits, algorithm, seed=SEED, folder=lesson.folder / "checkpoints"
    )
scores = {init: history.validation for init, history in histories.items()}
figure = plots.training_curves(scores, title="Unseen strings while we train")
alt = "Validation PSNR during both trainings: both rise, MAML's to far above Reptile's."
lesson.gallery.show(figure, "meta_training", alt=alt)

# %% [markdown]
# ## 3. Was anything learned?
#
# A score alone says little. *Standard* are random weights. *Mean* begins at weights that already output the class's mean,
# *Matched* at other weights with MAML's output, and *Shuffled* at MAML's own weights in another order: if what was
# learned were the output at the start, or the distribution of the weights, these would do as well. Two controls fit
# nothing: the mean of the training strings, and the nearest of them. The loop is the whole protocol: every start, with the
# setting that was best for it on the validation strings, fits every unseen string. (`fits.mean_curves` fits and scores,
# `rows_for` makes rows of the table.)

# %%
made, reached = regression.starts(profile, field, splits, learned, seed=SEED)
chosen = tuned.chosen("strings", profile.name, splits.name, borrowed="plucked")["full"]
about = {"experiment": "strings", "trained_on": splits.name, "data": splits.name, "seed": SEED}
unseen, table = splits.tasks(splits.test), []
for init in STRINGS.inits:
    curve = fits.mean_curves(regression.measures, field, made[init], unseen, chosen[init].setting, profile.limit)
    table += regression.rows_for(init, curve, chosen[init], profile.inner_steps, **about)
table += regression.control_rows(splits, experiment="strings", seed=SEED)
display(Markdown(regression.markdown(table, STRINGS.labels)))


def gap(table):
    """MAML over Standard [dB]: the mean of the differences, signal by signal, and its 95 % interval."""
    scores = {row["init"]: row["psnr_per_signal"] for row in table if row["in_table"]}
    found = evaluate.paired_interval(scores["meta-maml"], scores["standard"])
    return f"MAML over Standard: {found.mean:+.1f} dB, 95 % interval [{found.low:+.1f}, {found.high:+.1f}]"


print(gap(table))

# %% [markdown]
# Notice the column *un-adapted*: before the first step, MAML's weights are no better than any others. So what was learned
# is not an average string. *Mean* begins with one, and gains little in two steps. Notice *Shuffled*, too: the right numbers
# in the wrong order are ahead of Standard, and behind MAML.
#
# ## 4. Two steps, drawn
#
# One test string (light), and what each network says of it (dark), with the weights that we have just learned. Below, the
# same under a slider, for more steps.

# %%
starts = {init: made[init][0] for init in ("standard", "meta-maml")}
shown_steps = (0, 1, 2, min(10, profile.limit))
figure = explorers.two_steps(starts, field, splits.test[0], splits.name, steps=shown_steps)
alt = "After two steps MAML's curve covers the string; Standard's has its outline, without the detail."
lesson.gallery.show(figure, "two_steps", alt=alt)
display(explorers.fit_in_steps(starts, field, splits.test[0], splits.name))

# %% [markdown]
# ## 5. A dictionary of arrays
#
# Now signals as *you* might have them: a dictionary of arrays by name, in a unit of its own. Ours are maps of a land that
# does not exist, heights in metres; put your own dictionary in their place. `signals.from_arrays` takes signals of one to
# three dimensions, with or without channels, deals them out to three splits, and brings values to [0, 1], since step
# sizes depend on the scale. It keeps the way back: `own.scale.restored` gives metres again.

# %%
arrays = signals.examples.heights(400)  # {"map 0": heights [32, 32], …}: your own dictionary goes here,
what, unit = "height", "m"  # and what its numbers are
own = signals.from_arrays(arrays, name="heights")
print(own.note)
truth, names = own.scale.restored(own.test[:4]), own.names["test"][:4]
ends = [f"{name}:\n{signal.min():.4g} to {signal.max():.4g} {unit}" for name, signal in zip(names, truth, strict=True)]
figure = drawing.beside(truth, ends, unit=f"{what} [{unit}]")
lesson.gallery.show(figure, "arrays", alt="Signals to test, each with its lowest and its highest value.")

# %% [markdown]
# What cannot be learned from is refused, in a sentence that says what to do. **Guess first** what is wrong with each of
# these three.

# %%
good = own.scale.restored(own.train[0])
wrong = {
    "with a lake": np.where(good < np.quantile(good, 0.02), np.nan, good),
    "in whole metres": good.round().astype(np.int16),
    "smaller": good[1:],
}
for name, array in wrong.items():
    try:
        signals.from_arrays({"as it was": good, name: array})
    except LearnitError as error:
        print(f"{error}.")

# %% [markdown]
# ## 6. Learning where to start
#
# This is all of it, from the core alone. The network has one input for each dimension and one output for each channel. Its
# `w0` sets how fast the signal can vary: too small, and everything is blurred; too large, and there is noise between the
# samples. The rate of the outer optimiser falls to zero, for the reason that notebook 00 shows.


# %%
def learn(own, w0, steps):
    """A SIREN for these signals, and the weights that MAML learned as its start."""
    net = models.siren(own.places.shape[1], own.channels, width=64, depth=4, w0=w0)
    loss = losses.regression_loss(net)
    adapt = meta.adapt_with(loss, optax.sgd(1e-2), num_steps=2)  # the inner loop
    adam = optax.adam(optax.cosine_decay_schedule(1e-3, steps))  # the outer one
    state, history = training.train(
        meta.maml(loss, adapt),  # the meta-gradient of one signal
        own.sampler(3),  # three signals for each outer step
        training.in_memory(own.train),  # what they are drawn from
        meta.init_state(net.init(jax.random.key(SEED)), adam),  # random weights, and Adam's averages
        jax.random.key(SEED + 1),  # for the draws
        optimizer=adam,
        num_steps=steps,
        progress=False,  # True shows a bar
    )
    print(f"{own.name}: {steps} outer steps in {history.seconds:.0f} s")
    return net, state.params


# %%
outer_steps = lesson.settings.cap(400)
net, start = learn(own, w0=30.0, steps=outer_steps)  # for signals of your own try another w0, too

# %% [markdown]
# ## 7. The table, again
#
# The same protocol as for the strings, with its tuning written out. First the score: how well a start does on each of
# several signals, with the optimiser and the rate that it is given. (Arguments that are no arrays, `net` and `optimizer`,
# are *static*: `jax.jit` compiles once for each of their values.)


# %%
@functools.partial(jax.jit, static_argnames=("net", "optimizer"))
def two_steps(net, start, tasks, optimizer, rate):
    """PSNR [dB] of each task after 0, 1 and 2 steps from ``start``, [tasks, 3]."""
    loss, score = losses.regression_loss(net), evaluate.regression_score(net, clip=False)
    step = Setting(optimizer, rate).build()
    return evaluate.curves(loss, score, start, tasks, jax.random.key(0), optimizer=step, num_steps=2)


# %% [markdown]
# Random weights are tuned as carefully as the learned ones: for both, `tune` tries every setting, that is, every optimiser
# and rate of a grid, on the **validation** signals. The one with the best mean after two steps meets the **test** signals,
# once.


# %%
def last(curves):
    """What a setting is chosen by: the mean PSNR [dB] after two steps."""
    return float(curves[:, -1].mean())


# %%
def compare(own, net, start):
    """Rows of the table, and the setting that was chosen for each start."""
    found, settings = [], {}
    about = {"experiment": "own", "trained_on": own.name, "data": own.name, "seed": SEED}
    for init, params in {"standard": net.init(jax.random.key(SEED + 2)), "meta-maml": start}.items():

        def tried(setting, params=params):
            return two_steps(net, params, own.tasks(own.validation), *setting)

        best = tune(tried, {"last": last})["last"].choice
        curves = np.asarray(two_steps(net, params, own.tasks(own.test), *best))
        found += regression.rows_for(init, curves, Chosen(best, 2, "validation"), 2, **about)
        settings[init] = best
    return found + regression.control_rows(own, experiment="own", seed=SEED), settings


found, settings = compare(own, net, start)
labels = STRINGS.labels | {"nearest-training": "control: nearest training signal"}
display(Markdown(regression.markdown(found, labels)))
print(gap(found))

# %% [markdown]
# And in metres? A network is fitted to the first test map in two steps, from either start, and what it says is brought
# back to heights. (If the root of the mean square error is `e` metres, the PSNR is 20 log₁₀(range / e); the range is the
# highest minus the lowest height of all training maps.)

# %%
starts, task = {"standard": net.init(jax.random.key(SEED + 2)), "meta-maml": start}, rows(own.tasks(own.test[:1]), 0)
shown, titles, loss, key = [truth[0]], [f"{names[0]}:\ntruth"], losses.regression_loss(net), jax.random.key(0)
for init, params in starts.items():
    fitted = fit(loss, params, task.support, key, optimizer=settings[init].build(), num_steps=2).params
    shown.append(own.scale.restored(net.apply(fitted, own.places)).reshape(truth[0].shape))
    error = np.sqrt(np.mean((shown[-1] - truth[0]) ** 2))
    titles.append(f"{plots.LABELS[init]}, {plots.steps_label(2)}:\n{error:.3g} {unit} off")
figure = drawing.beside(shown, titles, unit=f"{what} [{unit}]")
alt = "A map after two steps: blurred hills from random weights, hills and hollows in their places from learned ones."
lesson.gallery.show(figure, "in_metres", alt=alt)

# %% [markdown]
# Is that peculiar to maps? The same functions, unchanged, for calls of birds (one dimension, sound pressure in pascals)
# and for boxes with blobs in them (three dimensions, densities). Only `w0` is set for each class, so that random weights
# do well with it, too.

# %%
classes = {own.name: (own, net, start, settings)}
for name, w0 in {"chirps": 30.0, "blobs": 20.0}.items():
    other = signals.from_arrays(signals.examples.EXAMPLES[name](), name=name)
    print(other.note)
    other_net, other_start = learn(other, w0=w0, steps=outer_steps)
    more, chosen_here = compare(other, other_net, other_start)
    print(gap(more) + "\n")
    found, classes[name] = found + more, (other, other_net, other_start, chosen_here)

lines = ["| class | Standard | MAML | class mean | nearest training signal |", "|---|---|---|---|---|"]
for name in classes:
    cells = {row["init"]: row["psnr_db"] for row in found if row["in_table"] and row["data"] == name}
    columns = ("standard", "meta-maml", "class-mean", "nearest-training")
    lines.append(f"| {name} | " + " | ".join(f"{cells[init]:.1f}" for init in columns) + " |")
display(Markdown("\n".join(lines) + "\n\nPSNR [dB] of unseen signals after two steps."))

# %% [markdown]
# ## 8. Between two of your signals
#
# Two unseen signals of one class are fitted, twenty steps each. The slider mixes the *weights* of the two networks, and
# shows what the mixture says. (A box is shown by four slices; for another class, set `SHOWN` in the form at the top.)
# **Guess first**: is what lies half-way still a signal of the class? The cell prints how near the half-way signal is to
# the mean of the two ends.

# %%
own, net, start, settings = classes[SHOWN if SHOWN in classes else own.name]
together = own.tasks(own.test[:2]).support
panes, half_way = {}, {}
for init, params in {"standard": net.init(jax.random.key(SEED + 2)), "meta-maml": start}.items():
    run = functools.partial(fit, losses.regression_loss(net), params, optimizer=settings[init].build(), num_steps=20)
    a, b = panes[plots.LABELS[init]] = [run(rows(together, i), jax.random.key(0)).params for i in range(2)]
    middle = net.apply(weights.lerp(a, b, 0.5), own.places)
    mean = (net.apply(a, own.places) + net.apply(b, own.places)) / 2
    print(f"{plots.LABELS[init]:8} half-way, against the mean of the two ends: {evaluate.psnr(middle, mean):.1f} dB")

# %% [markdown]
# The slider needs a function that draws what a network says; `explorer.drawn` makes a picture of a signal of one to three
# dimensions.


# %%
def picture(params, *, height, width):
    """What the network with these weights says, drawn."""
    return explorer.drawn(
        np.asarray(net.apply(params, own.places)).reshape(own.test.shape[1:]), height=height, width=width
    )


shape = {1: (120, 240), 2: (160, 160), 3: (120, 480)}[len(own.shape)]
about = {"labels": own.names["test"][:2], "shape": shape, "title": "Between two signals"}
slider = explorer.networks(net, panes, render=picture, engine="frames", **about)
slider

# %% [markdown]
# The number is high where a mixture of weights is a mixture of signals. That alone makes no signal of the class: the mean of
# two maps may well be a map, the mean of two calls of different pitch is two calls at once. In notebook 01 the same is
# done with pictures that are fitted to one and the same score.
#
# ## 9. A set of networks
#
# A fitted network is a list of numbers: a point. Fit a network to each of many signals, all from one start, and you have
# a set of points, with which you can do what is done with any data: search it, classify it, draw a map of it. Below are
# ten photographs, each cut into 64 pieces. The left halves are *known*. **Guess first**: given a piece of a right half,
# can one tell which photograph it is from? And is that easier from its pixels or from its network's weights?

# %%
import shutil

from learnit_core import many, networks

photographs = signals.examples.photographs()  # ten of 256 x 256, grey
pieces = np.stack([p.reshape(8, 32, 8, 32).swapaxes(1, 2) for p in photographs.values()])  # [10, 8, 8, 32, 32]
known, unknown = (half.reshape(-1, 32, 32, 1) for half in (pieces[:, :, :4], pieces[:, :, 4:]))
owner = np.repeat(np.arange(10), 32)  # of the known and of the unknown pieces alike
figure = plots.picture_grid([list(photographs.values())[:5], list(photographs.values())[5:]])
alt = "Ten grey photographs: an astronaut, bricks, a man with a camera, a cat, a cup, coins, grass, gravel, the moon, a rocket."
lesson.gallery.show(figure, "photographs", alt=alt)

# %% [markdown]
# The start is learned from known pieces by the function of section 6. `many.fit_many` then fits all pieces, known and
# unknown, in one program; a `Recipe` says how. Three ways of fitting are compared: two steps from the learned start as it
# was trained, ten steps of Adam from it, and ten steps of Adam from random weights, the same for all pieces.

# %%
crops = signals.from_arrays(known, name="pieces")
piece_net, piece_start = learn(crops, w0=30.0, steps=lesson.settings.cap(200))


def as_task(piece):
    """What the loss reads of a piece [32, 32, 1]."""
    return rows(crops.tasks(piece[None]), 0).support


def recipe(optimizer, rate, steps):
    """How a piece is fitted, and that its PSNR is looked at in the end."""
    loss, score = losses.regression_loss(piece_net), evaluate.regression_score(piece_net)
    return many.Recipe(loss, Setting(optimizer, rate), lesson.settings.cap(steps), batch_of=as_task, score=score)


# %%
random, key = piece_net.init(jax.random.key(SEED + 3)), jax.random.key(SEED)
everything = crops.scale.normalised(np.concatenate([known, unknown]))
ways = {
    "learned start, 2 steps of SGD": (piece_start, recipe("sgd", 1e-2, 2)),
    "learned start, 10 steps of Adam": (piece_start, recipe("adam", 1e-3, 10)),
    "random weights, 10 steps of Adam": (random, recipe("adam", 1e-3, 10)),
}
points, networks_of = {"pixels": everything.reshape(len(everything), -1)}, {}
for name, (begin, how) in ways.items():
    fitted = many.fit_many(how, begin, everything, key)
    away = jax.tree.map(lambda a, b: np.asarray(a - b).reshape(len(a), -1), fitted.params, begin)
    points[name] = np.concatenate(jax.tree.leaves(away), axis=1)  # a row each: how far the fit went, weight by weight
    networks_of[name] = fitted.params
    print(f"{name:34} {points[name].shape[1]} numbers each, {fitted.scores.mean():.1f} dB")

# %% [markdown]
# Each row is now a *difference from the start*: which weights a piece moved, and by how much. (For pixels it is the
# piece.) Two judges, the simplest there are. The *nearest neighbour* names the photograph of the known piece that is
# closest. The *linear classifier* learns ten scores, each a weighted sum of a row's numbers, by ridge regression; its
# `ridge` is chosen on a third of the known pieces. A blind guess is right once in ten times.


# %%
def nearest(known, owner, unknown):
    """The owner of the known row that is closest to each unknown row."""
    squared = (known**2).sum(axis=1) - 2 * unknown @ known.T
    return owner[squared.argmin(axis=1)]


def linear(known, owner, unknown, ridge):
    """The owner with the highest linear score; scores are fitted to 1 for the true owner and 0 for the others."""
    mean, wanted = known.mean(axis=0), np.eye(10, dtype=np.float32)[owner]
    products = (known - mean) @ (known - mean).T
    penalty = ridge * np.trace(products) / len(known) * np.eye(len(known), dtype=np.float32)
    scores = (unknown - mean) @ (known - mean).T @ np.linalg.solve(products + penalty, wanted - wanted.mean(axis=0))
    return (scores + wanted.mean(axis=0)).argmax(axis=1)


# %%
apart = np.arange(len(owner)) % 3 == 0  # a third, to choose the ridge by
lines = ["| what is known of a piece | nearest neighbour | linear classifier |", "|---|---|---|"]
for name, rows_of in points.items():
    seen, new = np.split(rows_of, 2)

    def right(ridge, seen=seen):
        return (linear(seen[~apart], owner[~apart], seen[apart], ridge) == owner[apart]).mean()

    best = max((0.001, 0.01, 0.1, 1.0), key=right)
    cells = []
    for found_owner in (nearest(seen, owner, new), linear(seen, owner, new, best)):
        share = (found_owner == owner).mean()
        cells.append(f"{100 * share:.0f} ± {100 * np.sqrt(share * (1 - share) / len(new)):.0f} %")
    lines.append(f"| {name} | {' | '.join(cells)} |")
display(
    Markdown(
        "\n".join(lines) + f"\n\nRight answers for {len(owner)} unknown pieces, ± standard error as if they were "
        "independent. (They come from few photographs, so the true uncertainty is larger.)"
    )
)

# %% [markdown]
# Compare the rows, and mind the ±. Does the learned start make weights that tell more? Or is it how the fit is made? SGD
# goes far along what changes the picture most, and hardly at all along the rest; Adam takes equal steps along all
# weights, so that small differences between pieces become large enough for a linear judge. Then look at the map: each
# piece is a dot, coloured by its photograph, where its row lies along the two directions in which the rows differ most.

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for panel, name in zip(panels, ("pixels", "learned start, 10 steps of Adam"), strict=True):
    centred = points[name][: len(owner)] - points[name][: len(owner)].mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    for number, photograph in enumerate(photographs):
        mine = owner == number
        panel.scatter(*(u * s)[mine, :2].T, s=14, color=plt.cm.tab10(number), label=photograph)
    panel.set(
        title=name, xticks=[], yticks=[], xlabel=f"{100 * (s[:2] ** 2).sum() / (s**2).sum():.0f} % of all differences"
    )
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize=9)
alt = "Two maps of the known pieces: some photographs form clusters, most lie upon one another."
lesson.gallery.show(figure, "map", alt=alt)

# %% [markdown]
# A set is worth keeping. `networks.write` puts it into a folder that can be read a network at a time. (For a folder of
# pictures of yours, `make networks` learns a start, fits every picture and writes the set, and goes on after an
# interruption; searching, classifying and mapping are left to you.) The slider walks between any two of the set: change
# the names.

# %%
place, (_, how) = lesson.folder / "pieces", ways["learned start, 2 steps of SGD"]
shutil.rmtree(place, ignore_errors=True)  # what an earlier run kept
names = [f"{photograph}:{row},{column}" for photograph in photographs for row in range(8) for column in range(4)]


def some(first, number):
    """Fits of ``number`` known pieces, for `networks.write`."""
    return many.fit_many(how, piece_start, everything[first : first + number], key, first=first)


said = {"seed": SEED, "signals": crops.note, "outer_steps": lesson.settings.cap(200)}
said["fit"] = [*how.setting, how.num_steps]
kept = networks.write(place, piece_net, piece_start, some, len(names), said, names=names)
print(f"{len(kept)} networks, {sum(file.stat().st_size for file in place.iterdir()) / 1e6:.0f} MB")
ends = ("camera:2,2", "chelsea:2,1")
pair = [kept[kept.names.index(name)] for name in ends]
explorer.networks(kept.field, {"between two pieces": pair}, labels=ends, shape=(32, 32), title="Between two pieces")

# %% [markdown]
# ## 10. Keep what was learned
#
# A weights file describes itself: it holds the numbers, the network's settings, and what you say about them; here the
# scale, so that whoever loads it gets the signals' own unit. It is read again at once. (What could not be read again is
# refused when it is saved.)

# %%
file = lesson.folder / f"{own.name}.safetensors"
weights.save(file, net, start, {"signals": own.note, "scale": own.scale, "outer_steps": outer_steps, "seed": SEED})
loaded_net, loaded, said = weights.load(file)
before, after = net.apply(start, own.places), loaded_net.apply(loaded, own.places)
scale = signals.Scale(*said["scale"])
print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB; the same network: {bool(jnp.array_equal(before, after))}")
print(f"its output, in the signals' own unit: {scale.restored(after).min():.4g} to {scale.restored(after).max():.4g}")

# %% [markdown]
# ## 11. Exercises
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
# Without `indexing="ij"`, numpy swaps the first two axes: a square picture comes out mirrored at its diagonal, and nothing
# warns.
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

# %% [markdown]
# ## Summary
#
# For a class of your own you need signals of one shape, a network with as many inputs as they have dimensions, and two
# loops. Whether anything was learned is a question for unseen signals, with rivals tuned as carefully and controls that
# fit nothing. If MAML learns nothing for your class: look at how alike the signals are (the controls), at `w0`, and at the
# outer rate, in this order. [The paper](https://arxiv.org/abs/2012.02189) does the same for pictures, tomography and
# scenes: notebooks [01](01_image_regression.ipynb) to [04](04_phototourism.ipynb).

# %%
lesson.finish(table + found, profile=profile.name, seed=SEED, precision=field.spec["precision"], histories=histories)
