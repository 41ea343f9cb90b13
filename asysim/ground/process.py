"""The process one is in: what interrupts it, and whether it may start others.

It may not if it is a helper of a pool, or still coming up.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, TypeVar

from asysim.errors import Fault, InputError, unfit

_Item = TypeVar("_Item")
_SOON = 0.2  # seconds until who was to break off is told again
_PATIENCE = 5.0  # seconds for processes that were told to end
UNGUARDED = 86
"""Exit code of a process that was started by a script and, as it came up, ran that script anew."""


class BrokenOff(KeyboardInterrupt):
    """Somebody asked for the end."""


class Interruptions:
    """Whether somebody has asked for the end: the question that `interruptions` yields."""

    def __init__(self) -> None:
        self._asked = self._waits = False
        self._alarm: Any = None  # what handled it before

    def __call__(self) -> bool:
        """Whether somebody has."""
        return self._asked

    def pulled(self, stream: Iterator[_Item]) -> Iterator[_Item]:
        """Yield what a stream yields, and break it off while it takes its time.

        A schedule may have millions of events before it has a row, and nobody asks the question
        meanwhile; but all that it has yielded is used up by then, so nothing is half done.

        Raises
        ------
        BrokenOff
            As soon as somebody asks for the end while the next item is waited for.
        """
        while True:
            self._waits = True
            try:
                if self._asked:
                    raise BrokenOff
                item = next(stream)
            except StopIteration:
                return
            finally:
                self._waits = False
            yield item

    def ask(self, number: int, _frame: FrameType | None) -> None:
        """Take note of a signal."""
        if self._asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked = True
        self._break_off()

    def _break_off(self, *_: Any) -> None:
        """Raise BrokenOff if an item is waited for, and soon again: code in C may drop it."""
        if not self._waits:
            return
        if hasattr(signal, "SIGALRM"):  # which Windows has not
            if self._alarm is None:
                self._alarm = signal.signal(signal.SIGALRM, self._break_off)
            signal.setitimer(signal.ITIMER_REAL, _SOON)
        raise BrokenOff

    def leave(self) -> None:
        """Ask no more, and leave the alarm to whoever had it."""
        if self._alarm is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._alarm)


@contextmanager
def interruptions() -> Iterator[Interruptions]:
    """Turn the first Ctrl-C or SIGTERM into a question that is asked between two updates.

    So x, the trace and the curve all end at the same update. A second Ctrl-C stops at once.
    Within `heeded`, that hears of it too: it may come too late for this question to be asked.
    """
    asked = Interruptions()
    with _handled(asked.ask) as before:
        try:
            yield asked
        finally:
            asked.leave()
            outer = getattr(before, "__self__", None)
            if asked() and isinstance(outer, Heeded):
                outer.note()


class Heeded:
    """Whether somebody has asked for the end of many runs: what `heeded` yields."""

    def __init__(self) -> None:
        self._asked = False

    def note(self) -> None:
        """Take note that somebody has."""
        self._asked = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if somebody has, and it was not heeded when they did."""
        if self._asked:
            raise KeyboardInterrupt

    def ask(self, _number: int, _frame: FrameType | None) -> None:
        """Take note of a signal, and end what is being done.

        Code in C may drop an exception that is raised in its midst; the note remains.
        """
        self.note()
        raise KeyboardInterrupt


@contextmanager
def heeded() -> Iterator[Heeded]:
    """Make Ctrl-C and SIGTERM end what is done at once, and remember them in case they do not."""
    asked = Heeded()
    with _handled(asked.ask):
        yield asked


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[Any]:
    """Handle Ctrl-C and SIGTERM, in the main thread; yield what handled Ctrl-C before."""
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {s: signal.signal(s, handler) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield before.get(signal.SIGINT)
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def may_have_children() -> bool:
    """Whether this process may start others: a worker of a `multiprocessing.Pool` may not."""
    return not multiprocessing.current_process().daemon


def check_children(key: str, remedy: str) -> None:
    """Raise InputError unless this process may start others.

    Parameters
    ----------
    key
        What asks for them.
    remedy
        What would do without.
    """
    if not may_have_children():
        found = "a process that may start no others, as those of a multiprocessing.Pool or Dask"
        expected = f"{remedy}, or concurrent.futures.ProcessPoolExecutor, whose processes may"
        raise unfit(key, found, expected, "this script")


def leave_if_coming_up() -> None:
    """End this process, without a word, if it is one that is only coming up.

    To come up, a process runs the script that started it. If that makes a run or a study where it
    should say `if __name__ == "__main__":`, every process would start others without end. Whoever
    started it knows by the exit code, and speaks.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(UNGUARDED)  # an exception might be caught by the script


def exit_codes(processes: Sequence[BaseProcess]) -> set[int | None]:
    """Return the exit codes of processes that have ended, or are about to.

    Another thread may be just asking the system for one of them; until it has noted the answer, it
    seems as if there were none.
    """
    patience = time.monotonic() + _PATIENCE
    while True:
        found = {process.exitcode for process in processes}
        if None not in found or time.monotonic() > patience:
            return found
        time.sleep(0.01)


def unguarded(key: str) -> InputError:
    """Return the error that a script has no main guard."""
    main = sys.modules["__main__"]
    script = getattr(main, "__file__", None) or "this script"
    return InputError(
        Fault(
            key,
            "a script that does all its work whenever it is read, and each new process reads it",
            'should do it under `if __name__ == "__main__":`, as in\n\n'
            '    if __name__ == "__main__":\n'
            "        run = asysim.run(scenario, …)\n",
            str(script),
        )
    )
