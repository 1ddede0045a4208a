# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/learnit/blob/main/notebooks/00_start_here.ipynb)

# %% [markdown] tags=["slide"]
# # Start here: learning where to start
#
# A small network can *be* a picture: give it a position, and it returns the brightness there. To make it a picture of
# your choice you fit it, by gradient descent from random weights, in tens to hundreds of steps. **Could two steps do, if
# only they began in the right place?** And how would one find that place?
#
# This notebook writes out the whole answer in plain JAX: the network, its fit, and the two algorithms of the paper
# *Learned Initializations for Optimizing Coordinate-Based Neural Representations* (Tancik, Mildenhall et al., CVPR
# 2021), MAML and Reptile. Nothing that matters is hidden in a package; each algorithm takes ten lines.
#
# **You will be able to** write a coordinate-based network and fit it with `jax.grad`; write the inner and the outer
# loop of MAML; say what Reptile does instead; say what goes wrong if the outer learning rate stays large.
# **You should know** what a derivative is, what gradient descent is, and numpy.
#
# It takes about fifty minutes to read and do; two processor cores compute for about two of them.

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

# %% [markdown] tags=["slide"]
# ## 1. A signal, and a network that stores it
#
# Our first signal is a wave: 128 positions `x` between 0 and 1, and a value `y` at each. There is a whole *class* of
# such waves, each with a frequency, an amplitude and a phase of its own. Keep that word in mind.

# %% tags=["slide-more"]
x = jnp.arange(128)[:, None] / 128


def wave(rng):
    """One wave of the class: values [128, 1] around 0.5."""
    frequency, amplitude, phase = rng.uniform(2, 6), rng.uniform(0.2, 0.45), rng.uniform(0, 2 * np.pi)
    return np.float32(0.5 + amplitude * np.sin(2 * np.pi * frequency * np.asarray(x) + phase))


rng = np.random.default_rng(SEED)
waves, unseen_waves = np.stack([wave(rng) for _ in range(1000)]), np.stack([wave(rng) for _ in range(50)])
figure, panel = plt.subplots(figsize=(8, 2.4), layout="constrained")
panel.plot(x, waves[:4, :, 0].T, linewidth=2)
panel.set(xlabel="position x", ylabel="value y", title="Four signals of one class")
gallery.show(figure, "waves", alt="Four waves that differ in frequency, height and phase.")

# %% [markdown]
# A **network** is a chain of **layers**. A layer multiplies a vector by a matrix of *weights* and adds a vector of
# *biases*; then comes a function that is not linear. All these weights and biases together, `params`, are what a fit
# changes. For short, all of them are called **the weights**.

# %% [markdown] tags=["slide"]
# Our network is a **SIREN**: every layer but the last multiplies by weights, adds biases, and takes a *sine*. It
# maps a position to a value; there is no other input. Where a usual network stores how to classify pictures, this one
# stores **one** signal, and to look at the signal is to evaluate the network everywhere. `W0` sets how fast the signal
# can vary: with a small `W0` it can only bend slowly.
#
# Some words of JAX that come now: `jnp` is its numpy; `jax.grad(f)` is the derivative of `f`; `jax.jit(f)` is `f` itself,
# compiled, which makes it fast; `jax.tree.map(f, a, b)` applies `f` to every pair of arrays in two lists of the same shape;
# `jax.lax.map(f, ys)` applies `f` to each of `ys` in turn, and stacks the results along a new first axis; a `key` is a
# seed, and `fold_in(key, i)` makes the i-th new seed of it.

# %% tags=["slide", "slide-code"]
W0 = 60.0


def siren(params, x):
    """Values [n, 1] at the positions x [n, dimensions]."""
    for w, b in params[:-1]:
        x = jnp.sin(W0 * (x @ w + b))
    w, b = params[-1]
    return x @ w + b + 0.5  # so that small weights give values in the middle between 0 and 1


# %% [markdown]
# `params` is a list with a pair of arrays for each layer, and nothing more. The random ones are scaled such that from the
# second layer on all sines get arguments of about the same size.


# %%
def random_params(key, sizes):
    """Random weights, scaled as in the SIREN paper, and zero biases: a pair of arrays for each layer."""
    params = []
    for i, (n, m) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        bound = 1 / n if i == 0 else np.sqrt(6 / n) / W0
        w = jax.random.uniform(jax.random.fold_in(key, i), (n, m), minval=-bound, maxval=bound)
        params.append((w, jnp.zeros(m)))
    return params


