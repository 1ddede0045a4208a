"""docs/benchmarks.md is what the records say; what is compared computes the same; every part runs."""

import dataclasses
import json
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache
from PIL import Image

from learnit_core import experiments, models
from learnit_core.commands import bench
from learnit_core.commands.benchmarks import everyday, many, page, scaling, sets, start
from learnit_core.commands.upkeep import benchmarks
from learnit_core.experiments import precision, timing
from learnit_core.experiments.settings import Settings
from learnit_core.structures import Rated

CONTENT = json.loads(page.RECORDS.read_text("utf-8"))


def test_the_page_is_made_of_the_records(tmp_path, monkeypatch, capsys):
    assert page.PAGE.read_text("utf-8") == page.page(CONTENT)
    monkeypatch.setattr(page, "PAGE", tmp_path / "benchmarks.md")
    assert benchmarks.main(["--check"]) == 1 and not page.PAGE.exists()
    assert "out of date" in capsys.readouterr().err
    assert benchmarks.main([]) == 0 and benchmarks.main(["--check"]) == 0


def test_the_page_has_a_line_for_every_part_and_none_without():
    found = page.page(CONTENT)
    for name, record in CONTENT["parts"].items():
        assert f"| {name} | {record['date']} |" in found
    assert {f"everyday-{name}" for name in experiments.ALL} | {"many", "networks"} <= CONTENT["parts"].keys()
    assert "## From files to a set" in page.page({"parts": {"networks": CONTENT["parts"]["networks"]}})
    assert "## " not in page.page({"parts": {}}).replace("## When and where", "")


def test_an_aim_that_is_missed_is_said():
    parts = json.loads(json.dumps({"networks": CONTENT["parts"]["networks"]}))
    aim, steps = parts["networks"]["aim"], parts["networks"]["steps"]
    for way in steps.values():
        way |= {"psnr_db": aim["psnr_db"] + 1, "median_seconds": 1.01 * aim["median_seconds"]}
    assert "picture is NOT met." in page.page({"parts": parts})
    steps["2"]["median_seconds"] = aim["median_seconds"]
    assert "picture is met (steps: 2)." in page.page({"parts": parts})
    steps["2"]["psnr_db"] = aim["psnr_db"] - 0.01
    assert "picture is NOT met." in page.page({"parts": parts})


def test_a_bound_that_is_missed_is_said():
    bounded = {name for name, one in CONTENT["parts"].items() if "ways" in one.get("bounds", {})}
    (name,) = bounded
    content = json.loads(json.dumps(CONTENT))
    ways = content["parts"][name]["ways"]
    bound = content["parts"][name]["bounds"]["ways"]
    for value, said in ((bound["times_as_fast"], "yes"), (bound["times_as_fast"] - 0.01, "NO")):
        ways["core"] |= {"times_as_fast": value, "temporaries_bytes": bound["temporaries_bytes"]}
        (line,) = (x for x in page.page(content).splitlines() if x.startswith(f"| {name} | outer step"))
        assert f"| {said} |" in line
    ways["core"] |= {"times_as_fast": 9.0, "temporaries_bytes": bound["temporaries_bytes"] + 1}
    (line,) = (x for x in page.page(content).splitlines() if x.startswith(f"| {name} | outer step"))
    assert "| NO |" in line


def test_the_share_of_the_rate_is_that_of_the_operations(monkeypatch):
    """Three products of one shape, in a loop, of which another's result is not used; a program of nothing else has all
    of the rate."""
    a, b = jnp.ones((64, 32)), jnp.ones((32, 32))

    def program(a, b):
        _ = a @ b
        return jax.lax.fori_loop(0, 3, lambda i, x: x @ b, a)

    work = precision.operations(program, a, b)
    assert work == 3 * 2 * 64 * 32 * 32
    monkeypatch.setattr(timing, "_matrix_products", lambda: (None, 8 * work))
    matrix = np.array([4.0, 2.0, 8.0])  # other work slows two turns: the rate is the best one's
    found = timing.share(work, np.array([0.5, 0.5, 9.0]), matrix)
    rates = found["matrix_tflops"], found["matrix_tflops_at_worst"]
    assert rates == pytest.approx((8 * work / 2e12, 8 * work / 8e12), rel=1e-3)
    assert found["of_the_rate"] == pytest.approx(0.5, rel=1e-3)


