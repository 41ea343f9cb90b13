"""Who may read, and which index a gradient gets: without a bound, or with T in one of two ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from asysim.backends.mpi.counter import Counter
from asysim.backends.mpi.sight import Sight, View
from asysim.backends.mpi.windows import LOCK, NONE, Windows
from asysim.backends.plan import Plan
from asysim.coordination.bound import Deadlines
from asysim.trace.gradient import LOST

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

    def read(self) -> View | None:
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
    counter, sight
        The shared memory.
    limits
        When it is over.
    """

    def __init__(self, counter: Counter, sight: Sight, limits: Limits) -> None:
        self.read = sight.look
        self._counter, self._sight, self._limits = counter, sight, limits

    def number(self, version: int) -> Number | None:  # noqa: ARG002  (however old it is)
        """Take the next index."""
        limits, sight = self._limits, self._sight
        sight.announce(self._counter.look()[0])
        instant = limits.clock()
        if instant <= limits.deadline:
            update, place = self._counter.take()
            if update < limits.updates:
                sight.begin_write(update)
                return Number(update, place, instant)
        sight.end_write()
        return None


class Discarding:
    """What is older than T is dropped, by comparing and replacing the counter.

    Parameters
    ----------
    counter, sight
        The shared memory.
    limits
        When it is over.
    bound
        T.
    """

    def __init__(self, counter: Counter, sight: Sight, limits: Limits, bound: int) -> None:
        self.read = sight.look
        self._counter, self._sight, self._limits = counter, sight, limits
        self._bound = bound

    def number(self, version: int) -> Number | None:
        """Take the next index, or a row without one."""
        counter, limits, sight = self._counter, self._limits, self._sight
        while True:
            seen = counter.look()
            update, place = seen
            instant = limits.clock()
            if update >= limits.updates or instant > limits.deadline:
                sight.end_write()
                return None
            if update - version > self._bound:
                if counter.discard(seen):
                    sight.end_write()
                    return Number(LOST, place, instant)
                continue
            sight.announce(update)
            if counter.take_if(seen):
                sight.begin_write(update)
                return Number(update, place, instant)


class Waiting:
    """Nobody reads or writes who would make another's gradient older than T.

    The versions of all gradients under way are kept where everybody sees them, and are looked at
    and changed by one at a time.

    Parameters
    ----------
    windows, counter, sight
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
        sight: Sight,
        limits: Limits,
        *,
        worker: int,
        bound: int,
        pause: Callable[[], None],
        reset: Callable[[], None],
    ) -> None:
        self._windows, self._counter, self._sight, self._limits = windows, counter, sight, limits
        self._mark, self._word, self._bound = worker + 1, windows.held(worker), bound
        self._pause, self._reset = pause, reset

    def read(self) -> View | None:
        """Wait until one more gradient can be under way."""
        return self._in_turn(self._try_to_read)

    def number(self, version: int) -> Number | None:
        """Wait until this gradient can go before the others under way; take the next index."""
        return self._in_turn(lambda: self._try_to_number(version))

    def _try_to_read(self) -> tuple[bool, View | None]:
        view = self._sight.look()
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
                self._sight.begin_write(update)
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
