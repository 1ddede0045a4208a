# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/learnit/blob/main/notebooks/02_ct_reconstruction.ipynb)

# %% [markdown]
# # A slice through a head, from four projections
#
# A scanner sends X-rays through a body and measures how much arrives. One direction gives one *projection*, and each
# costs dose. From hundreds of projections a slice through the body can be computed. Below there are **four**, of two
# heads, and three ways from them to a picture: the classical one, a network fitted from random weights, and the same
# network fitted from weights that were *learned* on other heads.
#
# **Question.** Four projections leave most of a slice open. How can the last network know what no ray has told it? And
# what would it do with a slice that is no head?

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
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
from IPython.display import Markdown, display

from learnit_core import evaluate, explorer, meta, models, plots, structures, teaching, tomography, weights
from learnit_core.experiments import ct
from learnit_core.experiments.ct import explorers, sections, table
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
    "02_ct_reconstruction", profile=PROFILE, data=DATA, test_data=TEST_DATA, keep_on_drive=KEEP_ON_DRIVE
)
gallery, few = lesson.gallery, 4
look = sections.first_look(lesson.settings, num_projections=few, seed=SEED)
gallery.show(
    look.figure,
    "four_projections",
    alt="Two heads: four grey bands, all that was measured; back-projection, crossing streaks; a network from random "
    "weights, a rough outline; the same from learned weights, a head with skull and ventricles; and the slice.",
)

# %% [markdown]
# Very many slices have these four projections, and every way back has to choose one of them. The learned weights choose
# a *head*: what one expects of a slice, its **prior**, sits in the weights from which the fit begins. How it gets there,
# what it is worth, and when it misleads are the subject of this notebook. It follows the second experiment of *Learned
# Initializations for Optimizing Coordinate-Based Neural Representations* (Tancik, Mildenhall et al., CVPR 2021), on
# slices like the paper's, which can be drawn rather than downloaded.
#
# **You will be able to**
#
# 1. read a sinogram, and say why few projections do not determine a slice;
# 2. fit a coordinate-based network to projections instead of pixels;
# 3. explain why Reptile, and not MAML, is used when the inner loop is long;
# 4. judge a learned initialisation as a prior: where it helps, and what it makes of a slice that is not of its class.
#
# **You should know** notebook 00 or 01, or what a coordinate-based network and a meta-gradient are.
#
# | profile | machine | time | memory | what it trains | size |
# |---|---|---|---|---|---|
# | `quick` | 2 CPU cores | 5 minutes | 1.9 GB | 4 × 48 on 48 Fourier frequencies, 1500 outer steps | 64 × 64 |
# | `standard` | a T4-class GPU | not measured | not measured | 5 × 128 on 128 frequencies, 10,000 outer steps | 128 × 128 |
# | `paper` | a large GPU | not measured | not measured | 5 × 256 on 256 frequencies, 100,000 outer steps | 256 × 256 |
#
# (*4 × 48* has four layers, all but the last 48 numbers wide; section 3 says what Fourier frequencies are.)
#
# <details><summary>Your own data, the paper's data, Colab and Drive</summary>
#
# The folded form above has the choices. Leave a field empty to take the environment variable of the same meaning
# (`LEARNIT_PROFILE`, `LEARNIT_DATA`, `LEARNIT_TEST_DATA`, `LEARNIT_OUT`), or its default.
#
# `DATA` is what is trained on: `phantoms`, a folder of square grey slices of one size, or what
# [`data_scripts/slices.py`](https://github.com/OWNER/learnit/blob/main/data_scripts/slices.py) makes of DICOM, NIfTI and
# other volumes. `TEST_DATA` is what is reconstructed; name slices of your own and leave `DATA` empty, and nothing is trained:
# they meet the initialisation that was learned on phantoms (section 8). So does a sinogram that was measured: a `.npz` with
# `sinogram` [angles, bins], `angles` and `unit` ("degrees" or "radians"). In Colab, `KEEP_ON_DRIVE` puts results and
# checkpoints on your drive.
#
# </details>
#
# ## 1. The signals
#
# The **Shepp-Logan phantom** is a cartoon of a head: ten ellipses that stand for skull, brain, ventricles and a few
# small tumours. Here every number of its table (brightness, axes, position; the angles hardly) is moved at random, a new
# phantom for every random key. The scanner sees a circle; what reaches outside it is cut off.
#
# All of these heads look alike at a glance, and we are about to claim that knowing the class helps. So we ask at once
# how far *only* knowing the class gets us, with two controls that measure nothing of the slice in question: the **mean**
# of the training slices, and (this one even knows the answer) the training slice that comes **nearest**. Scores are
# peak signal-to-noise ratios, $-10 \log_{10}$ of the mean squared error, in decibel (dB); more is better.

