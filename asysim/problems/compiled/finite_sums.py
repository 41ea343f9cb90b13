"""The mini-batches of finite sums: row numbers, uniform with replacement."""

from __future__ import annotations

from typing import Any

import numpy as np

from asysim.jit.compiler import implements
from asysim.problems.compiled.generics import decode, draw_batch, new_batch
from asysim.problems.compiled.models import FINITE_SUMS, Integers
from asysim.random.philox import index, words
from asysim.random.streams import Purpose, Words

_SAMPLE = int(Purpose.SAMPLE)


@implements(new_batch, *FINITE_SUMS)
def _new_batch(model: Any, batch_size: int) -> Integers:  # noqa: ARG001
    return np.empty(batch_size, dtype=np.int64)


@implements(decode, *FINITE_SUMS)
def _decode(model: Any, raw: Words) -> None:
    rows = raw.view(np.int64)
    for i in range(raw.size):
        rows[i] = index(raw[i], model.samples)


@implements(draw_batch, *FINITE_SUMS)
def _draw_batch(model: Any, seed: int, worker: int, draw: int, batch: Integers) -> None:
    raw = batch.view(np.uint64)
    words(seed, _SAMPLE, worker, draw * batch.size, raw)
    decode(model, raw)
