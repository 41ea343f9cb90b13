"""Times of one kind from all runs, each with its worker, its run, and what else it depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from asysim.calibration.recorded import RecordedRun
from asysim.ground.arrays import Floats, Ints
from asysim.trace.gradient import NANOSECOND


@dataclass(frozen=True, eq=False)
class Times:
    """Times of one kind, by run, worker and draw.

    Attributes
    ----------
    name
        What they are times of.
    seconds
        The times; (n,).
    worker, run
        Whose they are, and in which run, by number; (n,).
    others
        How many of the kind were under way when each began; (n,). Empty: not known.
    """

    name: str
    seconds: Floats
    worker: Ints
    run: Ints
    others: Ints

    def __len__(self) -> int:
        return len(self.seconds)

    def where(self, chosen: NDArray[np.bool_]) -> Times:
        """Return some of the times."""
        return self._at(np.flatnonzero(chosen))

    def of_workers(self, workers: Sequence[int]) -> Times:
        """Return the times of some workers."""
        return self.where(np.isin(self.worker, np.asarray(workers)))

    @cached_property
    def each_worker(self) -> dict[int, Times]:
        """The times of each worker that has some."""
        return {int(self.worker[mine[0]]): self._at(mine) for mine in of_each_worker(self.worker)}

    def _at(self, rows: Ints) -> Times:
        others = self.others[rows] if len(self.others) else self.others
        return Times(self.name, self.seconds[rows], self.worker[rows], self.run[rows], others)

    @cached_property
    def series(self) -> list[Floats]:
        """The times of each worker in each run, in order."""
        if not len(self):
            return []
        breaks = np.flatnonzero(np.diff(self.worker) | np.diff(self.run)) + 1
        return np.split(self.seconds, breaks)


def of_each_worker(worker: Ints) -> list[Ints]:
    """Return the places of each worker that has some, in one pass however many they are."""
    order = np.argsort(worker, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(worker[order])) + 1) if len(order) else []


def joined(name: str, parts: Sequence[Times]) -> Times:
    """Return times of several runs as one."""
    return Times(
        name,
        np.concatenate([part.seconds for part in parts]),
        np.concatenate([part.worker for part in parts]),
        np.concatenate([part.run for part in parts]),
        np.concatenate([part.others for part in parts]),
    )


def stage(
    name: str,
    run: RecordedRun,
    number: int,
    ticks: Ints,
    chosen: NDArray[np.bool_],
    others: Ints | None = None,
) -> Times:
    """Return the times of one kind of one run.

    Parameters
    ----------
    name
        What they are.
    run, number
        The run, and its number.
    ticks
        Nanoseconds, for each row; (rows,).
    chosen
        Which rows count; (rows,).
    others
        How many were under way, for each row; (rows,).
    """
    order = run.by_worker
    order = order[chosen[order]]
    worker = run.trace.worker[order]
    return Times(
        name,
        np.maximum(ticks[order], 0) * NANOSECOND,
        worker,
        np.full(len(order), number),
        np.zeros(0, dtype=np.int64) if others is None else others[order],
    )


def under_way(begin: Ints, end: Ints) -> Ints:
    """Return for each of several intervals how many others had begun and not ended; (rows,).

    One that begins at the instant at which another ends meets it no more.
    """
    begun = np.searchsorted(np.sort(begin), begin, "left")
    over = np.searchsorted(np.sort(end), begin, "right")
    # Those that take no time are over at their own beginning.
    others: Ints = np.maximum(begun - over, 0)
    return others


def own_previous(run: RecordedRun, ticks: Ints) -> Ints:
    """Return for each row the value of the row before of the same worker; its least if none."""
    order, worker = run.by_worker, run.trace.worker
    before = np.full(len(ticks), np.iinfo(np.int64).min)
    same = worker[order[1:]] == worker[order[:-1]]
    before[order[1:][same]] = ticks[order[:-1][same]]
    return before
