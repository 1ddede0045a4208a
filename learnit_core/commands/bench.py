"""What the core's way of computing buys: ``make bench``, a plain way and the core's in turns within one run.

What is timed, and what the plain way is, stands in ``bench.py`` of each experiment. Reports go to
``$LEARNIT_OUT/bench``.
"""

import argparse

from learnit_core import experiments
from learnit_core.errors import LearnitError
from learnit_core.experiments.settings import Settings


def main() -> None:
    timed = {name: one.bench for name, one in experiments.ALL.items() if one.bench}
    parser = argparse.ArgumentParser(prog="learnit_core.commands.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds; the medians are compared (default 3)")
    parser.add_argument("--size", type=int, help="side of pictures and slices [pixels] (default: the paper's)")
    parser.add_argument("--experiments", nargs="*", default=list(timed), choices=list(timed))
    arguments = parser.parse_args()
    try:
        settings = Settings.from_env()
        for name in arguments.experiments:
            timed[name](settings, rounds=arguments.rounds, size=arguments.size)
    except LearnitError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
