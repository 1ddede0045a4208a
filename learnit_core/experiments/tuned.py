"""Settings chosen on validation signals: a file for each experiment, how it is read, and the loop that writes it.

``experiments/NAME/tuned.json`` holds, under profile and class, ``cells[observation][initialisation]``: the choice
(optimiser and rate), the number of steps, the validation score [dB] and all scores of the search. The profile is the
one whose shipped initialisations were tuned.
"""

import functools
import json
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from tqdm import tqdm

from learnit_core import evaluate, metrics, weights
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments import fits
from learnit_core.experiments.experiment import Experiment
from learnit_core.experiments.settings import Settings
from learnit_core.tuning import Chosen

COMMAND = "python -m learnit_core.commands.tune"


def file_of(name: str) -> Path:
    """Where the settings of an experiment stand in the package."""
    return Path(str(resources.files("learnit_core.experiments") / name / "tuned.json"))


@functools.cache
def content(name: str) -> dict[str, Any]:
    """The whole file of an experiment."""
    return json.loads(file_of(name).read_text("utf-8"))


def chosen(name: str, profile: str, data: str, *, borrowed: str) -> dict[str, dict[str, Chosen]]:
    """Settings by observation and initialisation for a profile and data.

    What was not tuned for this profile takes the settings of the first one in the file, and data that are not built in
    those of the class ``borrowed``; ``tuned_on`` says so.
    """
    profiles = content(name)["profiles"]
    found: dict[str, dict[str, Chosen]] = {}
    for size in (next(iter(profiles)), profile):  # what is nearer replaces what is borrowed
        classes = profiles.get(size, {})
        built_in = data if data in classes else borrowed
        exact = (size, built_in) == (profile, data)
        tuned_on = "validation" if exact else f"validation of {built_in}, profile {size}"
        for observation, cells in classes.get(built_in, {}).get("cells", {}).items():
            for init, entry in cells.items():
                choice = Chosen(Setting(*entry["choice"]), entry["steps"], tuned_on)
                found.setdefault(observation, {})[init] = choice
    return found


def tune(experiment: Experiment, settings: Settings, target: Path, profiles: Iterable[str] | None = None) -> None:
    """Choose what is not in the draft yet, then write ``target``; ``profiles`` that are not asked for stay as they are.

    Every job is added to a draft under ``$LEARNIT_OUT/tune`` when it is done, so that an interrupted run goes on. A
    draft begins with the cells of ``target`` if those had this protocol, this grid and these initialisations: delete
    what is to be chosen anew.
    """
    tuning = experiment.tuning
    parts = {
        (name, data): tuning.profile(name, data, settings)
        if tuning.profile
        else experiment.profiles[name].capped(settings)
        for name, classes in experiment.tuned().items()
        if profiles is None or name in profiles
        for data in classes
    }
    if not parts:  # none of the profiles asked for is this experiment's: its file stays as it is
        return
    prints = {
        f"{name} {data}": {init: fingerprint(file) for init, file in experiment.shipped[name][data].items()}
        for name, data in parts
    }
    grid = {name: list(rates) for name, rates in tuning.grid.items()}
    about = [[name, data, profile.values()] for (name, data), profile in parts.items()]
    belongs_to = {"grid": grid, "rounds": tuning.rounds, "parts": about, "initialisations": prints, "draws": fits.KEYED}
    draft = Draft(settings, f"{experiment.name}_tuned.json", belongs_to)
    earlier = json.loads(target.read_text("utf-8")) if target.exists() else {"profiles": {}}
    alike = (earlier.get("protocol"), earlier.get("grid")) == (tuning.protocol, grid)
    for (name, data), profile in parts.items():
        before, now = earlier["profiles"].get(name, {}).get(data), prints[f"{name} {data}"]
        same = before and alike and before["initialisations"].items() <= now.items()
        part = draft.done.setdefault(name, {}).setdefault(data, {"cells": before["cells"] if same else {}})
        cells = part["cells"]
        groups, said = tuning.jobs(profile, data)
        with tqdm(total=sum(map(len, groups)), desc=f"tuning {experiment.name}, {name}, {data}", unit="fit") as bar:
            for group in groups:
                left = [job for job in group if any(job.init not in cells.get(kind, {}) for kind in job.observations)]
                bar.update(len(group) - len(left))
                for job, entries in zip(left, evaluate.side_by_side(lambda job: job.run(), left), strict=True):
                    for kind, entry in entries.items():
                        cells.setdefault(kind, {})[job.init] = entry
                    draft.save()
                    bar.update()
        part |= {"device": metrics.device(), "initialisations": prints[f"{name} {data}"], **said}
    kept = earlier["profiles"]
    merged = kept | {name: kept.get(name, {}) | classes for name, classes in draft.done.items()}
    said = {"command": f"{COMMAND} --experiments {experiment.name}", "seed": 0, "grid": grid}
    metrics.write_json(target, said | {"protocol": tuning.protocol, "profiles": merged})
    draft.file.unlink(missing_ok=True)
    print(f"wrote {target}")


class Draft:
    """Results under ``$LEARNIT_OUT/tune/NAME``: ``done`` is a dict to fill, ``save`` keeps it.

    ``belongs_to`` is all that decides the results: grid, profile, limits and :func:`fingerprint` of what is tuned.
    Raises LearnitError if there is a draft that belongs to something else.
    """

    def __init__(self, settings: Settings, name: str, belongs_to: Mapping[str, Any]):
        self.file = settings.out / "tune" / name
        self.belongs_to = json.loads(json.dumps(belongs_to))
        self.done: dict[str, Any] = {}
        if self.file.exists():
            kept = json.loads(self.file.read_text("utf-8"))
            if kept.get("belongs_to") != self.belongs_to:
                raise LearnitError(
                    f"{self.file} was begun for another grid, profile or initialisation: delete it to start afresh"
                )
            self.done = kept["done"]

    def save(self) -> None:
        """Write what is done, whole or not at all."""
        metrics.write_json(self.file, {"belongs_to": self.belongs_to, "done": self.done})


def fingerprint(name: str) -> dict[str, Any]:
    """What tells one shipped initialisation from an earlier one of the same name.

    The profile's name is left out: it decides no weight, and in older files it is not today's.
    """
    provenance = weights.pretrained(name)[2]
    profile = {key: value for key, value in provenance["profile"].items() if key != "name"}
    return {"name": name, "profile": profile, "validation_psnr_db": provenance["validation_psnr_db"]}
