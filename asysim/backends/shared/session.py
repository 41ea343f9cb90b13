"""A real run in shared memory, whether threads or processes work on it."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np

from asysim.backends import padding
from asysim.backends.padding import Accuracy
from asysim.backends.plan import Plan
from asysim.backends.session import PATIENCE, Asked, Ending, Quiet
from asysim.backends.shared import memory as w
from asysim.backends.shared import sweeps
from asysim.backends.shared.hardware import core_to_core
from asysim.backends.shared.memory import Memory, begin, view
from asysim.backends.shared.row_log import LogReader
from asysim.ground.arrays import Vector
from asysim.trace.trace import Trace

_LOOK = 0.5  # seconds between two looks that are usual at most


class Shared:
    """A run in shared memory, as whoever watches it sees it.

    Parameters
    ----------
    plan
        What is done.
    memory
        What all workers see.
    """

    def __init__(self, plan: Plan, memory: Memory) -> None:
        self.plan, self.memory = plan, memory
        self.lock_free = plan.info.algorithm == "asysg-incon"
        per_update = plan.scenario.algorithm.gradients_per_update
        self.log = LogReader(memory, plan.info, sweeps.Spans(plan), per_update=per_update)
        self.half_written: list[int] = []
        self._seen = np.zeros(plan.workers, dtype=np.int64)
        self._seen_at = [0.0] * plan.workers
        self._looked = 0.0
        self._closed: int | None = None

    @property
    def updates(self) -> int:
        """Updates begun (lock-free) or made so far."""
        if self._closed is not None:
            return self._closed
        return min(int(self.memory.control[w.COUNTER]), self.plan.updates)

    def close(self) -> None:
        """Take nothing of what is made from now on, as somebody does not stop who was asked to.

        Whoever had passed that question makes one more update at most, not where this x lies.
        """
        self._closed = self.updates

    @property
    def ready(self) -> int:
        """How many workers wait for the start."""
        return int(self.memory.control[w.READY])

    @property
    def signs(self) -> int:
        """Signs of life of all workers, counted."""
        memory = self.memory
        return self.ready + int(memory.heads.sum()) + int(memory.beats.sum())

    @property
    def writes(self) -> bool:
        """Whether a worker is in the middle of an update."""
        words = self.memory.writing[:: w.LINE]
        return bool((words < w.NONE).any() or self.memory.control[w.LOCK])

    def start(self) -> None:
        """Let everybody go."""
        self._looked = time.monotonic()
        self._seen_at = [self._looked] * self.plan.workers
        self.memory.control[w.START] = time.monotonic_ns()

    def stop(self) -> None:
        """Ask everybody to stop."""
        self.memory.control[w.STOP] = 1

    @property
    def stopping(self) -> bool:
        """Whether everybody was asked to stop, or is about to by themselves."""
        return bool(self.memory.control[w.STOP])

    def snapshots(self) -> list[tuple[int, Vector]]:
        """Return the copies of x that were made since last asked for, by the number of updates."""
        found = []
        # Of a copy: workers go on to mark slots, which NumPy will not have while it counts them.
        for slot in np.flatnonzero(self.memory.marks.copy()).tolist():
            place = int(self.memory.marks[slot]) - 1
            found.append((int(self.memory.wanted[place]), self.memory.snapshots[slot].copy()))
            self.memory.marks[slot] = 0
        return sorted(found, key=lambda pair: pair[0])

    def complaint(self) -> str:
        """Say who gave no sign of life for longer than the scenario allows; empty: nobody."""
        patience = self.plan.settings.watchdog
        silent = self._silent(patience)
        if not silent:
            return ""
        who = ", ".join(map(str, silent))
        holds = " while it held the lock" if int(self.memory.control[w.LOCK]) - 1 in silent else ""
        workers = "worker" if len(silent) == 1 else "workers"
        return f"{workers} {who} gave no sign of life for {patience:g} s{holds}"

    def _silent(self, seconds: float) -> list[int]:
        signs = self.memory.heads[:: w.LINE] + self.memory.beats[:: w.LINE]
        moment, late = time.monotonic(), []
        # Time in which this process did not look is nobody's silence: workers may have waited for
        # it, or all may have been stopped together.
        away = max(0.0, moment - self._looked - _LOOK)
        self._looked, self._seen_at = moment, [at + away for at in self._seen_at]
        for worker in range(self.plan.workers):
            if signs[worker] != self._seen[worker]:
                self._seen[worker], self._seen_at[worker] = signs[worker], moment
            elif moment - self._seen_at[worker] > seconds:
                late.append(worker)
        holder = int(self.memory.control[w.LOCK]) - 1
        return [holder] if holder in late else late

    @property
    def diverged(self) -> int | None:
        """After which update x was not finite, if it was not."""
        mark = int(self.memory.control[w.DIVERGED])
        return mark - 1 if mark else None

    @property
    def x(self) -> Vector:
        """The last iterate."""
        version = 0 if self.lock_free else self.updates
        last: Vector = self.memory.x[version % 2, : self.plan.dimension].copy()
        return last

    def lost(self) -> dict[str, Any]:
        """Return what a manifest says of how x was written, and what of it was lost."""
        if not self.lock_free:
            return {}
        write = sweeps.way_of_writing(self.plan)
        facts: dict[str, Any] = {"write": write, "one_sweep": sweeps.one_sweep(self.plan)}
        if self.half_written:
            facts["half_written"] = self.half_written
        tries = int(self.memory.tries.sum())
        if write == "atomic":
            facts["lost_estimate"] = 0.0
        elif tries:
            missing = tries - int(self.memory.canaries.sum())
            facts |= {"lost_estimate": missing / tries, "lost_of_tries": [missing, tries]}
        return facts

    def rows(self, *, over: bool) -> Trace | None:
        """Fetch what was logged, and return what is in order; all of it once nobody works."""
        self.fetch()
        if over and self.lock_free:
            self.half_written += self.log.complete(self.updates)
        return self.log.take(all_of_them=over)

    def fetch(self) -> None:
        """Fetch what was logged, so that nobody waits for room."""
        self.log.fetch(self.updates)


_START = 60.0  # seconds at least without a sign of workers that are coming


class LocalSession(ABC):
    """A real run whose workers share memory with this process.

    Parameters
    ----------
    plan
        What is done.
    asked
        Whether somebody asked the run to end, before it has begun; later `stop` says so.
    """

    _look_every: ClassVar[float]
    """Seconds between two looks at workers that are coming."""

    def __init__(self, plan: Plan, asked: Asked) -> None:
        self._plan, self._asked = plan, asked
        self._shared: Shared | None = None
        self._facts: dict[str, Any] = {"core_to_core_ns": core_to_core()}
        self._accuracies: list[Accuracy] = []
        self._failures: list[str] = []
        self._leave_at = math.inf

    def __enter__(self) -> Self:
        try:
            self._begin()
            self._line_up()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def _line_up(self) -> None:
        """Wait until every worker is ready, and let them go, unless the run ends before."""
        run, limit = self._run, max(self._plan.settings.watchdog, _START)
        signs, quiet = -1, Quiet(limit)
        while run.ready < self._plan.workers and not self._ends:
            self._listen(self._look_every)
            signs, before = self._signs(), signs
            if quiet.lasts(heard=signs != before) and not self._failures:
                ready = f"{run.ready:,} of {self._plan.workers:,} workers were ready"
                self._fail(f"the run did not begin: {ready}, and no other came for {limit:g} s")
        if not self._ends:
            run.start()

    def _signs(self) -> int:
        """Return a number that changes while workers come."""
        return self._run.signs

    @property
    def _ends(self) -> bool:
        """Whether the run is to end before it has begun."""
        return self._asked() or self._run.stopping

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._shared is not None:
            self._shared.stop()
        self._end()

    def _share(self, buffer: Any) -> None:
        """Make of `size(plan)` bytes the memory that workers share, and fill it in."""
        memory = view(self._plan, buffer)
        begin(self._plan, memory)
        self._shared = Shared(self._plan, memory)

    @property
    def _run(self) -> Shared:
        assert self._shared is not None
        return self._shared

    @property
    def updates(self) -> int:
        return self._run.updates

    def work(self, seconds: float) -> None:
        self._listen(seconds)
        if not self._failures and (complaint := self._run.complaint()):
            self._fail(complaint)

    def _fail(self, failure: str) -> None:
        """Note what went wrong, and stop everybody."""
        self._failures.append(failure)
        self.stop(PATIENCE)

    def rows(self) -> Trace | None:
        return self._run.rows(over=self.over)

    def snapshots(self) -> list[tuple[int, Vector]]:
        return self._run.snapshots()

    def stop(self, patience: float = math.inf) -> None:
        self._leave_at = min(self._leave_at, time.monotonic() + patience)
        self._run.stop()

    def finish(self) -> Ending:
        shared = self._run
        facts = self._facts | shared.lost()
        if self._accuracies:
            facts["emulation"] = padding.report(self._accuracies)
        return Ending(shared.x, shared.diverged, "; ".join(self._failures), facts)

    # What threads and processes do in their own way ------------------------------------------

    @property
    @abstractmethod
    def over(self) -> bool:
        """Whether all workers are gone."""

    @abstractmethod
    def _begin(self) -> None:
        """Make the memory and the workers, which then line up."""

    @abstractmethod
    def _listen(self, seconds: float) -> None:
        """Wait for so long, or until something is heard of the workers."""

    @abstractmethod
    def _end(self) -> None:
        """Wait for the workers, which were asked to stop, and free all memory."""
