"""What holds for every experiment of the registry, and what a new one gets from it."""

import functools
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learnit_core
from learnit_core import evaluate, experiments, explorer, metrics, models, weights
from learnit_core.commands import bench as bench_command
from learnit_core.commands import gallery, tune
from learnit_core.commands import results as results_command
from learnit_core.commands import weights as weights_command
from learnit_core.commands.repository import ROOT, absolute_environment
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import baselines, fits, regression, report, runs, story, tuned
from learnit_core.experiments.experiment import added
from learnit_core.experiments.regression import Profile, Splits
from learnit_core.experiments.section import Section
from learnit_core.experiments.settings import PROFILES, Settings
from learnit_core.structures import Pixels, Task, rows
from learnit_core.tuning import FINAL, Chosen

EVERY = list(experiments.ALL.values())
each = pytest.mark.parametrize("experiment", EVERY, ids=lambda experiment: experiment.name)
CELLS = [
    (experiment.name, profile, data, observation, init)
    for experiment in EVERY
    for profile, classes in tuned.content(experiment.name)["profiles"].items()
    for data, part in classes.items()
    for observation, cells in part["cells"].items()
    for init in cells
]
IN_TWO_ROUNDS = [c for c in CELLS if "final" in tuned.content(c[0])["profiles"][c[1]][c[2]]["cells"][c[3]][c[4]]]


# The record


@each
def test_the_record_is_whole(experiment):
    assert experiments.ALL[experiment.name] is experiment
    assert (ROOT / "notebooks" / f"{experiment.notebook}.py").is_file()
    assert {"quick", "standard", "paper"} <= experiment.profiles.keys()
    assert all(name == profile.name for name, profile in experiment.profiles.items())
    assert set(experiment.algorithms) <= set(experiment.inits) and "standard" in experiment.inits
    assert (Path(learnit_core.__file__).parent / "experiments" / experiment.name / "tuned.json").is_file()


@each
def test_a_profile_is_found_and_cut_short(experiment):
    for name, profile in experiment.profiles.items():
        if name in PROFILES:
            data = experiment.classes[0]
            assert experiment.profile(Settings(profile=name)) == profile.for_class(data)
        short = profile.capped(Settings(max_steps=2))
        assert short.num_steps <= 2 and short.training() != profile.training(), "it would go on from a full checkpoint"
        assert "name" not in profile.training() and profile.capped(Settings(max_steps=10**9)) == profile
    missing = replace(experiment, profiles={"quick": experiment.profiles["quick"]})
    with pytest.raises(LearnitError, match=f"{experiment.notebook} has no profile 'paper': expected one of quick"):
        missing.profile(Settings(profile="paper"))


@each
def test_the_name_of_a_class_stays_a_name(experiment):
    for data in experiment.classes:
        found = absolute_environment({"LEARNIT_DATA": data, "LEARNIT_TEST_DATA": data})
        assert (found["LEARNIT_DATA"], found["LEARNIT_TEST_DATA"]) == (data, data)
    assert absolute_environment({"LEARNIT_DATA": "holiday"})["LEARNIT_DATA"] == str(Path("holiday").absolute())


@each
def test_what_is_shipped_has_a_recipe_a_row_and_a_file(experiment):
    named = {
        (data, init, file)
        for classes in experiment.shipped.values()
        for data, inits in classes.items()
        for init, file in inits.items()
    }
    for data, init, file in named:
        recipe = experiment.recipes[file]
        assert (recipe.data, recipe.algorithm) == (data, experiment.algorithms[init])
        assert weights.pretrained(file)[2]["data"] == data
    for file, recipe in experiment.recipes.items():
        assert recipe.make or file in {name for _, _, name in named}, "shipped, and nobody can find it"


def test_there_is_no_other_file_than_those_of_recipes():
    files = {file.stem for file in (Path(learnit_core.__file__).parent / "pretrained").glob("*.safetensors")}
    assert files == weights_command.recipes().keys()