# %%
chosen = sections.choose(lesson.settings, train=TRAIN_LIVE, seed=SEED)
profile, images, field, tuned = chosen.profile, chosen.images, chosen.field, chosen.tuned
grid = [list(images.test[:8]), list(images.train[:8])]
gallery.show(
    plots.picture_grid(grid, row_labels=["to test", "to train on"], cell=1.4),
    "signals",
    alt="Slices in two rows: ellipses of several greys within a bright ring, a little different in every slice.",
)
print(
    f"{images.name}: {len(images.train)} to train on, {len(images.validation)} to choose by, "
    f"{len(images.test)} to test. {images.note}"
)
for row in chosen.controls:
    print(f"{row['init']}: {row['psnr_db']:.1f} dB")

# %% [markdown]
# ## 2. What the scanner measures
#
# Each pixel absorbs a share of the ray that passes, and bright pixels absorb more. So the ray falls off exponentially, and
# *minus the logarithm* of the share that arrives is the sum of the brightness along its line. This sum is what we call
# **measured** from now on. Turn the slice by the angle $\theta$, add up each column, and you have all sums of one
# direction: one **projection**. The projections of half a turn, one below the other, are the **sinogram**. The other half
# turn sees the same lines from behind.

# %%
size, truth = profile.size, images.test[0]  # [size, size, 1]
half_turn = np.linspace(0, np.pi, 90, endpoint=False)
sinogram = np.asarray(tomography.project(jnp.asarray(truth[..., 0]), jnp.asarray(half_turn, jnp.float32)))
turned = np.asarray(tomography.turn(jnp.asarray(truth[..., 0]), jnp.float32(half_turn[15])))
print("the sums of the turned slice's columns are row 15:", np.allclose(turned.sum(axis=0), sinogram[15], atol=1e-3))

gallery.show(
    plots.scan(turned, sinogram[15], sinogram, 15, title="the slice, turned by 30°"),
    "sinogram",
    alt="Left, the slice turned by 30 degrees above a curve of the sums down its columns. Right, the sinogram, in which "
    "these sums are the marked row: every ellipse draws a wave.",
)

# %% [markdown]
# Drag the angle. Left, the slice turns; in the middle the sums of its columns; on the right the sinogram fills up to that
# angle. Follow one small ellipse: as the slice turns, its shadow swings from side to side, and draws a sine. Hence the
# name.

# %%
explorers.scan(truth)

# %% [markdown]
# ### Back again
#
# **Filtered back-projection**, the classical way back, smears every projection over the plane along its rays, after a
# filter that undoes the blur of smearing. It knows nothing of heads. Look at what it makes of more and more projections,
# and when the slice can be read in it.

# %%
smeared = {}
for n in (1, 2, 4, 8, 20, 180):
    smeared[n] = table.back_projected(images.test[:1], n, tuned.filters.get(n, "ramp"))[0]
back_captions = [f"{evaluate.psnr(picture, truth):.1f} dB" for picture in smeared.values()]
gallery.show(
    plots.picture_grid(
        [[*smeared.values(), truth]],
        column_labels=["1 view", *(f"{n} views" for n in list(smeared)[1:]), "truth"],
        captions=[[*back_captions, ""]],
        cell=1.5,
    ),
    "back_projection",
    alt="Filtered back-projection of one slice from 1 to 180 projections: streaks with few, the slice with many.",
)
print(f"Measured from {few} views: {few * size} numbers. To be found: {size**2} pixels.")

