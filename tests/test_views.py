"""The view-synthesis experiment: what is given and what is scored, both trainings, tables, retrieval, explorers."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from learnit_core import metrics
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import baselines, runs, views
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.views import baselines as views_baselines
from learnit_core.experiments.views import explorers as views_explorers
from learnit_core.experiments.views import sections
from learnit_core.experiments.views import table as views_table
from learnit_core.experiments.views.record import VIEWS
from learnit_core.signals import objects
from learnit_core.structures import Views, rows
from learnit_core.tuning import Chosen

TINY = dataclasses.replace(
    views.PROFILES["quick"],
    size=12,
    counts=(3, 2, 3),
    width=16,
    depth=3,
    num_frequencies=3,
    max_log2=2.0,
    samples=8,
    rays=16,
    test_rays=16,
    inner_steps=2,
    num_steps=4,
    fit_steps=50,
    limit=25,
)


@pytest.fixture(scope="module")
def chairs():
    return views.load_signals(TINY, "chairs")


@pytest.fixture(scope="module")
def learned(chairs):
    return views.meta_train(TINY, chairs)


def test_tasks_score_other_views_than_they_show(chairs):
    assert chairs.train.images.shape[:2] == (3, 25) and chairs.test.images.shape[:2] == (3, 50)
    task = views.tasks(chairs.test, 25)
    np.testing.assert_array_equal(task.support.images, chairs.test.images[:, :25])
    np.testing.assert_array_equal(task.query.images, chairs.test.images[:, 25:30])
    np.testing.assert_array_equal(task.query.camera_to_world, chairs.test.camera_to_world[:, 25:30])
    few = jax.tree.map(lambda leaf: leaf[:, :8], chairs.test)
    assert views.tasks(few, 4, 4).query.images.shape[1] == 4
    for num_given, held_out in ((5, 4), (4, 5), (0, 1)):
        with pytest.raises(LearnitError, match="found 8 views an object: expected at least"):
            views.tasks(few, num_given, held_out)


def test_sv_sees_one_view_of_each_object(chairs):
    assert views.given(chairs.train, "sv").images.shape[1] == 1
    assert views.given(chairs.train, "mv") is chairs.train


@pytest.mark.parametrize("algorithm", views.ALGORITHMS.values())
def test_training_goes_on_where_it_stopped(chairs, algorithm, tmp_path):
    field, params, history = views.meta_train(TINY, chairs, algorithm, folder=tmp_path)
    _, again, resumed = views.meta_train(TINY, chairs, algorithm, folder=tmp_path)
    assert all((a == b).all() for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(again), strict=True))
    assert resumed.resumed_from == len(history.losses) == TINY.num_steps * (2 if algorithm == "joint" else 1)
    with pytest.raises(LearnitError):  # other objects
        views.meta_train(TINY, chairs._replace(train=chairs.validation), algorithm, folder=tmp_path)


def test_an_unknown_training_is_refused(chairs):
    with pytest.raises(LearnitError, match="unknown training 'maml': expected one of mv, sv, joint"):
        views.meta_train(TINY, chairs, "maml")


def test_joint_has_a_rate_of_its_own(chairs):
    still = dataclasses.replace(TINY, joint_rate=0.0)
    field, params, _ = views.meta_train(still, chairs, "joint")
    first = field.init(runs.run_keys(0)[0])
    assert all((a == b).all() for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(first), strict=True))
    assert still.for_algorithm("mv") == still and still.for_algorithm("joint").outer_rate == 0


def test_sv_may_have_a_training_of_its_own():
    """As many inner steps as MV's in all; cut short it is as short as the others."""
    long = views.PROFILES["long"]
    sv = long.for_algorithm("sv")
    assert (sv.inner_optimizer, sv.inner_rate) != (long.inner_optimizer, long.inner_rate)
    assert sv.num_steps * sv.inner_steps == long.num_steps * long.inner_steps
    assert sv.training().keys() == long.training().keys() and sv.for_algorithm("sv") == sv
    short = long.capped(Settings(max_steps=2)).for_algorithm("sv")
    assert (short.num_steps, short.inner_steps, short.inner_rate) == (2, 2, sv.inner_rate)


