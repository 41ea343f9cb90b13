"""The kernels of `asysim.problems.MultilayerPerceptron`: both passes over one mini-batch.

The work array holds, one after the other: each layer's input with a 1 appended to every sample, for
the bias, which x has as one more row of weights; and each layer's ∂loss/∂z. The gradient is made of
products of the two, layer by layer, which don't need x.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from asysim.ground.arrays import Ints as Integers
from asysim.ground.arrays import Vector
from asysim.jit.compiler import compiled, implements
from asysim.problems.compiled.elementary import exp, logistic, tanh
from asysim.problems.compiled.finite_sums import finite_sums
from asysim.problems.compiled.generics import (
    Matrix,
    begin_gradient,
    descend_gradient,
    finish_gradient,
    gradient,
    new_work,
)
from asysim.problems.compiled.product import (
    descend_transposed,
    multiply,
    multiply_by_transposed,
    multiply_transposed,
)
from asysim.problems.network import ActivationName

RELU, TANH, SIGMOID = range(3)
KERNEL_ACTIVATIONS: dict[ActivationName, int] = {"relu": RELU, "tanh": TANH, "sigmoid": SIGMOID}


class PerceptronModel(NamedTuple):
    """Inputs, shape (N, layers[0]), and targets, shape (N, layers[-1]), or classes, shape (N,)."""

    features: Matrix
    targets: Matrix
    classes: Integers
    layers: Integers
    activation: int
    cross_entropy: bool
    samples: int


finite_sums(PerceptronModel)


@compiled
def _input_size(layers: Integers) -> int:
    """Return how many numbers the layers' inputs are for each sample, the 1s included."""
    size = 0
    for layer in range(layers.size - 1):
        size += layers[layer] + 1
    return size


@compiled
def _output_size(layers: Integers) -> int:
    """Return how many numbers the layers' outputs are for each sample."""
    size = 0
    for layer in range(1, layers.size):
        size += layers[layer]
    return size


@compiled
def _count(layers: Integers, work: Vector) -> int:
    """Return how many samples a work array is for."""
    return work.size // (_input_size(layers) + _output_size(layers))


@implements(new_work, PerceptronModel)
def _new_work(model: PerceptronModel, batch_size: int) -> Vector:
    return np.empty(batch_size * (_input_size(model.layers) + _output_size(model.layers)))


@compiled
def _activate(part: Vector, activation: int) -> None:
    if activation == RELU:
        for i in range(part.size):
            part[i] = 0.0 if part[i] < 0.0 else part[i]
    elif activation == TANH:
        for i in range(part.size):
            part[i] = tanh(part[i])
    else:
        for i in range(part.size):
            part[i] = logistic(part[i])


@compiled
def _slope(value: float, activation: int) -> float:
    """Return φ′(z) of φ(z)."""
    if activation == RELU:
        return 1.0 if value > 0.0 else value
    if activation == TANH:
        return 1.0 - value * value
    return value * (1.0 - value)


@compiled
def _take(model: PerceptronModel, batch: Integers, work: Vector) -> None:
    """Copy a mini-batch's inputs to where the first layer finds them."""
    size = model.layers[0]
    for m in range(batch.size):
        part = work[m * (size + 1) : (m + 1) * (size + 1)]
        row = batch[m]
        for i in range(size):
            part[i] = model.features[row, i]
        part[size] = 1.0


@compiled
def _forward(model: PerceptronModel, x: Vector, count: int, work: Vector, output: int) -> None:
    """Compute all layers' values from the inputs; the last layer's go to `output` in `work`."""
    layers = model.layers
    last = layers.size - 2
    begin: Any = np.int64(0)  # a literal 0 would have a type and a compilation of its own
    start = begin
    for layer in range(last + 1):
        inputs, outputs = layers[layer] + 1, layers[layer + 1]
        end = begin + count * inputs
        place, row = (output, outputs) if layer == last else (end, outputs + 1)
        multiply(work, begin, inputs, x, start, outputs, work, place, row, count, inputs, outputs)
        if layer < last:
            # The 1s are activated as well, which is quicker than to step over them.
            _activate(work[end : end + count * row], model.activation)
            for m in range(count):
                work[end + m * row + outputs] = 1.0
        begin, start = end, start + inputs * outputs


