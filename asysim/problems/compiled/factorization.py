"""The kernels of matrix factorization: one sample needs one row of U and one of V."""

from __future__ import annotations

from asysim.ground.arrays import Vector
from asysim.jit.compiler import implements
from asysim.problems.compiled.generics import gradient, sparse_gradient, support
from asysim.problems.compiled.models import FactorizationModel, Integers


@implements(gradient, FactorizationModel)
def _gradient(
    model: FactorizationModel,
    x: Vector,
    batch: Integers,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    rank = model.rank
    out[:] = 0.0
    for sample in batch:
        u = model.left[sample] * rank
        v = (model.rows + model.right[sample]) * rank
        error = 0.0
        for i in range(rank):
            error += x[u + i] * x[v + i]
        error -= model.entries[sample]
        for i in range(rank):
            out[u + i] += error * x[v + i]
            out[v + i] += error * x[u + i]


@implements(support, FactorizationModel)
def _support(model: FactorizationModel, batch: Integers, index: Integers) -> int:
    rank, count = model.rank, 0
    for sample in batch:
        u = model.left[sample] * rank
        v = (model.rows + model.right[sample]) * rank
        for i in range(rank):
            index[count + i] = u + i
            index[count + rank + i] = v + i
        count += 2 * rank
    return count


@implements(sparse_gradient, FactorizationModel)
def _sparse_gradient(
    model: FactorizationModel,
    batch: Integers,
    values: Vector,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    rank, u = model.rank, 0
    for sample in batch:
        v = u + rank
        error = 0.0
        for i in range(rank):
            error += values[u + i] * values[v + i]
        error -= model.entries[sample]
        for i in range(rank):
            out[u + i] = error * values[v + i]
            out[v + i] = error * values[u + i]
        u += 2 * rank
