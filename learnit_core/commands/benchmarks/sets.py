"""``make networks`` whole, from a folder to a folder, with fewer and with more steps."""

import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from learnit_core import networks
from learnit_core.commands import networks as command
from learnit_core.commands.benchmarks.many import AIM_DB
from learnit_core.commands.benchmarks.start import AT_RATES, SIZE, Start, start_of, work
from learnit_core.commands.pictures import read
from learnit_core.errors import LearnitError
from learnit_core.experiments import runs, timing
from learnit_core.experiments.settings import Settings

STEPS, AIM = (1, 2, 3, 5), {"psnr_db": AIM_DB, "median_seconds": 2.5e-3}
"""Steps of the fits; what they are to reach, and in how long a picture."""


def run(settings: Settings, *, photographs: Path | None, tiles: int, minutes: float, rounds: int) -> dict[str, Any]:
    """``make networks`` from files to a set on disk, on all other pictures, in some numbers of steps by turns.

    Reading, tracing, compiling, choosing a block and writing are counted; starting Python and learning the start are
    not. Raises LearnitError if a fit diverges.
    """
    start = start_of(settings, photographs, tiles, minutes)
    found: dict[str, networks.Networks] = {}
    with tempfile.TemporaryDirectory(dir=start.folder) as place:
        source, tiles = _source(start, Path(place) / "pictures", tiles)

        def whole(steps):
            pictures, names = read(source, size=SIZE, channels=start.unseen.shape[-1], tiles=tiles)
            shared = {"names": names, "setting": AT_RATES, "steps": steps, "progress": False}
            out = Path(tempfile.mkdtemp(dir=place))
            made = command.make(pictures, start.field, start.params, out, {}, **shared)
            if len(made) != len(start.unseen) or len(made.diverged):
                raise LearnitError(
                    f"{len(made)} networks, {len(made.diverged)} of them diverged: there is nothing to time"
                )
            found[str(steps)] = made

        def anew(steps):
            jax.clear_caches()
            with timing.nothing_kept():
                whole(steps)

        numbers = STEPS if settings.max_steps is None else (1, 2)
        ways = {str(steps): functools.partial(anew, steps) for steps in numbers}
        taken = timing.in_turns(ways, settings.cap(rounds), matrix=True)
        scores = {steps: made.scores for steps, made in found.items()}
    matrix, records = taken.pop("matrix"), {}
    for steps, seconds in taken.items():
        each = seconds / len(start.unseen)
        records[steps] = {
            "median_seconds": timing.short(float(np.median(each))),
            "psnr_db": round(float(scores[steps].mean()), 2),
            "worst_psnr_db": round(float(scores[steps].min()), 2),
            "block": found[steps].about["block"],
            "limit": timing.share(work(start, int(steps)), each, matrix),
        }
        way = records[steps]
        print(f"networks, {steps} steps: {1e3 * way['median_seconds']:.2f} ms a picture, {way['psnr_db']:.2f} dB")
    about = {**start.about, "checksum": runs.checksum(start.unseen), "fitted": len(start.unseen)}
    about |= {"files": len(start.files), "shape": list(start.unseen.shape[1:]), "rounds": settings.cap(rounds)}
    return {**about, "steps": records, "aim": AIM}


def _source(start: Start, folder: Path, tiles: int) -> tuple[Path, int]:
    """What ``make networks`` is to read, and into how many tiles a side: copies of the photographs, or an array."""
    folder.mkdir()
    for i, file in enumerate(start.files):
        shutil.copy(file, folder / f"{i:06}{file.suffix}")
    if start.files:
        return folder, tiles
    np.save(folder / "pictures.npy", start.unseen)
    return folder / "pictures.npy", 1
