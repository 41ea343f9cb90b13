"""From which loss on a run counts as diverged: a multiple of what it began with.

A loss that began at 0, below it, or at its minimum has nothing to be a multiple of. So the scale
is |f(x_1)| or, if it is larger, what the noise of the first steps makes of the loss: SGD with steps
γ ends in a noise floor of γσ²/4 on a quadratic, or with momentum β in γσ²/(4(1 − β)), whatever the
curvature; and γ E‖G‖² / M, with G the SUM over a mini-batch at x_1, is no less than γσ².
The update rule's own noise ζ counts as G does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from asysim.problems.base import Problem
from asysim.replay.gradients import MiniBatchGradient, Sampler

DEFAULT = 1e6
_BATCHES = 16


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """What a loss must not rise above; healthy runs never ask for the noise.

    Parameters
    ----------
    factor
        How many times its scale a loss may rise; 0: it may always.
    problem
        The objective, whose mini-batches of worker 0 tell the noise.
    step
        γ_0.
    momentum
        β.
    perturbation
        Root of E‖ζ‖².
    batch_size, seed
        M, and what names the mini-batches.
    """

    factor: float
    problem: Problem
    step: float
    momentum: float
    perturbation: float
    batch_size: int
    seed: int

    def is_passed(self, start: float, loss: float) -> bool:
        """Whether a loss is too far above the one at the start."""
        rise = loss - start
        if self.factor == 0 or not rise > self.factor * abs(start):
            return False
        return rise > self.factor * self._noise

    @cached_property
    def _noise(self) -> float:
        """Return γ (E‖G‖² + E‖ζ‖²) / (M(1 − β)) at x_1, in the mean of a few mini-batches."""
        sampler = Sampler(self.problem, seed=self.seed, batch_size=self.batch_size)
        compute = MiniBatchGradient(self.problem, sampler)
        x, gradient = self.problem.start(), np.empty(self.problem.dimension)
        total = 0.0
        for draw in range(_BATCHES):
            compute(x, 0, draw, gradient)
            total += float(np.dot(gradient, gradient))
        square = total / _BATCHES + self.perturbation**2
        noise = self.step * square / self.batch_size / (1 - self.momentum)
        return noise if math.isfinite(noise) else math.inf
