"""Rows that have the delays of a file: whose gradient each is, and when it was read and applied."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import numpy as np

from asysim.errors import unfit
from asysim.ground.arrays import Ints
from asysim.trace.delay_file import DelayFile
from asysim.trace.info import TraceInfo
from asysim.trace.row_table import past_the_clock
from asysim.trace.rows import TraceRows

_LAST_TICK = 2**63 - 1


def rows_of_delays(file: DelayFile, info: TraceInfo, tick: int) -> Iterator[TraceRows]:
    """Yield the gradients that a file of delays tells of, piece by piece.

    Of one column, line k is update k, of one gradient, read at version k − τ_k. Of several, a
    gradient is new in the line in which its worker's age is not one more than in the line before:
    then the server had got it. All that are new in a line are one update. x is read the moment that
    its version was made, and each gradient arrives when it is applied.

    Parameters
    ----------
    file
        The delays.
    info
        Goes with the rows.
    tick
        Nanoseconds from one update to the next.

    Raises
    ------
    InputError
        As reading the file does; or if a line has nothing new, or a worker had read x for its
        next gradient before the one before was used.
    """
    told = _of_one_column(file) if len(file.names) == 1 else _of_workers(file)
    made = 0
    for worker, draw, version, update in told:
        facts = np.stack([worker, draw, version, update])
        if int(update[-1]) + 1 > _LAST_TICK // tick:
            raise past_the_clock()
        read, applied = version * tick, (update + 1) * tick
        yield TraceRows(facts, np.stack([read, read, *[applied] * 3]), info, None, made)
        made = int(update[-1]) + 1


_Facts = tuple[Ints, Ints, Ints, Ints]


class Hands:
    """Who makes which gradient, where only versions are known: the fewest workers that could.

    A gradient that is update k, and was read at version v, goes to the worker whose last one was
    applied latest before v. So nobody is needed without need (the neighbourhoods {0 … v − 1} are
    nested, and the largest is what the others need least); and where every worker reads again the
    moment its gradient is applied, each gradient gets the worker that it had, but for the names.
    """

    def __init__(self) -> None:
        self._last: list[int] = []  # update of each worker's last gradient, in order
        self._worker: list[int] = []  # whose that is
        self.made: list[int] = []  # gradients of each worker

    def take(self, update: int, version: int) -> tuple[int, int]:
        """Return the worker of an update, one later than those before, and its draw."""
        at = bisect_left(self._last, version) - 1
        if at < 0:
            worker = len(self.made)
            self.made.append(0)
        else:
            worker = self._worker.pop(at)
            del self._last[at]
        self._last.append(update)
        self._worker.append(worker)
        self.made[worker] += 1
        return worker, self.made[worker] - 1


def _of_one_column(file: DelayFile) -> Iterator[_Facts]:
    hands, made = Hands(), 0
    for delays in file:
        updates = enumerate(delays[:, 0].tolist(), start=made)
        yield _columns([(*hands.take(k, k - delay), k - delay, k) for k, delay in updates])
        made += len(delays)


def _of_workers(file: DelayFile) -> Iterator[_Facts]:
    made, workers = 0, len(file.names)
    read = np.full((1, workers), -1, dtype=np.int64)  # whose x the gradients of a line are of
    heard, draws = [-1] * workers, [0] * workers  # in which line of each worker, how often
    for ages in file:
        reads = made + np.arange(len(ages), dtype=np.int64)[:, None] - ages
        new = np.diff(reads, axis=0, prepend=read) > 0
        for line in np.flatnonzero(~new.any(axis=1))[:1].tolist():
            found = "no gradient that is new"
            wanted = "made of one at least: an age that is not one more than before"
            raise unfit(f"update {made + line}", found, wanted, str(file.path))
        rows = []
        for line, worker in np.argwhere(new).tolist():
            version, last = int(reads[line, worker]), heard[worker]
            if version <= last:
                raise unfit(
                    f"update {made + line}, column {file.names[worker]}",
                    f"a gradient of version {version} after one that went into update {last}",
                    f"of version {last + 1} or later: a worker has one gradient in hand",
                    str(file.path),
                )
            rows.append((worker, draws[worker], version, made + line))
            heard[worker] = made + line
            draws[worker] += 1
        yield _columns(rows)
        made, read = made + len(ages), reads[-1:]


def _columns(rows: list[tuple[int, int, int, int]]) -> _Facts:
    worker, draw, version, update = np.array(rows, dtype=np.int64).T
    return worker, draw, version, update
