"""docs/benchmarks.md, made of the records in docs/results/benchmarks.json.

python -m learnit_core.commands.upkeep.benchmarks            write it
python -m learnit_core.commands.upkeep.benchmarks --check    write nothing, and fail if it is out of date
"""

import argparse
import json
import sys

from learnit_core.commands.benchmarks import page

COMMAND = "python -m learnit_core.commands.upkeep.benchmarks"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns 1 if ``--check`` found the page out of date, else 0."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is out of date")
    check, text = parser.parse_args(arguments).check, page.page(json.loads(page.RECORDS.read_text("utf-8")))
    if page.PAGE.exists() and page.PAGE.read_text("utf-8") == text:
        return 0
    if check:
        print(f"docs/benchmarks.md is out of date: run `{COMMAND}`", file=sys.stderr)
        return 1
    page.PAGE.write_text(text, encoding="utf-8")
    print("wrote docs/benchmarks.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
