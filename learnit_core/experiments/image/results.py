"""The results of image regression: every class with its seeds, and how far mixing weights mixes pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from learnit_core import weights
from learnit_core.experiments import baselines, image, report
from learnit_core.experiments.experiment import Part, Results
from learnit_core.experiments.image import interpolation, rivals, table
from learnit_core.experiments.report import Gap, cell
from learnit_core.experiments.settings import Settings

PROFILE = replace(image.PROFILES["quick"], counts=(2000, 12, 32), limit=60)
"""`quick`, tested on 32 signals of the classes that can be drawn at will (20 faces is all there are)."""

BOUNDS = {
    # MAML over Standard, and over the best other initialisation that is not meta-learned [dB]
    "text": (12.0, 6.0),
    "sdf": (12.0, 0.0),
    "faces": (8.0, 5.0),
}
"""Gaps after two steps that this project promises."""

AS_MANY_STEPS = 5
"""How many times MAML's steps Standard needs at least, to match it."""


def parts(profile: image.Profile, settings: Settings, seeds: Sequence[int]) -> list[list[Part]]:
    """A part for each class and seed, one after the other."""
    return [
        [
            Part(
                f"image-{data}-{seed}",
                [profile.values(), table.tuned_settings(profile.name, data)],
                partial(class_part, profile, data, seed, settings),
            )
        ]
        for data in image.CLASSES
        for seed in seeds
    ]


def class_part(profile: image.Profile, data: str, seed: int, settings: Settings) -> dict[str, Any]:
    """Rows of one class and one meta-training seed."""
    images = image.load_signals(profile, data)
    folder = settings.out / "results" / "checkpoints"
    metas = {}
    for init, algorithm in image.LEARNED.items():
        field, metas[init], _ = image.meta_train(profile, images, algorithm, seed=seed, folder=folder)
    made, reached = baselines.of_pictures(profile, field, images, metas["meta-maml"], seed=seed)
    print(f"{data}, seed {seed}:\n{baselines.nearness(reached, baselines.FIT_DB, table.LABELS)}")
    made |= {name: [params] for name, params in metas.items()}
    tuned = table.tuned_settings(profile.name, data)
    made = rivals.beside(made, tuned.options, profile, field, images, seed=seed)
    run = table.runner(field, images.test, most=max(profile.limit, profile.along))
    about = {"data": data, "seed": seed}
    rows = table.table_rows(run, made, tuned, trained_on=data, limit=profile.limit, **about)
    curves = table.curves(run, made, tuned, along=profile.along)
    curves = {
        "settings": {name: tuned.along[name] for name in curves},
        "options": tuned.options,
        "cost": rivals.cost(profile, tuned.options),
        "means": table.means(curves),
        "leads": table.leads(curves),
    }
    return {"rows": rows + table.control_rows(images, **about), "curves": about | curves}


def extra(profile: image.Profile, settings: Settings, seeds: Sequence[int], found) -> dict[str, Any]:
    """Curves; and agreement of mean weights and mean picture, from what is shipped for each class and the large one."""
    del seeds
    agreements = {}
    for data in image.CLASSES:
        shipped = image.SHIPPED["quick"][data]["meta-maml"]
        pictures = image.load_signals(profile, data).test[:7]
        agreements[shipped] = agreement(shipped, pictures, interpolation.VARIANTS, settings)
    large = image.SHIPPED["standard"]["text"]["meta-maml"]
    pictures = image.large_test("text", count=7 if settings.max_steps is None else 2)
    agreements[large] = agreement(large, pictures, interpolation.LARGE_VARIANTS, settings)
    return {"curves": [part["curves"] for part in found], "interpolation": agreements}


def agreement(shipped: str, pictures: np.ndarray, variants: Iterable[str], settings: Settings) -> dict[str, Any]:
    """Agreement of mean weights and mean picture from one shipped initialisation, all pairs."""
    field, params, _ = weights.pretrained(shipped)
    starts = {"standard": baselines.standard(field), "meta-maml": params}
    most = settings.cap(interpolation.MAX_STEPS)
    return interpolation.compare(field, starts, pictures, variants, data=shipped, max_steps=most)[1]


