"""Lock-free bookkeeping over MPI: what a read can have seen, and which index a gradient gets.

It is told by words that everybody keeps up to date, as in `asysim.backends.shared.read_bracket`.
Who is about to take an index first says so, with a bound below it; then which it was; and takes
that back once the update is written. So who reads the counter, and then everybody's word, knows of
every update that has begun and may not be written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from asysim.backends.assignment import Assignment
from asysim.backends.mpi.windows import LOCK, NONE, Counter, Windows
from asysim.coordination.bound import Deadlines
from asysim.trace.gradient import LOST

Found = TypeVar("Found")


class ReadBracket(NamedTuple):
    """What a read that begins now will have seen."""

    instant: int  # when that was
    begun: int  # updates that have begun; of later ones it may see a part
    partly: list[int]  # those of them that are still being written
    version: int  # all updates before this one are in it whole


class Number(NamedTuple):
    """What a gradient gets: an update's index or `LOST`, the place of its row, and the instant."""

    update: int
    place: int
    instant: int


class Turns(ABC):
    """One worker's way to x and to an update's index, and its part in what others see.

    Parameters
    ----------
    assignment
        Says K, the last instant at which a gradient is disposed of, and T.
    windows
        The shared memory.
    worker
        Whose turns these are.
    clock
        Tells the instant.
    pause
        Lets a moment pass.
    reset
        Is called when something went on after pauses.

    Attributes
    ----------
    counter
        The index of the next update.
    """

    def __init__(
        self,
        assignment: Assignment,
        windows: Windows,
        worker: int,
        *,
        clock: Callable[[], int],
        pause: Callable[[], None],
        reset: Callable[[], None],
    ) -> None:
        self.counter = Counter(windows, compares=discards(assignment))
        self._updates, self._deadline = assignment.updates, assignment.deadline
        self._bound = assignment.scenario.algorithm.staleness_bound or 0
        self._windows, self._worker, self._word = windows, worker, windows.writing(worker)
        self._clock, self._pause, self._reset = clock, pause, reset

    def read(self) -> ReadBracket | None:
        """Wait until x may be read; return what will be seen, or None if the run is over."""
        instant, begun = self._clock(), self.counter.look()[0]
        while begun < self._updates:
            words = self._windows.load_all(self._windows.writing())
            if all(word >= 0 or -1 - word >= begun for word in words):
                partly = [word for word in words if 0 <= word < begun]
                return ReadBracket(instant, begun, partly, min([begun, *partly]))
            self._pause()  # somebody is taking an index, which may be one of those begun
        return None

    @abstractmethod
    def number(self, version: int) -> Number | None:
        """Wait until a gradient at this version may be disposed of; None if the run is over.

        An update's index is announced as being written.
        """

    def end_write(self) -> None:
        """Say that no update is being written, any more."""
        self._windows.store(self._word, NONE)

    def _announce(self, least: int) -> None:
        """Say that an update of this index, or a larger one, is about to be written."""
        self._windows.store(self._word, -1 - least)

    def _begin_write(self, update: int) -> None:
        """Say which update is being written."""
        self._windows.store(self._word, update)


def discards(assignment: Assignment) -> bool:
    """Whether gradients older than T are dropped."""
    algorithm = assignment.scenario.algorithm
    return algorithm.staleness_bound is not None and algorithm.beyond_bound == "discard"


def turns_of(assignment: Assignment) -> type[Turns]:
    """Return how workers take turns."""
    if assignment.scenario.algorithm.staleness_bound is None:
        return Unbounded
    return Discarding if discards(assignment) else Waiting


class Unbounded(Turns):
    """Nobody waits."""

    def number(self, version: int) -> Number | None:  # noqa: ARG002  (however old it is)
        """Take the next index."""
        self._announce(self.counter.look()[0])
        instant = self._clock()
        if instant <= self._deadline:
            update, place = self.counter.take()
            if update < self._updates:
                self._begin_write(update)
                return Number(update, place, instant)
        self.end_write()
        return None


class Discarding(Turns):
    """What is older than T is dropped, by comparing and replacing the counter."""

    def number(self, version: int) -> Number | None:
        """Take the next index, or a row without one."""
        while True:
            seen = update, place = self.counter.look()
            instant = self._clock()
            if update >= self._updates or instant > self._deadline:
                self.end_write()
                return None
            if update - version > self._bound:
                if self.counter.discard(seen):
                    self.end_write()
                    return Number(LOST, place, instant)
                continue
            self._announce(update)
            if self.counter.take_if(seen):
                self._begin_write(update)
                return Number(update, place, instant)


class Waiting(Turns):
    """Nobody reads or writes who would make another's gradient older than T.

    The versions of all gradients under way are kept where everybody sees them, and are looked at
    and changed by one at a time.
    """

    def read(self) -> ReadBracket | None:
        """Wait until one more gradient can be under way."""
        return self._in_turn(self._try_to_read)

    def number(self, version: int) -> Number | None:
        """Wait until this gradient can go before the others under way; take the next index."""
        return self._in_turn(lambda: self._try_to_number(version))

    def _try_to_read(self) -> tuple[bool, ReadBracket | None]:
        bracket = super().read()
        if bracket is None:
            return True, None
        admitted = self._deadlines().admits_read(bracket.version, bracket.begun, 0)
        if admitted:
            self._windows.store(self._windows.held(self._worker), bracket.version)
        return admitted, bracket

    def _try_to_number(self, version: int) -> tuple[bool, Number | None]:
        number, instant, update = None, self._clock(), self.counter.look()[0]
        if update >= self._updates or instant > self._deadline:
            return True, None
        if self._deadlines().admits_update(version, update, 0):
            update, place = self.counter.take()
            if update < self._updates:
                self._begin_write(update)
                number = Number(update, place, instant)
            self._windows.store(self._windows.held(self._worker), NONE)
        return number is not None, number

    def _in_turn(self, attempt: Callable[[], tuple[bool, Found]]) -> Found:
        """Make attempts, with the lock held, until one is the last; return what it found."""
        mark = self._worker + 1
        while True:
            while not self._windows.replace_if(LOCK, 0, mark):
                self._pause()
            last, found = attempt()
            self._windows.replace_if(LOCK, mark, 0)
            if last:
                self._reset()
                return found
            self._pause()

    def _deadlines(self) -> Deadlines:
        deadlines = Deadlines(self._bound)
        for version in self._windows.load_all(self._windows.held()):
            if version != NONE:
                deadlines.add(version)
        return deadlines
