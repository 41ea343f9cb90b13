"""Linear regression by least squares, dense or sparse, with an optional ridge term."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Literal

import numpy as np

from asysim.errors import unfit
from asysim.ground.arrays import Vector
from asysim.problems.base import Constants, Problem
from asysim.problems.data_settings import DataSettings, RegressionData, TableSize
from asysim.problems.features import largest_eigenvalue, largest_square
from asysim.problems.linear import DenseLinearModel, LinearModel, SparseLinearModel, linear_model
from asysim.problems.model import ProblemModel, Ridge, Seed, Sizes

_DENSE_LIMIT = 2**26  # entries of a sparse A written out to find x*: half a gigabyte


class LeastSquaresSettings(ProblemModel):
    """Linear regression by least squares."""

    kind: Literal["least_squares"] = "least_squares"
    data: DataSettings = RegressionData()
    l2: Ridge = 0.0
    seed: Seed = 0

    def build(self) -> Problem:
        data = self.data.build(seed=self.seed)
        if data.targets.ndim != 1:
            found = f"{data.targets.shape[1]} targets per example ({self.data.kind})"
            raise unfit("problem.data", found, "data with one target per example")
        if data.classes is not None and data.classes > 2:
            found = f"{data.classes} classes ({self.data.kind})"
            raise unfit("problem.data", found, "real targets, or two classes, labelled −1 and +1")
        return LeastSquares(data.features, data.targets, l2=self.l2)

    def needs(self, table: TableSize | None) -> Sizes:
        return Sizes(0.0 if table is None else table.features)


class LeastSquares(LinearModel):
    """f(x) = 1/(2N) ‖Ax − b‖² + (l2/2) ‖x‖²; G = a_i (a_iᵀx − b_i) + l2·x."""

    @cached_property
    def minimiser(self) -> Vector:
        """x*, shape (n,): the shortest one where there are several. Forms A densely."""
        features = self.features
        dense = features if isinstance(features, np.ndarray) else features.toarray()
        scale = math.sqrt(self.samples)
        matrix, right = dense / scale, self.targets / scale
        if self.l2:
            # Appended rows √l2·I say the ridge term without squaring the condition number.
            matrix = np.vstack([matrix, math.sqrt(self.l2) * np.eye(self.dimension)])
            right = np.concatenate([right, np.zeros(self.dimension)])
        return np.asarray(np.linalg.lstsq(matrix, right)[0], dtype=np.float64)

    @cached_property
    def _constants(self) -> Constants:
        return Constants(
            lipschitz=largest_eigenvalue(self.features) / self.samples + self.l2,
            hessian_lipschitz=0.0,
            coordinate_lipschitz=largest_square(self.features) / self.samples + self.l2,
            minimum=None if self._too_large else self.value(self.minimiser),
        )

    @property
    def _too_large(self) -> bool:
        rows, columns = self.features.shape
        return not isinstance(self.features, np.ndarray) and rows * columns > _DENSE_LIMIT

    def constants(self) -> Constants:
        """Return L = λ_max(AᵀA)/N + l2 and f* = f(x*), unless A is sparse and too large for that.

        ρ = 0, and L_max = max_j Σ_i a_ij²/N + l2.

        σ² is None: unless all rows agree, the deviation of a_i a_iᵀ x from its mean grows with
        ‖x‖, so that no bound holds for all x.
        """
        return self._constants

    def _losses(self, scores: Vector, targets: Vector) -> Vector:
        return 0.5 * (scores - targets) ** 2

    def _slopes(self, scores: Vector, targets: Vector) -> Vector:
        return scores - targets

    def _bends(self, scores: Vector) -> Vector:
        return np.ones_like(scores)

    def kernel_model(self) -> DenseLinearModel | SparseLinearModel:
        return linear_model(self, logistic=False)