random_start = random_params(jax.random.key(SEED), (1, 64, 64, 64, 1))
print("shapes of weights and biases:", [(w.shape, b.shape) for w, b in random_start])

# %% [markdown] tags=["slide"]
# ## 2. Fitting it, and why two steps are not enough
#
# The error is the mean of the squared differences over all positions. `jax.grad` gives its derivative with respect to
# every weight at once, in the same shape as `params`. A step of gradient descent subtracts a multiple of it; the factor
# is the **rate**. That is all of "training" a coordinate-based network.
#
# Errors are shown in decibels, as *peak signal-to-noise ratio*, **PSNR**. For values between 0 and 1 it is −10 log₁₀ of
# this error, and higher is better: an error of 0.1 is 10 dB, 0.01 is 20 dB, 0.001 is 30 dB, which is hard to tell from
# the truth.


# %% tags=["slide", "slide-code"]
def loss(params, x, y):
    return jnp.mean((siren(params, x) - y) ** 2)


def step(params, x, y, rate):
    """One step of gradient descent."""
    grads = jax.grad(loss)(params, x, y)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads)


def psnr(error):
    return -10 * jnp.log10(error)


# %% tags=["slide"]
fast_step = jax.jit(step)
params, example, shown = random_start, unseen_waves[0], (0, 2, 20, min(500, MOST))
figure, panels = plt.subplots(1, 4, figsize=(11, 2.6), sharey=True, layout="constrained")
for i in range(shown[-1] + 1):
    if i in shown:
        panel = panels[shown.index(i)]
        panel.plot(x, example, color="#f0b070", linewidth=4, label="signal")
        panel.plot(x, siren(params, x), color="#20507f", label="network")
        panel.set_title(f"{i} steps: {psnr(loss(params, x, example)):.1f} dB")
    params = fast_step(params, x, example, 1e-2)
panels[0].legend(loc="lower left", fontsize=9)
gallery.show(figure, "fit", alt="From random weights: far off after 2 steps, close after 20, on the wave after 500.")

# %% [markdown] tags=["slide-more"]
# (To try another `W0`, run all cells from there to here: `jax.jit` has compiled the old one into `fast_step`.)
#
# After two steps the humps are in the right places and far too low; twenty come close; hundreds are exact. **Question.**
# Gradient descent works, and the network can hold the wave. What could you change so that two steps are enough, for *any*
# wave of the class, also one that you have not seen yet? Only one thing is left: where the steps begin.
#
# ## 3. The idea: differentiate through the fit
#
# Call the start `params`. Two steps on a signal turn it into other weights: that is the **inner loop**, a function of
# `params`. How good the start is, is the loss *after* the steps. Averaged over signals, this is again a function of
# `params`, the **outer** loss. And we know from section 2 how to make a function of the weights small: take its
# gradient, and step downhill.


# %% tags=["slide", "slide-code"]
def inner(params, x, y, rate=1e-2, steps=2):
    """The inner loop: what the start ``params`` becomes when it is fitted to one signal."""
    for _ in range(steps):
        params = step(params, x, y, rate)
    return params


def after(params, x, y, rate=1e-2, steps=2):
    """The error that is left after the inner loop."""
    return loss(inner(params, x, y, rate, steps), x, y)


def outer(params, x, ys, rate=1e-2, steps=2):
    """The same, averaged over several signals ys [signals, n, 1]."""
    return jnp.mean(jax.lax.map(lambda y: after(params, x, y, rate, steps), ys))


# %% [markdown] tags=["slide"]
# **`jax.grad(outer)` is MAML**, *model-agnostic meta-learning* (Finn et al., 2017): "meta" because it learns how to
# learn. There is nothing more to it. The gradient runs backwards through both inner steps, through the gradients inside
# of them, to the weights where they began; that it needs derivatives of derivatives, JAX handles. (In general the outer
# loss may look at other samples of a signal, the *query*, than the inner loop saw, the *support*. Here both are the
# whole signal.)

