"""Names of the places in a compiled cluster's memory: see `asysim.schedule.compiled.memory`.

They are NumPy's numbers: of Python's, numba would compile what is called with them for each one.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def numbers(count: int) -> list[Any]:
    """Return 0, 1, … as numbers of NumPy's, which mypy need not tell from Python's."""
    return list(np.arange(count, dtype=np.int64))


NOBODY: Any = np.int64(0)
NOTHING: Any = NOBODY
NEVER: Any = np.int64(-1)
PAST_THE_CLOCK: Any = np.int64(2**63 - 1)  # when what 64 bits do not hold is said to happen

# Single numbers: the state of the run ...
(_NONE, ROWS, UPDATE, NOW, SERIAL, EVENTS, MOVING, EPOCH, GATHERED, FIRST_GATHERED, LAST_GATHERED,
 MEMBERS, TO_COME, DROPPED, ORDER, SPARE, SPARES, TO_STAGE, TO_PULL, TO_COMPUTE, SERVER_TURN,
 STATION_TURN, LEAVING_PART, LACKING, PAUSES_ENDLESS, MISTAKE,
 # ... what stays as it is ...
 BITS, SHARDS, EASY_PULL, READS_TAKE_TIME, UNRELIABLE,
 TIMEOUT, RETRIES, SEND_TICKS, RECEIVE_TICKS, INTERFACES, FAIR, HALF, PAUSED, MOST_WORK,
 UPTIMES, DOWNTIMES, READS_LATER, RANDOM_SIZES,
 # ... where the machine code is of the rule's hooks: see `asysim.coordination.machine.hooks` ...
 ON_ASK, ON_ARRIVE, ON_DROPPED, ON_RENEWED, ON_LEAVE, ON_WITHDRAW,
 # ... and where the rest is, and how much of it.
 WORKER_COUNT, WORKER_SIZE, STATIONS, PAUSES, PAUSE_COUNT, STAGE, PULL_NEXT, COMPUTE_NEXT, MARKS,
 ROOM, FLIGHTS, FLIGHT_COUNT, FLIGHT_SIZE, HEAP, HEAP_ROOM, TABLE, TABLE_ROOM, SIZES,
 SIZE_DRAWS, OWN) = numbers(70)  # fmt: skip
_OWN_ROOM = 16
ENDS = OWN + _OWN_ROOM
WORKERS = ENDS + 6
"""The first worker's record; before it, from ENDS on, the first and last worker of each list."""

IN_FLIGHT, WAITING, PARKED = numbers(3)
"""Lists of workers: with a gradient, the oldest first; those that wait to read; to be applied."""

GRADIENT, AGAIN_PULL, AGAIN_PUSH, AGAIN_LOST, UPTIME, DOWNTIME, STREAMS = numbers(7)
"""Streams of draws."""

# Of a worker
(PLACE, FLIGHT, MEMBER, LEAVES, LIFE, DOWN, DOWN_ORDER, BACK, LEFT, LEFT_ORDER, TRIED, POWERED,
 FIRST_SEGMENT, LAST_SEGMENT, NO_MORE, FINISHED_WORK, OWN_OF_WORKER) = numbers(17)  # fmt: skip
_WORKERS_ROOM = 4
LINKS = OWN_OF_WORKER + _WORKERS_ROOM
USED = LINKS + 9  # draws of each stream that have been staged
DRAWN = USED + STREAMS  # draws of it that there are
STAGED = DRAWN + STREAMS  # the next one
PART_DRAWS = STAGED + STREAMS  # of a gradient, for each part: latency, whether it is lost, work
UNKNOWN_AT_FIRST = [DOWN, LEFT]

# Of a flight
(WORKER, DRAW, VERSION, READ, READY, DONE, ARRIVED, WANTED, IS_SERVED, LIMIT, MISSING, UNSERVED,
 HOLDERS, COMPUTE, NEXT_FLIGHT, PARTS) = numbers(16)  # fmt: skip

# Of a part; those to the worker come first
(OF, OUTWARD, SERVER, INTERFACE, ATTEMPTS, REACHED, NEXT, LATENCY, LOST, WORK, NEED, FRACTION,
 PART_SIZE) = numbers(13)  # fmt: skip

OUTBOUND, INBOUND, SEND, RECEIVE, SIZE_COUNT = numbers(5)
"""What random sizes make of a flight's messages: at its place m[SIZES], if sizes are random."""

# Of a station: the servers, then what they send through, then what they receive through
(SHARD, END_KIND, FIRST, LAST, FIRST_URGENT, LAST_URGENT, SERVING, GIVEN, GIVEN_FRACTION, SINCE,
 PRESENT, FIRST_DONE, LAST_DONE, ALARM, CLEARED, STATION_SIZE) = numbers(16)  # fmt: skip

EVENT_SIZE: Any = np.int64(3)
ROW_SIZE: Any = np.int64(9)

AFAR: Any = np.bool_(False)  # x is not in hand

READ_TWICE, NOT_THERE = 1, 2
"""What a rule may have done by mistake, at m[MISTAKE]."""


def own(count: int) -> list[Any]:
    """Return places for single numbers of a coordination rule: one rule is played at a time."""
    return _among(OWN, count, _OWN_ROOM)


def own_of_worker(count: int) -> list[Any]:
    """Return fields of a worker for a coordination rule."""
    return _among(OWN_OF_WORKER, count, _WORKERS_ROOM)


def _among(first: Any, count: int, room: int) -> list[Any]:
    if count > room:
        raise ValueError(f"a coordination rule has {room} such places of its own, not {count}")
    return [first + place for place in numbers(count)]
