"""The metrics file: one JSON for each run of an experiment, in which every row records how it was obtained."""

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import jax
import numpy as np

from learnit_core import files
from learnit_core.errors import LearnitError

KEY = ("experiment", "trained_on", "data", "split", "init", "observations", "steps", "seed")
"""What identifies a measurement; several optimiser settings may stand under one key."""

PACKAGES = ("jax", "jaxlib", "optax", "numpy", "learnit")


def row(
    *,
    experiment: str,
    trained_on: str | None,
    data: str,
    split: str,
    init: str,
    observations: str,
    steps: int,
    psnr_per_signal: Any,
    seed: int,
    optimizer: str | None = None,
    learning_rate: float | None = None,
    tuned_on: str | None = None,
    steps_to_match: Any = None,
    in_table: bool = False,
    **extra: Any,
) -> dict[str, Any]:
    """One result: PSNR [dB] of each signal with mean and sample deviation, and how it was obtained.

    ``steps_to_match`` is one number a signal, or None. ``extra`` (JSON) is added unchanged.
    JSON has finite numbers only: an exact copy (infinite PSNR) counts as 100 dB, a fit that diverged (none) as 0 dB.
    Raises LearnitError for a PSNR of −∞, which is that of no signal.
    """
    if np.isneginf(np.asarray(psnr_per_signal, np.float64)).any():
        raise LearnitError("a PSNR is -inf dB: expected numbers, inf for an exact copy, or nan for a fit that diverged")
    scores = np.nan_to_num(np.asarray(psnr_per_signal, np.float64), nan=0.0, posinf=100.0)
    match = None if steps_to_match is None else np.asarray(steps_to_match, np.float64)
    return {
        "experiment": experiment,
        "trained_on": trained_on,
        "data": data,
        "split": split,
        "init": init,
        "observations": observations,
        "steps": steps,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "tuned_on": tuned_on,
        "psnr_db": _mean(scores),
        "psnr_std": _deviation(scores),
        "psnr_per_signal": [round(float(s), 3) for s in scores],
        "steps_to_match": None if match is None else _mean(match),
        "steps_to_match_std": None if match is None else _deviation(match),
        "num_signals": len(scores),
        "seed": seed,
        "in_table": in_table,
        **extra,
    }


def write(
    file: str | os.PathLike,
    *,
    notebook: str,
    profile: str,
    seed: int,
    precision: str,
    seconds: dict[str, float],
    results: list[dict[str, Any]],
    **extra: Any,
) -> dict[str, Any]:
    """Write ``file`` whole or not at all, with device, versions and peak memory added; returns what was written.

    Raises LearnitError if two rows claim the same cell of the main table.
    """
    cells = [tuple(r[k] for k in KEY) for r in results if r["in_table"]]
    if repeated := {cell for cell in cells if cells.count(cell) > 1}:
        raise LearnitError(f"two rows of {file} stand in one cell of the table: {sorted(map(str, repeated))[0]}")
    report = {
        "notebook": notebook,
        "profile": profile,
        "seed": seed,
        "device": device(),
        "versions": versions(),
        "precision": precision,
        "seconds": {name: round(s, 2) for name, s in seconds.items()},
        "peak_memory_bytes": peak_memory_bytes(),
        **extra,
        "results": results,
    }
    write_json(file, report)
    return report


def write_json(file: str | os.PathLike, content: Any) -> None:
    """Write JSON to ``file``, which is replaced only when the new content is complete."""
    with files.whole(file) as partial:
        partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def device() -> str:
    """The device JAX computes on, and how many processor cores there are."""
    kind = jax.devices()[0].device_kind
    return (
        f"{jax.default_backend()}: {kind}"
        if jax.default_backend() != "cpu"
        else (f"cpu: {platform.machine()}, {os.cpu_count()} cores")
    )


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that the numbers depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def peak_memory_bytes() -> int | None:
    """Peak memory so far: of the accelerator if it reports one, else of this process; None if unknown.

    Windows has no ``resource``; there it is read through psutil, if that is installed (extra ``notebooks``).
    """
    statistics = jax.devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in statistics:
        return int(statistics["peak_bytes_in_use"])
    try:
        import resource
    except ImportError:
        try:
            import psutil
        except ImportError:
            return None
        return getattr(psutil.Process().memory_info(), "peak_wset", None)
    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if platform.system() == "Darwin" else 1024)


def _mean(values: np.ndarray) -> float:
    return round(float(values.mean()), 3)


def _deviation(values: np.ndarray) -> float | None:
    return round(float(values.std(ddof=1)), 3) if len(values) > 1 else None
