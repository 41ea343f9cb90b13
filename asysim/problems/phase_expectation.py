"""Phase retrieval with a fresh a ~ N(0, I) for each sample: the expectation, in closed form.

By the fourth moments of a Gaussian vector (Sun, Qu & Wright 2018, A geometric analysis of phase
retrieval),

    f = (3/2)‖x‖⁴ − ‖x‖²‖x*‖² − 2(xᵀx*)² + (3/2)‖x*‖⁴,
    ∇f = 6‖x‖²x − 2‖x*‖²x − 4(xᵀx*)x*,    ∇²f = (6‖x‖² − 2‖x*‖²) I + 12 xxᵀ − 4 x*x*ᵀ.

Its stationary points are 0, with λ_min = −6‖x*‖² along x*; the sphere x ⊥ x*, ‖x‖² = ‖x*‖²/3, with
λ_min = −4‖x*‖² along x*; and the minima ± x*, with λ_min = 4‖x*‖².
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asysim.errors import unfit
from asysim.ground.arrays import Vector
from asysim.jit.compiler import implements
from asysim.problems.base import Constants, CriticalPoint, Curvature
from asysim.problems.compiled.finite_sums import without_work
from asysim.problems.compiled.generics import Matrix, gradient, shared
from asysim.problems.gaussian import GaussianSamples, gaussian_samples
from asysim.problems.start import first_iterate


class PhaseProblem:
    """What the finite sum and the expectation share: x* and x_1."""

    def __init__(self, signal: ArrayLike, *, start: ArrayLike | None) -> None:
        self.signal = np.array(signal, dtype=np.float64)
        if self.signal.ndim != 1 or not self.signal.size:
            raise unfit("signal", f"shape {self.signal.shape}", "one number or more")
        if not np.isfinite(self.signal).all() or not self.signal.any():
            raise unfit("signal", "only 0, or a number that is not finite", "finite, and not 0")
        self._start = first_iterate(self.dimension, start)

    @property
    def dimension(self) -> int:
        return self.signal.size

    def start(self) -> Vector:
        return self._start.copy()


class StreamingPhaseRetrieval(PhaseProblem, GaussianSamples):
    """The expectation, with a fresh a ~ N(0, I) for each sample.

    Parameters
    ----------
    signal
        x*, shape (n,), not 0.
    start
        As for `PhaseRetrieval`.

    Raises
    ------
    InputError
        If an argument has the wrong shape or range.
    """

    def __init__(
        self,
        signal: ArrayLike,
        *,
        start: ArrayLike | None = None,
    ) -> None:
        PhaseProblem.__init__(self, signal, start=start)
        GaussianSamples.__init__(self, words=self.dimension)
        self._square = math.fsum(self.signal**2)
        self.radius = math.sqrt(max(2 * self._square, float(np.dot(self._start, self._start))))

    def gradient(self, x: Vector, batch: NDArray[np.float64], out: Vector) -> None:
        scores = batch @ x
        np.matmul(2 * (scores**2 - (batch @ self.signal) ** 2) * scores, batch, out=out)

    def value(self, x: Vector) -> float:
        # Sums of squares lose no digits at the minimum: with p = x − x* and q = x + x*,
        # f = ½ E (aᵀp)² (aᵀq)² = ½ ‖p‖²‖q‖² + (pᵀq)².
        less, more = x - self.signal, x + self.signal
        both = float(np.dot(less, more))
        return 0.5 * float(np.dot(less, less)) * float(np.dot(more, more)) + both * both

    def full_gradient(self, x: Vector, out: Vector) -> float:
        np.multiply(6 * np.dot(x, x) - 2 * self._square, x, out=out)
        out -= 4 * np.dot(x, self.signal) * self.signal
        return self.value(x)

    def constants(self) -> Constants:
        """Return f* = 0 everywhere, and the others where ‖x‖² ≤ R = max(2‖x*‖², ‖x_1‖²).

        √R is `radius`. L = 18R − 2‖x*‖² (from n = 2) and ρ = 36 √R are attained; L_max is a bound.
        E‖G‖² = 4(n + 6)(15r³ − 6r²s − 24rc² + 3rs² + 12sc²) with r = ‖x‖², s = ‖x*‖² and
        c = xᵀx*, by the moments of a Gaussian vector; it is largest at r = R and c = 0, and σ² is
        taken to be that.
        """
        s = self._square
        r = self.radius**2
        lipschitz = 18 * r - 2 * s
        return Constants(
            lipschitz=lipschitz,
            variance=4 * (self.dimension + 6) * (15 * r**3 - 6 * r**2 * s + 3 * r * s**2),
            minimum=0.0,
            hessian_lipschitz=36 * self.radius,
            coordinate_lipschitz=lipschitz,
        )

    def critical_points(self) -> tuple[CriticalPoint, ...]:
        """Return all there are: 0, the sphere (from n = 2), and ± x*."""
        s, n = self._square, self.dimension
        points = [origin(n, -6 * s)]
        if n > 1:
            across = _across(self.signal)
            radius = math.sqrt(s / 3)
            distance = partial(_from_ring, self.signal / math.sqrt(s), radius)
            points.append(CriticalPoint("ring", radius * across, -4 * s, distance))
        points.append(minima(self.signal, 4 * s if n > 1 else 12 * s))
        return tuple(points)

    def curvature(self, x: Vector) -> Curvature:
        """Return the least eigenvalue of ∇²f(x): of a 2 × 2 matrix, or what stands beside it."""
        r, s, c = float(np.dot(x, x)), self._square, float(np.dot(x, self.signal))
        flat = 6 * r - 2 * s
        # 12 xxᵀ − 4 x*x*ᵀ has rank two: its trace, and its determinant on the plane.
        trace, determinant = 12 * r - 4 * s, -48 * max(0.0, r * s - c * c)
        least = trace / 2 - math.sqrt(max(0.0, trace * trace / 4 - determinant))
        if self.dimension == 1:
            least = trace
        elif self.dimension > 2:
            least = min(0.0, least)
        return Curvature(flat + least, flat + least)

    def hvp(self, x: Vector, direction: Vector) -> Vector:
        product: Vector = (6 * np.dot(x, x) - 2 * self._square) * direction
        product += 12 * np.dot(x, direction) * x
        product -= 4 * np.dot(self.signal, direction) * self.signal
        return product

    def kernel_model(self) -> StreamingPhaseModel:
        return StreamingPhaseModel(shared(self.signal), self.deviation, self.words)


def origin(dimension: int, least: float) -> CriticalPoint:
    """Return the saddle at 0."""
    return CriticalPoint("origin", np.zeros(dimension), least, lambda x: float(np.linalg.norm(x)))


def minima(signal: Vector, least: float) -> CriticalPoint:
    """Return x* with −x*."""

    def distance(x: Vector) -> float:
        return float(min(np.linalg.norm(x - signal), np.linalg.norm(x + signal)))

    return CriticalPoint("signal", signal.copy(), least, distance)


def _across(signal: Vector) -> Vector:
    """Return a unit vector at a right angle to the signal."""
    axis = np.zeros(signal.size)
    axis[int(np.argmin(abs(signal)))] = 1.0
    axis -= np.dot(axis, signal) / np.dot(signal, signal) * signal
    unit: Vector = axis / np.linalg.norm(axis)
    return unit


def _from_ring(unit: Vector, radius: float, x: Vector) -> float:
    """Return how far x is from the vectors at a right angle to `unit` with a length."""
    along = float(np.dot(unit, x))
    across = float(np.linalg.norm(x - along * unit))
    return math.hypot(along, across - radius)


# Compiled


class StreamingPhaseModel(NamedTuple):
    """x*, shape (n,); the standard deviation of a coordinate of a, 1; words for a sample, n."""

    signal: Vector
    deviation: float
    words: int


gaussian_samples(StreamingPhaseModel)
without_work(StreamingPhaseModel)


@implements(gradient, StreamingPhaseModel)
def _streaming_gradient(
    model: StreamingPhaseModel,
    x: Vector,
    batch: Matrix,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    out[:] = 0.0
    for m in range(len(batch)):
        score, true = 0.0, 0.0
        for i in range(out.size):
            score += batch[m, i] * x[i]
            true += batch[m, i] * model.signal[i]
        weight = 2.0 * (score * score - true * true) * score
        for i in range(out.size):
            out[i] += weight * batch[m, i]
