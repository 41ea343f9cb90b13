"""DC-ASGD: the gradient at x, from the one at x_read, by Taylor's formula with g⊙g for ∇²f.

Zheng, Meng, Wang, Chen, Yu, Ma & Liu, Asynchronous Stochastic Gradient Descent with Delay
Compensation, ICML 2017, arXiv 1609.08326.

The rule g + λ g⊙g⊙(x − x_read) is not homogeneous in g, which is the MEAN over the mini-batch
there. For the sum G = Mg it is G + (λ/M) G⊙G⊙(x − x_read), which leaves G, to the bit, where
x = x_read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import numpy as np

from asysim.ground.arrays import Vector
from asysim.jit.compiler import compiled

_TINY = 1e-7  # the paper's ε


def _compensate(gradient: Vector, x: Vector, x_read: Vector, strength: float) -> None:
    for i in range(gradient.shape[0]):
        g = gradient[i]
        gradient[i] = g + strength * g * g * (x[i] - x_read[i])


def _compensate_adaptively(
    gradient: Vector, x: Vector, x_read: Vector, square: Vector,
    decay: float, strength: float, share: float,
) -> None:  # fmt: skip
    for i in range(gradient.shape[0]):
        g = gradient[i]
        mean = share * g
        square[i] = decay * square[i] + (1 - decay) * mean * mean
        scaled = share * strength / math.sqrt(square[i] + _TINY)
        gradient[i] = g + scaled * g * g * (x[i] - x_read[i])


compensate = cast("Callable[[Vector, Vector, Vector, float], None]", compiled(_compensate))
compensate_adaptively = cast(
    "Callable[[Vector, Vector, Vector, Vector, float, float, float], None]",
    compiled(_compensate_adaptively),
)


class DelayCompensation:
    """g + λ g⊙g⊙(x − x_read), g being the mean over the mini-batch.

    Parameters
    ----------
    strength
        λ ≥ 0.
    batch_size
        M.
    """

    def __init__(self, strength: float, batch_size: int = 1) -> None:
        self._strength = strength / batch_size

    def correct(self, gradient: Vector, x: Vector, x_read: Vector) -> None:
        compensate(gradient, x, x_read, self._strength)


class AdaptiveDelayCompensation:
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

    def __init__(self, strength: float, decay: float = 0.95, batch_size: int = 1) -> None:
        self._strength, self._decay, self._share = strength, decay, 1 / batch_size
        self._square: Vector | None = None

    def correct(self, gradient: Vector, x: Vector, x_read: Vector) -> None:
        if self._square is None:
            self._square = np.zeros_like(gradient)
        compensate_adaptively(
            gradient, x, x_read, self._square, self._decay, self._strength, self._share
        )
