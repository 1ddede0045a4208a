"""Timing ways of computing the same, in turns within one run, so that a busy machine slows all of them alike; and the
machine's own rate of matrix products in that run, which no way can pass."""

import datetime
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from learnit_core import metrics
from learnit_core.experiments import precision
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
            "median_seconds": short(float(np.median(found))),
            "times_as_fast": round(float(np.median(seconds["plain"] / found[: len(seconds["plain"])])), 2),
        }
        for name, found in seconds.items()
    }


class Products(NamedTuple):
    """The matrix products of a program, and a program of nothing but products of the shape that most of them have.

    The latter, ``way``, is to be called in turns with the former.
    """

    shape: tuple[int, int]
    """Rows, and columns and rows of the other factor."""
    tflop: float
    way: Callable[[], Any]
    way_tflop: float

    def share(self, seconds: np.ndarray, products: np.ndarray) -> dict[str, Any]:
        """What share of the machine's rate a program has that takes ``seconds`` [turns], where ``way`` takes
        ``products`` [turns]: the median over turns."""
        return {
            "products_of": list(self.shape),
            "tflop": short(self.tflop),
            "matrix_tflops": short(self.way_tflop / float(np.median(products))),
            "of_the_rate": short(float(np.median(self.tflop / seconds * products / self.way_tflop))),
        }


def products_of(program: Callable, *arguments: Any) -> Products:
    """The products of ``program(*arguments)``; their operations count as often as loops run."""
    work = precision.products(jax.make_jaxpr(program)(*arguments).jaxpr)
    _, width, rows = sorted(max(work, key=work.__getitem__))
    one = 2 * rows * width**2 / 1e12
    repeats = int(np.clip(4e-3 / one, 2, 200))
    keys = jax.random.split(jax.random.key(0))
    a, b = jax.random.normal(keys[0], (rows, width)), jax.random.normal(keys[1], (width, width)) / np.sqrt(width)

    @jax.jit
    def chain(a, b):
        return jax.lax.scan(lambda x, _: (jnp.matmul(x, b, precision="highest"), None), a, length=repeats)[0]

    jax.block_until_ready(chain(a, b))
    return Products((rows, width), sum(work.values()) / 1e12, lambda: chain(a, b), repeats * one)


def short(x: float) -> float:
    """Four digits."""
    return float(f"{x:.4g}")


def about() -> dict[str, Any]:
    """Day, device and processor, its load in the last minute, and versions."""
    return {
        "date": datetime.date.today().isoformat(),
        "device": metrics.device(),
        "processor": processor(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "versions": metrics.versions(),
    }


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def write(settings: Settings, part: str, report: Mapping[str, Any]) -> dict[str, Any]:
    """Write a part's ``report`` with day, device, versions and peak memory; returns all of it."""
    said = {**about(), **report}
    said["peak_memory_bytes"] = metrics.peak_memory_bytes()
    file = Path(settings.out) / "bench" / f"{part}.json"
    metrics.write_json(file, said)
    print(f"wrote {file}")
    return said
