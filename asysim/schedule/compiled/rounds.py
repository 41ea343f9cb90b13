"""What single coordination rules do when something has changed. Compiled."""

from __future__ import annotations

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled import deadlines
from asysim.schedule.compiled.asking import free, free_marked, versions_under_way
from asysim.schedule.compiled.desk import apply, drop, grant, make_update
from asysim.schedule.compiled.lists import after, first_of, unlink, worker_at
from asysim.schedule.compiled.names import (
    AFAR,
    AT_SLOWEST,
    BOUND,
    CLOCK,
    CLOCKS,
    CONTRIBUTIONS,
    CONTRIBUTORS,
    EVERYBODY,
    FINISHED,
    FLIGHT,
    GATHERED,
    IN_FLIGHT,
    IS_SERVED,
    MARKS,
    MEMBER,
    MEMBERS,
    NEVER,
    NOBODY,
    PARKED,
    PER_UPDATE,
    PLACE,
    READ,
    ROUND,
    SLACK,
    SLOWEST,
    STOPS,
    TRIALS,
    TRIALS_MADE,
    TURN,
    UNDER_WAY,
    UPDATE,
    VERSION,
    WAITING,
    WORKER_COUNT,
)


@compiled
def stop_old(m: Ints) -> None:
    """Stop all gradients that have become too old, then let their workers read anew."""
    begin, end = m[MARKS], m[MARKS]
    worker = first_of(m, IN_FLIGHT)
    while worker != NOBODY and m[m[worker + FLIGHT] + VERSION] < m[UPDATE] - m[BOUND]:
        if m[m[worker + FLIGHT] + READ] < 0:
            break
        later = after(m, IN_FLIGHT, worker)
        drop(m, m[worker + FLIGHT])
        m[end] = worker
        end += 1
        worker = later
    for place in range(begin, end):
        free(m, m[place])


@compiled
def settle(m: Ints) -> None:
    """Let workers go on as far as T allows: readers first, each group in order of asking."""
    versions = versions_under_way(m)
    bound, per_update = m[BOUND], m[PER_UPDATE]
    while True:
        while first_of(m, WAITING) != NOBODY and deadlines.admits_read(
            versions, m[UNDER_WAY], m[UPDATE], m[UPDATE], m[GATHERED], bound, per_update
        ):
            worker = first_of(m, WAITING)
            unlink(m, WAITING, worker)
            m[UNDER_WAY] = deadlines.add(versions, m[UNDER_WAY], m[UPDATE])
            grant(m, worker, NEVER, AFAR)
        worker = first_of(m, PARKED)
        while worker != NOBODY and not deadlines.admits_update(
            versions, m[UNDER_WAY], m[m[worker + FLIGHT] + VERSION], m[UPDATE],
            m[GATHERED], bound, per_update,
        ):  # fmt: skip
            worker = after(m, PARKED, worker)
        if worker == NOBODY:
            return
        flight = m[worker + FLIGHT]
        unlink(m, PARKED, worker)
        m[UNDER_WAY] = deadlines.remove(versions, m[UNDER_WAY], m[flight + VERSION])
        apply(m, flight)
        free(m, worker)


@compiled
def take_turns(m: Ints) -> None:
    """Apply gradients in the order of their workers, as far as they are there."""
    workers = m[WORKER_COUNT]
    while m[MEMBERS] > 0:
        while m[TURN] >= workers or not m[worker_at(m, m[TURN]) + MEMBER]:
            m[TURN] = m[TURN] + 1 if m[TURN] < workers else 0
        worker = worker_at(m, m[TURN])
        flight = m[worker + FLIGHT]
        if flight == NOBODY or not m[flight + IS_SERVED]:
            return
        apply(m, flight)
        m[TURN] += 1
        free(m, worker)


@compiled
def catch_up(m: Ints) -> None:
    """Find the slowest clock anew, and let those read whom it allows to."""
    if m[AT_SLOWEST] > 0 or m[CLOCKS] == 0:
        return
    for place in range(m[WORKER_COUNT]):
        worker = worker_at(m, place)
        clock = m[worker + CLOCK]
        if clock >= 0 and (m[AT_SLOWEST] == 0 or clock < m[SLOWEST]):
            m[SLOWEST], m[AT_SLOWEST] = clock, 1
        elif clock == m[SLOWEST]:
            m[AT_SLOWEST] += 1
    worker = first_of(m, WAITING)
    while worker != NOBODY:
        later = after(m, WAITING, worker)
        if m[worker + CLOCK] - m[SLOWEST] <= m[SLACK]:
            unlink(m, WAITING, worker)
            grant(m, worker, NEVER, AFAR)
        worker = later


@compiled
def end_barrier(m: Ints, also: int) -> bool:
    """Make the update if enough have contributed, and begin the next round."""
    enough = m[GATHERED] >= m[PER_UPDATE]
    if m[PER_UPDATE] == EVERYBODY:
        enough = m[CONTRIBUTIONS] > 0 and m[CONTRIBUTORS] == m[MEMBERS]
    if not enough:
        return False
    make_update(m)
    m[ROUND] += 1
    m[CONTRIBUTIONS] = m[CONTRIBUTORS] = 0
    if m[STOPS]:
        worker = first_of(m, IN_FLIGHT)
        while worker != NOBODY:
            later = after(m, IN_FLIGHT, worker)
            if m[m[worker + FLIGHT] + READ] >= 0:  # others will be sent the new x
                drop(m, m[worker + FLIGHT])
                m[m[MARKS] + m[worker + PLACE]] = 1
            worker = later
    free_marked(m, also)
    return True


@compiled
def count_trial(m: Ints, worker: int) -> None:
    """Count one more trial of a worker."""
    m[worker + TRIALS_MADE] += 1
    if m[worker + TRIALS_MADE] == m[worker + TRIALS]:
        m[FINISHED] += 1


@compiled
def end_trials(m: Ints, also: int) -> bool:
    """Make the update if all trials are over, and begin the next round."""
    if m[MEMBERS] == 0 or m[FINISHED] < m[MEMBERS]:
        return False
    if m[GATHERED] > 0:
        make_update(m)
    for place in range(m[WORKER_COUNT]):
        m[worker_at(m, place) + TRIALS_MADE] = 0
    m[FINISHED] = 0
    free_marked(m, also)
    return True
