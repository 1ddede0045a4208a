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
# Below, a chair is photographed **once**. Two networks are fitted to that one picture, and to nothing else. One starts
# from random weights. The other starts from weights that were *learned* on other chairs. Then both are shown from four
# sides that neither of them has ever seen.
#
# **Question.** From the camera of the one picture, both fits look like it. How can one of them know what the chair looks
# like from behind? And how could you tell that it has not just memorised one chair that it shows every time?

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

from learnit_core import evaluate, losses, meta, plots, teaching, volume, weights
from learnit_core.evaluate import Setting
from learnit_core.experiments import views
from learnit_core.experiments.views import explorers, sections
from learnit_core.structures import Task, rows

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
    "03_view_synthesis", profile=PROFILE, data=DATA, test_data=TEST_DATA, keep_on_drive=KEEP_ON_DRIVE
)
gallery, settings = lesson.gallery, lesson.settings
gallery.show(
    sections.first_look(settings),
    "first_look",
    alt="A chair in five pictures, of which one was given. Below it the same views of two fits to that one picture: from "
    "random weights a rough copy of the given view and coloured fog elsewhere; from learned weights a blurred chair.",
)

# %% [markdown]
# One picture does not determine an object: almost anything could be behind what it shows. A fit from random weights spends
# this freedom on coloured fog. The learned weights spend it on a *chair*. That expectation, a **prior**, sits in nothing but
# the weights from which the fit begins. This notebook shows how it gets there and what it is worth. (The learned weights of
# this first picture come with the package; they were trained for longer than the ones that we train below, and section 5
# keeps the two apart.) It follows the third experiment of *Learned Initializations for Optimizing Coordinate-Based Neural
# Representations* (Tancik, Mildenhall et al., CVPR 2021), on objects that are drawn here instead of ShapeNet's.
#
# **You will be able to**
#
# 1. follow one ray through a radiance field, and compute its colour;
# 2. say why one picture does not determine an object, and what more steps do to the sides that it does not show;
# 3. write the two loops of Reptile, and tell training with many views (MV) from training with one view an object (SV);
# 4. judge a reconstruction by pictures that nobody fitted, and test that it has not ignored its input.
#
# **You should know** notebooks 01 and 02, or what a coordinate-based network, Fourier features and Reptile are.
#
# | profile | machine | time | memory | what it trains | pictures |
# |---|---|---|---|---|---|
# | `quick` | 2 CPU cores | 5 minutes | 1.9 GB | 4 × 64, 8 frequencies, 300 outer steps of 32 × 64 rays | 40 × 40 |
# | `standard` | a T4-class GPU | not measured | not measured | 5 × 128, 12 frequencies, 15,000 outer steps of 32 × 128 rays | 64 × 64 |
# | `paper` | a large GPU | not measured | not measured | 6 × 256, 20 frequencies, 100,000 outer steps of 32 × 128 rays | 128 × 128 |
#
# (*4 × 64, 8 frequencies* has four layers, all but the last 64 numbers wide, on Fourier features as in notebook 02; *32 × 64
# rays* are 32 inner steps of 64 rays each.)
#
# <details><summary>Your own data, the paper's data, Colab and Drive</summary>
#
# The folded form above has the choices. Leave a field empty to take the environment variable of the same meaning
# (`LEARNIT_PROFILE`, `LEARNIT_DATA`, `LEARNIT_TEST_DATA`, `LEARNIT_OUT`), or its default.
#
# `DATA` is what is trained on: `chairs`, `lamps` or `cars`; a set prepared by `data_scripts/shapenet.py`; or a folder of
# objects in the layout of the paper's renderings (a `transforms.json` and RGBA pictures each, and a `*_splits.json`).
# `TEST_DATA` is what is fitted; leave `DATA` empty beside it, and nothing is trained: its objects meet the shipped
# initialisations. In Colab, `KEEP_ON_DRIVE` puts results and checkpoints on your drive.
# </details>
#
# ## 1. The signals
#
# A signal is now an **object with its pictures and their cameras**. The objects here are drawn by a small program, which
# throws dice for parts, proportions, colours and the place of a lamp. Each is rendered on white from random places on a
# sphere around it. The first 25 pictures are *given*, the others are *held out*: they are never fitted, and scores are on
# the first five of them (in the profile `paper` on all).

