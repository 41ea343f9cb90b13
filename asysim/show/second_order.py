"""What a run says of second derivatives: for tables, notes and JSON."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from asysim.errors import InputError
from asysim.replay.curve import Point, columns
from asysim.replay.passages import Stationarity, Visit, stationarity, visits
from asysim.replay.second_order import neighbourhoods
from asysim.runs.outcome import Run
from asysim.scenario.second_order import SecondOrder

_MOST = 6  # visits that are told one by one


class SecondOrderFacts(NamedTuple):
    """Of a run that looked at Hessians.

    Attributes
    ----------
    stationarity
        When it was stationary, and to which order.
    visits
        Its stays near known saddles; None if it isn't known what near is, or where they are.
    names
        Of the known saddles, in order.
    radius
        What near is.
    """

    stationarity: Stationarity
    visits: tuple[Visit, ...] | None
    names: tuple[str, ...]
    radius: float | None


def facts(run: Run) -> SecondOrderFacts | None:
    """Return what a run's curve says; None if it did not look at Hessians."""
    settings, curve = run.scenario.run.second_order, columns(run.outcome.points)
    if settings is None or "least_curvature" not in curve:
        return None
    found = stationarity(curve, settings.tolerance)
    if found is None:
        return None
    names, radius = _saddles(run, settings)
    passed = None
    if radius is not None and "saddle" in curve:
        seen = ~np.isnan(curve["saddle"])
        passed = visits(
            curve["update"][seen], curve["saddle"][seen], curve["saddle_distance"][seen], radius
        )
    return SecondOrderFacts(found, passed, names, radius)


def _saddles(run: Run, settings: SecondOrder) -> tuple[tuple[str, ...], float | None]:
    """Return what the known saddles are called, and what near is; as far as it can be told."""
    try:
        known = neighbourhoods(run.scenario.problem.build(), settings)
    except (InputError, OSError):  # its data are not there any more
        return (), settings.radius
    return tuple(saddle.name for saddle in known.saddles), known.radius


def sentences(run: Run) -> list[str]:
    """Say what there is to say, a sentence a line; nothing if it did not look at Hessians."""
    found = facts(run)
    if found is None:
        return []
    s = found.stationarity
    floor = math.sqrt(s.tolerance)
    lines = [
        f"second order: λ_min = {s.last_curvature:.4g} (Ritz residual {s.last_residual:.2g}) at "
        f"update {s.last_update:,}, of {s.looks} look{'s' if s.looks > 1 else ''} at the Hessian",
        f"ε = {s.tolerance:g}: ‖∇f‖ ≤ ε {_first(s.first_order)}; with λ_min ≥ −√ε = {-floor:.4g} "
        f"too {_first(s.second_order)}" + ("" if s.sure or s.second_order is None else DOUBT),
    ]
    if found.visits is not None:
        lines.append(_passed(found))
    return lines


DOUBT = ", if the residual hides nothing: λ_min less its residual is below −√ε"


def _first(update: int | None) -> str:
    return "at no evaluation" if update is None else f"first at update {update:,}"


def _passed(found: SecondOrderFacts) -> str:
    stays = found.visits or ()
    if not stays:
        return f"no evaluation was within {found.radius:.3g} of a known saddle"
    told = "; ".join(_stay(found, stay) for stay in stays[:_MOST])
    more = f"; and {len(stays) - _MOST} more" if len(stays) > _MOST else ""
    return f"within {found.radius:.3g} of known saddles: {told}{more}"


def _stay(found: SecondOrderFacts, stay: Visit) -> str:
    name = found.names[stay.saddle] if stay.saddle < len(found.names) else f"no. {stay.saddle + 1}"
    until = "to the end" if stay.left is None else f"to {stay.left:,}"
    return f"{name} from {stay.entered:,} {until} (nearest {stay.nearest:.2g})"


def document(run: Run) -> dict[str, Any] | None:
    """Return it for JSON."""
    found = facts(run)
    if found is None:
        return None
    s = found.stationarity
    return {
        "tolerance": s.tolerance,
        "first_order": s.first_order,
        "second_order": s.second_order,
        "sure": s.sure,
        "looks": s.looks,
        "least_curvature": s.last_curvature,
        "residual": s.last_residual,
        "update": s.last_update,
        "radius": found.radius,
        "visits": None if found.visits is None else [
            {
                "saddle": found.names[stay.saddle] if stay.saddle < len(found.names) else None,
                "entered": stay.entered,
                "left": stay.left,
                "nearest": stay.nearest,
            }
            for stay in found.visits
        ],
    }  # fmt: skip


def cell(point: Point) -> str:
    """Write λ_min with its residual; nothing where an evaluation did not look at it."""
    more = dict(point.more)
    least, residual = more["least_curvature"], more["curvature_residual"]
    return "" if math.isnan(least) else f"{least:.4g} ± {residual:.0e}"


def has_second_order(run: Run) -> bool:
    """Whether some evaluation looked at the Hessian."""
    curve = columns(run.outcome.points)
    return "least_curvature" in curve and not bool(np.isnan(curve["least_curvature"]).all())
