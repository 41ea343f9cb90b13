"""Memory at rank 0 that every rank reads and writes by itself: x, and words to agree by.

A word is only ever changed by one kind of operation, as MPI asks of operations that must be atomic
to one another.
"""

from __future__ import annotations

import numpy as np

from asysim.backends.mpi.topology import mpi
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


# The index of the next update ---------------------------------------------------------------------

CLOSED = 2**31
"""Indices from this one on are no updates."""

_ROW = 2**32


class Counter:
    """The index of the next update, and how many gradients have been disposed of: in one word.

    So the disposals, applied or discarded, have one order, which is that of the rows.

    Parameters
    ----------
    windows
        Where it is.
    compares
        Whether somebody discards: then all compare and replace, else all add.
    """

    def __init__(self, windows: Windows, *, compares: bool) -> None:
        self._windows, self._compares = windows, compares

    def look(self) -> tuple[int, int]:
        """Return the index of the next update, and the gradients disposed of."""
        return _split(self._windows.load(COUNTER))

    def take(self) -> tuple[int, int]:
        """Take the next update's index; return it, and the place of its row."""
        return _split(self._change(_ROW + 1))

    def discard(self, seen: tuple[int, int]) -> bool:
        """Take a row for no update, if nothing has changed; return whether that is so."""
        return self._swap(seen, _ROW)

    def take_if(self, seen: tuple[int, int]) -> bool:
        """Take the next update's index, if nothing has changed; return whether that is so."""
        return self._swap(seen, _ROW + 1)

    def close(self) -> tuple[int, int]:
        """Let nobody take anything any more; return what has been taken."""
        return _split(self._change(CLOSED))

    def _swap(self, seen: tuple[int, int], by: int) -> bool:
        old = seen[1] * _ROW + seen[0]
        return self._windows.replace_if(COUNTER, old, old + by)

    def _change(self, by: int) -> int:
        if not self._compares:
            return self._windows.add(COUNTER, by)
        while True:
            old = self._windows.load(COUNTER)
            if self._windows.replace_if(COUNTER, old, old + by):
                return old


def _split(word: int) -> tuple[int, int]:
    return word % _ROW, word // _ROW