# %% [markdown]
# For *one* inner step you can do it by hand. Let $L$ be the loss, $r$ the rate, $g = \nabla L(\theta)$ the gradient at the
# start $\theta$, and $\theta' = \theta - r\,g$ where the step leads. By the chain rule
#
# $$\nabla_\theta\, L\big(\theta - r\,\nabla L(\theta)\big) = (I - r H)\,\nabla L(\theta'),$$
#
# with the identity $I$ and the matrix $H$ of second derivatives of $L$ at $\theta$. `jax.grad` never builds this matrix,
# but it does account for it.

# %% [markdown] tags=["slide-more"]
# What is left is the **outer loop**. Bare, it is four lines: draw a few signals, a **batch**, take the gradient of `outer`,
# and let the optimiser Adam take a step with it. Adam keeps running averages of gradients in `state`.

# %% [markdown]
# An **optimiser** turns gradients into steps. Plain gradient descent is one; it is called **SGD**. **Adam**, here from the
# library `optax`, averages each weight's gradient and its square, and divides the one by the root of the other. So all
# weights move at about the same pace, and gradients that are all ten times as large make the same step.

# %% tags=["slide", "slide-code"]
adam = optax.adam(1e-3)
params, state = random_start, adam.init(random_start)
outer_grad = jax.jit(jax.grad(outer))
for i in range(min(10, MOST)):
    ys = waves[8 * i : 8 * i + 8]
    updates, state = adam.update(outer_grad(params, x, ys), state)
    params = optax.apply_updates(params, updates)
print(f"two steps from a random start: {psnr(outer(random_start, x, unseen_waves)):.1f} dB on unseen waves,")
print(f"after ten outer steps:         {psnr(outer(params, x, unseen_waves)):.1f} dB")

# %% [markdown]
# It works. For the rest of the notebook, here is the same loop with random batches and a curve to watch. Two things are
# new. `grad_of(params, x, ys)` may be *any* function that returns a gradient; and the rate of Adam falls along a
# cosine from its first value to zero, unless we ask it not to. Section 6 shows why. Watch the curve while it runs: it is
# `score(params)`, measured on signals that are never trained on.


# %%
def curve(seen, title):
    """The score along the way, as a figure."""
    steps, values = zip(*seen, strict=True)
    figure, panel = plt.subplots(figsize=(6, 2.6), layout="constrained")
    panel.plot(steps, values, marker=".", color="#d55e00")
    panel.set(xlabel="outer step", ylabel="PSNR after two steps [dB]", title=title)
    plt.close(figure)
    return figure


# %%
def meta_train(grad_of, params, x, train, score, *, steps, batch, rate, title, decay=True):
    """The outer loop; returns the learned start, and (outer step, score) along the way."""
    steps = min(steps, MOST)
    adam = optax.adam(optax.cosine_decay_schedule(rate, steps) if decay else rate)
    rng, state, seen = np.random.default_rng(SEED), adam.init(params), [(0, float(score(params)))]
    live, grad_of = display(title, display_id=True), jax.jit(grad_of)
    advance = jax.jit(adam.update)
    for i in range(1, steps + 1):
        updates, state = advance(grad_of(params, x, train[rng.integers(0, len(train), batch)]), state)
        params = optax.apply_updates(params, updates)
        if i % 25 == 0 or i == steps:
            seen.append((i, float(score(params))))
            words = f"{title}: from {seen[0][1]:.1f} to {seen[-1][1]:.1f} dB in {i} outer steps."
            live.update(curve(seen, title), metadata={"image/png": {"alt": words}})
    return params, seen


# %%
@jax.jit
def each_wave(params, rate=1e-2):
    """PSNR of each unseen wave after two steps."""
    return psnr(jax.lax.map(lambda y: after(params, x, y, rate), unseen_waves))


def score_waves(params):
    return each_wave(params).mean()


maml_waves, _ = meta_train(
    jax.grad(outer), random_start, x, waves, score_waves, steps=300, batch=8, rate=1e-3, title="MAML on waves"
)

