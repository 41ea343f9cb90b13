"""Heaps of events to come, compiled: one in the cluster's memory, and one of two arrays.

Who comes first goes by instant, then by kind and place, then by order of scheduling. With four
children to a node a heap is half as deep as with two, which pays with very many workers.
"""

from __future__ import annotations

from asysim.coordination.machine import names as n
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.kinds import Kind

(SERVED, SENT, TRIAL_OVER, AT_WORKER, AT_INTERFACE, RECEIVED, AT_SERVER, TIMEOUT, CRASH, RESTART,
 JOIN, LEAVE) = n.numbers(len(Kind))  # fmt: skip

_CHILDREN = 4
SERIAL_BITS = 40
_MOST_BITS = 63 - SERIAL_BITS - 4  # of a place, for four of the kind


def holds(workers: int, shards: int) -> bool:
    """Whether an event's key has room for the numbers of so many workers and servers."""
    return max(workers, shards).bit_length() <= _MOST_BITS


@compiled
def schedule(m: Ints, tick: int, kind: int, place: int, load: int) -> None:
    """Add an event; `load` is what it is about."""
    if tick < m[n.NOW]:  # a sum that 64 bits do not hold
        tick = n.PAST_THE_CLOCK
    key = (((kind << m[n.BITS]) | place) << SERIAL_BITS) | m[n.SERIAL]
    m[n.SERIAL] += 1
    heap, hole = m[n.HEAP], m[n.EVENTS]
    m[n.EVENTS] = hole + 1
    while hole > 0:
        parent = (hole - 1) // _CHILDREN
        above = heap + parent * n.EVENT_SIZE
        if m[above] < tick or (m[above] == tick and m[above + 1] < key):
            break
        _put(m, heap, hole, m[above], m[above + 1], m[above + 2])
        hole = parent
    _put(m, heap, hole, tick, key, load)


@compiled
def remove_first(m: Ints) -> None:
    """Take the first event away."""
    heap, size = m[n.HEAP], m[n.EVENTS] - 1
    m[n.EVENTS] = size
    last = heap + size * n.EVENT_SIZE
    tick, key, load = m[last], m[last + 1], m[last + 2]
    hole = 0
    while True:
        child = _CHILDREN * hole + 1
        if child >= size:
            break
        best, place = child, heap + child * n.EVENT_SIZE
        least, least_key = m[place], m[place + 1]
        for other in range(child + 1, min(child + _CHILDREN, size)):
            place += n.EVENT_SIZE
            found, found_key = m[place], m[place + 1]
            sooner = (found < least) | ((found == least) & (found_key < least_key))
            best = other if sooner else best
            least = found if sooner else least
            least_key = found_key if sooner else least_key
        if tick < least or (tick == least and key < least_key):
            break
        _put(m, heap, hole, least, least_key, m[heap + best * n.EVENT_SIZE + 2])
        hole = best
    _put(m, heap, hole, tick, key, load)


@compiled
def _put(m: Ints, heap: int, place: int, tick: int, key: int, load: int) -> None:
    at = heap + place * n.EVENT_SIZE
    m[at], m[at + 1], m[at + 2] = tick, key, load


# Two arrays: instants and ranks; a rank is a worker, or kind × width + place ------------------


@compiled
def push(instants: Ints, ranks: Ints, size: int, instant: int, rank: int) -> int:
    """Add a place to a heap of so many; return how many there are then."""
    hole = size
    while hole > 0:
        parent = (hole - 1) // _CHILDREN
        above = instants[parent]
        if above < instant or (above == instant and ranks[parent] < rank):
            break
        instants[hole], ranks[hole] = above, ranks[parent]
        hole = parent
    instants[hole], ranks[hole] = instant, rank
    return size + 1


@compiled
def replace(instants: Ints, ranks: Ints, size: int, instant: int, rank: int) -> None:
    """Put a place where the first one is, which goes."""
    hole = 0
    while True:
        child = _CHILDREN * hole + 1
        if child >= size:
            break
        best, least = child, instants[child]
        # Without branches: which of the children comes first is anybody's guess.
        for other in range(child + 1, min(child + _CHILDREN, size)):
            found = instants[other]
            sooner = (found < least) | ((found == least) & (ranks[other] < ranks[best]))
            best = other if sooner else best
            least = found if sooner else least
        if instant < least or (instant == least and rank < ranks[best]):
            break
        instants[hole], ranks[hole] = least, ranks[best]
        hole = best
    instants[hole], ranks[hole] = instant, rank


@compiled
def pop(instants: Ints, ranks: Ints, size: int) -> int:
    """Take the first place away; return how many are left."""
    size -= 1
    if size > 0:
        replace(instants, ranks, size, instants[size], ranks[size])
    return size
