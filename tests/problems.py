"""Small problems whose data are drawn from seeds."""

from __future__ import annotations

import numpy as np

from asysim.problems import (
    MultilayerPerceptron,
    PhaseRetrieval,
    SaddleChain,
    StreamingPca,
    StreamingPhaseRetrieval,
)


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


STRICT_SADDLES = {
    "chain of saddles": lambda: SaddleChain(4, noise=0.7),
    "chain without noise": lambda: SaddleChain(1, start=[0.2]),
    "phase retrieval": lambda: PhaseRetrieval(random(1).standard_normal((40, 5)), np.arange(5) - 1),
    "phases, streaming": lambda: StreamingPhaseRetrieval([0.3, -0.5, 0.0, 0.8], start_scale=0.5),
    "phases of a plane": lambda: StreamingPhaseRetrieval([0.0, 1.2]),
    "phase of a number": lambda: StreamingPhaseRetrieval([2.0]),
    "streaming PCA": lambda: StreamingPca([0.5, 2.0, 1.0, 0.0], start_scale=1.0),
    "equal eigenvalues": lambda: StreamingPca([2.0, 1.0, 2.0, 1.0, 0.3]),
    "variance": lambda: StreamingPca([1.5]),
}
"""Problems that list their saddles, small enough for a dense Hessian."""
