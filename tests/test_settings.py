"""What is set from outside, by LEARNIT_ variables."""

from pathlib import Path

import pytest

from learnit_core.commands import results
from learnit_core.errors import LearnitError
from learnit_core.experiments import image
from learnit_core.experiments.settings import PROFILES, Settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in ("PROFILE", "DATA", "TEST_DATA", "OUT", "MAX_STEPS"):
        monkeypatch.delenv(f"LEARNIT_{name}", raising=False)


def test_defaults(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = Settings.from_env()
    assert (found.profile, found.data, found.test_data, found.max_steps) == ("quick", None, None, None)
    assert found.out == tmp_path / "out"


@pytest.mark.parametrize(
    "variable, value, field, expected",
    [
        *[("PROFILE", name, "profile", name) for name in PROFILES],
        ("PROFILE", " paper ", "profile", "paper"),
        ("DATA", "sdf", "data", "sdf"),
        ("DATA", "my pictures/2023", "data", "my pictures/2023"),
        ("TEST_DATA", "me.jpg", "test_data", "me.jpg"),
        ("OUT", "results", "out", Path("results").absolute()),
        ("OUT", "/somewhere/else", "out", Path("/somewhere/else")),
        ("OUT", "~/results", "out", Path.home() / "results"),
        ("MAX_STEPS", "1", "max_steps", 1),
        ("MAX_STEPS", "250", "max_steps", 250),
    ],
)
def test_each_variable(monkeypatch, variable, value, field, expected):
    monkeypatch.setenv(f"LEARNIT_{variable}", value)
    assert getattr(Settings.from_env(), field) == expected


@pytest.mark.parametrize("variable", ["PROFILE", "DATA", "TEST_DATA", "OUT", "MAX_STEPS"])
def test_an_empty_variable_is_an_unset_one(monkeypatch, variable):
    expected = Settings.from_env()
    monkeypatch.setenv(f"LEARNIT_{variable}", "  ")
    assert Settings.from_env() == expected


@pytest.mark.parametrize("profile", ["fast", "Quick", "quick,paper"])
def test_an_unknown_profile(monkeypatch, profile):
    monkeypatch.setenv("LEARNIT_PROFILE", profile)
    with pytest.raises(LearnitError, match=f"'{profile}' in LEARNIT_PROFILE: expected quick, standard, paper"):
        Settings.from_env()
    with pytest.raises(LearnitError, match=profile):
        Settings(profile=profile)


@pytest.mark.parametrize("steps", ["0", "-3", "1.5", "ten", "1e3", "²"])
def test_bad_maximal_steps(monkeypatch, steps):
    monkeypatch.setenv("LEARNIT_MAX_STEPS", steps)
    with pytest.raises(LearnitError, match="LEARNIT_MAX_STEPS is .*: expected a whole number of at least 1"):
        Settings.from_env()


def test_cap():
    assert Settings().cap(500) == 500
    assert Settings(max_steps=20).cap(500) == 20 and Settings(max_steps=20).cap(3) == 3


def test_runs_cut_short_replace_nothing_that_is_kept(tmp_path):
    kept, elsewhere = tmp_path / "kept", tmp_path / "elsewhere"
    with pytest.raises(LearnitError, match="LEARNIT_MAX_STEPS is set, and kept would be replaced.*--target"):
        Settings(max_steps=5).keep(kept, kept)
    Settings(max_steps=5).keep(elsewhere, kept)
    Settings().keep(kept, kept)


def test_every_profile_has_its_experiment():
    assert tuple(image.PROFILES) == PROFILES
    assert all(profile.name == name for name, profile in image.PROFILES.items())


def test_maximal_steps_cap_every_loop_of_a_profile():
    profile = image.PROFILES["paper"]
    assert profile.capped(Settings()) == profile
    capped = profile.capped(Settings(max_steps=3))
    assert (capped.num_steps, capped.fit_steps, capped.limit) == (3, 3, 3)
    assert all(few <= 30 for few in capped.counts) and capped.size == 64
    # Fewer than two steps would leave the table's column of two steps without its number.
    assert profile.capped(Settings(max_steps=1)).limit == 2
    assert profile.capped(Settings(max_steps=10**9)) == profile
    assert capped.training() != profile.training(), "a capped run would go on from a full one's checkpoint"


def test_the_projects_folder_is_known_by_any_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LearnitError, match="run cut short"):
        Settings(max_steps=5).keep(Path("docs/../docs"), tmp_path / "docs")


def test_results_elsewhere_leave_the_readme_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, "TARGET", tmp_path / "docs" / "results")
    monkeypatch.chdir(tmp_path)
    readme, before = tmp_path / "README.md", "<!-- ct results -->\nold\n<!-- end of ct results -->\n"
    readme.write_text(before)
    for elsewhere in (Path("trial"), Path("out/trial"), tmp_path / "out" / "results"):
        results.report(elsewhere, ["| a gap |"], "new", "ct")
        assert readme.read_text() == before and "| a gap |" in capsys.readouterr().out
    results.report(Path("docs/results"), [], "new", "ct")
    assert readme.read_text() == before.replace("old", "new")
