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
# # Learned initialisations: a picture in two gradient steps
#
# A *coordinate-based network* stores one picture in its weights: give it a position, and it returns the colour
# there. Fitting it means gradient descent, from random weights, for tens to hundreds of steps. The paper *Learned
# Initializations for Optimizing Coordinate-Based Neural Representations* (Tancik, Mildenhall et al., CVPR 2021)
# asks: if all our pictures come from one class, say lines of text, can we *learn* weights to start from, so that a
# **new** picture of the class is there after **two** steps? This notebook follows its section 4.1 and Table 1.
#
# **You will be able to**
#
# 1. say what a coordinate-based network is and fit one to a picture;
# 2. explain the inner and the outer loop of MAML and of Reptile, and run both;
# 3. judge a learned initialisation against fair baselines: four other ways to start, each with its best step size,
#    and two controls that do not fit anything;
# 4. read off what interpolation between the *weights* of two fitted networks shows, and what it does not show.
#
# **You should know** gradient descent and the chain rule; a little JAX helps (`grad`, `jit`).
#
# | profile | machine | time | memory | what it trains | size | PSNR after two steps (text) |
# |---|---|---|---|---|---|---|
# | `quick` | 2 CPU cores | about 4 minutes | 1.6 GB | SIREN 4 × 128, 600 outer steps | 32 × 32 | 30 dB |
# | `standard` | a T4-class GPU | not measured | not measured | SIREN 5 × 256, 10,000 outer steps | 64 × 64 | not measured |
# | `paper` | a large GPU | not measured | not measured | SIREN 5 × 256, 150,000 outer steps | 178 × 178 | not measured |
#
# Everything here runs on pictures that are made on the spot or come with a package. They are *not* the paper's
# CelebA or Imagenette, so the numbers are not the paper's either. Which of its *relations* between them show here, and
# which do not, is in `docs/paper.md`.

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
import os
import time
from pathlib import Path

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
started = time.perf_counter()

import jax
import jax.numpy as jnp
import numpy as np
import optax
from IPython.display import Markdown, display

from learnit_core import evaluate, explorer, losses, meta, metrics, models, plots, signals, weights
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import baselines, image
from learnit_core.experiments.image import interpolation
from learnit_core.experiments.image import table as image_table
from learnit_core.experiments.image.record import IMAGE
from learnit_core.experiments.settings import Settings

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

# %%
if KEEP_ON_DRIVE:
    from google.colab import drive

    drive.mount("/content/drive")
    os.environ["LEARNIT_OUT"] = "/content/drive/MyDrive/learnit"
for name, value in {"PROFILE": PROFILE, "DATA": DATA, "TEST_DATA": TEST_DATA}.items():
    if value:
        os.environ[f"LEARNIT_{name}"] = value

settings = Settings.from_env()
data = settings.data or "text"
profile = IMAGE.profile(settings)
own_pictures = None
if settings.test_data and not settings.data:
    own_pictures = signals.load_test(settings.test_data, size=64, channels=3)
train_live = TRAIN_LIVE and own_pictures is None
folder = settings.out / "01_image_regression"
gallery = plots.Gallery(folder / "figures")
print(f"{metrics.device()} · profile {profile.name} · JAX {jax.__version__} · results in {folder.name}/")

# %% [markdown]
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

# %%
shipped = image.SHIPPED.get(profile.name, {})
classes = {name: image.load_signals(profile, name) for name in image.CLASSES if name == data or name in shipped}
images = classes[data] if data in classes else image.load_signals(profile, data)
if settings.data and settings.test_data:
    images = signals.with_test(images, settings.test_data)
test_name = Path(settings.test_data).name if settings.data and settings.test_data else images.name
shown = classes | {images.name: images}
size, _, channels = images.train.shape[1:]

