"""A fully connected network: its parameters in one vector, and both passes over one mini-batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from asysim.errors import unfit
from asysim.ground.arrays import Vector

Matrix: TypeAlias = NDArray[np.float64]
ActivationName: TypeAlias = Literal["relu", "tanh", "sigmoid"]

_CHUNK = 1024  # rows at a time over a whole data set: bounds the memory of the hidden layers


@dataclass(frozen=True)
class Activation:
    """φ and its derivatives; φ′, in place, and φ″ are had from φ's own value, which is at hand."""

    apply: Callable[[Matrix], object]
    differentiate: Callable[[Matrix], object]
    bend: Callable[[Matrix], Matrix]


def _one_minus_square(value: Matrix) -> None:
    np.multiply(value, value, out=value)
    np.subtract(1.0, value, out=value)


def _logistic(value: Matrix) -> None:
    from scipy.special import expit

    expit(value, out=value)


def _logistic_slope(value: Matrix) -> None:
    value *= 1.0 - value


ACTIVATIONS: dict[ActivationName, Activation] = {
    "relu": Activation(
        lambda z: np.maximum(z, 0.0, out=z), lambda a: np.sign(a, out=a), np.zeros_like
    ),
    "tanh": Activation(
        lambda z: np.tanh(z, out=z), _one_minus_square, lambda a: -2 * a * (1 - a * a)
    ),
    "sigmoid": Activation(_logistic, _logistic_slope, lambda a: a * (1 - a) * (1 - 2 * a)),
}


@dataclass(frozen=True)
class Network:
    """Layers z ↦ zW + b with an activation after each but the last.

    Parameters
    ----------
    layers
        Numbers of units, the input first and the output last; two of them make a linear model.
    activation
        What follows every hidden layer: ``relu``, ``tanh`` or ``sigmoid``.

    Raises
    ------
    InputError
        If there are fewer than two layers, or an empty one, or the activation is unknown.

    Notes
    -----
    x holds W, row by row, then b, layer after layer. So W with b as one row more is one
    contiguous matrix, and with a 1 appended to the layer's input the bias takes part in the same
    matrix products as the weights, forwards and backwards.
    """

    layers: tuple[int, ...]
    activation: ActivationName = "relu"

    def __post_init__(self) -> None:
        if len(self.layers) < 2 or min(self.layers) < 1:
            expected = "two or more layer sizes of at least 1"
            raise unfit("layers", str(list(self.layers)), expected)
        if self.activation not in ACTIVATIONS:
            expected = "one of " + ", ".join(ACTIVATIONS)
            raise unfit("activation", repr(self.activation), expected)

    @cached_property
    def dimension(self) -> int:
        """n, the number of parameters."""
        return sum((inputs + 1) * outputs for inputs, outputs in pairwise(self.layers))

    @cached_property
    def _pieces(self) -> list[tuple[slice, tuple[int, int]]]:
        pieces = []
        end = 0
        for inputs, outputs in pairwise(self.layers):
            begin, end = end, end + (inputs + 1) * outputs
            pieces.append((slice(begin, end), (inputs + 1, outputs)))
        return pieces

    def matrices(self, x: Vector) -> list[Matrix]:
        """Return views into x, one per layer, shape (inputs + 1, outputs); the last row is b.

        Of several vectors, shape (g, n): views of shape (g, inputs + 1, outputs).
        """
        if x.ndim == 1:
            return [x[piece].reshape(shape) for piece, shape in self._pieces]
        return [x[:, piece].reshape(len(x), *shape) for piece, shape in self._pieces]

    def draw(self, random: np.random.Generator) -> Vector:
        """Return random parameters, shape (n,): Gaussian weights, biases 0.

        The variance is 2 / inputs before a relu (He et al. 2015), else 2 / (inputs + outputs)
        (Glorot & Bengio 2010).
        """
        x = np.zeros(self.dimension)
        matrices = self.matrices(x)
        for matrix in matrices:
            inputs, outputs = matrix.shape[0] - 1, matrix.shape[1]
            rectified = self.activation == "relu" and matrix is not matrices[-1]
            variance = 2 / inputs if rectified else 2 / (inputs + outputs)
            matrix[:-1] = random.standard_normal((inputs, outputs)) * math.sqrt(variance)
        return x

    def outputs(self, x: Vector, features: Matrix) -> Matrix:
        """Return the network's outputs, shape (N, outputs), for features, shape (N, inputs)."""
        results = []
        for rows in chunks(len(features)):
            part = features[rows]
            work = Workspace(self, len(part))
            work.inputs[...] = part
            work.forward(self.matrices(x))
            results.append(work.output)
        return np.concatenate(results)


