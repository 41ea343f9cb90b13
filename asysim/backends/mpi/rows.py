"""Rows of AsySG-incon on their way from the workers to rank 0, and in order there."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from asysim.backends.mpi.messages import HEAD, ROWS, Endpoint, Message
from asysim.trace.gradient import LOST, Brackets
from asysim.trace.info import TraceInfo
from asysim.trace.trace import Trace


class SentRow(NamedTuple):
    """A row with its brackets, as whole numbers; behind them come the updates partly seen."""

    place: int  # which row of the trace it is
    draw: int
    version: int
    update: int
    read: int
    ready: int
    done: int
    arrived: int
    applied: int
    lo: int
    hi: int
    begun: int
    after: int
    late: int  # how well its waits went: this and the next
    overshoot: int
    finite: int  # whether its update left x finite
    partly: int


FIXED = len(SentRow._fields)


class RowSender:
    """Where a worker puts its rows. Each goes to rank 0 at once: a later one may never come.

    Parameters
    ----------
    endpoint
        How they go there.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._last = 0

    def add(self, row: SentRow, partly: list[int]) -> None:
        """Send a row."""
        message = self._endpoint.pool.take()
        end = HEAD + FIXED + len(partly)
        message.words[HEAD : HEAD + FIXED] = row
        message.words[HEAD + FIXED : end] = partly
        self._send(message, end)

    def show_life(self, every: float) -> None:
        """Send something if nothing was sent for so many seconds."""
        if time.monotonic_ns() - self._last > every * 1e9:
            self._send(self._endpoint.pool.take(), HEAD)

    def close(self) -> None:
        """Say that there will be no more."""
        self._send(self._endpoint.pool.take(), HEAD, last=True)

    def _send(self, message: Message, end: int, *, last: bool = False) -> None:
        self._last = time.monotonic_ns()
        message.head[:2] = end, last
        self._endpoint.drop(0, ROWS, message, end)


class RowSorter:
    """Puts the workers' rows in the order of their disposal.

    Parameters
    ----------
    info
        Goes into the traces.

    Attributes
    ----------
    updates
        Updates of which all rows before are there too.
    count
        Rows of which that is so.
    """

    def __init__(self, info: TraceInfo) -> None:
        self._info = info
        self._early: dict[int, tuple[int, SentRow, list[int]]] = {}
        self._next: list[tuple[int, SentRow, list[int]]] = []
        self._told = 0
        self.updates = self.count = 0

    def take(self, worker: int, message: Message) -> SentRow | None:
        """Take a worker's message; return the row in it, if there is one."""
        words = message.words[HEAD : int(message.head[0])].tolist()
        if not words:
            return None
        row = SentRow._make(words[:FIXED])
        self._early[row.place] = worker, row, words[FIXED:]
        while (found := self._early.pop(self.count, None)) is not None:
            self._next.append(found)
            self.count += 1
            self.updates += found[1].update != LOST
        return row

    def rows(self) -> Trace | None:
        """Return the rows that have got into order since last asked for."""
        if not self._next:
            return None
        workers = [worker for worker, _, _ in self._next]
        table = np.array([row for _, row, _ in self._next], dtype=np.int64).T
        partly = np.array([update for _, _, some in self._next for update in some], dtype=np.int64)
        self._next.clear()
        _, draw, version, update, *instants, lo, hi, begun, after, _, _, _, counts = table
        facts = np.stack([np.array(workers, dtype=np.int64), draw, version, update])
        # Clocks of two machines agree up to half a round trip: what they tell stays in order.
        ticks = np.maximum.accumulate(np.maximum(np.stack(instants), 0), axis=0)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        brackets = Brackets(lo, hi, begun, after, offsets, partly)
        before, self._told = self._told, self.updates
        return Trace(facts, ticks, self._info, None, before, brackets)