gallery.show(
    plots.picture_grid([list(splits.test[:9]) for splits in shown.values()], row_labels=list(shown)),
    "signals",
    alt="Nine unseen pictures of each class: light strings on dark, grey distance fields of blobs, small grey faces.",
)
for splits in shown.values():
    print(
        f"{splits.name}: {len(splits.train)} to train on, {len(splits.validation)} to choose by, "
        f"{len(splits.test)} to test. {splits.note}"
    )

# %% [markdown]
# ## 2. One picture, from random weights
#
# Our network is a **SIREN**: linear layers with sines between them, $x \mapsto \sin(\omega_0 (W x + b))$, from a
# position in $[0, 1)^2$ to a value; $\omega_0$ sets how high the frequencies are. Its loss is the mean squared error over *all* pixels. The measure of quality is
# the peak signal-to-noise ratio, $\mathrm{PSNR} = -10 \log_{10} \mathrm{MSE}$ in decibel (dB), for values from 0 to 1: 10 dB is a bad guess,
# from about 30 dB on the eye sees little wrong at this size.

# %%
field = image.field_for(profile, channels)
loss = losses.image_loss(field)
coords = models.pixel_grid(size, size)
example = image.tasks(images.test[:1])
example = jax.tree.map(lambda leaf: leaf[0], example)

tuned = image_table.tuned_settings(profile.name, images.name)
random_weights = baselines.standard(field, seed=SEED)
best = tuned.after_two_steps["standard"]
print(
    f"two steps from random weights: {best.optimizer} {best.learning_rate:g} (chosen by: {tuned.tuned_on['standard']})"
)


# %%
def picture(params):
    """The picture [h, w, c] that a network holds."""
    return np.asarray(field.apply(params, coords)).reshape(size, size, channels)


def pictures_along(params, setting, steps):
    """Pictures and PSNR [dB] after each of ``steps`` gradient steps on the example."""
    shown = image.frames(field, params, images.test[:1], setting, max(steps))[0, steps]
    return list(shown), [f"{evaluate.psnr(p, images.test[0]):.1f} dB" for p in shown]


def step_label(n):
    """A column's title."""
    return "1 step" if n == 1 else f"{n} steps"


steps = [n for n in (0, 1, 2, 5, 10, 20, 40) if n <= max(2, settings.cap(40))]
standard_pictures, captions = pictures_along(random_weights, best, steps)
gallery.show(
    plots.picture_grid(
        [[*standard_pictures, images.test[0]]],
        column_labels=[*map(step_label, steps), "truth"],
        captions=[[*captions, ""]],
    ),
    "standard_steps",
    alt="A network fitted from random weights: noise at first, the picture is clear only after tens of steps.",
)

# %% [markdown]
# Two steps from random weights give next to nothing, although optimiser and step size are those that did best, after
# two steps, on validation pictures.
#
# ## 3. Learning where to start
#
# **Inner loop.** From the initialisation $\theta_0$, take two gradient steps on one picture $T$:
# $\theta_2(\theta_0, T)$.
#
# **Outer loop.** Change $\theta_0$ so that $\theta_2$ is better, on average over pictures of the class. *MAML* takes
# the exact gradient of $L(\theta_2(\theta_0, T), T)$ with respect to $\theta_0$, which runs back *through* the two
# inner steps. *Reptile* does without: it moves $\theta_0$ a little towards $\theta_2$.
#
# In code, an algorithm is an **adapter** (the inner loop) and a **meta-gradient**; the outer optimiser is Adam, as
# in the paper. Here is a single meta-gradient of each, on one picture:

# %%
adapt = meta.adapt_with(loss, optax.sgd(profile.inner_rate), profile.inner_steps)
for name, algorithm in {"MAML": meta.maml, "FOMAML": meta.fomaml, "Reptile": meta.reptile}.items():
    value, gradient = jax.jit(algorithm(loss, adapt))(random_weights, example, jax.random.key(0))
    print(f"{name:8} loss after two steps {value:.4f}, length of the meta-gradient {optax.global_norm(gradient):.3g}")

