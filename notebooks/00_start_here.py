# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/learnit/blob/main/notebooks/00_start_here.ipynb)

# %% [markdown]
# # Start here: learning where to start
#
# A small network can *be* a picture: give it a position, and it returns the brightness there. To make it a picture of
# your choice you fit it, by gradient descent from random weights, in some hundred steps. **Could two steps do, if only
# they began in the right place?** And how would one find that place?
#
# This notebook writes out the whole answer in plain JAX: the network, its fit, and the two algorithms of the paper
# *Learned Initializations for Optimizing Coordinate-Based Neural Representations* (Tancik, Mildenhall et al., CVPR
# 2021), MAML and Reptile. Nothing that matters is hidden in a package; each of them takes ten lines.
#
# **You will be able to** write a coordinate-based network and fit it with `jax.grad`; write the inner and the outer
# loop of MAML; turn MAML into Reptile by leaving out one derivative; say why the outer learning rate has to fall.
# **You should know** what a derivative is, what gradient descent is, and numpy.
#
# It takes about fifty minutes to read and do; two processor cores compute for about four of them.

# %% tags=["colab"]
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

# %%
import os
import time
from pathlib import Path

started = time.perf_counter()

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from IPython.display import display

from learnit_core import plots, signals

SEED = 0
MOST = int(os.environ.get("LEARNIT_MAX_STEPS") or 10_000)  # a trial run cuts every loop short
folder = Path(os.environ.get("LEARNIT_OUT") or "out") / "00_start_here"
gallery = plots.Gallery(folder / "figures")  # shows figures, with a text for people who do not see them

# %% [markdown]
# ## 1. A signal, and a network that stores it
#
# Our first signal is a wave: 128 positions `x` between 0 and 1, and a value `y` at each. There is a whole *class* of
# such waves, each with a pitch, a loudness and a beginning of its own. Keep that word in mind.

# %%
x = jnp.arange(128)[:, None] / 128


def wave(rng):
    """One wave of the class: values [128, 1] around 0.5."""
    pitch, loudness, beginning = rng.uniform(2, 6), rng.uniform(0.2, 0.45), rng.uniform(0, 2 * np.pi)
    return np.float32(0.5 + loudness * np.sin(2 * np.pi * pitch * np.asarray(x) + beginning))


rng = np.random.default_rng(SEED)
waves, unseen_waves = np.stack([wave(rng) for _ in range(1000)]), np.stack([wave(rng) for _ in range(50)])
figure, panel = plt.subplots(figsize=(8, 2.4), layout="constrained")
panel.plot(x, waves[:4, :, 0].T, linewidth=2)
panel.set(xlabel="position x", ylabel="value y", title="Four signals of one class")
gallery.show(figure, "waves", alt="Four waves that differ in pitch, height and phase.")

# %% [markdown]
# The network is called **SIREN**: every layer multiplies by weights, adds biases, and takes a *sine*. It maps a position
# to a value; there is no other input. Where a usual network stores how to classify pictures, this one stores **one**
# signal, and to look at the signal is to evaluate the network everywhere. `W0` sets how fast it can vary.

# %%
W0 = 60.0


def siren(params, x):
    """Values [n, 1] at the positions x [n, dimensions]."""
    for w, b in params[:-1]:
        x = jnp.sin(W0 * (x @ w + b))
    w, b = params[-1]
    return x @ w + b + 0.5


def random_params(key, sizes):
    """Weights and biases of all layers, as the inventors of SIREN draw them."""
    params = []
    for i, (n, m) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        bound = 1 / n if i == 0 else np.sqrt(6 / n) / W0
        w = jax.random.uniform(jax.random.fold_in(key, i), (n, m), minval=-bound, maxval=bound)
        params.append((w, jnp.zeros(m)))
    return params


# %% [markdown]
# ## 2. Fitting it, and why two steps are not enough
#
# How wrong the network is, is the mean squared error over all positions. `jax.grad` gives its derivative by every weight
# at once, in the shape of `params`; a step of gradient descent subtracts a little of it. That is all of "training" a
# coordinate-based network.


# %%
def loss(params, x, y):
    return jnp.mean((siren(params, x) - y) ** 2)


@jax.jit
def step(params, x, y, rate):
    """One step of gradient descent."""
    grads = jax.grad(loss)(params, x, y)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads)


def psnr(error):
    """Mean squared error in decibels: +10 dB is a tenth of the error, 30 dB is hard to tell from the truth."""
    return -10 * jnp.log10(error)


