# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/learnit/blob/main/notebooks/01_image_regression.ipynb)

# %% [markdown]
# # A picture in two gradient steps
#
# A *coordinate-based network* stores one picture in its weights: give it a position, and it returns the brightness
# there. To store a picture is to fit the network to it, from random weights, in tens to hundreds of gradient steps. Each
# row below is a picture that no network was trained on, fitted by **two** steps: on the left from random weights, on
# the right from weights that were *learned* on other pictures of its class.
#
# **Question.** Network, loss and number of steps are the same. The learned weights do not show the picture before the
# first step. So what do they know?

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
import jax
import jax.numpy as jnp
import numpy as np
import optax
from IPython.display import Markdown, display

from learnit_core import evaluate, explorer, meta, models, plots, signals, structures, teaching, weights
from learnit_core.experiments import image
from learnit_core.experiments.image import sections
from learnit_core.fit import fit

# %% tags=["parameters", "setup"]
# @title Choices
PROFILE = ""  # @param ["", "quick", "standard", "paper"]
DATA = ""  # @param {type:"string"}
TEST_DATA = ""  # @param {type:"string"}
SEED = 0  # @param {type:"integer"}
TRAIN_LIVE = True  # @param {type:"boolean"}
KEEP_ON_DRIVE = False  # @param {type:"boolean"}

# %%
lesson = teaching.begin(
    "01_image_regression", profile=PROFILE, data=DATA, test_data=TEST_DATA, keep_on_drive=KEEP_ON_DRIVE
)
gallery = lesson.gallery
figure, results = sections.first_look(lesson.settings, seed=SEED)
gallery.show(
    figure,
    "large",
    alt="Three unseen pictures after two steps: from random weights noise, a rough outline or a blurred face; from learned "
    "weights the picture in all three.",
)

# %% [markdown]
# This notebook answers the question for pictures, after the first experiment and Table 1 of the paper *Learned Initializations
# for Optimizing Coordinate-Based Neural Representations* (Tancik, Mildenhall et al., CVPR 2021). If you have not seen
# MAML before, begin with notebook 00, which writes all of it out in plain JAX.
#
# **You will be able to**
#
# 1. say what a coordinate-based network is and fit one to a picture;
# 2. explain the inner and the outer loop of MAML and of Reptile, and run both;
# 3. judge a learned initialisation against fair baselines: the paper's four other ways to start, four rivals that it
#    does not have, each with its best step size, and two controls that do not fit anything;
# 4. read off what interpolation between the *weights* of two fitted networks shows, and what it does not show.
#
# **You should know** gradient descent and the chain rule; a little JAX helps (`grad`, `jit`).
#
# | profile | machine | time | memory | what it trains | size | PSNR after two steps (text) |
# |---|---|---|---|---|---|---|
# | `quick` | 2 CPU cores | 5 minutes | 2.1 GB | SIREN 4 × 128, 600 outer steps | 32 × 32 | 30 dB |
# | `standard` | a T4-class GPU | not measured | not measured | SIREN 5 × 256, 10,000 outer steps | 64 × 64 | not measured |
# | `paper` | a large GPU | not measured | not measured | SIREN 5 × 256, 150,000 outer steps | 178 × 178 | not measured |
#
# A **profile** sets how large all is: network, pictures and training. (*SIREN 4 × 128* has four layers, all but the last
# 128 numbers wide.)
#
# Everything here runs on pictures that are made on the spot or come with a package. They are *not* the paper's
# CelebA or Imagenette, so the numbers are not the paper's either. Which of its *relations* between them show here, and
# which do not, is in `docs/paper.md`.
#
# <details><summary>Your own pictures, the paper's data, Colab and Drive</summary>
#
# The folded form above has the choices. Leave a field empty to take the environment variable of the same meaning
# (`LEARNIT_PROFILE`, `LEARNIT_DATA`, `LEARNIT_TEST_DATA`, `LEARNIT_OUT`), or its default.
#
# `DATA` is what is trained on: `text`, `sdf`, `faces`, a folder of photographs, or a prepared data set. `TEST_DATA` is
# what is fitted; name one photograph and leave `DATA` empty, and nothing is trained: your picture meets the shipped
# initialisation.
#
# **The paper's data sets, and your own.** One command each fetches and prepares
# [CelebA](https://github.com/OWNER/learnit/blob/main/data_scripts/celeba.py) (`python data_scripts/celeba.py`),
# [Imagenette](https://github.com/OWNER/learnit/blob/main/data_scripts/imagenette.py) (`imagenette.py`), or
# [pictures of your own](https://github.com/OWNER/learnit/blob/main/data_scripts/folder.py) (`folder.py`); each explains
# itself with `--help`, and [`prepare.py --list`](https://github.com/OWNER/learnit/blob/main/data_scripts/prepare.py)
# shows them all. They come with a clone of the project, not with the package: in Colab, begin with
# `!git clone https://github.com/OWNER/learnit.git && pip install -q './learnit[data,mirrors]'`, and call
# `!python learnit/data_scripts/celeba.py --help`. What such a command makes is a folder, for example `data/celeba`, to
# name in `DATA`. Then three things change: the pictures are in
# colour; training reads those that it draws from disk, so that the set may be larger than the memory; and nothing is
# shipped for it, so that MAML is trained live, and its rivals take the settings tuned on the faces, as the table says.
#
# In Colab, `KEEP_ON_DRIVE` puts results and checkpoints on your drive; run the notebook again after an interruption,
# and the training goes on where it stopped.
#
# </details>
#
# ## 1. The signals
#
# Three classes are built in. **Text** is random strings in random fonts; **SDF** are signed distance fields of
# random closed curves (grey 0.5 is the curve itself); **faces** are 100 real photographs, 25 pixels wide. Training,
# validation and test pictures are different ones: we train on the first, choose step sizes on the second, and look
# at the third only to print a score.
#
# Notice how different two pictures of a class are. A class whose pictures all look alike would make our task
# trivial, so we measure it: the **class mean** and the **nearest training picture**, taken as answers for a test
# picture, are two controls that every table below carries.