# %% tags=["slide"]
starts = {"random start": random_start, "learned start": maml_waves}
figure, panels = plt.subplots(2, 3, figsize=(10, 4), sharex=True, sharey=True, layout="constrained")
for row, name in zip(panels, starts, strict=True):
    for steps, panel in enumerate(row):
        panel.plot(x, example, color="#f0b070", linewidth=4)
        panel.plot(x, siren(inner(starts[name], x, example, steps=steps), x), color="#20507f")
        db = psnr(after(starts[name], x, example, steps=steps))
        panel.set_title(f"{name}, {steps} step{'' if steps == 1 else 's'}: {db:.1f} dB", fontsize=10)
gallery.show(
    figure, "two_steps", alt="Two steps from the random start change little; from the learned one they give the wave."
)
for name, start in starts.items():
    print(f"{name:13} after two steps: mean {each_wave(start).mean():.1f} dB, worst {each_wave(start).min():.1f} dB")

# %% [markdown]
# The learned start is no wave itself: look at it before its first step. It is a place in the space of weights from which
# *every* wave of the class is two steps away, to judge by the worst of fifty that it was not trained on.
#
# ## 4. The same for pictures
#
# Nothing above knows that its signals were waves. Give the network two coordinates instead of one, and it stores a
# picture; `loss`, `inner`, `outer` and `meta_train` stay as they are. The class: lines of random text, 32 × 32 pixels,
# in random fonts. **Training, validation and test pictures are different ones.** We train on the first, choose step
# sizes on the second, and judge on the third.

# %%
text = signals.load("text", size=32, counts=(2000, 12, 20))
train, validation, test = (
    jnp.asarray(part).reshape(len(part), -1, 1) for part in (text.train, text.validation, text.test)
)
down, across = jnp.meshgrid(jnp.arange(32) / 32, jnp.arange(32) / 32, indexing="ij")
pixels = jnp.stack([down.ravel(), across.ravel()], axis=1)
figure = plots.picture_grid([text.train[:8]])
gallery.show(figure, "text", alt="Eight small pictures of text, each with other letters.")

# %% [markdown]
# Now train, by the same call as for waves. This is the longest cell of the notebook.


# %%
@jax.jit
def each_text(params, ys, rate=1e-2):
    """PSNR of each picture after two steps from ``params``."""
    return psnr(jax.lax.map(lambda y: after(params, pixels, y, rate), ys))


def score_text(params):
    return each_text(params, validation).mean()


picture_start, began = random_params(jax.random.key(SEED), (2, 128, 128, 128, 1)), time.perf_counter()
maml, falling = meta_train(
    jax.grad(outer), picture_start, pixels, train, score_text, steps=400, batch=3, rate=3e-4, title="MAML on text"
)
seconds = time.perf_counter() - began
print(f"{falling[-1][0]} outer steps in {seconds:.0f} s")

# %% [markdown]
# Is the comparison fair? The inner loop's rate, 1e-2, was what MAML trained with; random weights may want another one. So
# both get the best of nine rates, chosen on the validation pictures (a rate that is too large gives no number at all).
# Then both are judged on the **test** pictures, once.

# %% tags=["slide"]
rates, chosen, found = 10.0 ** np.arange(-4, 0.1, 0.5), {}, {}
starts = {"random start": picture_start, "MAML": maml}
for name, start in starts.items():
    tried = [float(each_text(start, validation, rate).mean()) for rate in rates]
    chosen[name] = float(rates[np.nanargmax(tried)])
    found[name] = np.asarray(each_text(start, test, chosen[name]))
    print(
        f"{name:12} {found[name].mean():5.1f} dB after two steps at the rate {chosen[name]:.2g}: {len(test)} test pictures"
    )

# %% tags=["slide-more"]
grid = []
for name, start in starts.items():
    fits = [inner(start, pixels, y, chosen[name], steps) for y in test[:2] for steps in (0, 1, 2)]
    pictures = [siren(fit, pixels).reshape(32, 32, 1) for fit in fits]
    grid.append([*pictures[:3], text.test[0], *pictures[3:], text.test[1]])
figure = plots.picture_grid(grid, row_labels=list(starts), column_labels=["0 steps", "1 step", "2 steps", "truth"] * 2)
gallery.show(figure, "pictures", alt="After two steps MAML's pictures can be read; those from random weights cannot.")

