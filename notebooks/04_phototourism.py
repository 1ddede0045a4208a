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
# Thousands of people photograph the same place: from other sides, at other hours, under other skies, with other people
# in the way. Below are two photographs that no network has seen, one under clouds and one at night. A network is shown
# the **left half** of each, and fitted to it: once from random weights, once from weights that were *learned* on 125
# other photographs of the place.
#
# **Question.** The learned weights know the building. But nothing to the right of the cut was shown. How can the last
# network know what *light* falls there?

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

from learnit_core import evaluate, losses, plots, teaching, weights
from learnit_core.experiments import baselines, tourism
from learnit_core.experiments.tourism import explorers, sections
from learnit_core.fit import fit
from learnit_core.structures import rows

# %% tags=["parameters", "setup"]
# @title Choices
PROFILE = ""  # @param ["", "quick", "standard", "paper"]
DATA = ""  # @param {type:"string"}
SEED = 0  # @param {type:"integer"}
TRAIN_LIVE = True  # @param {type:"boolean"}
KEEP_ON_DRIVE = False  # @param {type:"boolean"}

# %%
lesson = teaching.begin("04_phototourism", profile=PROFILE, data=DATA, keep_on_drive=KEEP_ON_DRIVE)
settings, gallery = lesson.settings, lesson.gallery
gallery.show(
    sections.first_look(settings, seed=SEED),
    "first_look",
    alt="Two photographs, clouds and night, cut in half. Fitted from random weights: a blur. From learned weights: the "
    "building before the fit in an average light, after it in the light of the left half, on the right, too.",
)

# %% [markdown]
# The fit begins at the learned weights and makes a few gradient steps. What all photographs share, the place, stands in the
# weights already; what a few steps change is what photographs differ in: the light, *everywhere at once*. How weights are
# learned from which few steps do that is the subject of this notebook. It follows the fourth experiment of *Learned
# Initializations for Optimizing Coordinate-Based Neural Representations* (Tancik, Mildenhall et al., CVPR 2021) and Figure 2
# of its supplement, on a landmark that is drawn rather than downloaded.
#
# **You will be able to**
#
# 1. say what a collection of photographs with known cameras is, and how near, far and scale are taken from it;
# 2. explain why Basic NeRF (a *neural radiance field*), which is Reptile with *one* inner step, learns the average of all
#    appearances;
# 3. compare the two fairly, and judge a fit by the half of a photograph that it never saw;
# 4. tell a scene whose light changes from a cross-fade of pictures.
#
# **You should know** notebook 03, or what a radiance field, a ray and compositing are.
#
# | profile | machine | time | memory | what it trains | longer side |
# |---|---|---|---|---|---|
# | `quick` | 2 CPU cores | about 4 minutes | 1.3 GB | 4 × 64, 6 frequencies, 1000 outer steps of 16 inner ones | 48 pixels |
# | `standard` | a T4-class GPU | not measured | not measured | 5 × 128, 10 frequencies, 10,000 of 32 | 96 pixels |
# | `paper` | a large GPU | not measured | not measured | 6 × 256, 20 frequencies, 150,000 of 64 | 256 pixels |
#
# <details><summary>Your own data, the paper's data, Colab and Drive</summary>
#
# The folded form above has the choices. Leave a field empty to take the environment variable of the same meaning
# (`LEARNIT_PROFILE`, `LEARNIT_DATA`, `LEARNIT_OUT`), or its default.
#
# `DATA` is `landmark`, or a collection that
# [`data_scripts/phototourism.py`](https://github.com/OWNER/learnit/blob/main/data_scripts/phototourism.py) has prepared:
# Trevi, Sacre Coeur, the Brandenburg Gate, or **photographs of your own** (`--from FOLDER --reconstruct` finds their cameras
# with COLMAP). In Colab, `KEEP_ON_DRIVE` puts results and checkpoints on your drive.
#
# </details>
#
# ## 1. The photographs
#
# Each has a camera of its own (position, direction, focal length, format), an hour of the day, an exposure, a white
# balance, and whoever walked through. We train on most of them; some are kept for choosing settings, and others for
# testing. Look for the same column in several pictures: it stands elsewhere, and has another colour.

