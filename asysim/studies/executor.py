"""What makes the runs of a study: this process, or several.

A sweep is a list of tasks, each done once by such an executor, and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from asysim.ground.process import heeded
from asysim.problems.base import Problem
from asysim.studies.record import Job, Record
from asysim.studies.store import Store
from asysim.sweeps.pool import pool_of, watched


class HasJob(Protocol):
    """What is to be done, by which run of its study it is, or the first of several."""

    @property
    def job(self) -> Job: ...


T = TypeVar("T", bound=HasJob)
R = TypeVar("R")
Kept = TypeVar("Kept", bound=Record)
Progress: TypeAlias = Callable[[int, int], None]
"""Told how many runs are over, and of how many."""
Make: TypeAlias = Callable[[T, Problem | None], R | None]
"""What makes of a task, with an objective in place of the scenario's, what it comes to; None if a
person interrupted it. A function that can be pickled, for other processes."""


class Executor(Protocol):
    """Whatever has tasks done."""

    def results(self, tasks: Sequence[T], make: Make[T, R]) -> Iterator[R]:
        """Yield what tasks come to, each when it is over."""
        ...


def sweep(
    tasks: Sequence[T],
    executor: Executor,
    store: Store[Kept] | None,
    progress: Progress | None,
    make: Make[T, Kept],
) -> dict[Job, Kept]:
    """Return what all tasks came to: from the store, or made now and kept there.

    Parameters
    ----------
    tasks
        Of one study.
    executor
        Makes those that are not in the store.
    store
        Where runs are kept that are over; None: nowhere.
    progress
        Called at first, and after each that is over.
    make
        What makes a run.
    """
    found = {task.job: kept for task in tasks if store and (kept := store.find(*task.job))}

    def tell() -> None:
        if progress is not None:
            progress(len(found), len(tasks))

    tell()
    for made in executor.results([task for task in tasks if task.job not in found], make):
        if store is not None:
            store.keep(made)
        found[made.job] = made
        tell()
    return found


def large_first(task: HasJob) -> Job:
    """Sort by workers, most first: what takes longest is not to be left for the end."""
    workers, seed = task.job
    return -workers, seed


def seed_by_seed(task: HasJob) -> Job:
    """Sort by seeds: all numbers of workers with one, then with the next."""
    workers, seed = task.job
    return seed, workers


@dataclass(frozen=True)
class Here:
    """Does one task after the other in this process.

    Attributes
    ----------
    problem
        In place of the scenario's.
    order
        Which come first: large runs, as a rule.
    """

    problem: Problem | None = None
    order: Callable[[HasJob], Job] = large_first

    def results(self, tasks: Sequence[T], make: Make[T, R]) -> Iterator[R]:
        """Yield what tasks come to."""
        with heeded() as asked:
            for task in sorted(tasks, key=self.order):
                yield _ended(make(task, self.problem))
                asked.check()


@dataclass(frozen=True)
class Elsewhere:
    """Simulates in a pool, large runs first; one run alone in this process if the pool is its own.

    Attributes
    ----------
    pool
        Of processes, as a rule.
    problem
        In place of the scenario's, if it can be pickled.
    own
        Whether the pool is there for this alone, and need not be begun for one run.
    """

    pool: futures.Executor
    problem: Problem | None = None
    own: bool = False

    def results(self, tasks: Sequence[T], make: Make[T, R]) -> Iterator[R]:
        """Yield what tasks come to.

        Raises
        ------
        InputError
            If the processes ran the script that started them, for want of a main guard.
        AsysimError
            If one of the processes is killed.
        """
        if self.own and len(tasks) <= 1:
            yield from Here(self.problem).results(tasks, make)
            return
        ordered = sorted(tasks, key=large_first)
        waiting = [self.pool.submit(make, task, self.problem) for task in ordered]
        with heeded() as asked, watched(self.pool, waiting) as handed:
            handed()
            for future in futures.as_completed(waiting):
                yield _ended(future.result())
                asked.check()


def _ended(result: R | None) -> R:
    """Return what came to its end; a run that was interrupted interrupts its study."""
    if result is None:
        raise KeyboardInterrupt
    return result


@contextmanager
def simulating(
    processes: int, problem: Problem | None = None, pool: futures.Executor | None = None
) -> Iterator[Executor]:
    """Yield what simulates: a pool that is given, or so many processes, of which 1 is this one."""
    if pool is not None:
        yield Elsewhere(pool, problem)
        return
    if processes == 1:
        yield Here(problem)
        return
    with pool_of(processes) as own:
        yield Elsewhere(own, problem, own=True)
