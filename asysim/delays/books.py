"""The conservation of staleness, kept in one pass: what all workers' gradients and waits add up to.

Every update adds 1 to the age of each gradient under way. So K updates are, for each worker, the
ages of its gradients, 1 for each update that one of them made, what it let pass before it read
again, and the age of what it still has in hand:

    Σ ages = K(p − 1) − (in hand at the end) − (let pass).

That needs the column `version` alone. Where instants are of one clock, they tell each version once
more, up to what happened at one nanosecond, as in `asysim.theory.conservation`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asysim.delays.piece import Piece
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.trace.gradient import LOST

_RING = 1 << 20  # updates whose instants are remembered
_FREE, _TICK = range(2)
_AGES, _PASSED, _OWN, _OPEN, _PENDING, _LEAST, _MOST, _OUTSIDE = range(8)


@dataclass(frozen=True)
class Balance:
    """Both sides of the conservation of staleness.

    Attributes
    ----------
    workers, updates
        p and K.
    ages
        Σ of the ages of all gradients when they were disposed of, discarded ones too.
    own
        Updates that a worker's own gradient made: K, but where several make one together and each
        counts.
    in_hand
        Σ of the ages, at the end, of gradients that workers have in hand, if all have one.
    passed
        Updates that workers let pass between a gradient and their next read; less what they read
        before that, as lock-free sweeps can.
    least, most
        Between what Σ ages is by the clock; None if there is no one clock.
    outside
        Rows whose version the clock says to be impossible.
    """

    workers: int
    updates: int
    ages: int
    own: int
    in_hand: int
    passed: int
    least: int | None = None
    most: int | None = None
    outside: int = 0

    @property
    def always_busy(self) -> bool:
        """Whether nobody ever let an update pass."""
        return self.passed == 0

    @property
    def holds(self) -> bool:
        """Whether both sides are equal, and the clock agrees."""
        right = self.workers * self.updates - self.own - self.in_hand - self.passed
        by_clock = self.least is None or self.most is None or self.least <= self.ages <= self.most
        return self.ages == right and by_clock and self.outside == 0


class Books:
    """Keeps the balance.

    Parameters
    ----------
    workers
        p.
    clocked
        Whether instants are of one clock, and reads consistent.
    """

    def __init__(self, workers: int, *, clocked: bool) -> None:
        self._clocked = clocked
        self._of_worker = np.zeros((workers, 2), np.int64)
        self._of_worker[:, _TICK] = -1
        self._state = np.array([0, 0, 0, -1, -1, 0, 0, 0], np.int64)
        self._made = np.zeros(_RING if clocked else 1, np.int64)

    def add(self, piece: Piece) -> None:
        """Enter a piece more."""
        _enter(
            piece.worker, piece.version, piece.update, piece.before, piece.read, piece.disposed,
            self._of_worker, self._state, self._made, self._clocked,
        )  # fmt: skip

    def balance(self) -> Balance:
        """Return what it comes to; the last row makes its update."""
        state, free = self._state.copy(), self._of_worker[:, _FREE].copy()
        if state[_PENDING] >= 0:
            free[state[_PENDING]] += 1
            state[_OWN] += 1
        updates = int(state[_OPEN]) + 1
        clocked = self._clocked
        return Balance(
            workers=len(free),
            updates=updates,
            ages=int(state[_AGES]),
            own=int(state[_OWN]),
            in_hand=int((updates - free).sum()),
            passed=int(state[_PASSED]),
            least=int(state[_LEAST]) if clocked else None,
            most=int(state[_MOST]) if clocked else None,
            outside=int(state[_OUTSIDE]),
        )


@compiled
def _enter(
    worker: Ints,
    version: Ints,
    update: Ints,
    before: Ints,
    read: Ints,
    disposed: Ints,
    of_worker: Ints,
    state: Ints,
    made: Ints,
    clocked: bool,
) -> None:
    for i in range(worker.shape[0]):
        own, u = worker[i], update[i]
        pending = state[_PENDING]
        # Whether the row before made its update shows when another update is begun, or read.
        begins = u != LOST and u != state[_OPEN]
        if pending >= 0 and (begins or (pending == own and version[i] > state[_OPEN])):
            of_worker[pending, _FREE] += 1
            state[_OWN] += 1
            state[_PENDING] = -1
        if clocked:
            _compare(i, version, before, read, of_worker[own, _FREE], of_worker[own, _TICK],
                     state, made)  # fmt: skip
        state[_AGES] += before[i] - version[i]
        state[_PASSED] += version[i] - of_worker[own, _FREE]
        of_worker[own, _FREE], of_worker[own, _TICK] = before[i], disposed[i]
        if u != LOST:
            state[_PENDING] = own
            if clocked:
                place = u & (made.shape[0] - 1)
                made[place] = disposed[i] if begins else max(made[place], disposed[i])
            state[_OPEN] = u


@compiled
def _compare(
    i: int,
    version: Ints,
    before: Ints,
    read: Ints,
    free: int,
    tick: int,
    state: Ints,
    made: Ints,
) -> None:
    """Hold a version against what the clock says of it."""
    told, latest, at = version[i], before[i], read[i]
    last = made.shape[0] - 1
    first = max(0, latest - last)
    low = high = told
    if told > first or (told == 0 and first == 0):
        after = told == latest or made[told & last] > at
        own = free == told and 0 <= tick <= at  # it has its worker's update, and nothing since
        if not (after and (own or told == 0 or made[(told - 1) & last] < at)):
            low = _before(made, first, latest, at)
            high = min(latest, _before(made, first, latest, at + 1))
    if 0 <= tick <= at:
        low = max(low, free)
    if told < low or told > high:
        state[_OUTSIDE] += 1
    state[_LEAST] += latest - high
    state[_MOST] += latest - low


@compiled
def _before(made: Ints, first: int, latest: int, tick: int) -> int:
    """Return how many updates were made before a tick, of which all below `first` were."""
    last, low, high = made.shape[0] - 1, first, latest
    while low < high:
        middle = (low + high) >> 1
        if made[middle & last] < tick:
            low = middle + 1
        else:
            high = middle
    return low
