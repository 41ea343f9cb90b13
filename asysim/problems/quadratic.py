"""The quadratic bowl or saddle with Gaussian gradient noise: everything is known exactly."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asysim.errors import unfit
from asysim.ground.arrays import Vector
from asysim.problems.base import Constants, Curvature
from asysim.random.streams import Words, uniforms


class Quadratic:
    """f(x) = ½ xᵀ diag(λ) x, with G(x, ξ) = λ ∘ x + ξ and ξ ~ N(0, σ²/n · I).

    The noise of one sample has E‖ξ‖² = σ², whatever the dimension n.

    Parameters
    ----------
    eigenvalues
        λ, shape (n,), finite. Negative ones make a saddle at 0.
    noise
        σ ≥ 0. At 0 the gradient is deterministic and a sample takes no random words.
    start
        x_1, shape (n,), or one number for every coordinate.

    Raises
    ------
    InputError
        If an argument has the wrong shape or range.
    """

    def __init__(
        self, eigenvalues: ArrayLike, *, noise: float = 0.0, start: ArrayLike = 1.0
    ) -> None:
        self.eigenvalues = np.array(eigenvalues, dtype=np.float64)
        self.noise = float(noise)
        if self.eigenvalues.ndim != 1 or not self.eigenvalues.size:
            raise unfit("eigenvalues", f"shape {self.eigenvalues.shape}", "one number or more")
        if not np.isfinite(self.eigenvalues).all():
            raise unfit("eigenvalues", "a number that is not finite", "finite numbers")
        if not 0 <= self.noise < math.inf:
            raise unfit("noise", str(noise), "a finite standard deviation of 0 or more")
        point = np.array(start, dtype=np.float64)
        if point.shape not in ((), self.eigenvalues.shape):
            raise unfit("start", f"shape {point.shape}", f"one number, or {self.dimension} of them")
        if not np.isfinite(point).all():
            raise unfit("start", "a number that is not finite", "finite numbers")
        self._start = np.broadcast_to(point, self.eigenvalues.shape)

    @property
    def dimension(self) -> int:
        return self.eigenvalues.size

    @property
    def words(self) -> int:
        return self.dimension if self.noise > 0 else 0

    def start(self) -> Vector:
        return self._start.copy()

    def sample(self, words: Words) -> NDArray[np.float64]:
        """Return the noise vectors ξ, shape (draws, M, `words`): with no noise they are empty."""
        from scipy.special import ndtri  # takes a while, and compiled gradients don't ask for it

        unit: Vector = ndtri(uniforms(words))
        return unit * (self.noise / math.sqrt(self.dimension))

    def gradient(self, x: Vector, batch: NDArray[np.float64], out: Vector) -> None:
        np.multiply(self.eigenvalues, x, out=out)
        out *= len(batch)
        if self.words:
            out += batch.sum(axis=0)

    def value(self, x: Vector) -> float:
        return float(0.5 * np.dot(self.eigenvalues * x, x))

    def full_gradient(self, x: Vector, out: Vector) -> float:
        np.multiply(self.eigenvalues, x, out=out)
        return float(0.5 * np.dot(out, x))

    def constants(self) -> Constants:
        """Return L = max |λ|, σ², and f* = 0, or None for a saddle, which has no least value."""
        return Constants(
            lipschitz=float(np.abs(self.eigenvalues).max()),
            variance=self.noise**2,
            minimum=0.0 if (self.eigenvalues >= 0).all() else None,
        )

    def curvature(self, x: Vector) -> Curvature:  # noqa: ARG002  (everywhere the same)
        """Return the least of λ, which is that of ∇²f everywhere."""
        least = float(self.eigenvalues.min())
        return Curvature(least, least)

    def hvp(self, x: Vector, direction: Vector) -> Vector:  # noqa: ARG002  (everywhere the same)
        product: Vector = self.eigenvalues * direction
        return product
