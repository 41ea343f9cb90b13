"""AsySG-incon over MPI, both sides of it (Lian et al. 2015).

Rank 0 lends its memory, and watches; a worker reads x and adds to it by itself.
"""

from __future__ import annotations

import math
from itertools import chain

import numpy as np

from asysim.backends.assignment import Assignment
from asysim.backends.emulation import settled
from asysim.backends.mpi.lead import LeadSession
from asysim.backends.mpi.messages import ALLOCATE, HEAD, ROWS, SNAPSHOT, Message, Received
from asysim.backends.mpi.read_bracket import discards, turns_of
from asysim.backends.mpi.rows import RowSender, RowSorter, SentRow
from asysim.backends.mpi.windows import Counter, Windows
from asysim.backends.mpi.worker import WorkerRank
from asysim.backends.session import Asked, nobody
from asysim.ground.arrays import Vector
from asysim.problems.base import Problem
from asysim.replay.gradients import Computation
from asysim.replay.space import descend_into
from asysim.replay.update_rule import rules_of
from asysim.scenario import Scenario
from asysim.schedule.building import memory_timing
from asysim.schedule.sweeps import span
from asysim.trace.gradient import LOST
from asysim.trace.info import TraceInfo
from asysim.trace.trace import Trace

_LIFE = 0.25  # of the watchdog's patience: how often a worker that waits shows that it is alive


class MemorySession(LeadSession):
    """A real run of AsySG-incon on memory of this process, which workers read and write."""

    def __init__(self, assignment: Assignment, asked: Asked = nobody) -> None:
        super().__init__(assignment, asked)
        self._rows = RowSorter(assignment.info)
        self._snapshots: list[tuple[int, Vector]] = []
        self._windows: Windows | None = None
        self._counter: Counter | None = None
        self._taken: tuple[int, int] | None = None  # updates and rows, once no more are
        self._diverged: int | None = None

    def _make_ready(self) -> None:
        assignment = self._assignment
        self._workers.order(ALLOCATE)  # everybody joins in making the windows
        self._windows = Windows(assignment.dimension, assignment.workers)
        self._stack.callback(self._free, self._windows)
        self._windows.set_x(assignment.problem.start())
        self._counter = Counter(self._windows, compares=discards(assignment))
        for worker in range(assignment.workers):
            self._watchdog.expect(worker)
        self._start()

    def _free(self, windows: Windows) -> None:
        if self._workers.complete:
            windows.free()  # which all have to do together

    # The run ---------------------------------------------------------------------------------

    @property
    def updates(self) -> int:
        return self._rows.updates

    @property
    def over(self) -> bool:
        """Whether no update will be made any more, and all rows are here."""
        if self._failure:
            return True
        if self._taken is not None and self._taken[0] < self._assignment.updates:
            return self._rows.count == self._taken[1]
        return self._rows.updates == self._assignment.updates

    def stop(self, patience: float = math.inf) -> None:
        super().stop(patience)
        if self._taken is None:
            self._taken = (0, 0) if self._counter is None else self._counter.close()

    def _receive(self, received: Received) -> None:
        worker, message = received.source - 1, received.message
        if received.kind == ROWS:
            self._watchdog.heard(worker)
            if not message.head[1]:
                self._watchdog.expect(worker)
            self._take_row(worker, message)
        elif received.kind == SNAPSHOT:
            self._snapshots.append((int(message.head[0]), message.body.copy()))
        self._workers.pool.put(message)

    def _take_row(self, worker: int, message: Message) -> None:
        row = self._rows.take(worker, message)
        if row is None:
            return
        if self._assignment.settings.emulate:
            self._accuracies[worker].note_wait(row.overshoot)
            self._accuracies[worker].note_late(row.late)
        if not row.finite:
            before = row.update if self._diverged is None else self._diverged
            self._diverged = min(before, row.update)
            self.stop()

    def _idle(self) -> None:
        self._look_around(late=self._clock() > self._assignment.deadline)
        # Where memory is not in common, this process has a part in every operation.
        if self._workers.nodes.count == 1:
            self._workers.patience.pause()

    # What came of it -------------------------------------------------------------------------

    def rows(self) -> Trace | None:
        return self._rows.rows()

    def snapshots(self) -> list[tuple[int, Vector]]:
        snapshots, self._snapshots = self._snapshots, []
        return snapshots

    def _last(self) -> tuple[Vector, int | None]:
        x = self._assignment.problem.start()
        if self._windows is not None:
            self._windows.read(x)
        diverged = self._diverged
        if diverged is None and not np.isfinite(x).all():
            diverged = self._rows.updates - 1
        return x, diverged


