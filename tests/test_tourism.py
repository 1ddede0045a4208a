"""The phototourism experiment: what a fit sees, what it is judged by, training at a tiny size, table and explorers."""

import ast
import functools
import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from learnit_core import explorer, weights
from learnit_core.commands.repository import ROOT
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import report, tourism, tuned
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.tourism import explorers, pictures, results, sections, table
from learnit_core.experiments.tourism.record import TOURISM
from learnit_core.fit import fit
from learnit_core.signals import prepared
from learnit_core.signals.tourism import halves
from learnit_core.structures import Views, rows
from learnit_core.tuning import Chosen

TINY = tourism.Profile(
    name="tiny",
    size=16,
    width=16,
    depth=3,
    num_frequencies=3,
    max_log2=2.0,
    density="softplus",
    num_samples=8,
    outer_rate=5e-3,
    num_steps=300,
    inner_rate=1.0,
    inner_steps=4,
    basic_rates=(5e-3, 4e-3),
    rays=32,
    count=30,
    limit=20,
)


@pytest.fixture(scope="module")
def collection():
    return tourism.load_signals(TINY, "landmark")


@pytest.fixture(scope="module")
def field():
    return tourism.field_for(TINY)


@pytest.fixture(scope="module")
def start(field):
    return field.init(jax.random.key(3))


def test_a_fit_sees_the_left_half_only(collection, field, start):
    """Whatever stands on the right changes nothing, a pixel on the left does."""
    one = rows(collection.test, [0])
    task = tourism.tasks(one)
    top, bottom, left, right = task.support.valid[0, 0].tolist()
    assert right == one.valid[0, 0, 3] // 2

    def fitted(images):
        views = task.support._replace(images=jnp.asarray(images))
        return tourism.fit(TINY, field, start, tourism.whole(views), Setting("sgd", 1.0), 8).params

    other, same = one.images.copy(), one.images.copy()
    other[..., right:, :] = 255 - other[..., right:, :]
    jax.tree.map(np.testing.assert_array_equal, fitted(other), fitted(same))
    judged_too = tourism.fit(TINY, field, start, task, Setting("sgd", 1.0), 8).params
    jax.tree.map(np.testing.assert_array_equal, fitted(same), judged_too)
    same[..., :right, :] = 255 - same[..., :right, :]
    assert not np.array_equal(fitted(other)[0]["w"], fitted(same)[0]["w"])


