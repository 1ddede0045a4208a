"""What is bookkeeping in notebook 02: what the settings mean, rows for the metrics file, figures of several fits.

The ideas stand in the notebook: projection, loss, inner and outer loop, and the loop that makes its table.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from learnit_core import evaluate, explorer, metrics, names, plots, signals, weights
from learnit_core.errors import LearnitError
from learnit_core.experiments import baselines, ct
from learnit_core.experiments import rows as rows_of
from learnit_core.experiments.ct import explorers, measured, shipped, table
from learnit_core.experiments.ct.record import CT
from learnit_core.experiments.fits import Draws
from learnit_core.experiments.rows import psnrs
from learnit_core.experiments.settings import Settings
from learnit_core.signals import ImageSplits, phantoms, sinograms, slices
from learnit_core.structures import Field, Params

Rows = list[dict[str, Any]]
"""Rows of the metrics file."""

OFF_CLASS = (2, 4, 8)
"""Numbers of projections that slices off the class are reconstructed from."""


class Study(NamedTuple):
    """What the settings of a run mean: slices, network, tuned settings, and what is shipped for them."""

    profile: ct.Profile
    images: ImageSplits
    field: Field
    random_weights: Params
    tuned: table.TunedSettings
    """No fit has more steps than the profile allows."""
    shipped: Params | None
    """The learned initialisation, where one is shipped for this class and profile."""
    controls: Rows
    """Rows of the class mean and of the nearest training slice."""
    train: bool
    """Whether to meta-train: not if nothing but test data was named (those are reconstructed in the last section)."""


def choose(settings: Settings, *, train: bool = True, seed: int = 0) -> Study:
    """Read the slices that ``settings`` name, and what belongs to them.

    Raises LearnitError if there is to be no training (``train``) and no initialisation is shipped.
    """
    if sinograms.is_one(settings.test_data):
        measured.check(settings)
    data, profile = settings.data or CT.classes[0], CT.profile(settings)
    train = train and not (settings.test_data and not settings.data)
    file = ct.SHIPPED.get(settings.profile, {}).get(data, {}).get("meta-reptile")
    if not train and file is None:
        raise LearnitError(
            f"no initialisation is shipped for {data!r} in the profile {settings.profile!r}: expected the profile "
            "quick and phantoms, or training to be allowed"
        )
    images = ct.load_signals(profile, data)
    if settings.data and settings.test_data:
        images = images._replace(test=slices.load_test(settings.test_data, size=profile.size))
    field, tuned = ct.field_for(profile), table.tuned_settings(profile.name, images.name)
    fits = {
        init: {n: best._replace(steps=min(best.steps, profile.limit(n))) for n, best in by_number.items()}
        for init, by_number in tuned.fits.items()
    }
    learned = None if file is None else weights.pretrained(file)[1]
    controls = table.control_rows(images, data=images.name, seed=seed)
    start = baselines.standard(field, seed=seed)
    return Study(profile, images, field, start, tuned._replace(fits=fits), learned, controls, train)


class Look(NamedTuple):
    """What the notebook begins with: unseen phantoms, the larger shipped network, and its fits to few projections."""

    figure: Figure
    truth: Float[np.ndarray, "heads size size 1"]
    field: Field
    learned: Params
    fitted: Mapping[str, Params]
    """Weights with a leading axis of heads, by the start of the fit."""


def first_look(settings: Settings, *, num_projections: int = 4, seed: int = 0) -> Look:
    """Two unseen phantoms: what was measured, back-projection, and the larger network from both starts."""
    network = shipped.larger(settings=settings, seed=seed)
    truth = ct.load_signals(network.profile, "phantoms").test[:2]
    fits = network.fits(truth, [(init, num_projections) for init in network.starts])
    scans = np.asarray(ct.tasks(truth, ct.test_angles(num_projections)).support.values)
    smeared = table.back_projected(truth, num_projections, network.tuned.filters[num_projections])
    found = [smeared, *(pictures for pictures, _ in fits.values())]
    captions = np.array([[f"{db:.1f} dB" for db in psnrs(pictures, truth)] for pictures in found]).T
    figure = plots.picture_grid(
        [[_bands(scan), *(pictures[i] for pictures in found), truth[i]] for i, scan in enumerate(scans)],
        column_labels=[
            f"all that was measured:\n{num_projections} projections",
            "filtered\nback-projection",
            "network, from\nrandom weights",
            "network, from\nlearned weights",
            "the slice",
        ],
        captions=[["", *line, ""] for line in captions],
        cell=1.75,
    )
    fitted = {init: weights_of for (init, _), (_, weights_of) in fits.items()}
    return Look(figure, truth, network.field, network.starts["meta-reptile"], fitted)


def _bands(sinogram: Float[np.ndarray, "angles size"]) -> Float[np.ndarray, "size size 1"]:
    """A sinogram of few angles as a picture: a band for each, with black between them."""
    count, size = sinogram.shape
    each = size // count
    picture = np.zeros((size, size, 1), np.float32)
    for k, values in enumerate(sinogram / sinogram.max()):
        picture[k * each + each // 8 : (k + 1) * each - each // 8, :, 0] = values
    return picture


def starts(chosen: Study, learned: Params, *, seed: int = 0) -> tuple[dict[str, Draws], str]:
    """Every initialisation of the table in its order, and how well Mean and Matched show what they were fitted to."""
    made, reached = baselines.of_pictures(chosen.profile, chosen.field, chosen.images, learned, seed=seed)
    made["meta-reptile"] = [learned]
    agree = " and ".join(f"{plots.LABELS[name]} to {db:.0f} dB" for name, db in reached.items())
    return {name: made[name] for name in table.INITS}, f"Agreement with their targets: {agree}."


class Compared(NamedTuple):
    """The table: its rows, what is said of them in Markdown, and PSNR [dB] of every slice by row and projections."""

    rows: Rows
    said: str
    psnr: dict[str, dict[int, np.ndarray]]


def compared(
    chosen: Study, made: Mapping[str, Draws], scores: Mapping[tuple[str, int], np.ndarray], *, seed: int
) -> Compared:
    """Rows of the controls, the fits and back-projection; in Markdown also who is ahead of whom, and by how much.

    ``scores`` [dB] are those of the notebook's loop, by initialisation and number of projections: of each slice before
    the fit, on the way, and after it. The paper's setting is fitted here, where the profile has it as a further row.
    """
    images, profile, tuned = chosen.images, chosen.profile, chosen.tuned
    found, about = list(chosen.controls), {"data": images.name, "seed": seed}
    for n in ct.NUM_PROJECTIONS:
        for entry in table.entries(tuned, n, paper_too=profile.name != "quick"):
            steps = min(entry.chosen.steps, profile.limit(n))
            if entry.in_table:
                curve = scores[entry.init, n]
            else:
                run = table.runner(chosen.field, images.test, n, most=profile.limit(n))
                curve = run(made[entry.init], entry.chosen.setting, steps)
            found += rows_of.fitted(entry, curve, steps, experiment="ct", trained_on=images.name, **about)
    found += [table.fbp_row(images.test, n, tuned, **about) for n in ct.NUM_PROJECTIONS]
    psnr = by_init(found)
    return Compared(found, "\n\n".join([table.markdown(found), orders(psnr), differences(psnr)]), psnr)


def by_init(rows: Rows) -> dict[str, dict[int, np.ndarray]]:
    """PSNR [dB] of every slice, by initialisation (back-projection, too) and number of projections."""
    table_rows = {(row["init"], row["observations"]): row["psnr_per_signal"] for row in rows if row["in_table"]}
    return {
        init: {n: np.array(table_rows[init, seen]) for seen, n in ct.OBSERVATIONS.items()}
        for init in (*table.INITS, "fbp")
    }


def orders(psnr: Mapping[str, Mapping[int, np.ndarray]]) -> str:
    """The initialisations from the best to the worst, a line for each number of projections."""
    means = {init: {n: scores.mean() for n, scores in found.items()} for init, found in psnr.items()}
    lines = ["| projections | from the best to the worst [dB] |", "|---|---|"]
    for n in ct.NUM_PROJECTIONS:
        ranked = sorted(means, key=lambda init, n=n: -means[init][n])
        lines.append(f"| {n} | " + ", ".join(f"{plots.LABELS[init]} {means[init][n]:.1f}" for init in ranked) + " |")
    return "\n".join(lines)


def differences(psnr: Mapping[str, Mapping[int, np.ndarray]]) -> str:
    """Reptile over Standard with as many projections, and over Standard with twice as many, with their intervals."""
    learned, standard = psnr["meta-reptile"], psnr["standard"]
    lines = ["| Reptile with | over Standard with | mean [dB] | 95 % interval [dB] |", "|---|---|---|---|"]
    for n, m in [(n, n) for n in ct.NUM_PROJECTIONS] + [(2, 4), (4, 8)]:
        gap = evaluate.paired_interval(learned[n], standard[m])
        lines.append(f"| {table.label(n)} | {table.label(m)} | {gap.mean:+.1f} | {gap.low:+.1f} to {gap.high:+.1f} |")
    return "\n".join(lines)


class OffClass(NamedTuple):
    """Slices of another class, from the start learned on phantoms: what is shown, rows, and the table in Markdown."""

    figure: Figure
    slider: explorer.Explorer
    rows: Rows
    said: str


def strangers(settings: Settings, size: int) -> tuple[str, Float[np.ndarray, "n size size 1"]]:
    """Name and slices of another class: the user's, where only test data are named, or smooth blobs; 8 at most."""
    if settings.test_data and not settings.data:
        name, found = Path(settings.test_data).name, slices.load_test(settings.test_data, size=size)
    else:
        circle = phantoms.scanner_circle(size)[..., None]
        name, found = "sdf", (1 - signals.load("sdf", size=size, counts=(1, 1, 3)).test) * circle
    return name, found[: settings.cap(8)]


