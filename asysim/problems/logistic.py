"""Logistic regression of two classes, dense or sparse, with an optional ridge term."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from asysim.errors import unfit
from asysim.ground.arrays import Vector
from asysim.problems.base import Constants, Problem
from asysim.problems.data_settings import BreastCancerData, DataSettings, TableSize
from asysim.problems.features import largest_eigenvalue, largest_square, squared_norms
from asysim.problems.linear import DenseLinearModel, LinearModel, SparseLinearModel, linear_model
from asysim.problems.model import ProblemModel, Ridge, Seed, Sizes

if TYPE_CHECKING:
    from asysim.problems.features import Matrix

_CERTIFIED = 1e-9  # a minimum is reported if its proven error is below this part of it


class LogisticSettings(ProblemModel):
    """Logistic regression of two classes."""

    compiled_by = ('data = {kind = "classification"}',)
    kind: Literal["logistic"] = "logistic"
    data: DataSettings = BreastCancerData()
    l2: Ridge = 1e-3
    seed: Seed = 0

    def build(self) -> Problem:
        data = self.data.build(seed=self.seed)
        if data.classes != 2:
            targets = "real targets" if data.classes is None else f"{data.classes} classes"
            raise unfit("problem.data", f"{targets} ({self.data.kind})", "data with two classes")
        return Logistic(data.features, data.targets, l2=self.l2)

    def needs(self, table: TableSize | None) -> Sizes:
        return Sizes(0.0 if table is None else table.features)


class Logistic(LinearModel):
    """f(x) = (1/N) Σ_i log(1 + exp(−y_i a_iᵀx)) + (l2/2) ‖x‖²; one sample is one row.

    Parameters
    ----------
    features
        A, shape (N, n), a NumPy array or a SciPy sparse matrix.
    labels
        y, shape (N,), each −1 or +1.
    l2
        Weight of ½‖x‖², at least 0.

    Raises
    ------
    InputError
        If shapes do not fit, or a label is neither −1 nor +1.
    """

    def __init__(self, features: Matrix, labels: ArrayLike, *, l2: float = 0.0) -> None:
        super().__init__(features, labels, l2=l2)
        strange = self.targets[np.abs(self.targets) != 1]
        if strange.size:
            raise unfit("labels", f"{strange[0]:g}", "labels −1 and +1")

    @cached_property
    def minimiser(self) -> Vector:
        """x*, shape (n,), by Newton's method with conjugate gradients in a trust region.

        Raises
        ------
        InputError
            If l2 is 0: separable data then have no minimiser.
        """
        if not self.l2:
            raise unfit("l2", "0", "above 0, or there may be no minimiser")
        from scipy.optimize import minimize

        result = minimize(
            self._value_and_gradient,
            self.start(),
            jac=True,
            hessp=self.hvp,
            method="trust-ncg",
            options={"gtol": 1e-11, "maxiter": 1000},
        )
        return np.asarray(result.x, dtype=np.float64)

    @cached_property
    def _constants(self) -> Constants:
        largest = largest_eigenvalue(self.features) / self.samples
        longest = math.sqrt(float(squared_norms(self.features).max()))
        return Constants(
            lipschitz=largest / 4 + self.l2,
            hessian_lipschitz=largest * longest / (6 * math.sqrt(3)),
            coordinate_lipschitz=largest_square(self.features) / (4 * self.samples) + self.l2,
            variance=self._variance(),
            minimum=self._minimum() if self.l2 else None,
        )

    def constants(self) -> Constants:
        """Return L = λ_max(AᵀA)/(4N) + l2, a bound σ², and f* if l2 > 0.

        With z_i = −y_i a_i, one sample is s_i z_i + l2·x, where s_i = 1/(1 + exp(y_i a_iᵀx)) lies
        in (0, 1). The ridge term has no variance. Write s_i = ½ + t_i with |t_i| ≤ ½; by
        Minkowski's inequality σ ≤ ½ sd(z) + (E‖t z‖²)^½ ≤ ½ (sd(z) + rms(z)), where rms(z)² is
        the mean of ‖a_i‖² and sd(z)² = rms(z)² − ‖mean z‖². So σ² is at most the mean of ‖a_i‖²,
        and less than it where the classes lie apart.

        L_max = max_j Σ_i a_ij²/(4N) + l2. As φ‴ is at most 1/(6√3) (where the chance is ½ ± 1/√12),
        ρ ≤ max ‖a_i‖ λ_max(AᵀA)/(6√3 N).
        """
        return self._constants

    def _losses(self, scores: Vector, targets: Vector) -> Vector:
        return np.logaddexp(0.0, -targets * scores)

    def _slopes(self, scores: Vector, targets: Vector) -> Vector:
        from scipy.special import expit

        slopes: Vector = -targets * expit(-targets * scores)
        return slopes

    def _bends(self, scores: Vector) -> Vector:
        from scipy.special import expit

        chance = expit(scores)
        bends: Vector = chance * (1 - chance)
        return bends

    def _variance(self) -> float:
        mean = np.zeros(self.dimension)
        self._rows.add_combination(self.targets / self.samples, mean)
        square = float(squared_norms(self.features).mean())
        spread = max(0.0, square - float(np.dot(mean, mean)))
        return (math.sqrt(spread) + math.sqrt(square)) ** 2 / 4

    def _minimum(self) -> float | None:
        value, gradient = self._value_and_gradient(self.minimiser)
        # Strong convexity proves f(x) − f* ≤ ‖∇f(x)‖² / (2·l2).
        gap = float(np.dot(gradient, gradient)) / (2 * self.l2)
        return value if gap <= _CERTIFIED * value else None

    def _value_and_gradient(self, x: Vector) -> tuple[float, Vector]:
        gradient = np.empty_like(x)
        return self.full_gradient(x, gradient), gradient

    def kernel_model(self) -> DenseLinearModel | SparseLinearModel:
        return linear_model(self, logistic=True)
