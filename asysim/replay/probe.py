"""What is measured at points of a run: each probe fills columns of a curve."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from asysim.errors import Fault, InputError, found_as, unfit
from asysim.ground.arrays import Vector, as_real, read_only
from asysim.problems.base import Problem


class At:
    """A point x with f and ∇f there, which are computed once, when a probe first asks for them.

    Parameters
    ----------
    problem
        The objective.
    x
        Shape (n,); it stays as it is as long as probes look at it, and they can only read it. Copy
        it to keep it.
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

    def guarded(self) -> At:
        """Return the same point, with nothing that can be written to: for any probe."""
        other = At(self.problem, read_only(self.x), read_only(self.gradient))
        other._loss = self._loss
        return other


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
        for name, value in zip(probe.names, _numbers(probe, probe.measure(at)), strict=True)
    }


def _numbers(probe: Probe, found: Any) -> Sequence[float]:
    """Return what a probe has measured, if that is a number for each of its columns.

    Raises
    ------
    InputError
        Naming the probe, and the column.
    """
    names = probe.names
    if type(found) is tuple and len(found) == len(names) and all(type(x) is float for x in found):
        return found
    if not isinstance(found, Iterable) or isinstance(found, str | bytes | Mapping | Set):
        raise _unfit(probe, "measure", found_as(found), _a_number_each(names))
    numbers = list(found)
    if len(numbers) != len(names):
        count = f"{len(numbers)} number{'' if len(numbers) == 1 else 's'}"
        raise _unfit(probe, "measure", count, _a_number_each(names))
    for place, (name, number) in enumerate(zip(names, numbers, strict=True)):
        real = as_real(number)
        if real is None:
            raise _unfit(probe, f"measure, column {name}", found_as(number), "a number")
        numbers[place] = real
    return numbers


def _a_number_each(names: Sequence[str]) -> str:
    each = ", ".join(names)
    return f"a tuple of {len(names)}, a number for each of its columns ({each})"


def _unfit(probe: Any, member: str, found: str, wanted: str) -> InputError:
    return unfit(member, found, wanted, _where(probe))


def _where(probe: Any) -> str:
    return f"{type(probe).__name__}, a probe"


def check_probes(probes: Iterable[Probe], taken: Collection[str]) -> tuple[Probe, ...]:
    """Return probes whose columns can stand beside those that are taken.

    Raises
    ------
    InputError
        If one of them is no probe; a name is not a word (`str.isidentifier`), or stands twice; or
        `every` is not ≥ 1.
    """
    if not isinstance(probes, Iterable) or isinstance(probes, str):
        raise unfit("probes", found_as(probes), "a list of probes: probes=[…]", "call")
    probes, seen, faults = tuple(probes), set(taken), []
    for probe in probes:
        if lacking := _lacking(probe):
            faults.append(lacking)
            continue
        where = _where(probe)
        for name in probe.names:
            if not (isinstance(name, str) and name.isidentifier()):
                faults.append(
                    Fault("names", repr(name), "should be words: letters, digits, _", where)
                )
            elif name in seen:
                faults.append(Fault("names", repr(name), "is a column of the curve already", where))
            seen.add(name)
        if not _is_count(probe.every):
            every = found_as(probe.every)
            faults.append(Fault("every", every, "should be a whole number ≥ 1", where))
    if faults:
        raise InputError(faults)
    return probes


def _lacking(probe: Any) -> Fault | None:
    """Return what keeps an object from being a probe at all."""
    if isinstance(probe, type):
        name = probe.__name__
        return Fault("probes", f"the class {name}", f"should be {name}(…)", f"{name}, a probe")
    where = _where(probe)
    for member in ("names", "every", "measure"):
        if not hasattr(probe, member):
            expected = f"is required, as {Probe.__module__}.Probe says"
            return Fault(member, "nothing", expected, where)
    if not isinstance(probe.names, tuple | list):
        return Fault("names", found_as(probe.names), 'should be a tuple: ("column",)', where)
    if not callable(probe.measure):
        return Fault("measure", found_as(probe.measure), "should be a method", where)
    return None


def _is_count(every: object) -> bool:
    return isinstance(every, int | np.integer) and not isinstance(every, bool) and bool(every >= 1)
