"""The results of computed tomography: a part for each meta-training seed, number of projections and initialisation."""

import functools
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from learnit_core.experiments import baselines, ct, report
from learnit_core.experiments.baselines import Draws
from learnit_core.experiments.ct import table
from learnit_core.experiments.experiment import Part, Results
from learnit_core.experiments.report import Gap, cell
from learnit_core.experiments.settings import Settings
from learnit_core.signals import ImageSplits

PROFILE = replace(ct.PROFILES["long"], counts=(2048, 16, 32))
"""The larger network with its longer training, tested on 32 phantoms."""

OVER_STANDARD = {2: 2.5, 4: 4.0, 8: 5.0}
"""Gaps between Reptile and Standard that this project promises, by number of projections [dB]."""


def parts(profile: ct.Profile, settings: Settings, seeds: Sequence[int]) -> list[list[Part]]:
    """A part for each fit of the table, those of a seed side by side."""
    tuned, images = table.tuned_settings(profile.name, "phantoms"), ct.load_signals(profile, "phantoms")
    limits = dict(zip(ct.NUM_PROJECTIONS, profile.limits, strict=True))
    training = threading.Lock()  # the first missing part of a seed trains; those beside it wait, and take its weights
    made = functools.cache(lambda seed: initialisations(profile, images, seed, settings))

    def rows(entry, seed):
        with training:
            draws = made(seed)
        about = {"trained_on": "phantoms", "data": "phantoms", "seed": seed}
        found, _ = table.fit_rows([entry], ct.field_for(profile), images.test, draws, limits, **about)
        return {"rows": found}

    def part(entry, seed):
        init, observations, *how = entry
        name = f"ct-{seed}-{observations.replace('=', '')}-{init}" + ("" if entry.in_table else "-paper")
        belongs_to = [profile.values(), [init, ct.OBSERVATIONS[observations], *how]]
        return Part(name, belongs_to, functools.partial(rows, entry, seed))

    asked = [entry for n in ct.NUM_PROJECTIONS for entry in table.entries(tuned, n)]
    return [[part(entry, seed) for entry in asked] for seed in seeds]


def initialisations(profile: ct.Profile, images: ImageSplits, seed: int, settings: Settings) -> dict[str, Draws]:
    """All rows of the table for one meta-training seed."""
    # Where `make weights` trains what is shipped: seed 0 is that very run.
    folder = settings.out / "weights" / ct.SHIPPED["long"]["phantoms"]["meta-reptile"]
    field, params, _ = ct.meta_train(profile, images, seed=seed, folder=folder)
    made, reached = baselines.of_pictures(profile, field, images, params, seed=seed)
    print(f"phantoms, seed {seed}:\n{baselines.nearness(reached, baselines.FIT_DB, table.LABELS)}")
    return made | {"meta-reptile": [params]}


