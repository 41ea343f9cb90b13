"""The stream of Gradients between *when* and *what*, in pieces, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from asysim.errors import AsysimError
from asysim.ground.arrays import Ints
from asysim.trace.gradient import NANOSECOND, TIMES
from asysim.trace.trace import Trace


@dataclass(frozen=True, eq=False)
class Block:
    """A piece of a stream of Gradients, with what replay must keep for the pieces to come.

    Attributes
    ----------
    rows
        The gradients disposed of in this piece.
    held_versions
        Versions of x that workers have read, or buffers hold, and later rows will name.
    held_updates
        Updates of which such reads have seen a part.
    floor
        Reads still in progress may name any version or update from this one on.
    """

    rows: Trace
    held_versions: Ints
    held_updates: Ints
    floor: int


Stream = Iterator[Block]
"""May end with a `Deadlock`, after the block with the last rows."""


class Deadlock(AsysimError):  # noqa: N818  (it ends a run, as StopIteration ends a loop)
    """No update will ever be made again.

    Parameters
    ----------
    tick
        When that came to be, in nanoseconds.
    reason
        Why: who waits for whom.
    """

    def __init__(self, tick: int, reason: str) -> None:
        self.tick, self.reason = tick, reason
        super().__init__(f"deadlock at {self.seconds:.6g} s: {reason}")

    def __reduce__(self) -> tuple[type[Deadlock], tuple[int, str]]:
        return Deadlock, (self.tick, self.reason)

    @property
    def seconds(self) -> float:
        """When that came to be."""
        return self.tick * NANOSECOND


def as_stream(trace: Trace) -> Stream:
    """Return a recorded trace as a stream of one piece, after which nothing is needed."""
    nothing = np.zeros(0, dtype=np.int64)
    yield Block(trace, nothing, nothing, trace.updates + 1)


def trace_of(stream: Iterable[Block]) -> Trace:
    """Return all rows of a stream, of one block at least, as a trace."""
    parts = [block.rows for block in stream]
    return Trace.joined(parts, parts[0].info)


def limited(stream: Stream, *, updates: int | None = None, seconds: float | None = None) -> Stream:
    """Cut a stream after so many updates, or before the first disposal later than `seconds`.

    A deadlock later than that is none.
    """
    last_tick = None if seconds is None else round(seconds / NANOSECOND)
    while True:
        try:
            block = next(stream)
        except StopIteration:
            return
        except Deadlock as deadlock:
            if last_tick is None or deadlock.tick <= last_tick:
                raise
            return
        end = len(block.rows)
        if updates is not None:
            end = block.rows.count_before(updates)
        if last_tick is not None:
            late = block.rows.ticks[disposal(block.rows)] > last_tick
            end = min(end, int(np.argmax(late))) if late.any() else end
        if end < len(block.rows):
            if end:
                yield replace(block, rows=block.rows[:end])
            return
        yield block


def disposal(rows: Trace) -> int:
    """Return which column of times says when a row was disposed of."""
    # A lock-free update takes its number when its write begins, not when it ends.
    return TIMES.index("arrived" if rows.info.algorithm == "asysg-incon" else "applied")