# %% [markdown]
# (*FOMAML* is MAML without second derivatives: the gradient at $\theta_2$, used as it is.) The loss is the same for all three,
# because the inner loop is; the meta-gradients differ. Reptile's is short because it is a *way*, two steps of a small rate, and
# not a gradient; Adam does not mind the scale. Now hundreds of such steps.
# Each draws a few training pictures; a progress bar shows the PSNR after two steps on *validation* pictures. The
# training saves itself as it goes: interrupt it, run the cell again, and it goes on as if nothing had happened.

# %%
metas, histories = {}, {}
if not train_live and data not in shipped:
    raise LearnitError(
        f"no initialisation is shipped for {data!r} in the profile {profile.name!r}: "
        f"expected a profile among {', '.join(image.SHIPPED)} and a built-in class, or training to be allowed"
    )
for algorithm in ("maml", "reptile"):
    name = f"meta-{algorithm}"
    if train_live:
        _, metas[name], histories[name] = image.meta_train(
            profile, images, algorithm, seed=SEED, folder=folder / "checkpoints"
        )
    elif name in shipped.get(data, {}):
        _, metas[name], _ = weights.pretrained(shipped[data][name])

# %%
if histories:
    run_validation = image_table.runner(field, images.validation)
    reference = run_validation([random_weights], tuned.after_two_steps["standard"], 2)[:, 2].mean()
    gallery.show(
        plots.training_curves(
            {name: history.validation for name, history in histories.items()},
            reference=float(reference),
            title=f"Meta-training on {images.name}: validation pictures after two steps",
        ),
        "meta_training",
        alt="Line plot of the validation PSNR after two steps against the outer steps, for MAML and Reptile, with a dashed "
        "line for a random initialisation.",
    )

# %% [markdown]
# ## 4. A new picture, two steps
#
# The same test picture as above, now from every initialisation. Besides the two learned ones and **Standard** there
# are three that take something from the class or from MAML, but not the arrangement of its weights:
#
# - **Mean**: weights whose picture is the mean of the training pictures;
# - **Matched**: weights whose picture is that of MAML's initialisation, but which are *other* weights;
# - **Shuffled**: MAML's own weights, permuted within each layer.
#
# Predict before you run: which of these is closest to MAML after two steps?

# %%
made, reached = baselines.of_pictures(profile, field, images, metas["meta-maml"], seed=SEED)
made |= {name: [params] for name, params in metas.items()}
print("Mean and Matched agree with their targets to", {name: f"{db:.0f} dB" for name, db in reached.items()})

few = [n for n in (0, 1, 2, 5, 10, 20) if n <= max(2, settings.cap(20))]
rows, captions = [], []
for name in made:
    shown_pictures, caption = pictures_along(made[name][0], tuned.after_two_steps[name], few)
    rows.append([*shown_pictures, images.test[0]])
    captions.append([*caption, ""])
gallery.show(
    plots.picture_grid(
        rows,
        row_labels=[plots.LABELS[name] for name in made],
        column_labels=[*map(step_label, few), "truth"],
        captions=captions,
    ),
    "all_inits_steps",
    alt="One unseen picture after 0 to 20 steps from each initialisation, one initialisation a row, with the PSNR below "
    "each picture.",
)

# %% [markdown]
# Drag through the steps yourself. (These pictures are made beforehand, so the slider works without a kernel, too.)

# %%
num_frames = settings.cap(20) + 1
step_by_step = {
    plots.LABELS[name]: image.frames(
        field, made[name][0], images.test[:1], tuned.after_two_steps[name], num_frames - 1
    )[0].clip(0, 1)
    for name in ("standard", "matched", "meta-maml")
}
explorer.frames(
    step_by_step | {"truth": np.repeat(images.test[:1], num_frames, axis=0)},
    controls=[explorer.fit_steps(range(num_frames))],
    title="Fitting a new picture",
    side=170,
)

# %% [markdown]
# ## 5. Table 1
#
# One picture proves nothing, so: all test pictures. Two columns. The first is **PSNR after two steps**. The second
# is the number of **steps to match**: when does a picture reach *its own* PSNR under MAML after two steps? Every
# initialisation, ours too, has the optimiser and step size that did best on validation pictures, for that column
# (they stand in a file beside the experiment, with every score of the search). Pictures that never match count as
# the limit; their number stands in brackets.

