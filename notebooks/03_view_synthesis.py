# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/learnit/blob/main/notebooks/03_view_synthesis.ipynb)

# %% [markdown]
# # View synthesis: an object in three dimensions from a single picture
#
# Photograph a chair from 25 sides, and a radiance field fitted to the pictures shows it from any other side. Photograph it
# *once*, and almost anything could be behind what you see: a fit from random weights finds a coloured fog that looks right
# from the camera and like nothing from anywhere else. People are not so helpless; they have seen chairs. In this notebook
# the weights from which the fit starts have seen chairs, too. It follows section 4.3 of *Learned Initializations for
# Optimizing Coordinate-Based Neural Representations* (Tancik, Mildenhall et al., CVPR 2021), on objects that are drawn
# here instead of ShapeNet's.
#
# **You will be able to**
#
# 1. follow one ray through a radiance field, and say what decides its colour;
# 2. explain why one picture does not determine an object, and what a fit from random weights does with the freedom;
# 3. tell training with many views (MV) from training with one view an object (SV), and both from one network for all;
# 4. judge a single-view reconstruction by pictures that nobody fitted, and test that it has not ignored its input;
# 5. walk in weight space from one object to another, with a camera.
#
# **You should know** notebook 01, or what a coordinate-based network and Reptile are.
#
# | profile | machine | time | memory | what it trains | pictures |
# |---|---|---|---|---|---|
# | `quick` | 2 CPU cores | 5 minutes | 1.8 GB | 4 × 64, 8 frequencies, 300 outer steps of 32 × 64 rays | 40 × 40 |
# | `standard` | a T4-class GPU | not measured | not measured | 5 × 128, 12 frequencies, 15,000 outer steps of 32 × 128 rays | 64 × 64 |
# | `paper` | a large GPU | not measured | not measured | 6 × 256, 20 frequencies, 100,000 outer steps of 32 × 128 rays | 128 × 128 |

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

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
started = time.perf_counter()

import jax
import jax.numpy as jnp
import numpy as np
from IPython.display import Markdown, display

from learnit_core import evaluate, metrics, plots, volume, weights
from learnit_core.experiments import baselines, views
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.views import baselines as views_baselines
from learnit_core.experiments.views import explorers as views_explorers
from learnit_core.experiments.views import table as views_table
from learnit_core.experiments.views.record import VIEWS
from learnit_core.structures import rows

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
# `DATA` is what is trained on: `chairs`, `lamps` or `cars`; a set prepared by `data_scripts/shapenet.py`; or a folder of
# objects in the layout of the paper's renderings (a `transforms.json` and RGBA pictures each, and a `*_splits.json`).
# `TEST_DATA` is what is fitted; leave `DATA` empty beside it, and nothing is trained: its objects meet the shipped
# initialisation. In Colab, `KEEP_ON_DRIVE` puts results and checkpoints on your drive.

# %%
if KEEP_ON_DRIVE:
    from google.colab import drive

    drive.mount("/content/drive")
    os.environ["LEARNIT_OUT"] = "/content/drive/MyDrive/learnit"
for name, value in {"PROFILE": PROFILE, "DATA": DATA, "TEST_DATA": TEST_DATA}.items():
    if value:
        os.environ[f"LEARNIT_{name}"] = value

settings = Settings.from_env()
data = settings.data or "chairs"
profile = VIEWS.profile(settings)
shipped = views.SHIPPED["long"].get(data, {}) if settings.profile == "quick" else {}
train_live = (TRAIN_LIVE and not (settings.test_data and not settings.data)) or "meta-mv" not in shipped
folder = settings.out / "03_view_synthesis"
gallery = plots.Gallery(folder / "figures")
print(f"{metrics.device()} · profile {profile.name} · JAX {jax.__version__} · results in {folder.name}/")

# %% [markdown]
# ## 1. The signals
#
# A signal is now an **object with its pictures and their cameras**. Each of the objects here is a small program's dice
# roll: parts, proportions, colours, a lamp somewhere above. It is rendered on white from random places on a sphere around
# it. The first 25 pictures are *given*, the others are *held out*: they are never fitted, and scores are on the first five
# of them.

