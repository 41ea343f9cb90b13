"""Who makes what is to be made: this process, one thing after the other, or any executor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from asysim.ground.machine import usable_cores
from asysim.ground.process import heeded
from asysim.problems.base import Problem
from asysim.sweeps.pool import helpers, pool_of, watched

T = TypeVar("T")
R = TypeVar("R")
_Made = TypeVar("_Made", contravariant=True)
Make = Callable[[T, Problem | None], R]
"""What makes of a task, with an objective in place of the scenario's, what it comes to. A function
that can be pickled, for other processes."""

_ONE_AT_A_TIME = threading.RLock()
"""Threads of one process, as Dask's are, would share a problem's arrays."""


class Work(Protocol[T, _Made]):
    """What is to be made: tasks, one after the other.

    Attributes
    ----------
    ahead
        Tasks of each maker that are on their way.
    """

    @property
    def ahead(self) -> int: ...

    def __len__(self) -> int:
        """How many runs are waiting."""
        ...

    def next(self, makers: int) -> T | None:
        """Return a task for one of so many makers; None if nothing is waiting."""
        ...

    def note(self, task: T, made: _Made) -> None:
        """Take note of what came of a task; perhaps more is waiting then."""
        ...


@dataclass(frozen=True)
class Here:
    """Makes one task after the other in this process.

    Attributes
    ----------
    problem
        In place of the scenario's.
    many
        How many at a time.
    """

    problem: Problem | None = None
    many: int = 1

    def made(self, work: Work[T, R], make: Make[T, R]) -> Iterator[R]:
        """Yield what tasks come to."""
        with heeded() as asked:
            while (task := work.next(1)) is not None:
                done = _alone(make, task, self.problem)
                work.note(task, done)
                yield done
                asked.check()


@dataclass(frozen=True)
class Elsewhere:
    """Has tasks made by an executor.

    Attributes
    ----------
    pool
        The executor.
    problem
        In place of the scenario's, if it can be pickled.
    own
        Whether the pool is there for this alone, and need not be begun for one run.
    """

    pool: futures.Executor
    problem: Problem | None = None
    own: bool = False

    @property
    def many(self) -> int:
        """How many it makes at once: as many as it says, or there are cores."""
        client = getattr(self.pool, "_client", None)  # Dask's
        if client is not None:
            return max(1, len(client.nthreads()))
        return getattr(self.pool, "_max_workers", None) or len(usable_cores())

    def made(self, work: Work[T, R], make: Make[T, R]) -> Iterator[R]:
        """Yield what tasks come to.

        Raises
        ------
        InputError
            If the processes ran the script that started them, for want of a main guard.
        AsysimError
            If one of the processes is killed.
        """
        if self.own and len(work) <= 1:
            yield from Here(self.problem).made(work, make)
            return
        waiting: dict[futures.Future[R], T] = {}
        with heeded() as asked, watched(self.pool, waiting) as handed:
            while True:
                many = self.many
                while len(waiting) < work.ahead * many and (task := work.next(many)) is not None:
                    waiting[self.pool.submit(_alone, make, task, self.problem)] = task
                handed()
                if not waiting:
                    return
                over, _ = futures.wait(waiting, return_when=futures.FIRST_COMPLETED)
                for future in sorted(over, key=_failed):  # or what is over would be lost
                    task, done = waiting.pop(future), future.result()
                    work.note(task, done)
                    yield done
                    asked.check()


Maker: TypeAlias = Here | Elsewhere
"""Whoever makes tasks, `many` at a time; each is handed on as soon as it is over."""


def _alone(make: Make[T, R], task: T, problem: Problem | None) -> R:
    with _ONE_AT_A_TIME:
        return make(task, problem)


def _failed(future: futures.Future[R]) -> bool:
    return future.exception() is not None


@contextmanager
def making(
    processes: int | None = None,
    executor: futures.Executor | None = None,
    problem: Problem | None = None,
) -> Iterator[Maker]:
    """Yield who makes runs: an executor that is given, or processes, of which 1 is this one.

    Parameters
    ----------
    processes
        By default one for each core.
    executor
        In place of them.
    problem
        An objective in place of the scenario's.

    Raises
    ------
    InputError
        If processes are fewer than 1.
    """
    if executor is not None:
        yield Elsewhere(executor, problem)
        return
    many = helpers(processes, problem)
    if many == 1:
        yield Here(problem)
        return
    with pool_of(many) as pool:
        yield Elsewhere(pool, problem, own=True)