# %% [markdown]
# With many projections and fine pixels it tends to the slice (here sharp edges stay a little blurred, whatever the number);
# with few it leaves streaks, which are no head's. (Figures and tables say *views* for short, and mean projections.) From four
# views there are far fewer numbers than pixels, so very many slices have exactly these projections. Something has to choose
# among them.
#
# ## 3. A network fitted to projections
#
# Our slice is a network $f_\theta$ from positions to brightness ($\theta$ are its weights now). It is the paper's for CT,
# and no SIREN: sines stand only at the beginning. A position $x$ is turned into **Fourier features**, $\cos(Bx)$ and
# $\sin(Bx)$ with fixed random frequencies $B$. Then come layers with $\max(0, \cdot)$ (a **ReLU**) between them. A
# **sigmoid**, $1 / (1 + e^{-z})$, keeps the brightness between 0 and 1. We never show the network a pixel. We project *its*
# picture, and compare with what the scanner measured:
#
# $$L(\theta) = \frac{1}{\text{rays}} \sum_{\text{rays}} \left( \tfrac{1}{n} P f_\theta - \tfrac{1}{n}
# \,\text{measured} \right)^2$$
#
# The projection $P$ is linear and differentiable, so that gradient descent goes through it; dividing by the side $n$ makes
# sums into averages. What the scanner saw of one slice, its angles and sums, is a **scan**.

# %%
coords = models.pixel_grid(size, size)  # positions of all pixels [size², 2]
brightness = field.at(coords)  # a function of the weights; the features of the pixels are computed once, here


def picture(params):
    """The picture [size, size] that a network holds."""
    return brightness(params).reshape(size, size)


def loss(params, scan, key):
    """Mean squared error of line averages; ``key`` is for losses that draw some of the rays."""
    averages = tomography.project(picture(params), scan.angles) / size
    return jnp.mean((averages - scan.values / size) ** 2)


def scanned(picture, angles):
    """What the scanner sees of a picture [size, size] at its angles [rad]."""
    return structures.Sinogram(angles, tomography.project(picture, angles))


# %% [markdown]
# Now the fit: gradient descent from random weights, with the optimiser, the rate and the number of steps that did best on
# *validation* slices (in `paper`, for every start in this notebook, those of the paper's supplement where it says any). Four
# angles share half a turn.

# %%
random_weights, key = chosen.random_weights, jax.random.key(0)
scan = scanned(jnp.asarray(truth[..., 0]), jnp.linspace(0, np.pi, few, endpoint=False))
best = tuned.fits["standard"][few]
descend = {"optimizer": best.setting.build(), "num_steps": best.steps}
fitted = fit(loss, random_weights, scan, key, **descend, probe=picture)
steps = [0, *(n for n in (10, 50) if n < best.steps), best.steps]
shown = [picture(random_weights), *fitted.probes]
captions = [f"{evaluate.psnr(shown[n], truth[..., 0]):.1f} dB" for n in steps]
gallery.show(
    plots.picture_grid(
        [[*(shown[n] for n in steps), truth]],
        column_labels=[*map(plots.steps_label, steps), "truth"],
        captions=[[*captions, ""]],
        cell=1.7,
    ),
    "standard_steps",
    alt="A network from random weights fitted to four projections: the outline of the head with rays and blotches in it.",
)

# %% [markdown]
# Is that picture wrong because the fit is poor? Let us look at what the fit sees, and at what it does not see: by how much
# does a ray's average differ from the truth's, at the four measured angles, and at 90 of which most were not measured?

# %%
everywhere = scanned(jnp.asarray(truth[..., 0]), jnp.asarray(half_turn, jnp.float32))
for what, seen in {"measured": scan, "all 90": everywhere}.items():
    before, after = (float(jnp.sqrt(loss(params, seen, key))) for params in (random_weights, fitted.params))
    print(f"off by, at {what:8} angles: {before:.4f} before the fit, {after:.4f} after it")

# %% [markdown]
# It is fitted to the four projections, and still is not the slice: between the rays it fills in whatever random weights
# fill in, and nothing tells it of heads.
#
# ## 4. Learning where to start: Reptile
#
# We want weights from which *few projections* lead to *a head*. So let us meta-learn them. A **task** is one training
# slice, seen from 20 random angles. Its **support** set is what the fit sees, its **query** set what the fitted weights are
# judged by; here both are the same scan, as in the paper. The **inner loop** makes twelve steps of SGD on the support set.
# The **outer step** then changes the start, and Reptile's is the simplest there is: move the start a little towards where
# the inner loop ended. What Adam is given as a gradient is the way back, start minus end, because Adam subtracts. Here is
# one outer step, written out:


# %%
def draw_task(key):
    """A training slice, seen from random angles."""
    slice_key, angle_key = jax.random.split(key)
    which = int(jax.random.randint(slice_key, (), 0, len(images.train)))
    angles = jax.random.uniform(angle_key, (profile.num_views,), maxval=jnp.pi)
    scan = scanned(jnp.asarray(images.train[which][..., 0]), angles)
    return structures.Task(support=scan, query=scan)


