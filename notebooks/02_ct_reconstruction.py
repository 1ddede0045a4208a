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
# # Computed tomography: a slice from a handful of projections
#
# A scanner sends X-rays through a body from many directions and measures how much arrives. From hundreds of such
# *projections* a slice through the body is computed; each of them costs dose. What if there are only two, or four?
# Then very many slices agree with all that was measured, and the answer depends on what one *expects* a slice to look
# like. In this notebook the expectation sits in the weights from which a network starts to be fitted. It follows
# section 4.2 of *Learned Initializations for Optimizing Coordinate-Based Neural Representations* (Tancik, Mildenhall
# et al., CVPR 2021), on the paper's own class of slices, which can be drawn rather than downloaded.
#
# **You will be able to**
#
# 1. read a sinogram, and say why few projections do not determine a slice;
# 2. fit a coordinate-based network to projections instead of pixels;
# 3. explain why Reptile, and not MAML, is used when the inner loop is long;
# 4. judge a learned initialisation as a *prior* against four other ways to start and against filtered back-projection;
# 5. say what such a prior does to a slice that is not of its class.
#
# **You should know** notebook 01, or what a coordinate-based network and a meta-gradient are.
#
# | profile | machine | time | memory | what it trains | size |
# |---|---|---|---|---|---|
# | `quick` | 2 CPU cores | 6 minutes | 1.5 GB | 4 × 48 on 48 Fourier frequencies, 1500 outer steps | 64 × 64 |
# | `standard` | a T4-class GPU | not measured | not measured | 5 × 128 on 128 frequencies, 10,000 outer steps | 128 × 128 |
# | `paper` | a large GPU | not measured | not measured | 5 × 256 on 256 frequencies, 100,000 outer steps | 256 × 256 |

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

# %%
import dataclasses
import os
import time
from pathlib import Path

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
started = time.perf_counter()

import jax
import jax.numpy as jnp
import numpy as np
from IPython.display import Markdown, display

from learnit_core import evaluate, explorer, metrics, models, plots, signals, structures, tomography, weights
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import baselines, ct
from learnit_core.experiments.ct import explorers, table
from learnit_core.experiments.image import interpolation
from learnit_core.experiments.settings import Settings
from learnit_core.signals import phantoms, slices

# %% [markdown]
# ## Choices
#
# Leave a field empty to take the environment variable of the same meaning (`LEARNIT_PROFILE`, `LEARNIT_DATA`,
# `LEARNIT_TEST_DATA`, `LEARNIT_OUT`), or its default.

# %% tags=["parameters"]
PROFILE = ""  # @param ["", "quick", "standard", "paper"]
DATA = ""  # @param {type:"string"}
TEST_DATA = ""  # @param {type:"string"}
SEED = 0  # @param {type:"integer"}
TRAIN_LIVE = True  # @param {type:"boolean"}
KEEP_ON_DRIVE = False  # @param {type:"boolean"}

# %% [markdown]
# `DATA` is what is trained on: `phantoms`, or a folder of square grey slices of one size. `TEST_DATA` is what is
# reconstructed; name slices of your own and leave `DATA` empty, and nothing is trained: they meet the initialisation that
# was learned on phantoms (section 8). The real sets that
# [`data_scripts/`](https://github.com/OWNER/learnit/blob/main/data_scripts/prepare.py) prepares are photographs and
# renderings, for the other notebooks; none is of CT. In Colab, `KEEP_ON_DRIVE` puts results and checkpoints on your drive.

# %%
if KEEP_ON_DRIVE:
    from google.colab import drive

    drive.mount("/content/drive")
    os.environ["LEARNIT_OUT"] = "/content/drive/MyDrive/learnit"
for name, value in {"PROFILE": PROFILE, "DATA": DATA, "TEST_DATA": TEST_DATA}.items():
    if value:
        os.environ[f"LEARNIT_{name}"] = value

settings = Settings.from_env()
data = settings.data or "phantoms"
profile = ct.PROFILES[settings.profile].capped(settings)
only_fit = bool(settings.test_data) and not settings.data
train_live = TRAIN_LIVE and not only_fit
folder = settings.out / "02_ct_reconstruction"
gallery = plots.Gallery(folder / "figures")
print(f"{metrics.device()} · profile {profile.name} · JAX {jax.__version__} · results in {folder.name}/")

