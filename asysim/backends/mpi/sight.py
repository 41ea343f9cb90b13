"""What a lock-free read can have seen, told by words that everybody keeps up to date."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from asysim.backends.mpi.counter import Counter
from asysim.backends.mpi.windows import NONE, Windows


class View(NamedTuple):
    """What a read that begins now will have seen.

    Attributes
    ----------
    instant
        When that was.
    begun
        Updates that have begun; of later ones it may see a part.
    partly
        Those of them that are still being written.
    version
        All updates before this one are in it whole.
    """

    instant: int
    begun: int
    partly: list[int]
    version: int


class Sight:
    """One worker's view of all updates under way, and its part in theirs.

    Who is about to take an index first says so, with a bound below it; then which it was; and takes
    that back once the update is written. So who reads the counter, and then everybody's word, knows
    of every update that has begun and may not be written.

    Parameters
    ----------
    windows, counter
        The shared memory.
    worker
        Whose it is.
    updates
        K.
    clock
        Tells the instant.
    pause
        Lets a moment pass.
    """

    def __init__(
        self,
        windows: Windows,
        counter: Counter,
        worker: int,
        *,
        updates: int,
        clock: Callable[[], int],
        pause: Callable[[], None],
    ) -> None:
        self._windows, self._counter = windows, counter
        self._word = windows.writing(worker)
        self._updates, self._clock, self._pause = updates, clock, pause

    def look(self) -> View | None:
        """Return what a read that begins now will have seen; None if the run is over."""
        instant, begun = self._clock(), self._counter.look()[0]
        while begun < self._updates:
            words = self._windows.load_all(self._windows.writing())
            if all(word >= 0 or -1 - word >= begun for word in words):
                partly = [word for word in words if 0 <= word < begun]
                return View(instant, begun, partly, min([begun, *partly]))
            self._pause()  # somebody is taking an index, which may be one of those begun
        return None

    def announce(self, least: int) -> None:
        """Say that an update of this index, or a larger one, is about to be written."""
        self._windows.store(self._word, -1 - least)

    def begin_write(self, update: int) -> None:
        """Say which update is being written."""
        self._windows.store(self._word, update)

    def end_write(self) -> None:
        """Say that none is, any more."""
        self._windows.store(self._word, NONE)
