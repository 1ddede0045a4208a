"""What helps on a GPU, measured in one go: command buffers, donated memory, more work in a program, more rounding.

    python -m learnit_core.commands.gpu --out out/gpu

Measures, by settings of the compiler in a process each: how fast the device multiplies matrices; the paper's outer step
(MAML, 178 x 178), with tasks one by one and at once, ten steps in a program and one, weights donated and not; and fits
of many signals (`many.fit_many`, colour pictures of 32 x 32 and grey ones of 178 x 178) by the number under one vmap,
to the arrays that come back. ``report.json`` holds seconds, signals a second, and which fraction of the matrix rate
that is; it is written after every measurement, and what is there is not measured again. On a processor it is a trial.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from learnit_core import evaluate, losses, many, memory, meta, metrics, models
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import image, precision, runs, timing
from learnit_core.experiments.settings import keep_compiled
from learnit_core.structures import Pixels, rated

COMMANDS = "FUSION,CUBLAS,CUBLASLT,CUSTOM_CALL,CUDNN,DYNAMIC_SLICE_FUSION"
FLAGS = {
    "usual": "",
    "no command buffers": "--xla_gpu_enable_command_buffer=",
    "small command buffers": "--xla_gpu_graph_min_graph_size=1",
    "loops in command buffers": f"--xla_gpu_enable_command_buffer={COMMANDS},CONDITIONAL,WHILE",
}
"""Settings of the compiler (XLA_FLAGS). A command buffer is launched at once in place of its kernels one by one."""

FITTED = {32: (3, 64, 4, 30.0, (1, 64, 512, 4096)), 178: (1, 256, 5, 200.0, (1, 8, 32))}
"""By side: channels, width, depth and w0 of the networks, and numbers of signals under one vmap."""

STEPS = {32: 3, 178: 2}
ROUNDS = 3
PROFILE = image.PROFILES["paper"]


def measurements(only: Sequence[str], flags: str, small: bool) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Names, and what measures them. With other ``flags`` than the usual ones only what they can change."""
    usual = flags == "usual"
    precisions = ("highest", "tensorfloat32") if usual else ("highest",)
    if "rate" in only:
        for name in precisions:
            yield f"matrix rate, {precision.PRECISIONS[name]}", functools.partial(rate, name, small)
    if "step" in only:
        for name in precisions:
            for over in ("map", "vmap"):
                said = f"outer step, {over}, {precision.PRECISIONS[name]}"
                yield said, functools.partial(outer_step, name, over, small=small)
        yield "outer step, map, one a program", functools.partial(outer_step, "highest", "map", 1, small=small)
        if usual:
            yield "outer step, map, donated", functools.partial(outer_step, "highest", "map", donate=True, small=small)
    if "fits" in only:
        for side, (*_, blocks) in FITTED.items():
            for name in precisions:
                for block in blocks[:2] if small else blocks:
                    said = f"fits {side} x {side}, {block} at once, {precision.PRECISIONS[name]}"
                    yield said, functools.partial(fits, side, block, name, small=small)


def rate(name: str, small: bool) -> dict[str, Any]:
    """Matrix products of the paper's network and of small ones [TFLOP/s]; None where the device has not this kind."""
    shapes = {"178": (64 if small else PROFILE.size**2, 256), "32": (64 if small else 64 * 32**2, 64)}
    found = {side: precision.matrix_rate(name, *shape) for side, shape in shapes.items()}
    return {"tflops": {side: one and one[0] for side, one in found.items()}}