# %%
place = sections.choose(settings)
profile, collection, field, tuned = place.profile, place.collection, place.field, place.tuned
train, validation, test = collection.train, collection.validation, collection.test
shown = place.squares(train, min(24, len(train.images)))
gallery.show(
    plots.picture_grid([shown[i : i + 8] for i in range(0, len(shown), 8)], cell=1.35),
    "photographs",
    alt="Photographs of one building from many sides, at noon, at sunset, under clouds and at night, with passers-by.",
)
print(
    f"{collection.name}: {len(train.images)} to train on, {len(validation.images)} to choose by, {len(test.images)} to test."
)
print(collection.note)
if len(train.images) < 50:
    print("These are too few for the paper's result, which has about a thousand: no claim goes with what follows.")

# %% [markdown]
# A collection comes with **cameras and points**. For real photographs a program called COLMAP finds both, by matching
# details between pictures. (Those of the landmark are known, because it was drawn.) In the figure every camera is a dot, with a
# line to where it looks. The points are not what we are after, but they say how deep the scene is: *near* and *far*, between
# which a ray is sampled, come from the depths of the points that a photograph sees. A collection has no unit of length, so
# one is chosen: the whole is scaled until half of the cameras are within 3 of the middle (the median) of the points.

# %%
splits = {"to train on": train, "to choose by": validation, "to test": test}
gallery.show(
    plots.cameras(
        collection.points,
        None,
        {f"{len(views.images)} {name}": views.camera_to_world[:, 0] for name, views in splits.items()},
        title=f"{collection.name}: {len(collection.points)} points, and the cameras",
    ),
    "cameras",
    alt="A cloud of points in the shape of a building, and before it the cameras, each with a line to where it looks.",
)
eyes = np.linalg.norm(np.concatenate([views.camera_to_world[:, 0, :, 3] for views in splits.values()]), axis=1)
print(f"distance of the cameras from the median of the points: half of them are within {np.median(eyes):.2f}")

# %% [markdown]
# ## 2. One photograph is not a place
#
# The network maps a position to a colour and a density, as in notebook 03. One thing is new: the last sample of a ray
# stands for all that is behind it (its length is $10^{10}$), so that the sky can be somewhere. The **loss** draws some pixels
# of a photograph, renders their rays, and compares colours.
#
# A **task** here is one photograph: its *support* is what a fit sees, the left half; its *query* is what the fit is judged by,
# the right half. Let us fit a **random** network to one left half, and score both halves on the way. (`place` has the
# collection, the network and the tuned settings; its methods take one photograph, its camera, or its halves out of them.)

# %%
loss = losses.radiance_loss(
    field,
    num_samples=profile.num_samples,  # on a ray
    background=profile.background,
    rays_per_step=profile.rays,  # pixels that one step looks at
    last_delta=1e10,
)
standard = baselines.standard(field, seed=SEED)
example, camera, truth = tourism.tasks(rows(test, [0])), place.camera(test, 0), place.photograph(test, 0)
seen = place.picture  # (weights, camera) -> the picture [h, w, 3] that this camera sees


def fitted_halves(name, start, steps):
    """Pictures of the example after each number of ``steps`` of gradient descent on its left half."""
    fits = [tourism.fit(profile, field, start, example, tuned[name].setting, n).params for n in steps]
    return [seen(rows(params, 0), camera) for params in fits]


# %%
halves = {}


def show_fit(name, start, steps, figure, alt):
    """The example after each number of steps; below it PSNR [dB] on the half that is seen, and on the other."""
    steps = sorted({min(n, profile.limit) for n in steps})
    found = fitted_halves(name, start, steps)
    halves[name] = {n: place.psnr_of_halves(picture, test, 0) for n, picture in zip(steps, found, strict=True)}
    columns = ["what is seen", *(plots.steps_label(n) for n in steps), "truth"]
    captions = ["", *(f"{left:.1f} | {right:.1f} dB" for left, right in halves[name].values()), ""]
    pictures = [place.left_half(truth), *found, truth]
    gallery.show(plots.picture_grid([pictures], column_labels=columns, captions=[captions], cell=1.9), figure, alt=alt)


alt = "A network from random weights fitted to the left half of a photograph: the right half stays a blur."
show_fit("standard", standard, [0, 25, tuned["standard"].steps, profile.limit], "standard_steps", alt)

