"""Cells of the tables of theory: numbers, and between what they lie."""

from __future__ import annotations

import math

from asysim.show.summary import seconds
from asysim.show.table import NOTHING, Shown
from asysim.theory.estimates import Estimate


def order_of(value: float) -> Shown:
    """Write seconds with the digits that an order has."""
    return Shown("infinite" if math.isinf(value) else seconds(float(f"{value:.2g}")))


def interval_of(one: Estimate) -> str:
    """Write between what a constant is, or what it is of."""
    if one.origin == "unknown":
        return NOTHING
    if one.low == one.high:
        return one.origin  # not "exact": a known L or σ² may be a bound
    if math.isinf(one.high):
        return f"≥ {one.low:.4g}"
    return f"{one.low:.4g} … {one.high:.4g}"


def number_of(value: float | None) -> Shown:
    """Write a number, whole ones without a point; nothing where there is none."""
    if value is None:
        return Shown(NOTHING)
    if math.isinf(value):
        return Shown("infinite")
    whole = abs(value) >= 1 and value == round(value)
    return Shown(
        f"{value:,.0f}" if (whole or abs(value) >= 1e4) and abs(value) < 1e15 else f"{value:.4g}"
    )


def between(low: int | None, high: int | None) -> str:
    """Write between what a number of workers is."""
    if high is None:
        return NOTHING if low is None else f"≥ {low:,}"
    if low is None:
        return f"≤ {high:,}"
    return "as known" if low == high else f"{low:,} … {high:,}"
