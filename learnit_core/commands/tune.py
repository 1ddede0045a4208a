"""Choose optimiser, rate and steps for every initialisation on validation signals: ``make tune``, resumable.

Writes ``learnit_core/experiments/NAME/tuned.json``: the grid, every validation score, the choice, seed and command.
Drafts under ``$LEARNIT_OUT/tune`` let an interrupted run go on; a draft replaces the file when it is complete. What the
file has for this grid and these initialisations is kept: delete cells there to choose them anew.
"""

import argparse
from pathlib import Path

from learnit_core import experiments
from learnit_core.errors import LearnitError
from learnit_core.experiments import tuned
from learnit_core.experiments.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="learnit_core.commands.tune", description=__doc__.splitlines()[0])
    names = list(experiments.ALL)
    profiles = list(dict.fromkeys(name for one in experiments.ALL.values() for name in one.tuned()))
    parser.add_argument("--experiments", nargs="+", default=names, choices=names)
    parser.add_argument("--profiles", nargs="+", choices=profiles, help="only these (default: all that are shipped)")
    parser.add_argument("--target", type=Path, help="folder for NAME_tuned.json (default: the package's own files)")
    arguments = parser.parse_args()
    try:
        settings = Settings.from_env()
        for name in arguments.experiments:
            file = tuned.file_of(name)
            settings.keep((arguments.target or file.parent), file.parent)
            target = arguments.target / f"{name}_tuned.json" if arguments.target else file
            tuned.tune(experiments.ALL[name], settings, target, arguments.profiles)
    except LearnitError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
