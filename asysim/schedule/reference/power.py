"""Power v(t) of a worker or a server: work of W ticks at power 1 is done when ∫v = W.

Power is piecewise constant or linear, so the integral is exact but for one rounding to a tick.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from asysim.errors import Fault, UnplayableError
from asysim.random.streams import Purpose, WordSource, uniforms
from asysim.scenario.cluster import Pause
from asysim.scenario.power import Power, Profile, Spells, Trend
from asysim.trace.gradient import NANOSECOND

FOREVER = 2**62
MERGED = 100_000  # pauses that may run into one another before they are called endless
DRAWN_AT_ONCE = 32  # segments
_IN_A_SERVICE = 100_000  # pauses: a service that is interrupted more often would never be played
_CHANGES_AT_FIRST, _CHANGES_EACH = 100_000, 10_000  # of a worker's power: and for each gradient


class Segment(NamedTuple):
    """Power from `begin` until `end` ticks: `power` at first, changing by `slope` a tick."""

    begin: int
    end: int
    power: float
    slope: float = 0.0


class PowerClock:
    """Tells when work that begins at some instant will be done.

    Parameters
    ----------
    segments
        Power from 0 on, without gaps; only as much is drawn as is asked about. A worker's may
        change only so often; of a server, it is the work at once that has a limit.
    """

    def __init__(self, segments: Iterator[Segment]) -> None:
        self._segments = segments
        self._server = segments if isinstance(segments, ServerPower) else None
        self._known: deque[Segment] = deque()
        self._drawn = self._finished = 0

    def finish(self, now: int, start: int, work: int) -> int:
        """Return when work that begins at `start` is done; `now` never goes back, start may."""
        known = self._known
        if self._server is not None and work > self._server.most_work:
            raise endless_pauses()
        while known and known[0].end <= now:
            known.popleft()
        if self._server is not None and not known:
            self._server.skip(now)
        left, place = float(work), 0
        while True:
            if place == len(known):
                if self._server is None and self._drawn % DRAWN_AT_ONCE == 0:
                    check_pace(self._drawn, self._finished)
                self._drawn += 1
                segment = next(self._segments, None)
                if segment is None:
                    return FOREVER
                if segment.end > now:
                    known.append(segment)
                continue
            segment = known[place]
            if segment.end <= start:
                place += 1
                continue
            begin = max(start, segment.begin)
            power = segment.power + segment.slope * (begin - segment.begin)
            lasts = _ticks(left, power, segment.slope)
            if begin + lasts <= segment.end and (lasts > 0 or power > 0):
                self._finished += 1
                return begin + lasts
            span = segment.end - begin
            left = max(0.0, left - span * (power + segment.slope * span / 2))
            place += 1


def check_pace(drawn: int, finished: int) -> None:
    """Refuse power that changes so often that playing it would take longer than all else.

    Parameters
    ----------
    drawn
        Segments so far.
    finished
        Pieces of work that were done in them.

    Raises
    ------
    InputError
        The same one from both engines, at the same piece of work.
    """
    if drawn > _CHANGES_AT_FIRST + _CHANGES_EACH * finished:
        raise UnplayableError(
            Fault(
                "workers.power",
                f"power that changes more than {_CHANGES_EACH:,} times a gradient",
                "should change more slowly: so many changes come to a constant speed, which "
                "workers.speed can say",
            )
        )


def _ticks(work: float, power: float, slope: float) -> int:
    """Return how long work takes at a power that changes evenly, were it to do so for ever."""
    if slope == 0:
        return _whole(work / power) if power > 0 else FOREVER
    under = power * power + 2 * slope * work
    if under < 0:
        return FOREVER
    return _whole(2 * work / (power + math.sqrt(under))) if work > 0 else 0


def _whole(ticks: float) -> int:
    """Round to a whole number, or to any that is more than for ever."""
    return round(ticks) if ticks < FOREVER else FOREVER + 1


def of_worker(power: Power, source: WordSource, worker: int) -> Iterator[Segment]:
    """Yield a worker's power as a scenario describes it, without end."""
    if isinstance(power, Spells):
        return _spells(power, source, worker)
    if isinstance(power, Trend):
        return _trend(power)
    return _profile(power)


