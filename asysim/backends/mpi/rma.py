"""AsySG-incon over MPI, as its driver on rank 0 sees it: it lends its memory, and watches."""

from __future__ import annotations

import math

import numpy as np

from asysim.backends.mpi.counter import Counter
from asysim.backends.mpi.lead import LeadSession
from asysim.backends.mpi.messages import ROWS, SNAPSHOT, Message
from asysim.backends.mpi.post import Letter
from asysim.backends.mpi.rowlog import RowSorter
from asysim.backends.mpi.turns import discards
from asysim.backends.mpi.windows import Windows
from asysim.backends.plan import Plan
from asysim.backends.session import Asked, Ending, nobody
from asysim.ground.arrays import Vector
from asysim.trace.trace import Trace


class MemorySession(LeadSession):
    """A real run of AsySG-incon on memory of this process, which workers read and write.

    Parameters
    ----------
    plan
        What is to be done.
    asked
        Whether somebody asked the run to end, before it has begun.
    """

    def __init__(self, plan: Plan, asked: Asked = nobody) -> None:
        super().__init__(plan, asked)
        self._rows = RowSorter(plan.info)
        self._snapshots: list[tuple[int, Vector]] = []
        self._windows: Windows | None = None
        self._counter: Counter | None = None
        self._taken: tuple[int, int] | None = None  # updates and rows, once no more are
        self._diverged: int | None = None

    def _begin(self) -> None:
        plan = self._plan
        self._crew.allocate()
        self._windows = Windows(plan.dimension, plan.workers)
        self._stack.callback(self._free, self._windows)
        self._windows.set_x(plan.problem.start())
        self._counter = Counter(self._windows, compares=discards(plan))
        for worker in range(plan.workers):
            self._watch.expect(worker)
        self._start()

    def _free(self, windows: Windows) -> None:
        if self._crew.complete:
            windows.free()  # which all have to do together

    # The run ---------------------------------------------------------------------------------

    @property
    def updates(self) -> int:
        """Updates made so far, as far as this process has heard."""
        return self._rows.updates

    @property
    def over(self) -> bool:
        """Whether no update will be made any more, and all rows are here."""
        if self._fault:
            return True
        if self._taken is not None and self._taken[0] < self._plan.updates:
            return self._rows.count == self._taken[1]
        return self._rows.updates == self._plan.updates

    def stop(self, patience: float = math.inf) -> None:
        """Let nobody begin an update any more."""
        super().stop(patience)
        if self._taken is None:
            self._taken = (0, 0) if self._counter is None else self._counter.close()

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

    def _idle(self) -> None:
        self._look_around(late=self._clock() > self._plan.deadline)
        # Where memory is not in common, this process has a part in every operation.
        if self._crew.nodes.count == 1:
            self._crew.patience.pause()

    # What came of it -------------------------------------------------------------------------

    def rows(self) -> Trace | None:
        """Return the rows that are known in order since last asked for."""
        return self._rows.rows()

    def snapshots(self) -> list[tuple[int, Vector]]:
        """Return (k, copy of x_k) for each wanted k that came by since last asked for."""
        snapshots, self._snapshots = self._snapshots, []
        return snapshots

    def finish(self) -> Ending:
        """Say how it ended."""
        x = self._plan.problem.start()
        if self._windows is not None:
            self._windows.read(x)
        diverged = self._diverged
        if diverged is None and not np.isfinite(x).all():
            diverged = self._rows.updates - 1
        return Ending(x, diverged, self._fault, self._facts())
