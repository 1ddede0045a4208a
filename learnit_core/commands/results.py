"""The full tables with three meta-training seeds: ``make results``, resumable.

Every experiment's part writes ``docs/results/NAME.json`` and ``NAME.md``, and keeps what is done under
``$LEARNIT_OUT/results``, so that an interrupted run goes on. The short tables in README.md are written from the same
numbers.
"""

import argparse
import re
from pathlib import Path

import learnit_core
from learnit_core import experiments
from learnit_core.errors import LearnitError
from learnit_core.experiments import report
from learnit_core.experiments.settings import Settings

SEEDS = (0, 1, 2)
TARGET = Path(learnit_core.__file__).parents[1] / "docs" / "results"


def into_readme(text: str, block: str, experiment: str) -> str:
    """README's ``text`` with ``block`` between the two comments of an experiment's results."""
    between = re.compile(rf"(?<=<!-- {experiment} results -->\n).*?(?=<!-- end of {experiment} results -->)", re.DOTALL)
    return between.sub(lambda _: block + "\n", text)


def main() -> None:
    parser = argparse.ArgumentParser(prog="learnit_core.commands.results", description=__doc__.splitlines()[0])
    names = list(experiments.ALL)
    parser.add_argument("--target", type=Path, default=TARGET, help="folder to write to (default: docs/results)")
    parser.add_argument("--experiments", nargs="+", default=names, choices=names)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS), help="of meta-training (default: 0 1 2)")
    arguments = parser.parse_args()
    try:
        settings = Settings.from_env()
        settings.keep(arguments.target, TARGET)
        for name in arguments.experiments:
            results = experiments.ALL[name].results
            content = report.run(experiments.ALL[name], settings, arguments.target, arguments.seeds)
            tell(arguments.target, results.verdicts(content["results"]), results.summary(content), name)
    except LearnitError as error:
        parser.exit(1, f"{error}\n")


def tell(target: Path, verdicts: list[str], summary: str, experiment: str) -> None:
    """Print the verdicts; with results that the project keeps, bring README.md's table up to date."""
    readme = TARGET.parents[1] / "README.md"
    if target.resolve() == TARGET and readme.exists():
        readme.write_text(into_readme(readme.read_text("utf-8"), summary, experiment), encoding="utf-8")
    print("\n".join(verdicts))
    print(f"wrote {target / experiment}.md and .json")


if __name__ == "__main__":
    main()
