"""Processes that share memory: workers whose gradients Python computes, in NumPy or in torch."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

from asysim.backends import shared
from asysim.backends.assignment import Assignment, prepared, refuse
from asysim.backends.emulation import Accuracy
from asysim.backends.session import PATIENCE, Asked, nobody
from asysim.backends.shared.local import LocalSession
from asysim.backends.shared.memory import LINE, size
from asysim.backends.shared.segment import Pickled, shared_segment
from asysim.backends.shared.worker_process import be_a_worker
from asysim.errors import Fault, unfit
from asysim.ground.process import UNGUARDED, check_children, leave_if_coming_up, unguarded
from asysim.problems.base import Problem
from asysim.scenario import Scenario

_TO_STOP = 2.0  # seconds that workers have in a run that need not end at once

DIES_WHOLE = False


def unsupported(scenario: Scenario) -> list[Fault]:
    """Return what of a scenario can't be run on processes; nothing if all can."""
    return list(shared.unsupported(scenario, "processes"))


def prepare(scenario: Scenario, build: Callable[[bool], Problem]) -> tuple[Assignment, Problem]:
    """Return what is to be done, and the problem that evaluates it."""
    check_children("on", 'on="threads"')
    leave_if_coming_up()
    refuse(unsupported(scenario))
    return prepared(scenario, build(True))


class ProcessSession(LocalSession):
    """A run on processes, of an assignment that can be pickled; raises InputError if it can't."""

    _look_every = 0.02

    def __init__(self, assignment: Assignment, asked: Asked = nobody) -> None:
        try:
            self._pickled = Pickled(assignment)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            found = f"one that can't be sent to another process ({error})"
            raise unfit("problem", found, "one that can be pickled") from None
        super().__init__(assignment, asked)
        self._segment = shared_segment(size(assignment) + self._pickled.size)
        self._workers: list[BaseProcess] = []
        self._ears: list[Connection] = []
        self._left: set[int] = set()
        self._starter: threading.Thread | None = None
        self._enough = threading.Event()  # no more workers are to be started
        self._error: BaseException | None = None

    def _make_workers(self) -> None:
        own, buffer = size(self._assignment), self._segment.buf
        assert buffer is not None
        self._pickled.put(buffer[own:])
        self._share(buffer[:own])
        told = (self._segment.name, own, self._pickled.code, self._pickled.sizes)
        self._starter = threading.Thread(target=self._start_workers, args=told, daemon=True)
        self._starter.start()

    def _start_workers(self, *told: Any) -> None:
        """Start the workers: in a thread of its own, as the first takes seconds to import all."""
        context = _context()
        try:
            with _undisturbed():
                for worker in range(self._assignment.workers):
                    if self._enough.is_set() or self._asked():
                        return
                    ear, mouth = context.Pipe(duplex=False)
                    process = context.Process(
                        target=be_a_worker, args=(worker, mouth, *told), daemon=True
                    )
                    process.start()
                    mouth.close()
                    self._ears.append(ear)
                    self._workers.append(process)
        except BaseException as error:
            self._error = error

    def _signs(self) -> int:
        if not self._workers:
            return time.monotonic_ns()  # what they need is being imported, compiled perhaps
        beats = self.memory.beats[::LINE]
        # Those that are ready look out for the start, which is work, but no sign of the others.
        coming = [p.pid for p, ready in zip(self._workers, beats, strict=False) if not ready]
        return super()._signs() + sum(_worked(pid) for pid in coming if pid is not None)

    def _free(self) -> None:
        self._enough.set()
        if self._starter is not None:
            self._starter.join(PATIENCE)
        until = time.monotonic() + _TO_STOP
        for process in self._workers:
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        for ear in self._ears:
            ear.close()
        self._memory = self._log = None
        self._segment.unlink()
        _let_go(self._segment)

    @property
    def over(self) -> bool:
        return len(self._left) == len(self._workers) and (
            self._starter is None or not self._starter.is_alive() or self._stopping
        )

    def work(self, seconds: float) -> None:
        super().work(seconds)
        if self._stopping and not self.over:
            self._see_off()

    def _listen(self, seconds: float) -> None:
        """Hear what workers say, and notice who is gone."""
        if self._error is not None:
            raise self._error
        there = {p.sentinel: w for w, p in enumerate(self._workers) if w not in self._left}
        if not there:
            time.sleep(min(seconds, self._look_every))
        for sentinel in wait(list(there), seconds):
            worker = there[sentinel]  # type: ignore[index]
            self._left.add(worker)
            self._hear(worker)

    def _hear(self, worker: int) -> None:
        ear, code = self._ears[worker], self._workers[worker].exitcode
        said: Any = None
        try:
            if ear.poll():
                said = ear.recv()
        except (EOFError, OSError):
            pass
        if isinstance(said, str):
            self._fail(f"worker {worker} failed: {said}")
        elif isinstance(said, Accuracy):
            self._accuracies.append(said)
        if code == UNGUARDED:
            raise unguarded("on")
        if code and said is None and not self._failures:
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            self._fail(f"worker {worker} was ended {how}")

    def _see_off(self) -> None:
        """Wait a while for workers that were asked to stop; then make them.

        A gradient that is being computed is of no use any more, whatever it takes. An update that
        is being written is waited for, unless the run is to end at once.
        """
        self._enough.set()
        begun = time.monotonic()
        until = min(begun + _TO_STOP, self._leave_at)
        last = min(begun + self._assignment.settings.watchdog, self._leave_at)
        while not self.over:
            moment = time.monotonic()
            if moment > (last if self._writes else until):
                break
            self._fetch()  # so that none waits for room
            self._listen(self._look_every)
        for worker, process in enumerate(self._workers):
            if worker not in self._left:
                process.kill()
                process.join()
                self._left.add(worker)


open_session = ProcessSession


def _worked(process: int) -> int:
    """Return for how many ticks of the system a process has worked; 0 where that is not told."""
    try:
        fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _context() -> Any:
    """Return how processes are made: from one that has everything imported, where that exists.

    Never by a fork of this one, whose threads would not be in the copy, but their locks would.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["asysim.backends.shared.fork_server"])
    return context


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Start processes that a Ctrl-C at the terminal leaves alone, as it is for us to stop them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _let_go(segment: SharedMemory) -> None:
    try:
        segment.close()
    except BufferError:
        # Views of it are alive until the run's objects are gone; it has no name any more.
        segment._mmap = segment._buf = None  # type: ignore[attr-defined]
        os.close(segment._fd)  # type: ignore[attr-defined]
        segment._fd = -1  # type: ignore[attr-defined]