# %% [markdown]
# Below each picture stand two scores, *left | right*. The left half is what the loss sees. Nothing tells a random network what
# is on the right, and one picture says nothing about depth. So the two scores part: in `quick`, from 25 steps on the left half
# still gets better, and the right one gets *worse*. How long to fit is therefore a choice like that of a rate, and **every
# start of this notebook has its own number of steps**: the one that was best, on average, for the right halves of the
# *validation* photographs. No test photograph was asked.
#
# ## 3. Reptile, and Basic NeRF
#
# **Reptile** learns weights to begin from. One *outer step* is this: draw one photograph; from the present
# initialisation make some gradient steps on it (the *inner steps*); then move the initialisation towards where they led.
# (Training tasks are whole photographs: support and query are the same.) **Basic NeRF** is a radiance field trained on all
# photographs at once. It is the same program with a *single* inner step: the way back from the adapted weights is then the
# plain gradient, times the rate. Here is the inner loop, and the check:

# %%
inner = optax.sgd(profile.inner_rate)


def way_back(start, photograph, key, num_steps):
    """What the outer optimiser takes as its gradient: from where the inner steps led, back to where they began."""
    adapted = fit(loss, start, photograph, key, optimizer=inner, num_steps=num_steps).params
    return jax.tree.map(jnp.subtract, start, adapted)


photograph, key = rows(train, 0), jax.random.key(SEED)
one_step = way_back(standard, photograph, key, 1)
gradient = jax.grad(loss)(standard, photograph, jax.random.fold_in(key, 0))  # of the same pixels
difference, length = (
    float(optax.global_norm(tree))
    for tree in (jax.tree.map(lambda b, g: b / profile.inner_rate - g, one_step, gradient), gradient)
)
print(f"one inner step against the gradient: they differ by {difference / length:.1e} of its length")

# %% [markdown]
# What is the difference between one step and several, if both see the same photographs? One gradient step cannot tell
# "this wall is orange because it is evening" from "this wall is orange". Averaged over photographs it settles on the mean
# light. Several steps on *one* photograph can tell: the first ones take on most of its light, and what the later ones still
# change is more about the place. So the initialisation comes to lie where a few steps reach any appearance.
#
# A comparison has to be fair. With $k$ inner steps of $r$ rays, $n$ outer steps of Reptile see $n k r$ rays, and so do
# $n k$ steps of Basic NeRF: **equal rays**. A second row gives Basic NeRF $n$ outer steps only, and so one $k$-th of the
# rays: *equal steps*. In `quick` each of the three has an outer rate of its own, searched on the validation photographs. (In
# `paper`, for the paper's own three places, a row has Basic NeRF with the paper's steps: 60,000, 100,000 and 200,000, where
# Reptile makes 9.6 million inner ones.)

# %%
print(place.budgets())

# %% [markdown]
# In `quick` all three are shipped, so that the tables below need no waiting. Reptile is trained here, too, for a part of
# those steps, so that you see how it learns: every so often the *validation* photographs are fitted from the weights of that
# moment, and their right halves scored.

# %%
starts, histories = {"standard": standard} | place.shipped_starts(), {}
for name, algorithm in place.algorithms.items():
    if not place.shipped or (name == "meta-reptile" and TRAIN_LIVE):
        kept = lesson.folder / "checkpoints"
        _, trained, histories[name] = tourism.meta_train(profile, collection, algorithm, seed=SEED, folder=kept)
        starts.setdefault(name, trained)  # what is shipped was trained for longer
learned = starts["meta-reptile"]
scores = {name: place.validation_psnr(start) for name, start in starts.items()}

# %%
if histories:
    gallery.show(
        plots.training_curves(
            {name: history.validation for name, history in histories.items()},
            reference=scores["standard"],
            reference_label="Standard, the same fit",
            ylabel=f"validation PSNR\nafter {plots.steps_label(place.validated_steps)} [dB]",
            title=f"Training on {collection.name}: right halves",
        ),
        "meta_training",
        alt="Validation PSNR on right halves against outer steps, rising above a dashed line for random weights.",
    )
    for name, history in histories.items():
        print(
            f"{plots.LABELS[name]}, trained here: {history.validation[-1][1]:.1f} dB; in the tables: {scores[name]:.1f} dB"
        )

# %% [markdown]
# The dashed line is the same fit from random weights. In `quick` the curve lies above it from its first point on, and gains
# more in the first half of the training than in the second, while the outer rate falls to zero. (Each point is the mean of a
# few photographs only: in other trainings it may dip for a moment.)
#
# ## 4. Adaptation, step by step
#
# The same left half as in section 2, this time from Reptile's initialisation. *Predict:* what will the picture at 0 steps
# look like, and which half will change first?

