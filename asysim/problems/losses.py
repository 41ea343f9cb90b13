"""What a network's outputs cost: squared error, or cross-entropy of their softmax."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asysim.errors import unfit
from asysim.problems.network import Matrix


def squared(output: Matrix, targets: NDArray[np.float64]) -> float:
    """Turn outputs into ∂loss/∂output and return the loss, summed over the samples."""
    output -= targets
    return 0.5 * float(np.vdot(output, output))


def cross_entropy(output: Matrix, targets: NDArray[np.int64]) -> float:
    """Turn outputs into ∂loss/∂output and return the loss, summed over the samples."""
    samples = np.arange(len(output))
    output -= output.max(axis=1, keepdims=True)  # or exp would overflow
    scores = output[samples, targets]
    np.exp(output, out=output)
    mass = output.sum(axis=1, keepdims=True)
    output /= mass
    output[samples, targets] -= 1.0
    return float(np.log(mass).sum() - scores.sum())


def cross_entropy_along(targets: NDArray[np.int64], charged: Matrix, change: Matrix) -> None:
    """Turn the outputs' change into that of ∂loss/∂output, `charged`."""
    share = charged.copy()
    share[np.arange(len(share)), targets] += 1.0
    change -= (share * change).sum(axis=1, keepdims=True)
    change *= share


def numbers(targets: ArrayLike, samples: int, outputs: int) -> NDArray[np.float64]:
    """Return targets of the squared error, shape (samples, outputs)."""
    table = np.array(targets, dtype=np.float64)
    if table.ndim == 1:
        table = table[:, np.newaxis]
    if table.shape != (samples, outputs):
        raise unfit("targets", f"shape {table.shape}", f"shape {(samples, outputs)}")
    return table


def classes(targets: ArrayLike, samples: int, outputs: int) -> NDArray[np.int64]:
    """Return class numbers, shape (samples,)."""
    column = np.asarray(targets)
    if column.shape != (samples,) or not np.issubdtype(column.dtype, np.integer):
        found = f"{column.dtype} of shape {column.shape}"
        raise unfit("targets", found, f"{samples} integers, the class numbers")
    if column.min() < 0 or column.max() >= outputs:
        found = f"class numbers {column.min()} … {column.max()}"
        raise unfit("targets", found, f"0 … {outputs - 1} for {outputs} outputs")
    return column.astype(np.int64)