# %% [markdown] tags=["slide"]
# ## 5. Reptile: no derivative through the fit
#
# MAML differentiates through the inner loop. The chain rule goes back from the last step to the first and needs what each
# of them computed, so all of that must be kept in memory. **Reptile** (Nichol et al., 2018) keeps nothing: it runs the
# inner loop, looks where it ended, and moves the start a little towards that place, `params + small * (end - params)`. To
# hand it to Adam, which *subtracts*, we give it start minus end. Mind the sign: the other way round, the start would flee.
# Why may that stand in for a gradient? With two inner steps, start − end is the rate times the sum of the two gradients
# that were taken on the way.


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
# Reptile learns, and less than MAML with as many outer steps and the same rates, which nobody tuned for it. Nothing in it
# asks for a low loss *after two steps*; it asks for a start that lies near the solutions. Notebooks 02 and 03 have longer
# inner loops, where that is enough and where saving memory matters more.
#
# ## 6. The outer rate must not stay large
#
# `meta_train` lets the outer rate fall to zero. **Guess first**: what happens if it stays at 3e-4? The next cell trains
# 150 outer steps that way, from the same start and on the same pictures as in section 4.

# %%
_, constant = meta_train(
    jax.grad(outer),
    picture_start,
    pixels,
    train,
    score_text,
    steps=150,
    batch=3,
    rate=3e-4,
    decay=False,
    title="Constant",
)

# %% [markdown]
# In the figure, the left panel compares this training with that of section 4, which goes on to 400 outer steps. The right
# one has curves of 600 outer steps, which were run beforehand on other random pictures and weights. Colours mean the same
# in both. Look for the place where blue and green part.

# %%
# PSNR every 50 outer steps; `python docs/studies/outer_rate.py` made these.
STORED = {
    "constant 3e-4": [20.9, 24.8, 25.4, 25.9, 24.2, 21.3, 20.6, 21.9, 22.2, 20.8, 20.2, 17.0],
    "constant 1e-4": [17.2, 21.3, 23.4, 25.2, 26.7, 27.8, 28.4, 29.1, 29.4, 30.0, 30.3, 30.6],
    "falling from 3e-4": [21.0, 24.9, 25.3, 25.3, 24.4, 27.1, 29.0, 29.6, 30.1, 30.3, 30.4, 30.4],
}
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.2), sharey=True, layout="constrained")
for name, seen in {"constant 3e-4": constant, "falling from 3e-4": falling}.items():
    left.plot(*zip(*seen[1:], strict=True), marker=".", label=name, color={"c": "#0072b2", "f": "#009e73"}[name[0]])
for (name, values), colour in zip(STORED.items(), ("#0072b2", "#e69f00", "#009e73"), strict=True):
    right.plot(50 * np.arange(1, 13), values, marker=".", label=name, color=colour)
left.set(xlabel="outer step", ylabel="PSNR after two steps [dB]", title="this notebook")
right.set(xlabel="outer step", title="600 outer steps, stored")
right.legend(loc="center left", bbox_to_anchor=(1, 0.5))
gallery.show(
    figure, "outer_rate", alt="With the constant rate of 3e-4 the score collapses; falling from there it rises."
)

# %% [markdown]
# A constant 3e-4 is quick for a hundred steps, and then *destroys* what it has learned. A constant 1e-4 is slow at first
# and ends as well as the falling one. The falling one begins as fast as the large rate, and recovers when it is small.
#
# Why is it so delicate? A hint: take MAML's start from section 4, which was trained for inner steps at the rate 1e-2, and
# make the two steps longer or shorter.

# %%
print("MAML's start at other inner rates:")
for rate in (5e-3, 1e-2, 1.5e-2, 2e-2):
    print(f"  {rate:.3f}: {each_text(maml, validation, rate).mean():5.1f} dB")

# %% [markdown]
# The learned start is made for inner steps of just this length: with steps half as long again it is thrown off. An outer
# step that is too large can do the same. The paper keeps a constant rate, thirty times smaller than 3e-4, for 150,000 outer
# steps.
#
# ## 7. The same from the package
#
# The other notebooks call `learnit_core`. It says the same with two functions: `meta.adapt_with` is the inner loop, with
# any optimiser (`optax.sgd(1e-2)` makes the same step as our `step`); and `meta.maml` gives the loss after the inner loop
# and its gradient, for one signal at a time. What follows compares them with ours.

# %%
from learnit_core import meta
from learnit_core.structures import Task


