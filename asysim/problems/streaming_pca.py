"""Streaming principal component analysis, whose stationary points are the eigenvectors (Oja 1982).

    f(x) = ¼‖xxᵀ − Σ‖² = ¼ (‖x‖⁴ − 2 xᵀΣx + ‖Σ‖²),    ∇f = ‖x‖²x − Σx,    a ~ N(0, Σ),
    G(x, a) = ‖x‖²x − (aᵀx) a.

It is 0 at 0 and where x = ± √λ q for an eigenvector q of Σ with eigenvalue λ: the length is its
standard deviation, and the least curvature λ − λ_1, minus the gap to the first one.

*Oja's rule* is this descent. A step with γ and the samples a_1 … a_M is

    x − γ Σ_m G(x, a_m) = (1 − γM‖x‖²) (x + γ′ Σ_m (a_mᵀx) a_m),    γ′ = γ / (1 − γM‖x‖²),

whose direction is that of Oja's rule in its form with normalisation, which takes x to
(x + γ′ Σ (aᵀx) a) / ‖·‖: exactly, with a rate γ′ that becomes γ / (1 − γMλ_1) as x converges. What
differs is the length, which here is learnt too.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from asysim.errors import Clash, check_alone, unfit
from asysim.ground.arrays import Vector
from asysim.ground.ranges import Magnification, NotNegative, Size
from asysim.jit.compiler import implements
from asysim.problems.base import Constants, CriticalPoint, Curvature, Problem
from asysim.problems.compiled.finite_sums import without_work
from asysim.problems.compiled.generics import Matrix, gradient, shared
from asysim.problems.data_settings import TableSize
from asysim.problems.gaussian import GaussianSamples, gaussian_samples
from asysim.problems.model import Sizes
from asysim.problems.start import StartedModel, first_iterate


class StreamingPcaSettings(StartedModel):
    """Streaming principal component analysis by Oja's rule: a fresh Gaussian vector per sample."""

    papers = ("wang2019second", "oja1982simplified")
    compiled_by = ("",)
    kind: Literal["streaming_pca"] = "streaming_pca"
    dimension: Size | None = Field(
        default=None, description="number of coordinates; 10 if no eigenvalues are given"
    )
    condition: Magnification | None = Field(
        default=None,
        description="eigenvalues of the covariance spaced evenly in their logarithm from 1 down to "
        "1/condition; 10 if no eigenvalues are given",
    )
    eigenvalues: tuple[NotNegative, ...] | None = Field(
        default=None, min_length=1, description="of the covariance, in place of the two above"
    )

    @model_validator(mode="after")
    def _one_spectrum(self) -> StreamingPcaSettings:
        check_alone(self, "eigenvalues", "dimension", "condition")
        if self.eigenvalues is not None and not any(self.eigenvalues):
            raise Clash("eigenvalues", "should have one that is more than 0")
        return self

    @property
    def length(self) -> int:
        return len(self.eigenvalues or ()) or self.dimension or 10

    def build(self) -> Problem:
        from asysim.problems.data import spectrum

        eigenvalues = self.eigenvalues or spectrum(self.length, self.condition or 10.0)
        return StreamingPca(eigenvalues, start=self.first())

    def needs(self, table: TableSize | None) -> Sizes:  # noqa: ARG002
        return Sizes(self.length, key="dimension" if self.dimension else "eigenvalues")


