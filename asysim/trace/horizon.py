"""What rows name that come later: which versions of x, and updates, a known stream still needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from asysim.ground.arrays import Ints
from asysim.trace.row_table import distinct
from asysim.trace.rows import TraceRows
from asysim.trace.stream import Block
from asysim.trace.trace import Trace


def whole_updates(pieces: Iterable[TraceRows]) -> Iterator[TraceRows]:
    """Cut rows anew, so that no update is in two pieces: replay sums all its gradients at once."""
    rest: list[TraceRows] = []
    for piece in pieces:
        rows = TraceRows.joined([*rest, piece], piece.info) if rest else piece
        begins = _beginnings(rows)
        cut = int(begins[-1]) if len(begins) else 0
        if cut:
            yield rows[:cut]
        rest = [rows[cut:]]
    if rest and len(rest[0]):
        yield rest[0]


def _beginnings(rows: TraceRows) -> Ints:
    """Return the places of rows that are the first of their update."""
    applied = np.flatnonzero(rows.was_applied)
    return applied[np.diff(rows.update[applied], prepend=rows.updates_at_start - 1) > 0]


class Horizon:
    """What is named by pieces later than the one in which it was made, and by which the last time.

    A simulated schedule knows what its workers hold. Of rows from a file that is known once all of
    them have been read; what is kept of them is a number for each gradient that was under way
    where one piece ended and the next began.
    """

    def __init__(self) -> None:
        self._names: list[Ints] = []
        self._pieces = 0
        self._last: tuple[Ints, Ints] | None = None

    def add(self, names: Ints, made_before: int) -> None:
        """Take note of what the next piece names, before which so many updates were made."""
        self._names.append(distinct(names[names < made_before]))
        self._pieces += 1

    def after(self, piece: int, updates: int) -> Ints:
        """Return what pieces after this one name of what was there at its end, in order."""
        names, last = self._settled()
        there = int(np.searchsorted(names, updates))
        return names[:there][last[:there] > piece]

    def _settled(self) -> tuple[Ints, Ints]:
        """Return all that is named, in order, and by which piece the last time."""
        if self._last is None:
            names = np.concatenate([np.zeros(0, np.int64), *self._names])
            piece = np.repeat(np.arange(self._pieces), [len(some) for some in self._names])
            order = np.lexsort((piece, names))
            names, piece = names[order], piece[order]
            ends = np.append(np.diff(names) > 0, True)[: len(names)]
            self._last, self._names = (names[ends], piece[ends].astype(np.int64)), []
        return self._last


def blocks_of(rows: Trace, versions: Ints, changes: Ints, *, block_size: int) -> Iterator[Block]:
    """Cut a piece into blocks that end with whole updates, and say what each leaves to be kept.

    Parameters
    ----------
    rows
        The piece.
    versions, changes
        Versions, and updates of which parts were seen, that later pieces name.
    block_size
        Rows in a block, at least; the last one may have fewer.
    """
    begins = _beginnings(rows)
    start = 0
    while start < len(rows):
        at = int(np.searchsorted(begins, start + block_size))
        end = int(begins[at]) if at < len(begins) else len(rows)
        block = rows[start:end]
        made = block.updates
        held = _held(rows.version[end:], versions, made)
        parts = changes
        if rows.sweeps is not None:
            named = rows.sweeps.update[rows.sweeps.offsets[end] - rows.sweeps.offsets[0] :]
            parts = _held(named, changes, made)
        yield Block(block, held, parts, made)
        start = end


def _held(here: Ints, later: Ints, made: int) -> Ints:
    """Return what the rest of a piece, or later ones, name of what is made by now."""
    return distinct(np.concatenate([here[here < made], later[later < made]]))
