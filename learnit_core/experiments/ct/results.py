"""The CT part of ``make results``: the full table, three meta-training seeds, ``docs/results/ct.json`` and ``ct.md``.

Each part (seed x number of views x initialisation) is kept under ``$LEARNIT_OUT/results`` as soon as it is done.
The page is of the seeds that are asked for, and says which they are.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from learnit_core import evaluate, metrics
from learnit_core.experiments import baselines, ct
from learnit_core.experiments import report as reporting
from learnit_core.experiments.ct import table as ct_table
from learnit_core.experiments.settings import Settings

OVER_STANDARD = {2: 2.5, 4: 4.0, 8: 5.0}
"""Gaps between the learned and the standard initialisation that this project promises, by number of views [dB]."""


def results_profile(settings: Settings) -> ct.Profile:
    """The larger network with its longer training, tested on 32 phantoms."""
    return replace(ct.LONG, counts=(2048, 16, 32)).capped(settings)


def run(settings: Settings, target: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Make what is missing of the seeds asked for, and write page and metrics to ``target``."""
    profile = results_profile(settings)
    tuned = ct_table.tuned_settings("long", "phantoms")
    images = ct.load_signals(profile, "phantoms")
    rows = ct_table.control_rows(images, data="phantoms", seed=seeds[0])
    field = ct.field_for(profile)
    runs = {views: ct_table.runner(field, images.test, views) for views in ct.VIEWS}
    limits = {views: profile.limit(views) for views in ct.VIEWS}
    asked = [entry for views in ct.VIEWS for entry in ct_table.entries(tuned, views)]
    for seed in seeds:
        parts = {entry: Part.of(entry, profile, seed, settings) for entry in asked}
        if missing := [entry for entry, part in parts.items() if part.rows is None]:
            made = initialisations(profile, images, seed, settings)

            def fitted(entry, made=made, parts=parts, seed=seed):
                found, _ = ct_table.entry_rows(
                    runs[entry.views],
                    made[entry.init],
                    entry,
                    limits,
                    trained_on="phantoms",
                    data="phantoms",
                    seed=seed,
                )
                return parts[entry].keep(found)

            bar = tqdm(missing, desc=f"results of ct, seed {seed}", unit="fit")
            parts |= zip(bar, evaluate.side_by_side(fitted, missing), strict=True)
        for views in ct.VIEWS:
            rows += [row for entry, part in parts.items() if entry.views == views for row in part.rows]
            rows.append(ct_table.fbp_row(images.test, views, tuned, data="phantoms", seed=seed))
    return reporting.write(
        target, "ct", notebook="02_ct_reconstruction", profile=profile, seeds=seeds, rows=rows, page=page
    )


class Part(NamedTuple):
    """The rows of one fit of the table, if its file holds them, and what they belong to."""

    file: Path
    belongs_to: list[Any]
    rows: list[dict[str, Any]] | None

    @classmethod
    def of(cls, entry: ct_table.Entry, profile: ct.Profile, seed: int, settings: Settings) -> "Part":
        """The part of one fit as it is on disk."""
        name = entry.init if entry.in_table else f"{entry.init}-paper"
        file = settings.out / "results" / f"ct-{seed}-views{entry.views}-{name}.json"
        kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
        belongs_to = json.loads(json.dumps([asdict(profile), entry]))
        return cls(file, belongs_to, kept["rows"] if kept.get("belongs_to") == belongs_to else None)

    def keep(self, rows: list[dict[str, Any]]) -> "Part":
        """Write ``rows``, so that an interrupted run goes on behind them."""
        metrics.write_json(self.file, {"belongs_to": self.belongs_to, "rows": rows})
        return self._replace(rows=rows)


def initialisations(profile: ct.Profile, images, seed: int, settings: Settings) -> dict[str, baselines.Draws]:
    """All rows of the table for one meta-training seed."""
    # Where `make weights` trains what is shipped: seed 0 is that very run.
    folder = settings.out / "weights" / ct.SHIPPED["long"]
    field, params, _ = ct.meta_train(profile, images, seed=seed, folder=folder)
    made, _ = baselines.of_pictures(profile, field, images, params, seed=seed)
    return made | {"meta-reptile": [params]}


