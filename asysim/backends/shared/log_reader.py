"""Rows from the workers' logs, in the order of their disposal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from asysim.backends.shared import memory as w
from asysim.backends.shared.memory import Memory
from asysim.ground.arrays import Ints
from asysim.trace.gradient import Brackets
from asysim.trace.info import TraceInfo
from asysim.trace.trace import Trace

Spans = Callable[[int, Ints], Ints]


class LogReader:
    """Fetches rows from the workers' logs and puts them in order.

    Parameters
    ----------
    memory
        Where the logs are.
    info
        Goes into the traces.
    spans
        The coordinates [lo, hi) that given draws of a worker write: a function of worker and draws,
        shape (rows,), that returns shape (rows, 2).
    per_update
        c, gradients in an update.
    """

    def __init__(
        self, memory: Memory, info: TraceInfo, spans: Spans, *, per_update: int = 1
    ) -> None:
        self._memory, self._info, self._spans = memory, info, spans
        self._per_update = per_update
        self._lock_free = info.algorithm == "asysg-incon"
        self._tails = [0] * info.workers
        self._last_key = np.full(info.workers, -1, dtype=np.int64)
        self._timed: list[Ints | None] = [None] * info.workers
        self._untimed: list[list[Ints]] = [[] for _ in range(info.workers)]
        self._waiting: list[Ints] = []  # tables of rows, the worker in a last column
        self._made = 0  # updates that are made (lock-free: begun), whatever is logged of later ones
        self.updates = 0

    def fetch(self, made: int) -> None:
        """Take new rows out of the logs, so that workers have room again.

        Parameters
        ----------
        made
            Updates that were made before (lock-free: begun).
        """
        self._made = made
        for worker, tail in enumerate(self._tails):
            head = int(self._memory.heads[w.LINE * worker])
            if head == tail:
                continue
            ring = self._memory.log[worker]
            table = np.take(ring, np.arange(tail, head), axis=0, mode="wrap")
            self._memory.tails[w.LINE * worker] = self._tails[worker] = head
            self._last_key[worker] = table[-1, w.KEY]
            self._keep(worker, table)

    def _keep(self, worker: int, table: Ints) -> None:
        """Fill in the instants of rows between two that were timed, by their place among them."""
        numbered = np.column_stack([table, np.full(len(table), worker)])
        times = slice(w.TIMES, w.FIXED)
        untimed = numbered[:, w.TIMES] < 0
        if self._untimed[worker] or untimed.any():
            numbered = np.concatenate([*self._untimed[worker], numbered])
            known = np.flatnonzero(numbered[:, w.TIMES] >= 0)
            last = int(known[-1]) + 1 if len(known) else 0
            self._untimed[worker] = [numbered[last:]] if last < len(numbered) else []
            self._fill(worker, numbered[:last], times)
            numbered = numbered[:last]
        if len(numbered):
            self._timed[worker] = numbered[-1, times]
            self._waiting.append(numbered)

    def _fill(self, worker: int, rows: Ints, times: slice) -> None:
        known = np.flatnonzero(rows[:, times.start] >= 0)
        if not len(known):
            return
        anchors, values = known, rows[known, times]
        before = self._timed[worker]
        if before is not None:
            anchors, values = np.r_[-1, anchors], np.vstack([before, values])
        for column in range(5):
            exact = np.interp(np.arange(len(rows)), anchors, values[:, column])
            rows[:, times.start + column] = np.rint(exact)

    def take(self, *, all_of_them: bool = False) -> Trace | None:
        """Return the rows that nothing can come before any more, in order; None if there are none.

        A row is held back until every worker has logged one that comes after it.
        """
        if all_of_them:
            self._close()
        if not self._waiting:
            return None
        table = self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting)
        table = table[np.lexsort((table[:, w.TIMES + 3], table[:, w.KEY]))]
        ready = len(table)
        if not all_of_them:
            # Rows whose instants are not known yet are behind the last key that was fetched.
            held = [rows[0][0, w.KEY] - 1 for rows in self._untimed if rows]
            frontier = min([int(self._last_key.min()), *held])
            ready = int(np.searchsorted(table[:, w.KEY], frontier, "right"))
        if all_of_them or not self._lock_free:
            table, ready = self._made_updates(table, ready, drop=all_of_them)
        if self._per_update > 1:
            table, ready = self._whole_updates(table, ready, drop=all_of_them)
        self._waiting = [table[ready:]] if ready < len(table) else []
        return self._trace(table[:ready]) if ready else None

    def _made_updates(self, table: Ints, ready: int, *, drop: bool) -> tuple[Ints, int]:
        """Hold back, or drop, what was logged of an update that is about to be made.

        Whoever makes a consistent one logs it first, and may be killed in between.
        """
        early = table[:, w.UPDATE] >= self._made
        if drop:
            return table[~early], ready - int(early[:ready].sum())
        first = int(early.argmax()) if early.any() else len(table)
        return table, min(ready, first)

    def _whole_updates(self, table: Ints, ready: int, *, drop: bool) -> tuple[Ints, int]:
        """Bring the gradients of each update together, behind those dropped while it was gathered.

        What is left of an update that was never made has gone into nothing, and is dropped.
        """
        kept = np.flatnonzero(table[:ready, w.UPDATE] >= 0)
        whole = len(kept) - len(kept) % self._per_update
        if drop:
            table = np.delete(table, kept[whole:], axis=0)
            ready = len(table)
        elif whole < len(kept):
            ready = int(kept[whole])
        rows = table[:ready]
        applied = rows[:, w.UPDATE] >= 0
        made = self.updates + (np.cumsum(applied) - applied) // self._per_update
        table = table.copy()
        table[:ready] = rows[np.argsort(2 * made + applied, kind="stable")]
        return table, ready

    def complete(self, most: int) -> list[int]:
        """Take the rows that lock-free workers had only drafted; return the numbers of updates.

        For when nobody is at work any more and everything logged was fetched; K is `most`.
        """
        tables = [*self._waiting, *(rows for untimed in self._untimed for rows in untimed)]
        logged = {int(update) for table in tables for update in table[:, w.UPDATE]}
        behind = [
            int(ring[tail % len(ring), w.UPDATE])
            for ring, tail in zip(self._memory.log, self._tails, strict=True)
        ]
        found = drafts(self._memory, behind, logged, least=self.updates, most=most)
        latest = max((int(table[:, w.FIXED - 1].max()) for table in tables), default=-1)
        for worker, update in found.tolist():
            ring = self._memory.log[worker]
            row = ring[self._tails[worker] % len(ring)][np.newaxis].copy()
            row[:, w.UPDATE], row[:, w.KEY] = update, 2 * update + 1
            if row[0, w.TIMES] >= 0:  # its instants are measured; others may have read since then
                row[:, w.FIXED - 1] = max(latest, int(row[0, w.FIXED - 2]))
            self._keep(worker, row)
        return [update for _, update in found.tolist()]

    def _close(self) -> None:
        for worker, rows in enumerate(self._untimed):
            if rows:
                table = np.concatenate(rows)
                known = self._timed[worker]
                times = slice(w.TIMES, w.FIXED)
                table[:, times] = 0 if known is None else known  # none was timed after these
                self._waiting.append(table)
                rows.clear()

    def _trace(self, table: Ints) -> Trace:
        facts = table[:, [-1, w.DRAW, w.VERSION, w.UPDATE]].T.copy()
        ticks = np.maximum.accumulate(table[:, w.TIMES : w.FIXED], axis=1).T.copy()
        before = self.updates
        if (facts[3] >= 0).any():
            self.updates = int(facts[3].max()) + 1
        if not self._lock_free:
            return Trace(facts, self._together(facts[3], ticks), self._info, None, before)
        counts = table[:, w.PARTLY]
        behind = table[:, w.FIXED : -1]
        partly = behind[np.arange(behind.shape[1]) < counts[:, np.newaxis]]
        spans = np.empty((len(table), 2), dtype=np.int64)
        for worker in np.unique(facts[0]):
            own = facts[0] == worker
            spans[own] = self._spans(int(worker), facts[1, own])
        brackets = Brackets(
            lo=spans[:, 0].copy(),
            hi=spans[:, 1].copy(),
            begun=table[:, w.BEGUN].copy(),
            after=table[:, w.AFTER].copy(),
            offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
            partly=partly,
        )
        return Trace(facts, ticks, self._info, None, before, brackets)

    def _together(self, update: Ints, ticks: Ints) -> Ints:
        """Give all gradients of one update the instant at which the last of them made it."""
        same = np.flatnonzero((update[:-1] == update[1:]) & (update[1:] >= 0))
        for row in same[::-1]:
            ticks[4, row] = ticks[4, row + 1]
        return ticks


def drafts(
    memory: Memory, drafted: Sequence[int], logged: set[int], *, least: int, most: int
) -> Ints:
    """Return the workers that took an update's number and did not log it, and these numbers.

    Parameters
    ----------
    memory
        Of a run without a lock in which nobody is at work any more.
    drafted
        The number in each worker's row behind its log: of a draft, or of a row of long ago; (p,).
    logged
        Numbers of updates from `least` on that were logged.
    least, most
        Smaller numbers were all logged; there is none from `most` on.

    Returns
    -------
    Ints
        A row for each, shape (drafts, 2): the worker, the number.
    """
    words = memory.writing[: w.LINE * len(drafted) : w.LINE].tolist()
    begun = min(int(memory.control[w.COUNTER]), most)
    found = {
        worker: number
        for numbers in (drafted, words)
        for worker, number in enumerate(numbers)
        if least <= number < begun and number not in logged
    }
    # Killed between taking a number and saying which: it is the one that nobody has.
    asking = [worker for worker, word in enumerate(words) if word < 0]
    missing = set(range(least, begun)) - logged - set(found.values())
    if len(asking) == len(missing) == 1:
        found[asking[0]] = missing.pop()
    return np.array(sorted(found.items()), dtype=np.int64).reshape(-1, 2)
