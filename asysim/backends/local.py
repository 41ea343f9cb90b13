"""What real runs in shared memory have in common, whether threads or processes work on it."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, ClassVar, Self

from asysim.backends import padding
from asysim.backends.latency import core_to_core
from asysim.backends.memory import begin, view
from asysim.backends.padding import Accuracy
from asysim.backends.plan import Plan
from asysim.backends.session import PATIENCE, Asked, Ending, Quiet
from asysim.backends.shared import Shared
from asysim.ground.arrays import Vector
from asysim.trace.trace import Trace

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
