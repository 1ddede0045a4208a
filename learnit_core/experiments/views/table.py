"""The single-view table: every initialisation fitted to one picture of an unseen object, and scored on others."""

import functools
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from learnit_core import evaluate, metrics, plots
from learnit_core.evaluate import Setting
from learnit_core.experiments import views
from learnit_core.experiments.baselines import Draws
from learnit_core.structures import Field, Params, Task
from learnit_core.tuning import Chosen

INITS = ("standard", "matched", "shuffled", "joint", "meta-sv", "meta-mv")
"""Rows of the table; ``joint``, one network trained on the rays of all objects, is ours."""

NAMES = {"mv": "meta-mv", "sv": "meta-sv", "joint": "joint"}
"""Names of the rows that are trained."""

LABELS = plots.LABELS | {"class-mean": "control: class mean", "nearest-training": "control: nearest training object"}


PAPER = {
    "standard": Chosen(Setting("adam", 1e-5), 1000, "the paper's setting"),
    "matched": Chosen(Setting("adam", 1e-4), 2000, "the paper's setting"),
    "shuffled": Chosen(Setting("adam", 1e-4), 2000, "the paper's setting"),
    "joint": Chosen(Setting("sgd", 0.1), 1000, "the paper's setting for MV"),
    "meta-sv": Chosen(Setting("sgd", 0.5), 1000, "the paper's setting"),
    "meta-mv": Chosen(Setting("sgd", 0.1), 1000, "the paper's setting"),
}
"""The paper's settings for chairs from one view (supplement, Table 3)."""

PAPER_MANY = {"standard": Setting("adam", 1e-4), "meta-mv": Setting("sgd", 0.1)}
"""The paper's settings for chairs from 25 views."""


def tuned_settings(profile: str, data: str) -> dict[str, dict[int, Chosen]]:
    """Settings by initialisation and number of given views, chosen on validation objects.

    Other data and the profile ``standard`` borrow those of chairs in ``quick``, and a file may come from elsewhere than
    ``make tune``: ``tuned_on`` says so. The profile ``paper`` takes the paper's own.
    """
    if profile == "paper":
        return {name: {1: chosen, 25: chosen} for name, chosen in PAPER.items()}
    file = resources.files("learnit_core.experiments") / "views" / "tuned.json"
    profiles = json.loads(file.read_text("utf-8"))["profiles"]
    size = profile if profile in profiles else "quick"
    name = data if data in profiles[size] else "chairs"
    exact = (size, name) == (profile, data)
    tuned_on = profiles[size][name].get("tuned_on", "validation")
    tuned_on = tuned_on if exact else f"{tuned_on} of {name}, profile {size}"
    found: dict[str, dict[int, Chosen]] = {}
    for count, chosen in profiles[size][name]["views"].items():
        for init, entry in chosen.items():
            found.setdefault(init, {})[int(count)] = Chosen(Setting(*entry["choice"]), entry["steps"], tuned_on)
    return found


def run(
    profile: views.Profile, field: Field, draws: Draws, tasks: Task, setting: Setting, steps: int, *, every: int
) -> tuple[Float[np.ndarray, "objects points"], Params]:
    """PSNR [dB] of each object before and after every ``every`` steps, and the fitted weights (an axis of objects).

    Of several draws the objects get one each in turn.
    """
    count = len(tasks.support.images)
    stacked = jax.tree.map(lambda *leaves: jnp.stack([leaves[i % len(draws)] for i in range(count)]), *draws)
    curves, fitted = views.curves(
        profile, field, stacked, tasks, setting.learning_rate, setting.optimizer, steps, every
    )
    return np.asarray(curves), fitted


