"""What the package's way of computing costs and buys: ``make bench``, resumable.

    make bench                                                      all parts; docs/benchmarks.md is made of them
    make bench ARGS='--parts ct --rounds 5'                         some parts
    make bench ARGS='--parts many networks --photographs DIR'       fits of crops of one's own photographs
    make bench ARGS='--quick --target out'                          every part in a few seconds, to see that it runs

Each part times a plain way and the package's in turns. A part that is done is kept under ``$LEARNIT_OUT/bench`` and not
made again unless its settings change or ``--again`` is given. Records go to ``benchmarks.json`` in the target.
"""

import argparse
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from learnit_core import experiments, metrics
from learnit_core.commands.benchmarks import everyday, many, page, scaling, sets
from learnit_core.commands.results import TARGET
from learnit_core.errors import LearnitError
from learnit_core.experiments import timing
from learnit_core.experiments.settings import Settings


def parts(given: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """What makes each part's record, by its name."""
    made = {}
    for name, one in experiments.ALL.items():
        if one.bench:
            made[name] = partial(one.bench, settings, rounds=given.rounds, size=given.size)
        made[f"everyday-{name}"] = partial(everyday.run, one, settings)
    about = {"photographs": given.photographs, "tiles": given.tiles, "minutes": given.minutes, "rounds": given.rounds}
    made |= {"many": partial(many.run, settings, **about), "networks": partial(sets.run, settings, **about)}
    made |= {f"scaling-{what}": partial(scaling.run, what, settings) for what in scaling.VALUES}
    return made | {"scaling-devices": partial(scaling.over_devices, settings)}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="learnit_core.commands.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of all but `everyday` and `scaling` (default 3)")
    parser.add_argument("--size", type=int, help="side of pictures and slices [pixels] (default: the paper's)")
    parser.add_argument("--parts", nargs="+", metavar="PART", help="which parts (default: all)")
    parser.add_argument("--photographs", type=Path, help="a folder, of `many` and `networks` (default: built-in)")
    parser.add_argument("--note", default="", help="what these photographs are, for the page")
    parser.add_argument("--tiles", type=int, default=10, help="each photograph is cut into N x N (default 10)")
    parser.add_argument("--minutes", type=float, default=5.0, help="to learn the start (default 5)")
    parser.add_argument("--target", type=Path, default=TARGET, help="folder to write to (default: docs/results)")
    parser.add_argument("--again", action="store_true", help="make parts that are kept once more")
    parser.add_argument("--quick", action="store_true", help="every loop of two steps, small shapes: does it run?")
    given = parser.parse_args()
    try:
        settings = Settings.from_env()
        if given.quick:
            settings = replace(settings, max_steps=min(2, settings.max_steps or 2))
            given.rounds, given.size = 1, given.size or 16
        settings.keep(given.target, TARGET)
        if given.rounds < 1:
            raise LearnitError(f"found --rounds {given.rounds}: expected 1 at least")
        if given.size is not None and given.target.resolve() == TARGET:
            raise LearnitError("--size is for a trial, and docs/results is of the paper's sizes: name a --target, too")
        made = parts(given, settings)
        if unknown := set(given.parts or ()) - set(made):
            raise LearnitError(f"no part is called {sorted(unknown)[0]!r}: expected some of {', '.join(made)}")
        for name in given.parts or made:
            keep(name, made[name], given, settings)
        collect(list(made), given.parts or list(made), given, settings)
    except LearnitError as error:
        parser.exit(1, f"{error}\n")


def keep(name: str, make: Any, given: argparse.Namespace, settings: Settings) -> None:
    """Make a part, unless one of the same settings is there."""
    file = settings.out / "bench" / f"{name}.json"
    own = ("photographs", "note", "tiles", "minutes") if name in ("many", "networks") else ()
    about = {"note": given.note} if "note" in own else {}
    own += () if name.startswith(("everyday", "scaling")) else ("rounds",)
    belongs_to = {one: str(getattr(given, one)) for one in ("size", *own)} | {"steps": settings.max_steps}
    belongs_to["versions"] = metrics.versions()
    found = _kept(file)
    if found.get("belongs_to") == belongs_to and not given.again:
        print(f"{name}: kept from {found['date']}")
        return
    others = timing.Others()
    report = {**make(), **about, **timing.about(), "busy_cores": others.cores(), "belongs_to": belongs_to}
    metrics.write_json(file, report)
    print(f"wrote {file}")


def _kept(file: Path) -> dict[str, Any]:
    """A part's record with what it belongs to, if a whole one is there."""
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("belongs_to"), dict) else {}


def collect(names: list[str], asked: list[str], given: argparse.Namespace, settings: Settings) -> None:
    """``benchmarks.json`` with the parts ``asked`` for as they were made here, and the others as they stood there; and
    the page beside the results."""
    target, file = given.target, given.target / "benchmarks.json"
    there = json.loads(file.read_text("utf-8"))["parts"] if file.exists() else {}
    for name in asked:
        found = _kept(settings.out / "bench" / f"{name}.json")
        belongs_to = found.pop("belongs_to", {})
        if belongs_to and belongs_to.get("steps") == settings.max_steps and belongs_to.get("size") == str(given.size):
            there[name] = found
    content = {"parts": {name: there[name] for name in names if name in there}}
    text = page.page(content)  # before anything is replaced
    metrics.write_json(file, content)
    place = page.PAGE if target.resolve() == TARGET else target / page.PAGE.name
    place.write_text(text, encoding="utf-8")
    print(f"wrote {file} and {place}")


if __name__ == "__main__":
    main()
