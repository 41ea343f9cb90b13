"""How long a word takes from one core to another: what lock-free updates wait for."""

from __future__ import annotations

import os
import threading

import numpy as np

from asysim.backends.atomics import load, store
from asysim.backends.clock import now
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled

_BATCHES, _ROUNDS = 20, 200
_MOST_TURNS = 10_000_000  # without an answer: somebody else has the other core
_LONGEST = 50_000_000  # nanoseconds for all of it: others have it again and again


@compiled
def _bounce(ball: Ints, side: int, batches: Ints, rounds: int) -> bool:
    """Pass a word to and fro, and note how long each batch of so many rounds took.

    Returns False if others had the cores, so that it took too long.
    """
    first = now()
    for batch in range(batches.shape[0]):
        begun = now()
        for turn in range(batch * rounds, (batch + 1) * rounds):
            waited = 0
            while load(ball, 0) != 2 * turn + side:
                waited += 1
                if waited > _MOST_TURNS or (waited % 1024 == 0 and now() - first > _LONGEST):
                    return False
            store(ball, 0, 2 * turn + side + 1)
        batches[batch] = now() - begun
    return True


def core_to_core() -> float | None:
    """Measure the nanoseconds that a word takes from core to core; None if there is but one free.

    The median of some batches: when others run, some are interrupted.
    """
    if (os.cpu_count() or 1) < 2:
        return None
    ball, batches = np.zeros(16, dtype=np.int64), np.zeros(_BATCHES, dtype=np.int64)
    _bounce(ball, 0, batches[:0], 0)  # compiled by now
    arguments = (ball, 1, batches.copy(), _ROUNDS)
    other = threading.Thread(target=_bounce, args=arguments, daemon=True)
    other.start()
    answered = _bounce(ball, 0, batches, _ROUNDS)
    other.join()
    return float(np.median(batches[1:])) / (2 * _ROUNDS) if answered else None