def outer_step(
    name: str, over: str, a_program: int = 10, *, donate: bool = False, small: bool = False
) -> dict[str, Any]:
    """Seconds of one of ten outer steps of the paper's MAML."""
    profile = replace(PROFILE, **({"size": 8, "width": 8} if small else {})).at(name)
    field, optimizer = image.field_for(profile, 1), runs.outer_optimizer(profile)
    grad, number = image.meta_grad_for(profile, field, "maml"), 2 if small else 10
    a_program = min(a_program, number)
    data = jax.random.uniform(jax.random.key(0), (8, profile.size, profile.size, 1))

    def advance(state, data, key):
        how = {"optimizer": optimizer, "num_steps": a_program, "over_tasks": over}
        return meta.meta_steps(grad, image.sampler(profile.maml_batch), data, state, key, **how)[0]

    state = meta.init_state(field.init(jax.random.key(1)), optimizer)
    arguments = state, data, jax.random.key(2)
    work = precision.operations(advance, *arguments) // a_program
    program, seconds = timing.compiled(advance, *arguments, donate_argnums=0 if donate else ())

    def steps():
        nonlocal state
        for _ in range(number // a_program):
            state = program(state, *arguments[1:])
        jax.block_until_ready(state)

    found = timed(steps, work * number)
    temporaries = memory.temporaries(program)
    return found | {"seconds": found["seconds"] / number, "compile_seconds": seconds, "temporaries_bytes": temporaries}


def fits(side: int, block: int, name: str, *, small: bool = False) -> dict[str, Any]:
    """Signals a second of :func:`learnit_core.many.fit_many`, with what is sent to the device and back."""
    channels, width, depth, w0, _ = FITTED[side]
    side, width = (4, 8) if small else (side, width)
    field = models.siren(2, channels, width=width, depth=depth, w0=w0, precision=name)
    coords = models.pixel_grid(side, side)

    def batch_of(picture):
        return Pixels(coords, picture.reshape(-1, channels).astype(jnp.float32) / 255)

    loss, score = losses.regression_loss(field), evaluate.regression_score(field, clip=False)
    recipe = many.Recipe(loss, Setting("learned", 1.0), 2 if small else STEPS[side], None, batch_of, score)
    start, count = rated(field.init(jax.random.key(0)), 1e-2), 2 * block if block > 1 else 4
    data = np.random.default_rng(0).integers(0, 256, (count, side, side, channels), np.uint8)
    keys = jax.random.split(jax.random.key(1), count)
    program = functools.partial(many._fit_rows, recipe, block=1)
    work = precision.operations(program, start, data, keys)
    found = timed(lambda: many.fit_many(recipe, start, data, keys[0], block=block, chunk=block), work)
    return found | {"signals_a_second": count / found["seconds"]}


def timed(call: Callable[[], Any], operations: int) -> dict[str, Any]:
    """The median seconds of some calls after a first one, and the operations of matrix products a second."""
    call()
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    median = float(np.median(seconds))
    return {"seconds": median, "tflops": operations / median / 1e12}


def measure(out: Path, flags: str, only: Sequence[str], small: bool) -> None:
    """All measurements of this process, each written when it is made; one that fails says why."""
    keep_compiled()
    file, device = out / "report.json", metrics.device()
    about = {"device": device, "versions": metrics.versions(), "trial": small}
    kept = read(file) or about | {"measured": {}}
    for name, own in about.items():
        if kept.get(name) != own:
            raise LearnitError(f"{name} is {kept.get(name)} in {file}, and {own} here: name another folder with --out")
    mine = kept["measured"].setdefault(flags, {})
    for name, call in measurements(only, flags, small):
        if name in mine:
            continue
        try:
            mine[name] = call()
        except (ValueError, RuntimeError) as error:  # a precision that is not offered, or no memory
            mine[name] = {"failed": str(error).splitlines()[0][:200]}
        metrics.write_json(file, kept)
        print(f"{flags}: {name}: {mine[name]}", flush=True)


def read(file: Path) -> dict[str, Any] | None:
    """An earlier run's report. Raises LearnitError if it is none."""
    if not file.exists():
        return None
    try:
        kept = json.loads(file.read_text("utf-8"))
        kept["measured"], kept["device"]
    except (ValueError, KeyError, TypeError):
        raise LearnitError(f"{file} is no report of this command: name another folder with --out") from None
    return kept


def table(kept: dict[str, Any]) -> str:
    """The report as Markdown; fractions are of the matrix rate of float32 or TF32 in the usual settings."""
    rates = {
        n.rpartition(", ")[2]: one["tflops"]
        for n, one in kept["measured"].get("usual", {}).items()
        if n.startswith("matrix rate") and "tflops" in one
    }
    lines = ["| compiler | what | seconds | signals/s | TFLOP/s | of the matrix rate |", "|---" * 6 + "|"]
    for flags, mine in kept["measured"].items():
        for name, one in mine.items():
            if name.startswith("matrix rate"):
                continue
            if "failed" in one:
                lines.append(f"| {flags} | {name} | {one['failed']} | | | |")
                continue
            limit = (rates.get(name.rpartition(", ")[2]) or rates.get("float32", {})).get(
                "32" if "32 x" in name else "178"
            )
            share = f"{one['tflops'] / limit:.0%}" if limit else "–"
            signals = f"{one['signals_a_second']:,.0f}" if "signals_a_second" in one else "–"
            lines.append(f"| {flags} | {name} | {one['seconds']:.3g} | {signals} | {one['tflops']:.3g} | {share} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="learnit_core.commands.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/gpu"), help="folder of the report (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=("rate", "step", "fits"), default=["rate", "step", "fits"])
    parser.add_argument("--flags", nargs="+", choices=list(FLAGS), default=list(FLAGS), help="settings of the compiler")
    parser.add_argument("--trial", action="store_true", help="tiny shapes and two steps, to see that all of it runs")
    parser.add_argument("--here", choices=list(FLAGS), help=argparse.SUPPRESS)  # a process of this command's own
    asked = parser.parse_args(arguments)
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
        if asked.here:
            measure(asked.out, asked.here, asked.only, asked.trial)
            return 0
        ended = []
        for flags in asked.flags:
            own = ["--out", str(asked.out), "--only", *asked.only, "--here", flags, *["--trial"] * asked.trial]
            environment = os.environ | {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {FLAGS[flags]}".strip()}
            done = subprocess.run([sys.executable, "-m", "learnit_core.commands.gpu", *own], env=environment)
            ended.append(done.returncode)
            if done.returncode:
                print(f"{flags}: ended with {done.returncode}; the others go on", file=sys.stderr)
        kept = read(asked.out / "report.json")
        if kept is None:
            return 1
        (asked.out / "report.md").write_text(f"{kept['device']}\n\n{table(kept)}\n", encoding="utf-8")
        print(table(kept))
        return 1 if any(ended) else 0
    except (LearnitError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
