"""AsySG-incon's update rule: [x_{k+1}]_i = [x_k]_i − γ Σ_m [G(x̂_k, ξ_{k,m})]_i  (Lian et al. 2015).

The read is x̂_k = x_k − Σ_{j∈J(k)} (x_{j+1} − x_j), what J(k) names being the parts of earlier
updates that it missed. It is put together from the other side, as it happened: a copy of the last
version that it saw whole, to which the seen part of each later update is applied when that update
is made. There are few of those; then the gradient is computed, and waits to be applied itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from asysim.ground.arrays import Vector
from asysim.problems.base import Problem
from asysim.replay.batched import sources
from asysim.replay.gradients import GradientSource, Sampler
from asysim.replay.space import Space
from asysim.replay.state import Divergence, Standing, State
from asysim.replay.update_rule import Ruled
from asysim.replay.version_memory import LastUses, Shelf, rows_of
from asysim.trace.gradient import LOST, Sweeps
from asysim.trace.stream import Block, Stream


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
    gradients, space, step
        What computes gradients, where vectors come from, and γ.
    step_at
        γ_k instead of γ.

    Attributes
    ----------
    rows
        Row by row.
    """

    def __init__(
        self,
        block: Block,
        sweeps: Sweeps,
        *,
        gradients: GradientSource,
        space: Space,
        step: float,
        step_at: Callable[[int], float] | None = None,
    ) -> None:
        self._sweeps, self._begin_gradient = sweeps, gradients.begin
        self._copy, self._put, self._descend = space.copy, space.put, space.descend
        self._step, self._step_at = step, step_at
        self.rows = rows_of(block)
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
            self._partial[i] = self._copy(x)
        else:
            self._waiting[i] = self._begin_gradient(x, self.rows[i])

    def _see(self, i: int, update: int, change: Vector, first: int, last: int) -> None:
        x = self._partial[i]
        step = self._step if self._step_at is None else self._step_at(update)
        self._descend(x[first:last], change[first:last], step)
        self._left[i] -= 1
        if not self._left[i]:
            self._waiting[i] = self._begin_gradient(x, self.rows[i])
            self._put(self._partial.pop(i))


def inconsistent(
    stream: Stream,
    problem: Problem,
    sampler: Sampler,
    step: float,
    state: State,
    ruled: Ruled | None = None,
    *,
    together: int = 1,
    standing: Standing | None = None,
) -> Iterator[State]:
    """Make the updates of a stream, yielding `state` at x_k just before each update k is made.

    Parameters, and what is raised, as for `asysim.replay.consistent.consistent`. Each update i_k
    writes the coordinates that its row names; all of them in a trace with consistent reads.
    """
    gradients, space, lender, fused = sources(problem, sampler, state, ruled, together)
    descend = space.descend
    step_at = None if ruled is None else ruled.steps.at
    standing = Standing() if standing is None else standing
    versions = Shelf(space, standing.versions)  # for reads that later blocks tell of
    changes = Shelf(space, standing.changes)
    state.x = space.copy(state.x)
    lost = standing.lost
    for block in stream:
        sweeps = block.rows.sweeps or Sweeps.whole(len(block.rows), problem.dimension)
        reads = Reads(block, sweeps, gradients=gradients, space=space, step=step, step_at=step_at)
        reads.catch_up(state.updates, versions, changes)
        version_uses = LastUses.later(block.held_versions, block.floor)
        change_uses = LastUses.later(block.held_updates, block.floor)
        versions.sweep(version_uses)
        changes.sweep(change_uses)
        lo, hi = sweeps.lo.tolist(), sweeps.hi.tolist()
        for i, (_, _, version, update, applied) in enumerate(reads.rows):
            if update == LOST:
                lost += 1
                continue
            yield state
            kept = version_uses.after(update, i)
            if kept:
                versions.keep(update, space.copy(state.x))
            reads.begin(update, versions[update] if kept else state.x)
            if step_at is not None:
                step = step_at(update)
            held, begin, end = change_uses.after(update, i), lo[i], hi[i]
            begun = reads.begun(i)
            alone = end - begin == problem.dimension and not held and not reads.seen(update)
            if fused is not None and alone:
                finite = fused(begun, state.x, step, state.x)
            else:
                gradient = gradients.finish(begun)
                if lender is not None and lender.lent(state.x):
                    x, state.x = state.x, lender.copy(state.x)
                    lender.put(x)
                finite = descend(state.x[begin:end], gradient[begin:end], step)
                reads.see(update, gradient)
                if held:
                    changes.keep(update, gradient)
                else:
                    space.put(gradient)
            state.note(update - version, lost)
            lost = 0
            state.advance(update, applied)
            if not finite:
                raise Divergence(update)
        standing.lost = lost