def test_the_second_call_of_the_machines_products_counts(monkeypatch):
    """In every turn; the ways are called once each."""
    calls = []
    first = lambda: time.sleep(0.2 if (calls.append("matrix") or calls.count("matrix")) % 2 else 0.0)  # noqa: E731
    monkeypatch.setattr(timing, "_matrix_products", lambda: (first, 1))
    seconds = timing.in_turns({"way": lambda: calls.append("way")}, 2, matrix=True)
    assert calls == ["way", "matrix", "matrix"] * 2 and list(seconds) == ["way", "matrix"]
    assert len(seconds["matrix"]) == 2 and max(seconds["matrix"]) < 0.2


def test_what_others_do_is_told_from_ones_own_work(monkeypatch):
    assert timing.Others().cores() is not None, "psutil is installed here"
    for busy, cores in ((1.0, 0.5), (-0.01, 0.0)):  # clocks of processors tick coarsely
        seen = iter([(10.0, 5.0), (12.0, 5.0 + busy)])
        monkeypatch.setattr(timing.Others, "_seconds", staticmethod(lambda seen=seen: next(seen)))
        assert timing.Others().cores() == cores


def test_seconds_of_compiling_are_of_compiling(tmp_path):
    """What was kept of earlier runs is neither read nor added to; what is compiled afterwards is kept as before."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    earlier = {name: getattr(jax.config, name) for name in names}
    try:
        for name, value in zip(names, (str(tmp_path), 0.0), strict=True):
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        jax.jit(lambda x: x + 1)(1.0)
        there = set(tmp_path.iterdir())
        _, seconds = timing.compiled(lambda x: jnp.cos(x) * 3, 1.0)
        assert seconds > 0 and set(tmp_path.iterdir()) == there != set()
        jax.jit(lambda x: x * 7)(1.0)
        assert set(tmp_path.iterdir()) > there
    finally:
        for name, value in earlier.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


def command(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["bench", *map(str, arguments)])
    bench.main()


def test_parts_are_kept_until_their_settings_change(tmp_path, monkeypatch, capsys):
    calls = []

    def part():
        calls.append(1)
        rows = [{"value": 1, "median_seconds": 0.5, "step_median_seconds": 0.25}]
        return {"what": "devices", "cores": 2, "outer_step": {"size": 8, "width": 8, "batch": 2}, "rows": rows}

    monkeypatch.setattr(bench, "parts", lambda given, settings: {"scaling-devices": part})
    monkeypatch.setenv("LEARNIT_OUT", str(tmp_path / "out"))
    for arguments, made in (((), 1), ((), 1), (("--size", 4), 2), (("--size", 4, "--again"), 3)):
        command(monkeypatch, "--target", tmp_path, *arguments)
        assert len(calls) == made
    assert "| 500 ms | 250 ms |" in (tmp_path / "benchmarks.md").read_text()
    for arguments, said in (
        (("--parts", "none", "--target", tmp_path), "no part is called 'none'"),
        (("--quick",), "expected another place"),
        (("--rounds", 0, "--target", tmp_path), "expected 1 at least"),
        (("--size", 16), "--size is for a trial"),
    ):
        with pytest.raises(SystemExit) as stopped:
            command(monkeypatch, *arguments)
        assert stopped.value.code == 1 and said in capsys.readouterr().err


def test_records_of_another_kind_are_not_collected(tmp_path, monkeypatch):
    """Of another size, of a version that said nothing of that, or half a file."""
    monkeypatch.setattr(bench, "parts", lambda given, settings: {"scaling-devices": None, "image": None})
    monkeypatch.setattr(bench, "keep", lambda *_: None)
    monkeypatch.setenv("LEARNIT_OUT", str(tmp_path / "out"))
    file = tmp_path / "out" / "bench" / "image.json"
    file.parent.mkdir(parents=True)
    for text in ('{"belongs_to": {"size": "16", "steps": null}}', '{"size": 178}', '{"belongs_to": 3}', "[]", '{"a'):
        file.write_text(text)
        command(monkeypatch, "--target", tmp_path)
        assert json.loads((tmp_path / "benchmarks.json").read_text()) == {"parts": {}}


@pytest.mark.parametrize("name", ["image", "views"])
def test_the_plain_way_has_the_librarys_sine(name, monkeypatch):
    """Everywhere, also where an inner loss is computed again. Ours rounds to whole turns, the library's does not."""
    seen = []

    def compiled(function, *arguments):
        seen.append((models.sine is jnp.sin, str(jax.make_jaxpr(function)(*arguments))))
        if len(seen) == 2:
            raise StopIteration  # the two outer steps are enough
        return function, 0.0

    monkeypatch.setattr(timing, "compiled", compiled)
    with pytest.raises(StopIteration):
        everyday.run(experiments.ALL[name], Settings(max_steps=2))
    (ours, core), (theirs, plain) = seen
    assert not ours and "round" in core
    assert theirs and "round" not in plain and "sin" in plain


