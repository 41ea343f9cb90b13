"""Phase retrieval: which x* has these |aᵀx*|? Real, with Gaussian a; x* and −x* are as good.

    f(x) = mean over a of F(x, a),    F(x, a) = ½ ((aᵀx)² − (aᵀx*)²)²,
    ∇F = 2 ((aᵀx)² − (aᵀx*)²) (aᵀx) a.

With m vectors a given once it is a finite sum; with a fresh a for each sample it is the expectation
(`asysim.problems.phase_expectation`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from asysim.errors import unfit
from asysim.ground.arrays import Ints, Vector
from asysim.ground.ranges import Positive, Size
from asysim.jit.compiler import implements
from asysim.problems.base import Constants, CriticalPoint, Curvature, FiniteSum, Problem
from asysim.problems.compiled.finite_sums import finite_sums, without_work
from asysim.problems.compiled.generics import Matrix, gradient, shared
from asysim.problems.data_settings import TableSize
from asysim.problems.model import Sizes
from asysim.problems.phase_expectation import (
    PhaseProblem,
    StreamingPhaseRetrieval,
    minima,
    origin,
)
from asysim.problems.start import StartedModel

_DENSE = 500  # coordinates up to which all eigenvalues of a Hessian are found


class PhaseRetrievalSettings(StartedModel):
    """Phase retrieval of a random vector from Gaussian measurements without their signs."""

    papers = ("wang2019second", "sun2018geometric")
    compiled_by = ("measurements = 40", "")
    kind: Literal["phase_retrieval"] = "phase_retrieval"
    dimension: Size = Field(default=10, description="number of coordinates")
    measurements: Size | None = Field(
        default=None, description="m, made once; if not given, every sample is a fresh one"
    )
    signal: Positive = Field(default=1.0, description="‖x*‖, the length of what is looked for")

    @property
    def length(self) -> int:
        return self.dimension

    def build(self) -> Problem:
        from asysim.problems.data import gaussian_table, random_direction

        signal = self.signal * random_direction(self.dimension, seed=self.seed)
        if self.measurements is None:
            return StreamingPhaseRetrieval(signal, start=self.first())
        table = gaussian_table(self.measurements, self.dimension, seed=self.seed)
        return PhaseRetrieval(table, signal, start=self.first())

    def needs(self, table: TableSize | None) -> Sizes:  # noqa: ARG002
        made = self.measurements or 0
        making = 2.0 * 8 * made * self.dimension
        return Sizes(self.dimension, making=making, key="measurements" if made else "dimension")


class PhaseRetrieval(PhaseProblem, FiniteSum):
    """The finite sum over the rows of a table.

    Parameters
    ----------
    table
        The m vectors a, shape (m, n), finite.
    signal
        x*, shape (n,), not 0.
    start
        x_1, shape (n,), or one number for every coordinate; if None, `first_iterate` makes it.

    Raises
    ------
    InputError
        If an argument has the wrong shape or range.
    """

    def __init__(
        self,
        table: ArrayLike,
        signal: ArrayLike,
        *,
        start: ArrayLike | None = None,
    ) -> None:
        PhaseProblem.__init__(self, signal, start=start)
        self.table = np.array(table, dtype=np.float64)
        if self.table.ndim != 2 or not len(self.table) or self.table.shape[1] != self.dimension:
            wanted = f"one row or more of {self.dimension} numbers"
            raise unfit("table", f"shape {self.table.shape}", wanted)
        if not np.isfinite(self.table).all():
            raise unfit("table", "a number that is not finite", "finite numbers")
        self._squares = (self.table @ self.signal) ** 2
        FiniteSum.__init__(self, len(self.table))

    def gradient(self, x: Vector, batch: NDArray[np.int64], out: Vector) -> None:
        rows = self.table[batch]
        scores = rows @ x
        np.matmul(2 * (scores**2 - self._squares[batch]) * scores, rows, out=out)

    def value(self, x: Vector) -> float:
        errors = (self.table @ x) ** 2 - self._squares
        return 0.5 * float(np.dot(errors, errors)) / self.samples

    def full_gradient(self, x: Vector, out: Vector) -> float:
        scores = self.table @ x
        errors = scores**2 - self._squares
        np.matmul(2 / self.samples * errors * scores, self.table, out=out)
        return 0.5 * float(np.dot(errors, errors)) / self.samples

    def constants(self) -> Constants:
        """Return f* = 0. Of the others only bounds are known, too large by a factor of order n."""
        return Constants(minimum=0.0)

    def critical_points(self) -> tuple[CriticalPoint, ...]:
        """Return 0, with minus twice the largest eigenvalue of (1/m) Σ (aᵀx*)² aaᵀ, and ± x*.

        At x* the least curvature is four times the least eigenvalue. What stands near the sphere
        of the expectation is not known exactly.
        """
        eigenvalues = np.linalg.eigvalsh(self._weighted(self._squares))
        return (
            origin(self.dimension, -2 * float(eigenvalues[-1])),
            minima(self.signal, 4 * max(0.0, float(eigenvalues[0]))),
        )

    def curvature(self, x: Vector) -> Curvature:
        """Return the least eigenvalue of ∇²f(x), for up to 500 coordinates."""
        if self.dimension > _DENSE:
            return Curvature()
        weights = 6 * (self.table @ x) ** 2 - 2 * self._squares
        least = float(np.linalg.eigvalsh(self._weighted(weights))[0])
        return Curvature(least, least)

    def hvp(self, x: Vector, direction: Vector) -> Vector:
        weights = 6 * (self.table @ x) ** 2 - 2 * self._squares
        product: Vector = (weights * (self.table @ direction) / self.samples) @ self.table
        return product

    def kernel_model(self) -> PhaseRetrievalModel:
        return PhaseRetrievalModel(shared(self.table), shared(self._squares), self.samples)

    def _weighted(self, weights: Vector) -> Matrix:
        """Return (1/m) Σ w_i a_i a_iᵀ, shape (n, n)."""
        product: Matrix = (self.table * (weights / self.samples)[:, np.newaxis]).T @ self.table
        return product


# Compiled


class PhaseRetrievalModel(NamedTuple):
    """The vectors a, shape (m, n), and (aᵀx*)² of each."""

    table: Matrix
    squares: Vector
    samples: int


finite_sums(PhaseRetrievalModel)
without_work(PhaseRetrievalModel)


@implements(gradient, PhaseRetrievalModel)
def _gradient(
    model: PhaseRetrievalModel,
    x: Vector,
    batch: Ints,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    out[:] = 0.0
    for sample in batch:
        score = 0.0
        for i in range(out.size):
            score += model.table[sample, i] * x[i]
        weight = 2.0 * (score * score - model.squares[sample]) * score
        for i in range(out.size):
            out[i] += weight * model.table[sample, i]
