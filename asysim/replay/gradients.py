"""Computes the gradient that a row names, in two steps: at its x, and when it is applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from asysim.ground.arrays import Vector
from asysim.ground.buffers import Buffers
from asysim.problems.base import DeferringProblem, DescendingProblem, Problem
from asysim.replay.plan import Row
from asysim.replay.sampling import Sampler


class GradientSource(Protocol):
    """The gradients of a stream's rows, as they are to be applied."""

    def begin(self, x: Vector, row: Row) -> Any:
        """Do all of a row's gradient that needs x; what it returns is for `finish`, once."""
        ...

    def finish(self, begun: Any) -> Vector:
        """Return the gradient, shape (n,), the caller's to keep."""
        ...


class Gradients:
    """The gradients of a stream's rows, as they are computed.

    Parameters
    ----------
    problem, sampler
        What is computed.
    buffers
        Where vectors come from.

    Attributes
    ----------
    descend
        Instead of `finish`: write x − step · gradient, for (begun, x, step, out), and return
        whether it is finite. None if the problem can't do both in one.
    """

    def __init__(self, problem: Problem, sampler: Sampler, buffers: Buffers) -> None:
        self._problem = problem
        self._batch = sampler.batch
        self._take = buffers.take
        self._deferring: DeferringProblem | None = None
        self.descend: Callable[[Any, Vector, float, Vector], bool] | None = None
        if isinstance(problem, DeferringProblem) and problem.defers(sampler.batch_size):
            self._deferring = problem
            if isinstance(problem, DescendingProblem):
                self.descend = problem.descend

    def begin(self, x: Vector, row: Row) -> Any:
        """Do all of a row's gradient that needs x; what it returns is for `finish`, once."""
        batch = self._batch(row[0], row[1])
        if self._deferring is not None:
            return self._deferring.begin_gradient(x, batch)
        gradient = self._take()
        self._problem.gradient(x, batch, gradient)
        return gradient

    def finish(self, begun: Any) -> Vector:
        """Return the gradient, the sum over the mini-batch, shape (n,), the caller's to keep."""
        if self._deferring is None:
            gradient: Vector = begun
        else:
            gradient = self._take()
            self._deferring.finish_gradient(begun, gradient)
        return gradient