def inner_loop(params, scan):
    """Weights after the inner steps."""
    for _ in range(profile.inner_steps):
        gradient = jax.grad(loss)(params, scan, key)
        params = jax.tree.map(lambda p, g: p - profile.inner_rate * g, params, gradient)
    return params


# %%
task, adam = draw_task(key), optax.adam(profile.outer_rate)
ended = jax.jit(inner_loop)(random_weights, task.support)
way_back = jax.tree.map(jnp.subtract, random_weights, ended)
updates, _ = adam.update(way_back, adam.init(random_weights))
moved = optax.apply_updates(random_weights, updates)  # the start after one outer step

adapt = meta.adapt_with(loss, optax.sgd(profile.inner_rate), profile.inner_steps)
_, by_package = jax.jit(meta.reptile(loss, adapt))(random_weights, task, key)
away = optax.global_norm(jax.tree.map(jnp.subtract, way_back, by_package)) / optax.global_norm(by_package)
print(f"length of the way {optax.global_norm(way_back):.3f}; the package's differs from ours by {away:.1e} of that")

# %% [markdown]
# ### Why not MAML?
#
# In notebook 01 the inner loop had two steps, and MAML differentiated *through* them. To go back through a loop means to
# keep what each of its steps computed, or to compute it a second time on the way back (`remat=True`). Here is how much
# memory the compiled meta-gradient of one task needs, and how long it takes, for inner loops of 1, 4 and 12 steps. (Time is
# the shortest of some runs; what else your machine does meanwhile makes it longer.)

# %%
ways = {"Reptile": (meta.reptile, False), "MAML": (meta.maml, False), "MAML, computing twice": (meta.maml, True)}
needs = {name: {} for name in ways}
for inner_steps in (1, 4, 12) if lesson.settings.max_steps is None else (1, 2):
    for name, (algorithm, twice) in ways.items():
        adapt = meta.adapt_with(loss, optax.sgd(profile.inner_rate), inner_steps, remat=twice)
        compiled = jax.jit(algorithm(loss, adapt)).lower(random_weights, task, key).compile()
        seconds = []
        for _ in range(lesson.settings.cap(10)):
            started = time.perf_counter()
            jax.block_until_ready(compiled(random_weights, task, key))
            seconds.append(time.perf_counter() - started)
        megabytes = compiled.memory_analysis().temp_size_in_bytes / 1e6  # for all that is computed on the way
        needs[name][inner_steps] = (megabytes, 1000 * min(seconds))
lines = ["| inner steps | " + " | ".join(ways) + " |", "|---|---|---|---|"]
for n in needs["Reptile"]:
    lines.append(f"| {n} | " + " | ".join("{:.0f} MB, {:.0f} ms".format(*needs[name][n]) for name in ways) + " |")
display(Markdown("\n".join(lines)))

# %% [markdown]
# **Memory.** MAML's grows with the number of inner steps: what the layers computed in every step is kept. Computing each
# inner loss a second time on the way back keeps only the weights of every step, and the growth is gone; the price is time.
# Reptile needs the least, for any number of steps. **Time.** All take longer for more steps, and MAML longer than Reptile:
# it goes back through every one of them. So for long inner loops the paper takes Reptile; in its view synthesis they have
# 32 steps and more.
#
# Now the outer loop: the step above, over and over, each with a new task. The score on the way is the PSNR of *validation*
# slices after those twelve steps on 20 projections. Expect it to stay below filtered back-projection from the same 20:
# twelve steps are few, and 20 projections are where the classical way is good. What the weights are worth shows with fewer
# projections and more steps, below.

# %%
learned, history = chosen.shipped, None
if chosen.train:
    _, learned, history = ct.meta_train(profile, images, seed=SEED, folder=lesson.folder / "checkpoints")
    of_20 = table.back_projected(images.validation, 20, "ramp")
    classical = np.mean([evaluate.psnr(*pair) for pair in zip(of_20, images.validation, strict=True)])
    gallery.show(
        plots.training_curves(
            {"meta-reptile": history.validation},
            reference=float(classical),
            reference_label="filtered back-projection, the same 20 views",
            ylabel="validation PSNR after\ntwelve steps [dB]",
            title=f"Meta-training on {images.name}: 20 projections",
        ),
        "meta_training",
        alt="Line plot of the validation PSNR against the outer steps: it rises, and stays below a dashed line, filtered "
        "back-projection.",
    )

