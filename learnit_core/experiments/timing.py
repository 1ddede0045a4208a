"""Timing two ways of computing the same, in turns within one run, so that a busy machine slows all of them alike."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from learnit_core import metrics
from learnit_core.experiments.settings import Settings


def in_turns(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, np.ndarray]:
    """Seconds of each call of each way, [rounds]. Compile them before."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            jax.block_until_ready(way())
            seconds[name].append(time.perf_counter() - began)
    return {name: np.asarray(found) for name, found in seconds.items()}


def compared(seconds: Mapping[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Median seconds of each way, and how many times as fast as ``plain`` it is: the median ratio of turns."""
    return {
        name: {
            "median_seconds": round(float(np.median(found)), 3),
            "times_as_fast": round(float(np.median(seconds["plain"] / found[: len(seconds["plain"])])), 2),
        }
        for name, found in seconds.items()
    }


def write(settings: Settings, experiment: str, report: Mapping[str, Any]) -> dict[str, Any]:
    """Write an experiment's ``report`` with device, versions and peak memory; returns all of it."""
    said = {"device": metrics.device(), "versions": metrics.versions(), **report}
    said["peak_memory_bytes"] = metrics.peak_memory_bytes()
    file = Path(settings.out) / "bench" / f"{experiment}.json"
    metrics.write_json(file, said)
    print(f"wrote {file}")
    return said
