"""The explorer's module under its linter: files that are joined, told apart again in what is found."""

import pytest

from learnit_core.commands.upkeep import javascript
from learnit_core.errors import LearnitError
from learnit_core.explorer import assets

FILES = {
    "1_first.js": "const twice = (x) => 2 * x;\n",
    "2_second.js": "\nfunction render({ model }) {\n  model.set('x', twice(3));\n}\n",
    "3_third.js": "// The end.\nexport default { render };\nglobalThis.version = VERSION;\n",
}


def test_the_module_is_clean():
    assert javascript.findings(assets.files()) == []
    assert javascript.findings(FILES) == [], "names of other files are known"


@pytest.mark.parametrize("name, line", [("1_first.js", 2), ("2_second.js", 5), ("3_third.js", 4)])
@pytest.mark.parametrize(
    "fault, said",
    [
        ("undefinedName(1);", "'undefinedName' is not defined"),
        ("const forgotten = 1;", "'forgotten' is declared but never used"),
        ("function twice() {}", "twice"),
        ("const (;", "Unexpected token"),
    ],
)
def test_faults_are_told_by_file_and_line(name, line, fault, said):
    found = javascript.findings(FILES | {name: FILES[name] + fault + "\n"})
    assert any(said in told for told in found)
    assert any(told.startswith(f"{name}:{line}:") for told in found) or "twice" in fault


def test_an_undefined_name_in_the_real_module_fails_the_check(monkeypatch, capsys):
    files = assets.files()
    last = list(files)[-1]
    spoilt = files | {last: files[last] + "readNetwork();\n"}
    monkeypatch.setattr(assets, "files", lambda: spoilt)
    assert javascript.main() == 1
    line = files[last].count("\n") + 1
    assert f"learnit_core/explorer/module/{last}:{line}:1: 'readNetwork' is not defined" in capsys.readouterr().err
    monkeypatch.undo()
    assert javascript.main() == 0


def test_without_the_linter_it_is_said_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(javascript.shutil, "which", lambda *_, **__: None)
    with pytest.raises(LearnitError, match="expected the packages of learnit's extra `dev`"):
        javascript.findings(FILES)
    assert javascript.main() == 1 and "oxlint is missing" in capsys.readouterr().err


def test_a_linter_that_fails_is_no_clean_bill(monkeypatch):
    monkeypatch.setattr(javascript, "RULES", {"rules": {"no-undef": "sometimes"}})
    with pytest.raises(LearnitError, match="oxlint ended with"):
        javascript.findings(FILES)