# %% [markdown]
# ## 1. The signals
#
# The **Shepp-Logan phantom** is a cartoon of a head: ten ellipses that stand for skull, brain, ventricles and a few
# small tumours. Here every number of its table (brightness, axes, position, angle) is moved at random, a new phantom
# for every random key. The scanner sees a circle; what reaches outside it is cut off.
#
# All of these heads look alike at a glance, and we are about to claim that knowing the class helps. So we ask at once
# how far *only* knowing the class gets us, with two controls that measure nothing of the slice in question: the **mean**
# of the training slices, and (this one even knows the answer) the training slice that comes **nearest**.

# %%
images = ct.load_signals(profile, data)
if settings.data and settings.test_data:
    images = images._replace(test=slices.load_test(settings.test_data, size=profile.size))
size = profile.size
gallery.show(
    plots.picture_grid(
        [list(images.test[:8]), list(images.train[:8])], row_labels=["to test", "to train on"], cell=1.4
    ),
    "signals",
    alt="Slices in two rows: ellipses of several greys within a bright ring, a little different in every slice.",
)
print(
    f"{images.name}: {len(images.train)} to train on, {len(images.validation)} to choose by, "
    f"{len(images.test)} to test. {images.note}"
)
results = table.control_rows(images, data=images.name, seed=SEED)
for row in results:
    print(f"{table.LABELS[row['init']]}: {row['psnr_db']:.1f} dB")

# %% [markdown]
# ## 2. What the scanner measures
#
# What arrives of a ray falls off exponentially with the sum of the slice's brightness (its absorption) along the line, so
# *minus the logarithm* of the share that arrives is that sum; it is what we call measured from now on. So from the angle
# $\theta$, ray $k$ measures the sum of the slice along its line. Turn the slice by $\theta$, add up each
# column, and you have one **projection**; the projections of half a turn, one below the other, are the **sinogram**. The
# other half turn sees the same lines from behind.

# %%
truth = images.test[0]
half_turn = np.linspace(0, np.pi, 90, endpoint=False)
sinogram = np.asarray(tomography.project(jnp.asarray(truth[..., 0]), jnp.asarray(half_turn, jnp.float32)))
turned = np.asarray(tomography.turn(jnp.asarray(truth[..., 0]), jnp.float32(half_turn[15])))

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
# filter that undoes the blur of smearing. It knows nothing of heads. With many projections and fine pixels it tends to the slice
# (at 64 × 64 sharp edges stay a little blurred, whatever their number); with few, it leaves streaks:

# %%
tuned = table.tuned_settings(profile.name, images.name)
back_projections = {n: table.back_projected(images.test[:1], n, tuned.filters[n])[0] for n in ct.NUM_PROJECTIONS}
back_projections |= {n: table.back_projected(images.test[:1], n, "ramp")[0] for n in (20, 180)}
gallery.show(
    plots.picture_grid(
        [[*back_projections.values(), truth]],
        column_labels=[*map(table.label, back_projections), "truth"],
        captions=[[*(f"{table.psnrs(p[None], truth[None])[0]:.1f} dB" for p in back_projections.values()), ""]],
        cell=1.5,
    ),
    "back_projection",
    alt="Filtered back-projection of one slice from 1 to 180 projections: streaks with few, the slice with many.",
)

# %% [markdown]
# At 64 × 64, four views of 64 rays are 256 numbers, and the slice has 4096 pixels: very many slices have exactly these projections.
# Something has to choose among them.
#
# ## 3. A network fitted to projections
#
# Our slice is a network $f_\theta$ from positions to brightness: ReLU layers on **Fourier features**
# $\cos(Bx), \sin(Bx)$ with fixed random frequencies $B$, and a sigmoid at the end. We never show it a pixel. We project
# *its* picture, and compare with what the scanner measured:
#
# $$L(\theta) = \frac{1}{\text{rays}} \sum_{\text{rays}} \left( \tfrac{1}{n} P f_\theta - \tfrac{1}{n}
# \,\text{measured} \right)^2$$
#
# The projection $P$ is linear and differentiable, so that gradient descent goes through it; dividing by the side $n$ makes
# sums into averages. `losses.ct_loss` is these two lines. The features of the grid never change, and are computed once.

# %%
field = ct.field_for(profile)
random_weights = baselines.standard(field, seed=SEED)
few = 4


def picture(params):
    """The picture [size, size, 1] that a network holds."""
    return np.asarray(field.apply(params, models.pixel_grid(size, size))).reshape(size, size, 1)


