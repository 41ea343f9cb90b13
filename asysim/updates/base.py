"""An update rule as a product of policies: step × weight × correction × momentum.

For the gradients G_i of update k, each with its staleness τ_i and the x that it was read at:

    g_k     = Σ_i weight(τ_i) · correction(G_i, x_k, x_read,i)      or their mean
    v_{k+1} = β v_k + g_k
    x_{k+1} = x_k − γ_k v_{k+1}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from asysim.errors import unfit
from asysim.ground.arrays import Vector


class StepSchedule(Protocol):
    """Step lengths. Any object with this member will do."""

    def at(self, update: int, /) -> float:
        """Return γ_k for update k, from 0: it depends on k alone, and is asked for in any order."""
        ...


class Weight(Protocol):
    """A number for each gradient. Any object with this member will do."""

    def weight(self, staleness: int, step: float, /) -> float:
        """Return the factor of a gradient of staleness τ that goes into an update with γ_k."""
        ...


class Correction(Protocol):
    """What is done to each gradient before it is weighed. Any object with this member will do."""

    def correct(self, gradient: Vector, x: Vector, x_read: Vector, /) -> None:
        """Change a gradient, the SUM over its mini-batch, in place; x and x_read are read only.

        All three have shape (n,): x is what the update will be applied to, and x_read what the
        gradient was computed at. Called once for each gradient, in the order of the rows.
        """
        ...


@runtime_checkable
class WatchesSteps(Protocol):
    """What a correction may have besides, to know how x moved."""

    def stepped(self, velocity: Vector, step: float, /) -> None:
        """Take note that an update x −= step · velocity is about to be made."""
        ...


@dataclass(frozen=True, kw_only=True)
class UpdateRule:
    """What the server makes of the gradients of an update; by default their sum.

    Every replay works on a copy of its own, so a rule with a memory can be used again.

    Parameters
    ----------
    weight
        A factor for each gradient.
    correction
        A change of each gradient (AsySG-con only).
    momentum
        β in [0, 1) (AsySG-con only).
    average
        Whether gradients of one update are averaged rather than summed (AsySG-con only).

    Raises
    ------
    InputError
        If the momentum is not in [0, 1).
    """

    weight: Weight | None = None
    correction: Correction | None = None
    momentum: float = 0.0
    average: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise unfit("momentum", str(self.momentum), "at least 0 and below 1")

    @property
    def needs_server(self) -> bool:
        """Whether something in it has no meaning without a server."""
        return self.correction is not None or self.momentum > 0 or self.average