def verdicts(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One line a comparison and seed: paired differences over phantoms with 95 % intervals, held against the bounds."""
    lines = []
    scores = {
        (row["seed"], int(row["observations"].removeprefix("views=")), row["init"]): row["psnr_per_signal"]
        for row in rows
        if row["in_table"] and row["observations"] != "none"
    }
    meta, others = "meta-reptile", ("standard", "mean", "matched", "shuffled")
    for seed in sorted({seed for seed, _, _ in scores}):

        def line(what, a, b, bound, seed=seed):
            difference = evaluate.paired_interval(scores[seed, *a], scores[seed, *b])
            lines.append(reporting.gap(seed, what, difference, bound))

        for views in ct.VIEWS:
            label = ct_table.views_label(views)
            best = max(others, key=lambda name: np.mean(scores[seed, views, name]))
            bound = OVER_STANDARD.get(views)
            line(f"{label}: Reptile over Standard", (views, meta), (views, "standard"), bound)
            if best != "standard" or bound is None:
                what = f"{label}: Reptile over the best other, {ct_table.LABELS[best]}"
                line(what, (views, meta), (views, best), None if bound is None else 0.0)
            line(f"{label}: Reptile over filtered back-projection", (views, meta), (views, "fbp"), None)
        line("Reptile with 2 views over Standard with 4", (2, meta), (4, "standard"), 0.0)
        line("Reptile with 4 views over Standard with 8", (4, meta), (8, "standard"), None)
    return lines


def page(content: dict[str, Any]) -> str:
    """The results as a Markdown page."""
    rows, profile = content["results"], reporting.profile_of(ct.Profile, content)
    out = [
        "# Results: computed tomography",
        "",
        f"Generated by `{content['command']}`; do not edit. Random Shepp-Logan phantoms, the paper's class, at "
        f"{profile.size} × {profile.size} instead of 256 × 256 and with a network of {profile.depth} × {profile.width} "
        "instead of 5 × 256. Every number is on phantoms that were not trained on, and every initialisation has the "
        "optimiser, the rate and the number of steps that did best on 16 validation phantoms for that number of views "
        "(`make tune`, with seed 0; all seeds here use these settings).",
        "",
        f"Slices as in the profile `{content['profile']}`, but a larger network, on {profile.num_frequencies} Fourier "
        f"frequencies, {profile.num_steps} outer steps with Adam {profile.outer_rate:g}, and fits of up to "
        f"{', '.join(map(str, profile.limits))} steps from {', '.join(map(str, ct.VIEWS))} views; "
        f"{reporting.seeds(content)}, {reporting.machine(content)}.",
        "",
        "## Gaps",
        "",
        f"Paired over phantoms, {reporting.HOLDS}",
        "",
        *reporting.gaps(),
        *verdicts(rows),
    ]
    for seed in content["seeds"]:
        part = [row for row in rows if row["seed"] == seed or row["observations"] == "none"]
        out += ["", f"## Seed {seed}", "", ct_table.markdown(part)]
    return "\n".join(out).rstrip() + "\n"


def summary(content: dict[str, Any]) -> str:
    """The table for README.md: means over phantoms and seeds."""
    table = [row for row in content["results"] if row["in_table"]]
    lines = [
        "PSNR [dB] of unseen random Shepp-Logan phantoms, reconstructed from so many projections.",
        "",
        "| initialisation | " + " | ".join(map(ct_table.views_label, ct.VIEWS)) + " |",
        "|---|" + "---|" * len(ct.VIEWS),
    ]
    means = {
        (name, views): np.mean(
            [
                row["psnr_db"]
                for row in table
                if row["init"] == name and row["observations"] in (f"views={views}", "none")
            ]
        )
        for name in {row["init"] for row in table}
        for views in ct.VIEWS
    }
    best = {views: max(ct_table.INITS, key=lambda name: means[name, views]) for views in ct.VIEWS}
    for name in (name for name in ct_table.LABELS if (name, ct.VIEWS[0]) in means):
        cells = [f"{means[name, views]:.1f}" for views in ct.VIEWS]
        cells = [f"**{cell}**" if best[v] == name else cell for cell, v in zip(cells, ct.VIEWS, strict=True)]
        lines.append(f"| {ct_table.LABELS[name]} | " + " | ".join(cells) + " |")
    profile = reporting.profile_of(ct.Profile, content)
    num = max(row["num_signals"] for row in table)
    lines += [
        "",
        f"`{content['command']}`, {profile.size} × {profile.size}, {profile.depth} × {profile.width}, "
        f"{profile.num_steps} outer steps, {num} phantoms, "
        f"{reporting.seeds(content)}, on {content['device']}. Settings, "
        "deviations and paired intervals: [docs/results/ct.md](docs/results/ct.md).",
    ]
    return "\n".join(lines)