def fitted_from(params, chosen, steps):
    """Pictures of the test slice after each of ``steps`` gradient steps on its few projections."""
    most = profile.limit(few)
    shown = [ct.reconstruct(field, params, images.test[:1], few, chosen.setting, n, most=most)[0][0] for n in steps]
    return shown, [f"{table.psnrs(p[None], truth[None])[0]:.1f} dB" for p in shown]


best = tuned.fits["standard"][few]
print(
    f"Standard, {few} views: {best.setting.optimizer} {best.setting.learning_rate:g}, {best.steps} steps; "
    f"chosen by: {best.tuned_on}"
)
steps = sorted({0, *(n for n in (10, 50) if n < profile.limit(few)), min(best.steps, profile.limit(few))})
standard_pictures, captions = fitted_from(random_weights, best, steps)
gallery.show(
    plots.picture_grid(
        [[*standard_pictures, truth]],
        column_labels=[*(f"{n} steps" for n in steps), "truth"],
        captions=[[*captions, ""]],
        cell=1.7,
    ),
    "standard_steps",
    alt="A network from random weights fitted to four projections: the outline of the head with rays and blotches in it.",
)

# %% [markdown]
# It is fitted to the four projections (exercise 2 measures how well), and still is not the slice: between the rays it
# fills in whatever random weights fill in, and nothing tells it of heads.
#
# ## 4. Reptile, and why not MAML
#
# We want weights from which *these few projections* lead to *a head*. So let us meta-learn them. A training task is a
# training slice with 20 projections at random angles (drawn once for the task), and the inner loop makes **twelve** steps of
# SGD. In notebook 01 it was two, and MAML differentiated through them. Differentiating through a loop means keeping what
# each of its steps computed. Here is what the compiled meta-gradient of one task needs:

# %%
draw_task = ct.sampler(profile)(jax.random.key(SEED), jnp.asarray(images.train[:8]))
task = structures.rows(draw_task, 0)
memory = {}
for inner_steps in (1, 4, 12)[: 1 if settings.max_steps else 3]:
    shorter = dataclasses.replace(profile, inner_steps=inner_steps)
    for algorithm in ("reptile", "maml"):
        compiled = (
            jax.jit(ct.meta_grad_for(shorter, field, algorithm))
            .lower(random_weights, task, jax.random.key(0))
            .compile()
        )
        memory[algorithm, inner_steps] = compiled.memory_analysis().temp_size_in_bytes / 1e6
display(
    Markdown(
        "| inner steps | Reptile [MB] | MAML, inner losses computed twice [MB] |\n|---|---|---|\n"
        + "\n".join(
            f"| {n} | {memory['reptile', n]:.0f} | {memory['maml', n]:.0f} |" for how, n in memory if how == "maml"
        )
    )
)

# %% [markdown]
# Reptile needs the same for any number of inner steps: it takes the fitted weights, and moves the initialisation towards
# them. (MAML's column is kind to it: each inner loss is computed again on the way back, so that only weights are kept.)
# This is why the paper takes Reptile for everything with a long inner loop.
#
# Now the outer loop. The score on the way is the PSNR of *validation* slices after those twelve steps on 20 projections.
# Expect it to stay below filtered back-projection from the same 20: twelve steps are few, and 20 projections are where the
# classical way is good. What the weights are worth shows with fewer projections and more steps, below.

# %%
if train_live:
    field, learned, history = ct.meta_train(profile, images, seed=SEED, folder=folder / "checkpoints")
    gallery.show(
        plots.training_curves(
            {"meta-reptile": history.validation},
            reference=float(table.psnrs(table.back_projected(images.validation, 20, "ramp"), images.validation).mean()),
            reference_label="filtered back-projection, the same 20 views",
            ylabel="validation PSNR after\ntwelve steps [dB]",
            title=f"Meta-training on {images.name}: 20 projections",
        ),
        "meta_training",
        alt="Line plot of the validation PSNR against the outer steps: it rises towards a dashed line, filtered "
        "back-projection.",
    )
else:
    history = None
    if settings.profile != "quick" or data != "phantoms":
        raise LearnitError(
            f"no initialisation is shipped for {data!r} in the profile {settings.profile!r}: expected the profile quick and "
            "phantoms, or training to be allowed"
        )
    field, learned, _ = weights.pretrained(ct.SHIPPED["quick"]["phantoms"]["meta-reptile"])