# %%
alt = "From Reptile's weights the picture of the whole place takes on the light of the photograph's left half."
show_fit("meta-reptile", learned, [0, 1, 4, 16, tuned["meta-reptile"].steps], "adaptation", alt)

# %% [markdown]
# Before the first step the network shows the place in a light that is no photograph's. Then it takes on this one's, on the
# right, too, where nobody told it: compare the second scores with those of section 2. The first 16 steps help both halves,
# since light is what they change; the later ones help the left half more, which is the one they see.
#
# ## 5. The score
#
# One photograph proves nothing. The same for several unseen ones, and from every start: fit the left half, with the
# optimiser, the rate and the number of steps that did best on the validation photographs *for this start* (in `paper` Reptile
# and Basic NeRF have the paper's for Reptile), and take the PSNR on the right half. This loop makes the table:

# %%
few = rows(test, slice(settings.cap(8)))
unseen, fits = tourism.tasks(few), {}
for name, start in starts.items():
    setting, steps, _ = tuned[name]
    fits[name] = tourism.fit(profile, field, start, unseen, setting, min(steps, profile.limit))
    after = fits[name].curves[:, -1]  # PSNR [dB] on right halves, one a photograph; [:, 0] is before the fit
    print(f"{plots.LABELS[name]}: {after.mean():.1f} dB")

# %% [markdown]
# The same numbers beside their deviation and the scores before the fit, and two **controls** that look at no camera at all: the
# mean of the training photographs, and (this one even knows the answer) the one that comes nearest. Below the table, the
# differences photograph by photograph, with their 95 % intervals: where one holds no zero, the lead is more than noise. (The
# notebook takes fewer photographs than `make results` does; see `docs/results/tourism.md`.)

# %%
results = sections.results(place, few, starts, {name: fitted.curves for name, fitted in fits.items()}, seed=SEED)
display(Markdown(sections.table_text(results)))

# %% [markdown]
# And as pictures, for one of these photographs: each start before the fit, and after it. The last column has what was seen
# and, below it, the whole photograph. Look at the colour of the right half.

# %%
index = min(4, len(few.images) - 1)
where, target = place.camera(few, index), place.photograph(few, index)
names = list(fits)
before = [seen(starts[name], where) for name in names]
after = [seen(rows(fits[name].params, index), where) for name in names]
gallery.show(
    plots.picture_grid(
        [[*before, place.left_half(target)], [*after, target]],
        row_labels=["before\nthe fit", "left half\nfitted"],
        column_labels=[*(plots.LABELS[name].replace(", ", ",\n") for name in names), "above: seen,\nbelow: truth"],
        cell=1.9,
    ),
    "starts",
    alt="One unseen photograph from every start, before and after its left half was fitted.",
)

# %% [markdown]
# **What to notice.** Basic NeRF knows the place, too: before the fit it and Reptile show it in an average light, and about
# equally well. A fit helps both. It helps Reptile more, whose weights were trained to be fitted: read the gap at equal
# rays, and its interval. At equal outer *steps* Reptile has seen more rays, as many times as it has inner steps.
#
# ## 6. Four appearances, and what lies between them
#
# Now fit four *whole* photographs, each from the same initialisation, and mix the four networks' **weights**: Figure 2 of
# the supplement. A point $(u, v)$ of the square stands for
#
# $$(1-u)(1-v)\,\theta_1 + u(1-v)\,\theta_2 + (1-u)v\,\theta_3 + uv\,\theta_4.$$

# %%
labels, four = place.appearances()
corners = {name: place.corners(name, starts[name], four) for name in ("meta-reptile", "standard")}
reptile_corners = corners["meta-reptile"]
way = place.path()  # the camera at a place t in [0, 1], from left to right
gallery.show(
    plots.picture_grid([place.squares(four, 4)], column_labels=labels, cell=2.2),
    "corners",
    alt="The four photographs whose light stands in the corners.",
)

# %% [markdown]
# All mixtures are seen from *one and the same camera*, which belongs to none of the four photographs. As in the supplement,
# Reptile's *initialisation*, which nobody has adapted, stands in the centre of its grid, in place of the mixture. *Predict:*
# what will the grid from random weights show in its corners?