@each
def test_what_the_record_names_makes_a_fit(experiment):
    """One step from random weights on two unseen signals, in every column of the table, and tasks to train on."""
    profile = experiment.profile(Settings(max_steps=2))
    splits = experiment.load_signals(profile, experiment.classes[0], seed=0)
    field = experiment.field_for(profile, splits)
    start, unseen = field.init(jax.random.key(0)), rows(splits.test, slice(2))
    for observation in experiment.observations:
        tasks = experiment.tasks(profile, unseen, observation)
        fitted = fits.fit_all(experiment.measures_for(profile), field, [start], tasks, Setting("sgd", 1e-3), 1)
        assert fitted.curves.shape == (2, 2) and np.isfinite(fitted.curves).all()
    sample = experiment.sampler(profile, next(iter(experiment.algorithms.values())))
    drawn = sample(jax.random.key(0), jax.tree.map(jnp.asarray, splits.train))
    assert jax.tree.structure(drawn.support) == jax.tree.structure(tasks.support)
    file = ROOT / "docs" / "results" / f"{experiment.name}.json"
    assert {row["experiment"] for row in json.loads(file.read_text())["results"]} == {experiment.row_name}


# Settings that were tuned


@each
def test_everything_that_is_shipped_is_tuned(experiment):
    content = tuned.content(experiment.name)
    assert content["command"] and content["protocol"] and content["seed"] == 0
    assert content["grid"] == {name: list(rates) for name, rates in experiment.tuning.grid.items()}
    assert {name: tuple(classes) for name, classes in content["profiles"].items()} == experiment.tuned()
    for profile, classes in content["profiles"].items():
        for data, part in classes.items():
            shipped = experiment.shipped[profile][data]
            assert part["initialisations"] == {init: tuned.fingerprint(file) for init, file in shipped.items()}
            there = {init for cells in part["cells"].values() for init in cells}
            assert set(shipped) <= there <= set(experiment.inits)
            assert all(db >= 35 for db in part.get("reached_db", {}).values()), f"{profile} {data}"


def by_setting(rates):
    return {(k, float(r)): -np.inf if db is None else db for k, found in rates.items() for r, db in found.items()}


@pytest.mark.parametrize("name, profile, data, observation, init", CELLS, ids="-".join)
def test_each_search_is_of_the_whole_grid_and_beyond_it(name, profile, data, observation, init):
    content = tuned.content(name)
    entry = content["profiles"][profile][data]["cells"][observation][init]
    scores = by_setting(entry["screening"]["scores"] if "screening" in entry else entry["scores"])
    grid = {(kind, rate) for kind, rates in content["grid"].items() for rate in rates}
    assert grid <= scores.keys() or observation == "along", "these begin with the middle of the grid"
    optimizer, rate = best = max(scores, key=scores.__getitem__)
    if "final" not in entry:
        assert (entry["choice"], entry["score"]) == (list(best), scores[best])
    rates = [r for kind, r in scores if kind == optimizer]
    assert min(rates) < rate < max(rates), "on the edge of what was tried"


def test_no_option_of_a_rival_stands_on_the_edge_of_what_was_tried():
    found = 0
    for name, profile, data, observation, init in CELLS:
        entry = tuned.content(name)["profiles"][profile][data]["cells"][observation][init]
        if "option" in entry:
            tried = {float(option): score for option, score in entry["options"].items()}
            assert tried[entry["option"]] == max(tried.values()) and min(tried) < entry["option"] < max(tried)
            found += 1
    assert found


@pytest.mark.parametrize("name, profile, data, observation, init", IN_TWO_ROUNDS, ids="-".join)
def test_each_choice_of_two_rounds_is_the_best_of_those_run_to_the_end(name, profile, data, observation, init):
    content = tuned.content(name)
    entry = content["profiles"][profile][data]["cells"][observation][init]
    short = by_setting(entry["screening"]["scores"])
    final = {tuple(one["setting"]): -np.inf if one["score"] is None else one["score"] for one in entry["final"]}
    optimizer, rate = best = max(final, key=final.__getitem__)
    (steps,) = (one["steps"] for one in entry["final"] if one["setting"] == list(best))
    assert (entry["choice"], entry["steps"], entry["score"]) == (list(best), steps, final[best])
    assert FINAL in content["protocol"]
    for kind in content["grid"]:
        ranked = sorted((key for key in short if key[0] == kind and np.isfinite(short[key])), key=short.__getitem__)
        assert set(ranked[-2:]) <= final.keys(), "by their short fits the best two of each optimiser"
    for r in (rate * np.sqrt(10), rate / np.sqrt(10)):  # the root of 10 is written 3
        near = [one for one in final if one[0] == optimizer and 0.9 < one[1] / r < 1.1]
        assert len(near) == 1, f"{optimizer} {r:.2g} was not run to the end"