# %% [markdown]
# ## 5. One slice, four projections
#
# The same slice as above, from every initialisation. Besides **Standard** (random weights) and the learned one there are
#
# - **Mean**: weights whose picture is the mean of the training slices;
# - **Matched**: weights whose picture is that of the learned initialisation, but which are *other* weights;
# - **Shuffled**: the learned weights, permuted within each layer.
#
# Mean and Matched already *show* a head before they see any projection. Predict: is that enough?

# %%
made, reached = baselines.of_pictures(profile, field, images, learned, seed=SEED)
made["meta-reptile"] = [learned]
print("Mean and Matched agree with their targets to", {name: f"{db:.0f} dB" for name, db in reached.items()})

shown_slices = images.test[:3]


def fitted_best(name):
    """Pictures and weights from one initialisation, fitted as was best for it."""
    chosen, most = tuned.fits[name][few], profile.limit(few)
    steps = min(chosen.steps, most)
    return ct.reconstruct(field, made[name][0], shown_slices, few, chosen.setting, steps, most=most)


fits = dict(zip(table.INITS, evaluate.side_by_side(fitted_best, table.INITS), strict=True))
rows = [
    [picture(made[name][0]) for name in table.INITS],
    [fits[name][0][0] for name in table.INITS],
    [plots.error_map(fits[name][0][0], truth) for name in table.INITS],
]
fbp = back_projections[few]
rows = [[*rows[0], None, None], [*rows[1], fbp, truth], [*rows[2], plots.error_map(fbp, truth), None]]
psnr_captions = [f"{table.psnrs(p[None], truth[None])[0]:.1f} dB" for p in rows[1][:-1]]
gallery.show(
    plots.picture_grid(
        rows,
        row_labels=["before\nthe fit", f"{few} views", "error"],
        column_labels=[*(plots.LABELS[name] for name in table.INITS), "back-\nprojection", "truth"],
        captions=[[], psnr_captions, []],
        cell=1.45,
    ),
    "reconstructions",
    alt="One slice from four projections, a column for each way: the picture before the fit, after it, and its error, red "
    "where it is too bright and blue where too dark. Reptile's error is the palest.",
)

# %% [markdown]
# ## 6. The table
#
# All test slices, from 1, 2, 4 and 8 projections. Every initialisation, ours too, has the optimiser, the rate **and the
# number of steps** that did best on 16 validation phantoms for that number of views: with few views more steps can make a
# picture worse, because they fit the network's own idea of what lies between the rays. (In `quick` a fit has 250 steps at
# most from one view, and 500 from more. At four and eight views most would still gain from further ones; `make results`
# goes up to 1000.) Filtered back-projection has the
# filter that did best. (All scores of the search stand in a file beside the experiment.)

# %%
table_rows, _ = table.table_rows(
    field,
    images.test,
    made,
    tuned,
    {num_projections: profile.limit(num_projections) for num_projections in ct.NUM_PROJECTIONS},
    trained_on=images.name,
    data=images.name,
    seed=SEED,
    paper_too=profile.name != "quick",
)
results += table_rows
display(Markdown(table.markdown(results)))

# %%
by_init = {
    name: {
        num_projections: np.array(row["psnr_per_signal"])
        for num_projections in ct.NUM_PROJECTIONS
        for row in results
        if row["in_table"] and row["init"] == name and row["observations"] == ct.observation(num_projections)
    }
    for name in (*table.INITS, "fbp")
}
gallery.show(
    plots.view_curves(by_init, title=f"{images.name}: unseen slices"),
    "psnr_against_views",
    alt="PSNR against the number of projections, one line for each initialisation; Reptile's lies above the others from two "
    "views on.",
)
for num_projections in ct.NUM_PROJECTIONS:
    gap = evaluate.paired_interval(by_init["meta-reptile"][num_projections], by_init["standard"][num_projections])
    print(
        f"{table.label(num_projections)}: Reptile over Standard {gap.mean:+.1f} dB, 95 % interval [{gap.low:+.1f}, {gap.high:+.1f}]"
    )
for num_projections in (2, 4):
    gap = evaluate.paired_interval(by_init["meta-reptile"][num_projections], by_init["standard"][2 * num_projections])
    print(
        f"Reptile with {num_projections} views over Standard with {2 * num_projections}: {gap.mean:+.1f} dB, "
        f"95 % interval [{gap.low:+.1f}, {gap.high:+.1f}]"
    )

