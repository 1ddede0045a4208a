"""MAML whose inner steps see a part of the pixels: temporaries, time, and what fits on all pixels reach.

    python docs/studies/pixels.py --photographs FOLDER

For text (the profile ``quick`` of notebook 01, 32 x 32) and for pieces of 64 x 64 of the photographs in a folder (one
in five is kept apart): 2 and 8 inner steps on 100, 50, 25 and 10 % of the pixels. The query sees all of them, and so do
the fits of unseen pictures, which take as many steps. Temporaries are those of the compiled meta-gradient of a task.
Resumable: every row is kept in ``docs/studies/pixels.json``, or ``--target``, as soon as it is there, and the table in
a page beside it. With ``--large`` it is instead 50 outer steps on the photographs at 512 x 512, a quarter of the pixels
in each inner step, and the most memory that the process took.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import optax

from learnit_core import evaluate, losses, memory, meta, metrics, models
from learnit_core.commands import networks
from learnit_core.experiments import image, runs
from learnit_core.experiments.settings import keep_compiled
from learnit_core.signals import ImageSplits

OUTER_STEPS = {2: 200, 8: 60}
"""By inner steps."""
BLOCKS, RATE, TASKS, OUTER_RATE = 8, 1e-2, 3, 3e-4
SIDE, CUT, W0 = 64, 3, 30.0
"""Of the pieces of photographs: side [pixels], CUT x CUT of them a photograph, and the network's frequency."""

ROWS = (
    [(1.0, "all", False)]
    + [(fraction, choice, False) for fraction in (0.5, 0.25, 0.1) for choice in ("random", "error")]
    + [(0.25, "largest", False), (0.25, "largest", True), (0.1, "random", True)]
)
"""Fraction of the pixels, how they are chosen, and whether the last inner step corrects on all of them."""


def signals(name: str, photographs: Path | None):
    """Field, training pictures, and unseen tasks."""
    profile = image.PROFILES["quick"]
    if name == "text":
        images = image.load_signals(profile, "text")
        return image.field_for(profile, 1), images.train, image.tasks(images.test)
    pieces, _ = networks.read(photographs, size=SIDE, channels=1, tiles=CUT)
    pieces = pieces.reshape(-1, CUT**2, SIDE, SIDE, 1)
    kept = pieces[::5, ::8].reshape(-1, SIDE, SIDE, 1)  # two pieces of each
    train = np.delete(pieces, np.s_[::5], axis=0).reshape(-1, SIDE, SIDE, 1)
    field = models.siren(2, 1, width=profile.width, depth=profile.depth, w0=W0)
    return field, train, image.tasks(kept)


def meta_grad(field, steps: int, fraction: float, choice: str, corrected: bool, blocks: int = BLOCKS):
    """MAML of a row."""
    whole = losses.regression_loss(field, blocks=blocks)
    part = whole if choice == "all" else losses.part_loss(field, fraction, choose=choice, blocks=blocks)
    adapt = meta.adapt_with(part, optax.sgd(RATE), steps - corrected)
    if corrected:
        adapt = meta.in_turn(adapt, meta.adapt_with(whole, optax.sgd(RATE), 1))
    return meta.maml(whole, adapt)


def temporaries(grad, params, tasks) -> float:
    """Of the compiled meta-gradient of one task [MB]."""
    task = jax.tree.map(lambda leaf: leaf[0], tasks)
    compiled = jax.jit(grad).lower(params, task, jax.random.key(0)).compile()
    return round(compiled.memory_analysis().temp_size_in_bytes / 1e6, 2)


