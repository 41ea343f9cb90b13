"""What a run's curve says of stationary points: first and second order, and saddles passed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Visit:
    """A stay in the neighbourhood of a saddle, told to one evaluation.

    Attributes
    ----------
    saddle
        Which, by its place among those that are known.
    entered, left
        Updates of the first evaluation within the radius, and of the first outside again; None: it
        was still there at the last.
    nearest
        The least distance that was seen.
    """

    saddle: int
    entered: int
    left: int | None
    nearest: float


def visits(
    update: NDArray[np.int64], saddle: NDArray[Any], distance: NDArray[Any], radius: float
) -> tuple[Visit, ...]:
    """Return the stays near saddles, in order.

    Parameters
    ----------
    update, saddle, distance
        Columns of a curve; shape (evaluations,).
    radius
        How near counts.
    """
    found: list[Visit] = []
    open_: Visit | None = None
    for k, which, far in zip(update.tolist(), saddle.tolist(), distance.tolist(), strict=True):
        here = int(which) if far <= radius else None
        if open_ is not None and here != open_.saddle:
            found.append(Visit(open_.saddle, open_.entered, k, open_.nearest))
            open_ = None
        if here is not None:
            nearest = far if open_ is None else min(far, open_.nearest)
            open_ = Visit(here, k if open_ is None else open_.entered, None, nearest)
    return (*found, open_) if open_ is not None else tuple(found)


@dataclass(frozen=True)
class Stationarity:
    """When a run first was where ‖∇f‖ ≤ ε, and where λ_min ≥ −√ε besides.

    Attributes
    ----------
    tolerance
        ε.
    first_order
        The first evaluation with ‖∇f(x_k)‖ ≤ ε: k; None: there was none.
    second_order
        The first with λ_min ≥ −√ε too, of those that looked at the Hessian.
    sure
        Whether λ_min less its residual was at least −√ε there: then no eigenvalue that the search
        came near to is below.
    looks
        How many evaluations looked at the Hessian.
    last_update, last_curvature, last_residual
        The latest that did.
    """

    tolerance: float
    first_order: int | None
    second_order: int | None
    sure: bool
    looks: int
    last_update: int
    last_curvature: float
    last_residual: float


def stationarity(curve: Mapping[str, NDArray[Any]], tolerance: float) -> Stationarity | None:
    """Read it off a curve's columns; None if no evaluation looked at a Hessian."""
    looked = np.flatnonzero(~np.isnan(curve["least_curvature"]))
    if not len(looked):
        return None
    flat = np.sqrt(curve["gradient_norm2"]) <= tolerance
    least, residual = curve["least_curvature"], curve["curvature_residual"]
    floor = -math.sqrt(tolerance)
    both = looked[flat[looked] & (least[looked] >= floor)]
    first = int(both[0]) if len(both) else None
    last = int(looked[-1])
    update = curve["update"]
    return Stationarity(
        tolerance=tolerance,
        first_order=int(update[flat.argmax()]) if flat.any() else None,
        second_order=None if first is None else int(update[first]),
        sure=first is not None and bool(least[first] - residual[first] >= floor),
        looks=len(looked),
        last_update=int(update[last]),
        last_curvature=float(least[last]),
        last_residual=float(residual[last]),
    )
