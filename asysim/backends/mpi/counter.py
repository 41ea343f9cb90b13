"""The index of the next update, which whoever has a gradient takes."""

from __future__ import annotations

from asysim.backends.mpi.windows import COUNTER, Windows

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
