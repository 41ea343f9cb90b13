"""Memory at rank 0 that every rank reads and writes by itself: x, and words to agree by.

A word is only ever changed by one kind of operation, as MPI asks of operations that must be atomic
to one another.
"""

from __future__ import annotations

import numpy as np

from asysim.backends.mpi.world import mpi
from asysim.ground.arrays import Vector

NONE = 2**62
"""In a word that holds an update or a version: there is none."""

_APART = 8  # words from one that is fought for to the next: a cache line
COUNTER, LOCK, _SLOTS = 0, _APART, 2 * _APART


class Windows:
    """The shared memory of AsySG-incon over MPI. Made by all ranks together.

    It is allocated by MPI: on one machine it then is memory that all ranks have in common, and an
    operation takes about a microsecond; a window over other memory takes a hundred, and rank 0.

    Parameters
    ----------
    dimension
        n.
    workers
        p.
    """

    def __init__(self, dimension: int, workers: int) -> None:
        library = mpi()
        comm = library.COMM_WORLD
        self._replace, self._sum, self._nothing = library.REPLACE, library.SUM, library.NO_OP
        self._workers = workers
        here = comm.rank == 0
        words = _SLOTS + 2 * workers
        self._x = library.Win.Allocate(8 * dimension if here else 0, 8, comm=comm)
        self._words = library.Win.Allocate(8 * words if here else 0, 8, comm=comm)
        if here:
            np.frombuffer(self._words, dtype=np.int64)[:_SLOTS] = 0
            np.frombuffer(self._words, dtype=np.int64)[_SLOTS:] = NONE
        for window in (self._x, self._words):
            window.Lock_all(library.MODE_NOCHECK)  # for good: nobody locks anything exclusively
        self._in = np.zeros(1, dtype=np.int64)
        self._old = np.zeros(1, dtype=np.int64)
        self._out = np.zeros(1, dtype=np.int64)
        self._none = np.zeros(workers, dtype=np.int64)
        self._all = np.zeros(workers, dtype=np.int64)

    # Words -----------------------------------------------------------------------------------

    def load(self, word: int) -> int:
        """Return a word."""
        self._words.Fetch_and_op(self._in, self._out, 0, word, self._nothing)
        self._words.Flush(0)
        return int(self._out[0])

    def add(self, word: int, number: int) -> int:
        """Add to a word, and return what it was before."""
        self._in[0] = number
        self._words.Fetch_and_op(self._in, self._out, 0, word, self._sum)
        self._words.Flush(0)
        return int(self._out[0])

    def replace_if(self, word: int, old: int, new: int) -> bool:
        """Change a word if it is what it was; return whether it was."""
        self._old[0], self._in[0] = old, new
        self._words.Compare_and_swap(self._in, self._old, self._out, 0, word)
        self._words.Flush(0)
        return int(self._out[0]) == old

    def store(self, word: int, number: int) -> None:
        """Change a word, whatever it was."""
        self._in[0] = number
        self._words.Accumulate(self._in, 0, word, self._replace)
        self._words.Flush(0)

    def load_all(self, first: int) -> list[int]:
        """Return the p words of all workers, which are side by side."""
        self._words.Get_accumulate(self._none, self._all, 0, first, self._nothing)
        self._words.Flush(0)
        found: list[int] = self._all.tolist()
        return found

    def writing(self, worker: int = 0) -> int:
        """Return the place of the word that says which update a worker is writing."""
        return _SLOTS + worker

    def held(self, worker: int = 0) -> int:
        """Return the place of the word that says which version a worker's gradient has."""
        return _SLOTS + self._workers + worker

    # x ---------------------------------------------------------------------------------------

    def read(self, out: Vector) -> None:
        """Copy x as it is, while others write."""
        self._x.Get(out, 0)
        self._x.Flush(0)

    def add_to_x(self, change: Vector, lo: int) -> None:
        """Add to x from coordinate lo on: each element at once, and nothing is lost."""
        self._x.Accumulate(change, 0, (lo, len(change)), self._sum)
        self._x.Flush(0)

    def set_x(self, x: Vector) -> None:
        """Set x, before anybody reads it; on rank 0."""
        np.frombuffer(self._x, dtype=np.float64)[: len(x)] = x
        self._x.Sync()
        self._words.Sync()

    def free(self) -> None:
        """Give the memory back: all ranks together."""
        for window in (self._x, self._words):
            window.Unlock_all()
            window.Free()
