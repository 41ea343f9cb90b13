"""Rows as a simulator makes them, a tuple for each gradient, and as a trace has them: columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from asysim.errors import Fault, UnplayableError
from asysim.ground.arrays import Ints
from asysim.trace.gradient import FACTS, TIMES

Taken = tuple[int, int, int, int, int, int, int]
"""Worker, draw, version, read, ready, done, arrived: what is known once x has been read."""

Row = tuple[int, int, int, int, int, int, int, int, int]
"""And then the update and the instant of disposal."""

BLOCK_SIZE = 4096

FACT_COLUMNS, TIME_COLUMNS = [0, 1, 2, 7], [3, 4, 5, 6, 8]
"""Which places of a row are facts, and which are ticks, in the order of a trace's columns."""


def columns(rows: Sequence[Row]) -> tuple[Ints, Ints]:
    """Return the facts, shape (4, rows), and the ticks, shape (5, rows), of rows.

    Raises
    ------
    InputError
        If the simulated clock has run past what 64 bits of nanoseconds hold, 292 years.
    """
    width = len(FACTS) + len(TIMES)
    try:
        # One flat pass: numpy.array of a list of tuples takes half as long again.
        flat = np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=width * len(rows))
    except OverflowError:
        raise past_the_clock() from None
    table = flat.reshape(-1, width).T
    return table[FACT_COLUMNS], table[TIME_COLUMNS]


def past_the_clock() -> UnplayableError:
    """Return what is said when the simulated clock has run past what 64 bits hold."""
    return UnplayableError(
        Fault(
            key="run.seconds",
            found="a simulated clock past 292 years",
            expected="should stay below; give the times of this scenario in smaller units",
        )
    )


def distinct(versions: Ints) -> Ints:
    """Return versions in order, each once."""
    if not len(versions):
        return versions
    oldest = int(versions.min())
    span = int(versions.max()) - oldest + 1
    if span > 8 * len(versions) + 1_000_000:
        return np.unique(versions)
    # They mostly lie close together: quicker than to sort them.
    among = np.zeros(span, dtype=np.bool_)
    among[versions - oldest] = True
    return oldest + np.flatnonzero(among)
