"""Low-rank matrix sensing: find S = UUᵀ from m numbers ⟨A_i, S⟩, with Gaussian A_i.

    f(U) = (1/m) Σ F_i,    F_i = ¼ (⟨A_i, UUᵀ⟩ − b_i)²,    ∇F_i = (⟨A_i, UUᵀ⟩ − b_i) A_i U.

A_i is symmetric, the mean of a table of N(0, 1) and its transpose, so that E⟨A, X⟩² = ‖X‖² and
f is, in expectation, the ¼‖UUᵀ − S‖² of symmetric factorisation. At U = 0 the Hessian is −B ⊗ I
with B = (1/m) Σ b_i A_i, of which S is the expectation: λ_min = −λ_max(B), exactly.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from asysim.errors import unfit
from asysim.ground.arrays import Ints, Vector
from asysim.ground.ranges import Size
from asysim.jit.compiler import implements
from asysim.problems.base import Constants, CriticalPoint, Curvature, FiniteSum, Problem
from asysim.problems.compiled.finite_sums import finite_sums
from asysim.problems.compiled.generics import gradient, new_work, shared
from asysim.problems.data_settings import TableSize
from asysim.problems.low_rank import LowRank, Matrix, SymmetricTable, orbit
from asysim.problems.model import Sizes


class MatrixSensingSettings(SymmetricTable):
    """Sensing of a random symmetric low-rank matrix by Gaussian measurements."""

    papers = ("wang2019second", "ge2017spurious")
    compiled_by = ("",)
    kind: Literal["matrix_sensing"] = "matrix_sensing"
    measurements: Size | None = Field(default=None, description="m; 5 · size · rank")

    @property
    def count(self) -> int:
        """How many measurements, m."""
        return self.measurements or 5 * self.size * self.rank

    def build(self) -> Problem:
        from asysim.problems.data import symmetric_tables

        tables = symmetric_tables(self.count, self.size, seed=self.seed)
        return MatrixSensing(tables, self.symmetric(), rank=self.rank, start=self.first())

    def needs(self, table: TableSize | None) -> Sizes:  # noqa: ARG002
        making = 3.0 * 8 * self.count * self.size**2
        return Sizes(
            self.length, making=making, key="measurements" if self.measurements else "size"
        )


class MatrixSensing(LowRank, FiniteSum):
    """The function above, x = U row by row; one sample is one measurement.

    Parameters
    ----------
    tables
        The A_i, shape (m, n, n), symmetric.
    matrix, rank, start
        As for `LowRank`.

    Raises
    ------
    InputError
        If an argument has the wrong shape or range.
    """

    def __init__(
        self,
        tables: ArrayLike,
        matrix: ArrayLike,
        *,
        rank: int,
        start: ArrayLike | None = None,
    ) -> None:
        LowRank.__init__(self, matrix, rank=rank, start=start)
        given = np.array(tables, dtype=np.float64)
        if given.ndim != 3 or not len(given) or given.shape[1:] != self.matrix.shape:
            wanted = f"tables of shape {self.matrix.shape}, as the matrix"
            raise unfit("tables", f"shape {given.shape}", wanted)
        if not np.isfinite(given).all() or not (given == given.transpose(0, 2, 1)).all():
            raise unfit("tables", "one that is not symmetric and finite", "symmetric")
        self._tables = given.reshape(len(given), -1)
        self._measured = self._tables @ self.matrix.ravel()
        FiniteSum.__init__(self, len(given))

    def gradient(self, x: Vector, batch: NDArray[np.int64], out: Vector) -> None:
        tables, factor = self._tables[batch], self.factor(x)
        errors = tables @ (factor @ factor.T).ravel() - self._measured[batch]
        np.matmul(self._square(errors @ tables), factor, out=self.factor(out))

    def value(self, x: Vector) -> float:
        errors = self._errors(x)
        return 0.25 * float(np.dot(errors, errors)) / self.samples

    def full_gradient(self, x: Vector, out: Vector) -> float:
        errors = self._errors(x)
        np.matmul(self._adjoint(errors), self.factor(x), out=self.factor(out))
        return 0.25 * float(np.dot(errors, errors)) / self.samples

    def constants(self) -> Constants:
        """Return f* = 0 if U can be as wide as S, and bounds where ‖U‖ ≤ `radius`, of square R.

        With a = λ_max of (1/m) Σ vec(A_i) vec(A_i)ᵀ, what measuring makes of a squared norm at the
        most: L = L_max = a (2R + √r R + ‖S‖) and ρ = 6a √R. Of σ² only bounds are known, too large
        by far.
        """
        from asysim.problems.features import largest_eigenvalue

        most, square = largest_eigenvalue(self._tables) / self.samples, self.radius**2
        norm = float(np.linalg.norm(self.matrix))
        lipschitz = most * (2 * square + float(np.sqrt(self.rank)) * square + norm)
        return Constants(
            lipschitz=lipschitz,
            minimum=0.0 if self._true_rank <= self.rank else None,
            hessian_lipschitz=6 * most * self.radius,
            coordinate_lipschitz=lipschitz,
        )

    def critical_points(self) -> tuple[CriticalPoint, ...]:
        """Return 0 and, if U can be as wide as S, the truth with all its rotations.

        There the Hessian is (2/m) Σ vec(A_iU) vec(A_iU)ᵀ, which is 0 along a rotation or an empty
        column.
        """
        zero = np.zeros_like(self.factor(self._start))
        least = -float(np.linalg.eigvalsh(self._adjoint(self._measured))[-1])
        points = [orbit("rank 0", zero, least)]
        if self._true_rank <= self.rank:
            truth, least = self.leading(self._true_rank), 0.0
            if self.rank == 1:
                seen = self._tables.reshape(-1, *self.matrix.shape) @ truth[:, 0]
                least = 2 * max(0.0, float(np.linalg.eigvalsh(seen.T @ seen)[0])) / self.samples
            points.append(orbit("truth", truth, least))
        return tuple(points)

    def curvature(self, x: Vector) -> Curvature:
        """Return two bounds, equal where U has not full rank.

        They are those of symmetric factorisation with (1/m) Σ e_i A_i for UUᵀ − S, and
        (2/m) Σ ⟨A_i, UVᵀ⟩² for the first term of the Hessian.
        """
        values, vectors = np.linalg.eigh(self._adjoint(self._errors(x)))
        factor = self.factor(x)
        most = factor @ np.linalg.svd(factor)[2][-1]
        seen = self._tables @ np.outer(most, vectors[:, 0]).ravel()
        extra = 2 * float(np.dot(seen, seen)) / self.samples
        return Curvature(float(values[0]), float(values[0]) + extra)

    def hvp(self, x: Vector, direction: Vector) -> Vector:
        u, v = self.factor(x), self.factor(direction)
        change = 2 * (self._tables @ (u @ v.T).ravel())
        return np.ravel(self._adjoint(self._errors(x)) @ v + self._adjoint(change) @ u)

    def kernel_model(self) -> SensingModel:
        return SensingModel(
            shared(self._tables), shared(self._measured), len(self.matrix), self.rank, self.samples
        )

    @property
    def _true_rank(self) -> int:
        return int(np.count_nonzero(self.eigenvalues))

    def _errors(self, x: Vector) -> Vector:
        factor = self.factor(x)
        errors: Vector = self._tables @ (factor @ factor.T).ravel() - self._measured
        return errors

    def _adjoint(self, weights: Vector) -> Matrix:
        """Return (1/m) Σ w_i A_i, shape (n, n)."""
        return self._square(weights / self.samples @ self._tables)

    def _square(self, entries: Vector) -> Matrix:
        table: Matrix = entries.reshape(self.matrix.shape)
        return table


# Compiled


class SensingModel(NamedTuple):
    """The A_i, shape (m, n²), and b_i; n; r; m."""

    tables: Matrix
    measured: Vector
    size: int
    rank: int
    samples: int


finite_sums(SensingModel)


@implements(new_work, SensingModel)
def _new_work(model: SensingModel, batch_size: int) -> Vector:  # noqa: ARG001
    """Room for UUᵀ, and for the sum of the A_i with their errors as weights."""
    return np.empty(2 * model.size * model.size)


@implements(gradient, SensingModel)
def _gradient(model: SensingModel, x: Vector, batch: Ints, work: Vector, out: Vector) -> None:
    size, rank = model.size, model.rank
    entries = size * size
    for i in range(size):
        for j in range(size):
            product = 0.0
            for k in range(rank):
                product += x[i * rank + k] * x[j * rank + k]
            work[i * size + j] = product
    for i in range(entries):
        work[entries + i] = 0.0
    for sample in batch:
        error = 0.0
        for i in range(entries):
            error += model.tables[sample, i] * work[i]
        error -= model.measured[sample]
        for i in range(entries):
            work[entries + i] += error * model.tables[sample, i]
    for i in range(size):
        for k in range(rank):
            total = 0.0
            for j in range(size):
                total += work[entries + i * size + j] * x[j * rank + k]
            out[i * rank + k] = total
