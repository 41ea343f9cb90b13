"""Momentum at the server: heavy ball.

Polyak, Some Methods of Speeding up the Convergence of Iteration Methods, USSR Computational
Mathematics and Mathematical Physics 4(5), 1964.
"""

from __future__ import annotations

import numpy as np

from asysim.ground.arrays import Vector
from asysim.jit.compiler import compiled

PAPER = "polyak1964methods"


@compiled
def accumulated(velocity: float, gradient: float, momentum: float) -> float:
    """Return one coordinate of β v_k + g_k."""
    return momentum * velocity + gradient


@compiled
def accumulate(velocity: Vector, gradient: Vector, momentum: float) -> None:
    """Make v_{k+1} = β v_k + g_k, in place."""
    for i in range(velocity.shape[0]):
        velocity[i] = accumulated(velocity[i], gradient[i], momentum)


class HeavyBall:
    """v_{k+1} = β v_k + g_k from v_0 = 0, so that x_{k+1} = x_k − γ_k v_{k+1}.

    With a constant γ that is Polyak's x_{k+1} = x_k − γ g_k + β (x_k − x_{k−1}).

    Parameters
    ----------
    momentum
        β in [0, 1).

    Attributes
    ----------
    last
        The v that was returned last; None before the first.
    """

    def __init__(self, momentum: float) -> None:
        self._momentum = momentum
        self.last: Vector | None = None

    def velocity(self, gradient: Vector) -> Vector:
        """Return v_{k+1} for g_k, shape (n,); don't change it, it is v_k the next time."""
        if self.last is None:
            self.last = np.zeros_like(gradient)
        accumulate(self.last, gradient, self._momentum)
        return self.last
