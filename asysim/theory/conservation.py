"""What a trace's clock says of staleness, whatever made the trace: the conservation of ages."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Ints
from asysim.trace.gradient import LOST, TIMES
from asysim.trace.trace import Trace

_NEVER = np.iinfo(np.int64).max


class Bracket(NamedTuple):
    """What the clock leaves open, as things at the same nanosecond have an order it can't tell."""

    low: Ints
    high: Ints


class Conservation(NamedTuple):
    """The sum of all rows' ages, and the least and the most that the clock allows."""

    ages: int
    least: int
    most: int


def version_bounds(trace: Trace) -> Bracket:
    """Return between which numbers the clock says that each row's version lies; (rows,) each.

    The column `version` is not used. With consistent reads, a read at tick r contains every update
    made before r, and none made after it. Of the updates made at that very tick it contains those
    up to the disposal of the worker's gradient before, as a worker reads again only then, and none
    that follow the row itself; the order of the rows tells both. What else happens at that tick is
    open.

    A lock-free read, which is a sweep, contains all of every update whose write was over before it
    began, and nothing of one whose write began after it was over; what overlaps is open. (It begins
    no sooner than the write of the worker's own update before, with which it may share a sweep.)
    Writes begin in the order of their numbers, so that this bounds the version, which counts the
    updates before the first one of which a part may be missing.

    Parameters
    ----------
    trace
        A whole trace, whatever coordinates it, lost rows included; its times are measured, not
        filled in, and on one clock.

    Raises
    ------
    ValueError
        If the trace is a piece of a longer one.
    """
    if trace.updates_at_start > 0:
        raise ValueError(
            f"needs a whole trace; this is a piece from update {trace.updates_at_start} on"
        )
    if trace.info.algorithm == "asysg-incon":
        return _swept_bounds(trace)
    read, disposed = _ticks(trace, "read"), _ticks(trace, "applied")
    made = _of_updates(trace, disposed)
    made.sort()
    low = np.searchsorted(made, read, "left").astype(np.int64)
    high = np.searchsorted(made, read, "right").astype(np.int64)
    before, row = _consecutive(trace)
    told = disposed[before] <= read[row]
    before, row = before[told], row[told]
    low[row] = np.maximum(low[row], _made_after(trace)[before])
    return Bracket(low, np.minimum(high, trace.updates_before))


def _swept_bounds(trace: Trace) -> Bracket:
    """Return between which numbers the versions of sweeps lie."""
    read, disposed = _ticks(trace, "read"), _ticks(trace, "applied")
    made = _of_updates(trace, disposed)
    # What is being written was looked at between the end of the last write and that of the read.
    since = np.zeros_like(read)
    before, row = _consecutive(trace)
    since[row] = np.minimum(disposed[before], read[row])
    low = np.searchsorted(np.maximum.accumulate(made), since, "left").astype(np.int64)
    own = np.full_like(read, LOST)  # the update before, if it was over by then
    own[row] = np.where(disposed[before] <= read[row], trace.update[before], LOST)
    longer = own == low
    while longer.any():
        low[longer] += 1
        longer &= np.append(made, _NEVER)[low] < since
    begun = np.maximum.accumulate(_of_updates(trace, _ticks(trace, "arrived")))
    high = np.searchsorted(begun, _ticks(trace, "ready"), "right").astype(np.int64)
    return Bracket(low, np.minimum(high, trace.updates_before))


def _ticks(trace: Trace, name: str) -> Ints:
    ticks: Ints = trace.ticks[TIMES.index(name)]
    return ticks


def _of_updates(trace: Trace, ticks: Ints) -> Ints:
    """Return the latest tick of each update's gradients; (updates,)."""
    latest = np.zeros(trace.updates, dtype=np.int64)
    np.maximum.at(latest, trace.update[trace.was_applied], ticks[trace.was_applied])
    return latest


def in_flight(trace: Trace) -> Bracket:
    """Return how many gradients are under way when each update is made; (updates,) each.

    A recorded gradient is under way from its read, by the clock, until its disposal, by the order
    of the rows; those that go into the update are not counted. A lock-free one counts as under way
    from the first update of which its read may have missed a part. Arguments and errors are those
    of `version_bounds`.
    """
    low, high = version_bounds(trace)
    return Bracket(_covering(high, trace), _covering(low, trace))


def conservation(trace: Trace) -> Conservation:
    """Return both sides of the conservation of staleness.

    Every update adds 1 to the age of each gradient under way, so for any trace

        Σ over rows of the age = Σ over updates of the gradients under way,

    under any law, coordination rule, number of gradients per update, or losses, with or without
    locks. The left side comes from the column `version`, the right side from the clock
    (`in_flight`): `least` ≤ `ages` ≤ `most`, and all three are equal if reads are consistent and
    none coincides with another worker's update. Sweeps that overlap leave room between them.
    (Gradients still under way when a trace ends are in neither.) Arguments and errors are those of
    `version_bounds`.
    """
    least, most = in_flight(trace)
    return Conservation(int(trace.age.sum()), int(least.sum()), int(most.sum()))


def _consecutive(trace: Trace) -> tuple[Ints, Ints]:
    """Return pairs of rows of one worker, each with the one after it."""
    order = np.lexsort((trace.draw, trace.worker))
    same = trace.worker[order[1:]] == trace.worker[order[:-1]]
    return order[:-1][same], order[1:][same]


def _made_after(trace: Trace) -> Ints:
    """Count the updates that are made once each row is disposed of; the last row makes it."""
    last = np.zeros(len(trace), dtype=np.int64)
    applied = np.flatnonzero(trace.was_applied)
    last[applied] = np.diff(trace.update[applied], append=trace.updates) > 0
    made: Ints = trace.updates_before + last
    return made


def _covering(first: Ints, trace: Trace) -> Ints:
    """Count for each update k the rows with first ≤ k < the updates made before their disposal."""
    last = np.minimum(trace.updates_before, trace.updates)
    first = np.minimum(first, last)
    begun = np.bincount(first, minlength=trace.updates + 1)
    ended = np.bincount(last, minlength=trace.updates + 1)
    counts: Ints = np.cumsum(begun - ended)[: trace.updates].astype(np.int64)
    return counts
