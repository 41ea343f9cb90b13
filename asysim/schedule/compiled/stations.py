"""The twin of `asysim.schedule.reference.stations`: queues of parts, linked through them. Compiled.

Shares of a fair station are reckoned in 2⁻³² of a tick, which takes more than 64 bits: an amount is
its whole ticks, and the rest.
"""

from __future__ import annotations

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.agenda import SERVED, schedule
from asysim.schedule.compiled.memory import hold, release
from asysim.schedule.compiled.names import (
    ALARM,
    CLEARED,
    DROPPED,
    END_KIND,
    FIRST,
    FIRST_DONE,
    FRACTION,
    GIVEN,
    GIVEN_FRACTION,
    LAST,
    LEAVING_PART,
    NEED,
    NEXT,
    NOTHING,
    NOW,
    OF,
    OUTWARD,
    PAUSED,
    PAUSES_ENDLESS,
    PRESENT,
    RANDOM_SIZES,
    RECEIVE,
    RECEIVE_TICKS,
    SEND,
    SEND_TICKS,
    SERVING,
    SHARD,
    SINCE,
    SIZES,
    WANTED,
    WORK,
)
from asysim.schedule.compiled.power import ENDLESS, finish_serving
from asysim.schedule.reference.power import FOREVER

_BITS = 32
_REST = 2**_BITS - 1
_FAR = 2**63 - 1
_BEYOND = 9e18  # and what is less, rounded, 64 bits hold


@compiled
def append(m: Ints, station: int, first: int, part: int) -> None:
    """Put a part at the end of a queue; columns `first` and `first + 1` are its ends."""
    m[part + NEXT] = NOTHING
    if m[station + first] == NOTHING:
        m[station + first] = part
    else:
        m[m[station + first + 1] + NEXT] = part
    m[station + first + 1] = part


@compiled
def pop(m: Ints, station: int, first: int) -> int:
    """Take the first part of a queue; 0 if there is none."""
    part = m[station + first]
    if part != NOTHING:
        m[station + first] = m[part + NEXT]
    return int(part)


@compiled
def transfer_ticks(m: Ints, part: int) -> int:
    """Return how long a part takes an interface that has nothing else to do."""
    ticks, which = m[RECEIVE_TICKS], RECEIVE
    if m[part + OUTWARD]:
        ticks, which = m[SEND_TICKS], SEND
    if m[RANDOM_SIZES]:
        ticks += m[m[part + OF] + m[SIZES] + which]
    return int(ticks)


# One after the other -------------------------------------------------------------------------


@compiled
def serve(m: Ints, server: int, part: int) -> bool:
    """Let a server take up a part; return if it is done with it at once."""
    now, work = m[NOW], m[part + WORK]
    end = now + work
    if m[PAUSED]:
        end = finish_serving(m, now, work)
        if end == ENDLESS:
            m[PAUSES_ENDLESS], end = 1, FOREVER
    if 0 <= end <= now:
        return True
    hold(m, part)
    m[server + SERVING] = part
    schedule(m, end, SERVED, m[server + SHARD], NOTHING)
    return False


@compiled
def transfer(m: Ints, station: int, part: int) -> bool:
    """Let a part begin to go through an interface that is free; return if it takes time."""
    ticks = transfer_ticks(m, part)
    if ticks == 0:
        return False
    hold(m, part)
    m[station + SERVING] = part
    schedule(m, m[NOW] + ticks, m[station + END_KIND], m[station + SHARD], NOTHING)
    return True


# Processor sharing ---------------------------------------------------------------------------


