"""What least squares and logistic regression share: f(x) = (1/N) Σ_i φ(a_iᵀx, b_i) + (l2/2)‖x‖²."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asysim.errors import Fault, InputError
from asysim.ground.arrays import Vector
from asysim.problems.base import Constants, Curvature, FiniteSum
from asysim.problems.features import rows_of

if TYPE_CHECKING:
    from asysim.problems.features import Matrix


class LinearModel(FiniteSum, ABC):
    """A mean of losses of the scores a_iᵀx; the l2 term is no sum and belongs to every sample.

    Parameters
    ----------
    features
        A, shape (N, n), a NumPy array or a SciPy sparse matrix.
    targets
        b, shape (N,).
    l2
        Weight of ½‖x‖², at least 0.

    Raises
    ------
    InputError
        If shapes do not fit, or a number is not finite.
    """

    def __init__(self, features: Matrix, targets: ArrayLike, *, l2: float = 0.0) -> None:
        self._rows = rows_of(features)
        self.targets = np.array(targets, dtype=np.float64)
        self.l2 = float(l2)
        faults = list(self._faults())
        if faults:
            raise InputError(faults)
        super().__init__(len(self.targets))

    def _faults(self) -> list[Fault]:
        shape = self.features.shape
        if len(shape) != 2 or 0 in shape:
            return [Fault("features", f"shape {shape}", "should be a matrix with rows and columns")]
        entries = self.features if isinstance(self.features, np.ndarray) else self.features.data
        checks = [
            (
                self.targets.shape == shape[:1],
                Fault(
                    "targets",
                    f"shape {self.targets.shape}",
                    f"should be one number per row: {shape[0]}",
                ),
            ),
            (bool(np.isfinite(entries).all()), _not_finite("features")),
            (bool(np.isfinite(self.targets).all()), _not_finite("targets")),
            (
                0 <= self.l2 < np.inf,
                Fault("l2", str(self.l2), "should be a finite number of 0 or more"),
            ),
        ]
        return [fault for good, fault in checks if not good]

    @property
    def features(self) -> Matrix:
        """A, shape (N, n)."""
        return self._rows.matrix

    @property
    def dimension(self) -> int:
        return int(self.features.shape[1])

    def start(self) -> Vector:
        return np.zeros(self.dimension)

    def gradient(self, x: Vector, batch: NDArray[np.int64], out: Vector) -> None:
        rows = self._rows.take(batch)
        np.multiply(x, self.l2 * len(batch), out=out)
        rows.add_combination(self._slopes(rows.dot(x), self.targets[batch]), out)

    def value(self, x: Vector) -> float:
        return self._value(self._rows.dot(x), x)

    def full_gradient(self, x: Vector, out: Vector) -> float:
        scores = self._rows.dot(x)
        np.multiply(x, self.l2, out=out)
        self._rows.add_combination(self._slopes(scores, self.targets) / self.samples, out)
        return self._value(scores, x)

    @abstractmethod
    def constants(self) -> Constants: ...

    def curvature(self, x: Vector) -> Curvature:  # noqa: ARG002  (everywhere the same)
        """Return l2 as a lower bound: φ is convex."""
        return Curvature(low=self.l2)

    def hvp(self, x: Vector, direction: Vector) -> Vector:
        """Return (1/N) Σ_i φ″(a_iᵀx) (a_iᵀv) a_i + l2·v, shape (n,)."""
        bends = self._bends(self._rows.dot(x))
        product = self.l2 * direction
        self._rows.add_combination(bends * self._rows.dot(direction) / self.samples, product)
        return product

    @abstractmethod
    def _losses(self, scores: Vector, targets: Vector) -> Vector:
        """Return φ(score, target), elementwise."""

    @abstractmethod
    def _slopes(self, scores: Vector, targets: Vector) -> Vector:
        """Return ∂φ/∂score, elementwise."""

    @abstractmethod
    def _bends(self, scores: Vector) -> Vector:
        """Return ∂²φ/∂score², elementwise."""

    def _value(self, scores: Vector, x: Vector) -> float:
        losses = self._losses(scores, self.targets)
        return float(losses.mean() + 0.5 * self.l2 * np.dot(x, x))


def _not_finite(key: str) -> Fault:
    return Fault(key, "a number that is not finite", "should be finite numbers")