def keyed_loss(params, batch, key):
    """Our loss as the package calls it; the key is for losses that draw some of the pixels."""
    return loss(params, *batch)


adapt = meta.adapt_with(keyed_loss, optax.sgd(1e-2), 2)
loss_and_grad = jax.jit(meta.maml(keyed_loss, adapt))

task = Task(support=(pixels, test[0]), query=(pixels, test[0]))
_, theirs = loss_and_grad(picture_start, task, jax.random.key(0))
ours = jax.jit(jax.grad(outer))(picture_start, pixels, test[:1])
apart = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max() / jnp.abs(b).max()), theirs, ours)
print(f"largest difference of the two gradients, relative: {max(jax.tree.leaves(apart)):.0e}")

# %% [markdown]
# ## 8. The same, live
#
# Now turn the knobs. Below, MAML trains a smaller network on waves in this page, in JavaScript written by hand, to the same
# numbers as the package. Left is an unseen wave, fitted from the start that is being learned; right the same from random
# weights, at the rate that suits them best. **Try**: Reptile, with two inner steps and with ten. One training signal: does
# the start still help on a new wave? An outer rate ten times as large: watch the error, and go back when it is lost.

# %%
from learnit_core import explorer

live = explorer.meta_training(classes={"waves": waves[:288, ::2, 0]})
live

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

from learnit_core.teaching import checks

# %% [markdown]
# ### Exercise 1: the inner loop
#
# *Predict:* with twice the rate, do the weights end exactly twice as far from the start? Do they after one step, after two,
# after both, or after neither? *Do:* write the inner loop for any loss, any rate and any number of steps.

# %% tags=["exercise"]
prediction_1 = ...  # "one step", "two steps", "both" or "neither"


def my_inner(loss, params, x, y, rate, steps):
    """The weights after ``steps`` gradient steps of ``loss(params, x, y)`` with this rate, from ``params``."""
    return ...  # your code: a loop, jax.grad and jax.tree.map


# %% tags=["check"]
checks.inner_loop(my_inner, prediction_1)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_1 = "one step"
#
#
# def my_inner(loss, params, x, y, rate, steps):
#     for _ in range(steps):
#         grads = jax.grad(loss)(params, x, y)
#         params = jax.tree.map(lambda p, g: p - rate * g, params, grads)
#     return params
# ```
#
# The first gradient is taken at the start, whatever the rate. The second is taken where the first step has led, and that
# place depends on the rate. This dependence is what MAML differentiates.
# </details>

# %% [markdown]
# ### Exercise 2: MAML without second derivatives
#
# *First-order MAML* (FOMAML) takes the gradients inside the inner loop for constants: `jax.lax.stop_gradient(g)` is `g`,
# and has the derivative zero. *Predict:* the adapted weights are `params - rate * g`. In MAML their derivative with respect
# to `params` is $I - rH$, with the rate $r$ and the second derivatives $H$ of the loss. What is it if `g` counts as a
# constant? *Do:* write the loss after **one** inner step, so that `jax.grad` of your function is FOMAML's gradient. The
# value of your function must be the same as without `stop_gradient`.

# %% tags=["exercise"]
prediction_2 = ...  # "zero", "the identity" or "the second derivative of the loss"


def my_after(loss, params, x, y, rate):
    """The loss after one gradient step from ``params``, a number; its gradient is that of first-order MAML."""
    return ...  # your code


# %% tags=["check"]
checks.first_order(my_after, prediction_2)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_2 = "the identity"
#
#
# def my_after(loss, params, x, y, rate):
#     grads = jax.lax.stop_gradient(jax.grad(loss)(params, x, y))
#     adapted = jax.tree.map(lambda p, g: p - rate * g, params, grads)
#     return loss(adapted, x, y)
# ```
#
# With the identity, FOMAML's gradient is simply the gradient of the loss *at the adapted weights*. What is left out is
# the term with $H$. Let `outer` call your function in the place of `after`, train again, and compare with MAML on waves:
# here the second derivative is what makes MAML good.
# </details>

# %% [markdown]
# ### Exercise 3: Reptile without Adam
#
# *Predict:* there is one signal, and the share is 1. Where does a Reptile step lead? *Do:* move the start by a share of
# the way towards the mean of where the inner loops ended. `ends` has the shape of `params`, but each array has a first
# axis more, one entry a signal.

