"""A sweep: the runs of a study as a list of tasks, each done once by an executor, and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from asysim.scenario import Scenario, parse
from asysim.studies.attempt import Attempt, Job
from asysim.studies.resize import with_workers
from asysim.studies.store import Store


class Task(NamedTuple):
    """A run to be made, as it travels to another process.

    Attributes
    ----------
    base
        The scenario as TOML.
    workers, seed
        What is changed in it.
    """

    base: str
    workers: int
    seed: int

    @property
    def job(self) -> Job:
        """Which run of its study it is."""
        return self.workers, self.seed

    def scenario(self) -> Scenario:
        """Return the scenario of the run."""
        return with_workers(_parsed(self.base), self.workers, f"seed={self.seed}")


class Executor(Protocol):
    """Whatever makes runs."""

    def attempts(self, tasks: Sequence[Task]) -> Iterator[Attempt]:
        """Yield what tasks come to, each when it is over."""
        ...


def sweep(
    tasks: Sequence[Task], executor: Executor, store: Store | None, told: Callable[[int], None]
) -> dict[Job, Attempt]:
    """Return what all tasks came to: from the store, or made now and kept there.

    Parameters
    ----------
    tasks
        Of one study.
    executor
        Makes those that are not in the store.
    store
        Where runs are kept that are over; None: nowhere.
    told
        Called with how many are over: at first, and after each.
    """
    found = {task.job: kept for task in tasks if store and (kept := store.find(*task.job))}
    told(len(found))
    for attempt in executor.attempts([task for task in tasks if task.job not in found]):
        if store is not None:
            store.keep(attempt)
        found[attempt.workers, attempt.seed] = attempt
        told(len(found))
    return found


@lru_cache(maxsize=1)
def _parsed(text: str) -> Scenario:
    return parse(text)
