"""AsySG-incon over MPI, as its driver on rank 0 sees it: it lends its memory, and watches."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import numpy as np

from asysim.backends import padding
from asysim.backends.mpi.clocks import Clock
from asysim.backends.mpi.cores import single_threaded
from asysim.backends.mpi.counter import Counter
from asysim.backends.mpi.crew import Crew
from asysim.backends.mpi.messages import ROWS, SNAPSHOT, Message
from asysim.backends.mpi.post import Letter
from asysim.backends.mpi.rowlog import RowSorter
from asysim.backends.mpi.watch import Watch
from asysim.backends.mpi.windows import Windows
from asysim.backends.padding import Accuracy
from asysim.backends.plan import Plan
from asysim.backends.session import Ending
from asysim.problems.base import Vector
from asysim.trace import Trace


class MemorySession:
    """A real run of AsySG-incon on memory of this process, which workers read and write.

    Parameters
    ----------
    plan
        What is to be done.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._crew = Crew(plan.dimension, plan.workers)
        self._clock = Clock()
        self._rows = RowSorter(plan.info)
        self._snapshots: list[tuple[int, Vector]] = []
        self._accuracies = [Accuracy() for _ in range(plan.workers)]
        self._watch = Watch(plan.settings.watchdog)
        self._windows: Windows | None = None
        self._counter: Counter | None = None
        self._taken: tuple[int, int] | None = None  # updates and rows, once no more are
        self._diverged: int | None = None
        self._failure = ""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        plan, crew = self._plan, self._crew
        self._stack.enter_context(single_threaded())
        if crew.muster(plan.settings.watchdog):
            crew.allocate()
            self._windows = Windows(plan.dimension, plan.workers)
            self._windows.set_x(plan.problem.start())
            algorithm = plan.scenario.algorithm
            discards = algorithm.staleness_bound is not None
            discards &= algorithm.beyond_bound == "discard"
            self._counter = Counter(self._windows, compares=discards)
            for worker in range(plan.workers):
                self._watch.expect(worker)
            self._clock.begin(crew.go())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._crew.dismiss(self._watch.usual)
        if self._windows is not None and self._crew.complete:
            self._windows.free()  # which all have to do together
        self._stack.close()

    # The run ---------------------------------------------------------------------------------

    @property
    def updates(self) -> int:
        """Updates made so far, as far as this process has heard."""
        return self._rows.updates

    @property
    def over(self) -> bool:
        """Whether no update will be made any more, and all rows are here."""
        if self._failure or self._crew.failure:
            return True
        if self._taken is not None and self._taken[0] < self._plan.updates:
            return self._rows.count == self._taken[1]
        return self._rows.updates == self._plan.updates

    def work(self, seconds: float) -> None:
        """Watch for about so long, or until it is over."""
        with self._watch:
            until = time.monotonic_ns() + round(seconds * 1e9)
            crew = self._crew
            while not self.over:
                letter = crew.poll()
                if letter is not None:
                    crew.patience.reset()
                    self._receive(letter)
                else:
                    self._look_around()
                    # Where memory is not in common, this process has a part in every operation.
                    if crew.nodes.count == 1:
                        crew.patience.pause()
                if time.monotonic_ns() > until:
                    break

    def _receive(self, letter: Letter) -> None:
        worker, message = letter.source - 1, letter.message
        if letter.kind == ROWS:
            self._watch.heard(worker)
            if not message.head[1]:
                self._watch.expect(worker)
            self._take_row(worker, message)
        elif letter.kind == SNAPSHOT:
            self._snapshots.append((int(message.head[0]), message.body.copy()))
        self._crew.pool.put(message)

    def _take_row(self, worker: int, message: Message) -> None:
        row = self._rows.take(worker, message)
        if row is None:
            return
        if self._plan.settings.emulate:
            accuracy = self._accuracies[worker]
            accuracy.note_wait(row.overshoot)
            if row.late:
                accuracy.note_late(row.late)
        if not row.finite:
            before = row.update if self._diverged is None else self._diverged
            self._diverged = min(before, row.update)
            self.stop()

    def _look_around(self) -> None:
        if self._clock() > self._plan.deadline:
            self.stop()
        lost = self._watch.lost()
        if lost is not None:
            limit = self._plan.settings.watchdog
            self._failure = f"worker {lost} gave no sign of life for {limit:g} s"

    # What came of it -------------------------------------------------------------------------

    def rows(self) -> Trace | None:
        """Return the rows that are known in order since last asked for."""
        return self._rows.rows()

    def snapshots(self) -> list[tuple[int, Vector]]:
        """Return (k, copy of x_k) for each wanted k that came by since last asked for."""
        snapshots, self._snapshots = self._snapshots, []
        return snapshots

    def stop(self) -> None:
        """Let nobody begin an update any more."""
        if self._counter is not None and self._taken is None:
            self._taken = self._counter.close()

    def finish(self) -> Ending:
        """Say how it ended."""
        facts: dict[str, Any] = {"mpi": self._crew.facts()}
        if self._plan.settings.emulate:
            facts["emulation"] = padding.report(self._accuracies)
        x = self._plan.problem.start()
        if self._windows is not None:
            self._windows.read(x)
        diverged = self._diverged
        if diverged is None and not np.isfinite(x).all():
            diverged = self._rows.updates - 1
        return Ending(x, diverged, self._crew.failure or self._failure, facts)