random_start = random_params(jax.random.key(SEED), (1, 64, 64, 64, 1))
params, y, shown = random_start, unseen_waves[0], (0, 2, 20, min(500, MOST))
figure, panels = plt.subplots(1, 4, figsize=(11, 2.4), sharey=True, layout="constrained")
for i in range(shown[-1] + 1):
    if i in shown:
        panel = panels[shown.index(i)]
        panel.plot(x, y, color="#f0b070", linewidth=4)
        panel.plot(x, siren(params, x), color="#20507f")
        panel.set_title(f"{i} steps, {psnr(loss(params, x, y)):.1f} dB")
    params = step(params, x, y, 1e-2)
gallery.show(figure, "fit", alt="From random weights: after 2 steps the curve is far off, after 500 it is on the wave.")

# %% [markdown]
# Five hundred steps do it; after two there is hardly a hint. **Question.** The optimiser is fine, and so is the
# network. What could you change so that two steps are enough, for *any* wave of the class, also one that you have not
# seen yet? Only one thing is left: where the steps begin.
#
# ## 3. The idea: differentiate through the fit
#
# Call the start `params`. Two steps on a signal turn it into other weights: that is the **inner loop**, a function of
# `params`. How good they are is the loss *after* the steps. Averaged over signals, this is again a function of `params`,
# the **outer** loss. And what one does with a function of weights that should be small is known since section 2: take
# its gradient, and step downhill.


# %%
def inner(params, x, y, rate=1e-2, steps=2):
    """The inner loop: what the start ``params`` becomes when it is fitted to one signal."""
    for _ in range(steps):
        grads = jax.grad(loss)(params, x, y)
        params = jax.tree.map(lambda p, g: p - rate * g, params, grads)
    return params


def outer(params, x, ys):
    """How wrong the network is after the inner loop, averaged over several signals ys [signals, n, 1]."""
    return jnp.mean(jax.lax.map(lambda y: loss(inner(params, x, y), x, y), ys))


# %% [markdown]
# **`jax.grad(outer)` is MAML**, *model-agnostic meta-learning* (Finn et al., 2017). There is nothing more to it. The
# gradient runs backwards through both inner steps, through the gradients inside of them, to the weights where they
# began; that it needs derivatives of derivatives is JAX's business.
#
# What is left is the **outer loop**: draw a few signals, take the gradient of `outer`, let the optimiser Adam take a
# step with it. Watch the curve while it runs. It is measured on waves that are never trained on.


# %%
def meta_train(grad_of, params, x, train, score, *, steps, batch, rate, title, decay=True):
    """The outer loop; returns the learned start, and (outer step, score) along the way."""
    steps = min(steps, MOST)
    optimizer = optax.adam(optax.cosine_decay_schedule(rate, steps) if decay else rate)

    @jax.jit
    def outer_step(params, state, ys):
        updates, state = optimizer.update(grad_of(params, x, ys), state)
        return optax.apply_updates(params, updates), state

    rng, state, seen = np.random.default_rng(SEED), optimizer.init(params), [(0, float(score(params)))]
    live = display(title, display_id=True)
    for i in range(1, steps + 1):
        params, state = outer_step(params, state, train[rng.integers(0, len(train), batch)])
        if i % 25 == 0 or i == steps:
            seen.append((i, float(score(params))))
            live.update(curve(seen, title))
    return params, seen


def curve(seen, title):
    """The score along the way, as a figure."""
    figure, panel = plt.subplots(figsize=(6, 2.6), layout="constrained")
    panel.plot(*zip(*seen, strict=True), marker=".", color="#d55e00")
    panel.set(xlabel="outer step", ylabel="PSNR after two steps [dB]", title=title)
    plt.close(figure)
    return figure


# %%
@jax.jit
def score_waves(params):
    """PSNR after two steps, averaged over unseen waves."""
    return jnp.mean(psnr(jax.lax.map(lambda y: loss(inner(params, x, y), x, y), unseen_waves)))


