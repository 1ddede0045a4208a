"""What every notebook begins and ends with, so that what stands between them is the lesson."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from IPython.display import Markdown, display

from learnit_core import metrics, plots
from learnit_core.experiments.settings import Settings
from learnit_core.training import History


@dataclass(frozen=True)
class Lesson:
    """One run of a notebook: what its user chose, where its results go, and where its figures are shown and kept."""

    notebook: str
    settings: Settings
    folder: Path
    gallery: plots.Gallery
    started: float = field(default_factory=time.perf_counter)

    def finish(
        self,
        results: list[dict[str, Any]],
        *,
        profile: str,
        seed: int,
        precision: str,
        histories: Mapping[str, History] | Sequence[History] = (),
        **extra: Any,
    ) -> None:
        """Write ``metrics.json`` and print what is in it, how long the notebook took, and the versions.

        ``histories`` are the trainings of this run; ``extra`` (JSON) is added to the file unchanged.
        """
        trained = list(histories.values() if isinstance(histories, Mapping) else histories)
        report = metrics.write(
            self.folder / "metrics.json",
            notebook=self.notebook,
            profile=profile,
            seed=seed,
            precision=precision,
            seconds={
                "compile": sum(history.compile_seconds for history in trained),
                "meta_train": sum(history.seconds for history in trained),
                "total": time.perf_counter() - self.started,
            },
            results=results,
            **extra,
        )
        memory = report["peak_memory_bytes"]
        print(
            f"{len(results)} results in metrics.json after {report['seconds']['total']:.0f} s, of which meta-training "
            f"{report['seconds']['meta_train']:.0f} s" + (f"; peak memory {memory / 1e9:.1f} GB" if memory else "")
        )
        display(Markdown("Versions: " + ", ".join(f"{name} {v}" for name, v in report["versions"].items())))


def begin(
    notebook: str, *, profile: str = "", data: str = "", test_data: str = "", keep_on_drive: bool = False
) -> Lesson:
    """Begin the notebook of this stem with the fields of its form; an empty field takes its environment variable.

    The variables are LEARNIT_PROFILE, LEARNIT_DATA and LEARNIT_TEST_DATA, and what was chosen is put there.
    ``keep_on_drive`` puts results and checkpoints on the user's drive; it works in Colab only. Raises LearnitError if a
    choice is not one (:meth:`Settings.from_env`).
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # a GPU is shared with other notebooks
    if keep_on_drive:
        from google.colab import drive  # ty: ignore

        drive.mount("/content/drive")
        os.environ["LEARNIT_OUT"] = "/content/drive/MyDrive/learnit"
    for name, value in {"PROFILE": profile, "DATA": data, "TEST_DATA": test_data}.items():
        if value:
            os.environ[f"LEARNIT_{name}"] = value
    settings = Settings.from_env()
    folder = settings.out / notebook
    chosen = {"profile": settings.profile, "data": settings.data, "test data": settings.test_data}
    print(
        f"{metrics.device()} · "
        + " · ".join(f"{name} {value}" for name, value in chosen.items() if value)
        + f" · results in {folder.name}/"
    )
    return Lesson(notebook, settings, folder, plots.Gallery(folder / "figures"))
