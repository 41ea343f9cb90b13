"""From a block of the stream to what compiled code runs: its plan, with the numbers it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Floats, Ints, Vector
from asysim.replay.compiled.plan import (
    OF,
    UPDATE,
    VERSION,
    Held,
    Swept,
    plan_consistent,
    plan_inconsistent,
)
from asysim.replay.compiled.rule import steps_of, weights_of
from asysim.replay.compiled.version_memory import (
    CURRENT,
    FIRST,
    FREE,
    IN_ALL,
    LOST,
    Kept,
    Pool,
    nothing_kept,
)
from asysim.replay.state import Memory, Standing
from asysim.trace.gradient import Sweeps
from asysim.trace.stream import Block
from asysim.updates.base import StepSchedule, Weight

_NO_PIECES = np.zeros((0, 4), dtype=np.int64)
_NO_NUMBERS = np.zeros(0)


class Planned(NamedTuple):
    """What is to be run: a plan, γ and the weight of each row; pieces, and γ of each."""

    plan: Ints
    steps: Floats = _NO_NUMBERS
    weights: Floats = _NO_NUMBERS
    pieces: Ints = _NO_PIECES
    piece_steps: Floats = _NO_NUMBERS


NOTHING = Planned(np.zeros((0, 8), dtype=np.int64))


class Planner:
    """Plans block after block, and sees to it that the pool has room.

    Parameters
    ----------
    pool
        Where vectors lie; x_0 in its row `FIRST`.
    dimension
        n.
    step, weight
        Of the update rule.
    lock_free
        Whether reads and writes are those of AsySG-incon.
    """

    def __init__(
        self,
        pool: Pool,
        dimension: int,
        *,
        step: float | StepSchedule,
        weight: Weight | None,
        lock_free: bool,
    ) -> None:
        self._pool, self._n = pool, dimension
        self._step, self._weight, self._lock_free = step, weight, lock_free
        self._versions = self._changes = nothing_kept()
        self._free = np.zeros(0, dtype=np.int64)
        self._book = np.zeros(4, dtype=np.int64)
        self._book[CURRENT], self._book[IN_ALL] = FIRST, FIRST + 1

    def plan(self, block: Block) -> Planned:
        """Return what is to be run for the next block.

        Raises
        ------
        ValueError
            If no schedule could have made it.
        """
        rows = block.rows
        facts, instants = _shown(rows.facts), _shown(rows.ticks[-1])
        self._make_room(2 * len(rows))
        if self._lock_free:
            return self._without_locks(block, facts, instants)
        plan, self._versions, wrong = plan_consistent(
            facts, instants, _shown(block.held_versions), block.floor, self._versions, self._free,
            self._book,
        )  # fmt: skip
        return self._with_numbers(plan, _NO_PIECES, wrong)

    def standing(self, memory: Callable[[], Memory]) -> Standing:
        """Return what is held between two blocks."""
        versions, changes = (
            {n: self._pool[row] for n, row in zip(k.names.tolist(), k.slots.tolist(), strict=True)}
            for k in (self._versions, self._changes)
        )
        return Standing(int(self._book[LOST]), versions, changes, memory)

    def go_on(self, standing: Standing) -> None:
        """Begin with what another replay held, before the first block."""
        self._book[LOST] = standing.lost
        self._versions = self._put(standing.versions)
        self._changes = self._put(standing.changes)

    def _put(self, vectors: dict[int, Vector]) -> Kept:
        """Put numbered vectors into new rows of the pool."""
        names = sorted(vectors)
        begin = int(self._book[IN_ALL])
        self._book[IN_ALL] += len(names)
        self._pool.hold(int(self._book[IN_ALL]))
        for row, name in enumerate(names, begin):
            self._pool[row][:] = vectors[name]
        slots = np.arange(begin, begin + len(names), dtype=np.int64)
        return Kept(np.array(names, dtype=np.int64), slots)

    def _without_locks(self, block: Block, facts: Ints, instants: Ints) -> Planned:
        held = Held(_shown(block.held_versions), _shown(block.held_updates), block.floor)
        plan, pieces, self._versions, self._changes, wrong = plan_inconsistent(
            facts, instants, _swept(block, self._n), self._n, held, self._versions, self._changes,
            self._free, self._book,
        )  # fmt: skip
        return self._with_numbers(plan, pieces, wrong)

    def _make_room(self, more: int) -> None:
        """Have room to note that so many more rows of the pool are free."""
        room = int(self._book[IN_ALL]) + more
        if room > len(self._free):
            free = np.empty(room, dtype=np.int64)
            free[: self._book[FREE]] = self._free[: self._book[FREE]]
            self._free = free

    def _with_numbers(self, plan: Ints, pieces: Ints, wrong: int) -> Planned:
        if wrong >= 0:
            raise ValueError(f"row {wrong} of this block names what no row before it has made")
        self._pool.hold(int(self._book[IN_ALL]))
        steps, weights = steps_of(self._step, plan[:, UPDATE]), _NO_NUMBERS
        if self._weight is not None:
            weights = weights_of(self._weight, plan[:, UPDATE] - plan[:, VERSION], steps)
        piece_steps = steps_of(self._step, pieces[:, OF])
        return Planned(plan, steps, weights, pieces, piece_steps)


def _swept(block: Block, dimension: int) -> Swept:
    """Return what the rows of a block read and wrote; all of x where reads are consistent."""
    sweeps = block.rows.sweeps or Sweeps.whole(len(block.rows), dimension)
    columns = (sweeps.lo, sweeps.hi, sweeps.offsets, sweeps.update, sweeps.first, sweeps.last)
    return Swept(*map(_shown, columns))


def _shown(array: Ints) -> Ints:
    """Return a read-only view without gaps: others would have compilations of their own."""
    view: Ints = np.require(array, requirements=["C", "A"]).view()
    view.flags.writeable = False
    return view
