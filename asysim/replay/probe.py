"""What is measured at points of a run: each probe fills columns of a curve."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from asysim.errors import Fault, InputError
from asysim.ground.arrays import Vector
from asysim.problems.base import Problem


class At:
    """A point x with f and ∇f there, which are computed once, when a probe first asks for them.

    Parameters
    ----------
    problem
        The objective.
    x
        Shape (n,); it stays as it is as long as probes look at it. Copy it to keep it.
    gradient
        Shape (n,), to be overwritten; by default a new one. So copy it as well.
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

    It is copied for each run, so that what it remembers in one is not known in another.

    Attributes
    ----------
    names
        The columns that it fills.
    every
        Of how many evaluations it takes part in one; 1: in all, that of the last x included.
        Elsewhere its columns have no number (nan).
    """

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def every(self) -> int: ...

    def measure(self, at: At, /) -> tuple[float, ...]:
        """Return a number for each name."""
        ...


@runtime_checkable
class RememberingProbe(Probe, Protocol):
    """What a probe may be besides: one whose numbers depend on what it measured before.

    Then a run that was interrupted goes on with what its probe remembered.
    """

    def memory(self) -> Mapping[str, NDArray[Any]]:
        """Return what it remembers: arrays of numbers by name."""
        ...

    def recall(self, memory: Mapping[str, NDArray[Any]], /) -> None:
        """Begin with what another one remembered, the caller's no more."""
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


def check_probes(probes: Iterable[Probe], taken: Collection[str]) -> tuple[Probe, ...]:
    """Return probes whose columns can stand beside those that are taken.

    Raises
    ------
    InputError
        If a name is not a word (`str.isidentifier`), or stands twice; or `every` is not ≥ 1.
    """
    probes, seen, faults = tuple(probes), set(taken), []
    for probe in probes:
        where = f"{type(probe).__name__}, a probe"
        for name in probe.names:
            if not name.isidentifier():
                faults.append(
                    Fault("names", repr(name), "should be words: letters, digits, _", where)
                )
            elif name in seen:
                faults.append(Fault("names", repr(name), "is a column of the curve already", where))
            seen.add(name)
        if not probe.every >= 1:
            faults.append(Fault("every", repr(probe.every), "should be a whole number ≥ 1", where))
    if faults:
        raise InputError(faults)
    return probes