# %% [markdown]
# ## 5. One slice, four projections
#
# The same slice as above, from every initialisation. Besides **Standard** (random weights) and the learned one there are
#
# - **Mean**: weights whose picture is the mean of the training slices;
# - **Matched**: weights whose picture is that of the learned initialisation, but which are *other* weights;
# - **Shuffled**: the learned weights, permuted within each layer.
#
# Mean and Matched already *show* a head before they see any projection. *Predict:* is that enough? In the figure, the row
# *error* is orange where the picture is too bright, blue where it is too dark, and white where it is right.

# %%
made, agreement = sections.starts(chosen, learned, seed=SEED)
shown_slices = images.test[:3]
print(agreement)


def fitted_best(name):
    """Pictures and weights from one initialisation, fitted as was best for it."""
    best = tuned.fits[name][few]
    return ct.reconstruct(field, made[name][0], shown_slices, few, best.setting, best.steps, most=profile.limit(few))


fits = dict(zip(made, evaluate.side_by_side(fitted_best, made), strict=True))

# %%
before = [np.asarray(picture(draws[0]))[..., None] for draws in made.values()]
after = [*(pictures[0] for pictures, _ in fits.values()), smeared[few]]
gallery.show(
    plots.picture_grid(
        [[*before, None, None], [*after, truth], [*(plots.error_map(shown, truth) for shown in after), None]],
        row_labels=["before\nthe fit", f"{few} views", "error"],
        column_labels=[*(plots.LABELS[name] for name in made), "back-\nprojection", "truth"],
        captions=[[], [f"{evaluate.psnr(shown, truth):.1f} dB" for shown in after], []],
        cell=1.45,
    ),
    "reconstructions",
    alt="One slice from four projections, a column for each way: the picture before the fit, after it, and its error, "
    "orange where it is too bright and blue where too dark. Reptile's error is the palest.",
)

# %% [markdown]
# All of these networks agree with the same four projections, and they differ in what they put between the rays. Only
# Reptile's keeps skull and ventricles in their places.
#
# ## 6. The table
#
# One slice proves little, so: all test slices, from 1, 2, 4 and 8 projections. This is the loop that makes the table. A
# *runner* measures all slices from `n` angles; given weights and a setting, it fits each slice and returns its PSNR before
# the fit, after every tenth step, and at the end. (`made` has the weights of each start by name, `tuned.fits` its settings.)
#
# Every initialisation, ours too, has the optimiser, the rate **and the number of steps** that did best on 16 validation
# phantoms for that number of views: with few views more steps can make a picture worse, because they fit the network's own
# idea of what lies between the rays. All scores of that search stand in a file beside the experiment.

# %%
runners = {n: table.runner(field, images.test, n, most=profile.limit(n)) for n in (1, 2, 4, 8)}


def fit_and_score(cell):
    """PSNR [dB] of every test slice along the fit, [slices, points]."""
    name, n = cell
    best = tuned.fits[name][n]
    return runners[n](made[name], best.setting, best.steps)


cells = [(name, n) for n in runners for name in made]
scores = dict(zip(cells, evaluate.side_by_side(fit_and_score, cells), strict=True))

# %% [markdown]
# The table adds the controls and filtered back-projection, which has the filter that did best on the same validation
# phantoms. Below it stands who is ahead of whom, and by how much: the mean of the differences slice by slice, with its 95 %
# interval. Where that interval holds no zero, the lead is more than chance.

# %%
compared = sections.compared(chosen, made, scores, seed=SEED)
results = list(compared.rows)
display(Markdown(compared.said))

# %%
gallery.show(
    plots.view_curves(compared.psnr, title=f"{images.name}: unseen slices"),
    "psnr_against_views",
    alt="PSNR against the number of projections, one line for each initialisation; Reptile's lies above the others.",
)