def table_rows(
    profile: views.Profile,
    field: Field,
    tasks: Task,
    made: Mapping[str, Draws],
    settings: Mapping[str, Mapping[int, Chosen]],
    *,
    trained_on: str,
    data: str,
    seed: int,
    num_given: int = 1,
) -> tuple[list[dict[str, Any]], dict[str, Params]]:
    """Rows of the metrics file, un-adapted and fitted, and the fitted weights by initialisation."""
    rows, fitted = [], {}
    about = dict(experiment="views", data=data, split="test", observations=f"views={num_given}", seed=seed)
    names = [name for name in INITS if name in made]
    most = {name: min(settings[name][num_given].steps, profile.limit) for name in names}

    def one(name):
        setting, steps = settings[name][num_given].setting, most[name]
        return run(profile, field, made[name], tasks, setting, steps, every=steps)

    for name, (curve, params) in zip(names, evaluate.side_by_side(one, names), strict=True):
        chosen, steps, fitted[name] = settings[name][num_given], most[name], params
        trained = None if name == "standard" else trained_on
        rows.append(metrics.row(**about, trained_on=trained, init=name, steps=0, psnr_per_signal=curve[:, 0]))
        rows.append(
            metrics.row(
                **about,
                trained_on=trained,
                init=name,
                steps=steps,
                psnr_per_signal=curve[:, -1],
                optimizer=chosen.setting.optimizer,
                learning_rate=chosen.setting.learning_rate,
                tuned_on=chosen.tuned_on,
                in_table=True,
            )
        )
    return rows, fitted


def control_rows(scores: Mapping[str, np.ndarray], *, trained_on: str, data: str, seed: int) -> list[dict[str, Any]]:
    """The controls (:func:`learnit_core.experiments.views.baselines.controls`) as rows of the table."""
    return [
        metrics.row(
            experiment="views",
            trained_on=trained_on,
            data=data,
            split="test",
            init=name,
            observations="none",
            steps=0,
            psnr_per_signal=score,
            seed=seed,
            in_table=True,
        )
        for name, score in scores.items()
    ]


def retrieval(profile: views.Profile, field: Field, fitted: Params, tasks: Task) -> tuple[int, np.ndarray]:
    """How many of the objects are recognised by their own reconstruction, and all PSNRs [object, reconstruction].

    Every reconstruction is seen by every object's held-out cameras; an object is recognised if its own comes closest to
    its held-out views, by PSNR and before all others. An initialisation that ignores the view recognises none.
    """
    scores = np.asarray(_all_pairs(profile, field, fitted, tasks.query))
    own = np.diag(scores)
    others = np.where(np.eye(len(scores), dtype=bool), -np.inf, scores).max(axis=1)
    return int(np.sum(own > others)), scores


@functools.partial(jax.jit, static_argnames=("profile", "field"))
def _all_pairs(profile, field, fitted, unseen):
    score = views.score_for(profile, field)
    return jax.lax.map(lambda views: jax.lax.map(lambda params: score(params, views), fitted), unseen)


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The main table's rows as Markdown: un-adapted, fitted, and the difference of MV to each, paired."""
    table = {row["init"]: row for row in rows if row["in_table"]}
    before = {row["init"]: row for row in rows if row["steps"] == 0 and not row["in_table"]}
    lines = ["| initialisation | un-adapted | fitted | setting | MV minus it |", "|---|---|---|---|---|"]
    for name, label in LABELS.items():
        if name not in table:
            continue
        row = table[name]
        score = f"{row['psnr_db']:.1f}" + ("" if row["psnr_std"] is None else f" ± {row['psnr_std']:.1f}")
        how = f"{row['optimizer']} {row['learning_rate']:g}, {row['steps']} steps" if row["optimizer"] else "–"
        start = f"{before[name]['psnr_db']:.1f}" if name in before else "–"
        gap = "–"
        if name != "meta-mv" and "meta-mv" in table:
            mean, low, high = evaluate.paired_interval(table["meta-mv"]["psnr_per_signal"], row["psnr_per_signal"])
            gap = f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"
        lines.append(f"| {label} | {start} | {score} | {how} | {gap} |")
    chosen_on = sorted({row["tuned_on"] for row in table.values() if row["tuned_on"]})
    lines += [
        "",
        "PSNR [dB] of held-out views, mean ± deviation over objects; differences paired by object with their 95 % "
        f"confidence interval. Chosen on: {'; '.join(chosen_on)}.",
    ]
    return "\n".join(lines)
