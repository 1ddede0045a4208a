"""What `make site` looks at in a browser: a page that complains, fetches or cannot be read is found."""

import pytest

from learnit_core.commands.website import visits

pytestmark = pytest.mark.browser


def test_a_page_that_complains_is_found(executable, tmp_path):
    good = "<!doctype html><html lang='en'><title>a</title><main><h1>a</h1></main>"
    cases = {
        "good": "",
        "console": "<script>console.error('so it is')</script>",
        "throws": "<script>nothing()</script>",
        "fetches": '<img alt="a" src="https://example.org/a.png">',
        "unnamed": "<button></button>",
        "broken": "<div data-explorer><div class='learnit-explorer' data-state='failed'><p class='alert'>no data",
    }
    for name, more in cases.items():
        (tmp_path / f"{name}.html").write_text(good + more)
    found = visits.complaints(sorted(tmp_path.glob("*.html")), executable, tmp_path)
    said = {name: [one for one in found if one.startswith(name)] for name in cases}
    assert said["good"] == [] and all(said[name] for name in cases if name != "good"), found
    assert "so it is" in said["console"][0] and "no data" in said["broken"][0] and "axe" in said["unnamed"][0]