class MemoryWorker:
    """A worker of AsySG-incon, which needs nobody's leave.

    Parameters
    ----------
    scenario, problem, computation
        What is computed.
    rank
        How it goes to and from rank 0.
    number
        Which worker this is.
    """

    def __init__(
        self,
        scenario: Scenario,
        problem: Problem,
        computation: Computation,
        rank: WorkerRank,
        number: int,
    ) -> None:
        info = TraceInfo(scenario.algorithm.name, scenario.workers.count, problem.dimension)
        self._assignment = Assignment(scenario, problem, rules_of(scenario, problem), info)
        self._compute = computation
        self._rank, self._number = rank, number
        self._steps = self._assignment.steps
        self._wanted = iter([*self._assignment.wanted.tolist(), 2**62])
        self._next_wanted = next(self._wanted)
        timing = memory_timing(scenario, problem.dimension)
        rounds = timing.rounds(number)
        self._rounds = chain([next(rounds)], rounds)  # made before the clock runs
        self._blocks = timing.blocks
        self._log = RowSender(rank.endpoint)
        self._life = _LIFE * self._assignment.settings.watchdog
        n = problem.dimension
        self._x, self._gradient, self._change = np.empty(n), np.empty(n), np.zeros(n)
        self._zero = np.zeros(n)
        descend_into(self._zero, self._zero, 1.0, self._change)  # compiles it

    def run(self) -> None:
        """Compute until the run is over."""
        rank, assignment = self._rank, self._assignment
        rank.report()
        rank.endpoint.pool.put(rank.next(ALLOCATE))
        rank.windows = self._windows = Windows(assignment.dimension, assignment.workers)
        rank.await_start()
        clock = rank.clock
        turns = turns_of(assignment)(
            assignment, self._windows, self._number,
            clock=clock, pause=self._pause, reset=rank.patience.reset,
        )  # fmt: skip
        draw = 0
        while (bracket := turns.read()) is not None:
            self._windows.read(self._x)
            after, ready = turns.counter.look()[0], clock()
            self._compute(self._x, self._number, draw, self._gradient)
            _, _, compute, _, block = next(self._rounds)
            lo, hi = span(block, self._blocks, assignment.dimension)
            finite = len(self._steps) > 1 or self._scale(lo, hi, self._steps[0])
            done, late, overshoot = self._pad(ready + compute, clock())
            number = turns.number(bracket.version)
            if number is None:
                break
            update, place, instant = number
            applied = instant
            if update == LOST:
                lo, hi, finite = 0, 0, True
            else:
                if len(self._steps) > 1:
                    finite = self._scale(lo, hi, self._steps[update])
                self._take_snapshot(update)
                self._windows.add_to_x(self._change[lo:hi], lo)
                turns.end_write()
                applied = clock()
            facts = (place, draw, bracket.version, update)
            times = (bracket.instant, ready, done, instant, applied)
            seen = (lo, hi, bracket.begun, min(after, assignment.updates))
            how = (late, overshoot, finite, len(bracket.partly))
            self._log.add(SentRow(*facts, *times, *seen, *how), bracket.partly)
            draw += 1
            rank.look()
        self._log.close()

    def _scale(self, lo: int, hi: int, step: float) -> bool:
        """Make of the gradient what is to be added to x; return whether it is finite."""
        part = slice(lo, hi)
        return descend_into(self._zero[part], self._gradient[part], step, self._change[part])

    def _pad(self, due: int, done: int) -> tuple[int, int, int]:
        """Emulate: return when the gradient is done, by how much that is late, and then waited."""
        if not self._assignment.settings.emulate:
            return done, 0, 0
        done, late = settled(due, done)
        return done, late, self._rank.wait_until(done, self._show_life)

    def _take_snapshot(self, update: int) -> None:
        while self._next_wanted < update:
            self._next_wanted = next(self._wanted)
        if self._next_wanted == update:
            endpoint = self._rank.endpoint
            copy = endpoint.pool.filled(update)
            self._windows.read(copy.body)
            endpoint.drop(0, SNAPSHOT, copy, HEAD + self._assignment.dimension)

    def _pause(self) -> None:
        self._rank.look()
        self._show_life()
        self._rank.patience.pause()

    def _show_life(self) -> None:
        self._log.show_life(self._life)
