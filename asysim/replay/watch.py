"""A ball around a point, watched at each update: when x first leaves it, or first enters it.

A curve sees x at its cadence; what is asked here is the exact update. The test stands beside the
loops of replay, not within them, so that a run which nobody watches pays nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from asysim.ground.arrays import Vector
from asysim.jit.compiler import compiled


@compiled
def square_distance(x: Vector, center: Vector) -> float:
    """Return ‖x − center‖², summed in the order of coordinates, in whichever replay."""
    total = 0.0
    for i in range(center.size):
        apart = x[i] - center[i]
        total += apart * apart
    return total


@compiled
def is_met(square: float, limit: float, outside: bool) -> bool:
    """Whether a squared distance is beyond a limit, or else within it; NaN is beyond."""
    return (not square <= limit) == outside


@dataclass(frozen=True, eq=False)
class Watch:
    """Ends a stretch of a replay at the first x beyond a radius, or at the first within it.

    Parameters
    ----------
    center
        The point, shape (n,).
    radius
        Euclidean.
    outside
        Whether ‖x − center‖ > radius is waited for; if not, ≤.
    """

    center: Vector
    radius: float
    outside: bool = True

    @property
    def limit(self) -> float:
        """The radius squared."""
        return self.radius * self.radius

    def met(self, x: Vector) -> bool:
        """Whether x, shape (n,), is where it is waited for."""
        met: bool = is_met(square_distance(x, self.center), self.limit, self.outside)
        return met