def off_class(settings: Settings, *, numbers: Sequence[int] = OFF_CLASS, seed: int = 0) -> OffClass:
    """Slices of another class from ``numbers`` of projections: by the larger network from both starts, and by
    back-projection.

    Settings are those tuned on phantoms. The figure has the first slice, the slider all of them. A measured sinogram
    (:mod:`.measured`) has no truth, and so no rows.
    """
    if sinograms.is_one(settings.test_data):
        figure, slider, said = measured.reconstructed(settings, numbers=numbers, seed=seed)
        return OffClass(figure, slider, [], said)
    name, truth = strangers(settings, ct.PROFILES["long"].size)
    network = shipped.larger(name, settings=settings, seed=seed)
    fits = network.fits(truth, [(init, n) for n in numbers for init in network.starts])
    pictures = {init: {n: fits[init, n][0] for n in numbers} for init in network.starts}
    pictures["fbp"] = {n: table.back_projected(truth, n, network.tuned.filters[n]) for n in numbers}
    scores = {(init, n): psnrs(shown, truth) for init, by_number in pictures.items() for n, shown in by_number.items()}
    shown = list(pictures.values())
    figure = plots.picture_grid(
        [[*(by_number[n][0] for by_number in shown), truth[0]] for n in numbers],
        row_labels=[table.label(n) for n in numbers],
        column_labels=[*(plots.LABELS[init] for init in pictures), "truth"],
        captions=[[*(f"{scores[init, n][0]:.1f} dB" for init in pictures), ""] for n in numbers],
        cell=1.75,
    )
    found = [
        metrics.row(
            experiment="ct-off-class",
            trained_on="phantoms" if init == "meta-reptile" else None,
            **{"data": name, "split": "test", "init": init, "observations": ct.observation(n), "seed": seed},
            psnr_per_signal=score,
            **_how(network, init, n),
        )
        for (init, n), score in scores.items()
    ]
    slider = explorers.by_projections(
        {plots.LABELS[init]: shown for init, shown in pictures.items()}, truth, title=f"Off the class: {name}"
    )
    return OffClass(figure, slider, found, _ahead(scores, name, numbers))


def _how(network: shipped.Larger, init: str, num_projections: int) -> dict[str, Any]:
    """Steps and setting of a fit, for its row; back-projection has none."""
    if init == "fbp":
        return {"steps": 0, "tuned_on": network.tuned.filters_on}
    setting, steps, tuned_on = network.chosen(init, num_projections)
    return {"steps": steps, "tuned_on": tuned_on, **setting._asdict()}


def _ahead(scores: Mapping[tuple[str, int], np.ndarray], name: str, numbers: Sequence[int]) -> str:
    """Means as a Markdown table, and on how many slices the learned start is ahead of Standard."""
    count, name = len(next(iter(scores.values()))), names.in_markdown(name)
    lines = [
        f"| {name}, {count} slices | Standard | Reptile | Back-projection | Reptile ahead of Standard |",
        "|---" * 5 + "|",
    ]
    for n in numbers:
        standard, learned, smeared = (scores[init, n] for init in (*shipped.STARTS, "fbp"))
        means = " | ".join(f"{s.mean():.1f} dB" for s in (standard, learned, smeared))
        lines.append(
            f"| {table.label(n)} | {means} | {(learned - standard).mean():+.1f} dB, on {(learned > standard).sum()} |"
        )
    return "\n".join(lines)
