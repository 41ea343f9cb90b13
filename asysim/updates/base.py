"""An update rule as a product of policies: step × weight × correction × momentum × noise.

For the gradients G_i of update k, each with its staleness τ_i and the x that it was read at:

    g_k     = Σ_i weight(τ_i) · correction(G_i, x_k, x_read,i)      or their mean
    v_{k+1} = β v_k + g_k
    x_{k+1} = x_k − γ_k (v_{k+1} + ζ_k)

A policy is one file: the table that a scenario has of it, with its paper, and what it computes. A
policy of your own is a subclass of `StepRule`, `WeightRule` or `CorrectionRule` in any file, which
a scenario names: ``weight = {kind = "my_rules:MyWeight", …}``. From Python, any object with the
members of `StepSchedule`, `Weight` or `Correction` will do.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np

from asysim.errors import Fault, InputError, unfit
from asysim.ground.arrays import Vector
from asysim.ground.outside import OpenTable
from asysim.problems.base import Problem
from asysim.updates.perturbation import Noise


class StepSchedule(Protocol):
    """Step lengths. Any object with this member will do."""

    def at(self, update: int, /) -> float:
        """Return γ_k for update k, from 0: it depends on k alone, and is asked for in any order."""
        ...


class Weight(Protocol):
    """A number for each gradient. Any object with this member will do."""

    def weight(self, staleness: int, step: float, /) -> float:
        """Return the factor of a gradient of staleness τ that goes into an update with γ_k."""
        ...


class Correction(Protocol):
    """What is done to each gradient before it is weighed. Any object with this member will do."""

    def correct(self, gradient: Vector, x: Vector, x_read: Vector, /) -> None:
        """Change a gradient, the SUM over its mini-batch, in place; x and x_read are read only.

        All three have shape (n,): x is what the update will be applied to, and x_read what the
        gradient was computed at. Called once for each gradient, in the order of the rows.
        """
        ...


@runtime_checkable
class WatchesSteps(Protocol):
    """What a correction may have besides, to know how x moved."""

    def stepped(self, velocity: Vector, step: float, /) -> None:
        """Take note that an update x −= step · velocity is about to be made."""
        ...


class KernelCorrection:
    """A correction by one function, which every executor calls, on what it has of vectors.

    Compiled replay calls it too if it is compiled; what calls it is not compiled anew. All that it
    knows and remembers lies in some numbers and a vector, so that a run can be gone on with.

    Parameters
    ----------
    numbers
        Its constants, and what it remembers besides the vector.

    Attributes
    ----------
    kernel
        Changes a gradient in place, for (gradient, x, x_read, memory, numbers).
    follow
        Takes note of an update, for (velocity, step, memory, numbers); None: it need not know.
    numbers
        Shape (count,), float64.
    memory
        What it remembers of each coordinate, shape (n,); None: zeros.
    """

    kernel: ClassVar[Callable[[Vector, Vector, Vector, Vector, Vector], None]]
    follow: ClassVar[Callable[[Vector, float, Vector, Vector], None] | None] = None

    def __init_subclass__(cls) -> None:
        for name in ("kernel", "follow"):  # they are no methods
            if callable(function := vars(cls).get(name)):
                setattr(cls, name, staticmethod(function))

    def __init__(self, *numbers: float) -> None:
        self.numbers = np.array(numbers, dtype=np.float64)
        self.memory: Vector | None = None

    def correct(self, gradient: Vector, x: Vector, x_read: Vector) -> None:
        type(self).kernel(gradient, x, x_read, self._memory_like(gradient), self.numbers)

    def stepped(self, velocity: Vector, step: float) -> None:
        if (follow := type(self).follow) is not None:
            follow(velocity, step, self._memory_like(velocity), self.numbers)

    def _memory_like(self, vector: Vector) -> Vector:
        if self.memory is None:
            self.memory = np.zeros_like(vector)
        return self.memory


class Given(NamedTuple):
    """What a rule is made for, besides its table.

    Attributes
    ----------
    problem
        Its constants stand in for those that the table leaves out.
    workers, batch_size
        p and M.
    updates
        K, if the scenario says it.
    """

    problem: Problem
    workers: int
    batch_size: int = 1
    updates: int | None = None

    def constants(self, table: str, **told: float | None) -> list[float]:
        """Return the constants of a table of the scenario, those left out being the problem's.

        Parameters
        ----------
        table
            Its dotted name, for what a person is told.
        told
            ``smoothness``, ``variance`` or ``gap``: L, σ² or f(x_1) − f*, as the table has them.

        Raises
        ------
        InputError
            If neither knows one of them.
        """
        values = {key: self._own(key) if value is None else value for key, value in told.items()}
        faults = [
            Fault(
                key=f"{table}.{key}",
                found="nothing",
                expected=(
                    "is required: the problem does not know its own"
                    if value is None
                    else f"is required: the problem's own is {value:g}, and it should be > 0"
                ),
            )
            for key, value in values.items()
            if value is None or not value > 0
        ]
        if faults:
            raise InputError(faults)
        return [value for value in values.values() if value is not None]

    def _own(self, key: str) -> float | None:
        known = self.problem.constants()
        if key == "smoothness":
            return known.lipschitz
        if key == "variance":
            return known.variance
        start = self.problem.start()
        return None if known.minimum is None else self.problem.value(start) - known.minimum


class StepRule(OpenTable):
    """Step lengths, as a scenario has them: subclass it, with `at` or `rule`.

    Attributes
    ----------
    server_only
        Why it has no meaning without a server, if so, in words.
    needs_updates
        What K, the length of the run, is to it, if it needs one, in words.
    """

    server_only: ClassVar[str] = ""
    needs_updates: ClassVar[str] = ""

    def rule(self, given: Given) -> float | StepSchedule:  # noqa: ARG002
        """Return γ, or what says γ_k."""
        return self

    def at(self, update: int, /) -> float:
        """Return γ_k, as `StepSchedule`."""
        raise NotImplementedError(f"{self.kind} has neither at nor rule")

    def scaled(self, factor: float) -> StepRule | None:  # noqa: ARG002
        """Return the rule with all steps so many times as long; None: it can't be made longer."""
        return None

    def __format__(self, form: str) -> str:
        # A report prints γ as a number, and this is what it then says.
        return self.kind


