"""An update rule as compiled code takes it; steps and weights of rows, asked of its Python."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types

from asysim.ground.arrays import Floats, Ints, Vector
from asysim.jit.compiler import compiled
from asysim.jit.values import VECTOR, address_of
from asysim.replay.compiled.version_memory import MEMORY, VELOCITY, Pool
from asysim.replay.state import Memory
from asysim.updates.asked import steps_at, weight_of
from asysim.updates.base import KernelCorrection, StepSchedule, UpdateRule, Weight
from asysim.updates.perturbation import Noise


class RuleNumbers(NamedTuple):
    """Which parts an update rule has; steps and weights come row by row."""

    weighs: bool
    corrects: bool
    follows: bool
    momentum: float
    average: bool
    noise: Noise


class Kernels(NamedTuple):
    """What corrects a gradient, and takes note of an update: where their machine code is."""

    correct: int
    follow: int


@compiled
def _leave_alone(
    _gradient: Vector, _x: Vector, _x_read: Vector, _memory: Vector, _numbers: Vector
) -> None:
    pass


@compiled
def _take_no_note(_velocity: Vector, _step: float, _memory: Vector, _numbers: Vector) -> None:
    pass


class CompiledRule:
    """An update rule in one replay, and what it remembers, which lies in the pool but for numbers.

    Parameters
    ----------
    rule
        Its correction, if it has one, is a `KernelCorrection` of compiled functions.
    pool
        Where vectors lie.

    Attributes
    ----------
    parts, kernels, numbers
        What compiled code is given of it.
    """

    def __init__(self, rule: UpdateRule, pool: Pool) -> None:
        correction, noise, self._pool = rule.correction, rule.perturbation, pool
        correct: Any = _leave_alone
        follow, self.numbers = None, np.zeros(0)
        if isinstance(correction, KernelCorrection):
            correct, follow = type(correction).kernel, type(correction).follow
            self.numbers = correction.numbers.copy()
            if correction.memory is not None:
                pool[MEMORY][:] = correction.memory
        self.kernels = Kernels(
            address_of(correct, VECTOR, VECTOR, VECTOR, VECTOR, VECTOR),
            address_of(follow or _take_no_note, VECTOR, types.float64, VECTOR, VECTOR),
        )
        self.parts = RuleNumbers(
            weighs=rule.weight is not None,
            corrects=correction is not None,
            follows=follow is not None,
            momentum=float(rule.momentum),
            average=bool(rule.average),
            noise=Noise(float(noise.scale), bool(noise.ball), int(noise.every)),
        )

    def memory(self) -> Memory:
        """Return what is remembered, as `asysim.replay.update_rule.Ruled.memory` does."""
        velocity = self._pool[VELOCITY] if self.parts.momentum > 0 else None
        if not self.parts.corrects:
            return Memory(velocity)
        return Memory(velocity, self._pool[MEMORY], self.numbers)

    def recall(self, known: Memory) -> None:
        """Begin with what another replay remembered."""
        for row, vector in ((VELOCITY, known.velocity), (MEMORY, known.vector)):
            if vector is not None:
                self._pool[row][:] = vector
        if known.numbers is not None:
            self.numbers[:] = known.numbers


def steps_of(step: float | StepSchedule, updates: Ints) -> Floats:
    """Return γ_k of the update that each row names; shape (rows,)."""
    if isinstance(step, int | float):
        return np.full(len(updates), float(step))
    distinct, where = np.unique(updates, return_inverse=True)
    return steps_at(step, distinct.tolist())[where]


def weights_of(weight: Weight, staleness: Ints, steps: Floats) -> Floats:
    """Return each row's weight; shape (rows,)."""
    if len(steps) and (steps == steps[0]).all():
        step = float(steps[0])
        distinct, where = np.unique(staleness, return_inverse=True)
        values = [weight_of(weight, tau, step) for tau in distinct.tolist()]
        return np.array(values, dtype=np.float64)[where]
    pairs = list(zip(staleness.tolist(), steps.tolist(), strict=True))
    known = {pair: weight_of(weight, *pair) for pair in set(pairs)}
    return np.array([known[pair] for pair in pairs], dtype=np.float64)
