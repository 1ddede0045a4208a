"""The frame around the code: one list of dependencies, workflows that are valid, one address, a complete wheel."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from learnit_core.commands.repository import ROOT, address

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def requirements() -> list[Requirement]:
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return [Requirement(line) for lines in lists for line in lines]


def pins(name: str) -> dict[str, Version]:
    lines = (ROOT / "constraints" / f"{name}.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "a constraint is not of the form name==version"
    return {canonicalize_name(package): Version(version) for package, version in pairs}


def test_conda_brings_python_and_pip_only():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, by_pip = environment["dependencies"]
    assert pip == "pip"
    assert Requirement(python.replace("=", "==")).name == "python"
    assert Version(python.split("=")[1]) in Requirement("python" + PROJECT["requires-python"]).specifier
    constraints, project = by_pip["pip"]
    assert (ROOT / constraints.removeprefix("-c ")).is_file()
    extras = re.fullmatch(r"-e \.\[([a-z,]+)\]", project)[1].split(",")
    assert set(extras) == set(PROJECT["optional-dependencies"]) - {
        "teach",
        "site",
    }  # who grades, or publishes, adds them


def test_locked_versions_are_complete_and_allowed():
    locked = pins("locked")
    for requirement in requirements():
        assert locked.get(canonicalize_name(requirement.name)) in requirement.specifier, requirement


@pytest.mark.parametrize("host", [path.stem for path in (ROOT / "constraints").glob("*.txt") if path.stem != "locked"])
def test_a_hosts_versions_are_allowed(host):
    held = pins(host)
    for requirement in requirements():
        if (version := held.get(canonicalize_name(requirement.name))) is not None:
            assert version in requirement.specifier, requirement
    assert {"jax", "jaxlib", "numpy", "ipywidgets", "anywidget"} <= held.keys()


def test_every_dependency_is_imported_somewhere():
    modules = {"scikit-image": "skimage", "pillow": "PIL"}
    files = [path for folder in ("learnit_core", "data_scripts") for path in (ROOT / folder).rglob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in files)
    imports = set(re.findall(r"^\s*(?:import|from) (\w+)", code, re.MULTILINE))
    names = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert {name for name in names if modules.get(name, name) not in imports} <= {"jaxlib"}  # what jax runs on


def check_workflows(*files: Path) -> int:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    return subprocess.run([*command, *map(str, files)], capture_output=True).returncode


def test_workflows_follow_the_schema(tmp_path):
    assert len(WORKFLOWS) == 4
    assert check_workflows(*WORKFLOWS) == 0
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs-at:"))
    assert check_workflows(broken) != 0


RIGHTS = {"report": {"issues": "write"}, "publish": {"pages": "write", "id-token": "write"}}
"""Jobs that write: an issue when a night fails, and the site."""


def test_workflows_take_no_more_rights_than_they_need():
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        for name, job in workflow["jobs"].items():
            assert job.get("permissions", {}) == RIGHTS.get(name, {})
            assert "timeout-minutes" in job


def test_the_site_is_published_where_there_are_pages_only():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "site.yml").read_text())["jobs"]
    assert "has_pages" in jobs["build"]["if"] and jobs["publish"]["needs"] == "build"


def test_what_was_run_for_the_site_is_kept_when_a_later_step_fails():
    site = yaml.safe_load((ROOT / ".github" / "workflows" / "site.yml").read_text())
    steps = site["jobs"]["build"]["steps"]
    (restore,) = [i for i, step in enumerate(steps) if step.get("uses", "").startswith("actions/cache/restore@")]
    (save,) = [i for i, step in enumerate(steps) if step.get("uses", "").startswith("actions/cache/save@")]
    assert "--execute" in steps[save - 1]["run"] and restore < save - 1 and "always()" in steps[save]["if"]
    assert steps[restore]["with"]["path"] == steps[save]["with"]["path"]
    assert not any("--execute" in step.get("run", "") for step in steps[save:])
    assert site["concurrency"]["cancel-in-progress"] is False


def test_the_papers_size_is_run_where_there_is_a_gpu_only():
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "gpu.yml").read_text())["jobs"]["notebooks"]["steps"]
    (ready,) = [step for step in steps if "jax.default_backend()" in step.get("run", "")]
    (paper,) = [step for step in steps if "make paper" in step.get("run", "")]
    assert f"steps.{ready['id']}.outcome == 'success'" in paper["if"]


def test_the_citation_is_one():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.citation-file-format"]
    assert subprocess.run([*command, str(ROOT / "CITATION.cff")], capture_output=True).returncode == 0
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == PROJECT["version"] and cited["license"] == PROJECT["license"]
    paper = cited["references"][0]
    bibtex = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert paper["title"] in bibtex and str(paper["year"]) in bibtex
    assert all(f"{one['family-names']}, {one['given-names']}" in bibtex for one in paper["authors"])


def test_what_is_left_out_by_day_runs_at_night():
    recipes = dict(re.findall(r"^([\w-]+): check .*\n\t(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert "-m 'not nightly'" in recipes["test"] and " -m " not in recipes["test-all"]
    hosts = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yml").read_text())["jobs"]["hosts"]
    (run,) = (step for step in hosts["steps"] if step.get("run", "").startswith("make test-all "))
    assert run["env"]["LEARNIT_REQUIRE_BROWSER"] == "1", "without it browser tests skip themselves"
    held = {host["constraints"] for host in hosts["strategy"]["matrix"]["include"]}
    assert {"", "constraints/colab.txt", "constraints/python312.txt"} == held  # "" is what is newest by then
    assert all((ROOT / file).is_file() for file in held - {""})


USES = re.compile(r"^\s*-? *uses: *(?P<action>\S+)@(?P<commit>\S+)(?: # (?P<version>\S+))?$", re.MULTILINE)


def test_actions_are_pinned_by_their_commit():
    """A tag can be moved to other code; one action has one commit everywhere, and its version stands beside it."""
    text = "".join(path.read_text() for path in WORKFLOWS)
    found = [use.groupdict() for use in USES.finditer(text)]
    assert len(found) == text.count("uses:")
    for use in found:
        assert re.fullmatch("[0-9a-f]{40}", use["commit"]) and re.fullmatch(r"v\d+\.\d+\.\d+", use["version"]), use
    assert len({(use["action"], use["commit"]) for use in found}) == len({use["action"] for use in found})


def test_there_is_one_address():
    owner = address().removeprefix("https://github.com/")
    project = owner.split("/")[1]
    found = set()
    for pattern in ("*.md", "*.yml", "*.toml", "*.py", "*.ipynb"):
        for folder in (".", ".github/workflows", "docs", "notebooks", "learnit_core/commands"):
            for path in (ROOT / folder).glob(pattern):
                text = path.read_text(encoding="utf-8")
                found |= {
                    (path.name, other)
                    for other in re.findall(rf"(?:github\.com|github/|github\.io)/?([\w.-]+/{project})\b", text)
                    if other != owner
                }
    assert found == set()


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(["git", "ls-files", "learnit_core"], cwd=ROOT, capture_output=True, text=True)
    expected = tracked.stdout.split() if tracked.returncode == 0 else []
    without = "learnit_core/commands/upkeep/"  # what needs a checkout
    assert {name for name in expected if not name.startswith(without)} <= names
    assert "learnit_core/fit.py" in names and not any(name.startswith(without) for name in names)
    assert not any(name.startswith(("tests", "notebooks")) for name in names)
