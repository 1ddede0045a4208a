"""What all the scripts do alike: arguments, terms, room on the disk, locks, one summary, errors in one sentence."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pooch

from getting import manifest, mirrors, output
from getting.manifest import DataSet
from getting.mirrors import Obtained
from learnit_core.errors import LearnitError
from learnit_core.signals import prepared

Make = Callable[[Obtained, Path], dict[str, Any]]
"""``make(obtained, folder)`` writes a set's files into the folder; returns name, kind, splits, note and the like."""


PYTHON = """By `python` the project's own is meant: .venv/bin/python. Or let make find it, and set it up if need be:
make data SET=celeba ARGS='--dry-run' (SET is the script's name, ARGS what follows it)."""


def parser(description: str, epilog: str, *, size: int) -> argparse.ArgumentParser:
    """A parser with the arguments that all scripts share."""
    made = argparse.ArgumentParser(
        description=description, epilog=f"{epilog}\n\n{PYTHON}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--to", type=Path, metavar="FOLDER", help="where the prepared set goes (default: data/NAME)")
    made.add_argument("--size", type=int, default=size, help=f"side of the pictures in pixels (default: {size})")
    made.add_argument("--limit", type=int, metavar="N", help="prepare only N of them, chosen by --seed: a sample")
    made.add_argument(
        "--seed", type=int, default=0, help="draws splits and samples where there is a choice (default: 0)"
    )
    made.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    return made


def downloads(made: argparse.ArgumentParser) -> None:
    """The arguments of scripts that download."""
    made.add_argument("--from", dest="path", type=Path, metavar="PATH",
                      help="use this file or folder, which you already have, and download nothing")  # fmt: skip
    made.add_argument("--source", metavar="NAME", help="use only this one of the sources (--dry-run lists them)")
    made.add_argument("--accept-terms", action="store_true", help="you have read the set's terms and accept them")
    made.add_argument("--keep-downloads", action="store_true",
                      help="keep the archives, to prepare the set again in another size")  # fmt: skip
    made.add_argument("--manifest", type=Path, default=manifest.DEFAULT, metavar="FILE",
                      help="another list of sources, for example of a mirror near you")  # fmt: skip


def run(main: Callable[[Sequence[str] | None], None], arguments: Sequence[str] | None = None) -> int:
    """Run a script; returns its exit code, and prints errors as the one sentence that they are."""
    name = Path(sys.argv[0]).stem
    try:
        main(arguments)
        return 0
    except LearnitError as error:
        print(f"{name}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\n{name}: stopped. Run the same command again to go on.", file=sys.stderr)
        return 130
    except OSError as error:
        if error.errno not in output.FULL:
            raise
        where = f" ({error.filename})" if error.filename else ""
        print(
            f"{name}: the disk is full{where}. What was downloaded is kept, the half-made set is not: make room, or "
            "choose another place with --to or a smaller --size or --limit, and run the same command again.",
            file=sys.stderr,
        )
    return 1


def prepare(arguments: argparse.Namespace, data: DataSet, options: dict[str, Any], make: Make, room: int) -> None:
    """Make one set, from what is fetched or was there, in the folder asked for; print what was made.

    ``options`` decide the result: a set that is there already with the same ones is left as it is. ``room`` is about
    how many bytes the set will have.
    """
    if arguments.size < 4 or (arguments.limit is not None and arguments.limit < 10):
        raise LearnitError(
            f"size {arguments.size}, limit {arguments.limit}: expected at least 4 pixels, and 10 of them"
        )
    target = arguments.to or Path("data") / data.key
    path = getattr(arguments, "path", None)
    options = {"size": arguments.size, "limit": arguments.limit, "seed": arguments.seed} | options
    sources = _sources(arguments, data) if path is None else []
    if arguments.dry_run:
        return print(_plan(data, sources, path, target, room))
    cache = _cache()
    with ExitStack() as held:
        held.enter_context(output.locked(target.with_name(f".{target.name}.lock"), str(target)))
        if _is_there(target, options):
            print(f"{target} is there already; delete it to make it afresh.")
            return print(summary(target))
        if path is None:
            _check_terms(arguments, data)
            held.enter_context(output.locked(cache / f".{data.key}.lock", f"{data.key} from the same download"))
        elif not path.exists():
            raise LearnitError(f"there is nothing at {path}: expected a file or folder")
        download = max((sum(file.bytes for file in source.files) for source in sources), default=0)
        output.check_room({cache: download, target: room})
        obtained = Obtained(None, [path]) if path else mirrors.obtain(data, sources, cache, arguments.limit)
        with output.whole(target) as folder:
            about = {"name": data.key, "title": data.title, "licence": data.licence, "options": options}
            output.describe(folder, about | {"origin": _origin(obtained)} | make(obtained, folder))
        if not getattr(arguments, "keep_downloads", True):
            mirrors.remove(obtained, cache / data.key)
    print(summary(target))


