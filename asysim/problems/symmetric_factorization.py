"""Symmetric low-rank factorisation, f(U) = ¼‖UUᵀ − S‖²: rank-deficient U are strict saddles.

    ∇f = (UUᵀ − S) U,    ∇²f[V, V] = ½‖UVᵀ + VUᵀ‖² + ⟨UUᵀ − S, VVᵀ⟩.

With the first k < r eigenpairs of S and else 0, ∇f = 0 and λ_min = −σ_{k+1}(S), in the direction
of the next eigenvector and of a column that U leaves empty. With r pairs it is a minimum.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asysim.ground.arrays import Vector
from asysim.problems.base import Constants, CriticalPoint, Curvature, FiniteSum, Problem
from asysim.problems.compiled.factorization import FactorizationModel
from asysim.problems.compiled.generics import shared
from asysim.problems.data_settings import TableSize
from asysim.problems.low_rank import LowRank, Matrix, SymmetricTable, gaps, orbit
from asysim.problems.model import Sizes


class SymmetricFactorizationSettings(SymmetricTable):
    """Factorisation S ≈ UUᵀ of a random symmetric matrix, every entry of which is a sample."""

    papers = ("wang2019second", "ge2017spurious")
    compiled_by = ("",)
    kind: Literal["symmetric_factorization"] = "symmetric_factorization"

    def build(self) -> Problem:
        return SymmetricFactorization(self.symmetric(), rank=self.rank, start=self.first())

    def needs(self, table: TableSize | None) -> Sizes:  # noqa: ARG002
        return Sizes(self.length, making=6.0 * 8 * self.size**2, key="size")


class SymmetricFactorization(LowRank, FiniteSum):
    """f as the mean over all (i, j) of (n²/4)(u_iᵀu_j − S_ij)², x = U row by row.

    One sample is one entry of S. Parameters are those of `LowRank`.
    """

    def __init__(
        self,
        matrix: ArrayLike,
        *,
        rank: int,
        start: ArrayLike | None = None,
    ) -> None:
        LowRank.__init__(self, matrix, rank=rank, start=start)
        FiniteSum.__init__(self, self.matrix.size)

    def gradient(self, x: Vector, batch: NDArray[np.int64], out: Vector) -> None:
        left, right = np.divmod(batch, len(self.matrix))
        factor = self.factor(x)
        u, v = factor[left], factor[right]
        errors = np.einsum("ij,ij->i", u, v) - self.matrix[left, right]
        weights = (0.5 * self.samples * errors)[:, np.newaxis]
        out.fill(0.0)
        table = self.factor(out)
        # Entries of one batch may share a row, so plain `+=` would lose some.
        np.add.at(table, left, weights * v)
        np.add.at(table, right, weights * u)

    def value(self, x: Vector) -> float:
        errors = self._errors(x).ravel()
        return 0.25 * float(np.dot(errors, errors))

    def full_gradient(self, x: Vector, out: Vector) -> float:
        errors = self._errors(x)
        np.matmul(errors, self.factor(x), out=self.factor(out))
        return 0.25 * float(np.dot(errors.ravel(), errors.ravel()))

    def constants(self) -> Constants:
        """Return f* = ¼ Σ_{j>r} σ_j², and what holds where ‖U‖ ≤ `radius`, whose square is R.

        L = 3R − σ_n, ρ = 6√R and L_max = 3R − min S_ii: with ‖V‖ = 1 the first term of the Hessian
        is at most 2R, the second at most R − σ_n, and D³f[V, V, V] = 6 tr(UᵀVVᵀV). Of σ² only
        bounds are known, too large by far.
        """
        beyond, square = self.eigenvalues[self.rank :], self.radius**2
        return Constants(
            lipschitz=3 * square - float(self.eigenvalues[-1]),
            minimum=0.25 * float(np.dot(beyond, beyond)),
            hessian_lipschitz=6 * self.radius,
            coordinate_lipschitz=3 * square - float(np.diag(self.matrix).min()),
        )

    def critical_points(self) -> tuple[CriticalPoint, ...]:
        """Return the U of the first 0, 1, … r eigenpairs, each with all its rotations.

        Not between equal eigenvalues, where none come first; and not those that leave out a
        larger eigenvalue than one they have, which are saddles too.
        """
        return tuple(
            orbit(f"rank {count}", self.leading(count), self._least(count))
            for count in gaps(self.eigenvalues, self.rank)
        )

    def _least(self, count: int) -> float:
        following = float(np.append(self.eigenvalues, 0.0)[count])
        if count < self.rank:
            return 0.0 - following
        if self.rank > 1:  # along a rotation nothing changes
            return 0.0
        largest = float(self.eigenvalues[0])
        return min(2 * largest, largest - following) if len(self.matrix) > 1 else 2 * largest

    def curvature(self, x: Vector) -> Curvature:
        """Return two bounds, equal where U has not full rank.

        The second term of the Hessian is at least the least eigenvalue of UUᵀ − S, and the first
        is not negative; for V = qwᵀ, with the eigenvector q and the w for which ‖Uw‖ is least,
        both are known.
        """
        values, vectors = np.linalg.eigh(self._errors(x))
        factor = self.factor(x)
        most = factor @ np.linalg.svd(factor)[2][-1]
        extra = float(np.dot(most, most)) + float(np.dot(vectors[:, 0], most)) ** 2
        return Curvature(float(values[0]), float(values[0]) + extra)

    def hvp(self, x: Vector, direction: Vector) -> Vector:
        u, v = self.factor(x), self.factor(direction)
        product = self._errors(x) @ v + v @ (u.T @ u) + u @ (v.T @ u)
        return np.ravel(product)

    def kernel_model(self) -> FactorizationModel:
        left, right = np.divmod(np.arange(self.samples), len(self.matrix))
        return FactorizationModel(
            left=shared(left),
            right=shared(right),
            entries=shared(self.matrix.ravel()),
            rows=0,
            columns=len(self.matrix),
            rank=self.rank,
            samples=self.samples,
            weight=0.5 * self.samples,
        )

    def _errors(self, x: Vector) -> Matrix:
        factor = self.factor(x)
        errors: Matrix = factor @ factor.T - self.matrix
        return errors
