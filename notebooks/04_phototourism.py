# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/learnit/blob/main/notebooks/04_phototourism.ipynb)

# %% [markdown]
# # Phototourism: one landmark, many appearances
#
# Thousands of people photograph the same place: from other sides, at other hours, under other skies, with other people in
# the way. A radiance field that is fitted to all of their photographs at once can only show their *average*. In this
# notebook the place goes into the weights from which a network starts, and a single photograph's light into the few
# gradient steps that follow. Then we do what the paper's last figure does: put four appearances into the corners of a
# square, walk through the square in weight space, and move the camera as we go. It follows section 4.4 of *Learned
# Initializations for Optimizing Coordinate-Based Neural Representations* (Tancik, Mildenhall et al., CVPR 2021) and Figure
# 2 of its supplement, on a landmark that is drawn rather than downloaded.
#
# **You will be able to**
#
# 1. say what a collection of photographs with known cameras is, and how near, far and scale are taken from it;
# 2. explain why Basic NeRF, which is Reptile with *one* inner step, learns the average of all appearances;
# 3. compare the two fairly, at equal data and an equal number of rays;
# 4. adapt a place to one photograph's light, and judge the fit by a half of the photograph that it never saw;
# 5. tell a scene whose light changes from a cross-fade of pictures.
#
# **You should know** notebook 03, or what a radiance field, a ray and compositing are.
#
# | profile | machine | time | memory | what it trains | longer side |
# |---|---|---|---|---|---|
# | `quick` | 2 CPU cores | about 4 minutes | 0.8 GB | 4 × 64, 6 frequencies, 1000 outer steps of 16 inner ones | 48 pixels |
# | `standard` | a T4-class GPU | not measured | not measured | 5 × 128, 10 frequencies, 10,000 of 32 | 96 pixels |
# | `paper` | a large GPU | not measured | not measured | 6 × 256, 20 frequencies, 150,000 of 64 | 256 pixels |

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

from learnit_core import evaluate, explorer, metrics, plots, weights
from learnit_core.experiments import baselines, report, tourism
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.tourism import explorers, pictures, table
from learnit_core.experiments.tourism.record import TOURISM
from learnit_core.experiments.tourism.results import GAPS
from learnit_core.structures import rows

# %% [markdown]
# ## Choices
#
# Leave a field empty to take the environment variable of the same meaning (`LEARNIT_PROFILE`, `LEARNIT_DATA`,
# `LEARNIT_OUT`), or its default.

# %% tags=["parameters"]
PROFILE = ""  # @param ["", "quick", "standard", "paper"]
DATA = ""  # @param {type:"string"}
SEED = 0  # @param {type:"integer"}
TRAIN_LIVE = True  # @param {type:"boolean"}
KEEP_ON_DRIVE = False  # @param {type:"boolean"}

# %% [markdown]
# `DATA` is `landmark`, or a collection that
# [`data_scripts/phototourism.py`](https://github.com/OWNER/learnit/blob/main/data_scripts/phototourism.py) has prepared:
# Trevi, Sacre Coeur, the Brandenburg Gate, or **photographs of your own** (`--from FOLDER --reconstruct` finds their cameras
# with COLMAP). In Colab, `KEEP_ON_DRIVE` puts results and checkpoints on your drive.

# %%
if KEEP_ON_DRIVE:
    from google.colab import drive

    drive.mount("/content/drive")
    os.environ["LEARNIT_OUT"] = "/content/drive/MyDrive/learnit"
for name, value in {"PROFILE": PROFILE, "DATA": DATA}.items():
    if value:
        os.environ[f"LEARNIT_{name}"] = value

settings = Settings.from_env()
data = settings.data or "landmark"
profile = TOURISM.profile(settings)
shipped = data == "landmark" and settings.profile == "quick"
# What stands in the tables was trained with this.
budget = tourism.PROFILES["long"] if shipped and not settings.max_steps else profile
folder = settings.out / "04_phototourism"
gallery = plots.Gallery(folder / "figures")
print(f"{metrics.device()} · profile {profile.name} · JAX {jax.__version__} · results in {folder.name}/")

# %% [markdown]
# ## 1. The photographs
#
# Each of them has a camera of its own (position, direction, focal length, format), an hour of the day, an exposure, a white
# balance, and whoever walked through. The first twenty are kept for testing and the next five for choosing settings; we
# train on the others.

