"""Timing ways of computing the same, in turns within one run, so that a busy machine slows all of them alike; and the
machine's own rate of matrix products in that run, which no way can pass."""

import contextlib
import datetime
import functools
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.compilation_cache import compilation_cache

from learnit_core import metrics

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


def share(operations: int, seconds: np.ndarray, matrix: np.ndarray) -> dict[str, Any]:
    """What share of the machine's rate a program of so many ``operations`` has that takes ``seconds`` [turns], where
    the products of :func:`in_turns` take ``matrix`` [turns]. The rate is the best of its turns: nothing can pass it."""
    _, of_matrix = _matrix_products()
    best, worst = of_matrix / matrix.min(), of_matrix / matrix.max()
    return {
        "tflop": short(operations / 1e12),
        "matrix_tflops": short(best / 1e12),
        "matrix_tflops_at_worst": short(worst / 1e12),
        "of_the_rate": short(operations / float(np.median(seconds)) / best),
    }


@functools.cache
def _matrix_products(repeats: int = 8) -> tuple[Callable[[], Any], int]:
    """A compiled program of nothing but products of square matrices, and its operations."""
    side = SIDE.get(jax.default_backend(), 4096)
    a, b = (jax.random.normal(key, (side, side)) / np.sqrt(side) for key in jax.random.split(jax.random.key(0)))

    @jax.jit
    def chain(a, b):
        return jax.lax.scan(lambda x, _: (jnp.matmul(x, b, precision="highest"), None), a, length=repeats)[0]

    jax.block_until_ready(chain(a, b))
    return lambda: chain(a, b), repeats * 2 * side**3


def compiled(function: Callable, *arguments: Any, **how: Any) -> tuple[Callable, float]:
    """The compiled program, by ``jax.jit(function, **how)``, and the seconds that tracing and compiling took."""
    with nothing_kept():
        began = time.perf_counter()
        program = jax.jit(function, **how).lower(*arguments).compile()
        return program, time.perf_counter() - began


@contextlib.contextmanager
def nothing_kept() -> Iterator[None]:
    """In here programs are compiled, whatever was kept of them on disk in earlier runs."""

    def keep(programs: bool) -> None:
        jax.config.update("jax_enable_compilation_cache", programs)
        compilation_cache.reset_cache()  # JAX asks once whether there is one

    kept = jax.config.jax_enable_compilation_cache
    keep(False)
    try:
        yield
    finally:
        keep(kept)


def short(x: float) -> float:
    """Four digits."""
    return float(f"{x:.4g}")


def about() -> dict[str, Any]:
    """Day, device, processor and versions."""
    return {
        "date": datetime.date.today().isoformat(),
        "device": metrics.device(),
        "processor": processor(),
        "versions": metrics.versions(),
    }


class Others:
    """How many cores other processes keep busy from now on; children of this one are its own when they have ended."""

    def __init__(self):
        self.began = self._seconds()

    def cores(self) -> float | None:
        """The mean since then; None where psutil is not installed."""
        if self.began is None or (now := self._seconds()) is None:
            return None
        passed, busy = (after - before for after, before in zip(now, self.began, strict=True))
        return round(max(0.0, busy / passed), 1)

    @staticmethod
    def _seconds() -> tuple[float, float] | None:
        """Of the clock, and of processors that worked for others (the hypervisor's guests elsewhere among them)."""
        try:
            import psutil
        except ImportError:
            return None
        whole, own = psutil.cpu_times(), psutil.Process().cpu_times()
        idle = whole.idle + getattr(whole, "iowait", 0.0)
        mine = own.user + own.system + getattr(own, "children_user", 0.0) + getattr(own, "children_system", 0.0)
        # Guests' time is counted in user's, too.
        twice = getattr(whole, "guest", 0.0) + getattr(whole, "guest_nice", 0.0)
        return time.perf_counter(), sum(whole) - idle - twice - mine


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
