"""Where a replay's gradients come from: each alone or several together, and as a rule has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from asysim.ground.arrays import Vector
from asysim.ground.buffers import Buffers
from asysim.problems.base import Problem
from asysim.replay.gradients import Gradients, GradientSource
from asysim.replay.ruled import Ruled
from asysim.replay.sampling import Sampler
from asysim.replay.state import State
from asysim.replay.together import Lender, Together


class Sources(NamedTuple):
    """What computes gradients, and where vectors come from.

    Attributes
    ----------
    gradients
        The gradients, as they are to be applied.
    buffers
        Where vectors come from.
    lender
        The same, if gradients are computed together: vectors that are lent must not change.
    descend
        As in `Gradients`, if an update that is one gradient can be made by it.
    """

    gradients: GradientSource
    buffers: Buffers
    lender: Lender | None
    descend: Callable[[Any, Vector, float, Vector], bool] | None


def sources(
    problem: Problem, sampler: Sampler, state: State, ruled: Ruled | None, together: int
) -> Sources:
    """Return what computes a replay's gradients, up to so many of them together."""
    if Together.suits(problem, together) and not (ruled is not None and ruled.corrects):
        lender = Lender(problem.dimension)
        batched = Together(problem, sampler, lender, together)
        return Sources(_over(batched, ruled, state), lender, lender, None)
    buffers = Buffers(problem.dimension)
    single = Gradients(problem, sampler, buffers)
    descend = single.descend if ruled is None or ruled.plain else None
    return Sources(_over(single, ruled, state), buffers, None, descend)


def _over(gradients: GradientSource, ruled: Ruled | None, state: State) -> GradientSource:
    return gradients if ruled is None else ruled.over(gradients, state)