# %%
collection = tourism.load_signals(profile, data, seed=0)
profile, budget = (one.for_class(collection.name) for one in (profile, budget))
train, validation, test = collection.train, collection.validation, collection.test
side = train.images.shape[2]


def padded(views, i):
    """Photograph ``i`` in a square, over white."""
    square = np.ones((side, side, 3), np.float32)
    picture = pictures.photograph(views, i)
    top, left = (side - picture.shape[0]) // 2, (side - picture.shape[1]) // 2
    square[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return square


columns = 8
shown = [padded(train, i) for i in range(min(3 * columns, len(train.images)))]
gallery.show(
    plots.picture_grid([shown[i : i + columns] for i in range(0, len(shown), columns)], cell=1.05),
    "photographs",
    alt="Photographs of one building from many sides, at noon, at sunset, under clouds and at night, with passers-by.",
)
print(
    f"{collection.name}: {len(train.images)} to train on, {len(validation.images)} to choose by, {len(test.images)} to "
    f"test. {collection.note}"
)
if len(train.images) < 50:
    print(
        f"{len(train.images)} photographs are too few for the paper's result, which has about a thousand: what follows shows "
        "what they give, and no claim goes with it."
    )

# %% [markdown]
# A collection comes with **cameras and points**: COLMAP finds both by matching details between photographs. (Those of the
# landmark are known, because it was drawn; written as a COLMAP model and read back they give the same file.) The points
# are not what we are after, but they say how deep the scene is. *near* and *far* of a photograph are taken from the depths
# of the points that it sees, and the whole is scaled so that half of the cameras are within 3 of the points' median.

# %%
gallery.show(
    plots.cameras(
        collection.points,
        None,
        {
            f"{len(views.images)} {name}": views.camera_to_world[:, 0]
            for name, views in {"to train on": train, "to choose by": validation, "to test": test}.items()
        },
        title=f"{collection.name}: {len(collection.points)} points, and the cameras",
    ),
    "cameras",
    alt="A cloud of points in the shape of a building, and before it the cameras, each with a line to where it looks.",
)

# %% [markdown]
# ## 2. One photograph is not a place
#
# The network maps a position to a colour and a density, as in notebook 03, with one difference: the last sample of a ray
# stands for all that is behind it, so that the sky can be somewhere. Let us fit a **random** network to the *left half* of
# one photograph. How good is its right half?

# %%
field = tourism.field_for(profile)
standard = baselines.standard(field, seed=SEED)
tuned = table.tuned_settings("long" if shipped else profile.name, collection.name)
example = tourism.tasks(rows(test, [0]))
camera = pictures.camera_of(test, 0)


def seen(params, where=camera):
    """The picture of a network from a camera, at the camera's own size."""
    return pictures.picture(field, params, where, **profile.rendering)


def fitted(start, tasks, setting, num_steps):
    """A network for each of the tasks, all from one start."""
    params = tourism.fit(profile, field, start, tasks, setting, num_steps).params
    return [rows(params, i) for i in range(len(tasks.support.images))]


def fitted_halves(start, chosen, steps):
    """Pictures of the example after each number of steps on its left half."""
    return [seen(fitted(start, example, chosen.setting, n)[0]) for n in steps]


truth = pictures.photograph(test, 0)


def captions_for(shown):
    """PSNR on the right half, as the table measures it."""
    half = truth.shape[1] // 2
    return [f"{evaluate.psnr(jnp.asarray(p[:, half:]), jnp.asarray(truth[:, half:])):.1f} dB" for p in shown]


steps = sorted({0, min(25, profile.limit), min(tuned["standard"].steps, profile.limit)})
alone = fitted_halves(standard, tuned["standard"], steps)
half_truth = truth.copy()
half_truth[:, truth.shape[1] // 2 :] = 1
gallery.show(
    plots.picture_grid(
        [[half_truth, *alone, truth]],
        column_labels=["what is seen", *(f"{n} steps" for n in steps), "truth"],
        captions=[["", *captions_for(alone), ""]],
        cell=1.7,
    ),
    "standard_steps",
    alt="A network from random weights fitted to the left half of a photograph: the right half stays a blur.",
)

# %% [markdown]
# Nothing tells a random network what is on the right, and one picture says nothing about depth. At the setting that is best
# for the right half, not even the left one is sharp.
#
# ## 3. Reptile, and Basic NeRF
#
# A task is *one photograph*. **Reptile** draws one, makes some gradient steps on random pixels of it, and moves the
# initialisation towards where that led. **Basic NeRF** is a radiance field trained on all photographs at once, and it is the
# same program with a single inner step: the way from the initialisation to the adapted weights is then the plain gradient.
#
# What is the difference, if both see the same photographs? One gradient step cannot tell "this wall is orange because it is
# evening" from "this wall is orange". Averaged over photographs it settles on the mean light. Several steps on *one*
# photograph move first what its light changes most easily; the initialisation comes to lie where a few steps reach any
# appearance.
#
# Both get **equal data and equal rays**: with $k$ inner steps of $r$ rays, $n$ outer steps of Reptile see $n k r$ rays, and
# so do $n k$ steps of Basic NeRF. (A second row gives it $n$ outer steps only, and so one $k$-th of the rays.) In `quick`
# each of the three has an outer rate of its own, searched on the validation photographs. (In `paper`, for the paper's own
# three places, a row has Basic NeRF with the paper's steps: 60,000, 100,000 and 200,000, where Reptile makes 9.6 million
# inner ones.)

# %%
algorithms = tourism.algorithms(profile)
for name, algorithm in algorithms.items():
    about = budget.for_algorithm(algorithm)
    print(
        f"{plots.LABELS[name]}: {about.num_steps:,} outer steps (Adam {about.outer_rate:g}) of {about.inner_steps} with {about.rays} rays: "
        f"{about.num_steps * about.inner_steps * about.rays:,} rays"
    )

# %% [markdown]
# In `quick` all three are shipped, so that the tables below need no waiting. Reptile is trained here, too, for a part of
# those steps, so that you see how it learns.

# %%
made, histories = {"standard": standard}, {}
for name, algorithm in algorithms.items():
    if not shipped or (algorithm == "reptile" and TRAIN_LIVE):
        _, made[name], histories[name] = tourism.meta_train(
            profile, collection, algorithm, seed=SEED, folder=folder / "checkpoints"
        )
    if shipped:
        _, made[name], _ = weights.pretrained(tourism.SHIPPED["long"]["landmark"][name])
learned = made["meta-reptile"]

# %%
to_choose_by = tourism.tasks(validation)
scores = {name: float(tourism.validate(profile, field, params, to_choose_by)) for name, params in made.items()}
if histories:
    num_steps = min(tourism.VALIDATED[1], profile.limit)
    gallery.show(
        plots.training_curves(
            {name: history.validation for name, history in histories.items()},
            reference=scores["standard"],
            reference_label="Standard, the same fit",
            ylabel=f"validation PSNR\nafter {num_steps} steps [dB]",
            title=f"Training on {collection.name}: right halves",
        ),
        "meta_training",
        alt="Validation PSNR on right halves against outer steps, rising above a dashed line for random weights.",
    )
if shipped and histories:
    print(
        f"Reptile after {profile.num_steps} steps here: {histories['meta-reptile'].validation[-1][1]:.1f} dB; what is "
        f"shipped, after {tourism.PROFILES['long'].num_steps}: {scores['meta-reptile']:.1f} dB"
    )

# %% [markdown]
# ## 4. Adaptation, step by step
#
# The same left half as above, from Reptile's initialisation. Before the first step the network shows the place in a light
# that is no photograph's; then it takes on this one's, on the right, too, where nobody told it.

# %%
chosen = tuned["meta-reptile"]
steps = sorted({0, *(n for n in (1, 4, 16) if n < profile.limit), min(chosen.steps, profile.limit)})
adapted = fitted_halves(learned, chosen, steps)
gallery.show(
    plots.picture_grid(
        [[half_truth, *adapted, truth]],
        column_labels=["what is seen", *(f"{n} steps" for n in steps), "truth"],
        captions=[["", *captions_for(adapted), ""]],
        cell=1.7,
    ),
    "adaptation",
    alt="From Reptile's weights the picture of the whole place takes on the light of the photograph's left half.",
)

# %% [markdown]
# ## 5. The score
#
# Unseen photographs: fit the left half, take the PSNR on the right half. Every start, ours too, has the optimiser, the rate
# and the number of steps that did best on the validation photographs (in `paper` Reptile and Basic NeRF have the paper's for
# Reptile). Two controls look at no camera at all: the mean of the training photographs, and (this one even knows the answer)
# the one that comes nearest. (The notebook takes fewer photographs than `make results` does; see `docs/results/tourism.md`.)

# %%
few = rows(test, slice(settings.cap(8)))
results, _ = table.table_rows(
    profile,
    field,
    few,
    made,
    tuned,
    trained_on=collection.name,
    data=collection.name,
    seed=SEED,
    paper_too=profile.name != "quick",
)
results += table.control_rows(train, few, data=collection.name, seed=SEED)
display(Markdown(table.markdown(results)))
for what, gap, _ in report.measured(GAPS, results, table.LABELS):
    print(f"{what}: {gap.mean:+.2f} dB, 95 % interval [{gap.low:+.2f}, {gap.high:+.2f}]")

# %%
index = min(4, len(few.images) - 1)
one = tourism.tasks(rows(few, [index]))
where, target = pictures.camera_of(few, index), pictures.photograph(few, index)
before, after, there = [], [], [name for name in table.ROWS if name in made]
for name in there:
    (params,) = fitted(made[name], one, tuned[name].setting, min(tuned[name].steps, profile.limit))
    before.append(seen(made[name], where))
    after.append(seen(params, where))
gallery.show(
    plots.picture_grid(
        [[*before, None], [*after, target]],
        row_labels=["before\nthe fit", "left half\nfitted"],
        column_labels=[*(plots.LABELS[name].replace(", ", ",\n") for name in there), "truth"],
        cell=1.7,
    ),
    "starts",
    alt="One unseen photograph from every start, before and after its left half was fitted.",
)

# %% [markdown]
# **What to notice.** Basic NeRF knows the place, too; before the fit both show it in an average light, and about equally
# well. A fit helps both. It helps Reptile more, whose weights were trained to be fitted: read the gap at equal rays, and its
# interval. At equal outer *steps* the gap is larger, but there Reptile has seen more rays, as many times as it has inner steps.
#
# ## 6. Four appearances, and what lies between them
#
# Now fit four *whole* photographs, each from the same initialisation, and mix the four networks' **weights**: Figure 2 of
# the supplement. In the corners are the four fits, seen from one and the same camera that belongs to none of them; in the
# centre stands the initialisation itself, as nobody has adapted it. Beside it, the same from random weights (with the
# mixture in the centre).

# %%
if collection.name == "landmark" and not settings.max_steps:
    labels, four = list(explorers.APPEARANCES), rows(test, list(explorers.APPEARANCES.values()))
else:
    labels = ["first", "second", "third", "fourth"]
    pool = [rows(views, [i]) for views in (test, validation, train) for i in range(len(views.images))][:4]
    four = jax.tree.map(lambda *arrays: np.concatenate(arrays), *pool)
if shipped and not settings.max_steps:
    # The four fits come with the project, too, so that nobody has to wait for them.
    _, reptile_corners = explorers.shipped_corners()
else:
    setting, num_steps = explorers.appearance_fit(profile)
    reptile_corners = fitted(learned, tourism.whole(four), setting, min(num_steps, profile.limit))
chosen = tuned["standard"]
standard_corners = fitted(standard, tourism.whole(four), chosen.setting, min(chosen.steps, profile.limit))
gallery.show(
    plots.picture_grid([[padded(four, i) for i in range(4)]], column_labels=labels, cell=1.7),
    "corners",
    alt="The four photographs whose light stands in the corners.",
)

# %%
h, w = explorers.SHAPE if not settings.max_steps else (12, 18)
way = explorers.path_for(collection, height=h, width=w)
grids = [
    explorers.grid(profile, field, corners, way(0.4), centre=middle, side=5 if not settings.max_steps else 3)
    for corners, middle in ((reptile_corners, learned), (standard_corners, None))
]
gallery.show(
    plots.picture_grid([[explorers.montage(grid) for grid in grids]], column_labels=["Reptile", "Standard"], cell=4.6),
    "grids",
    alt=f"Two grids of five by five pictures of mixed weights from one camera; the corners are {', '.join(labels)}. From "
    "Reptile's start one building in changing light, from random weights smears.",
)

# %% [markdown]
# From the learned start there is *one building* all over the grid, and its light changes. From random weights there is no
# building in any corner: with so few steps hardly from the photograph's own camera, and one photograph does not make a place.
#
# Is this more than fading one picture into another? From a **fixed** camera hardly: the table shows how far the picture of
# the mean weights is from the mean of the four pictures (above 30 dB the eye sees hardly any difference). From random weights
# the two agree as well, but what agrees are smears. So the number alone shows little; to the eye, the camera does: from
# Reptile's start mixing weights mixes light, *and the place stays where it is when the camera moves*.

# %%
lines = ["| start | camera | mean-weights picture vs. mean of the pictures [dB] |", "|---|---|---|"]
agreements = {}
for name, corners in {"Standard": standard_corners, "Reptile": reptile_corners}.items():
    for t in (0.0, 0.5, 1.0):
        value = table.agreement(profile, field, corners, way(t))
        agreements[f"{name} {t}"] = round(value, 2)
        lines.append(f"| {name} | {t:.1f} on the path | {value:.1f} |")
display(Markdown("\n".join(lines)))

# %% [markdown]
# Now drag the square and the camera. (The pictures were computed beforehand; the nearest one is shown.)

# %%
square = explorers.between_appearances(
    profile,
    field,
    {"Standard": standard_corners, "Reptile": reptile_corners},
    path=way,
    labels=labels,
    engine="frames",
    frames=(4, 5) if not settings.max_steps else (2, 2),
    side=250,
)
square

# %% [markdown]
# The same as an animation: the camera goes from left to right and back while the light goes once around the square. Watch
# the shadow of the beam on the doors, and the columns before them: the shadow fades with the light, the columns move with the
# camera.

# %%
tour = []
turns = np.linspace(0, 2 * np.pi, 24 if not settings.max_steps else 3, endpoint=False)
for turn in turns:
    u, v = 0.5 + 0.5 * np.clip(1.5 * np.array([np.cos(turn), np.sin(turn)]), -1, 1)
    mixed = weights.barycentric(reptile_corners, explorer.square("a", "b", "c", "d").coefficients([u, v]))
    where = way(0.5 - 0.5 * np.cos(turn))
    tour.append(seen(mixed, where))
gallery.animate(
    tour,
    "tour",
    seconds=0.15,
    alt="The landmark while the camera moves from side to side and the light goes through four appearances.",
)

# %% [markdown]
# ## 7. Exercises
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
# ### Exercise 1: what moves in a fit
#
# *Predict:* of the four layers of the shipped network, which one moves most, relative to its length, when a photograph is
# fitted? Layer 1 stands at the position, layer 4 at the colour. *Do:* compute how far each layer's weights `w` have moved, as
# a share of their length before the fit. (The length of an array is the root of the sum of its squares; leave biases out.)

# %% tags=["exercise"]
prediction_1 = ...  # 1, 2, 3 or 4


def my_moved(start, fitted):
    """Shares [layers], not in per cent: both are lists of {"w": [in, out], "b": [out]}."""
    return ...  # your code


# %% tags=["check"]
checks.moved(my_moved, prediction_1)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_1 = 4
#
#
# def my_moved(start, fitted):
#     return [np.linalg.norm(b["w"] - a["w"]) / np.linalg.norm(a["w"]) for a, b in zip(start, fitted)]
# ```
#
# The check prints all four. The last layer turns features of a place into its colour, and light changes colours. But the
# last layer also holds the density, and the shares are small everywhere: a few per cent. So near to the initialisation a
# network is nearly linear in its weights, and mixing weights mixes light.
# </details>

# %% [markdown]
# ### Exercise 2: mean of weights, mean of pictures
#
# *Predict:* suppose that a network's picture is **linear** in its weights. How far is the picture of the mean weights from
# the mean of the pictures? *Do:* compute the mean squared difference between the two, for two trees of weights.

# %% tags=["exercise"]
prediction_2 = ...  # "zero", "small" or "it depends on the weights"


def my_gap(render, a, b):
    """The mean squared difference, a number; ``render(params)`` gives the picture [h, w, 3] of a tree of weights."""
    return ...  # your code


# %% tags=["check"]
checks.gap(my_gap, prediction_2)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_2 = "zero"
#
#
# def my_gap(render, a, b):
#     middle = jax.tree.map(lambda x, y: (x + y) / 2, a, b)
#     return jnp.mean((render(middle) - (render(a) + render(b)) / 2) ** 2)
# ```
#
# So from a fixed camera such a network gives a cross-fade, and a picture shows nothing more. A moving camera does: the mean of
# two *pictures* from different places shows every edge twice, while the mean of two *fields* is a field, and any camera
# can look at it.
# </details>

# %% [markdown]
# ### Exercise 3: the square of four appearances
#
# *Predict:* in the centre of the square, which share has each corner? *Do:* mix four networks. `u` goes from left (0) to
# right (1), `v` from the top (0) to the bottom (1); the corners come in the order top left, top right, bottom left, bottom
# right.

# %% tags=["exercise"]
prediction_3 = ...  # a number from 0 to 1


def my_square(corners, u, v):
    """The weights at (u, v): a tree like each of the four ``corners``."""
    return ...  # your code


# %% tags=["check"]
checks.square(my_square, prediction_3)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_3 = 0.25
#
#
# def my_square(corners, u, v):
#     shares = [(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v]
#     return jax.tree.map(lambda *arrays: sum(s * array for s, array in zip(shares, arrays)), *corners)
# ```
#
# The shares add up to 1 everywhere, and on an edge of the square only its two corners count.
# </details>

# %% [markdown]
# ### Exercise 4: Basic NeRF is Reptile with one step
#
# *Predict:* with **one** inner step of SGD, what is `params - adapted`? *Do:* write Reptile's way, from the adapted
# weights back to the start, for any number of inner steps.

# %% tags=["exercise"]
prediction_4 = ...  # "the gradient", "the rate times the gradient" or "zero"


def my_way(loss, params, batch, rate, steps):
    """``params`` minus what ``steps`` gradient steps of ``loss(params, batch)`` make of them: a tree like ``params``."""
    return ...  # your code


# %% tags=["check"]
checks.way(my_way, prediction_4)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_4 = "the rate times the gradient"
#
#
# def my_way(loss, params, batch, rate, steps):
#     adapted = params
#     for _ in range(steps):
#         grads = jax.grad(loss)(adapted, batch)
#         adapted = jax.tree.map(lambda p, g: p - rate * g, adapted, grads)
#     return jax.tree.map(lambda p, a: p - a, params, adapted)
# ```
#
# Adam does not mind a constant factor, so Reptile with one step is ordinary training on all photographs: Basic NeRF. From the
# second step on, gradients are taken where the first step on *this* photograph has led. That is the whole difference.
# </details>

# %% [markdown]
# ### Exercise 5: judged by what was not seen
#
# *Predict:* a network was fitted to the left half of a photograph, and fits it well; the right half is worse. A score over
# the **whole** picture, instead of the right half, would be … ? *Do:* compute the PSNR of the right half only, for values from 0 to
# 1: cut the prediction to [0, 1], and begin at column `width // 2`.

# %% tags=["exercise"]
prediction_5 = ...  # "higher", "lower" or "the same"


def my_right_psnr(picture, truth):
    """PSNR [dB] of the right half, a number: both are [height, width, 3]."""
    return ...  # your code


# %% tags=["check"]
checks.right_half(my_right_psnr, prediction_5)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# prediction_5 = "higher"
#
#
# def my_right_psnr(picture, truth):
#     half = truth.shape[1] // 2
#     return -10 * np.log10(np.mean((np.clip(picture[:, half:], 0, 1) - truth[:, half:]) ** 2))
# ```
#
# Whoever counts what was fitted flatters every method, and most of all the one that overfits.
# </details>

# %% [markdown]
# ## Summary
#
# What all photographs of a place share goes into the initialisation, what is one photograph's own into a few steps. The line
# is drawn by the inner loop: whatever few steps can change is treated as appearance. Nothing in the program knows about light.
#
# **References.** Tancik, Mildenhall et al., *Learned Initializations for Optimizing Coordinate-Based Neural
# Representations*, CVPR 2021 · Mildenhall et al., *NeRF*, ECCV 2020 · Martin-Brualla et al., *NeRF in the Wild*, CVPR 2021 ·
# Schönberger, Frahm, *Structure-from-Motion Revisited*, CVPR 2016 (COLMAP) · Jin et al., *Image Matching across Wide Baselines*,
# IJCV 2021 (the Phototourism photographs) · Nichol, Achiam, Schulman, *On First-Order Meta-Learning Algorithms*, 2018.

# %%
report = metrics.write(
    folder / "metrics.json",
    notebook="04_phototourism",
    profile=profile.name,
    seed=SEED,
    precision=field.spec["precision"],
    seconds={
        "compile": sum(history.compile_seconds for history in histories.values()),
        "meta_train": sum(history.seconds for history in histories.values()),
        "total": time.perf_counter() - started,
    },
    results=results,
    agreement_db=agreements,
    validation_db=scores | {f"{name}, trained here": history.validation[-1][1] for name, history in histories.items()},
)
print(
    f"{len(results)} results in metrics.json after {report['seconds']['total']:.0f} s, of which meta-training "
    f"{report['seconds']['meta_train']:.0f} s; peak memory {report['peak_memory_bytes'] / 1e9:.1f} GB"
)
display(Markdown("Versions: " + ", ".join(f"{name} {v}" for name, v in report["versions"].items())))
