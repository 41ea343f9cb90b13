"""Named random words: (seed, purpose, worker, position) is the whole state there is.

Word number i of a stream is the i-th 64-bit output of Philox-4x64 with the seed as its key and
the worker and the purpose in the upper half of its counter (Salmon et al., "Parallel random
numbers: as easy as 1, 2, 3", SC 2011). NumPy promises these raw words across versions, so a draw
has the same bits whoever asks, in whatever order, and in blocks of any size.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

_PER_COUNTER = 4  # Philox-4x64 yields four words for each value of its counter


class Purpose(IntEnum):
    """What a stream of random words decides. The numbers are for good: never reuse one."""

    COMPUTE = 1
    PULL = 2
    PUSH = 3
    SERVICE = 4
    READ_SWEEP = 5
    WRITE_SWEEP = 6
    BLOCK = 7
    SAMPLE = 8
    ERGODIC = 9
    START = 10
    DATA = 11
    SPEED = 12
    READ_SERVICE = 13
    LOST_PULL = 14
    LOST_PUSH = 15
    AGAIN_PULL = 16
    AGAIN_PUSH = 17
    LOST_AGAIN = 18
    UPTIME = 19
    DOWNTIME = 20
    SPELL = 21
    CALIBRATION = 22
    PULL_SIZE = 23
    PUSH_SIZE = 24
    PERTURBATION = 25
    CURVATURE = 26
    THEORY = 27
    RESAMPLE = 28
    DISTANCE = 29
    SWEEP = 30


class WordSource:
    """Random access to every stream of one seed.

    Parameters
    ----------
    seed
        Any integer in [0, 2**128).

    Notes
    -----
    One bit generator is pointed at the stream that is wanted, which costs about a third of
    building a new one.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._philox = np.random.Philox(key=seed, counter=0)
        self._state: Any = dict(self._philox.state)
        self._key = self._state["state"]["key"]

    def words(self, purpose: Purpose, worker: int, start: int, count: int) -> Words:
        """Return words start, …, start + count − 1 of a stream, shape (count,), uint64."""
        skip = start % _PER_COUNTER
        counter = np.array([start // _PER_COUNTER, 0, worker, purpose], dtype=np.uint64)
        self._state["state"] = {"counter": counter, "key": self._key}
        self._state["buffer_pos"] = _PER_COUNTER
        self._state["has_uint32"] = 0
        self._philox.state = self._state
        raw: Words = self._philox.random_raw(count + skip)
        return raw[skip:]


def uniforms(words: Words) -> NDArray[np.float64]:
    """Map words to the midpoints of 2**52 equal cells: floats inside (0, 1), same shape."""
    # 53 bits would not do: (2**53 - 1/2) * 2**-53 rounds to 1.
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def indices(words: Words, bound: int) -> NDArray[np.int64]:
    """Map words to integers uniform on [0, bound), same shape; bias below bound / 2**53."""
    unit = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (unit * bound).astype(np.int64)


def generator(seed: int, purpose: Purpose, index: int = 0) -> np.random.Generator:
    """Return NumPy's own generator on a named stream, for data and starting points made once."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, index, purpose]))