maml_waves, _ = meta_train(
    jax.grad(outer), random_start, x, waves, score_waves, steps=300, batch=8, rate=1e-3, title="MAML on waves"
)
figure, panels = plt.subplots(2, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
for row, (name, start) in zip(panels, {"random start": random_start, "learned start": maml_waves}.items(), strict=True):
    for steps, panel in enumerate(row):
        panel.plot(x, y, color="#f0b070", linewidth=4)
        panel.plot(x, siren(inner(start, x, y, steps=steps), x), color="#20507f")
        panel.set_title(f"{name}, {steps} step{'' if steps == 1 else 's'}", fontsize=10)
gallery.show(
    figure, "two_steps", alt="Two steps from the random start change little; from the learned one they give the wave."
)

# %% [markdown]
# The learned start is no wave itself: look at it before its first step. It is a place in the space of weights from which
# *every* wave of the class is two steps away, also this one, which it was not trained on.
#
# ## 4. The same for pictures
#
# Nothing above knows that its signals were waves. Give the network two coordinates instead of one, and it stores a
# picture; `loss`, `inner`, `outer` and `meta_train` stay as they are, not a character changes. The class: lines of random
# text, 32 × 32 pixels, in random fonts. **Training, validation and test pictures are different ones.** We train on the
# first, choose step sizes on the second, and judge on the third.

# %%
text = signals.load("text", size=32, counts=(2000, 12, 20))
train, validation, test = (
    jnp.asarray(part).reshape(len(part), -1, 1) for part in (text.train, text.validation, text.test)
)
pixels = jnp.stack(jnp.meshgrid(*2 * [jnp.arange(32) / 32], indexing="ij"), axis=-1).reshape(-1, 2)
figure = plots.picture_grid([text.train[:8]])
gallery.show(figure, "text", alt="Eight small pictures of text, each with other letters.")


@jax.jit
def scores(params, ys, rate=1e-2):
    """PSNR of each picture after two steps from ``params``."""
    return psnr(jax.lax.map(lambda y: loss(inner(params, pixels, y, rate), pixels, y), ys))


# %% [markdown]
# Now train, by the same call as for waves. This is the longest cell of the notebook: a minute or so.

# %%
picture_start = random_params(jax.random.key(SEED), (2, 128, 128, 128, 1))


def score_text(params):
    """PSNR after two steps, averaged over the validation pictures."""
    return scores(params, validation).mean()


began = time.perf_counter()
how = {"steps": 350, "batch": 3, "rate": 3e-4, "title": "MAML on text"}
maml, seen = meta_train(jax.grad(outer), picture_start, pixels, train, score_text, **how)
seconds = time.perf_counter() - began
print(f"{seen[-1][0]} outer steps in {seconds:.0f} s")

# %% [markdown]
# Is that fair? The inner loop's rate, 1e-2, was what MAML trained with; random weights may want another one. So they get
# the best of nine, chosen on the validation pictures. Then both are judged on the **test** pictures, once.

# %%
rates = 10.0 ** np.arange(-4, 0.1, 0.5)
best = max(rates, key=lambda rate: float(jnp.nan_to_num(scores(picture_start, validation, rate), nan=0).mean()))
rows = {"Standard": (picture_start, best), "MAML": (maml, 1e-2)}
found = {name: np.asarray(scores(start, test, rate)) for name, (start, rate) in rows.items()}
for name, values in found.items():
    print(f"{name:9} {values.mean():5.1f} dB after two steps, mean of {len(test)} unseen pictures")
pictures = [
    [siren(inner(start, pixels, y, rate, steps), pixels).reshape(32, 32, 1) for y in test[:2] for steps in (0, 1, 2)]
    for start, rate in rows.values()
]
truth = [picture for one in text.test[:2] for picture in (None, None, one)]
columns = ["0 steps", "1 step", "2 steps"] * 2
figure = plots.picture_grid([*pictures, truth], row_labels=[*rows, "truth"], column_labels=columns)
gallery.show(figure, "pictures", alt="After two steps MAML's pictures can be read; those from random weights cannot.")

# %% [markdown]
# ## 5. Reptile: leave out a derivative
#
# MAML differentiates through the inner loop, and so must remember all of it. **Reptile** (Nichol et al., 2018) does not:
# run the inner loop, look where it ended, and move the start a little *towards* that place. As a gradient, to be
# subtracted by the optimiser, that is start minus end. Mind the sign: the other way round, the start would flee.


# %%
def reptile(params, x, ys):
    """What stands in for a gradient: the start minus where the inner loop ends, averaged over signals."""
    ends = jax.lax.map(lambda y: inner(params, x, y), ys)
    return jax.tree.map(lambda p, end: p - end.mean(axis=0), params, ends)


reptile_waves, _ = meta_train(
    reptile, random_start, x, waves, score_waves, steps=300, batch=8, rate=1e-3, title="Reptile on waves"
)
for name, start in {"random": random_start, "Reptile": reptile_waves, "MAML": maml_waves}.items():
    print(f"{name:8} {score_waves(start):5.1f} dB after two steps, unseen waves")

# %% [markdown]
# Reptile learns, and less than MAML with as many outer steps: nothing in it asks for a low loss *after two steps*, only
# for a start that lies near the solutions. Where the inner loop is long, as in tomography and view synthesis, that is
# enough, and the memory that it saves decides.
#
# ## 6. The outer rate has to fall
#
# In `meta_train` the rate of the outer optimiser falls along a cosine from its first value to zero. We said nothing of
# that so far. **Guess first**: what happens if it stays at 3e-4? Below are 150 outer steps of that, live, and
# then curves of 600 outer steps that were run beforehand.

# %%
how |= {"steps": 150, "decay": False, "title": "The same rate all along"}
_, short = meta_train(jax.grad(outer), picture_start, pixels, train, score_text, **how)

# %%
# Every 50 outer steps, PSNR after two steps on the validation pictures; `python docs/studies/outer_rate.py` made these.
STORED = {
    "constant 3e-4": [20.9, 24.8, 25.4, 25.9, 24.2, 21.3, 20.6, 21.9, 22.2, 20.8, 20.2, 17.0],
    "constant 1e-4": [17.2, 21.3, 23.4, 25.2, 26.7, 27.8, 28.4, 29.1, 29.4, 30.0, 30.3, 30.6],
    "falling from 3e-4": [21.0, 24.9, 25.3, 25.3, 24.4, 27.1, 29.0, 29.6, 30.1, 30.3, 30.4, 30.4],
}
figure, panel = plt.subplots(figsize=(7, 3), layout="constrained")
for name, values in STORED.items():
    panel.plot(50 * np.arange(1, len(values) + 1), values, marker=".", label=name)
panel.plot(*zip(*short[1:], strict=True), color="black", linestyle=":", label="constant 3e-4, just now")
panel.set(xlabel="outer step", ylabel="PSNR after two steps [dB]")
panel.legend()
gallery.show(
    figure, "outer_rate", alt="With the constant rate of 3e-4 the score collapses; falling from there it rises."
)

# %% [markdown]
# The constant rate *destroys* what it has learned. Two steps at a rate of 1e-2 are at the edge of what is stable, on
# purpose, because large steps get far; a start that is moved a little too far falls off that edge. A smaller constant
# rate holds, and learns more slowly at first. A falling one has both. The paper takes 1e-5, constant, and 150,000 outer steps.
#
# ## 7. The same from the package
#
# The other notebooks call `learnit_core`. It says the same with two functions: `meta.adapt_with` is the inner loop, and
# `meta.maml` the gradient of the loss behind it, for one signal. Hold them against your own.

# %%
from learnit_core import meta
from learnit_core.structures import Task


def keyed_loss(params, batch, key):
    """Our loss as the package calls it; the key is for losses that draw some of the pixels."""
    return loss(params, *batch)


signal = (pixels, test[0])
task = Task(support=signal, query=signal)  # what the inner loop sees, and what the outer loss looks at
maml_of_the_package = meta.maml(keyed_loss, meta.adapt_with(keyed_loss, optax.sgd(1e-2), 2))
_, theirs = jax.jit(maml_of_the_package)(picture_start, task, jax.random.key(0))
ours = jax.jit(jax.grad(outer))(picture_start, pixels, test[:1])
apart = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max() / jnp.abs(b).max()), theirs, ours)
print(f"largest difference of the two gradients, relative: {max(jax.tree.leaves(apart)):.0e}")

