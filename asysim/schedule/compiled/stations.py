"""The twin of `asysim.schedule.reference.stations`: queues of parts, linked through them. Compiled.

Shares of a fair station are reckoned in 2⁻³² of a tick, which takes more than 64 bits: an amount is
its whole ticks, and the rest.
"""

from __future__ import annotations

from asysim.coordination.machine import names as n
from asysim.coordination.machine.records import release
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.heap import SERVED, schedule
from asysim.schedule.compiled.memory import hold
from asysim.schedule.compiled.power import ENDLESS, finish_serving
from asysim.schedule.reference.power import FOREVER

_BITS = 32
_REST = 2**_BITS - 1
_FAR = 2**63 - 1
_BEYOND = 9e18  # and what is less, rounded, 64 bits hold


@compiled
def append(m: Ints, station: int, first: int, part: int) -> None:
    """Put a part at the end of a queue; columns `first` and `first + 1` are its ends."""
    m[part + n.NEXT] = n.NOTHING
    if m[station + first] == n.NOTHING:
        m[station + first] = part
    else:
        m[m[station + first + 1] + n.NEXT] = part
    m[station + first + 1] = part


@compiled
def pop(m: Ints, station: int, first: int) -> int:
    """Take the first part of a queue; 0 if there is none."""
    part = m[station + first]
    if part != n.NOTHING:
        m[station + first] = m[part + n.NEXT]
    return int(part)


@compiled
def transfer_ticks(m: Ints, part: int) -> int:
    """Return how long a part takes an interface that has nothing else to do."""
    ticks, which = m[n.RECEIVE_TICKS], n.RECEIVE
    if m[part + n.OUTWARD]:
        ticks, which = m[n.SEND_TICKS], n.SEND
    if m[n.RANDOM_SIZES]:
        ticks += m[m[part + n.OF] + m[n.SIZES] + which]
    return int(ticks)


# One after the other -------------------------------------------------------------------------


@compiled
def serve(m: Ints, server: int, part: int) -> bool:
    """Let a server take up a part; return if it is done with it at once."""
    now, work = m[n.NOW], m[part + n.WORK]
    end = now + work
    if m[n.PAUSED]:
        end = finish_serving(m, now, work)
        if end == ENDLESS:
            m[n.PAUSES_ENDLESS], end = 1, FOREVER
    if 0 <= end <= now:
        return True
    hold(m, part)
    m[server + n.SERVING] = part
    schedule(m, end, SERVED, m[server + n.SHARD], n.NOTHING)
    return False


@compiled
def transfer(m: Ints, station: int, part: int) -> bool:
    """Let a part begin to go through an interface that is free; return if it takes time."""
    ticks = transfer_ticks(m, part)
    if ticks == 0:
        return False
    hold(m, part)
    m[station + n.SERVING] = part
    schedule(m, m[n.NOW] + ticks, m[station + n.END_KIND], m[station + n.SHARD], n.NOTHING)
    return True


# Processor sharing ---------------------------------------------------------------------------


@compiled
def share(m: Ints, station: int, part: int) -> None:
    """Let a part come in now, which has been held."""
    _give(m, station)
    need = m[station + n.GIVEN] + transfer_ticks(m, part)
    rest = m[station + n.GIVEN_FRACTION]
    m[part + n.NEED], m[part + n.FRACTION] = need, rest
    last = m[station + n.LAST]
    if m[station + n.FIRST] == n.NOTHING or not _is_less(m, need, rest, last):
        append(m, station, n.FIRST, part)
    else:
        before, behind = n.NOTHING, m[station + n.FIRST]
        while not _is_less(m, need, rest, behind):
            before, behind = behind, m[behind + n.NEXT]
        m[part + n.NEXT] = behind
        if before == n.NOTHING:
            m[station + n.FIRST] = part
        else:
            m[before + n.NEXT] = part
    m[station + n.PRESENT] += 1
    _clear(m, station)
    _set_alarm(m, station)


@compiled
def share_out(m: Ints, station: int, alarm: int) -> None:
    """Let those leave, one by one, that are done at this alarm, if it was not called off."""
    if alarm != m[station + n.ALARM]:
        return
    _give(m, station)
    m[n.LEAVING_PART] = m[station + n.FIRST_DONE]
    m[station + n.FIRST_DONE] = n.NOTHING
    _clear(m, station)
    _set_alarm(m, station)


@compiled
def _is_less(m: Ints, need: int, rest: int, other: int) -> bool:
    found = m[other + n.NEED]
    return bool(need < found or (need == found and rest < m[other + n.FRACTION]))


@compiled
def _missing(m: Ints, station: int) -> tuple[int, int]:
    """Return what all present must be given until the first of them is done."""
    first, count = m[station + n.FIRST], m[station + n.PRESENT]
    ticks = m[first + n.NEED] - m[station + n.GIVEN]
    rest = m[first + n.FRACTION] - m[station + n.GIVEN_FRACTION]
    if m[n.RANDOM_SIZES] and float(ticks) * count > _BEYOND:
        return _FAR, 0  # 64 bits do not hold it: later than the clock ends
    rest *= count  # may be negative: the shift rounds down
    return ticks * count + (rest >> _BITS), rest & _REST


@compiled
def _give(m: Ints, station: int) -> None:
    """Share out the time since the last event."""
    left, rest = m[n.NOW] - m[station + n.SINCE], 0
    m[station + n.SINCE] = m[n.NOW]
    while m[station + n.PRESENT] > 0:
        ticks, fraction = _missing(m, station)
        if ticks > left or (ticks == left and fraction > rest):
            count = m[station + n.PRESENT]
            each = m[station + n.GIVEN_FRACTION] + ((left % count << _BITS) + rest) // count
            m[station + n.GIVEN] += left // count + (each >> _BITS)
            m[station + n.GIVEN_FRACTION] = each & _REST
            return
        rest -= fraction
        left += (rest >> _BITS) - ticks
        rest &= _REST
        first = pop(m, station, n.FIRST)
        m[station + n.GIVEN] = m[first + n.NEED]
        m[station + n.GIVEN_FRACTION] = m[first + n.FRACTION]
        m[station + n.PRESENT] -= 1
        append(m, station, n.FIRST_DONE, first)


@compiled
def _set_alarm(m: Ints, station: int) -> None:
    """Call off the last alarm, and set one for the first part to be done, if any."""
    m[station + n.ALARM] += 1
    wait = 0
    if m[station + n.FIRST_DONE] == n.NOTHING:
        if m[station + n.PRESENT] == 0:
            return
        ticks, fraction = _missing(m, station)
        wait = ticks + (1 if fraction > 0 else 0)
    schedule(
        m, m[n.NOW] + wait, m[station + n.END_KIND], m[station + n.SHARD], m[station + n.ALARM]
    )


@compiled
def _clear(m: Ints, station: int) -> None:
    """Throw out what is not wanted any more, if any flight was dropped since the last time."""
    if m[station + n.CLEARED] == m[n.DROPPED]:
        return
    m[station + n.CLEARED] = m[n.DROPPED]
    before, part = n.NOTHING, m[station + n.FIRST]
    while part != n.NOTHING:
        behind = m[part + n.NEXT]
        if m[m[part + n.OF] + n.WANTED]:
            before = part
        else:
            if before == n.NOTHING:
                m[station + n.FIRST] = behind
            else:
                m[before + n.NEXT] = behind
            m[station + n.PRESENT] -= 1
            release(m, m[part + n.OF])
        part = behind
    m[station + n.LAST] = before
