"""Reads that take the server's time, and queues gone through again: who came when left when.

A service is drawn anew whether its gradient waited or not. If those that waited take longer, what
they waited for took the server's time too: x was sent off first.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from asysim.calibration.recorded import RecordedRun
from asysim.calibration.times import own_previous
from asysim.ground.arrays import Floats, Ints
from asysim.trace.gradient import NANOSECOND


def fifo(comes: Ints, work: int) -> Ints:
    """Return when each of several equal jobs is done, first come first served; (n,) in order.

    D_i = max(C_i, D_{i−1}) + work, so D_i − i·work never falls below what it was.
    """
    turns = np.arange(len(comes)) * work
    done: Ints = np.maximum.accumulate(comes - turns) + turns + work
    return done


def shared(comes: Floats, work: Floats) -> Floats:
    """Return when each job is done where all present go on at equal parts of a unit rate; (n,).

    Jobs may be in any order. Whoever had been present from the beginning would have been `given` so
    much by now; a job leaves when that has grown by its work since it came.
    """
    leaves = np.zeros(len(comes))
    present: list[tuple[float, int]] = []
    given, now = 0.0, 0.0
    order = np.argsort(comes, kind="stable")
    jobs = zip(order.tolist(), comes[order].tolist(), work[order].tolist(), strict=True)
    for job, came, needs in jobs:
        while present:
            end = now + (present[0][0] - given) * len(present)
            if end > came:
                break
            now, given = end, present[0][0]
            leaves[heappop(present)[1]] = end
        if present:
            given += (came - now) / len(present)
        now = came
        heappush(present, (given + needs, job))
    while present:
        now += (present[0][0] - given) * len(present)
        given, job = heappop(present)
        leaves[job] = now
    return leaves


_SURE = 4.0  # standard deviations
_LEAST = 20
_LONG = 2**60  # ticks since a read that there was none of
_WELL = 0.03  # of what a pull takes: how well that has to be known
_SMALL = 1e-3  # of a gradient's way round


@dataclass(frozen=True, eq=False)
class Served:
    """Gradients in the order in which one server took them up.

    Attributes
    ----------
    rows
        Which rows they are; (n,).
    comes, ends
        When each came and was applied; (n,).
    known
        Whether its end is that of its own service; (n,).
    alone
        Whether the end of the one before is known too; (n,).
    """

    rows: Ints
    comes: Ints
    ends: Ints
    known: NDArray[np.bool_]
    alone: NDArray[np.bool_]

    @property
    def before(self) -> Ints:
        """When the one before was applied; (n,)."""
        return np.concatenate([[0], self.ends[:-1]])


def served(run: RecordedRun) -> Served:
    """Return what a run's server did, in order."""
    worker, (_, _, _, arrived, applied) = run.trace.worker, run.trace.ticks
    there = ~run.ended_early
    order = np.lexsort((worker, arrived))
    order = order[there[order]]
    ends, comes = applied[order], arrived[order]
    known = _just_served(ends)
    if run.unshared is not None:
        known &= ~run.unshared.paused[order]
    alone = known & np.concatenate([[True], known[:-1]])
    return Served(order, comes, ends, known, alone)


def _just_served(ends: Ints) -> NDArray[np.bool_]:
    """Return which gradients, in order of arrival, were applied as their service ended."""
    last = np.zeros(len(ends), dtype=np.bool_)
    _, place = np.unique(ends[::-1], return_index=True)
    last[len(ends) - 1 - place] = True
    return last


def begins(run: RecordedRun, seen: Served, read: int) -> Ints:
    """Return when each service began, if reads of so many ticks go before; (n,)."""
    if not read:
        at_once: Ints = np.maximum(seen.comes, seen.before)
        return at_once
    asked = np.sort(run.trace.ticks[0]).tolist()
    begin, place = [], 0
    for came, free in zip(seen.comes.tolist(), seen.before.tolist(), strict=True):
        while place < len(asked) and asked[place] <= max(came, free):
            # What was asked for before the last end was sent off before that service, or is next.
            free = max(free, asked[place]) + read
            place += 1
        begin.append(max(came, free))
    return np.array(begin, dtype=np.int64)