def test_a_fit_is_judged_by_every_pixel_of_the_right_half(collection, field, start):
    two = rows(collection.test, [0, int(np.argmin(collection.test.valid[:, 0, 3]))])
    judged = tourism.tasks(two).query
    score = jax.jit(pictures.score_for(field, num_samples=TINY.num_samples))
    render = jax.jit(functools.partial(pictures.render, field, num_samples=TINY.num_samples))
    for i in range(2):
        one = rows(judged, i)
        h, w = two.valid[i, 0, [1, 3]]
        assert one.weight.sum() == h * (w - w // 2)
        picture = pictures.picture(field, start, pictures.camera_of(two, i), num_samples=TINY.num_samples)
        truth = pictures.photograph(two, i)
        by_hand = -10 * np.log10(np.mean((picture - truth)[:, w // 2 :] ** 2))
        np.testing.assert_allclose(score(start, one), by_hand, rtol=1e-4)
        perfect = one._replace(colours=render(start, one.u, one.v, *one[4:]))
        assert score(start, perfect) > 90


def test_fits_of_all_lengths_are_one_program(collection, field, start):
    """Fewer steps than the limit are the first steps, and nothing after them; any number is scored at its end."""
    task = tourism.tasks(rows(collection.test, [1]))
    loss, setting = jax.jit(tourism.loss_for(TINY, field)), Setting("adam", 1e-2)
    found = tourism.fit(TINY, field, start, task, setting, 7, key=jax.random.key(0)).params
    one = jax.tree.map(jnp.asarray, rows(task.support, 0))
    alone = fit(loss, start, one, jax.random.key(0), optimizer=setting.build(), num_steps=7).params
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[0], b, atol=1e-5), found, alone)

    profile, sgd = replace(TINY, limit=50), Setting("sgd", 1.0)
    long, short, odd, none = (tourism.fit(profile, field, start, task, sgd, steps) for steps in (50, 25, 30, 0))
    assert [fitted.curves.shape for fitted in (long, short, odd, none)] == [(1, 3), (1, 2), (1, 3), (1, 1)]
    np.testing.assert_array_equal(long.curves[:, :2], short.curves)
    np.testing.assert_array_equal(odd.curves[:, :2], short.curves)
    np.testing.assert_array_equal(none.curves, short.curves[:, :1])
    score = jax.jit(pictures.score_for(field, num_samples=TINY.num_samples))
    np.testing.assert_allclose(odd.curves[0, -1], score(rows(odd.params, 0), rows(task.query, 0)), rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[0], b), none.params, start)


def test_a_training_task_is_one_whole_photograph(collection):
    data = jax.tree.map(jnp.asarray, collection.train)
    seen, sample = set(), jax.jit(tourism.sample_tasks)
    for seed in range(40):
        task = sample(jax.random.key(seed), data)
        jax.tree.map(np.testing.assert_array_equal, task.support, task.query)
        same = (np.asarray(task.support.images[0]) == collection.train.images).all(axis=(1, 2, 3, 4))
        assert same.sum() == 1
        index = int(same.argmax())
        seen.add(index)
        for name in ("valid", "camera_to_world", "near"):
            np.testing.assert_array_equal(getattr(task.support, name)[0], getattr(collection.train, name)[index])
    assert len(seen) > 10


def test_basic_nerf_is_gradient_descent_on_all_photographs(collection, field, start):
    """With one inner step Reptile's way is the gradient of one step, times the inner rate."""
    basic = TINY.for_algorithm("basic")
    photograph = jax.tree.map(jnp.asarray, rows(collection.train, 0))
    key = jax.random.key(5)
    _, way = jax.jit(tourism.meta_grad_for(basic, field))(start, tourism.Task(photograph, photograph), key)
    adapt_key, _ = jax.random.split(key)
    gradient = jax.jit(jax.grad(tourism.loss_for(basic, field)))(start, photograph, jax.random.fold_in(adapt_key, 0))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), way, gradient)


def test_budgets_are_equal():
    reptile, rays, steps = (TINY.for_algorithm(name) for name in tourism.ALGORITHMS.values())
    assert reptile is TINY and rays.inner_steps == steps.inner_steps == 1
    assert rays.num_steps * rays.rays == reptile.num_steps * reptile.inner_steps * reptile.rays
    assert steps.num_steps == reptile.num_steps and (rays.outer_rate, steps.outer_rate) == (5e-3, 4e-3)
    with pytest.raises(LearnitError, match="'maml'.*reptile, basic, basic-steps"):
        TINY.for_algorithm("maml")


def test_the_paper_profile_is_the_papers():
    paper = tourism.PROFILES["paper"]
    assert (paper.width, paper.depth, paper.num_frequencies, paper.max_log2, paper.density) == (256, 6, 20, 8, "relu")
    assert (paper.num_steps, paper.inner_steps, paper.rays, paper.num_samples) == (150_000, 64, 64, 128)
    assert (paper.outer_rate, paper.decay) == (5e-4, False)


@pytest.mark.parametrize("behind", [0.0, 1.0])
def test_where_there_is_nothing_the_background_is_seen(collection, field, behind):
    """In pictures, in the loss and in the score; softplus would hide it."""
    empty = replace(field, apply=lambda params, points: jnp.zeros((*points.shape[:-1], 4)), spec={"none": behind})
    profile, (colour, level) = replace(TINY, background=behind), (51, 0.2)
    views = rows(collection.test, [0])._replace(images=np.full_like(collection.test.images[:1], colour))
    assert (pictures.picture(empty, {}, pictures.camera_of(views, 0), **profile.rendering) == behind).all()
    loss, score = tourism.Measures(profile)(empty, task := tourism.tasks(views))
    expected = (level - behind) ** 2
    support = jax.tree.map(jnp.asarray, rows(task.support, 0))
    np.testing.assert_allclose(loss({}, support, jax.random.key(0)), expected, rtol=1e-5)
    np.testing.assert_allclose(score({}, rows(task.query, 0)), -10 * np.log10(expected), rtol=1e-5)
    assert TINY.rendering == replace(TINY, background=1.0).rendering


