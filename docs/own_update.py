"""A weight and a correction of your own: see update_rules.md."""

import math

from asysim.ground.arrays import Vector
from asysim.ground.ranges import NotNegative, Positive
from asysim.jit.compiler import compiled
from asysim.updates import CorrectionRule, Given, KernelCorrection, WeightRule


class Exponential(WeightRule):
    """The table {kind = "own_update:Exponential", rate = 0.1}, and the weight: exp(−rate · τ)."""

    rate: Positive = 0.1

    def weight(self, staleness: int, _step: float) -> float:
        return math.exp(-self.rate * staleness)


class Damped(CorrectionRule):
    """The table {kind = "own_update:Damped", strength = 1.0}."""

    strength: NotNegative = 1.0

    def rule(self, given: Given) -> KernelCorrection:  # noqa: ARG002
        return Damping(self.strength)


@compiled
def damp(gradient: Vector, x: Vector, x_read: Vector, _memory: Vector, numbers: Vector) -> None:
    """Make g / (1 + strength · |x − x_read|), coordinate by coordinate."""
    for i in range(gradient.size):
        gradient[i] /= 1 + numbers[0] * abs(x[i] - x_read[i])


class Damping(KernelCorrection):
    """What NumPy's replay, the compiled one and the server over MPI do: all call `damp`."""

    kernel = damp