def find_read(run: RecordedRun) -> tuple[int, float]:
    """Return the mean ticks that a read takes the server, and its cv; 0: no sign that it takes any.

    The server was idle before some gradients came, and busy with a read before others.
    """
    seen = served(run)
    service = (seen.ends - np.maximum(seen.comes, seen.before)).astype(np.float64)
    gap = seen.comes - seen.before
    first = seen.alone & (gap <= 0)
    last = seen.alone & (gap > 0)
    if min(first.sum(), last.sum()) < _LEAST:
        return 0, 0.0
    idle = last & (gap >= np.median(gap[last]))
    more = service[first].mean() - service[idle].mean()
    error = np.hypot(_error(service[first]), _error(service[idle]))
    if more < max(_SURE * error, _SMALL * run.cycle / NANOSECOND):
        return 0, 0.0
    idle = rested(run, seen, round(more))
    more = service[first].mean() - service[idle].mean()
    variance = max(0.0, float(service[first].var() - service[idle].var()))
    return max(0, round(more)), float(np.sqrt(variance)) / max(1.0, more)


def rested(run: RecordedRun, seen: Served, read: int) -> NDArray[np.bool_]:
    """Return which gradients surely came when the server was done with all reads; (n,)."""
    asked = np.sort(run.trace.ticks[0])
    place = np.searchsorted(asked, seen.comes, "right")
    since = np.where(place > 0, seen.comes - asked[np.maximum(place - 1, 0)], _LONG)
    free = seen.alone & (seen.comes > seen.before)
    for many in (8, 4, 2):
        chosen = free & (since > many * read)
        if chosen.sum() >= 5 * _LEAST:
            return chosen
    return free & (since >= np.median(since[free])) if free.any() else free


def _error(values: Floats) -> float:
    return float(values.std() / np.sqrt(len(values))) + 0.5


def reading_order(run: RecordedRun) -> Ints:
    """Return rows in the order in which x was asked for: at one instant by update, then worker."""
    before = own_previous(run, run.trace.updates_before)
    return np.lexsort((run.trace.worker, before, run.sent))


def pull_ticks(run: RecordedRun, supposed: int) -> int:
    """Return the ticks that x takes what sends it off to one worker after another.

    With the right number, what is left of a pull owes nothing to how long it waited for others.

    Parameters
    ----------
    run
        What was recorded.
    supposed
        What it should be, by what messages in the other direction take; kept unless pulls say
        surely that it is something else. 0: nothing is sent one after another.
    """
    order = reading_order(run)
    asked = run.sent[order]
    time = (run.trace.ticks[1] - run.sent)[order].astype(np.float64)

    def left(ticks: int) -> tuple[float, float]:
        """Return the slope of what is left on the wait, and its standard error."""
        wait = (fifo(asked, ticks) - ticks - asked).astype(np.float64)
        off = wait - wait.mean()
        squares = float((off**2).sum())
        if not squares:
            return 0.0, np.inf
        rest = time - wait
        slope = float((off * rest).sum()) / squares
        rest = rest - rest.mean() - slope * off
        return slope, max(float(rest.std()), 0.3) / float(np.sqrt(squares))

    slope, error = left(max(1, supposed))
    if supposed and abs(slope) < _SURE * error:
        # Where nobody would wait, nothing speaks for it: do pulls go with waits for longer ones?
        longer = [left(many * supposed) for many in (2, 4, 8)]
        if error < np.inf or not any(b + 1 > _SURE * off for b, off in longer):
            return supposed

    def is_enough(ticks: int) -> bool:
        slope, error = left(ticks)
        return slope <= 0 and error < np.inf

    most = max(1, int(np.median(time)) * 4)
    found = 1 + bisect_left(range(1, most), True, key=is_enough)
    _, error = left(found)
    return found if error < _WELL and found > 1 else supposed


def find_turns(run: RecordedRun) -> int:
    """Return the ticks of the server that each read takes, where many read at one instant; 0: none.

    Workers with links of their own differ too, but not evenly, one after the other.
    """
    order = reading_order(run)
    there = run.sent[order]
    starts = np.flatnonzero(np.append(True, there[1:] != there[:-1]))
    counts = np.diff(np.append(starts, len(there)))
    position = np.arange(len(there)) - np.repeat(starts, counts)
    if (position > 0).sum() < 10 * _LEAST:
        return 0
    ticks = pull_ticks(run, 0)
    if ticks < _SMALL * run.cycle / NANOSECOND / run.workers:
        return 0
    time = (run.trace.ticks[1] - run.sent)[order].astype(np.float64)
    each = [time[position == k] for k in range(int(counts.max()))]
    each = [part for part in each if len(part) >= _LEAST]
    rises = np.diff([part.mean() for part in each])
    noise = max(_error(part) for part in each)
    even = len(rises) and bool(np.all(np.abs(rises - ticks) < 2 * _SURE * noise + 0.02 * ticks))
    return ticks if even else 0