def controls(profile: ct.Profile, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """The controls, and filtered back-projection beside the fits of each seed."""
    tuned, images = table.tuned_settings(profile.name, "phantoms"), ct.load_signals(profile, "phantoms")
    back_projected = [
        table.fbp_row(images.test, n, tuned, data="phantoms", seed=seed) for seed in seeds for n in ct.NUM_PROJECTIONS
    ]
    return table.control_rows(images, data="phantoms", seed=seeds[0]) + back_projected


def gaps(rows: Sequence[dict[str, Any]]) -> list[Gap]:
    """What is compared among the rows of one seed: for each number of projections, and with half of Standard's."""
    means = report.means((row for row in rows if row["in_table"]), "observations", "init")
    found = []
    for observations, n in ct.OBSERVATIONS.items():
        at = functools.partial(cell, observations=observations)
        learned, bound, others = at("meta-reptile"), OVER_STANDARD.get(n), table.INITS[:-1]
        best = max(others, key=lambda name, seen=observations: means[seen, name])
        found.append(Gap(f"{table.label(n)}: Reptile over Standard", learned, at("standard"), bound))
        if best != "standard" or bound is None:
            what = f"{table.label(n)}: Reptile over the best other, {table.LABELS[best]}"
            found.append(Gap(what, learned, at(best), None if bound is None else 0.0))
        found.append(Gap(f"{table.label(n)}: Reptile over filtered back-projection", learned, at("fbp")))
    for n, bound in ((2, 0.0), (4, None)):
        learned = cell("meta-reptile", observations=ct.observation(n))
        standard = cell("standard", observations=ct.observation(2 * n))
        found.append(Gap(f"Reptile with {table.label(n)} over Standard with {2 * n}", learned, standard, bound))
    return found


def verdicts(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One line a comparison and seed: paired differences over phantoms, held against the bounds."""
    return report.verdicts(rows, gaps, table.LABELS)


def page(content: dict[str, Any]) -> str:
    """The results as a Markdown page."""
    rows, profile = content["results"], report.profile_of(ct.Profile, content)
    return report.page(
        content,
        "computed tomography",
        "Random Shepp-Logan phantoms, the kind of class that the paper uses, at "
        f"{profile.size} × {profile.size} instead of 256 × 256 and with a network of {profile.depth} × {profile.width} "
        "instead of 5 × 256. Every number is on phantoms that were not trained on, and every initialisation has the "
        "optimiser, the rate and the number of steps that did best on "
        f"{profile.counts[1]} validation phantoms for that number of views "
        "(`make tune`, with seed 0; all seeds here use these settings).",
        f"Profile `{content['profile']}`: slices as in `quick`, but a larger network, on {profile.num_frequencies} "
        f"Fourier frequencies, {profile.num_steps} outer steps with Adam {profile.outer_rate:g}, and fits of up to "
        f"{', '.join(map(str, profile.limits))} steps from {', '.join(map(str, ct.NUM_PROJECTIONS))} views; "
        f"{report.seeds(content)}, {report.machine(content)}.",
        paired="phantoms",
        verdicts=verdicts(rows),
        sections=report.by_seed(content, table.markdown),
    )


def summary(content: dict[str, Any]) -> str:
    """The table for README.md: means over phantoms and seeds."""
    rows = [row for row in content["results"] if row["in_table"]]
    means = report.means(rows, "init", "observations")
    lines = [
        "PSNR [dB] of unseen random Shepp-Logan phantoms, reconstructed from so many projections.",
        "",
        "| initialisation | " + " | ".join(map(table.label, ct.NUM_PROJECTIONS)) + " |",
        "|---|" + "---|" * len(ct.NUM_PROJECTIONS),
    ]
    best = {seen: max(table.INITS, key=lambda name, seen=seen: means[name, seen]) for seen in ct.OBSERVATIONS}
    for name in (name for name in table.LABELS if any(init == name for init, _ in means)):
        found = {seen: means.get((name, seen), means.get((name, "none"))) for seen in ct.OBSERVATIONS}
        cells = [f"**{mean:.1f}**" if best[seen] == name else f"{mean:.1f}" for seen, mean in found.items()]
        lines.append(f"| {table.LABELS[name]} | " + " | ".join(cells) + " |")
    profile = report.profile_of(ct.Profile, content)
    num = max(row["num_signals"] for row in rows)
    by_class = {"phantoms": content["results"]}
    lines += [
        "",
        *report.leads("Differences [dB]", by_class, gaps, table.LABELS, lambda what: "over Standard" in what),
        "",
    ]
    lines += [
        f"`{content['command']}`, {profile.size} × {profile.size}, {profile.depth} × {profile.width}, "
        f"{profile.num_steps} outer steps, {num} phantoms, "
        f"{report.seeds(content)}, on {content['device']}. Settings, "
        "deviations and paired intervals: [docs/results/ct.md](docs/results/ct.md).",
    ]
    return "\n".join(lines)


RESULTS = Results(profile=PROFILE, parts=parts, controls=controls, verdicts=verdicts, page=page, summary=summary)
