"""What is foretold of p workers: the time to the target, with a band that a run falls into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asysim.studies.attempt import Attempt
from asysim.studies.geometric_mean import Band


@dataclass(frozen=True)
class Forecast:
    """What is foretold of p workers.

    Attributes
    ----------
    workers
        p.
    attempts
        The simulated runs, by seed.
    seconds
        t_p, until the target; None if a run did not reach it.
    speedup
        t_1 / t_p; None if either is not known.
    """

    workers: int
    attempts: tuple[Attempt, ...]
    seconds: Band | None
    speedup: float | None

    @classmethod
    def of(cls, attempts: Sequence[Attempt], ones: Sequence[Attempt]) -> Forecast:
        """Summarise runs of p workers, `ones` being those of one worker."""
        times = _times(attempts)
        base = _times(ones)
        seconds = None if times is None else Band.of(times)
        ratio = None
        if times is not None and base is not None:
            ratio = Band.of(base).value / Band.of(times).value
        return cls(attempts[0].workers, tuple(attempts), seconds, ratio)

    @property
    def reached(self) -> int:
        """How many of the runs met the target."""
        return sum(attempt.crossing.met for attempt in self.attempts)

    @property
    def worker_seconds(self) -> float | None:
        """What is paid for: p · t_p."""
        return None if self.seconds is None else self.workers * self.seconds.value

    @property
    def efficiency(self) -> float | None:
        """Speedup / p."""
        return None if self.speedup is None else self.speedup / self.workers

    @property
    def updates(self) -> float | None:
        """K_p, updates until the target."""
        if self.seconds is None:
            return None
        return float(np.exp(np.mean(np.log([a.crossing.updates for a in self.attempts]))))

    @property
    def staleness(self) -> float:
        """Mean τ over the runs."""
        return float(np.mean([attempt.staleness for attempt in self.attempts]))


def _times(attempts: Sequence[Attempt]) -> list[float] | None:
    """Return the seconds to the target, if all came there."""
    times = [a.crossing.seconds for a in attempts if a.crossing.met and a.crossing.seconds > 0]
    return times if times and len(times) == len(attempts) else None
