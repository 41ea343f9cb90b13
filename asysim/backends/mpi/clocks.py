"""One clock for all ranks: Cristian, "Probabilistic clock synchronization", 1989.

A worker asks rank 0 for the time, over and over, and believes the answer that came back soonest:
rank 0 gave it half a round trip ago, give or take half a round trip.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

ROUNDS = 64
"""Questions that a worker asks."""


@dataclass
class Offset:
    """By how much rank 0's clock is ahead of this one's, in nanoseconds.

    Attributes
    ----------
    round_trip
        The least of all questions so far.
    measured
        What that one said.
    """

    round_trip: int = 2**62
    measured: int = 0

    def note(self, asked: int, answer: int, heard: int) -> None:
        """Take account of an answer, given the instants of question and answer by this clock."""
        if heard - asked < self.round_trip:
            self.round_trip = heard - asked
            self.measured = answer - (asked + heard) // 2

    @property
    def value(self) -> int:
        """What to reckon with: 0 if that is possible, as ranks of one machine share its clock."""
        return 0 if abs(self.measured) <= self.round_trip // 2 else self.measured


class Clock:
    """Nanoseconds since the common start, by rank 0's clock.

    Parameters
    ----------
    start
        The start, by rank 0's clock.
    offset
        By how much that is ahead of this one's.
    """

    def __init__(self, start: int = 0, offset: int = 0) -> None:
        self._lead = offset - start

    def begin(self, start: int) -> None:
        """Count from another start, where the clock is rank 0's own."""
        self._lead = -start

    def __call__(self) -> int:
        return time.monotonic_ns() + self._lead
