"""Gap-Aware: a gradient is divided by how far x has moved since it was read.

Barkai, Hakimi & Schuster, Gap Aware Mitigation of Gradient Staleness, ICLR 2020, arXiv 1909.10802.

What is implemented, coordinate by coordinate: g / (1 + |x − x_read| / C) with
C = max γ · sqrt(E), so the gap is counted in usual updates of that coordinate.

- max γ is the largest γ_k so far.
- E is the exponential moving mean of v², where v is what γ_k multiplied in each update made so
  far: with momentum the velocity, without it the (corrected, weighed, summed) gradients. Its
  weights sum to 1: E = Σ_j (1 − β) β^(k−1−j) v_j² / (1 − β^k) over the updates j < k. As
  recalled; a mean that begins at 0 and is not divided by 1 − β^k would make C far too small
  during the first 1/(1 − β) updates.
- A coordinate with C = 0, as all have before the first update, has never moved: its gradient is
  left alone.

γv is the change of x whether γ goes with sums or means, so nothing has to be converted.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from asysim.ground.arrays import Vector
from asysim.jit.compiler import compiled
from asysim.updates.base import Correction, CorrectionRule, Given, KernelCorrection

_DECAY, _LONGEST, _FORGOTTEN = range(3)
"""Its numbers: β; max γ, 0 before the first update; and β^k."""


class GapAwareCorrection(CorrectionRule):
    """Gap-Aware: g / (1 + |x − x_read| / C), C being a usual change of x (Barkai et al. 2020)."""

    papers = ("barkai2020gap",)

    kind: Literal["gap-aware"]
    decay: float = Field(default=0.999, ge=0, lt=1)
    """of the moving mean of step² in C"""

    def rule(self, given: Given) -> Correction:  # noqa: ARG002
        return GapAware(self.decay)


@compiled
def _divide(gradient: Vector, x: Vector, x_read: Vector, square: Vector, numbers: Vector) -> None:
    if not numbers[_LONGEST] > 0:
        return
    scale = numbers[_LONGEST] / math.sqrt(1 - numbers[_FORGOTTEN])
    for i in range(gradient.shape[0]):
        usual = scale * math.sqrt(square[i])
        if usual > 0:
            gradient[i] = gradient[i] / (1 + abs(x[i] - x_read[i]) / usual)


@compiled
def _follow(velocity: Vector, step: float, square: Vector, numbers: Vector) -> None:
    decay = numbers[_DECAY]
    for i in range(square.shape[0]):
        square[i] = decay * square[i] + (1 - decay) * velocity[i] * velocity[i]
    numbers[_FORGOTTEN] *= decay
    numbers[_LONGEST] = max(numbers[_LONGEST], step)


class GapAware(KernelCorrection):
    """g / (1 + |x − x_read| / C), coordinate by coordinate; what C is stands above.

    Parameters
    ----------
    decay
        β in [0, 1) of the moving mean.
    """

    kernel = _divide
    follow = _follow

    def __init__(self, decay: float = 0.999) -> None:
        super().__init__(decay, 0.0, 1.0)
