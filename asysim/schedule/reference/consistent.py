"""AsySG-con's schedule: a star network around a parameter server, reads that are atomic snapshots.

A worker's gradient goes round: the server reads x for it, the pull, the computation, the push,
the server's queue, its application; and the next read follows at that instant, before the server
does anything else, as a server does that answers a gradient with the fresh x.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Literal

import numpy as np
import simpy

from asysim.coordination.bound import Deadlines
from asysim.schedule.reference.events import Recurring
from asysim.schedule.timing import ClusterRound, ClusterTiming
from asysim.trace.gradient import LOST
from asysim.trace.info import TraceInfo
from asysim.trace.row_table import BLOCK_SIZE, Row, Taken, columns
from asysim.trace.stream import Block, Stream
from asysim.trace.trace import Trace


class Flight(Recurring):
    """One worker's gradient on its way. The event is its arrival at the server."""

    def __init__(self, env: simpy.Environment, worker: int, rounds: Iterator[ClusterRound]) -> None:
        super().__init__(env)
        self.worker = worker
        self.next_round = rounds.__next__
        self.arrived = self.service = 0
        self.taken: Taken = (worker, 0, 0, 0, 0, 0, 0)

    @property
    def version(self) -> int:
        return self.taken[2]


class ConsistentSchedule:
    """Workers around one first-come-first-served server, as a SimPy simulation.

    Arrivals are the only events. A queue that is served in order of arrival needs no others:
    when a gradient arrives, everything before it in the queue is settled, so the instant at which
    it will be applied is known (Lindley's recursion), and so is all that the server does then.

    Parameters
    ----------
    timing
        How long each step of each gradient takes.
    info
        Goes into the traces.
    gradients_per_update
        c, how many gradients the server folds into one update.
    bound
        T, or None for no bound.
    beyond
        What enforces T: ``wait`` or ``discard``.
    block_size
        Least number of rows in a piece of the stream.

    Attributes
    ----------
    env
        The SimPy environment; its clock counts nanoseconds. Processes of your own may join it
        before the first block is drawn; moving `free_at` later keeps the server busy.
    free_at
        When the server will have finished what has arrived so far.
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
        self.env = simpy.Environment(initial_time=0)
        self.free_at = 0
        self.update = 0
        self._info = info
        self._block_size = block_size
        self._per_update = gradients_per_update
        self._oldest_allowed = bound if beyond == "discard" else None
        self._deadlines = (
            Deadlines(bound, gradients_per_update)
            if bound is not None and beyond == "wait"
            else None
        )
        self._readers: deque[Flight] = deque()  # waiting for leave to read
        self._parked: list[Flight] = []  # waiting for leave to be applied
        self._gathered: list[Taken] = []  # in the update that is being put together
        self._rows: list[Row] = []
        self._on_arrival = [self._arrive]
        self._flights = [
            Flight(self.env, worker, timing.rounds(worker)) for worker in range(info.workers)
        ]

    def __iter__(self) -> Stream:
        self._readers.extend(self._flights)
        if self._deadlines is None:
            while self._readers:
                self._read(self._readers.popleft(), 0)
        else:
            self._settle(0)
        # A block takes note of every gradient in flight, so it is at least as long.
        size = max(self._block_size, len(self._flights))
        step, rows = self.env.step, self._rows
        while True:
            first = self.update
            while len(rows) < size:
                step()
            yield self._block(first)
            rows.clear()

    def _read(self, flight: Flight, now: int) -> None:
        """Take the snapshot for a worker's next gradient and send it round."""
        draw, ready, done, arrived, flight.service = flight.next_round()
        flight.arrived = arrived = now + arrived
        flight.taken = (flight.worker, draw, self.update, now, now + ready, now + done, arrived)
        flight.after(arrived - self.env.now, flight.worker, self._on_arrival)

    def _arrive(self, flight: Flight) -> None:
        now = flight.arrived
        if now < self.free_at:
            now = self.free_at
        self.free_at = now = now + flight.service
        if self._deadlines is not None:
            self._parked.append(flight)
            self._settle(now)
            return
        if self._oldest_allowed is None or self.update - flight.version <= self._oldest_allowed:
            self._apply(flight, now)
        else:
            self._rows.append((*flight.taken, LOST, now))
        self._read(flight, now)

    def _apply(self, flight: Flight, now: int) -> None:
        """Fold a gradient into the update that is being put together; make it if it is whole."""
        if self._per_update == 1:
            self._rows.append(flight.taken + (self.update, now))  # noqa: RUF005  (no list between)
            self.update += 1
            return
        self._gathered.append(flight.taken)
        if len(self._gathered) == self._per_update:
            self._rows.extend((*taken, self.update, now) for taken in self._gathered)
            self._gathered.clear()
            self.update += 1

    def _settle(self, now: int) -> None:
        """Let workers go on as far as T allows: readers first, each group in order of asking."""
        deadlines = self._deadlines
        assert deadlines is not None
        going = True
        while going:
            going = False
            while self._readers and deadlines.admits_read(
                self.update, self.update, len(self._gathered)
            ):
                flight = self._readers.popleft()
                self._read(flight, now)
                deadlines.add(flight.version)
            for flight in self._parked:
                if deadlines.admits_update(flight.version, self.update, len(self._gathered)):
                    self._parked.remove(flight)
                    deadlines.remove(flight.version)
                    self._apply(flight, now)
                    self._readers.append(flight)
                    going = True
                    break

    def _block(self, updates_at_start: int) -> Block:
        facts, ticks = columns(self._rows)
        rows = Trace(facts, ticks, self._info, None, updates_at_start)
        held = {taken[2] for taken in self._gathered} | {flight.version for flight in self._flights}
        nothing = np.zeros(0, dtype=np.int64)
        return Block(rows, np.array(sorted(held), dtype=np.int64), nothing, self.update)
