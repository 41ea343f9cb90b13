"""What is measured at points of a run: each probe fills columns of a curve."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from asysim.ground.arrays import Vector
from asysim.problems.base import Problem


class At:
    """A point x with f and ∇f there, which are computed once, when a probe first asks for them.

    Parameters
    ----------
    problem
        The objective.
    x
        Shape (n,); it stays as it is as long as probes look at it.
    gradient
        Shape (n,), to be overwritten; by default a new one.
    """

    def __init__(self, problem: Problem, x: Vector, gradient: Vector | None = None) -> None:
        self.problem, self.x = problem, x
        self._gradient = np.empty(problem.dimension) if gradient is None else gradient
        self._loss: float | None = None

    @property
    def loss(self) -> float:
        """f(x)."""
        if self._loss is None:
            self._loss = float(self.problem.full_gradient(self.x, self._gradient))
        return self._loss

    @property
    def gradient(self) -> Vector:
        """∇f(x), shape (n,)."""
        _ = self.loss
        return self._gradient


class Probe(Protocol):
    """Something to measure at x. Any object with these members will do.

    Attributes
    ----------
    names
        The columns that it fills.
    every
        Of how many evaluations it takes part in one; 1: in all.
    """

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def every(self) -> int: ...

    def measure(self, at: At, /) -> tuple[float, ...]:
        """Return a number for each name."""
        ...


class Loss:
    """f(x)."""

    names, every = ("loss",), 1

    def measure(self, at: At) -> tuple[float, ...]:
        return (at.loss,)


class GradientNorm:
    """‖∇f(x)‖²."""

    names, every = ("gradient_norm2",), 1

    def measure(self, at: At) -> tuple[float, ...]:
        return (float(np.dot(at.gradient, at.gradient)),)


def measured(probes: Iterable[Probe], at: At, evaluation: int = 0) -> dict[str, float]:
    """Return what those probes measure that take part in an evaluation, by the columns' names."""
    return {
        name: value
        for probe in probes
        if evaluation % probe.every == 0
        for name, value in zip(probe.names, probe.measure(at), strict=True)
    }
