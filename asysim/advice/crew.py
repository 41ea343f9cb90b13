"""The workers of a scenario, as far as it says which constants of a rule are worth trying."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from asysim.ground.arrays import Floats
from asysim.laws import for_batch
from asysim.scenario import Scenario

_WORDS = 512  # draws of each kind of worker, evenly spaced in probability


@dataclass(frozen=True)
class ScenarioCrew:
    """The workers of a scenario.

    Attributes
    ----------
    scenario
        Which one.
    """

    scenario: Scenario

    @property
    def workers(self) -> int:
        """P."""
        return self.scenario.workers.count

    def within(self, part: float) -> float:
        """Return the seconds within which that part of all workers have computed a gradient."""
        table, size = self.scenario.workers, self.scenario.algorithm.batch_size
        uniform = (np.arange(_WORDS) + 0.5) / _WORDS
        alike: dict[tuple[int, float], int] = {}
        for group, speed in zip(table.group_of, table.speeds, strict=True):
            kind = (-1 if group is None else table.groups.index(group), speed)
            alike[kind] = alike.get(kind, 0) + 1
        times: list[Floats] = []
        weights: list[Floats] = []
        for (place, speed), count in alike.items():
            own = None if place < 0 else table.groups[place].compute
            law = for_batch(own or table.compute, size)
            times.append(np.asarray(law.quantile(uniform)) / speed)
            weights.append(np.full(_WORDS, float(count)))
        seconds, weight = np.concatenate(times), np.concatenate(weights)
        order = np.argsort(seconds, kind="stable")
        passed = np.cumsum(weight[order])
        found = float(seconds[order][np.searchsorted(passed, part * passed[-1])])
        return float(f"{found:.3g}")  # a constant that a person can read

    def parts(self, *parts: float) -> list[int]:
        """Return these parts of p, each a whole number of at least 1, once, in order."""
        return sorted({max(1, math.floor(part * self.workers + 0.5)) for part in parts})
