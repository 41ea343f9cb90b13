"""What the kernels of several kinds of problems share: mini-batches of finite sums, and no work."""

from __future__ import annotations

from typing import Any

import numpy as np

from asysim.ground.arrays import Ints, Vector
from asysim.jit.compiler import implements
from asysim.problems.compiled.generics import decode, draw_batch, new_batch, new_work
from asysim.random.philox import index, words
from asysim.random.streams import Purpose, Words

_SAMPLE = int(Purpose.SAMPLE)


def finite_sums(*models: type) -> None:
    """Have the samples of some models be row numbers, uniform with replacement, of `samples`."""
    implements(new_batch, *models)(_new_batch)
    implements(decode, *models)(_decode)
    implements(draw_batch, *models)(_draw_batch)


def without_work(*models: type) -> None:
    """Have the gradients of some models computed without an array for what comes in between."""
    implements(new_work, *models)(_no_work)


def _new_batch(model: Any, batch_size: int) -> Ints:  # noqa: ARG001
    return np.empty(batch_size, dtype=np.int64)


def _decode(model: Any, raw: Words) -> None:
    rows = raw.view(np.int64)
    for i in range(raw.size):
        rows[i] = index(raw[i], model.samples)


def _draw_batch(model: Any, seed: int, worker: int, draw: int, batch: Ints) -> None:
    raw = batch.view(np.uint64)
    words(seed, _SAMPLE, worker, draw * batch.size, raw)
    decode(model, raw)


def _no_work(model: Any, batch_size: int) -> Vector:  # noqa: ARG001
    return np.empty(0)