# %% [markdown]
# **What to notice.** From every number of projections Reptile is ahead of all other ways, back-projection included. From
# *one* projection it gets no further than the nearest training slice: one projection says hardly more than the class does.
# From two on it is ahead of both controls. **Mean** starts from a head *as a picture*, and that helps: it ends between
# Standard and Reptile, from every number of projections. So does **Matched** up to four, although it started from the very
# picture that Reptile's weights show; from eight it has lost that lead over Standard (a larger network, in
# `docs/results/ct.md`, keeps it). Beyond its picture, then, a learned initialisation is a way of *changing*, and that sits in
# how its weights are arranged.
#
# The last two lines of the list of differences ask a question of the paper's main text: is Reptile with n views as good as
# Standard with 2n? With two it is, with four it is not. All differences are paired: the same slices from two initialisations,
# so that hard and easy slices do not blur the comparison. With as few slices as here the intervals are wide;
# `docs/results/ct.md` has the table on 32 slices, for the larger network, whose fits may also be longer. (In `quick` a fit
# has 250 steps at most from one view, 500 from more; from four and eight views most fits take all of them, and would gain
# from further ones.)
#
# ## 7. Between two reconstructions
#
# Take the two heads at the top of this notebook, each reconstructed from four projections by the larger network, and walk in
# a straight line from one network's *weights* to the other's. Near the start of a fit the picture is nearly a linear function
# of the weights, as any smooth function is for small changes; there, mixing weights mixes pictures. How far the fit goes
# matters: Adam moves every weight by about its rate at each step, whatever the gradient, and at the rates that fit best
# leaves this region. So the learned start is shown twice: fitted with its tuned setting, which is Adam, and with the paper's
# SGD, for 300 of its 1000 steps.

# %%
walks = {"Standard": look.fitted["standard"], "Reptile": look.fitted["meta-reptile"]}
by_sgd, few_steps = evaluate.Setting("sgd", 10.0), lesson.settings.cap(300)
_, walks["Reptile, SGD"] = ct.reconstruct(look.field, look.learned, look.truth, few, by_sgd, few_steps)
height, width, _ = look.truth[0].shape


def between(networks, t):
    """The picture of the weights at ``t`` on the line from the first network to the second."""
    mixed = weights.lerp(structures.rows(networks, 0), structures.rows(networks, len(look.truth) - 1), t)
    return np.clip(look.field.apply(mixed, models.pixel_grid(height, width)), 0, 1).reshape(height, width, 1)


# %%
stops = (0, 0.25, 0.5, 0.75, 1)
gallery.show(
    plots.picture_grid(
        [[between(networks, t) for t in stops] for networks in walks.values()],
        row_labels=list(walks),
        column_labels=["first head", "", "half way", "", "second head"],
        cell=1.6,
    ),
    "interpolation",
    alt="Straight lines in weight space between two reconstructions, a row for each way of fitting: how far the picture "
    "half way is still a head differs from row to row.",
)

# %% [markdown]
# Look at the skull, the brightest of a head: it moves from one head to the other, or it fades and comes again. As numbers:
# how bright is the brightest fiftieth of the pixels, at the ends and half way? Beside it the number of notebook 01, the
# agreement of the picture half way with the mean of the two pictures.