def test_an_outer_step_of_the_scaling_is_the_plain_one():
    shape = {"size": 6, "width": 8, "inner_steps": 2, "batch": 2}
    (core, arguments), (plain, _) = scaling._outer(**shape), scaling._outer(**shape, plain=True)
    ours, theirs = (jax.jit(step)(*arguments).params for step in (core, plain))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4), ours, theirs)


@pytest.mark.nightly
def test_every_part_runs(tmp_path):
    words = [sys.executable, "-m", "learnit_core.commands.bench", "--quick", "--target", str(tmp_path)]
    made = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    parts = json.loads((tmp_path / "benchmarks.json").read_text())["parts"]
    assert parts.keys() == CONTENT["parts"].keys()
    assert "## Many pictures" in (tmp_path / "benchmarks.md").read_text()


@pytest.fixture
def photographs(tmp_path):
    """A folder of 18, and what they are [18, 64, 64, 3]."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    pictures = np.random.default_rng(0).integers(0, 255, (18, 64, 64, 3), np.uint8)
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{i:02}.png")
    return folder, pictures


@pytest.mark.nightly
def test_sets_are_made_from_the_files_of_the_other_photographs(tmp_path, photographs, monkeypatch):
    (folder, pictures), read, seen = photographs, sets.read, []
    for module in (start, sets):
        monkeypatch.setattr(module, "read", lambda *one, **how: seen.append((one, read(*one, **how))) or seen[-1][1])
    settings = Settings(out=tmp_path / "out", max_steps=2)
    found = sets.run(settings, photographs=folder, tiles=2, minutes=1.0, rounds=1)
    assert (found["fitted"], found["files"]) == (36, 9) and set(found["steps"]) == {"1", "2"}
    (first, _), (source, (crops, names)), _ = seen
    assert first == (folder,) and source != first
    assert (crops.reshape(9, 2, 2, 32, 32, 3)[4, 1, 0] == pictures[9, 32:, :32]).all() and len(names) == 36
    assert found["steps"]["2"]["psnr_db"] > found["steps"]["1"]["psnr_db"] > 5
    assert [file.name for file in (tmp_path / "out" / "bench" / "many").iterdir() if file.is_dir()] == []
    # An array has no files: its pictures are read from one.
    np.save(tmp_path / "array.npy", pictures[:, :32, :32])
    settings = dataclasses.replace(settings, out=tmp_path / "other")
    found = sets.run(settings, photographs=tmp_path / "array.npy", tiles=1, minutes=1.0, rounds=1)
    assert (found["fitted"], found["files"]) == (9, 0)


@pytest.mark.nightly
def test_only_the_first_way_of_many_has_the_librarys_sine(tmp_path, photographs, monkeypatch):
    traced, fit_from = [], many.fit_from

    def spied(recipe, setting, steps, **how):
        one = fit_from(recipe, setting, steps, **how)
        return lambda params, picture: traced.append((models.sine is jnp.sin, params)) or one(params, picture)

    learned = many.start_of(Settings(out=tmp_path / "out", max_steps=2), photographs[0], 2, 1.0)
    steps = many.command.INNER_STEPS
    recipe = many.command.recipe_for(learned.field, many.arrays.grid((32, 32)), many.AT_RATES, steps)
    adam = many.How(many.Setting("adam", 1e-3), 1, 0.0)
    hows = dict.fromkeys(("sin", "plain", "start"), adam) | {"rates": many.How(many.AT_RATES, steps, 0.0)}
    monkeypatch.setattr(many, "fit_from", spied)
    ways, scored = many._ways(recipe, learned, hows, learned.unseen[:2], learned.unseen[:4], 1)
    assert [sine for sine, _ in traced] == [True, False, False, False]
    assert [isinstance(params, Rated) for _, params in traced] == [False, False, False, True]
    assert ways.keys() == scored.keys() == {"sin", "plain", "start", "rates", "batching", "networks"}
    assert scored["sin"] == pytest.approx(scored["plain"], abs=0.01)
    for name in ("batching", "networks"):
        assert scored[name] == pytest.approx(scored["rates"], abs=0.01)
