"""Whether each worker of a trace could have done what its rows say, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from asysim.ground.arrays import Ints
from asysim.trace.gradient import NANOSECOND
from asysim.trace.rows import TraceRows

Mask: TypeAlias = NDArray[np.bool_]

Found: TypeAlias = tuple[str, Mask, Callable[[int], str], str]
"""A column, which rows are wrong, what one of them has there, and what would be right."""


def number(column: Ints) -> Callable[[int], str]:
    """Return what tells of a row the number in a column."""
    return lambda row: str(column[row])


def instant(ticks: Ints, than: str = "", other: Ints | None = None) -> Callable[[int], str]:
    """Return what tells of a row an instant, and which other it comes before."""

    def told(row: int) -> str:
        before = "" if other is None else f", before {than} at {other[row] * NANOSECOND:.9g} s"
        return f"{ticks[row] * NANOSECOND:.9g} s{before}"

    return told


class Careers:
    """What each worker has done so far: it makes its gradients in order, and each once.

    Rows of one worker need not be in the order of its draws: a gradient may wait in a buffer while
    the next one is dropped.

    Parameters
    ----------
    workers
        How many there are.
    """

    def __init__(self, workers: int) -> None:
        self._next = np.zeros(workers, dtype=np.int64)  # all draws before it have been seen
        self._ahead: dict[int, set[int]] = {}  # those seen after one that has not been
        self._arrived = np.zeros(workers, dtype=np.int64)  # of a draw before the next,
        self._version = np.zeros(workers, dtype=np.int64)  # mostly the last of them

    def kinds(self, rows: TraceRows, *, one_clock: bool) -> Iterator[Found]:
        """Yield what is wrong with the next rows, whose workers and draws are possible.

        `one_clock`: whether the instants of all its rows are exact, and of one clock.
        """
        order = np.lexsort((rows.draw, rows.worker))
        worker, draw = rows.worker[order], rows.draw[order]
        first = np.diff(worker, prepend=-1) != 0  # of its worker in this piece
        follows = np.diff(draw, prepend=0) == 1  # the draw before it of its worker
        follows[first] = draw[first] == self._next[worker[first]]
        arrived, version = rows.ticks[3, order], rows.version[order]
        before, older = np.roll(arrived, 1), np.roll(version, 1)
        before[first], older[first] = self._arrived[worker[first]], self._version[worker[first]]
        early = follows & (rows.ticks[0, order] < before) & one_clock
        back = follows & (version < older)
        twice = np.zeros(len(rows), dtype=np.bool_)
        # Most workers' draws follow one another: only the others are looked at one by one.
        starts = np.flatnonzero(first)
        ends = np.append(starts[1:], len(rows)) - 1
        plain = np.logical_and.reduceat(follows, starts) if len(starts) else first
        plain = plain & ~np.isin(worker[starts], list(self._ahead))
        last = ends[plain]
        self._next[worker[last]] = draw[last] + 1
        self._arrived[worker[last]], self._version[worker[last]] = arrived[last], version[last]
        for a, b in zip(starts[~plain].tolist(), ends[~plain].tolist(), strict=True):
            twice[a : b + 1] = self._again(int(worker[a]), draw[a : b + 1].tolist())
        placed = np.empty((3, len(rows)), dtype=np.bool_)
        placed[:, order] = twice, back, early
        yield ("draw", placed[0],
               lambda row: f"{rows.draw[row]}, once more of worker {rows.worker[row]}",
               "a worker makes each of its draws once")  # fmt: skip
        yield ("version", placed[1], number(rows.version),
               "no read of a worker has an older version than its reads before")  # fmt: skip
        yield ("read", placed[2], instant(rows.ticks[0]),
               "a worker reads again once its gradient before is at the server, or being "
               "written")  # fmt: skip

    def _again(self, worker: int, draws: list[int]) -> list[bool]:
        """Take note of draws with one missing before or between; tell which were there before."""
        ahead, known = self._ahead.setdefault(worker, set()), int(self._next[worker])
        again = []
        for draw in draws:
            again.append(draw < known or draw in ahead)
            ahead.add(draw)
        while known in ahead:
            ahead.remove(known)
            known += 1
        self._next[worker] = known
        if not ahead:
            del self._ahead[worker]
        return again
