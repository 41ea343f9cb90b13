"""The ergodic output: one iterate at random, x_k with probability γ_k / Σγ.

That it is what the theorems' bounds are about is as recalled from the literature.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from asysim.ground.arrays import Vector
from asysim.random.streams import Purpose, WordSource, uniforms
from asysim.updates.asked import steps_at
from asysim.updates.base import StepSchedule

_FIRST, _MOST = 2**12, 2**18  # iterates looked at together


class ErgodicOutput:
    """Keeps one iterate, as if drawn when all are known: a reservoir of one.

    Which one it will be, for any number of updates, does not depend on x, so that few are copied.

    Parameters
    ----------
    seed
        The scenario's seed: which iterate is drawn depends on it and on the number of updates.
    step
        γ, or the schedule of γ_k.

    Attributes
    ----------
    x
        The iterate that is kept; None before the first.
    index
        Its k.
    """

    def __init__(self, seed: int, step: float | StepSchedule) -> None:
        self.x: Vector | None = None
        self.index = -1
        self._source, self._step = WordSource(seed), step
        self._turns: deque[int] = deque()  # of those looked at, which are to be kept
        self._looked, self._piece, self._total = 0, _FIRST, 0.0

    def due(self, before: int) -> int:
        """Return the next k below `before` whose x_k is to be kept; `before` if there is none."""
        while not self._turns and self._looked < before:
            self._turns.extend(self._look(min(self._piece, before - self._looked)))
            self._piece = min(2 * self._piece, _MOST)
        return min(self._turns[0], before) if self._turns else before

    def take(self, x: Vector) -> None:
        """Keep a copy of x_k, k being the next one due."""
        self.index = self._turns.popleft()
        if self.x is None:
            self.x = x.copy()
        else:
            np.copyto(self.x, x)

    def go_on(self, before: int, x: Vector | None) -> None:
        """Stand where another one stood that had kept all that is due before an update."""
        while (k := self.due(before)) < before:
            self._turns.popleft()
            self.index = k
        self.x = x

    def _look(self, count: int) -> list[int]:
        start, step = self._looked, self._step
        unit = uniforms(self._source.words(Purpose.ERGODIC, 0, start, count))
        if isinstance(step, int | float):
            steps = np.full(count, float(step))
        else:
            steps = steps_at(step, range(start, start + count))
        # One by one: the sum of floats depends on how they are put together.
        sums = np.cumsum(np.concatenate([[self._total], steps]))[1:]
        self._total, self._looked = float(sums[-1]), start + count
        turns: list[int] = (start + np.flatnonzero(unit * sums <= steps)).tolist()
        return turns


def turns(seed: int, step: float | StepSchedule, updates: int) -> list[int]:
    """Return, in order, each k < `updates` whose iterate is kept until a later one is."""
    output, found = ErgodicOutput(seed, step), []
    while (k := output.due(updates)) < updates:
        found.append(k)
        output.take(np.empty(0))
    return found
