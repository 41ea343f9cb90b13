"""The lock-free reads of a block, put together as they happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from asysim.ground.arrays import Vector
from asysim.replay.gradients import GradientSource
from asysim.replay.kernel import descend
from asysim.replay.plan import Row
from asysim.replay.snapshots import Buffers, Shelf
from asysim.trace.gradient import LOST, Sweeps
from asysim.trace.stream import Block


class Reads:
    """Every read of a block: a copy of the version it saw whole, then what it saw of later updates.

    As soon as a read has seen all that it did see, its gradient is begun and waits, so no
    version of x and no change has to be kept within the block.

    Parameters
    ----------
    block
        A piece of the stream.
    sweeps
        What its rows say of reads and writes.
    gradients, buffers, step
        What computes gradients, where vectors come from, and γ.
    step_at
        γ_k instead of γ.

    Attributes
    ----------
    rows
        (worker, draw, version, update, instant applied), row by row.
    """

    def __init__(
        self,
        block: Block,
        sweeps: Sweeps,
        *,
        gradients: GradientSource,
        buffers: Buffers,
        step: float,
        step_at: Callable[[int], float] | None = None,
    ) -> None:
        self._sweeps, self._gradients, self._buffers = sweeps, gradients, buffers
        self._step, self._step_at = step, step_at
        columns = [*(c.tolist() for c in block.rows.facts), block.rows.ticks[-1].tolist()]
        self.rows: list[Row] = list(zip(*columns, strict=True))
        counts = np.diff(sweeps.offsets)
        self._left: list[int] = counts.tolist()  # updates that each row's read has yet to see
        self._partial: dict[int, Vector] = {}  # reads that have yet to see some, by their row
        self._waiting: dict[int, Any] = {}  # begun gradients of those that have not, by their row
        self._beginning: defaultdict[int, list[int]] = defaultdict(list)
        for i, (_, _, version, update, _) in enumerate(self.rows):
            if update != LOST:
                self._beginning[version].append(i)
        self._seeing: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
        slices = (np.repeat(np.arange(len(counts)), counts), sweeps.update, sweeps.first,
                  sweeps.last)  # fmt: skip
        for i, change, first, last in zip(*(c.tolist() for c in slices), strict=True):
            if self.rows[i][3] != LOST:
                self._seeing[change].append((i, first, last))

    def catch_up(self, updates: int, versions: Shelf, changes: Shelf) -> None:
        """Begin the reads of versions from before the block, as far as `updates` have been made."""
        for version in [version for version in self._beginning if version < updates]:
            for i in self._beginning.pop(version):
                self._begin(i, versions[version])
                for change, first, last in self._sweeps.of(i):
                    if change < updates:
                        self._see(i, change, changes[change], first, last)

    def begin(self, version: int, x: Vector) -> None:
        """Begin the reads of the version that is the current one, x."""
        for i in self._beginning.pop(version, ()):
            self._begin(i, x)

    def see(self, update: int, change: Vector) -> None:
        """Show an update's gradient to the reads that saw a part of it."""
        for i, first, last in self._seeing.pop(update, ()):
            self._see(i, update, change, first, last)

    def seen(self, update: int) -> bool:
        """Whether a read of the block sees a part of an update."""
        return update in self._seeing

    def begun(self, i: int) -> Any:
        """Return row i's gradient, for its source to finish; once."""
        return self._waiting.pop(i)

    def _begin(self, i: int, x: Vector) -> None:
        if self._left[i]:
            self._partial[i] = self._buffers.copy(x)
        else:
            self._waiting[i] = self._gradients.begin(x, self.rows[i])

    def _see(self, i: int, update: int, change: Vector, first: int, last: int) -> None:
        x = self._partial[i]
        step = self._step if self._step_at is None else self._step_at(update)
        descend(x[first:last], change[first:last], step)
        self._left[i] -= 1
        if not self._left[i]:
            self._waiting[i] = self._gradients.begin(x, self.rows[i])
            self._buffers.put(self._partial.pop(i))
