"""Taking turns: the lock, the bound T, the log, and copies of x that were asked for. Compiled."""

from __future__ import annotations

from asysim.backends.atomics import fetch_add, load, relaxed_add, relaxed_load, store
from asysim.backends.clock import NAP, give_way, nap, now
from asysim.backends.memory import (
    COUNTER,
    FACTS,
    FIXED,
    GATHERED,
    KEY,
    LINE,
    LOCK,
    NONE,
    PARTLY,
    START,
    STOP,
    TICKET,
    TURN,
    UPDATE,
    Limits,
    Memory,
)
from asysim.ground.arrays import Ints, Vector
from asysim.jit.compiler import compiled

_CROWD = 64  # workers of whom those who wait may look often


@compiled
def stopped(m: Memory) -> bool:
    """Whether everybody is to stop."""
    answer: bool = load(m.control, STOP) != 0
    return answer


@compiled
def stop(m: Memory) -> None:
    """Ask everybody to stop."""
    store(m.control, STOP, 1)


@compiled
def clock(m: Memory) -> int:
    """Return the nanoseconds since the start."""
    instant: int = now() - m.control[START]
    return instant


@compiled
def acquire(m: Memory, worker: int) -> bool:
    """Take the lock, first come, first served; return False, without it, if all are to stop."""
    number, turns = fetch_add(m.control, TICKET, 1), 0
    turn, pause, crowded = load(m.control, TURN), NAP, m.heads.shape[0] > LINE * _CROWD
    while True:
        before, turn = turn, load(m.control, TURN)
        ahead = number - turn
        if ahead == 0:
            break
        if stopped(m):
            return False
        relaxed_add(m.beats, LINE * worker, 1)
        # Who is next looks out for it; the others leave the cores to those who compute.
        turns += 1
        if ahead == 1 or turns < 192 or not crowded:
            give_way(min(turns, 255) if ahead == 1 else 64 + turns)
            continue
        # In a crowd, for half of the time until it is this one's turn, as turns went by in the
        # last nap: a thousand that look all the time leave nobody a core.
        pause = pause * ahead // (2 * (turn - before)) if turn > before else 2 * pause
        pause = max(NAP, min(pause, NAP * ahead))
        nap(pause)
    store(m.control, LOCK, worker + 1)
    return True


@compiled
def release(m: Memory) -> None:
    """Give the lock to whoever is next."""
    store(m.control, LOCK, 0)
    store(m.control, TURN, m.control[TURN] + 1)


@compiled
def take_turn(m: Memory, worker: int, turns: int) -> bool:
    """Take the lock, after so many turns with it that were in vain; False if all are to stop.

    After one that was, others are let go on first, and a sign of life is shown.
    """
    if turns > 0:
        fetch_add(m.beats, LINE * worker, 1)
        give_way(256 + turns)
        if stopped(m):
            return False
    return acquire(m, worker)


@compiled
def in_time(m: Memory, limits: Limits, extra: int, without: int, done: int) -> bool:
    """Whether all gradients under way can still be applied within T: the oldest first.

    `extra` is one more version (−1: none), `without` a worker that is not counted, and `done`
    how many gradients will have been put into the next update, or into later ones. The rule is
    that of `asysim.coordination.bound`.
    """
    update, p = load(m.control, COUNTER), limits.workers
    slack = limits.bound - update
    for one in range(p + 1):
        version = extra if one == p else m.held[LINE * one]
        if one == without or version < 0 or version >= NONE:
            continue
        before = 0  # gradients that are to go no later than this one, itself left out
        for other in range(p + 1):
            rival = extra if other == p else m.held[LINE * other]
            if other != without and other != one and 0 <= rival <= version:
                before += 1
        if version + slack < (m.control[GATHERED] + done + before) // limits.per_update:
            return False
    return True


@compiled
def copy(x: Vector, out: Vector) -> None:
    """Copy the first numbers of x while others write it: none is torn."""
    for i in range(out.shape[0]):
        out[i] = relaxed_load(x, i)


@compiled
def take_snapshot(m: Memory, x: Vector, update: int, place: int) -> int:
    """Copy x if x_k is wanted, k being `update`; return the place in `wanted` to look at next."""
    while place < m.wanted.shape[0] and m.wanted[place] < update:
        place += 1
    if place < m.wanted.shape[0] and m.wanted[place] == update:
        slot = place % m.marks.shape[0]
        turns = 0
        while load(m.marks, slot) != 0:
            if stopped(m):
                return place
            turns += 1
            give_way(turns)
        copy(x, m.snapshots[slot])
        store(m.marks, slot, place + 1)
    return place


@compiled
def make_room(m: Memory, worker: int) -> bool:
    """Wait until a worker's log has room for a row; return False if all are to stop first.

    Only this worker takes the room, so it is there for as long as no row is logged.
    """
    rows, turns = m.log.shape[1], 0
    while m.heads[LINE * worker] - load(m.tails, LINE * worker) >= rows:
        if stopped(m):
            return False
        relaxed_add(m.beats, LINE * worker, 1)
        turns += 1
        give_way(turns)
    return True


@compiled
def draft_row(m: Memory, worker: int, facts: Ints, instants: Ints, partly: Ints) -> None:
    """Write a row behind the last one of a worker's log, which has room, and do not show it yet.

    Should the worker be killed before it shows it, whoever clears up can. Without a lock it has no
    number yet: `number_row` adds that.
    """
    row = m.log[worker, m.heads[LINE * worker] % m.log.shape[1]]
    for i in range(FACTS):
        row[i] = facts[i]
    for i in range(5):
        row[FACTS + i] = instants[i]
    for i in range(facts[PARTLY]):
        row[FIXED + i] = partly[i]


@compiled
def show_row(m: Memory, worker: int) -> None:
    """Append the row that was drafted to a worker's log."""
    store(m.heads, LINE * worker, m.heads[LINE * worker] + 1)


@compiled
def number_row(m: Memory, worker: int, facts: Ints) -> None:
    """Add to the row that was drafted the number of its update, which has just been taken."""
    row = m.log[worker, m.heads[LINE * worker] % m.log.shape[1]]
    row[UPDATE], row[KEY] = facts[UPDATE], facts[KEY]


@compiled
def complete_row(m: Memory, worker: int, instants: Ints) -> None:
    """Add to the row that was drafted the instants of its write, which is over, and show it."""
    row = m.log[worker, m.heads[LINE * worker] % m.log.shape[1]]
    row[FACTS + 3], row[FACTS + 4] = instants[3], instants[4]
    show_row(m, worker)
