"""The results of phototourism: every start fits the left halves of unseen photographs, and is judged by the right.

Reptile and both kinds of Basic NeRF of seed 0 are the shipped ones; those of other seeds are trained.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from learnit_core import weights
from learnit_core.experiments import baselines, fits, report, tourism
from learnit_core.experiments import rows as rows_of
from learnit_core.experiments.experiment import Part, Results
from learnit_core.experiments.report import Gap, cell
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.supplement import PAPERS
from learnit_core.experiments.tourism import table
from learnit_core.experiments.tuned import fingerprint

DATA = "landmark"

PROFILE = tourism.PROFILES["long"]

REPTILE = cell("meta-reptile")

GAPS = (
    Gap("Reptile over Basic NeRF, equal rays", REPTILE, cell("basic"), 0.0),
    Gap("Reptile over Basic NeRF, equal steps", REPTILE, cell("basic-steps"), 2.0),
    Gap("Reptile over Basic NeRF, the paper's steps", REPTILE, cell("basic-paper")),
    Gap("Reptile over Standard", REPTILE, cell("standard")),
    Gap("Reptile over itself before the fit", REPTILE, {"init": "meta-reptile", "steps": 0}, 2.5),
    Gap("Basic NeRF, equal rays, over Standard", cell("basic"), cell("standard")),
)
"""What is compared, paired over photographs, and by how much this project promises a start to be ahead [dB]."""


def parts(profile: tourism.Profile, settings: Settings, seeds: Sequence[int]) -> list[list[Part]]:
    """A part for each seed, one after the other: the rows of a table are fitted side by side."""
    shipped = [fingerprint(file) for file in tourism.SHIPPED["long"][DATA].values()]
    belongs_to = [profile.values(), table.tuned_settings(profile.name, DATA), fits.KEYED]
    return [
        [
            Part(
                f"tourism-{seed}",
                belongs_to + ([] if seed else [shipped]),  # seed 0 is what is shipped
                partial(seed_part, profile, seed, settings),
            )
        ]
        for seed in seeds
    ]


def seed_part(profile: tourism.Profile, seed: int, settings: Settings) -> dict[str, Any]:
    """Rows of one meta-training seed."""
    collection, made = tourism.load_signals(profile, DATA), {}
    for name, algorithm in tourism.ALGORITHMS.items():
        file = tourism.SHIPPED["long"][DATA][name]
        if seed == 0 and settings.max_steps is None:  # what is shipped
            field, made[name], _ = weights.pretrained(file)
        else:
            folder = settings.out / "weights" / file
            field, made[name], _ = tourism.meta_train(profile, collection, algorithm, seed=seed, folder=folder)
    made["standard"] = baselines.standard(field, seed=seed)
    chosen = table.tuned_settings(profile.name, DATA)
    rows, _ = table.table_rows(profile, field, collection.test, made, chosen, trained_on=DATA, data=DATA, seed=seed)
    return {"rows": rows}


def controls(profile: tourism.Profile, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """The two controls, under the first seed."""
    collection = tourism.load_signals(profile, DATA)
    return table.control_rows(collection.train, collection.test, data=DATA, seed=seeds[0])


def verdicts(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One line a comparison and seed."""
    return report.verdicts(rows, lambda rows: GAPS, table.LABELS, digits=2)


def page(content: dict[str, Any]) -> str:
    """The results as a Markdown page."""
    profile = report.profile_of(tourism.Profile, content)
    rays = profile.num_steps * profile.inner_steps * profile.rays
    return report.page(
        content,
        "phototourism",
        f"Photographs of the built-in landmark, the longer side {profile.size} pixels; a network of {profile.depth} × "
        f"{profile.width}. Left halves of unseen photographs are fitted, the numbers are PSNR on their right halves. "
        "Every start has the optimiser, the rate and the number of steps that did best on 5 validation photographs "
        "(`make tune`).",
        f"Reptile makes {profile.num_steps} outer steps of {profile.inner_steps} inner ones, each on {profile.rays} "
        f"rays of one photograph: {rays:,} rays. Basic NeRF is the same with one inner step: with as many rays in all "
        f"it makes {profile.num_steps * profile.inner_steps:,} outer steps; with as many outer steps it sees "
        f"{profile.num_steps * profile.rays:,} rays. All see the same photographs, and are trained with "
        f"Adam: {profile.outer_rate:g}, {profile.basic_rates[0]:g} and {profile.basic_rates[1]:g}, searched on "
        "validation photographs for each. Standard is a random draw.",
        f"Profile `{content['profile']}`, {report.seeds(content)}, {report.machine(content)}.",
        paired="photographs",
        verdicts=verdicts(content["results"]),
        sections=report.by_seed(content, table.markdown),
    )


def summary(content: dict[str, Any]) -> str:
    """The table for README.md: means over photographs and seeds."""
    profile = report.profile_of(tourism.Profile, content)
    rows = [row for row in content["results"] if row["tuned_on"] != PAPERS]
    num, means = max(row["num_signals"] for row in rows), report.means(rows, "init", "in_table")
    lines = [
        "PSNR [dB] on right halves of unseen photographs of the landmark, before and after their left halves were "
        "fitted.",
        "",
        "| initialisation | before the fit | right half, left half fitted | fitted with |",
        "|---|---|---|---|",
    ]
    fits = {row["init"]: row for row in rows if row["in_table"]}
    best = max(fits, key=lambda name: means[name, True])
    for name, row in fits.items():
        before = f"{means[name, False]:.1f}" if (name, False) in means else "–"
        after = f"**{means[name, True]:.1f}**" if name == best else f"{means[name, True]:.1f}"
        how = rows_of.how(row)
        lines.append(f"| {table.LABELS[name]} | {before} | {after} | {how} |")
    lines += [
        "",
        f"`{content['command']}`, profile `{content['profile']}` ({profile.depth} × {profile.width}, "
        f"{profile.num_steps} outer steps of {profile.inner_steps}), {num} photographs, {report.seeds(content)}, on "
        f"{content['device']}; settings chosen on validation. Deviations and paired intervals: "
        "[docs/results/tourism.md](docs/results/tourism.md).",
    ]
    return "\n".join(lines)


RESULTS = Results(
    profile=PROFILE,
    parts=parts,
    controls=controls,
    verdicts=verdicts,
    page=page,
    summary=summary,
)
