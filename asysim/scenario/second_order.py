"""The table that asks for second derivatives along a run."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from asysim.ground.ranges import AnyPositive, Count
from asysim.ground.table import Table

LEAST_TOLERANCE = 1e-12
"""√ε is then 1e-6, about what the least eigenvalue of a Hessian can be told to in float64."""


class SecondOrder(Table):
    """Whether x is second-order stationary: the least eigenvalue λ_min of ∇²f(x), along the run."""

    tolerance: Annotated[AnyPositive, Field(ge=LEAST_TOLERANCE)] = 1e-2
    """ε: x is second-order stationary if ‖∇f(x)‖ ≤ ε and λ_min ≥ −√ε (Wang, Shen & Zhao)"""
    every: Count | None = None
    """one of how many evaluations looks at the Hessian; absent: one of 10, and fewer where it would
    take more than a tenth of the run's own work, but never fewer than 3 in all"""
    samples: Count | None = None
    """of a finite sum, how many terms' mean Hessian is looked at, the same ones each time; absent:
    64 to 1,024, as the run is long"""
    radius: AnyPositive | None = None
    """how near to a known saddle counts as its neighbourhood; absent: a quarter of the least
    distance between two stationary points that are known"""
