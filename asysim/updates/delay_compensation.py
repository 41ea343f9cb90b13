"""DC-ASGD: the gradient at x, from the one at x_read, by Taylor's formula with g⊙g for ∇²f.

Zheng, Meng, Wang, Chen, Yu, Ma & Liu, Asynchronous Stochastic Gradient Descent with Delay
Compensation, ICML 2017, arXiv 1609.08326.

The rule g + λ g⊙g⊙(x − x_read) is not homogeneous in g, which is the MEAN over the mini-batch
there. For the sum G = Mg it is G + (λ/M) G⊙G⊙(x − x_read), which leaves G, to the bit, where
x = x_read.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from asysim.ground.arrays import Vector
from asysim.ground.ranges import NotNegative
from asysim.jit.compiler import compiled
from asysim.updates.base import Correction, CorrectionRule, Given, KernelCorrection

_TINY = 1e-7  # the paper's ε


class DelayCorrection(CorrectionRule):
    """DC-ASGD: g + λ g⊙g⊙(x − x_read), with a constant λ (Zheng et al. 2017)."""

    papers = ("zheng2017asynchronous",)

    kind: Literal["dc-asgd"]
    strength: NotNegative
    """λ"""

    def rule(self, given: Given) -> Correction:
        return DelayCompensation(self.strength, given.batch_size)


class AdaptiveDelayCorrection(CorrectionRule):
    """DC-ASGD with λ / sqrt(MS + 1e−7), MS being the moving mean of g² (Zheng et al. 2017)."""

    papers = ("zheng2017asynchronous",)

    kind: Literal["dc-asgd-adaptive"]
    strength: NotNegative
    """λ_0"""
    decay: float = Field(default=0.95, ge=0, lt=1)
    """m: MS = m·MS + (1 − m) g²"""

    def rule(self, given: Given) -> Correction:
        return AdaptiveDelayCompensation(self.strength, self.decay, given.batch_size)


@compiled
def _compensate(
    gradient: Vector,
    x: Vector,
    x_read: Vector,
    _memory: Vector,
    numbers: Vector,
) -> None:
    strength = numbers[0]
    for i in range(gradient.shape[0]):
        g = gradient[i]
        gradient[i] = g + strength * g * g * (x[i] - x_read[i])


@compiled
def _compensate_adaptively(
    gradient: Vector, x: Vector, x_read: Vector, square: Vector, numbers: Vector
) -> None:
    strength, decay, share = numbers[0], numbers[1], numbers[2]
    for i in range(gradient.shape[0]):
        g = gradient[i]
        mean = share * g
        square[i] = decay * square[i] + (1 - decay) * mean * mean
        scaled = share * strength / math.sqrt(square[i] + _TINY)
        gradient[i] = g + scaled * g * g * (x[i] - x_read[i])


class DelayCompensation(KernelCorrection):
    """g + λ g⊙g⊙(x − x_read), g being the mean over the mini-batch.

    Parameters
    ----------
    strength
        λ ≥ 0.
    batch_size
        M.
    """

    kernel = _compensate

    def __init__(self, strength: float, batch_size: int = 1) -> None:
        super().__init__(strength / batch_size)


class AdaptiveDelayCompensation(KernelCorrection):
    """The same with λ = λ_0 / sqrt(MS + 1e−7), where MS = m MS + (1 − m) g⊙g, from 0.

    MS goes on with each gradient, and includes the one that is corrected; g is the mean over the
    mini-batch.

    Parameters
    ----------
    strength
        λ_0 ≥ 0.
    decay
        m in [0, 1).
    batch_size
        M.
    """

    kernel = _compensate_adaptively

    def __init__(self, strength: float, decay: float = 0.95, batch_size: int = 1) -> None:
        super().__init__(strength, decay, 1 / batch_size)