def test_a_training_takes_the_places_own_steps(collection, monkeypatch):
    asked = []

    def stopped(profile, *others, **about):
        asked.append(profile)
        raise LearnitError("before it begins")

    monkeypatch.setattr(tourism.runs, "meta_train", stopped)
    for name, algorithm in (("phototourism-trevi", "basic-paper"), ("phototourism-trevi", "basic"), ("x", "reptile")):
        with pytest.raises(LearnitError, match="before"):
            tourism.meta_train(tourism.PROFILES["paper"], collection._replace(name=name), algorithm)
    assert [profile.num_steps for profile in asked] == [60_000, 9_600_000, 150_000]
    assert [profile.inner_steps for profile in asked] == [1, 1, 64]
    with pytest.raises(LearnitError, match="unknown algorithm 'basic-paper'"):
        tourism.meta_train(tourism.PROFILES["paper"], collection, "basic-paper")


def test_a_cap_reaches_every_loop():
    for profile in tourism.PROFILES.values():
        short = profile.capped(Settings(max_steps=2))
        assert (short.num_steps, short.inner_steps, short.limit, short.count) == (2, 2, 2, 40)
        assert profile.capped(Settings()) == profile


# Training


@pytest.fixture(scope="module")
def run(tmp_path_factory, collection):
    folder = tmp_path_factory.mktemp("run")
    return folder, tourism.meta_train(TINY, collection, seed=4, folder=folder)


def test_training_beats_its_start_on_unseen_photographs(run, collection):
    field, params, history = run[1]
    assert len(history.losses) == 300 and history.validation[-1][0] == 300
    unseen, starts = tourism.tasks(collection.test), (params, field.init(jax.random.key(4)))
    after, before = (tourism.fit(TINY, field, p, unseen, Setting("sgd", 1.0), 20).curves for p in starts)
    gain = after[:, -1] - before[:, -1]
    assert gain.mean() > 0.5, gain


def test_a_finished_training_is_found_again(run, collection):
    folder, (_, params, _) = run
    (file,) = folder.glob("*.safetensors")
    kept = file.read_bytes()
    _, again, later = tourism.meta_train(TINY, collection, seed=4, folder=folder)
    jax.tree.map(np.testing.assert_array_equal, again, params)
    assert later.resumed_from == 300 and file.read_bytes() == kept
    with pytest.raises(LearnitError, match="inner_rate is 1.0 there, 2.0 here"):
        tourism.meta_train(replace(TINY, inner_rate=2.0), collection, seed=4, folder=folder)
    changed = collection._replace(train=collection.train._replace(images=255 - collection.train.images))
    with pytest.raises(LearnitError, match="train_checksum"):
        tourism.meta_train(TINY, changed, seed=4, folder=folder)


# The table