class Workspace:
    """The arrays that the two passes over M samples fill, made once and used again.

    Parameters
    ----------
    network
        Whose layers to hold.
    count
        M; or g and M, for g networks with a mini-batch each: g is then the first axis of all.

    Attributes
    ----------
    inputs
        Shape (M, inputs): to be filled before `forward`.
    output
        Shape (M, outputs): filled by `forward`, to be turned into ∂loss/∂output before `backward`.
    extended, errors
        The layers' inputs with a 1 appended, and ∂loss/∂z of all but the last.
    size
        How many numbers it holds.
    """

    def __init__(self, network: Network, *count: int) -> None:
        *inner, last = network.layers
        self._activation = ACTIVATIONS[network.activation]
        self.extended = [np.ones((*count, size + 1)) for size in inner]
        self._values = [extended[..., :-1] for extended in self.extended]
        self.errors = [np.empty((*count, size)) for size in inner[1:]]
        self._slopes = [np.empty((*count, size)) for size in inner[1:]]
        self.inputs = self._values[0]
        self.output = np.empty((*count, last))
        arrays = (*self.extended, *self.errors, *self._slopes, self.output)
        self.size = sum(array.size for array in arrays)

    def forward(self, weights: Sequence[Matrix]) -> None:
        """Compute `output` from `inputs`."""
        for layer, matrix in enumerate(weights[:-1]):
            value = self._values[layer + 1]
            np.matmul(self.extended[layer], matrix, out=value)
            self._activation.apply(value)
        np.matmul(self.extended[-1], weights[-1], out=self.output)

    def backward(self, weights: Sequence[Matrix]) -> None:
        """Compute ∂loss/∂z of every layer's sums z from `output`. Weights are not needed again."""
        error = self.output
        for layer in range(len(weights) - 1, 0, -1):
            below, slope = self.errors[layer - 1], self._slopes[layer - 1]
            np.matmul(error, weights[layer][..., :-1, :].mT, out=below)
            np.copyto(slope, self._values[layer])
            self._activation.differentiate(slope)
            below *= slope
            error = below

    def gradient(self, gradients: Sequence[Matrix]) -> None:
        """Write the gradient, summed over the samples, layer by layer, after `backward`."""
        errors = (*self.errors, self.output)
        for extended, error, gradient in zip(self.extended, errors, gradients, strict=True):
            np.matmul(extended.mT, error, out=gradient)


def along(
    network: Network, weights: Sequence[Matrix], moved: Sequence[Matrix], work: Workspace,
    charge: Callable[[Matrix, Matrix], None] | None, out: Sequence[Matrix],
) -> None:  # fmt: skip
    """Write how the gradient of `Workspace` changes along a direction, after its `backward`.

    Every value and error of the two passes is differentiated along the direction (Pearlmutter,
    Fast Exact Multiplication by the Hessian, Neural Computation 6(1), 1994).

    Parameters
    ----------
    network, weights, work
        As they were for both passes.
    moved
        The direction, as `matrices` gives it.
    charge
        Turns the outputs' change, given ∂loss/∂output, into that of ∂loss/∂output, in place; None:
        it is that already.
    out
        Where to write to, layer by layer.
    """
    activation = ACTIVATIONS[network.activation]
    last = len(weights) - 1
    change = np.zeros_like(work.inputs)  # of the layer's input
    changes, bends = [change], []
    for layer, (matrix, moving) in enumerate(zip(weights, moved, strict=True)):
        change = change @ matrix[:-1] + work.extended[layer] @ moving
        if layer < last:
            value = work.extended[layer + 1][:, :-1]
            slope = value.copy()
            activation.differentiate(slope)
            bends.append((slope, activation.bend(value) * change))
            change = slope * change
            changes.append(change)
    if charge is not None:
        charge(work.output, change)
    # From here on the change is that of an error.
    for layer in range(last, -1, -1):
        error = work.output if layer == last else work.errors[layer]
        out[layer][...] = work.extended[layer].T @ change
        out[layer][:-1] += changes[layer].T @ error
        if layer > 0:
            slope, bend = bends[layer - 1]
            below = error @ weights[layer][:-1].T
            change = (change @ weights[layer][:-1].T + error @ moved[layer][:-1].T) * slope
            change += below * bend


def chunks(samples: int) -> list[slice]:
    """Return slices that cover rows 0 … samples − 1, each short enough to hold in cache."""
    return [slice(first, min(first + _CHUNK, samples)) for first in range(0, samples, _CHUNK)]
