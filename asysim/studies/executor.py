"""A study is a list of tasks, each done once, by whoever makes runs, and kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeAlias, TypeVar

from asysim.studies.record import Job, Record
from asysim.studies.store import Store
from asysim.sweeps.maker import Make, Maker, Work


class HasJob(Protocol):
    """What is to be done, by which run of its study it is, or the first of several."""

    @property
    def job(self) -> Job: ...


T = TypeVar("T", bound=HasJob)
R = TypeVar("R")
Kept = TypeVar("Kept", bound=Record)
Progress: TypeAlias = Callable[[int, int], None]
"""Told how many runs are over, and of how many."""


def large_first(task: HasJob) -> Job:
    """Sort by workers, most first: what takes longest is not to be left for the end."""
    workers, seed = task.job
    return -workers, seed


def seed_by_seed(task: HasJob) -> Job:
    """Sort by seeds: all numbers of workers with one, then with the next."""
    workers, seed = task.job
    return seed, workers


def sweep(
    tasks: Sequence[T],
    maker: Maker,
    store: Store[Kept] | None,
    progress: Progress | None,
    make: Make[T, Kept | None],
    order: Callable[[HasJob], Job] = large_first,
) -> dict[Job, Kept]:
    """Return what all tasks came to: from the store, or made now and kept there.

    Parameters
    ----------
    tasks
        Of one study.
    maker
        Makes those that are not in the store.
    store
        Where runs are kept that are over; None: nowhere.
    progress
        Called at first, and after each that is over.
    make, order
        As for `results`.
    """
    found = {task.job: kept for task in tasks if store and (kept := store.find(*task.job))}

    def tell() -> None:
        if progress is not None:
            progress(len(found), len(tasks))

    tell()
    missing = [task for task in tasks if task.job not in found]
    for made in results(maker, missing, make, order):
        if store is not None:
            store.keep(made)
        found[made.job] = made
        tell()
    return found


def results(
    maker: Maker,
    tasks: Iterable[T],
    make: Make[T, R | None],
    order: Callable[[HasJob], Job] = large_first,
) -> Iterator[R]:
    """Yield what tasks come to, each when it is over.

    Parameters
    ----------
    maker
        Who makes them.
    tasks
        Of one study.
    make
        What makes of a task what it comes to; None if a person interrupted it, which interrupts the
        study.
    order
        Which come first.
    """
    work: Work[T, R | None] = _Tasks(sorted(tasks, key=order))
    for made in maker.made(work, make):
        if made is None:
            raise KeyboardInterrupt
        yield made


class _Tasks(Generic[T]):
    """Tasks in their order, all of which are known before."""

    ahead = 32  # of an executor that does not say how many it makes at once

    def __init__(self, tasks: Iterable[T]) -> None:
        self._waiting = deque(tasks)

    def __len__(self) -> int:
        return len(self._waiting)

    def next(self, _makers: int) -> T | None:
        return self._waiting.popleft() if self._waiting else None

    def note(self, task: T, made: object) -> None:
        pass
