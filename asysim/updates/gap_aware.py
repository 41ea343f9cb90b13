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
from collections.abc import Callable
from typing import cast

import numpy as np

from asysim.ground.arrays import Vector
from asysim.jit.compiler import compiled


def _divide(gradient: Vector, x: Vector, x_read: Vector, square: Vector, scale: float) -> None:
    for i in range(gradient.shape[0]):
        usual = scale * math.sqrt(square[i])
        if usual > 0:
            gradient[i] = gradient[i] / (1 + abs(x[i] - x_read[i]) / usual)


def _follow(square: Vector, velocity: Vector, decay: float) -> None:
    for i in range(square.shape[0]):
        square[i] = decay * square[i] + (1 - decay) * velocity[i] * velocity[i]


divide = cast("Callable[[Vector, Vector, Vector, Vector, float], None]", compiled(_divide))
follow = cast("Callable[[Vector, Vector, float], None]", compiled(_follow))


class GapAware:
    """g / (1 + |x − x_read| / C), coordinate by coordinate; what C is stands above.

    Parameters
    ----------
    decay
        β in [0, 1) of the moving mean.
    """

    def __init__(self, decay: float = 0.999) -> None:
        self._decay = decay
        self._square: Vector | None = None
        self._longest = 0.0  # max γ
        self._forgotten = 1.0  # β^k

    def correct(self, gradient: Vector, x: Vector, x_read: Vector) -> None:
        if self._square is not None:
            scale = self._longest / math.sqrt(1 - self._forgotten)
            divide(gradient, x, x_read, self._square, scale)

    def stepped(self, velocity: Vector, step: float) -> None:
        if self._square is None:
            self._square = np.zeros_like(velocity)
        follow(self._square, velocity, self._decay)
        self._forgotten *= self._decay
        self._longest = max(self._longest, step)
