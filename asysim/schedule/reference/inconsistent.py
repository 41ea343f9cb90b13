"""AsySG-incon's schedule: workers sweep over one shared vector, reading and writing without locks.

Updates are numbered in the order in which their writes begin. A read that was over before an
update began saw nothing of it, so a gradient depends only on updates with smaller numbers, as in
the paper, however long the writes take and however they overlap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import simpy

from asysim.coordination.bound import Deadlines
from asysim.schedule.reference.events import Recurring
from asysim.schedule.reference.power import PowerClock
from asysim.schedule.sweeps import Write, seen_slice, span, write_time
from asysim.schedule.timing import MemoryRound, MemoryTiming
from asysim.trace.gradient import LOST, Seen, Sweeps
from asysim.trace.info import TraceInfo
from asysim.trace.row_table import BLOCK_SIZE, Row, columns
from asysim.trace.stream import Block, Stream
from asysim.trace.trace import Trace

# The order of what happens at one instant: writes begin before reads end.
_WRITE, _WRITTEN, _READY = 0, 1, 2


class Sweep(Recurring):
    """One worker's gradient on its way. The event is the next thing to happen to it."""

    def __init__(self, env: simpy.Environment, worker: int, rounds: Iterator[MemoryRound]) -> None:
        super().__init__(env)
        self.worker = worker
        self.next_round = rounds.__next__
        self.draw = 0
        self.version = self.read = self.ready = self.done = 0
        self.read_pace = self.compute = self.write_pace = self.block = 0
        self.seen: list[Seen] = []


