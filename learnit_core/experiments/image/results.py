"""The image part of ``make results``: every class, ``docs/results/image.json`` and ``image.md``.

Trains MAML and Reptile on every built-in class with the `quick` profile, and fits every initialisation to more unseen
signals than the notebook does. Each part (class x seed) is kept under ``$LEARNIT_OUT/results`` as soon as it is done.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from learnit_core import evaluate, metrics, weights
from learnit_core.experiments import image
from learnit_core.experiments import report as reporting
from learnit_core.experiments.image import interpolation
from learnit_core.experiments.image import table as image_table
from learnit_core.experiments.settings import Settings

BOUNDS = {
    # MAML over Standard, and over the best other initialisation that is not meta-learned [dB]
    "text": (12.0, 6.0),
    "sdf": (12.0, 0.0),
    "faces": (8.0, 5.0),
}
"""Gaps after two steps that this project promises."""

AS_MANY_STEPS = 5
"""So many times MAML's steps Standard needs at least, to match it."""


def results_profile(settings: Settings) -> image.Profile:
    """`quick`, tested on 32 signals of the classes that can be drawn at will (20 faces is all there are)."""
    return replace(image.PROFILES["quick"], counts=(2000, 12, 32), limit=60).capped(settings)


def run(settings: Settings, target: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Make what is missing of the seeds asked for, and write page and metrics to ``target``."""
    profile = results_profile(settings)
    parts = settings.out / "results"
    rows, agreements = [], {}
    for data in image.CLASSES:
        belongs_to = json.loads(json.dumps([asdict(profile), image_table.tuned_settings(profile.name, data)]))
        for seed in seeds:
            file = parts / f"{data}-{seed}.json"
            kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
            if kept.get("belongs_to") != belongs_to:
                kept = {"belongs_to": belongs_to, "rows": class_part(profile, data, seed, settings)}
                metrics.write_json(file, kept)
            rows += kept["rows"]
        shipped = image.SHIPPED["quick"][data]["meta-maml"]
        agreements[shipped] = interpolation_part(
            shipped, image.load_signals(profile, data).test[:7], interpolation.VARIANTS, settings
        )
    large = image.SHIPPED["standard"]["text"]["meta-maml"]
    pictures = image.large_test("text", count=7 if settings.max_steps is None else 2)
    agreements[large] = interpolation_part(large, pictures, interpolation.LARGE_VARIANTS, settings)
    return reporting.write(
        target,
        "image",
        notebook="01_image_regression",
        profile=profile,
        seeds=seeds,
        rows=rows,
        page=page,
        interpolation=agreements,
    )


def class_part(profile: image.Profile, data: str, seed: int, settings: Settings) -> list[dict[str, Any]]:
    """Rows of one class and one meta-training seed."""
    images = image.load_signals(profile, data)
    metas = {}
    for algorithm in ("maml", "reptile"):
        field, params, _ = image.meta_train(
            profile, images, algorithm, seed=seed, folder=settings.out / "results" / "checkpoints"
        )
        metas[f"meta-{algorithm}"] = params
    made, _ = image_table.baselines(profile, field, images, metas["meta-maml"], seed=seed)
    made |= {name: [params] for name, params in metas.items()}
    rows, _ = image_table.table_rows(
        image_table.runner(field, images.test),
        made,
        image_table.tuned_settings(profile.name, data),
        trained_on=data,
        data=data,
        seed=seed,
        limit=profile.limit,
    )
    return rows + image_table.control_rows(images, data=data, seed=seed)


def interpolation_part(
    shipped: str, pictures: np.ndarray, variants: Iterable[str], settings: Settings
) -> dict[str, Any]:
    """Agreement of mean weights and mean picture from one shipped initialisation, all pairs."""
    field, params, _ = weights.pretrained(shipped)
    starts = {"standard": image_table.standard(field), "meta-maml": params}
    pairs = np.array([(i, j) for i in range(len(pictures)) for j in range(i)])
    report = {}
    for name in variants:
        init, setting = interpolation.VARIANTS[name]
        most = settings.cap(interpolation.MAX_STEPS)
        fitted = interpolation.fit_to(field, starts[init], pictures, setting, max_steps=most)
        values = interpolation.agreement(field, fitted.params, pairs, pictures.shape[1:3])
        report[name] = interpolation.entry(fitted, values, data=shipped)
    return report


def verdicts(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One line a comparison, class and seed: paired differences after two steps, held against the bounds."""
    lines = []
    table = [row for row in rows if row["in_table"] and row["init"] in image_table.INITS]
    for data, (over_standard, over_others) in BOUNDS.items():
        for seed in sorted({row["seed"] for row in table}):
            where = f"{data} | {seed}"
            mine = {row["init"]: row for row in table if (row["data"], row["seed"]) == (data, seed)}
            best = max(("mean", "matched", "shuffled"), key=lambda name, mine=mine: mine[name]["psnr_db"])
            for name, other, bound in (
                ("meta-maml", "standard", over_standard),
                ("meta-maml", best, over_others),
                ("meta-maml", "meta-reptile", 0.0),
                ("meta-reptile", "standard", 0.0),
            ):
                difference = evaluate.paired_interval(mine[name]["psnr_per_signal"], mine[other]["psnr_per_signal"])
                what = f"{image_table.LABELS[name]} over {image_table.LABELS[other]}"
                lines.append(reporting.gap(where, what, difference, bound))
            times = mine["standard"]["steps_to_match"] / image_table.STEPS
            held = f"{AS_MANY_STEPS} | {'yes' if times >= AS_MANY_STEPS else 'NO'}"
            lines.append(f"| {where} | Standard's steps over MAML's | {times:.1f} times | – | {held} |")
    return lines


def page(content: dict[str, Any]) -> str:
    """The results as a Markdown page."""
    rows = content["results"]
    out = [
        "# Results: image regression",
        "",
        f"Generated by `{content['command']}`; do not edit. Every number is on signals that were not trained on, and "
        "every initialisation has the optimiser and rate that did best on validation signals (`make tune`). The "
        "classes are built in; they are not the paper's data sets.",
        "",
        f"Profile `{content['profile']}`; {reporting.seeds(content)}, {reporting.machine(content)}.",
        "",
        "## Gaps after two steps",
        "",
        f"Paired over signals, {reporting.HOLDS}",
        "",
        *reporting.gaps("class"),
        *verdicts(rows),
    ]
    for data in image.CLASSES:
        for seed in content["seeds"]:
            part = [r for r in rows if r["data"] == data and r["seed"] == seed]
            out += ["", f"## {data}, seed {seed}", "", image_table.markdown(part)]
    out += ["", "## Interpolation", ""]
    for data, report in content["interpolation"].items():
        out += [f"**{data}**", "", interpolation.markdown(report), ""]
    return "\n".join(out).rstrip() + "\n"


def summary(content: dict[str, Any]) -> str:
    """The table for README.md: means over signals and seeds."""
    rows = [row for row in content["results"] if row["in_table"]]
    cells = {
        (init, data): [row for row in rows if (row["init"], row["data"]) == (init, data)]
        for init in image_table.LABELS
        for data in image.CLASSES
    }
    lines = [
        "PSNR [dB] of unseen pictures after two gradient steps (and steps needed to match MAML's two), every "
        "initialisation with its own tuned setting; means over pictures and meta-training seeds.",
        "",
        "| initialisation | " + " | ".join(image.CLASSES) + " |",
        "|---|" + "---|" * len(image.CLASSES),
    ]
    for init, label in image_table.LABELS.items():
        if not cells[init, image.CLASSES[0]]:
            continue
        texts = []
        for data in image.CLASSES:
            part = cells[init, data]
            text = f"{np.mean([row['psnr_db'] for row in part]):.1f}"
            if part[0]["steps_to_match"] is not None:
                most = ">" if any(row["never_matched"] for row in part) else ""
                text += f" ({most}{np.mean([row['steps_to_match'] for row in part]):.0f})"
            texts.append(f"**{text}**" if init == "meta-maml" else text)
        lines.append(f"| {label} | " + " | ".join(texts) + " |")
    num = {row["data"]: row["num_signals"] for row in rows}
    profile = reporting.profile_of(image.Profile, content)
    return "\n".join(
        [
            *lines,
            "",
            f"`{content['command']}`, profile `{content['profile']}` ({profile.size} × {profile.size}, faces 25 × 25, "
            f"SIREN {profile.depth} × {profile.width}, {profile.num_steps} outer steps), "
            f"{', '.join(f'{n} {data}' for data, n in num.items())} test pictures, "
            f"{reporting.seeds(content)}, on {content['device']}; "
            '">": some did not match within the limit. All tables, settings and intervals: '
            "[docs/results/image.md](docs/results/image.md).",
        ]
    )
