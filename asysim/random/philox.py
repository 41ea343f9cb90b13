"""Random words by name in compiled code: those of `asysim.random.streams`, bit for bit.

This is Philox-4x64-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asysim.jit.compiler import compiled
from asysim.jit.instructions import high_product
from asysim.random.streams import Words

_ROUNDS = 10
_FIRST_FACTOR, _SECOND_FACTOR = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_FIRST_WEYL, _SECOND_WEYL = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_ONE, _TWO, _THREE = np.uint64(1), np.uint64(2), np.uint64(3)
_ELEVEN, _TWELVE = np.uint64(11), np.uint64(12)


@compiled
def _block(position: Any, worker: Any, purpose: Any, seed: Any) -> tuple[Any, Any, Any, Any]:
    """Return the four words of the counter's value (position, 0, worker, purpose)."""
    a, b, c, d = position, np.uint64(0), worker, purpose
    first, second = seed, np.uint64(0)
    for _ in range(_ROUNDS):
        upper, lower = high_product(_FIRST_FACTOR, a), _FIRST_FACTOR * a
        other_upper, other_lower = high_product(_SECOND_FACTOR, c), _SECOND_FACTOR * c
        a, b = other_upper ^ b ^ first, other_lower
        c, d = upper ^ d ^ second, lower
        first += _FIRST_WEYL
        second += _SECOND_WEYL
    return a, b, c, d


@compiled
def words(seed: int, purpose: int, worker: int, start: int, out: Words) -> None:
    """Write words start, …, start + len(out) − 1 of a stream into `out`, uint64.

    As `asysim.random.streams.WordSource(seed).words(purpose, worker, start, len(out))`, for a
    seed in [0, 2**64).
    """
    key, stream, kind = np.uint64(seed), np.uint64(worker), np.uint64(purpose)
    first = np.uint64(start)
    position = first >> _TWO
    place = -np.int64(first & _THREE)
    while place < out.size:
        position += _ONE  # NumPy counts on before it makes words, not after
        block = _block(position, stream, kind, key)
        for i in range(4):
            if 0 <= place + i < out.size:
                out[place + i] = block[i]
        place += 4


@compiled
def unit(word: Any) -> float:
    """Map a word to [0, 1), a multiple of 2**-53."""
    return np.float64(word >> _ELEVEN) * 2.0**-53


@compiled
def index(word: Any, bound: int) -> int:
    """Map a word to an integer uniform on [0, bound), as `asysim.random.streams.indices`."""
    return int(unit(word) * bound)


@compiled
def uniform(word: Any) -> float:
    """Map a word inside (0, 1), to the midpoint of a cell, as `asysim.random.streams.uniforms`."""
    return (np.float64(word >> _TWELVE) + 0.5) * 2.0**-52