def _spells(power: Spells, source: WordSource, worker: int) -> Iterator[Segment]:
    """Yield exponential spells in turn; the first is slow as often as any instant is."""
    share = power.slow / (power.normal + power.slow)
    begin, start, slow = 0, 0, False
    while True:
        units = uniforms(source.words(Purpose.SPELL, worker, start, 64)).tolist()
        if start == 0:
            slow = units.pop(0) < share
        for unit in units:
            mean = power.slow if slow else power.normal
            end = begin + max(1, round(-mean * math.log(unit) / NANOSECOND))
            yield Segment(begin, end, power.power if slow else 1.0)
            begin, slow = end, not slow
        start += 64


def _trend(power: Trend) -> Iterator[Segment]:
    start = round(power.start / NANOSECOND)
    length = max(1, round(power.seconds / NANOSECOND))
    if start:
        yield Segment(0, start, 1.0)
    yield Segment(start, start + length, 1.0, (power.power - 1.0) / length)
    yield Segment(start + length, FOREVER, power.power)


def _profile(power: Profile) -> Iterator[Segment]:
    times = [round(time / NANOSECOND) for time in power.times]
    if power.period is None:
        for begin, end, level in zip(times, [*times[1:], FOREVER], power.powers, strict=True):
            yield Segment(begin, end, level)
        return
    period, base = round(power.period / NANOSECOND), 0
    while True:
        for begin, end, level in zip(times, [*times[1:], period], power.powers, strict=True):
            yield Segment(base + begin, base + end, level)
        base += period


class ServerPower(Iterator[Segment]):
    """A server's power: 0 in pauses, 1 otherwise.

    Attributes
    ----------
    most_work
        Ticks of work that it may be given at once.

    Raises
    ------
    InputError
        If the pauses run into one another without end.
    """

    def __init__(self, pauses: Sequence[Pause]) -> None:
        self.most_work = most_work(pauses)
        self._calendar = calendar(pauses)
        self._now = 0

    def skip(self, now: int) -> None:
        """Go on from `now`, if that is later: an idle server's pauses need not be counted."""
        self._now = max(self._now, now)

    def __next__(self) -> Segment:
        now, calendar = self._now, self._calendar
        if now >= FOREVER:
            raise StopIteration
        begin = min((_next_begin(now, *pause) for pause in calendar), default=FOREVER)
        if begin > now:
            self._now = begin
            return Segment(now, begin, 1.0)
        end = begin
        for _ in range(MERGED):
            later = max(_end_at(end, *pause) for pause in calendar)
            if later <= end:
                break
            end = later
        else:
            raise endless_pauses()
        self._now = end
        return Segment(begin, end, 0.0)


def calendar(pauses: Sequence[Pause]) -> list[tuple[int, int, int | None]]:
    """Return begin, length and period of each pause in ticks; None: it comes once."""
    found: list[tuple[int, int, int | None]] = []
    for pause in pauses:
        length, every = round(pause.seconds / NANOSECOND), None
        if pause.every is not None:
            every = max(length + 1, round(pause.every / NANOSECOND))
        found.append((round(pause.start / NANOSECOND), max(1, length), every))
    return found


def endless_pauses() -> UnplayableError:
    """Return what is said of pauses in which no work would ever be done."""
    return UnplayableError(
        Fault(
            "server.pauses",
            f"pauses that run into one another, or interrupt one service {_IN_A_SERVICE:,} times",
            "should leave the server some time to work",
        )
    )


def most_work(pauses: Sequence[Pause]) -> int:
    """Return how many ticks of work a server may be given at once, for its pauses to be played."""
    free = [pause.every - pause.seconds for pause in pauses if pause.every is not None]
    ticks = min(free, default=math.inf) / NANOSECOND * _IN_A_SERVICE
    return round(ticks) if ticks < FOREVER else FOREVER


def _next_begin(now: int, start: int, length: int, every: int | None) -> int:
    """Return when a pause is next in progress, from `now` on."""
    if now <= start:
        return start
    if every is None:
        return now if now < start + length else FOREVER
    turn = (now - start) // every
    return now if now < start + turn * every + length else start + (turn + 1) * every


def _end_at(now: int, start: int, length: int, every: int | None) -> int:
    """Return when the pause in progress at `now` ends; `now` if there is none."""
    if now < start:
        return now
    begin = start if every is None else start + (now - start) // every * every
    return max(now, begin + length)
