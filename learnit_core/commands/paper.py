"""As many of the paper's outer steps as a device has time for, and what they are worth: ``make paper``, resumable.

    python -m learnit_core.commands.paper --experiment ct --minutes 8 --out out/paper/ct

Measures how fast the device multiplies matrices, trains the profile ``paper`` in the fastest precision that follows
float32 (validation included) until the time is up, and then scores what was learned, in float32, with the settings of
the profile; that takes its own time, on a processor hours (``--score 0`` leaves it out). Run again, it
goes on where it was; a finished training is only scored. In the folder: ``metrics.json``, ``curve.png`` and
``curve.csv`` (PSNR against outer steps), weights for each algorithm, and what the next run goes on from.
"""

import argparse
import csv
import json
import math
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from learnit_core import experiments, files, metrics, plots, sharding, weights
from learnit_core.commands.weights import provenance
from learnit_core.errors import LearnitError
from learnit_core.experiments import baselines, precision, supplement
from learnit_core.experiments import rows as rows_of
from learnit_core.experiments.experiment import Experiment, Profile
from learnit_core.experiments.settings import Settings
from learnit_core.structures import Params, rows

TRIED_STEPS = 10
"""Outer steps by which precisions are compared."""

LOOKS, SELDOM = 20, 200
"""Looks at validation signals in the time there is, but no more often than every so many steps."""


def run(settings: Settings, experiment: Experiment, asked: argparse.Namespace) -> None:
    """Measure, train, score and write, as the module says. Raises LearnitError for bad input."""
    began, data = time.perf_counter(), asked.data or settings.data or experiment.classes[0]
    profile = experiment.profile(replace(settings, profile="paper", data=data))
    splits = experiment.load_signals(profile, data, seed=asked.seed)
    print(f"{splits.name}: {splits.note}")
    profile = profile.for_class(splits.name)  # a set's own name, wherever it lies, decides what its class has otherwise
    algorithms = experiment.paper.algorithms(profile) if experiment.paper.algorithms else experiment.algorithms
    chosen = {init: name for init, name in algorithms.items() if asked.algorithm in (None, name)}
    if not chosen:
        known = ", ".join(algorithms.values())
        raise LearnitError(f"{experiment.name} has no algorithm {asked.algorithm!r}: expected one of {known}")
    # A trial with few steps, or another seed, does not stand in the way of the real run.
    name = f"{experiment.name}-{splits.name}-{profile.num_steps}-seed{asked.seed}"
    out = asked.out or settings.out / "paper" / name
    about = {"experiment": experiment.name, "data": splits.name, "seed": asked.seed, "profile": profile.training()}
    kept, loaded = begin(out, about), time.perf_counter()
    field, learned, trained = experiment.field_for(profile, splits), {}, {}
    for i, (init, algorithm) in enumerate(chosen.items()):
        left = loaded + 60 * asked.minutes - time.perf_counter()
        learned[init], trained[init] = train(
            experiment, profile, splits, algorithm, asked, out, kept, seconds=left / (len(chosen) - i)
        )
    title = f"{experiment.name}, {splits.name}, profile paper; {experiment.paper.watched}"
    write_curves(out, title, trained)
    scoring = time.perf_counter()

    def write(results, others=None):
        trainings = sum(one["seconds"] for one in trained.values())
        seconds = {"signals": loaded - began, "meta_train": trainings, "score": time.perf_counter() - scoring}
        about = {"notebook": experiment.notebook, "profile": profile.name, "seed": asked.seed, "trained": trained}
        about |= {"profile_values": profile.values(), "papers_figures": figures(experiment, splits.name)}
        about |= {"signals": splits.note, **(others or {})}
        exact = field.spec["precision"]
        metrics.write(out / "metrics.json", **about, precision=exact, seconds=seconds, results=results)

    write([])  # scoring takes its time: what was trained is told before
    if asked.score:
        few, source = splits._replace(test=rows(splits.test, slice(asked.score))), imitated(experiment, learned)
        made, others = {"standard": [baselines.standard(field, seed=asked.seed)]}, {}
        if asked.all_rows:
            made, reached = experiment.paper.others(profile, field, few, learned[source], seed=asked.seed)
            if reached:
                others = {name: db if math.isfinite(db) else None for name, db in reached.items()}  # JSON has no NaN
                others = {"reached_db": others, "aimed_at_db": experiment.paper.aim}
                print(baselines.nearness(reached, experiment.paper.aim, experiment.labels))
        made |= {init: [params] for init, params in learned.items()}
        found = experiment.paper.scored(profile, field, few, made, seed=asked.seed)
        for row in found:
            row |= {"derived_from": source} if row["init"] in supplement.DERIVED else {}
        print(beside(experiment, splits.name, found))
        write(found, others)
    print(f"wrote metrics.json, curve.png, curve.csv and weights to {out}")