# %% [markdown]
# In the next cell `sections.choose` reads what your choices at the top mean: pictures, a network, and settings that were
# tuned before. What it finds is in `chosen`.

# %%
chosen = sections.choose(lesson.settings, train=TRAIN_LIVE, seed=SEED)
profile, images, field = chosen.profile, chosen.images, chosen.field
gallery.show(
    plots.picture_grid([list(splits.test[:9]) for splits in chosen.classes.values()], row_labels=list(chosen.classes)),
    "signals",
    alt="Nine unseen pictures of each class: light strings on dark, grey distance fields of blobs, small grey faces.",
)
for splits in chosen.classes.values():
    print(
        f"{splits.name}: {len(splits.train)} to train on, {len(splits.validation)} to choose by, "
        f"{len(splits.test)} to test. {splits.note}"
    )

# %% [markdown]
# ## 2. One picture, from random weights
#
# Our network is a **SIREN**: linear layers with sines between them, $x \mapsto \sin(\omega_0 (W x + b))$, from a
# position in $[0, 1)^2$ to a value; $\omega_0$ sets how high the frequencies are. The package calls a network a **field**:
# `field.apply(params, positions)` gives its values. Its loss is the mean squared error over *all* pixels. A picture to be
# fitted is a **task**. A task has a **support** set, which the fit sees, and a **query** set, by which the fit is judged;
# for pictures both are all pixels.
#
# The measure of quality is the peak signal-to-noise ratio, $\mathrm{PSNR} = -10 \log_{10} \mathrm{MSE}$ in decibel (dB),
# for values from 0 to 1: 10 dB is a bad guess, from about 30 dB on the eye sees little wrong at this size.

# %%
size, _, channels = images.train.shape[1:]
coords = models.pixel_grid(size, size)  # positions of all pixels [size², 2]
example = structures.rows(chosen.unseen, 0)  # the first test picture
random_weights, key = chosen.random_weights, jax.random.key(0)


def loss(params, pixels, key):
    """Mean squared error over the pixels; ``key`` is for losses that draw some of them."""
    return jnp.mean((field.apply(params, pixels.coords) - pixels.values) ** 2)


def picture(params):
    """The picture [size, size, channels] that a network holds."""
    return field.apply(params, coords).reshape(size, size, channels)


# %% [markdown]
# Now the fit: gradient descent with any optimiser, looking at the picture after every step (that is what `probe` is for).
# Optimiser and step size are those that did best, after two steps, on *validation* pictures (in `paper`, for every start in
# this notebook, those of the paper's supplement where it says any).


