"""Gradients computed several at once: one that is needed, with the next ones whose x is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, NamedTuple

from asysim.ground.arrays import Vector, read_only
from asysim.ground.outside import is_own
from asysim.problems.base import BatchedProblem, Problem
from asysim.replay.gradients import Gradients, GradientSource, Sampler
from asysim.replay.space import NumpySpace, Space
from asysim.replay.state import State
from asysim.replay.update_rule import Ruled
from asysim.replay.version_memory import RowFacts


class Lender(NumpySpace):
    """Buffers that know which vectors gradients wait to be computed at.

    One that is put back meanwhile is used again only when the last of these is computed.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self._uses: dict[int, int] = {}  # of the vectors that are lent, by their identity
        self._returned: set[int] = set()

    def lend(self, vector: Vector) -> None:
        """Keep a vector until `restore` was called as often."""
        self._uses[id(vector)] = self._uses.get(id(vector), 0) + 1

    def lent(self, vector: Vector) -> bool:
        """Whether a vector must stay as it is."""
        return id(vector) in self._uses

    def restore(self, vector: Vector) -> None:
        """Note that one use of a vector is over."""
        name = id(vector)
        self._uses[name] -= 1
        if not self._uses[name]:
            del self._uses[name]
            if name in self._returned:
                self._returned.remove(name)
                super().put(vector)

    def put(self, vector: Vector) -> None:
        """Give a vector back; whoever it was lent to may use it still, nobody else."""
        if id(vector) in self._uses:
            self._returned.add(id(vector))
        else:
            super().put(vector)


@dataclass(slots=True)
class Ticket:
    """A gradient that waits to be computed, or to be applied."""

    x: Vector | None
    row: RowFacts
    gradient: Vector | None = None


class Batched:
    """The gradients of a stream's rows, several computed at once.

    What one has to be computed for is the first of those that wait, in the order in which they are
    applied; the next ones whose x exists are computed with it. An x that is begun at must be put
    back to the lender, never changed, while it is lent.

    Parameters
    ----------
    problem, sampler
        What is computed.
    lender
        Where vectors come from.
    together
        How many are computed at once, at most.
    """

    def __init__(self, problem: Problem, sampler: Sampler, lender: Lender, together: int) -> None:
        assert isinstance(problem, BatchedProblem)
        self._problem, self._batched, self._is_own = problem, problem, is_own(problem)
        self._batch = sampler.batch
        self._lender = lender
        self._together = together
        self._begun = 0
        self._waiting: list[tuple[int, int, Ticket]] = []  # a heap: update, age, gradient

    @staticmethod
    def suits(problem: Problem, together: int) -> bool:
        """Whether several gradients are to be computed at once, and the problem can."""
        return together > 1 and isinstance(problem, BatchedProblem)

    def begin(self, x: Vector, row: RowFacts) -> Ticket:
        """Borrow x; what this returns is for `finish`, once."""
        self._lender.lend(x)
        ticket = Ticket(x, row)
        self._begun += 1
        heappush(self._waiting, (row[3], self._begun, ticket))
        return ticket

    def finish(self, begun: Ticket) -> Vector:
        """Return the gradient, the sum over the mini-batch, shape (n,), the caller's to keep."""
        if begun.gradient is None:
            self._compute(self._with_the_next(begun))
        gradient, begun.gradient = begun.gradient, None
        assert gradient is not None
        return gradient

    def _with_the_next(self, first: Ticket) -> list[Ticket]:
        chosen = [first]
        while self._waiting and len(chosen) < self._together:
            ticket = heappop(self._waiting)[2]
            if ticket.x is not None and ticket is not first:
                chosen.append(ticket)
        return chosen

    def _compute(self, tickets: list[Ticket]) -> None:
        xs = borrowed = [ticket.x for ticket in tickets if ticket.x is not None]
        if self._is_own:
            views = {id(x): read_only(x) for x in borrowed}  # one for each x, however often read
            xs = [views[id(x)] for x in borrowed]
        batches: list[Any] = [self._batch(ticket.row[0], ticket.row[1]) for ticket in tickets]
        outs = [self._lender.take() for _ in tickets]
        if len(tickets) > 1:
            self._batched.gradients(xs, batches, outs)
        else:
            self._problem.gradient(xs[0], batches[0], outs[0])
        for ticket, x, out in zip(tickets, borrowed, outs, strict=True):
            ticket.gradient, ticket.x = out, None
            self._lender.restore(x)


class Sources(NamedTuple):
    """What computes gradients, and where vectors come from.

    Attributes
    ----------
    gradients
        The gradients, as they are to be applied.
    space
        Where vectors come from.
    lender
        The same, if gradients are computed together: vectors that are lent must not change.
    descend
        As in `Gradients`, if an update that is one gradient can be made by it.
    """

    gradients: GradientSource
    space: Space
    lender: Lender | None
    descend: Callable[[Any, Vector, float, Vector], bool] | None


def sources(
    problem: Problem, sampler: Sampler, state: State, ruled: Ruled | None, together: int
) -> Sources:
    """Return what computes a replay's gradients, up to so many of them together."""
    if Batched.suits(problem, together) and not (ruled is not None and ruled.corrects):
        lender = Lender(problem.dimension)
        batched = Batched(problem, sampler, lender, together)
        return Sources(_over(batched, ruled, state), lender, lender, None)
    space = NumpySpace(problem.dimension)
    single = Gradients(problem, sampler, space)
    descend = single.descend if ruled is None or ruled.plain else None
    return Sources(_over(single, ruled, state), space, None, descend)


def _over(gradients: GradientSource, ruled: Ruled | None, state: State) -> GradientSource:
    return gradients if ruled is None else ruled.over(gradients, state)
