"""AsySG-incon's update rule: [x_{k+1}]_i = [x_k]_i − γ Σ_m [G(x̂_k, ξ_{k,m})]_i  (Lian et al. 2015).

The read is x̂_k = x_k − Σ_{j∈J(k)} (x_{j+1} − x_j), what J(k) names being the parts of earlier
updates that it missed. It is put together from the other side, from the last version that it saw
whole and the parts of later updates that it did see: there are few of those.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from asysim.problems.base import Problem, Vector
from asysim.replay.gradients import Gradients
from asysim.replay.kernel import descend
from asysim.replay.plan import Plan
from asysim.replay.sampling import Sampler
from asysim.replay.snapshots import Buffers, Shelf
from asysim.replay.state import Divergence, State
from asysim.stream import Stream
from asysim.trace import LOST, Seen, Sweeps


def inconsistent(
    stream: Stream, problem: Problem, sampler: Sampler, step: float, state: State
) -> Iterator[State]:
    """Make the updates of a stream, yielding `state` at x_k just before each update k is made.

    Parameters, and what is raised, as for `asysim.replay.consistent.consistent`. Each update i_k
    writes the coordinates that its row names; all of them in a trace with consistent reads.
    """
    buffers = Buffers(problem.dimension)
    gradients = Gradients(problem, sampler, buffers)
    versions, changes = Shelf(buffers), Shelf(buffers)
    assembled = buffers.take()
    state.x = buffers.copy(state.x)
    lost = 0
    for block in stream:
        plan = Plan(block)
        versions.sweep(plan.versions)
        changes.sweep(plan.changes)
        waiting: dict[int, Vector] = {}  # gradients computed early, by their row
        sweeps = block.rows.sweeps or _whole_writes(len(block.rows), problem.dimension)
        offsets, lo, hi = (column.tolist() for column in (sweeps.offsets, sweeps.lo, sweeps.hi))
        slices = list(map(Seen, *(c.tolist() for c in (sweeps.update, sweeps.first, sweeps.last))))
        for i, row in enumerate(plan.rows):
            _, _, version, update, applied = row
            if update == LOST:
                lost += 1
                continue
            yield state
            reader = plan.sole_reader.get(update)
            if reader is not None:
                waiting[reader] = gradients.at(state.x, plan.rows[reader])
            gradient = waiting.pop(i, None)
            if gradient is None:
                read = state.x if version == update else versions[version]
                seen = slices[offsets[i] : offsets[i + 1]]
                if seen:
                    np.copyto(assembled, read)
                    for change, first, last in seen:
                        descend(assembled[first:last], changes[change][first:last], step)
                    read = assembled
                gradient = gradients.at(read, row)
                if version != update and not plan.versions.after(version, i):
                    versions.drop(version)
                for change, _, _ in seen:
                    if not plan.changes.after(change, i):
                        changes.drop(change)
            state.note(update - version, lost)
            lost = 0
            written = slice(lo[i], hi[i])
            if update not in plan.sole_reader and plan.versions.after(update, i):
                versions.keep(update, state.x)
                state.x = buffers.copy(state.x)
            finite = descend(state.x[written], gradient[written], step)
            if plan.changes.after(update, i):
                changes.keep(update, gradient)
            else:
                buffers.put(gradient)
            state.advance(update, applied)
            if not finite:
                raise Divergence(update)


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