@compiled
def _charge(model: PerceptronModel, batch: Integers, work: Vector, output: int) -> None:
    """Turn outputs into ∂loss/∂output."""
    size = model.layers[model.layers.size - 1]
    for m in range(batch.size):
        part = work[output + m * size : output + (m + 1) * size]
        if not model.cross_entropy:
            for i in range(size):
                part[i] -= model.targets[batch[m], i]
            continue
        largest = part[0]
        for i in range(size):
            largest = part[i] if part[i] > largest else largest
        mass = 0.0
        for i in range(size):
            part[i] = exp(part[i] - largest)  # or it would overflow
            mass += part[i]
        for i in range(size):
            part[i] /= mass
        part[model.classes[batch[m]]] -= 1.0


@compiled
def _backward(model: PerceptronModel, x: Vector, count: int, work: Vector, output: int) -> None:
    """Compute each layer's ∂loss/∂z from that of the next."""
    layers = model.layers
    begin, start, error = _input_size(layers) * count, x.size, output
    for layer in range(layers.size - 2, 0, -1):
        inputs, outputs = layers[layer], layers[layer + 1]
        row = inputs + 1
        begin -= count * row
        start -= row * outputs
        below = error - count * inputs
        multiply_by_transposed(
            work, error, outputs, x, start, outputs, work, below, inputs, count, outputs, inputs
        )
        for m in range(count):
            part = work[below + m * inputs : below + (m + 1) * inputs]
            value = work[begin + m * row : begin + (m + 1) * row]
            for i in range(inputs):
                part[i] *= _slope(value[i], model.activation)
        error = below


@implements(begin_gradient, PerceptronModel)
def _begin_gradient(model: PerceptronModel, x: Vector, batch: Integers, work: Vector) -> None:
    layers, count = model.layers, batch.size
    sizes = _input_size(layers) + _output_size(layers)
    output = (sizes - layers[layers.size - 1]) * count
    _take(model, batch, work)
    _forward(model, x, count, work, output)
    _charge(model, batch, work, output)
    _backward(model, x, count, work, output)


@implements(finish_gradient, PerceptronModel)
def _finish_gradient(model: PerceptronModel, work: Vector, out: Vector) -> None:
    layers, count = model.layers, _count(model.layers, work)
    begin: Any = np.int64(0)
    start, error = begin, _input_size(layers) * count
    for layer in range(layers.size - 1):
        row, outputs = layers[layer] + 1, layers[layer + 1]
        multiply_transposed(
            work, begin, row, work, error, outputs, out, start, outputs, row, count, outputs
        )
        begin += count * row
        error += count * outputs
        start += row * outputs


@implements(descend_gradient, PerceptronModel)
def _descend_gradient(
    model: PerceptronModel, work: Vector, x: Vector, step: float, out: Vector
) -> bool:
    layers, count = model.layers, _count(model.layers, work)
    begin: Any = np.int64(0)
    start, error = begin, _input_size(layers) * count
    finite = True
    for layer in range(layers.size - 1):
        row, outputs = layers[layer] + 1, layers[layer + 1]
        finite &= descend_transposed(
            work, begin, row, work, error, outputs, x, out, start, outputs, step,
            row, count, outputs,
        )  # fmt: skip
        begin += count * row
        error += count * outputs
        start += row * outputs
    return finite


@implements(gradient, PerceptronModel)
def _gradient(
    model: PerceptronModel, x: Vector, batch: Integers, work: Vector, out: Vector
) -> None:
    begin_gradient(model, x, batch, work)
    finish_gradient(model, work, out)
