"""Processes that share memory: workers whose gradients Python computes, in NumPy or in torch."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory
from typing import Any

from asysim.backends.crew import be_a_worker
from asysim.backends.local import LocalSession
from asysim.backends.memory import LINE, NONE, Memory, size
from asysim.backends.padding import Accuracy
from asysim.backends.parcel import Parcel
from asysim.backends.plan import Plan
from asysim.backends.session import Ending
from asysim.errors import unfit

_PATIENCE = 2.0  # seconds for workers that were asked to stop


class ProcessSession(LocalSession):
    """A run on processes.

    Parameters
    ----------
    plan
        What is done; its problem can be pickled.

    Raises
    ------
    InputError
        If it can't.
    """

    _look_every = 0.02

    def __init__(self, plan: Plan) -> None:
        try:
            self._parcel = Parcel(plan)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            found = f"one that can't be sent to another process ({error})"
            raise unfit("problem", found, "one that can be pickled") from None
        super().__init__(plan)
        self._segment = SharedMemory(create=True, size=size(plan) + self._parcel.size)
        self._workers: list[BaseProcess] = []
        self._ears: list[Connection] = []
        self._left: set[int] = set()

    def _begin(self) -> None:
        own, buffer = size(self._plan), self._segment.buf
        assert buffer is not None
        self._parcel.put(buffer[own:])
        self._share(buffer[:own])
        told = (self._segment.name, own, self._parcel.letter, self._parcel.sizes)
        context = _context()
        with _undisturbed():
            for worker in range(self._plan.workers):
                ear, mouth = context.Pipe(duplex=False)
                process = context.Process(
                    target=be_a_worker, args=(worker, mouth, *told), daemon=True
                )
                process.start()
                mouth.close()
                self._workers.append(process)
                self._ears.append(ear)

    def _end(self) -> None:
        if self._shared is not None and self._shared.ready < self._plan.workers:
            self._shared.start()
        until = time.monotonic() + _PATIENCE
        for process in self._workers:
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        for ear in self._ears:
            ear.close()
        self._shared = None
        self._segment.unlink()
        _let_go(self._segment)

    @property
    def over(self) -> bool:
        return len(self._left) == self._plan.workers

    def work(self, seconds: float) -> None:
        super().work(seconds)
        if self._run.stopping and not self.over:
            self._see_off()

    def _listen(self, seconds: float) -> None:
        """Hear what workers say, and notice who is gone."""
        there = {p.sentinel: w for w, p in enumerate(self._workers) if w not in self._left}
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
        if code and said is None and not self._failures:
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            self._fail(f"worker {worker} was ended {how}")

    def _see_off(self) -> None:
        """Wait a while for workers that were asked to stop; then make them."""
        until = time.monotonic() + _PATIENCE
        while not self.over and time.monotonic() < until:
            self._run.log.fetch()  # so that none waits for room
            self._listen(self._look_every)
        for worker, process in enumerate(self._workers):
            if worker not in self._left:
                process.kill()
                process.join()
                self._left.add(worker)
                if not self._failures:
                    self._failures.append(f"worker {worker} did not stop when asked to")

    def finish(self) -> Ending:
        ending, shared = super().finish(), self._run
        half = _half_written(shared.memory, self._plan.workers)
        if half and shared.lock_free:
            ending.facts["half_written"] = half
        return ending


def _half_written(memory: Memory, workers: int) -> list[int]:
    """Return the updates that a worker took the number of, and did not live to finish."""
    return [int(k) for k in memory.writing[: LINE * workers : LINE] if 0 <= k < NONE]


def _context() -> Any:
    """Return how processes are made: from one that has everything imported, where that exists.

    Never by a fork of this one, whose threads would not be in the copy, but their locks would.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["asysim.backends.preloaded"])
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
