"""The twin of `asysim.schedule.reference.inconsistent`: lock-free sweeps over one shared vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from asysim.ground.arrays import Ints
from asysim.random.streams import Purpose
from asysim.schedule.compiled import events_at_once
from asysim.schedule.compiled import inconsistent_state as columns
from asysim.schedule.compiled.draws import Draws
from asysim.schedule.compiled.inconsistent_events import go_on
from asysim.schedule.compiled.inconsistent_state import (
    NO_BOUND,
    Crowd,
    Out,
    Rules,
    Way,
    gather,
)
from asysim.schedule.reference.power import PowerClock
from asysim.schedule.timing import MemoryTiming
from asysim.trace.gradient import FACTS, TIMES, Sweeps
from asysim.trace.info import TraceInfo
from asysim.trace.row_table import BLOCK_SIZE, past_the_clock
from asysim.trace.stream import Block, Stream
from asysim.trace.trace import Trace

if TYPE_CHECKING:
    from asysim.scenario import Scenario

_FEWEST = 16  # places for writes, however few workers there are


def covers(scenario: Scenario) -> str | None:
    """Return the key of what a scenario asks for and `CompiledInconsistent` does not know."""
    workers = scenario.workers
    if workers.power is not None:
        return "workers.power"
    for place, group in enumerate(workers.groups):
        if group.power is not None:
            return f"workers.groups.{place}.power"
    return None


class CompiledInconsistent:
    """What `InconsistentSchedule` yields, without SimPy.

    Parameters
    ----------
    timing, info, bound, beyond, contention, block_size
        As for `asysim.schedule.reference.inconsistent.InconsistentSchedule`.
    powers
        None, or None for each worker: their power is always 1.

    Notes
    -----
    A write that contention slows down so much that one of all x would take 73 years is said to be
    past the clock, even if it writes only a small block of x.
    """

    def __init__(
        self,
        timing: MemoryTiming,
        info: TraceInfo,
        *,
        bound: int | None = None,
        beyond: Literal["wait", "discard"] = "wait",
        powers: Sequence[PowerClock | None] | None = None,
        contention: float = 0.0,
        block_size: int = BLOCK_SIZE,
    ) -> None:
        if powers is not None and any(powers):
            raise ValueError("powers that change are for InconsistentSchedule")
        p = info.workers
        self._info = info
        waits = bound is not None and beyond == "wait"
        self._rules = Rules(
            size=max(block_size, p),
            dimension=info.dimension,
            blocks=timing.blocks,
            contention=float(contention),
            bound=NO_BOUND if bound is None else bound,
            waits=waits,
        )
        self._at_once = events_at_once(p)
        self._draws = draws = Draws(timing.seed, p)
        workers = timing.workers
        self._way = Way(
            draws.ticks([timing.read] * p),
            draws.ticks([worker.compute for worker in workers], [w.speed for w in workers]),
            draws.ticks([timing.write] * p),
            draws.indices(Purpose.BLOCK, timing.blocks),
        )
        self._crowd = Crowd(
            draw=np.zeros(p, np.int64),
            made=draws.made,
            sweep=np.zeros((p, columns.COUNT + 1), np.int64),
            instants=np.zeros(p, np.int64),
            ranks=np.zeros(p, np.int64),
            readers=np.arange(p, dtype=np.int64),
            parked=np.zeros(p if waits else 0, np.int64),
            versions=np.zeros(p if waits else 0, np.int64),
        )
        places = _FEWEST
        while places < 2 * p:
            places *= 2
        self._writes = np.zeros((places, columns.OVER + 1), np.int64)
        self._pieces = np.zeros((3 * places, 3), np.int64)
        self._out = _rows(self._rules.size + p)  # one event adds no more than p
        self._at = np.zeros(columns.NOW + 1, np.int64)
        self._at[columns.READERS] = p
        self._at[columns.SETTLING] = 1

    def __iter__(self) -> Stream:
        at = self._at
        self._draws.refill(self._crowd.draw)
        while True:
            first = int(at[columns.UPDATE])
            while (stopped := self._go_on()) != columns.DONE:
                self._provide(stopped)
            yield self._block(first)
            at[columns.ROWS] = at[columns.SEEN] = 0

    def _go_on(self) -> int:
        rules, at = self._rules, self._at
        if rules.size > self._at_once:  # with fewer rows, so that Python hears of signals
            soon = int(at[columns.ROWS]) + self._at_once
            rules = rules._replace(size=min(rules.size, soon))
        stopped: int = go_on(
            self._crowd, self._way, self._out, at, rules, self._writes, self._pieces
        )
        if rules is not self._rules and stopped == columns.DONE:
            return columns.DONE if at[columns.ROWS] >= self._rules.size else columns.NOT_YET
        return stopped

    def _provide(self, stopped: int) -> None:
        """Give what the events need to go on."""
        if stopped == columns.OUT_OF_DRAWS:
            self._draws.refill(self._crowd.draw)
        elif stopped == columns.MORE_WRITES:
            self._more_writes()
        elif stopped == columns.MORE_PIECES:
            self._more_pieces()
        elif stopped == columns.MORE_SEEN:
            self._more_seen()
        elif stopped != columns.NOT_YET:
            raise past_the_clock()

    def _more_writes(self) -> None:
        old, at = self._writes, self._at
        kept = np.arange(at[columns.TAIL], at[columns.UPDATE])
        self._writes = np.zeros((2 * len(old), old.shape[1]), np.int64)
        self._writes[kept & (len(self._writes) - 1)] = old[kept & (len(old) - 1)]

    def _more_pieces(self) -> None:
        sweep, at = self._crowd.sweep, self._at
        live = int(sweep[:, columns.COUNT].sum())
        room = np.empty((max(len(self._pieces), 2 * (live + len(self._writes))), 3), np.int64)
        at[columns.PIECES] = gather(sweep, self._pieces, room)
        self._pieces = room

    def _more_seen(self) -> None:
        seen, at = self._out.seen, self._at
        room = 2 * max(seen.shape[1], int(at[columns.LONGEST]))
        more = np.empty((3, room), np.int64)
        more[:, : at[columns.SEEN]] = seen[:, : at[columns.SEEN]]
        self._out = self._out._replace(seen=more)

    def _block(self, updates_at_start: int) -> Block:
        at, out, sweep = self._at, self._out, self._crowd.sweep
        rows, slices = int(at[columns.ROWS]), int(at[columns.SEEN])
        lo, hi = out.spans[:, :rows].copy()
        seen = out.seen[:, :slices].copy()
        sweeps = Sweeps(lo, hi, out.offsets[: rows + 1].copy(), *seen)
        trace = Trace(
            out.facts[:, :rows].copy(), out.ticks[:, :rows].copy(), self._info, sweeps,
            updates_at_start,
        )  # fmt: skip
        state = sweep[:, columns.STATE]
        held = sweep[state == columns.COMPUTING, columns.VERSION]
        reading = sweep[state == columns.READING, columns.LEAST_VERSION]
        return Block(
            trace,
            np.unique(held),
            np.unique(self._pieces_held()),
            int(reading.min(initial=at[columns.LEAST])),
        )

    def _pieces_held(self) -> Ints:
        """Return the updates of the slices that the gradients on their way have seen."""
        sweep = self._crowd.sweep
        counts = sweep[:, columns.COUNT]
        ends = np.cumsum(counts)
        places = np.repeat(sweep[:, columns.FIRST_PIECE] - (ends - counts), counts)
        updates: Ints = self._pieces[places + np.arange(len(places)), 0]
        return updates


def _rows(room: int) -> Out:
    return Out(
        facts=np.empty((len(FACTS), room), np.int64),
        ticks=np.empty((len(TIMES), room), np.int64),
        spans=np.empty((2, room), np.int64),
        offsets=np.zeros(room + 1, np.int64),
        seen=np.empty((3, room), np.int64),
    )