# %% [markdown]
# **What to notice.** The gaps in the list are paired: the same slices from two initialisations, so that hard and easy
# slices do not blur the comparison; with as few slices as here the intervals are wide, and `make results` prints the table
# on 32, for a larger network trained for longer, whose numbers differ (see `docs/results/ct.md`). The last two lines ask
# the paper's question: is Reptile with n views as good as Standard with 2n? One projection says hardly more than the class does. From two on the learned
# initialisation pulls away from random weights. Mean and Matched start from a head *as a picture*, and that helps: they end
# in between. But Matched started from the very picture that Reptile's weights show, and still ends below it: beyond its
# picture, a learned initialisation is a way of *changing*, and that sits in how its weights are arranged.
#
# ## 7. Between two reconstructions
#
# Take two of the slices above, each reconstructed from four projections, and walk in a straight line from one network's
# *weights* to the other's. As in notebook 01 the optimiser of the fit matters: Adam moves every weight by about the same
# amount and leaves the region where the network is nearly linear. So the learned initialisation is shown with its tuned
# setting, and with the paper's SGD, for 100 steps instead of the paper's 1000.

# %%
walks = {
    "Standard": fits["standard"][1],
    "Reptile": fits["meta-reptile"][1],
    "Reptile, SGD 10": ct.reconstruct(
        field, learned, shown_slices, few, Setting("sgd", 10.0), min(100, profile.limit(few))
    )[1],
}


def between(fitted, t, a=0, b=1):
    """The picture of the weights at ``t`` on the line from network ``a`` to network ``b``."""
    return picture(weights.lerp(structures.rows(fitted, a), structures.rows(fitted, b), t))


stops = (0, 0.25, 0.5, 0.75, 1)
gallery.show(
    plots.picture_grid(
        [[between(fitted, t) for t in stops] for fitted in walks.values()],
        row_labels=[name.replace(", ", ",\n") for name in walks],
        column_labels=["first", "", "half", "", "second"],
        cell=1.6,
    ),
    "interpolation",
    alt="Straight lines in weight space between two reconstructions, a row for each way of fitting: how far the picture "
    "half way is still a head differs from row to row.",
)
pairs = np.array([(i, j) for i in range(len(shown_slices)) for j in range(i)])
if len(pairs):
    lines = ["| fitted from | pairs | mean-weights picture vs. mean picture [dB] |", "|---|---|---|"]
    for name, fitted in walks.items():
        agreements = interpolation.agreement(field, fitted, pairs, (size, size))
        lines.append(f"| {name} | {len(pairs)} | {agreements.mean():.1f} |")
    display(Markdown("\n".join(lines)))

# %% [markdown]
# The number is the PSNR between the picture of the *mean weights* and the *mean of the two pictures*: where it is high,
# mixing weights mixes pictures. Unlike in notebook 01 the rows were *not* fitted equally well, and weights that moved less
# are mixed more easily: the number alone makes no start better than another. Now drag it yourself; your browser mixes the
# weights and computes the networks.

# %%
num_corners = len(shown_slices)
heads = (
    None
    if num_corners < 2
    else explorer.networks(
        field,
        {name: [structures.rows(fitted, i) for i in range(num_corners)] for name, fitted in walks.items()},
        labels=("first head", "second head", "third head")[:num_corners],
        shape=(size, size),
        side=200,
        title=f"Between reconstructions from {few} projections",
    )
)
heads

# %% [markdown]
# ## 8. Off the class
#
# A prior is an opinion. What does it do to a slice that is *not* a Shepp-Logan head? With `LEARNIT_TEST_DATA=folder` (or
# one file) your own slices are reconstructed here; otherwise we take smooth blobs, cut to the same circle. The weights
# here are the larger of the two networks that are shipped, which was trained for longer. **No claim goes with this
# section:** they were learned on phantoms, this is another class, and their settings were tuned on phantoms, too.

# %%
off_training = "quick" if settings.max_steps else "long"
off_field, off_learned, _ = weights.pretrained(ct.SHIPPED[off_training]["phantoms"]["meta-reptile"])
off_profile = ct.PROFILES[off_training].capped(settings)
if only_fit:
    off_name, off_class = Path(settings.test_data).name, slices.load_test(settings.test_data, size=off_profile.size)
else:
    off_name = "sdf"
    circle = phantoms.scanner_circle(off_profile.size)[..., None]
    off_class = (1 - signals.load("sdf", size=off_profile.size, counts=(1, 1, 3)).test) * circle
