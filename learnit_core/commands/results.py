"""The full tables with three meta-training seeds: ``make results``, resumable.

Trains MAML and Reptile on every built-in class with the `quick` profile, fits every initialisation to more unseen
signals than the notebook does, and writes ``docs/results/image.json`` and ``docs/results/image.md``. Each part (class
x seed) is kept under ``$LEARNIT_OUT/results`` as soon as it is done, so that an interrupted run goes on. The short
table in README.md is written from the same numbers.
"""

import argparse
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

import learnit_core
from learnit_core import evaluate, metrics, weights
from learnit_core.commands import results_ct, results_tourism, results_views
from learnit_core.errors import LearnitError
from learnit_core.experiments import image, image_table, interpolation
from learnit_core.experiments.settings import Settings

SEEDS = (0, 1, 2)
COMMAND = "make results"
TARGET = Path(learnit_core.__file__).parents[1] / "docs" / "results"
OTHERS = {"ct": results_ct, "views": results_views, "tourism": results_tourism}
EXPERIMENTS = ["image", *OTHERS]
BOUNDS = {
    # MAML over Standard, and over the best other initialisation that is not meta-learned [dB]
    "text": (12.0, 6.0),
    "sdf": (12.0, 0.0),
    "faces": (8.0, 5.0),
}
"""Gaps after two steps that this project promises."""


def results_profile(settings: Settings) -> image.Profile:
    """`quick`, tested on 32 signals of the classes that can be drawn at will (20 faces is all there are)."""
    return replace(image.PROFILES["quick"], counts=(2000, 12, 32), limit=60).capped(settings)


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
        image_table.runner(field, images.test), made, image_table.tuned_settings(profile.name, data),
        trained_on=data, data=data, seed=seed, limit=profile.limit,
    )  # fmt: skip
    return rows + image_table.control_rows(images, data=data, seed=seed)


def interpolation_part(shipped: str, pictures: np.ndarray, *, variants: Iterable[str]) -> dict[str, Any]:
    """Agreement of mean weights and mean picture from one shipped initialisation, 21 pairs."""
    field, params, _ = weights.pretrained(shipped)
    starts = {"standard": image_table.standard(field), "meta-maml": params}
    pairs = np.array([(i, j) for i in range(len(pictures)) for j in range(i)])
    report = {}
    for name in variants:
        init, setting = interpolation.VARIANTS[name]
        fitted = interpolation.fit_to(field, starts[init], pictures, setting)
        values = interpolation.agreement(field, fitted.params, pairs, pictures.shape[1:3])
        report[name] = interpolation.entry(fitted, values, data=shipped)
    return report


def verdicts(rows: list[dict[str, Any]]) -> list[str]:
    """One line a class and seed: gaps after two steps with their paired 95 % intervals, held against the bounds."""
    lines = []
    table = [row for row in rows if row["in_table"] and row["init"] in image_table.INITS]
    for data, (over_standard, over_others) in BOUNDS.items():
        for seed in sorted({row["seed"] for row in table}):
            scores = {
                row["init"]: row["psnr_per_signal"] for row in table if (row["data"], row["seed"]) == (data, seed)
            }
            others = {name: s for name, s in scores.items() if name in ("mean", "matched", "shuffled")}
            best = max(others, key=lambda name: np.mean(others[name]))
            for other, bound in (("standard", over_standard), (best, over_others), ("meta-reptile", 0.0)):
                mean, low, high = evaluate.paired_interval(scores["meta-maml"], scores[other])
                held = "yes" if low > bound else "NO"
                lines.append(
                    f"| {data} | {seed} | MAML over {image_table.LABELS[other]} | {mean:.1f} | [{low:.1f}, {high:.1f}] "
                    f"| {bound:g} | {held} |"
                )
            slow = next(r for r in table if (r["data"], r["seed"], r["init"]) == (data, seed, "standard"))
            times = slow["steps_to_match"] / image_table.STEPS
            lines.append(
                f"| {data} | {seed} | Standard's steps over MAML's | {times:.1f} times | – | 5 "
                f"| {'yes' if times >= 5 else 'NO'} |"
            )
            mean, low, high = evaluate.paired_interval(scores["meta-reptile"], scores["standard"])
            lines.append(
                f"| {data} | {seed} | Reptile over Standard | {mean:.1f} | [{low:.1f}, {high:.1f}] | 0 "
                f"| {'yes' if low > 0 else 'NO'} |"
            )
    return lines