# %%
run = image_table.runner(field, images.test)
results, curves = image_table.table_rows(
    run, made, tuned, trained_on=images.name, data=test_name, seed=SEED, limit=profile.limit
)
results += image_table.control_rows(images, data=test_name, seed=SEED)
display(Markdown(image_table.markdown(results)))

# %%
gallery.show(
    plots.step_curves(curves, title=f"{test_name}: unseen pictures, settings tuned to match MAML soonest"),
    "psnr_against_steps",
    alt="Mean PSNR against gradient steps, one line for each initialisation; a dotted line marks two steps.",
)
print(image_table.overtaking(curves))

# %% [markdown]
# (The curves have the settings that match soonest. Those that do best after two steps are others for some, so read
# the first column in the table. A zigzag means that a step size is at the edge of what SGD bears.)
#
# **What to notice.** MAML is ahead by a wide margin at two steps, which is what it was trained for. Further to the
# right the picture can change: with enough steps a good optimiser gets there from anywhere, and a baseline with a
# larger step size may overtake. A learned initialisation buys *speed*, not the last decibel.
#
# Mean begins at the class's mean picture, Matched at MAML's, and Shuffled has the right *distribution* of weights.
# That none of them comes near MAML after two steps says that the **arrangement** of the weights is what has been learned: MAML's
# picture before any step looks like nothing much (first column above), yet its weights are placed so that a step
# moves them well. (Against *Reptile* the argument is weaker: on the faces below, Shuffled is ahead of it after two steps, and
# on text and faces Reptile is not the first to reach MAML's quality. In the paper's table, on CelebA, it is ahead and first.)
#
# ### The other classes
#
# Training takes a while, so for the other classes we load initialisations of the same size that were trained before
# (`make weights`), and make the same table.

# %%
by_class = {images.name: [row for row in results if row["in_table"]]}
for name, splits in classes.items():
    if name in by_class or name not in shipped:
        continue
    learned = {init: weights.pretrained(file)[:2] for init, file in shipped[name].items()}
    grey, maml_start = learned["meta-maml"]
    others, _ = baselines.of_pictures(profile, grey, splits, maml_start, seed=SEED)
    others |= {init: [params] for init, (_, params) in learned.items()}
    class_rows, _ = image_table.table_rows(
        image_table.runner(grey, splits.test),
        others,
        image_table.tuned_settings(profile.name, name),
        trained_on=name,
        data=name,
        seed=SEED,
        limit=profile.limit,
        paper_too=False,
    )
    results += class_rows + image_table.control_rows(splits, data=name, seed=SEED)
    by_class[name] = [row for row in results if row["in_table"] and row["data"] == name]
    display(Markdown(f"**{name}**\n\n" + image_table.markdown(by_class[name])))

# %%
by_init = {
    name: {row["init"]: row["psnr_db"] for row in rows if row["init"] in plots.LABELS}
    for name, rows in by_class.items()
}
nearest = {name: row["psnr_db"] for name, rows in by_class.items() for row in rows if row["init"] == "nearest-training"}
gallery.show(
    plots.bars(by_init, title="Unseen pictures after two steps", ylabel="PSNR [dB]", references=nearest),
    "table1",
    alt="Bars of PSNR after two steps, a group for each class and a bar for each initialisation; a dashed line marks the "
    "nearest training picture.",
)

# %% [markdown]
# ## 6. Trained on one class, tested on another
#
# Is it the *class* that was learned, or merely "pictures"? Rows are what MAML was trained on, columns what is
# fitted, with the two SGD steps of meta-training for every cell.