# %%
def mixed(corners, u, v):
    """The weights at a place of the square."""
    return weights.barycentric(corners, [(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v])


ticks = np.linspace(0, 1, 3 if place.trial else 5)
grids = {
    plots.LABELS[name]: [[seen(mixed(networks, u, v), way(0.4)) for u in ticks] for v in ticks]
    for name, networks in corners.items()
}
middle = len(ticks) // 2
grids[plots.LABELS["meta-reptile"]][middle][middle] = seen(learned, way(0.4))
gallery.show(
    sections.grids_figure(grids, labels),
    "grids",
    alt=f"Two grids of pictures of mixed weights from one camera; the corners are {', '.join(labels)}. From Reptile's "
    "start one building in changing light, from random weights smears.",
)

# %% [markdown]
# From the learned start there is *one building* all over the grid, and its light changes. From random weights there is no
# building in any corner: a network that has seen one photograph from one side does not know what stands where.
#
# Is this more than fading one picture into another? Let us see how far the picture of the mean *weights* is from the mean of
# the four *pictures*, from three places on the camera's way.

# %%
agreements = {}
for name, networks in corners.items():
    for t in (0.0, 0.5, 1.0):
        faded = np.mean([seen(corner, way(t)) for corner in networks], axis=0)
        middle = seen(mixed(networks, 0.5, 0.5), way(t))
        agreements[f"{plots.LABELS[name]} {t}"] = round(
            float(evaluate.psnr(jnp.asarray(middle), jnp.asarray(faded))), 2
        )
for name, value in agreements.items():
    print(f"{name} on the path: {value:.1f} dB")

# %% [markdown]
# (Above 30 dB the eye sees hardly any difference.) So from a **fixed** camera a cross-fade would look nearly the same. From
# random weights the two agree as well; but what agrees there are smears. The number alone shows little. A moving camera
# shows more: from Reptile's start mixing weights mixes light, *and the place stays where it is when the camera moves*. (That is
# seen in these pictures of one place; no number here measures it.)
#
# Drag the square and the camera. (The pictures were computed beforehand: the nearest one is shown, and the line below
# the square says which mixture it is.)

# %%
square = explorers.between_appearances(
    profile,
    field,
    {plots.LABELS[name]: corners[name] for name in ("standard", "meta-reptile")},
    path=way,
    labels=labels,
    engine="frames",
    frames=(2, 2) if place.trial else (5, 5),
    side=340,
)
square

# %% [markdown]
# The same as an animation: the camera goes from left to right and back while the light goes once around the square. Watch
# the statue and the fountain: they move with the camera, and the shadow beside the fountain comes and goes with the light.

# %%
tour = []
for turn in np.linspace(0, 2 * np.pi, 3 if place.trial else 24, endpoint=False):
    u, v = 0.5 + 0.5 * np.clip(1.5 * np.array([np.cos(turn), np.sin(turn)]), -1, 1)
    tour.append(seen(mixed(reptile_corners, u, v), way(0.5 - 0.5 * np.cos(turn))))
gallery.animate(
    tour,
    "tour",
    seconds=0.15,
    scale=8,
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
# fitted? Layer 1 takes the position in, layer 4 gives colour and density out. *Do:* compute how far each layer's weights `w`
# have moved, as a share of their length before the fit. (The length of an array is the root of the sum of its squares; leave
# biases out.)

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
# the **whole** picture, instead of the right half, would be … ? *Do:* compute the PSNR of the right half only, for values
# from 0 to 1: cut the prediction to [0, 1], and begin at column `width // 2`.

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
# **References.** Tancik, Mildenhall et al., *Learned Initializations for Optimizing Coordinate-Based Neural Representations*,
# CVPR 2021 · Mildenhall et al., *NeRF*, ECCV 2020 · Martin-Brualla et al., *NeRF in the Wild*, CVPR 2021 · Schönberger,
# Frahm, *Structure-from-Motion Revisited*, CVPR 2016 (COLMAP) · Jin et al., *Image Matching across Wide Baselines*, IJCV 2021
# (the Phototourism photographs) · Nichol, Achiam, Schulman, *On First-Order Meta-Learning Algorithms*, 2018.

# %%
lesson.finish(
    results,
    profile=profile.name,
    seed=SEED,
    precision=field.spec["precision"],
    histories=histories,
    agreement_db=agreements,
    validation_db=scores | {f"{name}, trained here": history.validation[-1][1] for name, history in histories.items()},
    halves_db=halves,
    training_db={name: history.validation for name, history in histories.items()},
    one_step_against_gradient=difference / length,
)