class WeightRule(OpenTable):
    """A number for each gradient, as a scenario has it: subclass it, with `weight` or `rule`.

    A weight depends on the staleness and γ_k alone, so that executors may ask for many in advance.
    """

    @property
    def is_one(self) -> bool:
        """Whether every gradient's weight is 1."""
        return False

    def rule(self, given: Given) -> Weight | None:  # noqa: ARG002
        """Return what says the weights; None: all are 1."""
        return self

    def weight(self, staleness: int, step: float, /) -> float:
        """Return a gradient's weight, as `Weight`."""
        raise NotImplementedError(f"{self.kind} has neither weight nor rule")


class CorrectionRule(OpenTable):
    """What is done to each gradient, as a scenario has it: subclass it, with `rule`."""

    server_only: ClassVar[str] = "no version of x was read whole"

    @abstractmethod
    def rule(self, given: Given) -> Correction:
        """Return what corrects gradients: best a `KernelCorrection`."""


def is_pure(part: Any) -> bool:
    """Whether a step or a weight, by its own class, depends on what it is asked for alone."""
    return isinstance(part, StepRule | WeightRule) or bool(vars(type(part)).get("pure", False))


@dataclass(frozen=True, kw_only=True)
class UpdateRule:
    """What the server makes of the gradients of an update; by default their sum.

    Every replay works on a copy of its own, so a rule with a memory can be used again.

    Parameters
    ----------
    weight
        A factor for each gradient.
    correction
        A change of each gradient (AsySG-con only).
    momentum
        β in [0, 1) (AsySG-con only).
    average
        Whether gradients of one update are averaged rather than summed (AsySG-con only).
    perturbation
        Noise in every update, ζ_k, or in some (AsySG-con only).

    Raises
    ------
    InputError
        If the momentum is not in [0, 1), or a number of the noise is out of range.
    """

    weight: Weight | None = None
    correction: Correction | None = None
    momentum: float = 0.0
    average: bool = False
    perturbation: Noise = Noise()  # noqa: RUF009  (it can't be changed)

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise unfit("momentum", str(self.momentum), "at least 0 and below 1")
        self.perturbation.check()

    @property
    def needs_server(self) -> bool:
        """Whether something in it has no meaning without a server."""
        noisy = self.perturbation.scale > 0
        return self.correction is not None or self.momentum > 0 or self.average or noisy
