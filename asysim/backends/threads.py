"""Threads of one process: compiled workers, which need Python for nothing once they run."""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import numpy as np

from asysim.backends import loops, padding
from asysim.backends.latency import core_to_core
from asysim.backends.memory import Memory, begin, limits, rehearsal, size, view
from asysim.backends.plan import Plan
from asysim.backends.session import Ending
from asysim.backends.shared import (
    WRITES,
    Shared,
    blocks_of,
    one_sweep,
    way_of_writing,
    writes_few,
)
from asysim.backends.worker import Worker
from asysim.problems.base import Vector
from asysim.problems.compiled import CompiledProblem, most_support
from asysim.trace import Trace

_SHORT = 1e-6  # seconds: where a gradient takes less, not every one has its instants measured
_CLOCK_EVERY = 16
_TRIED = 200  # gradients, to see how long one takes


class ThreadSession:
    """A run on threads.

    Parameters
    ----------
    plan
        What is done; its problem is a `CompiledProblem`.
    """

    def __init__(self, plan: Plan) -> None:
        assert isinstance(plan.problem, CompiledProblem)
        self._plan, self._inner, self._model = plan, plan.problem.problem, plan.problem.model
        self._memory = view(plan, np.zeros(size(plan), dtype=np.uint8))
        begin(plan, self._memory)
        self._shared = Shared(plan, self._memory)
        self._failures: list[str] = []
        self._threads: list[threading.Thread] = []
        self._workers: list[Worker] = []
        self._facts: dict[str, Any] = {"core_to_core_ns": core_to_core()}

    def __enter__(self) -> Self:
        if not self._plan.settings.emulate:
            self._rehearse()
        for worker in range(self._plan.workers):
            thread = threading.Thread(target=self._be, args=(worker,), daemon=True)
            self._threads.append(thread)
            thread.start()
        while self._shared.ready < self._plan.workers and not self._shared.stopping:
            time.sleep(1e-3)
        self._shared.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._shared.stop()
        for thread in self._threads:
            thread.join()

    def _rehearse(self) -> None:
        """Compile the workers, and see how long a gradient takes: on memory of its own."""
        for stage in ("compile", "measure"):
            plan, memory = rehearsal(self._plan, _TRIED)
            started = time.perf_counter()
            self._loop(plan, memory, 0, 1)
            if stage == "measure":
                seconds = (time.perf_counter() - started) / _TRIED
                self._facts["clock_every"] = _CLOCK_EVERY if seconds < _SHORT else 1

    def _loop(self, plan: Plan, memory: Memory, worker: int, clock_every: int) -> None:
        model, size_ = self._model, plan.batch_size
        told = limits(plan, clock_every=clock_every)
        if plan.info.algorithm == "asysg-con":
            loops.consistent(memory, told, model, plan.seed, worker, size_)
            return
        how = WRITES[way_of_writing(plan)]
        if writes_few(plan):
            most = most_support(model, size_)
            loops.sparse(memory, told, model, plan.seed, worker, size_, how, most)
        else:
            blocks, at_once = blocks_of(plan), one_sweep(plan)
            loops.lock_free(memory, told, model, plan.seed, worker, size_, how, blocks, at_once)

    def _be(self, worker: int) -> None:
        try:
            if self._plan.settings.emulate:
                plan = replace(self._plan, problem=CompiledProblem(self._inner))
                emulated = Worker(plan, self._memory, worker)
                self._workers.append(emulated)
                emulated.run()
            else:
                self._loop(self._plan, self._memory, worker, self._facts["clock_every"])
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            self._failures.append(
                f"worker {worker} failed: {type(error).__name__}: {error} "
                f"({last.filename}, line {last.lineno})"
            )
        finally:
            self._shared.stop()

    @property
    def updates(self) -> int:
        return self._shared.updates

    @property
    def over(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def work(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        if not self._failures and (complaint := self._shared.complaint()):
            self._failures.append(complaint)
            self.stop()

    def rows(self) -> Trace | None:
        return self._shared.rows(over=self.over)

    def snapshots(self) -> list[tuple[int, Vector]]:
        return self._shared.snapshots()

    def stop(self) -> None:
        self._shared.stop()

    def finish(self) -> Ending:
        facts = self._facts | self._shared.lost()
        accuracies = [w.accuracy for w in self._workers if w.accuracy is not None]
        if accuracies:
            facts["emulation"] = padding.report(accuracies)
        failure = "; ".join(self._failures)
        return Ending(self._shared.x, self._shared.diverged, failure, facts)