# %%
trained = {name: weights.pretrained(files["meta-maml"]) for name, files in shipped.items()}
if trained:
    inner = Setting("sgd", profile.inner_rate)
    cross = np.zeros((len(trained), len(trained)))
    for c, tested_on in enumerate(trained):
        for r, (trained_on, (its_field, start, _)) in enumerate(trained.items()):
            scores = image_table.runner(its_field, classes[tested_on].test)([start], inner, 2)[:, 2]
            cross[r, c] = scores.mean()
            if trained_on != tested_on:
                results.append(
                    metrics.row(
                        experiment="image",
                        trained_on=trained_on,
                        data=tested_on,
                        split="test",
                        init="meta-maml",
                        observations="full",
                        steps=2,
                        psnr_per_signal=scores,
                        seed=SEED,
                        optimizer="sgd",
                        learning_rate=profile.inner_rate,
                        tuned_on="the rate of meta-training",
                    )
                )
    gallery.show(
        plots.heat_table(
            cross,
            rows=list(trained),
            columns=list(trained),
            title="PSNR after two steps [dB]",
            xlabel="fitted",
            ylabel="trained on",
        ),
        "transfer",
        alt="Table of PSNR after two steps: a row for each training class, a column for each test class, the best of "
        "each column in bold.",
    )
else:
    print(f"No initialisations are shipped for the profile {profile.name}, so there is nothing to compare here.")

# %% [markdown]
# The bold number is the best of its column. Text asks for sharp edges anywhere, distance fields are smooth; look
# which way the transfer fails. Compare within a column, and with Standard in the table above: how far is a wrong class behind
# the right one, and is it still better than none?
#
# ## 7. The shipped initialisations, larger
#
# The same with five layers and 256 units, as in the paper, at 64 × 64 (faces: 25 × 25). Trained for 2 to 22 minutes on
# two CPU cores; their files say exactly how.

# %%
rows, captions, labels = [], [], []
for name, files in image.SHIPPED["standard"].items():
    large, start, about = weights.pretrained(files["meta-maml"])
    truth = image.large_test(name, count=settings.cap(4))
    large_run = image_table.runner(large, truth)
    tuned_large = image_table.tuned_settings("standard", name)
    large_tuned = tuned_large.after_two_steps
    height = truth.shape[1]
    pair = {"standard": baselines.standard(large, seed=SEED), "meta-maml": start}
    row, caption = [], []
    for init, params in pair.items():
        for shown_picture in image.frames(large, params, truth[:1], large_tuned[init], 2)[0, [0, 2]]:
            row.append(shown_picture)
            caption.append(f"{evaluate.psnr(shown_picture, truth[0]):.1f} dB")
        scores = large_run([params], large_tuned[init], 2)[:, 2]
        results.append(
            metrics.row(
                experiment=f"image-{height}",
                trained_on=None if init == "standard" else name,
                data=name,
                split="test",
                init=init,
                observations="full",
                steps=2,
                psnr_per_signal=scores,
                seed=SEED,
                optimizer=large_tuned[init].optimizer,
                learning_rate=large_tuned[init].learning_rate,
                tuned_on=tuned_large.tuned_on[init],
            )
        )
    rows.append([*row, truth[0]])
    captions.append([*caption, ""])
    labels.append(f"{name} {height}²")
gallery.show(
    plots.picture_grid(
        rows,
        row_labels=labels,
        captions=captions,
        cell=1.6,
        column_labels=["Standard,\n0 steps", "2 steps", "MAML,\n0 steps", "2 steps", "truth"],
    ),
    "large",
    alt="Larger networks after two steps: from Standard noise, a rough outline or a blurred face; from MAML the picture in "
    "all three.",
)

# %% [markdown]
# ## 8. Interpolating weights
#
# Fit three pictures *from the same initialisation*, then walk in a straight line from one network's **weights** to
# the next. Upper rows: networks fitted from Standard. Lower rows: from MAML. All are fitted to the same PSNR, so
# that none has an advantage from a better fit.

# %%
num_fitted = 7 if settings.max_steps is None else 3
walked = np.concatenate([images.test, images.validation, images.train[:num_fitted]])[:num_fitted]
if len(images.test) < num_fitted:
    print(
        f"{len(images.test)} test pictures are too few for {num_fitted * (num_fitted - 1) // 2} pairs: others join them."
    )
