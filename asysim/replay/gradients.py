"""Computes the gradient that a row names, into a vector that is used over and over."""

from __future__ import annotations

from asysim.problems.base import Problem, Vector
from asysim.replay.plan import Row
from asysim.replay.sampling import Sampler
from asysim.replay.snapshots import Buffers


class Gradients:
    """The gradients of a stream's rows.

    Parameters
    ----------
    problem, sampler
        What is computed.
    buffers
        Where its vectors come from.
    """

    def __init__(self, problem: Problem, sampler: Sampler, buffers: Buffers) -> None:
        self._gradient = problem.gradient
        self._batch = sampler.batch
        self._take = buffers.take

    def at(self, x: Vector, row: Row) -> Vector:
        """Return a row's gradient at x, the sum over its mini-batch, shape (n,)."""
        gradient = self._take()
        self._gradient(x, self._batch(row[0], row[1]), gradient)
        return gradient
