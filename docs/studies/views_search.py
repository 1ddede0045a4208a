"""Other trainings of view synthesis, scored on validation objects: how the profiles' training was chosen.

    python docs/studies/views_search.py inner_steps=48,num_steps=600 inner_optimizer=sgd,inner_rate=0.5
    python docs/studies/views_search.py --algorithm sv inner_steps=48,num_steps=600

Every argument is a variant of the profile ``quick``, fields and their values ("" is `quick` itself). It is meta-trained
(resumable), and fitted to one view and to 25 of every validation object with a few settings, as is Standard; the best
mean PSNR of held-out views is what counts. SV, and Joint, are fitted to one view only, and Standard not again. No test
object is seen. One report a variant stands under
``$LEARNIT_OUT/search``. What was found stands in docs/design.md.
"""

import argparse
import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from learnit_core import metrics
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import baselines, views
from learnit_core.experiments.settings import Settings

TRIED = {
    "meta-mv": {
        1: (200, (Setting("sgd", 0.5), Setting("adam", 1e-3))),
        25: (125, (Setting("sgd", 0.5), Setting("sgd", 1.0), Setting("adam", 1e-3), Setting("adam", 3e-3))),
    },
    "meta-sv": {1: (200, (Setting("sgd", 0.5), Setting("adam", 1e-3), Setting("adam", 3e-3)))},
    "joint": {1: (200, (Setting("sgd", 0.5), Setting("adam", 1e-3), Setting("adam", 3e-3)))},
    "standard": {
        1: (200, (Setting("adam", 1e-3), Setting("adam", 3e-3))),
        25: (1000, (Setting("adam", 1e-3), Setting("adam", 3e-3))),
    },
}
"""Steps and settings of a fit by the number of views: with 25, MV's few steps are held against Standard's many."""


def variant(text: str) -> views.Profile:
    """The profile `quick` with the fields of ``text``: "field=value,field=value", or "" for `quick` itself."""
    quick, changes = views.PROFILES["quick"], {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        kind = type(getattr(quick, name, None))
        if kind not in (int, float, str) or name == "name":
            raise LearnitError(
                f"no field {name!r} of a profile can be changed here: expected NAME=VALUE, found {part!r}"
            )
        try:
            changes[name] = kind(value)
        except ValueError:
            raise LearnitError(f"{name} is to be {kind.__name__}, found {value!r}") from None
    return dataclasses.replace(quick, **changes)


def scores(profile: views.Profile, field, start, scenes, name: str, settings: Settings) -> dict[str, dict[str, float]]:
    """Mean PSNR [dB] of held-out views after the steps of :data:`TRIED`, by number of views and setting."""
    found = {}
    for num_given, (steps, tried) in TRIED[name].items():
        steps = settings.cap(steps)
        tasks = views.tasks(scenes.validation, num_given)
        curves = {
            f"{setting.optimizer} {setting.learning_rate:g}": views.fit(
                profile, field, [start], tasks, setting, steps
            ).curves
            for setting in tried
        }
        found[str(num_given)] = {key: round(float(curve[:, -1].mean()), 2) for key, curve in curves.items()}
    return found


def run(settings: Settings, texts: Sequence[str], data: str = "chairs", algorithm: str = "mv") -> None:
    (learned_by,) = (name for name, one in views.ALGORITHMS.items() if one == algorithm)
    for text in texts:
        profile = variant(text).capped(settings)
        scenes, folder = views.load_signals(profile, data), settings.out / "search"
        said = f"{scenes.name}-{text or 'quick'}" + (f"-{algorithm}" if algorithm != "mv" else "")
        name = re.sub(r"[^\w=.-]", "-", said)
        field = views.field_for(profile)
        report: dict[str, Any] = {}
        if algorithm == "mv":  # before the long part, which a folder with too few views should not wait for
            report["standard"] = scores(profile, field, baselines.standard(field), scenes, "standard", settings)
        field, learned, history = views.meta_train(profile, scenes, algorithm, folder=folder / name)
        report[learned_by] = scores(profile, field, learned, scenes, learned_by, settings)
        report |= {
            "profile": profile.training(),
            "algorithm": algorithm,
            "data": scenes.name,
            "num_validation": len(scenes.validation.images),
            "seconds": round(history.seconds, 1),
            "device": metrics.device(),
            "seed": 0,
        }
        metrics.write_json(folder / f"{name}.json", report)
        for init in TRIED.keys() & report.keys():
            best = {n: max(row.items(), key=lambda item: item[1]) for n, row in report[init].items()}
            told = [f"views={n} {score:.2f} dB ({setting})" for n, (setting, score) in best.items()]
            print(f"{text or 'quick'}: {init}, {', '.join(told)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="views_search.py", description=__doc__.splitlines()[0])
    parser.add_argument("variants", nargs="+", metavar="FIELD=VALUE,...", help="a variant of the profile quick")
    parser.add_argument("--data", default="chairs")
    parser.add_argument("--algorithm", default="mv", choices=views.ALGORITHMS.values())
    arguments = parser.parse_args()
    try:
        run(Settings.from_env(), arguments.variants, arguments.data, arguments.algorithm)
    except LearnitError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
