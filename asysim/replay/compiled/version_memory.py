"""Where versions of x and changes lie: rows of one array, settled for a block in advance.

What is used is known before anything is computed, so all that runs later is told the rows by
number: nothing is looked up while gradients are computed.

Within a block, the numbered vectors that it may use have places: first those that blocks before
left behind, in order, then those that its own updates make.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Ints, Vector
from asysim.jit.compiler import compiled
from asysim.problems.compiled.generics import Matrix

TOTAL, ADDEND, VELOCITY, MEMORY, FIRST = range(5)
"""The sum of an update's gradients (lock-free: x̂), one more gradient, v of heavy ball, what a
correction remembers; and the first row for versions of x and changes."""

_LINE = 8  # numbers in a cache line


class Pool:
    """Vectors of one length that begin at cache lines.

    Parameters
    ----------
    dimension
        n.

    Attributes
    ----------
    rows
        The vectors; numbers from n on are there only to fill the last line.
    """

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self.rows = _aligned(FIRST + 4, dimension)
        self.rows[:] = 0.0

    def __getitem__(self, row: int) -> Vector:
        vector: Vector = self.rows[row, : self._dimension]
        return vector

    def hold(self, count: int) -> None:
        """Have room for that many rows; those that there are keep what is in them."""
        kept = len(self.rows)
        if count > kept:
            rows = _aligned(max(count, 2 * kept), self._dimension)
            rows[:kept] = self.rows
            self.rows = rows


def _aligned(count: int, dimension: int) -> Matrix:
    width = -(-dimension // _LINE) * _LINE
    space = np.empty(count * width + _LINE)
    begin = -(space.ctypes.data // space.itemsize) % _LINE
    return space[begin : begin + count * width].reshape(count, width)


FOREVER = 2**62
"""Later than any row of a block: a later block uses it."""
NEVER, _SPENT = -1, -2

FREE, IN_ALL, CURRENT, LOST = range(4)
"""Of a book: how many rows are free, how many there are, the one that x lies in, and how many
gradients were lost since the last one that was applied."""


class Kept(NamedTuple):
    """Numbered vectors that blocks before left behind: their numbers, in order, and their rows."""

    names: Ints
    slots: Ints


def nothing_kept() -> Kept:
    """Return what is kept before the first block."""
    return Kept(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


@compiled
def place_of(names: Ints, start: int, name: int) -> int:
    """Return the place of a vector, −1 if there is none such.

    Parameters
    ----------
    names
        What blocks before left behind.
    start
        The first update of this block.
    name
        The vector's number.
    """
    if name >= start:
        return names.size + name - start
    low, high = 0, names.size
    while low < high:
        middle = (low + high) // 2
        if names[middle] < name:
            low = middle + 1
        else:
            high = middle
    return low if low < names.size and names[low] == name else -1


@compiled
def later_uses(names: Ints, start: int, end: int, held: Ints, floor: int) -> Ints:
    """Return, for each place, `FOREVER` if a later block may use what is there, or `NEVER`.

    Parameters
    ----------
    names, start
        As for `place_of`.
    end
        The update after the last one of this block.
    held, floor
        Later blocks may use these, and all from `floor` on.
    """
    uses = np.empty(names.size + end - start, np.int64)
    for place in range(uses.size):
        uses[place] = NEVER
    for name in held:
        place = place_of(names, start, name)
        if 0 <= place < uses.size:
            uses[place] = FOREVER
    for place in range(names.size):
        if names[place] >= floor:
            uses[place] = FOREVER
    for name in range(max(start, floor), end):
        uses[names.size + name - start] = FOREVER
    return uses


@compiled
def places_for(slots: Ints, uses: Ints, free: Ints, book: Ints) -> Ints:
    """Return the row of the pool for each place; give back those that nobody uses."""
    rows = np.empty(uses.size, np.int64)
    for place in range(slots.size):
        rows[place] = slots[place]
        if uses[place] == NEVER:
            give_back(free, book, slots[place])
    return rows


@compiled
def take(free: Ints, book: Ints) -> int:
    """Return a row with anything in it, the last one given back if there is one."""
    if book[FREE] == 0:
        slot: int = book[IN_ALL]
        book[IN_ALL] += 1
    else:
        book[FREE] -= 1
        slot = free[book[FREE]]
    return slot


@compiled
def give_back(free: Ints, book: Ints, slot: int) -> None:
    """Note that nobody uses a row any more."""
    free[book[FREE]] = slot
    book[FREE] += 1


@compiled
def spend(rows: Ints, uses: Ints, free: Ints, book: Ints, place: int, user: int) -> int:
    """Return the row of the pool that is used, and give it back if nobody will use it again."""
    slot: int = rows[place]
    if uses[place] == user:
        uses[place] = _SPENT  # it may be used twice at once
        give_back(free, book, slot)
    return slot


@compiled
def leave(names: Ints, start: int, rows: Ints, uses: Ints) -> Kept:
    """Return what later blocks use."""
    count = 0
    for last_use in uses:
        if last_use == FOREVER:
            count += 1
    left, slots = np.empty(count, np.int64), np.empty(count, np.int64)
    i = 0
    for place in range(uses.size):
        if uses[place] == FOREVER:
            own = place - names.size
            left[i] = names[place] if own < 0 else start + own
            slots[i] = rows[place]
            i += 1
    return Kept(left, slots)
