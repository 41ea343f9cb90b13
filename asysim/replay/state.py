"""Where a replay stands: x_k, and how much of the stream it took to get there."""

from __future__ import annotations

from dataclasses import dataclass

from asysim.errors import AsysimError
from asysim.ground.arrays import Vector
from asysim.trace.gradient import NANOSECOND


@dataclass
class State:
    """The iterate x_k with its counts.

    Attributes
    ----------
    x
        x_k, shape (n,). Don't change it, and copy it if you keep it: its memory is used again.
    updates
        k, the updates made so far.
    gradients
        Gradients disposed of so far, discarded ones included.
    ticks
        The instant of the latest update, in nanoseconds.
    staleness_sum, staleness_max
        Sum and largest of τ over the gradients applied so far.
    applied
        How many those are.
    """

    x: Vector
    updates: int = 0
    gradients: int = 0
    ticks: int = 0
    staleness_sum: int = 0
    staleness_max: int = 0
    applied: int = 0

    def note(self, staleness: int, lost: int) -> None:
        """Count a gradient that is applied, and those that were lost since the last one."""
        self.gradients += 1 + lost
        self.applied += 1
        self.staleness_sum += staleness
        if staleness > self.staleness_max:
            self.staleness_max = staleness

    def advance(self, update: int, instant: int) -> None:
        """Note that an update was made, at an instant in nanoseconds."""
        self.updates = update + 1
        if instant > self.ticks:
            self.ticks = instant

    @property
    def seconds(self) -> float:
        """The instant of the latest update, in seconds."""
        return self.ticks * NANOSECOND


class Divergence(AsysimError):  # noqa: N818  (it ends a run, as StopIteration ends a loop)
    """x, or the loss at x, is not finite any more, or the loss is far above where it began.

    Parameters
    ----------
    update
        Index of the last update that was made; −1 before the first.
    what
        What is wrong, in words.
    """

    def __init__(self, update: int, what: str = "x is not finite") -> None:
        self.update, self.what = update, what
        when = f"after update {update}" if update >= 0 else "at the start"
        super().__init__(f"diverged: {when}, {what}")

    def __reduce__(self) -> tuple[type[Divergence], tuple[int, str]]:
        return Divergence, (self.update, self.what)
