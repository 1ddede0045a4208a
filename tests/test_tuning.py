"""Choosing a setting: on made-up scores whose best rate is known."""

import json

import numpy as np
import pytest

from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.tuning import GRID, best_step, tune, two_rounds


def peak_at(optimizer, rate, *, diverges_above=np.inf, calls=None):
    """``run`` whose final score is best at ``rate`` of ``optimizer`` and falls with the decades between."""

    def run(setting):
        if calls is not None:
            calls.append(setting)
        if setting.learning_rate > diverges_above:
            return np.full((3, 4), np.nan)
        score = 30 - 5 * abs(np.log10(setting.learning_rate / rate)) - 10 * (setting.optimizer != optimizer)
        # Step for step up to the score; signals differ, but not in what is best.
        return np.outer([0.9, 1.0, 1.1], np.linspace(0.25, 1.0, 4)) * score

    return run


def last(curve):
    return curve[:, -1].mean()


OBJECTIVES = {"last": last}


@pytest.mark.parametrize("optimizer, rate", [("sgd", 1e-2), ("sgd", 3e-1), ("adam", 3e-4)])
def test_a_known_optimum_inside_the_grid_is_found(optimizer, rate):
    calls = []
    found = tune(peak_at(optimizer, rate, calls=calls), OBJECTIVES)["last"]
    assert found.choice == Setting(optimizer, rate)
    np.testing.assert_allclose(found.score, 30)
    grid = [Setting(name, r) for name, rates in GRID.items() for r in rates]
    assert sorted(calls) == sorted(grid), "each setting once, and no other"
    assert {name: list(rates) for name, rates in found.scores.items()} == {
        name: [f"{rate:g}" for rate in sorted(rates)] for name, rates in GRID.items()
    }
    assert found.scores[optimizer][f"{rate:g}"] == 30


@pytest.mark.parametrize(
    "optimizer, rate, tried",
    [
        ("sgd", 3.0, [3.0, 10.0]),
        ("sgd", 30.0, [3.0, 10.0, 30.0, 100.0]),
        ("sgd", 1e-4, [3e-4, 1e-4, 3e-5]),
        ("adam", 1e-1, [1e-1, 3e-1]),
        ("adam", 3e-5, [3e-5, 1e-5]),
    ],
)
def test_the_grid_is_widened_until_the_choice_is_inside(optimizer, rate, tried):
    calls = []
    found = tune(peak_at(optimizer, rate, calls=calls), OBJECTIVES)["last"]
    assert found.choice.optimizer == optimizer
    np.testing.assert_allclose(found.choice.learning_rate, rate)
    beyond = [s for s in calls if s.learning_rate not in GRID[s.optimizer]]
    np.testing.assert_allclose([s.learning_rate for s in beyond], tried)
    assert {s.optimizer for s in beyond} == {optimizer} and len(set(calls)) == len(calls)


def test_widening_ends():
    calls = []
    with pytest.warns(UserWarning, match="on the edge of the grid.*100"):
        found = tune(peak_at("sgd", 1e9, calls=calls), OBJECTIVES, widenings=3)["last"]
    np.testing.assert_allclose(found.choice.learning_rate, 30)
    assert len(calls) == sum(map(len, GRID.values())) + 3
    calls.clear()
    with pytest.warns(UserWarning, match="on the edge of the grid"):
        tune(peak_at("sgd", 1e9, calls=calls), OBJECTIVES, widenings=0)
    assert len(calls) == sum(map(len, GRID.values()))


def test_diverged_fits_are_said_and_never_chosen():
    """The best rate would be 1, but all above 0.05 diverge."""
    found = tune(peak_at("sgd", 1.0, diverges_above=0.05), OBJECTIVES)["last"]
    assert found.choice == Setting("sgd", 3e-2)
    assert [rate for rate, score in found.scores["sgd"].items() if score is None] == ["0.1", "0.3", "1"]
    json.dumps(found.scores, allow_nan=False)


def test_infinite_scores_count_as_diverged():
    def run(setting):
        return np.full((1, 2), np.inf if setting.learning_rate == 0.1 else -setting.learning_rate)

    found = tune(run, OBJECTIVES, grid={"sgd": (0.1, 0.3, 1.0)}, widenings=0)["last"]
    assert found.choice == Setting("sgd", 0.3) and found.scores["sgd"]["0.1"] is None