# %%
def pictures_along(params, setting, steps):
    """Pictures and captions after each of ``steps`` gradient steps on the example."""
    optimizer, longest = setting.build(), max(steps)
    probes = fit(loss, params, example.support, key, optimizer=optimizer, num_steps=longest, probe=picture).probes
    shown = [picture(params), *probes]
    return [shown[n] for n in steps], [f"{evaluate.psnr(shown[n], images.test[0]):.1f} dB" for n in steps]


# %%
best = chosen.tuned.after_two_steps["standard"]
steps = [n for n in (0, 1, 2, 5, 10, 20, 40) if n <= max(2, lesson.settings.cap(40))]  # a trial run caps every number
shown, captions = pictures_along(random_weights, best, steps)
gallery.show(
    plots.picture_grid(
        [[*shown, images.test[0]]],
        column_labels=[*map(plots.steps_label, steps), "truth"],
        captions=[[*captions, ""]],
    ),
    "standard_steps",
    alt="A network fitted from random weights: noise at first, the picture is clear only after tens of steps.",
)
print(f"{best.optimizer} {best.learning_rate:g}, chosen by: {chosen.tuned.tuned_on['standard']}")

# %% [markdown]
# Two steps from random weights give next to nothing. (Later the picture may get worse for some steps: a step size that is
# large enough to help within two steps is too large for a smooth way down.)
#
# ## 3. Learning where to start
#
# **Inner loop.** From the initialisation $\theta_0$, take two gradient steps on one picture $T$:
# $\theta_2(\theta_0, T)$. In code, this is an *adapter*, a function from weights to weights.
#
# **Outer loop.** Change $\theta_0$ so that $\theta_2$ is better, on average over pictures of the class. *MAML* takes
# the exact gradient of $L(\theta_2(\theta_0, T), T)$ with respect to $\theta_0$, which runs back *through* the two
# inner steps. *Reptile* does without: it moves $\theta_0$ a little towards $\theta_2$. One such change, for a few
# pictures at once, is an **outer step**; the optimiser that makes it is Adam, as in the paper. What Adam is given, MAML's
# gradient or Reptile's $\theta_0 - \theta_2$, is called the **meta-gradient**.
#
# Here is MAML's for one picture, written out, and beside it what the package gives. SGD is plain gradient descent.
# `optax.global_norm` is the length of a tree of arrays: the root of the sum of all squares.

# %%
adapt = meta.adapt_with(loss, optax.sgd(profile.inner_rate), profile.inner_steps)


@jax.jit
def by_hand(params):
    """The gradient, with respect to the start, of the loss after the inner loop."""
    return jax.grad(lambda start: loss(adapt(start, example.support, key), example.query, key))(params)


algorithms = {"MAML": meta.maml, "FOMAML": meta.fomaml, "Reptile": meta.reptile}
for name, algorithm in algorithms.items():
    value, gradient = jax.jit(algorithm(loss, adapt))(random_weights, example, key)
    away = optax.global_norm(jax.tree.map(jnp.subtract, gradient, by_hand(random_weights)))
    print(
        f"{name:8} loss after two steps {value:.4f}, length of the meta-gradient {optax.global_norm(gradient):.3g}, "
        f"away from ours {away:.2g}"
    )

# %% [markdown]
# (*FOMAML* is MAML without second derivatives: the gradient at $\theta_2$, used as it is.) The loss is the same for all
# three, because the inner loop is; the meta-gradients differ, and MAML's is ours. Reptile's is short because it is not a
# gradient but a displacement: where two steps of a small rate have led. That does no harm, since Adam divides by the usual
# size of what it is given.
#
# Now hundreds of outer steps. The rate of Adam falls along a cosine (notebook 00 shows what happens otherwise; in the profile
# `paper` it is small and constant). A progress bar shows the PSNR after two steps on *validation* pictures. The training
# saves itself as it goes: interrupt it, run the cell again, and it goes on as if nothing had happened. What is shipped for
# your choices, and is not trained here, is loaded.

# %%
metas, histories = dict(chosen.shipped), {}
for algorithm in ("maml", "reptile") if chosen.train else ():
    name, checkpoints = f"meta-{algorithm}", lesson.folder / "checkpoints"
    _, metas[name], histories[name] = image.meta_train(profile, images, algorithm, seed=SEED, folder=checkpoints)