@each
def test_tuned_settings_are_found_and_borrowed(experiment):
    content, borrowed = tuned.content(experiment.name), experiment.tuning.borrowed
    first = next(iter(content["profiles"]))
    for profile, classes in content["profiles"].items():
        for data, part in classes.items():
            found = tuned.chosen(experiment.name, profile, data, borrowed=borrowed)
            for observation, cells in part["cells"].items():
                for init, entry in cells.items():
                    expected = Chosen(Setting(*entry["choice"]), entry["steps"], "validation")
                    assert found[observation][init] == expected
    other = tuned.chosen(experiment.name, "unheard-of", "one's own", borrowed=borrowed)
    for observation, cells in content["profiles"][first][borrowed]["cells"].items():
        for init, entry in cells.items():
            assert other[observation][init].setting == tuple(entry["choice"])
            assert other[observation][init].tuned_on == f"validation of {borrowed}, profile {first}"


# The one fit


def parabola(field, tasks):
    """Descends (p − x)² for a number x, and looks at p."""
    del field, tasks
    return lambda params, support, key: (params["p"] - support) ** 2, lambda params, query: params["p"]


def noisy(field, tasks):
    """The same with a target that is drawn anew in every step."""
    del field, tasks
    return lambda params, support, key: (params["p"] - support - jax.random.normal(key)) ** 2, lambda params, q: params[
        "p"
    ]


FIELD = models.siren(1, 1, width=2, depth=2)
NUMBERS = Task(jnp.array([1.0, 2.0, 4.0]), jnp.zeros(3))
START = [{"p": jnp.float32(0)}]


@pytest.mark.parametrize(
    "steps, every, points", [(7, 1, range(8)), (6, 3, (0, 3, 6)), (7, 3, (0, 3, 6, 7)), (0, 3, (0,))]
)
def test_a_fit_is_scored_on_its_way_and_at_its_end(steps, every, points):
    """SGD of rate r takes p to x (1 − (1 − 2r)ⁿ)."""
    found = fits.fit_all(parabola, FIELD, START, NUMBERS, Setting("sgd", 0.1), steps, most=9, every=every)
    expected = np.asarray(NUMBERS.support)[:, None] * (1 - 0.8 ** np.array(points))
    np.testing.assert_allclose(found.curves, expected, rtol=1e-5)
    np.testing.assert_allclose(found.params["p"], expected[:, -1], rtol=1e-5)


def test_rates_and_numbers_of_steps_share_a_program():
    before = fits._fit_all._cache_size()
    for steps, rate in ((3, 0.1), (5, 0.1), (8, 0.2)):
        fits.fit_all(parabola, FIELD, START, NUMBERS, Setting("sgd", rate), steps, most=8, every=2)
    assert fits._fit_all._cache_size() == before + 1
    with pytest.raises(LearnitError, match="found 9 steps: expected 0 to 8"):
        fits.fit_all(parabola, FIELD, START, NUMBERS, Setting("sgd", 0.1), 9, most=8)


def test_of_several_draws_each_signal_has_one_in_turn():
    draws = [{"p": jnp.float32(value)} for value in (10, 20)]
    found = fits.fit_all(parabola, FIELD, draws, NUMBERS, Setting("sgd", 0.0), 1)
    np.testing.assert_array_equal(found.curves[:, 0], [10, 20, 10])
    averaged = fits.mean_curves(parabola, FIELD, draws, NUMBERS, Setting("sgd", 0.0), 1)
    np.testing.assert_array_equal(averaged[:, 0], [15, 15, 15])


def test_a_longer_fit_begins_as_a_shorter_one_and_other_keys_draw_otherwise():
    how = {"most": 8, "every": 1}
    short, long = (fits.fit_all(noisy, FIELD, START, NUMBERS, Setting("adam", 0.1), n, **how).curves for n in (4, 8))
    np.testing.assert_array_equal(short, long[:, :5])
    other = fits.fit_all(noisy, FIELD, START, NUMBERS, Setting("adam", 0.1), 4, **how, key=jax.random.key(1)).curves
    assert not np.allclose(short[:, 1:], other[:, 1:])


