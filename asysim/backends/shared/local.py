"""A real run in shared memory, whether threads or processes work on it."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from asysim.backends.assignment import Assignment
from asysim.backends.liveness import Quiet, Watchdog
from asysim.backends.session import PATIENCE, Asked, Session, nobody
from asysim.backends.shared import memory as w
from asysim.backends.shared import sweeps
from asysim.backends.shared.hardware import core_to_core
from asysim.backends.shared.log_reader import LogReader
from asysim.backends.shared.memory import Memory, begin, view
from asysim.ground.arrays import Vector
from asysim.trace.trace import Trace

_LOOK = 0.5  # seconds between two looks that are usual at most
_START = 60.0  # seconds at least without a sign of workers that are coming


class LocalSession(Session):
    """A real run whose workers share memory with this process."""

    _look_every: ClassVar[float]
    """Seconds between two looks at workers that are coming."""

    def __init__(self, assignment: Assignment, asked: Asked = nobody) -> None:
        super().__init__(assignment, asked)
        self._memory: Memory | None = None
        self._log: LogReader | None = None
        self._measured: dict[str, Any] = {"core_to_core_ns": core_to_core()}
        self._half_written: list[int] = []
        self._leave_at = math.inf
        self._closed: int | None = None
        self._watchdog = Watchdog(assignment.settings.watchdog)
        self._seen = np.zeros(assignment.workers, dtype=np.int64)

    def _share(self, buffer: Any) -> None:
        """Make of `size(assignment)` bytes the memory that workers share, and fill it in."""
        assignment = self._assignment
        self._memory = memory = view(assignment, buffer)
        begin(assignment, memory)
        per_update = assignment.scenario.algorithm.gradients_per_update
        self._log = LogReader(
            memory, assignment.info, sweeps.Spans(assignment), per_update=per_update
        )

    @property
    def memory(self) -> Memory:
        """What all workers see."""
        assert self._memory is not None
        return self._memory

    @property
    def log(self) -> LogReader:
        """Fetches what they log."""
        assert self._log is not None
        return self._log

    # The start and the end -----------------------------------------------------------------------

    def _begin(self) -> None:
        self._make_workers()
        self._line_up()

    def _line_up(self) -> None:
        """Wait until every worker is ready, and let them go, unless the run ends before."""
        workers, limit = self._assignment.workers, max(self._assignment.settings.watchdog, _START)
        signs, quiet = -1, Quiet(limit)
        while self._ready < workers and not self._ends:
            self._listen(self._look_every)
            signs, before = self._signs(), signs
            if quiet.lasts(heard=signs != before) and not self._failures:
                ready = f"{self._ready:,} of {workers:,} workers were ready"
                self._fail(f"the run did not begin: {ready}, and no other came for {limit:g} s")
        if not self._ends:
            self._watchdog.look()
            for worker in range(workers):
                self._watchdog.expect(worker)
            self.memory.control[w.START] = time.monotonic_ns()

    @property
    def _ready(self) -> int:
        """How many workers wait for the start."""
        return int(self.memory.control[w.READY])

    def _signs(self) -> int:
        """Return a number that changes while workers come."""
        return self._ready + int(self.memory.heads.sum()) + int(self.memory.beats.sum())

    @property
    def _ends(self) -> bool:
        """Whether the run is to end before it has begun."""
        return self._asked() or self._stopping

    @property
    def _stopping(self) -> bool:
        """Whether everybody was asked to stop, or is about to by themselves."""
        return bool(self.memory.control[w.STOP])

    def stop(self, patience: float = math.inf) -> None:
        self._leave_at = min(self._leave_at, time.monotonic() + patience)
        self.memory.control[w.STOP] = 1

    def _fail(self, failure: str) -> None:
        """Note what went wrong, and stop everybody."""
        self._failures.append(failure)
        self.stop(PATIENCE)

    def _end(self) -> None:
        if self._memory is not None:
            self._memory.control[w.STOP] = 1
        self._free()

    # The run -------------------------------------------------------------------------------------

    @property
    def updates(self) -> int:
        if self._closed is not None:
            return self._closed
        return min(int(self.memory.control[w.COUNTER]), self._assignment.updates)

    def _close(self) -> None:
        """Count no update that is made from now on: a worker does not stop that was asked to.

        When its gradient is done it sees that it is to stop, unless it had looked before: then it
        makes one more update, with asysg-con in the copy of x that is not the current one.
        """
        self._closed = self.updates

    def work(self, seconds: float) -> None:
        self._listen(seconds)
        if not self._failures and (silent := self._silent()):
            who = ", ".join(map(str, silent))
            holds = " while it held the lock" if silent == [self._holder] else ""
            workers = "worker" if len(silent) == 1 else "workers"
            patience = self._assignment.settings.watchdog
            self._fail(f"{workers} {who} gave no sign of life for {patience:g} s{holds}")

    @property
    def _holder(self) -> int:
        """Who holds the lock; −1: nobody."""
        return int(self.memory.control[w.LOCK]) - 1

    def _silent(self) -> list[int]:
        """Return who gave no sign of life for longer than the scenario allows."""
        signs = self.memory.heads[:: w.LINE] + self.memory.beats[:: w.LINE]
        # Time in which this process did not look is nobody's silence: workers may have waited for
        # it, or all may have been stopped together.
        self._watchdog.look(_LOOK)
        for worker in np.flatnonzero(signs != self._seen).tolist():
            self._watchdog.expect(worker)
        self._seen = signs
        late = self._watchdog.lost()
        return [self._holder] if self._holder in late else late

    @property
    def _writes(self) -> bool:
        """Whether a worker is in the middle of an update."""
        words = self.memory.writing[:: w.LINE]
        return bool((words < w.NONE).any() or self.memory.control[w.LOCK])

    # What came of it -----------------------------------------------------------------------------

    def rows(self) -> Trace | None:
        over = self.over  # asked before: who then logs a row is not there any more
        self._fetch()
        if over and self._lock_free:
            self._half_written += self.log.complete(self.updates)
        return self.log.take(all_of_them=over)

    def _fetch(self) -> None:
        """Fetch what was logged, so that nobody waits for room."""
        self.log.fetch(self.updates)

    def snapshots(self) -> list[tuple[int, Vector]]:
        memory, found = self.memory, []
        # Of a copy: workers go on to mark slots, which NumPy will not have while it counts them.
        for slot in np.flatnonzero(memory.marks.copy()).tolist():
            place = int(memory.marks[slot]) - 1
            found.append((int(memory.wanted[place]), memory.snapshots[slot].copy()))
            memory.marks[slot] = 0
        return sorted(found, key=lambda pair: pair[0])

    @property
    def _lock_free(self) -> bool:
        return self._assignment.info.algorithm == "asysg-incon"

    def _last(self) -> tuple[Vector, int | None]:
        version = 0 if self._lock_free else self.updates
        x: Vector = self.memory.x[version % 2, : self._assignment.dimension].copy()
        mark = int(self.memory.control[w.DIVERGED])
        return x, mark - 1 if mark else None

    def _facts(self) -> dict[str, Any]:
        if not self._lock_free:
            return self._measured
        write = sweeps.way_of_writing(self._assignment)
        facts = self._measured | {"write": write, "one_sweep": sweeps.one_sweep(self._assignment)}
        if self._half_written:
            facts["half_written"] = self._half_written
        tries = int(self.memory.tries.sum())
        if write == "atomic":
            facts["lost_estimate"] = 0.0
        elif tries:
            missing = tries - int(self.memory.canaries.sum())
            facts |= {"lost_estimate": missing / tries, "lost_of_tries": [missing, tries]}
        return facts

    # What threads and processes do in their own way ----------------------------------------------

    @abstractmethod
    def _make_workers(self) -> None:
        """Make the memory and the workers, which then line up."""

    @abstractmethod
    def _listen(self, seconds: float) -> None:
        """Wait for so long, or until something is heard of the workers."""

    @abstractmethod
    def _free(self) -> None:
        """Wait for the workers, which were asked to stop, and free all memory."""