# %%
scenes = views.load_signals(profile, data, seed=0)
if settings.test_data:
    others = views.load_signals(profile, settings.test_data)
    scenes = scenes._replace(
        test=others.test, test_names=others.test_names, note=f"{scenes.note} Tested on {others.name}."
    )
test_name = settings.test_data or scenes.name
num_objects, num_given = len(scenes.test.images), min(25, scenes.train.images.shape[1])
gallery.show(
    plots.picture_grid(
        [list(objects.images[:8, 0] / 255) for objects in (scenes.train, scenes.test)]
        + [list(scenes.test.images[0, :8] / 255)],
        row_labels=["to train on", "to test", "one object,\nmany views"],
        cell=1.2,
    ),
    "signals",
    alt="Pictures in three rows: objects to train on, objects to test, and one test object from eight sides.",
)
print(
    f"{scenes.name}: {len(scenes.train.images)} objects to train on, {len(scenes.validation.images)} to choose by, "
    f"{num_objects} to test. {scenes.note}"
)

# %% [markdown]
# ## 2. One ray
#
# The network $f_\theta$ maps a point in space to a **colour** and a **density**, that is, how much light is stopped there
# per unit of length. A pixel is a ray $o + t\,d$ through the space. We ask the network at samples $t_1 < \dots < t_N$ on
# it; the piece of length $\delta_i$ from sample $i$ to the next stops the share $\alpha_i$ of the light that comes that far:
#
# $$\alpha_i = 1 - e^{-\sigma_i \delta_i}, \qquad w_i = \alpha_i \prod_{j<i} (1 - \alpha_j), \qquad
# \text{colour} = \sum_i w_i c_i + \Big(1 - \sum_i w_i\Big) \cdot \text{white}.$$
#
# `volume.composite` is these lines. To look at a ray we need a field: here is one fitted to **25** pictures of the first
# test object, the easy case.