def page(content: dict[str, Any]) -> str:
    """The results as a Markdown page."""
    rows = content["results"]
    out = [
        "# Results: image regression",
        "",
        "Generated by `make results`; do not edit. Every number is on signals that were not trained on, and every "
        "initialisation has the optimiser and rate that did best on validation signals (`make tune`). The classes "
        "are built in; they are not the paper's data sets.",
        "",
        f"Profile `{content['profile']}`, seeds {', '.join(map(str, SEEDS))}, {content['device']}, "
        + ", ".join(f"{name} {v}" for name, v in content["versions"].items())
        + ".",
        "",
        "## Gaps after two steps",
        "",
        "Paired over signals, with 95 % bootstrap intervals; a gap holds if its interval lies above the bound.",
        "",
        "| class | seed | difference | mean [dB] | interval | bound | holds |",
        "|---|---|---|---|---|---|---|",
        *verdicts(rows),
    ]
    for data in image.CLASSES:
        for seed in SEEDS:
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
        "initialisation with its own tuned setting; means over three meta-training seeds.",
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
    return "\n".join(
        [
            *lines,
            "",
            f"`make results`, profile `{content['profile']}` (32 × 32, faces 25 × 25, SIREN 4 × 128, 600 outer "
            f"steps), {', '.join(f'{n} {data}' for data, n in num.items())} test pictures, seeds 0 to 2, on "
            f"{content['device']}; "
            '">": some did not match within the limit. All tables, settings and intervals: '
            "[docs/results/image.md](docs/results/image.md).",
        ]
    )


def into_readme(text: str, block: str, *, name: str = "results") -> str:
    """README's ``text`` with ``block`` between its two comments of that name."""
    between = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", re.DOTALL)
    return between.sub(lambda _: block + "\n", text)


def main() -> None:
    parser = argparse.ArgumentParser(prog="learnit_core.commands.results", description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=Path, default=TARGET, help="folder to write to (default: docs/results)")
    parser.add_argument("--experiments", nargs="+", default=EXPERIMENTS, choices=EXPERIMENTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS), help="of all but image (default: 0 1 2)")
    arguments = parser.parse_args()
    settings = Settings.from_env()
    try:
        settings.keep(arguments.target, TARGET)
        if "image" in arguments.experiments:
            run(settings, arguments.target)
        for name in (name for name in OTHERS if name in arguments.experiments):
            content = OTHERS[name].run(settings, arguments.target, arguments.seeds)
            report(arguments.target, OTHERS[name].verdicts(content["results"]), OTHERS[name].summary(content), name)
    except LearnitError as error:
        parser.exit(1, f"{error}\n")


def report(target: Path, verdicts: list[str], summary: str, experiment: str) -> None:
    """Print the verdicts; with results that the project keeps, bring README.md's table up to date."""
    readme = TARGET.parents[1] / "README.md"
    if target.resolve() == TARGET and readme.exists():
        name = "results" if experiment == "image" else f"{experiment} results"
        readme.write_text(into_readme(readme.read_text("utf-8"), summary, name=name), encoding="utf-8")
    print("\n".join(verdicts))
    print(f"wrote {target / experiment}.md and .json")


def run(settings: Settings, target: Path) -> None:
    """The image experiment's part: make what is missing, and write page and metrics to ``target``."""
    profile = results_profile(settings)
    parts = settings.out / "results"
    rows, agreements = [], {}
    for data in image.CLASSES:
        for seed in SEEDS:
            file = parts / f"{data}-{seed}.json"
            kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
            belongs_to = json.loads(json.dumps([asdict(profile), image_table.tuned_settings(profile.name, data)]))
            if kept.get("belongs_to") != belongs_to:
                kept = {"belongs_to": belongs_to, "rows": class_part(profile, data, seed, settings)}
                metrics.write_json(file, kept)
            rows += kept["rows"]
        shipped = image.SHIPPED["quick"][data]["meta-maml"]
        agreements[shipped] = interpolation_part(
            shipped, image.load_signals(profile, data).test[:7], variants=interpolation.VARIANTS
        )
    large = image.SHIPPED["standard"]["text"]["meta-maml"]
    agreements[large] = interpolation_part(
        large, image.large_test("text", count=7), variants=interpolation.LARGE_VARIANTS
    )
    content = metrics.write(
        target / "image.json", notebook="01_image_regression", profile=profile.name, seed=SEEDS[0],
        precision="highest", seconds={}, results=rows, command=COMMAND, interpolation=agreements,
    )  # fmt: skip
    (target / "image.md").write_text(page(content), encoding="utf-8")
    report(target, verdicts(rows), summary(content), "image")


if __name__ == "__main__":
    main()