off_class = off_class[: settings.cap(8)]
off_tuned = table.tuned_settings(off_training, off_name).fits
off_starts = {"standard": baselines.standard(off_field, seed=SEED), "meta-reptile": off_learned}
off_rows, off_captions, off_projections = [], [], 8
off_limit = off_profile.limit(off_projections)
off_steps = {name: min(off_tuned[name][off_projections].steps, off_limit) for name in off_starts}


def off_pictures(name):
    """What one initialisation makes of the slices that are not of its class."""
    start, setting = off_starts[name], off_tuned[name][off_projections].setting
    fit = (off_field, start, off_class, off_projections, setting, off_steps[name])
    return ct.reconstruct(*fit, most=off_limit)[0]


off_fits = dict(zip(off_starts, evaluate.side_by_side(off_pictures, off_starts), strict=True))
off_fits["fbp"] = table.back_projected(off_class, off_projections, tuned.filters[off_projections])
for i, off_truth in enumerate(off_class[:4]):
    off_rows.append([*(pictures[i] for pictures in off_fits.values()), off_truth])
    off_captions.append([*(f"{table.psnrs(p[i][None], off_truth[None])[0]:.1f} dB" for p in off_fits.values()), ""])
gallery.show(
    plots.picture_grid(
        off_rows, captions=off_captions, column_labels=[*(plots.LABELS[name] for name in off_fits), "truth"], cell=1.7
    ),
    "off_class",
    alt="Slices that are no phantoms, from eight projections: Standard, the initialisation learned on phantoms, filtered "
    "back-projection, and the truth.",
)
print(f"{off_name}: the class differs from the phantoms that the initialisation was learned on.")
for name, pictures in off_fits.items():
    scores = table.psnrs(pictures, off_class)
    print(f"{plots.LABELS[name]:16} {scores.mean():.1f} dB with {off_projections} views on {len(off_class)} slices")
    results.append(
        metrics.row(
            experiment="ct-off-class",
            trained_on="phantoms" if name == "meta-reptile" else None,
            data=off_name,
            split="test",
            init=name,
            observations=ct.observation(off_projections),
            seed=SEED,
            psnr_per_signal=scores,
            steps=off_steps.get(name, 0),
            tuned_on=off_tuned["standard" if name == "fbp" else name][off_projections].tuned_on,
        )
    )

# %% [markdown]
# Compare with filtered back-projection, which has no opinion: on blobs there is little that a prior of heads can help with.
# And look for pieces of skull where there should be none (with `off_projections = 2` there is more to make up): where the
# projections leave a choice, the start decides. In medicine that is the danger of *every* learned prior, and a high PSNR on the class it knows says nothing about the patient who is
# not of that class.
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
# *Predict:* among all slices that agree with four measured projections, the check takes the one with the smallest numbers.
# Where does its sinogram differ more from the truth: at the measured angles or at the others? *Do:* compute the root of
# the mean squared error of a sinogram, once over the rays of the measured angles and once over those of all others.

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
# This is why scanners of parallel rays stop after half a turn, and why a sinogram continues upside down at its edge.
# </details>

# %% [markdown]
# ### Exercise 5: how many views determine a slice?
#
# A projection is linear in the slice, so there is a matrix: one column for each pixel, one row for each ray. *Predict:* a
# slice has 9 × 9 pixels, of which 49 lie inside the scanner's circle, and each view has 9 rays. How many views, spread over half a
# turn, does it take until the rays determine all 49? *Do:* build the matrix. Its column for a pixel is the sinogram, ray after
# ray, of the picture that is 1 there and 0 elsewhere; pixels are counted row by row.

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
# adds up to the same number, to begin with), and the outermost see little, so that more may be needed: the check prints how many. With
# fewer, a prior has to decide; with more, it has less and less to say.
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
report = metrics.write(
    folder / "metrics.json",
    notebook="02_ct_reconstruction",
    profile=profile.name,
    seed=SEED,
    precision=field.spec["precision"],
    seconds={
        "compile": history.compile_seconds if history else 0.0,
        "meta_train": history.seconds if history else 0.0,
        "total": time.perf_counter() - started,
    },
    results=results,
)
print(
    f"{len(results)} results in metrics.json after {report['seconds']['total']:.0f} s, of which meta-training "
    f"{report['seconds']['meta_train']:.0f} s; peak memory {report['peak_memory_bytes'] / 1e9:.1f} GB"
)
display(Markdown("Versions: " + ", ".join(f"{name} {v}" for name, v in report["versions"].items())))
