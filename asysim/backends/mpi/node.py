"""Which ranks share a machine, and whether it has a core for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from asysim.backends.mpi.world import mpi
from asysim.ground.arrays import Ints
from asysim.ground.cores import usable_cores

_PER_WORD = 32  # cores in a word of a mask
WORDS = 1 + 64
"""Words that a rank describes itself in."""


def describe() -> Ints:
    """Return this rank's machine, and the cores that it may run on; shape (`WORDS`,)."""
    words = np.zeros(WORDS, dtype=np.int64)
    name = mpi().Get_processor_name().encode()
    words[0] = int.from_bytes(blake2b(name, digest_size=4).digest(), "little")
    for core in usable_cores():
        if core < _PER_WORD * (WORDS - 1):
            words[1 + core // _PER_WORD] |= 1 << core % _PER_WORD
    return words


class Nodes:
    """The machines that all ranks run on.

    Parameters
    ----------
    descriptions
        What each rank says of itself; (ranks, `WORDS`).

    Attributes
    ----------
    count
        How many there are.
    roomy
        Whether each rank's machine has a core for each rank on it.
    least_cores
        Cores of the machine that has the fewest.
    """

    def __init__(self, descriptions: Sequence[Ints]) -> None:
        table = np.array(descriptions)
        names = table[:, 0]
        cores = {}
        for name in np.unique(names).tolist():
            # Ranks may be bound to a core each: what the machine has is all of them together.
            together = np.bitwise_or.reduce(table[names == name, 1:], axis=0)
            cores[name] = sum(word.bit_count() for word in together.tolist())
        self.count = len(cores)
        self.least_cores = min(cores.values())
        self.roomy = [cores[name] >= int((names == name).sum()) for name in names.tolist()]