def train(
    experiment: Experiment,
    profile: Profile,
    splits: Any,
    algorithm: str,
    asked: argparse.Namespace,
    out: Path,
    kept: dict[str, Any],
    *,
    seconds: float,
) -> tuple[Params, dict[str, Any]]:
    """Go on with one algorithm for so many ``seconds`` and write its weights; parameters, and what is to say (JSON).

    What an earlier run measured stays; on another device its precision does. What is measured now is ``kept``.
    """
    ends, earlier = time.perf_counter() + seconds, kept["measured"].get(algorithm, {})
    if earlier.get("device") != metrics.device():
        only = earlier.get("precision", asked.precision)
        how = {"seed": asked.seed, "steps": min(TRIED_STEPS, profile.num_steps), "only": only}
        found = precision.measure(experiment, profile, splits, algorithm, **how)
        kept["measured"][algorithm] = {"device": metrics.device(), **found}
        metrics.write_json(out / "run.json", kept)
    measured = kept["measured"][algorithm]
    if asked.precision not in (None, measured["precision"]):
        begun = f"{out} was begun in {measured['precision']}, not in {asked.precision}"
        raise LearnitError(f"{begun}: name another folder with --out")
    print(f"{experiment.name}, {algorithm}, on {measured['device']}\n{precision.told(measured)}", flush=True)
    own, each = profile.at(measured["precision"]), measured["seconds_a_step"][measured["precision"]]
    left = max(0.0, ends - time.perf_counter())
    chunk = int(min(100, max(1, left / LOOKS / each)))
    every = max(1, round(max(SELDOM, left / LOOKS / each) / chunk))
    control = {"chunk": chunk, "validate_every": every, "stop_after": left, "folder": out / "checkpoints"}
    if asked.devices is not None:
        control["mesh"] = sharding.devices(asked.devices or None)
    _, params, history = experiment.meta_train(own, splits, algorithm, seed=asked.seed, **control)
    steps, of = len(history.losses), profile.for_algorithm(algorithm).num_steps
    hours = (history.seconds - history.compile_seconds) / steps * of / 3600
    print(f"{algorithm}: {steps:,} of {of:,} steps in {history.seconds:.0f} s; all take {hours:.3g} hours", flush=True)
    said = provenance(experiment, own, splits, splits.name, algorithm, history, seed=asked.seed) | {"steps": steps}
    said |= {"device": metrics.device(), "versions": metrics.versions(), "command": shlex.join(sys.argv)}
    # The field that is written computes in float32: not every device offers what it was trained in.
    name, field = f"{experiment.name}-{splits.name}-paper-{algorithm}", experiment.field_for(profile, splits)
    weights.save(out / f"{name}.safetensors", field, params, said)
    validation = [(step, db if math.isfinite(db) else None) for step, db in history.validation]  # JSON has no NaN
    times = {"seconds": history.seconds, "compile_seconds": history.compile_seconds, "hours_for_all": hours}
    return params, {"steps": steps, "of": of, **times, "measured": measured, "validation": validation}


