"""What `make networks` takes: numbers, starts, rates; and what it tries before it begins. Nothing is compiled."""

import argparse
import sys
from importlib import resources
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from learnit_core import losses, many, models, sharding, weights
from learnit_core.commands import networks as command
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting

FIELD = models.siren(2, 1, width=4, depth=2, w0=10.0)
START = FIELD.init(jax.random.key(1))
SHIPPED = sorted(
    f.stem for f in (resources.files("learnit_core") / "pretrained").iterdir() if f.suffix == ".safetensors"
)


def run(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["networks", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        command.main()
    said = capsys.readouterr().err
    assert end.value.code == 1 and said.count("\n") == 1
    return said


def test_every_number_that_the_command_takes_has_bounds():
    (commands,) = (a for a in command.parser()._actions if isinstance(a, argparse._SubParsersAction))
    options = [action for reader in commands.choices.values() for action in reader._actions]
    assert {action.dest for action in options if action.type in (int, float)} == set(command.WITHIN)


@pytest.mark.parametrize("option", command.WITHIN)
def test_numbers_that_cannot_be_are_refused_before_anything_is_written(tmp_path, monkeypatch, capsys, option):
    least, most = command.WITHIN[option]
    whole = isinstance(least, int)
    words = ["start"] if option == "minutes" else ["fit", "--start", "image-faces-25"]
    for value in (least - 1, -5, most * 2, *(() if whole else ("nan", "inf", 0))):
        said = run(monkeypatch, capsys, *words, "nowhere", "--out", tmp_path / "out", f"--{option}", value)
        assert f"--{option} is " in said and "expected" in said
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", SHIPPED)
def test_each_shipped_start_is_for_pictures_or_is_refused_in_a_sentence(name):
    field, start, said = weights.pretrained(name)
    if not name.startswith("image-"):
        with pytest.raises(LearnitError, match="is no network for pictures: expected one with 2 inputs"):
            command.start_and_setting(name, None, 0.1)
        return
    learned = name.endswith("meta-sgd")
    expected = Setting("learned", 1.0) if learned else Setting("sgd", said["profile"]["inner_rate"])
    assert command.start_and_setting(name, None, None)[3] == expected
    part = "has learned rates: leave out" if learned else "does not say a learning rate for adam: give one with --rate"
    with pytest.raises(LearnitError, match=part):
        command.start_and_setting(name, "adam", None)
    if not learned:
        assert command.start_and_setting(name, "adam", 1e-3)[3] == Setting("adam", 1e-3)
        with pytest.raises(LearnitError, match="has no learned rates"):
            command.start_and_setting(name, "learned", None)


@pytest.mark.parametrize(
    ("profile", "optimizer", "expected"),
    [
        ({"inner_rate": 0.5}, "sgd", 0.5),
        ({"inner_rate": 0.5}, "adam", None),
        ({"inner_rate": 0.5, "inner_optimizer": "adam"}, "adam", 0.5),
        ({"inner_rate": 0.5, "inner_optimizer": "rmsprop"}, "sgd", None),
        ({"inner_rate": "fast"}, "sgd", None),
        ({}, "sgd", None),
        ("none", "sgd", None),
    ],
)
def test_a_stored_rate_is_its_optimizers(tmp_path, profile, optimizer, expected):
    weights.save(tmp_path / "s.safetensors", FIELD, START, {"profile": profile})
    if expected is None:
        with pytest.raises(LearnitError, match="--rate"):
            command.start_and_setting(str(tmp_path / "s.safetensors"), optimizer, None)
    else:
        setting = command.start_and_setting(str(tmp_path / "s.safetensors"), optimizer, None)[3]
        assert setting == Setting(optimizer, expected)


@pytest.mark.parametrize(
    ("pictures", "pieces", "part"), [(1, 1, "1 pictures"), (64, 64, "1 photographs"), (100, 100, "1 photographs")]
)
def test_too_few_to_learn_from_are_counted_as_they_were_given(tmp_path, pictures, pieces, part):
    with pytest.raises(LearnitError, match=f"found {part}: expected two or more"):
        command.learn_start(np.zeros((pictures, 2, 2, 3), np.uint8), tmp_path, minutes=1.0, pieces=pieces)


# Which block is fastest


@pytest.mark.parametrize(
    ("count", "steps", "until"), [(5, 2000, None), (5, 3, None), (3000, 2, 1e-3), (100_000, 2000, None), (1, 9, None)]
)
def test_a_trial_is_never_more_work_than_what_it_is_for(monkeypatch, count, steps, until):
    """On a clock by which the largest block is the fastest."""
    taken, clock = [], [0.0]

    def fake(recipe, start, data, key, *, block, **control):
        taken.append(len(data) * recipe.num_steps)
        clock[0] += len(data) / block

    monkeypatch.setattr(many, "fit_many", fake)
    monkeypatch.setattr(many, "temporaries", lambda *_, **__: 0)
    monkeypatch.setattr(sharding, "least", sharding.least.__wrapped__)
    monkeypatch.setattr(many, "at_once", lambda: 2)
    monkeypatch.setattr(many, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    data = np.zeros((min(count, 256), 4, 4, 1), np.uint8)
    recipe = many.Recipe(losses.regression_loss(FIELD), Setting("sgd", 1e-2), steps, until)
    for mesh in (None, SimpleNamespace(size=8, is_multi_process=False)):
        taken.clear()
        block, seconds = many.fastest_block.__wrapped__(recipe, START, data, None, count=count, mesh=mesh)
        assert sum(taken) <= min(count * steps / 2, 64 * (1 + 4 * 8) * 3 * many.TRIAL_STEPS)
        assert block == {3000: 8 if mesh else 64, 100_000: 64}.get(count, 1)
        assert bool(taken) == bool(seconds) == (count > 1000)
