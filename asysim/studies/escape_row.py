"""What the runs of p workers came to in an escape study: means, growth, and how far off the law."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from asysim.ground.arrays import Floats, Ints
from asysim.studies.geometric_mean import student
from asysim.studies.passage import INNER
from asysim.theory.escape_prediction import Prediction

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Mean:
    """A mean over runs, and half its 95 % interval; None with one run."""

    value: float
    half: float | None

    @classmethod
    def of(cls, values: Floats) -> Mean:
        """Return the mean of at least one number with Student's interval."""
        if len(values) == 1:
            return cls(float(values[0]), None)
        error = float(values.std(ddof=1)) / math.sqrt(len(values))
        return cls(float(values.mean()), student(len(values), _CONFIDENCE) * error)


@dataclass(frozen=True, eq=False)
class EscapeRow:
    """What the runs of p workers came to; arrays are of shape (seeds,), by seed.

    Attributes
    ----------
    workers
        p.
    updates, seconds
        When each had escaped; of a run that did not, when it was over.
    escaped
        Whether it had.
    inner
        After which update x was beyond R/4; −1: it began there, or did not come there.
    returned
        After which update it was within R again, if that was looked for; −1: not.
    staleness
        Mean τ of each.
    foretold
        The law, or in words why there is none.
    """

    workers: int
    updates: Ints
    seconds: Floats
    escaped: np.typing.NDArray[np.bool_]
    inner: Ints
    returned: Ints
    staleness: Floats
    foretold: Prediction | str

    @property
    def runs(self) -> int:
        """How many there are."""
        return len(self.updates)

    @property
    def all_escaped(self) -> bool:
        """Whether every run did; if not, means are bounds."""
        return bool(self.escaped.all())

    @cached_property
    def mean(self) -> Mean:
        """Updates until escape, on average: at least, if some runs did not escape."""
        return Mean.of(self.updates.astype(np.float64))

    @cached_property
    def mean_seconds(self) -> Mean:
        """Seconds until escape, on average, likewise."""
        return Mean.of(self.seconds)

    @property
    def deviation(self) -> float | None:
        """Standard deviation of the updates until escape; None with one run."""
        return float(self.updates.std(ddof=1)) if self.runs > 1 else None

    @cached_property
    def growth(self) -> Mean | None:
        """By how much the distance grows in an update, from R/4 to R; None if it can't be told.

        From the mean number of updates that takes, whose logarithm the interval is of.
        """
        known = self.escaped & (self.inner >= 0)
        if known.sum() < 2:
            return None
        took = Mean.of((self.updates - self.inner)[known].astype(np.float64))
        if took.value <= 0 or took.half is None:
            return None
        rate = -math.log(INNER) / took.value
        return Mean(math.exp(rate), math.exp(rate) * rate * took.half / took.value)

    @property
    def off(self) -> float | None:
        """By what part of itself the law's mean is missed; None if there is none, or a bound."""
        if isinstance(self.foretold, str) or not self.all_escaped:
            return None
        return self.mean.value / self.foretold.times.mean - 1
