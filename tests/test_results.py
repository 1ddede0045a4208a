"""Pages under docs/results and README's tables are what their numbers say, and nobody has edited them."""

import json
from pathlib import Path

import pytest

from learnit_core.commands import results

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("experiment", results.PARTS)
def test_the_page_is_made_of_its_numbers(experiment):
    content = json.loads((results.TARGET / f"{experiment}.json").read_text("utf-8"))
    assert (results.TARGET / f"{experiment}.md").read_text("utf-8") == results.PARTS[experiment].page(content)


@pytest.mark.parametrize("experiment", results.PARTS)
def test_the_readme_has_the_table_of_the_numbers(experiment):
    content = json.loads((results.TARGET / f"{experiment}.json").read_text("utf-8"))
    readme = (ROOT / "README.md").read_text("utf-8")
    summary = results.PARTS[experiment].summary(content)
    assert summary in readme
    assert results.into_readme(readme, summary, experiment) == readme
    assert "changed" in results.into_readme(readme, "changed", experiment), "no place for it"