class InconsistentSchedule:
    """Workers on one shared vector, as a SimPy simulation.

    Parameters
    ----------
    timing
        How long each step of each gradient takes, and which block it writes.
    info
        Goes into the traces; its `dimension` is the length of the shared vector.
    bound
        T, or None for no bound.
    beyond
        What enforces T: ``wait`` or ``discard``.
    powers
        Each worker's power; None: always 1; (p,).
    contention
        By what part of itself each write in progress slows down another one that begins.
    block_size
        Least number of rows in a piece of the stream.

    Attributes
    ----------
    env
        The SimPy environment; its clock counts nanoseconds.
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
        self.env = simpy.Environment(initial_time=0)
        self.update = 0
        self._info = info
        self._block_size = block_size
        self._blocks = timing.blocks
        self._powers = powers
        self._contention = contention
        self._oldest_allowed = bound if beyond == "discard" else None
        self._deadlines = Deadlines(bound) if bound is not None and beyond == "wait" else None
        self._readers: deque[Sweep] = deque()  # waiting for leave to read
        self._parked: list[Sweep] = []  # waiting for leave to write
        self._reading: dict[Sweep, int] = {}  # reads in progress, oldest first, with a lower
        self._computing: dict[Sweep, None] = {}  # bound of their version; reads that are over
        self._writing: dict[int, None] = {}  # updates whose write is in progress
        self._recent: deque[Write] = deque()  # writes that a read in progress may not have seen
        self._settling = False
        self._rows: list[Row] = []
        self._spans: list[tuple[int, int]] = []
        self._seen: list[list[Seen]] = []
        self._sweeps = [
            Sweep(self.env, worker, timing.rounds(worker)) for worker in range(info.workers)
        ]

    def __iter__(self) -> Stream:
        self._readers.extend(self._sweeps)
        self._settle()
        size = max(self._block_size, len(self._sweeps))
        step, rows = self.env.step, self._rows
        while True:
            first = self.update
            while len(rows) < size:
                step()
            yield self._block(first)
            for part in (rows, self._spans, self._seen):
                part.clear()

    def _now(self) -> int:
        return int(self.env.now)

    def _least_version(self) -> int:
        """Return the least version that a read beginning now could have."""
        return next(iter(self._writing), self.update)

    def _read(self, sweep: Sweep) -> None:
        sweep.draw, sweep.read_pace, sweep.compute, sweep.write_pace, sweep.block = (
            sweep.next_round()
        )
        sweep.read = self._now()
        self._reading[sweep] = least = self._least_version()
        if self._deadlines is not None:
            self._deadlines.add(least)
        self._later(sweep, sweep.read_pace, _READY, self._finish_read)

    def _finish_read(self, sweep: Sweep) -> None:
        """Find out what the read has seen, now that every write it could have met has begun."""
        least = self._reading.pop(sweep)
        self._computing[sweep] = None
        met = [
            (write, seen_slice(write, sweep.read, sweep.read_pace, self._info.dimension))
            for write in self._recent
        ]
        missed = (write.update for write, seen in met if seen != (write.lo, write.hi))
        sweep.version = version = next(missed, self.update)
        sweep.seen = [
            Seen(write.update, first, last)
            for write, (first, last) in met
            if write.update >= version and first < last
        ]
        self._forget_old_writes()
        sweep.ready = self._now()
        if self._powers is not None:
            power = self._powers[sweep.worker]
            if power is not None:
                done = power.finish(sweep.ready, sweep.ready, sweep.compute)
                sweep.compute = done - sweep.ready
        sweep.done = sweep.ready + sweep.compute
        if self._deadlines is not None and version != least:
            self._deadlines.remove(least)
            self._deadlines.add(version)
            self._settle()
        self._later(sweep, sweep.compute, _WRITE, self._finish_gradient)

    def _forget_old_writes(self) -> None:
        first = next(iter(self._reading), None)
        oldest = self._now() if first is None else first.read
        while self._recent and self._recent[0].end <= oldest:
            self._recent.popleft()

    def _finish_gradient(self, sweep: Sweep) -> None:
        if self._deadlines is not None:
            self._parked.append(sweep)
            self._settle()
        elif self._oldest_allowed is None or self.update - sweep.version <= self._oldest_allowed:
            self._write(sweep)
        else:
            self._record(sweep, LOST, (0, 0), self._now())
            self._read(sweep)

    def _write(self, sweep: Sweep) -> None:
        now, n = self._now(), self._info.dimension
        lo, hi = span(sweep.block, self._blocks, n)
        pace = sweep.write_pace
        if self._contention:
            # Set when it begins: a sweep at an even pace is what makes "seen" an interval.
            pace = round(pace * (1 + self._contention * len(self._writing)))
        duration = write_time(lo, hi, pace, n)
        write = Write(self.update, lo, hi, now, pace, now + duration)
        self._record(sweep, write.update, (lo, hi), write.end)
        self._recent.append(write)
        self._writing[write.update] = None
        self.update += 1

        def written(sweep: Sweep) -> None:
            del self._writing[write.update]
            self._readers.append(sweep)
            self._settle()

        self._later(sweep, duration, _WRITTEN, written)

    def _record(self, sweep: Sweep, update: int, written: tuple[int, int], end: int) -> None:
        del self._computing[sweep]
        times = (sweep.read, sweep.ready, sweep.done, self._now())
        self._rows.append((sweep.worker, sweep.draw, sweep.version, *times, update, end))
        self._spans.append(written)
        self._seen.append(sweep.seen)

    def _settle(self) -> None:
        """Let workers go on as far as T allows: readers first, each group in order of asking."""
        deadlines = self._deadlines
        if deadlines is None:
            while self._readers:
                self._read(self._readers.popleft())
            return
        if self._settling:  # a write that takes no time was over at once: the loop below goes on
            return
        self._settling = going = True
        while going:
            going = False
            while self._readers and deadlines.admits_read(self._least_version(), self.update, 0):
                self._read(self._readers.popleft())
            for sweep in self._parked:
                if deadlines.admits_update(sweep.version, self.update, 0):
                    self._parked.remove(sweep)
                    deadlines.remove(sweep.version)
                    self._write(sweep)
                    going = True
                    break
        self._settling = False

    def _later(self, sweep: Sweep, delay: int, kind: int, action: Callable[[Sweep], None]) -> None:
        if delay == 0 and kind != _WRITE:
            # A sweep that takes no time is part of what led to it: nothing comes between a
            # worker's update and its next read, as with AsySG-con.
            action(sweep)
        else:
            sweep.after(delay, kind * self._info.workers + sweep.worker, [action])

    def _block(self, updates_at_start: int) -> Block:
        facts, ticks = columns(self._rows)
        spans = np.array(self._spans, dtype=np.int64).reshape(-1, 2).T
        counts = np.array([0, *map(len, self._seen)], dtype=np.int64)
        slices = np.array([s for seen in self._seen for s in seen], dtype=np.int64)
        lo, hi = spans
        update, first, last = slices.reshape(-1, 3).T
        sweeps = Sweeps(lo, hi, np.cumsum(counts), update, first, last)
        rows = Trace(facts, ticks, self._info, sweeps, updates_at_start)
        versions = {sweep.version for sweep in self._computing}
        updates = {seen.update for sweep in self._computing for seen in sweep.seen}
        return Block(
            rows,
            np.array(sorted(versions), dtype=np.int64),
            np.array(sorted(updates), dtype=np.int64),
            min([self._least_version(), *self._reading.values()]),
        )
