"""``make site``: the notebooks as they were run, live explorers, interfaces and results, as pages without a server.

python -m learnit_core.commands.website                 build it from what was run: among the results, site/html/
python -m learnit_core.commands.website --execute       first run notebooks that are missing; an ended one goes on
python -m learnit_core.commands.website --execute 01    run this one only, and build nothing

Notebooks are run as students get them, in the profile `quick` unless LEARNIT_PROFILE says otherwise; LEARNIT_MAX_STEPS
tries it in short. Broken links, pictures without alternative text, and errors on the console are errors.
"""

import argparse
import logging
import os
import sys
import time
from pathlib import Path

from learnit_core.commands.execution import NotebookFailed
from learnit_core.commands.repository import ROOT, absolute_environment, find_notebook, notebooks
from learnit_core.commands.website import executed
from learnit_core.errors import LearnitError


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 1 if site or notebook have faults, 2 if it cannot be made here."""
    parser = argparse.ArgumentParser(prog="site", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--execute", nargs="*", metavar="NOTEBOOK", help="run notebooks: these, or all that are missing"
    )
    parser.add_argument("--anew", action="store_true", help="with --execute: run also those that are there")
    parser.add_argument("--fold", action="store_true", help="fold all code to begin with")
    parser.add_argument("--out", type=Path, help="where the site goes (default: site/ among the results)")
    options = parser.parse_args(arguments)
    logging.getLogger("jax").setLevel(logging.ERROR)
    started = time.monotonic()
    env = absolute_environment(dict(os.environ))
    folder = options.out or Path(env["LEARNIT_OUT"]) / "site"
    ran = folder / "executed"
    try:
        if options.execute is not None:
            chosen = [_source(name) for name in options.execute] or None
            count = executed.run_all(ran, env, chosen, anew=options.anew)
            print(f"{count} notebooks run in {(time.monotonic() - started) / 60:.1f} minutes")
            if chosen:
                return 0
        return _built(folder, ran, env, fold=options.fold)
    except LearnitError as error:
        print(f"site: {error}", file=sys.stderr)
        return 1
    except NotebookFailed as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("sphinx", "myst_nb", "furo"):
            raise
        print(f"site: {error.name} is not installed: run `make site`, or pip install '.[site]'", file=sys.stderr)
        return 2


def _source(name: str) -> Path:
    """The source of the notebook that ``name`` means, which may be the .ipynb beside it."""
    path = find_notebook(name).with_suffix(".py")
    if path not in notebooks():
        raise LearnitError(f"{name!r} is no notebook of the site: expected one of {ROOT / 'notebooks'}")
    return path


def _built(folder: Path, ran: Path, env: dict[str, str], *, fold: bool) -> int:
    from learnit_core.commands.website import build

    started = time.monotonic()
    if lines := build.report(executed.states(ran, env)):
        print(lines)
    home = build.build(folder, ran, env, fold=fold)
    print(f"built in {(time.monotonic() - started) / 60:.1f} minutes; now it is looked at")
    found = build.checked(home.parent)
    for fault in found:
        print(f"  {fault}", file=sys.stderr)
    if found:
        print(f"site: {len(found)} faults in {home.parent}: expected none", file=sys.stderr)
        return 1
    print(f"{build.size(home.parent)}; {(time.monotonic() - started) / 60:.1f} minutes\nOpen {home}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
