"""What least squares and logistic regression share: f(x) = (1/N) Σ_i φ(a_iᵀx, b_i) + (l2/2)‖x‖²."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asysim.errors import Fault, InputError
from asysim.ground.arrays import Ints as Integers
from asysim.ground.arrays import Vector
from asysim.jit.compiler import compiled, implements
from asysim.jit.instructions import fma
from asysim.problems.base import Constants, Curvature, FiniteSum
from asysim.problems.compiled.elementary import logistic
from asysim.problems.compiled.finite_sums import finite_sums, without_work
from asysim.problems.compiled.generics import gradient, shared, sparse_gradient, support
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

    def part(self, rows: Integers) -> Self:
        """Return the mean of those terms alone."""
        return type(self)(self.features[rows], self.targets[rows], l2=self.l2)

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


def linear_model(problem: LinearModel, *, logistic: bool) -> DenseLinearModel | SparseLinearModel:
    """Return what the kernels know of a linear problem with one loss or the other."""
    features, targets = problem.features, shared(problem.targets)
    if isinstance(features, np.ndarray):
        return DenseLinearModel(shared(features), targets, problem.l2, logistic, problem.samples)
    return SparseLinearModel(
        starts=shared(features.indptr),
        columns=shared(features.indices),
        entries=shared(features.data),
        targets=targets,
        l2=problem.l2,
        logistic=logistic,
        samples=problem.samples,
        longest=int(np.diff(features.indptr).max()),
    )


def _not_finite(key: str) -> Fault:
    return Fault(key, "a number that is not finite", "should be finite numbers")


# Compiled


class DenseLinearModel(NamedTuple):
    """A, shape (N, n), and b, shape (N,); whether the loss is the logistic one or ½(score − b)²."""

    features: NDArray[np.float64]
    targets: Vector
    l2: float
    logistic: bool
    samples: int


class SparseLinearModel(NamedTuple):
    """The same with A in compressed sparse row form, and how long its longest row is."""

    starts: NDArray[np.integer]
    columns: NDArray[np.integer]
    entries: Vector
    targets: Vector
    l2: float
    logistic: bool
    samples: int
    longest: int

    def most_support(self, batch_size: int) -> int | None:
        return batch_size * self.longest if self.l2 == 0 else None


finite_sums(DenseLinearModel, SparseLinearModel)
without_work(DenseLinearModel, SparseLinearModel)


@compiled
def _slope(score: float, target: float, is_logistic: bool) -> float:
    """Return ∂loss/∂score of one sample."""
    if is_logistic:
        return -target * logistic(-target * score)
    return score - target


@compiled
def _write_ridge(weight: float, x: Vector, out: Vector) -> None:
    """Write the ridge's part of a gradient, weight × x, into `out`."""
    for i in range(out.size):
        out[i] = weight * x[i]


@compiled
def _dot(features: NDArray[np.float64], row: int, x: Vector) -> float:
    """Return one row's score, in four sums that don't wait for each other."""
    a = b = c = d = 0.0
    whole = x.size - x.size % 4
    for i in range(0, whole, 4):
        a = fma(features[row, i], x[i], a)
        b = fma(features[row, i + 1], x[i + 1], b)
        c = fma(features[row, i + 2], x[i + 2], c)
        d = fma(features[row, i + 3], x[i + 3], d)
    for i in range(whole, x.size):
        a = fma(features[row, i], x[i], a)
    return (a + b) + (c + d)


@implements(gradient, DenseLinearModel)
def _dense_gradient(
    model: DenseLinearModel,
    x: Vector,
    batch: Integers,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    _write_ridge(model.l2 * len(batch), x, out)
    for row in batch:
        weight = _slope(_dot(model.features, row, x), model.targets[row], model.logistic)
        for i in range(out.size):
            out[i] = fma(weight, model.features[row, i], out[i])


@implements(gradient, SparseLinearModel)
def _gradient_of_sparse_rows(
    model: SparseLinearModel,
    x: Vector,
    batch: Integers,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    _write_ridge(model.l2 * len(batch), x, out)
    for row in batch:
        first, last = model.starts[row], model.starts[row + 1]
        score = 0.0
        for i in range(first, last):
            score = fma(model.entries[i], x[model.columns[i]], score)
        weight = _slope(score, model.targets[row], model.logistic)
        for i in range(first, last):
            out[model.columns[i]] += weight * model.entries[i]


@implements(support, SparseLinearModel)
def _support(model: SparseLinearModel, batch: Integers, index: Integers) -> int:
    count = 0
    for row in batch:
        for i in range(model.starts[row], model.starts[row + 1]):
            index[count] = model.columns[i]
            count += 1
    return count


@implements(sparse_gradient, SparseLinearModel)
def _entries_of_gradient(
    model: SparseLinearModel,
    batch: Integers,
    values: Vector,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    at = 0
    for row in batch:
        first = model.starts[row]
        length = model.starts[row + 1] - first
        score = 0.0
        for i in range(length):
            score = fma(model.entries[first + i], values[at + i], score)
        weight = _slope(score, model.targets[row], model.logistic)
        for i in range(length):
            out[at + i] = weight * model.entries[first + i]
        at += length
