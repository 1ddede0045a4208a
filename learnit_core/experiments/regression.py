"""An experiment without peculiarities: signals on a grid of any number of dimensions, fitted from all their samples.

``experiment(…)`` makes the record from what only such an experiment knows: its class, its network, its profiles. The
initialisation is learned by MAML and by Reptile, and compared with Standard, Mean, Matched and Shuffled after as many
steps as the inner loop has.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from learnit_core import evaluate, losses, meta, training, weights
from learnit_core.experiments import baselines, fits, precision, report, runs, timing, tuned
from learnit_core.experiments import experiment as records
from learnit_core.experiments import rows as rows_of
from learnit_core.experiments.experiment import Experiment, Job, Part, Results, Tuning
from learnit_core.experiments.report import Gap, cell
from learnit_core.experiments.rows import Entry
from learnit_core.experiments.section import Section
from learnit_core.experiments.settings import Settings
from learnit_core.signals import Splits, arrays, mean_signal
from learnit_core.structures import Field, Params, Pixels, Task
from learnit_core.tuning import GRID, Chosen, tune

INITS = ("standard", "mean", "matched", "shuffled", "meta-reptile", "meta-maml")
ALGORITHMS = {"meta-maml": "maml", "meta-reptile": "reptile"}


@dataclass(frozen=True, kw_only=True)
class Profile(records.Profile):
    """A profile of regression.

    ``counts`` are training, validation and test signals, ``batch`` signals an outer step; ``fit_steps`` make Mean and
    Matched; ``limit`` is the longest fit at test time.
    """

    counts: tuple[int, int, int]
    w0: float
    inner_rate: float = 1e-2
    inner_steps: int = 2
    batch: int = 4
    fit_steps: int = 500
    limit: int = 40

    UNTRAINED: ClassVar = ("counts", "fit_steps", "limit")

    def shortened(self, few: int) -> dict[str, Any]:
        cut = {name: min(getattr(self, name), few) for name in ("num_steps", "batch", "fit_steps")}
        # A fit is as long as the inner loop at least, since that is what the table shows.
        counts = tuple(map(min, self.counts, (10 * few, 2 * few, few)))
        return cut | {"counts": counts, "limit": min(self.limit, max(few, self.inner_steps))}


def tasks(signals: np.ndarray | Array) -> Task:
    """Signals [n, *shape, channels] as tasks whose support and query are all samples, at positions in [0, 1)."""
    return arrays.tasks(signals, arrays.grid(signals.shape[1:-1]))


def measures(field: Field, tasks: Task) -> tuple[Callable, Callable]:
    """What a fit descends and is scored by: squared error and PSNR [dB] over all samples."""
    del tasks
    return losses.regression_loss(field), evaluate.regression_score(field)


def sampler(profile: Profile, algorithm: str) -> Callable:
    """``sample_tasks`` that draws a batch of signals, with replacement, from data [n, *shape, channels]."""
    del algorithm
    return arrays.sampler(profile.batch, tasks)


def meta_train(
    field_for: Callable,
    profile: Profile,
    splits: Splits,
    algorithm: str,
    *,
    seed: int = 0,
    folder: Path | None = None,
    **control: Any,
) -> tuple[Field, Params, training.History]:
    """Meta-train on ``splits.train``; validation is PSNR [dB] after the inner steps on ``splits.validation``."""
    field, unseen = field_for(profile, splits), tasks(splits.validation)
    loss, score = measures(field, unseen)
    inner, steps = optax.sgd(profile.inner_rate), profile.inner_steps
    grad = getattr(meta, algorithm)(loss, meta.adapt_with(loss, inner, steps))
    validate = runs.after_inner_steps(loss, score, unseen, inner, steps, runs.run_keys(seed)[1])
    about = {"algorithm": algorithm, "data": splits.name, "seed": seed, "folder": folder, **control}
    return runs.meta_train(profile, field, splits.train, grad, sampler(profile, algorithm), validate, **about)


def starts(
    profile: Profile, field: Field, splits: Splits, learned: Mapping[str, Params], *, seed: int = 0
) -> tuple[dict[str, fits.Draws], dict[str, float]]:
    """All rows of the table, and the PSNR [dB] that Mean and Matched reach to their targets."""
    coords = tasks(splits.train[:1]).support.coords[0]
    mean = jnp.asarray(mean_signal(splits.train)).reshape(-1, splits.train.shape[-1])
    maml = learned["meta-maml"]
    targets = {"mean": Pixels(coords, mean), "matched": Pixels(coords, field.apply(maml, coords))}
    made, reached = baselines.make(field, losses.regression_loss, targets, maml, fit_steps=profile.fit_steps, seed=seed)
    return made | {name: [params] for name, params in learned.items()}, reached


def table_rows(
    profile: Profile, field: Field, signals: np.ndarray, made: Mapping[str, fits.Draws], settings: Mapping, **about: Any
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Rows of the metrics file, un-adapted and after the inner steps, and curves [n, limit + 1] by initialisation.

    ``about`` is experiment, trained_on, data and seed.
    """
    unseen, steps = tasks(signals), profile.inner_steps

    @functools.cache
    def curve(name):
        setting = settings[name].setting
        return fits.mean_curves(measures, field, made[name], unseen, setting, profile.limit)

    entries = [Entry(name, "full", settings[name]._replace(steps=steps)) for name in INITS if name in made]
    rows, _ = rows_of.table(entries, lambda entry, n: curve(entry.init)[:, : n + 1], lambda entry: steps, **about)
    return rows, {entry.init: curve(entry.init) for entry in entries}


