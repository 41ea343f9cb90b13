"""How a worker's power v(t) changes: work that takes W seconds at power 1 is done when ∫v = W.

The universal computation model of the literature on asynchronous methods: spells, trends and
outages are all a power that is a function of time.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from asysim.errors import Clash
from asysim.ground.ranges import NotNegative, Positive, Seconds, SomeSeconds
from asysim.ground.table import Table


class Spells(Table):
    """Slow spells: a two-state Markov chain for each worker, which makes times correlated."""

    kind: Literal["spells"]
    normal: SomeSeconds
    """mean seconds at power 1 before a slow spell (exponential)"""
    slow: SomeSeconds
    """mean seconds of a slow spell (exponential)"""
    power: NotNegative
    """power in a slow spell: 0.1 is ten times slower, 0 an outage"""


class Trend(Table):
    """Power that goes evenly from 1 to another value, and stays there."""

    kind: Literal["trend"]
    power: Positive
    """power at the end"""
    seconds: SomeSeconds
    """how long the change takes"""
    start: Seconds = 0.0
    """when it begins, in seconds"""


class Profile(Table):
    """Power in steps: from each time on the power beside it; power 0 is an outage."""

    kind: Literal["profile"]
    times: list[Seconds] = Field(min_length=1)
    """when each power begins, in seconds, rising from 0"""
    powers: list[NotNegative] = Field(min_length=1)
    """the power from then on: as many as times"""
    period: SomeSeconds | None = None
    """seconds after which all begins anew; absent: the last power stays"""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.times[0] != 0 or any(b - a < 1e-9 for a, b in pairwise(self.times)):
            raise Clash("times", "should begin with 0 and rise, by a nanosecond at least")
        if len(self.powers) != len(self.times):
            raise Clash(
                "powers", f"should list {len(self.times)} powers, one for each of times, "
                f"not {len(self.powers)}",
            )  # fmt: skip
        if self.period is not None and self.period - self.times[-1] < 1e-9:
            raise Clash("period", f"should be later than the last of times, {self.times[-1]:g}")
        if self.period is None and self.powers[-1] == 0:
            raise Clash(
                "powers",
                "should not end with 0, or no gradient would ever be done again: "
                "give a period, or let the worker crash (faults.crashes)",
            )
        if not any(self.powers):
            raise Clash("powers", "should not all be 0")
        return self


Power = Annotated[Spells | Trend | Profile, Field(discriminator="kind")]