starts = {"standard": random_weights, "meta-maml": metas["meta-maml"]}
fits = {
    name: interpolation.fit_to(field, starts[init], walked, setting, max_steps=settings.cap(interpolation.MAX_STEPS))
    for name, (init, setting) in interpolation.VARIANTS.items()
}


def describe(fits, starts):
    """Print how well the networks were fitted, in how many steps, and how far from the start the weights are."""
    for name, fitted in fits.items():
        start = starts[interpolation.VARIANTS[name][0]]
        moved = optax.global_norm(jax.tree.map(lambda leaf, first: leaf - first, fitted.params, start))
        share = moved / np.sqrt(len(fitted.psnr)) / optax.global_norm(start)
        print(
            f"{name:20} {fitted.psnr.min():.1f} to {fitted.psnr.max():.1f} dB after {fitted.steps.mean():3.0f} steps; "
            f"the weights moved by {100 * share:.1f} % of their length"
        )


describe(fits, starts)


# %%
def network(fitted, i):
    """The weights fitted to picture ``i``."""
    return jax.tree.map(lambda leaf: leaf[i], fitted.params)


def between(fitted, a, b, t):
    """The picture of the weights at ``t`` on the line from network ``a`` to network ``b``."""
    return picture(weights.lerp(network(fitted, a), network(fitted, b), t))


stops = [(0, 1, t) for t in (0, 0.25, 0.5, 0.75)] + [(1, 2, t) for t in (0, 0.25, 0.5, 0.75, 1)]
gallery.show(
    plots.picture_grid(
        [[between(fitted, *stop) for stop in stops] for fitted in fits.values()],
        row_labels=[name.replace(", ", ",\n") for name in fits],
        column_labels=["first", "", "half", "", "second", "", "half", "", "third"],
    ),
    "interpolation",
    alt="Straight lines in weight space between three fitted pictures. From MAML fitted with SGD the pictures in between "
    "are clean mixtures of the two ends, from Standard blotchy ones, from MAML fitted with Adam noise.",
)

# %% [markdown]
# ### As a number
#
# Where mixing weights means mixing signals, the picture of the *mean weights* equals the *mean of the two pictures*.
# So we measure their agreement, as PSNR between the two, over all pairs of the fitted pictures. A high number says
# that between the two networks the map from weights to picture is nearly **linear**. It does not say that the
# mixture is a plausible new picture: the mean of two strings is two strings on top of each other.

# %%
pairs = np.array([(i, j) for i in range(num_fitted) for j in range(i)])
interpolation_report = {}
for name, fitted in fits.items():
    agreements = interpolation.agreement(field, fitted.params, pairs, (size, size))
    interpolation_report[name] = interpolation.entry(fitted, agreements, data=test_name)
display(Markdown(interpolation.markdown(interpolation_report)))

# %% [markdown]
# Two things to see. MAML's fits with SGD stay close to where they started (the share is printed above), and there
# the network is almost linear in its weights. And the *optimiser of the fit* matters as much as the start: Adam
# moves every weight by about the same amount, whatever its gradient, and leaves that linear region.
#
# ### In the larger network
#
# The same with the paper's network of 5 × 256 at 64 × 64 and the shipped initialisation of text. Here the difference
# is plain to the eye.

# %%
large, start, _ = weights.pretrained(image.SHIPPED["standard"]["text"]["meta-maml"])
strings = image.large_test("text", count=num_fitted)
side = strings.shape[1]
large_starts = {"standard": baselines.standard(large, seed=SEED), "meta-maml": start}
large_fits = {}
for name in interpolation.LARGE_VARIANTS:
    init, setting = interpolation.VARIANTS[name]
    large_fits[name] = interpolation.fit_to(
        large, large_starts[init], strings, setting, max_steps=settings.cap(interpolation.MAX_STEPS)
    )
