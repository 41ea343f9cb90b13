"""Lock-free bookkeeping over MPI: what a read can have seen, and which index a gradient gets.

It is told by words that everybody keeps up to date, as in `asysim.backends.shared.lock_free`. Who
is about to take an index first says so, with a bound below it; then which it was; and takes that
back once the update is written. So who reads the counter, and then everybody's word, knows of every
update that has begun and may not be written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from asysim.backends.mpi.windows import LOCK, NONE, Counter, Windows
from asysim.backends.plan import Plan
from asysim.coordination.bound import Deadlines
from asysim.trace.gradient import LOST


class ReadBracket(NamedTuple):
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


class ReadBrackets:
    """One worker's view of all updates under way, and its part in theirs.

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

    def look(self) -> ReadBracket | None:
        """Return what a read that begins now will have seen; None if the run is over."""
        instant, begun = self._clock(), self._counter.look()[0]
        while begun < self._updates:
            words = self._windows.load_all(self._windows.writing())
            if all(word >= 0 or -1 - word >= begun for word in words):
                partly = [word for word in words if 0 <= word < begun]
                return ReadBracket(instant, begun, partly, min([begun, *partly]))
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


# Who may read, and who gets an index --------------------------------------------------------------

Found = TypeVar("Found")


class Number(NamedTuple):
    """What a gradient gets: an update's index or `LOST`, the place of its row, and the instant."""

    update: int
    place: int
    instant: int


class Limits(NamedTuple):
    """When a run is over.

    Attributes
    ----------
    updates
        K.
    deadline
        The last instant at which a gradient is disposed of.
    clock
        Tells the instant.
    """

    updates: int
    deadline: int
    clock: Callable[[], int]


def discards(plan: Plan) -> bool:
    """Whether gradients older than T are dropped."""
    algorithm = plan.scenario.algorithm
    return algorithm.staleness_bound is not None and algorithm.beyond_bound == "discard"


class Turns(Protocol):
    """A worker's way to x and to an update's index."""

    def read(self) -> ReadBracket | None:
        """Wait until x may be read; return what will be seen, or None if the run is over."""
        ...

    def number(self, version: int) -> Number | None:
        """Wait until a gradient at this version may be disposed of; None if the run is over.

        An update's index is announced as being written.
        """
        ...


class Unbounded:
    """Nobody waits.

    Parameters
    ----------
    counter, brackets
        The shared memory.
    limits
        When it is over.
    """

    def __init__(self, counter: Counter, brackets: ReadBrackets, limits: Limits) -> None:
        self.read = brackets.look
        self._counter, self._brackets, self._limits = counter, brackets, limits

    def number(self, version: int) -> Number | None:  # noqa: ARG002  (however old it is)
        """Take the next index."""
        limits, brackets = self._limits, self._brackets
        brackets.announce(self._counter.look()[0])
        instant = limits.clock()
        if instant <= limits.deadline:
            update, place = self._counter.take()
            if update < limits.updates:
                brackets.begin_write(update)
                return Number(update, place, instant)
        brackets.end_write()
        return None


class Discarding:
    """What is older than T is dropped, by comparing and replacing the counter.

    Parameters
    ----------
    counter, brackets
        The shared memory.
    limits
        When it is over.
    bound
        T.
    """

    def __init__(
        self, counter: Counter, brackets: ReadBrackets, limits: Limits, bound: int
    ) -> None:
        self.read = brackets.look
        self._counter, self._brackets, self._limits = counter, brackets, limits
        self._bound = bound

    def number(self, version: int) -> Number | None:
        """Take the next index, or a row without one."""
        counter, limits, brackets = self._counter, self._limits, self._brackets
        while True:
            seen = counter.look()
            update, place = seen
            instant = limits.clock()
            if update >= limits.updates or instant > limits.deadline:
                brackets.end_write()
                return None
            if update - version > self._bound:
                if counter.discard(seen):
                    brackets.end_write()
                    return Number(LOST, place, instant)
                continue
            brackets.announce(update)
            if counter.take_if(seen):
                brackets.begin_write(update)
                return Number(update, place, instant)


class Waiting:
    """Nobody reads or writes who would make another's gradient older than T.

    The versions of all gradients under way are kept where everybody sees them, and are looked at
    and changed by one at a time.

    Parameters
    ----------
    windows, counter, brackets
        The shared memory.
    limits
        When it is over.
    worker
        Whose turns these are.
    bound
        T.
    pause
        Lets a moment pass; `reset` is called when something went on.
    reset
        What to call then.
    """

    def __init__(
        self,
        windows: Windows,
        counter: Counter,
        brackets: ReadBrackets,
        limits: Limits,
        *,
        worker: int,
        bound: int,
        pause: Callable[[], None],
        reset: Callable[[], None],
    ) -> None:
        self._windows, self._counter, self._brackets, self._limits = (
            windows,
            counter,
            brackets,
            limits,
        )
        self._mark, self._word, self._bound = worker + 1, windows.held(worker), bound
        self._pause, self._reset = pause, reset

    def read(self) -> ReadBracket | None:
        """Wait until one more gradient can be under way."""
        return self._in_turn(self._try_to_read)

    def number(self, version: int) -> Number | None:
        """Wait until this gradient can go before the others under way; take the next index."""
        return self._in_turn(lambda: self._try_to_number(version))

    def _try_to_read(self) -> tuple[bool, ReadBracket | None]:
        view = self._brackets.look()
        if view is None:
            return True, None
        admitted = self._deadlines().admits_read(view.version, view.begun, 0)
        if admitted:
            self._windows.store(self._word, view.version)
        return admitted, view

    def _try_to_number(self, version: int) -> tuple[bool, Number | None]:
        limits, number = self._limits, None
        instant, update = limits.clock(), self._counter.look()[0]
        if update >= limits.updates or instant > limits.deadline:
            return True, None
        if self._deadlines().admits_update(version, update, 0):
            update, place = self._counter.take()
            if update < limits.updates:
                self._brackets.begin_write(update)
                number = Number(update, place, instant)
            self._windows.store(self._word, NONE)
        return number is not None, number

    def _in_turn(self, attempt: Callable[[], tuple[bool, Found]]) -> Found:
        """Make attempts, with the lock held, until one is the last; return what it found."""
        while True:
            while not self._windows.replace_if(LOCK, 0, self._mark):
                self._pause()
            last, found = attempt()
            self._windows.replace_if(LOCK, self._mark, 0)
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
