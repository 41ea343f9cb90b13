"""What low-rank problems in a symmetric S ≈ UUᵀ share: S itself, and orbits of their factors.

With any rotation R, (UR)(UR)ᵀ = UUᵀ: what is stationary is a whole orbit {UR}. The nearest of it
to an X is found by Procrustes: with UᵀX = AΣBᵀ, R = ABᵀ. That such problems have strict saddles
and no other minima is the theme of Ge, Jin & Zheng 2017 (arXiv 1704.00708).
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from asysim.errors import Clash, check_alone, unfit
from asysim.ground.arrays import Vector
from asysim.ground.ranges import Magnification, NotNegative, Size
from asysim.problems.base import CriticalPoint
from asysim.problems.start import StartedModel, first_iterate

Matrix = NDArray[np.float64]

_ZERO = 1e-12  # of the largest: eigenvalues and gaps below are rounding


class SymmetricTable(StartedModel):
    """A table of a random symmetric S with given eigenvalues."""

    size: Size = Field(default=20, description="n: rows and columns of S, rows of U")
    rank: Size = Field(default=3, description="r: columns of U")
    true_rank: Size | None = Field(default=None, description="of S; `rank`")
    condition: Magnification | None = Field(
        default=None,
        description="eigenvalues of S that are not 0 spaced evenly in their logarithm from 1 down "
        "to 1/condition; 4",
    )
    eigenvalues: tuple[NotNegative, ...] | None = Field(
        default=None, min_length=1, description="of S, in place of the two above; the others are 0"
    )

    @model_validator(mode="after")
    def _one_matrix(self) -> SymmetricTable:
        check_alone(self, "eigenvalues", "true_rank", "condition")
        if self.rank > self.size:
            raise Clash("rank", f"should be at most the size, {self.size}")
        if self._true_rank() > self.size:
            key = "eigenvalues" if self.eigenvalues else "true_rank"
            raise Clash(key, f"should be no more than the size, {self.size}")
        if self.eigenvalues is not None and not any(self.eigenvalues):
            raise Clash("eigenvalues", "should have one that is more than 0")
        return self

    @property
    def length(self) -> int:
        return self.size * self.rank

    def _true_rank(self) -> int:
        return len(self.eigenvalues or ()) or self.true_rank or self.rank

    def symmetric(self) -> Matrix:
        """Return S, shape (n, n)."""
        from asysim.problems.data import covariance, spectrum

        eigenvalues = self.eigenvalues or spectrum(self._true_rank(), self.condition or 4.0)
        return covariance(self.size, eigenvalues, seed=self.seed)


class LowRank:
    """The part that is about S, U and x_1.

    Parameters
    ----------
    matrix
        S, shape (n, n), symmetric, no eigenvalue below 0, not 0.
    rank
        r, at least 1 and at most n.
    start
        x_1, shape (nr,), or one number for every coordinate; if None, `first_iterate` makes it.

    Attributes
    ----------
    radius
        √R: constants hold where ‖U‖² ≤ R = max(2σ_1(S), ‖U_1‖²), in the spectral norm.

    Raises
    ------
    InputError
        If an argument has the wrong shape or range.
    """

    def __init__(
        self,
        matrix: ArrayLike,
        *,
        rank: int,
        start: ArrayLike | None = None,
    ) -> None:
        self.matrix = np.array(matrix, dtype=np.float64)
        if self.matrix.ndim != 2 or not self.matrix.size or len(set(self.matrix.shape)) > 1:
            raise unfit("matrix", f"shape {self.matrix.shape}", "as many rows as columns")
        if not np.isfinite(self.matrix).all():
            raise unfit("matrix", "a number that is not finite", "finite numbers")
        if not 1 <= rank <= len(self.matrix):
            raise unfit("rank", str(rank), f"1 to {len(self.matrix)}")
        values, vectors = np.linalg.eigh(self.matrix)
        most = float(values[-1])
        if not (self.matrix == self.matrix.T).all() or values[0] < -1e-9 * abs(most) or most <= 0:
            found = f"eigenvalues from {values[0]:.3g} to {most:.3g}"
            raise unfit("matrix", found, "symmetric, not 0, and with none below 0")
        self.eigenvalues, self.eigenvectors = without_rounding(values[::-1]), vectors[:, ::-1]
        self.rank = rank
        self._start = first_iterate(self.dimension, start)
        steepest = float(np.linalg.norm(self.factor(self._start), 2))
        self.radius = max(float(np.sqrt(2 * most)), steepest)

    @property
    def dimension(self) -> int:
        return len(self.matrix) * self.rank

    def start(self) -> Vector:
        return self._start.copy()

    def factor(self, x: Vector) -> Matrix:
        """Return U, shape (n, r), as a view into x."""
        return x.reshape(-1, self.rank)

    def leading(self, count: int) -> Matrix:
        """Return the U that has the first few eigenpairs of S and else 0, shape (n, r)."""
        factor = np.zeros((len(self.matrix), self.rank))
        factor[:, :count] = self.eigenvectors[:, :count] * np.sqrt(self.eigenvalues[:count])
        return factor


def orbit(name: str, factor: Matrix, least: float) -> CriticalPoint:
    """Return a stationary U, shape (rows, r), with all its UR."""
    return CriticalPoint(name, factor.ravel(), least, partial(_from_orbit, factor))


def _from_orbit(factor: Matrix, x: Vector) -> float:
    table = x.reshape(factor.shape)
    left, _, right = np.linalg.svd(factor.T @ table)
    return float(np.linalg.norm(table - factor @ (left @ right)))


def without_rounding(values: Vector) -> Vector:
    """Return values that fall, with 0 for those that are it but for rounding."""
    return np.where(values > _ZERO * len(values) * values[0], values, 0.0)


def gaps(values: Vector, most: int) -> list[int]:
    """Return how many of the largest values, 0 … `most`, are set apart from those that follow.

    The values fall, and are at least 0; what is 0 is never among them. Between equal ones there is
    no telling which come first.
    """
    padded, least = np.append(values, 0.0), _ZERO * values[0]
    apart = [k for k in range(1, most + 1) if padded[k - 1] - padded[k] > least]
    return [0, *apart]
