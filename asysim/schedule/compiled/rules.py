"""The twin of `asysim.coordination`: who reads when, and what goes into which update.

A rule is a number here, and what tells rules apart are branches. In Python a rule that frees a
worker may be called again from there: the worker leaves, and that ends a round. Here `_free` only
says that somebody left, and whoever called it goes on as the rule would have. Compiled.
"""

from __future__ import annotations

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled import deadlines
from asysim.schedule.compiled.asking import free, request, retire, versions_under_way
from asysim.schedule.compiled.desk import apply, drop, fold
from asysim.schedule.compiled.lists import link, unlink
from asysim.schedule.compiled.names import (
    ARRIVED,
    ASYNCHRONOUS,
    AT_SLOWEST,
    BARRIER,
    BOUND,
    BOUNDED,
    CLOCK,
    CONTRIBUTED,
    CONTRIBUTIONS,
    CONTRIBUTORS,
    DROPPING,
    FLIGHT,
    HOLDS,
    IS_SERVED,
    LEAVES,
    MINDFLAYER,
    MOVING,
    NEVER,
    NOBODY,
    NOW,
    PARKED,
    RENNALA,
    ROUND,
    ROUND_ROBIN,
    RULE,
    SLOWEST,
    SSP,
    STOPS,
    TRIED,
    UNDER_WAY,
    UPDATE,
    VERSION,
    WAITING,
    WANTED,
    WORKER,
)
from asysim.schedule.compiled.rounds import (
    catch_up,
    count_trial,
    end_barrier,
    end_trials,
    settle,
    stop_old,
    take_turns,
)


@compiled
def request_and_settle(m: Ints, worker: int) -> None:
    """Do the same where it is not part of something else that the rule does."""
    request(m, worker)
    if m[RULE] == BOUNDED:
        settle(m)


@compiled
def arrive(m: Ints, flight: int) -> None:
    """Take a gradient that is at the server and served."""
    rule, worker = m[RULE], m[flight + WORKER]
    late = m[UPDATE] - m[flight + VERSION]
    m[flight + IS_SERVED] = 1
    m[MOVING] -= 1
    m[worker + TRIED] = 0
    if rule == ASYNCHRONOUS:
        apply(m, flight)
    elif rule == DROPPING:
        if late > m[BOUND]:
            drop(m, flight)
        elif apply(m, flight) and m[STOPS]:
            stop_old(m)
    elif rule == RENNALA:
        if late > 0:
            drop(m, flight)
        else:
            apply(m, flight)
    elif rule == BOUNDED:
        link(m, PARKED, worker)
        settle(m)
        return
    elif rule == ROUND_ROBIN:
        take_turns(m)
        return
    elif rule == SSP:
        apply(m, flight)
        if m[worker + CLOCK] == m[SLOWEST]:
            m[AT_SLOWEST] -= 1
        m[worker + CLOCK] += 1
        catch_up(m)
    elif rule == BARRIER:
        if late > 0:
            drop(m, flight)
        else:
            fold(m, flight)
            m[worker + CONTRIBUTED] = m[ROUND]
            m[CONTRIBUTIONS] += 1
            m[CONTRIBUTORS] += 1
            if end_barrier(m, worker):
                return
    elif rule == MINDFLAYER:
        fold(m, flight)
        count_trial(m, worker)
        if end_trials(m, worker):
            return
    _free_for_good(m, worker)


@compiled
def renew(m: Ints, flight: int) -> None:
    """Let a flight be of the version of now, at which x is read, and not of the grant's."""
    since = m[flight + VERSION]
    m[flight + VERSION] = m[UPDATE]
    if m[RULE] == BOUNDED and m[flight + VERSION] != since:
        versions = versions_under_way(m)
        m[UNDER_WAY] = deadlines.remove(versions, m[UNDER_WAY], since)
        m[UNDER_WAY] = deadlines.add(versions, m[UNDER_WAY], m[flight + VERSION])
        settle(m)


@compiled
def lose(m: Ints, flight: int) -> None:
    """Give a gradient up: its time is over, or it was sent too often."""
    if m[flight + WANTED]:
        worker = m[flight + WORKER]
        _drop_on_its_way(m, flight)
        _free_for_good(m, worker)


@compiled
def crash(m: Ints, worker: int) -> None:
    """Lose what the servers do not have entirely of a worker's gradient."""
    flight = m[worker + FLIGHT]
    _withdraw(m, worker)
    if flight != NOBODY and (m[flight + ARRIVED] < 0 or m[flight + ARRIVED] > m[NOW]):
        _drop_on_its_way(m, flight)
    if m[worker + LEAVES] and m[worker + FLIGHT] == NOBODY:
        retire(m, worker)
        _after_leave(m)


@compiled
def leave(m: Ints, worker: int) -> None:
    """Let a worker go once it has nothing under way."""
    m[worker + LEAVES] = 1
    if m[worker + FLIGHT] == NOBODY:
        _withdraw(m, worker)
        retire(m, worker)
        _after_leave(m)


@compiled
def _withdraw(m: Ints, worker: int) -> None:
    unlink(m, WAITING, worker)
    m[worker + HOLDS] = NEVER


@compiled
def _drop_on_its_way(m: Ints, flight: int) -> None:
    rule = m[RULE]
    worker, version = m[flight + WORKER], m[flight + VERSION]
    drop(m, flight)
    if rule == BOUNDED:
        m[UNDER_WAY] = deadlines.remove(versions_under_way(m), m[UNDER_WAY], version)
        settle(m)
    elif rule == MINDFLAYER:
        count_trial(m, worker)
        end_trials(m, NOBODY)


@compiled
def _free_for_good(m: Ints, worker: int) -> None:
    """Do so, with all that follows from it."""
    if free(m, worker):
        _after_leave(m)
    elif m[RULE] == BOUNDED:
        settle(m)


@compiled
def _after_leave(m: Ints) -> None:
    rule = m[RULE]
    if rule == SSP:
        catch_up(m)
    elif rule == BARRIER:
        end_barrier(m, NOBODY)
    elif rule == ROUND_ROBIN:
        take_turns(m)
    elif rule == MINDFLAYER:
        end_trials(m, NOBODY)
