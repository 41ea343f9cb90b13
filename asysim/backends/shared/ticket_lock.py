"""Taking turns: the start, the end, the lock, and the bound T. Compiled.

The lock is a ticket lock (Mellor-Crummey & Scott 1991): first come, first served. A plain one,
which whoever just had it gets again, leaves nearly all of the work to one worker.
"""

from __future__ import annotations

from asysim.backends.shared import hardware as hw
from asysim.backends.shared import memory as w
from asysim.backends.shared.memory import Limits, Memory
from asysim.jit.compiler import compiled

_CROWD = 64  # workers of whom those who wait may look often


@compiled
def stopped(m: Memory) -> bool:
    """Whether everybody is to stop."""
    answer: bool = hw.load(m.control, w.STOP) != 0
    return answer


@compiled
def stop(m: Memory) -> None:
    """Ask everybody to stop."""
    hw.store(m.control, w.STOP, 1)


@compiled
def clock(m: Memory) -> int:
    """Return the nanoseconds since the start."""
    instant: int = hw.now() - m.control[w.START]
    return instant


@compiled
def line_up(m: Memory) -> bool:
    """Say that a worker is ready, and wait for the start; return False if all are to stop."""
    hw.fetch_add(m.control, w.READY, 1)
    turns, p = 0, m.heads.shape[0] // w.LINE
    while hw.load(m.control, w.START) == 0:
        if stopped(m):
            return False
        turns += 1
        if turns < 256:
            hw.give_way(turns)
        else:
            # A crowd leaves the cores to those who are still coming.
            hw.nap(hw.NAP * max(1, p // 8))
    return True


@compiled
def acquire(m: Memory, worker: int) -> bool:
    """Take the lock, first come, first served; return False, without it, if all are to stop."""
    number, turns = hw.fetch_add(m.control, w.TICKET, 1), 0
    turn, pause, crowded = hw.load(m.control, w.TURN), hw.NAP, m.heads.shape[0] > w.LINE * _CROWD
    while True:
        before, turn = turn, hw.load(m.control, w.TURN)
        ahead = number - turn
        if ahead == 0:
            break
        if stopped(m):
            return False
        hw.relaxed_add(m.beats, w.LINE * worker, 1)
        # Who is next looks out for it; the others leave the cores to those who compute.
        turns += 1
        if ahead == 1 or turns < 192 or not crowded:
            hw.give_way(min(turns, 255) if ahead == 1 else 64 + turns)
            continue
        # In a crowd, for half of the time until it is this one's turn, as turns went by in the
        # last nap: a thousand that look all the time leave nobody a core.
        pause = pause * ahead // (2 * (turn - before)) if turn > before else 2 * pause
        pause = max(hw.NAP, min(pause, hw.NAP * ahead))
        hw.nap(pause)
    hw.store(m.control, w.LOCK, worker + 1)
    return True


@compiled
def release(m: Memory) -> None:
    """Give the lock to whoever is next."""
    hw.store(m.control, w.LOCK, 0)
    hw.store(m.control, w.TURN, m.control[w.TURN] + 1)


@compiled
def take_turn(m: Memory, worker: int, turns: int) -> bool:
    """Take the lock, after so many turns with it that were in vain; False if all are to stop.

    After one that was, others are let go on first, and a sign of life is shown.
    """
    if turns > 0:
        hw.fetch_add(m.beats, w.LINE * worker, 1)
        hw.give_way(256 + turns)
        if stopped(m):
            return False
    return acquire(m, worker)


@compiled
def in_time(m: Memory, limits: Limits, extra: int, without: int, done: int) -> bool:
    """Whether all gradients under way can still be applied within T: the oldest first.

    `extra` is one more version (−1: none), `without` a worker that is not counted, and `done`
    how many gradients will have been put into the next update, or into later ones. The rule is
    that of `asysim.coordination.bound`, without its list in order: to make one for each question
    takes a third of a small update.
    """
    update, p = hw.load(m.control, w.COUNTER), limits.workers
    slack = limits.bound - update
    for one in range(p + 1):
        version = extra if one == p else m.held[w.LINE * one]
        if one == without or version < 0 or version >= w.NONE:
            continue
        before = 0  # gradients that are to go no later than this one, itself left out
        for other in range(p + 1):
            rival = extra if other == p else m.held[w.LINE * other]
            if other != without and other != one and 0 <= rival <= version:
                before += 1
        if version + slack < (m.control[w.GATHERED] + done + before) // limits.per_update:
            return False
    return True