def row(field, train, unseen, steps: int, fraction: float, choice: str, corrected: bool) -> dict:
    """Train, fit and measure."""
    grad, every = meta_grad(field, steps, fraction, choice, corrected, 1 if choice == "all" else BLOCKS), 10
    optimizer = optax.adam(optax.cosine_decay_schedule(OUTER_RATE, OUTER_STEPS[steps]))
    init_key, train_key = runs.run_keys(0)
    state = meta.init_state(field.init(init_key), optimizer)

    def advance(state, train):
        sample = image.sampler(TASKS)
        return meta.meta_steps(grad, sample, train, state, train_key, optimizer=optimizer, num_steps=every)[0]

    advance, train = jax.jit(advance).lower(state, train).compile(), jax.device_put(train)
    found = {"fraction": fraction, "choose": choice, "corrected": corrected, "inner_steps": steps}
    found["temporaries_mb"] = temporaries(grad, state.params, unseen)
    if choice == "all":
        found["temporaries_in_blocks_mb"] = temporaries(
            meta_grad(field, steps, 1.0, "all", False), state.params, unseen
        )
    began = time.process_time()
    for _ in range(OUTER_STEPS[steps] // every):
        state = jax.block_until_ready(advance(state, train))
    found["processor_seconds_a_step"] = round((time.process_time() - began) / OUTER_STEPS[steps], 3)
    fits = evaluate.curves(
        losses.regression_loss(field), image.score(field), state.params, unseen, train_key,
        optimizer=optax.sgd(RATE), num_steps=steps, every=steps,
    )  # fmt: skip
    return found | {"psnr_db": round(float(fits[:, -1].mean()), 2)}


def table(kept: dict) -> str:
    """The rows as Markdown, and how far behind all pixels each is."""
    said = {"all": "all", "random": "at random", "error": "by error", "largest": "largest errors"}
    whole = {(r["signals"], r["inner_steps"]): r["psnr_db"] for r in kept["rows"] if r["choose"] == "all"}
    lines = [
        "| signals | inner steps | pixels | temporaries [MB] | s a step | PSNR [dB] | behind all |",
        "|---" * 7 + "|",
    ]
    for r in sorted(kept["rows"], key=lambda r: (r["signals"], r["inner_steps"], r["corrected"], -r["fraction"])):
        which = f"{r['fraction']:.0%} {said[r['choose']]}" if r["choose"] != "all" else "all"
        which += ", the last step on all" if r["corrected"] else ""
        behind = whole.get((r["signals"], r["inner_steps"]))
        behind = "–" if behind is None or r["choose"] == "all" else f"{behind - r['psnr_db']:.2f}"
        first = f"| {r['signals']} | {r['inner_steps']} "
        if r["choose"] == "all":
            lines.append(f"{first}| all, in {BLOCKS} blocks | {r['temporaries_in_blocks_mb']} | | (the same) | |")
        seconds = r["processor_seconds_a_step"]
        lines.append(f"{first}| {which} | {r['temporaries_mb']} | {seconds} | {r['psnr_db']:.2f} | {behind} |")
    return "\n".join(lines)


def page_of(kept: dict) -> str:
    """The page of the rows."""
    made = f"Made by `{kept['command']}` on {kept['device']}; s a step are a processor core's, of {TASKS} tasks."
    if sums := kept.get("checksums"):
        made += f" CRC-32 of the training pictures: {', '.join(f'{name} {crc}' for name, crc in sums.items())}."
    return f"# A part of the pixels\n\n{made}\n\n{table(kept)}\n"


def large(photographs: Path, size: int = 512) -> dict:
    """Meta-training at ``size`` x ``size``, a task a step."""
    profile = replace(image.PROFILES["quick"], size=size, w0=W0, maml_batch=1, num_steps=50)
    pictures, _ = networks.read(photographs, size=profile.size, channels=1)
    images = ImageSplits("photographs", pictures[5:], pictures[:2], pictures[2:4], "")
    way = memory.Way(blocks=16, fraction=0.25)
    field, start = image.field_for(profile, 1), image.field_for(profile, 1).init(jax.random.key(0))
    # What a budget chooses, and what the quarter takes beside it.
    chosen = image.way_within(10**9, profile, field, start, "maml", images.train.shape[1:])
    began = time.process_time()
    _, _, history = image.meta_train(profile, images, "maml", way=way, chunk=10, validate_every=5)
    return {
        "size": profile.size, "outer_steps": len(history.losses), "way": str(way), "a_gigabyte_chooses": chosen.said,
        "processor_seconds": round(time.process_time() - began), "seconds": round(history.seconds),
        "validation_psnr_db": round(history.validation[-1][1], 2), "peak_memory_bytes": metrics.peak_memory_bytes(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", type=Path, help="a folder; without it, text only")
    parser.add_argument("--large", action="store_true", help="at 512 x 512, and nothing else")
    parser.add_argument("--target", type=Path, default=Path(__file__).with_suffix(".json"))
    asked = parser.parse_args()
    keep_compiled()
    kept = json.loads(asked.target.read_text("utf-8")) if asked.target.exists() else {"rows": []}
    about = {"command": "python docs/studies/pixels.py --photographs FOLDER", "seed": 0}
    about |= {"outer_steps": OUTER_STEPS, "blocks": BLOCKS, "device": metrics.device()}
    if asked.large:
        if asked.photographs is None:
            parser.exit(1, "--large is of photographs: name a folder with --photographs\n")
        kept = kept | {"large": large(asked.photographs)}
        return metrics.write_json(asked.target, kept)
    names = ("natural", "text") if asked.photographs else ("text",)
    given = {name: signals(name, asked.photographs) for name in names}
    sums = {name: runs.checksum(train) for name, (_, train, _) in given.items()}
    earlier, said = kept.get("checksums", {}), json.loads(json.dumps(about))  # its keys as they come back from a file
    if any(kept.get(k, v) != v for k, v in said.items()) or any(earlier.get(k, v) != v for k, v in sums.items()):
        parser.exit(1, f"{asked.target} holds rows of another machine, length or folder: name another --target\n")
    about |= {"checksums": earlier | sums}
    order = [(rows, name, steps) for rows in (ROWS[:7], ROWS[7:]) for name in names for steps in OUTER_STEPS]
    for rows, name, steps in order:
        for fraction, choice, corrected in rows:
            which = {"signals": name, "inner_steps": steps, "fraction": fraction, "choose": choice}
            which["corrected"] = corrected
            if any(which.items() <= there.items() for there in kept["rows"]):
                continue
            found = which | row(*given[name], steps, fraction, choice, corrected)
            kept = kept | about | {"rows": [*kept["rows"], found]}
            metrics.write_json(asked.target, kept)
            asked.target.with_suffix(".md").write_text(page_of(kept), encoding="utf-8")
            print(found, flush=True)


if __name__ == "__main__":
    main()
