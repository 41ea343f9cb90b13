"""A worker whose gradients Python computes: in a process of its own, or emulated in a thread."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Sequence
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from asysim.backends import emulation
from asysim.backends.assignment import Assignment
from asysim.backends.shared import consistent, lock_free, sweeps
from asysim.backends.shared import memory as w
from asysim.backends.shared import ticket_lock as lock
from asysim.backends.shared.memory import Memory
from asysim.backends.shared.segment import unpickled
from asysim.errors import first_line
from asysim.ground.machine import one_core
from asysim.replay.gradients import MiniBatchGradient, Sampler


class Worker:
    """One worker in shared memory.

    Parameters
    ----------
    assignment
        What is done. The problem is this worker's alone.
    memory
        What all workers see.
    number
        Which worker this is.
    """

    def __init__(self, assignment: Assignment, memory: Memory, number: int) -> None:
        self._assignment, self._memory, self._number = assignment, memory, number
        self._limits = w.limits(assignment)
        sampler = Sampler(
            assignment.problem, seed=assignment.seed, batch_size=assignment.batch_size
        )
        self._compute = MiniBatchGradient(assignment.problem, sampler)
        self._x, self._g = np.empty(assignment.dimension), np.empty(assignment.dimension)
        self._facts, self._instants = np.zeros(w.FACTS, np.int64), np.zeros(5, np.int64)
        self._partly = np.zeros(assignment.workers, dtype=np.int64)
        self.accuracy: emulation.Accuracy | None = None
        self._ways = None
        if assignment.settings.emulate:
            self.accuracy = emulation.Accuracy()
            self._ways = emulation.rounds(assignment.scenario, assignment.dimension, number)
            emulation.sharpen()

    def run(self) -> None:
        """Make a few updates of a memory of one's own, line up, and work until all are to stop."""
        assignment, memory = w.rehearsal(self._assignment, 2)
        Worker(assignment, memory, self._number).work()
        consistent.serve(memory, self._number, 0, 0)
        self._memory.beats[w.LINE * self._number] += 1  # ready: who still comes has none
        if lock.line_up(self._memory):
            self.work()
        lock.stop(self._memory)

    def work(self) -> None:
        """Work until all are to stop."""
        if self._assignment.info.algorithm == "asysg-incon":
            self._lock_free()
        else:
            self._consistent()

    def _gradient(self, draw: int) -> None:
        self._compute(self._x, self._number, draw, self._g)

    def _lock_free(self) -> None:
        m, number, told = self._memory, self._number, self._limits
        facts, instants, partly = self._facts, self._instants, self._partly
        how, spans = (
            sweeps.WRITES[sweeps.way_of_writing(self._assignment)],
            sweeps.Spans(self._assignment),
        )
        seen = self._x if sweeps.one_sweep(self._assignment) else np.empty(0)
        place, draw, has_x = 0, 0, False
        while not lock.stopped(m):
            read = has_x or lock_free.read_x(m, number, told, self._x, facts, instants, partly)
            if not read:
                return
            facts[w.DRAW] = draw
            self._gradient(draw)
            if self._ways is not None:
                self._pad(int(instants[1]), next(self._ways).compute)
            instants[2] = lock.clock(m)
            lo, hi = spans(number, np.array([draw]))[0].tolist()
            place, has_x = lock_free.write_x(
                m, number, told, how, self._g, (lo, hi), seen, place, facts, instants, partly
            )
            if place < 0:
                return
            draw += 1

    def _consistent(self) -> None:
        m, number, facts, instants = self._memory, self._number, self._facts, self._instants
        place, draw, due = 0, 0, 0
        while let := consistent.read(m, number, self._limits, self._x, facts, instants):
            facts[w.DRAW] = draw
            if self._ways is None:
                self._gradient(draw)
                instants[2] = instants[3] = lock.clock(m)
            else:
                due = self._emulate(draw, due if let == 1 else int(instants[0]))
            place = consistent.apply(m, number, self._limits, self._g, place, facts, instants)
            if place < 0:
                return
            if m.control[w.DIVERGED] or m.control[w.COUNTER] >= self._limits.updates:
                return
            draw += 1

    def _emulate(self, draw: int, granted: int) -> int:
        """Compute a gradient on its way round an emulated network; return when it is served."""
        m, instants = self._memory, self._instants
        assert self._ways is not None
        assert self.accuracy is not None
        way = next(self._ways)
        self._gradient(draw)
        ready, done, arrived, late = way.way(granted, int(lock.clock(m)))
        self.accuracy.note_late(late)
        self._wait(arrived)
        finish = arrived
        if way.service:
            finish = int(consistent.serve(m, self._number, arrived, way.service))
            self._wait(finish)
        instants[1:4] = max(int(instants[0]), ready), done, arrived
        return finish

    def _pad(self, begun: int, compute: int) -> None:
        assert self.accuracy is not None
        done, late = emulation.settled(begun + compute, int(lock.clock(self._memory)))
        self.accuracy.note_late(late)
        self._wait(done)

    def _wait(self, instant: int) -> None:
        assert self.accuracy is not None
        later = emulation.wait_until(instant + int(self._memory.control[w.START]), self._is_over)
        if later >= 0:
            self.accuracy.note_wait(later)

    def _is_over(self) -> bool:
        """Show a sign of life; return whether all are to stop."""
        self._memory.beats[w.LINE * self._number] += 1
        return lock.stopped(self._memory)


# The process around it ----------------------------------------------------------------------


def be_a_worker(
    number: int, mouth: Connection, name: str, size: int, code: bytes, sizes: Sequence[int]
) -> None:
    """Be one worker in a segment of shared memory, and say how it went.

    Parameters
    ----------
    number
        Which worker.
    mouth
        Where to say what failed, or how exact emulated times were.
    name, size
        The segment, and how much of it is the workers' memory; the rest are the assignment's
        arrays.
    code, sizes
        The assignment, as `unpickled` takes it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever watches stops us
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        segment = SharedMemory(name)
        assert segment.buf is not None
        _work(number, mouth, segment.buf, size, code, sizes)
    except BaseException as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        said = (
            f"{type(error).__name__}: {first_line(error)}"
            if isinstance(error, Exception)
            else (type(error).__name__)
        )
        mouth.send(f"{said} ({frame.filename}, line {frame.lineno})")
    finally:
        # Not by the interpreter's own end, which would complain of views of the segment.
        os._exit(0)


def _work(
    number: int, mouth: Connection, memory: memoryview, size: int, code: bytes,
    sizes: Sequence[int],
) -> None:  # fmt: skip
    os.environ["OMP_NUM_THREADS"] = "1"  # before the problem brings torch along, if it does
    assignment = unpickled(code, sizes, memory[size:])
    shared = w.view(assignment, memory[:size])
    try:
        with one_core():
            worker = Worker(assignment, shared, number)
            worker.run()
    finally:
        lock.stop(shared)
    if worker.accuracy is not None:
        mouth.send(worker.accuracy)


def _leave_with_parent() -> None:
    """End this process when the one that watches it has ended, however it did."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