def gaps(data: str) -> list[Gap]:
    """What is compared after two steps, for a class."""
    over_standard, over_others = BOUNDS[data]
    others = [cell(name) for name in ("mean", "matched", "shuffled")]
    return [
        Gap("MAML over Standard", cell("meta-maml"), cell("standard"), over_standard),
        Gap("MAML over {best}", cell("meta-maml"), others, over_others),
        Gap("MAML over Reptile", cell("meta-maml"), cell("meta-reptile"), 0.0),
        Gap("Reptile over Standard", cell("meta-reptile"), cell("standard"), 0.0),
        *(Gap(f"MAML over {table.LABELS[name]}", cell("meta-maml"), cell(name)) for name in table.RIVALS),
    ]


def verdicts(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One line a comparison, class and seed: paired differences after two steps, held against the bounds."""
    lines = []
    for data in BOUNDS:
        for seed in sorted({row["seed"] for row in rows}):
            where = f"{data} | {seed}"
            mine = [row for row in rows if (row["data"], row["seed"]) == (data, seed)]
            lines += [report.verdict(where, *found) for found in report.measured(gaps(data), mine, table.LABELS)]
            standard = next(row for row in mine if row["init"] == "standard" and row["in_table"])
            times = standard["steps_to_match"] / table.STEPS
            held = f"{AS_MANY_STEPS} | {'yes' if times >= AS_MANY_STEPS else 'NO'}"
            lines.append(f"| {where} | Standard's steps over MAML's | {times:.1f} times | – | {held} |")
    return lines


def page(content: dict[str, Any]) -> str:
    """The results as a Markdown page."""
    rows, sections = content["results"], []
    for data in image.CLASSES:
        for seed in content["seeds"]:
            part = [row for row in rows if row["data"] == data and row["seed"] == seed]
            sections += [f"## {data}, seed {seed}", table.markdown(part)]
            curves = [one for one in content.get("curves", ()) if (one["data"], one["seed"]) == (data, seed)]
            sections += [text for one in curves for text in (_curves(one), table.overtaking(one["leads"]))]
    sections += [
        "## Interpolation",
        f"From one start several pictures are fitted to {interpolation.TARGET_DB:g} dB, or as far as "
        f"{interpolation.MAX_STEPS} steps go; the picture of the mean weights of two is compared with the mean of "
        "their pictures (± deviation over pairs). How far the weights moved is a share of the start's length.",
    ]
    for data, said in content["interpolation"].items():
        sections += [f"**{data}**", interpolation.markdown(said)]
    return report.page(
        content,
        "image regression",
        "Every number is on signals that were not trained on, and "
        "every initialisation has the optimiser and rate that did best on validation signals (`make tune`). The "
        "classes are built in; they are not the paper's data sets.",
        f"Profile `{content['profile']}`; {report.seeds(content)}, {report.machine(content)}.",
        gaps="## Gaps after two steps",
        paired="signals",
        note=f"{rivals.CHOSEN_BY_MATCHING} {rivals.NOT_SEARCHED}",
        columns=["class"],
        verdicts=verdicts(rows),
        sections=sections,
    )


def _curves(said: dict[str, Any]) -> str:
    """Mean PSNR along the fits of one class and seed, and what each initialisation took to make."""
    steps = [step for step in ("0", "2", "5", "10", "20", "40", "100") if step in said["means"]["meta-maml"]]
    lines = [
        "PSNR [dB] after so many steps, each with the setting tuned for so many, and gradient evaluations of one "
        "picture that the initialisation took to make (those of Mean, Matched and of tuning are not counted). In "
        "brackets: Standard's scale, and the joint steps of a shared trunk.",
        "",
        f"| initialisation | {' | '.join(f'{step} steps' for step in steps)} | made with |",
        "|---|" + "---|" * (len(steps) + 1),
    ]
    for name, mean in said["means"].items():
        label = table.LABELS[name] + (f" ({said['options'][name]:g})" if name in said["options"] else "")
        made = f"{said['cost'][name]:,}" if name in said["cost"] else "–"
        lines.append(f"| {label} | {' | '.join(f'{mean[n]:.1f}' for n in steps)} | {made} |")
    return "\n".join(lines)


def overtaken(leads: Sequence[dict[str, Any]], along: int) -> dict[str, list[int]]:
    """Who is ahead of MAML after ``along`` steps with every seed, and in each from which step on.

    That is the first step at which MAML is behind, after the last at which it is ahead.
    """
    found = {}
    for name in leads[0] if leads else ():
        first = []
        for where in (part[name] for part in leads):
            lost = max((last for _, last in where["ahead"]), default=-1)
            first += [begin for begin, _ in where["behind"] if begin > lost][:1]
        if all(part[name]["behind"] and part[name]["behind"][-1][1] == along for part in leads):
            found[name] = first
    return found


def overtakers(content: dict[str, Any]) -> dict[str, dict[str, tuple[str, float]]]:
    """The same by row and class, in words, with the least PSNR [dB] that MAML has at one of these first steps."""
    said: dict[str, dict[str, tuple[str, float]]] = {}
    for data in image.CLASSES:
        curves = [one for one in content.get("curves", ()) if one["data"] == data]
        ends = content["profile_values"].get("along", 0)
        for name, first in overtaken([one["leads"] for one in curves], ends).items():
            steps = f"{min(first)}" if len(set(first)) == 1 else f"{min(first)} to {max(first)}"
            reached = min(one["means"]["meta-maml"][str(step)] for one, step in zip(curves, first, strict=True))
            said.setdefault(name, {})[data] = steps, reached
    return {name: said[name] for name in table.LABELS if name in said}


def _overtaken(content: dict[str, Any]) -> list[str]:
    """The same as a table for README."""
    said = overtakers(content)
    if not said:
        return []
    return [
        "",
        "With more steps, each number of them with the setting tuned for it, others overtake MAML: from these steps on "
        "it is never ahead of them again, and it is behind them at the end of the curves "
        f"({content['profile_values']['along']} steps), with every seed by a 95 % paired interval. In brackets: MAML's "
        "PSNR [dB] there, the lowest of the seeds; beyond 100 dB all are exact but for rounding.",
        "",
        f"| ahead of MAML | {' | '.join(image.CLASSES)} |",
        "|---|" + "---|" * len(image.CLASSES),
        *(
            f"| {table.LABELS[name]} | "
            + " | ".join("{} ({:.0f})".format(*found[data]) if data in found else "–" for data in image.CLASSES)
            + " |"
            for name, found in said.items()
        ),
    ]


def summary(content: dict[str, Any]) -> str:
    """The table for README.md: means over signals and seeds."""
    rows = [row for row in content["results"] if row["in_table"]]
    cells = {
        (init, data): [row for row in rows if (row["init"], row["data"]) == (init, data)]
        for init in table.LABELS
        for data in image.CLASSES
    }
    lines = [
        "PSNR [dB] of unseen pictures after two gradient steps (and steps needed to match MAML's two), every "
        "initialisation with its own tuned setting; means over pictures and meta-training seeds.",
        "",
        "| initialisation | " + " | ".join(image.CLASSES) + " |",
        "|---|" + "---|" * len(image.CLASSES),
    ]
    means = {key: np.mean([row["psnr_db"] for row in part]) for key, part in cells.items() if part}
    best = {data: max(mean for (_, of), mean in means.items() if of == data) for data in image.CLASSES}
    for init, label in table.LABELS.items():
        if not cells[init, image.CLASSES[0]]:
            continue
        texts = []
        for data in image.CLASSES:
            part = cells[init, data]
            text = f"{means[init, data]:.1f}"
            if part[0]["steps_to_match"] is not None:
                most = ">" if any(row["never_matched"] for row in part) else ""
                text += f" ({most}{np.mean([row['steps_to_match'] for row in part]):.0f})"
            texts.append(f"**{text}**" if means[init, data] == best[data] else text)
        lines.append(f"| {label} | " + " | ".join(texts) + " |")
    num = {row["data"]: row["num_signals"] for row in rows}
    profile = report.profile_of(image.Profile, content)
    unmatched = '">": some did not match within the limit. ' * any("(>" in line for line in lines)
    return "\n".join(
        [
            *lines,
            *_overtaken(content),
            "",
            f"`{content['command']}`, profile `{content['profile']}` ({profile.size} × {profile.size}, faces 25 × 25, "
            f"SIREN {profile.depth} × {profile.width}, {profile.num_steps} outer steps), "
            f"{', '.join(f'{n} {data}' for data, n in num.items())} test pictures, "
            f"{report.seeds(content)}, on {content['device']}. "
            f"{unmatched}{rivals.CHOSEN_BY_MATCHING} {rivals.NOT_SEARCHED} "
            "All tables, settings, intervals, and what each initialisation took to make: "
            "[docs/results/image.md](docs/results/image.md).",
        ]
    )


RESULTS = Results(
    profile=PROFILE,
    parts=parts,
    controls=lambda profile, seeds: [],
    verdicts=verdicts,
    page=page,
    summary=summary,
    extra=extra,
)
