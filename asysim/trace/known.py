"""A schedule that is known before the run: rows from a file, read twice, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from asysim.errors import InputError
from asysim.ground.arrays import Ints
from asysim.trace.feasible import Feasibility
from asysim.trace.gradient import LOST, TIMES
from asysim.trace.horizon import Horizon, blocks_of, whole_updates
from asysim.trace.info import TraceInfo
from asysim.trace.row_table import past_the_clock
from asysim.trace.rows import TraceRows
from asysim.trace.stream import Block
from asysim.trace.trace import Trace

_LAST_TICK = 2**63 - 1
Pieces = Callable[[], Iterable[TraceRows]]


@dataclass(frozen=True, eq=False)
class Known:
    """What all rows of a known schedule come to, which it takes one pass over them to find out.

    Attributes
    ----------
    algorithm
        ``asysg-con`` or ``asysg-incon``.
    dimension
        n, of what lock-free sweeps read and wrote; None: rows are for x of any length.
    workers, updates, rows, applied
        How many there are; of rows, also of those that went into an update.
    ticks
        When the last of it is over, in nanoseconds.
    largest
        The largest τ.
    draws
        The next draw of each worker; shape (p,).
    versions, changes
        What pieces name that were made in pieces before.
    """

    algorithm: str
    dimension: int | None
    workers: int
    updates: int
    rows: int
    applied: int
    ticks: int
    largest: int
    draws: Ints
    versions: Horizon
    changes: Horizon

    @classmethod
    def of(cls, pieces: Iterable[TraceRows], info: TraceInfo, *, source: str) -> Known:
        """Go through the rows of a schedule; what is theirs of `info` says who is in it.

        Raises
        ------
        InputError
            If reading them does, or no schedule of a simulated clock could have them.
        """
        rows = updates = kept = ticks = largest = 0
        draws = np.zeros(0, dtype=np.int64)
        versions, changes = Horizon(), Horizon()
        feasible: Feasibility | None = None
        for piece in whole_updates(one_clock(pieces)):
            draws = _next_draws(draws, piece)
            versions.add(piece.version, piece.updates_at_start)
            if piece.sweeps is not None:
                changes.add(piece.sweeps.update, piece.updates_at_start)
            applied = piece.was_applied
            late = (piece.update - piece.version)[applied]
            rows, updates, kept = rows + len(piece), piece.updates, kept + len(late)
            ticks = max(ticks, int(piece.ticks.max(initial=0)))
            largest = max(largest, int(late.max(initial=0)))
            if info.clock == "real":
                feasible = feasible or Feasibility(replace(info, clock="simulated"))
                if faults := feasible.faults(piece):
                    raise InputError(faults).located(source)
        workers = max(info.workers, len(draws))
        draws = np.append(draws, np.zeros(workers - len(draws), dtype=np.int64))
        dimension = info.dimension if info.algorithm == "asysg-incon" else None
        return cls(
            info.algorithm, dimension, workers, updates, rows, kept, ticks, largest,
            draws, versions, changes,
        )  # fmt: skip

    def blocks(
        self, pieces: Pieces, info: TraceInfo, *, block_size: int, repeat: bool = False
    ) -> Iterator[Block]:
        """Yield the rows once more, as a stream.

        Parameters
        ----------
        pieces
            Gives the rows, once for each time that it is called.
        info
            Goes with the rows, in place of their own.
        block_size
            Rows in a block, about.
        repeat
            Whether they begin anew when they are over, without end: all workers read the x that
            is then there, so nobody has a gradient under way from one time to the next.
        """
        times = 0
        while self.rows and (times == 0 or repeat):
            if (times + 1) * self.ticks > _LAST_TICK:
                raise past_the_clock()
            shift = times * self.updates
            for number, piece in enumerate(whole_updates(one_clock(pieces()))):
                rows = self._later(piece, times, info)
                yield from blocks_of(
                    rows,
                    self.versions.after(number, piece.updates) + shift,
                    self.changes.after(number, piece.updates) + shift,
                    block_size=block_size,
                )
            times += 1

    def _later(self, piece: TraceRows, times: int, info: TraceInfo) -> Trace:
        """Return a piece as it is after the whole of the rows has been there so many times."""
        rows = Trace.of(replace(piece, info=info))
        if times == 0:
            return rows
        facts, shift = rows.facts.copy(), times * self.updates
        facts[1] += times * self.draws[facts[0]]
        facts[2] += shift
        facts[3] += np.where(facts[3] == LOST, 0, shift)
        sweeps = rows.sweeps
        if sweeps is not None:
            sweeps = replace(sweeps, update=sweeps.update + shift)
        ticks, start = rows.ticks + times * self.ticks, rows.updates_at_start + shift
        return replace(rows, facts=facts, ticks=ticks, sweeps=sweeps, updates_at_start=start)


def one_clock(pieces: Iterable[TraceRows]) -> Iterator[TraceRows]:
    """Put instants of several real clocks in the order of the rows: later ones where they differ.

    A server applies gradients in one order, whatever the cores say of when.
    """
    latest = 0
    for piece in pieces:
        if piece.info.clock == "simulated" or not len(piece):
            yield piece
            continue
        ticks = piece.ticks.copy()
        applied = ticks[TIMES.index("applied")]
        np.maximum.accumulate(np.maximum(applied, latest, out=applied), out=applied)
        latest = int(applied[-1])
        yield replace(piece, ticks=ticks)


def _next_draws(draws: Ints, rows: TraceRows) -> Ints:
    workers = int(rows.worker.max(initial=-1)) + 1
    if workers > len(draws):
        draws = np.append(draws, np.zeros(workers - len(draws), dtype=np.int64))
    np.maximum.at(draws, rows.worker, rows.draw + 1)
    return draws
