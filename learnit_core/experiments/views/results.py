"""The view-synthesis part of ``make results``: the single-view table, ``docs/results/views.json`` and ``views.md``.

Ten unseen chairs or more, five held-out views each; Standard, Matched, Shuffled, Joint, SV and MV with their tuned
settings, and two controls; retrieval; and the course of a fit to 25 views. MV, SV and Joint of seed 0 are the shipped
ones; what is not shipped, and those of other seeds, are trained, a quarter to half an hour each. Each
part is kept under ``$LEARNIT_OUT/results`` as soon as it is done. The page says which seeds it is of.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from learnit_core import evaluate, metrics, weights
from learnit_core.experiments import report as reporting
from learnit_core.experiments import views
from learnit_core.experiments.drafts import fingerprint
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.views import baselines as views_baselines
from learnit_core.experiments.views import table as views_table

OVER = {"standard": 3.5, "shuffled": 3.0}
"""Gaps between MV and these that this project promises [dB]; also SV over Standard 3, MV over itself un-adapted 1.5."""

MANY_STEPS, MANY_EVERY = 1000, 125

PAPERS = "the paper's setting"

RECOGNISED = 0.7
"""The share of objects that MV's reconstructions have to be recognised by."""


def results_profile(settings: Settings) -> views.Profile:
    """What is shipped, tested on ten objects."""
    return replace(views.LONG, counts=(120, 10, 10)).capped(settings)


def run(settings: Settings, target: Path, seeds: Sequence[int], data: str = "chairs") -> dict[str, Any]:
    """Make what is missing of the seeds asked for, and write page and metrics to ``target``."""
    profile = results_profile(settings)
    tuned = views_table.tuned_settings("quick", data)
    scenes = views.load_signals(profile, data)
    shipped = [fingerprint(name) for name in views.shipped(data).values()]
    belongs_to = json.loads(json.dumps([asdict(profile), tuned, shipped]))
    rows, recognised = [], {}
    for seed in seeds:
        file = settings.out / "results" / f"views-{data}-{seed}.json"
        kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
        if kept.get("belongs_to") != belongs_to:
            kept = {"belongs_to": belongs_to, **part(profile, scenes, tuned, seed, settings)}
            metrics.write_json(file, kept)
        rows += kept["rows"]
        recognised[str(seed)] = kept["recognised"]
    rows += views_table.control_rows(
        views_baselines.controls(scenes, profile), trained_on=data, data=data, seed=seeds[0]
    )
    return reporting.write(
        target,
        "views",
        notebook="03_view_synthesis",
        profile=profile,
        seeds=seeds,
        rows=rows,
        page=page,
        recognised=recognised,
    )


def part(profile: views.Profile, scenes, tuned, seed: int, settings: Settings) -> dict[str, Any]:
    """Rows and retrieval of one meta-training seed."""
    field, trained = views.field_for(profile), {}
    for algorithm in views.ALGORITHMS:
        if seed == 0 and settings.max_steps is None and algorithm in views.shipped(scenes.name):
            field, trained[algorithm], _ = weights.pretrained(views.SHIPPED[scenes.name][algorithm])
        else:
            folder = settings.out / "results" / "checkpoints"
            field, trained[algorithm], _ = views.meta_train(profile, scenes, algorithm, seed=seed, folder=folder)
    made, reached = views_baselines.make(profile, field, scenes, trained["mv"], seed=seed)
    made |= {views_table.NAMES[algorithm]: [params] for algorithm, params in trained.items()}
    tasks = views.tasks(scenes.test, 1)
    rows, fitted = views_table.table_rows(
        profile, field, tasks, made, tuned, trained_on=scenes.name, data=scenes.name, seed=seed
    )
    recognised = {
        name: views_table.retrieval(profile, field, fitted[name], tasks)[0] for name in ("standard", "meta-mv")
    }
    all_given, every = views.tasks(scenes.test, 25), min(MANY_EVERY, settings.cap(MANY_EVERY))
    many = [(name, tuned[name][25].setting, tuned[name][25].tuned_on) for name in views_table.PAPER_MANY]
    many += [(name, setting, PAPERS) for name, setting in views_table.PAPER_MANY.items()]
    for name, setting, tuned_on in many:
        steps = MANY_STEPS if settings.max_steps is None else every
        curve, _ = views_table.run(profile, field, made[name], all_given, setting, steps, every=every)
        rows += [
            metrics.row(
                experiment="views",
                trained_on=None if name == "standard" else scenes.name,
                data=scenes.name,
                split="test",
                init=name,
                observations="views=25",
                steps=i * every,
                psnr_per_signal=curve[:, i],
                seed=seed,
                optimizer=setting.optimizer,
                learning_rate=setting.learning_rate,
                tuned_on=tuned_on,
            )
            for i in range(curve.shape[1])
        ]
    return {"rows": rows, "recognised": recognised, "matched_reaches_db": round(reached, 1)}


