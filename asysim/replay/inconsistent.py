"""AsySG-incon's update rule: [x_{k+1}]_i = [x_k]_i − γ Σ_m [G(x̂_k, ξ_{k,m})]_i  (Lian et al. 2015).

The read is x̂_k = x_k − Σ_{j∈J(k)} (x_{j+1} − x_j), what J(k) names being the parts of earlier
updates that it missed. It is put together from the other side, as it happened: a copy of the last
version that it saw whole, to which the seen part of each later update is applied when that update
is made. There are few of those; then the gradient is computed, and waits to be applied itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from asysim.problems.base import Problem
from asysim.replay.kernel import descend
from asysim.replay.reads import Reads
from asysim.replay.ruled import Ruled
from asysim.replay.sampling import Sampler
from asysim.replay.snapshots import LastUses, Shelf
from asysim.replay.sources import sources
from asysim.replay.standing import Standing
from asysim.replay.state import Divergence, State
from asysim.trace.gradient import LOST, Sweeps
from asysim.trace.stream import Stream


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
    gradients, buffers, lender, fused = sources(problem, sampler, state, ruled, together)
    step_at = None if ruled is None else ruled.steps.at
    standing = Standing() if standing is None else standing
    versions = Shelf(buffers, standing.versions)  # for reads that later blocks tell of
    changes = Shelf(buffers, standing.changes)
    state.x = buffers.copy(state.x)
    lost = standing.lost
    for block in stream:
        sweeps = block.rows.sweeps or _whole_writes(len(block.rows), problem.dimension)
        reads = Reads(
            block, sweeps, gradients=gradients, buffers=buffers, step=step, step_at=step_at
        )
        reads.catch_up(state.updates, versions, changes)
        version_uses = LastUses.later(block.held_versions.tolist(), block.floor)
        change_uses = LastUses.later(block.held_updates.tolist(), block.floor)
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
                versions.keep(update, buffers.copy(state.x))
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
                    buffers.put(gradient)
            state.note(update - version, lost)
            lost = 0
            state.advance(update, applied)
            if not finite:
                raise Divergence(update)
        standing.lost = lost


def _whole_writes(rows: int, dimension: int) -> Sweeps:
    nothing = np.zeros(0, dtype=np.int64)
    return Sweeps(
        np.zeros(rows, dtype=np.int64),
        np.full(rows, dimension, dtype=np.int64),
        np.zeros(rows + 1, dtype=np.int64),
        nothing,
        nothing,
        nothing,
    )
