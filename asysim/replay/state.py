"""Where a replay stands: x_k with its counts, and all that it needs to go on from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Memory:
    """What an update rule remembers.

    Attributes
    ----------
    velocity
        v of heavy ball, shape (n,); None: 0.
    vector, numbers
        Of a correction: `asysim.updates.base.KernelCorrection`'s ``memory`` and ``numbers``.
    """

    velocity: Vector | None = None
    vector: Vector | None = None
    numbers: Vector | None = None


@dataclass
class Standing:
    """What a replay holds besides x and its counts, as it goes by.

    Attributes
    ----------
    lost
        Gradients that were lost since the last one that was applied.
    versions
        Versions of x that are still to be read, by their numbers.
    changes
        Of lock-free memory: gradients of updates of which reads saw a part.
    memory
        Says what the update rule remembers.
    """

    lost: int = 0
    versions: dict[int, Vector] = field(default_factory=dict)
    changes: dict[int, Vector] = field(default_factory=dict)
    memory: Callable[[], Memory] = Memory
