"""The kernels of `asysim.problems.Quadratic`: λ ∘ x plus Gaussian noise."""

from __future__ import annotations

import numpy as np

from asysim.ground.arrays import Vector
from asysim.jit.compiler import implements
from asysim.problems.compiled.generics import decode, draw_batch, gradient, new_batch
from asysim.problems.compiled.models import Matrix, QuadraticModel
from asysim.random.normal import quantile
from asysim.random.philox import uniform, words
from asysim.random.streams import Purpose, Words

_SAMPLE = int(Purpose.SAMPLE)


@implements(new_batch, QuadraticModel)
def _new_batch(model: QuadraticModel, batch_size: int) -> Matrix:
    return np.empty((batch_size, model.words))


@implements(decode, QuadraticModel)
def _decode(model: QuadraticModel, raw: Words) -> None:
    noise = raw.view(np.float64)
    for i in range(raw.size):
        noise[i] = quantile(uniform(raw[i])) * model.deviation


@implements(draw_batch, QuadraticModel)
def _draw_batch(model: QuadraticModel, seed: int, worker: int, draw: int, batch: Matrix) -> None:
    raw = batch.reshape(batch.size).view(np.uint64)
    words(seed, _SAMPLE, worker, draw * batch.size, raw)
    decode(model, raw)


@implements(gradient, QuadraticModel)
def _gradient(
    model: QuadraticModel,
    x: Vector,
    batch: Matrix,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    count = len(batch)
    for i in range(out.size):
        out[i] = model.eigenvalues[i] * x[i] * count
    if model.words > 0:
        for i in range(out.size):
            total = 0.0
            for m in range(count):
                total += batch[m, i]
            out[i] += total