def test_joint_makes_a_step_on_plain_gradients(chairs):
    field = views.field_for(TINY)
    params, key = field.init(jax.random.key(0)), jax.random.key(1)
    task = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), views.sample_tasks(key, chairs.train))
    value, grads = jax.jit(views.meta_grad_for(TINY, field, "joint"))(params, task, key)
    loss = views.loss_for(TINY, field)
    np.testing.assert_allclose(value, loss(params, task.support, key), rtol=1e-5)
    expected = jax.jit(jax.grad(loss))(params, task.support, key)
    for a, b in zip(jax.tree.leaves(grads), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


def test_scores_are_those_of_a_white_picture():
    """An empty field shows white; the score is then the PSNR of white, averaged over views."""
    images = np.random.default_rng(0).integers(0, 255, (2, 3, 4, 4, 3)).astype(np.uint8)
    made = Views(
        images,
        np.zeros((2, 3, 4), np.int32),
        np.tile(objects.intrinsics(4), (2, 3, 1)),
        np.tile(objects.look_at(0.0, 0.2), (2, 3, 1, 1)),
        np.full((2, 3), 2.0, np.float32),
        np.full((2, 3), 6.0, np.float32),
    )
    field = dataclasses.replace(views.field_for(TINY), apply=lambda params, p: jnp.zeros((*p.shape[:-1], 4)))
    one = jax.tree.map(lambda leaf: leaf[0], made)
    errors = np.mean(np.square(images[0].astype(float) / 255 - 1), axis=(1, 2, 3))
    np.testing.assert_allclose(views.score_for(TINY, field)({}, one), np.mean(-10 * np.log10(errors)), rtol=1e-4)


def test_several_draws_take_turns(chairs):
    field = views.field_for(TINY)
    draws = [field.init(jax.random.key(i)) for i in range(2)]
    task = views.tasks(chairs.test, 1, 1)
    setting = Setting("sgd", 0.1)
    both, fitted = views.fit(TINY, field, draws, task, setting, 2)
    alone = [views.fit(TINY, field, [draw], task, setting, 2).curves for draw in draws]
    np.testing.assert_allclose(both, [alone[0][0], alone[1][1], alone[0][2]], rtol=1e-5)
    assert both.shape == (3, 2) and jax.tree.leaves(fitted)[0].shape[0] == 3


def test_retrieval_recognises_truths_and_not_one_object_for_all(chairs, monkeypatch):
    """With the true pictures as reconstructions all are recognised; with the same for every object none is."""
    truth = jnp.asarray(chairs.test.images[:, 25:30], jnp.float32) / 255
    task = views.tasks(chairs.test, 1)
    cameras = np.asarray(task.query.camera_to_world)

    def show(profile, field, index, seen):
        which = jnp.argmin(jnp.sum(jnp.abs(cameras - seen.camera_to_world), axis=(1, 2, 3)))  # from whose cameras
        own = which == index[0].astype(int)
        return jnp.where(own, truth[which], 0.5)

    monkeypatch.setattr(views, "pictures", show)
    field = dataclasses.replace(views.field_for(TINY), spec={})  # not the field that is compiled elsewhere
    assert views_table.retrieval(TINY, field, (jnp.arange(3.0),), task)[0] == 3
    field = dataclasses.replace(field, spec={})
    assert views_table.retrieval(TINY, field, (jnp.full(3, 7.0),), task)[0] == 0


def test_the_table_and_its_baselines(chairs, learned):
    field, params, _ = learned
    made, reached = views_baselines.make(TINY, field, chairs, params)
    assert np.isfinite(reached) and set(made) == {"standard", "matched", "shuffled"} and len(made["shuffled"]) == 3
    made["meta-mv"] = [params]
    chosen = {name: Chosen(Setting("sgd", 0.1), 1000, "somewhere") for name in made}
    found, fitted = views_table.table_rows(
        TINY, field, views.tasks(chairs.test, 1), made, chosen, trained_on="chairs", data="chairs", seed=0
    )
    assert [row["init"] for row in found if row["in_table"]] == ["standard", "matched", "shuffled", "meta-mv"]
    assert {row["steps"] for row in found if row["in_table"]} == {TINY.limit}
    assert {row["steps"] for row in found if not row["in_table"]} == {0}
    assert [row["trained_on"] for row in found if row["in_table"]] == [None, *["chairs"] * 3]
    text = views_table.markdown(found)
    assert text.count("\n| ") == 4 and "somewhere" in text and "MV Reptile" in text
    picture = views_explorers.around(TINY, field, params, count=3)
    assert picture.shape == (3, 12, 12, 3) and picture.min() >= 0 and picture.max() <= 1
    ends = [rows(fitted["meta-mv"], i) for i in range(2)]
    explorer = views_explorers.between_objects(TINY, field, {"a": ends}, labels=("x", "y"), counts=(2, 3))
    assert explorer.scene["engine"] == "frames"


def test_what_is_shipped_stands_in_rows_that_say_its_training():
    """SV and Joint with the training that the notebook makes; the longer MV in a row of its own."""
    shipped = sections.shipped_for("quick", "chairs")
    quick = views.PROFILES["quick"]
    assert {name: how for name, (_, how) in shipped.items()} == {
        "meta-mv": f"{quick.num_steps} × {quick.inner_steps}, shipped",
        "meta-sv": f"{quick.num_steps} × {quick.inner_steps}, shipped",
        "joint": f"{quick.num_steps * quick.inner_steps} steps, shipped",
        "meta-mv-long": "1000 × 128, shipped",
    }
    assert list(sections.shipped_for("quick", "lamps")) == ["meta-mv-long"]
    assert sections.shipped_for("paper", "chairs") == sections.shipped_for("quick", "a folder") == {}


@pytest.fixture
def study(chairs, monkeypatch):
    """What the notebook works with, at the size of the tests; nothing is trained, and nothing that is shipped fits."""
    monkeypatch.setattr(sections, "VIEWS", dataclasses.replace(VIEWS, profiles={"quick": TINY}))
    return sections.study(Settings(), seed=0)._replace(shipped={})


def test_the_notebooks_rows_say_who_was_trained_how(study, learned):
    _, params, _ = learned
    long = sections.Trained(params, "9 × 9, shipped")
    study = study._replace(shipped={views_table.LONGER: long, "meta-sv": sections.Trained(params, "4 × 2, shipped")})
    made, _ = sections.starts(study, {"meta-mv": params}, seed=0)
    assert list(made) == ["standard", "matched", "shuffled", "meta-sv", "meta-mv", "meta-mv-long"]
    curves = {name: np.array([[1.0, 10.0 + i + j / 9] for j in range(3)]) for i, name in enumerate(made)}
    found, text = sections.table_of(study, made, curves, seed=0)
    trainings = {row["init"]: row.get("training") for row in found if row["in_table"]}
    assert trainings == {
        "standard": None,
        "matched": "from this MV",
        "shuffled": "from this MV",
        "meta-sv": "4 × 2, shipped",
        "meta-mv": "4 × 2, here",
        "meta-mv-long": "9 × 9, shipped",
        "class-mean": None,
        "nearest-training": None,
    }
    keys = [tuple(row[name] for name in metrics.KEY) for row in found]
    assert len(set(keys)) == len(keys), "the shipped MV and the one trained here are told apart by their key"
    lines = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in text.splitlines() if line.startswith("| ")}
    assert lines["initialisation"][1] == "training" and lines["Standard"][1] == "–"
    assert lines["MV Reptile"][1] == "4 × 2, here" and lines[made["meta-mv-long"].label][1] == "9 × 9, shipped"
    told = "MV Reptile is ahead of Standard, Matched, Shuffled, SV Reptile; behind MV Reptile of the longer training."
    assert text.endswith(told)
    # With scores that jump from object to object nothing can be told.
    noisy = {name: curve.copy() for name, curve in curves.items()}
    noisy["meta-sv"][:, 1] += np.array([-9.0, 9.0, 0.0])
    assert "within noise of SV Reptile" in sections.table_of(study, made, noisy, seed=0)[1]