def summary(folder: Path) -> str:
    """What a prepared set is, in a few lines."""
    about = prepared.describe(folder)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    lines = [about["title"]]
    for split in prepared.SPLITS:
        entry = about["splits"][split]
        shape = " x ".join(map(str, entry["shape"][1:]))
        lines.append(f"  {split:<11}{entry['count']:,} {about.get('unit', 'pictures')}, {shape}")
    left_out = [f"{about['copies']} exact copies"] if about.get("copies") else []
    left_out += [f"{len(about['skipped'])} that cannot be read: {', '.join(about['skipped'][:5])}"] * bool(
        about["skipped"]
    )
    lines += [f"  left out   {'; '.join(left_out)}"] * bool(left_out)
    lines += [f"  on disk    {output.size(size)} in {folder}"]
    lines += [f"  splits     {about['note']}", f"  licence    {about['licence']}"]
    for origin in about["origin"]:
        lines.append(f"  from       {origin['where']}: {origin['sum']}")
    return "\n".join(lines) + f"\nUse it: LEARNIT_DATA={folder} {about.get('use', 'make demo')}"


def _sources(arguments: argparse.Namespace, data: DataSet) -> list[manifest.Source]:
    found = [source for source in data.sources if arguments.source in (None, source.name)]
    if not found:
        names = ", ".join(source.name for source in data.sources)
        raise LearnitError(f"{data.key} has no source called {arguments.source!r}: expected one of {names}")
    return found


def _plan(data: DataSet, sources: Sequence[manifest.Source], path: Path | None, target: Path, room: int) -> str:
    lines = [data.title, f"  licence    {data.licence}"]
    if path is not None:
        lines.append(f"  from       {path}, which is here; nothing is downloaded")
    for number, source in enumerate(sources, 1):
        sizes = sum(file.bytes for file in source.files)
        sums = "sum known" if source.files and all(file.known_hash for file in source.files) else "no sum known"
        size = f"{output.size(sizes)}, " if sizes else ""
        lines.append(f"  source {number}   {source.name}: {source.where}")
        lines.append(f"             {size}{sums}, last verified: {source.last_verified}. {source.note}")
    if sources:
        lines.append(f"  download   {data.download}, into {_cache()}")
    lines.append(f"  prepared   about {output.size(room)} in {target}" if room else f"  prepared   in {target}")
    return "\n".join([*lines, "Nothing was done (--dry-run)."])


def _is_there(target: Path, options: dict[str, Any]) -> bool:
    if not prepared.is_prepared(target):
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise LearnitError(f"{target} is there and is no prepared set: expected a new folder (--to)")
        if target.exists():
            target.rmdir()
        return False
    found = prepared.describe(target)["options"]
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


def _origin(obtained: Obtained) -> list[dict[str, Any]]:
    if obtained.source is None:
        return [{"where": str(path), "sum": "given with --from, not verified"} for path in obtained.paths]
    known = {file.name: file for file in obtained.source.files}
    entries = []
    for path in obtained.paths:
        file = known.get(path.name)
        entry = {"where": f"{obtained.source.name}, {file.url or path.name if file else path.name}"}
        if file and file.known_hash:
            entry["sum"] = f"{file.known_hash}, as recorded in the manifest"
        elif path.is_file():
            entry["sum"] = f"sha256:{pooch.file_hash(path)}, of what arrived: none is known to compare it with"
        else:
            entry["sum"] = "a folder, not verified"
        entries.append(entry)
    return entries


def _cache() -> Path:
    own = os.environ.get("LEARNIT_CACHE", "").strip()
    return (Path(own).expanduser() if own else Path(pooch.os_cache("learnit"))) / "downloads"