def rows_for(init: str, curve: np.ndarray, chosen: Chosen, steps: int, **about: Any) -> list[dict[str, Any]]:
    """Rows of the metrics file for one initialisation: un-adapted, and after ``steps`` steps of ``curve`` [n, points].

    ``chosen`` is how the curve was fitted; ``about`` is experiment, trained_on, data and seed.
    """
    return rows_of.fitted(Entry(init, "full", chosen), curve[:, : steps + 1], steps, **about)


def control_rows(splits: Splits, **about: Any) -> list[dict[str, Any]]:
    """The class mean and the nearest training signal, as if they were the fit."""
    return rows_of.array_controls(splits.train, splits.test, trained_on=splits.name, data=splits.name, **about)


def markdown(rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> str:
    """The table: before the fit, after it, and how it was fitted."""
    before = {row["init"]: row for row in rows if row["steps"] == 0 and not row["in_table"]}
    lines = ["| initialisation | un-adapted | fitted | setting |", "|---|---|---|---|"]
    for row in (row for row in rows if row["in_table"]):
        start = f"{before[row['init']]['psnr_db']:.1f}" if row["init"] in before else "–"
        how = f"{row['optimizer']} {row['learning_rate']:g}, {row['steps']} steps" if row["optimizer"] else "no fit"
        lines.append(f"| {labels[row['init']]} | {start} | {rows_of.score(row)} | {how} |")
    chosen_on = sorted({row["tuned_on"] for row in rows if row["tuned_on"]})
    note = f"PSNR [dB], mean ± deviation over signals. Settings chosen on: {'; '.join(chosen_on)}."
    return "\n".join([*lines, "", note])


def experiment(
    name: str,
    *,
    notebook: str,
    title: str,
    signal: str,
    profiles: Mapping[str, Profile],
    classes: Sequence[str],
    load_signals: Callable[..., Splits],
    field_for: Callable[[Profile, Splits], Field],
    bounds: Mapping[str, float],
    sections: tuple[Section, ...] = (),
) -> Experiment:
    """The record. ``title`` heads the page of results and ``signal`` is one of the class's, in words.

    The first of ``classes`` is meta-trained, shipped (in the profile ``quick``), tuned and judged; ``bounds`` are the
    gaps [dB] between MAML and other rows that are promised.
    """
    data, labels, quick = classes[0], rows_of.labels(signal), profiles["quick"]
    shipped = {init: f"{name}-{data}-quick-{algorithm}" for init, algorithm in ALGORITHMS.items()}
    train = functools.partial(meta_train, field_for)

    def jobs(profile: Profile, data: str) -> tuple[list[list[Job]], dict[str, Any]]:
        splits = load_signals(profile, data)
        learned = {init: weights.pretrained(file)[1] for init, file in shipped.items()}
        field, steps = field_for(profile, splits), profile.inner_steps
        made, reached = starts(profile, field, splits, learned)
        unseen = tasks(splits.validation)

        def job(init):
            def run(setting):
                return fits.fit_all(measures, field, made[init][:1], unseen, setting, steps).curves

            best = tune(run, {"last": lambda curve: float(curve[:, -1].mean())})["last"]
            choice = {"choice": list(best.choice), "steps": steps, "score": round(best.score, 3)}
            return {"full": choice | {"scores": best.scores}}

        said = {"num_validation": len(splits.validation), "reached_db": {n: round(db, 1) for n, db in reached.items()}}
        return [[Job(init, ("full",), functools.partial(job, init))] for init in INITS], said

    def settings_for(profile: str, data: str) -> Mapping[str, Any]:
        return tuned.chosen(name, profile, data, borrowed=classes[0])["full"]

    def part(profile: Profile, seed: int, settings: Settings) -> dict[str, Any]:
        splits, folder, learned = load_signals(profile, data), settings.out / "results" / "checkpoints" / name, {}
        for init, algorithm in ALGORITHMS.items():
            field, learned[init], _ = train(profile, splits, algorithm, seed=seed, folder=folder)
        made, _ = starts(profile, field, splits, learned, seed=seed)
        about = {"experiment": name, "trained_on": data, "data": data, "seed": seed}
        return {"rows": table_rows(profile, field, splits.test, made, settings_for("quick", data), **about)[0]}

    def parts(profile: Profile, settings: Settings, seeds: Sequence[int]) -> list[list[Part]]:
        about = [profile.values(), {init: list(chosen) for init, chosen in settings_for("quick", data).items()}]
        return [[Part(f"{name}-{seed}", about, functools.partial(part, profile, seed, settings))] for seed in seeds]

    def gaps(rows: Sequence[Mapping[str, Any]]) -> list[Gap]:
        del rows
        found = [Gap(f"MAML over {labels[n]}", cell("meta-maml"), cell(n), bound) for n, bound in bounds.items()]
        others = [cell(n) for n in ("mean", "matched", "shuffled")]
        return [*found, Gap("MAML over the best other, {best}", cell("meta-maml"), others, 0.0)]

    def verdicts(rows: Sequence[dict[str, Any]]) -> list[str]:
        return report.verdicts(rows, gaps, labels)

    def told(content: Mapping[str, Any]) -> str:
        p = report.profile_of(type(quick), content)
        shape = f"{p.size} samples, {p.depth} × {p.width}, {p.num_steps} outer steps of {p.inner_steps}"
        return f"profile `{p.name}` ({shape}), {p.counts[2]} {signal}s, {report.seeds(content)}"

    def page(content: dict[str, Any]) -> str:
        sections = report.by_seed(content, functools.partial(markdown, labels=labels))
        first = "Every number is on signals that were not trained on, and every initialisation has the optimiser and "
        first += "rate that did best on validation signals (`make tune`)."
        where = f"P{told(content)[1:]}, {report.machine(content)}."
        verdict = verdicts(content["results"])
        return report.page(content, title, first, where, paired=f"{signal}s", verdicts=verdict, sections=sections)

    def summary(content: dict[str, Any]) -> str:
        rows = [row for row in content["results"] if row["seed"] == content["seeds"][0]]
        where = f"`{content['command']}`, {told(content)}, on {content['device']}. All of it: "
        return f"{markdown(rows, labels)}\n\n{where}[docs/results/{name}.md](docs/results/{name}.md)."

    def bench(settings: Settings, *, rounds: int, size: int | None = None) -> dict[str, Any]:
        profile = replace(profiles["paper"], size=size or profiles["paper"].size, counts=(16, 1, 1)).capped(settings)
        splits = load_signals(profile, data)
        field, optimizer = field_for(profile, splits), runs.outer_optimizer(profile)
        loss, steps = losses.regression_loss(field), profile.inner_steps
        ways = {}
        for way, over in {"core": "map", "plain": "vmap"}.items():
            grad = meta.maml(loss, meta.adapt_with(loss, optax.sgd(profile.inner_rate), steps, remat=way == "core"))
            advance = functools.partial(meta.meta_steps, grad, sampler(profile, "maml"))
            once = jax.jit(functools.partial(advance, optimizer=optimizer, num_steps=1, over_tasks=over))
            state = meta.init_state(field.init(jax.random.key(1)), optimizer)
            ways[way] = functools.partial(once, jnp.asarray(splits.train), state, jax.random.key(2))
            jax.block_until_ready(ways[way]())
        taken = timing.in_turns(ways, settings.cap(rounds), matrix=True)
        limit = timing.share(precision.operations(ways["core"]), taken["core"], taken.pop("matrix"))
        found = timing.compared(taken)
        core = found["core"]
        print(f"{name}: outer step {core['median_seconds']:.3f} s, {core['times_as_fast']:.2f} times as fast as plain")
        return {"shape": [profile.batch, profile.size], "ways": found, "limit": limit}

    return Experiment(
        name=name,
        notebook=notebook,
        profiles=profiles,
        classes=tuple(classes),
        load_signals=load_signals,
        field_for=field_for,
        measures_for=lambda profile: measures,
        tasks=lambda profile, signals, observation: tasks(signals),
        sampler=sampler,
        meta_train=train,
        observations=("full",),
        inits=INITS,
        labels=labels,
        algorithms=ALGORITHMS,
        shipped={"quick": {data: shipped}},
        tuning=Tuning(
            grid=GRID,
            jobs=jobs,
            borrowed=data,
            protocol="Every setting of the grid (widened where the best stands on its edge) fits all validation "
            "signals for the inner loop's steps; the best mean PSNR after them is chosen.",
        ),
        results=Results(
            profile=quick,
            parts=parts,
            controls=lambda profile, seeds: control_rows(load_signals(profile, data), experiment=name, seed=seeds[0]),
            verdicts=verdicts,
            page=page,
            summary=summary,
        ),
        sections=sections,
        bench=bench,
    )