@compiled
def share(m: Ints, station: int, part: int) -> None:
    """Let a part come in now, which has been held."""
    _give(m, station)
    need = m[station + GIVEN] + transfer_ticks(m, part)
    rest = m[station + GIVEN_FRACTION]
    m[part + NEED], m[part + FRACTION] = need, rest
    last = m[station + LAST]
    if m[station + FIRST] == NOTHING or not _is_less(m, need, rest, last):
        append(m, station, FIRST, part)
    else:
        before, behind = NOTHING, m[station + FIRST]
        while not _is_less(m, need, rest, behind):
            before, behind = behind, m[behind + NEXT]
        m[part + NEXT] = behind
        if before == NOTHING:
            m[station + FIRST] = part
        else:
            m[before + NEXT] = part
    m[station + PRESENT] += 1
    _clear(m, station)
    _set_alarm(m, station)


@compiled
def share_out(m: Ints, station: int, alarm: int) -> None:
    """Let those leave, one by one, that are done at this alarm, if it was not called off."""
    if alarm != m[station + ALARM]:
        return
    _give(m, station)
    m[LEAVING_PART] = m[station + FIRST_DONE]
    m[station + FIRST_DONE] = NOTHING
    _clear(m, station)
    _set_alarm(m, station)


@compiled
def _is_less(m: Ints, need: int, rest: int, other: int) -> bool:
    found = m[other + NEED]
    return bool(need < found or (need == found and rest < m[other + FRACTION]))


@compiled
def _missing(m: Ints, station: int) -> tuple[int, int]:
    """Return what all present must be given until the first of them is done."""
    first, count = m[station + FIRST], m[station + PRESENT]
    ticks = m[first + NEED] - m[station + GIVEN]
    rest = m[first + FRACTION] - m[station + GIVEN_FRACTION]
    if m[RANDOM_SIZES] and float(ticks) * count > _BEYOND:
        return _FAR, 0  # 64 bits do not hold it: later than the clock ends
    rest *= count  # may be negative: the shift rounds down
    return ticks * count + (rest >> _BITS), rest & _REST


@compiled
def _give(m: Ints, station: int) -> None:
    """Share out the time since the last event."""
    left, rest = m[NOW] - m[station + SINCE], 0
    m[station + SINCE] = m[NOW]
    while m[station + PRESENT] > 0:
        ticks, fraction = _missing(m, station)
        if ticks > left or (ticks == left and fraction > rest):
            count = m[station + PRESENT]
            each = m[station + GIVEN_FRACTION] + ((left % count << _BITS) + rest) // count
            m[station + GIVEN] += left // count + (each >> _BITS)
            m[station + GIVEN_FRACTION] = each & _REST
            return
        rest -= fraction
        left += (rest >> _BITS) - ticks
        rest &= _REST
        first = pop(m, station, FIRST)
        m[station + GIVEN] = m[first + NEED]
        m[station + GIVEN_FRACTION] = m[first + FRACTION]
        m[station + PRESENT] -= 1
        append(m, station, FIRST_DONE, first)


@compiled
def _set_alarm(m: Ints, station: int) -> None:
    """Call off the last alarm, and set one for the first part to be done, if any."""
    m[station + ALARM] += 1
    wait = 0
    if m[station + FIRST_DONE] == NOTHING:
        if m[station + PRESENT] == 0:
            return
        ticks, fraction = _missing(m, station)
        wait = ticks + (1 if fraction > 0 else 0)
    schedule(m, m[NOW] + wait, m[station + END_KIND], m[station + SHARD], m[station + ALARM])


@compiled
def _clear(m: Ints, station: int) -> None:
    """Throw out what is not wanted any more, if any flight was dropped since the last time."""
    if m[station + CLEARED] == m[DROPPED]:
        return
    m[station + CLEARED] = m[DROPPED]
    before, part = NOTHING, m[station + FIRST]
    while part != NOTHING:
        behind = m[part + NEXT]
        if m[m[part + OF] + WANTED]:
            before = part
        else:
            if before == NOTHING:
                m[station + FIRST] = behind
            else:
                m[before + NEXT] = behind
            m[station + PRESENT] -= 1
            release(m, m[part + OF])
        part = behind
    m[station + LAST] = before