# %%
study = sections.study(settings, seed=SEED, train_live=TRAIN_LIVE)
profile, field, scenes, tuned = study.profile, study.field, study.scenes, study.tuned
num_objects, num_given = len(scenes.test.images), min(25, scenes.train.images.shape[1])
gallery.show(
    plots.picture_grid(
        [list(objects.images[:8, 0] / 255) for objects in (scenes.train, scenes.test)]
        + [list(scenes.test.images[0, :8] / 255)],
        row_labels=["to train on", "to test", "one object,\nmany views"],
        cell=1.3,
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
# The network $f_\theta$ maps a point in space to a **colour** $c$ and a **density** $\sigma$, that is, how much light is
# stopped there per unit of length. Such a network is called a **radiance field**. A pixel is a **ray** $o + t\,d$ through
# the space, from the camera's place $o$. We ask the network at samples $t_1 < \dots < t_N$ on it, between a *near* and a
# *far* end; the piece of length $\delta_i$ from sample $i$ to the next stops the share $\alpha_i$ of the light that comes
# that far:
#
# $$\alpha_i = 1 - e^{-\sigma_i \delta_i}, \qquad w_i = \alpha_i \prod_{j<i} (1 - \alpha_j), \qquad
# \text{colour} = \sum_i w_i c_i + \Big(1 - \sum_i w_i\Big) \cdot \text{white}.$$
#
# The $w_i$ are shares of the pixel's colour, and not the network's weights. Here are these lines as code: a ray, its samples,
# alpha, weights, colour.


# %%
def along_ray(params, origin, direction, near, far):
    """The colour [3] of a ray; and of its samples: depth, density, weight [samples], colour [samples, 3]."""
    t = near + (far - near) * (jnp.arange(profile.samples) + 0.5) / profile.samples
    values = field.apply(params, origin + t[:, None] * direction)  # what the network says at the samples
    colours, density = values[:, :3], values[:, 3]
    # The last sample has no next one; d is not of length 1.
    delta = jnp.append(jnp.diff(t), 1e-3) * jnp.linalg.norm(direction)
    alpha = 1 - jnp.exp(-density * delta)  # the share of the light that a piece stops
    arrives = jnp.cumprod(jnp.append(1.0, 1 - alpha))  # the share that gets to each sample, and past all of them
    weight = arrives[:-1] * alpha
    return weight @ colours + arrives[-1] * 1.0, (t, density, weight, colours)


# %% [markdown]
# To look at a ray we need a field. Here is the easy case: one fitted to **25** pictures of the first test object, from
# random weights. The ray below belongs to a picture that was *not* among them. Its camera has two parts: `camera_to_world`,
# how it is turned and where it stands, and `intrinsics`, its focal length and the middle of its picture in pixels; exercise 3
# makes a ray of them. In the figure, compare density and weight: where is there density that the pixel does not see?

# %%
random_weights, size = study.random_weights, profile.size
many = views.tasks(rows(scenes.test, slice(1)), num_given)  # support: the given views; query: five held out
chosen = tuned["25"]["standard"]
easy = rows(views.fit(profile, field, [random_weights], many, chosen.setting, settings.cap(500)).params, 0)

# %%
unseen = rows(many.query, 0)
truth = np.asarray(unseen.images[0]) / 255
dark = np.argwhere(truth.min(axis=-1) < 0.8)  # pixels that are not white; we take one in the middle of the list
row, column = dark[len(dark) // 2] if len(dark) else (size // 2, size // 2)
origins, directions = volume.camera_rays(size, size, unseen.intrinsics[0], unseen.camera_to_world[0])
near_far = unseen.near[0], unseen.far[0]
colour, samples = along_ray(easy, origins[row, column], directions[row, column], *near_far)
gallery.show(
    plots.one_ray(truth, (row, column), *map(np.asarray, samples)),
    "one_ray",
    alt="Left, a held-out picture with one pixel marked. Right, the density along the pixel's ray, zero but for a part of "
    "it, and the weights of the samples in their colours: only the front of that part is seen.",
)
for what, value in {"in the fit": colour, "in the picture": truth[row, column]}.items():
    print("Colour of the pixel", what, "(red, green, blue):", *(f"{part:.2f}" for part in value))

# %% [markdown]
# Density behind the first surface may be anything: it has no weight, so no picture from here can tell. From another side it
# can, and with 25 sides hardly anything stays hidden.
#
# A picture is the same for every pixel. `volume.render_view` of the package is our lines, made for whole pictures and for
# gradients; we check that both see the same, and use it from here on.


# %%
@jax.jit
def render(params, cameras):
    """What cameras see of a network's object: colour [views, h, w, 3], and depth and opacity [views, h, w]."""

    def one(camera):
        intrinsics, pose, near, far = camera
        look = dict(height=size, width=size, near=near, far=far, num_samples=profile.samples)
        return volume.render_view(lambda points: field.apply(params, points), intrinsics, pose, **look)

    return jax.lax.map(one, (cameras.intrinsics, cameras.camera_to_world, cameras.near, cameras.far))


@jax.jit
def by_hand(params, origins, directions):
    """The same for one camera, colour only, a ray at a time in our own lines."""
    rays = origins.reshape(-1, 3), directions.reshape(-1, 3)
    colours = jax.lax.map(lambda ray: along_ray(params, *ray, *near_far)[0], rays, batch_size=512)
    return colours.reshape(size, size, 3)


# %%
seen = render(easy, unseen).rgb
difference = jnp.max(jnp.abs(seen[0] - by_hand(easy, origins, directions)))
print(f"Largest difference of a picture by hand and one of the package: {difference:.0e}")
gallery.show(
    plots.picture_grid(
        [list(np.asarray(unseen.images) / 255), list(np.asarray(seen))],
        row_labels=["held out", f"from {num_given}\nviews"],
        captions=[[], [f"{evaluate.psnr(a, b / 255):.1f} dB" for a, b in zip(seen, unseen.images, strict=True)]],
        cell=1.7,
    ),
    "from_many_views",
    alt="Five held-out views of an object above the same views of a field fitted to many pictures: blurred, but the object.",
)

# %% [markdown]
# A **fit** is gradient descent on the squared differences between pixels and the colours of their rays. A step takes some
# rays only, drawn at random from the given pictures. That loss is `losses.radiance_loss` of the package: it draws pixels,
# does to each what `along_ray` does, with samples at random depths, and takes the mean of the squares.
#
# ## 3. From one picture
#
# Now the same fit sees only the first picture. *Predict:* with more steps, does the given view get better or worse? And the
# views that are held out?

# %%
one, chosen = views.tasks(rows(scenes.test, slice(3)), 1), tuned["1"]["standard"]
stops = [settings.cap(steps) for steps in (25, 100, profile.limit)]
given_view, unseen_view = (rows(rows(part, 0), slice(1)) for part in one)
pictures = [[np.asarray(part.images[0]) / 255 for part in (given_view, unseen_view)]]
for steps in stops:
    found = views.fit(profile, field, [random_weights], rows(one, slice(1)), chosen.setting, steps).params
    pictures.append([render(rows(found, 0), part).rgb[0] for part in (given_view, unseen_view)])
gallery.show(
    plots.picture_grid(
        [[column[k] for column in pictures] for k in (0, 1)],
        row_labels=["the given\nview", "a held-out\nview"],
        column_labels=["truth", *map(plots.steps_label, stops)],
        cell=1.9,
    ),
    "standard_one_view",
    alt="Standard fitted to a single picture, after more and more steps. The given view gets closer to the picture; the "
    "held-out view is almost white at first, then a dark smear with shreds of fog around it.",
)

# %% [markdown]
# The given view is copied better and better. The held-out view never becomes the object. In numbers, over the whole fit of
# three objects, beside the score of a picture that is all white:

# %%
every, scored = settings.cap(25), {"the given view": one._replace(query=one.support), "held-out views": one}


def course_of(label):
    """Mean PSNR along the same fit, of what it sees or of what it does not."""
    setting, steps = chosen.setting, profile.limit
    course = views.fit(profile, field, [random_weights], scored[label], setting, steps, every=every).curves
    return [round(float(psnr), 2) for psnr in course.mean(axis=0)]


one_view_course = dict(zip(scored, evaluate.side_by_side(course_of, scored), strict=True))

# %%
hidden = jnp.asarray(one.query.images) / 255  # [objects, views, h, w, 3]
white = float(jnp.mean(jax.vmap(jax.vmap(lambda truth: evaluate.psnr(jnp.ones_like(truth), truth)))(hidden)))
gallery.show(
    plots.seen_and_unseen(one_view_course, every, level=("all white", white), title="Standard, fitted to one view"),
    "more_steps",
    alt="PSNR against gradient steps: of the given view it rises on; of held-out views it stays close to what an all "
    "white picture has, going up and down a little.",
)
one_view_course["all white"] = round(white, 2)

# %% [markdown]
# **Why the lower curve does not follow.** The first steps clear the space, which helps every view: the field becomes white.
# After that the held-out views gain almost nothing, and from one point to the next they often get *worse*. The loss knows one
# camera. A step darkens whatever lies on that camera's rays, at any depth; from another side most of this is in the wrong
# place, where a dark smear costs as much as the missing chair did.
#
# How many steps are best cannot be read from the given picture. For every start in this notebook, optimiser, rate and number
# of steps are those that did best on *validation* objects (in `paper` those of the paper's supplement where it says any).
#
# ## 4. Learning to start
#
# Reptile again, as in notebook 02. An **inner loop** takes one training object, and makes some steps of gradient descent on
# its rays. An **outer step** moves the start towards where the inner loop ended; then the next object has its turn. Here are
# both, written out, for one object.
#
# The authors' code descends by SGD with a rate of 0.5, and so do the profiles `standard` and `paper`. `quick`, and the longer
# training of the networks that are shipped (`long`), descend by RMSProp, which is Adam without the average of the gradients (it
# only divides by the root of that of their squares): this small network gets further by it in as many steps
# (`docs/design.md` has the table), and Reptile's own authors used it.

# %%
loss = losses.radiance_loss(field, num_samples=profile.samples, rays_per_step=profile.rays)
optimizer = Setting(profile.inner_optimizer, profile.inner_rate).build()


@jax.jit
def inner_step(params, state, pictures, key):
    updates, state = optimizer.update(jax.grad(loss)(params, pictures, key), state)
    return optax.apply_updates(params, updates), state


def inner_loop(start, pictures, key):
    """Where descent on the rays of one object ends."""
    params, state = start, optimizer.init(start)
    for i in range(profile.inner_steps):
        params, state = inner_step(params, state, pictures, jax.random.fold_in(key, i))
    return params


# %%
def outer_direction(start, pictures, key):
    """What an outer step descends along: from where the inner loop ended back to the start."""
    return jax.tree.map(jnp.subtract, start, inner_loop(start, pictures, key))


# %% [markdown]
# `meta.reptile` of the package is the same in one compiled program. We check that, too, on the first training object. Then
# `views.meta_train` makes many outer steps, each with another object and with Adam outside, and keeps a checkpoint.
#
# Which rays does an inner loop see? Two ways, as in the paper:
#
# - **MV** (many views): rays of all given pictures of its object, so that every inner loop sees it from all sides;
# - **SV** (single view): rays of *one* picture of each object. No object is ever seen from two sides! What is learned about
#   three dimensions comes from the class as a whole.

# %%
pictures, key = rows(scenes.train, 0), jax.random.key(SEED)
adapt = meta.adapt_with(loss, optimizer, profile.inner_steps, remat=False)
_, packaged = jax.jit(meta.reptile(loss, adapt))(random_weights, Task(pictures, pictures), key)
ours = outer_direction(random_weights, pictures, jax.random.split(key)[0])  # the key that meta.reptile adapts with
difference = max(float(jnp.max(jnp.abs(a - b))) for a, b in zip(*map(jax.tree.leaves, (ours, packaged)), strict=True))
length = max(float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(packaged))
print(f"Largest difference between our outer direction and the package's: {difference:.0e}, of at most {length:.2f}")

trained, histories = {}, {}
for name, algorithm in study.algorithms.items():
    _, trained[name], histories[name] = views.meta_train(
        profile, scenes, algorithm, seed=SEED, folder=lesson.folder / "checkpoints"
    )
if not trained:
    print("Nothing is trained: what is shipped for these objects takes its place.")

# %% [markdown]
# How good is the start on the way? The score is that of held-out views of *validation* objects, after a short fit to one
# picture of each. From point to point it may fall: these are few objects, and another outer step moves the start towards
# another object. What to look for is the distance to the dashed line.

# %%
if histories:
    steps = min(chosen.steps, profile.limit)
    standard = views.fit(profile, field, [random_weights], study.watched, chosen.setting, steps).curves[:, -1].mean()
    gallery.show(
        plots.training_curves(
            {name: history.validation for name, history in histories.items()},
            reference=float(standard),
            reference_label="Standard, tuned",
            ylabel="validation PSNR\nfrom one view [dB]",
            title=f"Meta-training on {scenes.name}",
        ),
        "meta_training",
        alt="Line plot of the validation PSNR against the outer steps: it soon leaves the dashed line of Standard below.",
    )

# %% [markdown]
# ## 5. The table
#
# One picture of every test object, from each way to start. Besides random weights (**Standard**), MV and SV there are
#
# - **Matched**: other weights that hold the same colour and density everywhere as MV's start;
# - **Shuffled**: MV's weights, permuted within each layer;
# - **Joint** (ours; the paper's table has no such row): *one* network trained on the rays of all training objects, a blend
#   of them all. It takes a step for every inner step of the others, so it sees as many rays.
#
# **Which rows may be compared?** The column *training* says outer × inner steps. In `quick`, MV is what was trained above.
# SV and Joint of *the same* training come with the package: MV and SV differ in nothing but the rays that they saw, and Joint
# made as many gradient steps on as many rays. The last row is another MV that comes with the package, from many times as
# much training: it shows what more training brings, and is no rival of the others.

# %%
made, reached = sections.starts(study, trained, seed=SEED)
learned = made["meta-mv"].draws[0]
for start in made.values():
    print(f"{start.label:34} training {start.training or '-':18} {len(start.draws)} draw(s)")
print(f"Matched agrees with MV's start to {reached:.0f} dB, in renderings")

# %% [markdown]
# The loop that makes the table: for each start, fit the one picture of every test object with the start's own optimiser,
# rate and number of steps, and score the held-out views before the fit (*un-adapted*) and after it (*fitted*). (The starts
# are independent of each other, so they run side by side, a processor core each.)

# %%
tasks = views.tasks(scenes.test, 1, profile.num_scored(scenes.test))


def fits_from(name):
    """The one picture of every test object, fitted from this start."""
    start = made[name]
    return views.fit(profile, field, start.draws, tasks, start.chosen.setting, min(start.chosen.steps, profile.limit))


fitted = dict(zip(made, evaluate.side_by_side(fits_from, made), strict=True))
curves = {name: found.curves for name, found in fitted.items()}  # PSNR [objects, 2]: un-adapted, fitted

# %% [markdown]
# Two controls see nothing of the object: the mean of the training objects and (this one even knows the answer) the nearest
# of them, rendered from the held-out cameras (of the first 120 training objects, where there are more).

# %%
results, text = sections.table_of(study, made, curves, seed=SEED)
display(Markdown(text))

# %% [markdown]
# **What to notice.** First compare *fitted* with *un-adapted*: the second is the same blurred average object for every
# picture. A learned start that only ever gave this average would look good in a column of numbers: the mean of the training
# objects, which sees nothing, is far ahead of Standard, too. On chairs that is most of MV's lead over Standard here, and more
# than half of it after the longer training; on lamps it is less than a quarter there (`docs/results/views.md`).
#
# Then the last column. Its differences are paired (the same objects from two starts), with their 95 % intervals; with as few
# objects as here they are wide, and the line below the table says which of them hold no zero, that is, are more than noise.
#
# Two things can help a start: *what it shows*, a blurred object, and *how its weights move* in a fit. Matched and Joint show
# one, too, but no inner loop has shaped their weights. So where MV is not ahead of them, its lead over Standard comes from
# what it shows. How the weights move is a second prior, and needs more training to show: after the longer
# training MV is ahead of Matched, which starts from the same picture, and of Joint, each by more than noise, and of SV
# on chairs and cars, though not on lamps (`docs/results/views.md`, ten objects of each class; SV has an inner loop of its own
# there, and chairs have three meta-training seeds). The paper's main text has for
# chairs, at 128 × 128, the order MV > SV > Matched > Standard > Shuffled. The averages over ten chairs stand in this order,
# too; that of SV and Matched is within noise, and so is that of Standard and Shuffled.
#
# ## 6. Look at it
#
# Numbers in decibels hide what matters here. Objects in the order of the test set, none chosen. In *its depth*, dark is near.

# %%
columns, panel, captions = ["given", "Standard", "un-adapted", "MV Reptile", "its depth", "truth"], [], []
for i in range(min(4, num_objects)):
    camera = rows(rows(tasks.query, i), slice(1))
    truth, near, far = np.asarray(camera.images[0]) / 255, camera.near[0], camera.far[0]
    networks = rows(fitted["standard"].params, i), learned, rows(fitted["meta-mv"].params, i)
    found = [render(params, camera) for params in networks]
    depth = (found[-1].depth + (1 - found[-1].opacity) * far - near) / (far - near)
    shown = [np.asarray(seen.rgb[0]) for seen in found]
    panel.append([np.asarray(tasks.support.images[i, 0]) / 255, *shown, np.asarray(depth[0])[..., None], truth])
    captions.append(["", *(f"{evaluate.psnr(jnp.asarray(a), truth):.1f} dB" for a in shown), "", ""])
gallery.show(
    plots.picture_grid(panel, column_labels=columns, captions=captions, cell=1.6),
    "one_view",
    alt="Unseen objects in rows: the given picture; a held-out view of Standard's fit, which is fog; of the un-adapted "
    "initialisation, a blurred average object; of the fit from it, a blurred object nearer to its own colours; its depth; the truth.",
)

# %% [markdown]
# The fit does not help every object: where MV's number is below that of the un-adapted start, the one picture has misled it.
#
# ### Does it look at the picture at all?
#
# A sharper test than the eye: show every reconstruction to five held-out cameras of every object. It is *recognised* if
# its own reconstruction comes closer to its held-out pictures than all others. A start that ignores its input gives the same
# object each time, and recognises none.


# %%
def psnr_at(params, cameras):
    """Mean PSNR [dB] of a network's object over the views of an object."""
    return float(jnp.mean(jax.vmap(evaluate.psnr)(render(params, cameras).rgb, jnp.asarray(cameras.images) / 255)))


recognised = {}
for name in ("standard", "meta-mv"):
    networks = [rows(fitted[name].params, i) for i in range(num_objects)]
    cameras = [rows(rows(tasks.query, i), slice(5)) for i in range(num_objects)]
    scores = np.array([[psnr_at(params, five) for params in networks] for five in cameras])
    others = np.where(np.eye(num_objects, dtype=bool), -np.inf, scores).max(axis=1)
    recognised[name] = int(np.sum(np.diag(scores) > others))
    print(f"{made[name].label}: {recognised[name]} of {num_objects} objects recognised (by chance 1, on average)")

# %% [markdown]
# ## 7. With many pictures it is a matter of speed
#
# From 25 views Standard finds the object as well, in the end. What does the start buy then? Standard's rate is the one that
# does best within a thousand steps, MV's within 125 (in `paper` both are the supplement's).

# %%
seen = views.tasks(rows(scenes.test, slice(2)), num_given, 3)
every = settings.cap(125)
long = settings.cap(1000) // every * every


def course_of(name):
    """PSNR of each object after every ``every`` steps on all given views."""
    return views.fit(profile, field, made[name].draws, seen, tuned["25"][name].setting, long, every=every).curves


compared = ("standard", "meta-mv")
courses = dict(zip(compared, evaluate.side_by_side(course_of, compared), strict=True))
results += sections.course_rows(study, courses, given=num_given, every=every, seed=SEED)

# %%
gallery.show(
    plots.fit_curves(
        courses, np.arange(0, long + 1, every), title=f"{num_given} views of {len(seen.support.images)} unseen objects"
    ),
    "many_views",
    alt="PSNR of held-out views against gradient steps on 25 views: MV Reptile starts far ahead of Standard and stays "
    "ahead, by less and less.",
)
behind = courses["standard"].mean(axis=0) < courses["meta-mv"].mean(axis=0)[1]
when = f"more than {long}" if behind.all() else behind.sum() * every
print(f"Standard takes {when} steps to get where MV is after {every}")

# %% [markdown]
# A head start: Standard needs more steps to get where MV is after the first 125, and comes nearer from then on. After the
# longer training Standard needs most of its 1000 steps for that on chairs, and all of them or more on lamps and cars. By then
# most of MV's leads over the other starts are within noise on chairs, though not on lamps and cars (`docs/results/views.md`,
# ten objects of each; Standard also has the paper's rate there, with which it is far from done).
#
# ## 8. Turn it
#
# The first test object, from its one picture. Drag the azimuth; it also stands in `turntable.gif`.

# %%
turning = {
    "Standard": rows(fitted["standard"].params, 0),
    "un-adapted": learned,
    "MV Reptile": rows(fitted["meta-mv"].params, 0),
}
given_picture = np.asarray(scenes.test.images[0, 0], np.float32) / 255
lesson.folder.mkdir(parents=True, exist_ok=True)
explorers.from_one_picture(
    profile, field, turning, given_picture, lesson.folder / "turntable.gif", count=settings.cap(24)
)

# %% [markdown]
# ## 9. Between two objects
#
# Two objects, fitted from the same start, and the straight line between their *weights*. The first slider walks it, the
# second walks around what is there. (Both are fitted for as many steps as is best for MV. That is far too few for
# Standard, so look at its ends before its middle. Whether the middle is one object, or two on top of each other, judge for
# yourself while you turn it.)

# %%
ends = views.tasks(rows(scenes.test, slice(2)), num_given)
walk_steps = min(tuned["25"]["meta-mv"].steps, profile.limit)
walk = {}
for name in ("standard", "meta-mv"):
    both = views.fit(profile, field, made[name].draws, ends, tuned["25"][name].setting, walk_steps).params
    walk[made[name].label] = [rows(both, i) for i in range(2)]
counts = (9, 12) if not settings.max_steps else (2, 2)
between = explorers.between_objects(
    profile, field, walk, labels=("first object", "second object"), counts=counts, side=300
)
between

# %% [markdown]
# The same walk in five stops, from two sides. A stop is one line: $(1 - s)\,\theta_1 + s\,\theta_2$, for every weight.

# %%
cameras = rows(rows(ends.query, 0), slice(2))
stops = (0, 0.25, 0.5, 0.75, 1)
seen_from = {name: [render(weights.lerp(*pair, s), cameras).rgb for s in stops] for name, pair in walk.items()}
gallery.show(
    plots.picture_grid(
        [[picture[k] for picture in pictures] for pictures in seen_from.values() for k in (0, 1)],
        row_labels=[f"{name},\nfrom {side}" for name in seen_from for side in ("one side", "another")],
        column_labels=["first", "", "half", "", "second"],
        cell=1.6,
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
# Show every reconstruction to the held-out cameras of every object. An object is *recognised* if its own reconstruction is
# better at its held-out views than **every other reconstruction**. *Predict:* an initialisation ignores its picture, and
# gives the same object ten times. How many of ten objects are recognised? (A draw does not count.) *Do:* count the objects
# that are recognised.

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
# One picture leaves the third dimension open, and a fit from random weights fills it with fog; more steps only copy the
# picture more exactly. Weights learned by Reptile on other objects of the class fill it with what such objects have there,
# and the fit changes that to what the picture shows. A large part of the gain is knowing the average object (of chairs most,
# of lamps little); the rest is knowing how objects differ, and shows after longer training. With many pictures the same start
# saves steps: most of a thousand after longer training (`docs/results/views.md`).
#
# **References.** Tancik, Mildenhall et al., *Learned Initializations for Optimizing Coordinate-Based Neural
# Representations*, CVPR 2021 · Mildenhall et al., *NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis*,
# ECCV 2020 · Nichol, Achiam, Schulman, *On First-Order Meta-Learning Algorithms*, 2018 · Hart, *Sphere Tracing*, 1996 ·
# Chang et al., *ShapeNet*, 2015.

# %%
lesson.finish(
    results,
    profile=profile.name,
    seed=SEED,
    precision=field.spec["precision"],
    histories=histories,
    recognised=recognised,
    one_view_course=one_view_course,
    matched_reaches_db=round(reached, 1),
    validation_psnr_db=histories["meta-mv"].validation[-1][1] if histories else None,
)
