"""AsySG-incon's update rule: [x_{k+1}]_i = [x_k]_i − γ Σ_m [G(x̂_k, ξ_{k,m})]_i  (Lian et al. 2015).

The read is x̂_k = x_k − Σ_{j∈J(k)} (x_{j+1} − x_j), what J(k) names being the parts of earlier
updates that it missed. It is put together from the other side, from the last version that it saw
whole and the parts of later updates that it did see: there are few of those.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from asysim.problems.base import Problem
from asysim.replay.kernel import descend
from asysim.replay.sampling import Sampler
from asysim.replay.snapshots import Buffers, LastUses, Shelf
from asysim.replay.state import Divergence, State
from asysim.stream import Block, Stream
from asysim.trace import LOST, Seen, Sweeps


def inconsistent(
    stream: Stream, problem: Problem, sampler: Sampler, step: float, state: State
) -> Iterator[State]:
    """Make the updates of a stream, yielding `state` at x_k just before each update k is made.

    Parameters, and what is raised, as for `asysim.replay.consistent.consistent`. Each update i_k
    writes the coordinates that its row names; all of them in a trace with consistent reads.
    """
    buffers = Buffers(problem.dimension)
    versions, changes = Shelf(buffers), Shelf(buffers)
    assembled = buffers.take()
    state.x = buffers.copy(state.x)
    lost = 0
    for block in stream:
        rows = block.rows
        sweeps = rows.sweeps or _whole_writes(len(rows), problem.dimension)
        version_uses, change_uses = _plan(block, sweeps)
        versions.sweep(version_uses)
        changes.sweep(change_uses)
        offsets = sweeps.offsets.tolist()
        slices = list(map(Seen, *(c.tolist() for c in (sweeps.update, sweeps.first, sweeps.last))))
        columns = (*(c.tolist() for c in rows.facts), rows.ticks[-1].tolist(),
                   sweeps.lo.tolist(), sweeps.hi.tolist())  # fmt: skip
        for i, (worker, draw, version, update, applied, lo, hi) in enumerate(
            zip(*columns, strict=True)
        ):
            if update == LOST:
                lost += 1
                continue
            yield state
            x = state.x
            read = x if version == update else versions[version]
            seen = slices[offsets[i] : offsets[i + 1]]
            if seen:
                np.copyto(assembled, read)
                for change, first, last in seen:
                    descend(assembled[first:last], changes[change][first:last], step)
                read = assembled
            gradient = buffers.take()
            problem.gradient(read, sampler.batch(worker, draw), gradient)
            state.note(update - version, lost)
            lost = 0
            if version != update and not version_uses.after(version, i):
                versions.drop(version)
            for change, _, _ in seen:
                if change in changes and not change_uses.after(change, i):
                    changes.drop(change)
            if version_uses.after(update, i):
                versions.keep(update, x)
                state.x = buffers.copy(x)
            finite = descend(state.x[lo:hi], gradient[lo:hi], step)
            if change_uses.after(update, i):
                changes.keep(update, gradient)
            else:
                buffers.put(gradient)
            state.advance(update, applied)
            if not finite:
                raise Divergence(update)


def _plan(block: Block, sweeps: Sweeps) -> tuple[LastUses, LastUses]:
    """Return when each version of x, and each update's change, is used for the last time."""
    facts = block.rows.facts
    kept = np.flatnonzero(facts[3] != LOST)
    versions = LastUses(
        facts[2, kept].tolist(), kept.tolist(), block.held_versions.tolist(), block.floor
    )
    row_of_slice = np.repeat(np.arange(len(block.rows)), np.diff(sweeps.offsets))
    useful = facts[3, row_of_slice] != LOST
    changes = LastUses(
        sweeps.update[useful].tolist(),
        row_of_slice[useful].tolist(),
        block.held_updates.tolist(),
        block.floor,
    )
    return versions, changes


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
