"""What the formulas of this package ask of their arguments, said in one way."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_STALENESS = 2**62
"""A T that nobody waits for, in place of one beyond what integers of 64 bits hold."""


def whole(staleness: float) -> int:
    """Return the largest T up to a number, at most `MOST_STALENESS`."""
    return int(min(staleness, MOST_STALENESS))


def count(what: str, value: int, least: int = 1) -> None:
    """Raise ValueError unless a number of things is at least `least`."""
    if not value >= least:
        raise ValueError(f"needs {what} ≥ {least}, not {value}")


def positive(what: str, *values: float) -> None:
    """Raise ValueError unless all values are finite and above 0."""
    finite(what, *values)
    for value in values:
        if value == 0:
            raise ValueError(f"needs a {what} > 0, not {value}")


def finite(what: str, *values: float) -> None:
    """Raise ValueError unless all values are finite and at least 0."""
    for value in values:
        if not math.isfinite(value):
            raise ValueError(f"needs a finite {what}, not {value}")
        if value < 0:
            raise ValueError(f"needs a {what} ≥ 0, not {value}")


def each_positive(what: str, values: Sequence[float]) -> None:
    """Raise ValueError unless there are values, all of them finite and above 0."""
    if len(values) == 0:
        raise ValueError(f"needs at least one {what}")
    positive(what, *values)


def some_of(needed: int, workers: int) -> None:
    """Raise ValueError unless there are workers, and `needed` is from one to all of them."""
    count("workers", workers)
    if not 1 <= needed <= workers:
        raise ValueError(f"needs 1 ≤ needed ≤ workers = {workers}, not {needed}")
