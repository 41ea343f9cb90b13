"""Which part of a lock-free write a lock-free read saw: an interval, found without a loop over x.

A sweep passes over the n coordinates from 0 to n − 1 at an even pace. Of two sweeps in the same
direction one overtakes the other at most once, so the coordinates where the write came first are
one interval: the paper's inconsistent read x̂ in exact form.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Write:
    """One update's sweep over the coordinates [lo, hi).

    Parameters
    ----------
    update
        Its index; updates are numbered in the order in which their writes begin.
    lo, hi
        The coordinates it writes.
    begin
        When it writes coordinate lo, in ticks.
    pace
        Ticks that a write of all n coordinates would take.
    end
        When it is over, in ticks.
    """

    update: int
    lo: int
    hi: int
    begin: int
    pace: int
    end: int


def span(block: int, blocks: int, dimension: int) -> tuple[int, int]:
    """Return the coordinates [lo, hi) of one of so many equal blocks of x."""
    return block * dimension // blocks, (block + 1) * dimension // blocks


def write_time(lo: int, hi: int, pace: int, dimension: int) -> int:
    """Return the ticks that writing [lo, hi) takes, rounded up."""
    return -(-(hi - lo) * pace // dimension)


def seen_slice(write: Write, begin: int, pace: int, dimension: int) -> tuple[int, int]:
    """Return the coordinates [first, last) where a write was not later than a read.

    The read passes coordinate i at begin + i·pace/n, the write does at
    write.begin + (i − lo)·write.pace/n; they are compared exactly, in whole numbers.

    Parameters
    ----------
    write
        The write.
    begin, pace
        The read: when it began, and how long all of it takes, in ticks.
    dimension
        n.
    """
    lo, hi = write.lo, write.hi
    lead = dimension * (begin - write.begin) + lo * write.pace
    slower = write.pace - pace
    # The write was not later where i · slower ≤ lead.
    if slower > 0:
        return lo, min(hi, max(lo, lead // slower + 1))
    if slower < 0:
        return max(lo, min(hi, -(lead // -slower))), hi
    return (lo, hi) if lead >= 0 else (lo, lo)
