"""Taking turns: the start, the end, the lock, and the bound T. Compiled.

The lock is a ticket lock (Mellor-Crummey & Scott 1991): first come, first served. A plain one,
which whoever just had it gets again, leaves nearly all of the work to one worker.
"""

from __future__ import annotations

import numpy as np

from asysim.backends.shared import hardware as hw
from asysim.backends.shared import memory as w
from asysim.backends.shared.memory import Limits, Memory
from asysim.coordination import bound as deadlines
from asysim.ground.arrays import Ints
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
def admits_read(m: Memory, limits: Limits, version: int) -> bool:
    """Whether, with one more gradient under way, read at `version`, all can be applied within T."""
    versions = np.empty(limits.workers, np.int64)
    count = _under_way(m, versions)
    update, gathered = hw.load(m.control, w.COUNTER), m.control[w.GATHERED]
    return deadlines.admits_read(
        versions, count, version, update, gathered, limits.bound, limits.per_update
    )


@compiled
def admits_update(m: Memory, worker: int, limits: Limits) -> bool:
    """Whether, with a worker's gradient in the next update, all others can be applied within T."""
    versions = np.empty(limits.workers, np.int64)
    count, own = _under_way(m, versions), m.held[w.LINE * worker]
    update, gathered = hw.load(m.control, w.COUNTER), m.control[w.GATHERED]
    return deadlines.admits_update(
        versions, count, own, update, gathered, limits.bound, limits.per_update
    )


@compiled
def _under_way(m: Memory, versions: Ints) -> int:
    """Put the versions of all gradients under way in order; return how many there are."""
    count = 0
    for worker in range(versions.shape[0]):
        version = m.held[w.LINE * worker]
        if version < w.NONE:
            count = deadlines.add(versions, count, version)
    return count