def test_each_signal_has_draws_of_its_own_the_same_for_all_starts():
    """Three equal signals: what differs is what was drawn."""
    alike = Task(jnp.zeros(3), jnp.zeros(3))
    found = fits.fit_all(noisy, FIELD, START, alike, Setting("sgd", 0.1), 5).curves
    assert not np.allclose(found[0], found[1]) and not np.allclose(found[1], found[2])
    moved = fits.fit_all(noisy, FIELD, [{"p": jnp.float32(1)}], alike, Setting("sgd", 0.1), 5).curves
    np.testing.assert_allclose(moved - found, np.broadcast_to(0.8 ** np.arange(6), (3, 6)), atol=1e-5)
    shared = fits.fit_all(noisy, FIELD, START, alike, Setting("sgd", 0.1), 5, key=jax.random.key(0)).curves
    np.testing.assert_array_equal(shared[0], shared[1])


def test_no_step_of_a_fit_draws_by_a_key_that_made_weights():
    """With JAX's default generator ``split(key)[i] == fold_in(key, i)``: the key of a seed must not be a fit's."""

    def numbers(keys):
        return {tuple(key) for key in np.asarray(jax.random.key_data(keys)).reshape(-1, 2).tolist()}

    steps = jax.vmap(lambda key: jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(2000)))(fits._keys(40))
    made = set()
    for seed in range(10):
        made |= numbers(runs.run_keys(seed)) | numbers(baselines.keys(seed)) | numbers(jax.random.key(seed))
        for key in (*runs.run_keys(seed), *baselines.keys(seed)):
            made |= numbers(jax.random.split(key, 64))
    assert len(numbers(steps)) == 80_000 and not numbers(steps) & made


# A new experiment


def ramps(profile, data, *, seed=0):
    """Straight lines between two random heights."""
    ends = np.random.default_rng(seed).random((sum(profile.counts), 2, 1))
    drawn = np.float32(ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * np.linspace(0, 1, profile.size)[:, None])
    return Splits(data, *np.split(drawn, np.cumsum(profile.counts)[:2]), "Straight lines.")


def network(profile, splits):
    return models.siren(1, 1, width=profile.width, depth=profile.depth, w0=profile.w0)


STILL = Section(
    title="Ramps",
    paragraph="Straight lines.",
    notebook="05_your_own_signals",
    make=lambda: explorer.frames({"ramp": np.zeros((2, 4, 4, 1))}, controls=[explorer.line("a", "b")]),
)


TINY = Profile(name="quick", size=8, counts=(20, 4, 4), width=8, depth=2, w0=3.0, outer_rate=1e-2, num_steps=30,
               fit_steps=20, limit=4)  # fmt: skip
RAMPS = regression.experiment(
    "ramps",
    notebook="05_your_own_signals",
    title="ramps",
    signal="ramp",
    profiles={"quick": TINY, "standard": replace(TINY, name="standard"), "paper": replace(TINY, name="paper")},
    classes=("straight",),
    load_signals=ramps,
    field_for=network,
    bounds={"standard": -100.0},
    sections=(STILL,),
)


@pytest.fixture
def registered(tmp_path, monkeypatch):
    """The made-up experiment in the registry, its files in a folder of the test's; what it runs, by command line."""
    monkeypatch.setattr(experiments, "ALL", {"ramps": RAMPS})
    monkeypatch.setattr(weights, "pretrained", lambda name: weights.load(tmp_path / "shipped" / f"{name}.safetensors"))
    monkeypatch.setattr(tuned, "file_of", lambda name: tmp_path / f"{name}_tuned.json")
    tuned.content.cache_clear()
    monkeypatch.setenv("LEARNIT_OUT", str(tmp_path / "out"))

    def run(command, *arguments):
        monkeypatch.setattr("sys.argv", ["command", *map(str, arguments)])
        return command.main()

    yield run
    tuned.content.cache_clear()


