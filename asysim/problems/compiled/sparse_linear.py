"""The kernels of linear models with sparse features: least squares and logistic regression."""

from __future__ import annotations

from asysim.ground.arrays import Vector
from asysim.jit.compiler import implements
from asysim.jit.instructions import fma
from asysim.problems.compiled.generics import gradient, sparse_gradient, support
from asysim.problems.compiled.linear import slope, write_ridge
from asysim.problems.compiled.models import Integers, SparseLinearModel


@implements(gradient, SparseLinearModel)
def _gradient(
    model: SparseLinearModel,
    x: Vector,
    batch: Integers,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    write_ridge(model.l2 * len(batch), x, out)
    for row in batch:
        first, last = model.starts[row], model.starts[row + 1]
        score = 0.0
        for i in range(first, last):
            score = fma(model.entries[i], x[model.columns[i]], score)
        weight = slope(score, model.targets[row], model.logistic)
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
def _sparse_gradient(
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
        weight = slope(score, model.targets[row], model.logistic)
        for i in range(length):
            out[at + i] = weight * model.entries[first + i]
        at += length
