"""Threads of one process: compiled workers, which need Python for nothing once they run."""

from __future__ import annotations

import math
import threading
import time
import traceback
from dataclasses import replace

from asysim.backends import loops
from asysim.backends.local import LocalSession
from asysim.backends.memory import Memory, limits, size
from asysim.backends.plan import Plan
from asysim.backends.rehearsal import Rehearsal
from asysim.backends.segment import own_memory
from asysim.backends.session import Asked
from asysim.backends.shared import WRITES, blocks_of, one_sweep, way_of_writing, writes_few
from asysim.backends.worker import Worker
from asysim.problems.compiled import CompiledProblem, most_support

_SHORT = 1e-6  # seconds: where a gradient takes less, not every one has its instants measured
_CLOCK_EVERY = 16


class ThreadSession(LocalSession):
    """A run on threads.

    Parameters
    ----------
    plan
        What is done; its problem is a `CompiledProblem`.
    asked
        Whether somebody asked the run to end, before it has begun.
    """

    _look_every = 1e-3

    def __init__(self, plan: Plan, asked: Asked) -> None:
        assert isinstance(plan.problem, CompiledProblem)
        super().__init__(plan, asked)
        self._inner, self._model = plan.problem.problem, plan.problem.model
        self._threads: list[threading.Thread] = []
        self._left_behind = False

    def _begin(self) -> None:
        self._share(own_memory(size(self._plan)))
        if not self._plan.settings.emulate:
            self._rehearse()
        for worker in range(self._plan.workers):
            if self._ends:
                return
            thread = threading.Thread(target=self._be, args=(worker,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _end(self) -> None:
        for thread in self._threads:
            # One that is left behind sees that it is to stop when its gradient is done.
            thread.join(max(0.0, self._leave_at - time.monotonic()) if self._leaves else None)

    @property
    def _leaves(self) -> bool:
        """Whether nobody waits for ever for workers that do not stop."""
        return self._leave_at < math.inf

    def _rehearse(self) -> None:
        """Compile the workers, and see how long a gradient takes."""
        trial = Rehearsal(self._plan, lambda plan, memory: self._loop(plan, memory, 0, 1))
        if not trial.run(self._asked):
            if trial.failure:
                self._failures.append(trial.failure)
            self.stop(0.0)
        self._facts["clock_every"] = _CLOCK_EVERY if trial.seconds < _SHORT else 1

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
        memory = self._run.memory
        try:
            if self._plan.settings.emulate:
                plan = replace(self._plan, problem=CompiledProblem(self._inner))
                emulated = Worker(plan, memory, worker)
                assert emulated.accuracy is not None
                self._accuracies.append(emulated.accuracy)
                emulated.run()
            else:
                self._loop(self._plan, memory, worker, self._facts["clock_every"])
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            self._fail(
                f"worker {worker} failed: {type(error).__name__}: {error} "
                f"({last.filename}, line {last.lineno})"
            )
        finally:
            self.stop()

    @property
    def over(self) -> bool:
        return self._left_behind or not any(thread.is_alive() for thread in self._threads)

    def work(self, seconds: float) -> None:
        super().work(seconds)
        if time.monotonic() > self._leave_at and not self.over:
            late = [number for number, thread in enumerate(self._threads) if thread.is_alive()]
            self._facts["left_behind"] = late
            self._run.close()
            self._left_behind = True

    def _listen(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
