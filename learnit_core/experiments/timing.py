"""Timing ways of computing the same, in turns within one run, so that a busy machine slows all of them alike; and the
machine's own rate of matrix products in that run, which no way can pass."""

import datetime
import functools
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from learnit_core import metrics
from learnit_core.experiments import precision
from learnit_core.experiments.settings import Settings

SIDE = {"cpu": 1024}
"""Side of the square matrices whose products are a machine's rate: they fit a processor's cache, and elsewhere (4,096)
fill the device. Products of the programs' own shapes are slower where activations go to memory and back."""


def in_turns(ways: Mapping[str, Callable[[], Any]], rounds: int, *, matrix: bool = False) -> dict[str, np.ndarray]:
    """Seconds of each call of each way, [rounds]. Compile them before.

    With ``matrix`` the machine's own products take their turn, too, under this name. They are called twice and the
    second call counts: in the first one the caches are still full of what came before.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    if matrix:
        products, _ = _matrix_products()
        ways = {**ways, "matrix": products}
        seconds["matrix"] = []
    for _ in range(rounds):
        for name, way in ways.items():
            if matrix and name == "matrix":
                jax.block_until_ready(way())
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


def products_in(program: Callable, *arguments: Any) -> float:
    """Operations in the matrix products of ``program(*arguments)`` [TFLOP], counted as often as loops run."""
    return sum(precision.products(jax.make_jaxpr(program)(*arguments).jaxpr).values()) / 1e12


def share(tflop: float, seconds: np.ndarray, matrix: np.ndarray) -> dict[str, Any]:
    """What share of the machine's rate a program of ``tflop`` has that takes ``seconds`` [turns], where the products
    of :func:`in_turns` take ``matrix`` [turns]: the median over turns."""
    _, of_matrix = _matrix_products()
    return {
        "tflop": short(tflop),
        "matrix_tflops": short(of_matrix / float(np.median(matrix))),
        "of_the_rate": short(float(np.median(tflop / seconds * matrix / of_matrix))),
    }


@functools.cache
def _matrix_products(repeats: int = 8) -> tuple[Callable[[], Any], float]:
    """A compiled program of nothing but products of square matrices, and its operations [TFLOP]."""
    side = SIDE.get(jax.default_backend(), 4096)
    a, b = (jax.random.normal(key, (side, side)) / np.sqrt(side) for key in jax.random.split(jax.random.key(0)))

    @jax.jit
    def chain(a, b):
        return jax.lax.scan(lambda x, _: (jnp.matmul(x, b, precision="highest"), None), a, length=repeats)[0]

    jax.block_until_ready(chain(a, b))
    return lambda: chain(a, b), repeats * 2 * side**3 / 1e12


def short(x: float) -> float:
    """Four digits."""
    return float(f"{x:.4g}")


def about() -> dict[str, Any]:
    """Day, device and processor, its cores that work for others just now, and versions."""
    return {
        "date": datetime.date.today().isoformat(),
        "device": metrics.device(),
        "processor": processor(),
        "busy_cores": busy_cores(),
        "versions": metrics.versions(),
    }


def busy_cores(seconds: float = 1.0) -> float | None:
    """How many cores work during the next seconds, in which this process sleeps; None where psutil is not installed."""
    try:
        import psutil
    except ImportError:
        return None
    return round(sum(psutil.cpu_percent(seconds, percpu=True)) / 100, 1)


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
