"""Low-rank matrix factorisation: the strict saddle at 0 that second-order theory is about."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from asysim.errors import check_alone, unfit
from asysim.ground.arrays import Ints, Vector
from asysim.ground.ranges import NotNegative, Positive, Share, Size
from asysim.problems.base import Constants, CriticalPoint, Curvature, FiniteSum, Problem
from asysim.problems.compiled.factorization import FactorizationModel
from asysim.problems.compiled.generics import shared
from asysim.problems.data_settings import DataSettings, TableSize
from asysim.problems.low_rank import gaps, orbit, without_rounding
from asysim.problems.model import ProblemModel, Seed, Sizes
from asysim.random.streams import Purpose, generator

Matrix = NDArray[np.float64]

_DENSE = 500  # rows or columns of which all singular values are found


class MatrixFactorizationSettings(ProblemModel):
    """Low-rank factorisation of a synthetic matrix, or of the features of a data set."""

    compiled_by = ("",)
    kind: Literal["matrix_factorization"] = "matrix_factorization"
    data: DataSettings | None = Field(
        default=None, description="whose features to factorise, in place of a synthetic matrix"
    )
    rows: Size | None = Field(default=None, description="of the synthetic matrix; 50")
    columns: Size | None = Field(default=None, description="of the synthetic matrix; 40")
    true_rank: Size | None = Field(default=None, description="of the synthetic matrix; `rank`")
    noise: NotNegative | None = Field(
        default=None, description="standard deviation added to a synthetic entry; 0"
    )
    rank: Size = Field(default=3, description="of the approximation")
    observed: Share = Field(default=1.0, description="fraction of entries that count")
    start_scale: Positive = Field(default=0.1, description="standard deviation of x_1's entries")
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_matrix(self) -> MatrixFactorizationSettings:
        check_alone(self, "data", "rows", "columns", "true_rank", "noise")
        return self

    def build(self) -> Problem:
        from asysim.problems.data import low_rank_matrix, random_mask

        minimum = None
        if self.data is not None:
            matrix = self.data.build(seed=self.seed).dense_features()
        else:
            rows, columns = self.rows or 50, self.columns or 40
            rank, noise = self.true_rank or self.rank, self.noise or 0.0
            matrix = low_rank_matrix(rows, columns, rank=rank, noise=noise, seed=self.seed)
            minimum = 0.0 if noise == 0 and self.rank >= rank else None
        mask = random_mask(matrix.shape, self.observed, seed=self.seed)
        return MatrixFactorization(
            matrix,
            rank=self.rank,
            observed=mask,
            minimum=minimum,
            start_scale=self.start_scale,
            seed=self.seed,
        )

    def needs(self, table: TableSize | None) -> Sizes:
        rows, columns = self.rows or 50, self.columns or 40
        if self.data is not None:
            rows, columns = (0, 0) if table is None else (int(table.samples), int(table.features))
        rank = max(self.rank, self.true_rank or 0)
        making = 3.0 * 8 * rows * columns if self.data is None else 0.0
        key = "rows" if self.data is None else "data"
        return Sizes((rows + columns) * rank, making=making, key=key)


class MatrixFactorization(FiniteSum):
    """f(U, V) = mean over the observed (i, j) of ½ (u_iᵀ v_j − M_ij)², x = [U; V] row by row.

    One sample is one observed entry. At x = 0 every gradient is 0 and, if M is not, some
    curvature is negative: the setting of Wang, Shen & Zhao (arXiv 1910.06000).

    Parameters
    ----------
    matrix
        M, shape (rows, columns).
    rank
        Width of U, shape (rows, rank), and of V, shape (columns, rank).
    observed
        Which entries count, booleans of M's shape; all of them if None.
    minimum
        f*, if it is known beforehand.
    start_scale
        Standard deviation of the entries of x_1, Gaussian with mean 0; at 0 nothing would move.
    seed
        Names the starting point.

    Raises
    ------
    InputError
        If shapes do not fit, nothing is observed, or a number is out of range.
    """

    def __init__(
        self,
        matrix: Matrix,
        *,
        rank: int,
        observed: NDArray[np.bool_] | None = None,
        minimum: float | None = None,
        start_scale: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.matrix = np.array(matrix, dtype=np.float64)
        if self.matrix.ndim != 2 or not self.matrix.size:
            raise unfit("matrix", f"shape {self.matrix.shape}", "rows and columns")
        if not np.isfinite(self.matrix).all():
            raise unfit("matrix", "a number that is not finite", "finite numbers")
        if rank < 1:
            raise unfit("rank", str(rank), "at least 1")
        if not 0 < start_scale < np.inf:
            raise unfit("start_scale", str(start_scale), "a finite number above 0")
        mask = np.ones(self.matrix.shape, dtype=bool) if observed is None else observed
        if mask.shape != self.matrix.shape or not mask.any():
            found = f"{np.count_nonzero(mask)} entries of shape {mask.shape}"
            raise unfit("observed", found, f"one or more, shape {self.matrix.shape}")
        self.rank = rank
        self.start_scale = start_scale
        self.seed = seed
        self._known_minimum = minimum
        self._left, self._right = np.nonzero(mask)
        self._entries = self.matrix[mask]
        super().__init__(len(self._entries))

    @property
    def dimension(self) -> int:
        return sum(self.matrix.shape) * self.rank

    def start(self) -> Vector:
        random = generator(self.seed, Purpose.START)
        return self.start_scale * random.standard_normal(self.dimension)

    def gradient(self, x: Vector, batch: Ints, out: Vector) -> None:
        left, right = self._left[batch], self._right[batch]
        rows, columns = self.factors(x)
        u, v = rows[left], columns[right]
        error = (np.einsum("ij,ij->i", u, v) - self._entries[batch])[:, np.newaxis]
        out.fill(0.0)
        row_part, column_part = self.factors(out)
        # Entries of one batch may share a row or a column, so plain `+=` would lose some.
        np.add.at(row_part, left, error * v)
        np.add.at(column_part, right, error * u)

    def value(self, x: Vector) -> float:
        errors = self._errors(x)
        return 0.5 * float(np.dot(errors, errors)) / self.samples

    def full_gradient(self, x: Vector, out: Vector) -> float:
        from scipy.sparse import csr_array  # takes a while, and other problems don't ask for it

        errors = self._errors(x)
        table = csr_array((errors / self.samples, (self._left, self._right)), self.matrix.shape)
        rows, columns = self.factors(x)
        row_part, column_part = self.factors(out)
        row_part[...] = np.asarray(table @ columns)
        column_part[...] = np.asarray(table.T @ rows)
        return 0.5 * float(np.dot(errors, errors)) / self.samples

    def constants(self) -> Constants:
        """Return f* where it is known: given beforehand, or all of M observed.

        Then the best approximation leaves ½ Σ s_i² / N over the singular values beyond the rank
        (Eckart & Young 1936). f is a quartic: its gradient has no Lipschitz constant on all of
        space, and its variance no bound.
        """
        return Constants(minimum=self._minimum)

    @cached_property
    def _minimum(self) -> float | None:
        if self._known_minimum is not None or self.samples < self.matrix.size:
            return self._known_minimum
        beyond = np.linalg.svd(self.matrix, compute_uv=False)[self.rank :]
        return 0.5 * float(np.dot(beyond, beyond)) / self.samples

    def critical_points(self) -> tuple[CriticalPoint, ...]:
        """Return 0 and, if all of M is observed, what its first 1, 2, … r singular vectors make.

        There U = A √s and V = B √s, each with empty columns: λ_min is minus the next singular
        value, over N, or 0 if no column is empty, as U → cU, V → V/c changes nothing. Distances
        are from all (UR, VR) with a rotation R; there are other factors of the same product, of
        unequal length, with other curvature.
        """
        if self.samples < self.matrix.size:
            zero = np.zeros((self.dimension // self.rank, self.rank))
            return (orbit("rank 0", zero, self.curvature(zero.ravel()).high),)
        left, values, right = np.linalg.svd(self.matrix, full_matrices=False)
        values = without_rounding(values)
        points, most = [], min(self.rank, len(values))
        for count in gaps(values, most):
            factors = np.zeros((self.dimension // self.rank, self.rank))
            root = np.sqrt(values[:count])
            factors[: len(left), :count] = left[:, :count] * root
            factors[len(left) :, :count] = right[:count].T * root
            following = float(values[count]) if count < most else 0.0
            points.append(orbit(f"rank {count}", factors, 0.0 - following / self.samples))
        return tuple(points)

    def curvature(self, x: Vector) -> Curvature:
        """Return an upper bound: the curvature of f where U moves along a wᵀ and V along −b wᵀ.

        a and b are the first singular vectors of the errors' matrix E / N, with singular value s,
        and w is the unit vector of which (1/N) Σ (w · (a_i v_j − b_j u_i))² is least. Divided by
        the square of its length, 2, the curvature is half that sum less s. At x = 0 it is exact:
        −σ_1 of what is observed of M, over N.
        """
        from scipy.sparse import csr_array
        from scipy.sparse.linalg import svds

        rows, columns = self.factors(x)
        u, v = rows[self._left], columns[self._right]
        errors = self._errors(x) / self.samples
        table = csr_array((errors, (self._left, self._right)), self.matrix.shape)
        if min(self.matrix.shape) > _DENSE:
            start = np.ones(min(self.matrix.shape))  # not at random
            left, singular, right = svds(table, k=1, v0=start)
        else:
            left, singular, right = np.linalg.svd(table.toarray())
        a, b = left[self._left, 0], right[0, self._right]
        moved = a[:, np.newaxis] * v - b[:, np.newaxis] * u
        least = float(np.linalg.eigvalsh(moved.T @ moved / self.samples)[0])
        return Curvature(high=least / 2 - float(singular[0]))

    def hvp(self, x: Vector, direction: Vector) -> Vector:
        """Return ∇²f(x)·v: with e the errors, and e′ how they change along v = [U′; V′].

        Its parts are (1/N) (E′ V + E V′) and (1/N) (E′ᵀ U + Eᵀ U′).
        """
        from scipy.sparse import csr_array

        rows, columns = self.factors(x)
        more_rows, more_columns = self.factors(direction)
        left, right = self._left, self._right
        change = np.einsum("ij,ij->i", more_rows[left], columns[right])
        change += np.einsum("ij,ij->i", rows[left], more_columns[right])
        errors, changes = (
            csr_array((part / self.samples, (left, right)), self.matrix.shape)
            for part in (self._errors(x), change)
        )
        product = np.empty(self.dimension)
        row_part, column_part = self.factors(product)
        row_part[...] = changes @ columns + errors @ more_columns
        column_part[...] = changes.T @ rows + errors.T @ more_rows
        return product

    def part(self, rows: Ints) -> MatrixFactorization:
        """Return the mean over those entries alone."""
        mask = np.zeros(self.matrix.shape, dtype=bool)
        mask[self._left[rows], self._right[rows]] = True
        return MatrixFactorization(self.matrix, rank=self.rank, observed=mask, seed=self.seed)

    def factors(self, x: Vector) -> tuple[Matrix, Matrix]:
        """Return U, shape (rows, rank), and V, shape (columns, rank), as views into x."""
        table = x.reshape(-1, self.rank)
        rows = len(self.matrix)
        return table[:rows], table[rows:]

    def kernel_model(self) -> FactorizationModel:
        return FactorizationModel(
            left=shared(self._left.astype(np.int64, copy=False)),
            right=shared(self._right.astype(np.int64, copy=False)),
            entries=shared(self._entries),
            rows=self.matrix.shape[0],
            columns=self.matrix.shape[1],
            rank=self.rank,
            samples=self.samples,
            weight=1.0,
        )

    def _errors(self, x: Vector) -> Vector:
        rows, columns = self.factors(x)
        product: Vector = np.einsum("ij,ij->i", rows[self._left], columns[self._right])
        return product - self._entries
