"""AsySG-con's update rule: x_{k+1} = x_k − γ Σ_m G(x_{k−τ_k}, ξ_{k,m})  (Lian et al. 2015).

A version of x that only one gradient reads is not kept for it: that gradient is begun while the
version is the current one, and waits in its stead until it is applied. So x is updated in
place, which costs half of writing each version to a place of its own. A version that several
gradients read is kept, once, and they are computed when they are applied. Where gradients are
computed together, all that read a version are begun with it, and it is kept until they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asysim.ground.arrays import Vector
from asysim.problems.base import Problem
from asysim.replay.batched import sources
from asysim.replay.gradients import Sampler
from asysim.replay.state import Divergence, Standing, State
from asysim.replay.update_rule import Ruled
from asysim.replay.version_memory import Foreseen, Shelf
from asysim.trace.gradient import LOST
from asysim.trace.stream import Stream


def consistent(
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

    Several gradients in one update are summed, like the samples of a mini-batch.

    Parameters
    ----------
    stream
        What was read when, and went into which update.
    problem, sampler
        What is computed.
    step
        γ, unless `ruled` says it.
    state
        Starts at x_0 and is advanced in place; holds the last iterate when the stream is over.
    ruled
        An update rule other than the sum of the gradients with a constant step.
    together
        How many gradients are computed at once, at most, if the problem can.
    standing
        Where to begin, besides `state`; kept true between two blocks.

    Raises
    ------
    Divergence
        After the first update that makes x infinite or not a number.
    """
    gradients, space, lender, fused = sources(problem, sampler, state, ruled, together)
    standing = Standing() if standing is None else standing
    shelf = Shelf(space, standing.versions)
    state.x = space.copy(state.x)
    early = ruled is None or not ruled.corrects
    lost = standing.lost
    for block in stream:
        foreseen = Foreseen(block, early=early, shared=lender is not None)
        waiting: dict[int, Any] = {}  # gradients begun early, by their row
        for version in foreseen.early_before(state.updates):
            for reader in foreseen.early[version]:
                waiting[reader] = gradients.begin(shelf[version], foreseen.rows[reader])
            if not foreseen.versions.after(version, -1):
                shelf.drop(version)
        shelf.sweep(foreseen.versions)
        total: Vector | None = None  # of the gradients in the update that is being put together
        for i, row in enumerate(foreseen.rows):
            _, _, version, update, applied = row
            if update == LOST:
                lost += 1
                continue
            if total is None:
                yield state
                for reader in foreseen.early.get(update, ()):
                    waiting[reader] = gradients.begin(state.x, foreseen.rows[reader])
            begun = waiting.pop(i, None)
            if begun is None:
                begun = gradients.begin(state.x if version == update else shelf[version], row)
                if version != update and not foreseen.versions.after(version, i):
                    shelf.drop(version)
            closes = foreseen.closes[i]
            whole = fused is not None and closes and total is None  # the update is one gradient
            if not whole:
                gradient = gradients.finish(begun)
                if total is None:
                    total = gradient
                else:
                    total += gradient
                    space.put(gradient)
            state.note(update - version, lost)
            lost = 0
            if not closes:
                continue
            x = state.x
            if foreseen.versions.after(update, i):
                shelf.keep(update, x)
                state.x = space.take()
            elif lender is not None and lender.lent(x):
                state.x = lender.take()
                lender.put(x)
            if fused is not None and total is None:
                step = step if ruled is None else ruled.steps.at(update)
                finite = fused(begun, x, step, state.x)
            else:
                assert total is not None
                velocity = total
                if ruled is not None:
                    velocity, step = ruled.settle(update, total, foreseen.gradients[update])
                if state.x is x:
                    finite = space.descend(x, velocity, step)
                else:
                    finite = space.descend_into(x, velocity, step, state.x)
                space.put(total)
                total = None
            state.advance(update, applied)
            if not finite:
                raise Divergence(update)
        standing.lost = lost