# %%
def skull(picture):
    """Mean brightness of the brightest fiftieth of the pixels."""
    return float(np.sort(picture.ravel())[-picture.size // 50 :].mean())


half_way = {}
for name, networks in walks.items():
    first, half, second = (between(networks, t) for t in (0, 0.5, 1))
    half_way[name] = {"skull": [skull(picture) for picture in (first, half, second)]}
    half_way[name]["mean_picture_db"] = float(evaluate.psnr(half, (first + second) / 2))
    print(
        f"{name:13} skull: {skull(first):.2f}, half way {skull(half):.2f}, then {skull(second):.2f}; half way against the "
        f"mean of the two pictures: {half_way[name]['mean_picture_db']:.1f} dB"
    )

# %% [markdown]
# Between networks fitted from random weights the skull fades: half way there is a grey blur, and no head. Between those
# from the learned start it stays: half way there is a head, although nobody's. Both are fitted with Adam; the third row
# shows that the paper's SGD, which stays nearer to the start, makes smoother heads.
#
# The other number says nothing of the kind: by it, Standard is about level with Reptile. We measured the skull *because*
# we had seen it in the pictures; a number chosen that way describes a picture, and proves nothing. Nor were the rows fitted
# equally well, as in notebook 01, and these are two heads only. So take the walk as a picture of what the
# weights know. Now drag it yourself; your browser mixes the weights and computes the networks.

# %%
heads = None
if len(look.truth) == 2:
    heads = explorer.networks(
        look.field,
        {name: [structures.rows(networks, i) for i in range(2)] for name, networks in walks.items()},
        labels=("first head", "second head"),
        shape=(height, width),
        side=200,
        title=f"Between reconstructions from {few} projections",
    )
heads

# %% [markdown]
# ## 8. Off the class
#
# A prior is an opinion. What does it do to a slice that is *not* a Shepp-Logan head? With `LEARNIT_TEST_DATA=folder` (or one
# file) your own slices, or a measured sinogram, are reconstructed here; otherwise we take smooth blobs, cut to the same
# circle. The network is again the larger one of the first picture. Its start was learned on phantoms, and its settings were
# tuned on phantoms, too.
#
# *Predict:* two, four and eight projections. Where will the start that expects a head do harm, and where will it help?

# %%
off = sections.off_class(lesson.settings, seed=SEED)
results += off.rows
gallery.show(
    off.figure,
    "off_class",
    alt="A blob from two, four and eight projections: Standard, the start learned on phantoms, back-projection, truth. "
    "From two, the learned start draws parts of a skull around the blob; from eight, all are close to the truth.",
)
display(Markdown(off.said))

# %% [markdown]
# Drag through the number of projections, and through the slices. Where does the ghost of a skull end?

# %%
off.slider

# %% [markdown]
# From **two** projections the learned start loses to random weights: it puts skull, and the dark of ventricles, where
# there is only a blob. The measurement does not forbid it, and where the measurement is silent, the start decides. From
# **four** it is still behind. From **eight** the rays leave little to invent, and the learned start is ahead on
# average: perhaps because a dark surround and smooth areas, which it expects, are true of blobs, too.
#
# In medicine the first row is the danger of *every* learned prior: a high PSNR on the class it knows says nothing about
# the patient who is not of that class, and the picture does not show which parts of it were measured. That answers the
# second half of the question at the top. (No claim of the paper goes with this section: it is three slices of one
# class.)
#
# ## 9. Exercises
#
# Each has three parts. *Predict*: write down what you expect, before you see it. *Do*: put your code in the place of
# `...`. Then run the check: it calls your function with random inputs, new ones each time, and says what is wrong in one
# sentence. All that a function needs comes in as arguments; use those, and nothing from the cells above.

# %% tags=["exercises"]
import jax
import jax.numpy as jnp
import numpy as np

from learnit_core import tomography
from learnit_core.teaching import checks

# %% [markdown]
# ### Exercise 1: two projections by hand
#
# *Predict:* the rays of one projection are added up to one number. Does that number depend on the angle? *Do:* write the
# projections at $0°$, where rays run down the columns, and at $90°$, where they run along the rows and **the lowest row comes
# first**. (The size is odd here, so that there is a middle pixel to turn around.)

# %% tags=["exercise"]
prediction_1 = ...  # "yes" or "no"


def my_projections(picture):
    """The projections [2, size] of a picture [size, size] at 0 and at 90 degrees."""
    return ...  # your code


# %% tags=["check"]
checks.two_projections(my_projections, prediction_1)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_1 = "no"
#
#
# def my_projections(picture):
#     return np.stack([picture.sum(axis=0), picture.sum(axis=1)[::-1]])
# ```
#
# Every projection adds up the whole slice, whatever the angle. (Between 0° and 90°, interpolation between pixels changes
# the sum a little.)
# </details>

# %% [markdown]
# ### Exercise 2: the loss of a sinogram
#
# *Predict:* add to the slice a pattern that none of the measured rays notices: along each of them it adds up to zero. How
# does the loss change? *Do:* write the loss of a fit to projections: the mean over all rays of the squared difference of line
# *averages*. `tomography.project(picture, angles)` gives the sums of a picture, `measured` has the sums of the scanner, and
# an average is a sum divided by the picture's side.

# %% tags=["exercise"]
prediction_2 = ...  # "it grows", "it falls" or "not at all"


def my_ct_loss(picture, angles, measured):
    """The loss, a number: ``picture`` [size, size], ``angles`` [views] in radians, ``measured`` sums [views, size]."""
    return ...  # your code


# %% tags=["check"]
checks.sinogram_loss(my_ct_loss, prediction_2)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_2 = "not at all"
#
#
# def my_ct_loss(picture, angles, measured):
#     averages = tomography.project(picture, angles) / len(picture)
#     return jnp.mean((averages - measured / len(picture)) ** 2)
# ```
#
# Such patterns exist as long as there are fewer independent rays than pixels. The loss cannot choose among slices that differ
# by them; the start of the fit does.
# </details>

# %% [markdown]
# ### Exercise 3: what was not measured
#
# *Predict:* among all slices that agree with four measured projections, the check takes the one whose pixels have the
# smallest sum of squares. Where does its sinogram differ more from the truth: at the measured angles or at the others?
# *Do:* compute the root of the mean squared error of a sinogram, once over the rays of the measured angles and once over
# those of all others.

# %% tags=["exercise"]
prediction_3 = ...  # "measured" or "others"


def my_errors(found, truth, measured):
    """A pair of numbers: found and truth are [angles, size], ``measured`` [angles] is True where the scanner looked."""
    return ...  # your code: at the measured angles, at the others


# %% tags=["check"]
checks.unmeasured(my_errors, prediction_3)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_3 = "others"
#
#
# def my_errors(found, truth, measured):
#     squared = (found - truth) ** 2
#     return np.sqrt(squared[measured].mean()), np.sqrt(squared[~measured].mean())
# ```
#
# The loss knows of the measured angles only, and there any good fit is right. What a prior is worth shows at the others.
# </details>

# %% [markdown]
# ### Exercise 4: the other half turn
#
# *Predict:* a scanner measures for a full turn instead of half a turn. How many of the additional projections say something
# new? *Do:* make the sinogram of the full turn out of that of the half turn. After half a turn the same lines are seen
# **from behind**: what was the first ray is then the last. (The size is odd again.)

# %% tags=["exercise"]
prediction_4 = ...  # "none", "half of them" or "all"


def my_full_turn(half):
    """Sinogram [2 views, size] at angles in [0, 2 pi), from that of [0, pi), ``half`` [views, size]."""
    return ...  # your code


# %% tags=["check"]
checks.full_turn(my_full_turn, prediction_4)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_4 = "none"
#
#
# def my_full_turn(half):
#     return np.concatenate([half, half[:, ::-1]])
# ```
#
# This is why scanners of parallel rays stop after half a turn, and why, below its last row, a sinogram goes on with its first
# one, mirrored left to right.
# </details>

# %% [markdown]
# ### Exercise 5: how many views determine a slice?
#
# A projection is linear in the slice, so there is a matrix: one column for each pixel, one row for each ray. *Predict:* a
# slice has 9 × 9 pixels, of which 49 lie inside the scanner's circle, and each view has 9 rays. How many views, spread over
# half a turn, does it take until the rays determine all 49? *Do:* build the matrix. Its column for a pixel is the sinogram,
# ray after ray, of the picture that is 1 there and 0 elsewhere; pixels are counted row by row.

# %% tags=["exercise"]
prediction_5 = ...  # a number of views


def my_matrix(project, size, angles):
    """The matrix [views * size, size * size] of ``project(picture, angles)``, which gives sums [views, size]."""
    return ...  # your code


# %% tags=["check"]
checks.projection_matrix(my_matrix, prediction_5)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_5 = 7
#
#
# def my_matrix(project, size, angles):
#     pixels = np.eye(size * size, dtype=np.float32).reshape(-1, size, size)
#     return np.stack([np.asarray(project(jnp.asarray(pixel), angles)).ravel() for pixel in pixels], axis=1)
# ```
#
# Counting alone says six views, 54 rays for 49 pixels, at least. But rays of different views are not independent (each view
# adds up to the same number, to begin with), and the outermost see little, so that more may be needed: the check prints how
# many. With fewer, a prior has to decide; with more, it has less and less to say.
# </details>

# %% [markdown]
# ## Summary
#
# A few projections leave a choice, and the weights from which a network is fitted make it. Learned weights turn that into
# knowledge of a class, which survives the fit better than knowing the mean picture does. They are a prior with all that
# comes with one: better on the class, and an opinion where the measurement is silent.
#
# **References.** Tancik, Mildenhall et al., *Learned Initializations for Optimizing Coordinate-Based Neural
# Representations*, CVPR 2021 · Tancik et al., *Fourier Features Let Networks Learn High Frequency Functions in Low
# Dimensional Domains*, NeurIPS 2020 · Nichol, Achiam, Schulman, *On First-Order Meta-Learning Algorithms*, 2018 · Shepp,
# Logan, *The Fourier Reconstruction of a Head Section*, 1974 · Toft, *The Radon Transform*, 1996 (the modified table) · Kak,
# Slaney, *Principles of Computerized Tomographic Imaging*, 1988.

# %%
lesson.finish(
    results,
    profile=profile.name,
    seed=SEED,
    precision=field.spec["precision"],
    histories=[history] if history else [],
    needs={name: {str(n): [round(x, 2) for x in pair] for n, pair in found.items()} for name, found in needs.items()},
    half_way=half_way,
    validation_db=[round(float(db), 2) for _, db in history.validation] if history else [],
    back_projection_20_db=round(float(classical), 2) if history else None,
)