def test_the_table_has_every_start_before_and_after(run, collection):
    field, params, _ = run[1]
    made = {"standard": field.init(jax.random.key(0)), "basic-steps": params, "basic": params, "meta-reptile": params}
    settings = {name: Chosen(Setting("sgd", 0.5), 25, "validation") for name in made}
    found, curves = table.table_rows(
        TINY,
        field,
        rows(collection.test, slice(3)),
        made,
        settings,
        trained_on="landmark",
        data="landmark",
        seed=0,
    )
    main = [row for row in found if row["in_table"]]
    assert [row["init"] for row in main] == list(table.INITS)
    assert {row["steps"] for row in main} == {20} and sum(row["steps"] == 0 for row in found) == 4
    (paper,) = [row for row in found if row["tuned_on"] == "the paper's setting"]
    assert (paper["optimizer"], paper["learning_rate"], paper["init"]) == ("sgd", 10.0, "meta-reptile")
    assert main[0]["trained_on"] is None and main[3]["trained_on"] == "landmark"
    curves = {init: curve for (_, init), curve in curves.items()}
    np.testing.assert_allclose(curves["basic"], curves["meta-reptile"])
    for row in main:
        np.testing.assert_allclose(row["psnr_per_signal"], curves[row["init"]][:, -1], atol=1e-3)
    text = table.markdown(found)
    assert text.count("\n| ") == 5 and "Reptile, the paper's setting" in text
    gaps = {what: (gap, bound) for what, gap, bound in report.measured(results.GAPS, found, table.LABELS)}
    assert gaps["Reptile over Basic NeRF, equal rays"] == ((0.0, 0.0, 0.0), 0.0)
    expected = np.mean(curves["meta-reptile"][:, -1] - curves["meta-reptile"][:, 0])
    np.testing.assert_allclose(gaps["Reptile over itself before the fit"][0].mean, expected, atol=1e-3)
    lines = results.verdicts(found)
    assert any("over Basic NeRF, equal rays | +0.00" in line and line.endswith("| NO |") for line in lines)
    without = table.table_rows(
        TINY,
        field,
        rows(collection.test, slice(1)),
        {"meta-reptile": params},
        settings,
        trained_on="landmark",
        data="landmark",
        seed=0,
        paper_too=False,
    )[0]
    assert [row["steps"] for row in without] == [0, 20]


def test_settings_are_borrowed_and_say_so():
    own, other = (table.tuned_settings("long", data) for data in ("landmark", "phototourism-trevi"))
    assert set(own) == set(table.INITS)
    assert own["basic"].tuned_on == "validation" and own["basic"][:2] == other["basic"][:2]
    assert other["basic"].tuned_on == "validation of landmark, profile long"
    assert table.tuned_settings("quick", "landmark") == other
    assert table.tuned_settings("paper", "landmark")["meta-reptile"] == table.PAPER


# Real collections


def test_a_folder_of_objects_is_no_collection(tmp_path):
    with pytest.raises(LearnitError, match="no collection called .*expected 'landmark'"):
        tourism.load_signals(TINY, str(tmp_path))
    arrays = dict.fromkeys(Views._fields, [[1, 1, 2, 2, 3], "|u1"])
    splits = dict.fromkeys(prepared.SPLITS, {"count": 1, "names": ["a"], "arrays": arrays})
    about = {
        "prepared": prepared.VERSION,
        "kind": "views",
        "unit": "objects",
        "name": "a",
        "note": "",
        "splits": splits,
    }
    (tmp_path / prepared.FILE).write_text(json.dumps(about))
    with pytest.raises(LearnitError, match="holds objects: expected photographs of one place"):
        tourism.load_signals(TINY, str(tmp_path))


# Appearances


def test_the_path_goes_around_the_landmark(collection):
    path = explorers.path_for(collection)
    eyes = np.stack([path(t).pose[:, 3] for t in (0.0, 0.5, 1.0)])
    assert eyes[0, 0] < -1 < 1 < eyes[2, 0] and (np.linalg.norm(eyes, axis=1) < 3.5).all()
    for t in (0.0, 0.3, 1.0):
        pose = path(t).pose
        local = -pose[:, 3] @ pose[:, :3]
        assert local[2] < 0 and np.abs(local[:2]).max() < 0.3, "the middle of the place is in the middle"


def test_the_path_of_another_collection_lies_among_its_cameras(collection):
    other = collection._replace(name="square")
    path = explorers.path_for(other)
    eyes, cameras = (
        np.stack([path(t).pose[:, 3] for t in (0.0, 0.5, 1.0)]),
        collection.train.camera_to_world[:, 0, :, 3],
    )
    assert (eyes > cameras.min(axis=0)).all() and (eyes < cameras.max(axis=0)).all()
    right = path(0.5).pose[:, 0]
    assert (eyes[2] - eyes[0]) @ right > 0.5, "to the right"
    assert path(0.5).pose[1, 1] > 0.9, "upright"


