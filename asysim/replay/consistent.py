"""AsySG-con's update rule: x_{k+1} = x_k − γ Σ_m G(x_{k−τ_k}, ξ_{k,m})  (Lian et al. 2015).

A version of x that only one gradient reads is not kept for it: that gradient is computed while
the version is the current one, and waits in its stead until it is applied. So x is updated in
place, which costs half of writing each version to a place of its own. A version that several
gradients read is kept, once, and they are computed when they are applied.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from asysim.problems.base import Problem, Vector
from asysim.replay.kernel import descend, descend_into
from asysim.replay.sampling import Sampler
from asysim.replay.snapshots import Buffers, LastUses, Shelf
from asysim.replay.state import Divergence, State
from asysim.stream import Block, Stream
from asysim.trace import LOST


def consistent(
    stream: Stream, problem: Problem, sampler: Sampler, step: float, state: State
) -> Iterator[State]:
    """Make the updates of a stream, yielding `state` at x_k just before each update k is made.

    Several gradients in one update are summed, like the samples of a mini-batch.

    Parameters
    ----------
    stream
        What was read when, and went into which update.
    problem, sampler
        What is computed.
    step
        γ.
    state
        Starts at x_0 and is advanced in place; holds the last iterate when the stream is over.

    Raises
    ------
    Divergence
        After the first update that makes x infinite or not a number.
    """
    buffers = Buffers(problem.dimension)
    shelf = Shelf(buffers)
    state.x = buffers.copy(state.x)
    lost = 0

    def compute(i: int, x: Vector) -> Vector:
        """Return row i's gradient at x."""
        gradient = buffers.take()
        worker, draw = plan.rows[i][:2]
        problem.gradient(x, sampler.batch(worker, draw), gradient)
        return gradient

    for block in stream:
        plan = _Plan(block)
        shelf.sweep(plan.uses)
        waiting: dict[int, Vector] = {}  # gradients computed early, by their row
        total: Vector | None = None  # of the gradients in the update that is being put together
        for i, (_, _, version, update, applied) in enumerate(plan.rows):
            if update == LOST:
                lost += 1
                continue
            if total is None:
                yield state
                reader = plan.sole_reader.get(update)
                if reader is not None:
                    waiting[reader] = compute(reader, state.x)
            gradient = waiting.pop(i, None)
            if gradient is None:
                gradient = compute(i, state.x if version == update else shelf[version])
                if version != update and not plan.uses.after(version, i):
                    shelf.drop(version)
            state.note(update - version, lost)
            lost = 0
            if total is None:
                total = gradient
            else:
                total += gradient
                buffers.put(gradient)
            if not plan.closes[i]:
                continue
            x = state.x
            if update not in plan.sole_reader and plan.uses.after(update, i):
                shelf.keep(update, x)
                state.x = buffers.take()
                finite = descend_into(x, total, step, state.x)
            else:
                finite = descend(x, total, step)
            buffers.put(total)
            total = None
            state.advance(update, applied)
            if not finite:
                raise Divergence(update)


class _Plan:
    """What is known of a block before any of it is computed.

    Attributes
    ----------
    rows
        (worker, draw, version, update, instant applied), row by row.
    uses
        When each version of x is used for the last time.
    sole_reader
        The row of the only gradient that reads a version, if there is just one.
    closes
        Whether a row is the last of its update.
    """

    def __init__(self, block: Block) -> None:
        facts, instants = block.rows.facts, block.rows.ticks[-1]
        kept = np.flatnonzero(facts[3] != LOST)
        version, update = facts[2, kept], facts[3, kept]
        columns = [*(column.tolist() for column in facts), instants.tolist()]
        self.rows: list[tuple[int, int, int, int, int]] = list(zip(*columns, strict=True))
        held = block.held_versions.tolist()
        self.uses = LastUses(version.tolist(), kept.tolist(), held, block.floor)
        once, first, count = np.unique(version, return_index=True, return_counts=True)
        single = (count == 1) & (once < block.floor)
        self.sole_reader: dict[int, int] = dict(
            zip(once[single].tolist(), kept[first[single]].tolist(), strict=True)
        )
        for name in held:
            self.sole_reader.pop(name, None)
        closes = np.zeros(len(block.rows), dtype=bool)
        closes[kept[:-1]] = np.diff(update) != 0
        closes[kept[-1:]] = True
        self.closes: list[bool] = closes.tolist()
