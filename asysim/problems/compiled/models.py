"""What kernels know of a problem: its numbers, in a named tuple of a class for each kind."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from asysim.ground.arrays import Vector
from asysim.problems.base import Problem
from asysim.problems.factorization import MatrixFactorization
from asysim.problems.least_squares import LeastSquares
from asysim.problems.linear import LinearModel
from asysim.problems.logistic import Logistic
from asysim.problems.mlp import MultilayerPerceptron
from asysim.problems.network import ActivationName
from asysim.problems.quadratic import Quadratic

Matrix: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Array = TypeVar("Array", bound=NDArray[Any])

RELU, TANH, SIGMOID = range(3)
_ACTIVATIONS: dict[ActivationName, int] = {"relu": RELU, "tanh": TANH, "sigmoid": SIGMOID}


class QuadraticModel(NamedTuple):
    """λ, shape (n,); the standard deviation of one coordinate of the noise; words for a sample."""

    eigenvalues: Vector
    deviation: float
    words: int


class DenseLinearModel(NamedTuple):
    """A, shape (N, n), and b, shape (N,); whether the loss is the logistic one or ½(score − b)²."""

    features: Matrix
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


class PerceptronModel(NamedTuple):
    """Inputs, shape (N, layers[0]), and targets, shape (N, layers[-1]), or classes, shape (N,)."""

    features: Matrix
    targets: Matrix
    classes: Integers
    layers: Integers
    activation: int
    cross_entropy: bool
    samples: int


class FactorizationModel(NamedTuple):
    """Row, column and value of each observed entry, shape (N,); rows of U, of V; the rank."""

    left: Integers
    right: Integers
    entries: Vector
    rows: int
    columns: int
    rank: int
    samples: int


Model: TypeAlias = (
    QuadraticModel | DenseLinearModel | SparseLinearModel | PerceptronModel | FactorizationModel
)
FINITE_SUMS = (DenseLinearModel, SparseLinearModel, PerceptronModel, FactorizationModel)
WORKLESS = (QuadraticModel, DenseLinearModel, SparseLinearModel, FactorizationModel)


def model_of(problem: Problem) -> Model | None:
    """Return what the kernels know of a problem, or None if it is of no kind that has kernels.

    Arrays are shared with the problem, not copied, and read-only.
    """
    if type(problem) is Quadratic:
        deviation = problem.noise / np.sqrt(problem.dimension)
        return QuadraticModel(_kept(problem.eigenvalues), float(deviation), problem.words)
    if type(problem) is Logistic or type(problem) is LeastSquares:
        return _linear(problem)
    if type(problem) is MultilayerPerceptron:
        return _perceptron(problem)
    if type(problem) is MatrixFactorization:
        return FactorizationModel(
            left=_kept(problem._left.astype(np.int64, copy=False)),
            right=_kept(problem._right.astype(np.int64, copy=False)),
            entries=_kept(problem._entries),
            rows=problem.matrix.shape[0],
            columns=problem.matrix.shape[1],
            rank=problem.rank,
            samples=problem.samples,
        )
    return None


def is_sparse(model: Model) -> bool:
    """Whether a gradient touches few coordinates, which `support` names."""
    if isinstance(model, SparseLinearModel):
        return model.l2 == 0
    return isinstance(model, FactorizationModel)


def most_support(model: Model, batch_size: int) -> int:
    """Return how many coordinates `support` may name for a mini-batch, repeats counted.

    Raises
    ------
    ValueError
        If a gradient of this model is not sparse.
    """
    if isinstance(model, SparseLinearModel) and is_sparse(model):
        return batch_size * model.longest
    if isinstance(model, FactorizationModel):
        return batch_size * 2 * model.rank
    raise ValueError(f"gradients of a {type(model).__name__} are not sparse")


def _linear(problem: LinearModel) -> DenseLinearModel | SparseLinearModel:
    features, targets = problem.features, _kept(problem.targets)
    logistic, samples = type(problem) is Logistic, problem.samples
    if isinstance(features, np.ndarray):
        return DenseLinearModel(_kept(features), targets, problem.l2, logistic, samples)
    return SparseLinearModel(
        starts=_kept(features.indptr),
        columns=_kept(features.indices),
        entries=_kept(features.data),
        targets=targets,
        l2=problem.l2,
        logistic=logistic,
        samples=samples,
        longest=int(np.diff(features.indptr).max()),
    )


def _perceptron(problem: MultilayerPerceptron) -> PerceptronModel:
    classes = problem.loss == "cross_entropy"
    return PerceptronModel(
        features=_kept(problem.features),
        targets=_kept(np.empty((0, 0)) if classes else problem.targets),
        classes=_kept(problem.targets if classes else np.empty(0, dtype=np.int64)),
        layers=_kept(np.array(problem.network.layers, dtype=np.int64)),
        activation=_ACTIVATIONS[problem.network.activation],
        cross_entropy=classes,
        samples=problem.samples,
    )


def _kept(array: Array) -> Array:
    """Return a read-only view: whether an array may be written is part of the compiled type."""
    view: Array = np.require(array, requirements=["C", "A"]).view()
    view.flags.writeable = False
    return view