# %%
field = views.field_for(profile)
random_weights = baselines.standard(field, seed=SEED)
tuned = views_table.tuned_settings(profile.name, scenes.name)
first = rows(scenes.test, slice(1))
many = views.tasks(first, num_given)
from_many = views.fit(profile, field, [random_weights], many, tuned["25"]["standard"].setting, settings.cap(500))
easy = rows(from_many.params, 0)
unseen = rows(many.query, 0)
size = profile.size
look = dict(near=float(unseen.near[0]), far=float(unseen.far[0]), num_samples=profile.samples)
origins, directions = volume.camera_rays(size, size, unseen.intrinsics[0], unseen.camera_to_world[0])
truth = np.asarray(unseen.images[0]) / 255
dark = np.argwhere(truth.min(axis=-1) < 0.8)
row, column = dark[len(dark) // 2] if len(dark) else (size // 2, size // 2)

t = volume.stratified(look["near"], look["far"], profile.samples)
values = field.apply(easy, origins[row, column] + t[:, None] * directions[row, column])
delta = jnp.append(jnp.diff(t), 1e-3) * jnp.linalg.norm(directions[row, column])
alpha = 1 - jnp.exp(-values[:, 3] * delta)
seen_share = alpha * jnp.cumprod(jnp.append(1.0, 1 - alpha[:-1]))
gallery.show(
    plots.one_ray(truth, (row, column), np.asarray(t), np.asarray(values[:, 3]), np.asarray(seen_share), values[:, :3]),
    "one_ray",
    alt="Left, a held-out picture with one pixel marked. Right, the density along the pixel's ray, zero but for one or two "
    "peaks, and the weights of the samples in their colours: only the first peak is seen.",
)

# %% [markdown]
# Density behind the first surface may be anything: it has no weight, so no picture from here can tell. From another side it
# can, and with 25 sides hardly anything stays hidden:

# %%
seen = views.pictures(profile, field, easy, unseen)
gallery.show(
    plots.picture_grid(
        [list(np.asarray(unseen.images) / 255), list(np.asarray(seen))],
        row_labels=["held out", f"from {num_given}\nviews"],
        captions=[[], [f"{evaluate.psnr(a, b / 255):.1f} dB" for a, b in zip(seen, unseen.images, strict=True)]],
        cell=1.4,
    ),
    "from_many_views",
    alt="Five held-out views of an object above the same views of a field fitted to many pictures: blurred, but the object.",
)

# %% [markdown]
# ## 3. From one picture
#
# Now only the first picture. *Predict:* what will the held-out views look like?

# %%
chosen = tuned["1"]["standard"]
steps = min(chosen.steps, profile.limit)
one = views.tasks(first, 1)
lonely = rows(views.fit(profile, field, [random_weights], one, chosen.setting, steps).params, 0)
input_view = rows(one.support, 0)
shown = [views.pictures(profile, field, lonely, part) for part in (input_view, unseen)]
gallery.show(
    plots.picture_grid(
        [[np.asarray(input_view.images[0]) / 255, *np.asarray(unseen.images) / 255], [shown[0][0], *shown[1]]],
        row_labels=["truth", "Standard,\none view"],
        column_labels=["given", *["held out"] * len(unseen.images)],
        captions=[
            [],
            ["", *(f"{evaluate.psnr(a, b / 255):.1f} dB" for a, b in zip(shown[1], unseen.images, strict=True))],
        ],
        cell=1.3,
    ),
    "standard_one_view",
    alt="Standard fitted to a single picture: that picture is roughly right, the held-out views are dark smears with "
    "shreds of fog around them.",
)
print(
    f"Standard, one view: {chosen.setting.optimizer} {chosen.setting.learning_rate:g}, {steps} steps; "
    f"chosen on {chosen.tuned_on}"
)

# %% [markdown]
# ## 4. Learning to start
#
# Reptile again, as in notebook 02: take a training object, make some steps of gradient descent on its rays, move the
# initialisation towards where they ended. The paper descends by SGD with a rate of 0.5, and so do the profiles `standard` and
# `paper`. `quick` descends by RMSProp, which is Adam without momentum and what Reptile's own authors used: this small
# network gets as far by it in a seventh of the steps (`docs/design.md` has the numbers). Two ways to choose the rays of a
# training object, as in the paper:
#
# - **MV**: rays of its 25 given pictures, so that every inner loop sees the object from all sides;
# - **SV**: rays of *one* picture of each object. No object is ever seen from two sides! What is learned about three
#   dimensions comes from the class as a whole.
#
# MV is trained now, and in `paper` SV, too. In `quick` SV is shipped, where it is there for the class; it was trained for
# 1000 outer steps of 128 inner ones, while `quick` has 300 of 32 here, so their rows below are not on equal terms
# (`make results` compares them after as many steps). The score on the way is that of held-out views of *validation* objects
# after a short fit to one picture.

# %%
trained, histories = {}, {}
if train_live:
    for name in ("meta-mv", "meta-sv") if profile.name == "paper" else ("meta-mv",):
        field, trained[name], histories[name] = views.meta_train(
            profile, scenes, views.ALGORITHMS[name], seed=SEED, folder=folder / "checkpoints"
        )
    learned = trained["meta-mv"]
    watched = views.tasks(rows(scenes.validation, slice(views.VALIDATED)), 1, 2)
    gallery.show(
        plots.training_curves(
            {name: history.validation for name, history in histories.items()},
            reference=float(
                views.fit(profile, field, [random_weights], watched, chosen.setting, steps).curves[:, -1].mean()
            ),
            reference_label="Standard, tuned",
            ylabel="validation PSNR\nfrom one view [dB]",
            title=f"Meta-training on {scenes.name}",
        ),
        "meta_training",
        alt="Line plot of the validation PSNR against the outer steps: it soon leaves the dashed line of Standard below.",
    )
else:
    field, learned, _ = weights.pretrained(shipped["meta-mv"])

# %% [markdown]
# ## 5. The table
#
# One picture of every test object, from each way to start. Besides Standard, MV and SV there are
#
# - **Matched**: other weights that hold the same colour and density everywhere as MV's initialisation;
# - **Shuffled**: MV's weights, permuted within each layer;
# - **Joint** (ours; the paper's table has no such row): *one* network trained on the rays of all training objects, a blend
#   of them all; shipped, like SV, and trained on as many rays as SV.
#
# Every initialisation, ours too, has the optimiser, rate and number of steps that did best on validation objects (chosen with
# the shipped weights; what was trained above, and Matched and Shuffled with it, borrows them). In `paper` each has the
# paper's, which from 25 views is a rate only: the number of steps is ours. Two controls see nothing of
# the object: the mean of the training objects and (this one even knows the answer) the nearest of them, rendered from the
# held-out cameras (of the first 120 training objects, where there are more).

# %%
made, reached = views_baselines.make(profile, field, scenes, learned, seed=SEED)
print(f"Matched agrees with MV's initialisation to {reached:.0f} dB, in renderings")
for name in ("meta-sv", "joint"):
    if name in shipped and not settings.max_steps:
        made[name] = [weights.pretrained(shipped[name])[1]]
made |= {name: [params] for name, params in ({"meta-mv": learned} | trained).items()}
tasks = views.tasks(scenes.test, 1)
trained_on = scenes.name
results, fitted = views_table.table_rows(
    profile, field, tasks, made, tuned["1"], trained_on=trained_on, data=test_name, seed=SEED
)
if not settings.test_data:
    results += views_table.control_rows(profile, scenes, seed=SEED)
display(Markdown(views_table.markdown(results)))

# %% [markdown]
# **What to notice.** First compare *fitted* with *un-adapted*: the second is the same blurred average object for every
# picture, and already far better than what Standard finds. A learned start that only ever gave this average would look good
# in a column of numbers. Then the differences in the last column, which are paired (the same objects from two starts), with
# their intervals: with as few objects as here they are wide. `make results` prints the table on more. The mean of the
# training objects, which sees nothing, is far ahead of Standard, too: most of that lead is knowing the average object. The
# order of the paper's main text for chairs is MV > SV > Matched > Standard > Shuffled, at 128 × 128 and after far longer
# training. After this short training what is learned is far ahead of what is not, but MV, SV, Matched and Joint come out within noise of each
# other, though Matched and Joint hold their blurred object in weights that no inner loop has shaped: a prior in *what is shown*
# does most of the work. After longer training with inner loops of 128 steps (`docs/results/views.md`, ten chairs) the other
# prior shows, the one in *how the weights move*: MV is 1.2 dB ahead of Matched, which starts from the same picture, and 1.9
# ahead of SV; SV and Matched are within noise of each other.
#
# ## 6. Look at it
#
# Numbers in decibels hide what matters here. Objects in the order of the test set, none chosen:

# %%
num_shown = min(4, num_objects)
panel, captions = [], []
for i in range(num_shown):
    target = rows(rows(tasks.query, i), slice(1))
    mine = {name: rows(fitted[name], i) for name in ("standard", "meta-mv")}
    found = {name: views.pictures(profile, field, params, target)[0] for name, params in mine.items()}
    start = views.pictures(profile, field, learned, target)[0]
    depth = volume.render_view(
        lambda points, params=mine["meta-mv"]: field.apply(params, points),
        target.intrinsics[0],
        target.camera_to_world[0],
        height=size,
        width=size,
        **look,
    )
    near_is_dark = (depth.depth + (1 - depth.opacity) * look["far"] - look["near"]) / (look["far"] - look["near"])
    truth_i = np.asarray(target.images[0]) / 255
    panel.append(
        [
            np.asarray(tasks.support.images[i, 0]) / 255,
            found["standard"],
            start,
            found["meta-mv"],
            np.asarray(near_is_dark)[..., None],
            truth_i,
        ]
    )
    db = [f"{evaluate.psnr(jnp.asarray(p), truth_i):.1f} dB" for p in (found["standard"], start, found["meta-mv"])]
    captions.append(["", *db, "", ""])
gallery.show(
    plots.picture_grid(
        panel,
        column_labels=["given", "Standard", "un-adapted", "MV Reptile", "its depth", "truth"],
        captions=captions,
        cell=1.5,
    ),
    "one_view",
    alt="Unseen objects in rows: the given picture; a held-out view of Standard's fit, which is fog; of the un-adapted "
    "initialisation, a blurred average object; of the fit from it, a blurred object nearer to its own colours; its depth; the truth.",
)

# %% [markdown]
# The fit does not help every object: where MV's number is below that of the un-adapted start, the one picture has misled it.
# In *its depth*, dark is near.
#
# ### Does it look at the picture at all?
#
# A sharper test than the eye: show every reconstruction to every object's held-out cameras. An object is *recognised* if
# its own reconstruction comes closest to its held-out pictures. An initialisation that ignores its input gives the same
# object each time, and recognises none but by chance.

# %%
recognised = {}
for name in ("standard", "meta-mv"):
    recognised[name], _ = views_table.retrieval(profile, field, fitted[name], tasks)
    print(
        f"{plots.LABELS[name]}: {recognised[name]} of {num_objects} objects recognised (by chance: 1 on average; "
        f"un-adapted: the same object {num_objects} times)"
    )

# %% [markdown]
# ## 7. With many pictures it is a matter of speed
#
# From 25 views Standard finds the object as well, in the end. What does the start buy then? Standard's rate is the one that
# does best within a thousand steps, MV's within 125.

# %%
curve_objects = rows(scenes.test, slice(2))
every = settings.cap(125)
long = settings.cap(1000) // every * every
compared = ("standard", "meta-mv")


def curve_of(name):
    """PSNR of each object after every ``every`` steps on all given views."""
    seen = views.tasks(curve_objects, num_given, 3)
    return views.fit(profile, field, made[name], seen, tuned["25"][name].setting, long, every=every).curves


by_steps = dict(zip(compared, evaluate.side_by_side(curve_of, compared), strict=True))
gallery.show(
    plots.fit_curves(
        by_steps,
        np.arange(0, long + 1, every),
        title=f"{num_given} views of {len(curve_objects.images)} unseen objects",
    ),
    "many_views",
    alt="PSNR of held-out views against gradient steps on 25 views: MV Reptile starts far ahead of Standard and stays "
    "ahead, by less and less.",
)
for name, curve in by_steps.items():
    for index in (1, len(curve[0]) - 1):
        results.append(
            metrics.row(
                experiment="views",
                trained_on=None if name == "standard" else trained_on,
                data=test_name,
                split="test",
                init=name,
                observations=f"views={num_given}",
                steps=index * every,
                psnr_per_signal=curve[:, index],
                seed=SEED,
                optimizer=tuned["25"][name].setting.optimizer,
                learning_rate=tuned["25"][name].setting.learning_rate,
                tuned_on=tuned["25"][name].tuned_on,
            )
        )
        print(f"{plots.LABELS[name]:10} after {index * every:4} steps: {curve[:, index].mean():.1f} dB")

# %% [markdown]
# A head start: Standard takes some hundred steps more to get where MV is after the first 125, and comes nearer from then on.
# After the longer training Standard needs most of its 1000 steps for that, and MV is nearly 2 dB ahead by then
# (`docs/results/views.md`, on ten chairs; Standard also has the paper's rate there, with which it is far from done).
#
# ## 8. Turn it
#
# The first test object, from its one picture. Drag the azimuth; it also stands in `turntable.gif`.

# %%
count = 24 if not settings.max_steps else 4
turning = {"Standard": lonely, "un-adapted": learned, "MV Reptile": rows(fitted["meta-mv"], 0)}
turning = {name: views_explorers.around(profile, field, params, count=count) for name, params in turning.items()}
given_picture = np.asarray(scenes.test.images[0, 0], np.float32) / 255
turning = {"given": np.repeat(given_picture[None], count, axis=0), **turning}
folder.mkdir(parents=True, exist_ok=True)
views_explorers.animation(list(turning.values()), folder / "turntable.gif")
views_explorers.turntable(turning, title="From one picture", side=150)

# %% [markdown]
# ## 9. Between two objects
#
# Two objects, fitted from the same initialisation, and the straight line between their *weights*. The first slider walks
# it, the second walks around what is there. (Both are fitted for as many steps as is best for MV. That is far too few for
# Standard, so look at its ends before its middle. Whether the middle is one object, or two on top of each other, judge for
# yourself while you turn it.)

# %%
ends = views.tasks(rows(scenes.test, slice(2)), num_given, 1)
walk_steps = min(tuned["25"]["meta-mv"].steps, profile.limit)
walk = {}
for name, label in {"standard": "Standard", "meta-mv": "MV Reptile"}.items():
    both = views.fit(profile, field, made[name], ends, tuned["25"][name].setting, walk_steps).params
    walk[label] = [rows(both, i) for i in range(2)]
grid = (9, 12) if not settings.max_steps else (2, 2)
between = views_explorers.between_objects(
    profile, field, walk, labels=("first object", "second object"), counts=grid, side=190
)
between

# %%
stops = (0, 0.25, 0.5, 0.75, 1)
seen_from = {
    name: [views_explorers.around(profile, field, weights.lerp(*pair, t), count=4) for t in stops]
    for name, pair in walk.items()
}
gallery.show(
    plots.picture_grid(
        [[picture[k] for picture in pictures] for pictures in seen_from.values() for k in (0, 1)],
        row_labels=[f"{name},\nfrom {side}" for name in seen_from for side in ("one side", "another")],
        column_labels=["first", "", "half", "", "second"],
        cell=1.3,
    ),
    "interpolation",
    alt="Straight lines in weight space between two objects, seen from two sides: from Standard coloured blobs, from MV "
    "Reptile blurred objects.",
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
# ### Exercise 1: compositing by hand
#
# *Predict:* two samples, each with $\alpha = 0.5$, the first red and the second blue, in front of a white background: which
# colour is the pixel, as (red, green, blue)? *Do:* compute the colour of a pixel. Sample $i$ has the weight
# $w_i = \alpha_i \prod_{j<i} (1 - \alpha_j)$, and white has what is left of 1. The nearest sample comes first.

# %% tags=["exercise"]
prediction_1 = ...  # three numbers from 0 to 1: (red, green, blue)


def my_composite(alphas, colours):
    """The colour [3] of a pixel in front of white: ``alphas`` [n], ``colours`` [n, 3], the nearest sample first."""
    return ...  # your code


# %% tags=["check"]
checks.composite(my_composite, prediction_1)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_1 = (0.75, 0.25, 0.5)
#
#
# def my_composite(alphas, colours):
#     left = np.cumprod(np.append(1.0, 1 - alphas))
#     return (left[:-1] * alphas) @ colours + left[-1]
# ```
#
# Red gets 1/2, blue half of what is left, 1/4, and white the last quarter, which counts for all three: (0.75, 0.25, 0.5). What
# comes first hides what comes later.
# </details>

# %% [markdown]
# ### Exercise 2: from density to alpha
#
# *Predict:* a piece of the ray stops half of the light. Its density is doubled. Which share does it stop now? *Do:* write
# $\alpha_i = 1 - e^{-\sigma_i \delta_i}$. The length $\delta_i$ goes from sample $i$ to the next; it is the difference of
# the $t$, times the length of the direction $d$, which is not 1. The last sample has no next one: its difference is `last`.

# %% tags=["exercise"]
prediction_2 = ...  # a number from 0 to 1


def my_alphas(density, t, direction, last):
    """The alphas [n] of samples at ``t`` [n] with ``density`` [n], on a ray with ``direction`` [3]."""
    return ...  # your code


# %% tags=["check"]
checks.alphas(my_alphas, prediction_2)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_2 = 0.75
#
#
# def my_alphas(density, t, direction, last):
#     delta = np.append(np.diff(t), last) * np.linalg.norm(direction)
#     return 1 - np.exp(-density * delta)
# ```
#
# Twice the density is like two such pieces: the second stops half of the half that is left. An α never exceeds 1,
# however dense the fog.
# </details>

# %% [markdown]
# ### Exercise 3: where a pixel looks
#
# A camera looks along its own $-z$; its $x$ points right, its $y$ **up**, while $v$ counts pixels **down**. A point $p$ in
# its frame is seen at $u = c_x - f_x\,p_x / p_z$ and $v = c_y + f_y\,p_y / p_z$. *Predict:* in the camera's frame, which
# direction has the ray through $u = c_x, v = c_y$? *Do:* find the direction for any $(u, v)$: first in the camera's frame,
# with $p_z = -1$, then turned into the world by the first three columns of `camera_to_world`.

# %% tags=["exercise"]
prediction_3 = ...  # three numbers: (x, y, z)


def my_direction(u, v, intrinsics, camera_to_world):
    """Direction [3] in the world: ``intrinsics`` are fx, fy, cx, cy [pixels], ``camera_to_world`` is [3, 4]."""
    return ...  # your code


# %% tags=["check"]
checks.direction(my_direction, prediction_3)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_3 = (0, 0, -1)
#
#
# def my_direction(u, v, intrinsics, camera_to_world):
#     fx, fy, cx, cy = intrinsics
#     local = np.array([(u - cx) / fx, (cy - v) / fy, -1.0])
#     return camera_to_world[:, :3] @ local
# ```
#
# The fourth column is where the camera stands: it is the ray's origin, and no part of its direction. The direction is not of
# length 1, so that $t$ is the depth, and a single near and far fit all pixels.
# </details>

# %% [markdown]
# ### Exercise 4: the expected depth
#
# A depth picture shows $\sum_i w_i t_i$, with the weights of exercise 1; the share that nothing stops counts as `far`.
# *Predict:* half of the light is stopped at $t = 2$, and all the rest at $t = 4$. Which depth is shown? Is there a surface at
# that depth? *Do:* compute it from the alphas.

# %% tags=["exercise"]
prediction_4 = ...  # a number


def my_depth(alphas, t, far):
    """The expected depth, a number: ``alphas`` [n] at the depths ``t`` [n], the nearest first; the rest is at ``far``."""
    return ...  # your code


# %% tags=["check"]
checks.depth(my_depth, prediction_4)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_4 = 3
#
#
# def my_depth(alphas, t, far):
#     left = np.cumprod(np.append(1.0, 1 - alphas))
#     return np.sum(left[:-1] * alphas * t) + left[-1] * far
# ```
#
# The depth is 3, and nothing is there: an expected depth lies between the surfaces wherever the field is half transparent.
# A sharp depth picture means that the fog has become a surface.
# </details>

# %% [markdown]
# ### Exercise 5: does it look at the picture?
#
# Show every reconstruction to the held-out cameras of every object. An object is *recognised* if its own reconstruction is better
# at its held-out views than **every other reconstruction**. *Predict:* an initialisation ignores its picture, and gives the same
# object ten times. How many of ten objects are recognised? (A draw does not count.) *Do:* count the objects that are recognised.

# %% tags=["exercise"]
prediction_5 = ...  # a number from 0 to 10


def my_recognised(scores):
    """How many objects are recognised: ``scores`` [object, reconstruction] is the PSNR at that object's views."""
    return ...  # your code


# %% tags=["check"]
checks.recognised(my_recognised, prediction_5)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_5 = 0
#
#
# def my_recognised(scores):
#     others = np.where(np.eye(len(scores), dtype=bool), -np.inf, scores)
#     return int(np.sum(np.diag(scores) > others.max(axis=1)))
# ```
#
# Each row belongs to one object, and all reconstructions compete for it. Along the columns the question would be another one:
# which object does this reconstruction fit best? Objects that are easy for any reconstruction would win there.
# </details>

# %% [markdown]
# ## Summary
#
# One picture leaves the third dimension open, and a fit from random weights fills it with fog. Weights learned by Reptile
# on other objects of the class fill it with what such objects have there, and the fit changes that to what the picture
# shows. With many pictures the same start saves steps: some hundred here, most of a thousand after longer training
# (`docs/results/views.md`).
#
# **References.** Tancik, Mildenhall et al., *Learned Initializations for Optimizing Coordinate-Based Neural
# Representations*, CVPR 2021 · Mildenhall et al., *NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis*,
# ECCV 2020 · Nichol, Achiam, Schulman, *On First-Order Meta-Learning Algorithms*, 2018 · Hart, *Sphere Tracing*, 1996 ·
# Chang et al., *ShapeNet*, 2015.

# %%
report = metrics.write(
    folder / "metrics.json",
    notebook="03_view_synthesis",
    profile=profile.name,
    seed=SEED,
    precision=field.spec["precision"],
    seconds={
        "compile": sum(history.compile_seconds for history in histories.values()),
        "meta_train": sum(history.seconds for history in histories.values()),
        "total": time.perf_counter() - started,
    },
    results=results,
    recognised=recognised,
    matched_reaches_db=round(reached, 1),
    validation_psnr_db=histories["meta-mv"].validation[-1][1] if histories else None,
)
print(
    f"{len(results)} results in metrics.json after {report['seconds']['total']:.0f} s, of which meta-training "
    f"{report['seconds']['meta_train']:.0f} s; peak memory {report['peak_memory_bytes'] / 1e9:.1f} GB"
)
display(Markdown("Versions: " + ", ".join(f"{name} {v}" for name, v in report["versions"].items())))