describe(large_fits, large_starts)


# %%
def large_picture(params, side=side):
    """The picture of a large network at any resolution."""
    return np.asarray(large.apply(params, models.pixel_grid(side, side))).reshape(side, side, 1)


def large_between(fitted, a, b, t):
    """The large network's picture at ``t`` on the line from network ``a`` to network ``b``."""
    return large_picture(weights.lerp(network(fitted, a), network(fitted, b), t))


gallery.show(
    plots.picture_grid(
        [[large_between(fitted, *stop) for stop in stops] for fitted in large_fits.values()],
        row_labels=[name.replace(", ", ",\n") for name in large_fits],
        column_labels=["first", "", "half", "", "second", "", "half", "", "third"],
    ),
    "interpolation_large",
    alt="Straight lines in weight space between three fitted strings in a network of 5 x 256. From Standard fitted with "
    "Adam the half-way pictures are blotchy, from Standard fitted with SGD grey noise, from MAML clean mixtures.",
)
large_report = {}
for name, fitted in large_fits.items():
    agreements = interpolation.agreement(large, fitted.params, pairs, (side, side))
    large_report[name] = interpolation.entry(fitted, agreements, data="text, 64 x 64")
interpolation_report |= {f"5 x 256: {name}": entry for name, entry in large_report.items()}
display(Markdown(interpolation.markdown(large_report)))

# %% [markdown]
# Now drag it yourself. Left, networks fitted from Standard, right, from MAML: the same two strings, the same PSNR at
# both ends, and SGD for both. (Standard does better with Adam, as the table above says: put it into `dragged` and compare.)
# Your browser mixes the weights and computes the networks; *Weights to Python* puts the mixture where you let go into
# `walk.value`.

# %%
dragged = {"Standard": "Standard, SGD 1e-2", "MAML": "MAML, SGD 3e-3"}
walk = explorer.networks(
    large,
    {title: [network(large_fits[name], i) for i in range(2)] for title, name in dragged.items()},
    labels=("first string", "second string"),
    shape=(side, side),
    title="Between two networks of 5 x 256",
)
walk

# %%
halfway = walk.value["MAML"]  # weights at the slider's position: a network like any other
print(
    f"{sum(leaf.size for leaf in jax.tree.leaves(halfway)):,} weights, mixed with the coefficients {[round(c, 2) for c in walk.coefficients]}"
)

# %% [markdown]
# Three networks span a triangle. These are the small ones from above.

# %%
explorer.networks(
    field,
    {title: [network(fits[name], i) for i in range(3)] for title, name in dragged.items()},
    labels=("first", "second", "third"),
    shape=(size, size),
    title="Between three networks of 4 x 128",
)

# %% [markdown]
# ### Between the pixels
#
# A coordinate-based network can be asked for a value *anywhere*. The PSNR looks only at the positions of the pixels,
# and so did the meta-training. So let us look in between: the fitted networks drawn with twice as many pixels.

