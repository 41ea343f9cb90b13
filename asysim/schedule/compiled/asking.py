"""How workers ask to read x, are let or wait, and are freed or leave. Compiled."""

from __future__ import annotations

from typing import Any

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.desk import grant
from asysim.schedule.compiled.lists import first_of, link, unlink, worker_at
from asysim.schedule.compiled.names import (
    AFAR,
    AT_SLOWEST,
    BARRIER,
    BOUNDED,
    CLOCK,
    CLOCKS,
    CONTRIBUTED,
    CONTRIBUTORS,
    DOWN,
    EPOCH,
    FINISHED,
    FLIGHT,
    HOLDS,
    LEAVES,
    LEFT,
    LEFT_ORDER,
    MARKS,
    MEMBER,
    MEMBERS,
    MINDFLAYER,
    NEVER,
    NOBODY,
    NOW,
    ORDER,
    PLACE,
    ROUND,
    RULE,
    SLACK,
    SLOWEST,
    SSP,
    TRIAL_TICKS,
    TRIALS,
    TRIALS_MADE,
    TRIED,
    UPDATE,
    VERSIONS,
    WAITING,
    WORKER_COUNT,
)


@compiled
def request(m: Ints, worker: int) -> None:
    """Let a worker ask to read x, if it is there and has no gradient."""
    if m[worker + MEMBER] and m[worker + FLIGHT] == NOBODY:
        m[worker + TRIED] = m[EPOCH]
        _ask(m, worker)


@compiled
def _ask(m: Ints, worker: int) -> None:
    rule = m[RULE]
    limit, in_hand, waits = NEVER, AFAR, False
    if rule == SSP:
        if m[worker + CLOCK] < 0:
            m[worker + CLOCK] = m[SLOWEST]
            m[AT_SLOWEST] += 1
            m[CLOCKS] += 1
        waits = m[worker + CLOCK] - m[SLOWEST] > m[SLACK]
    elif rule == BARRIER:
        waits = m[worker + CONTRIBUTED] == m[ROUND]
    elif rule == BOUNDED:
        waits = True
    elif rule == MINDFLAYER:
        waits = m[worker + TRIALS_MADE] == m[worker + TRIALS]
        if not waits:
            limit = m[worker + TRIAL_TICKS]
            in_hand = m[worker + HOLDS] == m[UPDATE]
            m[worker + HOLDS] = m[UPDATE]
    if waits:
        link(m, WAITING, worker)
    else:
        grant(m, worker, limit, in_hand)


@compiled
def free(m: Ints, worker: int) -> bool:
    """Let a worker whose gradient is disposed of ask again, or leave; return if it left."""
    if m[worker + LEAVES]:
        retire(m, worker)
        return True
    if m[worker + DOWN] < 0:
        request(m, worker)
    return False


@compiled
def retire(m: Ints, worker: int) -> None:
    """Let a worker be gone for good; what follows from it is left to the caller."""
    m[worker + LEAVES] = m[worker + MEMBER] = 0
    m[worker + LEFT], m[worker + LEFT_ORDER] = m[NOW], m[ORDER]
    m[ORDER] += 1
    m[MEMBERS] -= 1
    if m[worker + CLOCK] >= 0:
        if m[worker + CLOCK] == m[SLOWEST]:
            m[AT_SLOWEST] -= 1
        m[worker + CLOCK] = NEVER
        m[CLOCKS] -= 1
    if m[worker + CONTRIBUTED] == m[ROUND]:
        m[CONTRIBUTORS] -= 1
    if m[RULE] == MINDFLAYER:
        if m[worker + TRIALS_MADE] == m[worker + TRIALS]:
            m[FINISHED] -= 1
        m[worker + TRIALS_MADE] = 0


@compiled
def free_marked(m: Ints, also: int) -> None:
    """Free in order those that are marked, those that wait, and one more.

    Whoever leaves here ends no round: nobody has contributed to the new one.
    """
    marks = m[MARKS]
    if also != NOBODY:
        m[marks + m[also + PLACE]] = 1
    while first_of(m, WAITING) != NOBODY:
        worker = first_of(m, WAITING)
        m[marks + m[worker + PLACE]] = 1
        unlink(m, WAITING, worker)
    for place in range(m[WORKER_COUNT]):
        if m[marks + place]:
            m[marks + place] = 0
            free(m, worker_at(m, place))


@compiled
def versions_under_way(m: Ints) -> Any:
    """Return what gradients under way were read at, in order: see `deadlines`."""
    return m[m[VERSIONS] : m[VERSIONS] + m[WORKER_COUNT] + 1]
