"""The feature matrix A of a linear model, dense or sparse, and its products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from asysim.ground.arrays import Vector

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    CSR: TypeAlias = csr_array[np.float64, tuple[int, int]]
    Matrix: TypeAlias = NDArray[np.float64] | CSR

_GRAM_LIMIT = 4096  # up to this side a dense eigensolver takes seconds; beyond it, Lanczos


class Rows(Protocol):
    """Some rows a_i of A, of which a linear model needs two products."""

    def dot(self, x: Vector) -> Vector:
        """Return a_iᵀ x for every row, shape (rows,)."""
        ...

    def add_combination(self, weights: Vector, out: Vector) -> None:
        """Add Σ_i weights_i a_i to `out`, shape (n,)."""
        ...


@dataclass(frozen=True, eq=False)
class DenseRows:
    """Rows in an ordinary array, shape (rows, n)."""

    matrix: NDArray[np.float64]

    def take(self, batch: NDArray[np.int64]) -> DenseRows:
        """Return the numbered rows, in that order, repeated as often as they are named."""
        return DenseRows(self.matrix.take(batch, axis=0))

    def dot(self, x: Vector) -> Vector:
        product: Vector = self.matrix @ x
        return product

    def add_combination(self, weights: Vector, out: Vector) -> None:
        out += weights @ self.matrix


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Rows in compressed sparse row form, shape (rows, n)."""

    matrix: CSR

    def take(self, batch: NDArray[np.int64]) -> SparseBatch:
        """Return the numbered rows, in that order, repeated as often as they are named."""
        pointers = self.matrix.indptr
        starts = pointers[batch]
        lengths = pointers[batch + 1] - starts
        ends = np.cumsum(lengths)
        row = np.repeat(np.arange(len(batch)), lengths)
        entry = np.arange(len(row)) + (starts - ends + lengths)[row]
        return SparseBatch(row, self.matrix.indices[entry], self.matrix.data[entry], len(batch))

    def dot(self, x: Vector) -> Vector:
        return np.asarray(self.matrix @ x, dtype=np.float64)

    def add_combination(self, weights: Vector, out: Vector) -> None:
        out += np.asarray(self.matrix.T @ weights)


@dataclass(frozen=True, eq=False)
class SparseBatch:
    """A few sparse rows as (row, column, value) triples: a third of the time of slicing a CSR."""

    row: NDArray[np.intp]
    column: NDArray[np.integer]
    entry: NDArray[np.float64]
    count: int

    def dot(self, x: Vector) -> Vector:
        products: Vector = self.entry * x[self.column]
        scores = np.bincount(self.row, weights=products, minlength=self.count)
        return scores.astype(np.float64, copy=False)

    def add_combination(self, weights: Vector, out: Vector) -> None:
        # Not `out[column] +=`, which would keep only one of the rows that share a column.
        np.add.at(out, self.column, self.entry * weights[self.row])


def rows_of(matrix: Matrix) -> DenseRows | SparseRows:
    """Wrap a feature matrix by its kind; numbers become float64."""
    if isinstance(matrix, np.ndarray):
        return DenseRows(np.ascontiguousarray(matrix, dtype=np.float64))
    from scipy.sparse import csr_array  # takes a while, and dense features don't ask for it

    return SparseRows(csr_array(matrix).astype(np.float64))


def squared_norms(matrix: Matrix) -> Vector:
    """Return ‖a_i‖² for every row, shape (N,)."""
    if isinstance(matrix, np.ndarray):
        norms: Vector = np.einsum("ij,ij->i", matrix, matrix)
        return norms
    return np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64)


def largest_square(matrix: Matrix) -> float:
    """Return max_j Σ_i a_ij², of the longest column."""
    if isinstance(matrix, np.ndarray):
        return float(np.einsum("ij,ij->j", matrix, matrix).max())
    return float(np.asarray(matrix.multiply(matrix).sum(axis=0)).max())


def largest_eigenvalue(matrix: Matrix) -> float:
    """Return λ_max(AᵀA), by a dense eigensolver if either side is small, else by Lanczos (ARPACK).

    Lanczos starts from a fixed vector, so the same matrix always gives the same number.
    """
    rows, columns = matrix.shape
    side = min(rows, columns)
    if side > _GRAM_LIMIT:
        from scipy.sparse.linalg import svds

        first = np.random.Generator(np.random.Philox(key=0)).standard_normal(side)
        largest = svds(matrix, k=1, v0=first, return_singular_vectors=False)[0]
        return float(largest) ** 2
    from scipy.linalg import eigvalsh

    gram = matrix @ matrix.T if rows < columns else matrix.T @ matrix
    dense = gram if isinstance(gram, np.ndarray) else gram.toarray()
    return max(0.0, float(eigvalsh(dense, subset_by_index=(side - 1, side - 1))[0]))