def test_a_new_experiment_goes_through_all_commands(tmp_path, registered, monkeypatch, capsys):
    registered(weights_command, "--target", tmp_path / "shipped")
    assert len(list((tmp_path / "shipped").iterdir())) == 2
    registered(tune, "--target", tmp_path)
    assert tuned.content("ramps")["profiles"]["quick"]["straight"]["cells"]["full"].keys() == set(regression.INITS)
    registered(results_command, "--target", tmp_path / "results", "--seeds", 0, 1)
    content = json.loads((tmp_path / "results" / "ramps.json").read_text())
    assert {(row["init"], row["seed"]) for row in content["results"]} >= {("meta-maml", 0), ("meta-maml", 1)}
    assert content["profile_values"] == json.loads(json.dumps(TINY.values()))
    page = (tmp_path / "results" / "ramps.md").read_text()
    assert "# Results: ramps" in page and "| 1 | MAML over Standard |" in page and "nearest training ramp" in page
    registered(bench_command, "--rounds", 1, "--parts", "ramps", "everyday-ramps", "--target", tmp_path)
    assert json.loads((tmp_path / "out" / "bench" / "ramps.json").read_text())["ways"]["core"]["times_as_fast"] > 0
    assert "| ramps | outer step |" in (tmp_path / "benchmarks.md").read_text()
    monkeypatch.setattr(story, "STORY", ())
    assert gallery.main(["--target", str(tmp_path / "gallery.html")]) == 0
    assert "Ramps</h" in (tmp_path / "gallery.html").read_text()
    assert "times as fast as plain" in capsys.readouterr().out


def test_parts_of_results_are_kept_until_what_they_belong_to_changes(tmp_path, registered, monkeypatch):
    registered(weights_command, "--target", tmp_path / "shipped")
    registered(tune, "--target", tmp_path)
    registered(results_command, "--target", tmp_path / "a", "--seeds", 0)
    kept = {file: file.read_bytes() for file in (tmp_path / "out" / "results").glob("*.json")}

    def again(*arguments, **settings):
        raise AssertionError("what is kept is made again")

    monkeypatch.setattr(regression, "table_rows", again)
    registered(results_command, "--target", tmp_path / "b", "--seeds", 0)
    assert kept == {file: file.read_bytes() for file in (tmp_path / "out" / "results").glob("*.json")}
    made = [json.loads((tmp_path / folder / "ramps.json").read_text())["results"] for folder in ("a", "b")]
    assert made[0] == made[1]
    (file,) = kept
    content = json.loads(file.read_text())
    content["belongs_to"][0]["name"] = "another"  # a name decides nothing
    file.write_text(json.dumps(content))
    registered(results_command, "--target", tmp_path / "b", "--seeds", 0)
    content["belongs_to"][0]["w0"] = 4.0
    file.write_text(json.dumps(content))
    with pytest.raises(AssertionError, match="made again"):
        registered(results_command, "--target", tmp_path / "b", "--seeds", 0)


def test_tuning_keeps_the_cells_that_the_file_has(tmp_path, registered):
    registered(weights_command, "--target", tmp_path / "shipped")
    registered(tune, "--target", tmp_path)
    file = tmp_path / "ramps_tuned.json"
    content = json.loads(file.read_text())
    cells = content["profiles"]["quick"]["straight"]["cells"]["full"]
    missing, cells["mean"]["score"] = cells.pop("standard"), -1.0  # nothing scores that: it is kept, not made
    file.write_text(json.dumps(content))
    registered(tune, "--target", tmp_path)
    again = json.loads(file.read_text())["profiles"]["quick"]["straight"]
    assert again["cells"]["full"] == cells | {"standard": missing}
    again["initialisations"]["meta-maml"]["validation_psnr_db"] += 1
    file.write_text(json.dumps(content | {"profiles": {"quick": {"straight": again}}}))
    registered(tune, "--target", tmp_path)
    again = json.loads(file.read_text())["profiles"]["quick"]["straight"]["cells"]["full"]
    assert again["mean"]["score"] != -1.0 and again["standard"] == missing, "of another initialisation: all anew"
    again["mean"]["score"] = -1.0
    content = json.loads(file.read_text()) | {"protocol": "an earlier way to choose"}
    content["profiles"]["quick"]["straight"]["cells"]["full"] = again
    file.write_text(json.dumps(content))
    registered(tune, "--target", tmp_path)
    again = json.loads(file.read_text())["profiles"]["quick"]["straight"]["cells"]["full"]
    assert again["mean"]["score"] != -1.0, "chosen in another way: all anew"


