"""Threads of one process: compiled workers, which need Python for nothing once they run."""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace

from asysim.backends import shared
from asysim.backends.assignment import Assignment, prepared, refuse
from asysim.backends.liveness import Quiet
from asysim.backends.session import Asked, nobody
from asysim.backends.shared import memory as w
from asysim.backends.shared import sweeps
from asysim.backends.shared.consistent import consistent
from asysim.backends.shared.local import LocalSession
from asysim.backends.shared.lock_free import lock_free, sparse
from asysim.backends.shared.memory import Memory
from asysim.backends.shared.segment import own_memory
from asysim.backends.shared.worker_process import Worker
from asysim.errors import Fault
from asysim.problems.base import Problem
from asysim.problems.compiled import CompiledProblem, most_support
from asysim.scenario import Scenario

_SHORT = 1e-6  # seconds: where a gradient takes less, not every one has its instants measured
_CLOCK_EVERY = 16
_MOST, _SECONDS = 200, 0.05  # gradients, and for how long they are tried at most
_LOOK = 0.02  # seconds between two looks at whoever tries
_PARTING = 0.1  # seconds in which who tries may see that nobody asks any more

DIES_WHOLE = False


def unsupported(scenario: Scenario) -> list[Fault]:
    """Return what of a scenario can't be run on threads; nothing if all can."""
    return list(shared.unsupported(scenario, "threads"))


def prepare(scenario: Scenario, build: Callable[[bool], Problem]) -> tuple[Assignment, Problem]:
    """Return what is to be done, with gradients compiled, and the problem that evaluates it."""
    refuse(unsupported(scenario))
    return prepared(scenario, build(True), compiled=True)


class ThreadSession(LocalSession):
    """A run on threads, of an assignment whose problem is a `CompiledProblem`."""

    _look_every = 1e-3

    def __init__(self, assignment: Assignment, asked: Asked = nobody) -> None:
        assert isinstance(assignment.problem, CompiledProblem)
        super().__init__(assignment, asked)
        self._inner, self._model = assignment.problem.problem, assignment.problem.model
        self._threads: list[threading.Thread] = []
        self._left_behind = False

    def _make_workers(self) -> None:
        self._share(own_memory(w.size(self._assignment)))
        if not (self._ends or self._assignment.settings.emulate):
            self._rehearse()
        for worker in range(self._assignment.workers):
            if self._ends:
                return
            thread = threading.Thread(target=self._be, args=(worker,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _free(self) -> None:
        for thread in self._threads:
            # One that is left behind sees that it is to stop when its gradient is done.
            left = self._leave_at - time.monotonic()
            thread.join(None if math.isinf(left) else max(0.0, left))

    def _rehearse(self) -> None:
        """Compile the workers, and see how long a gradient takes."""
        trial = Rehearsal(
            self._assignment, lambda assignment, memory: self._loop(assignment, memory, 0, 1)
        )
        if not trial.run(self._asked):
            if trial.failure:
                self._failures.append(trial.failure)
            self.stop(0.0)
        self._measured["clock_every"] = _CLOCK_EVERY if trial.seconds < _SHORT else 1

    def _loop(self, assignment: Assignment, memory: Memory, worker: int, clock_every: int) -> None:
        model, size_ = self._model, assignment.batch_size
        told = w.limits(assignment, clock_every=clock_every)
        if assignment.info.algorithm == "asysg-con":
            consistent(memory, told, model, assignment.seed, worker, size_)
            return
        how = sweeps.WRITES[sweeps.way_of_writing(assignment)]
        if sweeps.writes_few(assignment):
            most = most_support(model, size_)
            sparse(memory, told, model, assignment.seed, worker, size_, how, most)
        else:
            blocks, at_once = sweeps.blocks_of(assignment), sweeps.one_sweep(assignment)
            lock_free(memory, told, model, assignment.seed, worker, size_, how, blocks, at_once)

    def _be(self, worker: int) -> None:
        memory = self.memory
        try:
            if self._assignment.settings.emulate:
                assignment = replace(self._assignment, problem=CompiledProblem(self._inner))
                emulated = Worker(assignment, memory, worker)
                assert emulated.accuracy is not None
                self._accuracies.append(emulated.accuracy)
                emulated.run()
            else:
                self._loop(self._assignment, memory, worker, self._measured["clock_every"])
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
            self._measured["left_behind"] = late
            self._close()
            self._left_behind = True

    def _listen(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))


open_session = ThreadSession


# Before the run -----------------------------------------------------------------------------

Loop = Callable[[Assignment, Memory], None]
"""Be worker 0 of an assignment in a memory until it is over."""


class Rehearsal:
    """A worker at work by itself, in memory of its own, in a thread that can be left behind.

    Compiled code can't be interrupted. So this thread, which hears signals, only watches.

    Parameters
    ----------
    assignment
        What is done in the run.
    loop
        Does it.

    Attributes
    ----------
    failure
        Why it came to nothing; empty: it did not.
    seconds
        What a gradient takes; 0 before that is known.
    """

    def __init__(self, assignment: Assignment, loop: Loop) -> None:
        self._limit, self._loop = assignment.settings.watchdog, loop
        self._assignment, self._memory = w.rehearsal(assignment, _MOST, _SECONDS)
        self._error: BaseException | None = None
        self.failure, self.seconds = "", 0.0

    def run(self, asked: Asked) -> bool:
        """Rehearse; return False if somebody asked for the end, or it came to nothing.

        Raises
        ------
        BaseException
            What the worker raises.
        """
        if asked():  # while the memory was filled in
            return False
        thread = threading.Thread(target=self._try, daemon=True)
        thread.start()
        quiet, signs = Quiet(self._limit), 0
        while thread.is_alive():
            thread.join(_LOOK)
            if asked():
                self._memory.control[w.STOP] = 1
                thread.join(_PARTING)
                return False
            control, heads = self._memory.control, self._memory.heads
            # Before it lines up it is being compiled, which may take minutes.
            if quiet.lasts(heard=not control[w.READY] or int(heads[0]) != signs):
                self._memory.control[w.STOP] = 1
                self.failure = (
                    f"the run did not begin: a gradient takes more than {self._limit:g} s, after "
                    "which a worker counts as hung; a larger backend.watchdog waits longer"
                )
                return False
            signs = int(heads[0])
        if self._error is not None:
            raise self._error
        return True

    def _try(self) -> None:
        assignment, memory = self._assignment, self._memory
        try:
            memory.control[w.STOP] = 1  # once for nothing, which compiles it
            self._loop(assignment, memory)
            memory.control[w.STOP] = memory.control[w.READY] = 0
            memory.control[w.START] = began = time.monotonic_ns()
            self._loop(assignment, memory)
        except BaseException as error:
            self._error = error
            return
        gradients = max(1, int(memory.heads[0]))
        self.seconds = (time.monotonic_ns() - began) * 1e-9 / gradients