def test_the_first_picture_shows_views_that_no_fit_saw(monkeypatch):
    """The given view in the first column; the others are held out, and are no fit's support."""
    seen = []
    fit = views.fit
    monkeypatch.setattr(views, "fit", lambda *args, **more: (seen.append(args[3]), fit(*args, **more))[1])
    figure = sections.first_look(Settings(max_steps=2))
    shown = [axis.get_images()[0].get_array() for axis in figure.axes]
    assert len(shown) == 15 and len(seen) == 2
    for task in seen:
        support, query = (np.asarray(part.images[0]) / 255 for part in task)
        assert support.shape[0] == 1
        np.testing.assert_allclose(shown[0], support[0])
        np.testing.assert_allclose(shown[1:5], query[:4])
        assert not any(np.array_equal(support[0], view) for view in query)


def test_where_only_a_longer_training_is_shipped_it_stands_for_mv_and_says_so(study, learned):
    _, params, _ = learned
    study = study._replace(shipped={views_table.LONGER: sections.Trained(params, "9 × 9, shipped")})
    made, _ = sections.starts(study, {}, seed=0)
    assert list(made) == ["standard", "matched", "shuffled", "meta-mv"]
    assert made["meta-mv"].training == "9 × 9, shipped" and made["meta-mv"].draws == [params]


