"""What all scripts share: arguments, terms, room on the disk, locks, one summary, errors in one sentence."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from getting import manifest, mirrors, output, report
from getting.kinds import Damaged
from getting.manifest import DataSet
from getting.mirrors import Obtained
from learnit_core import names
from learnit_core.errors import LearnitError
from learnit_core.signals import cache, prepared

Make = Callable[[Obtained, Path], dict[str, Any]]
"""``make(obtained, folder)`` writes a set's files into the folder; returns name, kind, splits, note and the like."""


PYTHON = """By `python` the project's own is meant: .venv/bin/python. Or let make find it, and set it up if need be:
make data SET=celeba ARGS='--dry-run' (SET is the script's name, ARGS what follows it)."""


def to_path(text: str) -> Path:
    """A path as an argument: no shell replaces the ~ in --from=~/x."""
    return Path(os.path.expanduser(text))  # noqa: PTH111, unlike Path's it leaves unknown users alone


def parser(description: str, epilog: str, *, size: int) -> argparse.ArgumentParser:
    """A parser with the arguments that all scripts share."""
    made = argparse.ArgumentParser(
        description=description, epilog=f"{epilog}\n\n{PYTHON}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--to", type=to_path, metavar="FOLDER", help="where the prepared set goes (default: data/NAME)")
    made.add_argument("--size", type=int, default=size, help=f"side of the pictures in pixels (default: {size})")
    made.add_argument("--limit", type=int, metavar="N", help="prepare only N of them, chosen by --seed: a sample")
    made.add_argument(
        "--seed", type=int, default=0, help="draws splits and samples where there is a choice (default: 0)"
    )
    made.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    return made


def downloads(made: argparse.ArgumentParser) -> None:
    """The arguments of scripts that download."""
    made.add_argument(
        "--from",
        dest="path",
        type=to_path,
        metavar="PATH",
        help="use this file or folder, which you already have, and download nothing",
    )
    made.add_argument("--source", metavar="NAME", help="use only this one of the sources (--dry-run lists them)")
    made.add_argument("--accept-terms", action="store_true", help="you have read the set's terms and accept them")
    made.add_argument(
        "--keep-downloads", action="store_true", help="keep the archives, to prepare the set again in another size"
    )
    made.add_argument(
        "--manifest",
        type=to_path,
        default=manifest.DEFAULT,
        metavar="FILE",
        help="another list of sources, for example of a mirror near you",
    )


