"""Profiles of phototourism: everything that decides a training and its test, and what is shipped of it."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.experiments.settings import Settings
from learnit_core.signals import photographer

ALGORITHMS = ("reptile", "basic", "basic-steps")
"""Reptile; Basic NeRF with as many rays as Reptile sees in all; Basic NeRF with as many outer steps."""

VALIDATED = Setting("sgd", 1.0), 64
"""How validation photographs are fitted while training, in all algorithms alike."""


@dataclass(frozen=True)
class Profile:
    """Everything that decides a meta-training and its test, for one size of machine.

    ``size`` is the longer side of a photograph [pixels], ``rays`` how many of its pixels one step looks at. The fits at
    test time make ``limit`` steps at most. ``basic_rates`` are the outer rates of Basic NeRF at equal rays and at equal
    outer steps, apart from Reptile's.
    """

    name: str
    size: int
    width: int
    depth: int
    num_frequencies: int
    max_log2: float
    density: str
    num_samples: int
    outer_rate: float
    num_steps: int
    inner_rate: float
    inner_steps: int
    basic_rates: tuple[float, float]
    rays: int = 64
    decay: bool = True
    count: int = photographer.COUNT
    limit: int = 150

    def training(self) -> dict[str, Any]:
        """What decides the meta-trained weights: a checkpoint of other values is refused."""
        return {name: value for name, value in asdict(self).items() if name not in ("limit", "count", "basic_rates")}

    def for_algorithm(self, algorithm: str) -> "Profile":
        """The profile as ``algorithm`` needs it: Basic NeRF has one inner step, and its own outer rates."""
        if algorithm not in ALGORITHMS:
            raise LearnitError(f"unknown algorithm {algorithm!r}: expected one of {', '.join(ALGORITHMS)}")
        if algorithm == "reptile":
            return self
        steps = self.num_steps * (self.inner_steps if algorithm == "basic" else 1)
        rate = self.basic_rates[ALGORITHMS.index(algorithm) - 1]
        return replace(self, inner_steps=1, num_steps=steps, outer_rate=rate)

    def capped(self, settings: Settings) -> "Profile":
        """The same with every loop cut to ``settings.max_steps``, and fewer photographs."""
        if settings.max_steps is None:
            return self
        few = max(2, settings.max_steps)
        return replace(
            self,
            num_steps=min(self.num_steps, few),
            inner_steps=min(self.inner_steps, few),
            limit=min(self.limit, few),
            count=min(self.count, 20 + 10 * few),
            size=min(self.size, 24),
            num_samples=min(self.num_samples, 8 * few),
        )


PROFILES = {
    # Outer rates of `quick` were searched in doublings on validation photographs, for each training by itself.
    "quick": Profile(
        "quick", size=48, width=64, depth=4, num_frequencies=6, max_log2=5.0, density="softplus", num_samples=32,
        outer_rate=1e-2, num_steps=1000, inner_rate=3.0, inner_steps=16, basic_rates=(4e-3, 8e-3),
    ),
    "standard": Profile(
        "standard", size=96, width=128, depth=5, num_frequencies=10, max_log2=6.0, density="softplus", num_samples=64,
        outer_rate=1e-3, num_steps=10_000, inner_rate=3.0, inner_steps=32, basic_rates=(1e-3, 1e-3),
    ),
    # Supplement section 4. It says SGD 10, the authors' code 1: we follow the code, which is what ran.
    "paper": Profile(
        "paper", size=256, width=256, depth=6, num_frequencies=20, max_log2=8.0, density="relu", num_samples=128,
        outer_rate=5e-4, num_steps=150_000, inner_rate=1.0, inner_steps=64, basic_rates=(5e-4, 5e-4), decay=False,
    ),
}  # fmt: skip


LONG = replace(PROFILES["quick"], num_steps=5000)
"""The profile `quick` trained for longer: what is shipped, and what ``make results`` judges."""

SHIPPED = {
    "meta-reptile": "tourism-landmark-quick-reptile",
    "basic": "tourism-landmark-quick-basic",
    "basic-steps": "tourism-landmark-quick-basic-steps",
}
"""Names for :func:`learnit_core.weights.pretrained`."""

APPEARANCES = {"overcast": 0, "morning": 7, "evening": 19, "night": 16}
"""Test photographs of the landmark whose light stands in the four corners, by what one sees of it."""

APPEARANCE_FIT = Setting("sgd", 1.0), 150
"""How they are fitted: by SGD, which stays where mixing weights mixes pictures, and for as long as the paper says."""


def appearance_name(label: str) -> str:
    """The name of a shipped network that was fitted to one of the ``APPEARANCES``."""
    return f"tourism-landmark-quick-{label}"
