"""Plucked strings: sounds, in one dimension, with a SIREN from time to displacement. An example of one's own signals.

What is not here is what every such experiment shares, :mod:`learnit_core.experiments.regression`.
"""

from learnit_core import models
from learnit_core.errors import LearnitError
from learnit_core.experiments.regression import Profile, Splits
from learnit_core.signals import strings
from learnit_core.structures import Field

PROFILES = {
    "quick": Profile(name="quick", size=256, counts=(2000, 12, 32), width=128, depth=4, w0=60.0, outer_rate=3e-4,
                     num_steps=1200),
    "standard": Profile(name="standard", size=512, counts=(4000, 20, 64), width=128, depth=5, w0=60.0, outer_rate=3e-4,
                        num_steps=10_000),
    # Not in the paper: its network and its training for pictures, on a second of sound's length in samples. Settings at
    # test time are those tuned for `quick`, since the paper has none for strings.
    "paper": Profile(name="paper", size=4096, counts=(10_000, 100, 100), width=256, depth=5, w0=200.0, outer_rate=1e-5,
                     num_steps=150_000, decay=False, batch=3),
}  # fmt: skip


def load_signals(profile: Profile, data: str = "plucked", *, seed: int = 0) -> Splits:
    """Strings at the profile's size and counts. Raises LearnitError for other data than "plucked"."""
    if data != "plucked":
        raise LearnitError(
            f"no class of strings is called {data!r}: expected 'plucked'; signals of your own are arrays"
        )
    return Splits(data, *strings.splits(profile.size, profile.counts, seed), strings.NOTE)


def field_for(profile: Profile, splits: Splits | None = None) -> Field:
    """The profile's SIREN, from time in [0, 1) to displacement in [0, 1]."""
    del splits
    network = {"width": profile.width, "depth": profile.depth, "w0": profile.w0, "precision": profile.precision}
    return models.siren(1, 1, **network)