# %%
if histories:
    gallery.show(
        plots.training_curves(
            {name: history.validation for name, history in histories.items()},
            reference=chosen.reference(),
            title=f"Meta-training on {images.name}: validation pictures after two steps",
        ),
        "meta_training",
        alt="Line plot of the validation PSNR after two steps against the outer steps, for MAML and Reptile, with a dashed "
        "line for a random initialisation.",
    )

# %% [markdown]
# ## 4. A new picture, two steps
#
# The same test picture as above, now from every initialisation. Besides the two learned ones and **Standard** (random
# weights) there are three that take something from the class or from MAML, but not the arrangement of its weights:
#
# - **Mean**: weights whose picture is the mean of the training pictures;
# - **Matched**: weights whose picture is that of MAML's initialisation, but which are *other* weights;
# - **Shuffled**: MAML's own weights, permuted within each layer.
#
# And there are four **rivals**, which are not in the paper, and which a reader of today will ask for:
#
# - **Standard, scaled**: all of Standard's weights times one number. As a larger $\omega_0$ would, it lets the network
#   begin with higher frequencies, and costs nothing;
# - **Shared trunk**: ten training pictures, fitted at once by networks that share all layers but the last, the *head*
#   (after [STRAINER](https://arxiv.org/abs/2409.09566)). A new picture begins with the trunk and a **random head**, or
#   with the **mean head** of the ten;
# - **Meta-SGD**: MAML that learns, besides the weights, a step size for each of them. It is loaded here, not trained.
#
# *Predict* before you run: which of all these is closest to MAML after two steps, and which is ahead after forty? (The
# pictures below show six of them for twenty steps. The answer is in section 5, where all of them are measured.)

# %%
made, cost = sections.starts(chosen, metas, seed=SEED)
display(Markdown(cost))

# %%
few = [n for n in (0, 1, 2, 5, 10, 20) if n <= max(2, lesson.settings.cap(20))]
grid = {}
for name in ("standard", "mean", "matched", "shuffled", "meta-reptile", "meta-maml"):
    grid[name] = pictures_along(made[name][0], chosen.tuned.after_two_steps[name], few)
gallery.show(
    plots.picture_grid(
        [[*shown, images.test[0]] for shown, _ in grid.values()],
        row_labels=[plots.LABELS[name] for name in grid],
        column_labels=[*map(plots.steps_label, few), "truth"],
        captions=[captions for _, captions in grid.values()],
    ),
    "all_inits_steps",
    alt="One unseen picture after 0 to 20 steps from each initialisation, one initialisation a row, with the PSNR below "
    "each picture.",
)

# %% [markdown]
# Drag through the steps yourself. (These pictures are made beforehand, so the slider works without a kernel, too.)

# %%
every_step = list(range(lesson.settings.cap(20) + 1))
frames = {
    plots.LABELS[name]: np.clip(pictures_along(made[name][0], chosen.tuned.after_two_steps[name], every_step)[0], 0, 1)
    for name in ("standard", "matched", "meta-maml")
}
explorer.frames(
    frames | {"truth": np.repeat(images.test[:1], len(every_step), axis=0)},
    controls=[explorer.fit_steps(every_step)],
    title="Fitting a new picture",
    side=170,
)

# %% [markdown]
# And now something of your own: type a word, draw with the mouse or a finger, or bring a picture. It is fitted *in this
# page*, from MAML and from another start, while you watch. Move MAML's rate away from the one it was learned with: how far
# can you go? Then draw a second picture and walk between the weights of both.

# %%
compared = {plots.LABELS[name]: name for name in ("meta-maml", "standard", "matched", "mean", "shuffled")}
own = explorer.fitting(
    field,
    {label: (made[name][0], chosen.tuned.after_two_steps[name]) for label, name in compared.items()},
    shape=images.test.shape[1:3],
    num_steps=20 if profile.size <= 32 else 4,  # a browser takes long for large networks
    target=images.test[0],
    second=images.test[-1],
    title="Fitting a picture of your own",
)
own

# %%
fitted = own.value[plots.LABELS["meta-maml"]]  # the weights that are shown; `own.target = array` fits another picture
print(f"{sum(leaf.size for leaf in jax.tree.leaves(fitted)):,} weights, fitted where the sliders stand: {own.position}")

