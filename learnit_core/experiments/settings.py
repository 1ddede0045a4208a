"""What a user sets from outside: environment variables, read once and checked; and that JAX keeps what it compiles."""

import os
from dataclasses import dataclass
from pathlib import Path

import jax
from filelock import FileLock

from learnit_core.errors import LearnitError
from learnit_core.signals import cache

PROFILES = ("quick", "standard", "paper")
"""Profiles of a notebook; `long`, which some experiments have besides, is for what is shipped and judged."""


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
        """Read LEARNIT_PROFILE, _DATA, _TEST_DATA, _OUT and _MAX_STEPS; unset or empty means the default.

        A run begins with this call, so compiled programs are kept from here on (:func:`keep_compiled`).
        """
        keep_compiled()
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


def keep_compiled() -> None:
    """Have JAX keep compiled programs in ``compiled`` in the cache folder, so that a second run need not compile them.

    Programs that took 0.2 s or more, at most 2 GiB of them; the least recently used go first. What the user has set in
    JAX stands: another folder (``JAX_COMPILATION_CACHE_DIR``; an empty one keeps nothing), size or time. Nothing is
    kept, and nothing said, where the folder cannot be written.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or jax.config.jax_compilation_cache_dir:
        return
    try:
        folder = cache.folder() / "compiled"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lockfile", timeout=1):  # the file that JAX locks, too
            pass
    except (OSError, NotImplementedError, LearnitError):  # read-only, a file system without locks, or no home
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    for name, default, ours in (
        ("jax_compilation_cache_max_size", -1, 2 << 30),
        ("jax_persistent_cache_min_compile_time_secs", 1.0, 0.2),
    ):
        if getattr(jax.config, name) == default:
            jax.config.update(name, ours)


_NAMES = ("PROFILE", "DATA", "TEST_DATA", "OUT", "MAX_STEPS")