# %%
shown_fits = {name: large_fits[name] for name in ("Standard, Adam 1e-4", "MAML, SGD 3e-3")}
gallery.show(
    plots.picture_grid(
        [
            [large_picture(network(fitted, i), n * side) for fitted in shown_fits.values() for n in (1, 2)]
            for i in range(min(2, num_fitted))
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

# %% [markdown]
# ## 9. A photograph of your own
#
# Upload a picture, or set `LEARNIT_TEST_DATA=me.jpg`. It is fitted from the shipped initialisation of the *faces*,
# without any training, one network for each colour channel, beside the same from random weights. Your photograph is
# not of that class and, at 64 × 64, finer than those pictures, so that the network is asked between the pixels it
# was trained on: expect less than for a face.

# %%
photo_start = weights.pretrained(image.SHIPPED["standard"]["faces"]["meta-maml"])
photo_settings = image_table.tuned_settings("standard", "faces")
photo_tuned = photo_settings.after_two_steps


def fit_photo(truth, name="photograph"):
    """Fit one photograph [64, 64, 3] in 0, 2 and 10 steps from random weights and from the shipped initialisation."""
    grey_field, learned, _ = photo_start
    starts = {"standard": baselines.standard(grey_field, seed=SEED), "meta-maml": learned}
    rows, captions, report = [], [], {}
    for init, params in starts.items():
        fitted = image.channel_frames(grey_field, params, truth, photo_tuned[init], 10)[[0, 2, 10]]
        scores = [float(evaluate.psnr(p, truth)) for p in fitted]
        rows.append([*fitted, truth])
        captions.append([*(f"{score:.1f} dB" for score in scores), ""])
        report[init] = scores
    figure = plots.picture_grid(
        rows,
        row_labels=[plots.LABELS[init] for init in starts],
        captions=captions,
        cell=1.6,
        column_labels=["0 steps", "2 steps", "10 steps", "your picture"],
    )
    gallery.show(
        figure,
        name,
        alt="Your photograph after 0, 2 and 10 steps: from random weights above, from the learned initialisation below.",
    )
    return report


display(explorer.upload(lambda file: fit_photo(signals.load_test(str(file), size=64, channels=3)[0])))

# %%
if own_pictures is not None:
    reports = [fit_photo(truth, f"photograph-{i + 1}") for i, truth in enumerate(own_pictures[:8])]
    print(f"{len(reports)} of {len(own_pictures)} pictures fitted and scored.")
    for init in ("standard", "meta-maml"):
        results.append(
            metrics.row(
                experiment="photograph",
                trained_on=None if init == "standard" else "faces",
                data="own pictures",
                split="test",
                init=init,
                observations="full",
                steps=2,
                seed=SEED,
                psnr_per_signal=[scores[init][1] for scores in reports],
                optimizer=photo_tuned[init].optimizer,
                learning_rate=photo_tuned[init].learning_rate,
                tuned_on="validation of faces",
                in_table=True,
            )
        )

# %% [markdown]
# ## 10. Exercises
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
# initialisation in this way, and takes two steps on unseen pictures of text.

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
# How soon does a fit match what it is compared with? *Predict:* MAML was trained to be good after **two** steps. With the
# same step size, is its mean PSNR on unseen pictures after ten steps higher or lower than after two? *Do:* find the first
# step at which each picture reaches its own target. A picture that never does counts as the last step.

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
# Two gradient steps are enough for a picture of a known class, if the weights to start from are learned. It is the
# arrangement of the weights that matters: networks that show the same picture (Matched), or have the same numbers in
# another order (Shuffled), do not come near it. Near the learned weights a network is almost linear in its weights,
# so that mixing weights mixes pictures.
#
# **References.** Tancik, Mildenhall et al., *Learned Initializations for Optimizing Coordinate-Based Neural
# Representations*, CVPR 2021 · Finn, Abbeel, Levine, *Model-Agnostic Meta-Learning*, ICML 2017 · Nichol, Achiam,
# Schulman, *On First-Order Meta-Learning Algorithms*, 2018 · Sitzmann et al., *Implicit Neural Representations with
# Periodic Activation Functions*, NeurIPS 2020 · Huang et al., *Labeled Faces in the Wild*, 2007 (the faces, as
# packed in scikit-image).

# %%
report = metrics.write(
    folder / "metrics.json",
    notebook="01_image_regression",
    profile=profile.name,
    seed=SEED,
    precision=field.spec["precision"],
    seconds={
        "compile": sum(h.compile_seconds for h in histories.values()),
        "meta_train": sum(h.seconds for h in histories.values()),
        "total": time.perf_counter() - started,
    },
    results=results,
    interpolation=interpolation_report,
)
print(
    f"{len(results)} results in metrics.json after {report['seconds']['total']:.0f} s, of which meta-training "
    f"{report['seconds']['meta_train']:.0f} s; peak memory {report['peak_memory_bytes'] / 1e9:.1f} GB"
)
display(Markdown("Versions: " + ", ".join(f"{name} {v}" for name, v in report["versions"].items())))