def test_what_is_trained_follows_from_the_choices(study, monkeypatch, chairs):
    monkeypatch.setattr(views, "load_signals", lambda profile, data: chairs)

    def trained(live=True, shipped=True, **chosen):
        monkeypatch.setattr(sections, "shipped_for", lambda *_: {"meta-mv": None} if shipped else {})
        return sections.study(Settings(**chosen), seed=0, train_live=live).algorithms

    assert trained() == trained(shipped=False, live=False) == {"meta-mv": "mv"}
    assert trained(live=False) == trained(test_data="lamps") == {}
    assert trained(data="lamps", test_data="lamps") == {"meta-mv": "mv"}


def test_matched_holds_what_it_is_matched_to(chairs):
    """To the target's own field a longer fit comes closer, in renderings that the fit does not see."""
    field = views.field_for(TINY)
    target = field.init(jax.random.key(3))
    reached = [
        views_baselines.make(dataclasses.replace(TINY, fit_steps=n, rays=64), field, chairs, target)[1]
        for n in (10, 90)
    ]
    assert reached[1] > reached[0] + 3 and reached[1] > 20


def test_controls_know_the_cameras_and_not_the_object(chairs):
    scores = views_baselines.controls(TINY, chairs, 3)
    assert set(scores) == {"class-mean", "nearest-training"} and all(len(s) == 3 for s in scores.values())
    assert np.isfinite(scores["nearest-training"]).all()
    # A test object that is a training object is its own nearest one, exactly.
    twin = chairs._replace(test=objects.splits("chairs", size=12, counts=(1, 0, 0), num_views=100)[0])
    assert views_baselines.controls(TINY, twin, 3)["nearest-training"][0] > 15
    assert views_baselines.controls(TINY, chairs._replace(name="folder-x"), 3) == {}