class StreamingPca(GaussianSamples):
    """The function above with Σ = diag(λ): its eigenvectors are the axes.

    Parameters
    ----------
    eigenvalues
        λ, shape (n,), at least 0, in any order; one of them is more.
    start
        x_1, shape (n,), or one number for every coordinate; if None, `first_iterate` makes it.

    Raises
    ------
    InputError
        If an argument has the wrong shape or range.
    """

    def __init__(
        self,
        eigenvalues: ArrayLike,
        *,
        start: ArrayLike | None = None,
    ) -> None:
        self.eigenvalues = np.array(eigenvalues, dtype=np.float64)
        if self.eigenvalues.ndim != 1 or not self.eigenvalues.size:
            raise unfit("eigenvalues", f"shape {self.eigenvalues.shape}", "one number or more")
        if not np.isfinite(self.eigenvalues).all() or (self.eigenvalues < 0).any():
            raise unfit("eigenvalues", "one that is negative or not finite", "numbers of 0 or more")
        if not self.eigenvalues.any():
            raise unfit("eigenvalues", "only 0", "one at least that is more")
        self._start = first_iterate(self.dimension, start)
        self._roots = np.sqrt(self.eigenvalues)
        self._square = math.fsum(self.eigenvalues**2)  # ‖Σ‖²
        self.radius = math.sqrt(
            max(2 * float(self.eigenvalues.max()), float(np.dot(self._start, self._start)))
        )
        super().__init__(words=self.dimension)

    @property
    def dimension(self) -> int:
        return self.eigenvalues.size

    def start(self) -> Vector:
        return self._start.copy()

    def gradient(self, x: Vector, batch: NDArray[np.float64], out: Vector) -> None:
        samples = batch * self._roots
        np.multiply(x, len(batch) * np.dot(x, x), out=out)
        out -= (samples @ x) @ samples

    def value(self, x: Vector) -> float:
        square = float(np.dot(x, x))
        along = float(np.dot(self.eigenvalues * x, x))
        return 0.25 * (square * square - 2 * along + self._square)

    def full_gradient(self, x: Vector, out: Vector) -> float:
        np.multiply(np.dot(x, x) - self.eigenvalues, x, out=out)
        return self.value(x)

    def constants(self) -> Constants:
        """Return what holds where ‖x‖² ≤ R = max(2λ_1, ‖x_1‖²), and there is attained.

        √R is `radius`. L = L_max = 3R − λ_n, ρ = 6√R; σ² = R(λ_1 tr Σ + λ_1²), from the fourth
        moments of a Gaussian vector. f* = ¼ Σ_{j≥2} λ_j² everywhere. f is a quartic: on all of
        space there are no such constants.
        """
        largest, least = float(self.eigenvalues.max()), float(self.eigenvalues.min())
        square = self.radius**2
        trace = float(self.eigenvalues.sum())
        return Constants(
            lipschitz=3 * square - least,
            variance=square * largest * (trace + largest),
            minimum=0.25 * (self._square - largest**2),
            hessian_lipschitz=6 * self.radius,
            coordinate_lipschitz=3 * square - least,
        )

    def critical_points(self) -> tuple[CriticalPoint, ...]:
        """Return all there are: the origin, and ± √λ q for each eigenvalue λ > 0, largest first.

        Where eigenvalues are equal, q is any unit vector of their space, and the distance is that
        from the whole sphere.
        """
        levels = np.unique(self.eigenvalues)[::-1]
        largest = float(levels[0])
        origin = np.zeros(self.dimension)
        points = [CriticalPoint("origin", origin, -largest, lambda x: float(np.linalg.norm(x)))]
        for place, level in enumerate(levels[levels > 0]):
            mine = self.eigenvalues == level
            point = np.zeros(self.dimension)
            point[int(np.argmax(mine))] = math.sqrt(level)
            least = float(level) - largest
            if place == 0:  # the minimum: flat along the sphere, or up to the next eigenvalue
                rest = [2 * largest, *(largest - levels[1:])]
                least = 0.0 if mine.sum() > 1 else float(min(rest))
            distance = partial(_distance, mine, math.sqrt(level))
            points.append(CriticalPoint(f"eigenvector {place + 1}", point, least, distance))
        return tuple(points)

    def curvature(self, x: Vector) -> Curvature:
        """Return two bounds of the least eigenvalue of ‖x‖²I − Σ + 2xxᵀ.

        It lies between the first two eigenvalues of the diagonal part, as a positive matrix of
        rank one is added, and below the quotient of Rayleigh with the first axis.
        """
        diagonal = float(np.dot(x, x)) - self.eigenvalues
        first = int(np.argmin(diagonal))
        rest = np.delete(diagonal, first)
        high = float(diagonal[first] + 2 * x[first] ** 2)
        return Curvature(float(diagonal[first]), min([high, *rest[rest < high]]))

    def hvp(self, x: Vector, direction: Vector) -> Vector:
        product: Vector = (np.dot(x, x) - self.eigenvalues) * direction
        product += 2 * np.dot(x, direction) * x
        return product

    def kernel_model(self) -> StreamingPcaModel:
        return StreamingPcaModel(shared(self._roots), self.deviation, self.words)


def _distance(mine: NDArray[np.bool_], length: float, x: Vector) -> float:
    """Return how far x is from the vectors of a length that only have some coordinates."""
    inside = float(np.linalg.norm(x[mine]))
    return float(np.hypot(inside - length, np.linalg.norm(x[~mine])))


# Compiled


class StreamingPcaModel(NamedTuple):
    """√λ, shape (n,); the standard deviation of a coordinate of ξ, 1; words for a sample, n."""

    roots: Vector
    deviation: float
    words: int


gaussian_samples(StreamingPcaModel)
without_work(StreamingPcaModel)


@implements(gradient, StreamingPcaModel)
def _gradient(
    model: StreamingPcaModel,
    x: Vector,
    batch: Matrix,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    square = 0.0
    for i in range(out.size):
        square += x[i] * x[i]
    for i in range(out.size):
        out[i] = x[i] * (square * len(batch))
    for m in range(len(batch)):
        score = 0.0
        for i in range(out.size):
            score += batch[m, i] * model.roots[i] * x[i]
        for i in range(out.size):
            out[i] -= score * (batch[m, i] * model.roots[i])