# %% tags=["exercise"]
prediction_3 = ...  # "back to the start", "to the end of the inner loop" or "beyond it"


def my_reptile_step(params, ends, share):
    """The new start: ``params`` moved by ``share`` of the way to the mean of ``ends`` over signals."""
    return ...  # your code


# %% tags=["check"]
checks.reptile_step(my_reptile_step, prediction_3)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_3 = "to the end of the inner loop"
#
#
# def my_reptile_step(params, ends, share):
#     return jax.tree.map(lambda p, end: p + share * (end.mean(axis=0) - p), params, ends)
# ```
#
# With one signal for ever and the share 1 this is ordinary training. With many signals the start ends up between the
# weights that suit each of them.
# </details>

# %% [markdown]
# ### Exercise 4: support and query
#
# In this notebook the inner and the outer loss look at the same samples. They need not: the inner loop sees the
# **support**, the outer loss the **query**. *Predict:* a network is fitted for 300 steps to half of the samples of a wave
# with noise, from random weights. Where is its error smaller: at these samples, or at the other half? *Do:* write the
# outer loss of one signal. `inner(params, x, y)` is given; `support` and `query` are pairs `(x, y)`.

# %% tags=["exercise"]
prediction_4 = ...  # "at the support", "at the query" or "no difference"


def my_outer(loss, inner, params, support, query):
    """The outer loss: fit to the support, judge on the query; ``loss(params, x, y)`` and ``inner(params, x, y)``."""
    return ...  # your code


# %% tags=["check"]
checks.support_and_query(my_outer, prediction_4)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_4 = "at the support"
#
#
# def my_outer(loss, inner, params, support, query):
#     return loss(inner(params, *support), *query)
# ```
#
# A fit looks good where it was fitted. Judged on the query, a start is good only if what it makes of the support holds
# elsewhere, too. The paper's experiments take the same samples for both.
# </details>

# %% [markdown]
# ### Exercise 5: off the class
#
# The waves of the class have frequencies from 2 to 6. *Predict:* two steps are taken from `maml_waves` and from
# `random_start`, on waves of frequencies from 1 to 16. From which frequency on is the learned start no better than the
# random one? *Run* the cell. (The PSNR is that of `after`, and the rate 1e-2.)

# %% tags=["exercise"]
prediction_5 = ...  # a frequency from 1 to 16, or "never"

# %% tags=["look"]
frequencies = np.arange(1, 17)
off_class = [0.5 + 0.4 * np.sin(2 * np.pi * f * np.asarray(x)) for f in frequencies]
random_db, learned_db = ([float(psnr(after(s, x, y))) for y in off_class] for s in (random_start, maml_waves))
checks.off_class(prediction_5, frequencies, random_db, learned_db)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_5 = "never"
# ```
#
# Compare the two rows that the check prints inside the class and far outside. If the learned start still helps where no
# training wave has been, it has learned less what waves look like than how to bend quickly. That is worth knowing before
# one calls it a prior.
# </details>

# %% [markdown]
# **Where next.** [01](01_image_regression.ipynb): pictures, against other ways to start, and what lies between two
# fitted networks · [02](02_ct_reconstruction.ipynb): tomography from a few projections ·
# [03](03_view_synthesis.ipynb): an object from one photograph · [04](04_phototourism.ipynb): a landmark in changing
# light · [05](05_your_own_signals.ipynb): signals of your own.

# %%
# For the project's tables only.
from learnit_core import metrics

about = {"experiment": "start-here", "data": "text", "split": "test", "observations": "full", "seed": SEED}
about |= {"steps": 2, "optimizer": "sgd", "tuned_on": "validation", "in_table": True}
results = [
    metrics.row(
        **about,
        init=init,
        trained_on=None if init == "standard" else "text",
        learning_rate=chosen[name],
        psnr_per_signal=found[name],
    )
    for name, init in {"random start": "standard", "MAML": "meta-maml"}.items()
]
seconds = {"maml": seconds, "total": time.perf_counter() - started}
about = {"notebook": "00_start_here", "profile": "quick", "seed": SEED, "precision": "default"}
metrics.write(folder / "metrics.json", **about, seconds=seconds, results=results)
print(f"{seconds['total']:.0f} s in all")
