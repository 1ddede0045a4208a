"""Lint the explorer's JavaScript: ``python -m learnit_core.commands.upkeep.javascript``, a part of ``make check``.

The files of the module are joined before a browser sees them, and use each other's names. So the joined text is what
oxlint reads; what it finds is told by file and line.
"""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path

from learnit_core.errors import LearnitError
from learnit_core.explorer import assets

RULES = {
    "env": {"browser": True, "es2024": True},
    "categories": {"correctness": "error", "suspicious": "error"},
    "rules": {
        "no-undef": "error",
        "no-var": "error",
        "prefer-const": "error",
        "eqeqeq": "error",
        "unicorn/prefer-add-event-listener": "off",  # every element has one handler of a kind
        "unicorn/consistent-function-scoping": "off",  # what a worker runs is the text of one function
    },
}
"""As in ``.oxlintrc.json`` (https://oxc.rs/docs/guide/usage/linter/config)."""

_FOUND = re.compile(r"module\.js:(\d+):(\d+): (.*)")


def findings(files: Mapping[str, str]) -> list[str]:
    """One line for each thing that oxlint finds in the module that ``files`` make: file, line, column and what it is.

    Raises LearnitError if oxlint is missing or cannot be run.
    """
    program = shutil.which("oxlint", path=sysconfig.get_path("scripts"))
    if program is None:
        raise LearnitError("oxlint is missing beside this Python: expected the packages of learnit's extra `dev`")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "module.js").write_text(assets.joined(files), encoding="utf-8")
        Path(folder, "rules.json").write_text(json.dumps(RULES), encoding="utf-8")
        command = [program, "--config=rules.json", "--format=unix", "--deny-warnings", "module.js"]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
    found = [(int(line), column, what) for line, column, what in _FOUND.findall(run.stdout)]
    if run.returncode and not found:
        raise LearnitError(f"oxlint ended with {run.returncode}: {(run.stderr or run.stdout).strip()}")
    # The first line is VERSION's; a file's last line feed and the one that joins make an empty line.
    lines = [("VERSION", 1)] + [(name, i) for name, text in files.items() for i in range(1, text.count("\n") + 2)]
    return [f"{lines[line - 1][0]}:{lines[line - 1][1]}:{column}: {what}" for line, column, what in sorted(found)]


def main() -> int:
    """Run the command; returns 1 if something was found, else 0."""
    try:
        found = findings(assets.files())
    except LearnitError as error:
        print(f"javascript: {error}", file=sys.stderr)
        return 1
    for line in found:
        print(f"learnit_core/explorer/module/{line}", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