def run(main: Callable[[Sequence[str] | None], None], arguments: Sequence[str] | None = None) -> int:
    """Run a script; returns its exit code, and prints errors as the one sentence that they are."""
    name = Path(sys.argv[0]).stem
    names.print_anything()
    try:
        main(arguments)
        sys.stdout.flush()
        return 0
    except LearnitError as error:
        problem = str(error)
    except KeyboardInterrupt:
        print(f"\n{name}: stopped. Run the same command again to go on.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `… | head` has read enough; what is left to be written would fail, too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        if error.errno in output.FULL:
            problem = (
                f"the disk is full{where}. What was downloaded is kept, the half-made set is not: make room, or choose "
                "another place with --to or a smaller --size or --limit, and run the same command again."
            )
        elif error.filename:
            problem = f"{error.filename}: {error.strerror}"
        else:
            raise
    print(names.lines(f"{name}: {problem}"), file=sys.stderr)
    return 1


def prepare(
    arguments: argparse.Namespace,
    data: DataSet,
    make: Make,
    *,
    choose: mirrors.Choose = mirrors.everything,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Make one set, from what is fetched or was there, in the folder asked for; print what was made.

    ``choose`` is asked by sources that can send a part of the set. ``options`` decide the result, beside those of all
    scripts: a set that is there already is left as it is if it was made with the same ones.
    """
    _check(arguments, data)
    target, path = arguments.to or Path("data") / data.key, arguments.path
    sources = _sources(arguments, data) if path is None else []
    downloads = cache.folder() / "downloads" if path is None else Path()
    if arguments.dry_run:
        return print(report.plan(data, sources, path, target, downloads, arguments))
    options = {name: getattr(arguments, name) for name in ("size", "limit", "seed")} | dict(options or {})
    options |= {"from": str(path.resolve()) if path else None, "source": getattr(arguments, "source", None)}
    with ExitStack() as held:
        held.enter_context(output.locked(target.with_name(f".{target.name}.lock"), str(target)))
        if _is_there(target, options):
            print(names.shown(f"{target} is there already; delete it to make it afresh."))
            return print(report.summary(target))
        output.clear(target)
        if path is None:
            _check_terms(arguments, data)
            held.enter_context(output.locked(downloads / f".{data.key}.lock", f"{data.key} from the same download"))
            left = max((_left(source, downloads / data.key) for source in sources), default=0)
            room, _ = data.room(arguments.size, arguments.limit, sources)  # at least; exactly when it is all here
            output.check_room({downloads: left, target: room})
            obtained = mirrors.obtain(data, sources, downloads, mirrors.Wanted(arguments.limit, choose))
        else:
            obtained = Obtained(None, [path])  # how many there are, and so the room, is known when it is opened
        with output.whole(target) as folder:
            about = {"name": data.key, "title": data.title, "licence": data.licence, "options": options}
            output.describe(folder, about | {"origin": report.origin(obtained)} | _made(make, obtained, folder))
        if path is None and not arguments.keep_downloads:
            mirrors.remove(data, downloads)
    print(report.summary(target))


def _check(arguments: argparse.Namespace, data: DataSet) -> None:
    """Raise ``LearnitError`` if the arguments cannot be satisfied."""
    if not names.is_plain(data.key):
        raise LearnitError(f"the set's name {data.key!r} would be a path: expected letters, digits, - and _")
    if not 4 <= arguments.size <= 4096:
        raise LearnitError(f"--size is {arguments.size}; expected 4 to 4096 pixels")
    if arguments.limit is not None and arguments.limit < data.fewest:
        raise LearnitError(f"--limit is {arguments.limit}; expected {data.fewest} at least, for three splits")
    if arguments.seed < 0:
        raise LearnitError(f"--seed is {arguments.seed}; expected 0 or more")
    if arguments.to is not None and arguments.to.name in ("", ".."):  # as it is of "."
        raise LearnitError(f"--to is {arguments.to}; expected the name of a new folder, such as {Path('data/mine')}")
    if arguments.path is not None and not arguments.path.exists():
        raise LearnitError(f"there is nothing at {arguments.path}: expected a file or folder")


def _left(source: manifest.Source, folder: Path) -> int:
    """Bytes that are still to be downloaded, as far as they are known."""
    here = (folder / source.name).rglob("*")
    total = sum(file.bytes for file in source.files)
    return max(0, total - sum(file.stat().st_size for file in here if file.is_file()))


def _made(make: Make, obtained: Obtained, folder: Path) -> dict[str, Any]:
    """What ``make`` returns; a damaged file that was downloaded is removed, so that the next run fetches another."""
    try:
        return make(obtained, folder)
    except Damaged as error:
        if obtained.source is None:
            raise
        if error.path.is_file():
            error.path.unlink()
        raise LearnitError(
            f"{error}. It came from {obtained.source.name} and was removed: run the same command again to fetch it "
            "afresh, or choose another place with --source"
        ) from None


def _sources(arguments: argparse.Namespace, data: DataSet) -> list[manifest.Source]:
    found = [source for source in data.sources if arguments.source in (None, source.name)]
    if not found:
        names = ", ".join(source.name for source in data.sources)
        raise LearnitError(f"{data.key} has no source called {arguments.source!r}: expected one of {names}")
    return found


def _is_there(target: Path, options: dict[str, Any]) -> bool:
    if not prepared.is_prepared(target):
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise LearnitError(f"{target} is there and is no prepared set: expected a new folder (--to)")
        if target.exists():
            target.rmdir()
        return False
    found = prepared.describe(target).get("options", {})
    if found != options:
        differing = [name for name in options if found.get(name) != options[name]]
        raise LearnitError(
            f"{target} is there, but was made otherwise: "
            + "; ".join(f"{name} is {found.get(name)!r} there, {options[name]!r} here" for name in differing)
            + ". Choose another place with --to, or delete the folder"
        )
    return True


def _check_terms(arguments: argparse.Namespace, data: DataSet) -> None:
    if data.accept_terms and not arguments.accept_terms:
        raise LearnitError(
            f"{data.title} comes with terms: {data.licence}. Nothing was downloaded. If you accept them, run the same "
            "command with --accept-terms"
        )