def test_drafts_of_two_experiments_lie_apart(tmp_path, registered, monkeypatch):
    """By default all are called tuned.json. An interrupted one must not stand in another's way."""
    registered(weights_command, "--target", tmp_path / "shipped")
    other = replace(RAMPS, name="others")
    monkeypatch.setattr(experiments, "ALL", {"ramps": RAMPS, "others": other})
    monkeypatch.setattr(tuned, "file_of", lambda name: tmp_path / name / "tuned.json")
    written = metrics.write_json
    monkeypatch.setattr(metrics, "write_json", lambda file, content: written(file, content) or _stop_in("others", file))
    with pytest.raises(KeyboardInterrupt):
        registered(tune)
    assert (tmp_path / "ramps" / "tuned.json").exists() and not (tmp_path / "others" / "tuned.json").exists()
    monkeypatch.setattr(metrics, "write_json", written)
    registered(tune)
    assert (tmp_path / "others" / "tuned.json").exists()


def _stop_in(name, file):
    if Path(file).name.startswith(name):
        raise KeyboardInterrupt


def test_profiles_that_are_anothers_leave_the_file_alone(tmp_path, registered):
    tuned.tune(RAMPS, Settings(out=tmp_path / "out"), tmp_path / "ramps_tuned.json", ["long"])
    assert not (tmp_path / "ramps_tuned.json").exists()


def test_controls_count_for_every_seed():
    """They stand under the first one only."""
    about = {"psnr_per_signal": [20.0, 21.0], "psnr_db": 20.5, "in_table": True}
    maml = [{"init": "meta-maml", "seed": seed, "observations": "full", **about} for seed in (0, 1)]
    control = {"init": "class-mean", "seed": 0, "observations": "none", **about, "psnr_per_signal": [5.0, 6.0]}
    gaps = [report.Gap("MAML over control", report.cell("meta-maml"), report.cell("class-mean"), 10.0)]
    lines = report.verdicts([*maml, control], lambda rows: gaps, {})
    assert [line.split(" | ")[0] for line in lines] == ["| 0", "| 1"] and all("| yes |" in line for line in lines)


def test_samples_of_any_dimension_have_their_places():
    support = regression.tasks(np.zeros((2, 3, 4, 5, 1), np.float32)).support
    assert isinstance(support, Pixels) and support.coords.shape == (2, 60, 3) and support.values.shape == (2, 60, 1)
    np.testing.assert_allclose(support.coords[0, -1], [2 / 3, 3 / 4, 4 / 5])
    pictures = np.random.default_rng(0).random((1, 3, 4, 1)).astype(np.float32)
    np.testing.assert_allclose(regression.tasks(pictures).support.coords[0], models.pixel_grid(3, 4))
    assert np.isinf(evaluate.psnr(regression.tasks(pictures).support.values[0], jnp.asarray(pictures).reshape(-1, 1)))


@dataclass(frozen=True, kw_only=True)
class Later(Profile):
    """The profile of a later version."""

    slope: float = added(1.0)


def test_a_field_that_is_added_leaves_earlier_files_valid(tmp_path, monkeypatch):
    """Checkpoints and parts of results, while the field has its default; with another value they are refused."""
    later = Later(**asdict(TINY))
    steep = replace(later, slope=2.0)
    assert later.values() == TINY.values() and later.training() == TINY.training()
    assert "precision" in asdict(TINY) and "precision" not in TINY.values(), "added after the first files, too"
    assert steep.values() == TINY.values() | {"slope": 2.0} and steep.training() == TINY.training() | {"slope": 2.0}
    train = functools.partial(RAMPS.meta_train, splits=ramps(TINY, "straight"), algorithm="maml", folder=tmp_path)
    train(TINY)
    assert train(later)[2].resumed_from == TINY.num_steps
    with pytest.raises(LearnitError, match="slope"):
        train(steep)
    monkeypatch.setattr(tuned, "chosen", lambda *about, borrowed: {"full": {}})
    settings = Settings(out=tmp_path)
    ((before,),), ((same,),), ((other,),) = (RAMPS.results.parts(one, settings, [0]) for one in (TINY, later, steep))
    report.keep(before._replace(make=lambda: {"rows": []}), settings)
    assert report.kept(same, settings) == report.kept(before, settings) and report.kept(other, settings) is None
