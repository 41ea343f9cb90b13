"""How candidates stand beside each other: who is sooner, or nearer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asysim.advice.trial import Trial

Place = tuple[int, float]
"""What is less is better."""


def place(trial: Trial) -> Place:
    """Return how a run stands among others with the same seed that were as long, at most.

    Those that met the target come first, the soonest before all; then those that were stopped, by
    how near they were; then those that diverged.
    """
    if trial.met:
        return 0, trial.seconds
    if trial.is_lost or trial.level is None:
        return 2, 0.0
    return 1, trial.level


def mean_place(trials: Sequence[Trial]) -> Place:
    """Return how runs with several seeds stand beside others with the same seeds.

    A run that was stopped before the target counts as a bound, and so do all of them: who misses
    it more often is behind, however soon the other runs were.
    """
    missed = sum(not trial.met for trial in trials)
    if len(trials) == 1:
        return place(trials[0])
    # A mean of times, some of which are of a start that meets the target, may be of 0 seconds.
    times = [max(trial.seconds, 1e-300) for trial in trials]
    return missed, math.exp(math.fsum(map(math.log, times)) / len(times))
