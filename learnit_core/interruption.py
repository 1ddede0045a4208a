"""Ending a long run between two steps: Ctrl-C, SIGTERM and SIGHUP, and how often to look for them."""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

SECONDS = 1.0
"""About as long does what cannot be interrupted take, or one step if that takes longer."""


class Interrupted(KeyboardInterrupt):
    """A run that was ended by a signal. ``state`` and ``history`` are those of the last step that was finished."""

    state: Any = None
    history: Any = None


class Signals:
    """While this context is open, signals that would end the process are noted, and end the run at a good moment.

    In the main thread only, as Python has it; what the process ignores (nohup), or handles outside of Python, stays so.
    A second signal does at once what it would have done without this. Of ``several`` processes that wait for each other
    none may end by itself: a signal is noted only, also within :meth:`at_once`.
    """

    def __init__(self, *, several: bool = False):
        self._several = several
        self.number: int | None = None
        self._before: dict[int, Callable | int] = {}
        self._now = False

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the last is not known everywhere
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, _, error: BaseException | None, __) -> None:
        """Handlers are as before; and a signal does now what it would have done, unless Ctrl-C's exception goes on."""
        self._restore()
        if self.number is None or (self.number == signal.SIGINT and isinstance(error, Interrupted)):
            return
        if isinstance(error, Interrupted):
            with contextlib.suppress(OSError):  # after SIGHUP there may be nobody to read it
                print(error, file=sys.stderr, flush=True)
        signal.raise_signal(self.number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def check(self) -> None:
        """Raise :class:`Interrupted` if a signal came."""
        if self.number is not None:
            raise Interrupted(f"stopped by {signal.Signals(self.number).name}")

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Within, where nothing can be lost, a signal raises :class:`Interrupted` immediately."""
        self._now = not self._several
        try:
            if self._now:
                self.check()
            yield
        finally:
            self._now = False

    def _note(self, number: int, frame) -> None:
        if self.number is not None:
            self._restore()
            return signal.raise_signal(number)
        self.number = number
        if self._now:
            self._now = False
            self.check()


class Pace:
    """How many steps to make before looking again, by the time that those before took: about :data:`SECONDS` of them.

    The first piece is one step; a piece is at most four times as long as the one before.
    """

    def __init__(self):
        self.steps = 1

    @contextlib.contextmanager
    def of(self, steps: int) -> Iterator[None]:
        """Within, so many steps are made."""
        began = time.perf_counter()
        yield
        possible = int(steps * SECONDS / max(time.perf_counter() - began, 1e-6))
        self.steps = max(1, min(4 * self.steps, possible))
