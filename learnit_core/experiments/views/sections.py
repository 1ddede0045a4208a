"""What notebook 03 shows beside its own loops: the first picture, the objects, the starts of its table, and rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from learnit_core import evaluate, metrics, plots, weights
from learnit_core.experiments import rows as rows_of
from learnit_core.experiments import views
from learnit_core.experiments.baselines import standard
from learnit_core.experiments.fits import Draws
from learnit_core.experiments.rows import Entry
from learnit_core.experiments.settings import Settings
from learnit_core.experiments.views import baselines, table
from learnit_core.experiments.views.record import VIEWS
from learnit_core.signals.scenes import SceneSplits
from learnit_core.structures import Field, Params, Task, rows
from learnit_core.tuning import Chosen


class Start(NamedTuple):
    """A row of the table: where its fits start, how a fit to one view is made, and how the start was trained."""

    label: str
    draws: Draws
    chosen: Chosen
    training: str | None = None
    """Outer × inner steps and where they were made; None where nothing was trained."""


class Trained(NamedTuple):
    """Learned weights, and how they were trained, in words."""

    params: Params
    training: str


class Study(NamedTuple):
    """What one run of the notebook works with.

    ``tested`` names the objects that are fitted, ``tuned`` are the settings by number of given views and
    initialisation, ``watched`` the validation objects that are scored while training, with one view given.
    ``algorithms`` is what this run trains, by row of the table, and ``shipped`` what it need not train.
    """

    profile: views.Profile
    field: Field
    random_weights: Params
    scenes: SceneSplits
    tested: str
    tuned: Mapping[str, Mapping[str, Chosen]]
    watched: Task
    algorithms: Mapping[str, str]
    shipped: Mapping[str, Trained]


def study(settings: Settings, *, seed: int, train_live: bool = True) -> Study:
    """Load objects, and decide what is trained.

    Nothing is trained where ``train_live`` is false or test data are named without data to train on, if a shipped
    initialisation can take the place. Raises LearnitError if data are missing or unreadable.
    """
    profile, data = VIEWS.profile(settings), settings.data or VIEWS.classes[0]
    scenes = views.load_signals(profile, data)
    if settings.test_data:
        others = views.load_signals(profile, settings.test_data)
        note = f"{scenes.note} Tested on {others.name}."
        scenes = scenes._replace(test=others.test, test_names=others.test_names, note=note)
    field, shipped = views.field_for(profile), shipped_for(profile.name, data)
    names = ("meta-mv", "meta-sv") if profile.name == "paper" else ("meta-mv",)
    live = train_live and not (settings.test_data and not settings.data)
    return Study(
        profile=profile,
        field=field,
        random_weights=standard(field, seed=seed),
        scenes=scenes,
        tested=settings.test_data or scenes.name,
        tuned=table.tuned_settings(profile.name, scenes.name),
        watched=views.tasks(rows(scenes.validation, slice(views.VALIDATED)), 1, 2),
        algorithms={name: views.ALGORITHMS[name] for name in names} if live or not shipped else {},
        shipped=shipped,
    )


def shipped_for(profile: str, data: str) -> dict[str, Trained]:
    """What is shipped for a class in the profile ``quick``, by row: of the same training as the notebook's, and MV of
    the longer one as ``meta-mv-long``. For other profiles, whose networks are others, nothing."""
    if profile != "quick":
        return {}
    files = dict(views.SHIPPED["quick"].get(data, {}))
    if "meta-mv" in (longer := views.SHIPPED["long"].get(data, {})):
        files[table.LONGER] = longer["meta-mv"]
    found = {}
    for name, file in files.items():
        _, params, about = weights.pretrained(file)
        found[name] = Trained(params, f"{training(about['algorithm'], about['profile'])}, shipped")
    return found


def training(algorithm: str, profile: Mapping[str, Any]) -> str:
    """Outer × inner steps of a training in words, from the values of its profile; Joint has no inner loop."""
    outer = profile["num_steps"]
    return f"{outer} steps" if algorithm == "joint" else f"{outer} × {profile['inner_steps']}"


def first_look(settings: Settings) -> Figure:
    """The first test chair from one picture: what random weights and what shipped ones make of it.

    Columns are the given view and four that were held out; rows the truth and the two fits.
    """
    profile = views.PROFILES["quick"].capped(settings)
    scenes = views.load_signals(replace(profile, counts=(0, 0, 1)), VIEWS.classes[0])
    field, learned, _ = weights.pretrained(views.SHIPPED["long"][VIEWS.classes[0]]["meta-mv"])
    one, tuned = views.tasks(scenes.test, 1), table.tuned_settings("long", VIEWS.classes[0])["1"]
    cameras = [rows(rows(part, 0), slice(4)) for part in one]
    shown = [[picture / 255 for part in cameras for picture in np.asarray(part.images)]]
    for name, start in (("standard", standard(field)), ("meta-mv", learned)):
        steps = min(tuned[name].steps, profile.limit)
        found = rows(views.fit(profile, field, [start], one, tuned[name].setting, steps).params, 0)
        seen = [np.asarray(views.pictures(profile, field, found, part)) for part in cameras]
        shown.append([picture for pictures in seen for picture in pictures])
    return plots.picture_grid(
        shown,
        row_labels=["the chair", "fitted from\nrandom weights", "fitted from\nlearned weights"],
        column_labels=["the one picture", *["never shown"] * 4],
        cell=1.6,
    )


def starts(study: Study, trained: Mapping[str, Params], *, seed: int) -> tuple[dict[str, Start], float]:
    """The rows of the table in order, and the PSNR [dB] of Matched's renderings to those of MV's initialisation.

    ``trained`` is what this run trained, by row; it goes before what is shipped for the same row. Matched and Shuffled
    are made from the MV that stands in the row ``meta-mv``.
    """
    profile, here = study.profile, {}
    for name, params in trained.items():
        algorithm = views.ALGORITHMS[name]
        here[name] = Trained(params, f"{training(algorithm, vars(profile.for_algorithm(algorithm)))}, here")
    learned = dict(study.shipped) | here
    if "meta-mv" not in learned:  # no training as short as the profile's: the longer one has its row, and none besides
        learned["meta-mv"] = learned.pop(table.LONGER)
    made, reached = baselines.make(profile, study.field, study.scenes, learned["meta-mv"].params, seed=seed)
    made |= {name: [params] for name, (params, _) in learned.items()}
    trainings = {name: how for name, (_, how) in learned.items()}
    trainings |= dict.fromkeys(("matched", "shuffled"), "from this MV")
    longer = table.tuned_settings("long", study.scenes.name)["1"]["meta-mv"]
    chosen = {**study.tuned["1"], table.LONGER: longer}
    order = [name for name in (*table.INITS, table.LONGER) if name in made]
    return {name: Start(table.LABELS[name], made[name], chosen[name], trainings.get(name)) for name in order}, reached


def table_of(
    study: Study, made: Mapping[str, Start], curves: Mapping[str, np.ndarray], *, seed: int
) -> tuple[list[dict[str, Any]], str]:
    """Rows of the metrics file from the scores [objects, 2] before and after fits to one view, and their table.

    With the two controls, where they can be rendered: for built-in objects. Every row whose start was learned says its
    ``training``. Below the table, Markdown, stands what its intervals say of MV, computed from these rows.
    """
    found = []
    about = {"experiment": "views", "trained_on": study.scenes.name, "data": study.tested, "seed": seed}
    for name, curve in curves.items():
        start = made[name]
        said = {"training": start.training} if start.training else {}
        steps = min(start.chosen.steps, study.profile.limit)
        found += rows_of.fitted(Entry(name, "views=1", start.chosen), curve, steps, **about, **said)
    if study.tested == study.scenes.name:
        found += table.control_rows(study.profile, study.scenes, seed=seed)
    return found, f"{table.markdown(found)}\n\n{told(found)}"


def told(results: Sequence[Mapping[str, Any]]) -> str:
    """What the rows of a table say of MV against every other start, by their paired intervals; a sentence."""
    cells = {row["init"]: row for row in results if row["in_table"]}
    mine, words = cells["meta-mv"]["psnr_per_signal"], {"ahead of": [], "within noise of": [], "behind": []}
    for name in (name for name in (*table.INITS, table.LONGER) if name in cells and name != "meta-mv"):
        _, low, high = evaluate.paired_interval(mine, cells[name]["psnr_per_signal"])
        verdict = "ahead of" if low > 0 else "behind" if high < 0 else "within noise of"
        words[verdict].append(table.LABELS[name])
    found = "; ".join(f"{verdict} {', '.join(names)}" for verdict, names in words.items() if names)
    return f"**What these {len(mine)} objects say:** {table.LABELS['meta-mv']} is {found}."


def course_rows(
    study: Study, curves: Mapping[str, np.ndarray], *, given: int, every: int, seed: int
) -> list[dict[str, Any]]:
    """Rows of the metrics file after the first ``every`` steps and after the last, of fits to ``given`` views.

    ``curves`` are scores [objects, points] after 0, ``every``, 2 ``every``, … steps by initialisation.
    """
    return [
        metrics.row(
            experiment="views",
            trained_on=None if name == "standard" else study.scenes.name,
            data=study.tested,
            split="test",
            init=name,
            observations=f"views={given}",
            steps=index * every,
            psnr_per_signal=curve[:, index],
            seed=seed,
            optimizer=study.tuned["25"][name].setting.optimizer,
            learning_rate=study.tuned["25"][name].setting.learning_rate,
            tuned_on=study.tuned["25"][name].tuned_on,
        )
        for name, curve in curves.items()
        for index in (1, curve.shape[1] - 1)
    ]