def begin(out: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """What an earlier run measured and kept in ``out``. Raises LearnitError if the folder is not this run's."""
    file, mine = out / "run.json", json.loads(json.dumps(about))
    if not file.exists():
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise LearnitError(f"{out} holds other files: expected a new folder, or that of an earlier run")
        return {"belongs_to": mine, "measured": {}}
    try:
        kept = json.loads(file.read_text("utf-8"))
        other = [name for name in mine if kept["belongs_to"].get(name) != mine[name]]
    except (ValueError, KeyError, AttributeError) as error:
        raise LearnitError(f"{file} is damaged ({error}): name another folder with --out") from None
    if other:
        raise LearnitError(f"{out} belongs to a run of another {' and '.join(other)}: name another folder with --out")
    return kept


def write_curves(out: Path, title: str, trained: Mapping[str, Mapping[str, Any]]) -> None:
    """PSNR against outer steps, as a picture and as a table."""
    curves = {init: [p for p in one["validation"] if p[1] is not None] for init, one in trained.items()}
    figure = plots.training_curves(curves, title=title, ylabel="validation PSNR [dB]")
    figure.axes[0].set_xlim(0, None)
    with files.whole(out / "curve.png") as partial:
        figure.savefig(partial, format="png", dpi=110, facecolor="white", bbox_inches="tight")
    with files.whole(out / "curve.csv") as partial, partial.open("w", newline="", encoding="utf-8") as opened:
        table = csv.writer(opened)
        table.writerow(["init", "outer_step", "validation_psnr_db"])
        table.writerows([init, step, f"{db:.4f}"] for init, points in curves.items() for step, db in points)


def figures(experiment: Experiment, data: str) -> Mapping[str, Mapping[str, supplement.Figure]]:
    """What the paper reports for these data, by measure and row."""
    return supplement.of_class(supplement.FIGURES.get(experiment.name, {}), data) or {}


def beside(experiment: Experiment, data: str, found: Sequence[Mapping[str, Any]]) -> str:
    """Our rows as Markdown, beside the paper's figures where there are any."""
    papers, lines, mine = figures(experiment, data), ["|---" * 8 + "|"], [row for row in found if row["in_table"]]
    lines.insert(0, "| row | seen | fitted with | PSNR [dB] | not clipped | paper | steps to match | paper |")
    for row in mine:
        theirs = [_figure(_papers(experiment, papers, row, name)) for name in ("psnr_db", "steps_to_match")]
        match = _with(row["steps_to_match"], row["steps_to_match_std"])
        if row.get("never_matched"):
            match += f" ({row['never_matched']} of {row['num_signals']} not within {row['limit']})"
        how = rows_of.how(row)
        unclipped = _with(row["psnr_unclipped_db"]) if "psnr_unclipped_db" in row else "–"
        ours = [_label(experiment, row), row["observations"], how, _with(row["psnr_db"], row["psnr_std"])]
        lines.append("| " + " | ".join([*ours, unclipped, theirs[0], match, theirs[1]]) + " |")
    tuned_on = "; ".join(sorted({row["tuned_on"] for row in mine if row["tuned_on"]}))
    lines += ["", f"{found[0]['num_signals']} test signals, mean ± deviation over signals. Settings: {tuned_on}."]
    for source in sorted({row["derived_from"] for row in mine if _others(experiment, row)}):
        theirs, ours = (experiment.labels[init] for init in (supplement.IMITATED[experiment.name], source))
        lines.append(f"Matched and Shuffled are made of {ours} here, in the paper of {theirs}: it has no such figures.")
    if "steps_to_match" in papers:
        lines.append("Steps to match are counted by the PSNR of clipped values; the authors do not clip.")
    if papers:
        lines.append(f"The paper's figures are for its own data; whether {data!r} are these, you know.")
    return "\n".join(lines)


def imitated(experiment: Experiment, learned: Mapping[str, Any]) -> str:
    """The row among those ``learned`` that Matched and Shuffled are made of: the paper's, or if that is not there, the
    last one of the table."""
    order = [supplement.IMITATED.get(experiment.name), *reversed(experiment.inits), *learned]
    return next(init for init in order if init in learned)


def _others(experiment: Experiment, row: Mapping[str, Any]) -> bool:
    """Whether a row is made of other learned weights than the paper's row of this name."""
    return row.get("derived_from", supplement.IMITATED.get(experiment.name)) != supplement.IMITATED.get(experiment.name)


def _label(experiment: Experiment, row: Mapping[str, Any]) -> str:
    """A row's name in words; of one that is made of learned weights also whose."""
    label, source = experiment.labels[row["init"]], row.get("derived_from")
    word = "to" if row["init"] == "matched" else "from"
    return f"{label} {word} {experiment.labels[source]}" if source else label


def _papers(
    experiment: Experiment, papers: Mapping[str, Mapping[str, supplement.Figure]], row: Mapping[str, Any], measure: str
) -> supplement.Figure | None:
    """The paper's figure for the very row: of these observations, and made of the same algorithm's weights."""
    figure = papers.get(measure, {}).get(row["init"])
    same = figure and figure.observations == row["observations"] and not _others(experiment, row)
    return figure if same else None


def _figure(figure: supplement.Figure | None) -> str:
    """A figure of the paper; where it is from, if that is not the supplement."""
    if figure is None:
        return "–"
    told = "" if figure.source == supplement.SUPPLEMENT else f" ({figure.source})"
    return _with(figure.value, figure.deviation) + told


def _with(value: float | None, deviation: float | None = None) -> str:
    return "–" if value is None else f"{value:.2f}" + ("" if deviation is None else f" ± {deviation:.2f}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    of_paper = [name for name, one in experiments.ALL.items() if one.paper]
    parser = argparse.ArgumentParser(prog="learnit_core.commands.paper", description=__doc__.splitlines()[0])
    parser.add_argument("--experiment", help=f"{', '.join(of_paper)} (default: all, one after the other)")
    parser.add_argument("--data", help="a built-in class, a folder or a prepared set (default: LEARNIT_DATA, a class)")
    parser.add_argument("--algorithm", help="only this one (default: all, which share the time)")
    parser.add_argument(
        "--minutes", type=float, default=8.0, help="to measure, compile and train (8); scoring is extra"
    )
    parser.add_argument("--out", type=Path, help="folder of the run (default: paper/EXPERIMENT-DATA among the results)")
    parser.add_argument("--seed", type=int, default=0, help="of signals and meta-training (0)")
    parser.add_argument("--score", type=int, default=16, help="test signals to score (16); 0 scores none")
    parser.add_argument("--all-rows", action="store_true", help="score Mean, Matched and Shuffled, too, where they are")
    parser.add_argument("--precision", choices=precision.PRECISIONS, help="take this one instead of the fastest")
    parser.add_argument(
        "--devices", type=int, metavar="N", help="share each step out over N devices (0: all there are)"
    )
    asked = parser.parse_args(arguments)
    try:
        if asked.experiment not in (None, *of_paper):
            why = "is not in the paper" if asked.experiment in experiments.ALL else "is no experiment"
            raise LearnitError(f"{asked.experiment!r} {why}: expected one of {', '.join(of_paper)}")
        if not 0 < asked.minutes < math.inf or asked.score < 0:
            what = f"{asked.minutes:g} minutes and {asked.score} signals to score"
            raise LearnitError(f"found {what}: expected more than 0 minutes, and 0 signals or more")
        if asked.experiment is None and (asked.data or asked.algorithm or asked.out):
            raise LearnitError("--data, --algorithm and --out belong to one experiment: name it with --experiment")
        settings = Settings.from_env()
        if asked.experiment is None:
            settings = replace(settings, data=None)  # each has its own
        for name in [asked.experiment] if asked.experiment else of_paper:
            run(settings, experiments.ALL[name], asked)
    except LearnitError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