# %% [markdown]
# ## Exercises
#
# 1. **One step, or four.** Train with `inner(..., steps=1)` and with four steps, on waves. How good is each after one,
#    two and four steps at test time? What does a start that was trained for two steps do after ten?
# 2. **Off the class.** Fit the learned start for waves to a straight line, and to a wave with a pitch of 12. When does it
#    help no longer?
# 3. **First-order MAML.** Wrap the inner gradients in `jax.lax.stop_gradient`. How much of MAML's lead over Reptile is
#    left, and how much faster is an outer step?
#
# **Where next.** [01](01_image_regression.ipynb): pictures, against four other ways to start, and what interpolation
# between weights shows · [02](02_ct_reconstruction.ipynb): tomography from a few projections ·
# [03](03_view_synthesis.ipynb): an object from one photograph · [04](04_phototourism.ipynb): a landmark in changing
# light · [05](05_your_own_signals.ipynb): signals of your own.

# %%
from learnit_core import metrics

about = {"experiment": "start-here", "data": "text", "split": "test", "observations": "full", "seed": SEED}
about |= {"steps": 2, "optimizer": "sgd", "tuned_on": "validation", "in_table": True}
results = [
    metrics.row(
        **about,
        init={"Standard": "standard", "MAML": "meta-maml"}[name],
        trained_on={"Standard": None, "MAML": "text"}[name],
        learning_rate=float(rows[name][1]),
        psnr_per_signal=values,
    )
    for name, values in found.items()
]
seconds = {"maml": seconds, "total": time.perf_counter() - started}
metrics.write(
    folder / "metrics.json",
    notebook="00_start_here",
    profile="quick",
    seed=SEED,
    precision="default",
    seconds=seconds,
    results=results,
)
print(f"{seconds['total']:.0f} s in all")
