"""What the compiled schedule of AsySG-incon keeps from step to step: arrays and their columns."""

from __future__ import annotations

from typing import NamedTuple

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled

DONE, OUT_OF_DRAWS, PAST_THE_CLOCK, NOT_YET, MORE_WRITES, MORE_PIECES, MORE_SEEN = range(7)
"""Why the loop of the events stopped; the last three ask for room."""

(ROWS, UPDATE, LEAST, TAIL, WRITING, PIECES, SEEN, LONGEST, READERS, FIRST_READER, PARKED,
 UNDER_WAY, PLACES, SETTLING, NOW) = range(15)  # fmt: skip
"""Where the loop is.

`UPDATE` is the next one's index, `LEAST` the first whose write is not over, and none before `TAIL`
is of interest to a read in progress. `WRITING` counts writes in progress; `LONGEST` is the most
slices that a gradient has seen. Others say how much of an array is in use, and `SETTLING` whether
those who wait are being let go on.
"""

(DRAW, VERSION, READ, READY, COMPUTED, READ_PACE, COMPUTE, WRITE_PACE, BLOCK, WENT_INTO, STATE,
 LEAST_VERSION, FIRST_PIECE, COUNT) = range(14)  # fmt: skip
"""What is known of a worker's gradient; the last two say where the slices are that it has seen."""

NEITHER, READING, COMPUTING = range(3)
"""States of a gradient: one that is parked counts as being computed."""

BEGIN, PACE, END, LO, HI, OVER = range(6)
"""What is known of a write: see `asysim.schedule.sweeps.Write`; and whether it is over."""

NO_BOUND = -1


class Rules(NamedTuple):
    """What stays as it is.

    Attributes
    ----------
    size
        Rows to a block, at least.
    bound
        T, or `NO_BOUND`.
    waits
        Whether workers wait for T; if not, what is too old is discarded.
    """

    size: int
    dimension: int
    blocks: int
    contention: float
    bound: int
    waits: bool


class Way(NamedTuple):
    """Ticks of each draw's steps, and the block that it writes; tables of `Draws`."""

    read: Ints
    compute: Ints
    write: Ints
    block: Ints


class Crowd(NamedTuple):
    """The workers, and the gradient that each of them has on its way; (p,) each but for `sweep`.

    Attributes
    ----------
    draw
        The next one of each.
    made
        Draws that there are of each.
    sweep
        What is known of each gradient: `DRAW`, …, `COUNT`; (p, 14).
    instants, ranks
        The heap of what happens next to each, ranks being kind × p + worker.
    readers
        A ring of those that wait for leave to read.
    parked
        Those that wait for leave to write, in order.
    versions
        What those under way were read at, or the least that it can be, in order.
    """

    draw: Ints
    made: Ints
    sweep: Ints
    instants: Ints
    ranks: Ints
    readers: Ints
    parked: Ints
    versions: Ints


class Out(NamedTuple):
    """Rows: facts, shape (4, rows); ticks, (5, rows); written spans, (2, rows); slices seen.

    Row i's read saw the slices offsets[i] … offsets[i + 1] − 1: update, first, last; (3, slices).
    """

    facts: Ints
    ticks: Ints
    spans: Ints
    offsets: Ints
    seen: Ints


@compiled
def gather(sweep: Ints, pieces: Ints, room: Ints) -> int:
    """Copy the slices that the gradients on their way have seen, and no others; return how many."""
    top = 0
    for worker in range(sweep.shape[0]):
        first, count = sweep[worker, FIRST_PIECE], sweep[worker, COUNT]
        sweep[worker, FIRST_PIECE] = top
        for i in range(first, first + count):
            for k in range(3):
                room[top, k] = pieces[i, k]
            top += 1
    return top
