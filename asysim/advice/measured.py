"""What a candidate comes to with seeds that had no part in choosing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from asysim.advice.candidate import Candidate
from asysim.advice.trial import Trial
from asysim.studies.geometric_mean import Bound, GeometricMean, geometric_mean


@dataclass(frozen=True)
class Measured:
    """A candidate and its runs.

    Attributes
    ----------
    candidate
        Which one.
    trials
        A run for each seed.
    """

    candidate: Candidate
    trials: tuple[Trial, ...]

    @property
    def reached(self) -> int:
        """How many of the runs met the target."""
        return sum(trial.met for trial in self.trials)

    @property
    def endings(self) -> Counter[str]:
        """How runs ended that did not, and how many did so."""
        return Counter(trial.status for trial in self.trials if not trial.met)

    @property
    def seconds(self) -> GeometricMean | None:
        """Time to the target: a bound from below if some runs were stopped before it.

        None if some would never have met it, or the start does.
        """
        return self._mean([trial.seconds for trial in self.trials])

    @property
    def updates(self) -> GeometricMean | None:
        """Updates to the target, likewise."""
        return self._mean([trial.updates for trial in self.trials])

    @property
    def worker_seconds(self) -> GeometricMean | None:
        """What is paid for: p times the time."""
        seconds = self.seconds
        return None if seconds is None else seconds.scaled(self.candidate.workers)

    @property
    def staleness(self) -> float:
        """Mean τ over the runs."""
        return fsum(trial.staleness for trial in self.trials) / len(self.trials)

    def _mean(self, values: Sequence[float]) -> GeometricMean | None:
        if any(trial.is_lost for trial in self.trials):
            return None
        bound: Bound = "" if self.reached == len(self.trials) else "at least"
        return geometric_mean(values, bound=bound)

    def sooner_than(self, other: Measured) -> GeometricMean | None:
        """Return how many times as soon as another with the same seeds it meets the target.

        A bound if runs of one of them were stopped before it; None if that can't be told.
        """
        if self.seconds is None or other.seconds is None:
            return None
        mine, theirs = self.seconds.bound, other.seconds.bound
        if mine and theirs:
            return None
        bound: Bound = "at least" if theirs else "at most" if mine else ""
        pairs = zip(self.trials, other.trials, strict=True)
        return geometric_mean([b.seconds / a.seconds for a, b in pairs], bound=bound)