# %% [markdown]
# ## 5. Table 1
#
# One picture proves nothing, so: all test pictures. This is the loop that makes the table's main column. Every
# initialisation, ours too, has the optimiser and step size that did best after two steps on *validation* pictures (they
# stand in a file beside the experiment, with every score of the search); of Shuffled there are three draws, and their
# scores are averaged.


# %%
def score(params, pixels):
    """PSNR [dB] of the network's picture."""
    return evaluate.psnr(field.apply(params, pixels.coords), pixels.values)


for name, starts in made.items():
    descend = {"optimizer": chosen.tuned.after_two_steps[name].build(), "num_steps": 2}
    psnr = [evaluate.curves(loss, score, start, chosen.unseen, key, **descend)[:, -1] for start in starts]
    print(f"{plots.LABELS[name]:26} {np.mean(psnr):5.1f} dB after two steps, mean of {len(images.test)} pictures")

# %% [markdown]
# And here is the whole table, with the controls and a second column, the number of **steps to match**: when does a
# picture reach *its own* PSNR under MAML after two steps? For that column settings were tuned anew. Pictures that never
# match count as the limit; their number stands in brackets.

# %%
found, text = sections.compared(chosen, made, seed=SEED)
results += found
display(Markdown(text))

# %% [markdown]
# ### With more steps
#
# MAML was trained for two steps. What if a picture may take more? The first pictures of the test set, fitted for up to
# 40 steps. At each number of steps all have spent as many gradient evaluations on the picture, and each has the setting
# that does best after *that many* steps on validation pictures: a line jumps where that becomes another one, and zigzags
# where a step size is at the edge of what SGD bears. A line that leaves the figure at the top has errors that no eye sees.

# %%
along = sections.along(chosen, made)
gallery.show(
    along.figure,
    "psnr_against_steps",
    alt="Mean PSNR against gradient steps, one line for each initialisation; a dotted line marks two steps.",
)
display(Markdown(along.said))

# %% [markdown]
# **What to notice.** At two steps MAML is far ahead of all but Meta-SGD, which learned more. That is what both were
# trained for, and it lasts for some steps: the table above says how many, against each. On text the cheapest rival is a hard
# one: Standard with its weights scaled, by a number that cost nothing but tuning, is no better after two steps and far ahead
# after forty. (The number is the one that matches MAML soonest, not the best for two steps: there it can be behind the
# number one, which is Standard.) So measure a learned start against *that*, not only against Standard as it comes. A learned
# initialisation buys the *first steps*, not the last decibel.
#
# Mean begins at the class's mean picture, Matched at MAML's, and Shuffled has the right *distribution* of weights. That none
# of them comes near MAML after two steps says that most of what has been learned is the **arrangement** of the weights (the
# numbers alone can help, too: compare Shuffled with Standard): MAML's picture before any step looks like nothing much (first
# column above), yet its weights are placed so that a step moves them well. That is the answer to the question at the top.
#
# ### The other classes
#
# Training takes a while, so for the other classes we load initialisations of the same size that were trained before
# (`make weights`), and make the same table.

# %%
others = sections.other_classes(chosen, results, seed=SEED)
results += others.results
for name, text in others.said.items():
    display(Markdown(f"**{name}**\n\n{text}"))
gallery.show(
    others.figure,
    "table1",
    alt="Bars of PSNR after two steps, a group for each class and a bar for each initialisation; a dashed line marks the "
    "nearest training picture.",
)

# %% [markdown]
# ## 6. Trained on one class, tested on another
#
# Is it the *class* that was learned, or merely "pictures"? Rows are what MAML was trained on, columns what is
# fitted, with the two SGD steps of meta-training for every cell. Text asks for sharp edges anywhere, distance fields are
# smooth. **Guess first**: which way will the transfer fail more badly, from text to distance fields or back?

# %%
figure, found = sections.transfer(chosen, seed=SEED)
results += found
if figure is None:
    print(f"No initialisations are shipped for the profile {profile.name}, so there is nothing to compare here.")
else:
    gallery.show(
        figure,
        "transfer",
        alt="Table of PSNR after two steps: a row for each training class, a column for each test class, the best of "
        "each column in bold.",
    )

