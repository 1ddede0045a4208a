"""What ``make tune`` has done so far: kept on disk, and continued only by the run that it belongs to."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from learnit_core import metrics, weights
from learnit_core.errors import LearnitError
from learnit_core.experiments.settings import Settings


class Draft:
    """Results under ``$LEARNIT_OUT/tune``: ``done`` is a dict to fill, ``save`` keeps it, ``finish`` ends it.

    ``belongs_to`` is all that decides the results: grid, profile, limits and :func:`fingerprint` of what is tuned.
    Raises LearnitError if there is a draft that belongs to something else.
    """

    def __init__(self, settings: Settings, target: Path, belongs_to: Mapping[str, Any]):
        self.target = target
        self.file = settings.out / "tune" / target.name
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

    def finish(self, content: Mapping[str, Any]) -> None:
        """Write ``content`` to the target, and remove the draft."""
        metrics.write_json(self.target, content)
        self.file.unlink(missing_ok=True)
        print(f"wrote {self.target}")


def fingerprint(name: str) -> dict[str, Any]:
    """What tells one shipped initialisation from an earlier one of the same name."""
    provenance = weights.pretrained(name)[2]
    return {"name": name, "profile": provenance["profile"], "validation_psnr_db": provenance["validation_psnr_db"]}
