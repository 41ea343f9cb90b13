"""How many workers a file of delays must be of: gradients under way at once have one each.

Where line k says that update k's gradient was read at version s, it was under way from then on. All
that are at an update are different workers': so there are at least as many as ever were at once,
and with just as many there is a cluster that has these very delays. If no version but the first was
read twice, it may always be busy: each worker reads as soon as its gradient is an update.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled

_RING = 1 << 20  # versions back to which it is known how many gradients were under way
_LINES, _UNDER_WAY, _LEAST, _WHERE, _TWICE, _FIRST, _LIMIT, _OVER = range(8)


@dataclass(frozen=True)
class Headcount:
    """How many workers a column of delays is of.

    Attributes
    ----------
    updates
        K.
    least
        The largest number of gradients that were under way at once, and so the fewest workers.
    where
        The first update at which so many were.
    read_twice
        How many reads more there were of versions from 1 on than versions that were read: 0 if all
        workers may always be busy.
    first_reads
        Gradients that were computed at the first x.
    over
        The first update at which more were under way than a given number; None if never.
    """

    updates: int
    least: int
    where: int
    read_twice: int
    first_reads: int
    over: int | None


class Counting:
    """Counts, a piece at a time.

    Parameters
    ----------
    limit
        A number of workers that is claimed.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._change, self._reads = np.zeros(_RING, np.int64), np.zeros(_RING, np.int64)
        self._state = np.array([0, 0, 0, 0, 0, 0, limit or np.iinfo(np.int64).max, -1], np.int64)

    def add(self, delays: Ints) -> None:
        """Count the delays of some updates more; (updates,)."""
        _count(delays, self._change, self._reads, self._state)

    def headcount(self) -> Headcount:
        """Return what it comes to."""
        change, reads, state = self._change.copy(), self._reads.copy(), self._state.copy()
        _settle_rest(change, reads, state)
        over = int(state[_OVER])
        return Headcount(
            int(state[_LINES]), int(state[_LEAST]), int(state[_WHERE]), int(state[_TWICE]),
            int(state[_FIRST]), None if over < 0 else over,
        )  # fmt: skip


@compiled
def _count(delays: Ints, change: Ints, reads: Ints, state: Ints) -> None:
    size = change.shape[0]
    for i in range(delays.shape[0]):
        k = state[_LINES]
        settled = k + 1 - size  # its place is wanted for k + 1
        if settled >= 0:
            _settle(settled, change, reads, state)
        version = k - delays[i]
        if version == 0:
            state[_FIRST] += 1
        elif version > settled:
            reads[version & (size - 1)] += 1
        change[max(version, settled + 1, 0) & (size - 1)] += 1
        change[(k + 1) & (size - 1)] -= 1
        state[_LINES] = k + 1


@compiled
def _settle_rest(change: Ints, reads: Ints, state: Ints) -> None:
    for update in range(max(0, state[_LINES] + 1 - change.shape[0]), state[_LINES]):
        _settle(update, change, reads, state)


@compiled
def _settle(update: int, change: Ints, reads: Ints, state: Ints) -> None:
    """Take note of how many are under way at an update, of which all is known now."""
    place = update & (change.shape[0] - 1)
    state[_UNDER_WAY] += change[place]
    if state[_UNDER_WAY] > state[_LEAST]:
        state[_LEAST], state[_WHERE] = state[_UNDER_WAY], update
    if state[_UNDER_WAY] > state[_LIMIT] and state[_OVER] < 0:
        state[_OVER] = update
    state[_TWICE] += max(0, reads[place] - 1)
    change[place], reads[place] = 0, 0
