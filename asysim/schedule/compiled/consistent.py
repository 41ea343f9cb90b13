"""The twin of `asysim.schedule.reference.consistent`: one event for each gradient, its arrival."""

from __future__ import annotations

from typing import Literal

import numpy as np

from asysim.schedule.compiled import events_at_once
from asysim.schedule.compiled.consistent_events import (
    DONE,
    FIRST_TICK,
    GATHERED,
    NO_BOUND,
    OUT_OF_DRAWS,
    PAST_THE_CLOCK,
    PLACES,
    READERS,
    ROWS,
    UPDATE,
    VERSION,
    Crowd,
    Out,
    Way,
    go_on,
    go_on_simply,
)
from asysim.schedule.compiled.draws import Draws
from asysim.schedule.timing import ClusterTiming
from asysim.trace.gradient import FACTS, TIMES
from asysim.trace.info import TraceInfo
from asysim.trace.row_table import BLOCK_SIZE, distinct, past_the_clock
from asysim.trace.stream import Block, Stream
from asysim.trace.trace import Trace


class CompiledConsistent:
    """What `ConsistentSchedule` yields, without SimPy.

    Parameters
    ----------
    timing, info, gradients_per_update, bound, beyond, block_size
        As for `asysim.schedule.reference.consistent.ConsistentSchedule`.
    """

    def __init__(
        self,
        timing: ClusterTiming,
        info: TraceInfo,
        *,
        gradients_per_update: int = 1,
        bound: int | None = None,
        beyond: Literal["wait", "discard"] = "wait",
        block_size: int = BLOCK_SIZE,
    ) -> None:
        p = info.workers
        self._info, self._size = info, max(block_size, p)
        self._at_once = events_at_once(p)
        self._per_update = gradients_per_update
        self._bound = NO_BOUND if bound is None else bound
        self._waits = bound is not None and beyond == "wait"
        self._draws = draws = Draws(timing.seed, p)
        workers = timing.workers
        self._way = Way(
            draws.ticks([w.pull for w in workers], plus=[w.outbound for w in workers]),
            draws.ticks([worker.compute for worker in workers], [w.speed for w in workers]),
            draws.ticks([w.push for w in workers], plus=[w.inbound for w in workers]),
            draws.ticks([timing.service] * p),
        )
        waiting = p if self._waits else 0
        self._crowd = Crowd(
            draw=np.zeros(p, np.int64),
            made=draws.made,
            row=np.zeros((p, 6), np.int64),
            service=np.zeros(p, np.int64),
            instants=np.zeros(p, np.int64),
            ranks=np.zeros(p, np.int64),
            readers=np.zeros(p, np.int64),
            parked=np.zeros(waiting, np.int64),
            versions=np.zeros(waiting, np.int64),
        )
        room = self._size + p + gradients_per_update  # one event adds no more than all these
        self._facts = np.empty((len(FACTS), room), np.int64)
        self._ticks = np.empty((len(TIMES), room), np.int64)
        self._gathered = np.zeros((gradients_per_update, 7), np.int64)
        self._at = np.zeros(PLACES + 1, np.int64)

    def __iter__(self) -> Stream:
        crowd, at = self._crowd, self._at
        out = Out(self._facts, self._ticks, self._gathered)
        self._draws.refill(crowd.draw)
        self._begin()
        while True:
            first = int(at[UPDATE])
            while (stopped := self._advance(out)) != DONE:
                if stopped == PAST_THE_CLOCK:
                    raise past_the_clock()
                if stopped == OUT_OF_DRAWS:
                    self._draws.refill(crowd.draw)
            yield self._block(first)
            at[ROWS] = 0

    def _begin(self) -> None:
        """Let everybody read for the first time, or ask to."""
        crowd, way, at = self._crowd, self._way, self._at
        crowd.readers[:] = np.arange(self._info.workers)
        if self._waits:
            at[READERS] = self._info.workers
            return
        ready, compute, push = (table[:, 0, 0] for table in (way.pull, way.compute, way.push))
        done = ready + compute
        arrived = done + push
        crowd.draw[:], crowd.service[:] = 1, way.service[:, 0, 0]
        crowd.row[:, FIRST_TICK:] = np.stack([ready, done, arrived], axis=1)
        order = np.argsort(arrived, kind="stable")  # a sorted array is a heap
        crowd.instants[:], crowd.ranks[:] = arrived[order], order
        at[PLACES] = self._info.workers

    def _advance(self, out: Out) -> int:
        crowd, way, at = self._crowd, self._way, self._at
        if self._waits or self._per_update > 1:
            how = self._bound, self._waits, self._per_update, self._at_once
            return go_on(crowd, way, out, at, self._size, *how)
        return go_on_simply(crowd, way, out, at, self._size, self._bound)

    def _block(self, updates_at_start: int) -> Block:
        rows, at = int(self._at[ROWS]), self._at
        facts, ticks = self._facts[:, :rows].copy(), self._ticks[:, :rows].copy()
        held = np.concatenate([self._gathered[: at[GATHERED], 2], self._crowd.row[:, VERSION]])
        nothing = np.zeros(0, dtype=np.int64)
        trace = Trace(facts, ticks, self._info, None, updates_at_start)
        return Block(trace, distinct(held), nothing, int(at[UPDATE]))