def from_notebook(name, **known):
    """The function of this name as it stands in notebook 04."""
    tree = ast.parse((ROOT / "notebooks" / "04_phototourism.py").read_text("utf-8"))
    (found,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    exec(compile(ast.Module([found], []), "04_phototourism.py", "exec"), known)
    return known[name]


def test_the_notebooks_mixture_is_the_explorers(run):
    """So that a grid has its corners in its corners, and the label of the square is of the same weights."""
    field, centre, _ = run[1]
    corners = [jax.tree.map(lambda leaf, i=i: leaf + 0.05 * i, centre) for i in range(4)]
    mixed, square = from_notebook("mixed", weights=weights), explorer.square(*"abcd")
    for u, v in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.25, 0.75)]:
        expected = weights.barycentric(corners, square.coefficients([u, v]))
        for a, b in zip(jax.tree.leaves(mixed(corners, u, v)), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
    for (u, v), corner in zip([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)], corners, strict=True):
        for a, b in zip(jax.tree.leaves(mixed(corners, u, v)), jax.tree.leaves(corner), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_one_inner_step_is_the_gradient(collection, field, start):
    """ "The way back from the adapted weights is then the plain gradient, times the rate" """
    loss = tourism.loss_for(TINY, field)
    back = from_notebook("way_back", fit=fit, loss=loss, inner=optax.sgd(TINY.inner_rate), jax=jax, jnp=jnp)
    photograph, key = jax.tree.map(jnp.asarray, rows(collection.train, 0)), jax.random.key(1)
    gradient = jax.grad(loss)(start, photograph, jax.random.fold_in(key, 0))
    for a, b in zip(jax.tree.leaves(back(start, photograph, key, 1)), jax.tree.leaves(gradient), strict=True):
        np.testing.assert_allclose(a, TINY.inner_rate * b, atol=1e-5)
    several = jax.tree.leaves(back(start, photograph, key, 3))
    assert (
        max(np.abs(a - TINY.inner_rate * b).max() for a, b in zip(several, jax.tree.leaves(gradient), strict=True))
        > 1e-3
    )


def test_a_grids_figure_names_its_corners():
    """Every name stands at its own corner of the picture, above or below it."""
    cells = [[np.full((4, 6, 3), (3 * r + c) / 9) for c in range(3)] for r in range(3)]
    figure = sections.grids_figure({"Reptile": cells, "Standard": cells}, ["one", "two", "three", "four"])
    assert [axis.get_title() for axis in figure.axes] == ["Reptile", "Standard"]
    assert figure.axes[0].get_position().y0 > figure.axes[1].get_position().y1
    figure.draw_without_rendering()
    for axis in figure.axes:
        box = axis.get_window_extent()
        boxes = {text.get_text(): text.get_window_extent() for text in axis.texts}
        assert list(boxes) == ["one", "two", "three", "four"]
        for name, above, left in (("one", 1, 1), ("two", 1, 0), ("three", 0, 1), ("four", 0, 0)):
            found = boxes[name]
            assert found.y0 >= box.y1 - 1 if above else found.y1 <= box.y0 + 1
            assert abs(found.x0 - box.x0) < 2 if left else abs(found.x1 - box.x1) < 2
        assert axis.texts[0].get_fontsize() >= 14


def test_fits_that_were_made_are_not_made_again(run, collection, monkeypatch):
    """The notebook's loop makes the fits; the rows are those that the table would have made."""
    field, learned, _ = run[1]
    few, name = rows(collection.test, slice(2)), "meta-reptile"
    chosen = {name: Chosen(Setting("sgd", 1.0), 4, "these")}
    about = {"trained_on": "landmark", "data": "landmark", "seed": 0, "paper_too": False}
    expected, _ = table.table_rows(TINY, field, few, {name: learned}, chosen, **about)
    curves = tourism.fit(TINY, field, learned, tourism.tasks(few), chosen[name].setting, 4).curves
    monkeypatch.setattr(tourism, "fit", lambda *_, **__: pytest.fail("fitted again"))
    found, _ = table.table_rows(TINY, field, few, {name: learned}, chosen, curves={name: curves}, **about)
    assert found == expected


def test_a_montage_has_its_pictures_in_order():
    shown = [[np.full((2, 3, 3), level / 4) for level in row] for row in ((0, 1), (2, 3))]
    found = explorers.montage(shown, gap=1)
    assert found.shape == (5, 7, 3) and (found[2] == 1).all() and (found[:, 3] == 1).all()
    np.testing.assert_array_equal(found[[0, 0, 4, 4], [0, 6, 0, 6], 0], [0, 0.25, 0.5, 0.75])


def test_the_explorer_has_a_square_and_a_path(run):
    field, centre, _ = run[1]
    corners = [jax.tree.map(lambda leaf, i=i: leaf + 0.05 * i, centre) for i in range(4)]
    shown = explorers.between_appearances(TINY, field, {"Reptile": corners}, engine="frames", frames=(2, 3))
    assert isinstance(shown, explorer.Explorer)
    assert [control["kind"] for control in shown.scene["controls"]] == ["square", "camera"]
    assert shown.scene["frames"]["counts"] == [2, 2, 3] and shown.scene["engine"] == "frames"


def test_halves_are_what_the_table_says(collection):
    left, right = halves(collection.test)
    assert (left.valid[..., 3] == right.valid[..., 2]).all() and (
        right.valid[..., 3] == collection.test.valid[..., 3]
    ).all()


def test_controls_are_pictures_of_others(collection):
    """A training photograph that is the test photograph is the nearest, and the mean of one alone is that one."""
    test = rows(collection.test, slice(3))
    for which in range(3):
        mean, nearest = table.control_rows(rows(test, [which]), test, data="landmark", seed=0)
        assert mean["psnr_per_signal"] == nearest["psnr_per_signal"] and mean["observations"] == "none"
        assert np.argmax(nearest["psnr_per_signal"]) == which and nearest["psnr_per_signal"][which] > 50
    mean, nearest = table.control_rows(collection.train, test, data="landmark", seed=0)
    assert max(mean["psnr_per_signal"] + nearest["psnr_per_signal"]) < 30 and mean["in_table"]


# The commands


@pytest.fixture
def small(monkeypatch):
    """The experiment at the size of the tests, with random weights for what is shipped."""
    profile = replace(TINY, name="long")
    monkeypatch.setitem(tourism.PROFILES, "long", profile)
    field = tourism.field_for(TINY)

    def pretrained(name):
        return field, field.init(jax.random.key(len(name))), {"profile": {}, "validation_psnr_db": 1.0}

    monkeypatch.setattr(weights, "pretrained", pretrained)
    return replace(TOURISM, results=replace(results.RESULTS, profile=profile))


@pytest.mark.nightly
def test_a_short_run_of_tuning(small, tmp_path, monkeypatch):
    settings, target = Settings(out=tmp_path / "out", max_steps=2), tmp_path / "tuned.json"
    tuned.tune(small, settings, target)
    written = json.loads(target.read_text())
    assert written["command"].endswith("--experiments tourism") and "right halves are chosen" in written["protocol"]
    part = written["profiles"]["long"]["landmark"]
    assert (part["limit"], part["num_validation"]) == (2, 3) and set(part["initialisations"]) == set(table.INITS[1:])
    cells = part["cells"]["left half"]
    assert set(cells) == set(table.INITS)
    for cell in cells.values():
        best = max(score for rates in cell["scores"].values() for score in rates.values() if score is not None)
        assert cell["score"] == best and cell["steps"] == 2
    assert not (settings.out / "tune" / "tourism_tuned.json").exists()
    # A draft of an earlier initialisation of the same name is refused.
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    target = tmp_path / "again.json"
    tuned.tune(small, settings, target)
    monkeypatch.setattr(tuned, "fingerprint", lambda name: {"name": name, "validation_psnr_db": 2.0})
    with pytest.raises(LearnitError, match="was begun for another grid, profile or initialisation"):
        tuned.tune(small, settings, target)


@pytest.mark.nightly
def test_a_short_run_of_results(small, tmp_path, monkeypatch):
    chosen = {name: Chosen(Setting("sgd", 0.5), 2, "validation") for name in table.INITS}
    monkeypatch.setattr(table, "tuned_settings", lambda profile, data: chosen)
    settings, target = Settings(out=tmp_path / "out", max_steps=2), tmp_path / "docs"
    content = report.run(small, settings, target, [0, 1])
    main = [row["init"] for row in content["results"] if row["in_table"]]
    assert sorted(main) == sorted([*table.INITS, *table.INITS, "class-mean", "nearest-training"])
    text, summary = (target / "tourism.md").read_text(), results.summary(content)
    assert "seeds 0, 1" in text and text.count("control: mean photograph") == 2 and "seeds 0, 1" in summary
    assert "Profile `long`, meta-training seeds 0, 1" in text and "profile `long`" in summary
    learned = [row["psnr_db"] for row in content["results"] if row["init"] == "meta-reptile" and row["in_table"]]
    (line,) = [line for line in summary.splitlines() if line.startswith("| Reptile |")]
    assert len(learned) == 2 and f"{np.mean(learned):.1f}" in line, "the mean of both seeds"
    # Before `long` had a name, what was kept said `quick`; it is taken all the same.
    kept = settings.out / "results" / "tourism-0.json"
    earlier = json.loads(kept.read_text())
    assert earlier["belongs_to"][0]["name"] == "long"
    earlier["belongs_to"][0]["name"] = "quick"
    kept.write_text(json.dumps(earlier))
    monkeypatch.setattr(tourism, "meta_train", lambda *_, **__: pytest.fail("trained again"))
    assert report.run(small, settings, target, [0, 1])["results"] == content["results"]


def test_an_appearance_is_fitted_from_what_was_trained_beside_it(small, tmp_path, collection, field, start):
    make = TOURISM.recipes["tourism-landmark-quick-night"].make
    source = tourism.SHIPPED["long"]["landmark"]["meta-reptile"]
    weights.save(tmp_path / f"{source}.safetensors", field, start, {"validation_psnr_db": 1.0})
    photograph = tourism.whole(rows(collection.test, [0]))
    setting, _ = explorers.APPEARANCE_FIT
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(explorers.APPEARANCES, "night", 0)
        found, params, about = make(Settings(max_steps=3), tmp_path)
    expected = tourism.fit(TINY, field, start, photograph, setting, 3, key=jax.random.key(0)).params
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b[0], atol=1e-6), params, expected)
    assert found.spec == field.spec
    assert about == {
        "from": source,
        "from_validation_psnr_db": 1.0,
        "photograph": "test 0 of landmark",
        "setting": ["sgd", 1.0],
        "steps": 3,
    }


def test_the_tuned_file_belongs_to_what_is_shipped():
    ((profile, classes),) = tourism.SHIPPED.items()
    ((data, shipped),) = classes.items()
    part = tuned.content("tourism")["profiles"][profile][data]
    assert part["initialisations"] == {name: tuned.fingerprint(file) for name, file in shipped.items()}
    assert tuned.content("tourism")["protocol"] == TOURISM.tuning.protocol
    for name in table.INITS:
        cell = part["cells"][table.OBSERVED][name]
        scores = {(how, float(rate)): s for how, rates in cell["scores"].items() for rate, s in rates.items()}
        how, rate = max((s for s in scores if scores[s] is not None), key=scores.__getitem__)
        assert cell["choice"] == [how, rate] and cell["score"] == scores[how, rate]
        tried = [r for h, r in scores if h == how]
        assert min(tried) < rate < max(tried), f"{name}: the best stands on the edge of what was tried"
