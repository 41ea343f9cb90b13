"""The logs that workers write their rows to: a ring for each, in shared memory. Compiled."""

from __future__ import annotations

from asysim.backends.shared import memory as w
from asysim.backends.shared import ticket_lock as lock
from asysim.backends.shared.hardware import give_way, load, relaxed_add, store
from asysim.backends.shared.memory import Memory
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled


@compiled
def make_room(m: Memory, worker: int) -> bool:
    """Wait until a worker's log has room for a row; return False if all are to stop first.

    Only this worker takes the room, so it is there for as long as no row is logged.
    """
    rows, turns = m.log.shape[1], 0
    while m.heads[w.LINE * worker] - load(m.tails, w.LINE * worker) >= rows:
        if lock.stopped(m):
            return False
        relaxed_add(m.beats, w.LINE * worker, 1)
        turns += 1
        give_way(turns)
    return True


@compiled
def draft_row(m: Memory, worker: int, facts: Ints, instants: Ints, partly: Ints) -> None:
    """Write a row behind the last one of a worker's log, which has room, and do not show it yet.

    Should the worker be killed before it shows it, whoever clears up can. Without a lock it has no
    number yet: `number_row` adds that.
    """
    row = m.log[worker, m.heads[w.LINE * worker] % m.log.shape[1]]
    for i in range(w.FACTS):
        row[i] = facts[i]
    for i in range(5):
        row[w.FACTS + i] = instants[i]
    for i in range(facts[w.PARTLY]):
        row[w.FIXED + i] = partly[i]


@compiled
def show_row(m: Memory, worker: int) -> None:
    """Append the row that was drafted to a worker's log."""
    store(m.heads, w.LINE * worker, m.heads[w.LINE * worker] + 1)


@compiled
def number_row(m: Memory, worker: int, facts: Ints) -> None:
    """Add to the row that was drafted the number of its update, which has just been taken."""
    row = m.log[worker, m.heads[w.LINE * worker] % m.log.shape[1]]
    row[w.UPDATE], row[w.KEY] = facts[w.UPDATE], facts[w.KEY]


@compiled
def complete_row(m: Memory, worker: int, instants: Ints) -> None:
    """Add to the row that was drafted the instants of its write, which is over, and show it."""
    row = m.log[worker, m.heads[w.LINE * worker] % m.log.shape[1]]
    row[w.FACTS + 3], row[w.FACTS + 4] = instants[3], instants[4]
    show_row(m, worker)
