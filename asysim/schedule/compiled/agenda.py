"""The events to come: a heap by (instant, kind and place, order of scheduling). Compiled."""

from __future__ import annotations

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.names import (
    BITS,
    EVENT_SIZE,
    EVENTS,
    HEAP,
    NOW,
    PAST_THE_CLOCK,
    SERIAL,
    numbers,
)

# `asysim.schedule.reference.events.Kind`, as compiled code takes numbers.
(SERVED, SENT, TRIAL_OVER, AT_WORKER, AT_INTERFACE, RECEIVED, AT_SERVER, TIMED_OUT, CRASH, RESTART,
 JOIN, LEAVE) = numbers(12)  # fmt: skip

SERIAL_BITS = 40
MOST_BITS = 63 - SERIAL_BITS - 4  # of a place, for four of the kind
_CHILDREN = 4


@compiled
def schedule(m: Ints, tick: int, kind: int, place: int, load: int) -> None:
    """Add an event; `load` is what it is about."""
    if tick < m[NOW]:  # a sum that 64 bits do not hold
        tick = PAST_THE_CLOCK
    key = (((kind << m[BITS]) | place) << SERIAL_BITS) | m[SERIAL]
    m[SERIAL] += 1
    heap, hole = m[HEAP], m[EVENTS]
    m[EVENTS] = hole + 1
    while hole > 0:
        parent = (hole - 1) // _CHILDREN
        above = heap + parent * EVENT_SIZE
        if m[above] < tick or (m[above] == tick and m[above + 1] < key):
            break
        _put(m, heap, hole, m[above], m[above + 1], m[above + 2])
        hole = parent
    _put(m, heap, hole, tick, key, load)


@compiled
def remove_first(m: Ints) -> None:
    """Take the first event away."""
    heap, size = m[HEAP], m[EVENTS] - 1
    m[EVENTS] = size
    last = heap + size * EVENT_SIZE
    tick, key, load = m[last], m[last + 1], m[last + 2]
    hole = 0
    while True:
        child = _CHILDREN * hole + 1
        if child >= size:
            break
        best, place = child, heap + child * EVENT_SIZE
        least, least_key = m[place], m[place + 1]
        for other in range(child + 1, min(child + _CHILDREN, size)):
            place += EVENT_SIZE
            found, found_key = m[place], m[place + 1]
            sooner = (found < least) | ((found == least) & (found_key < least_key))
            best = other if sooner else best
            least = found if sooner else least
            least_key = found_key if sooner else least_key
        if tick < least or (tick == least and key < least_key):
            break
        _put(m, heap, hole, least, least_key, m[heap + best * EVENT_SIZE + 2])
        hole = best
    _put(m, heap, hole, tick, key, load)


@compiled
def _put(m: Ints, heap: int, place: int, tick: int, key: int, load: int) -> None:
    at = heap + place * EVENT_SIZE
    m[at], m[at + 1], m[at + 2] = tick, key, load