# %% [markdown]
# The bold number is the best of its column. Compare within a column only, since some classes are easier to fit than others:
# how far is a wrong class behind the right one? Then compare with Standard in the tables above: is a wrong class still
# better than none?
#
# ## 7. Interpolating weights
#
# Fit several pictures *from the same initialisation*, then walk in a straight line from one network's **weights** to the
# next. First row: networks fitted from Standard with the paper's Adam. Second: from Standard with SGD. Then from MAML, with SGD
# and with Adam. All are fitted to the same PSNR, so that none has an advantage from a better fit. The networks are the larger ones of
# the first picture of this notebook, whose initialisation of text is shipped.

# %%
walks = sections.walks(lesson.settings, seed=SEED)
large, (height, width) = walks.field, walks.shape


def large_picture(params, height=height, width=width):
    """The picture of a large network at any resolution."""
    return np.asarray(large.apply(params, models.pixel_grid(height, width))).reshape(height, width, 1)


def between(name, a, b, t):
    """The picture of the weights at ``t`` on the line from network ``a`` to network ``b``."""
    return large_picture(weights.lerp(walks.network(name, a), walks.network(name, b), t))


# %%
stops = [(0, 1, t) for t in (0, 0.25, 0.5, 0.75)] + [(1, 2, t) for t in (0, 0.25, 0.5, 0.75, 1)]
gallery.show(
    plots.picture_grid(
        [[between(name, *stop) for stop in stops] for name in walks.fits],
        row_labels=[name.replace(", ", ",\n") for name in walks.fits],
        column_labels=["first", "", "half", "", "second", "", "half", "", "third"],
    ),
    "interpolation_large",
    alt="Straight lines in weight space between three fitted strings in a network of 5 x 256. From Standard fitted with "
    "Adam the half-way pictures are blotchy, from Standard fitted with SGD grey noise, from MAML fitted with SGD clean "
    "mixtures, and fitted with Adam grainy ones.",
)

# %% [markdown]
# ### As a number
#
# Where mixing weights means mixing signals, the picture of the *mean weights* equals the *mean of the two pictures*.
# So we measure their agreement, as PSNR between the two, over all pairs of the fitted pictures. A high number says
# that between the two networks the map from weights to picture is nearly **linear**. (In its *positions* a network of sines
# is far from linear. But any smooth function of the weights is nearly linear where the weights change little enough.) It
# does not say that the mixture is a plausible new picture: the mean of two strings is two strings on top of each other.

# %%
display(Markdown(walks.said))

# %% [markdown]
# MAML's fits by SGD stay close to where they started (*weights moved by*, as a share of their length), and there the network
# is almost linear in its weights. So it matters *how far a fit goes*, and with it optimiser and rate. Adam moves every weight
# by about its rate at each step, whatever the gradient, and at the rate in the last row it leaves that linear region. It need
# not: in the small networks of `quick` fits by Adam with rates of 1e-5 mix as cleanly as those by SGD, and fits by SGD with
# 3e-2 as badly as those by Adam with 1e-3 (`docs/results/image.md` has four rates of SGD and five of Adam, from both starts).
#
# Now drag it yourself. Left, networks fitted from Standard, right, from MAML: the same two strings, the same PSNR at
# both ends, and SGD for both. (Standard does better with Adam, as the table says. To compare, put the name of that row of the
# table into `dragged`.)
# Your browser mixes the weights and computes the networks; *Weights to Python* puts the mixture where you let go into
# `walk.value`.

# %%
dragged = {"Standard": "Standard, SGD 1e-2", "MAML": "MAML, SGD 3e-3"}
walk = explorer.networks(
    large,
    {title: [walks.network(name, i) for i in range(2)] for title, name in dragged.items()},
    labels=("first string", "second string"),
    shape=(height, width),
    title="Between two networks of 5 x 256",
)
walk

# %%
halfway = walk.value["MAML"]  # weights at the slider's position: a network like any other
count, shares = sum(leaf.size for leaf in jax.tree.leaves(halfway)), [round(c, 2) for c in walk.coefficients]
print(f"{count:,} weights, mixed with the coefficients {shares}")

# %% [markdown]
# ### Between the pixels
#
# A coordinate-based network can be asked for a value *anywhere*. The PSNR looks only at the positions of the pixels,
# and so did the meta-training. So let us look in between: the fitted networks drawn with twice as many pixels.