def verdicts(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One line a comparison and seed: paired differences over objects with 95 % intervals, held against the bounds."""
    lines = []
    one, many = ([row for row in rows if row["observations"] == f"views={n}"] for n in (1, 25))
    for seed in sorted({row["seed"] for row in one}):
        table = {row["init"]: row["psnr_per_signal"] for row in one if row["seed"] == seed and row["in_table"]}
        start = {row["init"]: row["psnr_per_signal"] for row in one if row["seed"] == seed and row["steps"] == 0}

        def line(what, a, b, bound, seed=seed):
            lines.append(reporting.gap(seed, what, evaluate.paired_interval(a, b), bound))

        for name in ("standard", "shuffled", "matched", "joint", "meta-sv"):
            if name in table:
                line(f"MV over {views_table.LABELS[name]}", table["meta-mv"], table[name], OVER.get(name))
        if "meta-sv" in table:
            line("SV over Standard", table["meta-sv"], table["standard"], 3.0)
        line("MV adapted over un-adapted", table["meta-mv"], start["meta-mv"], 1.5)
        for chosen, papers in (("tuned", False), ("the paper's settings", True)):
            curves = {
                (row["init"], row["steps"]): row["psnr_per_signal"]
                for row in many
                if row["seed"] == seed and (row["tuned_on"] == PAPERS) == papers
            }
            early, late = sorted({steps for _, steps in curves})[1], max(steps for _, steps in curves)
            what = f"25 views, {chosen}: MV after {early} steps over Standard after {late}"
            line(what, curves["meta-mv", early], curves["standard", late], 0.0)
    return lines


def page(content: dict[str, Any]) -> str:
    """The results as a Markdown page."""
    rows, seeds, profile = content["results"], content["seeds"], reporting.profile_of(views.Profile, content)
    out = [
        "# Results: view synthesis",
        "",
        f"Generated by `{content['command']}`; do not edit. Procedural chairs at "
        f"{profile.size} × {profile.size} with a network of {profile.depth} × {profile.width}, not the paper's "
        "ShapeNet at 128 × 128 with 6 × 256. One view of each unseen object is fitted; PSNR is on five held-out views, "
        "averaged over views, then over objects. Where optimisers, rates and steps come from stands below each table; "
        f"a fit to one view has {profile.limit} steps at most.",
        "",
        f"{profile.num_steps} outer steps of {profile.inner_steps} inner ones; {reporting.seeds(content)}, "
        f"{reporting.machine(content)}.",
        "",
        "## Gaps",
        "",
        f"Paired over objects, {reporting.HOLDS} Where the interval holds zero, this size cannot tell the two apart.",
        "",
        *reporting.gaps(),
        *verdicts(rows),
    ]
    for seed in seeds:
        mine = [row for row in rows if (row["seed"], row["observations"]) == (seed, "views=1")]
        mine += [row for row in rows if row["observations"] == "none"]
        many = [row for row in rows if row["seed"] == seed and row["observations"] == "views=25"]
        steps = sorted({row["steps"] for row in many})
        count = next(row["num_signals"] for row in mine)
        names = {views_table.LABELS[name]: n for name, n in content["recognised"][str(seed)].items()}
        out += ["", f"## Seed {seed}", "", views_table.markdown(mine), ""]
        told = ", ".join(f"{name} {n}" for name, n in names.items())
        out += [
            f"Recognised by their own reconstruction, of {count} objects: {told}; by chance 1, un-adapted none (it "
            f"shows the same object every time). Aimed at for MV: {RECOGNISED:.0%} or more.",
            "",
        ]
        out += [f"25 views, {many[0]['num_signals']} objects, PSNR [dB] after so many steps:", ""]
        out += ["| initialisation | " + " | ".join(map(str, steps)) + " |", "|---|" + "---|" * len(steps)]
        for name in views_table.PAPER_MANY:
            for papers in (False, True):
                rows_of = [r for r in many if r["init"] == name and (r["tuned_on"] == PAPERS) == papers]
                scores = {r["steps"]: r["psnr_db"] for r in rows_of}
                how = f"{rows_of[0]['optimizer']} {rows_of[0]['learning_rate']:g}"
                how = f"{views_table.LABELS[name]} ({how}, {PAPERS if papers else 'tuned'})"
                out.append(f"| {how} | " + " | ".join(f"{scores[n]:.1f}" for n in steps) + " |")
    return "\n".join(out).rstrip() + "\n"


def summary(content: dict[str, Any]) -> str:
    """The table for README.md: means over objects and seeds."""
    rows = [row for row in content["results"] if row["observations"] in ("views=1", "none")]
    lines = [
        "PSNR [dB] of held-out views of unseen chairs, fitted to a single picture.",
        "",
        "| initialisation | un-adapted | fitted |",
        "|---|---|---|",
    ]
    means = {
        (name, fitted): np.mean(found)
        for name in views_table.LABELS
        for fitted in (False, True)
        if (found := [row["psnr_db"] for row in rows if (row["init"], row["in_table"]) == (name, fitted)])
    }
    best = max(views_table.INITS, key=lambda name: means.get((name, True), -np.inf))
    for name, label in views_table.LABELS.items():
        if (name, True) in means:
            start = f"{means[name, False]:.1f}" if (name, False) in means else "–"
            score = f"{means[name, True]:.1f}"
            lines.append(f"| {label} | {start} | {f'**{score}**' if name == best else score} |")
    profile = reporting.profile_of(views.Profile, content)
    num = max(row["num_signals"] for row in rows)
    lines += [
        "",
        f"`{content['command']}`, {profile.size} × {profile.size}, {profile.depth} × {profile.width}, "
        f"{profile.num_steps} outer steps of {profile.inner_steps} inner ones, {num} objects × "
        f"{views.HELD_OUT} held-out views, {reporting.seeds(content)}, on {content['device']}. Settings, "
        "paired intervals, retrieval, 25 views: [docs/results/views.md](docs/results/views.md).",
    ]
    return "\n".join(lines)
