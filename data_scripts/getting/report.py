"""Summaries of what would be done and of what was made."""

import shlex
import shutil
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pooch

from getting import output
from getting.manifest import DataSet, Source
from getting.mirrors import Obtained
from learnit_core import names
from learnit_core.signals import prepared


def plan(
    data: DataSet, sources: Sequence[Source], path: Path | None, target: Path, cache: Path, arguments: Namespace
) -> str:
    """What would be fetched from where, how much room it takes, and what is there already."""
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
        lines.append(f"  download   {data.download}, into {cache} ({_free(cache)})")
    least, most = data.room(arguments.size, arguments.limit, sources)
    about = f"about {output.size(least)}" if least else "size not known"
    about += f" to {output.size(most)}" if most > least else ""
    lines.append(f"  prepared   {about}, in {target} ({_free(target.parent)})")
    if target.exists():
        what = "a prepared set" if prepared.is_prepared(target) else "and is no prepared set: choose another place"
        lines.append(f"  note       {target} is there already, {what}")
    return "\n".join(map(names.shown, [*lines, "Nothing was done (--dry-run)."]))


def summary(folder: Path) -> str:
    """What a prepared set is."""
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
    for entry in about["origin"]:
        lines.append(f"  from       {entry['where']}: {entry['sum']}")
    use = f"Use it: LEARNIT_DATA={shlex.quote(str(folder))} {about.get('use', 'make demo')}"
    return "\n".join(map(names.shown, [*lines, use]))


def origin(obtained: Obtained) -> list[dict[str, Any]]:
    """Where each file came from, and what its sum proves."""
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


def _free(folder: Path) -> str:
    return f"{output.size(shutil.disk_usage(output.existing(folder)).free)} free"
