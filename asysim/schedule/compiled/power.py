"""The twin of `asysim.schedule.reference.power`: when work is done at a changing power.

Workers' powers are tables of segments that Python draws; the servers' is a calendar of pauses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from asysim.coordination.machine import names as n
from asysim.ground.arrays import Floats, Ints
from asysim.jit.compiler import compiled
from asysim.scenario.cluster import Pause
from asysim.schedule.reference.power import (
    DRAWN_AT_ONCE,
    FOREVER,
    MERGED,
    Segment,
    calendar,
    check_pace,
)

UNKNOWN, ENDLESS = -1, -2
_AFTER_ALL = 2**63 - 1


class Segments:
    """The segments of workers' powers as far as they have been drawn: rings of them.

    Parameters
    ----------
    sources
        Of each worker; None: its power is always 1; (p,).

    Attributes
    ----------
    ticks, powers
        Begin and end; power and slope; (p, kept, 2). kept is a power of 2.
    """

    def __init__(self, sources: Sequence[Iterator[Segment] | None]) -> None:
        self._sources = sources
        workers = len(sources) if any(source is not None for source in sources) else 0
        self.ticks = np.zeros((workers, 2 * DRAWN_AT_ONCE, 2), np.int64)
        self.powers = np.zeros((workers, 2 * DRAWN_AT_ONCE, 2), np.float64)

    def draw_more(self, crowd: Ints, worker: int) -> None:
        """Draw some more segments of a worker's power."""
        first, last = crowd[worker, n.FIRST_SEGMENT], crowd[worker, n.LAST_SEGMENT]
        check_pace(int(last), int(crowd[worker, n.FINISHED_WORK]))
        kept, source = self.ticks.shape[1], self._sources[worker]
        assert source is not None
        if last - first + DRAWN_AT_ONCE > kept:
            # Twice as long a ring keeps every segment, at the place that its number now has.
            self.ticks = np.concatenate([self.ticks, self.ticks], axis=1)
            self.powers = np.concatenate([self.powers, self.powers], axis=1)
            kept *= 2
        more = list(islice(source, DRAWN_AT_ONCE))
        crowd[worker, n.NO_MORE] = len(more) < DRAWN_AT_ONCE
        for number, segment in enumerate(more, last):
            place = number & (kept - 1)
            begin, end = min(segment.begin, _AFTER_ALL), min(segment.end, _AFTER_ALL)
            self.ticks[worker, place] = begin, end
            self.powers[worker, place] = segment.power, segment.slope
        crowd[worker, n.LAST_SEGMENT] += len(more)


@compiled
def finish(m: Ints, worker: int, segments: Ints, powers: Floats, start: int, work: int) -> int:
    """Return when a worker's work that begins at `start` is done; UNKNOWN: draw more segments."""
    kept, own = segments.shape[1] - 1, m[worker + n.PLACE]
    left, place = float(work), m[worker + n.FIRST_SEGMENT]
    while True:
        if place == m[worker + n.LAST_SEGMENT]:
            return FOREVER if m[worker + n.NO_MORE] else UNKNOWN
        begin, end = segments[own, place & kept, 0], segments[own, place & kept, 1]
        if end <= start:
            place += 1
            if end <= m[n.NOW]:
                m[worker + n.FIRST_SEGMENT] = place
            continue
        power, slope = powers[own, place & kept, 0], powers[own, place & kept, 1]
        since = max(start, begin)
        power += slope * (since - begin)
        lasts = _ticks(left, power, slope)
        if since + lasts <= end and (lasts > 0 or power > 0):
            m[worker + n.FINISHED_WORK] += 1
            return int(since + lasts)
        span = end - since
        left = max(0.0, left - span * (power + slope * span / 2))
        place += 1


@compiled
def _ticks(work: float, power: float, slope: float) -> int:
    """Return how long work takes at a power that changes evenly, were it to do so for ever."""
    if slope == 0:
        return _whole(work / power) if power > 0 else FOREVER
    under = power * power + 2 * slope * work
    if under < 0:
        return FOREVER
    return _whole(2 * work / (power + math.sqrt(under))) if work > 0 else 0


@compiled
def _whole(ticks: float) -> int:
    """Round to a whole number, or to any that is more than for ever."""
    return int(np.rint(ticks)) if ticks < FOREVER else FOREVER + 1


def pause_table(pauses: Sequence[Pause]) -> Ints:
    """Return the calendar of pauses as a table, with −1 for those that come once; (pauses, 3)."""
    rows = [
        (at, length, n.NEVER if every is None else every) for at, length, every in calendar(pauses)
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


@compiled
def finish_serving(m: Ints, now: int, work: int) -> int:
    """Return when a server's work that begins now is done; ENDLESS: pauses leave it no time."""
    if work > m[n.MOST_WORK]:
        return ENDLESS
    left = float(work)
    while True:
        begin = FOREVER
        for pause in range(m[n.PAUSES], m[n.PAUSES] + 3 * m[n.PAUSE_COUNT], 3):
            begin = min(begin, _next_begin(m, pause, now))
        if begin > now:
            lasts = _whole(left)
            if now + lasts <= begin:
                return now + lasts
            left = max(0.0, left - (begin - now))
        if begin >= FOREVER:
            return FOREVER
        end, later = begin, begin
        for _ in range(MERGED):
            for pause in range(m[n.PAUSES], m[n.PAUSES] + 3 * m[n.PAUSE_COUNT], 3):
                later = max(later, _end_at(m, pause, end))
            if later <= end:
                break
            end = later
        else:
            return ENDLESS
        now = end


@compiled
def _next_begin(m: Ints, pause: int, now: int) -> int:
    """Return when a pause is next in progress, from `now` on."""
    start, length, every = m[pause], m[pause + 1], m[pause + 2]
    if now <= start:
        return int(start)
    if every < 0:
        return now if now < start + length else FOREVER
    turn = (now - start) // every
    return now if now < start + turn * every + length else start + (turn + 1) * every


@compiled
def _end_at(m: Ints, pause: int, now: int) -> int:
    """Return when the pause in progress at `now` ends; `now` if there is none."""
    start, length, every = m[pause], m[pause + 1], m[pause + 2]
    if now < start:
        return now
    begin = start if every < 0 else start + (now - start) // every * every
    return int(max(now, begin + length))