def test_nothing_but_divergence_is_refused():
    with pytest.raises(LearnitError, match="diverge"):
        tune(lambda setting: np.full((1, 2), np.nan), OBJECTIVES)


def test_objectives_share_their_runs_and_choose_apart():
    """Large steps are best at first, small ones in the end; the first choice widens the grid for both."""
    calls = []

    def run(setting):
        calls.append(setting)
        rate = setting.learning_rate
        return np.array([[0, 10 - abs(np.log10(rate) - 1), 10 - abs(np.log10(rate) + 2)]])

    found = tune(run, {"early": lambda c: c[0, 1], "late": lambda c: c[0, 2]}, grid={"sgd": (1e-3, 1e-2, 1e-1, 1.0)})
    assert found["early"].choice == Setting("sgd", 10.0) and found["late"].choice == Setting("sgd", 1e-2)
    assert len(set(calls)) == len(calls) == 4 + 3
    assert found["early"].scores.keys() == found["late"].scores.keys()
    assert found["early"].scores["sgd"]["10"] == 10 and found["late"].scores["sgd"]["10"] == 7


def test_a_fit_that_diverges_is_judged_by_what_came_before():
    assert best_step(np.array([[1.0, 5.0, 6.0, np.nan]]), 10) == (20, 6.0)
    assert best_step(np.array([[9.0, 5.0], [9.0, 7.0]]), 25) == (25, 6.0)  # the start is no fit


SMALL = {"sgd": (0.1, 0.3, 1.0), "adam": (3e-4, 1e-3, 3e-3)}


def long_fits(optimizer, rate, *, calls, worse=10):
    """Fits whose PSNR, best at ``rate`` of ``optimizer``, peaks after 20 of 40 steps."""

    def run(setting):
        calls.append(setting)
        score = 30 - 5 * abs(np.log10(setting.learning_rate / rate)) - worse * (setting.optimizer != optimizer)
        return score - np.abs(np.arange(5.0) - 2)[None]

    return run


def test_long_fits_may_choose_another_rate_than_short_ones():
    """By short fits Adam's 1e-3 is best; by long ones a rate that those put last, one and a half decades below."""
    calls = []
    found = two_rounds(peak_at("adam", 1e-3), long_fits("adam", 3e-5, calls=calls), grid=SMALL, every=10)
    assert (found["choice"], found["steps"], found["score"]) == (["adam", 3e-5], 20, 30)
    adam = [s.learning_rate for s in calls if s.optimizer == "adam"]
    np.testing.assert_allclose(sorted(adam), [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3], err_msg="until both are behind it")
    assert len([s for s in calls if s.optimizer == "sgd"]) == 2 and len(set(calls)) == len(calls)
    assert sorted(map(tuple, (one["setting"] for one in found["final"]))) == sorted(calls)
    json.dumps(found, allow_nan=False)


def test_long_fits_may_choose_another_optimiser_than_short_ones():
    calls = []
    found = two_rounds(peak_at("adam", 1e-3), long_fits("sgd", 3.0, calls=calls), grid=SMALL, every=10)
    assert found["choice"] == ["sgd", 3.0]
    sgd = [s.learning_rate for s in calls if s.optimizer == "sgd"]
    np.testing.assert_allclose(sorted(sgd), [0.1, 0.3, 1.0, 3.0, 10.0])
    assert found["screening"]["adam"]["0.001"] == 30, "the scores of the short fits are kept"


def test_what_diverges_in_the_final_round_is_said_and_never_chosen():
    calls = []
    run = long_fits("sgd", 1.0, calls=calls)

    def finish(setting):
        return run(setting) if setting.learning_rate < 0.5 else np.full((1, 5), np.nan)

    found = two_rounds(peak_at("sgd", 0.3), finish, grid=SMALL, every=10)
    assert found["choice"] == ["sgd", 0.3]
    assert {"setting": ["sgd", 1.0], "steps": 10, "score": None} in found["final"]
    json.dumps(found, allow_nan=False)
    with pytest.raises(LearnitError, match="of the final round diverge"):
        two_rounds(peak_at("sgd", 0.3), lambda setting: np.full((1, 5), np.nan), grid=SMALL, every=10)