# %%
ways = {"Standard": "Standard, Adam 1e-4", "MAML": "MAML, SGD 3e-3"}
finer = [(1, 1), (2, 2)]
gallery.show(
    plots.picture_grid(
        [
            [large_picture(walks.network(name, i), n * height, m * width) for name in ways.values() for n, m in finer]
            for i in range(2)
        ],
        column_labels=["Standard", "twice as fine", "MAML", "twice as fine"],
        cell=1.9,
    ),
    "between_the_pixels",
    alt="Two fitted strings at the pixels and drawn twice as fine. From Standard the finer picture is as smooth; from "
    "MAML it is right at the pixels and shows specks in between.",
)

# %% [markdown]
# MAML's networks are right where they were asked to be, and have specks in between: nothing in the loss speaks of
# what lies between two pixels, and the outer loop found weights that use this freedom. A smaller $\omega_0$ takes
# the freedom away and costs decibels at the pixels. Remember it when you use a learned initialisation to *enlarge*
# pictures.
#
# ## 8. A photograph of your own
#
# Upload a picture, or set `LEARNIT_TEST_DATA=me.jpg`. It is fitted from the shipped initialisation of the *faces*,
# without any training, one network for each colour channel, beside the same from random weights. Your photograph is
# not of that class and, at 64 × 64, finer than those pictures, so that the network is asked between the pixels it
# was trained on: expect less than for a face.


# %%
def fit_photos(pictures):
    """Fit photographs [n, 64, 64, 3], show them, and return their rows."""
    figures, found = sections.photographs(pictures, seed=SEED)
    for i, figure in enumerate(figures):
        gallery.show(
            figure,
            f"photograph-{i + 1}",
            alt="Your photograph after 0, 2 and 10 steps: from random weights above, from the learned weights below.",
        )
    return found


if chosen.own is not None:
    results += fit_photos(chosen.own[:8])
    print(f"{min(8, len(chosen.own))} of {len(chosen.own)} pictures fitted and scored.")
display(explorer.upload(lambda file: fit_photos(signals.load_test(str(file), size=64, channels=3)[:1])))

# %% [markdown]
# ## 9. Exercises
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
# ### Exercise 1: Reptile by hand
#
# *Predict:* Reptile wants to move `params` towards `adapted`, and hands something to Adam in the place of a gradient.
# What? *Do:* complete the function for any tree of arrays.

# %% tags=["exercise"]
prediction_1 = ...  # "adapted - params", "params - adapted" or "adapted"


def my_reptile_gradient(params, adapted):
    """What the outer optimiser gets: a tree like ``params``."""
    return ...  # your code: jax.tree.map


# %% tags=["check"]
checks.reptile_gradient(my_reptile_gradient, prediction_1)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_1 = "params - adapted"
#
#
# def my_reptile_gradient(params, adapted):
#     return jax.tree.map(lambda p, a: p - a, params, adapted)
# ```
#
# An optimiser *descends*: it subtracts a multiple of what it is given. Given $\theta_0 - \theta_2$ it moves
# $\theta_0$ towards $\theta_2$.
# </details>

# %% [markdown]
# ### Exercise 2: decibels
#
# *Predict:* every error of a picture becomes half as large. By how many decibels does its PSNR rise? *Do:* write the PSNR
# for values between 0 and 1. The prediction is cut to [0, 1] first; the mean is over all pixels and channels.

# %% tags=["exercise"]
prediction_2 = ...  # a number [dB]


def my_psnr(prediction, target):
    """PSNR [dB] of a whole picture, a number: both arrays are [h, w, c]."""
    return ...  # your code


# %% tags=["check"]
checks.decibels(my_psnr, prediction_2)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_2 = 6.02
#
#
# def my_psnr(prediction, target):
#     return -10 * np.log10(np.mean((np.clip(prediction, 0, 1) - target) ** 2))
# ```
#
# Half the error is a quarter of the squared error, and $10 \log_{10} 4 = 6.02$.
# </details>

# %% [markdown]
# ### Exercise 3: which layer carries it?
#
# *Predict:* the weights of **one** layer of MAML's initialisation are shuffled, and all other layers stay. How much of the
# lead over random weights is left after two steps? *Do:* write the shuffle. Each of the layer's arrays keeps its shape and
# its numbers, and every entry may go anywhere within its own array. The check then shuffles each layer of a shipped
# initialisation in this way, and takes two steps on unseen pictures of text. (One key gives one permutation: use
# `jax.random.fold_in(key, i)` to make another key for each array.)

