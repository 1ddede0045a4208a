"""What a user sets from outside: environment variables, read once and checked."""

import os
from dataclasses import dataclass
from pathlib import Path

from learnit_core.errors import LearnitError

PROFILES = ("quick", "standard", "paper")


@dataclass(frozen=True)
class Settings:
    """The choices of one run; ``from_env`` reads them from LEARNIT_* variables.

    ``data`` is what is trained on and ``test_data`` what is fitted (a built-in class or a path; None for the
    experiment's own choice), ``out`` where results go, and ``max_steps`` a cap on every loop, to try a profile end
    to end.
    """

    profile: str = "quick"
    data: str | None = None
    test_data: str | None = None
    out: Path = Path("out")
    max_steps: int | None = None

    def __post_init__(self):
        if self.profile not in PROFILES:
            raise LearnitError(f"unknown profile {self.profile!r} in LEARNIT_PROFILE: expected {', '.join(PROFILES)}")

    @classmethod
    def from_env(cls) -> "Settings":
        """Read LEARNIT_PROFILE, _DATA, _TEST_DATA, _OUT and _MAX_STEPS; unset or empty means the default."""
        get = {name: value for name in _NAMES if (value := os.environ.get(f"LEARNIT_{name}", "").strip())}
        steps = get.get("MAX_STEPS")
        if steps is not None and not (steps.isdecimal() and int(steps) > 0):
            raise LearnitError(f"LEARNIT_MAX_STEPS is {steps!r}: expected a whole number of at least 1")
        return cls(
            profile=get.get("PROFILE", cls.profile),
            data=get.get("DATA"),
            test_data=get.get("TEST_DATA"),
            out=Path(get.get("OUT", cls.out)).expanduser().absolute(),
            max_steps=int(steps) if steps else None,
        )

    def keep(self, target: Path, default: Path) -> None:
        """Refuse to replace what the project keeps (``default``) by numbers of a run that was cut short."""
        if self.max_steps is not None and target.resolve() == default.resolve():
            raise LearnitError(
                f"LEARNIT_MAX_STEPS is set, and {default.name} would be replaced by numbers of a run cut short: "
                "expected another place, named with --target"
            )

    def cap(self, steps: int) -> int:
        """``steps``, or ``max_steps`` if that is set and smaller."""
        return steps if self.max_steps is None else min(steps, self.max_steps)


_NAMES = ("PROFILE", "DATA", "TEST_DATA", "OUT", "MAX_STEPS")
