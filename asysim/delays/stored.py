"""The books of a server that keeps a gradient of each worker, as in PIAG: arrivals, from ages."""

from __future__ import annotations

import numpy as np

from asysim.delays.books import Balance
from asysim.ground.arrays import Ints


class Stored:
    """Tells from the ages of stored gradients when new ones came, and keeps the balance.

    A gradient that is stored grows older by 1 with every update; where an age does not, a new
    gradient has come, which is that old.

    Parameters
    ----------
    workers
        p.
    """

    def __init__(self, workers: int) -> None:
        self._free = np.zeros(workers, np.int64)  # the version that each can read next
        self._last: Ints | None = None
        self._lines = self._ages = self._arrivals = self._passed = 0

    def add(self, ages: Ints) -> None:
        """Enter some updates more; (updates, p)."""
        before = ages[:1] - 1 if self._last is None else self._last[None]
        came = np.concatenate([before, ages[:-1]]) >= ages
        if self._last is None:
            came[0] = True
        for worker in range(ages.shape[1]):
            line = np.flatnonzero(came[:, worker])
            if not len(line):
                continue
            update, old = self._lines + line, ages[line, worker]
            free = np.concatenate([self._free[worker : worker + 1], update[:-1] + 1])
            self._passed += int((update - old - free).sum())
            self._ages += int(old.sum())
            self._arrivals += len(line)
            self._free[worker] = update[-1] + 1
        self._last = ages[-1]
        self._lines += len(ages)

    @property
    def arrivals(self) -> int:
        """Gradients that came."""
        return self._arrivals

    @property
    def mean_at_arrival(self) -> float:
        """Their mean age when they came."""
        return self._ages / max(1, self._arrivals)

    def balance(self) -> Balance:
        """Return what it comes to: each arrival counts as its worker's own update."""
        return Balance(
            workers=len(self._free),
            updates=self._lines,
            ages=self._ages,
            own=self._arrivals,
            in_hand=int((self._lines - self._free).sum()),
            passed=self._passed,
        )