# %% tags=["exercise"]
prediction_3 = ...  # "most of it", "about half" or "little"


def my_shuffled_layer(params, index, key):
    """``params``, a list of {"w": [in, out], "b": [out]}, with the entries of layer ``index`` permuted at random."""
    return ...  # your code: jax.random.permutation(key, flat_array)


# %% tags=["check"]
checks.shuffled_layer(my_shuffled_layer, prediction_3)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_3 = "little"
#
#
# def my_shuffled_layer(params, index, key):
#     mixed = {
#         name: jax.random.permutation(jax.random.fold_in(key, i), array.ravel()).reshape(array.shape)
#         for i, (name, array) in enumerate(params[index].items())
#     }
#     return [mixed if i == index else layer for i, layer in enumerate(params)]
# ```
#
# No layer carries it alone: they were learned *together*, and one that no longer fits the others spoils the whole.
# </details>

# %% [markdown]
# ### Exercise 4: steps to match
#
# *Predict:* MAML was trained to be good after **two** steps. With the same step size, is its mean PSNR on unseen pictures
# after ten steps higher or lower than after two? *Do:* count *steps to match*, as a table does. Each picture has a target
# of its own; find the first step at which it is reached. For a picture that never reaches it, give the last step.

# %% tags=["exercise"]
prediction_4 = ...  # "higher" or "lower"


def my_steps_to_match(curves, targets):
    """First steps [pictures]; ``curves`` [pictures, steps + 1] is the PSNR from step 0 on, ``targets`` [pictures]."""
    return ...  # your code


# %% tags=["check"]
checks.steps_to_match(my_steps_to_match, prediction_4)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_4 = "higher"
#
#
# def my_steps_to_match(curves, targets):
#     reached = curves >= targets[:, None]
#     return np.where(reached.any(axis=1), reached.argmax(axis=1), curves.shape[1] - 1)
# ```
#
# `argmax` of a row without any True is 0: without the second line, pictures that never match would count as the best.
# The training says nothing of what comes after the second step, so that a single picture may fall back for a while. On
# average it goes on rising here, more slowly.
# </details>

# %% [markdown]
# ### Exercise 5: halfway between two networks
#
# *Predict:* two pictures are fitted from one and the same start, and the two networks' **weights** are averaged. For which
# start is the picture of the mean weights nearer to the mean of the two pictures? *Do:* mix the weights. The check fits two
# networks from each start, until both are as good, and compares.

# %% tags=["exercise"]
prediction_5 = ...  # "MAML's weights", "random weights" or "no difference"


def my_mixture(a, b, t):
    """Weights on the way from ``a`` (t = 0) to ``b`` (t = 1), trees of arrays of the same shape."""
    return ...  # your code


# %% tags=["check"]
checks.mixture(my_mixture, prediction_5)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_5 = "MAML's weights"
#
#
# def my_mixture(a, b, t):
#     return jax.tree.map(lambda x, y: (1 - t) * x + t * y, a, b)
# ```
#
# Where the two agree, the network is nearly linear in its weights along this line. Few small steps from a good start stay
# in such a region.
# </details>

# %% [markdown]
# ## Summary
#
# Two gradient steps are enough for a picture of a known class, if the weights to start from are learned. It is mostly
# the arrangement of the weights that matters: networks that show the same picture (Matched), or have the same numbers in
# another order (Shuffled), do not come near it in two steps. Random weights of the right scale get as far in some ten
# steps. Near the learned weights a network is almost linear in its weights, so that mixing weights mixes pictures, as long as
# the fits stayed near.
#
# **References.** Tancik, Mildenhall et al., *Learned Initializations for Optimizing Coordinate-Based Neural
# Representations*, CVPR 2021 · Finn, Abbeel, Levine, *Model-Agnostic Meta-Learning*, ICML 2017 · Nichol, Achiam,
# Schulman, *On First-Order Meta-Learning Algorithms*, 2018 · Sitzmann et al., *Implicit Neural Representations with
# Periodic Activation Functions*, NeurIPS 2020 · Huang et al., *Labeled Faces in the Wild*, 2007 (the faces, as
# packed in scikit-image).

# %%
lesson.finish(
    results,
    profile=profile.name,
    seed=SEED,
    precision=field.spec["precision"],
    histories=histories,
    interpolation=walks.report,
    leads=along.leads,
)