def test_controls_render_no_more_training_objects_than_they_say(chairs, monkeypatch):
    """In the profile `paper` all of them would take hours; the first few are said to be that."""
    counts, seen_from = [], objects.seen_from

    def counted(*arguments, count, **others):
        counts.append(count)
        return seen_from(*arguments, count=count, **others)

    monkeypatch.setattr(objects, "seen_from", counted)
    every = views_table.control_rows(TINY, chairs, seed=0)
    assert counts == [3] * 3 and not any("among" in row for row in every)
    assert "control: class mean |" in views_table.markdown(every)
    monkeypatch.setattr(views_baselines, "AMONG", 3)
    assert views_table.control_rows(TINY, chairs, seed=0) == every, "all that there are, as before"
    monkeypatch.setattr(views_baselines, "AMONG", 2)
    counts.clear()
    few = views_table.control_rows(TINY, chairs, seed=0)
    assert counts == [2] * 3 and [row["among"] for row in few] == [2, 2]
    nearest, of_all = (found[1]["psnr_per_signal"] for found in (few, every))
    assert all(a <= b for a, b in zip(nearest, of_all, strict=True))
    text = views_table.markdown(few)
    assert "control: nearest training object, of the first 2 |" in text and "know the first 2 training objects" in text
    sizes = {name: min(profile.counts[0], 120) < profile.counts[0] for name, profile in views.PROFILES.items()}
    monkeypatch.undo()
    assert views_baselines.AMONG == 120
    assert sizes == {"quick": False, "long": False, "standard": True, "paper": True}


def test_a_training_takes_the_classes_own_rate(chairs, monkeypatch):
    asked = []

    def stopped(profile, *others, **about):
        asked.append(profile.outer_rate)
        raise LearnitError("before it begins")

    monkeypatch.setattr(views.runs, "meta_train", stopped)
    paper = dataclasses.replace(TINY, name="paper", outer_rate=5e-4)
    for profile, name in (
        (paper, "prepared-shapenet-cars"),
        (paper, "chairs"),
        (dataclasses.replace(paper, outer_rate=1e-3), "cars"),  # by hand
        (dataclasses.replace(paper, name="standard"), "cars"),
    ):
        with pytest.raises(LearnitError, match="before"):
            views.meta_train(profile, chairs._replace(name=name))
    assert asked == [5e-5, 5e-4, 1e-3, 5e-4]


def test_a_cap_reaches_every_loop():
    for profile in views.PROFILES.values():
        short = profile.capped(Settings(max_steps=2))
        assert (short.num_steps, short.inner_steps, short.fit_steps, short.limit) == (2, 2, 2, 2)
        assert short.counts == (8, 2, 2) and short.size == 12
        assert profile.capped(Settings()) is profile and profile.capped(Settings(max_steps=10**9)) == profile


def test_tuned_settings_say_where_they_come_from():
    own = views_table.tuned_settings("long", "chairs")
    assert set(own["1"]) == set(own["25"]) == set(views_table.INITS)
    assert {chosen.tuned_on for cells in own.values() for chosen in cells.values()} == {"validation"}
    for profile, data in (("standard", "folder-cars"), ("quick", "chairs")):
        borrowed = views_table.tuned_settings(profile, data)["1"]["meta-mv"]
        assert borrowed == own["1"]["meta-mv"]._replace(tuned_on="validation of chairs, profile long")
    papers = views_table.tuned_settings("paper", "chairs")
    assert papers["1"]["standard"].setting == Setting("adam", 1e-5)
    assert papers["25"]["standard"].setting == Setting("adam", 1e-4)


def test_the_long_profile_differs_by_its_training_only():
    quick, long = views.PROFILES["quick"], views.PROFILES["long"]
    assert dataclasses.replace(long, name="quick", inner_steps=32, num_steps=300, sv=()) == quick
    assert (long.num_steps, long.inner_steps) == (1000, 128)


def test_an_animation_is_a_gif(tmp_path):
    from PIL import Image

    pictures = np.random.default_rng(0).uniform(size=(2, 5, 4, 4, 3))
    views_explorers.animation(list(pictures), tmp_path / "a.gif", scale=2)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 5 and image.size == (16, 8)


def test_standard_is_the_same_for_every_experiment(chairs):
    field = views.field_for(TINY)
    made, _ = views_baselines.make(TINY, field, chairs, field.init(jax.random.key(0)))
    expected = baselines.standard(field)
    assert all(
        (a == b).all() for a, b in zip(jax.tree.leaves(made["standard"][0]), jax.tree.leaves(expected), strict=True)
    )
