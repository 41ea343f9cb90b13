"""Small problems whose data are drawn from seeds."""

from __future__ import annotations

import numpy as np

from asysim.problems import (
    MatrixFactorization,
    MatrixSensing,
    MultilayerPerceptron,
    PhaseRetrieval,
    SaddleChain,
    StreamingPca,
    StreamingPhaseRetrieval,
    SymmetricFactorization,
)
from asysim.problems.data import covariance, low_rank_matrix, random_mask, symmetric_tables
from asysim.problems.start import first_iterate


def random(seed: int) -> np.random.Generator:
    """Return a generator of its own."""
    return np.random.default_rng(seed)


def perceptron(
    activation: str = "tanh",
    loss: str = "squared",
    layers: tuple[int, ...] = (4, 7, 6, 3),
    samples: int = 17,
) -> MultilayerPerceptron:
    """Return a network on noise."""
    features = random(1).standard_normal((samples, layers[0]))
    if loss == "squared":
        targets = random(2).standard_normal((samples, layers[-1]))
    else:
        targets = random(2).integers(0, layers[-1], samples)
    return MultilayerPerceptron(features, targets, layers=layers, activation=activation, loss=loss)


def sensing(eigenvalues: list[float], rank: int) -> MatrixSensing:
    """Return 12 measurements of a 4 × 4 matrix."""
    return MatrixSensing(symmetric_tables(12, 4), covariance(4, eigenvalues), rank=rank)


STRICT_SADDLES = {
    "chain of saddles": lambda: SaddleChain(4, noise=0.7),
    "chain without noise": lambda: SaddleChain(1, start=[0.2]),
    "phase retrieval": lambda: PhaseRetrieval(random(1).standard_normal((40, 5)), np.arange(5) - 1),
    "phases, streaming": lambda: StreamingPhaseRetrieval(
        [0.3, -0.5, 0.0, 0.8], start=first_iterate(4, None, scale=0.5)
    ),
    "phases of a plane": lambda: StreamingPhaseRetrieval([0.0, 1.2]),
    "phase of a number": lambda: StreamingPhaseRetrieval([2.0]),
    "streaming PCA": lambda: StreamingPca(
        [0.5, 2.0, 1.0, 0.0], start=first_iterate(4, None, scale=1.0)
    ),
    "equal eigenvalues": lambda: StreamingPca([2.0, 1.0, 2.0, 1.0, 0.3]),
    "variance": lambda: StreamingPca([1.5]),
    "symmetric": lambda: SymmetricFactorization(covariance(5, [3, 2, 1, 0.5, 0.2]), rank=3),
    "symmetric, too wide": lambda: SymmetricFactorization(covariance(5, [2, 1]), rank=3),
    "symmetric, equal": lambda: SymmetricFactorization(covariance(4, [2, 1, 1]), rank=3),
    "symmetric, one column": lambda: SymmetricFactorization(covariance(4, [2, 1]), rank=1),
    "symmetric number": lambda: SymmetricFactorization([[2.0]], rank=1),
    "sensing": lambda: sensing([2, 1], rank=2),
    "sensing, too wide": lambda: sensing([2], rank=2),
    "sensing, one column": lambda: sensing([2], rank=1),
    "sensing, too narrow": lambda: sensing([2, 1], rank=1),
    "all observed": lambda: MatrixFactorization(
        low_rank_matrix(6, 5, rank=4, noise=0.1), rank=3, start_scale=0.5
    ),
    "all observed, too wide": lambda: MatrixFactorization(
        low_rank_matrix(4, 5, rank=2), rank=3, start_scale=0.5
    ),
    "all observed, one column": lambda: MatrixFactorization(low_rank_matrix(3, 4, rank=2), rank=1),
    "partly observed": lambda: MatrixFactorization(
        low_rank_matrix(6, 5, rank=2), rank=2, observed=random_mask((6, 5), 0.6)
    ),
}
"""Problems that list their saddles, small enough for a dense Hessian."""

_OF_CLASS = {type(make()): (name, make) for name, make in reversed(STRICT_SADDLES.items())}
ONE_OF_EACH = dict(_OF_CLASS.values())
"""The first of each class of them."""
