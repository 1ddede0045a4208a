"""What is bookkeeping in notebook 01: what the settings mean, rows for the metrics file, figures of several fits.

The ideas stand in the notebook: network, loss, inner and outer loop, and the loop that makes its table.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from learnit_core import evaluate, metrics, plots, signals, weights
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import baselines, image
from learnit_core.experiments.fits import Draws
from learnit_core.experiments.image import interpolation, rivals, table
from learnit_core.experiments.image.record import IMAGE
from learnit_core.experiments.settings import Settings
from learnit_core.signals import ImageSplits
from learnit_core.structures import Field, Params, Task, rows

Rows = list[dict[str, Any]]
"""Rows of the metrics file."""


class Study(NamedTuple):
    """What the settings of a run mean: signals, network, tuned settings, and what is shipped for them."""

    profile: image.Profile
    images: ImageSplits
    classes: Mapping[str, ImageSplits]
    """The built-in classes that something is shipped for in this profile, and ``images``, by name."""
    unseen: Task
    """All test pictures, with a leading axis."""
    test_name: str
    field: Field
    random_weights: Params
    tuned: table.TunedSettings
    shipped: Mapping[str, Params]
    """Initialisations of the class by name; empty where none is shipped."""
    train: bool
    """Whether to meta-train: not if nothing but test data was named, which is then fitted from what is shipped."""
    own: np.ndarray | None
    """Those test data, [pictures, 64, 64, 3], or None."""

    def reference(self) -> float:
        """Mean PSNR [dB] of validation pictures after two steps from Standard, with its tuned setting."""
        run, setting = table.runner(self.field, self.images.validation), self.tuned.after_two_steps["standard"]
        return float(run([self.random_weights], setting, 2)[:, 2].mean())


def choose(settings: Settings, *, train: bool = True, seed: int = 0) -> Study:
    """Read the signals that ``settings`` name, and what belongs to them.

    Raises LearnitError if there is to be no training (``train``) and no initialisation is shipped.
    """
    data, profile = settings.data or "text", IMAGE.profile(settings)
    own = None
    if settings.test_data and not settings.data:
        own, train = signals.load_test(settings.test_data, size=64, channels=3), False
    shipped = image.SHIPPED.get(profile.name, {})
    if not train and data not in shipped:
        raise LearnitError(
            f"no initialisation is shipped for {data!r} in the profile {profile.name!r}: "
            f"expected a profile among {', '.join(image.SHIPPED)} and a built-in class, or training to be allowed"
        )
    classes = {name: image.load_signals(profile, name) for name in image.CLASSES if name == data or name in shipped}
    images, test_name = classes.get(data) or image.load_signals(profile, data), None
    if settings.data and settings.test_data:
        images, test_name = signals.with_test(images, settings.test_data), Path(settings.test_data).name
    field = image.field_for(profile, images.train.shape[-1])
    return Study(
        profile,
        images,
        classes | {images.name: images},
        image.tasks(images.test),
        test_name or images.name,
        image.reading_rated(field),
        baselines.standard(field, seed=seed),
        table.tuned_settings(profile.name, images.name),
        {init: weights.pretrained(file)[1] for init, file in shipped.get(data, {}).items()},
        train,
        own,
    )


def first_look(settings: Settings, *, seed: int = 0) -> tuple[Figure, Rows]:
    """One unseen picture a class before and after two steps, from Standard and from the larger shipped weights.

    The rows score up to four test pictures a class, with the settings tuned for two steps.
    """
    grid, captions, labels, found = [], [], [], []
    for name, files in image.SHIPPED["standard"].items():
        field, start, _ = weights.pretrained(files["meta-maml"])
        truth, tuned = image.large_test(name, count=settings.cap(4)), table.tuned_settings("standard", name)
        grid.append([])
        captions.append([])
        labels.append(f"{name}\n{truth.shape[1]} × {truth.shape[2]}")
        for init, params in {"standard": baselines.standard(field, seed=seed), "meta-maml": start}.items():
            setting = tuned.after_two_steps[init]
            shown = image.frames(field, params, truth[:1], setting, 2)[0, [0, 2]]
            grid[-1] += list(shown)
            captions[-1] += [f"{evaluate.psnr(picture, truth[0]):.1f} dB" for picture in shown]
            found.append(
                metrics.row(
                    **{"experiment": f"image-{truth.shape[1]}", "data": name, "split": "test", "init": init},
                    trained_on=None if init == "standard" else name,
                    **{"observations": "full", "steps": 2, "seed": seed},
                    psnr_per_signal=table.runner(field, truth)([params], setting, 2)[:, 2],
                    **setting._asdict(),
                    tuned_on=tuned.tuned_on[init],
                )
            )
        grid[-1].append(truth[0])
    columns = ["random\nweights", "after\n2 steps", "learned\nweights", "after\n2 steps", "the picture"]
    figure = plots.picture_grid(grid, row_labels=labels, column_labels=columns, captions=captions, cell=1.5)
    return figure, found


def starts(chosen: Study, metas: Mapping[str, Params], *, seed: int = 0) -> tuple[dict[str, Draws], str]:
    """Every initialisation of the table by name, and as Markdown what each cost.

    ``metas`` are the learned ones by name. Mean, Matched and Shuffled come from the training pictures and MAML;
    Standard scaled and the shared trunks from :mod:`.rivals`, as tuning chose them.
    """
    made, reached = baselines.of_pictures(chosen.profile, chosen.field, chosen.images, metas["meta-maml"], seed=seed)
    made |= {name: [params] for name, params in metas.items()}
    made = rivals.beside(made, chosen.tuned.options, chosen.profile, chosen.field, chosen.images, seed=seed)
    cost = rivals.cost(chosen.profile, chosen.tuned.options)
    lines = ["| initialisation | gradient evaluations to make it |", "|---|---|"]
    lines += [f"| {plots.LABELS[name]} | {cost[name]:,} |" for name in made if name in cost]
    agree = " and ".join(f"{plots.LABELS[name]} to {db:.0f} dB" for name, db in reached.items())
    return made, "\n".join([*lines, "", f"The rest cost next to nothing. {agree} show what they were fitted to."])


def compared(chosen: Study, made: Mapping[str, Draws], *, seed: int = 0) -> tuple[Rows, str]:
    """Rows of the table and its controls on the test pictures of the run, and the table as Markdown."""
    profile, run = chosen.profile, table.runner(chosen.field, chosen.images.test)
    about = {"trained_on": chosen.images.name, "data": chosen.test_name, "seed": seed}
    # The paper's settings are for its own network: for the small one they stand on the page of results only.
    about |= {"limit": profile.limit, "paper_too": profile.name != "quick"}
    found = table.table_rows(run, made, chosen.tuned, **about)
    found += table.control_rows(chosen.images, data=chosen.test_name, seed=seed)
    return found, table.markdown(found)


ALONG = ("standard", "standard-scaled", "shared-mean", "meta-reptile", "meta-maml", "meta-sgd")
"""Initialisations whose longer fits the notebook shows; the page of results has them all, and to 100 steps."""


class Along(NamedTuple):
    """Longer fits: curves as a figure, at which steps MAML is ahead and behind (:func:`table.leads`), as Markdown."""

    figure: Figure
    leads: dict[str, dict[str, list[tuple[int, int]]]]
    said: str


def along(chosen: Study, made: Mapping[str, Draws], *, pictures: int = 8, steps: int = 40) -> Along:
    """Fit the first test ``pictures`` from those of :data:`ALONG`, each with the setting tuned for that many steps."""
    steps = min(steps, chosen.profile.along)
    run = table.runner(chosen.field, chosen.images.test[:pictures], most=steps)
    shown = {name: made[name] for name in ALONG if name in made}
    curves = table.curves(run, shown, chosen.tuned, along=steps)
    title = f"{chosen.test_name}: unseen pictures, settings tuned for each number of steps"
    leads = table.leads(curves)
    return Along(plots.step_curves(curves, title=title, far=True), leads, table.overtaking(leads))


class OtherClasses(NamedTuple):
    """What is shipped, on its own classes: rows, a table a class as Markdown, and bars of all classes."""

    results: Rows
    said: dict[str, str]
    figure: Figure


def other_classes(chosen: Study, results: Rows, *, seed: int = 0) -> OtherClasses:
    """Score the built-in classes that this run did not train on: the paper's six and Meta-SGD, after two steps.

    The figure has this run's ``results``, too.
    """
    found, said = [], {}
    for name, files in image.SHIPPED.get(chosen.profile.name, {}).items():
        if name == chosen.images.name:
            continue
        splits, learned = chosen.classes[name], {init: weights.pretrained(file)[:2] for init, file in files.items()}
        field, maml = learned["meta-maml"]
        made, _ = baselines.of_pictures(chosen.profile, field, splits, maml, seed=seed)
        made |= {init: [params] for init, (_, params) in learned.items()}
        tuned = table.tuned_settings(chosen.profile.name, name)
        about = {"trained_on": name, "data": name, "seed": seed, "limit": None, "paper_too": False}
        its_rows = table.table_rows(table.runner(field, splits.test), made, tuned, **about)
        its_rows += table.control_rows(splits, data=name, seed=seed)
        found, said[name] = found + its_rows, table.markdown(its_rows)
    shown = [row for row in results + found if row["in_table"]]
    figure = plots.bars(
        {
            name: {row["init"]: row["psnr_db"] for row in shown if row["data"] == name and row["init"] in table.PAPERS}
            for name in dict.fromkeys(row["data"] for row in shown)
        },
        title="Unseen pictures after two steps",
        ylabel="PSNR [dB]",
        references={row["data"]: row["psnr_db"] for row in shown if row["init"] == "nearest-training"},
    )
    return OtherClasses(found, said, figure)


def transfer(chosen: Study, *, seed: int = 0) -> tuple[Figure | None, Rows]:
    """PSNR after the two SGD steps of meta-training, for every shipped MAML on every class; no figure if none is."""
    trained = {
        name: weights.pretrained(files["meta-maml"])
        for name, files in image.SHIPPED.get(chosen.profile.name, {}).items()
    }
    inner, found = Setting("sgd", chosen.profile.inner_rate), []
    for tested_on in trained:
        for trained_on, (field, start, _) in trained.items():
            found.append(
                metrics.row(
                    **{"experiment": "image", "trained_on": trained_on, "data": tested_on, "split": "test"},
                    **{"init": "meta-maml", "observations": "full", "steps": 2, "seed": seed},
                    psnr_per_signal=table.runner(field, chosen.classes[tested_on].test)([start], inner, 2)[:, 2],
                    **inner._asdict(),
                    tuned_on="the rate of meta-training",
                )
            )
    if not found:
        return None, []
    values = np.reshape([row["psnr_db"] for row in found], (len(trained), len(trained))).T
    names = {"rows": list(trained), "columns": list(trained), "xlabel": "fitted", "ylabel": "trained on"}
    figure = plots.heat_table(values, title="PSNR after two steps [dB]", **names)
    return figure, [row for row in found if row["trained_on"] != row["data"]]


class Walks(NamedTuple):
    """Networks fitted in several ways to the same pictures, how well they mix, and as Markdown."""

    field: Field
    fits: Mapping[str, interpolation.FittedTo]
    shape: tuple[int, int]
    report: dict[str, Any]
    said: str

    def network(self, name: str, i: int) -> Params:
        """The weights fitted to picture ``i`` in the way ``name``."""
        return rows(self.fits[name].params, i)


def walks(settings: Settings, *, count: int = 5, seed: int = 0) -> Walks:
    """Fit ``count`` unseen strings with the larger network, from Standard and from the shipped MAML, to one PSNR.

    The report has, for each way of fitting, the agreement of all pairs (:func:`interpolation.agreement`).
    """
    field, learned, _ = weights.pretrained(image.SHIPPED["standard"]["text"]["meta-maml"])
    strings = image.large_test("text", count=count if settings.max_steps is None else 3)
    first, shape = {"standard": baselines.standard(field, seed=seed), "meta-maml": learned}, strings.shape[1:3]
    about = {"data": f"text, {shape[0]} x {shape[1]}", "max_steps": settings.cap(interpolation.MAX_STEPS)}
    fits, report = interpolation.compare(field, first, strings, interpolation.SHOWN, **about)
    return Walks(field, fits, shape, report, interpolation.markdown(report))


def photographs(truths: Float[np.ndarray, "n 64 64 3"], *, seed: int = 0) -> tuple[list[Figure], Rows]:
    """Photographs of one's own, from random weights and from the larger shipped faces: a figure each, and rows.

    After 0, 2 and 10 steps, one network for each colour channel, with the settings tuned on faces for two.
    """
    field, learned, _ = weights.pretrained(image.SHIPPED["standard"]["faces"]["meta-maml"])
    tuned = table.tuned_settings("standard", "faces").after_two_steps
    starts = {"standard": baselines.standard(field, seed=seed), "meta-maml": learned}
    figures, scores = [], {init: [] for init in starts}
    for truth in truths:
        grid = []
        for init, params in starts.items():
            shown = image.channel_frames(field, params, truth, tuned[init], 10)[[0, 2, 10]]
            grid.append([*shown, truth])
            scores[init].append([float(evaluate.psnr(picture, truth)) for picture in shown])
        columns = [*map(plots.steps_label, (0, 2, 10)), "your picture"]
        captions = [[f"{db:.1f} dB" for db in each[-1]] for each in scores.values()]
        labels = {"row_labels": [plots.LABELS[init] for init in starts], "column_labels": columns}
        figures.append(plots.picture_grid(grid, captions=captions, cell=1.6, **labels))
    found = [
        metrics.row(
            **{"experiment": "photograph", "data": "own pictures", "split": "test", "init": init, "seed": seed},
            trained_on=None if init == "standard" else "faces",
            **{"observations": "full", "steps": 2},
            psnr_per_signal=[after_two for _, after_two, _ in scores[init]],
            **tuned[init]._asdict(),
            tuned_on="validation of faces",
            in_table=True,
        )
        for init in starts
    ]
    return figures, found
